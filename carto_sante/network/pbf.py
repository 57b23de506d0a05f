"""Read the roads of an OSM PBF file block by block, on several threads, without one Python object per element.

The file is streamed: a few blocks are held at a time, and of each only the roads, their restrictions and the
positions of the nodes (16 bytes each) are kept. Files that use what is not handled here (blocks compressed
otherwise than zlib, history, nodes after ways with a clipping box) raise `UnusualPbf`, and
`carto_sante.network.osm` reads them with pyosmium instead.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from carto_sante.errors import FileFormatError
from carto_sante.network.extract import NODE_KEYS, RELATION_KEYS, ROLES, WAY_KEYS, OsmExtract

HANDLED_FEATURES = {"OsmSchema-V0.6", "DenseNodes"}
_MAX_HEADER, _MAX_BLOB = 64 * 1024, 32 * 1024 * 1024
_WHOLE_WORLD = (-(2**31), -(2**31), 2**31 - 1, 2**31 - 1)

Ints = npt.NDArray[np.int32]
LongInts = npt.NDArray[np.int64]


class UnusualPbf(Exception):
    """The file is valid but uses what the fast reader does not handle."""


@dataclass
class _Part:
    """What one block holds; tags are local to the block until they are merged."""

    nodes: tuple[Any, ...] | None = None
    tagged: tuple[Any, ...] | None = None
    ways: tuple[Any, ...] | None = None
    relations: tuple[Any, ...] | None = None


@dataclass
class _Collected:
    values: dict[str, int] = field(default_factory=lambda: {"": 0})
    nodes: list[tuple[Any, ...]] = field(default_factory=list)
    tagged: list[tuple[Any, ...]] = field(default_factory=list)
    ways: list[tuple[Any, ...]] = field(default_factory=list)
    relations: list[tuple[Any, ...]] = field(default_factory=list)


def read_pbf(path: Path, *, box: tuple[float, float, float, float] | None = None, threads: int = 2) -> OsmExtract:
    """Read the roads of a PBF file.

    Parameters
    ----------
    path : Path
        An existing file.
    box : tuple of float, optional
        West, south, east, north in degrees: only nodes inside are kept, and ways with one of them.
    threads : int, default 2
        Blocks decoded at once.

    Raises
    ------
    FileFormatError
        If the file is not PBF, is cut or is damaged.
    UnusualPbf
        If it needs the other reader.
    """
    units = np.array(_WHOLE_WORLD if box is None else [round(degree * 1e7) for degree in box], dtype=np.int64)
    found = _Collected()
    node_ids: LongInts | None = None
    with path.open("rb") as stream, ThreadPoolExecutor(threads) as pool:
        for part in _decoded(stream, path, units, pool, ahead=2 * threads):
            if part.nodes is not None:
                if found.ways and box is not None:
                    raise UnusualPbf("nodes come after ways")
                found.nodes.append(part.nodes)
                if part.tagged is not None:
                    found.tagged.append(_globalise(part.tagged, found.values))
            if part.ways is not None:
                if box is not None:
                    node_ids = _sorted_ids(found.nodes) if node_ids is None else node_ids
                    part.ways = _ways_touching(part.ways, node_ids)
                found.ways.append(_globalise(part.ways, found.values))
            if part.relations is not None:
                found.relations.append(_globalise(part.relations, found.values))
    return _assembled(found, is_clipped=box is not None)


def _blobs(stream: BinaryIO, path: Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield (kind, place in the file, blob) for each block."""
    size = path.stat().st_size
    while True:
        place = stream.tell()
        head = stream.read(4)
        if not head:
            return
        length = int.from_bytes(head, "big")
        if len(head) < 4 or (place == 0 and length > _MAX_HEADER):
            raise _not_pbf(path) if place == 0 else _cut(path, place, size)
        header = stream.read(length) if length <= _MAX_HEADER else b""
        if len(header) < length:
            raise _cut(path, place, size)
        kind, blob_size = "", -1
        try:
            for number, value in _fields(header):
                if number == 1:
                    kind = bytes(value).decode("ascii", errors="replace")
                elif number == 3:
                    blob_size = int(value)
        except (ValueError, IndexError) as error:
            raise (_not_pbf(path) if place == 0 else _cut(path, place, size)) from error
        if place == 0 and kind != "OSMHeader":
            raise _not_pbf(path)
        if not 0 <= blob_size <= _MAX_BLOB:
            raise _cut(path, place, size)
        blob = stream.read(blob_size)
        if len(blob) < blob_size:
            raise _cut(path, place, size)
        yield kind, place, blob


