"""What a new site changes, competition recomputed: the ranking of candidates.

A new site shares its practitioners among everybody who can reach it, as every site does; it raises accessibility
for all of them, whether or not they already had a doctor near. Practitioners who move leave a hole where they were.
Since shares add up to the practitioners, the plain sum of gains is the same for all candidates: what tells them
apart is *whose* shortfall they fill. A candidate is rated by the part of the shortfall below a floor that it
fills, each zone weighted by its need (universalisme proportionné).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility.decay import Decay
from carto_sante.errors import InputError, NoResultError, SchemaError
from carto_sante.siting import _gain_kernels
from carto_sante.siting.inputs import Floats, Ints
from carto_sante.siting.state import ENTANGLED_METHODS, State, read_moves, read_state

if TYPE_CHECKING:
    import pandas as pd


def compute_gain(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame,
    candidates: pd.DataFrame,
    *,
    decay: Decay | str | float | Callable[[Floats], Floats],
    threshold_per_100k: float,
    etp_added: float | None = None,
    method: str = "e2sfca",
    moves: pd.DataFrame | None = None,
    qpv_floor_share: float = 0.0,
    population: str = "population_standardised",
) -> pd.DataFrame:
    """Rank candidate sites by what they change once competition is recomputed.

    Parameters
    ----------
    travel_times : DataFrame
        As for `accessibility.compute_fca`, to the sites of today and to the candidates.
    supply : DataFrame
        ``destination_id``, ``capacity_etp``: practitioners of today.
    demand : DataFrame
        ``origin_id``, the population column; optionally ``population_count`` (inhabitants, for counts),
        ``need_weight`` (deprivation; 1 by default), ``qpv_share`` (0 to 1, share of inhabitants in a QPV),
        ``floor_per_100k`` (a floor of its own, higher where needs are), ``is_routable``.
    candidates : DataFrame
        ``destination_id``, optionally ``etp_added``.
    decay, method, population
        As for `accessibility.compute_fca`; "2sfca", "e2sfca", "kd2sfca", "g2sfca", "m2sfca" cost only the pairs of
        each candidate, "3sfca" computes everything again for each.
    threshold_per_100k : float
        Floor of accessibility, in ETP per 100,000 inhabitants.
    etp_added : float, optional
        ETP of the new team, where ``candidates`` does not say.
    moves : DataFrame, optional
        ``destination_id`` (site left), ``capacity_etp``, optionally ``candidate_id``: practitioners who would
        move to the candidate, besides the ETP added.
    qpv_floor_share : float, default 0
        Share of the gain that must go to people in a QPV; candidates below it rank after the others.

    Returns
    -------
    DataFrame
        One row per candidate, the best first: ``destination_id``, ``rank`` (from 1), ``etp_added``,
        ``etp_moved``, ``gain_etp`` (weighted shortfall filled, in ETP), ``severity_filled_count`` (weighted
        people times the fall of their squared relative shortfall: it breaks ties in favour of those worst off),
        ``shortfall_filled_share`` (0 to 1, unweighted), ``gain_per_100k`` (mean gain of those within reach),
        ``population_reached_count``, ``population_gaining_count``, ``population_losing_count``,
        ``population_lifted_count`` (from below the floor to above), ``population_dropped_count`` (the other
        way), ``qpv_gain_share``,
        ``is_qpv_floor_met``, ``status`` ("ok", "out_of_reach": nobody reaches it).

    Raises
    ------
    SchemaError, InputError
        As for `accessibility.compute_fca`; also where more ETP leave a site than work there.
    NoResultError
        If nobody reaches any candidate.

    Examples
    --------
    >>> import pandas
    >>> times = pandas.DataFrame({"origin_id": ["a", "b", "a", "b"], "destination_id": ["s", "s", "c", "d"],
    ...                           "travel_time_min": [5.0, 18.0, 5.0, 5.0]})
    >>> supply = pandas.DataFrame({"destination_id": ["s"], "capacity_etp": [2.0]})
    >>> demand = pandas.DataFrame({"origin_id": ["a", "b"], "population_standardised": [2000.0, 1000.0]})
    >>> sites = pandas.DataFrame({"destination_id": ["c", "d"]})
    >>> ranked = compute_gain(times, supply, demand, sites, decay="apl_gp_2015", threshold_per_100k=80.0,
    ...                       etp_added=1.0)
    >>> ranked[["destination_id", "gain_etp", "population_lifted_count"]].round(3).values.tolist()
    [['d', 0.514, 1000.0], ['c', 0.0, 0.0]]
    """
    import pandas as pd

    threshold = _check_threshold(threshold_per_100k)
    if "destination_id" not in candidates.columns:
        raise SchemaError(f"candidates lacks destination_id (found: {', '.join(map(str, candidates.columns))}).")
    if not 0 <= qpv_floor_share <= 1:
        raise InputError(f"qpv_floor_share is {qpv_floor_share!r}.", expected="a share between 0 and 1")
    ids = candidates["destination_id"]
    state = read_state(travel_times, supply, demand, ids, decay=decay, method=method, population=population)
    place = state.place_of(ids, what="The candidate")
    etp = _etp_added(candidates, etp_added)
    moved = read_moves(moves, state, ids)
    if not (state.potential[place] > 0).any():
        raise NoResultError(
            f"Nobody reaches any of the {len(ids)} candidates.",
            expected="a candidate within reach of somebody",
            next_step="Check that candidates and demand are in the same place, or choose a longer decay.",
        )
    floor = floors(demand, threshold)
    rated = _rate(state, place, etp, moved, floor)
    table = pd.DataFrame({"destination_id": ids.to_numpy(), "etp_added": etp, **_columns(state, place, rated, floor)})
    table.insert(2, "etp_moved", _moved_etp(moved, len(ids)))
    table["is_qpv_floor_met"] = table["qpv_gain_share"] >= qpv_floor_share if qpv_floor_share > 0 else True
    # In a desert every candidate fills its whole team: what then tells them apart is how badly off the people are.
    keys = (ids.astype("str").to_numpy(dtype=object), -table["severity_filled_count"].round(6),
            -table["gain_etp"].round(9), ~table["is_qpv_floor_met"])  # fmt: skip
    order = np.lexsort(keys)
    table = table.iloc[order].reset_index(drop=True)
    table.insert(1, "rank", np.arange(1, len(table) + 1))
    return table


def compute_gain_by_origin(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame,
    *,
    candidate_id: str,
    etp_added: float,
    decay: Decay | str | float | Callable[[Floats], Floats],
    threshold_per_100k: float,
    method: str = "e2sfca",
    moves: pd.DataFrame | None = None,
    population: str = "population_standardised",
) -> pd.DataFrame:
    """Return accessibility before and after one candidate opens, zone by zone.

    Parameters
    ----------
    travel_times, supply, demand, decay, threshold_per_100k, method, moves, population
        As for `compute_gain`.
    candidate_id : str
        The place that opens.
    etp_added : float
        ETP of the new team, besides those who move.

    Returns
    -------
    DataFrame
        One row per zone, same index as ``demand``: ``origin_id``, ``population_count``,
        ``population_standardised`` where known, ``before_per_100k``, ``after_per_100k``, ``gain_per_100k``
        (ETP per 100,000), ``is_lifted``, ``is_dropped`` (crosses the floor upwards, downwards).

    Raises
    ------
    SchemaError, InputError, NoResultError
        As for `compute_gain`.
    """
    import pandas as pd

    threshold = _check_threshold(threshold_per_100k)
    ids = pd.Series([candidate_id], dtype="str", name="destination_id")
    state = read_state(travel_times, supply, demand, ids, decay=decay, method=method, population=population)
    place = int(state.place_of(ids, what="The candidate")[0])
    moved = read_moves(for_candidate(moves, candidate_id), state, ids)
    if state.potential[place] == 0:
        raise NoResultError(f"Nobody reaches the candidate {candidate_id!r}.", next_step="Choose another one.")
    change = np.zeros(len(state.capacity))
    change[place] = check_positive(etp_added, "etp_added")
    for _, left, amount in moved:
        change[left] -= amount
        change[place] += amount
    after = state.access_after(change)
    floor = floors(demand, threshold)
    noise = 1e-12 * (np.abs(after) + floor)
    is_below, is_below_after = state.access < floor - noise, after < floor - noise
    return pd.DataFrame(
        {
            **state.people.carried_columns(),
            "before_per_100k": state.access * 100_000.0,
            "after_per_100k": after * 100_000.0,
            "gain_per_100k": (after - state.access) * 100_000.0,
            "is_lifted": is_below & ~is_below_after,
            "is_dropped": ~is_below & is_below_after,
        },
        index=state.people.index,
    )


def floors(demand: pd.DataFrame, threshold: float) -> Floats:
    """Return the floor of each zone, in ETP per inhabitant: its own, or the common one."""
    if "floor_per_100k" not in demand.columns:
        return np.full(len(demand), threshold)
    own: Floats = demand["floor_per_100k"].to_numpy(dtype=np.float64, na_value=np.nan) / 100_000.0
    if not (own[~np.isnan(own)] > 0).all():
        raise SchemaError("demand: floor_per_100k holds values that are not above 0.", expected="ETP per 100,000")
    return np.where(np.isnan(own), threshold, own)


def _rate(state: State, place: Ints, etp: Floats, moved: list[tuple[int, int, float]], floor: Floats) -> Floats:
    access = np.nan_to_num(state.access)
    number = np.array([item[0] for item in moved], dtype=np.int64)
    totals = etp + np.bincount(number, weights=[item[2] for item in moved], minlength=len(etp)) if moved else etp
    if state.method in ENTANGLED_METHODS:
        return _rate_slowly(state, place, totals, moved, floor)
    rated: Floats = _gain_kernels.rate_candidates(
        state.offsets, state.rows, state.pairs.origin, state.second, state.potential, place, totals,
        np.searchsorted(number, np.arange(len(etp) + 1)),
        np.array([item[1] for item in moved], dtype=np.int64),
        np.array([item[2] for item in moved], dtype=np.float64),
        access, floor, state.people.population, state.counted, state.weight, state.qpv_share,
    )  # fmt: skip
    return rated


def _rate_slowly(state: State, place: Ints, etp: Floats, moved: list[tuple[int, int, float]], floor: Floats) -> Floats:
    """Compute everything again for each candidate."""
    before = np.nan_to_num(state.access)
    out = np.zeros((len(place), len(_gain_kernels.MEASURES)))
    for number, here in enumerate(place):
        if state.potential[here] == 0:
            continue
        change = np.zeros(len(state.capacity))
        change[here] = etp[number]
        for _, left, amount in (item for item in moved if item[0] == number):
            change[left] -= amount
        delta = np.nan_to_num(state.access_after(change)) - before
        _gain_kernels.rate_origins(
            out[number], before, delta, floor, state.people.population, state.counted, state.weight, state.qpv_share
        )
        rows = state.rows[state.offsets[here] : state.offsets[here + 1]]
        reaching = state.pairs.origin[rows[state.first[rows] > 0]]
        out[number, 6] = state.counted[reaching[reaching >= 0]].sum()
    return out


def _columns(state: State, place: Ints, rated: Floats, floor: Floats) -> dict[str, Any]:
    measures = dict(zip(_gain_kernels.MEASURES, rated.T, strict=True))
    access = np.nan_to_num(state.access)
    missing = np.maximum(floor - access, 0.0) * state.people.population * ~np.isnan(state.access)
    total, reached = float(missing.sum()), measures["reached"]
    gain = measures["gain"]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(reached > 0, measures["gain_sum"] / reached * 100_000.0, 0.0)
        to_qpv = np.where(gain > 0, measures["gain_qpv"] / gain, 0.0)
    return {
        "gain_etp": gain,
        "severity_filled_count": measures["severity"],
        "shortfall_filled_share": measures["filled"] / total if total > 0 else np.zeros(len(place)),
        "gain_per_100k": mean,
        "population_reached_count": reached,
        "population_gaining_count": measures["gaining"],
        "population_losing_count": measures["losing"],
        "population_lifted_count": measures["lifted"],
        "population_dropped_count": measures["dropped"],
        "qpv_gain_share": to_qpv,
        "status": np.where(state.potential[place] > 0, "ok", "out_of_reach"),
    }


def _etp_added(candidates: pd.DataFrame, etp_added: float | None) -> Floats:
    if "etp_added" not in candidates.columns:
        if etp_added is None:
            raise InputError("etp_added is missing.", expected="the ETP of the new team, or a column of candidates")
        return np.full(len(candidates), check_positive(etp_added, "etp_added"))
    own: Floats = candidates["etp_added"].to_numpy(dtype=np.float64, na_value=np.nan)
    filled = own if etp_added is None else np.where(np.isnan(own), check_positive(etp_added, "etp_added"), own)
    if not ((filled > 0) & np.isfinite(filled)).all():
        raise SchemaError("candidates: etp_added is missing or not above 0 on some rows.", expected="ETP above 0")
    return filled


def _moved_etp(moved: list[tuple[int, int, float]], count: int) -> Floats:
    total = np.zeros(count)
    for number, _, amount in moved:
        total[number] += amount
    return total


def for_candidate(moves: pd.DataFrame | None, candidate_id: str) -> pd.DataFrame | None:
    """Keep the moves towards one candidate."""
    if moves is None or "candidate_id" not in moves.columns:
        return moves
    return moves[moves["candidate_id"].isna() | (moves["candidate_id"] == candidate_id)]


def _check_threshold(threshold_per_100k: float) -> float:
    return check_positive(threshold_per_100k, "threshold_per_100k") / 100_000.0


def check_positive(value: float, name: str) -> float:
    """Return a number above 0.

    Raises
    ------
    InputError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
        raise InputError(f"{name} is {value!r}.", expected="a number above 0")
    return float(value)
