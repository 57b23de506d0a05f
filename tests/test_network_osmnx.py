"""To and from OSMnx: the same times as from the file, and graphs that come back."""

from __future__ import annotations

import bz2

import networkx as nx
import numpy as np
import osmnx as ox
import pytest

from carto_sante.errors import CRSError, FileFormatError, InputError, NoResultError, SourceError
from carto_sante.network import from_graphml, from_osmnx, from_place, read_osm, to_networkx, to_osmnx
from carto_sante.network.osmnx_bridge import USEFUL_NODE_TAGS, USEFUL_WAY_TAGS
from tests.network_times import times_from
from tests.osm_toys import osm_xml, write_osm

STREET = {"highway": "residential"}
NODES = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (2, 0)}
WAYS = [(7, [1, 2], STREET), (8, [2, 3, 4], STREET | {"oneway": "yes", "maxspeed": "20"}), (9, [2, 5], STREET)]


@pytest.fixture
def useful_tags(monkeypatch):
    monkeypatch.setattr(ox.settings, "useful_tags_way", list(USEFUL_WAY_TAGS))
    monkeypatch.setattr(ox.settings, "useful_tags_node", list(USEFUL_NODE_TAGS))


def osmnx_graph(path, *, simplify=False):
    return ox.graph_from_xml(path, simplify=simplify, retain_all=True)


@pytest.mark.parametrize("mode", ["walk", "bike", "drive"])
@pytest.mark.parametrize("simplify", [False, True])
def test_toy_gives_the_same_times(tmp_path, useful_tags, mode, simplify):
    path = write_osm(tmp_path, osm_xml(NODES, WAYS))
    ours, theirs = read_osm(path, mode=mode), from_osmnx(osmnx_graph(path, simplify=simplify), mode=mode)
    for source in (1, 4, 5):
        one, two = times_from(ours, source), times_from(theirs, source)
        common = set(one) & set(two)
        assert {1, 5} <= common or source == 4
        assert {node: one[node] for node in common} == pytest.approx({node: two[node] for node in common})


@pytest.mark.real
@pytest.mark.parametrize("mode", ["walk", "bike", "drive"])
def test_bondy_gives_the_same_times(real_data, useful_tags, mode):
    """All pairs of nodes, to a nanosecond."""
    path = real_data / "bondy/bondy_nord.osm"
    ours, theirs = read_osm(path, mode=mode), from_osmnx(osmnx_graph(path), mode=mode)
    assert sorted(ours.node_osm_id) == sorted(theirs.node_osm_id)
    for source in np.unique(ours.node_osm_id)[::5]:
        assert times_from(ours, source) == pytest.approx(times_from(theirs, source), rel=1e-9, abs=1e-9)


@pytest.mark.real
@pytest.mark.parametrize("mode", ["drive", "bike"])
def test_nantes_round_trip(real_data, mode):
    """OSMnx to ours to OSMnx: same nodes, same edges, same lengths, except streets the rules set aside."""
    raw = bz2.decompress((real_data / f"nantes/osmnx_{mode}_2021.graphml.bz2").read_bytes()).decode()
    before = ox.load_graphml(graphml_str=raw)
    network = from_osmnx(before, mode=mode)
    after = to_osmnx(network)
    assert set(after) <= set(before)
    kept = len(after.edges) / len(before.edges)
    assert kept > 0.98
    pairs_before = {(u, v) for u, v, _ in before.edges}
    new = {(u, v) for u, v, _ in after.edges} - pairs_before
    assert len(new) / len(pairs_before) < (0.001 if mode == "drive" else 0.02)  # contraflow for bikes
    for node, data in after.nodes(data=True):
        assert data["x"] == pytest.approx(before.nodes[node]["x"], abs=1.1e-7)
        assert data["y"] == pytest.approx(before.nodes[node]["y"], abs=1.1e-7)
    total = {key: sum(nx.get_edge_attributes(graph, "length").values()) for key, graph in
             (("before", before), ("after", after))}  # fmt: skip
    assert total["after"] / total["before"] == pytest.approx(kept, abs=0.02)
    again = from_own_times(after)
    for source in list(after)[:1]:
        assert again(source) == pytest.approx(times_from(network, source), rel=1e-6)


