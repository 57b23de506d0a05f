"""Travel times against networkx, igraph, pandana and scipy, in one run.

``python -m tests.benchmarks.travel_times [PART ...]`` from the repository's root, with the real data beside it
(``CARTO_SANTE_REAL_DATA``); parts: porto, newyork, matrix, table. The figures of the last run are in ``travel.md``.
"""

from __future__ import annotations

import gzip
import os
import resource
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from carto_sante import travel
from carto_sante.network import read_osm
from carto_sante.travel.index import search_index
from carto_sante.travel.reach import reach_nodes
from tests.toy_network import from_arcs, random_network

DATA = Path(os.environ.get("CARTO_SANTE_REAL_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
#: DIMACS times are tenths of metres over 0 to 1 (best speed): 0.0036 s each when the best speed is 100 km/h.
NEW_YORK_UNIT_S = 0.0036


def new_york(copies=1):
    """Return the DIMACS graph of New York, or several copies side by side joined by one street."""
    folder = DATA / "networks"
    with gzip.open(folder / "USA-road-t.NY.gr.gz", "rt") as lines:
        arcs = np.array([line.split()[1:] for line in lines if line.startswith("a")], dtype=np.int64)
    with gzip.open(folder / "USA-road-d.NY.co.gz", "rt") as lines:
        places = np.array([line.split()[2:] for line in lines if line.startswith("v")], dtype=float)
    x = 700_000 + (places[:, 0] - places[:, 0].min()) / 1e6 * 84_000
    y = 6_600_000 + (places[:, 1] - places[:, 1].min()) / 1e6 * 111_000
    count, width = len(x), np.ptp(x) + 1_000
    source = np.concatenate([arcs[:, 0] - 1 + k * count for k in range(copies)])
    target = np.concatenate([arcs[:, 1] - 1 + k * count for k in range(copies)])
    seconds = np.tile(arcs[:, 2] * NEW_YORK_UNIT_S, copies)
    all_x = np.concatenate([x + k * width for k in range(copies)])
    for k in range(copies - 1):
        ends = [int(np.argmax(x)) + k * count, int(np.argmin(x)) + (k + 1) * count]
        source, target = np.append(source, ends), np.append(target, ends[::-1])
        seconds = np.append(seconds, [3_600.0, 3_600.0])
    return from_arcs(all_x, np.tile(y, copies), source, target, seconds)


def matrix_of(network):
    cost = network.edge_running_s + network.edge_delay_s
    # Parallel streets: scipy adds duplicates up, so the shortest of each pair only.
    key = network.edge_source.astype(np.int64) * network.node_count + network.edge_target
    order = np.lexsort((cost, key))
    first = order[np.unique(key[order], return_index=True)[1]]
    shape = (network.node_count, network.node_count)
    return csr_matrix((cost[first], (network.edge_source[first], network.edge_target[first])), shape=shape)


def all_vertices(network):
    """Return the graph with a node at every vertex of every street, as scipy takes it, and where the junctions are."""
    size = np.diff(network.segment_offset)
    inner = np.maximum(size - 2, 0)
    first_inner = network.node_count + np.cumsum(inner) - inner
    source, target, cost = [], [], []
    step = np.hypot(np.diff(network.vertex_x_m), np.diff(network.vertex_y_m))
    for edge in range(network.edge_count):
        k = network.edge_segment[edge]
        low = network.segment_offset[k]
        chain = np.arange(first_inner[k], first_inner[k] + inner[k])
        lengths = step[low : low + size[k] - 1]
        if not network.edge_is_forward[edge]:
            chain, lengths = chain[::-1], lengths[::-1]
        nodes = np.concatenate([[network.edge_source[edge]], chain, [network.edge_target[edge]]])
        seconds = lengths / max(lengths.sum(), 1e-9) * network.edge_running_s[edge]
        seconds[-1] += network.edge_delay_s[edge]
        source.append(nodes[:-1])
        target.append(nodes[1:])
        cost.append(np.maximum(seconds, 1e-9))
    count = network.node_count + int(inner.sum())
    source, target, cost = map(np.concatenate, (source, target, cost))
    key = source.astype(np.int64) * count + target
    order = np.lexsort((cost, key))
    first = order[np.unique(key[order], return_index=True)[1]]
    return csr_matrix((cost[first], (source[first], target[first])), shape=(count, count))


def each_ms(function, items):
    # Processor time: every engine runs on one core here, and the machine may be shared.
    function(items[0])
    start = time.process_time()
    for item in items:
        function(item)
    return (time.process_time() - start) / len(items) * 1e3


def ours(network, limit_s):
    index = search_index(network)
    zero = np.zeros(1)
    return lambda node: reach_nodes(index, np.array([node], np.int32), zero, limit_s=limit_s, is_outward=True)


def check(network, matrix, node, limit_s):
    found, seconds = ours(network, limit_s)(node)
    expected = dijkstra(matrix, indices=node, limit=limit_s)
    if len(found) != np.isfinite(expected).sum() or np.abs(expected[found] - seconds).max() > 1e-6:
        raise SystemExit("results differ")


@contextmanager
def clock():
    """Yield a list that holds, afterwards, elapsed and processor seconds."""
    found = []
    start = time.perf_counter(), time.process_time()
    yield found
    found += [time.perf_counter() - start[0], time.process_time() - start[1]]


def new_toy():
    """Return a small network and points enough for every kernel of a table to be compiled."""
    network = random_network(1, nodes=30, streets=60)
    nodes = np.random.default_rng(1).integers(0, 30, 250)
    return network, points_at(network, nodes, "origin_id"), points_at(network, nodes, "destination_id")


def row(label, *values):
    print(f"| {label} | " + " | ".join(values) + " |", flush=True)


def porto():
    import igraph
    import networkx as nx
    import pandana

    network = read_osm(DATA / "networks" / "porto_2020.osm.pbf", mode="drive")
    rng = np.random.default_rng(1)
    main = np.flatnonzero(network.node_component == 0)
    nodes = [int(node) for node in rng.choice(main, 60)]
    contracted, every = matrix_of(network), all_vertices(network)
    cost = network.edge_running_s + network.edge_delay_s
    print(f"\nPorto, car: {network.node_count:,} nodes, {every.shape[0]:,} with every vertex; 10 min from 60 sources\n")
    print("| engine | ms per source | times ours |\n|---|---|---|")
    check(network, contracted, nodes[0], 600.0)
    mine = each_ms(ours(network, 600.0), nodes)
    reached = np.mean([len(ours(network, 600.0)(node)[0]) for node in nodes])
    row(f"carto_sante ({reached:,.0f} nodes reached)", f"{mine:.2f}", "1")
    graph = nx.DiGraph()
    pairs = contracted.tocoo()
    graph.add_weighted_edges_from(zip(pairs.row.tolist(), pairs.col.tolist(), pairs.data.tolist(), strict=True))
    light = igraph.Graph(
        n=network.node_count, edges=np.column_stack([network.edge_source, network.edge_target]).tolist(), directed=True
    )
    light.es["s"] = cost.tolist()
    import pandas as pd

    pan = pandana.Network(
        pd.Series(network.node_x_m), pd.Series(network.node_y_m), pd.Series(network.edge_source),
        pd.Series(network.edge_target), pd.DataFrame({"s": cost}), twoway=False,
    )  # fmt: skip
    peers = {
        "scipy, all vertices": lambda node: dijkstra(every, indices=node, limit=600.0),
        "scipy, same contracted graph": lambda node: dijkstra(contracted, indices=node, limit=600.0),
        "pandana": lambda node: pan.nodes_in_range([node], 600.0),
        "igraph (no limit)": lambda node: light.distances(node, weights="s"),
        "networkx": lambda node: nx.single_source_dijkstra_path_length(graph, node, cutoff=600.0, weight="weight"),
    }
    for name, function in peers.items():
        took = each_ms(function, nodes[: 20 if name in ("networkx", "igraph (no limit)") else 60])
        row(name, f"{took:.2f}", f"{took / mine:.1f}")


def newyork():
    print("\nNew York and four of it side by side, 10 min from 60 sources, the same ones\n")
    print("| graph | nodes reached | carto_sante, ms | scipy, ms | times ours |\n|---|---|---|---|---|")
    nodes = [int(node) for node in np.random.default_rng(2).integers(0, 264_346, 60)]
    for copies in (1, 4):
        network = new_york(copies)
        matrix = matrix_of(network)
        check(network, matrix, nodes[0], 600.0)
        mine = each_ms(ours(network, 600.0), nodes)
        reached = np.mean([len(ours(network, 600.0)(node)[0]) for node in nodes])
        peer = each_ms(lambda node, matrix=matrix: dijkstra(matrix, indices=node, limit=600.0), nodes)
        row(f"{network.node_count:,} nodes", f"{reached:,.0f}", f"{mine:.2f}", f"{peer:.2f}", f"{peer / mine:.1f}")


def points_at(network, nodes, column):
    frame = gpd.points_from_xy(network.node_x_m[nodes], network.node_y_m[nodes])
    return gpd.GeoDataFrame({column: [f"{column[0]}{i}" for i in range(len(nodes))]}, geometry=frame, crs=network.crs)


def matrix():
    import pandana
    import pandas as pd

    network = read_osm(DATA / "networks" / "porto_2020.osm.pbf", mode="drive")
    rng = np.random.default_rng(3)
    main = np.flatnonzero(network.node_component == 0)
    one, other = rng.choice(main, 1_000, replace=False), rng.choice(main, 1_000, replace=False)
    cost = network.edge_running_s + network.edge_delay_s
    with clock() as pan_build:
        pan = pandana.Network(
            pd.Series(network.node_x_m), pd.Series(network.node_y_m), pd.Series(network.edge_source),
            pd.Series(network.edge_target), pd.DataFrame({"s": cost}), twoway=False,
        )  # fmt: skip
    with clock() as pan_run:
        theirs = pan.shortest_path_lengths(np.repeat(one, 1_000), np.tile(other, 1_000))
    origins, destinations = points_at(network, one, "origin_id"), points_at(network, other, "destination_id")
    warm = new_toy()
    travel.compute_travel_times(*warm, limit_min=None)
    with clock() as build:
        search_index(network).hierarchy  # noqa: B018
        search_index(network).streets  # noqa: B018
    with clock() as run:
        table = travel.compute_travel_times(network, origins, destinations, limit_min=None)
    gap = (
        np.abs(np.array(theirs) - table.travel_time_min.to_numpy() * 60) if len(table) == 10**6 else np.array([np.nan])
    )
    print("\nPorto, car: 1,000 x 1,000 without limit, table of ids included; elapsed seconds (processor seconds)\n")
    print("| engine | preparation | times | pairs per second | times pandana (processor) |\n|---|---|---|---|---|")
    for name, prepared, ran in (("carto_sante", build, run), ("pandana", pan_build, pan_run)):
        row(
            name, "{:.2f} ({:.2f})".format(*prepared), "{:.2f} ({:.2f})".format(*ran), f"{1e6 / ran[0]:,.0f}",
            f"{pan_run[0] / ran[0]:.1f} ({pan_run[1] / ran[1]:.1f})",
        )  # fmt: skip
    # A point on a junction arrives without the delay of that junction, a node of pandana with it.
    print(f"\n{len(table):,} rows; gap to pandana: {np.nanmax(gap):.3f} s at most, {np.nanmedian(gap):.3f} s median")


def table():
    network = new_york()
    rng = np.random.default_rng(4)
    origins = points_at(network, rng.integers(0, network.node_count, 10_000), "origin_id")
    destinations = points_at(network, rng.integers(0, network.node_count, 2_000), "destination_id")
    search_index(network).streets  # noqa: B018
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    with clock() as took:
        found = travel.compute_travel_times(network, origins, destinations, limit_min=20)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print("\nNew York: within 20 min from 10,000 origins to 2,000 sites\n")
    print("| rows | elapsed seconds (processor) | peak memory, GB (network loaded: before) |\n|---|---|---|")
    row(f"{len(found):,}", "{:.1f} ({:.1f})".format(*took), f"{peak:.2f} ({before:.2f})")


if __name__ == "__main__":
    parts = {"porto": porto, "newyork": newyork, "matrix": matrix, "table": table}
    for part in sys.argv[1:] or parts:
        parts[part]()
