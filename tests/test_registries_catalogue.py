"""Catalogue, definitions, control totals, encodings, BPE layouts: small things that change a published number."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carto_sante.errors import FileFormatError, InputError, ToleranceError, UnknownNameError
from carto_sante.registries import encoding
from carto_sante.registries.bpe import category_labels, read_bpe, to_practitioners
from carto_sante.registries.control import load_control_totals, reconcile
from carto_sante.registries.professions import (
    codes_of,
    describe_definitions,
    get_definition,
    load_activity_rules,
    load_catalogue,
    load_definitions,
)


class TestCatalogue:
    def test_no_code_belongs_to_two_professions(self):
        catalogue = load_catalogue()
        for column in ("bpe_codes", "ameli_codes", "finess_codes"):
            codes = [code for value in catalogue[column] for code in value.split()]
            assert len(codes) == len(set(codes)), column
        rpps = [
            (entry["rpps_profession_code"], skill)
            for _, entry in catalogue.iterrows()
            for skill in entry["rpps_savoir_faire_codes"].split() or [""]
        ]
        assert len(rpps) == len(set(rpps))

    def test_bpe_codes_say_the_same_as_their_labels(self):
        labels, by_code, by_label = category_labels(), codes_of("bpe_codes"), codes_of("bpe_labels")
        for code, profession in by_code.items():
            assert by_label[labels[code]] == profession, code

    def test_general_practice_is_three_codes(self):
        assert load_catalogue().loc["gp", "rpps_savoir_faire_codes"].split() == ["SM26", "SM53", "SM54"]

    def test_every_definition_is_dated_cited_and_whole(self):
        table = load_definitions()
        assert table["source"].str.len().gt(20).all()
        assert table["date"].str.fullmatch(r"\d{4}-\d{2}-\d{2}").all()
        for profession in load_catalogue().index:
            for name in ("liberal", "drees", "widest"):
                assert get_definition(profession, name).definition_label

    def test_definitions_are_told_apart(self):
        told = describe_definitions(["gp", "nurse"], {"gp": "drees"})
        assert told["definition"].tolist() == ["drees", "liberal"]
        with pytest.raises(UnknownNameError, match="drees"):
            describe_definitions(["gp"], {"gp": "dress"})
        with pytest.raises(UnknownNameError, match="nurses"):
            describe_definitions(["gp"], {"nurses": "liberal"})

    def test_rules_have_one_reason_each(self):
        rules = load_activity_rules()
        assert not rules.duplicated(["field", "code"]).any()
        assert (rules["reason"] != "").all()

    def test_what_is_returned_can_be_changed_without_harm(self):
        catalogue, definitions = load_catalogue(), load_definitions()
        catalogue.loc["gp", "profession_label"] = "changed"
        definitions.loc[0, "source"] = "changed"
        assert load_catalogue().loc["gp", "profession_label"] == "Médecin généraliste"
        assert load_definitions().loc[0, "source"] != "changed"


class TestControl:
    people = pd.DataFrame(
        {
            "practitioner_id": ["a", "a", "b", "c", "d"],
            "profession": ["gp", "gp", "gp", "gp", "nurse"],
            "commune_code": ["35238", "35047", "35238", "97411", None],
        }
    )

    def write(self, folder, *rows, header="profession,departement,practitioners_count,source"):
        path = folder / "totals.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    def test_a_person_counts_once_by_departement(self, tmp_path):
        path = self.write(tmp_path, "gp,35,2,x", "gp,974,1,x", "nurse,01,0,x")
        table = reconcile(self.people, path)
        assert table["practitioners_count"].tolist() == [2, 1, 0]
        assert table["status"].tolist() == ["ok"] * 3

    def test_gaps(self, tmp_path):
        path = self.write(tmp_path, "gp,35,4,ordre", "gp,974,2,ordre")
        with pytest.raises(ToleranceError, match=r"gp:35 has 2 people, 4 expected \(-2, -50.0%; ordre\)") as error:
            reconcile(self.people, path)
        assert error.value.exit_code == 3
        table = reconcile(self.people, path, allowed_gaps=["gp:35"], tolerance_share=0.5)
        assert table["status"].tolist() == ["ok", "ok"]
        table = reconcile(self.people, path, allowed_gaps=["gp:35", "gp:974"])
        assert table["status"].tolist() == ["allowed", "allowed"]
        with pytest.raises(UnknownNameError, match="gp:36"):
            reconcile(self.people, path, allowed_gaps=["gp:36"])

    def test_all_problems_at_once(self, tmp_path):
        with pytest.raises(InputError, match="3 problems"):
            load_control_totals(self.write(tmp_path, "gps,35,1,x", "gp,1,1,x", "gp,35,many,x"))
        with pytest.raises(FileFormatError, match="practitioners_count"):
            load_control_totals(self.write(tmp_path, "gp,35", header="profession,departement"))
        with pytest.raises(InputError, match="gp:35"):
            load_control_totals(self.write(tmp_path, "gp,35,1,x", "gp,35,2,x"))


FRENCH = st.text(alphabet="abcdeABC éèêëàâäîïôöûüùçœÉÈÊÀÂÎÔÛÇŒ’-'0123456789", max_size=40)


class TestEncoding:
    @given(FRENCH)
    def test_sound_text_is_left_alone(self, text):
        assert encoding.decode(text.encode()).text == text

    @given(FRENCH)
    def test_windows_text_comes_back(self, text):
        data = text.encode("cp1252")
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            found = encoding.decode(data)
            assert found.text == text
            assert found.notes == {encoding.WINDOWS_1252_NOTE: 1}

    @given(FRENCH)
    def test_accents_encoded_twice_come_back(self, text):
        undefined = {0x81, 0x8D, 0x8F, 0x90, 0x9D}
        [chr(b) if b in undefined else bytes([b]).decode("cp1252") for b in text.encode()]

    def test_destroyed_accents_are_counted_and_restored_only_where_sure(self):
        found = encoding.decode("Sant\ufffd\nSoins\n".encode())
        assert found.notes == {encoding.DESTROYED_NOTE: 1}
        assert encoding.restore_label("Sant\ufffd", ["Santé", "Santal"]) == "Santé"
        assert encoding.restore_label("Sant\ufffd", ["Santé", "Santa"]) is None
        assert encoding.restore_label("Sant\ufffd", ["Soins"]) is None

    def test_utf16(self):
        assert encoding.decode("Santé".encode("utf-16")).text == "Santé"
        with pytest.raises(FileFormatError, match="UTF-16"):
            encoding.decode("Santé".encode("utf-16")[:-1])


NATIONAL = (
    "AN;NOMRS;NUMVOIE;INDREP;TYPVOIE;LIBVOIE;CODPOS;DEPCOM;TYPEQU;SIRET;"
    "LAMBERT_X;LAMBERT_Y;LONGITUDE;LATITUDE;QUALITE_XY;LIBCOM"
)


class TestBpe:
    def write(self, folder, *rows, header=NATIONAL):
        path = folder / "bpe.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    def test_national_layout(self, tmp_path):
        path = self.write(
            tmp_path,
            "2023;;4;B;R;DU PORT;35000;35238;D265;;351797.5;6789353.4;-1.68;48.11;Bonne;Rennes",
            "2023;PHARMACIE;;;;;35000;35238;D307;12345678901234;351797.5;6789353.4;;;Bonne;Rennes",
            "2023;;;;;;97400;97411;D281;;338000;7691000;;;Bonne;Saint-Denis",
            "2023;;;;;;1000;1053;D278;;;;;;Mauvaise;Bourg",
        )
        reading = read_bpe(path)
        table = reading.table
        assert table["profession"].fillna("").tolist() == ["gp", "", "nurse", "midwife"]
        assert table["commune_code"].tolist() == ["35238", "35238", "97411", "01053"]
        assert table["address"].iloc[0] == "4 B R DU PORT"
        assert table.crs.to_epsg() == 4326  # one of them is overseas
        assert table.geometry.iloc[2].x == pytest.approx(55.45, abs=0.01)
        found, ledger = to_practitioners(reading, professions=["gp", "nurse", "midwife"])
        assert found["profession"].tolist() == ["gp", "nurse"]
        assert ledger.counts["bpe:bpe.csv", "rejected", "no position: cannot be placed"] == 1
        assert read_bpe(path, communes=["35238"]).table.crs.to_epsg() == 2154
        assert len(read_bpe(path, departements=["01"]).table) == 1

    def test_identifiers_do_not_depend_on_the_order(self, tmp_path):
        rows = [f"2023;;;;;;35000;35238;D265;;35179{n % 3}.5;6789353.4;;;Bonne;Rennes" for n in range(7)]
        one = read_bpe(self.write(tmp_path, *rows)).table
        two = read_bpe(self.write(tmp_path, *rows[::-1])).table
        assert one["facility_id"].is_unique
        assert set(one["facility_id"]) == set(two["facility_id"])

    def test_the_national_file_is_sifted_to_the_same_table(self, tmp_path, monkeypatch):
        from carto_sante.registries import bpe

        rows = [f"2023;N{n};;;;;35000;{n % 95 + 1:02d}238;D265;;351797.5;6789353.4;;;Bonne;X" for n in range(400)]
        path = self.write(tmp_path, *rows, "cut;line")
        expected = read_bpe(path, departements=["35", "01"])
        monkeypatch.setattr(bpe, "BIG_BYTES", 100)
        found = read_bpe(path, departements=["35", "01"])
        pd.testing.assert_frame_equal(found.table, expected.table)
        assert found.ledger == expected.ledger

    def test_counts_by_commune_are_refused(self, tmp_path):
        path = self.write(tmp_path, "D265;35238;1;1;12", header="TYPEQU;DEPCOM;LAMBERT_X;LAMBERT_Y;NB_EQUIP")
        with pytest.raises(FileFormatError, match="NB_EQUIP"):
            read_bpe(path)

    def test_area_needs_communes(self, tmp_path):
        path = self.write(tmp_path, '"1";351797.5;6789353.4;"Médecins"', header='"x";"y";"equ"')
        with pytest.raises(InputError, match="no commune code"):
            read_bpe(path, departements=["35"])

    def test_unknown_layout(self, tmp_path):
        with pytest.raises(FileFormatError, match="TYPEQU"):
            read_bpe(self.write(tmp_path, "1;2", header="a;b"))
