"""Compiled decoding of the blocks of a PBF file (https://wiki.openstreetmap.org/wiki/PBF_Format).

A block is a Protocol Buffers message: (field number, wire type) keys, integers written seven bits at a time.
Every read is checked against the end of its message, so a damaged block raises `ValueError` and never reads
outside it.
"""

# numba has no types: its decorator hides those of the kernels.
# mypy: disable-error-code="untyped-decorator, no-any-return"

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

_jit = nb.njit(cache=True, nogil=True)

NODE, DENSE, WAY, RELATION = 1, 2, 3, 4


@_jit
def _varint(buffer: Any, at: int, end: int) -> Any:
    value = np.uint64(0)
    shift = np.uint64(0)
    while True:
        if at >= end or shift > np.uint64(63):
            raise ValueError("damaged block")
        byte = buffer[at]
        at += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 128:
            return np.int64(value), at
        shift += np.uint64(7)


@_jit
def _zigzag(value: int) -> Any:
    unsigned = np.uint64(value)
    return np.int64(unsigned >> np.uint64(1)) ^ -np.int64(unsigned & np.uint64(1))


@_jit
def _field(buffer: Any, at: int, end: int) -> Any:
    """Return (field number, wire type, value or length, start of the content, start of the next field)."""
    key, at = _varint(buffer, at, end)
    number, wire = key >> 3, key & 7
    if wire == 0:
        value, after = _varint(buffer, at, end)
        return number, wire, value, at, after
    if wire == 2:
        length, at = _varint(buffer, at, end)
        if length < 0 or at + length > end:
            raise ValueError("damaged block")
        return number, wire, length, at, at + length
    size = 8 if wire == 1 else 4
    if (wire != 1 and wire != 5) or at + size > end:
        raise ValueError("damaged block")
    return number, wire, size, at, at + size


@_jit
def _count_field(buffer: Any, start: int, end: int, wanted: int) -> int:
    count = 0
    at = start
    while at < end:
        number, _, _, _, at = _field(buffer, at, end)
        if number == wanted:
            count += 1
    return count


@_jit
def _count_varints(buffer: Any, start: int, end: int) -> int:
    count = 0
    for at in range(start, end):
        if buffer[at] < 128:
            count += 1
    return count


@_jit
def scan_block(buffer: Any) -> Any:
    """Return where the strings and the objects of a block are, its scale and its offsets.

    Strings: array (n, 2) of start and end. Objects: array (m, 3) of kind, start and end; kind is `NODE`,
    `DENSE` (one for all the dense nodes of a group), `WAY` or `RELATION`.
    """
    total = len(buffer)
    scale = np.array([100, 0, 0], dtype=np.int64)  # granularity, latitude offset, longitude offset
    string_count = object_count = 0
    at = 0
    while at < total:
        number, wire, value, start, at = _field(buffer, at, total)
        if number == 1 and wire == 2:
            string_count += _count_field(buffer, start, at, 1)
        elif number == 2 and wire == 2:
            inner = start
            while inner < at:
                _, _, _, _, inner = _field(buffer, inner, at)
                object_count += 1
        elif number == 17:
            scale[0] = value
        elif number == 19:
            scale[1] = value
        elif number == 20:
            scale[2] = value
    strings = np.empty((string_count, 2), dtype=np.int64)
    objects = np.empty((object_count, 3), dtype=np.int64)
    string_count = object_count = 0
    at = 0
    while at < total:
        number, wire, value, start, at = _field(buffer, at, total)
        if wire != 2 or (number != 1 and number != 2):
            continue
        inner = start
        while inner < at:
            kind, inner_wire, _, content, inner = _field(buffer, inner, at)
            if number == 1 and kind == 1:
                strings[string_count, 0], strings[string_count, 1] = content, inner
                string_count += 1
            elif number == 2 and inner_wire == 2 and kind <= RELATION:
                objects[object_count, 0], objects[object_count, 1], objects[object_count, 2] = kind, content, inner
                object_count += 1
    return strings, objects[:object_count], scale


