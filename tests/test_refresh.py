"""The main job on the sample city: its outputs, its vintages, and every way in which it may go wrong."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from carto_sante.cli import run
from carto_sante.refresh import refresh
from carto_sante.schemas import INDICATORS, check_table

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"
COMMAND = [sys.executable, "-c", "from carto_sante.cli import main; main()"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Both vintages of the sample, in one folder."""
    out = tmp_path_factory.mktemp("out")
    refresh(SAMPLE / "study_2025.toml", out)
    return refresh(SAMPLE / "study.toml", out)


@pytest.fixture
def city(tmp_path):
    """A copy of the sample that a test may damage."""
    target = tmp_path / "city"
    shutil.copytree(SAMPLE, target)
    return target


def edit(path, before, after):
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def command(*arguments, **options):
    root = str(SAMPLE.parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "COLUMNS": "120"}
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, env=environment, **options)


def test_a_vintage_holds_its_outputs(done):
    names = ["carte.html", "indicateurs.csv", "indicateurs.parquet", "journal.json", "praticiens.gpkg"]
    assert sorted(p.name for p in done.folder.iterdir()) == names
    assert (done.folder.parents[1] / "current").resolve() == done.folder.resolve()
    indicators = pd.read_parquet(done.folder / "indicateurs.parquet")
    check_table(indicators, INDICATORS)
    assert {"quartier", "iris", "qpv", "commune"} == set(indicators["territory_level"])
    with sqlite3.connect(done.folder / "praticiens.gpkg") as package:
        layers = {name for (name,) in package.execute("select table_name from gpkg_geometry_columns")}
    assert {"praticiens", "etablissements", "territoires_quartier", "territoires_qpv", "isochrones"} <= layers


def test_every_row_is_accounted_for(done):
    rpps = next(s for s in done.journal["ledger"]["sources"] if s["source"].startswith("rpps"))
    with (SAMPLE / "rpps_2026-01.txt").open(encoding="utf-8") as stream:
        assert rpps["rows_read"] == sum(1 for _ in stream) - 1
    assert sum(line["row_count"] for line in rpps["outcomes"]) == rpps["rows_read"]
    sites = done.journal["sites"]
    table = gpd.read_file(done.folder / "praticiens.gpkg", layer="praticiens")
    assert sites["placed"] + sites["outside"] + sites["not_located"] == len(table)
    assert table["quartier_id"].notna().sum() == sites["placed"]


def test_densities_are_those_of_a_spreadsheet(done):
    table = pd.read_csv(done.folder / "indicateurs.csv", dtype={"territory_id": str})
    gps = table[(table["profession"] == "gp") & (table["territory_level"] == "quartier")]
    counts = gps[gps["indicator"] == "practitioner_count"].set_index("territory_id")["indicator_value"]
    people = gpd.read_file(done.folder / "praticiens.gpkg", layer="praticiens")
    people = people[(people["profession"] == "gp") & people["is_in_study"] & people["quartier_id"].notna()]
    assert counts[counts > 0].to_dict() == people.groupby("quartier_id")["practitioner_id"].nunique().to_dict()
    main = done.journal["denominators"][0]
    rates = gps[(gps["indicator"] == "practitioners_per_100k") & (gps["hypothesis"] == main["hypothesis"])]
    implied = (counts / rates.set_index("territory_id")["indicator_value"] * 100_000).dropna()
    assert implied.sum() < main["population_count"] + 1
    assert main["population_count"] == pytest.approx(60_000, rel=0.02)


def test_who_could_not_be_placed_still_counts_for_the_city(done):
    table = pd.read_csv(done.folder / "indicateurs.csv", dtype={"territory_id": str})
    city = table[(table["territory_level"] == "commune") & (table["indicator"] == "practitioner_count")]
    counts = city.set_index("profession")["indicator_value"].to_dict()
    for profession, people in done.journal["practitioners"].items():
        assert counts[profession] == people


def test_the_story_of_the_city(done):
    zones = {row["territory_label"]: row["indicator_value"] for row in done.journal["worst_served"]["zones"]}
    assert next(iter(zones.values())) == 0.0
    assert done.journal["practitioners"]["gp"] > 50
    assert done.journal["definitions"]["gp"] == "liberal"


def test_the_balance_since_the_vintage_before(done):
    evolution = done.journal["evolution"]
    assert evolution["compared_with"] == "2025-01-15"
    assert evolution["changes"]["left"] > 0
    assert evolution["changes"]["arrived"] > 0
    assert evolution["changes"]["moved"] > 0
    before = json.loads((done.folder.parent / "2025-01-15" / "journal.json").read_text(encoding="utf-8"))
    assert before["evolution"] == {}
    gps = [row for row in evolution["balance"] if row["profession"] == "gp"]
    net = sum(row["arrived_count"] + row["moved_in_count"] - row["left_count"] - row["moved_out_count"] for row in gps)
    assert net == sum(row["after_count"] - row["before_count"] for row in gps)


