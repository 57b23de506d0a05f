"""Areas shared by two sets of polygons."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely


class Shared(NamedTuple):
    """Pairs of polygons that share some area: positions left and right, and the area in the unit of the CRS."""

    left: np.ndarray[Any, Any]
    right: np.ndarray[Any, Any]
    area: np.ndarray[Any, Any]


def shared_areas(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> Shared:
    """Return the pairs of polygons that overlap, sorted by left then right, and their common area."""
    at_left, at_right = shapely.STRtree(right).query(left, predicate="intersects")
    area = shapely.area(shapely.intersection(left[at_left], right[at_right]))
    some = area > 0
    at_left, at_right, area = at_left[some], at_right[some], area[some]
    order = np.lexsort((at_right, at_left))
    return Shared(at_left[order], at_right[order], area[order])
