"""The map that the main job writes for the sample city, opened as its readers open it."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest

from carto_sante.refresh import refresh
from tests.maps_browser import launched, open_map
from tests.servers.map_assets import default_folder, fill_cache

pytestmark = pytest.mark.browser

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"


@pytest.fixture(scope="module")
def browser():
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def cache():
    return fill_cache(default_folder())


@pytest.fixture(scope="module")
def vintage(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    refresh(SAMPLE / "study_2025.toml", out)
    return refresh(SAMPLE / "study.toml", out)


def test_the_map_opens_without_error_and_shows_the_city(browser, vintage, cache):
    page, problems = open_map(browser, vintage.folder / "carte.html", cache=cache)
    text = page.inner_text("body")
    for words in ("Montbrise", "Médecins généralistes", "Sages-femmes", "15 janvier 2026", "OpenStreetMap"):
        assert words in text
    table = gpd.read_file(vintage.folder / "praticiens.gpkg", layer="praticiens")
    gps = table[(table["profession"] == "gp") & table["is_in_study"] & table["quartier_id"].notna()]
    assert f"{gps['practitioner_id'].nunique()}" in page.inner_text("label:has-text('Médecins généralistes')")
    assert problems == []


def test_a_street_is_found(browser, vintage, cache):
    page, problems = open_map(browser, vintage.folder / "carte.html", cache=cache)
    box = page.get_by_role("combobox", name="Rechercher")
    box.fill("lavoir")
    page.locator(".cs-results [role=option]", has_text="Lavoir").first.click()
    page.wait_for_function("CartoSante.app.map.getZoom() >= 15")  # the map flies there
    assert problems == []


def test_the_same_map_without_any_network(browser, vintage, cache, tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "maps").symlink_to(cache.resolve(), target_is_directory=True)
    monkeypatch.setenv("CARTO_SANTE_CACHE", str(tmp_path / "cache"))
    offline = refresh(SAMPLE / "study.toml", tmp_path / "out", offline=True)
    page, problems = open_map(browser, offline.folder / "carte.html")
    assert "Montbrise" in page.inner_text("body")
    assert problems == []
    # The weight budget of a city map is 4 MB, everything inside.
    assert (offline.folder / "carte.html").stat().st_size < 4_000_000
