"""Capacitated p-median: the least total travel where each site serves a limited number of people.

A demand point may be shared between sites, as patients of one street are. Only pairs within reach have a column.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from carto_sante.errors import InputError, NoResultError
from carto_sante.siting._program import Program
from carto_sante.siting.inputs import Flags, Floats, Ints, Problem


def solve_capacitated(
    problem: Problem, *, time_limit_s: float | None = None
) -> tuple[tuple[Flags, float, float, bool], tuple[Ints, Ints, Floats]]:
    """Open ``sites_count`` sites and share people among them within capacities, at the least total travel.

    Returns
    -------
    answer, flows
        Open sites, objective, bound, whether optimal; then demand points, sites and people of each flow.
    """
    problem.require_reach(model="capacitated")
    if not np.isfinite(problem.capacity).all():
        raise InputError("Model 'capacitated' needs the capacity of each site.", expected="a column capacity_count")
    _check_total(problem)
    point, site = np.nonzero(np.isfinite(problem.reach_min) & (problem.need > 0)[:, None])
    sites, flows = problem.reach_min.shape[1], len(point)
    cost = np.concatenate([np.zeros(sites), problem.need[point] * problem.reach_min[point, site]])
    program = Program(
        cost,
        lower=np.concatenate([problem.is_existing.astype(np.float64), np.zeros(flows)]),
        upper=np.ones(sites + flows),
        time_limit_s=time_limit_s,
    )
    _add_rows(program, problem, point, site)
    program.set_whole(np.arange(sites))
    status = program.solve()
    if status == "infeasible":
        _explain(problem, point, site)
    values = program.values
    share = values[sites:]
    is_used = share > 1e-9
    opened = values[:sites] > 0.5
    answer = (opened, program.objective, min(program.bound, program.objective), status == "optimal")
    return answer, (point[is_used], site[is_used], share[is_used] * problem.people[point[is_used]])


def _add_rows(program: Program, problem: Problem, point: Ints, site: Ints, *, may_leave: bool = False) -> None:
    sites, flows = problem.reach_min.shape[1], len(point)
    column = np.arange(flows)
    ones = np.ones(flows)
    counted = np.flatnonzero(problem.need > 0)
    row_of = np.full(len(problem.need), -1)
    row_of[counted] = np.arange(len(counted))
    # Everybody is served; no site is used closed; no site serves more than it can; the number of sites is given.
    served = sparse.csr_matrix((ones, (row_of[point], sites + column)), shape=(len(counted), sites + flows))
    program.add_rows(served, lower=np.zeros(len(counted)) if may_leave else np.ones(len(counted)),
                     upper=np.ones(len(counted)))  # fmt: skip
    linked = sparse.csr_matrix(
        (np.concatenate([ones, -ones]), (np.concatenate([column, column]), np.concatenate([site, sites + column]))),
        shape=(flows, sites + flows),
    )
    program.add_rows(linked, lower=np.zeros(flows), upper=np.full(flows, np.inf))
    load = sparse.csr_matrix(
        (
            np.concatenate([problem.capacity, -problem.people[point]]),
            (np.concatenate([np.arange(sites), site]), np.concatenate([np.arange(sites), sites + column])),
        ),
        shape=(sites, sites + flows),
    )
    program.add_rows(load, lower=np.zeros(sites), upper=np.full(sites, np.inf))
    total = sparse.csr_matrix(np.concatenate([np.ones(sites), np.zeros(flows)])[None, :])
    count = np.array([float(problem.open_count)])
    program.add_rows(total, lower=count, upper=count)


def _check_total(problem: Problem) -> None:
    free = np.sort(problem.capacity[~problem.is_existing])[::-1][: problem.sites_count]
    most = float(problem.capacity[problem.is_existing].sum() + free.sum())
    people = float(problem.people[problem.need > 0].sum())
    if people > most:
        raise NoResultError(
            f"Model 'capacitated' has no solution: {people:,.0f} inhabitants for {most:,.0f} places in the "
            f"{problem.open_count} largest sites.",
            expected="room for everybody",
            next_step="Raise capacities or sites_count.",
        )


def _explain(problem: Problem, point: Ints, site: Ints) -> None:
    """Serve as many people as can be, and name those left.

    Raises
    ------
    NoResultError
        Always.
    """
    sites, flows = problem.reach_min.shape[1], len(point)
    program = Program(
        np.concatenate([np.zeros(sites), -problem.people[point]]),
        lower=np.concatenate([problem.is_existing.astype(np.float64), np.zeros(flows)]),
        upper=np.ones(sites + flows),
    )
    _add_rows(program, problem, point, site, may_leave=True)
    program.set_whole(np.arange(sites))
    program.solve()
    served = np.bincount(point, weights=program.values[sites:], minlength=len(problem.need))
    is_left = (served < 1 - 1e-6) & (problem.need > 0)
    missing = float(((1 - served) * problem.people)[is_left].sum())
    raise NoResultError(
        f"Model 'capacitated' has no solution: with {problem.sites_count} new sites at least {missing:,.0f} "
        f"inhabitants find no room within reach, among {problem.name_origins(is_left)}.",
        expected="room within reach for everybody",
        next_step="Raise capacities, sites_count or limit_min.",
    )
