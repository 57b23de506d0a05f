"""Compiled kernels that walk the contour of a raster and test points against it.

`contourpy` draws the same rings, but reads every cell and copies the raster three times; here only the rows are
scanned for a place to start from.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from carto_sante.travel._compiled import compiled

# Walking up, left, down, right: where the next square lies, and the corners of a square that stand ahead on the
# left and on the right.
_STEP_I = (0, -1, 0, 1)
_STEP_J = (1, 0, -1, 0)
_LEFT_I, _LEFT_J = (0, 0, 1, 1), (1, 0, 0, 1)
_RIGHT_I, _RIGHT_J = (1, 0, 0, 1), (1, 1, 0, 0)


@compiled
def trace(level: Any) -> Any:
    """Return (vertices, ring offset, signed area of each ring) of the places where ``level`` is negative.

    Vertices are in cells, the centre of cell (i, j) at x = i, y = j. Inside is on the left: holes have a negative
    area. Two negative cells that only share a corner are kept apart: no two rings ever touch. The border of
    ``level`` must be positive.
    """
    height, width = level.shape
    is_walked = np.zeros((height, width), np.bool_)
    xy = np.empty((1024, 2), np.float64)
    offset = np.zeros(64, np.int64)
    area = np.zeros(64, np.float64)
    rings = count = 0
    for start_j in range(1, height - 1):
        for start_i in range(width - 1):
            if level[start_j, start_i] >= 0.0 or level[start_j, start_i + 1] < 0.0 or is_walked[start_j, start_i]:
                continue
            i, j, heading = start_i, start_j, 0
            first = count
            twice = 0.0
            while True:
                # The side just crossed: its inner end is on the left, its outer end on the right.
                if heading == 0:
                    x, y = i + _crossing(level[j, i], level[j, i + 1]), float(j)
                    is_walked[j, i] = True
                elif heading == 1:
                    x, y = float(i + 1), j + _crossing(level[j, i + 1], level[j + 1, i + 1])
                elif heading == 2:
                    x, y = i + _crossing(level[j + 1, i], level[j + 1, i + 1]), float(j + 1)
                else:
                    x, y = float(i), j + _crossing(level[j, i], level[j + 1, i])
                if count > first:
                    twice += xy[count - 1, 0] * y - x * xy[count - 1, 1]
                if count > first + 1 and _is_straight(xy, count, x, y):
                    count -= 1
                if count + 2 > len(xy):
                    wider = np.empty((2 * len(xy), 2), np.float64)
                    wider[:count] = xy[:count]
                    xy = wider
                xy[count, 0], xy[count, 1] = x, y
                count += 1
                if level[j + _LEFT_J[heading], i + _LEFT_I[heading]] >= 0.0:
                    heading = (heading + 1) & 3
                elif level[j + _RIGHT_J[heading], i + _RIGHT_I[heading]] < 0.0:
                    heading = (heading + 3) & 3
                i, j = i + _STEP_I[heading], j + _STEP_J[heading]
                if heading == 0 and i == start_i and j == start_j:
                    break
            twice += xy[count - 1, 0] * xy[first, 1] - xy[first, 0] * xy[count - 1, 1]
            xy[count] = xy[first]
            count += 1
            if rings + 2 > len(offset):
                offset, area = _longer(offset), _longer(area)
            area[rings] = twice / 2.0
            rings += 1
            offset[rings] = count
    return xy[:count].copy(), offset[: rings + 1].copy(), area[:rings].copy()


@compiled
def _crossing(low: float, high: float) -> float:
    return low / (low - high)


@compiled
def _is_straight(xy: Any, count: int, x: float, y: float) -> bool:
    ux, uy = xy[count - 1, 0] - xy[count - 2, 0], xy[count - 1, 1] - xy[count - 2, 1]
    vx, vy = x - xy[count - 1, 0], y - xy[count - 1, 1]
    return bool(ux * vy - uy * vx == 0.0 and ux * vx + uy * vy > 0.0)


@compiled
def _longer(array: Any) -> Any:
    wider = np.zeros(2 * len(array), array.dtype)
    wider[: len(array)] = array
    return wider


@compiled
def owner_of_holes(
    x: Any, y: Any, ring_offset: Any, area: Any, bottom: float, cell: float, row_offset: Any, row_edge: Any
) -> Any:
    """Return the outer ring that each ring belongs to: itself, or the one around a hole.

    Left of the leftmost vertex of a hole stands either its outer ring or another hole of the same one.
    """
    rings = len(area)
    ring_of = np.empty(len(x), np.int32)
    leftmost = np.empty(rings, np.int64)
    left_x = np.empty(rings, np.float64)
    for ring in range(rings):
        leftmost[ring] = ring_offset[ring]
        for vertex in range(ring_offset[ring], ring_offset[ring + 1]):
            ring_of[vertex] = ring
            if x[vertex] < x[leftmost[ring]]:
                leftmost[ring] = vertex
        left_x[ring] = x[leftmost[ring]]
    owner = np.arange(rings).astype(np.int32)
    for ring in np.argsort(left_x):
        if area[ring] > 0.0:
            continue
        at_x, at_y = x[leftmost[ring]], y[leftmost[ring]]
        row = int(np.floor((at_y - bottom) / cell))
        best = -np.inf
        for item in range(row_offset[row], row_offset[row + 1]):
            vertex = row_edge[item]
            y0, y1 = y[vertex], y[vertex + 1]
            if (y0 > at_y) != (y1 > at_y) and ring_of[vertex] != ring:
                cut = x[vertex] + (at_y - y0) / (y1 - y0) * (x[vertex + 1] - x[vertex])
                if best < cut < at_x:
                    best = cut
                    owner[ring] = owner[ring_of[vertex]]
    return owner


@compiled
def rows_of_edges(y: Any, ring_offset: Any, bottom: float, cell_m: float, rows: int) -> Any:
    """Return (offset, edge): the ring edges that cross each row of cells, an edge named by its first vertex."""
    count = np.zeros(rows + 1, np.int64)
    edge = np.empty(0, np.int32)
    for turn in range(2):
        for ring in range(len(ring_offset) - 1):
            for vertex in range(ring_offset[ring], ring_offset[ring + 1] - 1):
                if y[vertex] == y[vertex + 1]:
                    continue
                low = max(0, int(np.floor((min(y[vertex], y[vertex + 1]) - bottom) / cell_m)))
                high = min(rows - 1, int(np.floor((max(y[vertex], y[vertex + 1]) - bottom) / cell_m)))
                for row in range(low, high + 1):
                    if turn == 0:
                        count[row + 1] += 1
                    else:
                        edge[count[row]] = vertex
                        count[row] += 1
        if turn == 0:
            for row in range(rows):
                count[row + 1] += count[row]
            edge = np.empty(count[rows], np.int32)
    for row in range(rows, 0, -1):
        count[row] = count[row - 1]
    count[0] = 0
    return count, edge


@compiled
def is_inside(x, y, ring_x, ring_y, bottom, cell_m, row_offset, row_edge):  # type: ignore[no-untyped-def]
    """Return whether a point lies inside the rings (even-odd)."""
    row = int(np.floor((y - bottom) / cell_m))
    if row < 0 or row >= len(row_offset) - 1:
        return False
    inside = False
    for item in range(row_offset[row], row_offset[row + 1]):
        vertex = row_edge[item]
        y0, y1 = ring_y[vertex], ring_y[vertex + 1]
        is_crossed = (y0 > y) != (y1 > y)
        if is_crossed and x < ring_x[vertex] + (y - y0) / (y1 - y0) * (ring_x[vertex + 1] - ring_x[vertex]):
            inside = not inside
    return inside


@compiled
def near_the_contour(level: Any) -> Any:
    """Return which cells have, among themselves and their eight neighbours, both inside and outside ones."""
    height, width = level.shape
    is_near = np.zeros((height, width), np.bool_)
    for j in range(height - 1):
        for i in range(width - 1):
            is_in = level[j, i] < 0.0
            if (level[j, i + 1] < 0.0) != is_in:
                _mark(is_near, i, j, i + 1, j)
            if (level[j + 1, i] < 0.0) != is_in:
                _mark(is_near, i, j, i, j + 1)
    return is_near


@compiled
def _mark(is_near: Any, i0: int, j0: int, i1: int, j1: int) -> None:
    # Every cell that has both ends of the step in its 3 x 3 square; a square of both sides always holds such a step.
    for j in range(max(0, j1 - 1), min(is_near.shape[0], j0 + 2)):
        for i in range(max(0, i1 - 1), min(is_near.shape[1], i0 + 2)):
            is_near[j, i] = True