def test_names_become_pseudonyms_in_every_output(done, city, tmp_path, monkeypatch, capsys):
    edit(city / "study.toml", "[practitioners]\n", "[practitioners]\npseudonymise = true\n")
    assert run(["-q", "refresh", str(city / "study.toml"), "--out", str(tmp_path / "no-key")]) == 2
    assert "CARTO_SANTE_PSEUDONYM_KEY" in capsys.readouterr().err
    monkeypatch.setenv("CARTO_SANTE_PSEUDONYM_KEY", "a key of the health department")
    hidden = refresh(city / "study.toml", tmp_path / "out")
    people = gpd.read_file(done.folder / "praticiens.gpkg", layer="praticiens")
    names = {name.encode() for name in people["practitioner_label"].dropna()}
    assert len(names) > 100
    for path in hidden.folder.iterdir():
        content = path.read_bytes()
        shown = [secret for secret in names if secret in content]
        assert not shown, (path.name, shown[:3])
    shown = gpd.read_file(hidden.folder / "praticiens.gpkg", layer="praticiens")
    assert shown["rpps_id"].isna().all()
    assert not set(shown["practitioner_id"]) & set(people["practitioner_id"])
    assert not shown["site_label"].str.contains(r"\bDR\b", na=False).any()
    assert hidden.journal["practitioners"] == done.journal["practitioners"]


def test_places_of_care_are_not_practitioners(done):
    table = pd.read_csv(done.folder / "indicateurs.csv", dtype={"territory_id": str})
    pharmacies = table[table["profession"] == "pharmacy"]
    assert set(pharmacies["indicator"]) == {"practitioner_count", "practitioners_per_100k"}
    assert not pharmacies["unit"].str.contains("praticien").any()


def test_the_same_vintage_twice_changes_nothing(done):
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in done.folder.iterdir()}
    again = refresh(SAMPLE / "study.toml", done.folder.parents[1])
    assert not again.is_new
    assert {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in done.folder.iterdir()} == before


def test_another_folder_gives_the_same_bytes(done, city, tmp_path):
    refresh(city / "study_2025.toml", tmp_path / "elsewhere")
    again = refresh(city / "study.toml", tmp_path / "elsewhere")
    for path in done.folder.iterdir():
        assert (again.folder / path.name).read_bytes() == path.read_bytes(), path.name


