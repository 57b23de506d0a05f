"""Travel times of Porto and Nantes equal networkx."""

from __future__ import annotations

import bz2

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest

from carto_sante import travel
from carto_sante.network import from_graphml, read_osm


def equal_networkx(network, seed):
    rng = np.random.default_rng(seed)
    chosen = rng.choice(network.node_count, 40, replace=False)
    places = gpd.GeoDataFrame(
        {"point_id": [str(node) for node in chosen]},
        geometry=gpd.points_from_xy(network.node_x_m[chosen], network.node_y_m[chosen]),
        crs=network.crs,
    )
    reach = travel.compute_reach(network, places, limit_min=None, direction="outbound", site_column="point_id")
    graph = nx.DiGraph()
    cost = network.edge_running_s + network.edge_delay_s
    for source, target, seconds in zip(network.edge_source, network.edge_target, cost, strict=True):
        known = graph.get_edge_data(source, target)
        if known is None or known["s"] > seconds:
            graph.add_edge(int(source), int(target), s=float(seconds))
    snaps = travel.snap_points(network, places)
    checked = 0
    for node in chosen[:12]:
        mine = reach[reach.site_id == str(node)].set_index("node").travel_time_min
        if snaps.snap_distance_m[list(chosen).index(node)] > 0 or int(node) not in graph:
            continue
        twins = np.flatnonzero(network.node_osm_id == network.node_osm_id[node])
        if len(twins) > 1:  # split by a turn restriction: the point stands on all of them
            continue
        expected = nx.single_source_dijkstra_path_length(graph, int(node), weight="s")
        assert set(expected) == set(mine.index)
        np.testing.assert_allclose(mine.loc[list(expected)] * 60, list(expected.values()), atol=1e-6)
        checked += len(expected)
    assert checked > 10_000


@pytest.mark.real
@pytest.mark.parametrize("mode", ["drive", "walk"])
def test_porto(real_data, mode):
    equal_networkx(read_osm(real_data / "networks" / "porto_2020.osm.pbf", mode=mode), 1)


@pytest.mark.real
@pytest.mark.parametrize("mode", ["drive", "walk"])
def test_nantes(real_data, tmp_path, mode):
    path = tmp_path / "nantes.graphml"
    path.write_bytes(bz2.decompress((real_data / "nantes" / f"osmnx_{mode}_2021.graphml.bz2").read_bytes()))
    equal_networkx(from_graphml(path, mode=mode), 2)
