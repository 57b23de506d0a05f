"""Toy cases, drawn: what one may drive, ride or walk, and how long it takes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from carto_sante.errors import CRSError, InputError, NoResultError, SchemaError
from carto_sante.network import SpeedTable, read_osm, speed_table
from tests.network_times import times_from
from tests.osm_toys import osm_xml, write_osm

STREET = {"highway": "residential"}


def flat(mode: str, **changes: float) -> SpeedTable:
    """The package's table without any delay, so that times can be checked by hand."""
    table = speed_table(mode)
    return dataclasses.replace(table, delays_s=dict.fromkeys(table.delays_s, 0.0) | changes)


def build(tmp_path, nodes, ways, *, mode="drive", speeds=None, **more):
    path = write_osm(tmp_path, osm_xml(nodes, ways, **more))
    return read_osm(path, mode=mode, speeds=speeds or flat(mode))


# A cross: 1 - 5 - 2 from west to east, 3 - 5 - 4 from south to north, and a detour 3 - 6 - 2.
#
#         4
#         |
#   1 --- 5 --- 2
#         |     |
#         3 --- 6
CROSS = {1: (0, 0), 2: (2, 0), 3: (1, -1), 4: (1, 1), 5: (1, 0), 6: (2, -1)}
CROSS_WAYS = [
    (11, [1, 5], STREET), (12, [5, 2], STREET), (13, [3, 5], STREET), (14, [5, 4], STREET),
    (15, [3, 6, 2], STREET),
]  # fmt: skip
SECONDS_100M = 3.6 * 100 / 35  # residential outside a built-up area


def test_times_by_hand(tmp_path):
    times = times_from(build(tmp_path, CROSS, CROSS_WAYS), 1)
    assert times[5] == pytest.approx(SECONDS_100M, rel=0.01)
    assert times[4] == pytest.approx(2 * SECONDS_100M, rel=0.01)


def test_no_right_turn_sends_round(tmp_path):
    free = build(tmp_path, CROSS, CROSS_WAYS[:4])
    assert times_from(free, 3)[2] == pytest.approx(2 * SECONDS_100M, rel=0.01)
    shut = build(tmp_path, CROSS, CROSS_WAYS[:4], restrictions=[("no_right_turn", 13, 5, 12)])
    # Nowhere to turn: straight on to the dead end 4, back to 5, then left to 2 is allowed from way 14.
    assert times_from(shut, 3)[2] == pytest.approx(4 * SECONDS_100M, rel=0.01)
    assert shut.notes["restrictions_applied"] == 1
    assert shut.notes["nodes_copied_for_turns"] == 1


def test_only_straight_on(tmp_path):
    network = build(tmp_path, CROSS, CROSS_WAYS[:4], restrictions=[("only_straight_on", 11, 5, 12)])
    times = times_from(network, 1)
    assert times[2] == pytest.approx(2 * SECONDS_100M, rel=0.01)
    assert times[4] == pytest.approx(4 * SECONDS_100M, rel=0.01)  # on to 2, back, then north


@pytest.mark.parametrize(
    ("tags", "counted"),
    [
        ({"except": "psv;motorcar"}, "restrictions_exempt"),
        ({"restriction": "", "restriction:hgv": "no_right_turn"}, "restrictions_exempt"),
        ({"restriction": "no_dancing_x", "restriction:conditional": "no @ Mo"}, "restrictions_applied"),
    ],
)
def test_exceptions_of_restrictions(tmp_path, tags, counted):
    tags = {key: value for key, value in tags.items() if value}
    text = osm_xml(CROSS, CROSS_WAYS[:4], restrictions=[("no_right_turn", 13, 5, 12)], relation_tags=tags)
    if "restriction:hgv" in tags:
        text = text.replace('<tag k="restriction" v="no_right_turn"/>', "")
    network = read_osm(write_osm(tmp_path, text), mode="drive", speeds=flat("drive"))
    assert network.notes[counted] == 1


def test_restrictions_bind_cars_only(tmp_path):
    walk = build(tmp_path, CROSS, CROSS_WAYS[:4], mode="walk", restrictions=[("no_right_turn", 13, 5, 12)])
    assert times_from(walk, 3)[2] == pytest.approx(2 * 100 / (5.1 / 3.6), rel=0.01)


