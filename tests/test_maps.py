"""The maps without a browser: what they count, class, write, refuse."""

from __future__ import annotations

import itertools
import json
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carto_sante.errors import CRSError, InputError, NoResultError, SchemaError, SourceError, UnknownNameError
from carto_sante.maps import build_city_map, save_map
from carto_sante.maps.choropleth import SEQUENTIAL, classify, classify_change
from carto_sante.maps.element import CityPage, to_page_json
from carto_sante.maps.offline import asset_path, inline_assets
from carto_sante.maps.page import render_html
from carto_sante.maps.sites import gather_sites, headcounts_by_zone, with_zone_column
from carto_sante.maps.symbols import SYMBOLS, contrast
from carto_sante.maps.zones import light_geometries
from tests import toy_city
from tests.maps_city import city_inputs, territories, toy_indicators, toy_map_inputs
from tests.oracles import maps as oracle

TRAPS = (
    "<script>window.broken=1</script>", '"><img src=x onerror="window.broken=1">', "l'hôpital \"Sud\" & Cie",
    "{{ 7*7 }}", "{% raw %}", "{# note #}", "${window.broken=1}", "</script><script>window.broken=1</script>",
    "\\u003c", "a\u2028b", "`${1}`", "<!--",
)  # fmt: skip


def payload_of(city):
    return next(child for child in city._children.values() if isinstance(child, CityPage)).payload


@pytest.fixture(scope="module")
def city():
    return build_city_map(**city_inputs(300))


# ---- classes


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.just(0.0), st.floats(0.1, 500), st.just(float("nan"))), min_size=1, max_size=40),
    class_count=st.integers(1, 7),
    scheme=st.sampled_from(["fisher_jenks", "quantiles", "equal_interval"]),
)
def test_classes_equal_the_oracle(values, class_count, scheme):
    classes = classify(values, class_count=class_count, scheme=scheme)
    status = ["missing" if np.isnan(value) else "ok" for value in values]
    assert classes.class_of.tolist() == [
        oracle.class_of(value, state, classes.upper_bounds) for value, state in zip(values, status, strict=True)
    ]
    assert len(classes.labels) == len(classes.colors) == len(classes.counts) <= class_count
    assert all(count > 0 for count in classes.counts)
    assert sum(classes.counts) == sum(value > 0 for value in values)


def test_breaks_are_those_of_mapclassify():
    import mapclassify

    values = np.random.default_rng(3).gamma(2, 40, 90)
    for scheme, name in (("fisher_jenks", "FisherJenks"), ("quantiles", "Quantiles")):
        expected = mapclassify.classify(values, name, k=5)
        found = classify(values, scheme=scheme)
        assert found.upper_bounds == pytest.approx(expected.bins)
        assert found.class_of.tolist() == expected.yb.tolist()


def test_zero_missing_and_suppressed_are_three_things():
    classes = classify([0.0, np.nan, 4.0, 5.0], status=["ok", "missing", "suppressed", "ok"])
    assert classes.class_of.tolist() == [-1, -2, -3, 0]
    assert classes.labels == ("5",)


def test_classes_of_nothing():
    assert classify([np.nan, np.nan]).labels == ()
    assert classify([0.0, 0.0]).class_of.tolist() == [-1, -1]


def test_changes_are_symmetrical():
    classes = classify_change([-9.0, -3.1, -1.0, 0.0, 1.0, 9.0, np.nan])
    assert classes.class_of.tolist() == [0, 1, 2, 3, 4, 6, -2]
    assert len(classes.labels) == len(classes.colors) == 7


def test_class_arguments_are_checked():
    with pytest.raises(UnknownNameError, match="quantiles"):
        classify([1.0], scheme="quantile")
    with pytest.raises(InputError, match="from 1 to 7"):
        classify([1.0], class_count=9)
    with pytest.raises(InputError, match="one status per value"):
        classify([1.0], status=["ok", "ok"])


def test_colours_contrast():
    for symbol in SYMBOLS.values():
        assert contrast(symbol.color, "#FFFFFF") >= 3.0
    assert len({symbol.path for symbol in SYMBOLS.values()}) == len(SYMBOLS)
    # The names of the zones are dark with a white halo; neighbouring classes must differ in lightness.
    for colors in SEQUENTIAL.values():
        for lighter, darker in itertools.pairwise(colors):
            assert contrast(lighter, darker) > 1.15
    for text, ground in (
        ("#52616D", "#FFFFFF"),
        ("#52616D", "#F3F6F8"),
        ("#D5E4EC", "#12394F"),
        ("#35434E", "#FFFFFF"),
    ):
        assert contrast(text, ground) >= 4.5


