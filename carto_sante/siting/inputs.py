"""The tables of a location problem, checked and turned into arrays.

A travel time that has no row is out of reach; a limit narrows reach further. Demand points that no candidate
reaches are kept apart by name: a model that must serve everybody stops on them, one that covers reports them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carto_sante.accessibility.pairs import check_text, read_pairs
from carto_sante.accessibility.tables import check_demand
from carto_sante.errors import InputError, NoResultError, SchemaError, join_problems

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """One location problem.

    Attributes
    ----------
    origin_id, destination_id : Series
        Ids of demand points and candidate sites.
    need : float64 array
        People of each demand point times their weight.
    people : float64 array
        People of each demand point.
    is_existing : bool array
        Sites that stay open whatever happens.
    capacity : float64 array
        People each site can serve (infinite where not given).
    reach_min : float64 array, shape (demand points, sites)
        Minutes, infinite where out of reach.
    sites_count : int
        Sites to open besides the existing ones.
    limit_min : float, optional
        Limit beyond which a site does not count.
    index : Index
        Index of the demand table.
    """

    origin_id: pd.Series[Any]
    destination_id: pd.Series[Any]
    need: Floats
    people: Floats
    is_existing: Flags
    capacity: Floats
    reach_min: Floats
    sites_count: int
    limit_min: float | None
    index: pd.Index[Any]

    @property
    def is_in_reach(self) -> Flags:
        """Return whether each demand point has a site within reach."""
        flags: Flags = np.any(np.isfinite(self.reach_min), axis=1)
        return flags

    @property
    def open_count(self) -> int:
        """Return how many sites are open at the end, existing ones included."""
        return self.sites_count + int(self.is_existing.sum())

    def require_reach(self, *, model: str) -> None:
        """Raise if a demand point with people has no site within reach.

        Raises
        ------
        NoResultError
            Naming the demand points.
        """
        is_lost = ~self.is_in_reach & (self.need > 0)
        if not is_lost.any():
            return
        limit = "" if self.limit_min is None else f" of {self.limit_min:g} minutes"
        raise NoResultError(
            f"Model {model!r} has no solution: no candidate is within the limit{limit} for "
            f"{self.name_origins(is_lost)}.",
            expected="at least one candidate or existing site within reach of every demand point",
            next_step="Raise limit_min, add candidates near them, drop them from demand, or use model='mclp', which "
            "covers as many people as it can.",
        )

    def name_origins(self, chosen: Flags, *, most: int = 12) -> str:
        """Return a phrase naming demand points and counting their people."""
        ids = [str(item) for item in self.origin_id[chosen]]
        shown = ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")
        people = float(self.people[chosen].sum())
        noun = "demand point" if len(ids) == 1 else "demand points"
        return f"{len(ids)} {noun} ({people:,.0f} inhabitants): {shown}"


def read_problem(
    travel_times: pd.DataFrame,
    demand: pd.DataFrame,
    candidates: pd.DataFrame,
    *,
    sites_count: int | None,
    limit_min: float | None,
    population: str,
) -> Problem:
    """Check the tables of a location problem and return it as arrays; see `solve` for the columns.

    Raises
    ------
    SchemaError, InputError, NoResultError
        Listing what cannot be used.
    """
    people = check_demand(demand, population=population)
    need = people.population * read_weights(demand)
    sites, is_existing, capacity = _candidates(candidates)
    count = _sites_count(sites_count, is_existing)
    if limit_min is not None and not 0 < limit_min < np.inf:
        raise InputError(f"limit_min is {limit_min!r}.", expected="a number of minutes above 0, or None")
    pairs = read_pairs(travel_times, origin_id=people.origin_id, destination_id=sites, tables=("demand", "candidates"))
    reach = np.full((pairs.origin_count, pairs.destination_count), np.inf)
    is_kept = (pairs.origin >= 0) & (pairs.destination >= 0)
    if limit_min is not None:
        is_kept &= pairs.travel_time_min <= limit_min
    if not is_kept.any():
        within = "" if limit_min is None else f" within {limit_min:g} minutes"
        raise NoResultError(
            f"No candidate reaches anybody{within}.",
            expected="at least one demand point within reach of a candidate",
            next_step="Raise limit_min, or check that candidates and demand points are in the same place.",
        )
    reach[pairs.origin[is_kept], pairs.destination[is_kept]] = pairs.travel_time_min[is_kept]
    return Problem(
        people.origin_id, sites, need, people.population, is_existing, capacity, reach, count, limit_min, people.index
    )


def read_weights(demand: pd.DataFrame) -> Floats:
    """Return the weight of the need of each demand point, 1 where the table has none.

    Raises
    ------
    SchemaError
        If a weight is missing, negative or infinite.
    """
    if "need_weight" not in demand.columns:
        return np.ones(len(demand))
    values: Floats = demand["need_weight"].to_numpy(dtype=np.float64, na_value=np.nan)
    is_wrong = ~((values >= 0) & np.isfinite(values))
    if is_wrong.any():
        first = demand["origin_id"].iloc[int(np.flatnonzero(is_wrong)[0])]
        raise SchemaError(
            f"demand: need_weight is missing, negative or infinite on {int(is_wrong.sum())} rows (first: {first}).",
            expected="a weight of at least 0 (1 for nobody in particular)",
        )
    return values


def _candidates(candidates: pd.DataFrame) -> tuple[pd.Series[Any], Flags, Floats]:
    problems = []
    if "destination_id" not in candidates.columns:
        found = ", ".join(map(str, candidates.columns))
        raise SchemaError(f"candidates lacks destination_id (found: {found}).")
    if not len(candidates):
        raise NoResultError("There is no candidate site.", next_step="Give candidates, or a grid (grid_m).")
    sites = candidates["destination_id"]
    if sites.isna().any():
        problems.append(f"destination_id is empty on {int(sites.isna().sum())} rows")
    if sites.duplicated().any():
        problems.append(f"destination_id repeats (first: {sites[sites.duplicated()].iloc[0]!r})")
    is_existing = np.zeros(len(candidates), dtype=np.bool_)
    if "is_existing" in candidates.columns:
        if candidates["is_existing"].isna().any():
            problems.append("is_existing is empty on some rows")
        else:
            is_existing = candidates["is_existing"].to_numpy(dtype=np.bool_)
    capacity = np.full(len(candidates), np.inf)
    if "capacity_count" in candidates.columns:
        capacity = candidates["capacity_count"].to_numpy(dtype=np.float64, na_value=np.nan)
        if not (capacity >= 0).all():
            problems.append(f"capacity_count is missing or negative on {int((~(capacity >= 0)).sum())} rows")
    if problems:
        raise SchemaError("candidates cannot be used:\n" + join_problems(problems))
    check_text(sites, table="candidates")
    return sites, is_existing, capacity


def _sites_count(sites_count: int | None, is_existing: Flags) -> int:
    if sites_count is None:
        return 0
    free = int((~is_existing).sum())
    if isinstance(sites_count, bool) or not isinstance(sites_count, int | np.integer) or sites_count < 1:
        raise InputError(f"sites_count is {sites_count!r}.", expected="a whole number of sites, at least 1")
    if sites_count > free:
        raise InputError(
            f"sites_count is {sites_count}, but there are only {free} candidates"
            + (f" besides the {int(is_existing.sum())} existing sites" if is_existing.any() else "")
            + ".",
            expected=f"at most {free}",
            next_step="Lower sites_count or add candidates.",
        )
    return int(sites_count)
