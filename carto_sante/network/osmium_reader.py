"""Read the roads of any OSM file with pyosmium: XML, and the PBF files that the fast reader does not handle.

Slower than `carto_sante.network.pbf` (one Python call per road and per vertex), with equal results.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from carto_sante.errors import FileFormatError
from carto_sante.network.extract import NODE_KEYS, RELATION_KEYS, ROLES, WAY_KEYS, OsmExtract

_MEMBER_TYPES = {"n": 0, "w": 1, "r": 2}


class _Values:
    def __init__(self) -> None:
        self.codes: dict[str, int] = {"": 0}

    def row(self, tags: Any, keys: tuple[str, ...]) -> list[int]:
        return [self.codes.setdefault(tags.get(key, ""), len(self.codes)) for key in keys]


def read_with_osmium(path: Path, *, box: tuple[float, float, float, float] | None = None) -> OsmExtract:
    """Read the roads of an OSM file.

    Parameters
    ----------
    path : Path
        An existing file, in any format that libosmium knows.
    box : tuple of float, optional
        West, south, east, north in degrees: only nodes inside are kept, and ways with one of them.

    Raises
    ------
    FileFormatError
        If the file cannot be read to its end.
    """
    try:
        return _read(path, box)
    except (RuntimeError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"{path} cannot be read as OSM data: {error}.",
            expected="a whole .osm.pbf or .osm file",
            next_step="Download it again and compare its size or checksum with the producer's.",
        ) from error


def _read(path: Path, box: tuple[float, float, float, float] | None) -> OsmExtract:
    import osmium

    values = _Values()
    tracker = osmium.IdTracker()
    way_ids, way_tags, way_counts, refs = [], [], [], []
    roads = osmium.FileProcessor(str(path), osmium.osm.WAY).with_filter(osmium.filter.KeyFilter("highway", "route"))
    for way in roads:
        tags = way.tags
        if "highway" in tags or tags.get("route") == "ferry":
            way_ids.append(way.id)
            way_tags.append(values.row(tags, WAY_KEYS))
            members = [node.ref for node in way.nodes]
            way_counts.append(len(members))
            refs += members
            tracker.add_references(way)
    nodes, tagged, tagged_tags = _read_nodes(path, tracker, box, values)
    relations = _read_relations(path, values)
    extract = OsmExtract(
        values=list(values.codes),
        way_id=np.array(way_ids, dtype=np.int64),
        way_tags=np.array(way_tags, dtype=np.int32).reshape(-1, len(WAY_KEYS)),
        way_ref_offset=np.concatenate([[0], np.cumsum(np.array(way_counts, dtype=np.int64))]).astype(np.int64),
        way_refs=np.array(refs, dtype=np.int64),
        node_id=nodes[0],
        node_lon=nodes[1],
        node_lat=nodes[2],
        tagged_node_id=tagged,
        tagged_node_tags=tagged_tags,
        **relations,
        is_clipped=box is not None,
        reader="osmium",
    )
    return _only_touching(extract) if box is not None else extract


def _read_nodes(path: Path, tracker: Any, box: Any, values: _Values) -> tuple[Any, Any, Any]:
    import osmium

    ids, lon, lat, tagged, rows = [], [], [], [], []
    west, south, east, north = (round(degree * 1e7) for degree in box) if box else (-(2**31), -(2**31), 2**31, 2**31)
    for node in osmium.FileProcessor(str(path), osmium.osm.NODE).with_filter(tracker.id_filter()):
        location = node.location
        if not (location.valid() and west <= location.x <= east and south <= location.y <= north):
            continue
        ids.append(node.id)
        lon.append(location.x)
        lat.append(location.y)
        if "highway" in node.tags or "barrier" in node.tags:
            tagged.append(node.id)
            rows.append(values.row(node.tags, NODE_KEYS))
    node_id, first = np.unique(np.array(ids, dtype=np.int64), return_index=True)
    tagged_id, first_tagged = np.unique(np.array(tagged, dtype=np.int64), return_index=True)
    tags = np.array(rows, dtype=np.int32).reshape(-1, len(NODE_KEYS))[first_tagged]
    return (node_id, np.array(lon, dtype=np.int32)[first], np.array(lat, dtype=np.int32)[first]), tagged_id, tags


def _read_relations(path: Path, values: _Values) -> dict[str, Any]:
    import osmium

    ids, rows, counts, members = [], [], [], []
    for relation in osmium.FileProcessor(str(path), osmium.osm.RELATION).with_filter(osmium.filter.KeyFilter("type")):
        if relation.tags.get("type") != "restriction":
            continue
        ids.append(relation.id)
        rows.append(values.row(relation.tags, RELATION_KEYS))
        found = [(item.ref, _MEMBER_TYPES[item.type], ROLES.get(item.role, 0)) for item in relation.members]
        counts.append(len(found))
        members += found
    table = np.array(members, dtype=np.int64).reshape(-1, 3)
    return {
        "relation_id": np.array(ids, dtype=np.int64),
        "relation_tags": np.array(rows, dtype=np.int32).reshape(-1, len(RELATION_KEYS)),
        "member_offset": np.concatenate([[0], np.cumsum(np.array(counts, dtype=np.int64))]).astype(np.int64),
        "member_ref": table[:, 0],
        "member_type": table[:, 1].astype(np.int32),
        "member_role": table[:, 2].astype(np.int32),
    }


def _only_touching(extract: OsmExtract) -> OsmExtract:
    """Leave out the ways that have no vertex in the box."""
    inside = np.concatenate([[0], np.cumsum(np.isin(extract.way_refs, extract.node_id))])
    offset = extract.way_ref_offset
    keep = inside[offset[1:]] > inside[offset[:-1]]
    counts = np.diff(offset)
    extract.way_refs = extract.way_refs[np.repeat(keep, counts)]
    extract.way_ref_offset = np.concatenate([[0], np.cumsum(counts[keep])]).astype(np.int64)
    extract.way_id, extract.way_tags = extract.way_id[keep], extract.way_tags[keep]
    return extract
