"""Times between nodes of a `RoadNetwork` by networkx: the test's own search, so that it leans on no other package."""

from __future__ import annotations

import networkx as nx

from carto_sante.network import RoadNetwork, to_networkx


def times_from(network: RoadNetwork, osm_id: int) -> dict[int, float]:
    """Seconds from an OSM node to every OSM node reached (the best of its copies)."""
    graph = to_networkx(network)
    source = next(node for node, data in graph.nodes(data=True) if data["osmid"] == osm_id)
    best: dict[int, float] = {}
    for node, seconds in nx.single_source_dijkstra_path_length(graph, source, weight="travel_time").items():
        key = graph.nodes[node]["osmid"]
        best[key] = min(best.get(key, seconds), seconds)
    return best
