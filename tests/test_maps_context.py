"""The light base: read from OSM, light enough for a page, drawn where there are no tiles."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely

from carto_sante.errors import CRSError, FileFormatError, MissingFileError, UnknownNameError
from carto_sante.maps import build_city_map, save_map
from carto_sante.maps.context import STYLES, UNITS_PER_DEGREE, context_records
from carto_sante.maps.element import CityPage
from carto_sante.maps.print_font import text_width
from carto_sante.maps.static import fit_columns
from carto_sante.network.context import CONTEXT_KINDS, read_context
from tests.maps_browser import launched, open_map
from tests.maps_city import CRS, X0, Y0, city_inputs, toy_map_inputs
from tests.osm_toys import LAT0, LON0, osm_xml, write_osm


def area(metres=1_500.0):
    centre = gpd.GeoSeries([shapely.Point(LON0, LAT0)], crs="EPSG:4326").to_crs(CRS)
    return gpd.GeoDataFrame(geometry=centre.buffer(metres))


def toy_osm(folder):
    nodes = {
        1: (0, 0),
        2: (5, 0),
        3: (9, 0),
        4: (0, 4),
        5: (3, 4),
        6: (3, 7),
        7: (0, 7),
        8: (0, 2),
        9: (4, 2),
        10: (900, 0),
    }
    ways = [
        (1, [1, 2], {"highway": "primary", "name": "Grande Rue"}),
        (2, [2, 3], {"highway": "primary", "name": "Grande Rue"}),
        (3, [1, 8], {"highway": "residential", "name": "Impasse"}),
        (4, [4, 5, 6, 7, 4], {"natural": "water", "name": "Lac"}),
        (5, [8, 9], {"waterway": "river", "name": "La Brise"}),
        (6, [4, 9], {"railway": "rail"}),
        (7, [4, 8], {"railway": "rail", "service": "yard"}),
        (8, [1, 2, 9, 8, 1], {"highway": "pedestrian", "area": "yes"}),
        (9, [10, 10], {"highway": "trunk"}),
    ]  # fmt: skip
    return write_osm(folder, osm_xml(nodes, ways))


def test_what_is_read_of_an_osm_file(tmp_path):
    table = read_context(toy_osm(tmp_path), area=area())
    found = dict(zip(table["context_kind"], table["street_label"].fillna(""), strict=True))
    assert found == {"primary": "Grande Rue", "railway": "", "river": "La Brise", "water": "Lac"}
    assert table.crs == area().crs
    lengths = dict(zip(table["context_kind"], table.geometry.length, strict=True))
    assert lengths["primary"] == pytest.approx(900, rel=0.01)
    assert table.geometry[table["context_kind"] == "water"].area.sum() == pytest.approx(90_000, rel=0.01)


def test_what_is_far_is_cut(tmp_path):
    table = read_context(toy_osm(tmp_path), area=area(100), buffer_m=200)
    primary = table.geometry[table["context_kind"] == "primary"].iloc[0]
    assert primary.length == pytest.approx(300, rel=0.02)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(MissingFileError):
        read_context(tmp_path / "absent.osm.pbf", area=area())
    cut = tmp_path / "cut.osm"
    cut.write_text(toy_osm(tmp_path).read_text(encoding="utf-8")[:400], encoding="utf-8")
    with pytest.raises(FileFormatError, match="Download it again"):
        read_context(cut, area=area())


def test_the_sample_has_its_river_and_its_streets(sample):
    zones = gpd.read_file(sample / "quartiers.geojson").to_crs(CRS)
    table = read_context(sample / "montbrise.osm.pbf", area=zones)
    assert set(table["context_kind"]) >= {"water", "railway", "motorway", "primary", "secondary", "tertiary"}
    assert set(table["context_kind"]) <= set(CONTEXT_KINDS) == set(STYLES)
    assert "La Brise" in set(table["street_label"])
    assert len(json.dumps(context_records(table))) < 50_000


def decoded(steps):
    return np.cumsum(np.array(steps).reshape(-1, 2), axis=0) / UNITS_PER_DEGREE


def made_up(count=300):
    rng = np.random.default_rng(3)
    starts = rng.uniform(-3_000, 3_000, (count, 2)) + np.array([X0, Y0])
    lines = [shapely.LineString(start + np.cumsum(rng.normal(30, 25, (40, 2)), axis=0)) for start in starts]
    kinds = rng.choice(["primary", "secondary", "tertiary"], count)
    lake = shapely.Point(X0, Y0).buffer(600).difference(shapely.Point(X0, Y0).buffer(100))
    return gpd.GeoDataFrame({"context_kind": [*kinds, "water"]}, geometry=[*lines, lake], crs=CRS)


def test_lines_travel_within_a_few_metres():
    table = made_up(20)
    records = {record["kind"]: record for record in context_records(table)}
    for kind, record in records.items():
        lines = record["lines"]
        if record["is_area"]:
            assert [len(rings) for rings in lines] == [2]  # the island is a hole
            shapes = [shapely.Polygon(decoded(rings[0]), [decoded(ring) for ring in rings[1:]]) for rings in lines]
        else:
            shapes = [shapely.LineString(decoded(line)) for line in lines]
        drawn = gpd.GeoSeries(shapes, crs="EPSG:4326").to_crs(CRS)
        true = table.geometry[table["context_kind"] == kind].union_all()
        assert all(shape.within(true.buffer(8)) for shape in drawn)


def test_a_heavy_city_is_made_light():
    table = made_up(900)
    for limit in (150_000, 60_000):
        records = context_records(table, max_bytes=limit)
        assert len(json.dumps(records, separators=(",", ":"))) <= limit
        assert {"primary", "water"} <= {record["kind"] for record in records}


def test_short_passages_are_no_landmark():
    street = shapely.LineString([(X0, Y0), (X0 + 200, Y0)])
    blocks = [shapely.LineString([(X0 + k * 50, Y0 + 3_000), (X0 + k * 50, Y0 + 3_300)]) for k in range(12)]
    across = shapely.LineString([(X0, Y0 + 3_100), (X0 + 600, Y0 + 3_100)])
    table = gpd.GeoDataFrame({"context_kind": ["pedestrian"] * 14}, geometry=[street, *blocks, across], crs=CRS)
    (record,) = context_records(table)
    y = [decoded(line)[0][1] for line in record["lines"]]
    south = gpd.GeoSeries([shapely.Point(X0, Y0 + 1_000)], crs=CRS).to_crs("EPSG:4326").y[0]
    assert min(y) > south
    assert context_records(table.iloc[:1]) == []


def test_bad_contexts_teach():
    assert context_records(None) == []
    with pytest.raises(UnknownNameError, match="context_kind"):
        context_records(made_up(3).drop(columns="context_kind"))
    with pytest.raises(CRSError):
        context_records(made_up(3).to_crs("EPSG:4326"))


@pytest.mark.parametrize(("asked", "with_context", "shown"), [
    ("none", True, "light"), ("light", False, "none"), ("plan_ign", True, "plan_ign"), ("none", False, "none"),
])  # fmt: skip
def test_base_map_shown_first(asked, with_context, shown):
    context = made_up(5) if with_context else None
    city = build_city_map(**toy_map_inputs(), base_map=asked, context=context)
    page = next(child for child in city._children.values() if isinstance(child, CityPage))
    assert page.payload["base_map"] == shown
    assert ("light" in {base["key"] for base in page.payload["base_maps"]}) == with_context


# ---- printed pages


def test_columns_stand_apart():
    header = ["Profession", "Praticiens", "pour\n100 000\nhab.", "Intervalle\nà 95 %", "Ensemble"]
    names = ["Masseurs-kinésithérapeutes", "Médecins (spécialité non précisée)"]
    rows = [["1 234", "29,3", "107,4 à 1 307,4", "116"], ["0", "0,0", "0,0 à 58,1", "8,3"]]
    for width_pt in (250.0, 310.0, 500.0):
        size, stops = fit_columns(header, names, rows, width_pt=width_pt)
        assert stops[-1] == pytest.approx(width_pt)
        left = 15.0 + max(text_width(name, size_pt=size) for name in names)
        for column, stop in enumerate(stops):
            widths = [text_width(row[column], size_pt=size) for row in rows]
            widths.append(text_width(header[column + 1], size_pt=size - 1, weight="bold"))
            assert stop - max(widths) > left + 3
            left = stop


# ---- in the browser


@pytest.fixture(scope="module")
def browser():
    with launched() as chromium:
        yield chromium


@pytest.mark.browser
def test_light_base_shows_without_the_network(browser, tmp_path):
    from tests.servers.map_assets import default_folder, fill_cache

    cache = fill_cache(default_folder())
    city = build_city_map(**city_inputs(60), context=made_up(60))
    page, problems = open_map(browser, save_map(city, tmp_path / "a.html", offline=True, cache=cache))
    base = page.locator(".cs-base select")
    assert base.input_value() == "light"
    assert "Fond léger (rues principales, eau)" in base.inner_text()
    drawn = page.locator(".leaflet-cs-context-pane path")
    assert drawn.count() == 4
    assert all(len(path.get_attribute("d")) > 20 for path in drawn.all())
    # Under the zones, and out of the way of the mouse.
    order = "name => Number(getComputedStyle(document.querySelector('.leaflet-cs-' + name + '-pane')).zIndex)"
    assert page.evaluate(order, "context") < page.evaluate(order, "zones")
    base.select_option("none")
    assert drawn.count() == 0
    assert problems == []
    page.context.close()


@pytest.mark.browser
def test_tiles_that_do_not_come_leave_their_place(browser, tmp_path):
    from tests.servers.map_assets import default_folder, fill_cache

    cache = fill_cache(default_folder())
    city = build_city_map(**city_inputs(60), context=made_up(60))
    target = save_map(city, tmp_path / "b.html")
    page, _ = open_map(browser, target, cache=cache)
    assert page.locator(".cs-base select").input_value() == "plan_ign"
    assert page.locator(".leaflet-cs-context-pane path").count() == 0
    page.route("https://tile.openstreetmap.org/**", lambda route: route.abort())
    page.locator(".cs-base select").select_option("osm")
    page.wait_for_selector(".leaflet-cs-context-pane path", state="attached")
    assert page.locator(".cs-base select").input_value() == "light"
    page.context.close()
