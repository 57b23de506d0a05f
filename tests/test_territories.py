"""Zones: read, repaired, assigned to points, ringed, moved between geographies; bad input."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import carto_sante.territories.assign as assign_module
from carto_sante.errors import CRSError, FileFormatError, InputError, SchemaError, UnknownNameError
from carto_sante.territories import (
    add_territory_parts,
    apply_passage,
    assign_territory,
    check_topology,
    dissolve_territories,
    read_commune_passage,
    read_epci_composition,
    read_iris_passage,
    read_territories,
    territory_rings,
)
from tests import toy_city
from tests.oracles import territories as oracle

CRS = "EPSG:2154"


def zones_of(shapes, *, level="quartier", codes=None):
    codes = codes or [f"Z{number:03d}" for number in range(len(shapes))]
    return gpd.GeoDataFrame(
        {"territory_id": codes, "territory_level": level, "territory_label": codes, "geography_year": 2024},
        geometry=list(shapes),
        crs=CRS,
    )


def points_of(pairs):
    x, y = zip(*pairs, strict=True)
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs=CRS)


# --- assignment ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_sites_of_the_toy_city_are_placed(compiled, monkeypatch):
    monkeypatch.setattr(assign_module, "COMPILED_FROM_POINTS", 0 if compiled else 10**9)
    table = assign_territory(toy_city.practitioners(), toy_city.territories())
    assert table["quartier_id"].tolist() == ["A", "B", "C", "C", "D", "A"]
    assert table["qpv_id"].isna().all()
    assert table.index.equals(toy_city.practitioners().index)
    assert table.attrs["report"]["quartier"] == {
        "placed": 6, "outside": 0, "not_located": 0, "shared": 0, "outside_index": []
    }  # fmt: skip


coordinates = st.integers(-2, 14)


@settings(max_examples=60, deadline=None)
@given(
    boxes=st.lists(st.tuples(coordinates, coordinates, st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=8),
    holes=st.booleans(),
    pairs=st.lists(st.tuples(st.integers(-6, 40), st.integers(-6, 40)), min_size=1, max_size=30),
)
def test_both_searches_equal_the_oracle(boxes, holes, pairs):
    """Overlapping zones, holes, points on corners and on borders (half-integer lattice): the worst of cases."""
    shapes = []
    for x, y, width, height in boxes:
        x, y = x + 100, y + 100
        outer = shapely.box(x, y, x + width, y + height)
        hole = shapely.box(x + width / 4, y + height / 4, x + width / 2, y + height / 2)
        shapes.append(outer.difference(hole) if holes else shapely.affinity.rotate(outer, 7 * x))
    points = points_of([(100 + a / 2, 100 + b / 2) for a, b in pairs])
    zones = zones_of(shapes)
    expected = [oracle.zone_of(p, list(zip(zones["territory_id"], shapes, strict=True))) for p in points.geometry]
    for limit in (0, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(assign_module, "COMPILED_FROM_POINTS", limit)
            found = assign_territory(points, zones)["quartier_id"]
            mixed = assign_territory(points.iloc[::-1], zones.iloc[::-1])["quartier_id"].iloc[::-1]
        assert [None if pd.isna(x) else x for x in found] == expected
        pd.testing.assert_series_equal(found, mixed)


def test_many_points_and_winding_zones_equal_the_tree(monkeypatch):
    rng = np.random.default_rng(3)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    shapes = []
    for _ in range(25):
        radius = 300 * (1 + 0.3 * rng.random(len(angles)))
        x0, y0 = rng.uniform(0, 2000, 2)
        shapes.append(shapely.Polygon(np.column_stack([x0 + radius * np.cos(angles), y0 + radius * np.sin(angles)])))
    vertices = shapely.get_coordinates(shapes[:3])
    points = points_of([*rng.uniform(-100, 2100, (20_000, 2)).tolist(), *vertices.tolist()])
    zones = zones_of(shapes)
    monkeypatch.setattr(assign_module, "COMPILED_FROM_POINTS", 10**9)
    slow = assign_territory(points, zones)
    monkeypatch.setattr(assign_module, "COMPILED_FROM_POINTS", 0)
    fast = assign_territory(points, zones)
    pd.testing.assert_frame_equal(slow, fast)
    assert slow.attrs["report"] == fast.attrs["report"]


def test_a_practitioner_at_zero_zero_or_nowhere_is_listed():
    points = gpd.GeoDataFrame(
        geometry=[shapely.Point(0, 0), None, shapely.Point(), shapely.Point(700_100, 6_600_100)], crs=CRS
    )
    table = assign_territory(points, toy_city.territories())
    report = table.attrs["report"]["quartier"]
    assert (report["placed"], report["outside"], report["not_located"]) == (1, 0, 3)
    assert table["quartier_id"].isna().tolist() == [True, True, True, False]


def test_assignment_refuses_what_would_give_a_wrong_zone():
    zones = toy_city.territories()
    sites = toy_city.practitioners()
    with pytest.raises(CRSError, match="no CRS"):
        assign_territory(sites.set_crs(None, allow_override=True), zones)
    with pytest.raises(CRSError, match="degrees"):
        assign_territory(sites.to_crs(4326), zones)
    with pytest.raises(CRSError, match="one CRS"):
        assign_territory(sites.to_crs(27572), zones)
    with pytest.raises(InputError, match="Only points"):
        assign_territory(zones, zones)
    with pytest.raises(SchemaError, match="repeats"):
        assign_territory(sites, pd.concat([zones, zones]))


# --- reading ---------------------------------------------------------------------------------------------------------

SQUARES = [shapely.box(-1.7, 48.0, -1.6, 48.1), shapely.box(-1.6, 48.0, -1.5, 48.1)]


def written(folder, columns, *, name="zones.geojson", crs="EPSG:4326", shapes=None):
    path = folder / name
    gpd.GeoDataFrame(columns, geometry=shapes or SQUARES, crs=crs).to_file(path)
    return path


def test_iris_codes_read_as_integers_get_their_zeros_back(tmp_path):
    path = written(tmp_path, {"CODE_IRIS": [60010000, 60020000], "NOM_IRIS": ["a", "b"]})
    table = read_territories(path, level="iris")
    assert table["territory_id"].tolist() == ["060010000", "060020000"]
    assert table.attrs["codes_restored"] == 2
    assert table.crs.to_epsg() == 2154


@pytest.mark.parametrize(
    ("level", "columns", "expected"),
    [
        ("iris", {"INSEE_COM": ["35238", "35238"], "IRIS": ["0101", "0102"], "CODE_IRIS": ["352380101", "352380102"],
                  "NOM_IRIS": ["a", "b"]}, ["352380101", "352380102"]),
        ("qpv", {"CODE_QP": ["QP035001", "QP035002"], "NOM_QP": ["a", "b"]}, ["QP035001", "QP035002"]),
        ("qpv", {"code_qp": ["QN03501M", "QN03502M"], "lib_qp": ["a", "b"]}, ["QN03501M", "QN03502M"]),
        ("commune", {"INSEE_COM": ["35238", "35047"], "NOM": ["Rennes", "Bruz"]}, ["35047", "35238"]),
        ("epci", {"CODE_SIREN": ["243500139", "200069409"], "NOM": ["a", "b"]}, ["200069409", "243500139"]),
        ("quartier", {"nuquart": [11.0, 2.0], "nom": ["Le Blosne", "Thabor"]}, ["11", "2"]),
        ("bassin", {"id": ["x", "y"]}, ["x", "y"]),
    ],
)  # fmt: skip
def test_published_layouts_are_recognised(tmp_path, level, columns, expected):
    table = read_territories(written(tmp_path, columns), level=level)
    assert table["territory_id"].tolist() == expected
    assert (table["territory_level"] == level).all()


def test_arrondissements_of_paris(tmp_path):
    shapes = [shapely.box(2.33, 48.85, 2.34, 48.86), shapely.box(2.34, 48.85, 2.35, 48.86)]
    path = written(tmp_path, {"c_arinsee": [75101, 75102], "l_ar": ["1er", "2e"]}, shapes=shapes)
    assert read_territories(path, level="arrondissement")["territory_id"].tolist() == ["75101", "75102"]


def test_opendatasoft_records_as_json_and_csv(tmp_path):
    shape = {"type": "Feature", "geometry": shapely.geometry.mapping(SQUARES[0]), "properties": {}}
    rows = [{"code_iris": "352380101", "nom_iris": "é", "geo_shape": shape}]
    (tmp_path / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps([{"fields": rows[0]}]), encoding="utf-8")
    text = json.dumps(shape["geometry"]).replace('"', '""')
    (tmp_path / "c.csv").write_text(f'Code IRIS;Nom IRIS;Geo Shape\n352380101;é;"{text}"\n', encoding="utf-8")
    for name in ("a.json", "b.json", "c.csv"):
        table = read_territories(tmp_path / name, level="iris")
        assert table[["territory_id", "territory_label"]].values.tolist() == [["352380101", "é"]]


@pytest.mark.parametrize("encoding", ["UTF-8", "CP1252"])
def test_shapefile_without_cpg(tmp_path, encoding):
    path = tmp_path / "zones.shp"
    gpd.GeoDataFrame({"nuquart": [1, 2], "nom": ["Bréquigny", "Thabor"]}, geometry=SQUARES, crs=4326).to_file(
        path, encoding=encoding
    )
    path.with_suffix(".cpg").unlink()
    assert read_territories(path, level="quartier")["territory_label"].tolist() == ["Bréquigny", "Thabor"]


def test_a_file_without_crs_is_refused_with_the_likely_one_named(tmp_path):
    path = tmp_path / "zones.shp"
    lambert = gpd.GeoSeries(SQUARES, crs=4326).to_crs(2154)
    gpd.GeoDataFrame({"nuquart": [1, 2]}, geometry=list(lambert), crs=2154).to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(CRSError, match="Lambert-93"):
        read_territories(path, level="quartier")
    assert len(read_territories(path, level="quartier", crs="EPSG:2154")) == 2


def test_declared_crs_that_contradicts_the_file(tmp_path):
    path = written(tmp_path, {"nuquart": [1, 2]})
    with pytest.raises(CRSError, match="declared in 'EPSG:2154'"):
        read_territories(path, level="quartier", crs="EPSG:2154")


def test_mixed_crs_in_one_file(tmp_path):
    lambert = gpd.GeoSeries(SQUARES[1:], crs=4326).to_crs(2154)
    path = written(tmp_path, {"nuquart": [1, 2]}, name="zones.gpkg", shapes=[SQUARES[0], lambert.iloc[0]])
    with pytest.raises(CRSError, match="1 of its 2 zones"):
        read_territories(path, level="quartier")


def test_overseas_zones_get_their_own_metric_crs(tmp_path):
    path = written(
        tmp_path, {"INSEE_COM": ["97411"], "NOM": ["Saint-Denis"]}, shapes=[shapely.box(55.4, -20.95, 55.5, -20.9)]
    )
    assert read_territories(path, level="commune").crs.to_epsg() == 2975


def test_a_self_crossing_ring_is_repaired_and_counted(tmp_path):
    bow = shapely.Polygon([(-1.7, 48.0), (-1.6, 48.1), (-1.6, 48.0), (-1.7, 48.1)])
    table = read_territories(written(tmp_path, {"nuquart": [1, 2]}, shapes=[bow, SQUARES[1]]), level="quartier")
    assert table.geometry.is_valid.all()
    assert table.attrs["repaired_names"] == ["1"]
    assert table.attrs["area_change_m2"] > 0


def test_bad_zones_are_listed_all_at_once(tmp_path):
    with pytest.raises(SchemaError, match=r"no code[\s\S]*'35' is not a code"):
        read_territories(written(tmp_path, {"CODE_IRIS": [None, "35"]}), level="iris")
    with pytest.raises(SchemaError, match="different names"):
        read_territories(written(tmp_path, {"nuquart": [1, 1], "nom": ["a", "b"]}), level="quartier")
    with pytest.raises(InputError, match="LineString"):
        lines = [SQUARES[0], shapely.LineString([(-1.7, 48), (-1.6, 48)])]
        read_territories(written(tmp_path, {"nuquart": [1, 2]}, shapes=lines), level="quartier")
    with pytest.raises(InputError, match="no geometry"):
        read_territories(written(tmp_path, {"nuquart": [1, 2]}, shapes=[SQUARES[0], None]), level="quartier")
    with pytest.raises(UnknownNameError, match="id_column"):
        read_territories(written(tmp_path, {"zzz": ["a", "b"]}), level="iris")
    (tmp_path / "bad.gpkg").write_bytes(b"not a file of polygons")
    with pytest.raises(FileFormatError):
        read_territories(tmp_path / "bad.gpkg", level="iris")


def test_islands_of_one_zone_are_merged(tmp_path):
    table = read_territories(written(tmp_path, {"nuquart": [1, 1], "nom": ["a", "a"]}), level="quartier")
    assert len(table) == 1
    assert table.attrs["pieces_merged"] == 1


def test_qpv_lists_are_not_confused(tmp_path):
    with pytest.raises(InputError, match="mixes QPV"):
        read_territories(written(tmp_path, {"code_qp": ["QP035001", "QN03501M"]}), level="qpv")
    with pytest.raises(InputError, match="2015 list"):
        read_territories(written(tmp_path, {"code_qp": ["QP035001", "QP035002"]}), level="qpv", geography_year=2024)


def test_keep_compares_as_text(tmp_path):
    path = written(tmp_path, {"nuquart": [1, 2], "code_insee": [35238.0, 35047.0]})
    assert read_territories(path, level="quartier", keep={"code_insee": "35238"})["territory_id"].tolist() == ["1"]


# --- topology, rings, nesting ----------------------------------------------------------------------------------------


def test_overlaps_gaps_and_slivers_are_listed():
    shapes = [shapely.box(0, 0, 100, 100), shapely.box(98, 0, 200, 100), shapely.box(0, 150, 200, 250),
              shapely.box(0, 100, 80, 150), shapely.box(120, 100, 200, 150)]  # fmt: skip
    found = check_topology(zones_of(shapes))
    assert found[["problem", "is_sliver", "area_m2"]].values.tolist() == [
        ["gap", False, 2000.0], ["overlap", True, 200.0]
    ]  # fmt: skip
    assert check_topology(toy_city.territories()).empty


def test_overlapping_quartiers_are_said_when_they_are_read(tmp_path, caplog):
    shapes = [shapely.box(-1.7, 48.0, -1.6, 48.1), shapely.box(-1.61, 48.0, -1.5, 48.1)]
    with caplog.at_level("WARNING", logger="carto_sante"):
        table = read_territories(written(tmp_path, {"nuquart": [1, 2]}, shapes=shapes), level="quartier")
    assert table.attrs["overlap_count"] == 1
    assert table.attrs["overlap_area_m2"] > 1e6


def test_rings_are_disjoint_and_in_metres():
    rings = territory_rings(toy_city.territories().query("territory_level == 'qpv'"))
    for _, group in rings.groupby("territory_id"):
        whole = group.geometry.union_all()
        assert group.geometry.area.sum() == pytest.approx(whole.area, rel=1e-12)
        # The buffer of a 500 m square: the square, four strips, and a disc of four quarters.
        assert whole.area == pytest.approx(500**2 + 4 * 500 * 500 + np.pi * 500**2, rel=1e-3)
    with pytest.raises(InputError):
        territory_rings(rings, distances_m=(500.0, 300.0))
    with pytest.raises(CRSError):
        territory_rings(rings.to_crs(4326))


def test_epci_from_communes(tmp_path):
    composition = pd.DataFrame({"CODGEO": ["35238", "35047", "22016"], "LIBGEO": ["Rennes", "Bruz", "Bréhat"],
        "EPCI": ["243500139", "243500139", "ZZZZZZZZZ"],
        "LIBEPCI": ["Rennes Métropole", "Rennes Métropole", "Sans objet"],
        "DEP": ["35", "35", "22"], "REG": ["53"] * 3})  # fmt: skip
    path = tmp_path / "EPCI_au_01-01-2025.xlsx"
    with pd.ExcelWriter(path) as book:
        composition.to_excel(book, sheet_name="Composition_communale", startrow=5, index=False)
    table = read_epci_composition(path)
    assert table["epci_id"].isna().tolist() == [False, False, True]
    communes = zones_of([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], level="commune", codes=["35238", "35047"])
    labels = table.dropna().drop_duplicates("epci_id").set_index("epci_id")["epci_label"]
    merged = dissolve_territories(communes, table.set_index("commune_code")["epci_id"], level="epci", labels=labels)
    assert merged[["territory_id", "territory_label"]].values.tolist() == [["243500139", "Rennes Métropole"]]
    assert merged.geometry.area.tolist() == [2.0]
    assert add_territory_parts(pd.Series(["2A004", "97411"]), level="departement").tolist() == ["2A", "974"]


def test_passage_tables(tmp_path):
    yearly = pd.DataFrame({"NIVGEO": "COM", "CODGEO_2018": ["35001", "35002", "35003", "35003"],
                           "CODGEO_2024": ["35001", "35001", "35003", "35004"]})  # fmt: skip
    path = tmp_path / "table_passage_annuelle_2024.xlsx"
    with pd.ExcelWriter(path) as book:
        yearly.to_excel(book, sheet_name="COM", startrow=5, index=False)
    passage = read_commune_passage(path, from_year=2018, to_year=2024)
    people = pd.DataFrame({"territory_id": ["35001", "35002", "35009"], "population_count": [10.0, 5.0, 1.0]})
    moved = apply_passage(people, passage, column="territory_id", value_column="population_count")
    assert moved.values.tolist() == [["35001", 15.0], ["35009", 1.0]]
    assert moved.attrs["report"] == {"codes_renamed": 1, "codes_split": 0, "codes_unlisted": 1}
    split = pd.DataFrame({"territory_id": ["35003"], "population_count": [8.0]})
    with pytest.raises(InputError, match="35003 was split"):
        apply_passage(split, passage, column="territory_id", value_column="population_count")
    shared = passage.assign(share=[1.0, 1.0, 0.75, 0.25])
    assert apply_passage(split, shared, column="territory_id", value_column="population_count").values.tolist() == [
        ["35003", 6.0], ["35004", 2.0]
    ]  # fmt: skip
    with pytest.raises(UnknownNameError, match="CODGEO_2030"):
        read_commune_passage(path, from_year=2018, to_year=2030)
    iris = pd.DataFrame({"IRIS_INI": ["350010000"], "IRIS_FIN": ["350010101"], "COM_INI": "35001", "COM_FIN": "35001",
                         "ANNEE_MODIF": "2020", "MODIF_IRIS": "1"})  # fmt: skip
    with pd.ExcelWriter(tmp_path / "iris.xlsx") as book:
        iris.to_excel(book, sheet_name="Modifications_IRIS", startrow=5, index=False)
    assert read_iris_passage(tmp_path / "iris.xlsx", since_year=2019)["code_to"].tolist() == ["350010101"]
    assert read_iris_passage(tmp_path / "iris.xlsx", since_year=2021).empty


def test_unknown_people_stay_unknown_when_communes_merge():
    people = pd.DataFrame({"territory_id": ["35001", "35002"], "population_count": [10.0, float("nan")]})
    passage = pd.DataFrame({"code_from": ["35002"], "code_to": ["35001"], "share": [1.0]})
    moved = apply_passage(people, passage, column="territory_id", value_column="population_count")
    assert moved["population_count"].isna().tolist() == [True]


def test_grid_from_a_table_of_cell_identifiers(tmp_path):
    path = tmp_path / "carreaux.csv"
    path.write_text("idcar_200m;ind\nCRS3035RES200mN2891800E3770600;3\nCRS3035RES200mN2891800E3770400;1\n")
    cells = read_territories(path, level="grid", geography_year=2019)
    assert cells["territory_id"].tolist() == ["CRS3035RES200mN2891800E3770400", "CRS3035RES200mN2891800E3770600"]
    assert cells.crs.to_epsg() == 2154
    assert cells.area.between(39_000, 41_000).all()  # a square of the European grid, seen in Lambert-93
    assert read_territories(path, level="grid", id_column="idcar_200m")["territory_id"].tolist() == (
        cells["territory_id"].tolist()
    )
    with pytest.raises(CRSError):
        read_territories(path, level="grid", crs="EPSG:4326")


def test_grid_cells_overseas_and_mixed(tmp_path):
    path = tmp_path / "carreaux.csv"
    path.write_text("idcar_200m,ind\nCRS2975RES200mN7634200E359400,3\n")
    assert read_territories(path, level="grid").total_bounds.tolist() == [359400, 7634200, 359600, 7634400]
    path.write_text("idcar_200m,ind\nCRS2975RES200mN7634200E359400,3\nCRS3035RES200mN2891800E3770600,1\n")
    with pytest.raises(SchemaError, match="several grids"):
        read_territories(path, level="grid")
    path.write_text("idcar_200m,ind\nN7634200E359400,3\n")
    with pytest.raises(SchemaError, match="another form"):
        read_territories(path, level="grid")
    path.write_text("name,ind\na,3\n")
    with pytest.raises(FileFormatError, match="without a shape"):
        read_territories(path, level="grid")
