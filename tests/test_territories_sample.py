"""The layouts that are not at hand as real files, on those of the sample city: never called real."""

from __future__ import annotations

import pandas as pd
import pytest

from carto_sante.density import read_context
from carto_sante.population import (
    approximation_ratio,
    locate_population,
    read_population,
    total_population,
    transfer_population,
)
from carto_sante.territories import (
    apply_passage,
    check_topology,
    dissolve_territories,
    read_commune_passage,
    read_epci_composition,
    read_territories,
)


@pytest.fixture(scope="module")
def city(sample):
    iris = read_territories(sample / "iris.geojson", level="iris", geography_year=2024)
    return {
        "iris": iris,
        "qpv": read_territories(sample / "qpv_2024.geojson", level="qpv"),
        "communes": read_territories(sample / "communes.geojson", level="commune"),
        "people": locate_population(
            read_population(sample / "population_iris_2021.csv", kind="iris", data_year=2021), iris
        ),
        "grid": read_population(sample / "carreaux_200m.csv", kind="grid", data_year=2019),
        "published": read_population(sample / "qpv_2024_population.csv", kind="qpv", data_year=2021),
    }


def test_approximation_ratio_of_qpv_by_method(city):
    """What moving people to a QPV is worth: by the grid it is nearer to the published figure than by IRIS area."""
    everybody = city["people"].query("age_band == 'all' and sex == 'all'")
    moved = {
        "area": transfer_population(everybody, city["qpv"], method="area"),
        "dasymetric": transfer_population(everybody, city["qpv"], method="dasymetric", guide=city["grid"]),
        "grid": transfer_population(city["grid"], city["qpv"], method="area"),
    }
    ratios = {name: approximation_ratio(table, city["published"]) for name, table in moved.items()}
    for table in ratios.values():
        assert table["approximation_ratio"].notna().all()
        assert table["approximation_ratio"].between(0.3, 2.0).all()
    error = {name: (table["approximation_ratio"] - 1).abs().mean() for name, table in ratios.items()}
    assert error["dasymetric"] < error["area"]


def test_bands_are_moved_with_everybody(city):
    moved = transfer_population(city["people"], city["communes"], method="area", outside="spread")
    everybody = city["people"].query("age_band == 'all' and sex == 'all'")["population_count"].sum()
    assert total_population(moved).sum() == pytest.approx(everybody, rel=1e-9)
    women = moved.query("age_band == 'all' and sex == 'female'")["population_count"].sum()
    men = moved.query("age_band == 'all' and sex == 'male'")["population_count"].sum()
    assert women + men == pytest.approx(everybody, rel=1e-6)


def test_the_two_qpv_geographies_share_no_code(sample, city):
    old = read_territories(sample / "qpv_2015.geojson", level="qpv")
    assert not set(old["territory_id"]) & set(city["qpv"]["territory_id"])
    assert set(old["geography_year"]) == {2015}
    assert set(city["qpv"]["geography_year"]) == {2024}


def test_epci_passage_and_deprivation_layouts(sample, city):
    composition = read_epci_composition(sample / "epci_2025.csv").dropna(subset=["epci_id"])
    epci = dissolve_territories(city["communes"], composition.set_index("commune_code")["epci_id"], level="epci")
    assert epci["territory_id"].isin(composition["epci_id"]).all()
    passage = read_commune_passage(sample / "table_passage_annuelle_2025.csv", from_year=2023, to_year=2025)
    people = pd.DataFrame({"territory_id": passage["code_from"].unique(), "population_count": 10.0})
    whole = people[people["territory_id"].isin(passage.dropna(subset=["share"])["code_from"])]
    moved = apply_passage(whole, passage, column="territory_id", value_column="population_count")
    assert moved["population_count"].sum() == whole["population_count"].sum()
    fdep = read_context(sample / "fdep_communes_2020.csv", level="commune", index="fdep")
    fedi = read_context(sample / "fedi_iris_2021.csv", level="iris", index="fedi")
    income = read_context(sample / "qpv_2024_revenus.csv", level="qpv", index="income")
    assert set(fdep["territory_id"]) <= set(city["communes"]["territory_id"])
    assert set(fedi["territory_id"]) <= set(city["iris"]["territory_id"])
    assert set(income["territory_id"]) == set(city["qpv"]["territory_id"])


def test_zones_of_the_sample_city_fit(city):
    assert not (check_topology(city["iris"])["problem"] == "overlap").any()
