"""FINESS of every layout: codes, territories, positions set right, defects recognised."""

from __future__ import annotations

import gzip
import json

import pytest

from carto_sante.errors import FileFormatError, InputError, MissingFileError, NoResultError
from carto_sante.registries import _finess_layouts as layouts
from carto_sante.registries import finess_plus
from carto_sante.registries._coordinates import IN_OTHER_FIELDS, OUTSIDE_TERRITORY, SWAPPED
from carto_sante.registries.finess import read_finess
from carto_sante.schemas import FACILITIES, check_table
from tests.registry_files import raw_finess_line

TITLE = "finess;etalab;93;2026-05-12\n"
# One place of each territory, in its metric CRS (as the file writes it) and in degrees, 4 decimals.
PLACES = {
    ("01", "451", "010000024"): ("870262.2;6571540.8;1,ATLASANTE,96,BAN,EPSG:2154 RGF93 / Lambert-93 (Métropole)", "01451", (5.2092, 46.2223)),
    ("9A", "105", "970100012"): ("657242.9;1795384.4;2,ATLASANTE,96,BAN,EPSG:5490 RGAF09/UTM Zone 20N (Antilles)", "97105", (-61.5308, 16.2347)),
    ("9D", "411", "970400024"): ("338000.0;7691000.0;1,ATLASANTE,96,BAN,EPSG:2975", "97411", (55.4474, -20.8775)),
    ("9C", "302", "970300026"): ("354000.0;545500.0;1,ATLASANTE,96,BAN,EPSG:2972", "97302", (-52.3158, 4.9339)),
    ("9F", "608", "980500003"): ("523000.0;8587000.0;1,ATLASANTE,96,BAN,EPSG:4471", "97608", (45.2118, -12.7874)),
}  # fmt: skip


