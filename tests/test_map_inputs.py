"""What the map and the atlas of a study are drawn from: rings, deprivation, the light base."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from carto_sante.maps import build_city_map
from carto_sante.maps.element import CityPage
from carto_sante.maps.labels import unit_of
from carto_sante.refresh.outputs import map_inputs
from carto_sante.schemas import INDICATORS, check_table
from carto_sante.stages import deprivation_words, load_context, load_deprivation, load_territories
from carto_sante.study import read_study
from tests.maps_city import practitioners


@pytest.fixture(scope="module")
def study(sample):
    return read_study(sample / "study.toml")


@pytest.fixture(scope="module")
def territories(study):
    return load_territories(study)


def rates(territories, profession="gp"):
    zones = territories[territories["territory_level"] == "quartier"]
    table = pd.DataFrame(zones[["territory_id", "territory_level", "territory_label"]]).assign(
        profession=profession, indicator="practitioners_per_100k", indicator_value=[float(k) for k in range(len(zones))],
        unit="praticiens pour 100 000 habitants", lower=float("nan"), upper=float("nan"), status="ok", data_year=2021,
        hypothesis="recensement",
    )  # fmt: skip
    table.attrs["denominators"] = [{"level": "quartier", "hypothesis": "recensement", "words": "recensement, 2021"}]
    return table


def test_deprivation_is_an_indicator(study, territories, sample):
    table = load_deprivation(study, territories=territories)
    check_table(table, INDICATORS)
    published = pd.read_csv(sample / "revenu_quartiers.csv", sep=";", dtype={"territory_id": str})
    expected = published.set_index("territory_id")["value"]
    assert table.set_index("territory_id")["indicator_value"].to_dict() == pytest.approx(expected.to_dict())
    assert deprivation_words(study) == ("Niveau de vie médian", "euros par an")
    bare = study.model_copy(update={"density": study.density.model_copy(update={"deprivation": None})})
    assert load_deprivation(bare, territories=territories) is None


def test_a_zone_without_income_is_missing(study, territories, tmp_path):
    path = tmp_path / "revenus.csv"
    path.write_text("territory_id;value\n01;20000\n", encoding="utf-8")
    changed = study.model_copy(update={"density": study.density.model_copy(update={"deprivation": path})})
    statuses = load_deprivation(changed, territories=territories).set_index("territory_id")["status"]
    assert statuses["01"] == "ok"
    assert set(statuses.drop("01")) == {"missing"}


def test_map_of_a_study(study, territories):
    computed = SimpleNamespace(
        study=study, territories=territories, indicators=rates(territories), isochrones=None, streets=None,
        placed=SimpleNamespace(table=practitioners(30).to_crs(territories.crs), facilities=None),
        context=load_context(study, territories=territories),
    )  # fmt: skip
    inputs = map_inputs(computed)
    rings = inputs["rings"]
    assert sorted(rings["outer_m"].unique()) == [0, 300, 500]
    assert set(rings["territory_level"]) == {"qpv"}
    city = build_city_map(**inputs)
    page = next(child for child in city._children.values() if isinstance(child, CityPage)).payload
    assert [ring["label"] for ring in page["rings"]] == ["500\u00a0m", "300\u00a0m"]
    (crossed,) = page["bivariate"]
    assert crossed["second_label"] == "Niveau de vie médian"
    assert sum(crossed["counts"]) == 12
    assert {"water", "railway", "primary"} <= {record["kind"] for record in page["context"]}
    assert "recensement" in " ".join(page["credits"])


def test_places_of_care_are_not_practitioners():
    assert unit_of("praticiens pour 100 000 habitants", "gp").startswith("praticiens pour")
    assert unit_of("praticiens pour 100 000 habitants", "pharmacy").startswith("pour 100")
    assert unit_of("praticiens", "msp") == "lieux"
