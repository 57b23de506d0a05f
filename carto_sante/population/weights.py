"""Which share of each source goes to each target, by area, by points or by a finer guide."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from scipy import sparse

from carto_sante.population.overlay import shared_areas
from carto_sante.territories.assign import first_zone

#: From this many sources, zones that nest in the targets are looked for first.
NESTED_FROM_SOURCES = 500
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Weights(NamedTuple):
    """Shares of sources (rows) that fall in targets (columns).

    Attributes
    ----------
    matrix : scipy.sparse.csr_matrix
        Row sums are at most 1 where targets do not overlap; what lacks fell outside.
    covered_share : array
        Share of each target's area that sources cover.
    by_area : array of int
        Sources that had nothing to guide them and were spread by area.
    """

    matrix: Any
    covered_share: np.ndarray[Any, Any]
    by_area: np.ndarray[Any, Any]


def point_weights(sources: np.ndarray[Any, Any], targets: np.ndarray[Any, Any]) -> Weights:
    """Put each source wholly in the target of its point (of its centre, for polygons)."""
    points = sources if (shapely.get_type_id(sources) == 0).all() else shapely.centroid(sources)
    rank, _ = first_zone(points, targets)
    placed = np.flatnonzero(rank >= 0)
    matrix = sparse.csr_matrix((np.ones(len(placed)), (placed, rank[placed])), shape=(len(sources), len(targets)))
    left, bottom, right, top = shapely.total_bounds(points)
    # Points say nothing about land outside the rectangle they span: a target there is unknown, not empty.
    bounds = shapely.bounds(targets)
    met = (bounds[:, 0] <= right) & (bounds[:, 2] >= left) & (bounds[:, 1] <= top) & (bounds[:, 3] >= bottom)
    return Weights(matrix, met.astype("float64"), np.empty(0, dtype=np.int64))


def area_weights(sources: np.ndarray[Any, Any], targets: np.ndarray[Any, Any]) -> Weights:
    """Spread each source evenly over its area."""
    home = _nested_in(sources, targets)
    nested, other = np.flatnonzero(home >= 0), np.flatnonzero(home < 0)
    size = shapely.area(sources)
    pairs = shared_areas(sources[other], targets)
    left = np.concatenate([nested, other[pairs.left]])
    right = np.concatenate([home[nested], pairs.first])
    area = np.concatenate([size[nested], pairs.area])
    matrix = sparse.csr_matrix((area / size[left], (left, right)), shape=(len(sources), len(targets)))
    covered = np.bincount(right, weights=area, minlength=len(targets)) / shapely.area(targets)
    return Weights(matrix, np.minimum(covered, 1.0), np.empty(0, dtype=np.int64))


def _nested_in(sources: np.ndarray[Any, Any], targets: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the target that wholly holds each source, as a commune holds its IRIS; -1 where that is not certain.

    Only where the targets are a clean coverage, so that a source held by one is in no other, and where there are enough
    sources for the check to pay; grid cells have a faster way of their own.
    """
    home = np.full(len(sources), -1, dtype=np.int64)
    is_grid = len(sources) > 0 and shapely.get_num_coordinates(sources).mean() <= 6
    if len(sources) < NESTED_FROM_SOURCES or is_grid or not shapely.coverage_is_valid(targets):
        return home
    rank, _ = first_zone(shapely.point_on_surface(sources), targets)
    near = np.flatnonzero(rank >= 0)
    tiled = _tiled(sources[near], rank[near], targets)
    home[near[tiled]] = rank[near[tiled]]
    doubtful = near[~tiled]
    shapely.prepare(targets[np.unique(rank[doubtful])])
    held = doubtful[shapely.covers(targets[rank[doubtful]], sources[doubtful])]
    home[held] = rank[held]
    return home


def _tiled(sources: np.ndarray[Any, Any], rank: np.ndarray[Any, Any], targets: np.ndarray[Any, Any]) -> Any:
    """Say which sources belong to a target that the sources of its rank tile exactly, vertex for vertex.

    Going round every source of a target with the inside on the left, borders between two of them are walked once each
    way. Where what is left is the border of the target, as it is, their areas add up to the target's (the boundary of a
    plane 2-chain determines it), so that each is inside. Ten times cheaper than asking each whether it is covered.
    """
    walked = np.zeros(len(targets), dtype=np.uint64)
    np.add.at(walked, rank, _border_fingerprints(sources))
    return (walked == _border_fingerprints(targets))[rank]


def _border_fingerprints(shapes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a sum (mod 2**64) over the edges of each shape, walked with the inside on the left.

    Each edge has a number, and its negative the other way: there and back is 0. Borders of the same edges have the same
    sum whatever their order; the chance that others do is 2**-64.
    """
    parts, of_part = shapely.get_parts(shapes, return_index=True)
    rings, of_ring = shapely.get_rings(parts, return_index=True)
    coordinates, of_vertex = shapely.get_coordinates(rings, return_index=True)
    is_outer = np.diff(of_ring, prepend=-1) != 0
    is_reversed = shapely.is_ccw(rings) != is_outer
    name = _mixed(_mixed((coordinates[:, 0] + 0.0).view(np.uint64)) ^ (coordinates[:, 1] + 0.0).view(np.uint64))
    start, end = name[:-1], name[1:]
    # Multiplying the start by an odd number before mixing makes the two directions of an edge differ.
    there = _mixed(start * _ODD + end) - _mixed(end * _ODD + start)
    there[of_vertex[:-1] != of_vertex[1:]] = 0
    total = np.append(there, np.uint64(0))
    first = np.searchsorted(of_vertex, np.arange(len(rings)))
    by_ring = np.add.reduceat(total, first) if len(rings) else total[:0]
    by_ring = np.where(is_reversed, np.uint64(0) - by_ring, by_ring)
    found = np.zeros(len(shapes), dtype=np.uint64)
    np.add.at(found, of_part[of_ring], by_ring)
    return found


def _mixed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Scatter 64-bit numbers one to one (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def dasymetric_weights(
    sources: np.ndarray[Any, Any], targets: np.ndarray[Any, Any], guide: np.ndarray[Any, Any],
    values: np.ndarray[Any, Any],
) -> Weights:  # fmt: skip
    """Spread each source in proportion to the guide inside it; by area where there is no guide inside."""
    source, target, amount = _guide_parts(sources, targets, guide, values)
    total = np.bincount(source, weights=amount, minlength=len(sources))
    inside = target >= 0
    share = amount[inside] / total[source[inside]]
    matrix = sparse.csr_matrix((share, (source[inside], target[inside])), shape=(len(sources), len(targets)))
    bare = np.flatnonzero(total <= 0)
    by_area = area_weights(sources, targets)
    keep = np.zeros(len(sources))
    keep[bare] = 1.0
    return Weights((matrix + sparse.diags(keep) @ by_area.matrix).tocsr(), by_area.covered_share, bare)


def _guide_parts(
    sources: np.ndarray[Any, Any], targets: np.ndarray[Any, Any], guide: np.ndarray[Any, Any],
    values: np.ndarray[Any, Any],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:  # fmt: skip
    """Cut the guide by sources then targets: source, target (-1 outside) and amount of each part."""
    some = values > 0
    guide, values = guide[some], values[some]
    if len(guide) == 0 or (shapely.get_type_id(guide) == 0).all():
        source, _ = first_zone(guide, sources)
        target, _ = first_zone(guide, targets)
        held = source >= 0
        return source[held], target[held], values[held]
    pieces = shared_areas(guide, sources, targets)
    return pieces.first, pieces.second, values[pieces.left] * pieces.area / shapely.area(guide)[pieces.left]
