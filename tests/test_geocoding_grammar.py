"""The French address grammar: numbers, suffixes, ranges, noise, dates, postcodes, types and abbreviations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carto_sante.geocoding.gazetteer import label_key
from carto_sante.geocoding.grammar import is_foreign, parse_address, spelled_out, street_key
from carto_sante.geocoding.keys import address_key
from carto_sante.geocoding.text import fold, repair_encoding, tokens_of


@pytest.mark.parametrize(
    ("text", "number", "suffix", "kind", "core"),
    [
        ("12 rue Pasteur", 12, "", "RUE", "PASTEUR"),
        ("12bis r. Pasteur", 12, "BIS", "RUE", "PASTEUR"),
        ("12 B AV PASTEUR", 12, "B", "AVENUE", "PASTEUR"),
        ("12-14 BD PASTEUR", 12, "", "BOULEVARD", "PASTEUR"),
        ("12/14/16 RUE PASTEUR", 12, "", "RUE", "PASTEUR"),
        ("12 ET 14 RUE PASTEUR", 12, "", "RUE", "PASTEUR"),
        ("12 A 14 RUE PASTEUR", 12, "", "RUE", "PASTEUR"),
        ("4 rue du 8 mai 1945", 4, "", "RUE", "8 MAI 1945"),
        ("RUE DU 8 MAI 1945", -1, "", "RUE", "8 MAI 1945"),
        ("8 MAI 1945", -1, "", "", "8 MAI 1945"),
        ("Place du Onze Novembre", -1, "", "PLACE", "11 NOVEMBRE"),
        ("RUE PASTEUR 12", 12, "", "RUE", "PASTEUR"),
        ("RUE PASTEUR 12 BIS", 12, "BIS", "RUE", "PASTEUR"),
        ("CABINET MEDICAL 12 RUE PASTEUR", 12, "", "RUE", "PASTEUR"),
        ("RESIDENCE LES LILAS BAT A 12 RUE PASTEUR", 12, "", "RUE", "PASTEUR"),
        ("BAT B2 12 RUE PASTEUR", 12, "", "RUE", "PASTEUR"),
        ("BAT A 9, ALL ANDREA, HALL 3", 9, "", "ALLEE", "ANDREA"),
        ("2EME ETAGE 12 RUE PASTEUR", 12, "", "RUE", "PASTEUR"),
        ("12 RUE PASTEUR BP 123", 12, "", "RUE", "PASTEUR"),
        ("12 RUE PASTEUR CS 12345 93140 BONDY CEDEX 09", 12, "", "RUE", "PASTEUR"),
        ("12 RUE PASTEUR APPT 4 ESC B", 12, "", "RUE", "PASTEUR"),
        ("12 RUE PASTEUR CENTRE COMMERCIAL LES HALLES", 12, "", "RUE", "PASTEUR"),
        ("CENTRE COMMERCIAL LES HALLES 12 RUE PASTEUR", 12, "", "RUE", "PASTEUR"),
        ("MAISON DE SANTE RUE DU LION", -1, "", "RUE", "LION"),
        ("RUE DE L'HOPITAL", -1, "", "RUE", "HOPITAL"),
        ("PORTE D ITALIE", -1, "", "PORTE", "ITALIE"),
        ("AV DU GAL DE GAULLE", -1, "", "AVENUE", "GENERAL GAULLE"),
        ("3 R STE BARBE", 3, "", "RUE", "SAINTE BARBE"),
        ("GRANDE RUE", -1, "", "", "GRANDE RUE"),
        ("5 GRANDE RUE", 5, "", "", "GRANDE RUE"),
        ("3 LE BOURG", 3, "", "", "BOURG"),
        ("12 ROND-POINT DU VERGER", 12, "", "ROND POINT", "VERGER"),
        ("14TER Route Mazet Nationale 599", 14, "TER", "ROUTE", "MAZET NATIONALE 599"),
        ("1Q RUE DES 3 FRERES", 1, "Q", "RUE", "3 FRERES"),
        ("12, RUE PASTEUR, BONDY", 12, "", "RUE", "PASTEUR"),
        ("12 AVEUNE PASTEUR", 12, "", "", "AVEUNE PASTEUR"),
        ("", -1, "", "", ""),
    ],
)
def test_parts(text, number, suffix, kind, core):
    parsed = parse_address(text)
    assert (parsed.number, parsed.suffix) == (number, suffix)
    assert street_key(parsed.street) == (kind, tuple(core.split()))


def test_postcode_and_city():
    parsed = parse_address("12 rue Pasteur 93140 Bondy cedex")
    assert (parsed.postcode, parsed.tail) == ("93140", ("BONDY",))
    assert parse_address("12 rue Pasteur, Bondy").tail == ("BONDY",)
    assert parse_address("12 rue Pasteur, RDC").tail == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Hauptstr. 12, 10115 Berlin, Germany", True), ("Bruxelles, Belgique", True), ("1 rue de Suisse", False),
     ("12 avenue d'Italie", False), ("12 rue Pasteur", False)],
)  # fmt: skip
def test_foreign(text, expected):
    assert is_foreign(parse_address(text)) is expected


def test_text():
    assert fold("Œuvre n°5\x00\u200b É\u0301t\u00e9") == "OEUVRE N 5   ETE"
    assert tokens_of("1er étage, 12ème") == ["1", "ETAGE", ",", "12"]
    assert repair_encoding("AllÃ©e MoliÃ¨re") == "Allée Molière"
    assert repair_encoding("Allée déjà bonne") == "Allée déjà bonne"
    assert spelled_out(("BD", "DU", "MAL", "FOCH")) == "BOULEVARD DU MARECHAL FOCH"


def test_names_of_communes():
    assert label_key("ST DENIS CEDEX 2") == label_key("Saint-Denis")
    assert label_key("PARIS 11EME") == label_key("Paris 11e Arrondissement") == "PARIS 11"
    assert label_key("MARSEILLE 08") == "MARSEILLE 8"


def test_key_forgets_how_it_was_typed():
    one = address_key("12bis, av. du Gal Leclerc", postcode="93140", commune_code="93010")
    assert one == address_key("CABINET MEDICAL 12 BIS AVENUE DU GENERAL LECLERC BP 12", commune_code="93010")
    assert one != address_key("12 av. du Gal Leclerc", commune_code="93010")
    assert one != address_key("12bis av. du Gal Leclerc", commune_code="93011")


@given(st.text(max_size=80))
def test_any_text_has_parts(text):
    parsed = parse_address(text)
    assert parsed.number >= -1
    kind, core = street_key(parsed.street)
    assert isinstance(kind, str)
    assert all(word.isascii() for word in core)
    assert address_key(text) == address_key(text)


@given(
    st.lists(
        st.sampled_from(
            ["12", "14", "BIS", "A", "RUE", "AV", "DU", "8", "MAI", "1945", "PASTEUR", "BAT", "CEDEX", ",", "RES"]
        ),
        max_size=9,
    )
)
def test_any_order_of_usual_words_has_parts(words):
    parsed = parse_address(" ".join(words))
    assert "," not in parsed.street
    street_key(parsed.street)
