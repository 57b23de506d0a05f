"""Any CSV in, the same rows out; the check map; the command."""

from __future__ import annotations

import csv
import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from carto_sante.commands.geocode import command
from carto_sante.errors import CRSError, FileFormatError, InputError, SchemaError, UnknownNameError
from carto_sante.geocoding import build_index, geocode, geocode_csv, open_reference, write_check_map
from carto_sante.geocoding.check_map import reason_in_french
from carto_sante.geocoding.csv_files import RESULT_COLUMNS, read_csv_table
from carto_sante.registries.rpps import read_rpps
from tests import geocoding_city as city

TEXT = (
    "Nom;Adresse;Code postal;Ville\n"
    "Élodie;3 r. Pasteur;93140;BONDY CEDEX\n"
    ";;;\n"
    'B;"7 rue St-Exupéry; bât A";93140;Bondy\n'
    "C;rue inconnue;69003;Lyon\n"
    "D;rue Pasteur\n"
)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("geocoding_csv")
    return build_index(city.write_base(folder), folder / "ban.arrow")


def rows_of(path, separator=";"):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, delimiter=separator))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_rows_and_columns_are_kept_in_order(index, tmp_path, encoding, separator):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    text = (
        TEXT
        if separator == ";"
        else TEXT.replace('"7 rue St-Exupéry; bât A"', "7 rue St-Exupéry").replace(";", separator)
    )
    source.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    result = geocode_csv(source, index, out)
    assert result.columns == {"address": ["Adresse"], "postcode": ["Code postal"], "commune_label": ["Ville"]}
    lines = rows_of(out, separator)
    assert lines[0] == ["Nom", "Adresse", "Code postal", "Ville", *RESULT_COLUMNS]
    assert [line[0] for line in lines[1:]] == ["Élodie", "", "B", "C", "D"]
    assert all(len(line) == len(lines[0]) for line in lines)
    assert lines[1][4:6] == [f"{2.480 + 3 * city.STEP:.7f}", "48.9000000"]
    assert lines[2][4:] == ["", "", "none", "", "none", "", "", "", "empty address"]
    assert lines[3][8] == "housenumber"
    assert lines[4][-1] == "postcode 69003 is not in the reference"


