"""The compiled network against the slow one, on random small cities."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carto_sante.errors import NoResultError
from carto_sante.network import read_osm, speed_table
from tests.network_times import times_from
from tests.oracles.network import SlowNetwork, ground_distance_m
from tests.osm_toys import osm_xml, write_osm

SIDE = 4
HIGHWAYS = ("primary", "residential", "service", "footway", "pedestrian", "cycleway", "motorway", "steps")
EXTRAS = (
    {}, {}, {}, {"oneway": "yes"}, {"oneway": "-1"}, {"access": "private"}, {"maxspeed": "30"},
    {"maxspeed:forward": "20"}, {"oneway": "yes", "oneway:bicycle": "no"}, {"junction": "roundabout"},
    {"incline": "8%"}, {"surface": "gravel"},
)  # fmt: skip
NODE_TAGS = (
    {}, {}, {}, {}, {"highway": "traffic_signals"}, {"barrier": "bollard"}, {"barrier": "gate"},
    {"barrier": "gate", "access": "no"},
)  # fmt: skip
KINDS = ("no_left_turn", "no_u_turn", "only_straight_on", "no_entry")
DELAYS = {"signal": 7.0, "junction_through": 0.5, "junction_equal": 2.0, "junction_yield": 4.0, "gate": 11.0}


@st.composite
def cities(draw):
    """Random chains on a grid of 4 by 4, random tags, random turn restrictions."""
    nodes = {i * SIDE + j + 1: (float(i), float(j)) for i in range(SIDE) for j in range(SIDE)}
    ways = []
    for number in range(1, draw(st.integers(2, 12)) + 1):
        chain = [draw(st.integers(1, SIDE * SIDE))]
        for _ in range(draw(st.integers(1, 4))):
            at = chain[-1]
            near = [n for n in (at - 1, at + 1, at - SIDE, at + SIDE) if n in nodes and _is_near(nodes, at, n)]
            chain.append(draw(st.sampled_from(near)))
        ways.append((number, chain, {"highway": draw(st.sampled_from(HIGHWAYS))} | draw(st.sampled_from(EXTRAS))))
    node_tags = {node: tags for node in nodes if (tags := draw(st.sampled_from(NODE_TAGS)))}
    restrictions = []
    for _ in range(draw(st.integers(0, 4))):
        via = draw(st.sampled_from(sorted(nodes)))
        touching = [number for number, chain, _ in ways if via in chain]
        if touching:
            pair = draw(st.sampled_from(touching)), draw(st.sampled_from(touching))
            restrictions.append((draw(st.sampled_from(KINDS)), pair[0], via, pair[1]))
    return nodes, ways, node_tags, restrictions


def _is_near(nodes, a, b):
    return abs(nodes[a][0] - nodes[b][0]) + abs(nodes[a][1] - nodes[b][1]) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cities(), st.sampled_from(["drive", "bike", "walk"]))
def test_times_equal_the_oracle(city, mode):
    nodes, ways, node_tags, restrictions = city
    table = speed_table(mode)
    table = dataclasses.replace(table, delays_s=dict(table.delays_s) | DELAYS)
    with tempfile.TemporaryDirectory() as folder:
        path = write_osm(Path(folder), osm_xml(nodes, ways, node_tags=node_tags, restrictions=restrictions))
        slow = SlowNetwork(path, table)
        try:
            network = read_osm(path, mode=mode, speeds=table)
        except NoResultError:
            assert not slow.moves
            return
    assert_sound(network, slow)
    kept = {int(osm_id) for osm_id in network.node_osm_id if not slow.rules[int(osm_id)].is_closed}
    for source in sorted(kept):
        found, expected = times_from(network, source), slow.times_from(source)
        for target in kept:
            pair = found.get(target, np.inf), expected.get(target, np.inf)
            assert pair[0] == pytest.approx(pair[1], rel=1e-9, abs=1e-6), (source, target)


def assert_sound(network, slow):
    """Conservation: every link is in one segment, edges are sorted, ends and lines agree."""
    links = {(min(a, b), max(a, b), way) for a, b, way, _, _ in slow.moves}
    pairs = [(a, b) for a, b, _ in links]
    total = sum(ground_distance_m(slow.place[a], slow.place[b]) for a, b in pairs)
    assert network.segment_length_m.sum() >= total * (1 - 1e-9)  # a way may run the same link twice
    assert np.all(np.diff(network.edge_source) >= 0)
    assert network.edge_offset[-1] == network.edge_count
    assert np.array_equal(np.repeat(np.arange(network.node_count), np.diff(network.edge_offset)), network.edge_source)
    ends = np.column_stack([network.segment_offset[:-1], network.segment_offset[1:] - 1])
    tail = np.where(network.edge_is_forward, ends[network.edge_segment, 0], ends[network.edge_segment, 1])
    head = np.where(network.edge_is_forward, ends[network.edge_segment, 1], ends[network.edge_segment, 0])
    for axis, vertex in ((network.node_x_m, network.vertex_x_m), (network.node_y_m, network.vertex_y_m)):
        assert np.array_equal(axis[network.edge_source], vertex[tail])
        assert np.array_equal(axis[network.edge_target], vertex[head])
    assert np.all(network.edge_running_s > 0)
    sizes = np.bincount(network.node_component)
    assert np.all(np.diff(sizes) <= 0)
