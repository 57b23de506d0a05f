"""Zones laid out in flat arrays for the compiled search: parts, edges in horizontal bands, a grid of bounding boxes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely

#: Edges wanted per band of a part: fewer cost memory, more cost time for each point.
EDGES_PER_BAND = 4
#: What the search writes for a point it leaves to GEOS.
UNSURE = -2
#: Grid cells per part.
CELLS_PER_PART = 4.0


class ZoneIndex(NamedTuple):
    """Zones as the compiled search reads them.

    A zone is one or several parts (polygons with their holes). Edge e goes from ``coordinates[e]`` to the next one. The
    edges that meet band k of a part are ``band_edges[band_start[k]:band_start[k + 1]]``, the bands of part p being
    ``part_band[p]:part_band[p + 1]``, of equal height, from the bottom. The grid lists for each of its cells the parts
    whose bounding box meets it, in the order of the zones.
    """

    part_zone: np.ndarray[Any, Any]
    bounds: np.ndarray[Any, Any]
    coordinates: np.ndarray[Any, Any]
    part_band: np.ndarray[Any, Any]
    band_height: np.ndarray[Any, Any]
    band_start: np.ndarray[Any, Any]
    band_edges: np.ndarray[Any, Any]
    grid: np.ndarray[Any, Any]
    grid_start: np.ndarray[Any, Any]
    grid_parts: np.ndarray[Any, Any]


class ZoneRings(NamedTuple):
    """The rings of the parts of a `ZoneIndex`: those of part p are ``part_ring[p]:part_ring[p + 1]``.

    Ring r goes from ``coordinates[ring_start[r]]`` to ``coordinates[ring_start[r + 1] - 1]``, which is the same point.
    ``ring_sign`` is 1 where its area counts as it turns (a shell anticlockwise, a hole clockwise), else -1.
    """

    part_ring: np.ndarray[Any, Any]
    ring_start: np.ndarray[Any, Any]
    ring_sign: np.ndarray[Any, Any]


def rings_of(zones: np.ndarray[Any, Any]) -> ZoneRings:
    """Return the rings of zones, in the order of their `ZoneIndex`."""
    parts = shapely.get_parts(zones)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    part_ring = np.concatenate([[0], np.cumsum(np.bincount(ring_part, minlength=len(parts)))]).astype(np.int64)
    ring_start = np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(rings))]).astype(np.int64)
    is_shell = np.zeros(len(rings), dtype=bool)
    is_shell[part_ring[:-1]] = True
    return ZoneRings(part_ring, ring_start, np.where(shapely.is_ccw(rings) == is_shell, 1.0, -1.0))


def build_zone_index(zones: np.ndarray[Any, Any]) -> ZoneIndex:
    """Lay zones out in flat arrays.

    Parameters
    ----------
    zones : array of Polygon or MultiPolygon
        In the order that decides between zones sharing a point.
    """
    from carto_sante.territories import _kernels

    parts, part_zone = shapely.get_parts(zones, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    bounds = shapely.bounds(parts)
    length = np.bincount(ring, minlength=len(rings))
    count = np.bincount(ring_part, weights=length - 1, minlength=len(parts)).astype(np.int64)
    bands = np.maximum(1, count // EDGES_PER_BAND)
    part_band = np.concatenate([[0], np.cumsum(bands)]).astype(np.int64)
    height = (bounds[:, 3] - bounds[:, 1]) / bands
    height = np.where(height > 0, height, 1.0)
    band_start, band_edges = _kernels.edges_by_band(coordinates, ring, ring_part, bounds, part_band, height)
    grid = _grid_of(bounds)
    grid_start, grid_parts = _kernels.parts_by_cell(bounds, grid)
    return ZoneIndex(
        part_zone.astype(np.int64),
        bounds,
        coordinates,
        part_band,
        height,
        band_start,
        band_edges,
        grid,
        grid_start,
        grid_parts,
    )


def _grid_of(bounds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return west, south, cell size, columns and rows of a grid with a few cells per part."""
    west, south = bounds[:, 0].min(), bounds[:, 1].min()
    width, height = max(bounds[:, 2].max() - west, 1e-9), max(bounds[:, 3].max() - south, 1e-9)
    size = np.sqrt(width * height / (CELLS_PER_PART * len(bounds)))
    # A long and narrow set of zones must not make a grid of millions of cells.
    size = max(size, width / 20_000, height / 20_000)
    return np.array([west, south, size, np.floor(width / size) + 1, np.floor(height / size) + 1])
