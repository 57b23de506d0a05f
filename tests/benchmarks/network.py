"""Benchmarks of `carto_sante.network`; figures of the last run in network.md.

    python tests/benchmarks/network.py speed --valhalla ENV   # PBF to network, peers in the same run
    python tests/benchmarks/network.py times --valhalla ENV   # times against Valhalla, Porto and Monaco
    python tests/benchmarks/network.py large --tiles 100      # a regional extract made by tiling Porto

ENV is a Python 3.12 environment with pyvalhalla 3.9.1. The data are found as in the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CARTO_SANTE_REAL_DATA", ROOT.parent / "shared" / "data")) / "networks"
COSTINGS = {"drive": "auto", "bike": "bicycle", "walk": "pedestrian"}
# Longest straight line of a pair, in metres: nobody walks across a metropolis.
LONGEST_M = {"drive": np.inf, "bike": 12_000.0, "walk": 6_000.0}
# What makes Valhalla prefer one street to another beyond its time, put out of the way.
NEUTRAL: dict[str, dict[str, Any]] = {
    "walk": {"step_penalty": 0, "elevator_penalty": 0, "alley_factor": 1, "driveway_factor": 1, "walkway_factor": 1,
             "sidewalk_factor": 1, "use_living_streets": 0.5, "use_tracks": 0.5, "service_penalty": 0,
             "service_factor": 1, "maneuver_penalty": 0, "destination_only_penalty": 0, "private_access_penalty": 0,
             "gate_penalty": 0},
    "bike": {"use_roads": 1, "use_hills": 1, "maneuver_penalty": 0, "service_penalty": 0, "service_factor": 1,
             "destination_only_penalty": 0, "private_access_penalty": 0, "gate_penalty": 0, "alley_penalty": 0,
             "use_living_streets": 0.5, "avoid_bad_surfaces": 0},
    "drive": {"maneuver_penalty": 0, "service_penalty": 0, "service_factor": 1, "alley_factor": 1,
              "destination_only_penalty": 0, "private_access_penalty": 0, "gate_penalty": 0, "use_highways": 0.5,
              "use_tolls": 0.5, "toll_booth_penalty": 0},
}  # fmt: skip


def measured(command: list[str], **options: Any) -> tuple[str, str]:
    """Run a command; return a sentence on its times and peak memory, and its standard output.

    Processor time says more than wall time on a machine that is shared.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, **options)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode:
        raise SystemExit(f"{command[0]} failed with {process.returncode}:\n{text[-2000:]}")
    spent = usage.ru_utime + usage.ru_stime
    return f"wall {wall:.2f} s, processor {spent:.2f} s, peak {usage.ru_maxrss / 1024:.0f} MB", text


OURS = """
import sys, time
from carto_sante.network import read_osm, save_network, load_network
seconds = []
for _ in range(int(sys.argv[3])):
    started = time.perf_counter(); network = read_osm(sys.argv[1], mode=sys.argv[2])
    seconds.append(time.perf_counter() - started)
started = time.perf_counter(); save_network(network, sys.argv[4]); saved = time.perf_counter() - started
started = time.perf_counter(); load_network(sys.argv[4]); loaded = time.perf_counter() - started
print(*[f"{s:.3f}" for s in seconds], f"| nodes {network.node_count} edges {network.edge_count}"
      f" | save {saved:.3f} load {loaded:.3f}")
"""
OSMNX = """
import sys, time, osmnx
started = time.perf_counter()
graph = osmnx.graph_from_xml(sys.argv[1], simplify=True, retain_all=True)
print(f"{time.perf_counter() - started:.1f} nodes {len(graph)} edges {len(graph.edges)}")
"""


def build_tiles(valhalla: Path, pbf: Path, folder: Path) -> Path:
    """Write Valhalla's configuration for a file; return its path."""
    config = folder / f"{pbf.stem}.json"
    command = [str(valhalla / "bin/python"), str(valhalla / "bin/valhalla_build_config"), "--mjolnir-tile-dir",
               str(folder / f"{pbf.stem}_tiles"), "--mjolnir-concurrency", "2"]  # fmt: skip
    config.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout, encoding="utf-8")
    return config


def tile_builder(valhalla: Path) -> str:
    """Return the path of valhalla_build_tiles itself, without its Python wrapper."""
    return str(next((valhalla / "lib").glob("python3*/site-packages/valhalla/bin/valhalla_build_tiles")))


def speed(arguments: argparse.Namespace) -> None:
    """PBF to searchable network: whole processes, peers in turn, several rounds."""
    pbf = DATA / "porto_2020.osm.pbf"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = build_tiles(arguments.valhalla, pbf, folder)
        saved = str(folder / "n.network")
        for mode in ("drive", "walk", "bike"):  # numba compiles once for all, into its cache
            measured([sys.executable, "-c", OURS, str(pbf), mode, "1", saved], cwd=ROOT)
        for round_number in range(arguments.rounds):
            cost, _ = measured([tile_builder(arguments.valhalla), "-c", str(config), str(pbf)])
            print(f"round {round_number} | Valhalla's tiles | {cost}", flush=True)
            for mode in ("drive", "walk", "bike"):
                cost, _ = measured([sys.executable, "-c", OURS, str(pbf), mode, "1", saved], cwd=ROOT)
                _, text = measured([sys.executable, "-c", OURS, str(pbf), mode, "3", saved], cwd=ROOT)
                print(f"round {round_number} | ours, {mode} | {cost} | reads in one process {text.strip()}", flush=True)
        if arguments.osmnx:
            xml = folder / "porto.osm"
            subprocess.run(["osmium", "cat", str(pbf), "-o", str(xml)], check=True)
            cost, text = measured([sys.executable, "-c", OSMNX, str(xml)])
            print(f"OSMnx graph_from_xml | {cost} | {text.strip()}", flush=True)
            cold = os.environ | {"NUMBA_CACHE_DIR": str(folder / "numba")}
            cost, text = measured([sys.executable, "-c", OURS, str(pbf), "drive", "1", saved], cwd=ROOT, env=cold)
            print(f"ours, drive, first run ever (numba compiles) | {cost} | {text.strip()}")