def test_columns_named_by_options_and_hints(index, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("n,street,x,y\n2,rue Pasteur,2.44,48.86\n2,rue Pasteur,,\n", encoding="utf-8")
    geocode_csv(source, index, tmp_path / "out.csv", address=["n", "street"], lon="x", lat="y")
    lines = rows_of(tmp_path / "out.csv", ",")
    assert lines[1][9] == "2 Rue Pasteur 93100 Montreuil"
    assert lines[2][-1].startswith("ambiguous")
    with pytest.raises(UnknownNameError, match="no column 'streets'"):
        geocode_csv(source, index, tmp_path / "o.csv", address=["streets"])
    with pytest.raises(UnknownNameError, match="No column of address"):
        geocode_csv(_csv(tmp_path, "a,b\n1,2\n"), index, tmp_path / "o.csv")
    with pytest.raises(InputError, match="one column"):
        geocode_csv(source, index, tmp_path / "o.csv", address=["street"], lon="x")
    with pytest.raises(InputError, match="input itself"):
        geocode_csv(source, index, source)


def _csv(folder, text):
    path = folder / "other.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_one_column_of_free_text(index, tmp_path):
    source = _csv(tmp_path, "adresse\n2 rue Pasteur 93100 Montreuil\n" + "x" * 10_000 + "\n")
    geocode_csv(source, index, tmp_path / "out.csv")
    lines = rows_of(tmp_path / "out.csv")
    assert lines[1][3] == "housenumber"
    assert lines[1][6] == "2 Rue Pasteur 93100 Montreuil"
    assert lines[2] == ["x" * 10_000, "", "", "none", "", "none", "", "", "", "address longer than 400 characters"]


def test_columns_already_there_are_kept(index, tmp_path):
    source = _csv(tmp_path, "adresse,geocode_score\n2 rue Pasteur 93100 Montreuil,old\n")
    geocode_csv(source, index, tmp_path / "out.csv")
    lines = rows_of(tmp_path / "out.csv", ",")
    assert lines[0][1] == "geocode_score"
    assert "geocode_score_2" in lines[0]
    assert lines[1][1] == "old"


def test_files_that_are_no_csv(index, tmp_path):
    with pytest.raises(FileFormatError, match="line 3: 3 fields"):
        geocode_csv(_csv(tmp_path, "adresse,ville\na,b\na,b,c\n"), index, tmp_path / "o.csv")
    with pytest.raises(FileFormatError, match="no header"):
        geocode_csv(_csv(tmp_path, "\n\n"), index, tmp_path / "o.csv")
    with pytest.raises(FileFormatError, match="quote"):
        geocode_csv(_csv(tmp_path, 'adresse,ville\n"a,b\n' + "x" * 200_000), index, tmp_path / "o.csv")
    assert not (tmp_path / "o.csv").exists()


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), min_size=2, max_size=2),
        max_size=6,
    )
)
def test_any_field_survives(index, tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("fields")
    with (folder / "in.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["adresse", "nom"], *rows])
    geocode_csv(folder / "in.csv", index, folder / "out.csv")
    assert [line[:2] for line in rows_of(folder / "out.csv", ",")[1:]] == rows
    assert read_csv_table(folder / "in.csv").rows == rows


def test_check_map(index, tmp_path):
    table = pd.DataFrame(
        {"address": ["3 rue Pasteur", "rue <b>Pasteur</b>", "nulle part", "2 rue des Erables"],
         "commune_code": ["93010", "93010", "69123", "93010"], "postcode": ["", "", "", "93100"]},
        index=["a", "b", "c", "d"],
    )  # fmt: skip
    placed = geocode(table, index)
    assert write_check_map(placed, tmp_path / "one.html", addresses=table) == 1
    page = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert "Points à vérifier : 1" in page
    assert "2 adresses non localisées" in page
    assert "contradiction : code postal 93100 dessert Montreuil, pas 93010" in page
    assert "<b>Pasteur</b>" not in page
    write_check_map(placed, tmp_path / "two.html", addresses=table)
    assert (tmp_path / "two.html").read_bytes() == (tmp_path / "one.html").read_bytes()
    assert write_check_map(placed.iloc[:0], tmp_path / "none.html") == 0
    with pytest.raises(SchemaError):
        write_check_map(placed[["geometry"]], tmp_path / "x.html")
    bare = gpd.GeoDataFrame(placed.drop(columns="geometry"), geometry=[shapely.Point(0, 0)] * 4)
    with pytest.raises(CRSError):
        write_check_map(bare, tmp_path / "x.html")


def test_reasons_are_translated():
    assert reason_in_french("foreign address") == "adresse à l’étranger"
    assert reason_in_french("commune 69123 is not in the reference").endswith("absent du référentiel")


def test_command(tmp_path):
    ban, source = city.write_base(tmp_path), _csv(tmp_path, TEXT)
    arguments = [str(source), "--reference", str(ban), "--out", str(tmp_path / "out.csv")]
    environment = {"CARTO_SANTE_CACHE": str(tmp_path / "cache")}
    ran = CliRunner().invoke(command, arguments, env=environment, catch_exceptions=False)
    assert ran.exit_code == 0
    assert "5 rows, 3 not located" in ran.output
    assert (tmp_path / "out_controle.html").exists()
    ran = CliRunner().invoke(
        command, [*arguments, "--json", "--no-map", "--min-score", "0.9", "--cache", str(tmp_path / "c.csv")],
        env=environment, catch_exceptions=False,
    )  # fmt: skip
    summary = json.loads(ran.stdout)
    assert summary["rows"] == 5
    assert summary["by_precision"] == {"housenumber": 2, "none": 3}
    assert "map" not in summary
    assert CliRunner().invoke(command, ["--help"]).output.count("Example") == 1


def test_a_column_of_numbers_goes_before_its_streets(index, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("Cabinet;N°;Rue;Ville\nA;2;rue Pasteur;Montreuil\n", encoding="utf-8")
    result = geocode_csv(source, index, tmp_path / "out.csv")
    assert result.columns["address"] == ["N°", "Rue"]
    assert result.geocoded["geocode_label"].tolist() == ["2 Rue Pasteur 93100 Montreuil"]


@pytest.mark.parametrize("read", [read_csv_table, open_reference, read_rpps])
def test_a_workbook_named_as_text_is_told(tmp_path, read):
    path = tmp_path / "cabinets.csv"
    pd.DataFrame({"adresse": ["1 rue de la Gare"]}).to_excel(tmp_path / "cabinets.xlsx")
    (tmp_path / "cabinets.xlsx").rename(path)
    with pytest.raises(FileFormatError, match="is a spreadsheet"):
        read(path)
