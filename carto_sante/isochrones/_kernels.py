"""Compiled kernels of `carto_sante.isochrones`; the slow readable twins are in ``tests/oracles/isochrones.py``.

A *profile* says how long each segment takes: ``from_start + share * start_rate`` coming from the first end of its
line, ``from_end + (1 - share) * end_rate`` from the other, and straight along it from the sites that stand on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from carto_sante.travel._compiled import compiled
from carto_sante.travel._street_kernels import nearest_on_piece


@compiled
def fill_profile(  # type: ignore[no-untyped-def]
    node_time, node_list, count, offset, edge_number, is_outward,
    edge_segment, edge_is_forward, edge_running_s, edge_delay_s, profile, segment_list, segment_count,
):  # fmt: skip
    """Fill the rows of ``profile`` (infinite on entry) that the nodes lead to; return how many are listed.

    Columns: from_start, start_rate, from_end, end_rate.
    """
    for item in range(count):
        node = node_list[item]
        for place in range(offset[node], offset[node + 1]):
            edge = edge_number[place]
            segment = edge_segment[edge]
            base = node_time[node] if is_outward else node_time[node] + edge_delay_s[edge]
            side = 0 if edge_is_forward[edge] == is_outward else 2
            if profile[segment, 0] == np.inf and profile[segment, 2] == np.inf:
                segment_list[segment_count] = segment
                segment_count += 1
            if base < profile[segment, side]:
                profile[segment, side] = base
                profile[segment, side + 1] = edge_running_s[edge]
    return segment_count


@compiled
def list_sites(site_segment, profile, first_site, next_site, segment_list, segment_count):  # type: ignore[no-untyped-def]
    """Chain the sites of each segment, and list the segments that nothing else reaches; return the new count."""
    for site in range(len(site_segment)):
        segment = site_segment[site]
        is_listed = first_site[segment] >= 0 or profile[segment, 0] < np.inf or profile[segment, 2] < np.inf
        if not is_listed:
            segment_list[segment_count] = segment
            segment_count += 1
        next_site[site] = first_site[segment]
        first_site[segment] = site
    return segment_count


@compiled
def time_at(segment, share, profile, first_site, next_site, site_position, site_access, site_rate):  # type: ignore[no-untyped-def]
    """Return the seconds at a share of a segment, infinite where it is not reached."""
    best = np.inf
    if profile[segment, 0] < np.inf:
        best = profile[segment, 0] + share * profile[segment, 1]
    if profile[segment, 2] < np.inf:
        best = min(best, profile[segment, 2] + (1.0 - share) * profile[segment, 3])
    site = first_site[segment]
    while site >= 0:
        gap = share - site_position[site]
        rate = site_rate[site, 1] if gap > 0.0 else site_rate[site, 0]
        if gap == 0.0:
            best = min(best, site_access[site])
        elif rate < np.inf:
            best = min(best, site_access[site] + abs(gap) * rate)
        site = next_site[site]
    return best


@compiled
def reach_bounds(  # type: ignore[no-untyped-def]
    limit_s, segment_list, segment_count, profile, first_site, next_site, site_position, site_access, site_rate,
    segment_offset, vertex_x, vertex_y,
):  # fmt: skip
    """Return left, bottom, right, top of the street vertices reached, each with its neighbours on the line."""
    left, bottom, right, top = np.inf, np.inf, -np.inf, -np.inf
    for item in range(segment_count):
        segment = segment_list[item]
        low, high = segment_offset[segment], segment_offset[segment + 1]
        total = 0.0
        for vertex in range(low, high - 1):
            total += np.hypot(vertex_x[vertex + 1] - vertex_x[vertex], vertex_y[vertex + 1] - vertex_y[vertex])
        scale = 1.0 / total if total > 0.0 else 0.0
        done = 0.0
        was_reached = False
        for vertex in range(low, high):
            seconds = time_at(
                segment, min(1.0, done * scale), profile, first_site, next_site, site_position, site_access, site_rate
            )
            is_reached = seconds <= limit_s
            if is_reached or was_reached:
                left, right = min(left, vertex_x[vertex]), max(right, vertex_x[vertex])
                bottom, top = min(bottom, vertex_y[vertex]), max(top, vertex_y[vertex])
            if is_reached and not was_reached and vertex > low:
                left, right = min(left, vertex_x[vertex - 1]), max(right, vertex_x[vertex - 1])
                bottom, top = min(bottom, vertex_y[vertex - 1]), max(top, vertex_y[vertex - 1])
            was_reached = is_reached
            if vertex < high - 1:
                done += np.hypot(vertex_x[vertex + 1] - vertex_x[vertex], vertex_y[vertex + 1] - vertex_y[vertex])
    return left, bottom, right, top


@compiled
def paint_tile(  # type: ignore[no-untyped-def]
    x0, y0, cell_m, offset_m, left, bottom, side_m, columns, rows, bin_offset, ends, share, owner,
    squared, segment, along,
):  # fmt: skip
    """Write, in every cell of a square tile, the street point nearest to its centre (-1 beyond ``offset_m``)."""
    size = squared.shape[0]
    squared[:] = offset_m * offset_m
    segment[:] = -1
    along[:] = 0.0
    margin = offset_m + side_m  # a piece reaches at most half its length, half a bin, out of its bin
    first_column = max(0, int(np.floor((x0 - margin - left) / side_m)))
    last_column = min(columns - 1, int(np.floor((x0 + size * cell_m + margin - left) / side_m)))
    first_row = max(0, int(np.floor((y0 - margin - bottom) / side_m)))
    last_row = min(rows - 1, int(np.floor((y0 + size * cell_m + margin - bottom) / side_m)))
    for row in range(first_row, last_row + 1):
        for piece in range(bin_offset[row * columns + first_column], bin_offset[row * columns + last_column + 1]):
            px, py, qx, qy = ends[piece, 0] - x0, ends[piece, 1] - y0, ends[piece, 2] - x0, ends[piece, 3] - y0
            low_i = max(0, int(np.ceil((min(px, qx) - offset_m) / cell_m - 0.5)))
            high_i = min(size - 1, int(np.floor((max(px, qx) + offset_m) / cell_m - 0.5)))
            low_j = max(0, int(np.ceil((min(py, qy) - offset_m) / cell_m - 0.5)))
            high_j = min(size - 1, int(np.floor((max(py, qy) + offset_m) / cell_m - 0.5)))
            number, start, step = owner[piece], share[piece, 0], share[piece, 1] - share[piece, 0]
            for j in range(low_j, high_j + 1):
                y = (j + 0.5) * cell_m
                for i in range(low_i, high_i + 1):
                    distance, part = nearest_on_piece((i + 0.5) * cell_m, y, px, py, qx, qy)
                    is_tie = distance == squared[j, i] and (segment[j, i] < 0 or number < segment[j, i])
                    if distance < squared[j, i] or is_tie:
                        squared[j, i] = distance
                        segment[j, i] = number
                        along[j, i] = start + part * step


@compiled
def fill_times(  # type: ignore[no-untyped-def]
    first_i, first_j, tile_size, tile_columns, slot, tile_segment, tile_along, second_per_share,
    profile, first_site, next_site, site_position, site_access, site_rate, time, width,
):  # fmt: skip
    """Fill ``time`` with the seconds at each cell's street point, and ``width`` with those of crossing a cell there."""
    rows, columns = time.shape
    for j in range(rows):
        tile_row, inner_j = (first_j + j) // tile_size, (first_j + j) % tile_size
        last = -1
        from_start = start_rate = from_end = end_rate = np.inf
        has_site = False
        for i in range(columns):
            tile = slot[tile_row * tile_columns + (first_i + i) // tile_size]
            inner_i = (first_i + i) % tile_size
            segment = tile_segment[tile, inner_j, inner_i]
            if segment < 0:
                time[j, i], width[j, i] = np.inf, 1.0
                continue
            if segment != last:  # neighbours mostly share their street
                last = segment
                from_start, start_rate = profile[segment, 0], profile[segment, 1]
                from_end, end_rate = profile[segment, 2], profile[segment, 3]
                has_site = first_site[segment] >= 0
            share = tile_along[tile, inner_j, inner_i]
            if has_site:
                seconds = time_at(segment, share, profile, first_site, next_site, site_position, site_access, site_rate)
            else:
                seconds = np.inf
                if from_start < np.inf:
                    seconds = from_start + share * start_rate
                if from_end < np.inf:
                    seconds = min(seconds, from_end + (1.0 - share) * end_rate)
            time[j, i] = seconds
            width[j, i] = second_per_share[segment]


@compiled
def fill_levels(time: Any, width: Any, limit_s: float, level: Any) -> None:
    """Fill ``level``: how far each cell is from the limit, in cells along its street, cut at -1 and 1."""
    rows, columns = time.shape
    level[0, :], level[rows + 1, :], level[:, 0], level[:, columns + 1] = 1.0, 1.0, 1.0, 1.0
    for j in range(rows):
        for i in range(columns):
            late = time[j, i] - limit_s
            if late >= width[j, i]:
                level[j + 1, i + 1] = 1.0
            elif late <= -width[j, i]:
                level[j + 1, i + 1] = -1.0
            else:
                # Never exactly on the contour: a cell is in or out.
                level[j + 1, i + 1] = max(late / width[j, i], 1e-3) if late > 0.0 else min(late / width[j, i], -1e-3)


@compiled
def drop_straight(xy: Any, ring_offset: Any) -> Any:
    """Return (xy, ring_offset) without the vertices that stand on a straight line between their neighbours."""
    kept = np.empty_like(xy)
    new_offset = np.empty_like(ring_offset)
    new_offset[0] = 0
    count = 0
    for ring in range(len(ring_offset) - 1):
        low, high = ring_offset[ring], ring_offset[ring + 1]
        kept[count] = xy[low]
        count += 1
        for vertex in range(low + 1, high - 1):
            ux, uy = xy[vertex, 0] - kept[count - 1, 0], xy[vertex, 1] - kept[count - 1, 1]
            vx, vy = xy[vertex + 1, 0] - xy[vertex, 0], xy[vertex + 1, 1] - xy[vertex, 1]
            if ux * vy - uy * vx != 0.0 or ux * vx + uy * vy < 0.0:
                kept[count] = xy[vertex]
                count += 1
        kept[count] = xy[high - 1]
        count += 1
        new_offset[ring + 1] = count
    return kept[:count].copy(), new_offset


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
def is_uniform(level, i, j, is_in):  # type: ignore[no-untyped-def]
    """Return whether a cell and its eight neighbours are on the same side of the limit."""
    for around in range(j - 1, j + 2):
        row = level[around]
        if (row[i - 1] < 0.0) != is_in or (row[i] < 0.0) != is_in or (row[i + 1] < 0.0) != is_in:
            return False
    return True


@compiled
def measure(  # type: ignore[no-untyped-def]
    limit_s, step_m, left, bottom, cell_m, level, ring_x, ring_y, row_offset, row_edge,
    grid_left, grid_bottom, side_m, columns, rows, bin_offset, ends, share, owner,
    profile, first_site, next_site, site_position, site_access, site_rate,
):  # fmt: skip
    """Return metres of street: reached, reached but outside the rings, inside, inside but not reached.

    One point every ``step_m`` stands for the street around it. ``level`` (with its margin of one cell) spares the
    test of the rings where all cells around agree; ``left`` and ``bottom`` are those of its first inner cell.
    """
    reached = outside = inside_all = wrong = 0.0
    height, width = level.shape
    right, top = left + (width - 2) * cell_m, bottom + (height - 2) * cell_m
    first_column = max(0, int(np.floor((left - side_m - grid_left) / side_m)))
    last_column = min(columns - 1, int(np.floor((right + side_m - grid_left) / side_m)))
    for row in range(
        max(0, int(np.floor((bottom - side_m - grid_bottom) / side_m))),
        min(rows - 1, int(np.floor((top + side_m - grid_bottom) / side_m))) + 1,
    ):
        for piece in range(bin_offset[row * columns + first_column], bin_offset[row * columns + last_column + 1]):
            dx, dy = ends[piece, 2] - ends[piece, 0], ends[piece, 3] - ends[piece, 1]
            length = np.hypot(dx, dy)
            parts = max(1, int(length / step_m + 0.5))
            segment = owner[piece]
            from_start, from_end = profile[segment, 0], profile[segment, 2]
            has_site = first_site[segment] >= 0
            for part in range(parts):
                middle = (part + 0.5) / parts
                x, y = ends[piece, 0] + middle * dx, ends[piece, 1] + middle * dy
                along = share[piece, 0] + middle * (share[piece, 1] - share[piece, 0])
                seconds = np.inf
                if has_site:
                    seconds = time_at(
                        segment, along, profile, first_site, next_site, site_position, site_access, site_rate
                    )
                else:
                    if from_start < np.inf:
                        seconds = from_start + along * profile[segment, 1]
                    if from_end < np.inf:
                        seconds = min(seconds, from_end + (1.0 - along) * profile[segment, 3])
                is_reached = seconds <= limit_s
                i, j = int(np.floor((x - left) / cell_m)) + 1, int(np.floor((y - bottom) / cell_m)) + 1
                if i < 1 or j < 1 or i > width - 2 or j > height - 2:
                    is_in = False
                else:
                    is_in = level[j, i] < 0.0
                    if not is_uniform(level, i, j, is_in):
                        is_in = is_inside(x, y, ring_x, ring_y, bottom - cell_m, cell_m, row_offset, row_edge)
                weight = length / parts
                if is_reached:
                    reached += weight
                    if not is_in:
                        outside += weight
                if is_in:
                    inside_all += weight
                    if not is_reached:
                        wrong += weight
    return reached, outside, inside_all, wrong


@compiled
def times_of_points(segment, share, access_s, profile, first_site, next_site, site_position, site_access, site_rate):  # type: ignore[no-untyped-def]
    """Return the seconds of points placed on segments, infinite where they are not reached or not placed."""
    seconds = np.full(len(segment), np.inf)
    for point in range(len(segment)):
        if segment[point] >= 0:
            seconds[point] = access_s[point] + time_at(
                segment[point], share[point], profile, first_site, next_site, site_position, site_access, site_rate
            )
    return seconds
