"""p-median: the least total travel, exactly, by cuts on the time of each demand point.

The textbook model has a column per pair (400,000 for 2,000 points and 200 candidates). Here each demand point has
one column, its travel time, held up by cuts: if the k-th nearest site is at D_k, its time is at least
``D_k - sum over nearer sites of (D_k - d_ij) x_j``. The cuts needed at a fractional point are read off the sorted
times of each demand point, all at once (Benders cuts of the p-median; Duran-Mateluna, Ales and Elloumi 2023). The
relaxation, solved by HiGHS, is as tight as the textbook one; sites whose reduced cost exceeds the gap to a good
answer are closed, and the few left are branched on, HiGHS starting each time from where it stood. Handing the last
step to its integer solver took ten times longer: it has no way to ask for cuts while it searches.
"""

from __future__ import annotations

import time

import numpy as np
from scipy import sparse

from carto_sante.siting._program import Program
from carto_sante.siting.covering import Answer, explain_too_few, solve_lscp
from carto_sante.siting.inputs import Flags, Floats, Ints, Problem

_VIOLATION_MIN = 1e-6
_DRAWS = 20


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
        self.problem, self.time_limit_s = problem, time_limit_s
        self.is_existing, self.open_count = problem.is_existing, problem.open_count
        self.lower, self.upper = self.is_existing.astype(np.float64), np.ones(self.sites)
        self.best, self.value = self.is_existing, np.inf
        self.program = Program(
            np.concatenate([np.zeros(self.sites), need]),
            lower=np.concatenate([self.lower, self.sorted_min[:, 0]]),
            upper=np.concatenate([self.upper, np.full(self.points, np.inf)]),
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
        """Tighten the relaxation, close hopeless sites, then branch."""
        self.best, self.value = start, self.total_time(start)
        self.add_cuts(start.astype(np.float64), np.full(self.points, -np.inf))
        bound, share = self.tighten()
        if share is not None:
            self.search_near(share)
            self.close_hopeless(self.upper)
            self.program.keep_tight_rows(self.first_cut)
        open_bound = self.branch(bound)
        return self.best, self.value, min(open_bound, self.value), open_bound >= self.value

    def branch(self, root_bound: float) -> float:
        """Explore the sites left open or shut, depth first; return the least bound of what was not explored."""
        stack = [(root_bound, self.lower.copy(), self.upper.copy())]
        started = time.monotonic()
        while stack:
            bound, lower, upper = stack.pop()
            if self.is_beaten(bound):
                continue
            if self.time_limit_s is not None and time.monotonic() - started > self.time_limit_s:
                return min([bound, *[node[0] for node in stack]])
            self.program.set_bounds(np.arange(self.sites), lower, upper)
            bound, share = self.tighten()
            if share is None or self.is_beaten(bound):
                continue
            upper = upper.copy()
            self.close_hopeless(upper)
            doubt = np.minimum(share, 1 - share)
            site = int(np.argmax(doubt))
            if doubt[site] < 1e-6:  # whole, and no cut is broken: the bound is reached
                self.propose(share > 0.5)
                continue
            without, with_it = upper.copy(), lower.copy()
            without[site], with_it[site] = 0.0, 1.0
            stack.append((bound, lower, without))
            stack.append((bound, with_it, upper))
        return self.value

    def tighten(self) -> tuple[float, Floats | None]:
        """Solve the relaxation and add the cuts it breaks until there is none; None where nothing is feasible."""
        while True:
            if self.program.solve() != "optimal":
                return np.inf, None
            bound, point = self.program.objective, self.program.values
            share = point[: self.sites]
            if self.is_beaten(bound) or not self.add_cuts(share, point[self.sites :]):
                return bound, share
            self.propose(self.round_up(share))

    def is_beaten(self, bound: float) -> bool:
        """Return whether nothing below this bound can be better than the best known answer."""
        return bound >= self.value - 1e-9 * max(1.0, abs(self.value))

    def propose(self, opened: Flags) -> None:
        """Keep an answer if it is the best so far."""
        total = self.total_time(opened)
        if total < self.value:
            self.best, self.value = opened, total

    def search_near(self, share: Floats) -> None:
        """Draw answers from the shares of the relaxation, and improve each by swaps."""
        draws = np.random.default_rng(0)
        free = np.where(self.is_existing, 0.0, np.maximum(share, 0.0))
        likely = int((free > 1e-9).sum())
        number = self.open_count - int(self.is_existing.sum())
        if likely < number:
            return
        self.propose(_improve(self.best, self.problem))
        for _ in range(_DRAWS if likely > number else 1):
            opened = self.is_existing.copy()
            opened[draws.choice(self.sites, size=number, replace=False, p=free / free.sum())] = True
            self.propose(_improve(opened, self.problem))

    def add_cuts(self, share: Floats, times: Floats) -> int:
        """Add the cuts that a point breaks; return how many."""
        taken = share[self.order]
        filled = np.cumsum(taken, axis=1) >= 1 - 1e-9
        # Shares that leave somebody out of reach still give a cut: the one at the farthest site within reach.
        last = np.where(filled.any(axis=1), filled.argmax(axis=1), self.sites)
        last = np.minimum(last, self._last_finite())
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

    def close_hopeless(self, upper: Floats) -> None:
        """Close, in place, the sites that would cost more than the best known answer."""
        margin = self.value - self.program.objective
        costs = self.program.reduced_costs[: self.sites]
        is_hopeless = (costs > margin + 1e-7 * max(1.0, abs(self.value))) & ~self.is_existing
        upper[is_hopeless] = 0.0

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
