"""Compiled loops over candidates; `tests/oracles/siting.py` is their readable twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: Columns of the result of `rate_candidates`.
MEASURES = ("gain", "gain_qpv", "gaining", "losing", "lifted", "dropped", "reached", "gain_sum", "filled", "severity")


def _jit(function: _Function) -> _Function:
    compiled: _Function = numba.njit(cache=True, nogil=True)(function)
    return compiled


@_jit
def add_site(offsets: Any, rows: Any, origin: Any, share: Any, site: int, etp_per_person: float, delta: Any) -> None:
    """Add to each origin what a site gives it, for so many ETP per weighted person."""
    for k in range(offsets[site], offsets[site + 1]):
        row = rows[k]
        if origin[row] >= 0:
            delta[origin[row]] += etp_per_person * share[row]


@_jit
def rate_candidates(
    offsets: Any,
    rows: Any,
    origin: Any,
    share: Any,
    potential: Any,
    site: Any,
    etp: Any,
    move_offsets: Any,
    move_site: Any,
    move_etp: Any,
    access: Any,
    floor: Any,
    people: Any,
    counted: Any,
    weight: Any,
    qpv: Any,
) -> Any:
    """Return one row of `MEASURES` per candidate, competition recomputed, moved practitioners taken away."""
    out = np.zeros((site.shape[0], 10))
    delta = np.zeros(access.shape[0])
    is_touched = np.zeros(access.shape[0], dtype=np.bool_)
    touched = np.empty(access.shape[0], dtype=np.int64)
    for number in range(site.shape[0]):
        count = 0
        for part in range(move_offsets[number], move_offsets[number + 1] + 1):
            is_new = part == move_offsets[number + 1]  # the candidate itself comes last
            place = site[number] if is_new else move_site[part]
            amount = etp[number] if is_new else -move_etp[part]
            if potential[place] == 0.0:
                continue
            ratio = amount / potential[place]
            for k in range(offsets[place], offsets[place + 1]):
                i = origin[rows[k]]
                if i < 0 or share[rows[k]] == 0.0:
                    continue
                if not is_touched[i]:
                    is_touched[i] = True
                    touched[count] = i
                    count += 1
                delta[i] += ratio * share[rows[k]]
                if is_new:
                    out[number, 6] += counted[i]
        for t in range(count):
            i = touched[t]
            _rate_origin(out[number], access[i], delta[i], floor[i], people[i], counted[i], weight[i], qpv[i])
            delta[i] = 0.0
            is_touched[i] = False
    return out


@_jit
def rate_origins(
    out: Any, access: Any, delta: Any, floor: Any, people: Any, counted: Any, weight: Any, qpv: Any
) -> None:
    """Add the measures of every origin to one row."""
    for i in range(access.shape[0]):
        _rate_origin(out, access[i], delta[i], floor[i], people[i], counted[i], weight[i], qpv[i])


@_jit
def _rate_origin(
    out: Any, before: float, delta: float, floor: float, people: float, counted: float, weight: float, qpv: float
) -> None:
    after = before + delta
    # Below this a difference is rounding, not a gain: two equal and opposite moves leave some.
    noise = 1e-12 * (abs(before) + abs(after) + abs(floor))
    filled = min(after, floor) - min(before, floor)
    out[0] += people * weight * filled
    out[1] += people * weight * filled * qpv
    out[7] += counted * delta
    out[8] += people * filled
    # Squared relative shortfall (Foster, Greer and Thorbecke 1984): the worse off count more.
    short_before, short_after = max(0.0, floor - before) / floor, max(0.0, floor - after) / floor
    out[9] += counted * weight * (short_before * short_before - short_after * short_after)
    if delta > noise:
        out[2] += counted
    elif delta < -noise:
        out[3] += counted
    if before < floor - noise:
        if after >= floor - noise:
            out[4] += counted
    elif after < floor - noise:
        out[5] += counted
