"""Smooth curves, the warp that bends the drawing board, and cuts of lines and polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from pyproj import Transformer
from shapely.geometry import LineString, Point, Polygon
from shapely.ops import substring

#: Lambert-93 position of the drawing board's origin (the market square), in the centre of département 58.
ORIGIN_X_M, ORIGIN_Y_M = 742_000.0, 6_667_000.0

XY = tuple[float, float]

_TO_WGS84 = Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)
_TO_LAEA = Transformer.from_crs("EPSG:2154", "EPSG:3035", always_xy=True)
_FROM_LAEA = Transformer.from_crs("EPSG:3035", "EPSG:2154", always_xy=True)


def smooth(points: Sequence[XY], *, step_m: float = 45.0, closed: bool = False) -> list[XY]:
    """Return a Catmull-Rom curve through the points, sampled about every `step_m`."""
    pts = list(points)
    ext = [pts[-2 if closed else 0], *pts, pts[1 if closed else -1]]
    if closed:
        pts = pts if pts[0] == pts[-1] else [*pts, pts[0]]
        ext = [pts[-2], *pts, pts[1]]
    out: list[XY] = []
    for p0, p1, p2, p3 in zip(ext, ext[1:], ext[2:], ext[3:], strict=False):
        count = max(1, round(math.dist(p1, p2) / step_m))
        for i in range(count):
            t = i / count
            out.append(tuple(_catmull(t, *values) for values in zip(p0, p1, p2, p3, strict=True)))  # type: ignore[arg-type]
    out.append(pts[-1])
    return out


def _catmull(t: float, a: float, b: float, c: float, d: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def warp(x: float, y: float) -> XY:
    """Bend the drawing board so that no street is ruler-straight; return Lambert-93 metres."""
    dx = 58 * math.sin(y / 610 + 1.1) + 24 * math.sin((x + y) / 300 + 0.4) + 6 * math.sin(y / 110 + x / 170)
    dy = 52 * math.sin(x / 560 + 2.3) + 22 * math.sin((x - 0.7 * y) / 280 + 1.9) + 6 * math.sin(x / 105 - y / 190)
    return ORIGIN_X_M + x + dx, ORIGIN_Y_M + y + dy


def unwarp(x_m: float, y_m: float) -> XY:
    """Return the point of the drawing board that `warp` sends to a Lambert-93 point."""
    x, y = x_m - ORIGIN_X_M, y_m - ORIGIN_Y_M
    for _ in range(12):
        there = warp(x, y)
        x, y = x + x_m - there[0], y + y_m - there[1]
    return x, y


def warp_line(coords: Sequence[XY]) -> list[XY]:
    """Warp each vertex."""
    return [warp(x, y) for x, y in coords]


def densify(coords: Sequence[XY], *, step_m: float) -> list[XY]:
    """Insert vertices so that no segment is longer than `step_m`."""
    out: list[XY] = [coords[0]]
    for a, b in pairwise(coords):
        count = max(1, math.ceil(math.dist(a, b) / step_m))
        out += [(a[0] + (b[0] - a[0]) * i / count, a[1] + (b[1] - a[1]) * i / count) for i in range(1, count + 1)]
    return out


def bend(a: XY, b: XY, *, sag: float, step_m: float = 40.0) -> list[XY]:
    """Return an arc from a to b whose middle is moved sideways by `sag` times its length."""
    mx, my = (a[0] + b[0]) / 2 - (b[1] - a[1]) * sag, (a[1] + b[1]) / 2 + (b[0] - a[0]) * sag
    count = max(2, round(math.dist(a, b) / step_m))
    out = []
    for i in range(count + 1):
        t = i / count
        u = 1 - t
        out.append((u * u * a[0] + 2 * u * t * mx + t * t * b[0], u * u * a[1] + 2 * u * t * my + t * t * b[1]))
    return out


def trim(line: LineString, *, start_m: float = 0.0, end_m: float = 0.0) -> LineString | None:
    """Cut metres off the ends; None when nothing useful is left."""
    if line.length - start_m - end_m < 15:
        return None
    return substring(line, start_m, line.length - end_m)


def offset_point(line: LineString, at_m: float, side_m: float) -> XY:
    """Return the point `side_m` metres left (positive) or right of the line at `at_m`."""
    here = line.interpolate(at_m)
    back, ahead = line.interpolate(max(0.0, at_m - 2)), line.interpolate(min(line.length, at_m + 2))
    dx, dy = ahead.x - back.x, ahead.y - back.y
    norm = math.hypot(dx, dy) or 1.0
    return here.x - dy / norm * side_m, here.y + dx / norm * side_m


def long_axis(polygon: Polygon) -> tuple[XY, XY, float, float]:
    """Return centre, unit vector of the long axis, length and width of the smallest rectangle around."""
    corners = list(polygon.minimum_rotated_rectangle.exterior.coords)
    (a, b, c) = corners[0], corners[1], corners[2]
    one, two = math.dist(a, b), math.dist(b, c)
    start, end = (a, b) if one >= two else (b, c)
    length = max(one, two) or 1.0
    unit = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    # The rectangle's first corner is free: a fixed direction keeps the drawing reproducible.
    if unit[0] < -1e-9 or (abs(unit[0]) <= 1e-9 and unit[1] < 0):
        unit = (-unit[0], -unit[1])
    centre = ((a[0] + c[0]) / 2, (a[1] + c[1]) / 2)
    return centre, unit, length, min(one, two)


def to_lonlat(x_m: float, y_m: float) -> XY:
    """Lambert-93 to longitude, latitude."""
    lon, lat = _TO_WGS84.transform(x_m, y_m)
    return lon, lat


def to_laea(x_m: float, y_m: float) -> XY:
    """Lambert-93 to EPSG:3035 (grid of the 200 m cells)."""
    x, y = _TO_LAEA.transform(x_m, y_m)
    return x, y


def from_laea(x_m: float, y_m: float) -> XY:
    """EPSG:3035 to Lambert-93."""
    x, y = _FROM_LAEA.transform(x_m, y_m)
    return x, y


def circle(centre: XY, radius_m: float, count: int = 14) -> list[XY]:
    """Return a closed counter-clockwise circle."""
    return [
        (
            centre[0] + radius_m * math.cos(2 * math.pi * i / count),
            centre[1] + radius_m * math.sin(2 * math.pi * i / count),
        )
        for i in range(count + 1)
    ]


def point(xy: XY) -> Point:
    """Return a shapely point."""
    return Point(xy[0], xy[1])
