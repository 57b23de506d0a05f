"""Where the name of a zone may be written: several places well inside it, so that the page can avoid markers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.crs import GEOGRAPHIC_CRS

if TYPE_CHECKING:
    from geopandas import GeoSeries

ANCHOR_COUNT = 20
_GRID = 11


def label_anchors(geometries: GeoSeries, *, count: int = ANCHOR_COUNT) -> list[list[list[float]]]:
    """Return, for each polygon, up to ``count`` points (longitude, latitude), the roomiest first.

    The first is the centre of the largest inscribed circle; the others are far from the border and from each other.

    Parameters
    ----------
    geometries : GeoSeries
        Polygons in metres.
    count : int, default 20
        Points wanted by polygon.
    """
    import geopandas

    points = [_inner_points(shape, count) for shape in geometries]
    flat = np.array([point for group in points for point in group], dtype=np.float64).reshape(-1, 2)
    degrees = geopandas.GeoSeries(geopandas.points_from_xy(flat[:, 0], flat[:, 1]), crs=geometries.crs)
    degrees = degrees.to_crs(GEOGRAPHIC_CRS)
    pairs = np.round(np.column_stack([degrees.x, degrees.y]), 5).tolist()
    stops = np.cumsum([len(group) for group in points])
    return [pairs[stop - len(group) : stop] for stop, group in zip(stops, points, strict=True)]


def _inner_points(shape: Any, count: int) -> list[tuple[float, float]]:
    import shapely

    if shape is None or shape.is_empty or shape.area == 0:
        return []
    largest = max(shape.geoms, key=lambda part: part.area) if hasattr(shape, "geoms") else shape
    left, bottom, right, top = largest.bounds
    circle: Any = shapely.maximum_inscribed_circle(largest, tolerance=max(right - left, top - bottom) / 100)
    centre = circle.coords[0]
    xs = left + (np.arange(_GRID) + 0.5) * (right - left) / _GRID
    ys = bottom + (np.arange(_GRID) + 0.5) * (top - bottom) / _GRID
    grid = np.array(np.meshgrid(xs, ys)).reshape(2, -1).T
    candidates: Any = shapely.points(grid)
    inside = shapely.contains(largest, candidates)
    grid, candidates = grid[inside], candidates[inside]
    room = shapely.distance(candidates, largest.boundary)
    chosen = [(float(centre[0]), float(centre[1]))]
    while len(chosen) < count and len(grid):
        # Farthest from the places already chosen, but never against the border.
        apart = np.min([np.hypot(*(grid - np.array(place)).T) for place in chosen], axis=0)
        best = int(np.argmax(np.minimum(room * 2, apart)))
        if apart[best] <= 0:
            break
        chosen.append((float(grid[best, 0]), float(grid[best, 1])))
    return chosen
