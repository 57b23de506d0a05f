"""The two real studies, whole, against numbers obtained another way (csv and a bare spatial join)."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from carto_sante.refresh import refresh

STUDIES = Path(__file__).parent / "studies"

pytestmark = pytest.mark.real


def run(name, real_data, folder):
    text = (STUDIES / f"{name}.toml").read_text(encoding="utf-8").replace("@DATA@", str(real_data.resolve()))
    study = folder / f"{name}.toml"
    study.write_text(text, encoding="utf-8")
    return refresh(study, folder / "out")


@pytest.fixture(scope="module")
def rennes(real_data, tmp_path_factory):
    return run("rennes", real_data, tmp_path_factory.mktemp("rennes"))


@pytest.fixture(scope="module")
def toulouse(real_data, tmp_path_factory):
    return run("toulouse", real_data, tmp_path_factory.mktemp("toulouse"))


def indicators(result):
    return pd.read_csv(result.folder / "indicateurs.csv", dtype={"territory_id": str})


def bare_points(real_data, kind):
    with (real_data / "rennes" / "bpe_insee_2018.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.reader(stream, delimiter=";") if row[-1] == kind]
    return gpd.GeoSeries(gpd.points_from_xy([float(r[1]) for r in rows], [float(r[2]) for r in rows]), crs=2154)


def bare_quartiers(real_data):
    path = real_data / "rennes" / "perimetres-des-12-quartiers-de-la-ville-de-rennes.shp"
    return gpd.read_file(path).to_crs(2154).set_index("matricule")


def test_rennes_doctors_each_in_one_quartier(rennes, real_data):
    doctors = gpd.GeoDataFrame(geometry=bare_points(real_data, "Médecins"))
    joined = doctors.sjoin(bare_quartiers(real_data), predicate="within")
    assert len(doctors) == len(joined) == 268
    assert rennes.journal["practitioners"]["doctor_unspecified"] == 268
    assert rennes.journal["sites"] == {"placed": 268, "outside": 0, "not_located": 0}
    table = indicators(rennes).query(
        "indicator == 'practitioner_count' and territory_level == 'quartier' and profession == 'doctor_unspecified'"
    )
    expected = joined.groupby("matricule").size().to_dict()
    assert table.set_index("territory_id")["indicator_value"].astype(int).to_dict() == expected
    pharmacies = rennes.journal["practitioners"]["pharmacy"]
    assert pharmacies == len(bare_points(real_data, "Pharmacies")) == 70


def test_rennes_population_by_iris_and_by_points(rennes, real_data):
    with (real_data / "france" / "population_iris_2016_sauf34.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["IRIS"].startswith("35238")]
    census = sum(float(row[name]) for row in rows for name in row if name.startswith("P16_POP"))
    assert len(rows) == 84
    assert census == pytest.approx(214_623.5, abs=0.1)
    by_level = {(item["level"], item["source"]): item for item in rennes.journal["denominators"]}
    quartier = by_level["quartier", "recensement_iris"]
    assert quartier["population_count"] == pytest.approx(census, abs=0.1)
    assert quartier["source_zones_absent_count"] == 92 - 84
    assert by_level["iris", "recensement_iris"]["population_count"] == pytest.approx(census, abs=0.1)
    points = pd.read_csv(real_data / "rennes" / "population_points_insee_2018.csv", sep=";", index_col=0)
    people = gpd.GeoDataFrame(points, geometry=gpd.points_from_xy(points["x"], points["y"]), crs=2154)
    inside = people.sjoin(bare_quartiers(real_data)[["geometry"]], predicate="within")
    assert inside["pop"].sum() == 173_896
    assert by_level["quartier", "points"]["population_count"] == 173_896
    whole = indicators(rennes).query("territory_level == 'commune' and indicator == 'practitioners_per_100k'")
    whole = whole[whole["profession"] == "doctor_unspecified"].set_index("hypothesis")["indicator_value"]
    assert sorted(round(value) for value in whole) == [125, 154]
    assert all(("recensement" in name) != ("points" in name) for name in whole.index)


def test_rennes_densities_have_their_interval_and_name_their_denominator(rennes):
    table = indicators(rennes).query("indicator == 'practitioners_per_100k' and territory_level == 'quartier'")
    doctors = table[table["profession"] == "doctor_unspecified"]
    assert len(doctors) == 24
    assert (doctors["lower"] < doctors["indicator_value"]).all()
    assert (doctors["upper"] > doctors["indicator_value"]).all()
    assert doctors["hypothesis"].nunique() == 2
    # Le Blosne: 12 doctors; exact Poisson bounds of 12 are 6.2006 and 20.9616 (published tables).
    blosne = doctors[(doctors["territory_label"] == "Le Blosne") & doctors["hypothesis"].str.contains("recensement")]
    people = 12 / blosne["indicator_value"].iloc[0]
    assert blosne["lower"].iloc[0] * people == pytest.approx(6.2006, abs=1e-3)
    assert blosne["upper"].iloc[0] * people == pytest.approx(20.9616, abs=1e-3)


def test_rennes_says_what_its_roads_do_not_reach(rennes):
    network = rennes.journal["network"]
    # Named streets only: by the data's own notes the largest weak component holds about 89 % of the nodes.
    assert 0.08 <= network["unreachable_node_share"] <= 0.14
    reach = gpd.read_file(rennes.folder / "praticiens.gpkg", layer="isochrones")
    assert reach["limit_min"].tolist() == [5.0, 10.0]
    assert reach.geometry.iloc[1].area > reach.geometry.iloc[0].area
    assert (reach["reachable_outside_share"] < 0.25).all()


def test_rennes_names_read_right(rennes):
    zones = gpd.read_file(rennes.folder / "praticiens.gpkg", layer="territoires_quartier")
    assert len(zones) == 12
    assert "Bréquigny" in set(zones["territory_label"])


def test_toulouse_facilities_counted_another_way(toulouse, real_data):
    with (real_data / "toulouse" / "finess_occitanie_sauf34_2026-02.csv").open(encoding="utf-8-sig") as stream:
        found = {
            (row["categetab"], row["numero finess etablissement"])
            for row in csv.DictReader(stream)
            if row["code_insee"] == "31555"
        }
    counts = {kind: sum(code == kind for code, _ in found) for kind in ("620", "124", "603")}
    assert counts == {"620": 152, "124": 35, "603": 19}
    assert toulouse.journal["practitioners"] == {"health_centre": 35, "msp": 19, "pharmacy": 152}


def test_toulouse_districts_repaired_and_said(toulouse, real_data):
    raw = gpd.read_file(real_data / "toulouse" / "qpv2015_occitanie_sauf34.geojson")
    assert len(raw) == 83
    report = toulouse.journal["territories"]["qpv"]
    assert report["rows_read"] == 83
    assert report["repaired_count"] == int((~raw.geometry.is_valid).sum()) == 27
    assert report["zones_outside_count"] + report["zone_count"] == 83
    with (real_data / "toulouse" / "qpv2015_occitanie_sauf34_indicateurs.csv").open(encoding="utf-8-sig") as stream:
        people = {row["code_qp"]: float(row["pop_mun"]) for row in csv.DictReader(stream)}
    zones = gpd.read_file(toulouse.folder / "praticiens.gpkg", layer="territoires_qpv")
    assert len(zones) == 12
    total = sum(people[code] for code in zones["territory_id"])
    denominators = {item["level"]: item for item in toulouse.journal["denominators"]}
    assert denominators["qpv"]["population_count"] == total
    # The districts' people are not the commune's: no density may stand on them.
    assert "commune" not in denominators


def test_the_same_inputs_give_the_same_bytes(rennes, real_data, tmp_path):
    again = run("rennes", real_data, tmp_path)
    assert again.journal["outputs"] == rennes.journal["outputs"]
    names = sorted(p.name for p in again.folder.iterdir())
    assert names == ["carte.html", "indicateurs.csv", "indicateurs.parquet", "journal.json", "praticiens.gpkg"]
    for name in names:
        assert (again.folder / name).read_bytes() == (rennes.folder / name).read_bytes(), name
    assert json.loads((again.folder / "journal.json").read_text(encoding="utf-8"))["ledger"]["sources"]
