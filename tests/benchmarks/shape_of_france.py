"""Zones, practitioners and grid cells in numbers and shapes like France's: 48,400 IRIS, 200,000 points, 2.3 M cells.

Zones are the Voronoi cells of points gathered in towns, their shared borders broken into winding lines, so that a zone
has some 70 vertices and neighbours fit exactly; each belongs to one of 36,000 communes. Cells are true 200 m squares of
EPSG:3035 seen in Lambert-93. Everything comes from one seed.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer
from scipy.spatial import Voronoi

CRS = "EPSG:2154"
WEST, SOUTH, EAST, NORTH = 150_000.0, 6_150_000.0, 1_150_000.0, 7_050_000.0
SEGMENTS_PER_BORDER = 12


def _towns(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centres = np.column_stack(
        [rng.uniform(WEST + 40_000, EAST - 40_000, count), rng.uniform(SOUTH + 40_000, NORTH - 40_000, count)]
    )
    weight = 1.0 / np.arange(1, count + 1) ** 0.8
    return centres, weight / weight.sum(), 1_500 + 6_000 * (weight / weight.max()) ** 0.5


def gathered_points(count: int, *, seed: int, town_share: float = 0.6) -> np.ndarray:
    """Points of which a share stands in towns, the others anywhere."""
    rng = np.random.default_rng(seed)
    centres, weight, radius = _towns(np.random.default_rng(1), 400)
    in_town = rng.random(count) < town_share
    town = rng.choice(len(centres), count, p=weight)
    points = np.column_stack([rng.uniform(WEST, EAST, count), rng.uniform(SOUTH, NORTH, count)])
    points[in_town] = centres[town[in_town]] + rng.normal(size=(in_town.sum(), 2)) * radius[town[in_town], None]
    return np.clip(points, [WEST + 1, SOUTH + 1], [EAST - 1, NORTH - 1])


def zones(count: int = 48_400, *, communes: int = 36_000, seed: int = 7) -> gpd.GeoDataFrame:
    """IRIS-like zones with their commune in `commune_code`."""
    rng = np.random.default_rng(seed)
    seeds = gathered_points(count, seed=seed, town_share=0.3)
    mirror = [seeds]
    for axis, limit in ((0, WEST), (0, EAST), (1, SOUTH), (1, NORTH)):
        copy = seeds.copy()
        copy[:, axis] = 2 * limit - copy[:, axis]
        mirror.append(copy)
    diagram = Voronoi(np.concatenate(mirror))
    winding = _winding_borders(diagram, rng)
    shapes = np.array([_ring(diagram, winding, place) for place in range(count)], dtype=object)
    order = np.lexsort((seeds[:, 1], np.floor(seeds[:, 0] / 20_000)))
    rank = np.empty(count, dtype=int)
    rank[order] = np.arange(count)
    commune = rank * communes // count
    ids = np.array([f"{a:05d}{b:04d}" for a, b in zip(commune, rank % 10_000, strict=True)], dtype=object)
    frame = gpd.GeoDataFrame(
        {
            "territory_id": ids,
            "territory_level": "iris",
            "territory_label": ids,
            "geography_year": 2024,
            "commune_code": [code[:5] for code in ids],
        },
        geometry=shapes,
        crs=CRS,
    )
    return frame.sort_values("territory_id", ignore_index=True)


def _winding_borders(diagram: Voronoi, rng: np.random.Generator) -> dict[tuple[int, int], np.ndarray]:
    borders = {}
    steps = np.linspace(0, 1, SEGMENTS_PER_BORDER + 1)[1:-1, None]
    bump = np.sin(np.pi * steps)
    for first, second in diagram.ridge_vertices:
        if first < 0 or second < 0:
            continue
        a, b = sorted((first, second))
        start, end = diagram.vertices[a], diagram.vertices[b]
        across = np.array([start[1] - end[1], end[0] - start[0]])
        borders[a, b] = start + (end - start) * steps + across * bump * rng.uniform(-0.04, 0.04, (len(steps), 1))
    return borders


def _ring(diagram: Voronoi, winding: dict[tuple[int, int], np.ndarray], place: int) -> shapely.Polygon:
    corners = diagram.regions[diagram.point_region[place]]
    parts = []
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        key = (a, b) if a < b else (b, a)
        middle = winding[key] if a < b else winding[key][::-1]
        parts += [diagram.vertices[[a]], middle]
    return shapely.Polygon(np.concatenate(parts))


def practitioners(count: int = 200_000, *, seed: int = 11) -> gpd.GeoDataFrame:
    """Points gathered in towns."""
    points = gathered_points(count, seed=seed, town_share=0.8)
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(points[:, 0], points[:, 1]), crs=CRS)


def cells(count: int = 2_300_000, *, seed: int = 13) -> gpd.GeoDataFrame:
    """Inhabited 200 m cells of EPSG:3035, as polygons in Lambert-93, with people."""
    points = gathered_points(int(count * 1.35), seed=seed, town_share=0.35)
    to_grid = Transformer.from_crs(CRS, "EPSG:3035", always_xy=True)
    east, north = to_grid.transform(points[:, 0], points[:, 1])
    corner = np.unique(np.column_stack([np.floor(east / 200), np.floor(north / 200)]).astype(np.int64), axis=0)
    rng = np.random.default_rng(seed)
    corner = corner[np.sort(rng.choice(len(corner), min(count, len(corner)), replace=False))] * 200.0
    offsets = np.array([[0, 0], [200, 0], [200, 200], [0, 200], [0, 0]], dtype=float)
    ring = corner[:, None, :] + offsets
    back = Transformer.from_crs("EPSG:3035", CRS, always_xy=True)
    x, y = back.transform(ring[..., 0].ravel(), ring[..., 1].ravel())
    shapes = shapely.polygons(np.column_stack([x, y]).reshape(len(corner), 5, 2))
    people = np.round(rng.gamma(0.6, 40.0, len(corner)), 1)
    return gpd.GeoDataFrame({"population_count": people, "data_year": 2019}, geometry=shapes, crs=CRS)