def from_own_times(graph):
    """Times on the exported graph, by its ``travel_time``."""
    return lambda source: nx.single_source_dijkstra_path_length(graph, source, weight="travel_time")


@pytest.mark.real
def test_graphml_file(real_data):
    path = real_data / "nantes/osmnx_drive_2021.graphml.bz2"
    network = from_graphml(path, mode="drive")
    assert network.largest_component_share > 0.98
    assert network.crs.to_epsg() == 2154
    assert network.notes["edges_with_several_values"] > 0


def test_turn_restrictions_are_whole_again_in_osmnx(tmp_path):
    nodes = NODES | {6: (1, -1)}
    ways = [(7, [1, 2], STREET), (8, [2, 3], STREET), (9, [2, 5], STREET), (10, [6, 2], STREET)]
    path = write_osm(tmp_path, osm_xml(nodes, ways, restrictions=[("no_left_turn", 7, 2, 8)]))
    network = read_osm(path, mode="drive")
    assert len(to_networkx(network)) == 6  # junction 2 and its copy
    graph = to_osmnx(network)
    assert (len(graph), len(graph.edges)) == (5, 8)
    assert graph.edges[1, 2, 0]["travel_time"] == pytest.approx(network.edge_running_s[0] + network.edge_delay_s[0])


def test_barrier_stays_closed_in_osmnx(tmp_path):
    path = write_osm(tmp_path, osm_xml(NODES, [(7, [1, 2, 5], STREET)], node_tags={2: {"barrier": "bollard"}}))
    graph = to_osmnx(read_osm(path, mode="drive"))
    assert not nx.has_path(graph, 1, 5)


def test_projected_graph(tmp_path, useful_tags):
    path = write_osm(tmp_path, osm_xml(NODES, WAYS))
    graph = ox.project_graph(osmnx_graph(path), to_crs="EPSG:3948")
    network = from_osmnx(graph, mode="drive")
    assert network.crs.to_epsg() == 3948
    assert times_from(network, 1)[4] == pytest.approx(times_from(read_osm(path, mode="drive"), 1)[4], rel=1e-3)


def test_bad_graphs(tmp_path):
    empty = nx.MultiDiGraph(crs="EPSG:4326")
    with pytest.raises(NoResultError, match="has no node"):
        from_osmnx(empty, mode="walk")
    bare = nx.MultiDiGraph()
    bare.add_edge(1, 2)
    with pytest.raises(CRSError, match="has no CRS"):
        from_osmnx(bare, mode="walk")
    bare.graph["crs"] = "EPSG:4326"
    with pytest.raises(InputError, match="2 nodes of the graph have no x or y"):
        from_osmnx(bare, mode="walk")
    path = tmp_path / "a.graphml"
    path.write_text("<graphml>")
    with pytest.raises(FileFormatError, match="cannot be read as GraphML"):
        from_graphml(path, mode="walk")


def test_place_by_name(tmp_path, monkeypatch, useful_tags):
    """Overpass is asked for every highway with the tags that the rules need; OSMnx's settings come back."""
    graph = osmnx_graph(write_osm(tmp_path, osm_xml(NODES, WAYS)))
    before, asked = list(ox.settings.useful_tags_way), {}

    def fake(place, **options):
        asked.update(options, place=place, tags=set(ox.settings.useful_tags_way))
        return graph

    monkeypatch.setattr(ox, "graph_from_place", fake)
    assert from_place("Rennes, France", mode="drive").edge_count > 0
    assert asked["place"] == "Rennes, France"
    assert asked["simplify"] is False
    assert "oneway:bicycle" in asked["tags"]
    assert list(ox.settings.useful_tags_way) == before


def test_place_without_connection(monkeypatch):
    import requests

    def broken(place, **options):
        raise requests.ConnectionError("no route to host")

    monkeypatch.setattr(ox, "graph_from_place", broken)
    with pytest.raises(SourceError, match="could not be fetched from Overpass: no route to host"):
        from_place("Rennes, France", mode="drive")
