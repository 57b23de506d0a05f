"""What an analyst gets from the stages one by one, without a command."""

from __future__ import annotations

import pytest

from carto_sante import stages
from carto_sante.schemas import PRACTITIONERS, check_table
from carto_sante.stages.siting import compute_study_siting
from carto_sante.study import read_study


@pytest.fixture(scope="module")
def study(sample):
    return read_study(sample / "study.toml")


def test_territories_keep_the_account_of_what_was_read_and_repaired(study):
    repairs = stages.load_territories(study).attrs["repairs"]
    assert repairs["quartier"]["rows_read"] == repairs["quartier"]["rows_kept"] == 12
    assert repairs["quartier"]["repaired_count"] == 0
    assert repairs["commune"]["zones_outside_count"] == 6


def test_what_is_counted_is_a_table_of_practitioners(study):
    territories = stages.load_territories(study)
    counted = stages.prepare_practitioners(study, territories).counted()
    check_table(counted, PRACTITIONERS, unique_key=False)
    assert counted["source_row"].isna().any()  # pharmacies come from no row of practitioners


def test_a_ranking_without_sheets(study, sample):
    chosen = {"candidates": sample / "candidats_msp.csv", "sheets_count": 0}
    siting = compute_study_siting(study.with_changes(siting=chosen))
    assert siting.sheets == []
    assert len(siting.ranking) == 6


def test_a_row_missing_from_the_census_is_not_an_empty_iris(sample, tmp_path):
    import shutil

    city = tmp_path / "city"
    shutil.copytree(sample, city)
    path = city / "population_iris_2021.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:1], *lines[2:]]), encoding="utf-8")
    gone = lines[1].split(";")[0]
    study = read_study(city / "study.toml")
    territories = stages.load_territories(study)
    found = stages.denominators_by_level(study, territories, stages.load_population(study))
    quartiers = next(item for item in found if item.level == "quartier")
    iris = territories.loc[territories["territory_id"] == gone].geometry.iloc[0]
    zones = territories.loc[territories["territory_level"] == "quartier"]
    touched = set(zones.loc[zones.geometry.intersection(iris).area > 1000, "territory_id"])
    people = quartiers.population.set_index("territory_id")
    people = people[(people["age_band"] == "all") & (people["sex"] == "all")]["population_count"]
    assert people[people.isna()].index.isin(touched).all()
    assert people.isna().any()
