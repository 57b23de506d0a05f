"""Isochrones against Valhalla, in one run: processor time per polygon, and the error of each by its own times.

``python -m tests.benchmarks.isochrones VALHALLA_PYTHON`` from the repository's root, where VALHALLA_PYTHON is a
Python 3.12 that has pyvalhalla 3.9 and shapely. The figures of the last run are in ``isochrones.md``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import geopandas as gpd
import numpy as np

from carto_sante import isochrones
from carto_sante.isochrones import contours
from carto_sante.network import read_osm

DATA = Path(os.environ.get("CARTO_SANTE_REAL_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
EXTRACT = DATA / "networks" / "porto_2020.osm.pbf"
SITES = 16


def places(network):
    """Return sites near the middle of Porto, where the 10-minute reach is not cut by the border of the extract."""
    rng = np.random.default_rng(5)
    middle = np.median(network.node_x_m), np.median(network.node_y_m)
    near = np.hypot(network.node_x_m - middle[0], network.node_y_m - middle[1]) < 5_000
    chosen = rng.choice(np.flatnonzero(near & (network.node_component == 0)), SITES, replace=False)
    points = gpd.points_from_xy(network.node_x_m[chosen], network.node_y_m[chosen])
    return gpd.GeoDataFrame({"site_id": [f"s{i}" for i in range(SITES)]}, geometry=points, crs=network.crs)


def ours(mode, minutes):
    network = read_osm(EXTRACT, mode=mode)
    sites = places(network)
    options = {"limits_min": [minutes], "direction": "outbound", "max_error_share": None}
    start = time.process_time()
    isochrones.compute_isochrones(network, sites, **options)
    first = time.process_time() - start
    turns = []
    for _ in range(3):
        start = time.process_time()
        table = isochrones.compute_isochrones(network, sites, **options)
        turns.append((time.process_time() - start) / SITES * 1e3)
    alone = []
    for row in range(SITES):
        start = time.process_time()
        isochrones.compute_isochrones(network, sites.iloc[row : row + 1], **options)
        alone.append((time.process_time() - start) * 1e3)
    # The error of both engines is read at points every 10 m: ours may measure itself at fewer, which is not timed here.
    with mock.patch.object(contours, "MEASURE_STEP_CELLS", 0.0):
        table = isochrones.compute_isochrones(network, sites, **options)
    degrees = sites.to_crs("EPSG:4326").geometry
    return {
        "ms": float(np.median(turns)),
        "alone": float(np.mean(alone)),
        "first_s": first,
        "outside": float(table.reachable_outside_share.mean()),
        "wrong": float(table.unreachable_inside_share.mean()),
        "area_km2": float(table.area_km2.mean()),
        "places": [[point.x, point.y] for point in degrees],
    }


def valhalla(python, costing, minutes, where):
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request.json"
        request.write_text(json.dumps({"places": where, "costing": costing, "minutes": minutes}))
        script = Path(__file__).with_name("valhalla_isochrones.py")
        done = subprocess.run([python, script, EXTRACT, request], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    print("| polygon | engine | ms per polygon | called one by one | reachable out | unreachable in | km² |")
    print("|---|---|---|---|---|---|---|")
    for mode, costing, minutes in (("drive", "auto", 10), ("walk", "pedestrian", 15)):
        mine = ours(mode, minutes)
        peer = valhalla(sys.argv[1], costing, minutes, mine["places"])
        for name, found, alone in (
            ("carto_sante", mine, f"{mine['alone']:.1f}"),
            ("Valhalla", peer, f"{peer['ms']:.1f}"),
        ):
            print(
                f"| {minutes} min, {mode} | {name} | {found['ms']:.1f} | {alone} | {found['outside']:.2%} "
                f"| {found['wrong']:.2%} | {found['area_km2']:.1f} |"
            )
        error = [found["outside"] + found["wrong"] for found in (mine, peer)]
        fast, alone = peer["ms"] / mine["ms"], peer["ms"] / mine["alone"]
        print(f"\n{mode}: {fast:.1f} times Valhalla's speed in one call, {alone:.1f} one by one;")
        print(f"{error[0] / error[1]:.2f} of its error; first call, nothing painted yet, {mine['first_s']:.1f} s\n")


if __name__ == "__main__":
    main()
