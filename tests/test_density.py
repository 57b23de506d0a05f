"""Densities: counts, intervals, comparison, smoothing, suppression, nearness, inequality, context, QPV card."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carto_sante.density import (
    TARGET_POPULATIONS,
    bivariate_class,
    compare_zones,
    compute_density,
    concentration_index,
    density_figure,
    gini,
    inequality_table,
    join_context,
    nearest_distance,
    nearest_time,
    qpv_card,
    read_context,
    theil,
    weighted_percentile,
)
from carto_sante.density.intervals import benjamini_hochberg, poisson_interval, rate_ratio
from carto_sante.density.smoothing import smooth_rates
from carto_sante.errors import InputError, NoResultError, SchemaError, UnknownNameError
from carto_sante.schemas import INDICATORS, check_table
from tests import toy_city
from tests.oracles import territories as oracle


def toy(**options):
    quartiers = toy_city.territories().query("territory_level == 'quartier'")
    return compute_density(toy_city.practitioners(), quartiers, toy_city.population(), **options)


def values(table, indicator, profession="gp", column="indicator_value"):
    rows = table[(table["indicator"] == indicator) & (table["profession"] == profession)]
    return dict(zip(rows["territory_id"], rows[column], strict=True))


# --- counts and rates ------------------------------------------------------------------------------------------------


def test_the_toy_city_by_hand():
    table = toy(per_inhabitants=10_000)
    check_table(table, INDICATORS)
    assert values(table, "practitioner_count") == {"A": 1, "B": 1, "C": 2, "D": 1}
    assert values(table, "practitioner_capacity") == {"A": 1.0, "B": 0.5, "C": 1.5, "D": 1.0}
    rates = values(table, "practitioners_per_10k")
    assert {zone: rates[zone] for zone in "ABC"} == {"A": 10.0, "B": 5.0, "C": 40.0}
    assert np.isnan(rates["D"])
    assert values(table, "practitioners_per_10k", column="status") == {"A": "ok", "B": "ok", "C": "ok", "D": "missing"}
    assert values(table, "practitioners_per_10k", "nurse")["B"] == 0.0
    assert values(table, "practitioners_per_10k", "nurse", "status")["B"] == "ok"
    # Capacity adds up to the practitioners of the city, heads count those with two sites twice.
    assert sum(values(table, "practitioner_capacity").values()) == 4.0
    assert sum(values(table, "practitioner_count").values()) == 5
    assert table.attrs["report"]["placed"] == 6


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 7), st.sampled_from(["gp", "nurse"])), min_size=1, max_size=25
    ),
    people=st.lists(st.integers(0, 3000), min_size=4, max_size=4),
)
def test_densities_equal_the_oracle(rows, people):
    rows = sorted(set(rows))
    sites = {f"s{number}": "ABCD"[number % 4] if number < 6 else None for number in range(8)}
    sizes = pd.Series([f"P{a}" for a, _, _ in rows])
    practices = [(f"P{a}", f"s{b}", c, 1.0 / (sizes == f"P{a}").sum()) for a, b, c in rows]
    frame = pd.DataFrame(practices, columns=["practitioner_id", "site_id", "profession", "capacity"])
    frame["quartier_id"] = frame["site_id"].map(sites)
    population = toy_city.population().assign(population_count=np.array(people, dtype=float))
    zones = toy_city.territories().query("territory_level == 'quartier'")
    table = compute_density(frame, zones, population, professions=["gp", "nurse"])
    for profession in ("gp", "nurse"):
        expected = oracle.density(practices, sites, dict(zip("ABCD", people, strict=True)), profession, 100_000)
        for zone, (heads, capacity, rate) in expected.items():
            assert values(table, "practitioner_count", profession)[zone] == heads
            assert values(table, "practitioner_capacity", profession)[zone] == pytest.approx(capacity)
            found = values(table, "practitioners_per_100k", profession)[zone]
            assert np.isnan(found) if rate is None else found == pytest.approx(rate)
    report = table.attrs["report"]
    assert report["placed"] + report["outside"] + report["not_located"] == len(rows) == report["practitioner_sites"]


def test_zero_missing_and_suppressed_are_three_things():
    population = toy_city.population()
    population.loc[population["territory_id"] == "B", "population_count"] = np.nan
    zones = toy_city.territories().query("territory_level == 'quartier'")
    table = compute_density(
        toy_city.practitioners(), zones, population, suppress_below=2, professions=["gp", "dentist"]
    )
    assert values(table, "practitioner_count", column="status") == {
        "A": "suppressed", "B": "suppressed", "C": "ok", "D": "suppressed"
    }  # fmt: skip
    assert values(table, "practitioners_per_100k", column="status") == {
        "A": "suppressed", "B": "missing", "C": "ok", "D": "missing"
    }  # fmt: skip
    hidden = table[table["status"] != "ok"]
    assert hidden[["indicator_value", "lower", "upper"]].isna().all().all()
    assert values(table, "practitioner_count", "dentist") == dict.fromkeys("ABCD", 0.0)
    assert table.attrs["report"]["professions_absent"] == ["dentist"]


def test_one_suppressed_zone_alone_takes_another_with_it():
    zones = toy_city.territories().query("territory_level == 'quartier'")
    frame = pd.DataFrame({"practitioner_id": [f"P{n}" for n in range(14)], "site_id": "s", "profession": "gp",
                          "capacity": 1.0, "quartier_id": ["A"] * 2 + ["B"] * 7 + ["C"] * 5})  # fmt: skip
    table = compute_density(frame, zones, toy_city.population(), suppress_below=5)
    assert values(table, "practitioner_count", column="status") == {
        "A": "suppressed", "B": "ok", "C": "suppressed", "D": "ok"
    }  # fmt: skip


def test_target_populations_and_their_source():
    zones = toy_city.territories().query("territory_level == 'quartier'")
    total = toy_city.population()
    women = [
        total.assign(age_band=band, sex="female", population_count=total["population_count"] * share)
        for band, share in {"15-29": 0.1, "30-44": 0.1, "45-59": 0.09}.items()
    ]
    population = pd.concat([total, *women], ignore_index=True)
    midwife = toy_city.practitioners().assign(profession="midwife")
    table = compute_density(midwife, zones, population, targets="beside", per_inhabitants=10_000)
    rates = table[(table["indicator"] == "practitioners_per_10k") & (table["territory_id"] == "A")]
    assert len(rates) == 2
    target = rates[rates["hypothesis"].str.contains("femmes de 15 à 49 ans")].iloc[0]
    assert target["indicator_value"] == pytest.approx(2 * 10_000 / 230)
    assert "prorata" in target["hypothesis"]
    assert set(TARGET_POPULATIONS) <= {"midwife", "gynaecologist", "paediatrician", "ophthalmologist"}


def test_bad_practitioners_and_populations():
    zones = toy_city.territories().query("territory_level == 'quartier'")
    people, doctors = toy_city.population(), toy_city.practitioners()
    plain = pd.DataFrame(doctors.drop(columns="geometry"))
    with pytest.raises(InputError, match="neither quartier_id nor a geometry"):
        compute_density(plain, zones, people)
    with pytest.raises(SchemaError, match=r"capacity 1.5"):
        compute_density(doctors.assign(capacity=1.5), zones, people)
    with pytest.raises(SchemaError, match="repeat a practitioner"):
        compute_density(pd.concat([doctors, doctors]), zones, people)
    with pytest.raises(InputError, match="hold levels"):
        compute_density(doctors, toy_city.territories(), people)
    with pytest.raises(UnknownNameError, match="quartier"):
        compute_density(doctors, toy_city.territories(), people, level="quartiers")
    with pytest.raises(UnknownNameError, match="dentist"):
        compute_density(doctors, zones, people, professions=["dentiste"])
    with pytest.raises(NoResultError, match="no zone of level"):
        compute_density(doctors, zones, people.assign(territory_level="iris"))
    with pytest.raises(InputError, match="mixes the years"):
        compute_density(doctors, zones, people.assign(data_year=[2019, 2020, 2020, 2020]))
    with pytest.raises(InputError, match="per_inhabitants"):
        compute_density(doctors, zones, people, per_inhabitants=0)


# --- intervals and comparison ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 4, 17, 90])
def test_poisson_interval_is_exact(count):
    low, high = poisson_interval([count])
    assert (low[0], high[0]) == pytest.approx(oracle.poisson_bounds(count), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(0, 60), st.integers(1, 5000), st.integers(1, 9000))
def test_rate_ratio_is_exact_and_agrees_with_its_interval(count, rest, people, rest_people):
    test = rate_ratio([count], [people], [rest], [rest_people])
    if count + rest == 0:
        assert np.isnan(test.p_value[0])
        return
    expected = oracle.binomial_p_value(count, count + rest, people / (people + rest_people))
    assert test.p_value[0] == pytest.approx(expected, abs=1e-9)
    if abs(expected - 0.05) > 1e-6:
        assert (test.p_value[0] < 0.05) == (not test.lower[0] <= 1 <= test.upper[0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_benjamini_hochberg(p_values):
    assert benjamini_hochberg(p_values).tolist() == pytest.approx(oracle.benjamini_hochberg(p_values))


def test_comparison_of_the_toy_city():
    zones = toy_city.territories().query("territory_level == 'quartier'")
    table = compare_zones(toy_city.practitioners(), zones, toy_city.population(), professions=["gp"])
    row = table.set_index("territory_id")
    # P2 practises in B and in C: elsewhere than C there are P1 and P2, elsewhere than B P1, P2 and P3 (D has nobody).
    assert row.loc["C", "rest_per_100k"] == pytest.approx(100_000 * 2 / 3000)
    assert row.loc["B", "rest_per_100k"] == pytest.approx(100_000 * 3 / 1500)
    assert row.loc["D", "verdict"] == "unknown"
    assert set(row["verdict"]) == {"unknown", "not different"}


def test_smoothing_keeps_the_city_and_shrinks_small_zones():
    counts, people = pd.Series([0.0, 30.0, 5.0]), pd.Series([50.0, 20_000.0, 10_000.0])
    smoothed, raw, city = smooth_rates(counts, people), counts / people, 35 / 30_050
    assert smoothed.between(np.minimum(raw, city) - 1e-15, np.maximum(raw, city) + 1e-15).all()
    assert abs(smoothed[0] - city) < abs(raw[0] - city)
    assert smooth_rates(pd.Series([1.0, 2.0]), pd.Series([0.0, np.nan])).isna().all()


# --- nearness --------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=10), st.integers(1, 100))
def test_weighted_percentile_is_that_of_people_one_by_one(pairs, percentile):
    people = sorted(value for value, weight in pairs for _ in range(weight))
    rank = max(0, -(-percentile * len(people) // 100) - 1)
    assert weighted_percentile(*zip(*pairs, strict=True), percentile) == people[rank]


def test_nearest_distance_and_time_by_zone():
    people = gpd.GeoDataFrame(
        {"point_id": ["a", "b", "c"], "population_count": [5.0, 4.0, 1.0], "data_year": 2020},
        geometry=gpd.points_from_xy([0, 100, 900], [0, 0, 0]), crs="EPSG:2154",
    )  # fmt: skip
    doctors = gpd.GeoDataFrame(
        {"profession": ["gp", "nurse"], "site_id": ["s", "t"]},
        geometry=gpd.points_from_xy([0, 900], [0, 0]),
        crs="EPSG:2154",
    )
    table = nearest_distance(people, doctors, professions=["gp", "midwife"])
    assert values(table.assign(territory_id=table["indicator"]), "nearest_distance_p90_m") == {
        "nearest_distance_p90_m": 100.0
    }
    assert (table.query("profession == 'midwife'")["status"] == "missing").all()
    zones = pd.Series(["x", "x", None], index=people.index, dtype="string")
    by_zone = nearest_distance(people, doctors, professions=["gp"], zones=zones, level="quartier")
    assert by_zone["territory_id"].unique().tolist() == ["x"]
    times = pd.DataFrame(
        {"origin_id": ["a", "b"], "destination_id": ["s", "s"], "mode": "walk", "travel_time_min": [2.0, 9.0]}
    )
    timed = nearest_time(
        people, times, doctors, professions=["gp"], mode="walk", limit_min=15, percentiles=(50, 90, 95)
    )
    assert timed["indicator_value"].tolist()[:2] == [2.0, 9.0]
    assert timed["status"].tolist() == ["ok", "ok", "missing"]
    assert timed["lower"].tolist()[2] == 15.0
    with pytest.raises(InputError, match="exceed the limit"):
        nearest_time(people, times, doctors, professions=["gp"], mode="walk", limit_min=5)


# --- inequality ------------------------------------------------------------------------------------------------------

zones_of_people = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(0, 4)), min_size=2, max_size=9)


@given(zones_of_people)
def test_inequality_equals_the_oracle(rows):
    rate, people, rank = zip(*rows, strict=True)
    if sum(rate) == 0:
        assert np.isnan(gini(rate, people))
        return
    assert gini(rate, people) == pytest.approx(oracle.gini(rate, people), abs=1e-12)
    parts = theil(rate, people, rank)
    assert parts["total"] == pytest.approx(oracle.theil(rate, people), abs=1e-12)
    assert parts["within"] >= -1e-12
    assert parts["between"] + 1e-12 >= 0
    assert concentration_index(rate, people, rank) == pytest.approx(oracle.concentration(rate, people, rank), abs=1e-12)


def test_inequality_table_says_what_it_left_out():
    table = toy(per_inhabitants=10_000)
    people = toy_city.population().set_index("territory_id")["population_count"]
    ranks = {"income": pd.Series({"A": 20.0, "B": 30.0})}
    found = inequality_table(table, people, indicator="practitioners_per_10k", rank_by=ranks)
    gp = found.query("profession == 'gp'").set_index("measure")
    assert gp.loc["gini", ["zones_used", "zones_left_out"]].tolist() == [3, 1]
    assert gp.loc["concentration:income", "zones_used"] == 2
    assert gp.loc["highest_to_lowest", "measure_value"] == 8.0
    with pytest.raises(NoResultError, match="practitioners_per_10k"):
        inequality_table(table, people, indicator="nothing")
    with pytest.raises(InputError, match="negative or unknown"):
        gini([1.0, np.nan], [1, 1])


# --- context ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "level", "text", "expected"),
    [
        ("fdep", "commune", "codgeo;libgeo;fdep20;quintile\n1004;a;-0,4593;2\n35238;b;0.7842;4\n", [-0.4593, 0.7842]),
        ("fedi", "iris", "code_iris;lib_iris;edi\n350010101;a;1.193\n352380101;b;ns\n", [1.193, None]),
        ("income", "qpv", "code_qp,nom_qp,disp_q2\nQP035001,a,13 305\nQP035002,b,\n", [13305.0, None]),
        ("income", "iris", "IRIS;DISP_MED21\n", None),
    ],
)
def test_context_layouts(tmp_path, index, level, text, expected):
    path = tmp_path / "context.csv"
    path.write_text(text, encoding="utf-8")
    if expected is None:
        with pytest.raises(UnknownNameError):
            read_context(path, level=level, index=index)
        return
    table = read_context(path, level=level, index=index)
    assert [None if pd.isna(x) else x for x in table["index_value"]] == expected
    assert table["is_deprivation"].unique().tolist() == [index != "income"]


def test_context_joined_and_counted():
    left = pd.DataFrame({"territory_id": ["A", "B", "C"], "rate": [1.0, 2.0, 3.0]}, index=[3, 1, 2])
    right = pd.DataFrame({"territory_id": ["A", "Z"], "index_value": [9.0, 8.0]})
    joined = join_context(left, right)
    assert joined.index.tolist() == [3, 1, 2]
    assert joined.attrs["report"] == {"zones_met": 1, "zones_without_context": ["B", "C"], "context_without_zone": 1}
    with pytest.raises(NoResultError):
        join_context(left, right.assign(territory_id=["x", "y"]))
    with pytest.raises(SchemaError, match="repeats"):
        join_context(left, pd.concat([right, right]))
    with pytest.raises(SchemaError, match="both tables"):
        join_context(left, right.rename(columns={"index_value": "rate"}))


def test_bivariate_classes():
    first, second = pd.Series([1.0, 2, 3, 4, 5, 6]), pd.Series([6.0, 5, 4, 3, 2, 1])
    assert bivariate_class(first, second).tolist() == ["1-3", "1-3", "2-2", "2-2", "3-1", "3-1"]
    heavy = pd.Series([100.0, 1, 1, 1, 1, 1])
    assert bivariate_class(first, second, weights=heavy).tolist() != bivariate_class(first, second).tolist()
    assert bivariate_class(first, second, classes=2).tolist()[:3] == ["1-2", "1-2", "1-2"]
    assert bivariate_class(first**3, second, scheme="equal_interval").tolist()[3] == "1-2"
    assert bivariate_class(pd.Series([7.0, 7.0]), pd.Series([1.0, 2.0])).str[0].nunique() == 1
    with pytest.raises(InputError):
        bivariate_class(first, second, classes=9)


# --- QPV card, drawing, command --------------------------------------------------------------------------------------


def test_qpv_card_of_the_toy_city():
    zones = toy_city.territories()
    quartiers = zones.query("territory_level == 'quartier'")
    commune = gpd.GeoDataFrame(
        {"territory_id": ["35238"], "territory_level": "commune", "territory_label": ["Toy"], "geography_year": 2024},
        geometry=[quartiers.union_all()], crs=zones.crs,
    )  # fmt: skip
    people = quartiers[["geometry"]].assign(population_count=[1000.0, 2000.0, 500.0, 0.0], data_year=2021)
    card = qpv_card(
        toy_city.practitioners(), zones.query("territory_level == 'qpv'"), people, communes=commune,
        quartiers=quartiers, published=pd.Series({"q": 200.0}), professions=["gp"],
    ).set_index(["qpv_id", "place"])  # fmt: skip
    assert card.loc[("q", "qpv"), "population_count"] == 200.0
    assert card.loc[("q", "qpv"), "approximation_ratio"] == pytest.approx(250 / 200)
    # Site 1 is at (750, 1250): 250 m right of and 250 m below the corner of q, hence 354 m from it.
    assert card.loc["q"]["practitioner_count"].to_dict() == {
        "qpv": 0, "0-300 m": 0, "300-500 m": 1, "quartier": 1, "rest of commune": 4, "commune": 4
    }  # fmt: skip
    assert card.loc[("q", "quartier"), "place_id"] == "A"
    assert card.loc[("q", "commune"), "population_count"] == 3500.0
    assert card.loc[("q", "commune"), "practitioners_per_100k"] == pytest.approx(100_000 * 4 / 3500)
    assert card.loc[("r", "quartier"), "place_id"] == "C"
    with pytest.raises(NoResultError, match="none of the communes"):
        qpv_card(toy_city.practitioners(), zones.query("territory_level == 'qpv'"), people,
                 communes=commune.set_geometry(commune.translate(9e4)), professions=["gp"])  # fmt: skip


def test_drawing_is_sound_and_says_what_is_missing():
    zones = toy_city.territories().query("territory_level == 'quartier'")
    table = toy()
    comparison = compare_zones(toy_city.practitioners(), zones, toy_city.population())
    options = {"profession": "gp", "indicator": "practitioners_per_100k", "title": "Ville <jouet>", "note": "n"}
    drawing = density_figure(table, comparison, **options)
    assert drawing == density_figure(table, comparison, **options)
    ET.fromstring(drawing)
    assert "population inconnue ou nulle" in drawing
    with pytest.raises(NoResultError):
        density_figure(table, comparison, **{**options, "profession": "dentist"})


def test_density_command_on_the_sample_city(sample, tmp_path):
    from click.testing import CliRunner

    from carto_sante.commands.density import command

    result = CliRunner().invoke(command, [str(sample / "study.toml"), "--out", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["cartes_qpv.csv", "comparaisons.csv", "compte_rendu.json", "densites.csv", "densites.svg",
                     "inegalites.csv", "proximite.csv"]  # fmt: skip
    table = pd.read_csv(tmp_path / "out" / "densites.csv", dtype={"territory_id": str})
    check_table(table, INDICATORS)
    assert set(table["status"]) <= {"ok", "missing", "suppressed"}
    assert json.loads(result.stdout)["comparison"]
    cards = pd.read_csv(tmp_path / "out" / "cartes_qpv.csv")
    assert cards.query("place == 'qpv'")["approximation_ratio"].between(0.7, 1.4).all()


def test_a_place_of_care_that_the_city_lacks_counts_as_none():
    table = toy(professions=["gp", "msp"])
    assert set(values(table, "practitioner_count", "msp").values()) == {0.0}


def test_places_of_care_are_unknown_without_their_register(sample, tmp_path):
    from carto_sante import stages
    from carto_sante.study import read_study

    text = (sample / "study.toml").read_text(encoding="utf-8")
    finess = text[text.index('[[registries]]\nkind = "finess"') : text.index('[[registries]]\nkind = "ameli"')]
    for path in sample.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "rpps_only.toml").write_text(text.replace(finess, ""), encoding="utf-8")
    study = read_study(tmp_path / "rpps_only.toml")
    territories = stages.load_territories(study)
    placed = stages.prepare_practitioners(study, territories)
    table = stages.compute_indicators(study, placed.counted(), territories, stages.load_population(study))
    assert set(table["profession"]) == set(study.practitioners.professions)


def test_a_study_of_another_commune_than_its_zones_is_told(sample, tmp_path):
    from carto_sante import stages
    from carto_sante.study import read_study

    for path in sample.iterdir():
        (tmp_path / path.name).symlink_to(path)
    text = (sample / "study.toml").read_text(encoding="utf-8").replace('communes = ["58999"]', 'communes = ["58194"]')
    (tmp_path / "elsewhere.toml").write_text(text, encoding="utf-8")
    with pytest.raises(NoResultError, match=r"none of study\.communes \(58194\)"):
        stages.load_territories(read_study(tmp_path / "elsewhere.toml"))


def test_practitioners_points_are_never_changed():
    practitioners, people = toy_city.practitioners(), toy_city.population()
    before = practitioners.copy()
    toy()
    pd.testing.assert_frame_equal(pd.DataFrame(practitioners), pd.DataFrame(before))
    pd.testing.assert_frame_equal(people, toy_city.population())
    assert shapely.equals(practitioners.geometry.values, before.geometry.values).all()


ODISSE_FDEP = "Code commune,Commune,Indice de défavorisation en quintiles\n"


def test_context_odisse_files_by_commune(tmp_path):
    path = tmp_path / "fdep.csv"
    path.write_text(ODISSE_FDEP + "1004,a,-0.46\n35238,b,0.78\n")
    assert read_context(path, level="commune", index="fdep")["index_value"].tolist() == [-0.46, 0.78]
    path.write_text("Commune Code,Commune,EDI,Quintile natonal,Millésime EDI\n1004,a,1.5,3,2021\n35238,b,-2,1,2021\n")
    assert read_context(path, level="commune", index="fedi")["territory_id"].tolist() == ["01004", "35238"]


def test_context_refuses_quintiles_and_variables_taken_for_the_index(tmp_path):
    path = tmp_path / "index.csv"
    path.write_text(ODISSE_FDEP + "".join(f"3500{n},a,{n}\n" for n in range(1, 6)))
    with pytest.raises(InputError, match="quintiles, not the index"):
        read_context(path, level="commune", index="fdep")
    named = read_context(path, level="commune", index="fdep", value_column="Indice de défavorisation en quintiles")
    assert named["index_value"].tolist() == [1, 2, 3, 4, 5]
    path.write_text("code_iris,t1_p09_pop,t1_rev_med,t1_txbac09,t1_txouvr0,t1_txchom0\n350010101,10,1,2,3,4\n")
    with pytest.raises(InputError, match="no index"):
        read_context(path, level="iris", index="fdep")