def _fields(message: bytes | memoryview) -> Iterator[tuple[int, Any]]:
    """Yield (field number, value) of a small message, in Python."""
    at, view = 0, memoryview(message)
    while at < len(view):
        key, at = _varint(view, at)
        if key & 7 == 0:
            value, at = _varint(view, at)
            yield key >> 3, value
        elif key & 7 == 2:
            length, at = _varint(view, at)
            if at + length > len(view):
                raise ValueError("message is cut")
            yield key >> 3, view[at : at + length]
            at += length
        else:
            raise ValueError("unexpected wire type")


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return value, at
        shift += 7


def _inflated(blob: bytes, path: Path, place: int) -> bytes | memoryview:
    try:
        raw_size = 0
        for number, value in _fields(blob):
            if number == 1:
                return value  # type: ignore[no-any-return]
            if number == 2:
                raw_size = int(value)
            elif number == 3:
                return zlib.decompress(value, bufsize=max(raw_size, 1))
            elif number in (4, 6, 7):
                raise UnusualPbf("blocks are not compressed by zlib")
    except (zlib.error, ValueError, IndexError) as error:
        raise _damaged(path, place) from error
    raise _damaged(path, place)


def _check_header(block: bytes | memoryview) -> None:
    for number, value in _fields(block):
        if number == 4 and (feature := bytes(value).decode("utf-8", errors="replace")) not in HANDLED_FEATURES:
            raise UnusualPbf(f"the file requires {feature}")


def _decoded(stream: BinaryIO, path: Path, units: LongInts, pool: ThreadPoolExecutor, *, ahead: int) -> Iterator[_Part]:
    """Decode the blocks on threads, a few ahead, and yield them in the order of the file."""
    waiting: deque[Future[_Part]] = deque()
    try:
        for kind, place, blob in _blobs(stream, path):
            if kind == "OSMHeader":
                _check_header(_inflated(blob, path, place))
            elif kind == "OSMData":
                waiting.append(pool.submit(_decode_block, blob, path, place, units))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _decode_block(blob: bytes, path: Path, place: int, units: LongInts) -> _Part:
    from carto_sante.network import _pbf_kernels as kernels

    buffer = np.frombuffer(_inflated(blob, path, place), dtype=np.uint8)
    try:
        spans, objects, scale = kernels.scan_block(buffer)
        return _decode_objects(buffer, _strings(buffer, spans), objects, scale, units)
    except ValueError as error:
        raise _damaged(path, place) from error


def _decode_objects(buffer: Any, strings: list[bytes], objects: Any, scale: Any, units: LongInts) -> _Part:
    from carto_sante.network import _pbf_kernels as kernels

    part = _Part()
    kinds = set(objects[:, 0].tolist())
    if kernels.NODE in kinds:
        raise UnusualPbf("nodes are not dense")
    if kernels.DENSE in kinds:
        codes = _codes(strings, NODE_KEYS)
        groups = [
            kernels.decode_dense(buffer, start, end, scale, codes, len(NODE_KEYS), units)
            for kind, start, end in objects.tolist()
            if kind == kernels.DENSE
        ]
        ids, lon, lat, tagged, tags = groups[0] if len(groups) == 1 else map(np.concatenate, zip(*groups, strict=True))
        part.nodes = (ids, lon, lat)
        if len(tagged):
            part.tagged = (*_local_values(tags, strings), tagged)
    if kernels.WAY in kinds:
        ids, tags, counts, refs = kernels.decode_ways(
            buffer, objects, _codes(strings, WAY_KEYS), len(WAY_KEYS), _place(strings, b"ferry")
        )
        part.ways = (*_local_values(tags, strings), ids, counts, refs)
    if kernels.RELATION in kinds:
        roles = np.array([ROLES.get(text.decode("utf-8", errors="replace"), 0) for text in strings], dtype=np.int32)
        ids, tags, counts, members = kernels.decode_relations(
            buffer, objects, _codes(strings, RELATION_KEYS), len(RELATION_KEYS), _place(strings, b"restriction"), roles
        )
        part.relations = (*_local_values(tags, strings), ids, counts, members)
    return part


def _strings(buffer: Any, spans: Any) -> list[bytes]:
    raw = buffer.tobytes() if len(spans) == 0 else buffer[: int(spans[-1, 1])].tobytes()
    return [raw[start:end] for start, end in spans.tolist()]


def _codes(strings: list[bytes], keys: tuple[str, ...]) -> Ints:
    known = {key.encode(): code for code, key in enumerate(keys)}
    return np.array([known.get(text, -1) for text in strings], dtype=np.int32)


def _place(strings: list[bytes], wanted: bytes) -> int:
    try:
        return strings.index(wanted)
    except ValueError:
        return -1


def _local_values(tags: Ints, strings: list[bytes]) -> tuple[Ints, list[str]]:
    used, inverse = np.unique(tags, return_inverse=True)
    texts = [strings[code].decode("utf-8", errors="replace") if code else "" for code in used.tolist()]
    return inverse.reshape(tags.shape).astype(np.int32), texts


