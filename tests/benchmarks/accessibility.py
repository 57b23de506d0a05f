"""Time and memory of E2SFCA beside PySAL `access`, on the same table in the same run.

Run from the root: ``python tests/benchmarks/accessibility.py [ROWS_MILLIONS] [--national]``. Each case runs in a
process of its own, so that one does not warm the other; the first call of compiled code, which reads its cache,
is not counted. Figures of the last run are in `accessibility.md`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
STEPS = {10: 1.0, 20: 0.68, 30: 0.22}


def make_tables(rows, *, kind, seed=0):
    """`rows` distinct pairs of 20,000 zones and 5,000 sites, sorted by nothing, ids of 9 characters."""
    draws = np.random.default_rng(seed)
    zones, sites = 20_000, 5_000
    pairs = draws.permutation(zones * sites)[:rows] if rows <= 5_000_000 else _sample(draws, zones * sites, rows)
    origin, destination = pairs // sites, pairs % sites
    zone_id = np.array([f"Z{number:08d}" for number in range(zones)])
    site_id = np.array([f"S{number:08d}" for number in range(sites)])
    minutes = draws.integers(0, 40, rows).astype(float)
    if kind == "categorical":
        ids = {
            "origin_id": pd.Categorical.from_codes(origin, zone_id),
            "destination_id": pd.Categorical.from_codes(destination, site_id),
            "mode": pd.Categorical.from_codes(np.zeros(rows, dtype=np.int8), ["drive"]),
        }
    else:
        ids = {
            "origin_id": pd.Series(zone_id, dtype="str").take(origin).reset_index(drop=True),
            "destination_id": pd.Series(site_id, dtype="str").take(destination).reset_index(drop=True),
        }
        ids["mode"] = pd.Series(["drive"], dtype="str").take(np.zeros(rows, dtype=int)).reset_index(drop=True)
    times = pd.DataFrame({**ids, "travel_time_min": minutes})
    supply = pd.DataFrame({"destination_id": site_id, "capacity_etp": draws.integers(1, 9, sites).astype(float)})
    demand = pd.DataFrame({"origin_id": zone_id, "population_standardised": draws.integers(100, 4000, zones) * 1.0})
    return times, supply, demand


def _sample(draws, size, rows):
    found = np.unique(draws.integers(0, size, int(rows * 1.2)))
    return draws.permutation(found)[:rows]


def run_ours(times, supply, demand):
    from carto_sante import accessibility

    return accessibility.compute_fca(times, supply, demand, method="e2sfca", decay="luo_qi_2009").accessibility


def run_access(times, supply, demand):
    from access import fca, weights

    demand = demand.set_index("origin_id").rename_axis("geoid")
    supply = supply.set_index("destination_id").rename_axis("geoid")
    return fca.two_stage_fca(
        demand, supply, times, max_cost=None, demand_index=True, demand_name="population_standardised",
        supply_index=True, supply_name="capacity_etp", cost_origin="origin_id", cost_dest="destination_id",
        cost_name="travel_time_min", weight_fn=weights.step_fn(STEPS),
    )  # fmt: skip


def memory_mb(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return float("nan")


def one_case(who, kind, rows):
    times, supply, demand = make_tables(rows, kind=kind)
    table_mb = times.memory_usage(deep=True).sum() / 1024**2
    run = run_ours if who == "carto_sante" else run_access
    small = make_tables(1_000_000, kind=kind)
    run(*small)
    seconds = []
    before = memory_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    for _ in range(3 if who == "carto_sante" else 1):
        started = time.perf_counter()
        result = run(times, supply, demand)
        seconds.append(time.perf_counter() - started)
    extra = memory_mb("VmHWM") - before
    checksum = float(np.asarray(result).sum())
    print(f"{who},{kind},{rows},{min(seconds):.3f},{table_mb:.0f},{extra:.0f},{checksum:.9f}", flush=True)


def national():
    """35,000 communes and 30,000 sites, about 40 million pairs, each commune with its nearest ~1,140 sites."""
    draws = np.random.default_rng(0)
    communes, sites, each = 35_000, 30_000, 1_143
    origin = np.repeat(np.arange(communes, dtype=np.int32), each)
    first = (np.arange(communes) * sites // communes)[:, None]
    destination = ((first + np.arange(each)[None, :] * 7) % sites).astype(np.int32).ravel()
    zone_id = np.array([f"{number:05d}" for number in range(communes)])
    site_id = np.array([f"S{number:05d}" for number in range(sites)])
    times = pd.DataFrame(
        {
            "origin_id": pd.Categorical.from_codes(origin, zone_id),
            "destination_id": pd.Categorical.from_codes(destination, site_id),
            "travel_time_min": draws.random(len(origin)) * 25,
        }
    )
    supply = pd.DataFrame({"destination_id": site_id, "capacity_etp": draws.integers(1, 9, sites) * 1.0})
    demand = pd.DataFrame({"origin_id": zone_id, "population_standardised": draws.integers(20, 4000, communes) * 1.0})
    from carto_sante import accessibility

    run_ours(*make_tables(1_000_000, kind="categorical"))
    started = time.perf_counter()
    accessibility.compute_apl(times, supply, demand, parameters="apl_2023")
    print(f"national,categorical,{len(times)},{time.perf_counter() - started:.3f},,{memory_mb('VmHWM'):.0f} (process),")


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--case":
        one_case(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    if "--national" in sys.argv:
        national()
        return
    rows = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 10_000_000
    print("who,ids,rows,seconds,table_mb,extra_mb,checksum", flush=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for kind in ("categorical", "text"):
        for who in ("carto_sante", "access"):
            subprocess.run([sys.executable, __file__, "--case", who, kind, str(rows)], check=True, env=environment)
    subprocess.run([sys.executable, __file__, "--national"], check=True, env=environment)


if __name__ == "__main__":
    main()
