"""The atlas without a browser: its files, its bytes, its tables."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest

from carto_sante.errors import InputError, UnknownNameError
from carto_sante.maps import build_diff_map, write_atlas
from carto_sante.maps.atlas import _Printer
from carto_sante.maps.changes import balance_notes
from carto_sante.maps.compare import build_before_after_map
from carto_sante.maps.element import CityPage
from carto_sante.study import read_study
from tests.maps_city import city_inputs, toy_indicators, toy_map_inputs


def toy_atlas(folder, **changes):
    return write_atlas(
        folder, **{**toy_map_inputs(), "formats": ("html", "png", "pdf"), "levels": ("quartier",), **changes}
    )


def test_files(tmp_path):
    written = toy_atlas(tmp_path / "atlas", levels=("quartier", "qpv", "iris"))
    names = [path.name for path in written]
    assert names[0] == "index.html"
    assert len(names) == 1 + 6 * 3
    assert all(path.stat().st_size > 1000 for path in written)
    index = written[0].read_text(encoding="utf-8")
    assert all(f'href="{name}"' in index for name in names[1:])


def test_same_inputs_same_bytes(tmp_path):
    first = {path.name: path.read_bytes() for path in toy_atlas(tmp_path / "a")}
    second = {path.name: path.read_bytes() for path in toy_atlas(tmp_path / "b")}
    assert first == second


def test_printed_page_is_a4_and_says_its_figures(tmp_path):
    toy_atlas(tmp_path / "atlas", formats=("png", "pdf"), credits=("RPPS, 1er janvier 2026",))
    pdf = tmp_path / "atlas" / "quartier-c-quartier-c.pdf"
    size = subprocess.run(["pdfinfo", str(pdf)], capture_output=True, text=True, check=True).stdout
    assert "841.89 x 595.276 pts (A4)" in size
    text = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    for words in ("quartier C", "Ville jouet", "Données au 1er janvier 2026", "Médecins généralistes", "400",
                  "Sources : RPPS", "non disponible"):  # fmt: skip
        assert words in text
    from matplotlib.image import imread

    pixels = imread(pdf.with_suffix(".png"))
    assert pixels.shape[:2] == (1653, 2338)


def test_counts_of_the_table():
    inputs = toy_map_inputs()
    people = inputs["practitioners"].assign(quartier_id=["A", "B", "C", "C", "D", "A"])
    printer = _Printer(streets=None, credits=(), indicator="practitioners_per_100k", profession="gp", level="quartier",
                       **{**inputs, "practitioners": people})  # fmt: skip
    page = printer.page("quartier", 2)
    assert [list(row) for row in page.rows] == [["gp", "2", "400", "–"], ["nurse", "0", "n. d.", "–"]]
    assert page.classes.class_of.tolist() == [1, 0, 2, -2]


def test_the_previous_atlas_stays_when_a_page_fails(tmp_path, monkeypatch):
    folder = tmp_path / "atlas"
    toy_atlas(folder, formats=("html",))
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.setattr("carto_sante.maps.atlas.write_index", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        toy_atlas(folder, formats=("html",))
    assert sorted(path.name for path in folder.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["atlas"]


def test_bad_arguments(tmp_path):
    with pytest.raises(InputError, match="html, png, pdf"):
        toy_atlas(tmp_path / "a", formats=("jpg",))
    with pytest.raises(UnknownNameError, match="commune"):
        toy_atlas(tmp_path / "a", levels=("commune",))
    assert list(tmp_path.iterdir()) == []


def test_before_and_after_have_the_same_bounds():
    inputs = city_inputs(200)
    inputs.pop("bivariate_with")
    after = inputs.pop("indicators")
    before = after.assign(indicator_value=after["indicator_value"] * 0.7)
    city = build_before_after_map(before_label="avant", after_label="après", before=before, after=after, **inputs)
    page = next(child for child in city._children.values() if isinstance(child, CityPage))
    states = {}
    for record in page.payload["choropleths"]:
        states.setdefault((record["level"], record["indicator"], record["profession"]), {})[record["state"]] = record
    for three in states.values():
        assert three["before"]["labels"] == three["after"]["labels"]
        assert three["before"]["colors"] == three["after"]["colors"]
        old, new, change = (
            [np.nan if v is None else v for v in three[s]["values"]] for s in ("before", "after", "change")
        )
        np.testing.assert_allclose(np.array(new) - np.array(old), change, atol=2e-4, equal_nan=True)


def test_notes_of_the_balance_of_nothing():
    inputs = toy_map_inputs()
    table = toy_indicators()[["territory_id", "profession"]].assign(
        before_count=3, arrived_count=0, moved_in_count=0, left_count=0, moved_out_count=0, after_count=3)  # fmt: skip
    assert balance_notes(table, level="quartier") == {}
    none = gpd.GeoDataFrame({name: [] for name in ("practitioner_id", "profession", "change", "from_id", "to_id")},
                            geometry=[], crs="EPSG:2154")  # fmt: skip
    build_diff_map(title="t", before_vintage="2025", after_vintage="2026", changes=none, balance=table,
                   territories=inputs["territories"])  # fmt: skip


def test_command(tmp_path, sample, monkeypatch):
    from click.testing import CliRunner

    from carto_sante.commands.atlas import command

    inputs = toy_map_inputs()
    inputs["indicators"].attrs["denominators"] = [
        {"level": level, "words": words, "hypothesis": words}
        for level, words in (("quartier", "des quartiers"), ("iris", "des IRIS"), ("quartier", "d'une autre source"))
    ]
    placed = SimpleNamespace(table=inputs["practitioners"], facilities=None)
    computed = SimpleNamespace(
        placed=placed, territories=inputs["territories"], indicators=inputs["indicators"], isochrones=None,
        streets=None, context=None, study=read_study(sample / "study.toml"),
    )  # fmt: skip
    monkeypatch.setattr("carto_sante.refresh.run.compute_vintage", lambda study: computed)
    study = str(sample / "study.toml")
    out = tmp_path / "atlas"
    result = CliRunner().invoke(command, [study, "--out", str(out), "--format", "html", "--level", "quartier"])
    assert result.exception is None
    assert sorted(path.suffix for path in out.iterdir()) == [".html"] * 5
    assert "lists 4 files" in result.output
    page = (out / "quartier-a-quartier-a.html").read_text(encoding="utf-8")
    assert "Annuaire santé (RPPS), ANS, 12 janvier 2026" in page
    assert "Population : des quartiers" in page
    assert "des IRIS" not in page
    assert "d'une autre source" not in page


def test_pages_to_print_are_refused_at_once_without_matplotlib(sample, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from carto_sante.commands.atlas import command
    from carto_sante.errors import InputError

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("carto_sante.refresh.run.compute_vintage", lambda study: pytest.fail("computed for nothing"))
    done = CliRunner().invoke(command, [str(sample / "study.toml"), "--out", str(tmp_path / "a"), "--format", "pdf"])
    assert isinstance(done.exception, InputError)
    assert "--format html" in str(done.exception)
