"""Make a large OSM PBF file by repeating a small one, identifiers and places shifted.

Only the first number of each delta-coded list changes, so blocks are rewritten without decoding their elements.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_STEP_ID = 10**10
_STEP_DEGREES = 0.45
DENSE, WAY, RELATION = 2, 3, 4


def write_tiled(source: Path, target: Path, *, tiles: int) -> None:
    """Write ``tiles`` copies of a file whose blocks hold one kind of element each, nodes first."""
    header, blocks = _read(source)
    side = int(tiles**0.5 + 0.999)
    with target.open("wb") as stream:
        stream.write(_packed(b"OSMHeader", header))
        for kind in (DENSE, WAY, RELATION):
            for tile in range(tiles):
                east, south = int(tile % side * _STEP_DEGREES * 1e9), int(tile // side * _STEP_DEGREES * 1e9)
                for block in blocks:
                    if _kind(block) == kind:
                        shifted = _shifted(block, tile * _STEP_ID)
                        # 19, 20: offsets of latitude and longitude, in 1e-9 degree.
                        shifted += _key(19, 0) + _varint(-south) + _key(20, 0) + _varint(east)
                        stream.write(_packed(b"OSMData", shifted))


def _read(path: Path) -> tuple[bytes, list[bytes]]:
    content, at, header, blocks = path.read_bytes(), 0, b"", []
    while at < len(content):
        length = struct.unpack_from(">I", content, at)[0]
        head = {number: value for number, _, value in _fields(content[at + 4 : at + 4 + length])}
        at += 4 + length
        blob = {number: value for number, _, value in _fields(content[at : at + head[3]])}
        at += head[3]
        message = zlib.decompress(blob[3]) if 3 in blob else blob[1]
        if head[1] == b"OSMHeader":
            header = message
        else:
            blocks.append(message)
    return header, blocks


def _packed(kind: bytes, message: bytes) -> bytes:
    packed = zlib.compress(message, 6)
    blob = _key(2, 0) + _varint(len(message)) + _key(3, 2) + _varint(len(packed)) + packed
    head = _key(1, 2) + _varint(len(kind)) + kind + _key(3, 0) + _varint(len(blob))
    return struct.pack(">I", len(head)) + head + blob


def _kind(block: bytes) -> int:
    group = next(value for number, _, value in _fields(block) if number == 2)
    return next(number for number, _, _ in _fields(group))


def _shifted(block: bytes, base: int) -> bytes:
    parts = []
    for number, wire, value in _fields(block):
        if number == 2:
            value = b"".join(_field(kind, 2, _element(kind, item, base)) for kind, _, item in _fields(value))
        parts.append(_field(number, wire, value))
    return b"".join(parts)


def _element(kind: int, message: bytes, base: int) -> bytes:
    lists = {DENSE: (1,), WAY: (8,), RELATION: (9,)}[kind]
    parts = []
    for number, wire, value in _fields(message):
        if number == 1 and kind != DENSE:
            value += base
        elif number in lists:
            first, at = _read_varint(value, 0)
            plain = (first >> 1) ^ -(first & 1)
            value = _varint((plain + base) << 1) + value[at:]
        parts.append(_field(number, wire, value))
    return b"".join(parts)


def _fields(message: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        if key & 7 == 2:
            value, at = message[at : at + value], at + value
        yield key >> 3, key & 7, value


def _field(number: int, wire: int, value: int | bytes) -> bytes:
    content = _varint(value) if wire == 0 else _varint(len(value)) + value
    return _key(number, wire) + content


def _key(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
