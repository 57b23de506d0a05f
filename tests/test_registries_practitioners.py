"""The table of practitioners: equal to the slow oracle, and the same whatever the order, the layout or the parts."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carto_sante.errors import FileFormatError, InputError, NoResultError, UnknownNameError
from carto_sante.registries.ameli import read_ameli
from carto_sante.registries.exclusions import load_exclusions
from carto_sante.registries.finess import read_finess
from carto_sante.registries.practitioners import FROM_OTHER_SOURCE, build_practitioners
from carto_sante.registries.pseudonyms import pseudonymise
from carto_sante.registries.rpps import read_rpps
from carto_sante.schemas import PRACTITIONERS, check_table
from tests.oracles import registries as oracle
from tests.registry_files import LAYOUTS, activity, raw_finess_line, rpps_text, skills_text, write_rpps

PROFESSIONS = ["gp", "nurse", "ophthalmologist", "doctor_unspecified"]


@st.composite
def activities(draw):
    """A small city of practitioners, with everything that decides drawn from a few values."""
    rows = []
    for _ in range(draw(st.integers(1, 14))):
        is_doctor = draw(st.booleans())
        placed = draw(st.sampled_from(["street", "street", "commune", "nowhere"]))
        row = activity(
            draw(st.integers(1, 5)),
            profession_code="10" if is_doctor else draw(st.sampled_from(["60", "21"])),
            savoir_faire_codes=draw(st.sampled_from(["SM54", "SM26", "SM38", "CAPA01", ""])) if is_doctor else "",
            practice_mode_code=draw(st.sampled_from(["L", "L", "S", "B", ""])),
            sector_code=draw(st.sampled_from(["SA07", "SA05", "SA01", "SA64", ""])),
            professional_category_code=draw(st.sampled_from(["C", "C", "C", "E"])),
            function_code=draw(st.sampled_from(["FON-01", "", "FON-22"])),
            activity_kind_code=draw(st.sampled_from(["GENR01", "", "GENR02"])),
            street_number=draw(st.sampled_from(["1", "2"])),
            siret=draw(st.sampled_from(["", "12345678901234"])),
            finess_et_id=draw(st.sampled_from(["", "", "350000001"])),
        )
        if placed != "street":
            row |= dict.fromkeys(("street_number", "street_type_code", "street_type_label", "street_name"), "")
        if placed == "nowhere":
            row |= dict.fromkeys(("commune_code", "postcode", "routing_label", "commune_label"), "")
        rows.append(row)
    return rows


def built(rows, *, layout="2025", parts=1, definitions=None, departements=None):
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            write_rpps(Path(folder), rows[k::parts] or rows[:1], layout=layout, name=f"part{k}.txt")
            for k in range(parts)
        ]
        skills = None
        if layout == "announced":
            skills = Path(folder) / "savoir_faire.txt"
            skills.write_text(skills_text([*rows, activity(99)]), encoding="utf-8")
        reading = read_rpps(paths[0], further_paths=paths[1:], savoir_faire_path=skills, departements=departements)
        return build_practitioners(reading, professions=PROFESSIONS, definitions=definitions)


def keyed(table):
    keys = zip(table["practitioner_id"], table["profession"], table["site_id"], strict=True)
    return dict(zip(keys, table["capacity"], strict=True))


@settings(max_examples=60, deadline=None)
@given(activities(), st.sampled_from(["liberal", "drees", "widest"]))
def test_equal_to_the_oracle(rows, definition):
    definitions = dict.fromkeys(PROFESSIONS, definition)
    expected = oracle.practitioners(rows, professions=PROFESSIONS, definitions=definitions)
    if not expected:
        with pytest.raises(NoResultError):
            built(rows, definitions=definitions)
        return
    table, ledger = built(rows, definitions=definitions)
    assert keyed(table) == pytest.approx(expected)
    ledger.check()
    assert sum(ledger.rows_read.values()) == len(rows)
    capacity = table.groupby(["practitioner_id", "profession"])["capacity"].sum()
    assert capacity.to_list() == pytest.approx([1.0] * len(capacity))
    check_table(table, PRACTITIONERS)


@settings(max_examples=40, deadline=None)
@given(
    activities(), st.randoms(use_true_random=False), st.sampled_from(["2021", "2025", "announced"]), st.integers(1, 3)
)
def test_order_layout_parts_and_repeats_do_not_matter(rows, shuffler, layout, parts):
    # The layout of 2021 has neither function nor kind of activity.
    rows = [row | {"function_code": "", "activity_kind_code": ""} for row in rows]
    try:
        expected = built(rows).table.drop(columns=["source", "source_row"])
    except NoResultError:
        return
    again = rows + shuffler.sample(rows, len(rows) // 2)
    shuffler.shuffle(again)
    table, ledger = built(again, layout=layout, parts=parts)
    pd.testing.assert_frame_equal(table.drop(columns=["source", "source_row"]), expected)
    ledger.check()


def test_every_parameter_changes_the_result(tmp_path):
    rows = [
        activity(1), activity(2, sector_code="SA05", practice_mode_code="S"), activity(3, profession_code="60"),
        activity(4, structure_label="SOS MEDECINS", street_number="99"),
    ]  # fmt: skip
    reading = read_rpps(write_rpps(tmp_path, rows))

    def people(**options):
        return set(build_practitioners(reading, **options).table["practitioner_id"])

    assert people() == {"810000000001", "810000000003"}
    assert people(professions=["gp"]) == {"810000000001"}
    assert people(professions=["gp"], definitions={"gp": "drees"}) == {"810000000001", "810000000002"}
    none = load_exclusions().head(0)
    assert "810000000004" in people(exclusions=none)
    hidden = build_practitioners(reading, pseudonym_key="key").table
    assert not hidden["practitioner_label"].str.contains("NOM").any()
    assert not set(hidden["practitioner_id"]) & people()


def test_two_specialties_asked_count_in_both_and_once_in_the_ledger(tmp_path):
    rows = [activity(1), activity(1, savoir_faire_codes="SM38")]
    table, ledger = build_practitioners(read_rpps(write_rpps(tmp_path, rows)), professions=["gp", "ophthalmologist"])
    assert table["profession"].tolist() == ["gp", "ophthalmologist"]
    assert table["capacity"].tolist() == [1.0, 1.0]
    assert ledger.total("kept") + ledger.total("merged") == 2
    assert ledger.notes["rpps:activite.txt", "practitioners counted in two professions"] == 1


def test_finess_completes_a_site_and_says_what_it_did_not_find(tmp_path):
    blank = dict.fromkeys(
        ("street_number", "street_type_code", "street_type_label", "street_name", "commune_code", "postcode",
         "routing_label", "commune_label"), ""
    )  # fmt: skip
    rows = [activity(1, finess_et_id="350000001", **blank), activity(2, finess_et_id="350000009")]
    finess = tmp_path / "finess.csv"
    finess.write_text("finess;etalab;1;2026-05-12\n" + raw_finess_line("350000001") + "\n", encoding="utf-8")
    reading = read_rpps(write_rpps(tmp_path, rows))
    table, ledger = build_practitioners(reading, facilities=read_finess(finess), professions=["gp"])
    first = table.iloc[0]
    assert (first["site_id"], first["address"], first["commune_code"]) == ("finess:350000001", "4 R DU PORT", "35238")
    source = "rpps:activite.txt"
    assert ledger.notes[source, "site numbers found in FINESS"] == 1
    assert ledger.notes[source, "site numbers not found in FINESS"] == 1
    alone, _ = build_practitioners(reading, professions=["gp"])
    assert alone["practitioner_id"].tolist() == ["810000000002"]


def test_a_cedex_has_the_commune_of_its_name(tmp_path):
    unknown = {"commune_code": "", "commune_label": ""}
    rows = [
        activity(1),
        activity(2, postcode="35042", routing_label="35042 RENNES CEDEX 7", **unknown),
        activity(3, postcode="35043", routing_label="35043 SAINT AILLEURS CEDEX", **unknown),
        activity(4, postcode="56042", routing_label="56042 RENNES CEDEX", **unknown),  # another département
    ]
    reading = read_rpps(write_rpps(tmp_path, rows), communes=["35238"])
    assert sorted(reading.table["practitioner_id"]) == ["810000000001", "810000000002"]
    assert set(reading.table["commune_code"]) == {"35238"}


AMELI = "H;{last};{first};;;12 RUE DE LA GARE;;{postcode};{city};;45;{practice};3;{sector};N;O;G__;" + ";" * 15


def ameli_file(folder, lines):
    path = folder / "ameli.csv"
    base = {"first": "PRENOM", "postcode": "35000", "city": "RENNES", "practice": "", "sector": "c1"}
    path.write_text("".join(AMELI.format(**(base | line)) + "\n" for line in lines), encoding="utf-8")
    return read_ameli(path)


def test_ameli_gives_a_sector_only_where_the_match_is_sure(tmp_path):
    rows = [activity(1), activity(2), activity(3), activity(4, last_name="NOM3", street_number="5"), activity(5)]
    lines = [
        {"last": "NOM1", "sector": "c3"},  # sure
        {"last": "NOM2", "postcode": "56000", "city": "VANNES"},  # elsewhere
        {"last": "NOM3"},  # two homonyms in the RPPS
        {"last": "NOM5", "postcode": "35700", "city": "RENNES CEDEX 7"},  # by the name of the commune
    ]
    reading = read_rpps(write_rpps(tmp_path, rows))
    table, ledger = build_practitioners(reading, ameli=ameli_file(tmp_path, lines), professions=["gp"])
    sectors = table.set_index("practitioner_id")["convention_sector"]
    assert sectors["810000000001"] == "Secteur 2"
    assert sectors["810000000005"] == "Secteur 1"
    assert sectors.drop(["810000000001", "810000000005"]).isna().all()
    ledger.check()
    assert ledger.notes["ameli:ameli.csv", "practitioners of the RPPS given a convention sector"] == 2
    assert ledger.notes["ameli:ameli.csv", "practitioners of the RPPS without a sure match"] == 3


def test_particular_practice_is_outside_the_drees_definition(tmp_path):
    reading = read_rpps(write_rpps(tmp_path, [activity(1), activity(2)]))
    ameli = ameli_file(tmp_path, [{"last": "NOM1", "practice": "1"}, {"last": "NOM2"}])
    options = {"ameli": ameli, "professions": ["gp"]}
    assert build_practitioners(reading, **options).table["practitioner_id"].nunique() == 2
    table, ledger = build_practitioners(reading, definitions={"gp": "drees"}, **options)
    assert table["practitioner_id"].tolist() == ["810000000002"]
    ledger.check()


def test_pseudonyms_are_stable_and_hide_names_and_numbers(tmp_path):
    nowhere = dict.fromkeys(("street_number", "street_type_code", "street_type_label", "street_name"), "")
    rows = [
        activity(1, last_name="KERGOAT", structure_label="CABINET DU DR KERGOAT", siret="12345678901234"),
        activity(2, last_name="KERGOAT", siret="12345678901234", **nowhere),
    ]
    reading = read_rpps(write_rpps(tmp_path, rows))
    plain = build_practitioners(reading, professions=["gp"]).table
    one = build_practitioners(reading, professions=["gp"], pseudonym_key="k").table
    pd.testing.assert_frame_equal(one, pseudonymise(plain, key="k"))
    assert one["source_row"].isna().all()
    text = one.to_csv()
    for secret in ("KERGOAT", "810000000001", "10000000001", "12345678901234"):
        assert secret in plain.to_csv()
        assert secret not in text
    assert (
        build_practitioners(reading, professions=["gp"], pseudonym_key="other").table["practitioner_id"][0]
        != one["practitioner_id"][0]
    )
    with pytest.raises(InputError):
        pseudonymise(plain, key="")


def test_no_code_loses_a_zero(tmp_path):
    rows = [
        activity(1, commune_code="01004", postcode="01500", finess_et_id="010000024", siret="01234567890123"),
        activity(2, commune_code="2A004", postcode="20000", finess_et_id="2A0000014"),
        activity(3, commune_code="97411", postcode="97400", finess_et_id="970400024"),
        activity(4, commune_code="1004", postcode="1500", finess_et_id="10000024"),
    ]
    path = write_rpps(tmp_path, rows)
    table, ledger = build_practitioners(read_rpps(path), professions=["gp"])
    assert table["commune_code"].tolist() == ["01004", "2A004", "97411", "01004"]
    assert table["postcode"].tolist() == ["01500", "20000", "97400", "01500"]
    assert table["finess_et_id"].tolist() == ["010000024", "2A0000014", "970400024", "010000024"]
    assert ledger.notes["rpps:activite.txt", "commune_code got back its leading zero"] == 1
    for departement, people in {"01": 2, "2A": 1, "2B": 0, "974": 1, "35": 0}.items():
        if people:
            assert len(read_rpps(path, departements=[departement]).table) == people
        else:
            with pytest.raises(NoResultError, match="outside the study"):
                read_rpps(path, departements=[departement])


def test_registries_that_give_no_practitioner_are_told(tmp_path):
    from carto_sante.registries.bpe import read_bpe

    bpe = tmp_path / "bpe.csv"
    bpe.write_text(
        '"x";"y";"equ"\n"1";351797.5;6789353.4;"Médecins"\n"2";351797.5;6789353.4;"Pharmacies"\n', encoding="utf-8"
    )
    reading = read_bpe(bpe)
    table, ledger = build_practitioners(bpe=reading, professions=["doctor_unspecified"])
    assert len(table) == 1
    assert table.crs.to_epsg() == 2154
    ledger.check()
    rpps = read_rpps(write_rpps(tmp_path, [activity(1)]))
    _, ledger = build_practitioners(rpps, bpe=reading, professions=["gp"])
    assert ledger.counts["bpe:bpe.csv", "rejected", FROM_OTHER_SOURCE] == 2
    ledger.check()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"professions": ["general"]}, UnknownNameError, "general"),
        ({"professions": []}, UnknownNameError, "No profession"),
        ({"definitions": {"gp": "wide"}}, UnknownNameError, "widest"),
        ({"professions": ["orthoptist"]}, NoResultError, "profession not asked"),
        ({"ameli": "ameli.csv"}, InputError, "read_ameli"),
    ],
)
def test_errors_teach(tmp_path, options, error, says):
    reading = read_rpps(write_rpps(tmp_path, [activity(1)]))
    with pytest.raises(error, match=says):
        build_practitioners(reading, **options)


def test_nothing_given():
    with pytest.raises(InputError, match="No registry"):
        build_practitioners()


def test_exclusion_list(tmp_path):
    rows = [activity(1), activity(2, structure_label="SOS Médecins Rennes", street_number="3")]
    reading = read_rpps(write_rpps(tmp_path, rows))
    entries = tmp_path / "exclusions.csv"
    entries.write_text("label_pattern,reason,date\n\\bSOS médecins\\b,garde,2026-01-15\n", encoding="utf-8")
    table, ledger = build_practitioners(reading, exclusions=entries, professions=["gp"])
    assert len(table) == 1
    assert ledger.counts["rpps:activite.txt", "rejected", "excluded: garde (2026-01-15)"] == 1
    entries.write_text("siret,reason,date\n99999999999999,fermé,2026-01-15\n", encoding="utf-8")
    with pytest.raises(UnknownNameError, match="99999999999999"):
        build_practitioners(reading, exclusions=entries, professions=["gp"])
    entries.write_text("siret,label_pattern,reason,date\n,,,15/01/2026\n,(,x,2026-01-15\n", encoding="utf-8")
    with pytest.raises(InputError, match="4 problems"):
        build_practitioners(reading, exclusions=entries, professions=["gp"])


class TestReadRpps:
    """The reader alone."""

    def test_filters_by_commune_and_by_postcode(self, tmp_path):
        rows = [
            activity(1), activity(2, commune_code="35047", postcode="35170", commune_label="Bruz"), activity(3, commune_code="", commune_label=""),
            activity(4, commune_code="56260", postcode="56000"),
            activity(5, commune_code="", commune_label="", routing_label="35131 CHARTRES", postcode="35131"),
        ]  # fmt: skip
        path = write_rpps(tmp_path, rows)
        table, ledger = read_rpps(path, communes=["35238"])
        assert table["practitioner_id"].str[-1].tolist() == ["1", "3"]  # 3 by its postcode and commune name
        assert ledger.counts["rpps:activite.txt", "rejected", "outside the study"] == 3
        assert len(read_rpps(path, departements=["35"]).table) == 4
        assert len(read_rpps(path, professions=["gp"]).table) == 5
        with pytest.raises(NoResultError):
            read_rpps(path, professions=["nurse"])

    def test_paris_lyon_marseille(self, tmp_path):
        path = write_rpps(tmp_path, [activity(1, commune_code="75111", postcode="75011"), activity(2, commune_code="75056", postcode="75011")])  # fmt: skip
        assert len(read_rpps(path, communes=["75056"]).table) == 2
        assert len(read_rpps(path, communes=["75111"]).table) == 2

    def test_a_stray_quote_swallows_nothing(self, tmp_path):
        rows = [activity(1), activity(2, structure_label='CABINET "LE PARC'), activity(3)]
        table, ledger = read_rpps(write_rpps(tmp_path, rows))
        assert table["site_label"].tolist()[1] == 'CABINET "LE PARC'
        assert len(table) == ledger.total("kept") == 3

    @pytest.mark.parametrize("layout", list(LAYOUTS))
    @pytest.mark.parametrize("damage", ["bom", "cp1252", "crlf", "upper", "blanks", "twice"])
    def test_same_table_whatever_the_writing(self, tmp_path, layout, damage):
        rows = [activity(1, structure_label="MAISON DE SANTÉ"), activity(2, savoir_faire_codes="SM26")]
        text = rpps_text(rows, layout=layout)
        skills = tmp_path / "savoir_faire.txt"
        skills.write_text(skills_text(rows), encoding="utf-8")
        header, _, body = text.partition("\n")
        data = {
            "bom": lambda: text.encode("utf-8-sig"),
            "cp1252": lambda: text.encode("cp1252"),
            "crlf": lambda: text.replace("\n", "\r\n").encode(),
            "upper": lambda: f"{header.upper()}\n{body}".encode(),
            "blanks": lambda: f"{header}\n{body.replace('|', ' | ')}".encode(),
            "twice": lambda: (
                text.encode().decode("cp1252", errors="surrogateescape").encode("utf-8", "surrogateescape")
            ),
        }[damage]()
        path = tmp_path / "activite.txt"
        path.write_text(text, encoding="utf-8")
        further = {"further_paths": [skills]} if layout == "announced" else {}
        expected = read_rpps(path, **further).table
        path.write_bytes(data)
        found = read_rpps(path, **further)
        pd.testing.assert_frame_equal(found.table, expected)
        found.ledger.check()

    def test_missing_columns_are_all_listed(self, tmp_path):
        path = tmp_path / "x.txt"
        path.write_text("Identifiant PP|Nom d'exercice|\n1|A|\n", encoding="utf-8")
        with pytest.raises(FileFormatError, match="code profession") as error:
            read_rpps(path)
        assert "code commune" in str(error.value)
        assert "Nom d'exercice" in str(error.value)

    def test_announced_layout_needs_its_skills(self, tmp_path):
        path = write_rpps(tmp_path, [activity(1)], layout="announced")
        with pytest.raises(FileFormatError, match="savoir_faire_path"):
            read_rpps(path)

    def test_broken_file_is_refused(self, tmp_path):
        path = tmp_path / "x.txt"
        path.write_text(rpps_text([activity(1)]) + "a|b|\n" * 5, encoding="utf-8")
        with pytest.raises(FileFormatError, match="5 broken lines out of 6"):
            read_rpps(path)

    def test_numbers_are_not_codes(self, tmp_path):
        path = write_rpps(tmp_path, [activity(1)])
        with pytest.raises(InputError, match="leading zero"):
            read_rpps(path, departements=[1])
        with pytest.raises(InputError, match="commune code"):
            read_rpps(path, communes=[1004])


def test_chunks_do_not_matter(tmp_path, monkeypatch):
    from carto_sante.registries import _lines

    rows = [activity(n, street_number=str(n)) for n in random.Random(1).sample(range(1, 400), 60)]
    path = write_rpps(tmp_path, rows)
    expected = read_rpps(path)
    monkeypatch.setattr(_lines.sift, "__kwdefaults__", {**_lines.sift.__kwdefaults__, "chunk_bytes": 1000})
    found = read_rpps(path)
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert found.ledger == expected.ledger
