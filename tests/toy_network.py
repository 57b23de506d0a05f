"""Road networks drawn by hand, for tests and benchmarks: no OSM needed.

`make_network` takes junctions and streets; `from_arcs` takes arrays of directed arcs (DIMACS graphs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj import CRS
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from carto_sante.network.model import RoadNetwork


@dataclass(frozen=True)
class Street:
    """From one junction to another, by way of vertices; metres per second both ways unless one-way."""

    start: str
    end: str
    speed_ms: float = 1.0
    via: tuple[tuple[float, float], ...] = ()
    is_oneway: bool = False
    delay_s: float = 0.0
    back_speed_ms: float | None = None


def make_network(junctions, streets, *, mode="walk", crs="EPSG:2154", x0=700_000.0, y0=6_600_000.0):
    """Build a network from junctions (name to x, y) and streets."""
    names = list(junctions)
    number = {name: i for i, name in enumerate(names)}
    x = np.array([junctions[name][0] for name in names], float) + x0
    y = np.array([junctions[name][1] for name in names], float) + y0
    lines, source, target, running, delay, segment, forward = [], [], [], [], [], [], []
    for k, street in enumerate(streets):
        u, v = number[street.start], number[street.end]
        line = np.array([(x[u], y[u]), *[(a + x0, b + y0) for a, b in street.via], (x[v], y[v])])
        lines.append(line)
        length = float(np.hypot(*np.diff(line, axis=0).T).sum())
        ways = [(u, v, street.speed_ms, True)]
        if not street.is_oneway:
            ways.append((v, u, street.back_speed_ms or street.speed_ms, False))
        for a, b, speed, is_forward in ways:
            source.append(a)
            target.append(b)
            running.append(length / speed)
            delay.append(street.delay_s)
            segment.append(k)
            forward.append(is_forward)
    return assemble(
        mode, crs, x, y, source, target, running, delay, segment, forward, lines, notes={"junctions": number}
    )


def from_arcs(x, y, source, target, seconds, *, mode="drive", crs="EPSG:2154"):
    """Build a network of straight streets from directed arcs; two opposite arcs share one segment."""
    source, target = np.asarray(source), np.asarray(target)
    low, high = np.minimum(source, target), np.maximum(source, target)
    _, first, segment = np.unique(low * np.int64(len(x)) + high, return_index=True, return_inverse=True)
    start, end = low[first], high[first]
    count = len(first)
    vertex_x = np.column_stack([x[start], x[end]]).ravel()
    vertex_y = np.column_stack([y[start], y[end]]).ravel()
    return _sorted(
        mode, crs, x, y, source, target, seconds, np.zeros(len(source)), segment, source == low,
        2 * np.arange(count + 1), vertex_x, vertex_y, {},
    )  # fmt: skip


def assemble(mode, crs, x, y, source, target, running, delay, segment, forward, lines, notes):
    offset = np.concatenate([[0], np.cumsum([len(line) for line in lines])])
    vertices = np.vstack(lines)
    return _sorted(
        mode, crs, x, y, source, target, running, delay, segment, forward, offset, vertices[:, 0], vertices[:, 1], notes
    )


def _sorted(mode, crs, x, y, source, target, running, delay, segment, forward, offset, vertex_x, vertex_y, notes):
    source, target = np.asarray(source, np.int32), np.asarray(target, np.int32)
    order = np.argsort(source, kind="stable")
    count = len(x)
    graph = coo_array((np.ones(len(source)), (source, target)), shape=(count, count)).tocsr()
    _, label = connected_components(graph, directed=True, connection="strong")
    rank = np.empty(label.max() + 1, np.int32)
    rank[np.argsort(-np.bincount(label), kind="stable")] = np.arange(label.max() + 1)
    step = np.hypot(np.diff(vertex_x), np.diff(vertex_y))
    step = np.append(step, 0.0)
    step[np.asarray(offset[1:]) - 1] = 0.0
    return RoadNetwork(
        mode=mode,
        crs=CRS.from_user_input(crs),
        node_x_m=np.asarray(x, float),
        node_y_m=np.asarray(y, float),
        node_osm_id=np.arange(1, count + 1, dtype=np.int64),
        node_component=rank[label],
        edge_offset=np.concatenate([[0], np.cumsum(np.bincount(source, minlength=count))]).astype(np.int32),
        edge_source=source[order],
        edge_target=target[order],
        edge_running_s=np.asarray(running, float)[order],
        edge_delay_s=np.asarray(delay, float)[order],
        edge_segment=np.asarray(segment, np.int32)[order],
        edge_is_forward=np.asarray(forward, bool)[order],
        segment_offset=np.asarray(offset, np.int64),
        vertex_x_m=np.asarray(vertex_x, float),
        vertex_y_m=np.asarray(vertex_y, float),
        segment_length_m=np.add.reduceat(step, np.asarray(offset[:-1])),
        segment_osm_id=np.arange(1, len(offset), dtype=np.int64),
        notes=notes,
    )


def random_network(seed, *, nodes=12, streets=20, side_m=600.0, mode="walk"):
    """Build a small random city: crossing streets, one-ways, delays, bends, perhaps islands."""
    rng = np.random.default_rng(seed)
    junctions = {f"n{i}": tuple(rng.uniform(0, side_m, 2)) for i in range(nodes)}
    drawn, straight = [], set()
    for _ in range(streets):
        a, b = rng.integers(0, nodes, 2)
        via = tuple(tuple(rng.uniform(0, side_m, 2)) for _ in range(rng.integers(0, 3)))
        if a == b and len(via) < 2:  # out and back on the same line: two positions for one place
            continue
        if not via and frozenset((a, b)) in straight:  # two streets on one line: either may be the nearest
            continue
        if not via:
            straight.add(frozenset((a, b)))
        drawn.append(
            Street(
                f"n{a}", f"n{b}", float(rng.uniform(0.8, 8)), via, bool(rng.random() < 0.3),
                float(rng.choice([0.0, 5.0])), float(rng.uniform(0.8, 8)),
            )
        )  # fmt: skip
    if not drawn:
        drawn = [Street("n0", "n1")]
    return make_network(junctions, drawn, mode=mode)
