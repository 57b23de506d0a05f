"""Time of location models beside PySAL `spopt` (HiGHS for both), and of the gain with competition.

Run from the root: ``python tests/benchmarks/siting.py [--no-peer | --peer]``; ``--peer`` runs only the sizes that both
solve. The solver of the peer is stopped after `LIMIT_S` seconds, and the line says so. Demand points and candidates are uniform in a
square of 30 minutes by 30 (hard: no structure to lean on), every pair known. Figures of the last run are in
`siting.md`.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd

from carto_sante import siting

#: Seconds after which the solver of the peer is stopped.
LIMIT_S = 120


def make(points, sites, *, seed, limit=None):
    draws = np.random.default_rng(seed)
    a, b = draws.random((points, 2)) * 30, draws.random((sites, 2)) * 30
    minutes = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
    i, j = np.nonzero(minutes < (limit or np.inf))
    origin_id = np.array([f"p{number:05d}" for number in range(points)])
    destination_id = np.array([f"s{number:04d}" for number in range(sites)])
    times = pd.DataFrame(
        {
            "origin_id": pd.Categorical.from_codes(i, origin_id),
            "destination_id": pd.Categorical.from_codes(j, destination_id),
            "travel_time_min": minutes[i, j],
        }
    )
    people = draws.integers(1, 500, points).astype(float)
    demand = pd.DataFrame({"origin_id": origin_id, "population_count": people, "population_standardised": people})
    return times, demand, pd.DataFrame({"destination_id": destination_id}), minutes


def ours(points, sites, model, *, seed, limit_min=None):
    times, demand, candidates, _ = make(points, sites, seed=seed)
    started = time.perf_counter()
    found = siting.solve(times, demand, candidates, model=model, sites_count=5, limit_min=limit_min)
    seconds = time.perf_counter() - started
    print(f"carto_sante,{model},{points}x{sites},seed {seed},{seconds:.2f},{found.objective:.6f},{found.is_optimal}",
          flush=True)  # fmt: skip


def theirs(points, sites, model, *, seed, limit_min=None):
    """Time the peer; where its solver reaches `LIMIT_S`, say so with what it had found and proven."""
    import pulp
    from spopt.locate import MCLP, PMedian

    _, demand, _, minutes = make(points, sites, seed=seed)
    people = demand.population_count.to_numpy()
    started = time.perf_counter()
    if model == "mclp":
        problem = MCLP.from_cost_matrix(minutes, people, limit_min, p_facilities=5)
    else:
        problem = PMedian.from_cost_matrix(minutes, people, p_facilities=5)
    built = time.perf_counter() - started
    # Only the solver can be stopped: building the model comes on top, and is printed apart.
    try:
        problem.solve(pulp.HiGHS(msg=False, gapRel=1e-9, timeLimit=LIMIT_S), results=False)
    except RuntimeError as error:  # the peer raises where its solver proved nothing
        print(f"  {str(error).split('.')[0]}", flush=True)
    seconds = time.perf_counter() - started
    is_optimal = seconds - built < LIMIT_S and problem.problem.sol_status == pulp.LpSolutionOptimal
    value = pulp.value(problem.problem.objective) if problem.problem.sol_status > 0 else float("nan")
    took = f"{seconds:.2f}" if is_optimal else f"> {LIMIT_S} (stopped)"
    print(f"spopt,{model},{points}x{sites},seed {seed},{took},{value or float('nan'):.6f},{is_optimal}", flush=True)
    print(f"  of which building the model: {built:.2f}", flush=True)


def gain():
    times, demand, candidates, _ = make(20_000, 1_000, seed=0, limit=20)
    supply = pd.DataFrame({"destination_id": candidates.destination_id[:300], "capacity_etp": 3.0})
    started = time.perf_counter()
    siting.compute_gain(times, supply, demand, candidates[300:], decay="apl_gp_2015", threshold_per_100k=20.0,
                        etp_added=3.0)  # fmt: skip
    print(f"carto_sante,gain,20000x700 ({len(times) / 1e6:.1f} M pairs),,{time.perf_counter() - started:.2f},,")
    supply = pd.DataFrame({"destination_id": ["x"], "capacity_etp": [3.0], "is_routable": [True]})
    started = time.perf_counter()
    siting.compute_gain(times, supply, demand, candidates, decay="apl_gp_2015", threshold_per_100k=20.0, etp_added=3.0)
    print(f"carto_sante,gain,20000x1000 ({len(times) / 1e6:.1f} M pairs),,{time.perf_counter() - started:.2f},,")


def main():
    print("who,model,size,case,seconds,objective,optimal")
    ours(50, 10, "p-median", seed=0)  # imports and compilation are not timed
    if "--peer" not in sys.argv:
        for seed in range(3):
            ours(2000, 200, "p-median", seed=seed)
            ours(2000, 200, "mclp", seed=seed, limit_min=8)
            ours(2000, 200, "p-center", seed=seed)
        gain()
    if "--no-peer" not in sys.argv:
        ours(2000, 200, "mclp", seed=0, limit_min=8)
        theirs(2000, 200, "mclp", seed=0, limit_min=8)
        ours(1000, 100, "p-median", seed=0)
        theirs(1000, 100, "p-median", seed=0)


if __name__ == "__main__":
    main()
