"""``carto-sante isochrone`` on a small OSM file."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
from click.testing import CliRunner

from carto_sante.commands.isochrone import command, parse_minutes, parse_place
from carto_sante.errors import InputError, NoResultError


@pytest.fixture
def extract(tmp_path):
    """A square of streets in Rennes, about 700 m a side, by 7 x 7 junctions."""
    nodes, ways = [], []
    for row in range(7):
        for column in range(7):
            nodes.append(
                f'<node id="{row * 7 + column + 1}" lat="{48.11 + row * 0.001}" lon="{-1.68 + column * 0.0015}"/>'
            )
    lines = [[row * 7 + column + 1 for column in range(7)] for row in range(7)]
    for number, line in enumerate([*lines, *map(list, zip(*lines, strict=True))], 1):
        refs = "".join(f'<nd ref="{node}"/>' for node in line)
        ways.append(f'<way id="{number}">{refs}<tag k="highway" v="residential"/></way>')
    path = tmp_path / "quartier.osm"
    path.write_text(f'<osm version="0.6">{"".join(nodes)}{"".join(ways)}</osm>', encoding="utf-8")
    return path


def run(*arguments):
    return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)


def test_geojson_and_map(extract, tmp_path):
    out = tmp_path / "iso.geojson"
    options = ("--network", extract, "--at", "-1.6755,48.113", "--minutes", "2,4", "--out", out, "--json")
    result = run(*options)
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert [band["limit_min"] for band in printed["bands"]] == [2, 4]
    table = gpd.read_file(out)
    assert table.crs.to_epsg() == 4326
    assert table.lower_min.tolist() == [0, 2]
    assert "de 2 à 4 min à pied" in (tmp_path / "iso.html").read_text(encoding="utf-8")
    first = out.read_bytes(), (tmp_path / "iso.html").read_bytes()
    run(*options)
    assert first == (out.read_bytes(), (tmp_path / "iso.html").read_bytes())


def test_geopackage_by_car_dissolved(extract, tmp_path):
    out = tmp_path / "iso.gpkg"
    result = run(
        "--network", extract, "--at", "-1.6755,48.113", "--at", "-1.68,48.11", "--mode", "drive", "--minutes", "0.5",
        "--dissolve", "--direction", "outbound", "--out", out, "--no-map",
    )  # fmt: skip
    assert "all: 0-0.5 min" in result.stdout
    table = gpd.read_file(out)
    assert table.crs.to_epsg() == 2154
    assert table.direction.tolist() == ["outbound"]
    assert not (tmp_path / "iso.html").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--at", "48.113,-1.6755"], InputError, r"in France only when .* Write --at -1.6755,48.113"),
        (["--at", "Rennes"], InputError, "longitude, then latitude"),
        ([], InputError, "No site is given"),
        (["--address", "1 rue de Paris"], InputError, "needs --reference"),
        (["--at", "-1.6755,48.113", "--minutes", "0"], InputError, "above zero"),
        (["--at", "-1.6755,48.113", "--minutes", "5;10"], InputError, "with commas"),
        (["--at", "-4.9,48.113"], NoResultError, "."),
    ],
)
def test_bad_input(extract, tmp_path, arguments, error, message):
    out = tmp_path / "iso.geojson"
    with pytest.raises(error, match=message):
        run("--network", extract, *arguments, "--out", out)
    assert not out.exists()


def test_other_bad_values(extract, tmp_path):
    with pytest.raises(InputError, match=r"\.geojson or \.gpkg"):
        run("--network", extract, "--at", "-1.6755,48.113", "--out", tmp_path / "iso.shp")
    with pytest.raises(InputError, match="out of range"):
        parse_place("200,48")
    with pytest.raises(InputError, match="above zero"):
        parse_minutes("nan")


def test_address(extract, tmp_path):
    reference = tmp_path / "ban.csv"
    reference.write_text(
        "id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune;code_insee_ancienne_commune;"
        "nom_ancienne_commune;x;y;lon;lat;type_position;alias;nom_ld;libelle_acheminement;nom_afnor;source_position;"
        "source_nom_voie;certification_commune;cad_parcelles\n"
        "35238_0001_00005;;5;;Rue des Essais;35000;35238;Rennes;;;;;-1.6755;48.113;entrée;;;RENNES;RUE DES ESSAIS;"
        "commune;commune;1;\n",
        encoding="utf-8",
    )
    result = run(
        "--network", extract, "--address", "5 rue des Essais 35000 Rennes", "--reference", reference,
        "--minutes", "3", "--out", tmp_path / "iso.geojson", "--no-map",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "Rue des Essais" in result.stdout
