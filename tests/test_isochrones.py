"""Isochrones against the oracle, and against drawings: a river and its bridge, a hole, a one-way, a dead end."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carto_sante import isochrones
from carto_sante.errors import CRSError, InputError, NoResultError, SchemaError, ToleranceError
from tests.oracles import isochrones as oracle
from tests.oracles import travel as travel_oracle
from tests.toy_network import Street, make_network, random_network

X0, Y0 = 700_000.0, 6_600_000.0


def sites(*places, crs="EPSG:2154"):
    return gpd.GeoDataFrame(
        {"site_id": [f"s{i}" for i in range(len(places))]},
        geometry=[shapely.Point(X0 + x, Y0 + y) for x, y in places],
        crs=crs,
    )


def has(polygon, x, y):
    return bool(polygon.contains(shapely.Point(X0 + x, Y0 + y)))


def grid(columns=11, rows=11, side=100.0, speed=1.25, keep=lambda a, b: True):
    junctions = {f"{i}_{j}": (i * side, j * side) for i in range(columns) for j in range(rows)}
    streets = []
    for i in range(columns):
        for j in range(rows):
            for a, b in ((i + 1, j), (i, j + 1)):
                if a < columns and b < rows and keep((i, j), (a, b)):
                    streets.append(Street(f"{i}_{j}", f"{a}_{b}", speed))
    return make_network(junctions, streets)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["inbound", "outbound"]), st.booleans())
def test_cells_equal_the_oracle(seed, direction, dissolve):
    network = random_network(seed, nodes=6, streets=8, side_m=400)
    rng = np.random.default_rng(seed)
    places = sites(*rng.uniform(0, 400, (2, 2)))
    limit_min, cell = float(rng.uniform(0.5, 5)), 20.0
    table = isochrones.compute_isochrones(
        network, places, limits_min=[limit_min], direction=direction, dissolve=dissolve, cell_m=cell,
        max_snap_m=5_000, max_error_share=None,
    )  # fmt: skip
    snaps = [travel_oracle.snap(network, point) for point in places.geometry]
    polygon = table.geometry.iloc[0]
    assert polygon.is_valid
    for _ in range(15):
        cell_x, cell_y = (np.floor(rng.uniform(-60, 460) / cell) * cell + cell / 2 for _ in range(2))
        place = shapely.Point(X0 + cell_x, Y0 + cell_y)
        expected = oracle.is_within(
            network, snaps if dissolve else snaps[:1], place,
            limit_s=limit_min * 60, offset_m=50, is_inbound=direction == "inbound",
        )  # fmt: skip
        assert polygon.contains(place) == expected, place


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["inbound", "outbound"]), st.sampled_from([0.0, 4.0]))
def test_errors_equal_the_oracle(seed, direction, tolerance_m):
    network = random_network(seed, nodes=5, streets=6, side_m=300)
    rng = np.random.default_rng(seed)
    places = sites(rng.uniform(0, 300, 2))
    row = isochrones.compute_isochrones(
        network, places, limits_min=[2.0], direction=direction, max_snap_m=5_000, max_error_share=None,
        tolerance_m=tolerance_m,
    ).iloc[0]  # fmt: skip
    snap = travel_oracle.snap(network, places.geometry[0])
    reached, outside, wrong = oracle.errors(
        network, snap, row.geometry, limit_s=120.0, is_inbound=direction == "inbound"
    )
    assert row.reached_length_m == pytest.approx(reached, abs=1e-3)
    assert row.reachable_outside_share == pytest.approx(outside, abs=1e-6)
    assert row.unreachable_inside_share == pytest.approx(wrong, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 3.0]))
def test_bands_are_disjoint_and_make_up_the_nested(seed, tolerance_m):
    network = random_network(seed)
    places = sites(*np.random.default_rng(seed).uniform(0, 600, (2, 2)))
    options = {"limits_min": (3, 1, 2), "max_snap_m": 5_000, "max_error_share": None, "tolerance_m": tolerance_m}
    nested = isochrones.compute_isochrones(network, places, **options)
    bands = isochrones.compute_isochrones(network, places, shape="bands", **options)
    assert nested.limit_min.tolist() == [1, 2, 3, 1, 2, 3]
    assert bands.lower_min.tolist() == [0, 1, 2, 0, 1, 2]
    for site in ("s0", "s1"):
        shapes, parts = (table[table.site_id == site].geometry.to_numpy() for table in (nested, bands))
        assert all(shapely.is_valid(shapes))
        assert all(shapely.is_valid(parts))
        for inner, outer in pairwise(shapes):
            assert inner.difference(outer).area < 1e-6
        for one in range(3):
            for other in range(one):
                assert parts[one].intersection(parts[other]).area < 1e-6
        assert sum(part.area for part in parts) == pytest.approx(shapes[-1].area, abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_dissolved_is_the_union(seed):
    network = random_network(seed)
    places = sites(*np.random.default_rng(seed).uniform(0, 600, (3, 2)))
    options = {"limits_min": [2], "max_snap_m": 5_000, "max_error_share": None}
    each = isochrones.compute_isochrones(network, places, **options)
    whole = isochrones.compute_isochrones(network, places, dissolve=True, **options).geometry[0]
    centres = np.arange(-100, 700, 10) + 5.0
    x, y = (values.ravel() for values in np.meshgrid(X0 + centres, Y0 + centres))
    in_each = np.any([shapely.contains_xy(shape, x, y) for shape in each.geometry], axis=0)
    np.testing.assert_array_equal(shapely.contains_xy(whole, x, y), in_each)


def test_the_river_is_crossed_by_the_bridge_only():
    """Two banks 120 m apart; the bridge stands 800 m east of the site."""
    banks = grid(11, 2, keep=lambda a, b: a[1] == b[1] or a[0] == 8)
    before = isochrones.compute_isochrones(banks, sites((0, 0)), limits_min=[10]).geometry[0]
    after = isochrones.compute_isochrones(banks, sites((0, 0)), limits_min=[14]).geometry[0]
    assert has(before, 700, 0)
    assert not has(before, 700, 100)  # 750 m in 10 min: not on the bridge yet
    assert has(after, 700, 90)  # over the bridge and back west
    assert not has(after, 300, 90)  # straight across from the site, but too far by the bridge


def test_a_street_that_is_not_reached_makes_a_hole():
    junctions = {"a": (0, 0), "b": (400, 0), "c": (400, 400), "d": (0, 400), "i": (150, 200), "j": (250, 200)}
    streets = [Street(u, v, 10) for u, v in ("ab", "bc", "cd", "da", "ij")]
    polygon = isochrones.compute_isochrones(
        make_network(junctions, streets), sites((0, 0)), limits_min=[5], offset_m=150
    ).geometry[0]
    assert has(polygon, 200, 60)
    assert not has(polygon, 200, 200)
    assert len(polygon.geoms) == 1
    assert len(polygon.geoms[0].interiors) == 1


def test_part_of_an_edge_is_reached():
    road = make_network({"a": (0, 0), "b": (2000, 0)}, [Street("a", "b", 1.25)])
    row = isochrones.compute_isochrones(road, sites((1000, 0)), limits_min=[5], cell_m=5).iloc[0]
    assert row.reached_length_m == pytest.approx(750, abs=10)
    left, _, right, _ = row.geometry.bounds
    assert (left - X0, right - X0) == pytest.approx((625, 1375), abs=3)


def test_inbound_is_not_outbound():
    road = make_network({"a": (0, 0), "b": (1000, 0)}, [Street("a", "b", 5, is_oneway=True)])
    inbound, outbound = (
        isochrones.compute_isochrones(road, sites((500, 0)), limits_min=[1], direction=direction).geometry[0]
        for direction in ("inbound", "outbound")
    )
    assert has(inbound, 300, 0)
    assert not has(inbound, 700, 0)
    assert has(outbound, 700, 0)
    assert not has(outbound, 300, 0)


def test_people_are_counted():
    people = gpd.GeoDataFrame(
        {"population_count": [100.0, 50.0, None]},
        geometry=[shapely.Point(X0 + 500, Y0 + 510), shapely.Point(X0, Y0), shapely.Point(X0 + 510, Y0 + 500)],
        crs="EPSG:2154",
    )
    row = isochrones.compute_isochrones(grid(), sites((500, 500)), limits_min=[3], population=people).iloc[0]
    assert row.reached_population_count == 100
    assert row.reachable_population_outside_share == 0
    assert row.unreachable_population_inside_share == 0
    with pytest.raises(SchemaError, match="population_count"):
        isochrones.compute_isochrones(grid(), sites((0, 0)), limits_min=[3], population=people[["geometry"]])


def test_too_coarse_a_line_is_refused():
    comb = make_network(
        {"a": (0, 0), "b": (600, 0), "c": (0, 20), "d": (600, 20)}, [Street("a", "b", 1), Street("c", "d", 9)]
    )
    with pytest.raises(ToleranceError, match=r"s0 within 5 min: .*left out, .*not reachable"):
        isochrones.compute_isochrones(comb, sites((0, 0)), limits_min=[5], cell_m=200, max_error_share=0.01)
    kept = isochrones.compute_isochrones(comb, sites((0, 0)), limits_min=[5], cell_m=200, max_error_share=None)
    assert kept.unreachable_inside_share[0] + kept.reachable_outside_share[0] > 0.01


def test_each_parameter_changes_the_result():
    network, places = grid(), sites((520, 480))
    base = {"limits_min": [4.3]}
    shape = isochrones.compute_isochrones(network, places, **base).geometry[0]
    for change in ({"cell_m": 7}, {"offset_m": 20}, {"tolerance_m": 5}, {"limits_min": [4.4]}):
        other = isochrones.compute_isochrones(network, places, **{**base, **change}).geometry[0]
        assert not other.equals_exact(shape), change


def test_the_same_call_gives_the_same_bytes():
    network, places = grid(), sites((520, 480), (130, 170))
    first = isochrones.compute_isochrones(network, places, limits_min=[4])
    again = isochrones.compute_isochrones(network, places.iloc[::-1], limits_min=[4])
    fresh = isochrones.compute_isochrones(grid(), places, limits_min=[4])
    assert (
        first.geometry.to_wkb().tolist() == fresh.geometry.to_wkb().tolist() == again.geometry.to_wkb().tolist()[::-1]
    )


@pytest.mark.parametrize("limits", [[], [0], [5, -1], 5, "5", [float("inf")], [None]])
def test_limits_that_mean_nothing(limits):
    with pytest.raises(InputError, match="minutes"):
        isochrones.compute_isochrones(grid(3, 3), sites((0, 0)), limits_min=limits)


def test_bad_sites():
    network = grid(3, 3)
    with pytest.raises(NoResultError, match="within 300 m"):
        isochrones.compute_isochrones(network, sites((0, 50_000)), limits_min=[5])
    listed = isochrones.compute_isochrones(network, sites((0, 50_000), (0, 0)), limits_min=[5])
    assert listed.site_id.tolist() == ["s1"]
    assert [(row["point_id"], row["reason"]) for row in listed.attrs["not_snapped"]] == [("s0", "too far")]
    swapped = gpd.GeoDataFrame(geometry=[shapely.Point(48.1, -1.68)], crs="EPSG:4326").to_crs("EPSG:2154")
    with pytest.raises(NoResultError, match="longitude and latitude are exchanged"):
        isochrones.compute_isochrones(network, swapped, limits_min=[5])
    with pytest.raises(CRSError):
        isochrones.compute_isochrones(network, sites((0, 0), crs=None), limits_min=[5])
    with pytest.raises(InputError, match="at most half a cell"):
        isochrones.compute_isochrones(network, sites((0, 0)), limits_min=[5], tolerance_m=80)
    with pytest.raises(LookupError, match="not a shape"):
        isochrones.compute_isochrones(network, sites((0, 0)), limits_min=[5], shape="rings")


def test_one_million_sites():
    network = grid()
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1000, (2, 1_000_000))
    many = gpd.GeoDataFrame(geometry=gpd.points_from_xy(X0 + x, Y0 + y), crs="EPSG:2154")
    with pytest.raises(InputError, match=r"1,000,000 sites .*dissolve=True"):
        isochrones.compute_isochrones(network, many, limits_min=[5])
    whole = isochrones.compute_isochrones(network, many, limits_min=[5], dissolve=True)
    assert whole.site_id.tolist() == ["all"]
    assert whole.reachable_outside_share[0] < 0.01


def zone(left, bottom, right, top):
    return gpd.GeoDataFrame(
        {"territory_id": ["q"]}, geometry=[shapely.box(X0 + left, Y0 + bottom, X0 + right, Y0 + top)], crs="EPSG:2154"
    )


def test_rings_by_hand():
    rings = isochrones.compute_walking_rings(grid(21, 21), zone(930, 930, 1070, 1070))
    assert rings.ring_label.tolist() == ["dans le périmètre", "de 0 à 5 min à pied", "de 5 à 10 min à pied"]
    inside, near, far = rings.geometry
    assert has(inside, 1000, 1000)
    # The street east leaves the zone at x = 1,070; 5 min at 1.25 m/s are 375 m.
    assert has(near, 1440, 1000)
    assert not has(near, 1450, 1000)
    assert has(far, 1450, 1000)
    assert has(far, 1810, 1000)
    assert not has(far, 1830, 1000)
    for one, other in ((inside, near), (inside, far), (near, far)):
        assert one.intersection(other).area < 1e-6


def test_rings_of_bad_zones():
    with pytest.raises(NoResultError, match="No street crosses"):
        isochrones.compute_walking_rings(grid(), zone(10, 10, 90, 90))
    with pytest.raises(InputError, match="Point"):
        isochrones.compute_walking_rings(grid(), sites((0, 0)))
    with pytest.raises(InputError, match="walking network"):
        isochrones.compute_walking_rings(random_network(1, mode="drive"), zone(0, 0, 300, 300))
