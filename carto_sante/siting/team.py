"""Of what size: the smallest team that lifts a share of people above a threshold, and the curve behind it.

What a place gives a zone grows in proportion to its team, so each zone has its own break-even: the ETP at which it
reaches the threshold. Sorted, these make the whole curve, exactly: no search, no rounding before the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility.decay import Decay
from carto_sante.errors import InputError, NoResultError
from carto_sante.siting.gain import check_positive, floors, for_candidate
from carto_sante.siting.inputs import Flags, Floats
from carto_sante.siting.state import SEPARABLE_METHODS, State, read_moves, read_state

if TYPE_CHECKING:
    import pandas as pd

AnyDecay = Decay | str | float | Callable[[Floats], Floats]


def compute_break_even(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame,
    *,
    candidate_id: str,
    threshold_per_100k: float,
    decay: AnyDecay,
    method: str = "e2sfca",
    moves: pd.DataFrame | None = None,
    population: str = "population_standardised",
) -> pd.DataFrame:
    """Return the share of people above the threshold against the ETP of a new team, at every step of the curve.

    Parameters
    ----------
    travel_times, supply, demand, threshold_per_100k, decay, method, moves, population
        As for `compute_gain`; a method in which a new site changes the choices of people ("3sfca") is not
        accepted. ``demand`` may have ``is_target`` (True for the people to lift).
    candidate_id : str
        The place that opens.

    Returns
    -------
    DataFrame
        ``etp_added`` (increasing from 0), ``population_above_count`` (inhabitants at or above the threshold
        with that team), ``population_above_share`` (0 to 1, among the people to lift),
        ``population_lifted_count`` (more than with no team).

    Raises
    ------
    SchemaError, InputError, NoResultError
        As for `compute_gain`.

    Examples
    --------
    >>> import pandas
    >>> times = pandas.DataFrame({"origin_id": ["a", "b"], "destination_id": "c", "travel_time_min": [5.0, 12.0]})
    >>> supply = pandas.DataFrame({"destination_id": ["c"], "capacity_etp": [0.0]})
    >>> people = pandas.DataFrame({"origin_id": ["a", "b"], "population_standardised": [1000.0, 1500.0]})
    >>> curve = compute_break_even(times, supply, people, candidate_id="c", threshold_per_100k=50.0,
    ...                            decay="apl_gp_2015")
    >>> curve[["etp_added", "population_above_share"]].round(3).values.tolist()
    [[0.0, 0.0], [1.0, 0.4], [1.5, 1.0]]
    """
    import pandas as pd

    needed, people, _ = _needed(
        travel_times, supply, demand, candidate_id=candidate_id, threshold_per_100k=threshold_per_100k, decay=decay,
        method=method, moves=moves, population=population,
    )  # fmt: skip
    order = np.argsort(needed, kind="stable")
    is_lifted = np.isfinite(needed[order])
    etp, counts = needed[order][is_lifted], people[order][is_lifted]
    # Break-evens that differ by rounding alone are one step.
    keys = np.where(etp > 0, etp, 0.0)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(keys) > 1e-9 * np.maximum(1.0, keys[1:])]))
    if not len(keys) or keys[0] > 0:
        starts = starts if len(keys) else np.array([], dtype=np.int64)
        steps = np.concatenate([[0.0], keys[_ends(starts, len(keys))]])
        above = np.concatenate([[0.0], np.cumsum(counts)[_ends(starts, len(keys))] if len(keys) else []])
    else:
        steps, above = keys[_ends(starts, len(keys))], np.cumsum(counts)[_ends(starts, len(keys))]
    return pd.DataFrame(
        {
            "etp_added": steps,
            "population_above_count": above,
            "population_above_share": above / people.sum(),
            "population_lifted_count": above - above[0],
        }
    )


def _ends(starts: Any, length: int) -> Any:
    return np.append(starts[1:], length) - 1 if length else np.array([], dtype=np.int64)


def compute_team(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    candidate_id: str,
    thresholds_per_100k: Mapping[str, float],
    target_share: float,
    decay: AnyDecay | Mapping[str, AnyDecay],
    method: str = "e2sfca",
    moves: pd.DataFrame | None = None,
    etp_step: float = 0.5,
    population: str = "population_standardised",
) -> pd.DataFrame:
    """Return the smallest team, by profession, that puts a share of people at or above a threshold.

    Parameters
    ----------
    travel_times, method, moves, population
        As for `compute_gain`; ``moves`` may have ``profession``.
    supply : DataFrame
        ``destination_id``, ``profession``, ``capacity_etp``: several professions are welcome.
    demand : DataFrame, or mapping of profession to DataFrame
        As for `compute_break_even`; each profession may have its own standardised population.
    candidate_id : str
        The place that opens.
    thresholds_per_100k : mapping of str to float
        Threshold of each profession of the team, in ETP per 100,000 inhabitants.
    target_share : float
        Share of the people to lift that must be at or above the threshold, 0 to 1.
    decay : as for `compute_gain`, or a mapping by profession
        Decay of travel time.
    etp_step : float, default 0.5
        Teams are made of posts of this size.

    Returns
    -------
    DataFrame
        One row per profession: ``profession``, ``etp_min`` (exact), ``etp_rounded`` (up to ``etp_step``),
        ``share_before``, ``share_after`` (with the rounded team), ``share_attainable`` (with a team of any
        size), ``threshold_per_100k``.

    Raises
    ------
    SchemaError, InputError
        As for `compute_gain`.
    NoResultError
        If no team is large enough, naming the zones out of reach.

    Examples
    --------
    >>> import pandas
    >>> times = pandas.DataFrame({"origin_id": ["a", "b"], "destination_id": "c", "travel_time_min": [5.0, 12.0]})
    >>> supply = pandas.DataFrame({"destination_id": ["c"], "profession": ["gp"], "capacity_etp": [0.2]})
    >>> people = pandas.DataFrame({"origin_id": ["a", "b"], "population_standardised": [1000.0, 1500.0]})
    >>> compute_team(times, supply, people, candidate_id="c", thresholds_per_100k={"gp": 50.0}, target_share=0.9,
    ...              decay="apl_gp_2015")[["profession", "etp_min", "etp_rounded"]].values.tolist()
    [['gp', 1.3, 1.5]]
    """
    import pandas as pd

    if not 0 < target_share <= 1:
        raise InputError(f"target_share is {target_share!r}.", expected="a share above 0 and up to 1")
    step = check_positive(etp_step, "etp_step")
    if not thresholds_per_100k:
        raise InputError("thresholds_per_100k names no profession.", expected="a threshold per profession")
    rows = []
    for profession, threshold in thresholds_per_100k.items():
        needed, people, state = _needed(
            travel_times, _of_profession(supply, profession), _pick(demand, profession, "demand"),
            candidate_id=candidate_id, threshold_per_100k=threshold, decay=_pick(decay, profession, "decay"),
            method=method, moves=_moves_of(moves, profession), population=population,
        )  # fmt: skip
        least = _least_etp(needed, people, target_share, profession=profession, candidate_id=candidate_id, state=state)
        rounded = math.ceil(least / step - 1e-9) * step
        total = people.sum()
        rows.append(
            {
                "profession": profession,
                "etp_min": round(least, 9),
                "etp_rounded": rounded,
                "share_before": float(people[needed <= 0].sum() / total),
                "share_after": float(people[needed <= rounded + 1e-9].sum() / total),
                "share_attainable": float(people[np.isfinite(needed)].sum() / total),
                "threshold_per_100k": float(threshold),
            }
        )
    return pd.DataFrame(rows)


def _needed(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame,
    *,
    candidate_id: str,
    threshold_per_100k: float,
    decay: AnyDecay,
    method: str,
    moves: pd.DataFrame | None,
    population: str,
) -> tuple[Floats, Floats, State]:
    """Return the ETP each zone to lift needs (0 if none, infinite if no team can), its people, and the state."""
    import pandas as pd

    if method not in SEPARABLE_METHODS:
        raise InputError(
            f"Method {method!r} has no break-even curve: what a team gives is not in proportion to its size.",
            expected=f"one of {', '.join(SEPARABLE_METHODS)}",
        )
    threshold = check_positive(threshold_per_100k, "threshold_per_100k") / 100_000.0
    ids = pd.Series([candidate_id], dtype="str", name="destination_id")
    state = read_state(travel_times, supply, demand, ids, decay=decay, method=method, population=population)
    place = int(state.place_of(ids, what="The candidate")[0])
    if state.potential[place] == 0:
        raise NoResultError(f"Nobody reaches the candidate {candidate_id!r}.", next_step="Choose another one.")
    change = np.zeros(len(state.capacity))
    for _, left, amount in read_moves(for_candidate(moves, candidate_id), state, ids):
        change[left] -= amount
        change[place] += amount
    access = state.access_after(change)
    is_counted: Flags = state.is_target & ~np.isnan(access) & (state.counted > 0)
    if not is_counted.any():
        raise NoResultError("There is nobody to lift.", expected="people in the zones marked is_target")
    per_etp = np.zeros(len(access))
    state.add_site(place, 1.0 / float(state.potential[place]), per_etp)
    floor = floors(demand, threshold)
    shortfall = floor - np.nan_to_num(access)
    shortfall[shortfall <= 1e-12 * floor] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(shortfall == 0, 0.0, np.where(per_etp > 0, shortfall / per_etp, np.inf))
    return needed[is_counted], state.counted[is_counted], state


def _least_etp(
    needed: Floats, people: Floats, target_share: float, *, profession: str, candidate_id: str, state: State
) -> float:
    order = np.argsort(needed, kind="stable")
    share = np.cumsum(people[order]) / people.sum()
    first = int(np.searchsorted(share, target_share - 1e-12))
    least = float(needed[order][min(first, len(order) - 1)])
    if math.isfinite(least):
        return least
    attainable = float(people[np.isfinite(needed)].sum() / people.sum())
    is_counted = state.is_target & ~np.isnan(state.access) & (state.counted > 0)
    ids = state.people.origin_id[is_counted].astype("str").to_numpy()[~np.isfinite(needed)]
    shown = ", ".join(ids[:12]) + (f" and {len(ids) - 12} more" if len(ids) > 12 else "")
    raise NoResultError(
        f"No team at {candidate_id!r} can put {target_share:.0%} of people at the threshold ({profession}): "
        f"{attainable:.1%} at most, since {len(ids)} zones below it are out of reach: {shown}.",
        expected=f"a target_share of at most {attainable:.3f}",
        next_step="Lower the target, choose another place, or open a second one.",
    )


def _of_profession(supply: pd.DataFrame, profession: str) -> pd.DataFrame:
    if "profession" not in supply.columns:
        return supply
    rows = supply[supply["profession"] == profession]
    if not len(rows):
        known = ", ".join(sorted(map(str, supply["profession"].unique())))
        raise InputError(f"supply has no {profession!r}.", expected=f"a profession of the supply: {known}")
    return rows


def _moves_of(moves: pd.DataFrame | None, profession: str) -> pd.DataFrame | None:
    if moves is None or "profession" not in moves.columns:
        return moves
    return moves[moves["profession"] == profession]


def _pick(value: Any, profession: str, name: str) -> Any:
    if not isinstance(value, Mapping):
        return value
    if profession not in value:
        raise InputError(f"{name} has nothing for {profession!r}.", expected=f"one of {', '.join(map(str, value))}")
    return value[profession]
