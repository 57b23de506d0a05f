"""The numbers of Rennes, Toulouse, Alpes-Maritimes and Bondy, on their real files."""

from __future__ import annotations

import pandas as pd
import pytest

from carto_sante.density import compare_zones, compute_density, qpv_card
from carto_sante.population import (
    aggregate_population,
    approximation_ratio,
    locate_population,
    read_population,
    select_population,
    total_population,
    transfer_population,
)
from carto_sante.territories import add_territory_parts, assign_territory, read_territories

pytestmark = pytest.mark.real

QUARTIERS = "perimetres-des-12-quartiers-de-la-ville-de-rennes.shp"
SOUS_QUARTIERS = "perimetres-des-45-sous-quartiers-de-la-ville-de-rennes.shp"


@pytest.fixture(scope="module")
def rennes(real_data):
    folder = real_data / "rennes"
    return {
        "quartier": read_territories(folder / QUARTIERS, level="quartier"),
        "sous_quartier": read_territories(folder / SOUS_QUARTIERS, level="sous_quartier"),
        "iris": read_territories(folder / "iris_rennes_metropole.json", level="iris", keep={"code_insee": "35238"}),
        "points": read_population(
            folder / "population_points_insee_2018.csv", kind="points", data_year=2015, crs="EPSG:2154"
        ),
        "census": read_population(real_data / "france/population_iris_2016_sauf34.csv", kind="iris", data_year=2016),
    }


def test_rennes_zones(rennes):
    assert [len(rennes[level]) for level in ("quartier", "sous_quartier", "iris")] == [12, 45, 92]
    assert "Bréquigny" in set(rennes["quartier"]["territory_label"])
    assert "La Motte Brûlon" in set(rennes["sous_quartier"]["territory_label"])


def test_rennes_points_to_quartiers_equal_the_points_inside(rennes):
    moved = transfer_population(rennes["points"], rennes["quartier"], method="points")
    inside = rennes["points"].geometry.within(rennes["quartier"].union_all())
    assert int(inside.sum()) == 19_958
    assert total_population(moved).sum() == rennes["points"].loc[inside, "population_count"].sum() == 173_896


def test_rennes_iris_to_quartiers_shows_its_difference(rennes):
    located = locate_population(rennes["census"], rennes["iris"])
    assert len(located.attrs["report"]["zones_without_people_data"]) == 8  # activity and various: not in the file
    known = located.dropna(subset=["population_count"])
    moved = {
        "area": transfer_population(known, rennes["quartier"], method="area"),
        "points": transfer_population(known, rennes["quartier"], method="dasymetric", guide=rennes["points"]),
    }
    published = transfer_population(rennes["points"], rennes["quartier"], method="points")
    for table in moved.values():
        assert total_population(table).sum() == pytest.approx(214_623.522, abs=0.01)
    # 214,624 by IRIS against 173,896 by points: the two sources differ by a quarter before any method does.
    assert approximation_ratio(moved["points"], published).attrs["report"]["total_ratio"] == pytest.approx(
        1.2342, abs=1e-3
    )
    between = (total_population(moved["area"]) / total_population(moved["points"]) - 1).abs()
    assert between.max() < 0.05


def test_toulouse_qpv_join_83_of_83_and_27_are_repaired(real_data):
    folder = real_data / "toulouse"
    qpv = read_territories(folder / "qpv2015_occitanie_sauf34.geojson", level="qpv")
    people = read_population(folder / "qpv2015_occitanie_sauf34_indicateurs.csv", kind="qpv", data_year=2013)
    assert (qpv.attrs["repaired_count"], len(qpv)) == (27, 83)
    assert qpv.geometry.is_valid.all()
    assert qpv.attrs["area_change_share"] < 1e-4
    located = locate_population(people, qpv)
    assert len(located) == 83
    assert located["population_count"].sum() == 255_874
    assert (qpv["geography_year"] == 2015).all()


def test_alpes_maritimes_is_conserved_to_the_person(real_data):
    folder = real_data / "alpes_maritimes"
    iris = read_territories(folder / "iris_06_2022.geojson", level="iris")
    communes = read_territories(folder / "communes_06.geojson", level="commune")
    people = read_population(folder / "pop_IRIS_06.xlsx", kind="iris", data_year=2019)
    assert len(iris) == 500
    assert people.attrs["report"]["codes_restored"] == 500
    codes = pd.Series(iris["territory_id"].to_numpy(), index=iris["territory_id"])
    by_code = aggregate_population(people, add_territory_parts(codes, level="commune"), level="commune")
    everybody = total_population(by_code)
    assert (len(everybody), everybody.sum()) == (163, 1_094_283)
    located = locate_population(people, iris)
    spread = transfer_population(located, communes, method="area", outside="spread")
    assert total_population(spread).sum() == pytest.approx(1_094_283, abs=1e-6)
    strict = transfer_population(located, communes, method="area").attrs["report"]
    # The two files draw the coast differently: 2,049 people's land is in no commune, and is said.
    assert strict["outside_total"] == pytest.approx(2048.9, abs=1)
    assert strict["target_total"] + strict["outside_total"] == pytest.approx(1_094_283, abs=1e-6)
    women = select_population(people, age_from=15, age_to=49, sex="female")
    assert women["population_count"].between(0, total_population(people).max()).all()


