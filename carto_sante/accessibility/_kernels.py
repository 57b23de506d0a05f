"""Compiled loops over origin-destination pairs; `tests/oracles/accessibility.py` is their readable twin.

A pair whose origin or destination is not in the tables has code -1 and is skipped everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _jit(function: _Function) -> _Function:
    # Without the GIL two columns of text can be encoded while a kernel runs.
    compiled: _Function = numba.njit(cache=True, nogil=True)(function)
    return compiled


@_jit
def check_minutes(minutes: Any) -> Any:
    """Return counts of missing, negative and infinite minutes, then the first row at fault (-1 when none)."""
    missing, negative, infinite, first = 0, 0, 0, -1
    for row in range(minutes.shape[0]):
        value = minutes[row]
        if value >= 0.0 and value < math.inf:
            continue
        if first < 0:
            first = row
        if value != value:
            missing += 1
        elif value < 0.0:
            negative += 1
        else:
            infinite += 1
    return missing, negative, infinite, first


@_jit
def count_repeated_in_bits(origin: Any, destination: Any, destination_count: int, bits: Any) -> Any:
    """Return how many rows repeat a pair, and the first of them, marking pairs in a bit set."""
    repeated, first = 0, -1
    for row in range(origin.shape[0]):
        i, j = origin[row], destination[row]
        if i < 0 or j < 0:
            continue
        place = np.int64(i) * destination_count + j
        byte, mask = place >> 3, np.uint8(1 << (place & 7))
        if bits[byte] & mask:
            repeated += 1
            if first < 0:
                first = row
        bits[byte] |= mask
    return repeated, first


@_jit
def group_rows(group: Any, group_count: int) -> Any:
    """Return (offsets, rows): rows of each group together, in table order, the skipped ones left out."""
    offsets = np.zeros(group_count + 1, dtype=np.int64)
    for row in range(group.shape[0]):
        if group[row] >= 0:
            offsets[group[row] + 1] += 1
    for index in range(group_count):
        offsets[index + 1] += offsets[index]
    place = offsets[:-1].copy()
    rows = np.empty(offsets[group_count], dtype=np.int32)
    for row in range(group.shape[0]):
        index = group[row]
        if index >= 0:
            rows[place[index]] = row
            place[index] += 1
    return offsets, rows


@_jit
def count_repeated_in_groups(offsets: Any, rows: Any, destination: Any, destination_count: int) -> Any:
    """Return how many rows repeat a pair, and the first of them, walking the rows of each origin."""
    seen = np.full(destination_count, -1, dtype=np.int64)
    repeated, first = 0, -1
    for i in range(offsets.shape[0] - 1):
        for k in range(offsets[i], offsets[i + 1]):
            j = destination[rows[k]]
            if j < 0:
                continue
            if seen[j] == i:
                repeated += 1
                if first < 0 or rows[k] < first:
                    first = rows[k]
            seen[j] = i
    return repeated, first


@_jit
def weigh_steps(minutes: Any, shift: float, upper: Any, weights: Any, includes_upper: bool, out: Any) -> None:
    """Write the weight of each travel time in a step table."""
    count = upper.shape[0]
    for row in range(minutes.shape[0]):
        value = minutes[row] + shift
        if value < 0.0:
            value = 0.0
        ring = 0
        if includes_upper:
            while ring < count and value > upper[ring]:
                ring += 1
        else:
            while ring < count and value >= upper[ring]:
                ring += 1
        out[row] = weights[ring]


@_jit
def sum_by_destination(origin: Any, destination: Any, weight: Any, amount: Any, out: Any) -> None:
    """Add ``amount[origin] * weight`` to each destination."""
    for row in range(origin.shape[0]):
        i, j = origin[row], destination[row]
        if i >= 0 and j >= 0:
            out[j] += amount[i] * weight[row]


@_jit
def sum_by_origin(origin: Any, destination: Any, weight: Any, amount: Any, out: Any) -> None:
    """Add ``amount[destination] * weight`` to each origin."""
    for row in range(origin.shape[0]):
        i, j = origin[row], destination[row]
        if i >= 0 and j >= 0:
            out[i] += amount[j] * weight[row]


@_jit
def mark_present(codes: Any, out: Any) -> None:
    """Set ``out`` to True where a code occurs."""
    for row in range(codes.shape[0]):
        if codes[row] >= 0:
            out[codes[row]] = True


@_jit
def square_in_place(weight: Any) -> None:
    """Replace each weight by its square."""
    for row in range(weight.shape[0]):
        weight[row] *= weight[row]


@_jit
def divide_by_group(group: Any, other: Any, weight: Any, total: Any, power: int, out: Any) -> None:
    """Write ``weight**power / total[group]`` for each pair, 0 where the total is 0 or the pair is skipped."""
    for row in range(group.shape[0]):
        index = group[row]
        if index < 0 or other[row] < 0 or total[index] == 0.0:
            out[row] = 0.0
        elif power == 2:
            out[row] = weight[row] * weight[row] / total[index]
        else:
            out[row] = weight[row] / total[index]
