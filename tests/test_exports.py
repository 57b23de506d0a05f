"""Exports: the same bytes each time, opened by those who will open them (QGIS, PostGIS, a spreadsheet)."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from carto_sante import exports
from carto_sante.errors import InputError, OutputError
from tests import toy_city
from tests.servers import postgis

DAY = dt.date(2026, 1, 15)


def zones():
    table = toy_city.territories()
    quartiers = table[table["territory_level"] == "quartier"].reset_index(drop=True)
    return quartiers.assign(gp_per_100k=[100.0, 50.0, 400.0, None])


def styles():
    rules = exports.class_rules(
        "gp_per_100k", [60.0, 120.0, 500.0], ["#fee8c8", "#fdbb84", "#e34a33"], unit="pour 100 000"
    )
    markers = {"gp": ("Médecins généralistes", "#1b6ca8", "circle"), "nurse": ("Infirmiers", "#b8336a", "square")}
    return {
        "territoires_quartier": exports.to_qml(rules, label_column="territory_label"),
        "praticiens": exports.to_qml(exports.value_rules("profession", markers)),
    }


def layers():
    return {"praticiens": toy_city.practitioners(), "territoires_quartier": zones()}


def test_a_geopackage_has_the_same_bytes_twice(tmp_path):
    for name in ("a", "b"):
        exports.write_geopackage(layers(), tmp_path / f"{name}.gpkg", data_date=DAY, styles=styles())
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    back = gpd.read_file(tmp_path / "a.gpkg", layer="territoires_quartier")
    assert back["territory_id"].tolist() == ["A", "B", "C", "D"]
    assert back["gp_per_100k"].isna().tolist() == [False, False, False, True]


def test_a_layer_without_crs_is_refused(tmp_path):
    with pytest.raises(InputError, match="without CRS: praticiens"):
        exports.write_geopackage({"praticiens": gpd.GeoDataFrame(geometry=[None])}, tmp_path / "a.gpkg", data_date=DAY)
    with pytest.raises(InputError, match="no layer"):
        exports.write_geopackage({}, tmp_path / "a.gpkg", data_date=DAY)
    assert not list(tmp_path.iterdir())


def test_geoparquet_is_1_1_and_comes_back(tmp_path):
    exports.write_parquet(zones(), tmp_path / "a.parquet")
    import pyarrow.parquet as pq

    geo = json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert "bbox" in geo["columns"]["geometry"]["covering"]
    assert gpd.read_parquet(tmp_path / "a.parquet")["territory_id"].tolist() == ["A", "B", "C", "D"]


def test_a_csv_keeps_zero_missing_and_codes_apart(tmp_path):
    exports.write_csv(pd.DataFrame({"code": ["01004", "2A004"], "valeur": [0.0, None]}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8-sig") == "code,valeur\n01004,0.0\n2A004,\n"


def test_a_workbook_has_its_metadata_and_no_formula(tmp_path):
    table = pd.DataFrame({"code": ["01004", "=1+1"], "valeur": [0.0, None]})
    for name in ("a", "b"):
        exports.write_workbook(
            {"Données": table}, tmp_path / f"{name}.xlsx", metadata={"Titre": "Essai"}, data_date=DAY
        )
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    import openpyxl

    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["Métadonnées", "Données"]
    assert book["Métadonnées"]["B1"].value == "Essai"
    cells = [[(cell.value, cell.data_type) for cell in row] for row in book["Données"].iter_rows(min_row=2)]
    assert cells == [[("01004", "s"), (0, "n")], [("=1+1", "s"), (None, "n")]]
    with pytest.raises(InputError, match="at most 31"):
        exports.write_workbook({"x" * 32: table}, tmp_path / "c.xlsx", metadata={}, data_date=DAY)


@pytest.mark.qgis
def test_layers_open_styled_in_qgis(tmp_path):
    python = "/usr/bin/python3"
    probe = subprocess.run([python, "-c", "import qgis.core"], capture_output=True) if Path(python).exists() else None
    if probe is None or probe.returncode:
        pytest.skip("PyQGIS is not installed (Debian: python3-qgis)")
    exports.write_geopackage(layers(), tmp_path / "a.gpkg", data_date=DAY, styles=styles())
    script = Path(__file__).parent / "servers" / "render_in_qgis.py"
    out = tmp_path / "a.png"
    environment = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8",
                   "XDG_RUNTIME_DIR": str(tmp_path)}  # fmt: skip
    done = subprocess.run(
        [python, str(script), str(tmp_path / "a.gpkg"), str(out), "praticiens", "territoires_quartier"],
        capture_output=True, text=True, env=environment, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert said["territoires_quartier"]["renderer"] == "RuleRenderer"
    assert said["territoires_quartier"]["legend"] == [
        "jusqu’à 60 pour 100 000",
        "de 60 à 120",
        "de 120 à 500",
        "non renseigné",
    ]
    assert said["territoires_quartier"]["labels"]
    assert said["praticiens"]["legend"] == ["Médecins généralistes", "Infirmiers"]
    from PIL import Image

    colours = {colour for _, colour in Image.open(out).convert("RGB").getcolors(1_000_000)}
    assert {(0xFE, 0xE8, 0xC8), (0xFD, 0xBB, 0x84), (0xE3, 0x4A, 0x33), (0x1B, 0x6C, 0xA8)} <= colours
    if keep := os.environ.get("CARTO_SANTE_KEEP_SCREENSHOTS"):
        (Path(keep) / "qgis.png").write_bytes(out.read_bytes())


@pytest.fixture(scope="module")
def database():
    if postgis.find_binaries() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql postgis)")
    with postgis.running() as url:
        yield url


def rows(url, query):
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.server
def test_postgis_twice_without_duplicates(database):
    tables = {**layers(), "indicateurs": pd.DataFrame({"territory_id": ["A"], "indicator_value": [1.5]})}
    assert exports.write_postgis(tables, database, vintage=DAY) == {
        "praticiens": 6,
        "territoires_quartier": 4,
        "indicateurs": 1,
    }
    exports.write_postgis(tables, database, vintage=DAY)
    assert rows(database, "select count(*) from carto_sante.praticiens") == [(6,)]
    changed = {**tables, "praticiens": toy_city.practitioners().iloc[:5].assign(convention_sector="1")}
    exports.write_postgis(changed, database, vintage=dt.date(2027, 1, 15))
    found = rows(
        database,
        "select vintage::text, count(*), count(convention_sector) from carto_sante.praticiens group by 1 order by 1",
    )
    assert found == [("2026-01-15", 6, 0), ("2027-01-15", 5, 5)]
    inside = """select count(*) from carto_sante.praticiens p
        join carto_sante.territoires_quartier t on st_within(p.geometry, t.geometry) and t.vintage = p.vintage
        where p.vintage = '2026-01-15' and t.territory_id = 'C'"""
    assert rows(database, inside) == [(2,)]
    assert rows(database, "select srid from geometry_columns where f_table_name = 'praticiens'") == [(2154,)]
    indexes = {name for (name,) in rows(database, "select indexname from pg_indexes where tablename = 'praticiens'")}
    assert {"praticiens_vintage_idx", "idx_praticiens_geometry"} <= indexes


@pytest.mark.server
def test_postgis_refusals_change_nothing(database):
    before = rows(database, "select count(*) from pg_tables where schemaname = 'carto_sante'")
    broken = {
        "nouvelle": toy_city.practitioners(),
        "indicateurs": pd.DataFrame({"territory_id": ["A"], "indicator_value": ["text"]}),
    }
    exports.write_postgis(
        {"indicateurs": pd.DataFrame({"territory_id": ["A"], "indicator_value": [1.5]})}, database, vintage=DAY
    )
    with pytest.raises(OutputError, match="Nothing was changed"):
        exports.write_postgis(broken, database, vintage=DAY)
    assert rows(database, "select to_regclass('carto_sante.nouvelle')") == [(None,)]
    assert rows(database, "select count(*) from pg_tables where schemaname = 'carto_sante'")[0][0] >= before[0][0]
    with pytest.raises(OutputError, match="PostGIS refused"):
        exports.write_postgis(layers(), "postgresql://postgres@127.0.0.1:9/postgres", vintage=DAY)
    with pytest.raises(InputError, match="cannot name a table"):
        exports.write_postgis({'x"; drop': zones()}, database, vintage=DAY)


def test_exports_are_light_until_used():
    heavy = ("sqlalchemy", "openpyxl", "geoalchemy2")
    code = f"import sys, carto_sante.exports; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