def test_bondy_grid_is_recognised_and_its_clipped_cells_are_said(real_data):
    folder = real_data / "bondy"
    path = folder / "carreaux_filosofi_200m.gpkg"
    grid = read_population(path, kind="grid", data_year=2017)
    report = grid.attrs["report"]
    assert report["crs"].startswith("EPSG:2154, undeclared in the file and proven")
    assert (report["rows_read"], report["clipped_cells"], report["total_as_summed"]) == (164, 66, 65_548)
    assert report["total_by_area"] == pytest.approx(54_963, abs=10)
    iris = read_territories(folder / "georef_iris_2020.zip", level="iris", keep={"com_code": "93010"})
    census = read_population(real_data / "france/population_iris_2016_sauf34.csv", kind="iris", data_year=2016)
    ratios = {}
    for choice in ("as_published", "by_area"):
        cells = read_population(path, kind="grid", data_year=2017, clipped_cells=choice)
        moved = transfer_population(cells, iris, method="area")
        ratios[choice] = approximation_ratio(moved, census).attrs["report"]["total_ratio"]
    assert ratios["as_published"] == pytest.approx(1.14, abs=0.02)
    assert ratios["by_area"] == pytest.approx(1.01, abs=0.02)


def test_rennes_doctors_by_quartier_with_two_denominators(rennes, real_data):
    import geopandas as gpd

    raw = pd.read_csv(real_data / "rennes/bpe_insee_2018.csv", sep=";")
    raw = raw[raw["equ"] == "Médecins"].reset_index(drop=True)
    doctors = gpd.GeoDataFrame(
        {"practitioner_id": [f"D{n}" for n in raw.index], "site_id": [f"S{n}" for n in raw.index],
         "profession": "doctor_unspecified", "capacity": 1.0},
        geometry=gpd.points_from_xy(raw["x"], raw["y"]), crs="EPSG:2154",
    )  # fmt: skip
    zones = pd.concat([rennes["quartier"], rennes["iris"]], ignore_index=True)
    ids = assign_territory(doctors, zones)
    assert ids.notna().sum().to_dict() == {"iris_id": 268, "quartier_id": 268}
    placed = doctors.join(ids)
    people = transfer_population(rennes["points"], rennes["quartier"], method="points")
    table = compute_density(placed, rennes["quartier"], people)
    counts = table[table["indicator"] == "practitioner_count"]["indicator_value"]
    assert counts.sum() == 268
    assert 100_000 * 268 / total_population(people).sum() == pytest.approx(154.1, abs=0.1)
    known = locate_population(rennes["census"], rennes["iris"]).dropna(subset=["population_count"])
    everybody = total_population(transfer_population(known, rennes["quartier"], method="area")).sum()
    assert 100_000 * 268 / everybody == pytest.approx(124.9, abs=0.1)
    verdicts = compare_zones(placed, rennes["quartier"], people).set_index("territory_label")["verdict"]
    assert verdicts["Centre"] == "above"


def test_alpes_maritimes_qpv_card(real_data):
    import geopandas as gpd

    folder = real_data / "alpes_maritimes"
    qpv = read_territories(folder / "qpv2024_extract.geojson", level="qpv")
    communes = read_territories(folder / "communes_06.geojson", level="commune")
    iris = read_territories(folder / "iris_06_2022.geojson", level="iris")
    people = locate_population(read_population(folder / "pop_IRIS_06.xlsx", kind="iris", data_year=2019), iris)
    people = people[(people["age_band"] == "all") & (people["sex"] == "all")]
    raw = pd.read_csv(folder / "gp_practices_2022.csv").dropna(subset=["lon", "lat"])
    points = gpd.GeoSeries(gpd.points_from_xy(raw["lon"], raw["lat"]), crs=4326).to_crs(2154)
    doctors = gpd.GeoDataFrame(
        {"practitioner_id": [f"P{n}" for n in range(len(raw))], "site_id": [f"S{n}" for n in range(len(raw))],
         "profession": "gp", "capacity": 1.0}, geometry=points, crs=2154,
    )  # fmt: skip
    card = qpv_card(doctors, qpv, people, communes=communes, professions=["gp"])
    assert card["qpv_id"].nunique() == 6
    assert (card.groupby("qpv_id").size() == 5).all()
    parts = card.pivot(index="qpv_id", columns="place", values="population_count")
    # A QPV and the rest of its commune make the commune, save what of the QPV lies over the border.
    assert (parts["qpv"] + parts["rest of commune"] >= parts["commune"] - 1e-6).all()
