"""Compiled search of the zone of points; its readable twin is in tests/oracles/territories.py.

A point is inside a part when a ray to its right crosses the part's edges an odd number of times. The side of an edge is
the sign of a 2 × 2 determinant; where rounding could change the sign (Shewchuk 1997, the A bound of orient2d) the point
is left to GEOS, whose arithmetic is exact, and so is every point that lies on an edge.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: (3 + 16 u) u for u = 2**-53: below this share of its terms the sign of the determinant is not certain.
SIGN_BOUND = (3.0 + 16.0 * 2.0**-53) * 2.0**-53
UNSURE = -2


@njit(cache=True, nogil=True)
def edges_by_band(coordinates, ring, ring_part, bounds, part_band, height):  # type: ignore[no-untyped-def]
    bands = part_band[-1]
    start = np.zeros(bands + 1, dtype=np.int64)
    for turn in range(2):
        if turn == 1:
            for band in range(bands):
                start[band + 1] += start[band]
            place = start[:-1].copy()
            found = np.empty(start[-1], dtype=np.int32)
        for edge in range(len(coordinates) - 1):
            if ring[edge] != ring[edge + 1]:
                continue  # from the end of a ring to the start of the next
            part = ring_part[ring[edge]]
            last = part_band[part + 1] - part_band[part] - 1
            low, high = coordinates[edge, 1], coordinates[edge + 1, 1]
            if low > high:
                low, high = high, low
            first_band = min(last, int((low - bounds[part, 1]) / height[part]))
            last_band = min(last, int((high - bounds[part, 1]) / height[part]))
            for band in range(part_band[part] + first_band, part_band[part] + last_band + 1):
                if turn == 0:
                    start[band + 1] += 1
                else:
                    found[place[band]] = edge
                    place[band] += 1
    return start, found


@njit(cache=True, nogil=True)
def parts_by_cell(bounds, grid):  # type: ignore[no-untyped-def]
    columns, rows = int(grid[3]), int(grid[4])
    start = np.zeros(columns * rows + 1, dtype=np.int64)
    for turn in range(2):
        if turn == 1:
            for cell in range(columns * rows):
                start[cell + 1] += start[cell]
            place = start[:-1].copy()
            found = np.empty(start[-1], dtype=np.int32)
        for part in range(len(bounds)):
            left = min(columns - 1, int((bounds[part, 0] - grid[0]) / grid[2]))
            right = min(columns - 1, int((bounds[part, 2] - grid[0]) / grid[2]))
            bottom = min(rows - 1, int((bounds[part, 1] - grid[1]) / grid[2]))
            top = min(rows - 1, int((bounds[part, 3] - grid[1]) / grid[2]))
            for row in range(bottom, top + 1):
                for column in range(left, right + 1):
                    if turn == 0:
                        start[row * columns + column + 1] += 1
                    else:
                        found[place[row * columns + column]] = part
                        place[row * columns + column] += 1
    return start, found


@njit(cache=True, nogil=True, inline="always")
def _side(x, y, part, bounds, coordinates, part_band, height, band_start, band_edges):  # type: ignore[no-untyped-def]
    """1 inside, 0 outside, UNSURE on an edge or too near to say."""
    last = part_band[part + 1] - part_band[part] - 1
    band = part_band[part] + min(last, int((y - bounds[part, 1]) / height[part]))
    inside = 0
    for place in range(band_start[band], band_start[band + 1]):
        edge = band_edges[place]
        x1, y1, x2, y2 = coordinates[edge, 0], coordinates[edge, 1], coordinates[edge + 1, 0], coordinates[edge + 1, 1]
        if (y < y1 and y < y2) or (y > y1 and y > y2) or (x > x1 and x > x2):
            continue
        crosses = (y1 <= y) != (y2 <= y)
        if x < x1 and x < x2:
            if crosses:
                inside ^= 1
            continue
        left, right = (x2 - x1) * (y - y1), (x - x1) * (y2 - y1)
        sign = left - right
        if abs(sign) <= SIGN_BOUND * (abs(left) + abs(right)):
            return UNSURE
        if crosses and (sign > 0) == (y2 > y1):
            inside ^= 1
    return inside


@njit(cache=True, nogil=True)
def zones_of_points(  # type: ignore[no-untyped-def]
    points,
    part_zone,
    bounds,
    coordinates,
    part_band,
    height,
    band_start,
    band_edges,
    grid,
    grid_start,
    grid_parts,
    zone,
    times,
):
    """Write the first zone of each point (-1 none, UNSURE left to GEOS) and the number of zones that hold it."""
    columns, rows = int(grid[3]), int(grid[4])
    for point in range(len(points)):
        x, y = points[point, 0], points[point, 1]
        zone[point], times[point] = -1, 0
        right, up = (x - grid[0]) / grid[2], (y - grid[1]) / grid[2]
        if not (right >= 0 and up >= 0 and right <= columns and up <= rows):
            continue
        cell = min(rows - 1, int(up)) * columns + min(columns - 1, int(right))
        for place in range(grid_start[cell], grid_start[cell + 1]):
            part = grid_parts[place]
            if x < bounds[part, 0] or x > bounds[part, 2] or y < bounds[part, 1] or y > bounds[part, 3]:
                continue
            side = _side(x, y, part, bounds, coordinates, part_band, height, band_start, band_edges)
            if side == UNSURE:
                zone[point] = UNSURE
                break
            if side == 1:
                times[point] += 1
                if times[point] == 1:
                    zone[point] = part_zone[part]


@njit(cache=True, nogil=True)
def boxes_met_by_edges(  # type: ignore[no-untyped-def]
    boxes, _part_zone, bounds, coordinates, part_band, height, band_start, band_edges, grid, grid_start, grid_parts, met
):
    """Write whether the bounding box of some edge meets each box: where none does, no zone's border crosses it."""
    columns, rows = int(grid[3]), int(grid[4])
    for box in range(len(boxes)):
        west, south, east, north = boxes[box, 0], boxes[box, 1], boxes[box, 2], boxes[box, 3]
        met[box] = False
        left, right = int(np.floor((west - grid[0]) / grid[2])), int(np.floor((east - grid[0]) / grid[2]))
        bottom, top = int(np.floor((south - grid[1]) / grid[2])), int(np.floor((north - grid[1]) / grid[2]))
        for row in range(max(0, min(bottom, rows - 1)), max(-1, min(top, rows - 1)) + 1):
            for column in range(max(0, min(left, columns - 1)), max(-1, min(right, columns - 1)) + 1):
                cell = row * columns + column
                for place in range(grid_start[cell], grid_start[cell + 1]):
                    part = grid_parts[place]
                    if east < bounds[part, 0] or west > bounds[part, 2]:
                        continue
                    if north < bounds[part, 1] or south > bounds[part, 3]:
                        continue
                    last = part_band[part + 1] - part_band[part] - 1
                    low = max(0, min(last, int((south - bounds[part, 1]) / height[part])))
                    high = max(0, min(last, int((north - bounds[part, 1]) / height[part])))
                    start, stop = band_start[part_band[part] + low], band_start[part_band[part] + high + 1]
                    for position in range(start, stop):
                        edge = band_edges[position]
                        x1, y1 = coordinates[edge, 0], coordinates[edge, 1]
                        x2, y2 = coordinates[edge + 1, 0], coordinates[edge + 1, 1]
                        if (x1 < west and x2 < west) or (x1 > east and x2 > east):
                            continue
                        if (y1 < south and y2 < south) or (y1 > north and y2 > north):
                            continue
                        met[box] = True
                        break
                    if met[box]:
                        break
                if met[box]:
                    break
            if met[box]:
                break
