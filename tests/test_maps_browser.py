"""The maps as a person uses them: in Chromium, clicking, typing, on a phone, without the network."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from carto_sante.maps import build_before_after_map, build_city_map, build_diff_map, save_map, write_atlas
from tests import toy_city
from tests.maps_browser import PHONE, launched, open_map
from tests.maps_city import city_inputs, toy_map_inputs
from tests.servers.map_assets import default_folder, fill_cache
from tests.test_maps import TRAPS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def cache():
    return fill_cache(default_folder())


@pytest.fixture(scope="module")
def browser():
    with launched() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def offline_map(tmp_path_factory, cache):
    inputs = city_inputs(400)
    facilities = gpd.GeoDataFrame(
        {"facility_label": ["Hôpital d’essai"], "category_label": ["CH"], "address": ["1 rue des Essais"]},
        geometry=[shapely.Point(351_000, 6_789_500)], crs="EPSG:2154",
    )  # fmt: skip
    target = tmp_path_factory.mktemp("maps") / "ville.html"
    return save_map(build_city_map(**inputs, facilities=facilities), target, offline=True, cache=cache)


def test_offline_map_works_without_the_network(browser, offline_map):
    page, problems = open_map(browser, offline_map)
    assert page.locator(".cs-panel h1").inner_text() == "Soins de premier recours à Ville-Exemple"
    assert page.locator(".cs-cluster, .cs-place").count() > 5
    assert page.locator("path[role=button]").count() == 12
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert page.locator(".cs-base select").input_value() == "none"
    # Nothing was even asked from the network.
    asked = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in asked if name.startswith("http")] == []
    assert problems == []
    page.context.close()


def test_online_map_asks_tiles_and_little_else(browser, tmp_path, cache):
    target = save_map(build_city_map(**toy_map_inputs()), tmp_path / "city.html")
    page, problems = open_map(browser, target, cache=cache)
    page.wait_for_selector("img.leaflet-tile-loaded")
    asked = page.evaluate("performance.getEntriesByType('resource').map(entry => new URL(entry.name).hostname)")
    tiles = {name for name in asked if "geopf" in name}
    assert tiles == {"data.geopf.fr"}
    assert "IGN" in page.locator(".leaflet-control-attribution").inner_text()
    page.locator(".cs-base select").select_option("osm")
    page.wait_for_selector("img.leaflet-tile-loaded[src*=openstreetmap]")
    attribution = page.locator(".leaflet-control-attribution").inner_text()
    assert "OpenStreetMap" in attribution
    assert "IGN" not in attribution
    assert "1er janvier 2026" in attribution
    assert problems == []
    page.context.close()


def test_layers(browser, offline_map):
    page, problems = open_map(browser, offline_map)
    # Only the profession shown first is ticked; the second recourse adds its people and no one else's.
    assert page.locator("[data-profession]:checked").evaluate_all("b => b.map(x => x.dataset.profession)") == ["gp"]
    shown = "CartoSante.app.cluster.getLayers().reduce((sum, marker) => sum + marker.csCount, 0)"
    gps = int(page.locator("li", has=page.locator("[data-profession=gp]")).locator("small").inner_text())
    assert page.evaluate(shown) == gps
    page.locator(".cs-recourse", has_text="Second recours").locator(".cs-all input").check()
    assert page.locator("[data-profession]:checked").count() == 7
    assert page.evaluate(shown) > gps
    page.locator("[data-profession=gp]").uncheck()
    before = page.evaluate(shown)
    page.locator(".cs-outside-box").check()
    assert page.evaluate(shown) > before
    # Overlays come and go.
    for name, selector in (("qpv", ".leaflet-cs-outlines-pane path"), ("isochrones", ".leaflet-cs-reach-pane path")):
        box = page.locator(f"[data-overlay={name}]")
        box.set_checked(True)
        assert page.locator(selector).count() > 0
        box.set_checked(False)
        assert page.locator(selector).count() == 0
    page.locator("[data-overlay=facilities-all]").check()
    assert page.get_by_title("Hôpital d’essai").count() == 1
    assert problems == []
    page.context.close()


def test_indicators_and_legend(browser, offline_map):
    page, problems = open_map(browser, offline_map)
    legend = page.locator(".cs-legend")
    text = legend.inner_text()
    for words in ("Médecins généralistes", "praticiens pour 100\u202f000 hab.", "données 2024", "10\u00a0quartiers",
                  "non disponible", "secret statistique"):  # fmt: skip
        assert words in text
    fills = page.locator("path[role=button]").evaluate_all("p => p.map(x => x.getAttribute('fill'))")
    assert "url(#cs-missing)" in fills
    assert "url(#cs-suppressed)" in fills
    page.locator("select[id$=-profession]").select_option("orthoptist")
    assert "Orthoptistes" in legend.inner_text()
    assert "0 (aucun)" in legend.inner_text()
    assert "#FFFFFF" in page.locator("path[role=button]").evaluate_all("p => p.map(x => x.getAttribute('fill'))")
    page.locator("select[id$=-level]").select_option("iris")
    assert page.locator("path[role=button]").count() == 36
    assert "IRIS" in legend.inner_text()
    page.locator("select[id$=-level]").select_option("quartier")
    page.locator("select[id$=-view]").select_option(label="Densité pour 100\u202f000 hab. × Défavorisation sociale")
    assert page.locator(".cs-legend svg[role=img] rect").count() == 9
    page.locator("select[id$=-view]").select_option("")
    assert legend.inner_text() == ""
    assert problems == []
    page.context.close()


def test_zone_popup_by_mouse_and_keyboard(browser, offline_map):
    page, problems = open_map(browser, offline_map)
    page.locator("path[role=button]").nth(10).click(position={"x": 60, "y": 90}, force=True)
    page.wait_for_selector(".cs-popup table")
    page.keyboard.press("Escape")
    zone = page.locator("path[role=button]").nth(1)
    assert zone.get_attribute("aria-label").startswith("Thabor")
    zone.focus()
    page.keyboard.press("Enter")
    popup = page.locator(".leaflet-popup-content")
    popup.filter(has_text="Thabor – Saint-Hélier").wait_for()
    text = popup.last.inner_text()
    assert "Habitants (2024)" in text
    assert "intervalle à 95" in text
    assert problems == []
    page.context.close()


def test_search_by_practitioner_street_and_zone(browser, offline_map):
    page, problems = open_map(browser, offline_map)
    box = page.get_by_role("combobox", name="Rechercher")
    results = page.locator(".cs-results [role=option]")
    box.fill("eloise")  # accents and case do not matter
    assert results.count() == 8
    box.fill("exemple camille")
    box.press("ArrowDown")
    assert page.locator("[aria-selected=true]").count() == 1
    name = page.locator("[aria-selected=true] span").inner_text()
    box.press("Enter")
    page.locator(".cs-popup", has_text=name).wait_for()
    assert page.get_by_role("listbox").count() == 0
    box.fill("rue des essais 5")
    results.filter(has_text="rue des Essais 5").first.click()
    page.wait_for_function("CartoSante.app.map.getZoom() >= 15")  # the map flies there
    box.fill("blos")
    box.press("Enter")
    page.locator(".cs-popup h2", has_text="Le Blosne").wait_for()
    box.fill("zzzz")
    assert page.get_by_text("Aucun résultat").is_visible()
    assert problems == []
    page.context.close()


def test_group_practice_is_one_marker_with_its_list(browser, tmp_path, cache):
    inputs = toy_map_inputs()
    people = inputs["practitioners"].assign(
        practitioner_label=["A", "B", "B", "C", "D", "E"], convention_sector="1", practice_mode="Libéral",
        address="3 place du Modèle", geocode_precision="housenumber",
    )  # fmt: skip
    target = save_map(
        build_city_map(**{**inputs, "practitioners": people}), tmp_path / "a.html", offline=True, cache=cache
    )
    page, problems = open_map(browser, target)
    group = page.locator(".cs-group")
    assert group.count() == 1
    assert group.get_attribute("aria-label") == "3 place du Modèle – 2 médecins généralistes"
    group.focus()
    page.keyboard.press("Enter")
    popup = page.locator(".cs-popup")
    popup.wait_for()
    assert popup.locator("tbody tr").count() == 2
    for words in ("2\u00a0praticiens à cette adresse", "Secteur 1", "Libéral", "Localisation : au numéro"):
        assert words in popup.inner_text()
    assert problems == []
    page.context.close()


def test_registry_fields_show_as_text_everywhere(browser, tmp_path, cache):
    inputs = toy_map_inputs()
    trap = " ".join(TRAPS)
    people = inputs["practitioners"].assign(
        practitioner_label=[f"{trap} {n}" for n in range(6)], site_label=trap, address=trap, practice_mode=trap,
        convention_sector=trap, sector_label=trap, geocode_precision=trap, commune_label=trap,
    )  # fmt: skip
    zones = inputs["territories"].assign(territory_label=trap)
    values = inputs["indicators"].assign(indicator=trap, unit=trap, hypothesis=trap)
    streets = gpd.GeoDataFrame({"street_label": [trap]}, geometry=[people.geometry.iloc[0]], crs=people.crs)
    facilities = gpd.GeoDataFrame({"facility_label": [trap], "category_label": trap, "address": trap},
                                  geometry=[people.geometry.iloc[1]], crs=people.crs)  # fmt: skip
    city = build_city_map(title=trap, vintage=trap, practitioners=people, territories=zones, indicators=values,
                          streets=streets, facilities=facilities, credits=(trap,), notes={"A": [trap]})  # fmt: skip
    page, problems = open_map(browser, save_map(city, tmp_path / "a.html", offline=True, cache=cache))
    plain = trap.replace("\u2028", " ").split()
    page.locator("[data-overlay=facilities-all]").check()
    for index in range(4):
        page.evaluate(f"CartoSante.showPlace(CartoSante.app, {index})")
        page.wait_for_selector(".cs-popup")
    page.wait_for_timeout(600)
    page.wait_for_function("document.querySelectorAll('.cs-popup').length === 1")
    assert page.locator(".cs-popup").last.inner_text().split()[: len(plain)] == plain
    page.evaluate("CartoSante.zonePopupAt(CartoSante.app, CartoSante.app.level, 0, CartoSante.app.map.getCenter())")
    page.locator("path[role=button]").first.dispatch_event("mouseover")
    page.get_by_role("combobox", name="Rechercher").fill("script")
    assert page.locator(".cs-results [role=option]").count() > 3
    assert page.title().split() == plain
    assert page.evaluate("window.broken === undefined")
    assert page.locator("img[src=x]").count() == 0
    assert problems == []
    page.context.close()


def test_names_of_the_zones_are_not_hidden(browser, offline_map):
    page, _ = open_map(browser, offline_map)
    page.wait_for_timeout(400)
    overlaps = page.evaluate("""() => {
        const boxes = (query) => [...document.querySelectorAll(query)].filter((n) => n.style.visibility !== "hidden")
            .map((n) => n.getBoundingClientRect());
        const marks = boxes(".cs-cluster, .cs-place");
        return boxes(".cs-name span").map((a) => Math.max(0, ...marks.map((b) =>
            Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) *
            Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)) / (a.width * a.height))));
    }""")
    assert len(overlaps) == 12
    assert max(overlaps) < 0.15
    page.context.close()


def test_phone(browser, offline_map):
    page, problems = open_map(browser, offline_map, **PHONE)
    assert page.locator(".cs-body").is_hidden()
    page.evaluate("CartoSante.zonePopupAt(CartoSante.app, CartoSante.app.level, 4, CartoSante.app.map.getCenter())")
    page.wait_for_timeout(600)
    box = page.locator(".leaflet-popup").bounding_box()
    header = page.locator(".cs-panel").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    assert box["y"] >= header["y"] + header["height"]
    assert box["y"] + box["height"] <= 667
    page.get_by_role("button", name="Calques et légende").tap()
    assert page.locator(".cs-legend").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert problems == []
    page.context.close()


def test_print_keeps_title_legend_and_sources(browser, offline_map, tmp_path):
    page, problems = open_map(browser, offline_map)
    page.evaluate("window.print = () => { window.printed = true; }")
    page.get_by_role("button", name="Imprimer").click()
    assert page.evaluate("window.printed")
    page.emulate_media(media="print")
    for query in (".cs-panel h1", ".cs-legend", ".cs-panel footer p", ".leaflet-control-scale"):
        assert page.locator(query).first.is_visible()
    for query in (".cs-search", ".cs-print", ".cs-toggle"):
        assert not page.locator(query).is_visible()
    assert problems == []
    page.context.close()


def test_screen_reader_basics(browser, offline_map):
    page, _ = open_map(browser, offline_map)
    assert page.get_by_role("region", name="Carte : Soins de premier recours").count() == 1
    unnamed = page.evaluate("""
        () => [...document.querySelectorAll("button, input, select, a, [role=button], .cs-cluster")]
        .filter((n) => !(n.getAttribute("aria-label") || n.title || n.textContent.trim() ||
            (n.labels && n.labels.length) )).map((n) => n.outerHTML.slice(0, 120))""")
    assert unnamed == []
    page.get_by_text("Données de la carte (tableau)").click()
    rows = page.locator(".cs-table tbody tr")
    assert rows.count() == 12
    assert "secret statistique" in page.locator(".cs-table").inner_text()
    ids = page.evaluate("[...document.querySelectorAll('input[id], select[id], ul[id]')].map((n) => n.id)")
    assert len(ids) == len(set(ids))
    page.context.close()


def test_a_layer_added_with_folium_works_beside(browser, tmp_path, cache):
    import folium

    city = build_city_map(**toy_map_inputs())
    folium.CircleMarker([48.5, 3.0], radius=4).add_to(city)
    page, problems = open_map(browser, save_map(city, tmp_path / "a.html", offline=True, cache=cache))
    assert page.locator(".leaflet-overlay-pane path").count() == 1
    assert problems == []
    page.context.close()


def test_empty_tables_make_a_page(browser, tmp_path, cache):
    inputs = toy_map_inputs()
    empty = {
        "practitioners": inputs["practitioners"].iloc[:0],
        "indicators": pd.DataFrame(inputs["indicators"].iloc[:0]),
    }
    city = build_city_map(**{**inputs, **empty})
    page, problems = open_map(browser, save_map(city, tmp_path / "a.html", offline=True, cache=cache))
    assert page.locator(".cs-name").count() == 4
    assert problems == []
    page.context.close()


def test_before_and_after_share_their_classes(browser, tmp_path, cache):
    inputs = city_inputs(300)
    after = inputs.pop("indicators")
    is_rate = after["indicator"] == "practitioners_per_100k"
    before = after.assign(indicator_value=after["indicator_value"].where(~is_rate, after["indicator_value"] * 0.8))
    inputs.pop("bivariate_with")
    city = build_before_after_map(before_label="2025", after_label="2026", before=before, after=after, **inputs)
    page, problems = open_map(browser, save_map(city, tmp_path / "a.html", offline=True, cache=cache))
    legend = page.locator(".cs-legend")
    labels = page.locator(".cs-legend li span")
    after_labels = labels.all_inner_texts()
    page.get_by_role("radio", name="2025").check(force=True)
    assert set(labels.all_inner_texts()) <= {*after_labels, "0 (aucun)"}
    page.get_by_role("radio", name="Écart").check(force=True)
    assert "inchangé" in legend.inner_text()
    assert any(text.startswith("jusqu’à +") for text in labels.all_inner_texts())
    assert problems == []
    page.context.close()


def test_diff_map_shows_changes_and_their_balance(browser, tmp_path, cache):
    zones = toy_city.territories()
    trap = "<b onmouseover='window.broken=1'>Éloi</b>"
    changes = gpd.GeoDataFrame(
        {
            "practitioner_id": ["P8", "P1", "P3"], "practitioner_label": [trap, "Camille", "Noé"],
            "profession": ["gp", "gp", "nurse"], "change": ["arrived", "moved", "left"],
            "from_id": ["", "A", "C"], "to_id": ["B", "D", ""], "from_value": "", "to_value": "",
        },
        geometry=gpd.points_from_xy([701_500, 701_500, 700_500], [6_601_500, 6_600_250, 6_600_500]), crs=zones.crs,
    )  # fmt: skip
    balance = pd.DataFrame(
        [("A", "gp", 1, 0, 0, 0, 1, 0), ("B", "gp", 1, 1, 0, 0, 0, 2), ("D", "gp", 1, 0, 1, 0, 0, 2),
         ("C", "nurse", 1, 0, 0, 1, 0, 0)],
        columns=["territory_id", "profession", "before_count", "arrived_count", "moved_in_count", "left_count",
                 "moved_out_count", "after_count"],
    )  # fmt: skip
    city = build_diff_map(title="Évolution", before_vintage="2025-01-01", after_vintage="2026-01-01",
                          changes=changes, balance=balance, territories=zones)  # fmt: skip
    page, problems = open_map(browser, save_map(city, tmp_path / "a.html", offline=True, cache=cache))
    assert page.locator(".cs-vintage").inner_text() == "Du 1er janvier 2025 au 1er janvier 2026"
    assert page.locator("[data-profession]:checked").count() == 3
    text = page.locator(".cs-legend").inner_text()
    assert "+1" in text
    assert "\u22121" in text
    for index, words in ((0, "Départ"), (1, "quartier A"), (2, trap)):
        page.evaluate(f"CartoSante.app.map.closePopup(); CartoSante.showPlace(CartoSante.app, {index})")
        page.locator(".cs-popup", has_text=words).wait_for()
    zone = "CartoSante.zonePopupAt(CartoSante.app, CartoSante.app.level, 1, CartoSante.app.map.getCenter())"
    page.evaluate(f"CartoSante.app.map.closePopup(); {zone}")
    page.locator(".cs-notes", has_text="Médecins généralistes : 1 → 2 (1 arrivée)").wait_for()
    assert page.evaluate("window.broken === undefined")
    assert problems == []
    page.context.close()


def test_atlas_pages_open_and_link(browser, tmp_path, cache, monkeypatch):
    monkeypatch.setattr("carto_sante.maps.offline.asset_cache", lambda: cache)
    inputs = toy_map_inputs()
    inputs["title"] = '<b>Ville</b> & "jouet"'
    written = write_atlas(tmp_path / "atlas", **inputs, formats=("html", "png"), offline=True, credits=("<i>RPPS</i>",))
    assert written[0].name == "index.html"
    page, problems = open_map(browser, tmp_path / "atlas" / "quartier-a-quartier-a.html")
    assert page.locator(".cs-card h2").inner_text() == "quartier A"
    assert page.locator(".leaflet-cs-outlines-pane path[stroke='#1D2A33']").count() == 1
    assert page.locator(".cs-panel nav a").all_inner_texts() == ["Toutes les cartes", "PNG"]
    page.get_by_role("link", name="Toutes les cartes").click()
    assert page.locator("h1").inner_text() == inputs["title"]
    assert page.locator("tbody tr").count() == 6
    assert page.locator("i, b").count() == 0
    page.get_by_role("link", name="quartier C, carte").click()
    page.wait_for_selector("[data-ready=true]")
    assert page.locator(".cs-card h2").inner_text() == "quartier C"
    assert problems == []
    page.context.close()
