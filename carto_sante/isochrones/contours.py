"""From a raster of times to polygons, and how far these lie from the streets they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from carto_sante.isochrones.canvas import TILE_CELLS, Canvas, Window
from carto_sante.isochrones.profile import Profile
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
        self._level = np.empty((window.rows + 2, window.columns + 2), np.float32)
        fill_times(
            window.first_i, window.first_j, TILE_CELLS, canvas.tile_columns, canvas.slot, canvas.segment, canvas.along,
            canvas.cell_s, *profile.arrays, self.time, self.width,
        )  # fmt: skip
        self.left_m = canvas.left_m + window.first_i * canvas.cell_m
        self.bottom_m = canvas.bottom_m + window.first_j * canvas.cell_m

    def polygon(self, *, limit_s: float, tolerance_m: float) -> shapely.Geometry:
        """Return the places whose nearest street point is within the limit."""
        import contourpy

        from carto_sante.isochrones._kernels import fill_levels

        fill_levels(self.time, self.width, limit_s, self._level)
        generator = contourpy.contour_generator(
            z=self._level, name="serial", fill_type=contourpy.FillType.OuterOffset, corner_mask=False
        )
        points, offsets = generator.filled(-2.0, 0.0)
        shape = _to_polygons(points, offsets, self.canvas.cell_m, self.left_m, self.bottom_m)
        if tolerance_m > 0:
            shape = shapely.simplify(shape, tolerance_m, preserve_topology=True)
        return shape

    def measure(self, shape: shapely.Geometry, *, limit_s: float) -> Quality:
        """Return the streets that a polygon leaves out or takes in wrongly.

        The polygon must lie within half a cell of the contour at the same limit, the last one drawn.
        """
        from carto_sante.isochrones._kernels import measure, rows_of_edges

        canvas, streets = self.canvas, self.canvas.index.streets
        x, y, ring_offset = rings_of(shape)
        row_offset, row_edge = rows_of_edges(
            x, y, ring_offset, self.bottom_m - canvas.cell_m, canvas.cell_m, self.window.rows + 2
        )
        return Quality(
            *measure(
                limit_s, MEASURE_STEP_M, self.left_m, self.bottom_m, canvas.cell_m, self._level,
                x, y, row_offset, row_edge,
                streets.left_m, streets.bottom_m, BIN_M, streets.columns, streets.rows, streets.bin_offset,
                streets.ends_m, streets.share, streets.segment, *self.profile.arrays,
            )  # fmt: skip
        )


def rings_of(shape: shapely.Geometry) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return x, y and the offsets of every ring of a polygon or multipolygon."""
    parts = shapely.get_parts(shape)
    rings = shapely.get_rings(parts)
    xy = shapely.get_coordinates(rings)
    offset = np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(rings))]).astype(np.int64)
    return np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1]), offset


def _to_polygons(
    points: list[npt.NDArray[np.float64]], offsets: list[npt.NDArray[np.uint32]], cell_m: float, left: float, bottom: float
) -> shapely.Geometry:
    if not points:
        return shapely.MultiPolygon()
    ring_count = np.array([len(part) - 1 for part in offsets])
    size = np.array([len(part) for part in points])
    start = np.cumsum(size) - size
    ring_end = np.concatenate([part[1:].astype(np.int64) + base for part, base in zip(offsets, start, strict=True)])
    xy = np.concatenate(points) * cell_m + np.array([left - 0.5 * cell_m, bottom - 0.5 * cell_m])
    polygons = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON,
        xy,
        (np.concatenate([[0], ring_end]), np.concatenate([[0], np.cumsum(ring_count)])),
    )
    return shapely.multipolygons(polygons)
