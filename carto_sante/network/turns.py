"""Turn restrictions, applied by splitting junctions.

An edge that arrives at a junction where some turns are forbidden to it is led to a copy of the junction that
has only the exits left to it. Edges with the same exits share a copy. Searches need to know nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from carto_sante.network.extract import RELATION_KEYS, OsmExtract

if TYPE_CHECKING:
    from carto_sante.network.build import Edges, Segments

LongInts = npt.NDArray[np.int64]

#: Values of ``except`` that let cars through.
_EXCEPTIONS = {"motorcar", "motor_vehicle", "vehicle"}
_KEYS = ("restriction:motorcar", "restriction:motor_vehicle", "restriction:vehicle", "restriction")


def restriction_kind(tags: dict[str, str]) -> str:
    """Return "no", "only", "exempt" (does not bind cars) or "unknown" for the tags of a restriction.

    Examples
    --------
    >>> restriction_kind({"type": "restriction", "restriction": "no_left_turn"})
    'no'
    >>> restriction_kind({"type": "restriction", "restriction": "no_left_turn", "except": "psv;motorcar"})
    'exempt'
    """
    value = next((tags[key] for key in _KEYS if key in tags), "")
    if not value:
        return "exempt"  # binds other vehicles (restriction:hgv) or certain hours only
    exceptions = {part.strip() for part in tags.get("except", "").split(";")}
    if exceptions & _EXCEPTIONS:
        return "exempt"
    if value.startswith("no_"):
        return "no"
    return "only" if value.startswith("only_") else "unknown"


def apply_restrictions(
    extract: OsmExtract, segments: Segments, edges: Edges, way_ids: LongInts
) -> tuple[Edges, LongInts, dict[str, int]]:
    """Return the edges with junctions split, the nodes copied (in order), and counts for the notes."""
    counts = dict.fromkeys(
        ("restrictions_applied", "restrictions_exempt", "restrictions_via_way", "restrictions_without_effect"), 0
    )
    lookup = _Lookup(segments, edges, extract, way_ids)
    forbidden: dict[int, set[int]] = {}
    for number in range(len(extract.relation_id)):
        kind = restriction_kind(extract.tags_of(extract.relation_tags[number], RELATION_KEYS))
        span = slice(int(extract.member_offset[number]), int(extract.member_offset[number + 1]))
        counts[_apply_one(kind, _members(extract, span), lookup, forbidden)] += 1
    changed, copied = _split(edges, forbidden, lookup, node_count=len(segments.node_vertex))
    return changed, copied, counts


class _Lookup:
    """Edges arriving at and leaving the via nodes, with the OSM way they run on at that end."""

    def __init__(self, segments: Segments, edges: Edges, extract: OsmExtract, way_ids: LongInts) -> None:
        vias = extract.member_ref[(extract.member_role == 2) & (extract.member_type == 0)]
        node_ids = extract.node_id[segments.node_vertex]
        nodes = np.flatnonzero(np.isin(node_ids, vias))
        is_via = np.zeros(len(node_ids), dtype=bool)
        is_via[nodes] = True
        self.arrivals: dict[int, list[tuple[int, int]]] = {}
        self.exits: dict[int, list[tuple[int, int]]] = {}
        self.nodes: dict[int, list[int]] = {}
        for node, osm_id in zip(nodes.tolist(), node_ids[nodes].tolist(), strict=True):
            self.nodes.setdefault(osm_id, []).append(node)
        first, last = way_ids[segments.first_way], way_ids[segments.last_way]
        way_at_target = np.where(edges.is_forward, last[edges.segment], first[edges.segment])
        way_at_source = np.where(edges.is_forward, first[edges.segment], last[edges.segment])
        for table, ends, ways in (
            (self.arrivals, edges.target, way_at_target),
            (self.exits, edges.source, way_at_source),
        ):
            found = np.flatnonzero(is_via[ends])
            for edge, node, way in zip(found.tolist(), ends[found].tolist(), ways[found].tolist(), strict=True):
                table.setdefault(node, []).append((edge, way))


def _members(extract: OsmExtract, span: slice) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {1: [], 2: [], 3: []}
    for ref, kind, role in zip(
        extract.member_ref[span].tolist(),
        extract.member_type[span].tolist(),
        extract.member_role[span].tolist(),
        strict=True,
    ):
        if role in found:
            found[role].append((kind, ref))
    return found


def _apply_one(
    kind: str, members: dict[int, list[tuple[int, int]]], lookup: _Lookup, forbidden: dict[int, set[int]]
) -> str:
    if kind == "exempt":
        return "restrictions_exempt"
    if any(member_kind == 1 for member_kind, _ in members[2]):
        return "restrictions_via_way"
    from_ways = {ref for member_kind, ref in members[1] if member_kind == 1}
    to_ways = {ref for member_kind, ref in members[3] if member_kind == 1}
    has_effect = False
    for _, via in members[2]:
        for node in lookup.nodes.get(via, ()):
            exits = lookup.exits.get(node, [])
            named = {edge for edge, way in exits if way in to_ways}
            if not named or kind == "unknown":
                continue
            banned = named if kind == "no" else {edge for edge, _ in exits} - named
            for edge, way in lookup.arrivals.get(node, ()):
                if way in from_ways and banned:
                    forbidden.setdefault(edge, set()).update(banned)
                    has_effect = True
    return "restrictions_applied" if has_effect else "restrictions_without_effect"


def _split(edges: Edges, forbidden: dict[int, set[int]], lookup: _Lookup, *, node_count: int) -> tuple[Edges, LongInts]:
    from carto_sante.network.build import Edges as EdgeTable

    target = edges.target.copy()
    copies: dict[tuple[int, frozenset[int]], int] = {}
    copied: list[int] = []
    for edge in sorted(forbidden):
        node = int(edges.target[edge])
        key = (node, frozenset(forbidden[edge]))
        if key not in copies:
            copies[key] = node_count + len(copied)
            copied.append(node)
        target[edge] = copies[key]
    extra_edge, extra_source = [], []
    for (node, banned), copy in copies.items():
        for edge, _ in lookup.exits.get(node, ()):
            if edge not in banned:
                extra_edge.append(edge)
                extra_source.append(copy)
    extra = np.array(extra_edge, dtype=np.int64)
    return (
        EdgeTable(
            source=np.concatenate([edges.source, np.array(extra_source, dtype=np.int32)]),
            target=np.concatenate([target, target[extra]]),
            segment=np.concatenate([edges.segment, edges.segment[extra]]),
            is_forward=np.concatenate([edges.is_forward, edges.is_forward[extra]]),
            running_s=np.concatenate([edges.running_s, edges.running_s[extra]]),
            delay_s=np.concatenate([edges.delay_s, edges.delay_s[extra]]),
        ),
        np.array(copied, dtype=np.int64),
    )
