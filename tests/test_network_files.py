"""Reading: both readers give the same roads; damaged, cut and empty files give a sentence; saved networks come back."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import zlib

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point, box

from carto_sante.errors import CRSError, FileFormatError, InputError, MissingFileError, NoResultError, SchemaError
from carto_sante.network import RoadNetwork, load_network, read_osm, save_network
from carto_sante.network.osm import read_extract
from carto_sante.network.osmium_reader import read_with_osmium
from carto_sante.network.pbf import UnusualPbf, read_pbf
from tests.osm_toys import osm_xml, write_osm

STREET = {"highway": "residential", "name": "Rue de l’Été"}
NODES = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1)}
ARRAYS = ("way_id", "way_ref_offset", "way_refs", "node_id", "node_lon", "node_lat", "tagged_node_id", "relation_id",
          "member_offset", "member_ref", "member_type", "member_role")  # fmt: skip


@pytest.fixture
def toy_pbf(tmp_path):
    """A ring with a signal and a restriction, as PBF written by pyosmium."""
    import osmium

    text = osm_xml(NODES, [(7, [1, 2, 3], STREET), (8, [3, 4, 1], STREET | {"maxspeed": "30"})],
                   node_tags={2: {"highway": "traffic_signals"}},
                   restrictions=[("no_left_turn", 7, 3, 8)])  # fmt: skip
    source, target = write_osm(tmp_path, text), tmp_path / "toy.osm.pbf"
    with osmium.SimpleWriter(str(target)) as writer:
        for item in osmium.FileProcessor(str(source)):
            writer.add(item)
    return target


def assert_same_extract(one, two):
    for name in ARRAYS:
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    values = [np.array(extract.values, dtype=object) for extract in (one, two)]
    for name in ("way_tags", "tagged_node_tags", "relation_tags"):
        assert np.array_equal(values[0][getattr(one, name)], values[1][getattr(two, name)]), name


def assert_same_network(one: RoadNetwork, two: RoadNetwork):
    for field in dataclasses.fields(RoadNetwork):
        left, right = getattr(one, field.name), getattr(two, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            assert np.array_equal(left, right), field.name
        elif field.name != "notes":
            assert left == right


def test_readers_agree(toy_pbf):
    assert_same_extract(read_pbf(toy_pbf), read_with_osmium(toy_pbf))
    assert read_extract(toy_pbf).reader == "pbf"


@pytest.mark.real
@pytest.mark.parametrize("name", ["networks/porto_2020.osm.pbf", "networks/monaco_2016.osm.pbf",
                                  "nantes/centre_2014.osm.pbf", "toulouse/roads.osm.pbf"])  # fmt: skip
def test_readers_agree_on_real_files(real_data, name):
    assert_same_extract(read_pbf(real_data / name), read_with_osmium(real_data / name))


@pytest.mark.real
def test_readers_agree_when_clipped(real_data):
    path, bounds = real_data / "networks/monaco_2016.osm.pbf", (7.41, 43.73, 7.43, 43.745)
    fast, slow = read_pbf(path, box=bounds), read_with_osmium(path, box=bounds)
    assert_same_extract(fast, slow)
    assert 0 < len(fast.way_id) < len(read_pbf(path).way_id)


@pytest.mark.real
def test_xml_and_pbf_give_the_same_network(real_data, tmp_path):
    source = real_data / "bondy/bondy_nord.osm"
    subprocess.run(["osmium", "cat", str(source), "-o", str(tmp_path / "b.osm.pbf")], check=True, capture_output=True)
    assert_same_network(read_osm(source, mode="drive"), read_osm(tmp_path / "b.osm.pbf", mode="drive"))


@pytest.mark.parametrize("options", ["pbf_dense_nodes=false", "pbf_compression=none", "pbf_compression=lz4"])
def test_unusual_pbf(toy_pbf, tmp_path, options):
    """Plain nodes and other compressions are read too, by whichever reader can."""
    other = tmp_path / "other.osm.pbf"
    subprocess.run(["osmium", "cat", str(toy_pbf), "-f", f"pbf,{options}", "-o", str(other)], check=True,
                   capture_output=True)  # fmt: skip
    assert_same_extract(read_extract(other), read_extract(toy_pbf))


def test_history_file_is_left_to_the_other_reader(toy_pbf, tmp_path):
    message = b"\x22\x15HistoricalInformation"
    path = tmp_path / "history.osm.pbf"
    path.write_bytes(_block(b"OSMHeader", message) + toy_pbf.read_bytes())
    with pytest.raises(UnusualPbf, match="HistoricalInformation"):
        read_pbf(path)


def _block(kind: bytes, message: bytes) -> bytes:
    packed = zlib.compress(message)
    blob = b"\x10" + bytes([len(message)]) + b"\x1a" + bytes([len(packed)]) + packed
    header = b"\x0a" + bytes([len(kind)]) + kind + b"\x18" + bytes([len(blob)])
    return struct.pack(">I", len(header)) + header + blob


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.real
def test_cut_pbf(real_data, tmp_path, share):
    content = (real_data / "networks/monaco_2016.osm.pbf").read_bytes()
    path = tmp_path / "cut.osm.pbf"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FileFormatError, match=r"is cut: the block that starts at byte \d+"):
        read_osm(path, mode="walk")


def test_damaged_pbf(toy_pbf, tmp_path):
    content = bytearray(toy_pbf.read_bytes())
    content[-20] ^= 0xFF
    path = tmp_path / "damaged.osm.pbf"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="is damaged"):
        read_osm(path, mode="walk")


@pytest.mark.parametrize("seed", range(20))
def test_a_block_of_noise_never_crashes(tmp_path, seed):
    """Whatever bytes a well-compressed block holds, the answer is an error or an empty result."""
    rng = np.random.default_rng(seed)
    message = bytes([0x12, 100]) + bytes(rng.integers(0, 256, 100, dtype=np.uint8))
    path = tmp_path / "noise.osm.pbf"
    path.write_bytes(_block(b"OSMHeader", b"\x22\x0eOsmSchema-V0.6") + _block(b"OSMData", message))
    with pytest.raises((FileFormatError, NoResultError)):
        read_osm(path, mode="walk")


def test_not_pbf(tmp_path):
    path = tmp_path / "page.osm.pbf"
    path.write_text("<!DOCTYPE html><html>404</html>")
    with pytest.raises(FileFormatError, match="is not an OSM PBF file"):
        read_osm(path, mode="walk")


def test_cut_xml(tmp_path):
    path = write_osm(tmp_path, osm_xml(NODES, [(7, [1, 2], STREET)])[:-40])
    with pytest.raises(FileFormatError, match="cannot be read as OSM data"):
        read_osm(path, mode="walk")


def test_empty_and_missing_files(tmp_path):
    (tmp_path / "empty.osm.pbf").touch()
    with pytest.raises(InputError, match="is empty"):
        read_osm(tmp_path / "empty.osm.pbf", mode="walk")
    with pytest.raises(MissingFileError, match=r"Did you mean \"empty.osm.pbf\""):
        read_osm(tmp_path / "emptty.osm.pbf", mode="walk")
    with pytest.raises(NoResultError, match="holds no street: no way has a highway tag"):
        read_osm(write_osm(tmp_path, osm_xml({}, [])), mode="walk")


def test_absent_nodes_interrupt_the_street(tmp_path):
    path = write_osm(tmp_path, osm_xml(NODES, [(7, [1, 2, 99, 3, 4], STREET)]))
    network = read_osm(path, mode="walk")
    assert network.notes["references_absent"] == 1
    assert (network.segment_count, network.node_component.max()) == (2, 1)
    lost = write_osm(tmp_path, osm_xml({}, [(7, [1, 2], STREET)]))
    with pytest.raises(NoResultError, match="but none of their 2 vertices"):
        read_osm(lost, mode="walk")


@pytest.mark.real
def test_absent_nodes_of_a_real_file(real_data):
    assert read_osm(real_data / "nantes/centre_2014.osm.pbf", mode="walk").notes["references_absent"] > 0


def test_no_drivable_way(tmp_path):
    path = write_osm(tmp_path, osm_xml(NODES, [(7, [1, 2], {"highway": "footway"})]))
    with pytest.raises(NoResultError, match=r"no way that can be used by mode 'drive': 1 ways .*1 not for this mode"):
        read_osm(path, mode="drive")


def test_study_area(tmp_path):
    path = write_osm(tmp_path, osm_xml(NODES, [(7, [1, 2], STREET)]))
    with pytest.raises(CRSError, match="the study area has no CRS"):
        read_osm(path, mode="walk", area=gpd.GeoSeries([box(-2, 48, -1, 49)]))
    with pytest.raises(CRSError, match="carries no CRS"):
        read_osm(path, mode="walk", area=box(-2, 48, -1, 49))
    with pytest.raises(NoResultError, match="no street inside the study area"):
        read_osm(path, mode="walk", area=gpd.GeoSeries([Point(5, 45)], crs="EPSG:4326"))
    with pytest.raises(NoResultError, match="in France once swapped: longitude comes first"):
        read_osm(path, mode="walk", area=gpd.GeoSeries([Point(48.11, -1.68)], crs="EPSG:4326"))
    with pytest.raises(NoResultError, match="holds no geometry"):
        read_osm(path, mode="walk", area=gpd.GeoSeries([], crs="EPSG:4326"))
    with pytest.raises(InputError, match="buffer_m is -1"):
        read_osm(path, mode="walk", area=gpd.GeoSeries([Point(-1.68, 48.11)], crs="EPSG:4326"), buffer_m=-1)
    with pytest.raises(NoResultError, match="no surface"):
        read_osm(path, mode="walk", area=gpd.GeoSeries([Point(-1.68, 48.11)], crs="EPSG:4326"), buffer_m=0)


def test_save_and_load(tmp_path):
    network = read_osm(write_osm(tmp_path, osm_xml(NODES, [(7, [1, 2, 3, 4, 1], STREET)])), mode="walk")
    first, second = save_network(network, tmp_path / "a.network"), save_network(network, tmp_path / "b.network")
    assert first.read_bytes() == second.read_bytes()
    loaded = load_network(first)
    assert_same_network(network, loaded)
    assert loaded.notes == network.notes


def test_load_refuses_what_it_did_not_write(tmp_path):
    network = read_osm(write_osm(tmp_path, osm_xml(NODES, [(7, [1, 2], STREET)])), mode="walk")
    path = save_network(network, tmp_path / "a.network")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FileFormatError, match="is not a saved network, or is damaged"):
        load_network(path)
    path.write_bytes(content.replace(b'"version": 1', b'"version": 9'))
    with pytest.raises((FileFormatError, SchemaError)):
        load_network(path)