def random_pairs(network: Any, mode: str, *, count: int, seed: int) -> list[tuple[int, int]]:
    """Pairs of nodes of the largest component, no farther apart than people go by that mode."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(seed)
    plain = network.node_count - int(network.notes.get("nodes_copied_for_turns", 0))
    nodes = np.flatnonzero(network.node_component[:plain] == 0)
    place = np.column_stack([network.node_x_m, network.node_y_m])[nodes]
    tree, pairs = cKDTree(place), []
    while len(pairs) < count:
        start = int(rng.integers(len(nodes)))
        near = tree.query_ball_point(place[start], LONGEST_M[mode]) if np.isfinite(LONGEST_M[mode]) else nodes
        end = int(near[rng.integers(len(near))]) if np.isfinite(LONGEST_M[mode]) else int(rng.integers(len(nodes)))
        if end != start:
            pairs.append((int(nodes[start]), int(nodes[end])))
    return pairs


def our_times(network: Any, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Least times in seconds between nodes, by scipy; the best copy of the destination counts."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    cost = network.edge_running_s + network.edge_delay_s
    order = np.lexsort((cost, network.edge_target, network.edge_source))
    source, target = network.edge_source[order], network.edge_target[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (source[1:] != source[:-1]) | (target[1:] != target[:-1])
    shape = (network.node_count, network.node_count)
    graph = csr_matrix((cost[order][first], (source[first], target[first])), shape=shape)
    copies: dict[int, list[int]] = {}
    for node, osm_id in enumerate(network.node_osm_id.tolist()):
        copies.setdefault(osm_id, []).append(node)
    return np.array([
        min(dijkstra(graph, indices=start)[copies[int(network.node_osm_id[end])]]) for start, end in pairs
    ])  # fmt: skip


def valhalla_times(
    valhalla: Path, config: Path, network: Any, pairs: list[tuple[int, int]], mode: str, options: dict[str, Any]
) -> np.ndarray:
    """Times of Valhalla in seconds for the same pairs; NaN where it finds no route."""
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(network.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(network.node_x_m, network.node_y_m)
    request = {"config": str(config), "costing": COSTINGS[mode], "options": options, "details": False,
               "pairs": [[lon[a], lat[a], lon[b], lat[b]] for a, b in pairs]}  # fmt: skip
    answer = config.with_suffix(".answer")
    subprocess.run([str(valhalla / "bin/python"), str(Path(__file__).with_name("valhalla_times.py")), str(answer)],
                   input=json.dumps(request), text=True, check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    found = json.loads(answer.read_text(encoding="utf-8"))
    return np.array([np.nan if item is None else item["time"] for item in found])


def times(arguments: argparse.Namespace) -> None:
    """Bias and spread of our times over Valhalla's."""
    from carto_sante.network import read_osm

    print("| city | mode | Valhalla's preferences | pairs | median | 10 % | 90 % | 1 % | 99 % | outside 0.8–1.25 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for city in ("porto_2020", "monaco_2016"):
            pbf = DATA / f"{city}.osm.pbf"
            config = build_tiles(arguments.valhalla, pbf, Path(name))
            measured([tile_builder(arguments.valhalla), "-c", str(config), str(pbf)])
            for mode in ("drive", "bike", "walk"):
                network = read_osm(pbf, mode=mode)
                pairs = random_pairs(network, mode, count=500, seed=arguments.seed)
                ours = our_times(network, pairs)
                for label, options in (("its defaults", {}), ("none, least time", NEUTRAL[mode])):
                    theirs = valhalla_times(arguments.valhalla, config, network, pairs, mode, options)
                    known = np.isfinite(ours) & np.isfinite(theirs) & (theirs > 60)
                    ratio = ours[known] / theirs[known]
                    low, high, least, most = np.percentile(ratio, [10, 90, 1, 99])
                    outside = int(np.count_nonzero((ratio < 0.8) | (ratio > 1.25)))
                    print(f"| {city} | {mode} | {label} | {known.sum()} | {np.median(ratio):.3f} | {low:.3f} | "
                          f"{high:.3f} | {least:.3f} | {most:.3f} | {outside} |", flush=True)  # fmt: skip


def large(arguments: argparse.Namespace) -> None:
    """Read a large file, made by repeating Porto with its identifiers and places shifted, never kept."""
    from tile_pbf import write_tiled

    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        path = arguments.file or Path(name) / "large.osm.pbf"
        if not path.exists():
            write_tiled(DATA / "porto_2020.osm.pbf", path, tiles=arguments.tiles)
        print(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB", flush=True)
        saved = str(Path(name) / "n.network")
        for mode in ("drive", "walk"):
            cost, text = measured([sys.executable, "-c", OURS, str(path), mode, "1", saved], cwd=ROOT)
            print(f"{mode} | {cost} | {text.strip()}", flush=True)


def main() -> None:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "times", "large"])
    parser.add_argument("--valhalla", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--osmnx", action="store_true", help="also OSMnx (a minute) and a cold start")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiles", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the large file is made, then removed")
    parser.add_argument("--file", type=Path, help="a large file made before, or to make and keep")
    arguments = parser.parse_args()
    {"speed": speed, "times": times, "large": large}[arguments.what](arguments)


if __name__ == "__main__":
    main()