# ---- places and counts


def test_toy_city_counts():
    people, zones = toy_city.practitioners(), toy_city.territories()
    located = with_zone_column(people, zones, level="quartier")
    ids = ["A", "B", "C", "D"]
    sites = gather_sites(located, zone_ids=ids, level="quartier", professions=["gp", "nurse"])
    # P2 practises at two sites and is one practitioner; s1 and s3 gather two people each.
    assert sites.inside_counts == {"gp": 4, "nurse": 1}
    assert sites.inside_counts == oracle.inside_counts(located, ids, "quartier", ["gp", "nurse"])
    assert len(sites.places) == 4
    assert len(sites.people) == 6
    by_zone = headcounts_by_zone(located, zone_ids=ids, level="quartier", professions=["gp", "nurse"])
    assert by_zone == [[1, 1], [1, 0], [2, 0], [1, 0]]


def test_neighbours_are_not_counted():
    people = toy_city.practitioners()
    away = people.assign(practitioner_id=people["practitioner_id"] + "x", geometry=people.translate(5000, 0))
    both = pd.concat([people, away], ignore_index=True)
    located = with_zone_column(both, toy_city.territories(), level="quartier")
    sites = gather_sites(located, zone_ids=["A", "B", "C", "D"], level="quartier", professions=["gp"])
    assert sites.inside_counts == {"gp": 4}
    assert sites.outside_counts == {"gp": 4}
    assert sum(place[2] < 0 for place in sites.places) == 4


def test_not_located_are_counted_not_drawn():
    people = toy_city.practitioners()
    lost = people.iloc[:1].assign(practitioner_id="P9", geometry=gpd.GeoSeries([None], crs=people.crs))
    both = gpd.GeoDataFrame(pd.concat([people, lost], ignore_index=True), crs=people.crs)
    located = with_zone_column(both, toy_city.territories(), level="quartier")
    sites = gather_sites(located, zone_ids=["A", "B", "C", "D"], level="quartier", professions=["gp"])
    assert sites.not_located_count == 1
    assert sites.inside_counts == {"gp": 4}


def test_city_counts_equal_the_oracle(city):
    inputs = city_inputs(300)
    located = with_zone_column(inputs["practitioners"], inputs["territories"], level="quartier")
    record = payload_of(city)
    ids = record["levels"][0]["ids"]
    keys = [profession["key"] for profession in record["professions"]]
    expected = oracle.inside_counts(located, ids, "quartier", keys)
    assert {item["key"]: item["inside_count"] for item in record["professions"]} == expected
    by_zone = np.array(record["levels"][0]["headcounts"]).sum(axis=0)
    # Nobody has two sites in this city, so zones add up to the city.
    assert by_zone.tolist() == [expected[key] for key in keys]


def test_inputs_are_not_changed():
    inputs = city_inputs(60)
    before = {name: table.copy() for name, table in inputs.items() if hasattr(table, "columns")}
    build_city_map(**inputs)
    for name, table in before.items():
        pd.testing.assert_frame_equal(pd.DataFrame(inputs[name]), pd.DataFrame(table))


# ---- drawing


def test_neighbours_still_touch_after_simplification():
    zones = territories()
    quartiers = zones[zones["territory_level"] == "quartier"]
    shapes = [shapely.from_geojson(json.dumps(shape)) for shape in light_geometries(quartiers.geometry)]
    assert all(shape.is_valid for shape in shapes)
    union = shapely.union_all(shapes)
    holes = sum(len(part.interiors) for part in getattr(union, "geoms", [union]))
    assert holes == 0


def test_degrees_are_refused():
    inputs = toy_map_inputs()
    with pytest.raises(CRSError, match="territories"):
        build_city_map(**{**inputs, "territories": inputs["territories"].to_crs(4326)})


def test_bad_inputs_teach():
    inputs = toy_map_inputs()
    with pytest.raises(UnknownNameError, match="Did you mean"):
        build_city_map(**inputs, level="quartiers")
    with pytest.raises(UnknownNameError, match="plan_ign"):
        build_city_map(**inputs, base_map="plan-ign")
    with pytest.raises(UnknownNameError, match="deprivation"):
        build_city_map(**inputs, bivariate_with="deprivation")
    with pytest.raises(NoResultError, match="ZZ"):
        build_city_map(**inputs, focus_id="ZZ")
    with pytest.raises(SchemaError, match="indicator_value"):
        build_city_map(**{**inputs, "indicators": toy_indicators().drop(columns="indicator_value")})


