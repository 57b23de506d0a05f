"""The embedded sample city: reproducible, in the official layouts, and telling its story."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from pathlib import Path

import geopandas as gpd
import osmium
import pandas as pd
import pytest
from shapely.geometry import LineString, Polygon

from data.generator.__main__ import main
from data.generator.census import GRID_BANDS
from data.generator.rpps import HEADER_2021, HEADER_2026

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
METRES = "EPSG:2154"


def table(name: str, separator: str = ";") -> pd.DataFrame:
    return pd.read_csv(SAMPLE / name, sep=separator, dtype=str, keep_default_na=False)


def rpps(vintage: str) -> pd.DataFrame:
    lines = (SAMPLE / f"rpps_{vintage}.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|") for line in lines]
    assert {len(row) for row in rows} == {len(rows[0])}
    assert {row[-1] for row in rows} == {""}
    return pd.DataFrame(rows[1:], columns=rows[0]).iloc[:, :-1]


def zones(name: str) -> gpd.GeoDataFrame:
    return gpd.read_file(SAMPLE / f"{name}.geojson").to_crs(METRES)


@pytest.fixture(scope="module")
def gps() -> dict[int, gpd.GeoDataFrame]:
    """Liberal GPs of the second vintage where they really are, with those of the first found by their story."""
    truth = table("truth_rpps_2026-01.csv")
    points = gpd.points_from_xy(truth["lon"].astype(float), truth["lat"].astype(float), crs="EPSG:4326")
    frame = gpd.GeoDataFrame(truth, geometry=points).to_crs(METRES)
    return {2026: frame[(frame["profession"] == "gp") & (frame["mode"] == "L")]}


class TestFiles:
    def test_the_generator_writes_the_same_bytes(self, capsys):
        assert main(["--out", str(SAMPLE), "--check"]) == 0, capsys.readouterr().err

    def test_check_names_the_file_that_differs(self, tmp_path, capsys):
        for file in SAMPLE.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        (tmp_path / "epci_2025.csv").write_text("CODGEO\n")
        (tmp_path / "ameli_58.csv").unlink()
        assert main(["--out", str(tmp_path), "--check"]) == 1
        told = capsys.readouterr().err
        assert "epci_2025.csv" in told
        assert "ameli_58.csv" in told
        assert len(told.splitlines()) == 2

    def test_under_six_megabytes(self):
        assert sum(file.stat().st_size for file in SAMPLE.iterdir()) < 6_000_000

    def test_every_file_is_in_the_readme(self):
        readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
        missing = [f.name for f in SAMPLE.iterdir() if f.suffix not in {".md", ".toml"} and f"`{f.name}`" not in readme]
        assert not missing

    def test_studies_are_valid(self):
        from carto_sante.study import read_study

        for name in ("study", "study_2025"):
            assert read_study(SAMPLE / f"{name}.toml").study.communes == ("58999",)


class TestRegistries:
    def test_headers_are_those_of_the_vintages(self):
        assert len(HEADER_2021) == 52
        assert len(HEADER_2026) == 56
        assert list(rpps("2025-01").columns) == HEADER_2021
        assert list(rpps("2026-01").columns) == HEADER_2026

    def test_identifiers_are_nobodys(self):
        for vintage in ("2025-01", "2026-01"):
            people = rpps(vintage)
            assert people["Identifiant PP"].str.fullmatch(r"8999\d{7}|5899\d{5}").all()
            assert (
                people["Identification nationale PP"] == people["Type d'identifiant PP"] + people["Identifiant PP"]
            ).all()
            sites = people["Numéro SIRET site"]
            assert sites[sites != ""].str.fullmatch(r"999\d{11}").all()

    def test_codes_keep_their_form(self):
        people = rpps("2026-01")
        for column, form in {
            "Code postal (coord. structure)": r"\d{5}",
            "Code commune (coord. structure)": r"58\d{3}",
            "Numéro FINESS site": r"\d{9}",
            "Téléphone (coord. structure)": r"0\d{9}",
        }.items():
            filled = people[column][people[column] != ""]
            assert len(filled)
            assert filled.str.fullmatch(form).all(), column

    def test_second_vintage_is_another_year(self):
        before, after = (set(rpps(v)["Identifiant PP"]) for v in ("2025-01", "2026-01"))
        assert 20 < len(before - after) < 60
        assert 20 < len(after - before) < 60
        assert len(before & after) > 450

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("Code catégorie professionnelle", "E"),
            ("Code genre d'activité", "GENR02"),
            ("Code secteur d'activité", "SA64"),
            ("Code secteur d'activité", "SA05"),
            ("Code secteur d'activité", "SA01"),
        ],
    )
    def test_traps_are_there(self, column, value):
        assert (rpps("2026-01")[column] == value).any()

    def test_addresses_have_their_quirks(self):
        people = rpps("2026-01")
        assert people["Bureau cedex (coord. structure)"].str.contains("CEDEX").any()
        assert people["Mention distribution (coord. structure)"].str.match("BP|CS").any()
        assert (people["Code postal (coord. structure)"] == "").any()
        assert (people["Complément point géographique (coord. structure)"] == "CABINET MEDICAL").any()

    def test_several_savoir_faire_and_several_sites(self):
        people = rpps("2026-01")
        doctors = people[people["Code profession"] == "10"].groupby("Identifiant PP")
        assert (doctors["Code savoir-faire"].nunique() > 1).sum() > 10
        assert (people.groupby("Identifiant PP")["Identifiant technique de la structure"].nunique() > 1).sum() > 10

    def test_announced_layout_says_the_same(self):
        whole = rpps("2026-01")
        activities, skills = rpps("2026-01_sans_savoir_faire"), rpps("2026-01_savoir_faire")
        assert "Code savoir-faire" not in activities.columns
        assert set(activities["Identifiant PP"]) == set(whole["Identifiant PP"])
        pairs = whole.loc[whole["Code savoir-faire"] != "", ["Identifiant PP", "Code savoir-faire"]]
        assert set(map(tuple, pairs.to_numpy())) == set(
            map(tuple, skills[["Identifiant PP", "Code savoir-faire"]].to_numpy())
        )

    def test_finess_records(self):
        lines = (SAMPLE / "finess_cs1100507.csv").read_text(encoding="utf-8").splitlines()
        assert re.fullmatch(r"finess;etalab;\d+;2026-01-12", lines[0])
        records = [line.split(";") for line in lines[1:]]
        kinds = Counter(record[0] for record in records)
        assert kinds["structureet"] == kinds["geolocalisation"]
        structures = [record for record in records if record[0] == "structureet"]
        assert {len(record) for record in structures} == {32}
        assert all(re.fullmatch(r"58999\d|589\d{6}", record[1]) for record in structures)
        categories = Counter(record[18] for record in structures)
        assert (categories["355"], categories["603"], categories["124"]) == (1, 3, 4)
        assert categories["620"] == 25

    def test_finess_plus_holds_the_same_establishments(self):
        document = json.loads((SAMPLE / "finess_plus.json").read_text(encoding="utf-8"))
        places = [place for legal in document["pmej"] for place in legal["ege"]]
        open_ids = {p["informationsGeneralesEGE"]["numFinessEge"] for p in places if p["etatObjet"] == "A"}
        lines = (SAMPLE / "finess_cs1100507.csv").read_text(encoding="utf-8").splitlines()
        assert open_ids == {line.split(";")[1] for line in lines if line.startswith("structureet")}
        assert len(places) == len(open_ids) + 1
        coordinates = [
            address["coordonneesGeographique"]
            for place in places
            for address in place["adresse"]
            if address["usageAdresse"] == "03"
        ]
        swapped = [c for c in coordinates if float(c["directionLatitude"]) > 90]
        assert 3 <= len(swapped) <= 12
        keys = set(table("ban_58.csv")["id"])
        assert {c["cleInInteropBAN"] for c in coordinates} <= keys

    def test_ameli_lines(self):
        lines = (SAMPLE / "ameli_58.csv").read_text(encoding="utf-8").splitlines()
        rows = [line.split(";") for line in lines]
        assert {len(row) for row in rows} == {33}
        people = {(row[1], row[10]) for row in rows}
        assert len(people) < len(rows)
        assert {row[13] for row in rows} == {"c1", "c3"}
        names = set(rpps("2026-01")["Nom d'exercice"])
        assert {row[1] for row in rows} <= names


class TestAddresses:
    def test_ban(self):
        ban = table("ban_58.csv")
        assert len(ban.columns) == 23
        assert 9_000 < len(ban) < 14_000
        assert not ban["id"].duplicated().any()
        assert ban.groupby(ban["id"].str[:10])["nom_voie"].nunique().max() == 1
        assert ban["code_insee"].str.fullmatch(r"58\d{3}").all()
        assert set(ban.loc[ban["code_postal"] == "58990", "code_insee"]) == {"58999", "58993"}

    def test_both_coordinates_say_the_same(self):
        ban = table("ban_58.csv").iloc[::97]
        there = gpd.GeoSeries(
            gpd.points_from_xy(ban["lon"].astype(float), ban["lat"].astype(float), crs="EPSG:4326")
        ).to_crs(METRES)
        gap = (
            (there.x - ban["x"].astype(float).to_numpy()) ** 2 + (there.y - ban["y"].astype(float).to_numpy()) ** 2
        ) ** 0.5
        assert gap.max() < 0.3

    def test_every_practice_is_an_address(self):
        ban = table("ban_58.csv")
        labels = set(ban["code_insee"] + " " + (ban["numero"] + " " + ban["rep"]).str.strip() + " " + ban["nom_voie"])
        truth = table("truth_rpps_2026-01.csv")
        assert set(truth["commune_code"] + " " + truth["address"]) <= labels


class TestTerritories:
    def test_counts_and_codes(self):
        iris, quartiers = zones("iris"), zones("quartiers")
        assert Counter(iris["TYP_IRIS"]) == {"H": 26, "A": 1, "D": 1}
        assert (iris["CODE_IRIS"] == iris["INSEE_COM"] + iris["IRIS"]).all()
        assert sorted(quartiers["id"]) == [f"{k:02d}" for k in range(1, 13)]
        assert list(zones("qpv_2015")["code_qp"]) == ["QP058001", "QP058002", "QP058003"]
        assert list(zones("qpv_2024")["code_qp"]) == ["QN05801M", "QN05802M", "QN05803M"]
        assert len(zones("communes")) == 7

    @pytest.mark.parametrize("name", ["iris", "quartiers"])
    def test_zones_cover_the_commune_once(self, name):
        level, communes = zones(name), zones("communes")
        commune = communes[communes["code"] == "58999"].geometry.iloc[0]
        assert level.geometry.is_valid.all()
        whole = level.geometry.union_all()
        assert level.geometry.area.sum() == pytest.approx(whole.area, rel=1e-5)
        assert whole.area == pytest.approx(commune.area, rel=1e-5)

    def test_some_quartiers_cut_iris_and_most_do_not(self):
        pieces = zones("iris").query("TYP_IRIS == 'H'").overlay(zones("quartiers"), keep_geom_type=True)
        pieces = pieces[pieces.geometry.area > 20_000]
        cut = (pieces.groupby("CODE_IRIS").size() > 1).sum()
        assert 3 <= cut <= 8

    def test_qpv_changed_and_follow_no_other_level(self):
        old, new = zones("qpv_2015"), zones("qpv_2024")
        for before, after in zip(old.geometry, new.geometry, strict=True):
            shared = before.intersection(after).area
            assert 0.5 < shared / before.union(after).area < 0.97
        iris = zones("iris")
        touched = new.overlay(iris, keep_geom_type=True)
        assert (touched[touched.geometry.area > 5_000].groupby("code_qp").size() > 1).all()


class TestPopulation:
    def test_census_bands_add_up(self):
        census = table("population_iris_2021.csv")
        numbers = census.filter(regex=r"^[PC]21_").astype(float)
        total = numbers["P21_POP"]
        assert total.sum() == pytest.approx(60_214, abs=0.01)
        for family in (
            ("0002", "0305", "0610", "1117", "1824", "2539", "4054", "5564", "6579", "80P"),
            ("0014", "1529", "3044", "4559", "6074", "75P"),
            ("0019", "2064", "65P"),
        ):
            assert (numbers[[f"P21_POP{band}" for band in family]].sum(axis=1) - total).abs().max() < 1e-3
        assert (numbers["P21_POPH"] + numbers["P21_POPF"] - total).abs().max() < 1e-3
        for band in ("0014", "75P", "65P"):
            both = numbers[f"P21_H{band}"] + numbers[f"P21_F{band}"]
            assert (both - numbers[f"P21_POP{band}"]).abs().max() < 1e-3
        inhabited = total[census["TYP_IRIS"] == "H"]
        assert inhabited.between(700, 5_000).all()
        assert census["IRIS"].tolist() == zones("iris")["CODE_IRIS"].tolist()

    def test_grid_agrees_in_the_large(self):
        grid = table("carreaux_200m.csv", ",")
        people = grid["ind"].astype(float)
        assert grid["idcar_200m"].str.fullmatch(r"CRS3035RES200mN\d{7}E\d{7}").all()
        bands = grid[list(GRID_BANDS)].astype(float).sum(axis=1)
        whole = grid["i_est_200"] == "0"
        assert ((bands - people)[whole].abs() < 1).all()
        assert (grid["i_est_200"] == "1").sum() > 50
        town = people[grid["lcog_geo"].str.contains("58999")].sum()
        assert town == pytest.approx(60_214, rel=0.03)
        assert town != 60_214


@pytest.fixture(scope="module")
def ways() -> list[tuple[dict[str, str], LineString]]:
    places, found = {}, []
    for item in osmium.FileProcessor(str(SAMPLE / "montbrise.osm.pbf")):
        if item.is_node():
            places[item.id] = (item.location.lon, item.location.lat)
        elif item.is_way():
            found.append((dict(item.tags), LineString([places[node.ref] for node in item.nodes])))
    return found


class TestRoads:
    def test_two_bridges_cross_the_river(self, ways):
        water = next(Polygon(line) for tags, line in ways if tags.get("natural") == "water")
        over = {tags.get("name") for tags, line in ways if "highway" in tags and line.crosses(water)}
        assert over == {"Pont Vieux", "Pont de l'Europe"}
        assert all(tags.get("bridge") == "yes" for tags, line in ways if "highway" in tags and line.crosses(water))

    def test_kinds_of_streets(self, ways):
        kinds = Counter(tags["highway"] for tags, _ in ways if "highway" in tags)
        for kind in ("trunk", "primary", "secondary", "tertiary", "residential", "living_street", "pedestrian",
                     "service", "footway", "cycleway", "steps", "unclassified"):  # fmt: skip
            assert kinds[kind] > 0, kind
        speeds = {tags.get("maxspeed") for tags, _ in ways}
        assert {"30", "50", "90", "FR:urban", "FR:zone30", "FR:rural"} <= speeds
        assert {"yes", "-1"} <= {tags.get("oneway") for tags, _ in ways}
        assert any(tags.get("oneway:bicycle") == "no" for tags, _ in ways)
        assert any(tags.get("junction") == "roundabout" for tags, _ in ways)
        assert any(tags.get("access") == "private" for tags, _ in ways)
        assert all(tags.get("oneway") == "yes" for tags, _ in ways if tags.get("highway") == "trunk")

    def test_streets_are_not_a_grid(self, ways):
        turns = Counter()
        for tags, line in ways:
            if tags.get("highway") != "residential":
                continue
            (x0, y0), (x1, y1) = line.coords[0], line.coords[-1]
            turns[round(math.degrees(math.atan2(y1 - y0, (x1 - x0) * 0.68))) % 90 // 10] += 1
        assert max(turns.values()) < 0.35 * sum(turns.values())

    def test_restrictions_refer_to_ways_that_meet(self):
        ends, relations = {}, []
        for item in osmium.FileProcessor(str(SAMPLE / "montbrise.osm.pbf")):
            if item.is_way():
                ends[item.id] = {item.nodes[0].ref, item.nodes[-1].ref}
            elif item.is_relation():
                relations.append({member.role: member.ref for member in item.members})
        assert len(relations) == 3
        assert all(r["via"] in ends[r["from"]] & ends[r["to"]] for r in relations)


class TestStory:
    def test_centre_well_served_priority_districts_not(self, gps):
        census = table("population_iris_2021.csv")
        people = census.set_index("IRIS")["P21_POP"].astype(float)
        quartiers = zones("quartiers")
        iris = zones("iris")
        iris["people"] = iris["CODE_IRIS"].map(people)
        iris["geometry"] = iris.representative_point()
        inside = iris.sjoin(quartiers[["id", "geometry"]]).groupby("id")["people"].sum()
        counts = gps[2026].drop_duplicates("practitioner_id")["quartier_id"].value_counts()
        rate = {key: 1e5 * counts.get(key, 0) / inside[key] for key in inside.index}
        assert rate["01"] > 250
        assert rate["08"] == 0
        assert rate["11"] < 60
        assert rate["05"] > 150

    def test_no_gp_is_left_in_the_large_estate(self, gps):
        assert (gps[2026]["qpv_id"] == "QN05801M").sum() == 0
        assert (gps[2026]["qpv_id"] == "QN05802M").sum() == 1
        before = rpps("2025-01")
        at = before[(before["Code profession"] == "10") & (before["Code savoir-faire"].isin(["SM26", "SM53", "SM54"]))]
        after = set(rpps("2026-01")["Identifiant PP"])
        gone = at.loc[~at["Identifiant PP"].isin(after), "Identifiant PP"].nunique()
        assert gone >= 7

    def test_new_msp(self):
        def msp(vintage: str) -> pd.DataFrame:
            people = rpps(vintage)
            return people[people["Raison sociale site"] == "MSP DES VIGNES"]

        assert msp("2025-01").empty
        assert msp("2026-01")["Identifiant PP"].nunique() >= 6
        assert "MSP DES VIGNES" not in (SAMPLE / "finess_cs1100507_2025-01.csv").read_text(encoding="utf-8")
        assert "MSP DES VIGNES" in (SAMPLE / "finess_cs1100507.csv").read_text(encoding="utf-8")

    def test_geography_of_2015_gives_another_answer(self, gps):
        old = zones("qpv_2015")
        inside = gps[2026].sjoin(old[["code_qp", "geometry"]])
        assert "QP058002" not in set(inside["code_qp"])

    def test_control_totals_are_near_what_the_file_holds(self):
        people = rpps("2026-01")
        nurses = people[
            (people["Code profession"] == "60")
            & (people["Code mode exercice"] == "L")
            & (people["Code genre d'activité"] == "GENR01")
            & (people["Code postal (coord. structure)"] != "")
        ]
        with (SAMPLE / "control_totals.csv").open(encoding="utf-8") as file:
            totals = {row["profession"]: int(row["practitioners_count"]) for row in csv.DictReader(file, delimiter=";")}
        assert totals["nurse"] == nurses["Identifiant PP"].nunique()
