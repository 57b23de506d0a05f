"""p-median: the least total travel, exactly, by cuts on the time of each demand point.

The textbook model has a column per pair (400,000 for 2,000 points and 200 candidates). Here each demand point has
one column, its travel time, held up by cuts: if the k-th nearest site is at D_k, its time is at least
``D_k - sum over nearer sites of (D_k - d_ij) x_j``. The cuts needed at a fractional point are read off the sorted
times of each demand point, all at once (Benders cuts of the p-median; Duran-Mateluna, Ales and Elloumi 2023). The
relaxation is as tight as the textbook one; sites whose reduced cost exceeds the gap to a good solution are closed;
HiGHS then proves what is left.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from carto_sante.siting._program import Program
from carto_sante.siting.covering import Answer, explain_too_few, solve_lscp
from carto_sante.siting.inputs import Flags, Floats, Ints, Problem

_VIOLATION_MIN = 1e-6
_ROUNDS_MOST = 200


def solve_median(problem: Problem, *, time_limit_s: float | None = None) -> Answer:
    """Open ``sites_count`` sites that make the weighted sum of travel times as small as can be."""
    problem.require_reach(model="p-median")
    if not np.isfinite(problem.reach_min).all():
        needed, _, _, _ = solve_lscp(problem)
        if needed.sum() > problem.open_count:
            explain_too_few(problem, model="p-median")
    is_counted = problem.need > 0
    order = np.argsort(problem.reach_min[is_counted], axis=1, kind="stable")
    master = _Master(problem, order, problem.reach_min[is_counted], problem.need[is_counted], time_limit_s)
    start = _improve(_greedy(problem), problem)
    return master.run(start)


class _Master:
    """The program on sites and times, and the cuts that tie them."""

    def __init__(self, problem: Problem, order: Ints, reach: Floats, need: Floats, time_limit_s: float | None) -> None:
        self.order, self.need = order, need
        self.sorted_min = np.take_along_axis(reach, order, axis=1)
        self.points, self.sites = order.shape
        self.is_existing, self.open_count = problem.is_existing, problem.open_count
        self.program = Program(
            np.concatenate([np.zeros(self.sites), need]),
            lower=np.concatenate([self.is_existing.astype(np.float64), self.sorted_min[:, 0]]),
            upper=np.concatenate([np.ones(self.sites), np.full(self.points, np.inf)]),
            time_limit_s=time_limit_s,
        )
        self._add_first_rows(reach)

    def _add_first_rows(self, reach: Floats) -> None:
        row = np.concatenate([np.ones(self.sites), np.zeros(self.points)])[None, :]
        count = np.array([float(self.open_count)])
        self.program.add_rows(sparse.csr_matrix(row), lower=count, upper=count)
        is_partial = ~np.isfinite(reach).all(axis=1)
        self.first_cut = 1
        if is_partial.any():  # somebody may be out of reach of some sites: one of the others must open
            covers = np.unique(np.isfinite(reach[is_partial]), axis=0)
            padded = sparse.hstack(
                [sparse.csr_matrix(covers.astype(np.float64)), sparse.csr_matrix((len(covers), self.points))]
            )
            self.program.add_rows(padded, lower=np.ones(len(covers)), upper=np.full(len(covers), np.inf))
            self.first_cut += len(covers)

    def run(self, start: Flags) -> Answer:
        """Tighten the relaxation, close hopeless sites, then prove."""
        best, value = start, self.total_time(start)
        self.add_cuts(start.astype(np.float64), np.full(self.points, -np.inf))
        for _ in range(_ROUNDS_MOST):
            if self.program.solve() != "optimal":
                break
            point = self.program.values
            if not self.add_cuts(point[: self.sites], point[self.sites :]):
                break
            rounded = self.round_up(point[: self.sites])
            if self.total_time(rounded) < value:
                best, value = rounded, self.total_time(rounded)
        self.program.solve()
        self.close_hopeless(value)
        self.program.keep_tight_rows(self.first_cut)
        return self.prove(best, value)

    def prove(self, best: Flags, value: float) -> Answer:
        """Solve with whole sites, adding the cuts that each answer breaks, until an answer breaks none."""
        self.program.set_whole(np.arange(self.sites))
        while True:
            self.program.set_start(np.concatenate([best.astype(np.float64), self.times(best)]))
            status = self.program.solve()
            bound = self.program.bound
            if status != "optimal":
                return best, value, min(bound, value), False
            point = self.program.values
            opened = point[: self.sites] > 0.5
            total = self.total_time(opened)
            if total < value:
                best, value = opened, total
            if bound >= value - _VIOLATION_MIN * max(1.0, abs(value)) * 1e-3:
                return best, value, min(bound, value), True
            if not self.add_cuts(opened.astype(np.float64), point[self.sites :]):
                return best, value, min(bound, value), True

    def add_cuts(self, share: Floats, times: Floats) -> int:
        """Add the cuts that a point breaks; return how many."""
        taken = share[self.order]
        filled = np.cumsum(taken, axis=1) >= 1 - 1e-9
        last = np.where(filled.any(axis=1), filled.argmax(axis=1), self._last_finite())
        height = self.sorted_min[np.arange(self.points), last]
        drop = np.maximum(height[:, None] - self.sorted_min, 0.0)
        least = height - (drop * taken).sum(axis=1)
        broken = np.flatnonzero(least > times + _VIOLATION_MIN * np.maximum(1.0, height))
        if not len(broken):
            return 0
        rows, places = np.nonzero(drop[broken])
        columns = self.order[broken][rows, places]
        number = len(broken)
        matrix = sparse.csr_matrix(
            (
                np.concatenate([drop[broken][rows, places], np.ones(number)]),
                (np.concatenate([rows, np.arange(number)]), np.concatenate([columns, self.sites + broken])),
            ),
            shape=(number, self.sites + self.points),
        )
        self.program.add_rows(matrix, lower=height[broken], upper=np.full(number, np.inf))
        return number

    def _last_finite(self) -> Ints:
        finite: Ints = np.isfinite(self.sorted_min).sum(axis=1) - 1
        return finite

    def close_hopeless(self, value: float) -> None:
        """Close the sites that would cost more than the best known answer."""
        costs = self.program.reduced_costs[: self.sites]
        margin = value - self.program.objective
        is_hopeless = (costs > margin + _VIOLATION_MIN * max(1.0, abs(value))) & ~self.is_existing
        columns = np.flatnonzero(is_hopeless)
        if len(columns):
            self.program.set_bounds(columns, np.zeros(len(columns)), np.zeros(len(columns)))

    def round_up(self, share: Floats) -> Flags:
        """Open the sites with the largest shares."""
        opened = np.zeros(self.sites, dtype=np.bool_)
        opened[np.argsort(-share, kind="stable")[: self.open_count]] = True
        return opened | self.is_existing if self.is_existing.any() else opened

    def times(self, opened: Flags) -> Floats:
        """Return the minutes of each demand point to its nearest open site."""
        is_open = opened[self.order]
        times: Floats = np.where(is_open, self.sorted_min, np.inf).min(axis=1)
        return times

    def total_time(self, opened: Flags) -> float:
        """Return the weighted sum of minutes, infinite if somebody is out of reach or too many are open."""
        return float(self.need @ self.times(opened)) if opened.sum() <= self.open_count else np.inf


def _greedy(problem: Problem) -> Flags:
    """Open sites one by one, each where it spares most; whoever is out of reach counts as very far."""
    far = 10.0 * float(problem.reach_min[np.isfinite(problem.reach_min)].max() + 1.0)
    reach = np.where(np.isfinite(problem.reach_min), problem.reach_min, far)
    opened = problem.is_existing.copy()
    nearest = reach[:, opened].min(axis=1, initial=far)
    while opened.sum() < problem.open_count:
        gains = problem.need @ np.maximum(nearest[:, None] - reach, 0.0)
        gains[opened] = -1.0
        chosen = int(np.argmax(gains))
        opened[chosen] = True
        nearest = np.minimum(nearest, reach[:, chosen])
    return opened


def _improve(opened: Flags, problem: Problem) -> Flags:
    """Swap one open site for a closed one while that helps (Teitz and Bart)."""
    far = 10.0 * float(problem.reach_min[np.isfinite(problem.reach_min)].max() + 1.0)
    reach = np.where(np.isfinite(problem.reach_min), problem.reach_min, far)
    best = opened.copy()
    value = float(problem.need @ reach[:, best].min(axis=1))
    for _ in range(50):
        moves = []
        for site in np.flatnonzero(best & ~problem.is_existing):
            rest = best.copy()
            rest[site] = False
            without = reach[:, rest].min(axis=1, initial=far)
            totals = problem.need @ np.minimum(without[:, None], reach)
            totals[best] = np.inf
            entrant = int(np.argmin(totals))
            moves.append((float(totals[entrant]), int(site), entrant))
        if not moves or min(moves)[0] >= value * (1 - 1e-12):
            break
        value, leaver, entrant = min(moves)
        best[leaver], best[entrant] = False, True
    return best