def test_a_map_without_indicators_nor_people():
    inputs = toy_map_inputs()
    empty = {"practitioners": inputs["practitioners"].iloc[:0], "indicators": toy_indicators().iloc[:0]}
    record = payload_of(build_city_map(**{**inputs, **empty}))
    assert record["places"] == []
    assert record["choropleths"] == []


# ---- parameters change the result


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Autre"}, {"vintage": "2027-01-01"}, {"level": "qpv"}, {"profession": "nurse"},
        {"professions": ["gp"]}, {"base_map": "osm"}, {"class_count": 2},
        {"credits": ("RPPS",)}, {"focus_id": "A"}, {"notes": {"A": ["1 arrivée"]}},
        {"indicator_labels": {"practitioners_per_100k": "Densité"}}, {"qpv_level": "none"},
    ],
)  # fmt: skip
def test_each_parameter_counts(change):
    inputs = toy_map_inputs()
    if change.get("level") == "qpv":
        more = toy_indicators().iloc[:1].assign(territory_level="qpv", territory_id="q")
        inputs["indicators"] = pd.concat([toy_indicators(), more])
    assert render_html(build_city_map(**inputs)) != render_html(build_city_map(**{**inputs, **change}))


def test_the_scheme_counts(city):
    other = build_city_map(**city_inputs(300), scheme="quantiles")
    assert payload_of(other)["choropleths"] != payload_of(city)["choropleths"]


# ---- bytes


def test_same_inputs_same_bytes(tmp_path):
    first = save_map(build_city_map(**city_inputs(120)), tmp_path / "a.html").read_bytes()
    inputs = city_inputs(120)
    inputs["practitioners"] = inputs["practitioners"].sample(frac=1, random_state=4)
    inputs["territories"] = inputs["territories"].sample(frac=1, random_state=4)
    assert save_map(build_city_map(**inputs), tmp_path / "b.html").read_bytes() == first


def test_saving_twice_and_after_a_display_gives_the_same_bytes(tmp_path, city):
    first = save_map(city, tmp_path / "a.html").read_bytes()
    city._repr_html_()
    assert save_map(city, tmp_path / "b.html").read_bytes() == first


def test_added_folium_layers_bring_their_libraries():
    import folium

    city = build_city_map(**toy_map_inputs())
    assert "jquery" not in render_html(city)
    folium.Marker([48.1, -1.6], popup="ici").add_to(city)
    assert "jquery" in render_html(city)


def test_a_failed_write_leaves_the_previous_map(tmp_path, city, monkeypatch):
    target = tmp_path / "city.html"
    save_map(city, target)
    before = target.read_bytes()
    monkeypatch.setattr("carto_sante.maps.page.render_html", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_map(city, target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["city.html"]


@given(st.text(alphabet=st.sampled_from(list("{}%#<>&\"'\\/ab\u2028")), max_size=30))
def test_page_json_is_inert_and_faithful(text):
    from jinja2 import Template

    written = to_page_json({"x": text})
    assert not re.search(r"[<>&\u2028]", written)
    assert json.loads(Template(written).render()) == {"x": text}


def test_trapped_fields_do_not_break_out():
    inputs = toy_map_inputs()
    for trap in TRAPS:
        people = inputs["practitioners"].assign(practitioner_label=trap, site_label=trap, address=trap)
        html = render_html(build_city_map(**{**inputs, "practitioners": people, "title": trap, "credits": (trap,)}))
        assert "window.broken=1</script>" not in html
        assert "<img src=x" not in html
        data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)[1]
        assert trap in json.loads(data)["texts"]


# ---- offline


def test_offline_without_cache_nor_network_says_what_to_do(tmp_path, city, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(SourceError, match="Run once with the network"):
        save_map(city, tmp_path / "a.html", offline=True, cache=tmp_path / "cache")
    assert not (tmp_path / "a.html").exists()


def test_a_map_that_needs_the_network_says_so_without_it(city):
    html = render_html(city)
    assert html.index("refaites-la avec --offline") < html.index("</head>")


def test_inlining_takes_scripts_styles_and_their_images(tmp_path):
    base = "https://example.org/lib/"
    for name, text in (("a.js", "let s='</script>';"), ("a.css", "p{background:url(i/x.png)}"), ("i/x.png", "PNG")):
        path = asset_path(base + name, cache=tmp_path)
        path.write_text(text)
    html = f'<script src="{base}a.js"></script><link rel="stylesheet" href="{base}a.css"/>'
    inlined = inline_assets(html, cache=tmp_path)
    assert "http" not in inlined
    assert "<\\/script>" in inlined
    assert "data:image/png;base64," in inlined
