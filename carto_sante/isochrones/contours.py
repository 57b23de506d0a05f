"""From a raster of times to polygons, and how far these lie from the streets they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely

from carto_sante.isochrones.canvas import TILE_CELLS, Canvas, Window
from carto_sante.isochrones.profile import Profile
from carto_sante.network.model import Floats, LongInts
from carto_sante.travel.index import BIN_M

#: Every so many metres along the streets, a point stands for those around it when a polygon is measured.
MEASURE_STEP_M = 10.0


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
        self._level = np.empty((window.rows + 2, window.columns + 2))
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
        import contourpy

        generator = contourpy.contour_generator(
            z=self._level, name="serial", fill_type=contourpy.FillType.OuterOffset, corner_mask=False
        )
        points, offsets = generator.filled(-2.0, 0.0)
        return _outline(points, offsets, self.canvas.cell_m, self.left_m, self.bottom_m)

    def measure(self, outline: Outline) -> Quality:
        """Return the streets that an outline leaves out or takes in wrongly.

        It must lie within half a cell of the contour at the same limit.
        """
        from carto_sante.isochrones._kernels import measure, rows_of_edges

        canvas, streets = self.canvas, self.canvas.index.streets
        x, y = np.ascontiguousarray(outline.xy[:, 0]), np.ascontiguousarray(outline.xy[:, 1])
        row_offset, row_edge = rows_of_edges(
            y, outline.ring_offset, self.bottom_m - canvas.cell_m, canvas.cell_m, self.window.rows + 2
        )
        found = measure(
            self._limit_s, MEASURE_STEP_M, self.left_m, self.bottom_m, canvas.cell_m, self._level,
            x, y, row_offset, row_edge,
            streets.left_m, streets.bottom_m, BIN_M, streets.columns, streets.rows, streets.bin_offset,
            streets.ends_m, streets.share, streets.segment, *self.profile.arrays,
        )  # fmt: skip
        return Quality(*found)


def outline_of(shape: shapely.Geometry) -> Outline:
    """Return the rings of a polygon or multipolygon."""
    _, xy, offsets = shapely.to_ragged_array([shapely.multipolygons(shapely.get_parts(shape))])
    return Outline(xy, offsets[0].astype(np.int64), offsets[1].astype(np.int64))


def _outline(
    points: list[Floats], offsets: list[npt.NDArray[np.uint32]], cell_m: float, left_m: float, bottom_m: float
) -> Outline:
    from carto_sante.isochrones._kernels import drop_straight

    if not points:
        return Outline(np.empty((0, 2)), np.zeros(1, np.int64), np.zeros(1, np.int64))
    ring_count = np.array([len(part) - 1 for part in offsets])
    size = np.array([len(part) for part in points])
    start = np.cumsum(size) - size
    ring_end = np.concatenate([part[1:].astype(np.int64) + base for part, base in zip(offsets, start, strict=True)])
    xy, ring_offset = drop_straight(np.concatenate(points), np.concatenate([[0], ring_end]))
    xy = xy * cell_m + np.array([left_m - 0.5 * cell_m, bottom_m - 0.5 * cell_m])
    return Outline(xy, ring_offset, np.concatenate([[0], np.cumsum(ring_count)]))


def simplify_nested(shapes: list[shapely.Geometry], *, tolerance_m: float) -> list[shapely.Geometry]:
    """Return nested polygons with lighter lines, still nested: the lines they share are simplified once.

    No vertex of the result lies outside the tolerance (the square root of the area of the triangles taken off, after
    Visvalingam).
    """
    bands = [shapes[0], *(shapely.difference(outer, inner) for inner, outer in pairwise(shapes))]
    light = shapely.coverage_simplify(np.array(bands, dtype=object), tolerance_m)
    nested = [light[0]]
    for band in light[1:]:
        nested.append(shapely.union(nested[-1], band))
    return nested
