"""People: read as published, moved between zones with nobody lost or invented; bad input."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import carto_sante.population.overlay as overlay
from carto_sante.errors import CRSError, InputError, NoResultError, SchemaError, UnknownNameError
from carto_sante.population import (
    aggregate_population,
    approximation_ratio,
    locate_population,
    read_population,
    select_population,
    total_population,
    transfer_population,
)
from carto_sante.population.weights import _tiled, area_weights
from carto_sante.schemas import POPULATION, check_table
from tests import toy_city
from tests.oracles import territories as oracle

CRS = "EPSG:2154"


def source_of(shapes, people):
    codes = [f"s{number}" for number in range(len(shapes))]
    return gpd.GeoDataFrame(
        {"territory_id": codes, "population_count": people, "data_year": 2020}, geometry=list(shapes), crs=CRS
    )


def target_of(shapes):
    codes = [f"t{number}" for number in range(len(shapes))]
    return gpd.GeoDataFrame(
        {"territory_id": codes, "territory_level": "quartier", "territory_label": codes, "geography_year": 2024},
        geometry=list(shapes),
        crs=CRS,
    )


# --- moved -----------------------------------------------------------------------------------------------------------

cuts = st.lists(st.integers(1, 19), min_size=0, max_size=4, unique=True).map(lambda values: [0, *sorted(values), 20])


def tiling(columns, rows, shift=0.0):
    return [
        shapely.box(100 + a + shift, 100 + c + shift, 100 + b + shift, 100 + d + shift)
        for a, b in pairwise(columns)
        for c, d in pairwise(rows)
    ]


@settings(max_examples=40, deadline=None)
@given(a=cuts, b=cuts, c=cuts, d=cuts, shift=st.sampled_from([0.0, 0.5, 7.25]), seed=st.integers(0, 99), data=st.data())
def test_moved_people_equal_the_oracle_and_nobody_is_lost(a, b, c, d, shift, seed, data):
    rng = np.random.default_rng(seed)
    sources, targets = tiling(a, b), tiling(c, d, shift)
    people = rng.integers(0, 50, len(sources)).astype(float)
    source, target = source_of(sources, people), target_of(targets)
    grid = [shapely.box(100 + x, 100 + y, 101 + x, 101 + y) for x in range(0, 20, 2) for y in range(0, 20, 3)]
    weight = rng.integers(0, 3, len(grid)).astype(float)
    guide = gpd.GeoDataFrame({"population_count": weight}, geometry=grid, crs=CRS)
    pairs = list(zip(target["territory_id"], targets, strict=True))
    cases = {
        "area": oracle.move_by_area(list(zip(sources, people, strict=True)), pairs),
        "dasymetric": oracle.move_by_guide(
            list(zip(sources, people, strict=True)), pairs, list(zip(grid, weight, strict=True))
        ),
    }
    compiled = data.draw(st.booleans())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlay, "COMPILED_FROM_POLYGONS", 0 if compiled else 10**9)
        for method, (expected, outside) in cases.items():
            moved = transfer_population(source, target, method=method, guide=guide)
            report = moved.attrs["report"]
            assert report["outside_total"] == pytest.approx(outside, abs=1e-6)
            assert report["target_total"] + report["outside_total"] == pytest.approx(people.sum(), rel=1e-12, abs=1e-9)
            for row in moved.itertuples():
                if row.covered_share == 0:
                    assert np.isnan(row.population_count)
                else:
                    assert row.population_count == pytest.approx(expected[row.territory_id], abs=1e-6)


def test_compiled_cuts_equal_geos_on_winding_zones_and_turned_cells(monkeypatch):
    rng = np.random.default_rng(5)
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)

    def blob(x0, y0, size):
        radius = size * (1 + 0.35 * rng.random(len(angles)))
        ring = np.column_stack([x0 + radius * np.cos(angles), y0 + radius * np.sin(angles)])
        return shapely.Polygon(ring, [shapely.box(x0, y0, x0 + size / 3, y0 + size / 3).exterior.coords])

    first = np.array([blob(700_000 + x, 6_600_000 + y, 330) for x, y in rng.uniform(0, 2000, (12, 2))], dtype=object)
    second = np.array(
        [
            shapely.MultiPolygon([blob(700_000 + x, 6_600_000, 300), blob(700_000 + x, 6_601_500, 300)])
            for x in (300, 1300)
        ],
        dtype=object,
    )
    cells = gpd.GeoSeries(
        [shapely.box(x, y, x + 200, y + 200) for x in range(0, 2200, 200) for y in range(0, 2200, 200)]
    )
    cells = np.asarray(cells.rotate(11, origin=(0, 0)).translate(700_200, 6_600_000).values, dtype=object)
    cells[3] = shapely.reverse(cells[3])
    cells[4] = shapely.Point(700_500, 6_600_500).buffer(90)  # not a cell: GEOS cuts it
    for other in (None, second):
        monkeypatch.setattr(overlay, "COMPILED_FROM_POLYGONS", 10**9)
        slow = overlay.shared_areas(cells, first, other)
        monkeypatch.setattr(overlay, "COMPILED_FROM_POLYGONS", 0)
        fast = overlay.shared_areas(cells, first, other)
        slow_areas = pd.Series(slow.area, index=pd.MultiIndex.from_arrays(slow[:3]))
        fast_areas = pd.Series(fast.area, index=pd.MultiIndex.from_arrays(fast[:3])).groupby(level=[0, 1, 2]).sum()
        both = pd.concat([slow_areas, fast_areas], axis=1).fillna(0.0)
        assert np.abs(both[0] - both[1]).max() < 1e-3  # m² of 40,000: what rounding leaves
        assert both[1].sum() == pytest.approx(both[0].sum(), rel=1e-9)


def test_tobler_cases():
    """The cases that tobler documents for an extensive variable: source exhausted, or not, by the targets."""
    source = source_of([shapely.box(0, 0, 4, 1)], [100.0])
    halves = target_of([shapely.box(0, 0, 2, 1), shapely.box(2, 0, 4, 1)])
    assert transfer_population(source, halves, method="area")["population_count"].tolist() == [50.0, 50.0]
    part = target_of([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 3, 1)])
    # allocate_total=False
    moved = transfer_population(source, part, method="area")
    assert moved["population_count"].tolist() == [25.0, 50.0]
    assert moved.attrs["report"]["outside_sources"] == {"s0": 25.0}
    # allocate_total=True, tobler's default, puts in the targets people who live elsewhere: here it must be asked for.
    spread = transfer_population(source, part, method="area", outside="spread")
    assert spread["population_count"].round(9).tolist() == [33.333333333, 66.666666667]
    # tobler turns an unknown count into 0, hence a target with too few people: here it stays unknown.
    unknown = source_of([shapely.box(0, 0, 2, 1), shapely.box(2, 0, 4, 1)], [100.0, np.nan])
    wide = target_of([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 4, 1), shapely.box(9, 9, 10, 10)])
    moved = transfer_population(unknown, wide, method="area")
    assert moved["population_count"].isna().tolist() == [False, True, True]
    assert moved.attrs["report"]["unknown_sources"] == ["s1"]
    assert moved.attrs["report"]["targets_not_covered"] == ["t2"]


def test_a_covered_zone_where_nobody_lives_is_zero_and_not_unknown():
    moved = transfer_population(
        source_of([shapely.box(0, 0, 1, 1)], [0.0]), target_of([shapely.box(0, 0, 1, 1)]), method="area"
    )
    assert moved["population_count"].tolist() == [0.0]


def test_a_sliver_of_an_unknown_source_does_not_make_a_whole_zone_unknown():
    source = source_of([shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)], [10.0, np.nan])
    target = target_of([shapely.box(0, 0, 100.0001, 100), shapely.box(100.0001, 0, 200, 100)])
    assert transfer_population(source, target, method="area")["population_count"].isna().tolist() == [False, True]


def test_points_each_band_and_mass():
    zones = toy_city.territories().query("territory_level == 'quartier'")
    long = locate_population(toy_city.population(), zones)
    moved = transfer_population(long, zones, method="area")
    assert total_population(moved).to_dict() == toy_city.POPULATION
    points = gpd.GeoDataFrame(
        {"population_count": [3.0, 4.0, 5.0], "data_year": 2020},
        geometry=gpd.points_from_xy([700_100, 700_100, 705_000], [6_600_100, 6_601_100, 6_605_000]),
        crs=CRS,
    )
    moved = transfer_population(points, zones, method="auto")
    assert total_population(moved).to_dict() == {"A": 4.0, "B": 0.0, "C": 3.0, "D": 0.0}
    assert moved.attrs["report"]["outside_total"] == 5.0


def test_transfer_refuses_wrong_numbers():
    square = [shapely.box(0, 0, 1, 1)]
    source, target = source_of(square, [1.0]), target_of(square)
    with pytest.raises(InputError, match="count twice"):
        transfer_population(source, target_of([*square, shapely.box(0, 0, 1, 0.5)]), method="area")
    with pytest.raises(SchemaError, match="counts that are none"):
        transfer_population(source_of(square, [-1.0]), target, method="area")
    with pytest.raises(CRSError):
        transfer_population(source.to_crs(4326), target, method="area")
    with pytest.raises(InputError, match="guide"):
        transfer_population(source, target, method="dasymetric")
    with pytest.raises(InputError, match="unknown"):
        transfer_population(source, target, method="kriging")
    with pytest.raises(InputError, match="mixes data"):
        transfer_population(pd.concat([source, source.assign(data_year=2021)]), target, method="area")


def test_every_parameter_changes_the_result():
    source = source_of([shapely.box(0, 0, 4, 1)], [100.0])
    target = target_of([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 3, 1)])
    guide = gpd.GeoDataFrame(
        {"weight": [1.0, 3.0]}, geometry=[shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)], crs=CRS
    )
    found = {
        name: tuple(transfer_population(source, target, **options)["population_count"])
        for name, options in {
            "area": {"method": "area"}, "guide": {"method": "dasymetric", "guide": guide},
            "points": {"method": "points"}, "spread": {"method": "area", "outside": "spread"},
        }.items()
    }  # fmt: skip
    assert len(set(found.values())) == 4
    assert found["guide"] == (25.0, 75.0)


# --- read ------------------------------------------------------------------------------------------------------------


def census(folder, text, name="census.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("year", "prefix"), [(2009, "P09"), (2016, "P16"), (2021, "P21")])
def test_census_columns_by_year(tmp_path, year, prefix):
    text = f"IRIS,COM,{prefix}_POP,{prefix}_POP0014,{prefix}_F1529,{prefix}_POPF,{prefix}_POP75P,{prefix}_POP_ETR\n"
    table = read_population(census(tmp_path, text + "352380101,35238,10,2,3,6,1,9\n"), kind="iris", data_year=year)
    assert set(zip(table["age_band"], table["sex"], table["population_count"], strict=True)) == {
        ("all", "all", 10.0), ("0-14", "all", 2.0), ("15-29", "female", 3.0),
        ("all", "female", 6.0), ("75+", "all", 1.0)
    }  # fmt: skip
    with pytest.raises(InputError, match="is the census of"):
        read_population(tmp_path / "census.csv", kind="iris", data_year=2005)


def test_text_with_spaces_integers_as_codes_and_withheld_figures(tmp_path):
    path = census(tmp_path, "IRIS;P19_POP\n60010000;1 234,5\n60020000;2\u202f000\n60030000;s\n")
    table = read_population(path, kind="iris", data_year=2019)
    assert table["territory_id"].tolist() == ["060010000", "060020000", "060030000"]
    assert table["population_count"].tolist()[:2] == [1234.5, 2000.0]
    assert table["population_count"].isna().tolist()[2]
    assert table.attrs["report"]["figures_withheld"] == 1
    check_table(table, POPULATION)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IRIS;P19_POP\n352380101;-5\n", "-5 people"),
        ("IRIS;P19_POP\n352380101;beaucoup\n", "is not a count"),
        ("IRIS;P19_POP\n352380101;5\n352380101;6\n", "several rows"),
        ("IRIS;P19_POP\n35238;5\n", "not a code of level iris"),
        ("IRIS;P19_POP\n;5\n", "no code"),
        ("IRIS;P19_POP0014\n352380101;5\n", "no total"),
    ],
)
def test_bad_people_are_refused(tmp_path, text, message):
    with pytest.raises(SchemaError, match=message):
        read_population(census(tmp_path, text), kind="iris", data_year=2019)


def test_columns_that_are_not_recognised(tmp_path):
    path = census(tmp_path, "zone;gens\na;5\n")
    with pytest.raises(UnknownNameError, match="id_column"):
        read_population(path, kind="table", level="quartier", data_year=2019)
    with pytest.raises(UnknownNameError, match="count_column"):
        read_population(path, kind="table", level="quartier", data_year=2019, id_column="zone")
    table = read_population(path, kind="table", level="quartier", data_year=2019, id_column="zone", count_column="gens")
    assert table["population_count"].tolist() == [5.0]
    with pytest.raises(InputError, match="level"):
        read_population(path, kind="table", data_year=2019)


def test_points_of_r_write_table(tmp_path):
    path = census(tmp_path, '"x";"y";"pop"\n"1";346202.1;6790631.2;20\n"2";346203.3;6792843.3;5\n')
    with pytest.raises(CRSError, match="Lambert-93"):
        read_population(path, kind="points", data_year=2015)
    points = read_population(path, kind="points", data_year=2015, crs="EPSG:2154")
    assert points["population_count"].tolist() == [20.0, 5.0]
    bad = census(tmp_path, '"x";"y";"pop"\n"1";0;0;20\n"2";346203.3;;5\n', "bad.csv")
    with pytest.raises(SchemaError, match=r"row 1: no position[\s\S]*row 2: no position"):
        read_population(bad, kind="points", data_year=2015, crs="EPSG:2154")


def test_grid_rebuilt_from_its_identifiers_and_clipped_cells_said(tmp_path):
    ids = ["CRS3035RES200mN2891800E3770600", "CRS3035RES200mN2891800E3770800"]
    path = census(tmp_path, f"idcar_200m,ind,men,ind_0_3,ind_80p,i_est_200\n{ids[0]},10,4,1,2,0\n{ids[1]},20,8,2,3,1\n")
    grid = read_population(path, kind="grid", data_year=2019)
    assert grid.crs.to_epsg() == 2154
    assert grid["population_80p"].tolist() == [2.0, 3.0]
    assert grid["is_imputed"].tolist() == [False, True]
    half = gpd.GeoDataFrame({"idcar_200m": ids, "ind": [10.0, 20.0]}, geometry=grid.geometry, crs=2154)
    middle = half.geometry.iloc[0].centroid.x
    half.loc[0, "geometry"] = half.geometry.iloc[0].intersection(shapely.box(0, 0, middle, 1e8))
    clipped = tmp_path / "clipped.gpkg"
    half.to_file(clipped)
    report = read_population(clipped, kind="grid", data_year=2019).attrs["report"]
    assert (report["clipped_cells"], report["total_as_summed"]) == (1, 30.0)
    assert report["total_by_area"] == pytest.approx(25.0, abs=0.2)
    by_area = read_population(clipped, kind="grid", data_year=2019, clipped_cells="by_area")
    assert by_area["population_count"].sum() == pytest.approx(report["total_by_area"])


# --- selected, located, added up -------------------------------------------------------------------------------------


def bands(counts, sex="all", zone="A"):
    return pd.DataFrame({"territory_id": zone, "territory_level": "iris", "age_band": list(counts), "sex": sex,
                         "population_count": list(counts.values()), "data_year": 2019})  # fmt: skip


def test_overlapping_bands_are_never_counted_twice():
    fifteen = {"0-14": 30.0, "15-29": 30.0, "30-44": 30.0, "45-59": 15.0, "60-74": 10.0, "75+": 5.0}
    broad = {"0-19": 40.0, "20-64": 65.0, "65+": 15.0}
    table = pd.concat([bands({"all": 120.0}), bands(fifteen), bands(broad)], ignore_index=True)
    assert select_population(table)["population_count"].tolist() == [120.0]
    assert select_population(table, age_from=60)["population_count"].tolist() == [15.0]
    assert select_population(table, age_from=65)["population_count"].tolist() == [15.0]
    under_16 = select_population(table, age_to=15)
    assert under_16["population_count"].tolist() == [32.0]
    assert under_16["approximation"].iloc[0] == "7% of 15-29 taken evenly"
    with pytest.raises(NoResultError):
        select_population(bands({"all": 1.0}), age_from=60)
    with pytest.raises(UnknownNameError):
        select_population(table, sex="women")


def test_a_missing_band_makes_the_answer_unknown():
    table = pd.concat([bands({"60-74": 1.0, "75+": np.nan}), bands({"60-74": 1.0, "75+": 2.0}, zone="B")])
    assert select_population(table, age_from=60)["population_count"].isna().tolist() == [True, False]


def test_located_people_and_zones_without_data():
    people = toy_city.population().query("territory_id != 'B'")
    zones = toy_city.territories()
    located = locate_population(people, zones)
    assert located.attrs["report"]["zones_without_people_data"] == ["B"]
    assert located.set_index("territory_id")["population_count"].isna()["B"]
    with pytest.raises(NoResultError, match="same geography"):
        locate_population(people.assign(territory_id=["x", "y", "z"]), zones)


def test_added_up_by_code_and_compared():
    people = toy_city.population()
    into = pd.Series({"A": "N", "B": "N", "C": "S", "D": "S"})
    moved = aggregate_population(people, into, level="half")
    assert total_population(moved).to_dict() == {"N": 3000.0, "S": 500.0}
    with pytest.raises(InputError, match="D"):
        aggregate_population(people, into.drop("D"), level="half")
    ratio = approximation_ratio(moved, moved.assign(population_count=[1500.0, 0.0]))
    assert ratio["approximation_ratio"].tolist()[0] == 2.0
    assert np.isnan(ratio["approximation_ratio"].iloc[1])


# --- zones that tile others ----------------------------------------------------------------------------------------


def _tiling():
    """Two targets, one with a hole that a third fills: their sources, targets, and the target of each source."""
    big = [shapely.box(x, y, x + 1, y + 1) for x in range(3) for y in range(3) if (x, y) != (1, 1)]
    lake = [shapely.box(1, 1, 1.5, 2), shapely.box(1.5, 1, 2, 2)]
    far = [shapely.box(9, 0, 10, 1), shapely.box(20, 0, 21, 1)]
    targets = np.array([shapely.union_all(big), shapely.box(1, 1, 2, 2), shapely.multipolygons(far)], dtype=object)
    # Borders must have the same vertices on both sides, as in files of one producer.
    targets[0] = shapely.Polygon(
        [(0, 0), (1, 0), (2, 0), (3, 0), (3, 1), (3, 2), (3, 3), (2, 3), (1, 3), (0, 3), (0, 2), (0, 1)],
        holes=[[(1, 1), (2, 1), (2, 2), (1.5, 2), (1, 2)]],
    )
    targets[1] = shapely.Polygon([(1, 1), (1.5, 1), (2, 1), (2, 2), (1.5, 2), (1, 2)])
    return np.array(big + lake + far, dtype=object), targets, np.array([0] * 8 + [1, 1, 2, 2])


def test_tiled_proves_nesting_whatever_the_direction_of_rings():
    sources, targets, rank = _tiling()
    # Its hole lacks the vertex (1.5, 1): not the same edges on both sides, but those of its own sources are whole.
    assert _tiled(sources, rank, targets).tolist() == [False] * 8 + [True] * 4
    targets[0] = shapely.Polygon(targets[0].exterior, holes=[[(1, 1), (2, 1), (2, 2), (1, 2)]])
    for turned in (sources, shapely.reverse(sources), shapely.normalize(sources)):
        assert _tiled(turned, rank, targets).all()
    assert _tiled(sources, rank, shapely.reverse(targets)).all()


def test_tiled_proves_nothing_of_sources_that_stick_out_overlap_or_lack():
    sources, targets, rank = _tiling()
    targets[0] = shapely.Polygon(targets[0].exterior, holes=[[(1, 1), (2, 1), (2, 2), (1, 2)]])
    moved = sources.copy()
    moved[8] = shapely.box(1, 1, 1.5000001, 2)
    assert _tiled(moved, rank, targets).tolist() == [True] * 8 + [False] * 2 + [True] * 2
    assert _tiled(sources[1:], rank[1:], targets).tolist() == [False] * 7 + [True] * 4
    twice, again = np.append(sources, sources[-1]), np.append(rank, rank[-1])
    assert not _tiled(twice, again, targets)[-3:].any()


def test_area_weights_of_nested_zones_equal_the_cut(monkeypatch):
    rng = np.random.default_rng(4)
    lines = [shapely.LineString([(x, -1), (x + 0.3, 9)]) for x in np.linspace(0, 8, 30)]
    lines += [shapely.LineString([(-1, y), (9, y + 0.2)]) for y in np.linspace(0, 8, 30)]
    borders = shapely.segmentize(shapely.node(shapely.union_all(lines)), 0.05)
    pieces = np.array(shapely.polygonize([borders]).geoms, dtype=object)
    group = rng.integers(0, 40, len(pieces))
    targets = np.array([shapely.coverage_union_all(pieces[group == number]) for number in range(40)], dtype=object)
    fast = area_weights(pieces, targets)
    monkeypatch.setattr("carto_sante.population.weights.NESTED_FROM_SOURCES", 10**9)
    slow = area_weights(pieces, targets)
    assert len(pieces) > 500
    assert abs(fast.matrix - slow.matrix).max() < 1e-9
    assert np.allclose(fast.covered_share, slow.covered_share, atol=1e-9)
