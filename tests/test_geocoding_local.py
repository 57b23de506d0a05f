"""Passes on a local index, on a city that can be checked by hand; bad input, each with its clear outcome."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carto_sante.errors import FileFormatError, InputError, MissingFileError, NoResultError, SchemaError
from carto_sante.geocoding import build_index, geocode, open_index, open_reference
from carto_sante.schemas import GEOCODED, check_table
from tests import geocoding_city as city


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("geocoding")
    return build_index(city.write_base(folder), folder / "ban.arrow")


@pytest.fixture(scope="module")
def reference(index):
    return open_reference(index)


def one(reference, address, **columns):
    """Geocode one address; return its row."""
    options = {name: columns.pop(name) for name in ("near", "facilities") if name in columns}
    table = pd.DataFrame({"address": [address], **{name: [value] for name, value in columns.items()}})
    return geocode(table, reference, **options).iloc[0]


def is_at(row, lon, lat):
    return row.geometry is not None and np.hypot(row.geometry.x - lon, row.geometry.y - lat) < 2e-6


def test_result_is_the_schemas(reference):
    table = pd.DataFrame({"address": ["1 rue Pasteur", "", None], "commune_code": "93010"}, index=[7, "b", 7])
    placed = geocode(table, reference)
    check_table(placed, GEOCODED)
    assert placed.index.tolist() == [7, "b", 7]
    assert placed.crs.to_epsg() == 4326
    assert list(table.columns) == ["address", "commune_code"]
    metric = geocode(table, reference, crs="EPSG:2154")
    assert metric.crs.to_epsg() == 2154
    assert metric.geometry.iloc[0].x > 600_000


@pytest.mark.parametrize(
    ("address", "precision", "lon", "lat"),
    [
        ("3 R PASTEUR", "housenumber", 2.480 + 3 * city.STEP, 48.900),
        ("3 AV PASTEUR", "housenumber", 2.490 + 3 * city.STEP, 48.910),
        ("PASTEUR RUE 3", "housenumber", 2.480 + 3 * city.STEP, 48.900),
        ("4 BIS RUE PASTEUR", "housenumber", 2.480 + 4 * city.STEP, 48.9001),
        ("4B RUE PASTEUR", "housenumber", 2.480 + 4 * city.STEP, 48.9001),
        ("4 TER RUE PASTEUR", "housenumber", 2.480 + 4 * city.STEP, 48.900),
        ("6 RUE PASTEUR", "interpolated", 2.480 + 6 * city.STEP, 48.90005),  # between 4 bis and 8
        ("5 RUE PASTEUR", "interpolated", 2.480 + 5 * city.STEP, 48.900),
        ("10 RUE DU GAL DE GAULLE", "housenumber", 2.480 + 10 * city.STEP, 48.905),
        ("7 RUE DU HUIT MAI", "housenumber", 2.470 + 7 * city.STEP, 48.905),
        ("7 RUE SAINTEXUPERY", "housenumber", 2.475 + 7 * city.STEP, 48.912),
        ("7 RUE ST EXUPREY", "housenumber", 2.475 + 7 * city.STEP, 48.912),
        ("RES DU PARC 2 ALL ROSES BP 12", "housenumber", 2.479 + 2 * city.STEP, 48.915),
    ],
)  # fmt: skip
def test_finer_passes(reference, address, precision, lon, lat):
    row = one(reference, address, commune_code="93010")
    assert row.geocode_precision == precision
    assert is_at(row, lon, lat)
    assert row.geocode_score > 0.6


def test_coarser_passes(reference):
    beyond = one(reference, "80 rue Pasteur", commune_code="93010")
    assert (beyond.geocode_pass, beyond.geocode_reason) == ("street", "number not in the reference")
    assert is_at(beyond, 2.480 + 11 * city.STEP, 48.900)  # the nearest number
    street = one(reference, "rue Pasteur", commune_code="93010")
    assert street.geocode_precision == "street"
    assert street.geocode_score < 0.8
    locality = one(reference, "Le Haut Chemin", postcode="35190")
    assert locality.geocode_precision == "locality"
    around = one(reference, "LES COQUELICOTS", commune_code="93010")  # where addresses lie, no way of that name
    assert (around.geocode_precision, around.geocode_label) == ("locality", "Les Coquelicots 93140 Bondy")
    assert is_at(around, 2.479 + 4.5 * city.STEP, 48.915)
    town = one(reference, "", commune_code="93010", commune_label="BONDY")
    assert (town.geocode_precision, town.geocode_reason) == ("municipality", "no street in the address")
    unknown = one(reference, "12 rue Inconnue", commune_code="93010")
    assert unknown.geocode_precision == "municipality"
    assert "no street like" in unknown.geocode_reason


def test_commune_is_found_by_code_postcode_name_or_in_the_text(reference):
    lon, lat = 2.440 + 2 * city.STEP, 48.860
    for columns in (
        {"commune_code": "93048"}, {"postcode": "93100"}, {"commune_label": "MONTREUIL CEDEX"},
        {"commune_label": "Montreul"},
    ):  # fmt: skip
        assert is_at(one(reference, "2 rue Pasteur", **columns), lon, lat)
    for text in ("2 rue Pasteur 93100 Montreuil", "2 rue Pasteur, Montreuil", "2 rue Pasteur Montreuil"):
        assert is_at(one(reference, text), lon, lat)


def test_hint(reference):
    assert is_at(one(reference, "2 rue Pasteur", near=(2.44, 48.86)), 2.440 + 2 * city.STEP, 48.860)
    assert is_at(one(reference, "2 rue Pasteur", near=(2.48, 48.90)), 2.480 + 2 * city.STEP, 48.900)
    hint = gpd.GeoSeries(gpd.points_from_xy([2.44], [48.86]), crs="EPSG:4326").to_crs("EPSG:2154")
    assert is_at(one(reference, "2 rue Pasteur", near=hint), 2.440 + 2 * city.STEP, 48.860)
    with pytest.raises(InputError, match="not in degrees"):
        one(reference, "2 rue Pasteur", near=(662000.0, 6866000.0))
    with pytest.raises(InputError, match="shape"):
        one(reference, "2 rue Pasteur", near=[[2.4, 48.9], [2.5, 48.9]])


def test_one_identifier_for_two_streets(tmp_path):
    table = city.base()
    table["id"] = table["id"].str.replace("93010_0001", "93010_0000")  # Avenue Pasteur takes the id of Rue Pasteur
    table.to_csv(tmp_path / "ban.csv", sep=";", index=False)
    index = build_index(tmp_path / "ban.csv", tmp_path / "ban.arrow")
    assert is_at(one(index, "3 avenue Pasteur", commune_code="93010"), 2.490 + 3 * city.STEP, 48.910)
    assert one(index, "3 rue Pasteur", commune_code="93010").geocode_label == "3 Rue Pasteur 93140 Bondy"


def test_two_streets_of_one_name(reference):
    lost = one(reference, "2 rue Pasteur")
    assert lost.geocode_precision == "none"
    assert lost.geocode_reason.startswith("ambiguous: 2 Rue Pasteur")
    twice = one(reference, "2 rue de l'Eglise", commune_code="35001")  # in both parts of the merged commune
    assert twice.geocode_precision == "none"
    assert twice.geocode_reason.startswith("ambiguous")


def test_merged_communes(reference):
    for columns in ({"commune_code": "35002"}, {"commune_label": "ST ALBAN S/ RANCE"}):
        row = one(reference, "2 rue de l'Eglise", **columns)
        assert is_at(row, -1.760 + 2 * city.STEP, 48.230)
        assert row.geocode_commune_code == "35001"


def test_arrondissements(reference):
    lon, lat = 2.370 + 5 * city.STEP, 48.854
    for columns in (
        {"commune_code": "75111"}, {"commune_code": "75056"}, {"postcode": "75011"}, {"commune_label": "PARIS"},
        {"commune_label": "PARIS 11"}, {"commune_label": "Paris 11ème arrondissement"},
        {"commune_code": "75056", "postcode": "75011", "commune_label": "PARIS"},
    ):  # fmt: skip
        assert is_at(one(reference, "5 rue de la Roquette", **columns), lon, lat), columns


def test_contradictions_are_refused_with_the_reason(reference):
    both = one(reference, "2 rue Pasteur", commune_code="93010", postcode="93100")
    assert both.geometry is None
    assert both.geocode_reason.startswith("contradiction: postcode 93100 is of Montreuil, not of 93010")
    elsewhere = one(reference, "2 rue des Erables", commune_code="93010", postcode="93100")
    assert elsewhere.geometry is None
    assert elsewhere.geocode_reason.startswith("contradiction")
    # The street is only where the commune says: kept, marked, never sure.
    kept = one(reference, "2 allée des Roses", commune_code="93010", postcode="93100")
    assert kept.geocode_precision == "housenumber"
    assert kept.geocode_score < 0.8
    assert "postcode 93100" in kept.geocode_reason
    far = one(reference, "2 rue Pasteur", commune_code="93010", postcode="69003")
    assert far.geocode_reason.startswith("contradiction: postcode 69003")
    nowhere = one(reference, "2 rue des Erables", postcode="93140")
    assert nowhere.geocode_reason.startswith("contradiction: postcode 93140 has no such street")
    # A street of two communes of one postcode is ambiguous, no contradiction.
    assert one(reference, "2 rue de l'Eglise", postcode="35190").geocode_reason.startswith("ambiguous")
    # The CEDEX postcode of a large organisation says the département: one exact address there is believed, not sure.
    cedex = one(reference, "2 allée des Roses CS 12345", postcode="93609")
    assert is_at(cedex, 2.479 + 2 * city.STEP, 48.915)
    assert cedex.geocode_score <= 0.75
    assert cedex.geocode_reason == "postcode 93609 is not in the reference"
    assert one(reference, "20 allée des Roses", postcode="93609").geometry is None
    # A CEDEX postcode is no contradiction.
    assert one(reference, "2 rue Pasteur", commune_code="93010", postcode="93143").geocode_score > 0.9


@pytest.mark.parametrize(
    ("address", "columns", "reason"),
    [
        ("", {}, "empty address"),
        ("   ", {}, "empty address"),
        ("Hauptstrasse 12, 10115 Berlin, Allemagne", {}, "foreign address"),
        ("12 rue Pasteur " + "x" * 10_000, {"commune_code": "93010"}, "address longer than 400 characters"),
        ("12 rue Pasteur", {"commune_code": "69123"}, "commune 69123 is not in the reference"),
        ("12 rue Pasteur", {"postcode": "69003"}, "postcode 69003 is not in the reference"),
        ("12 rue Pasteur", {"commune_label": "Villeurbanne"}, "commune 'Villeurbanne' is not in the reference"),
        ("\x00\x01\x02", {}, "empty address"),
    ],
)
def test_bad_addresses(reference, address, columns, reason):
    row = one(reference, address, **columns)
    assert row.geometry is None
    assert (row.geocode_pass, row.geocode_precision) == ("none", "none")
    assert row.geocode_reason == reason
    assert np.isnan(row.geocode_score)


def test_control_characters_are_separators(reference):
    assert one(reference, "2\u00a0rue\u200b Pasteur\x07", commune_code="93010").geocode_precision == "housenumber"


def test_a_word_that_may_be_an_unknown_commune_is_never_sure(reference):
    row = one(reference, "2 allée des Roses Villeurbanne")
    assert row.geometry is None or row.geocode_score < 0.8


def test_corrections_win(reference, tmp_path):
    path = tmp_path / "corrections.csv"
    path.write_text(
        "address,postcode,commune_code,lon,lat,reason,date\n"
        "3 rue Pasteur,93140,93010,2.5,48.95,entrée par le parc,2024-05-01\n",
        encoding="utf-8",
    )
    table = pd.DataFrame({"address": ["3, R. PASTEUR"], "commune_code": ["93010"], "finess_et_id": ["930000001"]})
    sites = gpd.GeoDataFrame({"finess_et_id": ["930000001"]}, geometry=[shapely.Point(2.4, 48.9)], crs="EPSG:4326")
    row = geocode(table, reference, corrections=path, facilities=sites).iloc[0]
    assert is_at(row, 2.5, 48.95)
    assert (row.geocode_pass, row.geocode_reason) == ("correction", "entrée par le parc (2024-05-01)")


def test_bad_corrections_are_all_listed(reference, tmp_path):
    path = tmp_path / "corrections.csv"
    path.write_text(
        "address,commune_code,lon,lat,reason,date\n"
        "3 rue Pasteur,93010,a,48.9,x,2024-05-01\n3 rue Pasteur,93010,662000,6866000,x,2024-05-01\n"
        ",93010,2,48,x,2024-05-01\n4 rue Pasteur,93010,2,48,,2024-05-01\n5 rue Pasteur,93010,2,48,x,hier\n"
        "6 rue Pasteur,93010,2,48,x,2024-05-01\n6 R PASTEUR,93010,2,48,x,2024-05-01\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        geocode(pd.DataFrame({"address": ["a"]}), reference, corrections=path)
    assert "6 problems" in str(caught.value)
    assert "line 8" in str(caught.value)


def test_site_of_the_practitioner(reference):
    sites = gpd.GeoDataFrame(
        {"finess_et_id": ["930000001", "690000001"], "facility_label": ["MSP", "Siège"],
         "commune_code": ["93010", "69123"]},
        geometry=gpd.points_from_xy([2.4, 4.8], [48.9, 45.7]), crs="EPSG:4326",
    ).to_crs("EPSG:2154")  # fmt: skip
    row = one(reference, "", finess_et_id="930000001", commune_code="93010", facilities=sites)
    assert (row.geocode_pass, row.geocode_precision, row.geocode_label) == ("site", "site", "MSP")
    assert is_at(row, 2.4, 48.9)
    # The site is in another département than the practice: the address decides.
    seat = one(reference, "2 rue Pasteur", finess_et_id="690000001", commune_code="93010", facilities=sites)
    assert is_at(seat, 2.480 + 2 * city.STEP, 48.900)
    with pytest.raises(SchemaError):
        one(reference, "", finess_et_id="1", facilities=gpd.GeoDataFrame(geometry=[], crs="EPSG:4326"))


def test_cache_spares_what_is_known(index, tmp_path):
    class Counting:
        def __init__(self):
            self.inner, self.seen = open_reference(index), 0

        def locate(self, requests):
            self.seen += len(requests)
            return self.inner.locate(requests)

    cache = tmp_path / "cache.csv"
    table = pd.DataFrame({"address": ["2 rue Pasteur", "2 R. PASTEUR", "nulle part"], "commune_code": "93010"})
    geocoder = Counting()
    first = geocode(table, geocoder, cache=cache)
    assert geocoder.seen == 3
    content = cache.read_bytes()
    second = geocode(table, geocoder, cache=cache)
    assert geocoder.seen == 4  # only what was not located is tried again
    assert cache.read_bytes() == content
    pd.testing.assert_frame_equal(
        pd.DataFrame(first.drop(columns="geometry")), pd.DataFrame(second.drop(columns="geometry"))
    )
    assert first.geometry.geom_equals_exact(second.geometry, 1e-6).all()
    cache.write_text("a,b\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match="not a geocoding cache"):
        geocode(table, geocoder, cache=cache)


def test_min_score_refuses_and_says_so(reference):
    table = pd.DataFrame({"address": ["rue Pasteur", "2 rue Pasteur"], "commune_code": "93010"})
    placed = geocode(table, reference, min_score=0.8)
    assert placed.geocode_precision.tolist() == ["none", "housenumber"]
    assert placed.geocode_reason.iloc[0].startswith("score 0.7")


def test_tables_that_cannot_be_geocoded(reference):
    with pytest.raises(SchemaError, match="no column of address"):
        geocode(pd.DataFrame({"adress": ["x"]}), reference)
    with pytest.raises(SchemaError, match="holds numbers"):
        geocode(pd.DataFrame({"address": ["x"], "postcode": [1000]}), reference)
    with pytest.raises(InputError):
        geocode(["x"], reference)
    assert len(geocode(pd.DataFrame({"address": pd.Series([], dtype=str)}), reference)) == 0


def test_references_that_cannot_be_opened(index, tmp_path, monkeypatch):
    monkeypatch.setenv("CARTO_SANTE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MissingFileError):
        open_reference(tmp_path / "absent.csv")
    bad = tmp_path / "bad.csv"
    bad.write_text("<html>not found</html>\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match="not an address base"):
        open_reference(bad)
    cut = tmp_path / "cut.arrow"
    cut.write_bytes(index.path.read_bytes()[:1000])
    with pytest.raises(FileFormatError, match="not an address index"):
        open_reference(cut)
    empty = tmp_path / "empty.csv"
    city.base().head(0).to_csv(empty, sep=";", index=False)
    with pytest.raises(NoResultError):
        open_reference(empty)
    with pytest.raises(InputError):
        open_reference(12)


def test_index_of_a_csv_is_made_once_and_is_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("CARTO_SANTE_CACHE", str(tmp_path / "cache"))
    source = city.write_base(tmp_path)
    open_reference(source)
    (made,) = (tmp_path / "cache").iterdir()
    stamp = made.stat().st_mtime_ns
    open_reference(source)
    assert made.stat().st_mtime_ns == stamp
    again = build_index(source, tmp_path / "again.arrow")
    assert made.read_bytes() == again.path.read_bytes()
    assert again.counts["rows read"] == again.counts["kept"] == len(city.base())
    assert open_index(made).address_count == again.address_count


def test_layouts_of_the_base_give_the_same_points(tmp_path):
    table = city.base()
    modern = build_index(city.write_base(tmp_path), tmp_path / "modern.arrow")
    exported = table.replace("", "NA").apply(lambda c: c.map(lambda v: v.encode().decode("latin-1")))
    exported.insert(0, "", range(len(table)))
    exported.to_csv(tmp_path / "r.csv", index=False)
    bano = pd.DataFrame(
        {"id": [f"{i[:5]}{i[6:10]}A-{n}" for i, n in zip(table.id, table.numero, strict=True)],
         "n": table.numero + table.rep.str.upper(), "street": table.nom_voie, "cp": table.code_postal,
         "city": table.nom_commune, "source": "OSM", "lat": table.lat, "lon": table.lon}
    )  # fmt: skip
    bano.to_csv(tmp_path / "bano.csv", index=False, header=False)
    query = pd.DataFrame({"address": ["4 bis rue Pasteur", "3 rue St-Exupéry"], "commune_code": "93010"})
    expected = geocode(query, modern)
    for name in ("r.csv", "bano.csv"):
        found = geocode(query, build_index(tmp_path / name, tmp_path / f"{name}.arrow"))
        assert found.geometry.geom_equals_exact(expected.geometry, 1e-6).all()
        assert found.geocode_label.tolist() == expected.geocode_label.tolist()


_PIECES = [
    "12",
    "12bis",
    "rue",
    "Pasteur",
    "R.",
    "93140",
    "Bondy",
    "BP 12",
    ",",
    "CEDEX",
    "é",
    "\x00",
    "-",
    "8 mai 1945",
    "x" * 50,
]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.text(max_size=60), st.lists(st.sampled_from(_PIECES), max_size=8).map(" ".join)),
            st.sampled_from([None, "", "93140", "93100", "93900", "75011", "abc", "9314"]),
            st.sampled_from([None, "", "93010", "93048", "75056", "2A004", "xx"]),
            st.sampled_from([None, "", "Bondy", "BONDY CEDEX", "PARIS", "???", "Saint-Denis"]),
        ),
        max_size=6,
    )
)
def test_whatever_is_asked_every_row_has_its_outcome(reference, rows):
    columns = ["address", "postcode", "commune_code", "commune_label"]
    table = pd.DataFrame(rows, columns=columns, index=[f"r{n}" for n in range(len(rows))], dtype=object)
    placed = geocode(table, reference)
    assert placed.index.tolist() == table.index.tolist()
    check_table(placed, GEOCODED)
    is_placed = placed.geometry.notna()
    assert (placed.geocode_precision[~is_placed] == "none").all()
    assert placed.geocode_reason[~is_placed].notna().all()
    assert placed.geocode_score[is_placed].between(0, 1).all()
    assert placed.geocode_score[~is_placed].isna().all()
    # Neither the company of other rows nor their order changes an answer.
    alone = pd.concat([geocode(table.iloc[[n]], reference) for n in range(len(rows))]) if rows else placed
    assert alone.geocode_label.fillna("").tolist() == placed.geocode_label.fillna("").tolist()
    assert alone.geocode_reason.fillna("").tolist() == placed.geocode_reason.fillna("").tolist()