def test_via_way_is_counted(tmp_path):
    text = osm_xml(CROSS, CROSS_WAYS, restrictions=[("no_u_turn", 13, 5, 12)])
    text = text.replace('<member type="node" ref="5" role="via"/>', '<member type="way" ref="14" role="via"/>')
    assert read_osm(write_osm(tmp_path, text), mode="drive").notes["restrictions_via_way"] == 1


@pytest.mark.parametrize(
    ("extra", "drive", "bike"),
    [
        ({}, False, False),
        ({"oneway:bicycle": "no"}, False, True),
        ({"cycleway": "opposite_lane"}, False, True),
        ({"cycleway:left": "opposite_track"}, False, True),
    ],
)
def test_one_way_street(tmp_path, extra, drive, bike):
    """1 -> 2 is one way; bikes may have a contraflow lane, and walkers do not care."""
    ways = [(11, [1, 5], STREET | {"oneway": "yes"} | extra), (12, [5, 2], STREET)]
    back = {mode: 1 in times_from(build(tmp_path, CROSS, ways, mode=mode), 2) for mode in ("drive", "bike", "walk")}
    assert back == {"drive": drive, "bike": bike, "walk": True}


@pytest.mark.parametrize("tags", [{"oneway": "-1"}, {"oneway": "reverse"}])
def test_one_way_against_the_drawing(tmp_path, tags):
    network = build(tmp_path, CROSS, [(11, [1, 5], STREET | tags)])
    assert 1 in times_from(network, 5)
    assert 5 not in times_from(network, 1)


def test_roundabout_and_motorway_are_one_way(tmp_path):
    # 1 - 5 enters the roundabout 5 -> 3 -> 6 -> 2 -> 5
    ways = [(11, [1, 5], STREET), (12, [5, 3, 6, 2, 5], STREET | {"junction": "roundabout"})]
    times = times_from(build(tmp_path, CROSS, [*ways, (13, [2, 4], STREET)], speeds=flat("drive")), 1)
    assert 4 in times
    motorway = build(tmp_path, CROSS, [(11, [1, 5, 2], {"highway": "motorway"})])
    assert motorway.edge_count == 1


def test_bridge_cut(tmp_path):
    """North and south banks joined by one bridge; without it they are two components."""
    nodes = {1: (0, 0), 2: (1, 0), 3: (0, 1), 4: (1, 1)}
    banks = [(11, [1, 2], STREET), (12, [3, 4], STREET)]
    whole = build(tmp_path, nodes, [*banks, (13, [1, 3], STREET | {"bridge": "yes"})])
    cut = build(tmp_path, nodes, banks)
    assert whole.largest_component_share == 1.0
    assert cut.node_component.max() == 1
    assert 4 in times_from(whole, 2)
    assert 4 not in times_from(cut, 2)


def test_barrier_stops_cars_not_walkers(tmp_path):
    nodes = {1: (0, 0), 2: (1, 0), 3: (2, 0)}
    ways = [(11, [1, 2, 3], STREET)]
    tags = {2: {"barrier": "bollard"}}
    assert 3 not in times_from(build(tmp_path, nodes, ways, node_tags=tags), 1)
    assert 3 in times_from(build(tmp_path, nodes, ways, node_tags=tags, mode="walk"), 1)
    opened = {2: {"barrier": "bollard", "motor_vehicle": "yes"}}
    assert 3 in times_from(build(tmp_path, nodes, ways, node_tags=opened), 1)


@pytest.mark.parametrize("tags", [{"access": "private"}, {"motor_vehicle": "private"}, {"vehicle": "no"}])
def test_private_road(tmp_path, tags):
    """The short cut 1 - 5 - 2 is private: cars go round by 3 and 6."""
    ways = [(11, [1, 5, 2], STREET | tags), (12, [1, 3, 6, 2], STREET)]
    network = build(tmp_path, CROSS, ways)
    assert sum(network.notes["ways_set_aside"].values()) == 1
    assert times_from(network, 1)[2] == pytest.approx((2 + np.sqrt(2)) * SECONDS_100M, rel=0.01)