def write(folder, text, name="finess.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("key", list(PLACES))
@pytest.mark.parametrize("is_swapped", [False, True])
def test_each_territory_in_its_own_crs(tmp_path, key, is_swapped):
    departement, commune, number = key
    position, code, expected = PLACES[key]
    x, y, source = position.split(";")
    if is_swapped:
        x, y = y, x
    text = TITLE + raw_finess_line(number, departement=departement, commune=commune) + "\n"
    text += f"geolocalisation;{number};{x};{y};{source};2026-05-04\n"
    table, ledger = read_finess(write(tmp_path, text))
    point = table.geometry.iloc[0]
    assert table["commune_code"].item() == code
    assert (point.x, point.y) == pytest.approx(expected, abs=2e-2)
    assert ledger.notes.get(("finess:finess.csv", SWAPPED), 0) == int(is_swapped)
    check_table(table, FACILITIES)


@pytest.mark.parametrize(
    "source",
    ["1;ATLASANTE;100;IGN;BD_ADRESSE;V2.1;LAMBERT_93", "1,ATLASANTE,100,IGN,BD_ADRESSE,V2.2,LAMBERT_93", "1,X,96,BAN,EPSG:2154"],
)  # fmt: skip
def test_three_vintages_of_positions(tmp_path, source):
    text = TITLE + raw_finess_line("010002301", departement="01", commune="053") + "\n"
    text += f"geolocalisation;010002301;882538.9;6542885.8;{source};2016-02-29\n"
    table, ledger = read_finess(write(tmp_path, text))
    assert table.geometry.iloc[0].x == pytest.approx(5.359, abs=0.01)
    assert ledger.counts["finess:finess.csv", "merged", layouts.POSITION_JOINED] == 1


def test_positions_in_their_own_file_and_positions_of_nobody(tmp_path):
    one = write(tmp_path, TITLE + raw_finess_line("350000001") + "\n")
    two = write(
        tmp_path,
        TITLE + "geolocalisation;350000001;351797.5;6789353.4;1,X,EPSG:2154;2026\n"
        "geolocalisation;350000009;351797.5;6789353.4;1,X,EPSG:2154;2026\n",
        name="geo.csv",
    )
    table, ledger = read_finess(one, further_paths=[two])
    assert table.geometry.notna().all()
    assert ledger.counts["finess:geo.csv", "rejected", layouts.POSITION_ALONE] == 1
    ledger.check()
    with pytest.raises(InputError, match="twice"):
        read_finess(one, further_paths=[one])


def test_a_position_in_another_territory_is_left_out(tmp_path):
    text = TITLE + raw_finess_line("350000001") + "\ngeolocalisation;350000001;0;0;1,X,EPSG:2154;2026\n"
    text += raw_finess_line("350000003") + "\ngeolocalisation;350000003;500;500;1,X,EPSG:2154;2026\n"
    table, ledger = read_finess(write(tmp_path, text))
    assert table.geometry.isna().all()
    assert ledger.notes["finess:finess.csv", OUTSIDE_TERRITORY] == 1  # 0, 0 is not a position


def test_quotes(tmp_path):
    line = raw_finess_line("350000001", f3='"LIEU DE VIE ""MAVOUNA; 1"""')
    stray = raw_finess_line("350000003", f3='L"ESCALE')
    opened = raw_finess_line("350000004", f3='"RESIDENCE')
    table, ledger = read_finess(
        write(tmp_path, TITLE + f"{line}\n{stray}\n{opened}\n" + raw_finess_line("350000005") + "\n")
    )
    assert table["facility_label"].tolist() == ['LIEU DE VIE "MAVOUNA; 1"', 'L"ESCALE', '"RESIDENCE', "CENTRE"]
    assert ledger.total("kept") == 4


def test_excel_damage(tmp_path):
    line = raw_finess_line(
        "10000024", departement="1", commune="93", f22="2,601E+13", f28="13/02/1979", f15="1440 VIRIAT"
    )
    table, ledger = read_finess(write(tmp_path, TITLE.replace("\n", ";" * 28 + "\n") + line + "\n"))
    row = table.iloc[0]
    assert (row["facility_id"], row["commune_code"], row["postcode"]) == ("010000024", "01093", "01440")
    assert row["opening_date"].isoformat().startswith("1979-02-13")
    assert row["is_repaired"]
    assert ledger.notes["finess:finess.csv", layouts.SIRET_LOST] == 1
    assert ledger.listed == (("finess:finess.csv", 1, layouts.SIRET_LOST),)


def test_repeated_establishments_are_one(tmp_path):
    text = TITLE + (raw_finess_line("350000001") + "\n") * 3
    table, ledger = read_finess(write(tmp_path, text))
    assert len(table) == 1
    assert ledger.counts["finess:finess.csv", "merged", layouts.SAME_ESTABLISHMENT] == 2


def test_area(tmp_path):
    text = (
        TITLE
        + raw_finess_line("350000001")
        + "\n"
        + raw_finess_line("560000001", departement="56", commune="260")
        + "\n"
    )
    path = write(tmp_path, text)
    assert read_finess(path, departements=["56"]).table["facility_id"].tolist() == ["560000001"]
    assert read_finess(path, communes=["35238"]).table["facility_id"].tolist() == ["350000001"]
    with pytest.raises(NoResultError, match="outside the study"):
        read_finess(path, departements=["2A"])


def structures(**changes):
    position = {
        "coordonneeX": "6789353.4",
        "coordonneeY": "351797.5",
        "directionLatitude": "48.1118",
        "directionLongitude": "-1.6806",
    }
    address = {
        "usageAdresse": "03", "numeroVoie": "4", "typeVoie": "R   ", "libelleVoie": "DU PORT", "cogCommune": "35238",
        "ligneAcheminement": "RENNES", "codePostal": "35000", "coordonneesGeographique": position | changes.pop("position", {}),
    } | changes.pop("address", {})  # fmt: skip
    ege = {
        "informationsGeneralesEGE": {"numFinessEge": "350000001", "nomEgeCourt": "CS", "nomEgeLong": "CENTRE", "dateOuverture": "2019-01-01"},
        "categorieentiteGeographiqueExercice": "124",
        "adresse": [{"usageAdresse": "02", "cogCommune": "56260", "codePostal": "56000"}, address],
        "etatObjet": "A",
    } | changes  # fmt: skip
    return {
        "schemaVersion": "v1.0.0",
        "gcc": [],
        "pmej": [{"informationsGeneralesPMEJ": {"numFinessPm": "350000002"}, "ege": [ege]}],
    }


POSITIONS = {
    "in metres, the two exchanged (as published)": ({}, ""),
    "degrees in the fields of metres": ({"coordonneeX": "-1.6806", "coordonneeY": "48.1118", "directionLatitude": "6789353.4", "directionLongitude": "351797.5"}, ""),
    "latitude and longitude swapped": ({"directionLatitude": "-1.6806", "directionLongitude": "48.1118"}, SWAPPED),
    "degrees missing": ({"directionLatitude": "", "directionLongitude": ""}, SWAPPED),
    "only metres, in order": ({"directionLatitude": "", "directionLongitude": "", "coordonneeX": "351797.5", "coordonneeY": "6789353.4"}, IN_OTHER_FIELDS),
}  # fmt: skip


@pytest.mark.parametrize("case", list(POSITIONS))
def test_finess_plus_positions(tmp_path, case):
    position, note = POSITIONS[case]
    table, ledger = read_finess(write(tmp_path, json.dumps(structures(position=position)), name="f.json"))
    point = table.geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx((-1.6806, 48.1118), abs=3e-3)
    if note:
        assert ledger.notes["finess:f.json", note] == 1


def test_finess_plus_row(tmp_path):
    path = tmp_path / "f.json.gz"
    path.write_bytes(gzip.compress(json.dumps(structures()).encode()))
    row = read_finess(path).table.iloc[0]
    expected = {
        "facility_id": "350000001", "finess_ej_id": "350000002", "category_label": "Centre de Santé",
        "address": "4 R DU PORT", "commune_code": "35238", "commune_label": "RENNES", "postcode": "35000",
    }  # fmt: skip
    assert row[list(expected)].to_dict() == expected


def test_finess_plus_closed_th_and_cut(tmp_path):
    closed = structures(etatObjet="I")
    closed["pmej"] += structures()["pmej"]
    table, ledger = read_finess(write(tmp_path, json.dumps(closed), name="f.json"))
    assert (len(table), ledger.counts["finess:f.json", "rejected", layouts.CLOSED]) == (1, 1)
    damaged = structures(address={"libelleVoie": "BEREELOT", "ligneQuatre": "4 RUE BERTHELOT"})
    table, ledger = read_finess(write(tmp_path, json.dumps(damaged), name="f.json"))
    assert table["address"].item() == "4 R BERTHELOT"
    assert ledger.notes["finess:f.json", finess_plus.TH_RESTORED] == 1
    whole = json.dumps(structures())
    for size in (10, len(whole) // 2, len(whole) - 1):
        with pytest.raises(FileFormatError):
            read_finess(write(tmp_path, whole[:size], name="f.json"))


@pytest.mark.parametrize(
    "text", ["<html><body>503</body></html>", "a,b\n1,2\n", "nofinesset;rs\n010000024;X\n", '{"pmej": []}']
)
def test_unknown_layouts_are_refused(tmp_path, text):
    with pytest.raises(FileFormatError, match="Expected"):
        read_finess(write(tmp_path, text))


def test_missing_file_and_bad_archive(tmp_path):
    with pytest.raises(MissingFileError):
        read_finess(tmp_path / "none.csv")
    for start in (b"\x1f\x8b", b"PK\x03\x04"):
        (tmp_path / "x.bin").write_bytes(start + b"not an archive")
        with pytest.raises(FileFormatError, match="unpacked"):
            read_finess(tmp_path / "x.bin")


def test_yearly_stock_with_destroyed_accents(tmp_path):
    header = "nofinesset;nofinessej;rs;rslongue;departement;cog;codepostal;ligneacheminement;categetab;libcategetab;coordx;coordy;sourcegeocod"
    row = "350000001;350000002;CENTRE;;35;35238;35000;35000 RENNES;124;Centre de Sant\ufffd;351797.5;6789353.4;1,ATLASANTE,100,IGN,BD_ADRESSE,V2.2,LAMBERT_93"
    table, ledger = read_finess(write(tmp_path, f"{header}\n{row}\n"))
    assert table["category_label"].item() == "Centre de Santé"
    assert table.geometry.iloc[0].x == pytest.approx(-1.68, abs=0.01)
    assert len([note for _, note in ledger.notes if "destroyed" in note]) == 2
