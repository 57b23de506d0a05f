"""Travel times the slow way: every point becomes a node of a networkx graph, every street is measured by shapely."""

from __future__ import annotations

import networkx as nx
import numpy as np
import shapely


def lines_of(network):
    """Return the drawn line of every segment."""
    return [
        shapely.LineString(
            np.column_stack(
                [
                    network.vertex_x_m[network.segment_offset[k] : network.segment_offset[k + 1]],
                    network.vertex_y_m[network.segment_offset[k] : network.segment_offset[k + 1]],
                ]
            )
        )
        for k in range(network.segment_count)
    ]


def snap(network, point):
    """Return (segment, position, distance) of the nearest street, the first one when several are as near."""
    lines = lines_of(network)
    distances = [line.distance(point) for line in lines]
    k = int(np.argmin(distances))
    position = lines[k].project(point, normalized=True) if lines[k].length else 0.0
    if min(position, 1 - position) < 1e-9:
        position = round(position)
    return k, position, distances[k]


def travel_time_s(network, snap_from, snap_to, *, access_ms=4.5 / 3.6):
    """Return the seconds from one snapped point to another, infinite when there is no way."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(network.node_count))
    graph.add_nodes_from(["from", "to"])
    for e in range(network.edge_count):
        u, v = int(network.edge_source[e]), int(network.edge_target[e])
        running, delay = float(network.edge_running_s[e]), float(network.edge_delay_s[e])
        graph.add_edge(u, v, s=running + delay)
        done = {}
        for name, (segment, position, _) in (("from", snap_from), ("to", snap_to)):
            if segment == network.edge_segment[e]:
                done[name] = position if network.edge_is_forward[e] else 1 - position
        if "from" in done:
            graph.add_edge("from", v, s=(1 - done["from"]) * running + delay)
        if "to" in done:
            graph.add_edge(u, "to", s=done["to"] * running)
        for name, share in done.items():
            if share in (0, 1):  # on a junction, every street that meets there can be taken
                graph.add_edge(u if share == 0 else v, name, s=0.0)
                graph.add_edge(name, u if share == 0 else v, s=0.0)
        if len(done) == 2 and done["from"] <= done["to"]:
            graph.add_edge("from", "to", s=(done["to"] - done["from"]) * running)
    try:
        seconds = nx.dijkstra_path_length(graph, "from", "to", weight="s")
    except nx.NetworkXNoPath:
        return float("inf")
    return seconds + (snap_from[2] + snap_to[2]) / access_ms