def test_private_road_opened_to_bikes(tmp_path):
    ways = [(11, [1, 5, 2], STREET | {"access": "private", "bicycle": "yes"})]
    assert build(tmp_path, CROSS, ways, mode="bike").edge_count == 2
    with pytest.raises(NoResultError, match="1 private"):
        build(tmp_path, CROSS, ways, mode="drive")


def test_island(tmp_path):
    """An island without a ferry is a component of its own; a ferry joins it in its own time plus boarding."""
    nodes = {1: (0, 0), 2: (1, 0), 3: (9, 0), 4: (10, 0)}
    land = [(11, [1, 2], STREET), (12, [3, 4], STREET)]
    assert build(tmp_path, nodes, land).node_component.max() == 1
    ferry = (13, [2, 3], {"route": "ferry", "duration": "00:10"})
    network = build(tmp_path, nodes, [*land, ferry], speeds=flat("drive", boarding=60.0))
    assert network.largest_component_share == 1.0
    assert times_from(network, 2)[3] == pytest.approx(660.0)


def test_dead_end_pedestrian_street(tmp_path):
    """5 - 4 is pedestrian and leads nowhere: walkers reach its end, cars do not, bikes at walking pace."""
    ways = [(11, [1, 5], STREET), (12, [5, 2], STREET), (14, [5, 4], {"highway": "pedestrian"})]
    assert 4 not in times_from(build(tmp_path, CROSS, ways), 1)
    assert times_from(build(tmp_path, CROSS, ways, mode="walk"), 5)[4] == pytest.approx(70.6, rel=0.01)
    assert times_from(build(tmp_path, CROSS, ways, mode="bike"), 5)[4] == pytest.approx(60.0, rel=0.01)


def test_contraction_keeps_shape_time_and_length(tmp_path):
    """Vertices 2 and 3 only draw the street: one segment of four vertices, two edges."""
    nodes = {1: (0, 0), 2: (1, 0.2), 3: (2, -0.2), 4: (3, 0)}
    network = build(tmp_path, nodes, [(11, [1, 2], STREET), (12, [2, 3, 4], STREET)])
    assert (network.node_count, network.segment_count, network.edge_count) == (2, 1, 2)
    assert network.segment_offset.tolist() == [0, 4]
    drawn = np.hypot(np.diff(network.vertex_x_m), np.diff(network.vertex_y_m)).sum()
    assert network.segment_length_m[0] == pytest.approx(drawn, rel=1e-3)  # scale of Lambert-93


def test_change_of_speed_makes_a_node(tmp_path):
    nodes = {1: (0, 0), 2: (1, 0), 3: (2, 0)}
    network = build(tmp_path, nodes, [(11, [1, 2], STREET), (12, [2, 3], STREET | {"maxspeed": "20"})])
    assert network.node_count == 3
    assert times_from(network, 1)[3] == pytest.approx(SECONDS_100M + 18.0, rel=0.01)


def test_signal_in_the_middle_costs_once_each_way(tmp_path):
    nodes = {1: (0, 0), 2: (1, 0), 3: (2, 0)}
    tags = {2: {"highway": "traffic_signals", "traffic_signals:direction": "forward"}}
    network = build(tmp_path, nodes, [(11, [1, 2, 3], STREET)], node_tags=tags, speeds=flat("drive", signal=10.0))
    assert network.node_count == 2
    assert times_from(network, 1)[3] == pytest.approx(2 * SECONDS_100M + 10, rel=0.01)
    assert times_from(network, 3)[1] == pytest.approx(2 * SECONDS_100M, rel=0.01)


def test_delays_at_junctions(tmp_path):
    delays = {"junction_through": 1.0, "junction_equal": 2.0, "junction_yield": 4.0}
    main = {"highway": "primary"}
    ways = [(11, [1, 5], main), (12, [5, 2], main), (13, [3, 5], STREET)]
    network = build(tmp_path, CROSS, ways, speeds=flat("drive", **delays))
    into_5 = {int(network.segment_osm_id[s]): d for s, d, t in
              zip(network.edge_segment, network.edge_delay_s, network.edge_target, strict=True)
              if network.node_osm_id[t] == 5}  # fmt: skip
    assert into_5 == {11: 1.0, 12: 1.0, 13: 4.0}
    equal = build(tmp_path, CROSS, CROSS_WAYS[:3], speeds=flat("drive", **delays))
    assert set(equal.edge_delay_s[equal.node_osm_id[equal.edge_target] == 5]) == {2.0}


