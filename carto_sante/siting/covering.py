"""Covering models: everybody within a limit with the fewest sites, most people with a given number, and p-center."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from scipy import sparse

from carto_sante.errors import NoResultError
from carto_sante.siting._program import Program
from carto_sante.siting.inputs import Flags, Floats, Problem

Answer = tuple[Flags, float, float, bool]
"""Open sites, objective, proven bound, whether it is optimal."""


def solve_lscp(problem: Problem, *, time_limit_s: float | None = None) -> Answer:
    """Open the fewest sites such that every demand point with people has one within the limit."""
    problem.require_reach(model="lscp")
    covers = np.isfinite(problem.reach_min)[problem.need > 0]
    opened, bound, is_optimal = _fewest_sites(covers, problem.is_existing, time_limit_s)
    return opened, float((opened & ~problem.is_existing).sum()), bound, is_optimal


def solve_mclp(problem: Problem, *, time_limit_s: float | None = None) -> Answer:
    """Open ``sites_count`` sites that cover the largest weighted population within the limit."""
    covers = np.isfinite(problem.reach_min)
    is_served = covers[:, problem.is_existing].any(axis=1)
    served = float(problem.need[is_served].sum())
    is_open_to = covers.any(axis=1) & ~is_served & (problem.need > 0)
    groups, need = _merge_alike(covers[is_open_to], problem.need[is_open_to])
    sites, count = covers.shape[1], len(groups)
    # One column per site, one per group of demand points that the same sites cover.
    program = Program(
        np.concatenate([np.zeros(sites), -need]),
        lower=np.concatenate([problem.is_existing.astype(np.float64), np.zeros(count)]),
        upper=np.ones(sites + count),
        time_limit_s=time_limit_s,
    )
    _open_exactly(program, sites, count, problem.open_count)
    if count:
        rows = sparse.hstack([sparse.csr_matrix(groups.astype(np.float64)), -sparse.identity(count)])
        program.add_rows(rows, lower=np.zeros(count), upper=np.full(count, np.inf))
    program.set_whole(np.arange(sites))
    status = program.solve()
    opened = program.values[:sites] > 0.5
    bound = served - (program.objective if status == "optimal" else program.bound)
    covered = float(problem.need[covers[:, opened].any(axis=1)].sum())
    return opened, covered, bound, status == "optimal"


def solve_center(problem: Problem, *, time_limit_s: float | None = None) -> Answer:
    """Open ``sites_count`` sites that make the longest trip of anybody as short as can be."""
    problem.require_reach(model="p-center")
    reach = problem.reach_min[problem.need > 0]
    radii = np.unique(reach[np.isfinite(reach)])
    # No point can do better than its nearest site.
    low = int(np.searchsorted(radii, reach.min(axis=1).max()))
    high, best = len(radii) - 1, None
    budget = problem.open_count
    while low <= high:
        middle = (low + high) // 2
        opened, _, is_optimal = _fewest_sites(reach <= radii[middle], problem.is_existing, time_limit_s, budget=budget)
        if opened is not None and opened.sum() <= budget:
            best, high = opened, middle - 1
        elif is_optimal:
            low = middle + 1
        else:
            break
    if best is None:
        explain_too_few(problem, model="p-center")
    opened = _fill_up(best, problem)
    radius = float(reach[:, opened].min(axis=1).max())
    is_optimal = low > high
    return opened, radius, radius if is_optimal else float(radii[min(low, len(radii) - 1)]), is_optimal


def explain_too_few(problem: Problem, *, model: str) -> NoReturn:
    """Raise, saying how many sites it would take and who stays out of reach with those asked for.

    Raises
    ------
    NoResultError
        Always.
    """
    needed, _, _, _ = solve_lscp(problem)
    best, _, _, _ = solve_mclp(problem)
    is_left = ~np.isfinite(problem.reach_min[:, best]).any(axis=1) & (problem.need > 0)
    limit = "in reach" if problem.limit_min is None else f"within {problem.limit_min:g} minutes"
    raise NoResultError(
        f"Model {model!r} has no solution: {problem.sites_count} new sites cannot put everybody {limit}. The best "
        f"they can do leaves {problem.name_origins(is_left)}.",
        expected=f"at least {int((needed & ~problem.is_existing).sum())} new sites",
        next_step="Raise sites_count or limit_min, or use model='mclp'.",
    )


def _fewest_sites(
    covers: Flags, is_existing: Flags, time_limit_s: float | None, *, budget: int | None = None
) -> tuple[Flags, float, bool]:
    """Return the fewest sites covering every row (existing ones free), the bound, and whether it is proven.

    With a budget, the search stops as soon as the linear relaxation shows that it cannot be met.
    """
    rows = _undominated(covers[~covers[:, is_existing].any(axis=1)])
    sites = covers.shape[1]
    if not len(rows):
        return is_existing.copy(), 0.0, True
    program = Program(
        (~is_existing).astype(np.float64),
        lower=is_existing.astype(np.float64),
        upper=np.ones(sites),
        time_limit_s=time_limit_s,
    )
    program.add_rows(rows.astype(np.float64), lower=np.ones(len(rows)), upper=np.full(len(rows), np.inf))
    if budget is not None:
        program.solve()
        if np.ceil(program.objective - 1e-6) > budget - is_existing.sum():
            return np.ones(sites, dtype=np.bool_), program.objective, True
    program.set_whole(np.arange(sites))
    status = program.solve()
    opened = program.values > 0.5
    return opened, program.objective if status == "optimal" else program.bound, status == "optimal"


def _undominated(covers: Flags) -> Flags:
    """Drop the rows implied by another: whoever covers the narrower row covers the wider one."""
    rows = np.unique(covers, axis=0)
    rows = rows[np.argsort(rows.sum(axis=1), kind="stable")]
    if len(rows) > 4000:  # the quadratic search would cost more than it spares
        return rows
    counts = rows.astype(np.float32) @ rows.T.astype(np.float32)
    sizes = rows.sum(axis=1)
    is_subset = np.triu(counts >= sizes[:, None], k=1)
    kept: Flags = rows[~is_subset.any(axis=0)]
    return kept


def _merge_alike(covers: Flags, need: Floats) -> tuple[Flags, Floats]:
    """Merge the demand points that the same sites cover."""
    if not len(covers):
        return covers, need
    rows, group = np.unique(covers, axis=0, return_inverse=True)
    total: Floats = np.bincount(group.ravel(), weights=need, minlength=len(rows)).astype(np.float64)
    return rows, total


def _open_exactly(program: Program, sites: int, others: int, count: int) -> None:
    row = sparse.csr_matrix(np.concatenate([np.ones(sites), np.zeros(others)])[None, :])
    program.add_rows(row, lower=np.array([float(count)]), upper=np.array([float(count)]))


def _fill_up(opened: Flags, problem: Problem) -> Flags:
    """Open further sites up to the number asked for, each where it shortens trips most."""
    result = opened.copy()
    time = problem.reach_min
    while result.sum() < problem.open_count:
        nearest = time[:, result].min(axis=1, initial=np.inf)
        spared = np.where(np.isfinite(nearest), nearest, 0.0)[:, None] - np.where(np.isfinite(time), time, np.inf)
        gains: Floats = problem.need @ np.maximum(spared, 0.0)
        gains[result] = -1.0
        result[int(np.argmax(gains))] = True
    return result
