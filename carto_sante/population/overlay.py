"""Areas shared by many small polygons (cells of a grid) and one or two sets of zones."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import shapely

from carto_sante.territories.assign import search_zones
from carto_sante.territories.zone_index import ZoneIndex, ZoneRings, build_zone_index, rings_of

#: From this many left polygons the compiled search pays for laying the zones out.
COMPILED_FROM_POLYGONS = 10_000
#: A piece below this share of its polygon is the rounding of two borders that are meant to be one.
SLIVER_SHARE = 1e-9
_PIECE = 8_192


class Pieces(NamedTuple):
    """Pieces of polygons: the polygon, the zone of each set it lies in (-1 none) and its area."""

    left: np.ndarray[Any, Any]
    first: np.ndarray[Any, Any]
    second: np.ndarray[Any, Any]
    area: np.ndarray[Any, Any]


class _Laid(NamedTuple):
    zones: ZoneIndex
    rings: ZoneRings


def shared_areas(
    left: np.ndarray[Any, Any], zones: np.ndarray[Any, Any], second: np.ndarray[Any, Any] | None = None
) -> Pieces:
    """Cut polygons by zones, then by a second set of zones, and return the area of each piece.

    A polygon whose bounding box no border meets lies wholly in one zone, or in none: its centre says which. Of the
    others, those with four corners (cells) are cut by the compiled kernel, the rest by GEOS.

    Parameters
    ----------
    left : array of Polygon
    zones, second : array of Polygon or MultiPolygon
        Valid. Zones of one set may overlap: a piece is then counted in each.

    Returns
    -------
    Pieces
        Those in some zone of the first set, sorted; ``second`` is -1 where a piece lies in no zone of the second, and
        everywhere without one.
    """
    if len(left) < COMPILED_FROM_POLYGONS or len(zones) == 0:
        return _sorted([_cut_by_geos(left, zones, second)])
    sets = [_Laid(build_zone_index(item), rings_of(item)) for item in (zones, second) if item is not None and len(item)]
    boxes = shapely.bounds(left)
    centre = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2])
    whole = np.ones(len(left), dtype=bool)
    found = []
    for laid in sets:
        zone, times = search_zones(centre, laid.zones)
        whole &= ~_met(boxes, laid.zones) & (zone >= -1) & (times <= 1)
        found.append(zone)
    other = found[1] if len(found) > 1 else np.full(len(left), -1)
    inside = np.flatnonzero(whole & (found[0] >= 0))
    parts = [Pieces(inside, found[0][inside], other[inside], shapely.area(left[inside]))]
    rest = np.flatnonzero(~whole)
    has_corners = _are_cells(left[rest])
    cells = rest[has_corners]
    pieces, hard = _cut_cells(left[cells], boxes[cells], sets)
    parts.append(pieces._replace(left=cells[pieces.left]))
    slow = np.concatenate([rest[~has_corners], cells[hard]])
    pieces = _cut_by_geos(left[slow], zones, second)
    return _sorted([*parts, pieces._replace(left=slow[pieces.left])])


def _are_cells(shapes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Say which polygons are convex with four corners and nothing else."""
    four = (shapely.get_num_coordinates(shapes) == 5) & (shapely.get_type_id(shapes) == 3)
    sound = np.flatnonzero(four)
    corners = shapely.get_coordinates(shapes[sound]).reshape(-1, 5, 2)[:, :4]
    side = np.roll(corners, -1, axis=1) - corners
    after = np.roll(side, -1, axis=1)
    turn = side[..., 0] * after[..., 1] - side[..., 1] * after[..., 0]
    four[sound] = (turn > 0).all(axis=1) | (turn < 0).all(axis=1)
    return four


def _cut_cells(
    cells: np.ndarray[Any, Any], boxes: np.ndarray[Any, Any], sets: list[_Laid]
) -> tuple[Pieces, np.ndarray[Any, Any]]:
    from carto_sante.population._kernels import cut_cells

    corners = np.ascontiguousarray(shapely.get_coordinates(cells).reshape(-1, 5, 2)[:, :4])
    turns = np.where(shapely.is_ccw(shapely.get_exterior_ring(cells)), 1.0, -1.0)
    laid = [_arguments(sets[0]), _arguments(sets[-1])]
    longest = int(max(np.diff(item.rings.ring_start).max() for item in sets))
    found: dict[int, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = {}

    def cut(piece: slice) -> None:
        found[piece.start] = cut_cells(
            corners[piece], boxes[piece], turns[piece], *laid[0], *laid[1], len(sets) > 1, longest
        )

    in_threads(cut, len(cells))
    starts = sorted(found)
    who = np.concatenate([found[at][0] + np.array([at, 0, 0]) for at in starts] or [np.empty((0, 3), dtype=np.int64)])
    area = np.concatenate([found[at][1] for at in starts] or [np.empty(0)])
    hard = who[:, 1] == -2
    easy = who[~hard]
    return Pieces(easy[:, 0], easy[:, 1], easy[:, 2], area[~hard]), who[hard, 0]


def _arguments(laid: _Laid) -> tuple[np.ndarray[Any, Any], ...]:
    index = laid.zones
    return (
        index.part_zone, index.bounds, index.coordinates, index.grid, index.grid_start, index.grid_parts, *laid.rings
    )  # fmt: skip


def _met(boxes: np.ndarray[Any, Any], index: ZoneIndex) -> np.ndarray[Any, Any]:
    from carto_sante.territories._kernels import boxes_met_by_edges

    met = np.empty(len(boxes), dtype=np.bool_)
    in_threads(lambda piece: boxes_met_by_edges(boxes[piece], *index, met[piece]), len(boxes))
    return met


def _cut_by_geos(
    left: np.ndarray[Any, Any], zones: np.ndarray[Any, Any], second: np.ndarray[Any, Any] | None
) -> Pieces:
    at, zone = shapely.STRtree(zones).query(left, predicate="intersects")
    piece = shapely.intersection(left[at], zones[zone])
    area = shapely.area(piece)
    some = area > 0
    at, zone, piece, area = at[some], zone[some], piece[some], area[some]
    if second is None:
        return Pieces(at, zone, np.full(len(at), -1), area)
    which, other = shapely.STRtree(second).query(piece, predicate="intersects")
    common = shapely.area(shapely.intersection(piece[which], second[other]))
    some = common > SLIVER_SHARE * area[which]
    which, other, common = which[some], other[some], common[some]
    rest = area - np.bincount(which, weights=common, minlength=len(piece))
    alone = np.flatnonzero(rest > SLIVER_SHARE * area)
    return Pieces(
        np.concatenate([at[which], at[alone]]),
        np.concatenate([zone[which], zone[alone]]),
        np.concatenate([other, np.full(len(alone), -1)]),
        np.concatenate([common, rest[alone]]),
    )


def in_threads(work: Callable[[slice], None], count: int) -> None:
    """Call a function that lets go of the interpreter on pieces of a range, on every core."""
    pieces = [slice(start, min(start + _PIECE, count)) for start in range(0, count, _PIECE)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(work, pieces))


def _sorted(parts: list[Pieces]) -> Pieces:
    left, first, second, area = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((second, first, left))
    return Pieces(left[order], first[order], second[order], area[order])