def test_other_inputs_ask_for_replace(done, city, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(done.folder.parents[1], out, symlinks=True)
    edit(city / "study.toml", "limits_min = [5, 10, 15]", "limits_min = [5, 10]")
    assert run(["refresh", str(city / "study.toml"), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "changed parameters in: isochrones" in said
    assert "--replace" in said
    assert run(["-q", "refresh", str(city / "study.toml"), "--out", str(out), "--replace", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"]["isochrones"]["limits_min"] == [5.0, 10.0]


def test_a_damaged_vintage_is_made_again(done, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(done.folder.parents[1], out, symlinks=True)
    (out / "current" / "carte.html").write_text("truncated")
    assert refresh(SAMPLE / "study.toml", out).is_new
    assert (out / "current" / "carte.html").read_bytes() == (done.folder / "carte.html").read_bytes()


def test_the_end_prints_a_short_table(done, tmp_path):
    out = done.folder.parents[1]
    said = command("refresh", SAMPLE / "study.toml", "--out", out)
    assert said.returncode == 0
    for words in ("Médecins généralistes", "Lowest practitioners_per_100k of gp", "not located", "Denominator"):
        assert words in said.stdout
    assert "Traceback" not in said.stderr


BAD = {
    "missing-file": (lambda c: (c / "iris.geojson").unlink(), 2, "Did you mean"),
    "unknown-profession": (
        lambda c: edit(c / "study.toml", 'profession = "gp"', 'profession = "gpp"'), 2, 'Did you mean "gp"'
    ),
    "toml-typo": (lambda c: edit(c / "study.toml", 'title = "', "title = "), 2, "not valid TOML"),
    "unknown-key": (
        lambda c: edit(c / "study.toml", "per_inhabitants", "per_inhabitant"), 2, 'Did you mean "per_inhabitants"'
    ),
    "empty-registry": (lambda c: (c / "rpps_2026-01.txt").write_bytes(b""), 2, "empty"),
    "header-only-registry": (lambda c: keep_lines(c / "rpps_2026-01.txt", 1), 2, "has a header and no row"),
    "registry-is-html": (
        lambda c: (c / "rpps_2026-01.txt").write_text("<!DOCTYPE html><html></html>\n"), 2, "rpps_2026-01.txt"
    ),
    "changed-column": (
        lambda c: replace_first(c / "rpps_2026-01.txt", "Code profession", "Profession code"), 2, "lacks 1 columns"
    ),
    "no-crs": (lambda c: without_crs(c), 2, "EPSG:2154"),
    "no-population": (lambda c: zero_population(c), 2, "counts nobody"),
    "territory-elsewhere": (lambda c: edit(c / "study.toml", '["58999"]', '["35238"]'), 2, "none of study.communes"),
    "control-total-off": (lambda c: double_control(c), 3, "gp"),
    "cut-pbf": (lambda c: cut(c / "montbrise.osm.pbf"), 2, "montbrise.osm.pbf"),
    "network-is-text": (lambda c: (c / "montbrise.osm.pbf").write_text("not a map"), 2, "montbrise.osm.pbf"),
    "broken-geojson": (lambda c: cut(c / "quartiers.geojson"), 2, "quartiers.geojson"),
    "no-geocoding-reference": (lambda c: edit(c / "study.toml", 'reference = "ban_58.csv"', ""), 2, "reference"),
    "reference-is-another-table": (
        lambda c: shutil.copy(c / "control_totals.csv", c / "ban_58.csv"), 2, "ban_58.csv"
    ),
}  # fmt: skip


def keep_lines(path, count):
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:count]), encoding="utf-8")


def replace_first(path, before, after):
    path.write_text(path.read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")


def without_crs(folder):
    zones = gpd.read_file(folder / "quartiers.geojson").to_crs(2154)
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        zones.set_crs(None, allow_override=True).to_file(folder / "quartiers.shp")
    (folder / "quartiers.prj").unlink(missing_ok=True)
    edit(folder / "study.toml", '"quartiers.geojson"', '"quartiers.shp"')


def zero_population(folder):
    path = folder / "population_iris_2021.csv"
    table = pd.read_csv(path, sep=";", dtype=str)
    counts = [name for name in table.columns if name.startswith(("P21_", "C21_"))]
    table[counts] = "0"
    table.to_csv(path, sep=";", index=False)


def double_control(folder):
    path = folder / "control_totals.csv"
    table = pd.read_csv(path, sep=";", dtype=str)
    table["practitioners_count"] = (table["practitioners_count"].astype(int) * 2).astype(str)
    table.to_csv(path, sep=";", index=False)


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_input_ends_with_a_sentence(name, city, tmp_path, capsys):
    damage, code, says = BAD[name]
    damage(city)
    out = tmp_path / "out"
    assert run(["-q", "refresh", str(city / "study.toml"), "--out", str(out)]) == code
    said = capsys.readouterr().err
    assert "Internal error" not in said
    assert "Traceback" not in said
    assert says in said, said
    assert not (out / "current").exists()
    assert not list((out / "vintages").glob("*")) if (out / "vintages").exists() else True


def test_territories_in_degrees_are_converted_not_measured(done):
    # The sample's GeoJSON files are in degrees: areas and distances are those of Lambert-93.
    zones = gpd.read_file(done.folder / "praticiens.gpkg", layer="territoires_quartier")
    assert zones.crs.to_epsg() == 2154
    assert 10e6 < zones.area.sum() < 60e6


def test_a_disk_that_fills_up_leaves_the_previous_vintage(done, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(done.folder.parents[1] / "vintages" / "2025-01-15", out / "vintages" / "2025-01-15")
    (out / "current").symlink_to("vintages/2025-01-15")

    def small_files():  # a quota of 300 kB by file: the GeoPackage does not fit
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    said = command("refresh", SAMPLE / "study.toml", "--out", out, preexec_fn=small_files)
    assert said.returncode in (1, 2), said.stderr
    assert "Traceback" not in said.stderr
    assert "could not be written" in said.stderr, said.stderr
    assert sorted(p.name for p in (out / "vintages").iterdir()) == ["2025-01-15"]
    assert (out / "current").resolve().name == "2025-01-15"


def test_an_unbalanced_ledger_stops_the_run(city, tmp_path, monkeypatch, capsys):
    from dataclasses import replace

    from carto_sante import stages

    load = stages.load_practitioners

    def lose_a_row(study):
        loaded = load(study)
        rows = dict(loaded.ledger.rows_read)
        rows[next(iter(rows))] += 1
        return replace(loaded, ledger=replace(loaded.ledger, rows_read=rows))

    monkeypatch.setattr(stages, "load_practitioners", lose_a_row)
    assert run(["-q", "refresh", str(city / "study.toml"), "--out", str(tmp_path / "out")]) == 3
    assert "ledger does not balance" in capsys.readouterr().err
    assert not (tmp_path / "out" / "current").exists()


def test_a_registry_that_shrank_stops_the_run(done, city, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(done.folder.parents[1] / "vintages" / "2025-01-15", out / "vintages" / "2025-01-15")
    lines = (city / "rpps_2026-01.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    (city / "rpps_2026-01.txt").write_text("".join(lines[: len(lines) * 3 // 5]), encoding="utf-8")
    edit(city / "study.toml", 'control_totals = "control_totals.csv"', "")
    assert run(["-q", "refresh", str(city / "study.toml"), "--out", str(out)]) == 3
    said = capsys.readouterr().err
    assert "Since vintage 2025-01-15" in said
    assert "previous vintage is intact" in said
    assert sorted(p.name for p in (out / "vintages").iterdir()) == ["2025-01-15"]


def test_the_commands_say_what_they_do():
    for arguments in (["--help"], ["refresh", "--help"], ["fetch", "--help"]):
        said = command(*arguments)
        assert said.returncode == 0
        assert "Usage: carto-sante" in said.stdout
    said = command("refesh")
    assert said.returncode == 2
    assert 'Did you mean "refresh"' in said.stderr
