"""Areas shared by two sets of polygons, when the left ones are many and small."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import shapely

from carto_sante.territories.assign import search_zones
from carto_sante.territories.zone_index import ZoneIndex, build_zone_index

#: From this many left polygons the compiled sorting of whole and cut ones pays for laying the right ones out.
COMPILED_FROM_POLYGONS = 10_000
_PIECE = 16_384


class Shared(NamedTuple):
    """Pairs of polygons that share some area: positions left and right, and the area in the unit of the CRS."""

    left: np.ndarray[Any, Any]
    right: np.ndarray[Any, Any]
    area: np.ndarray[Any, Any]


def shared_areas(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> Shared:
    """Return the pairs of polygons that overlap, sorted by left then right, and their common area.

    A left polygon whose bounding box no border of the right meets lies wholly in one of them, or in none: its centre
    says which, and its own area is the common one. Only the others are cut.
    """
    if len(left) < COMPILED_FROM_POLYGONS or len(right) == 0:
        return _sorted(*_cut(left, right))
    index = build_zone_index(right)
    boxes = shapely.bounds(left)
    centre = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2])
    zone, times = search_zones(centre, index)
    whole = ~_met(boxes, index) & (zone >= -1) & (times <= 1)
    inside = np.flatnonzero(whole & (zone >= 0))
    cut = np.flatnonzero(~whole)
    at_left, at_right, area = _cut(left[cut], right)
    return _sorted(
        np.concatenate([inside, cut[at_left]]),
        np.concatenate([zone[inside], at_right]),
        np.concatenate([shapely.area(left[inside]), area]),
    )


def _met(boxes: np.ndarray[Any, Any], index: ZoneIndex) -> np.ndarray[Any, Any]:
    from carto_sante.territories._kernels import boxes_met_by_edges

    met = np.empty(len(boxes), dtype=np.bool_)
    in_threads(lambda piece: boxes_met_by_edges(boxes[piece], *index, met[piece]), len(boxes))
    return met


def _cut(
    left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    at_left, at_right = shapely.STRtree(right).query(left, predicate="intersects")
    area = np.empty(len(at_left))

    def measure(piece: slice) -> None:
        area[piece] = shapely.area(shapely.intersection(left[at_left[piece]], right[at_right[piece]]))

    in_threads(measure, len(at_left))
    return at_left, at_right, area


def intersections(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the common polygon of each pair, in threads."""
    found = np.empty(len(left), dtype=object)

    def intersect(piece: slice) -> None:
        found[piece] = shapely.intersection(left[piece], right[piece])

    in_threads(intersect, len(left))
    return found


def in_threads(work: Callable[[slice], None], count: int) -> None:
    """Call a function that lets go of the interpreter on pieces of a range, on every core."""
    pieces = [slice(start, min(start + _PIECE, count)) for start in range(0, count, _PIECE)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(work, pieces))


def _sorted(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any], area: np.ndarray[Any, Any]) -> Shared:
    some = area > 0
    left, right, area = left[some], right[some], area[some]
    order = np.lexsort((right, left))
    return Shared(left[order], right[order], area[order])
