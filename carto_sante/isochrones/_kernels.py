"""Compiled kernels of `carto_sante.isochrones`; the slow readable twins are in ``tests/oracles/isochrones.py``.

A *profile* says how long each segment takes: ``from_start + share * start_rate`` coming from the first end of its
line, ``from_end + (1 - share) * end_rate`` from the other, and straight along it from the sites that stand on it.
At its very ends it takes what the junction takes, by whichever street.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from carto_sante.isochrones._contour_kernels import is_inside, near_the_contour
from carto_sante.travel._compiled import compiled
from carto_sante.travel._street_kernels import nearest_on_piece


@compiled
def fill_profile(  # type: ignore[no-untyped-def]
    node_time, node_list, count, offset, edge_number, back_offset, back_number, is_outward,
    edge_segment, edge_is_forward, edge_running_s, edge_delay_s, profile, segment_list,
):  # fmt: skip
    """Fill the rows of ``profile`` (infinite on entry) that the nodes lead to; return how many are listed.

    Columns: from_start, start_rate, from_end, end_rate, time of the junction at the start, at the end.
    """
    listed = 0
    for item in range(count):
        node = node_list[item]
        for place in range(offset[node], offset[node + 1]):
            edge = edge_number[place]
            segment = edge_segment[edge]
            listed = _list(segment, profile, segment_list, listed)
            base = node_time[node] if is_outward else node_time[node] + edge_delay_s[edge]
            is_at_start = edge_is_forward[edge] == is_outward
            side = 0 if is_at_start else 2
            if base < profile[segment, side]:
                profile[segment, side] = base
                profile[segment, side + 1] = edge_running_s[edge]
            end = 4 if is_at_start else 5
            profile[segment, end] = min(profile[segment, end], node_time[node])
        for place in range(back_offset[node], back_offset[node + 1]):
            edge = back_number[place]
            segment = edge_segment[edge]
            listed = _list(segment, profile, segment_list, listed)
            end = 5 if edge_is_forward[edge] == is_outward else 4
            profile[segment, end] = min(profile[segment, end], node_time[node])
    return listed


@compiled
def _list(segment, profile, segment_list, listed):  # type: ignore[no-untyped-def]
    """List a segment that nothing reached so far; every listed one has the time of a junction."""
    if profile[segment, 4] == np.inf and profile[segment, 5] == np.inf:
        segment_list[listed] = segment
        listed += 1
    return listed


@compiled
def list_sites(site_segment, profile, first_site, next_site, segment_list, segment_count):  # type: ignore[no-untyped-def]
    """Chain the sites of each segment, and list the segments that nothing else reaches; return the new count."""
    for site in range(len(site_segment)):
        segment = site_segment[site]
        is_listed = first_site[segment] >= 0 or profile[segment, 4] < np.inf or profile[segment, 5] < np.inf
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
    if share == 0.0:
        best = min(best, profile[segment, 4])
    elif share == 1.0:
        best = min(best, profile[segment, 5])
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
def boxes_of_segments(segment_offset: Any, vertex_x: Any, vertex_y: Any) -> Any:
    """Return left, bottom, right, top of every segment."""
    box = np.empty((len(segment_offset) - 1, 4), np.float64)
    for segment in range(len(box)):
        box[segment, :2], box[segment, 2:] = np.inf, -np.inf
        for vertex in range(segment_offset[segment], segment_offset[segment + 1]):
            box[segment, 0] = min(box[segment, 0], vertex_x[vertex])
            box[segment, 1] = min(box[segment, 1], vertex_y[vertex])
            box[segment, 2] = max(box[segment, 2], vertex_x[vertex])
            box[segment, 3] = max(box[segment, 3], vertex_y[vertex])
    return box


@compiled
def reach_bounds(  # type: ignore[no-untyped-def]
    limit_s, longest_m, segment_list, segment_count, profile,
    first_site, next_site, site_position, site_access, site_rate, box, segment_offset, vertex_x, vertex_y,
):  # fmt: skip
    """Return left, bottom, right, top of what is reached, more or less ``longest_m``.

    A short segment counts whole; a longer one up to the vertex after the last one reached.
    """
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    for item in range(segment_count):
        segment = segment_list[item]
        if box[segment, 2] - box[segment, 0] + box[segment, 3] - box[segment, 1] <= longest_m:
            bounds[:2] = np.minimum(bounds[:2], box[segment, :2])
            bounds[2:] = np.maximum(bounds[2:], box[segment, 2:])
            continue
        low, high = segment_offset[segment], segment_offset[segment + 1]
        total = 0.0
        for vertex in range(low, high - 1):
            total += np.hypot(vertex_x[vertex + 1] - vertex_x[vertex], vertex_y[vertex + 1] - vertex_y[vertex])
        done = 0.0
        for vertex in range(low, high):
            seconds = time_at(
                segment, min(1.0, done / total), profile, first_site, next_site, site_position, site_access, site_rate
            )
            site = first_site[segment]
            if seconds <= limit_s or site >= 0:  # between two vertices a site may reach neither
                for near in range(max(low, vertex - 1), min(high, vertex + 2)):
                    bounds[0], bounds[2] = min(bounds[0], vertex_x[near]), max(bounds[2], vertex_x[near])
                    bounds[1], bounds[3] = min(bounds[1], vertex_y[near]), max(bounds[3], vertex_y[near])
            if vertex < high - 1:
                done += np.hypot(vertex_x[vertex + 1] - vertex_x[vertex], vertex_y[vertex + 1] - vertex_y[vertex])
    return bounds[0], bounds[1], bounds[2], bounds[3]


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
            if has_site or share == 0.0 or share == 1.0:
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
    is_near = near_the_contour(level)
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
                    if is_near[j, i]:
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