@_jit
def _to_units(value: int, granularity: int, offset: int) -> Any:
    return np.int32((value * granularity + offset) // 100)


@_jit
def decode_dense(buffer: Any, start: int, end: int, scale: Any, key_codes: Any, width: int, box: Any) -> Any:
    """Return ids, longitudes, latitudes, tagged rows (index of the node, tags) of a group of dense nodes.

    ``box`` is west, south, east, north in 1e-7 degree; nodes outside are left out.
    """
    spans = np.zeros((4, 2), dtype=np.int64)  # ids, latitudes, longitudes, tags
    at = start
    while at < end:
        number, wire, _, content, at = _field(buffer, at, end)
        place = 0 if number == 1 else 1 if number == 8 else 2 if number == 9 else 3 if number == 10 else -1
        if place >= 0:
            if wire != 2:
                raise ValueError("damaged block")
            spans[place, 0], spans[place, 1] = content, at
    count = _count_varints(buffer, spans[0, 0], spans[0, 1])
    ids = np.empty(count, dtype=np.int64)
    lon = np.empty(count, dtype=np.int32)
    lat = np.empty(count, dtype=np.int32)
    tagged = np.empty(count if spans[3, 1] > spans[3, 0] else 0, dtype=np.int64)
    tags = np.zeros((len(tagged), width), dtype=np.int32)
    kept = tagged_count = 0
    at_id, at_lat, at_lon, at_tag = spans[0, 0], spans[1, 0], spans[2, 0], spans[3, 0]
    node = x = y = np.int64(0)
    for _ in range(count):
        step, at_id = _varint(buffer, at_id, spans[0, 1])
        node += _zigzag(step)
        step, at_lat = _varint(buffer, at_lat, spans[1, 1])
        y += _zigzag(step)
        step, at_lon = _varint(buffer, at_lon, spans[2, 1])
        x += _zigzag(step)
        unit_x, unit_y = _to_units(x, scale[0], scale[2]), _to_units(y, scale[0], scale[1])
        is_inside = box[0] <= unit_x <= box[2] and box[1] <= unit_y <= box[3]
        has_tag = False
        while at_tag < spans[3, 1]:
            key, at_tag = _varint(buffer, at_tag, spans[3, 1])
            if key == 0:
                break
            value, at_tag = _varint(buffer, at_tag, spans[3, 1])
            code = key_codes[key] if key < len(key_codes) else -1
            if is_inside and code >= 0:
                tags[tagged_count, code] = value
                has_tag = has_tag or code <= 1  # highway or barrier
        if not is_inside:
            continue
        ids[kept], lon[kept], lat[kept] = node, unit_x, unit_y
        if has_tag:
            tagged[tagged_count] = node
            tagged_count += 1
        elif tagged_count < len(tagged):
            tags[tagged_count, :] = 0
        kept += 1
    return ids[:kept], lon[:kept], lat[:kept], tagged[:tagged_count], tags[:tagged_count]


@_jit
def _read_tags(buffer: Any, keys: Any, values: Any, key_codes: Any, row: Any) -> None:
    row[:] = 0
    at_key, at_value = keys[0], values[0]
    while at_key < keys[1]:
        key, at_key = _varint(buffer, at_key, keys[1])
        value, at_value = _varint(buffer, at_value, values[1])
        code = key_codes[key] if key < len(key_codes) else -1
        if code >= 0:
            row[code] = value


@_jit
def decode_ways(buffer: Any, objects: Any, key_codes: Any, width: int, ferry: int) -> Any:
    """Return ids, tags, number of references and references of the ways that are roads or ferries.

    ``ferry`` is the place of the string "ferry" in the block, -1 if absent.
    """
    ids = np.empty(len(objects), dtype=np.int64)
    tags = np.zeros((len(objects), width), dtype=np.int32)
    spans = np.empty((len(objects), 2), dtype=np.int64)
    counts = np.empty(len(objects), dtype=np.int64)
    keys, values = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    kept = total = 0
    for i in range(len(objects)):
        if objects[i, 0] != WAY:
            continue
        keys[:] = 0
        values[:] = 0
        refs_start = refs_end = identifier = np.int64(0)
        at, end = objects[i, 1], objects[i, 2]
        while at < end:
            number, _, value, content, at = _field(buffer, at, end)
            if number == 1:
                identifier = value
            elif number == 2:
                keys[0], keys[1] = content, at
            elif number == 3:
                values[0], values[1] = content, at
            elif number == 8:
                refs_start, refs_end = content, at
        _read_tags(buffer, keys, values, key_codes, tags[kept])
        if tags[kept, 0] > 0 or (ferry > 0 and tags[kept, 1] == ferry):
            ids[kept] = identifier
            spans[kept, 0], spans[kept, 1] = refs_start, refs_end
            counts[kept] = _count_varints(buffer, refs_start, refs_end)
            total += counts[kept]
            kept += 1
    refs = np.empty(total, dtype=np.int64)
    total = 0
    for i in range(kept):
        at, end = spans[i, 0], spans[i, 1]
        node = np.int64(0)
        while at < end:
            step, at = _varint(buffer, at, end)
            node += _zigzag(step)
            refs[total] = node
            total += 1
    return ids[:kept], tags[:kept], counts[:kept], refs


@_jit
def decode_relations(buffer: Any, objects: Any, key_codes: Any, width: int, restriction: int, roles: Any) -> Any:
    """Return ids, tags, number of members, and members (reference, type, role) of the turn restrictions.

    ``restriction`` is the place of the string "restriction" in the block; ``roles`` gives a code by string.
    """
    ids = np.empty(len(objects), dtype=np.int64)
    tags = np.zeros((len(objects), width), dtype=np.int32)
    spans = np.zeros((len(objects), 6), dtype=np.int64)  # roles, references, types
    counts = np.empty(len(objects), dtype=np.int64)
    keys, values = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    kept = total = 0
    for i in range(len(objects)):
        if objects[i, 0] != RELATION:
            continue
        keys[:] = 0
        values[:] = 0
        spans[kept, :] = 0
        at, end = objects[i, 1], objects[i, 2]
        while at < end:
            number, _, value, content, at = _field(buffer, at, end)
            if number == 1:
                ids[kept] = value
            elif number == 2:
                keys[0], keys[1] = content, at
            elif number == 3:
                values[0], values[1] = content, at
            elif 8 <= number <= 10:
                spans[kept, 2 * (number - 8)], spans[kept, 2 * (number - 8) + 1] = content, at
        _read_tags(buffer, keys, values, key_codes, tags[kept])
        if restriction > 0 and tags[kept, 0] == restriction:
            counts[kept] = _count_varints(buffer, spans[kept, 2], spans[kept, 3])
            total += counts[kept]
            kept += 1
    members = np.empty((total, 3), dtype=np.int64)
    total = 0
    for i in range(kept):
        at_role, at_ref, at_type = spans[i, 0], spans[i, 2], spans[i, 4]
        ref = np.int64(0)
        for _ in range(counts[i]):
            role, at_role = _varint(buffer, at_role, spans[i, 1])
            step, at_ref = _varint(buffer, at_ref, spans[i, 3])
            kind, at_type = _varint(buffer, at_type, spans[i, 5])
            ref += _zigzag(step)
            members[total, 0], members[total, 1] = ref, kind
            members[total, 2] = roles[role] if 0 <= role < len(roles) else 0
            total += 1
    return ids[:kept], tags[:kept], counts[:kept], members
