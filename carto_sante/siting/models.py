"""Where to put sites: the classical location models, solved exactly.

============= =======================================================================================
model         what it asks
============= =======================================================================================
lscp          the fewest sites such that everybody has one within the limit (Toregas 1971)
mclp          the largest population within the limit of a given number of sites (Church, ReVelle 1974)
p-median      the least total travel with a given number of sites (Hakimi 1964)
p-center      the shortest longest trip with a given number of sites
capacitated   p-median where each site serves a limited number of people
============= =======================================================================================

These models know nothing of what already surrounds a site; `compute_gain` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.errors import InputError, UnknownNameError, suggest
from carto_sante.siting.capacitated import solve_capacitated
from carto_sante.siting.covering import solve_center, solve_lscp, solve_mclp
from carto_sante.siting.inputs import Flags, Problem, read_problem
from carto_sante.siting.median import solve_median

if TYPE_CHECKING:
    import pandas as pd

MODELS = ("lscp", "mclp", "p-median", "p-center", "capacitated")
_SOLVERS = {"lscp": solve_lscp, "mclp": solve_mclp, "p-median": solve_median, "p-center": solve_center}


@dataclass(frozen=True)
class Solution:
    """The answer of a location model.

    Attributes
    ----------
    model : str
        One of `MODELS`.
    sites : DataFrame
        Open sites: ``destination_id``, ``is_existing``, ``population_served_count``.
    assignments : DataFrame
        ``origin_id``, ``destination_id`` (NA where nobody serves it), ``travel_time_min``,
        ``population_count`` (inhabitants), ``is_covered``. One row per demand point, in its order; the
        capacitated model may share a point between sites, one row each.
    objective : float
        lscp: new sites; mclp: weighted people covered; p-median, capacitated: weighted people x minutes;
        p-center: minutes.
    bound : float
        What the solver proved that no answer can beat; equal to the objective when optimal.
    is_optimal : bool
        False only where a time limit stopped the search.
    """

    model: str
    sites: pd.DataFrame
    assignments: pd.DataFrame
    objective: float
    bound: float
    is_optimal: bool

    @property
    def out_of_reach(self) -> list[str]:
        """Return the demand points that no open site serves."""
        rows = self.assignments[~self.assignments["is_covered"]]
        return [str(item) for item in rows["origin_id"]]


def solve(
    travel_times: pd.DataFrame,
    demand: pd.DataFrame,
    candidates: pd.DataFrame,
    *,
    model: str,
    sites_count: int | None = None,
    limit_min: float | None = None,
    population: str = "population_count",
    time_limit_s: float | None = None,
) -> Solution:
    """Solve a location model to optimality with HiGHS.

    Parameters
    ----------
    travel_times : DataFrame
        ``origin_id``, ``destination_id``, ``travel_time_min`` (minutes), optionally ``mode`` (one only). A pair
        out of reach has no row.
    demand : DataFrame
        ``origin_id``, the population column, optionally ``need_weight`` (deprivation; 1 by default).
    candidates : DataFrame
        ``destination_id``, optionally ``is_existing`` (stays open, not counted in ``sites_count``) and
        ``capacity_count`` (inhabitants served, for the capacitated model).
    model : str
        One of `MODELS`.
    sites_count : int, optional
        New sites to open; every model but "lscp" needs it.
    limit_min : float, optional
        Minutes beyond which a site does not count; "lscp" and "mclp" need it.
    population : str, default "population_count"
        Column of ``demand`` that counts.
    time_limit_s : float, optional
        Seconds after which the best answer so far is returned with its bound.

    Returns
    -------
    Solution
        Open sites, who goes where, objective and proven bound.

    Raises
    ------
    UnknownNameError
        If the model is not known.
    SchemaError, InputError
        If a table or a parameter cannot be used, such as more sites than candidates.
    NoResultError
        If no answer exists, naming the demand points out of reach.

    Examples
    --------
    >>> import pandas
    >>> times = pandas.DataFrame({"origin_id": ["a", "a", "b", "c"], "destination_id": ["s", "t", "s", "t"],
    ...                           "travel_time_min": [4.0, 9.0, 8.0, 5.0]})
    >>> people = pandas.DataFrame({"origin_id": ["a", "b", "c"], "population_count": [100.0, 50.0, 80.0]})
    >>> sites = pandas.DataFrame({"destination_id": ["s", "t"]})
    >>> answer = solve(times, people, sites, model="mclp", sites_count=1, limit_min=10)
    >>> answer.sites.destination_id.tolist(), answer.objective, answer.out_of_reach
    (['t'], 180.0, ['b'])
    """
    if model not in MODELS:
        raise UnknownNameError(f"Unknown model {model!r}.", next_step=suggest(str(model), MODELS))
    _check_parameters(model, sites_count, limit_min)
    problem = read_problem(
        travel_times, demand, candidates, sites_count=sites_count, limit_min=limit_min, population=population
    )
    if model == "capacitated":
        answer, (point, site, people) = solve_capacitated(problem, time_limit_s=time_limit_s)
        assignments = _shared(problem, point, site, people)
    else:
        answer = _SOLVERS[model](problem, time_limit_s=time_limit_s)
        assignments = _nearest(problem, answer[0])
    return Solution(model, _sites(problem, answer[0], assignments), assignments, answer[1], answer[2], answer[3])


def _check_parameters(model: str, sites_count: int | None, limit_min: float | None) -> None:
    problems = []
    if model == "lscp" and sites_count is not None:
        problems.append("sites_count: 'lscp' finds the number of sites itself, leave it out")
    if model != "lscp" and sites_count is None:
        problems.append(f"sites_count is missing: {model!r} needs the number of new sites")
    if model in {"lscp", "mclp"} and limit_min is None:
        problems.append(f"limit_min is missing: {model!r} needs the minutes within which a site counts")
    if problems:
        raise InputError("; ".join(problems) + ".")


def _nearest(problem: Problem, opened: Flags) -> pd.DataFrame:
    import pandas as pd

    numbers = np.flatnonzero(opened)
    reach = problem.reach_min[:, numbers]
    nearest = reach.argmin(axis=1) if len(numbers) else np.zeros(len(reach), dtype=np.int64)
    minutes = reach.min(axis=1, initial=np.inf)
    is_covered = np.isfinite(minutes)
    ids = problem.destination_id.to_numpy(dtype=object)
    chosen = np.full(len(reach), None, dtype=object)
    chosen[is_covered] = ids[numbers[nearest[is_covered]]]
    return pd.DataFrame(
        {
            "origin_id": problem.origin_id.to_numpy(),
            "destination_id": pd.Series(chosen, dtype="str").to_numpy(),
            "travel_time_min": np.where(is_covered, minutes, np.nan),
            "population_count": problem.people,
            "is_covered": is_covered,
        },
        index=problem.index,
    )


def _shared(problem: Problem, point: Any, site: Any, people: Any) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "origin_id": problem.origin_id.to_numpy()[point],
            "destination_id": problem.destination_id.to_numpy()[site],
            "travel_time_min": problem.reach_min[point, site],
            "population_count": people,
            "is_covered": True,
        }
    )


def _sites(problem: Problem, opened: Flags, assignments: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    numbers = np.flatnonzero(opened)
    served = assignments.groupby("destination_id")["population_count"].sum()
    ids = problem.destination_id.to_numpy()[numbers]
    return pd.DataFrame(
        {
            "destination_id": ids,
            "is_existing": problem.is_existing[numbers],
            "population_served_count": served.reindex(ids).fillna(0.0).to_numpy(dtype=np.float64),
        }
    )
