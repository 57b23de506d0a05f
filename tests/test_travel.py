"""Travel times against the oracle, on random small cities and on drawings."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carto_sante import schemas, travel
from carto_sante.errors import CRSError, InputError, NoResultError, SchemaError
from tests.oracles import travel as oracle
from tests.toy_network import Street, make_network, random_network

X0, Y0 = 700_000.0, 6_600_000.0


def points(*places, ids=None, column="origin_id", crs="EPSG:2154"):
    shapes = [shapely.Point(X0 + x, Y0 + y) for x, y in places]
    return gpd.GeoDataFrame({column: ids or [f"{column[0]}{i}" for i in range(len(places))]}, geometry=shapes, crs=crs)


def square():
    """a - b - c in a row, 300 m apart, d north of b over a one-way street from b to d."""
    return make_network(
        {"a": (0, 0), "b": (300, 0), "c": (600, 0), "d": (300, 300)},
        [Street("a", "b"), Street("b", "c", delay_s=10), Street("b", "d", is_oneway=True)],
    )


def as_dict(table):
    return {(o, d): t for o, d, t in zip(table.origin_id, table.destination_id, table.travel_time_min, strict=True)}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["inbound", "outbound"]), st.sampled_from([None, 2.0, 6.0]))
def test_times_equal_the_oracle(seed, direction, limit_min):
    network = random_network(seed)
    rng = np.random.default_rng(seed)
    origins = points(*rng.uniform(-50, 650, (rng.integers(1, 6), 2)))
    destinations = points(*rng.uniform(-50, 650, (rng.integers(1, 6), 2)), column="destination_id")
    options = {"limit_min": limit_min, "direction": direction, "max_snap_m": 5_000}
    table = travel.compute_travel_times(network, origins, destinations, **options)
    schemas.check_table(table, schemas.TRAVEL_TIMES)
    found = as_dict(table)
    every = as_dict(travel.compute_nearest(network, origins, destinations, k=9, **options))
    assert found == pytest.approx(every, abs=1e-9)
    expected = {}
    for o, origin in zip(origins.origin_id, origins.geometry, strict=True):
        for d, destination in zip(destinations.destination_id, destinations.geometry, strict=True):
            ends = oracle.snap(network, origin), oracle.snap(network, destination)
            seconds = oracle.travel_time_s(network, *(ends if direction == "inbound" else ends[::-1]))
            if seconds <= (limit_min or np.inf) * 60 and np.isfinite(seconds):
                expected[o, d] = seconds / 60
    assert found == pytest.approx(expected, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_nearest_are_the_first_of_the_table(seed, k):
    network = random_network(seed)
    rng = np.random.default_rng(seed)
    origins = points(*rng.uniform(0, 600, (5, 2)))
    destinations = points(*rng.uniform(0, 600, (6, 2)), column="destination_id")
    times = travel.compute_travel_times(network, origins, destinations, limit_min=None, max_snap_m=5_000)
    nearest = travel.compute_nearest(network, origins, destinations, k=k, max_snap_m=5_000)
    for origin, rows in times.groupby("origin_id"):
        best = rows.travel_time_min.sort_values().head(k).to_numpy()
        mine = nearest[nearest.origin_id == origin]
        np.testing.assert_allclose(mine.travel_time_min.to_numpy(), best, atol=1e-9)
        assert mine.nearest_rank.tolist() == list(range(1, len(best) + 1))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 10), st.floats(0.5, 10))
def test_times_are_monotone_in_the_limit(seed, one, other):
    network = random_network(seed)
    rng = np.random.default_rng(seed)
    places = points(*rng.uniform(0, 600, (6, 2)))
    short, long = (
        as_dict(travel.compute_travel_times(network, places, places, limit_min=limit, max_snap_m=5_000))
        for limit in sorted((one, other))
    )
    assert short == {pair: minutes for pair, minutes in long.items() if minutes * 60 <= min(one, other) * 60}


def test_by_hand():
    network = square()
    origins = points((150, 0), (300, 150))
    destinations = points((450, 5), column="destination_id")
    times = as_dict(travel.compute_travel_times(network, origins, destinations, limit_min=30))
    # 150 m to b, 10 s lost nowhere (b is reached by a street without delay), 150 m on, 5 m walked at 1.25 m/s.
    assert times == {("o0", "d0"): pytest.approx((150 + 150 + 4) / 60)}  # the one-way street cannot be left by b
    back = as_dict(travel.compute_travel_times(network, origins, destinations, limit_min=30, direction="outbound"))
    assert back[("o0", "d0")] == pytest.approx((150 + 10 + 150 + 4) / 60)
    assert back[("o1", "d0")] == pytest.approx((150 + 10 + 150 + 4) / 60)


def test_reach_is_the_graph_search():
    reach = travel.compute_reach(square(), points((0, 0), column="site_id"), limit_min=8.5, direction="outbound")
    assert dict(zip(reach.node, reach.travel_time_min * 60, strict=True)) == pytest.approx({0: 0, 1: 300})
    inbound = travel.compute_reach(square(), points((600, 0), column="site_id"), limit_min=None)
    assert dict(zip(inbound.node, inbound.travel_time_min * 60, strict=True)) == pytest.approx({0: 600, 1: 300, 2: 0})


def island():
    """A mainland street, and an island (i - j) that no bridge joins; the point (50, 60) faces both."""
    return make_network(
        {"a": (0, 0), "b": (400, 0), "i": (0, 100), "j": (100, 100)}, [Street("a", "b"), Street("i", "j")]
    )


def test_the_nearest_street_wins_and_the_component_is_said():
    network = island()
    table = travel.snap_points(network, points((50, 60), (390, 20), column="point_id"), max_snap_m=200)
    assert table.snap_distance_m.tolist() == pytest.approx([40, 20])
    assert sorted(table.snap_status) == ["isolated", "ok"]  # the largest component, however small, is not isolated
    assert sorted(table.component) == [0, 1]
    assert table.component_node_count.tolist() == [2, 2]
    assert table.snapped_y_m.tolist() == pytest.approx([Y0 + 100, Y0])
    times = travel.compute_travel_times(
        network, points((50, 60)), points((390, 20), column="destination_id"), limit_min=60, max_snap_m=200
    )
    assert len(times) == 0
    assert [row["reason"] for row in times.attrs["isolated"]] == ["isolated"]


def test_small_components_are_left_out_on_request():
    chain = {f"m{i}": (100.0 * i, 0.0) for i in range(5)}
    network = make_network(
        {**chain, "i": (0, 100), "j": (100, 100)},
        [*(Street(f"m{i}", f"m{i + 1}") for i in range(4)), Street("i", "j")],
    )
    near = travel.snap_points(network, points((50, 60), column="point_id"))
    far = travel.snap_points(network, points((50, 60), column="point_id"), min_component_nodes=3)
    assert (near.snap_distance_m[0], far.snap_distance_m[0]) == pytest.approx((40, 60))


def test_points_left_out_are_listed():
    table = travel.compute_travel_times(
        square(), points((150, 0), (150, 900)), points((450, 0), column="destination_id"), limit_min=30
    )
    assert table.origin_id.tolist() == ["o0"]
    assert table.attrs["not_snapped"] == [
        {"table": "origins", "point_id": "o1", "reason": "too far", "snap_distance_m": 618.5, "component": None}
    ]


@pytest.mark.parametrize("limit", [0, -3, float("nan"), "10", True])
def test_limits_that_mean_nothing(limit):
    with pytest.raises(InputError, match="minutes above zero"):
        travel.compute_travel_times(square(), points((0, 0)), points((0, 0)), limit_min=limit)


def test_at_sea():
    with pytest.raises(NoResultError, match=r"None of the 1 points of origins is within 300 m .*none within 2 km"):
        travel.compute_travel_times(square(), points((90_000, 0)), points((0, 0)), limit_min=5)


def test_swapped_coordinates_are_recognised():
    swapped = gpd.GeoDataFrame(geometry=[shapely.Point(48.1, -1.68)], crs="EPSG:4326").to_crs("EPSG:2154")
    with pytest.raises(NoResultError, match="fall in France only when longitude and latitude are exchanged"):
        travel.compute_travel_times(square(), swapped, points((0, 0)), limit_min=5)
    raw = gpd.GeoDataFrame(geometry=[shapely.Point(48.1, -1.68)], crs="EPSG:2154")
    assert travel.snap_points(square(), raw).snap_status.tolist() == ["swapped coordinates"]


def test_other_bad_tables():
    with pytest.raises(CRSError, match="no CRS"):
        travel.snap_points(square(), points((0, 0), crs=None))
    with pytest.raises(CRSError, match="degrees"):
        travel.snap_points(square(), gpd.GeoDataFrame(geometry=[shapely.Point(-1.68, 48.1)], crs="EPSG:4326"))
    with pytest.raises(SchemaError, match="repeats 1 identifiers"):
        travel.compute_travel_times(square(), points((0, 0), (1, 0), ids=["x", "x"]), points((0, 0)), limit_min=5)
    with pytest.raises(NoResultError, match="empty table"):
        travel.compute_travel_times(square(), points((0, 0)).iloc[:0], points((0, 0)), limit_min=5)
    empty = gpd.GeoDataFrame(geometry=[shapely.Point(), None], crs="EPSG:2154")
    assert travel.snap_points(square(), empty).snap_status.tolist() == ["no coordinates"] * 2
    with pytest.raises(InputError, match="k is 0"):
        travel.compute_nearest(square(), points((0, 0)), points((0, 0)), k=0)
    with pytest.raises(LookupError, match="not a direction"):
        travel.compute_travel_times(square(), points((0, 0)), points((0, 0)), limit_min=5, direction="both")


def test_inputs_are_not_changed_and_results_repeat():
    network, origins = square(), points((150, 0), (20, 5))
    before = origins.copy()
    one, two = (travel.compute_travel_times(network, origins, origins, limit_min=9) for _ in range(2))
    assert one.equals(two)
    assert origins.equals(before)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["inbound", "outbound"]))
def test_the_hierarchy_changes_nothing(seed, direction):
    network = random_network(seed, nodes=25, streets=50)
    rng = np.random.default_rng(seed)
    origins = points(*rng.uniform(0, 600, (8, 2)))
    destinations = points(*rng.uniform(0, 600, (9, 2)), column="destination_id")
    options = {"limit_min": None, "direction": direction, "max_snap_m": 5_000}
    searched = as_dict(travel.compute_travel_times(network, origins, destinations, **options))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("carto_sante.travel.matrix.HIERARCHY_FROM_SOURCES", 1)
        climbed = as_dict(travel.compute_travel_times(network, origins, destinations, **options))
    assert climbed == pytest.approx(searched, abs=1e-9)


def test_one_million_points(monkeypatch):
    monkeypatch.setattr("carto_sante.travel.matrix.MOST_ROWS", 6_000_000)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-100, 700, (2, 1_000_000))
    many = gpd.GeoDataFrame(geometry=gpd.points_from_xy(X0 + x, Y0 + y), crs="EPSG:2154")
    table = travel.compute_travel_times(square(), many, points((450, 0), column="destination_id"), limit_min=5)
    left_out = len(table.attrs["not_snapped"])
    assert 0 < len(table) < 1_000_000
    assert left_out == int((travel.snap_points(square(), many).snap_status == "too far").sum())
    with pytest.raises(InputError, match="More than 6,000,000 pairs"):
        travel.compute_travel_times(square(), many, many, limit_min=None)
