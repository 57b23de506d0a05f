"""The accessibility of today, and what a change of supply would make of it.

Everything that `compute_gain` and `compute_team` need is worked out once: the weight of each pair, the people
competing for each place, existing or not, and the accessibility of each zone before anything changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carto_sante.accessibility import _kernels
from carto_sante.accessibility.decay import Decay, as_decay
from carto_sante.accessibility.fca import check_method, run_method
from carto_sante.accessibility.pairs import Pairs, check_text, read_pairs
from carto_sante.accessibility.tables import People, check_demand, check_supply
from carto_sante.errors import InputError, NoResultError, SchemaError, UnknownNameError, join_problems, suggest
from carto_sante.siting import _gain_kernels
from carto_sante.siting.inputs import Flags, Floats, Ints, read_weights

if TYPE_CHECKING:
    import pandas as pd

#: Methods in which a new site changes nothing at the others, so that a candidate costs only its own pairs.
SEPARABLE_METHODS = ("2sfca", "e2sfca", "kd2sfca", "g2sfca", "m2sfca")
#: Methods in which it changes the choices of people, so that everything is computed again.
ENTANGLED_METHODS = ("3sfca",)


@dataclass(frozen=True)
class State:
    """Supply, demand and travel times as arrays, and the accessibility of today.

    Attributes
    ----------
    people : People
        The demand table.
    counted : float64 array
        Inhabitants of each zone, for counts of people.
    weight : float64 array
        Weight of the need of each zone (1 where nothing says otherwise).
    qpv_share, is_target : float64 and bool arrays
        Share of inhabitants in a QPV; zones whose people are to be lifted.
    place_id : Series
        Ids of the places: sites of today first, then the other candidates.
    capacity : float64 array
        ETP at each place today.
    pairs : Pairs
        Travel times to every place.
    first, second : float64 arrays
        Weight of each pair when demand adds up, and when accessibility does.
    potential : float64 array
        Weighted people competing for each place.
    access : float64 array
        ETP per inhabitant today; NaN where unknown.
    method : str
        Method of accessibility.
    offsets, rows : int arrays
        Pairs of each place.
    """

    people: People
    counted: Floats
    weight: Floats
    qpv_share: Floats
    is_target: Flags
    place_id: pd.Series[Any]
    capacity: Floats
    pairs: Pairs
    first: Floats
    second: Floats
    potential: Floats
    access: Floats
    method: str
    offsets: Ints
    rows: npt.NDArray[np.int32]

    def place_of(self, ids: pd.Series[Any], *, what: str) -> Ints:
        """Return the number of each place.

        Raises
        ------
        UnknownNameError
            If one is neither a site nor a candidate.
        """
        import pandas as pd

        found: Ints = pd.Index(self.place_id.astype("str")).get_indexer(pd.Index(ids.astype("str")))
        if (found < 0).any():
            name = str(ids[found < 0].iloc[0])
            raise UnknownNameError(
                f"{what} {name!r} is not a place of supply or candidates.",
                next_step=suggest(name, [str(item) for item in self.place_id]),
            )
        return found

    def add_site(self, place: int, etp_per_person: float, delta: Floats) -> None:
        """Add to each zone, in place, what so many ETP per weighted person give it from a place."""
        _gain_kernels.add_site(self.offsets, self.rows, self.pairs.origin, self.second, place, etp_per_person, delta)

    def access_after(self, change_etp: Floats) -> Floats:
        """Return accessibility once the ETP of each place have changed by so much."""
        if self.method in ENTANGLED_METHODS:
            return run_method(
                self.pairs, self.first.copy(), self.capacity + change_etp, self.people.population, method=self.method
            ).access
        delta = np.zeros(len(self.access))
        for place in np.flatnonzero(change_etp):
            if self.potential[place] > 0:
                per_person = change_etp[place] / self.potential[place]
                self.add_site(int(place), float(per_person), delta)
        after: Floats = np.maximum(self.access + delta, 0.0)
        return after


def read_state(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame,
    candidate_id: pd.Series[Any],
    *,
    decay: Decay | str | float | Callable[[Floats], Floats],
    method: str,
    population: str,
) -> State:
    """Check the tables and compute the accessibility of today; see `compute_gain` for the columns.

    Raises
    ------
    SchemaError, InputError, NoResultError
        Naming what cannot be used.
    """
    import pandas as pd

    check_method(method, SEPARABLE_METHODS + ENTANGLED_METHODS)
    chosen = as_decay(decay, method=method)
    sites = check_supply(supply, amount="capacity_etp")
    people = check_demand(demand, population=population)
    _check_candidates(candidate_id)
    known = sites.destination_id.astype("str")
    new = candidate_id.astype("str")
    places = pd.concat([known, new[~new.isin(known)]], ignore_index=True).rename("destination_id")
    capacity = np.concatenate([sites.amount, np.zeros(len(places) - len(known))])
    pairs = read_pairs(
        travel_times, origin_id=people.origin_id, destination_id=places, tables=("demand", "supply or candidates")
    )
    people.check_routed(pairs.origins_present)
    sites.check_routed(pairs.destinations_present[: len(known)])
    first = pairs.weigh(chosen)
    result = run_method(pairs, first.copy() if method == "m2sfca" else first, capacity, people.population,
                        method=method)  # fmt: skip
    # In 3SFCA a candidate without practitioners attracts nobody yet: what counts is who could come.
    potential = pairs.sum_by_destination(first, people.population)
    offsets, rows = _kernels.group_rows(pairs.destination, len(places))
    access = np.where(people.is_routable, result.access, np.nan)
    counted = demand["population_count"] if "population_count" in demand.columns else demand[population]
    counted_people = np.where(people.is_routable, counted.to_numpy(dtype=np.float64), 0.0)
    return State(
        people, counted_people, read_weights(demand), _shares(demand), _targets(demand), places, capacity, pairs,
        first, first**2 if method == "m2sfca" else first, potential, access, method, offsets, rows,
    )  # fmt: skip


def _check_candidates(ids: pd.Series[Any]) -> None:
    if not len(ids):
        raise NoResultError("There is no candidate site.", next_step="Give candidates, or a grid (grid_m).")
    problems = []
    if ids.isna().any():
        problems.append(f"destination_id is empty on {int(ids.isna().sum())} rows")
    if ids.duplicated().any():
        problems.append(f"destination_id repeats (first: {ids[ids.duplicated()].iloc[0]!r})")
    if problems:
        raise SchemaError("candidates cannot be used:\n" + join_problems(problems))
    check_text(ids, table="candidates")


def _shares(demand: pd.DataFrame) -> Floats:
    if "qpv_share" not in demand.columns:
        return np.zeros(len(demand))
    shares: Floats = demand["qpv_share"].to_numpy(dtype=np.float64, na_value=np.nan)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise SchemaError("demand: qpv_share is missing or leaves 0 to 1.", expected="the share of people in a QPV")
    return shares


def _targets(demand: pd.DataFrame) -> Flags:
    if "is_target" not in demand.columns:
        return np.ones(len(demand), dtype=np.bool_)
    if demand["is_target"].isna().any():
        raise SchemaError("demand: is_target is empty on some rows.", expected="True or False")
    flags: Flags = demand["is_target"].to_numpy(dtype=np.bool_)
    return flags


def read_moves(moves: pd.DataFrame | None, state: State, candidate_id: pd.Series[Any]) -> list[tuple[int, int, float]]:
    """Return the practitioners who leave, as (candidate number, place, ETP).

    Parameters
    ----------
    moves : DataFrame, optional
        ``destination_id`` (the site they leave), ``capacity_etp`` (who leaves), optionally ``candidate_id``
        (where to; every candidate where it is absent or empty).
    state : State
        The supply of today.
    candidate_id : Series
        The candidates.

    Raises
    ------
    SchemaError, InputError
        If columns are missing, ETP are not positive, or more leave a site than work there.
    """
    import pandas as pd

    if moves is None or not len(moves):
        return []
    missing = [name for name in ("destination_id", "capacity_etp") if name not in moves.columns]
    if missing:
        raise SchemaError(f"moves lacks {', '.join(missing)} (found: {', '.join(map(str, moves.columns))}).")
    etp = moves["capacity_etp"].to_numpy(dtype=np.float64, na_value=np.nan)
    if not ((etp > 0) & np.isfinite(etp)).all():
        raise SchemaError("moves: capacity_etp is missing or not above 0.", expected="the ETP that leave the site")
    places = state.place_of(moves["destination_id"], what="The site left")
    targets = moves["candidate_id"] if "candidate_id" in moves.columns else pd.Series([None] * len(moves))
    index = pd.Index(candidate_id.astype("str"))
    found: list[tuple[int, int, float]] = []
    for target, place, amount in zip(targets, places, etp, strict=True):
        if pd.isna(target):
            found += [(number, int(place), float(amount)) for number in range(len(candidate_id))]
        elif str(target) in index:
            found.append((int(index.get_indexer([str(target)])[0]), int(place), float(amount)))
        else:
            raise UnknownNameError(f"moves: unknown candidate {target!r}.", next_step=suggest(str(target), index))
    _check_moves(found, state)
    return sorted(found)


def _check_moves(found: list[tuple[int, int, float]], state: State) -> None:
    leaving: dict[tuple[int, int], float] = {}
    for number, place, amount in found:
        leaving[number, place] = leaving.get((number, place), 0.0) + amount
    over = {place: amount for (_, place), amount in leaving.items() if amount > state.capacity[place] + 1e-9}
    if over:
        names = ", ".join(
            f"{state.place_id.iloc[place]} ({amount:g} leave, {state.capacity[place]:g} work there)"
            for place, amount in sorted(over.items())
        )
        raise InputError(f"moves takes more ETP than there are: {names}.", expected="at most the ETP of the site")