def _globalise(part: tuple[Any, ...], values: dict[str, int]) -> tuple[Any, ...]:
    """Replace codes local to a block by codes of the whole file."""
    tags, texts, *rest = part
    codes = np.array([values.setdefault(text, len(values)) for text in texts], dtype=np.int32)
    return (codes[tags] if len(codes) else tags, *rest)


def _sorted_ids(nodes: list[tuple[Any, ...]]) -> LongInts:
    ids = np.concatenate([part[0] for part in nodes]) if nodes else np.empty(0, dtype=np.int64)
    return ids if len(ids) < 2 or bool(np.all(ids[1:] > ids[:-1])) else np.sort(ids)


def _is_in(ids: LongInts, sorted_ids: LongInts) -> npt.NDArray[np.bool_]:
    if not len(sorted_ids):
        return np.zeros(len(ids), dtype=bool)
    places = np.minimum(np.searchsorted(sorted_ids, ids), len(sorted_ids) - 1)
    return np.asarray(sorted_ids[places] == ids)


def _ways_touching(ways: tuple[Any, ...], node_ids: LongInts) -> tuple[Any, ...]:
    tags, texts, ids, counts, refs = ways
    inside = np.concatenate([[0], np.cumsum(_is_in(refs, node_ids))])
    ends = np.concatenate([[0], np.cumsum(counts)])
    keep = inside[ends[1:]] > inside[ends[:-1]]
    return tags[keep], texts, ids[keep], counts[keep], refs[np.repeat(keep, counts)]


def _joined(parts: list[tuple[Any, ...]], place: int, empty: Any) -> Any:
    return np.concatenate([part[place] for part in parts]) if parts else empty


def _assembled(found: _Collected, *, is_clipped: bool) -> OsmExtract:
    empty, long = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)
    refs = _joined(found.ways, 3, long)
    node_id, lon, lat = (_joined(found.nodes, i, kind) for i, kind in enumerate((long, empty, empty)))
    found.nodes.clear()
    if len(node_id) > 1 and not bool(np.all(node_id[1:] > node_id[:-1])):
        node_id, first = np.unique(node_id, return_index=True)
        lon, lat = lon[first], lat[first]
    if len(node_id):
        used = np.zeros(len(node_id), dtype=bool)
        places = np.minimum(np.searchsorted(node_id, refs), len(node_id) - 1)
        used[places[node_id[places] == refs]] = True
        node_id, lon, lat = node_id[used], lon[used], lat[used]
    way_id, way_tags, way_counts = (
        _joined(found.ways, 1, long),
        _joined(found.ways, 0, empty.reshape(0, len(WAY_KEYS))),
        _joined(found.ways, 2, long),
    )
    found.ways.clear()  # a regional extract holds gigabytes
    tagged_tags = _joined(found.tagged, 0, empty.reshape(0, len(NODE_KEYS)))
    tagged_id, first = np.unique(_joined(found.tagged, 1, long), return_index=True)
    wanted = _is_in(tagged_id, node_id)
    members = _joined(found.relations, 3, long.reshape(0, 3))
    return OsmExtract(
        values=list(found.values),
        way_id=way_id,
        way_tags=way_tags,
        way_ref_offset=np.concatenate([[0], np.cumsum(way_counts)]).astype(np.int64),
        way_refs=refs,
        node_id=node_id,
        node_lon=lon,
        node_lat=lat,
        tagged_node_id=tagged_id[wanted],
        tagged_node_tags=tagged_tags[first][wanted],
        relation_id=_joined(found.relations, 1, long),
        relation_tags=_joined(found.relations, 0, empty.reshape(0, len(RELATION_KEYS))),
        member_offset=np.concatenate([[0], np.cumsum(_joined(found.relations, 2, long))]).astype(np.int64),
        member_ref=members[:, 0],
        member_type=members[:, 1].astype(np.int32),
        member_role=members[:, 2].astype(np.int32),
        is_clipped=is_clipped,
        reader="pbf",
    )


def _not_pbf(path: Path) -> FileFormatError:
    return FileFormatError(
        f"{path} is not an OSM PBF file.",
        expected="a file whose first block is 'OSMHeader' (.osm.pbf), or OSM XML named .osm",
        next_step="Check what was downloaded: a web page saved under that name is a common cause.",
    )


def _cut(path: Path, place: int, size: int) -> FileFormatError:
    return FileFormatError(
        f"{path} is cut: the block that starts at byte {place} goes past the end of the file ({size} bytes).",
        expected="a whole OSM PBF file",
        next_step="Download it again and compare its size or checksum with the producer's.",
    )


def _damaged(path: Path, place: int) -> FileFormatError:
    return FileFormatError(
        f"{path} is damaged: the block at byte {place} cannot be decoded.",
        expected="a whole OSM PBF file",
        next_step="Download it again and compare its size or checksum with the producer's.",
    )
