"""Compiled areas of four-cornered cells cut by zones; the readable twin is a GEOS intersection (tests/oracles).

A ring is clipped by the convex cell side by side (Sutherland and Hodgman 1974), which may leave edges traced twice on
the cell's border: they enclose nothing, so areas stay exact. The common area of two clipped polygons is the sum, over
pairs of their edges, of the signed area under both edges, that is of the integral of the lower one over their common
interval. Coordinates are taken from the cell's first corner: its 40,000 m² must not drown in Lambert-93 figures.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: A cell meeting more parts than this is left to GEOS.
MOST_PARTS = 24
#: A piece below this share of its polygon is rounding.
ROUNDING_SHARE = 1e-9


@njit(cache=True, nogil=True)
def _clip_ring(coordinates, start, stop, cell, turn, one, two):  # type: ignore[no-untyped-def]
    """Clip a closed ring by a cell; the vertices are left in `one`, their number returned."""
    count = stop - start - 1
    for place in range(count):
        one[place, 0] = coordinates[start + place, 0] - cell[0, 0]
        one[place, 1] = coordinates[start + place, 1] - cell[0, 1]
    for side in range(4):
        ax, ay = cell[side, 0] - cell[0, 0], cell[side, 1] - cell[0, 1]
        after = (side + 1) % 4
        dx, dy = cell[after, 0] - cell[side, 0], cell[after, 1] - cell[side, 1]
        kept = 0
        for place in range(count):
            before = place - 1 if place > 0 else count - 1
            x1, y1, x2, y2 = one[before, 0], one[before, 1], one[place, 0], one[place, 1]
            from_side = turn * (dx * (y1 - ay) - dy * (x1 - ax))
            to_side = turn * (dx * (y2 - ay) - dy * (x2 - ax))
            if (from_side >= 0) != (to_side >= 0):
                share = from_side / (from_side - to_side)
                two[kept, 0] = x1 + share * (x2 - x1)
                two[kept, 1] = y1 + share * (y2 - y1)
                kept += 1
            if to_side >= 0:
                two[kept, 0], two[kept, 1] = x2, y2
                kept += 1
        for place in range(kept):
            one[place, 0], one[place, 1] = two[place, 0], two[place, 1]
        count = kept
        if count == 0:
            return 0
    return count


@njit(cache=True, nogil=True)
def _part_edges(part, part_ring, ring_start, ring_sign, coordinates, cell, turn, low, one, two, edges):  # type: ignore[no-untyped-def]
    """Write the edges of a part inside a cell as x from, y from, x to, y to, sign; return their number."""
    number = 0
    for ring in range(part_ring[part], part_ring[part + 1]):
        count = _clip_ring(coordinates, ring_start[ring], ring_start[ring + 1], cell, turn, one, two)
        for place in range(count):
            before = place - 1 if place > 0 else count - 1
            x1, y1, x2, y2 = one[before, 0], one[before, 1] - low, one[place, 0], one[place, 1] - low
            if x1 == x2:
                continue
            if x1 < x2:
                edges[number, 0], edges[number, 1], edges[number, 2], edges[number, 3] = x1, y1, x2, y2
                edges[number, 4] = -ring_sign[ring]
            else:
                edges[number, 0], edges[number, 1], edges[number, 2], edges[number, 3] = x2, y2, x1, y1
                edges[number, 4] = ring_sign[ring]
            number += 1
    return number


@njit(cache=True, nogil=True)
def _area_under(edges, number):  # type: ignore[no-untyped-def]
    total = 0.0
    for e in range(number):
        total += edges[e, 4] * (edges[e, 2] - edges[e, 0]) * (edges[e, 1] + edges[e, 3]) / 2
    return total


@njit(cache=True, nogil=True)
def _common_area(first, first_count, second, second_count):  # type: ignore[no-untyped-def]
    total = 0.0
    for a in range(first_count):
        ax1, ay1, ax2, ay2, a_sign = first[a, 0], first[a, 1], first[a, 2], first[a, 3], first[a, 4]
        a_slope = (ay2 - ay1) / (ax2 - ax1)
        for b in range(second_count):
            left, right = max(ax1, second[b, 0]), min(ax2, second[b, 2])
            if left >= right:
                continue
            b_slope = (second[b, 3] - second[b, 1]) / (second[b, 2] - second[b, 0])
            a_left, a_right = ay1 + a_slope * (left - ax1), ay1 + a_slope * (right - ax1)
            b_left = second[b, 1] + b_slope * (left - second[b, 0])
            b_right = second[b, 1] + b_slope * (right - second[b, 0])
            gap_left, gap_right = a_left - b_left, a_right - b_right
            width = right - left
            if gap_left <= 0 and gap_right <= 0:
                area = width * (a_left + a_right) / 2
            elif gap_left >= 0 and gap_right >= 0:
                area = width * (b_left + b_right) / 2
            else:
                at = gap_left / (gap_left - gap_right)
                height = a_left + at * (a_right - a_left)
                low_left, low_right = min(a_left, b_left), min(a_right, b_right)
                area = width * (at * (low_left + height) + (1 - at) * (height + low_right)) / 2
            total += a_sign * second[b, 4] * area
    return total


@njit(cache=True, nogil=True)
def _parts_near(box, bounds, grid, grid_start, grid_parts, found):  # type: ignore[no-untyped-def]
    """Write the parts whose bounding box meets a box, each once; return their number."""
    columns, rows = int(grid[3]), int(grid[4])
    left = max(0, int(np.floor((box[0] - grid[0]) / grid[2])))
    right = min(columns - 1, int(np.floor((box[2] - grid[0]) / grid[2])))
    bottom = max(0, int(np.floor((box[1] - grid[1]) / grid[2])))
    top = min(rows - 1, int(np.floor((box[3] - grid[1]) / grid[2])))
    number = 0
    for row in range(bottom, top + 1):
        for column in range(left, right + 1):
            cell = row * columns + column
            for place in range(grid_start[cell], grid_start[cell + 1]):
                part = grid_parts[place]
                if box[2] < bounds[part, 0] or box[0] > bounds[part, 2]:
                    continue
                if box[3] < bounds[part, 1] or box[1] > bounds[part, 3]:
                    continue
                is_new = True
                for known in range(number):
                    if found[known] == part:
                        is_new = False
                        break
                if is_new:
                    if number == len(found):
                        return -1
                    found[number] = part
                    number += 1
    return number


@njit(cache=True, nogil=True)
def _add_pieces(cell, zone, edges, edge_count, b_zone, near, count, second_edges, second_count, who, size, used):  # type: ignore[no-untyped-def]
    """Write the pieces of a part inside a cell, by zone of the second set; return the number written."""
    area = _area_under(edges, edge_count)
    if area <= 0:
        return used
    rest = area
    for other in range(count):
        if second_count[other] == 0:
            continue
        common = _common_area(edges, edge_count, second_edges[other], second_count[other])
        if common > ROUNDING_SHARE * area:
            who[used, 0], who[used, 1], who[used, 2], size[used] = cell, zone, b_zone[near[other]], common
            used += 1
            rest -= common
    if count == 0 or rest > ROUNDING_SHARE * area:
        who[used, 0], who[used, 1], who[used, 2], size[used] = cell, zone, -1, rest
        used += 1
    return used


@njit(cache=True, nogil=True)
def cut_cells(  # type: ignore[no-untyped-def]
    cells,
    boxes,
    turns,
    a_zone,
    a_bounds,
    a_xy,
    a_grid,
    a_start,
    a_parts,
    a_part_ring,
    a_ring_start,
    a_ring_sign,
    b_zone,
    b_bounds,
    b_xy,
    b_grid,
    b_start,
    b_parts,
    b_part_ring,
    b_ring_start,
    b_ring_sign,
    with_second,
    longest,
):
    """Return cell, first zone, second zone (-1 none) and area of every piece; -2 for cells of too many parts."""
    capacity = max(16, 4 * len(cells))
    who = np.empty((capacity, 3), dtype=np.int64)
    size = np.empty(capacity)
    one, two = np.empty((2 * longest + 32, 2)), np.empty((2 * longest + 32, 2))
    first_edges = np.empty((4 * longest + 64, 5))
    second_edges = np.empty((MOST_PARTS, 4 * longest + 64, 5)) if with_second else np.empty((1, 1, 5))
    second_count = np.empty(MOST_PARTS, dtype=np.int64)
    near_a, near_b = np.empty(MOST_PARTS, dtype=np.int64), np.empty(MOST_PARTS, dtype=np.int64)
    used = 0
    for c in range(len(cells)):
        low = boxes[c, 1] - cells[c, 0, 1]
        a_count = _parts_near(boxes[c], a_bounds, a_grid, a_start, a_parts, near_a)
        b_count = 0
        if with_second:
            b_count = _parts_near(boxes[c], b_bounds, b_grid, b_start, b_parts, near_b)
        if used + MOST_PARTS * (MOST_PARTS + 1) > capacity:
            capacity = 2 * capacity + MOST_PARTS * (MOST_PARTS + 1)
            more_who, more_size = np.empty((capacity, 3), dtype=np.int64), np.empty(capacity)
            more_who[:used], more_size[:used] = who[:used], size[:used]
            who, size = more_who, more_size
        if a_count < 0 or b_count < 0:
            who[used, 0], who[used, 1], who[used, 2], size[used] = c, -2, -2, 0.0
            used += 1
            continue
        for k in range(b_count):
            second_count[k] = _part_edges(
                near_b[k],
                b_part_ring,
                b_ring_start,
                b_ring_sign,
                b_xy,
                cells[c],
                turns[c],
                low,
                one,
                two,
                second_edges[k],
            )
        for k in range(a_count):
            edges = _part_edges(
                near_a[k], a_part_ring, a_ring_start, a_ring_sign, a_xy, cells[c], turns[c], low, one, two, first_edges
            )
            zone = a_zone[near_a[k]]
            used = _add_pieces(
                c, zone, first_edges, edges, b_zone, near_b, b_count, second_edges, second_count, who, size, used
            )
    return who[:used], size[:used]
