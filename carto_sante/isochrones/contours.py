"""From a raster of times to polygons, and how far these lie from the streets they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely

from carto_sante.isochrones.canvas import TILE_CELLS, Canvas, Window
from carto_sante.isochrones.profile import Profile
from carto_sante.network.model import Floats, Ints, LongInts
from carto_sante.travel.index import BIN_M

#: Every so many metres along the streets, a point stands for those around it when a polygon is measured: at least
#: `MEASURE_STEP_M`, and two points for three cells where these are larger.
MEASURE_STEP_M = 10.0
MEASURE_STEP_CELLS = 2.0 / 3.0


@dataclass(frozen=True)
class Quality:
    """Metres of street: reached, reached but outside the polygon, inside it, inside but not reached."""

    reached_m: float
    reached_outside_m: float
    inside_m: float
    unreached_inside_m: float

    @property
    def reachable_outside_share(self) -> float:
        """Share of the reachable length that the polygon leaves out; 0 when nothing is reachable."""
        return self.reached_outside_m / self.reached_m if self.reached_m > 0 else 0.0

    @property
    def unreachable_inside_share(self) -> float:
        """Share of the length inside the polygon that cannot be reached; 0 when nothing is inside."""
        return self.unreached_inside_m / self.inside_m if self.inside_m > 0 else 0.0


@dataclass(frozen=True)
class Outline:
    """Polygons as arrays: vertices, the first of each ring, the first ring of each polygon."""

    xy: Floats
    ring_offset: LongInts
    polygon_offset: LongInts

    def shape(self) -> shapely.Geometry:
        """Return the multipolygon."""
        if len(self.xy) == 0:
            return shapely.MultiPolygon()
        parts = (self.ring_offset, self.polygon_offset)
        polygons = shapely.from_ragged_array(shapely.GeometryType.POLYGON, self.xy, parts)
        return shapely.multipolygons(polygons)


class TimeRaster:
    """Seconds at every cell of a window, for one search.

    Parameters
    ----------
    canvas : Canvas
        Of the network.
    window : Window
        Around everything reached.
    profile : Profile
        Of the search.
    """

    def __init__(self, canvas: Canvas, window: Window, profile: Profile) -> None:
        from carto_sante.isochrones._kernels import fill_times

        self.canvas, self.window, self.profile = canvas, window, profile
        shape = (window.rows, window.columns)
        self.time, self.width = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self._limit_s = np.inf
        self._level = np.empty((window.rows + 2, window.columns + 2), np.float32)
        fill_times(
            window.first_i, window.first_j, TILE_CELLS, canvas.tile_columns, canvas.slot, canvas.segment, canvas.along,
            canvas.cell_s, *profile.arrays, self.time, self.width,
        )  # fmt: skip
        self.left_m = canvas.left_m + window.first_i * canvas.cell_m
        self.bottom_m = canvas.bottom_m + window.first_j * canvas.cell_m

    def set_limit(self, limit_s: float) -> None:
        """Choose the limit of the next outline and measure."""
        from carto_sante.isochrones._kernels import fill_levels

        self._limit_s = limit_s
        fill_levels(self.time, self.width, limit_s, self._level)

    def outline(self) -> Outline:
        """Return the outline of the places whose nearest street point is within the limit."""
        from carto_sante.isochrones._contour_kernels import owner_of_holes, rows_of_edges, trace

        cells, ring_offset, area = trace(self._level)
        x, y = np.ascontiguousarray(cells[:, 0]), np.ascontiguousarray(cells[:, 1])
        rows = rows_of_edges(y, ring_offset, 0.0, 1.0, self.window.rows + 2)
        owner = owner_of_holes(x, y, ring_offset, area, 0.0, 1.0, *rows)
        corner = np.array([self.left_m - 0.5 * self.canvas.cell_m, self.bottom_m - 0.5 * self.canvas.cell_m])
        return _by_polygon(cells * self.canvas.cell_m + corner, ring_offset, owner)

    def measure(self, outline: Outline) -> Quality:
        """Return the streets that an outline leaves out or takes in wrongly.

        It must lie within half a cell of the contour at the same limit.
        """
        from carto_sante.isochrones._contour_kernels import rows_of_edges
        from carto_sante.isochrones._kernels import measure

        canvas, streets = self.canvas, self.canvas.index.streets
        x, y = np.ascontiguousarray(outline.xy[:, 0]), np.ascontiguousarray(outline.xy[:, 1])
        row_offset, row_edge = rows_of_edges(
            y, outline.ring_offset, self.bottom_m - canvas.cell_m, canvas.cell_m, self.window.rows + 2
        )
        step_m = max(MEASURE_STEP_M, MEASURE_STEP_CELLS * canvas.cell_m)
        found = measure(
            self._limit_s, step_m, self.left_m, self.bottom_m, canvas.cell_m, self._level,
            x, y, row_offset, row_edge,
            streets.left_m, streets.bottom_m, BIN_M, streets.columns, streets.rows, streets.bin_offset,
            streets.ends_m, streets.share, streets.segment, *self.profile.arrays,
        )  # fmt: skip
        return Quality(*found)


def outline_of(shape: shapely.Geometry) -> Outline:
    """Return the rings of a polygon or multipolygon."""
    _, xy, offsets = shapely.to_ragged_array([shapely.multipolygons(shapely.get_parts(shape))])
    return Outline(xy, offsets[0].astype(np.int64), offsets[1].astype(np.int64))


def _by_polygon(xy: Floats, ring_offset: LongInts, owner: Ints) -> Outline:
    """Put the rings in the order of their polygons, the outer one first."""
    order = np.lexsort((np.arange(len(owner)) != owner, owner))
    size = np.diff(ring_offset)[order]
    new_offset = np.concatenate([[0], np.cumsum(size)])
    vertex = np.repeat(ring_offset[:-1][order] - new_offset[:-1], size) + np.arange(len(xy))
    count = np.bincount(owner, minlength=1)
    return Outline(xy[vertex], new_offset, np.concatenate([[0], np.cumsum(count[count > 0])]))


def simplify_nested(shapes: list[shapely.Geometry], *, tolerance_m: float) -> list[shapely.Geometry]:
    """Return nested polygons with lighter lines, still nested: the lines they share are simplified once.

    The tolerance is the square root of the area of the smallest triangle that stays (Visvalingam).
    """
    bands = [shapes[0], *(shapely.difference(outer, inner) for inner, outer in pairwise(shapes))]
    light = shapely.coverage_simplify(np.array(bands, dtype=object), tolerance_m)
    nested = [light[0]]
    for band in light[1:]:
        nested.append(shapely.union(nested[-1], band))
    return nested
