"""What is kept of an OSM file before any mode is chosen: roads, their vertices, their restrictions.

Tags are kept as small integers: column ``k`` of ``way_tags`` is the index, in ``values``, of the value of
``WAY_KEYS[k]`` (0 when the way has no such tag). Tens of thousands of ways share a few thousand rows, so the
rules of `carto_sante.network.tags` are evaluated once per distinct row, in readable Python.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

WAY_KEYS = (
    "highway", "route", "access", "vehicle", "motor_vehicle", "motorcar", "bicycle", "foot",
    "oneway", "oneway:bicycle", "oneway:foot", "cycleway", "cycleway:left", "cycleway:right", "cycleway:both",
    "junction", "maxspeed", "maxspeed:forward", "maxspeed:backward", "zone:maxspeed", "source:maxspeed",
    "maxspeed:type", "motorroad", "service", "surface", "tracktype", "smoothness", "incline", "duration",
    "area", "sidewalk", "footway", "indoor",
)  # fmt: skip
NODE_KEYS = (
    "highway", "barrier", "access", "vehicle", "motor_vehicle", "motorcar", "bicycle", "foot",
    "traffic_signals:direction", "direction", "locked",
)  # fmt: skip
RELATION_KEYS = (
    "type", "restriction", "restriction:motorcar", "restriction:motor_vehicle", "restriction:vehicle",
    "restriction:conditional", "except",
)  # fmt: skip
#: Roles of the members of a restriction.
ROLES = {"from": 1, "via": 2, "to": 3}
#: OSM stores coordinates as whole numbers of 1e-7 degree.
UNITS_PER_DEGREE = 1e7

Ints = npt.NDArray[np.int32]
LongInts = npt.NDArray[np.int64]


@dataclass
class OsmExtract:
    """Roads and ferries of an OSM file.

    Attributes
    ----------
    values : list of str
        Distinct tag values; ``values[0]`` is "".
    way_id : int64 array, shape (w,)
    way_tags : int32 array, shape (w, len(WAY_KEYS))
    way_ref_offset : int64 array, shape (w + 1,)
        References of way ``i`` are ``way_refs[way_ref_offset[i]:way_ref_offset[i + 1]]``.
    way_refs : int64 array
        OSM identifiers of the vertices.
    node_id : int64 array, shape (k,)
        Vertices found in the file, sorted.
    node_lon, node_lat : int32 arrays, shape (k,)
        In 1e-7 degree.
    tagged_node_id : int64 array, shape (t,)
        Vertices with a signal or a barrier, sorted.
    tagged_node_tags : int32 array, shape (t, len(NODE_KEYS))
    relation_id : int64 array, shape (r,)
        Turn restrictions.
    relation_tags : int32 array, shape (r, len(RELATION_KEYS))
    member_offset : int64 array, shape (r + 1,)
    member_ref : int64 array
    member_type : int32 array
        0 node, 1 way, 2 relation.
    member_role : int32 array
        A value of `ROLES`, 0 for others.
    is_clipped : bool
        Whether only a bounding box was kept: absent vertices may then be outside it.
    reader : str
        Which reader was used.
    """

    values: list[str]
    way_id: LongInts
    way_tags: Ints
    way_ref_offset: LongInts
    way_refs: LongInts
    node_id: LongInts
    node_lon: Ints
    node_lat: Ints
    tagged_node_id: LongInts
    tagged_node_tags: Ints
    relation_id: LongInts
    relation_tags: Ints
    member_offset: LongInts
    member_ref: LongInts
    member_type: Ints
    member_role: Ints
    is_clipped: bool = False
    reader: str = ""
    notes: dict[str, int] = field(default_factory=dict)

    def tags_of(self, row: Ints, keys: tuple[str, ...]) -> dict[str, str]:
        """Return a row of tags as a dictionary."""
        return {keys[column]: self.values[code] for column, code in enumerate(row.tolist()) if code}


def distinct_rows(rows: Ints) -> tuple[Ints, Ints]:
    """Return the distinct rows of a table, in order of appearance, and the place of each row among them."""
    table = np.ascontiguousarray(rows)
    seen: dict[bytes, int] = {}
    width = table.shape[1] * table.itemsize
    raw = table.reshape(-1).view(np.uint8).data
    inverse = np.fromiter(
        (seen.setdefault(bytes(raw[at : at + width]), len(seen)) for at in range(0, table.nbytes, width)),
        dtype=np.int32,
        count=len(table),
    )
    distinct = np.frombuffer(b"".join(seen), dtype=table.dtype).reshape(-1, table.shape[1])
    return distinct, inverse