def test_slope_slows_walkers_only_when_asked(tmp_path):
    ways = [(11, [1, 5], {"highway": "footway", "incline": "10%"})]
    path = write_osm(tmp_path, osm_xml(CROSS, ways))
    hilly = read_osm(path, mode="walk", speeds=flat("walk"))
    level = read_osm(path, mode="walk", speeds=dataclasses.replace(flat("walk"), slope="none"))
    assert times_from(hilly, 1)[5] == pytest.approx(times_from(level, 1)[5] / 0.7047, rel=1e-3)
    assert times_from(hilly, 5)[1] == pytest.approx(times_from(level, 5)[1], rel=1e-3)


def test_built_up_area_is_slower(tmp_path):
    """A grid of streets every 50 m is a city: residential streets are run at 30, not 35 km/h."""
    steps = range(0, 42)
    nodes = {100 * i + j + 1: (i / 2, j / 2) for i in steps for j in steps}
    ways = [(i + 1, [100 * i + j + 1 for j in steps], STREET) for i in steps]
    ways += [(500 + j, [100 * i + j + 1 for i in steps], STREET) for j in steps]
    network = build(tmp_path, nodes, ways)
    kmh = 3.6 * network.segment_length_m[network.edge_segment] / network.edge_running_s
    lonely = build(tmp_path, CROSS, CROSS_WAYS)
    assert network.notes["built_up_length_share"] > 0.9  # the streets of the rim are beside fields
    assert set(np.round(kmh, 6)) == {30.0, 35.0}
    assert np.mean(kmh < 31) > 0.9
    assert lonely.notes["built_up_length_share"] == 0.0


def test_study_area_clips_and_takes_its_crs(tmp_path):
    import geopandas as gpd
    from shapely.geometry import Point

    path = write_osm(tmp_path, osm_xml({i: (i, 0) for i in range(1, 101)}, [(11, list(range(1, 101)), STREET)]))
    area = gpd.GeoSeries([Point(-1.68, 48.11)], crs="EPSG:4326")
    whole, cut = read_osm(path, mode="walk"), read_osm(path, mode="walk", area=area, buffer_m=1_000)
    assert cut.segment_length_m.sum() == pytest.approx(800, rel=0.02)
    assert whole.segment_length_m.sum() == pytest.approx(9_900, rel=0.02)
    assert cut.notes["references_outside_or_absent"] == 91
    metric = read_osm(path, mode="walk", area=area.to_crs("EPSG:3948"), buffer_m=1_000)
    assert metric.crs.to_epsg() == 3948


def test_every_problem_of_a_speed_table_at_once():
    table = speed_table("drive")
    with pytest.raises(SchemaError, match=r"signal is negative[\s\S]*slope 'hill'|slope[\s\S]*signal"):
        dataclasses.replace(table, delays_s=dict(table.delays_s) | {"signal": -1.0}, slope="hill")


def test_own_speed_table(tmp_path):
    own = tmp_path / "speeds.csv"
    own.write_text(
        "mode,highway,rank,legal_kmh,legal_outside_kmh,free_kmh,free_outside_kmh,limit_factor,source\n"
        "walk,residential,1,,,3,3,1,mine\n"
    )
    path = write_osm(tmp_path, osm_xml(CROSS, [(11, [1, 5], STREET)]))
    network = read_osm(path, mode="walk", speeds=own)
    assert network.edge_running_s[0] == pytest.approx(120, rel=0.01)
    assert network.notes["speed_table"] == "speeds.csv"
    own.write_text("mode,highway\nwalk,path\n")
    with pytest.raises(SchemaError, match="lacks rank, legal_kmh"):
        read_osm(path, mode="walk", speeds=own)


def test_bad_parameters(tmp_path):
    path = write_osm(tmp_path, osm_xml(CROSS, CROSS_WAYS))
    with pytest.raises(InputError, match="'car' is not known"):
        read_osm(path, mode="car")
    with pytest.raises(CRSError, match="not in metres"):
        read_osm(path, mode="walk", crs="EPSG:4326")
    with pytest.raises(InputError, match="for 'walk' and the network for 'drive'"):
        read_osm(path, mode="drive", speeds=flat("walk"))
