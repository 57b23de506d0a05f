"""Pairs whose time is far from Valhalla's, one by one, each with the class of its cause.

python tests/benchmarks/network_outliers.py --valhalla ENV

Far: a ratio outside 0.8–1.25 (0.95–1.05 on foot) against Valhalla's least time. The cause is looked for in both
paths: streets that only one may use, and where Valhalla loses time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from network import DATA, NEUTRAL, build_tiles, measured, our_times, random_pairs, tile_builder, valhalla_times

from carto_sante.network import read_osm, speed_table, to_networkx
from carto_sante.network.extract import WAY_KEYS
from carto_sante.network.pbf import read_pbf
from carto_sante.network.tags import way_rule

COSTINGS = {"drive": "auto", "bike": "bicycle", "walk": "pedestrian"}


def detailed(valhalla: Path, config: Path, network: Any, pairs: Any, mode: str) -> list[Any]:
    """Valhalla's paths for pairs, edge by edge."""
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(network.crs, "EPSG:4326", always_xy=True).transform(
        network.node_x_m, network.node_y_m
    )
    request = {"config": str(config), "costing": COSTINGS[mode], "options": NEUTRAL[mode], "details": True,
               "pairs": [[lon[a], lat[a], lon[b], lat[b]] for a, b in pairs]}  # fmt: skip
    answer = config.with_suffix(".details")
    subprocess.run([str(valhalla / "bin/python"), str(Path(__file__).with_name("valhalla_times.py")), str(answer)],
                   input=json.dumps(request), text=True, check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    return json.loads(answer.read_text(encoding="utf-8"))


def our_ways(graph: Any, network: Any, pair: tuple[int, int]) -> set[int]:
    """OSM ways of our path (the first of each segment)."""
    import networkx as nx

    copies = np.flatnonzero(network.node_osm_id == network.node_osm_id[pair[1]]).tolist()
    lengths, paths = nx.single_source_dijkstra(graph, pair[0], weight="travel_time")
    path = paths[min((copy for copy in copies if copy in lengths), key=lengths.get)]
    ways = set()
    for a, b in itertools.pairwise(path):
        best = min(graph[a][b].values(), key=lambda data: data["travel_time"])
        ways.add(int(network.segment_osm_id[best["segment"]]))
    return ways


def cause(mode: str, ours: set[int], theirs: list[dict[str, Any]], tags: dict[int, dict[str, str]]) -> str:
    """Name the class of a gap."""
    table = speed_table(mode)
    their_ways = {edge["way_id"] for edge in theirs}
    for way in their_ways:
        if way_rule(tags.get(way, {}), table).set_aside == "private":
            return "Valhalla crosses a private way, ours does not"
    mine = [tags.get(way, {}) for way in ours - their_ways]
    if mode == "bike" and any(item.get("highway") == "steps" for item in (tags.get(w, {}) for w in their_ways)):
        return "Valhalla carries the bike up steps, ours does not"
    if any("destination" in {item.get(key) for key in ("access", "vehicle", "motor_vehicle")} for item in mine):
        return "ours crosses a street open to those who stop in it (destination), Valhalla does not"
    if mode == "bike" and any(item.get("highway") == "pedestrian" for item in mine):
        return "ours rides a pedestrian street at walking pace (Code de la route R431-9), Valhalla does not"
    if mode == "bike" and any(edge.get("surface") in {"path", "gravel"} for edge in theirs):
        return "path without a surface: 5 km/h in Valhalla, 12.4 km/h in ours"
    if any(edge.get("end_node", {}).get("transition_time", 0) > 20 for edge in theirs):
        return "Valhalla counts a half-turn (20 s and more), gate or toll at a node"
    if any(item.get("area") == "yes" for item in mine):
        return "ours follows the rim of a square, Valhalla does not"
    if mode == "drive":
        return "turns and speeds: the two paths differ by several streets"
    return "other"


def main() -> None:
    """Print the table of outliers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--valhalla", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for city in ("porto_2020", "monaco_2016"):
            pbf = DATA / f"{city}.osm.pbf"
            config = build_tiles(arguments.valhalla, pbf, Path(name))
            measured([tile_builder(arguments.valhalla), "-c", str(config), str(pbf)])
            extract = read_pbf(pbf)
            tags = {
                way: extract.tags_of(row, WAY_KEYS)
                for way, row in zip(extract.way_id.tolist(), extract.way_tags, strict=True)
            }
            for mode in ("drive", "bike", "walk"):
                network = read_osm(pbf, mode=mode)
                pairs = random_pairs(network, mode, count=500, seed=arguments.seed)
                ours = our_times(network, pairs)
                theirs = valhalla_times(arguments.valhalla, config, network, pairs, mode, NEUTRAL[mode])
                low, high = (0.95, 1.05) if mode == "walk" else (0.8, 1.25)
                ratio = ours / theirs
                far = np.flatnonzero((theirs > 60) & ((ratio < low) | (ratio > high)))
                graph, found = to_networkx(network), Counter()
                details = (
                    detailed(arguments.valhalla, config, network, [pairs[k] for k in far], mode) if len(far) else []
                )
                for place, detail in sorted(zip(far.tolist(), details, strict=True), key=lambda item: ratio[item[0]]):
                    why = cause(mode, our_ways(graph, network, pairs[place]), detail.get("edges") or [], tags)
                    start, end = (int(network.node_osm_id[node]) for node in pairs[place])
                    print(f"{city} {mode} node {start} to {end}: {ours[place]:.0f} s / {theirs[place]:.0f} s = "
                          f"{ratio[place]:.2f}: {why}")  # fmt: skip
                    found[why] += 1
                print(f"== {city} {mode}: {dict(found)}", flush=True)


if __name__ == "__main__":
    main()
