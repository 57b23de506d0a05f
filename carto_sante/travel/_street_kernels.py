"""Compiled kernels of the grid of street pieces: building it, and the nearest point of a street."""

from __future__ import annotations

from typing import Any

import numpy as np

from carto_sante.travel._compiled import compiled


@compiled
def cut_pieces(segment_offset: Any, vertex_x: Any, vertex_y: Any, longest_m: float) -> Any:
    """Cut every segment in straight pieces no longer than ``longest_m``.

    Returns x and y of both ends, the segment, and the share of the segment's drawn length at both ends.
    """
    count = 0
    for segment in range(len(segment_offset) - 1):
        for vertex in range(segment_offset[segment], segment_offset[segment + 1] - 1):
            length = np.hypot(vertex_x[vertex + 1] - vertex_x[vertex], vertex_y[vertex + 1] - vertex_y[vertex])
            count += max(1, int(np.ceil(length / longest_m)))
    ends = np.empty((count, 4), np.float64)
    share = np.empty((count, 2), np.float64)
    owner = np.empty(count, np.int32)
    piece = 0
    for segment in range(len(segment_offset) - 1):
        low, high = segment_offset[segment], segment_offset[segment + 1]
        total = 0.0
        for vertex in range(low, high - 1):
            total += np.hypot(vertex_x[vertex + 1] - vertex_x[vertex], vertex_y[vertex + 1] - vertex_y[vertex])
        scale = 1.0 / total if total > 0.0 else 0.0
        done = 0.0
        for vertex in range(low, high - 1):
            x, y = vertex_x[vertex], vertex_y[vertex]
            dx, dy = vertex_x[vertex + 1] - x, vertex_y[vertex + 1] - y
            length = np.hypot(dx, dy)
            parts = max(1, int(np.ceil(length / longest_m)))
            for part in range(parts):
                start, end = part / parts, (part + 1) / parts
                ends[piece, 0], ends[piece, 1] = x + start * dx, y + start * dy
                ends[piece, 2], ends[piece, 3] = x + end * dx, y + end * dy
                share[piece, 0] = min(1.0, (done + start * length) * scale)
                share[piece, 1] = min(1.0, (done + end * length) * scale)
                owner[piece] = segment
                piece += 1
            done += length
    return ends, share, owner


@compiled
def bin_of_pieces(ends: Any, left: float, bottom: float, side_m: float, columns: int) -> Any:
    """Return the bin, row by row, that holds the middle of each piece."""
    bins = np.empty(len(ends), np.int32)
    for piece in range(len(ends)):
        column = int(((ends[piece, 0] + ends[piece, 2]) / 2 - left) / side_m)
        row = int(((ends[piece, 1] + ends[piece, 3]) / 2 - bottom) / side_m)
        bins[piece] = row * columns + column
    return bins


@compiled
def nearest_on_piece(x, y, x0, y0, x1, y1):  # type: ignore[no-untyped-def]
    """Return (squared distance, share of the piece) of the point of a piece nearest to a point."""
    dx, dy = x1 - x0, y1 - y0
    squared = dx * dx + dy * dy
    share = 0.0
    if squared > 0.0:
        share = min(1.0, max(0.0, ((x - x0) * dx + (y - y0) * dy) / squared))
    gap_x, gap_y = x0 + share * dx - x, y0 + share * dy - y
    return gap_x * gap_x + gap_y * gap_y, share


@compiled
def snap(  # type: ignore[no-untyped-def]
    point_x, point_y, radius_m, left, bottom, side_m, columns, rows, bin_offset, ends, share, owner, is_allowed
):
    """Return segment (-1 when none), position along it and distance of the nearest allowed street."""
    count = len(point_x)
    segment = np.full(count, -1, np.int32)
    position = np.full(count, np.nan, np.float64)
    distance = np.full(count, np.inf, np.float64)
    for point in range(count):
        x, y = point_x[point], point_y[point]
        if not (np.isfinite(x) and np.isfinite(y)):
            continue
        outside_x = max(left - x, x - left - columns * side_m, 0.0)
        outside_y = max(bottom - y, y - bottom - rows * side_m, 0.0)
        if max(outside_x, outside_y) > radius_m + side_m:
            continue
        middle_column = int(np.floor((x - left) / side_m))
        middle_row = int(np.floor((y - bottom) / side_m))
        best = radius_m * radius_m
        ring = 0
        while True:
            # A piece whose middle is in this ring reaches half its length back towards the point.
            closest = max(0.0, (ring - 1.5) * side_m)
            if closest * closest > best:
                break
            for row in range(max(0, middle_row - ring), min(rows, middle_row + ring + 1)):
                is_edge = abs(row - middle_row) == ring
                step = 1 if is_edge or ring == 0 else 2 * ring
                for column in range(middle_column - ring, middle_column + ring + 1, step):
                    if column < 0 or column >= columns:
                        continue
                    cell = row * columns + column
                    for piece in range(bin_offset[cell], bin_offset[cell + 1]):
                        if not is_allowed[owner[piece]]:
                            continue
                        squared, along = nearest_on_piece(
                            x, y, ends[piece, 0], ends[piece, 1], ends[piece, 2], ends[piece, 3]
                        )
                        is_tie = squared == best and (segment[point] < 0 or owner[piece] < segment[point])
                        if squared < best or is_tie:
                            best = squared
                            segment[point] = owner[piece]
                            position[point] = share[piece, 0] + along * (share[piece, 1] - share[piece, 0])
            ring += 1
        if segment[point] >= 0:
            distance[point] = np.sqrt(best)
    return segment, position, distance
