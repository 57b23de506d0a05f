"""From the roads of an OSM file to the arrays of a `RoadNetwork`, for one mode.

Vertices that only draw the street are not nodes: chains of links of equal speed between two junctions become
one segment, whose time is exact part-way. Barriers and absent nodes interrupt a street.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carto_sante.errors import NoResultError
from carto_sante.network.built_up import built_up_ways
from carto_sante.network.extract import NODE_KEYS, UNITS_PER_DEGREE, WAY_KEYS, OsmExtract, distinct_rows
from carto_sante.network.model import RoadNetwork
from carto_sante.network.speeds import SpeedTable
from carto_sante.network.tags import WayRule, node_rule, way_rule

if TYPE_CHECKING:
    from pyproj import CRS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
LongInts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass
class Ways:
    """What the ways of an extract are for one mode; one value per way."""

    forward_kmh: Floats
    backward_kmh: Floats
    outside_forward_kmh: Floats
    outside_backward_kmh: Floats
    rank: Ints
    is_ferry: Flags
    duration_s: Floats
    is_used: Flags
    set_aside: dict[str, int]


@dataclass
class Segments:
    """Segments between nodes, before they become edges.

    Nodes are numbered ``0..n-1``; ``vertex`` are places in the coordinates of the extract.
    """

    node_vertex: Ints
    start: Ints
    end: Ints
    vertex_offset: LongInts
    vertex: Ints
    length_m: Floats
    forward_kmh: Floats
    backward_kmh: Floats
    first_way: Ints
    last_way: Ints
    forward_delay_s: Floats
    backward_delay_s: Floats


def build_network(
    extract: OsmExtract,
    table: SpeedTable,
    *,
    crs: CRS,
    inside: Flags | None = None,
    keep: Flags | None = None,
    source: str = "the file",
) -> RoadNetwork:
    """Return the network of one mode.

    Parameters
    ----------
    extract : OsmExtract
        Roads of a file.
    table : SpeedTable
        Speeds and delays of the mode.
    crs : CRS
        Projected, in metres.
    inside : bool array, optional
        By node of the extract, whether it is kept (study area).
    keep : bool array, optional
        By node of the extract, whether it stays a node even where the street only goes on.
    source : str
        How errors name the file.

    Raises
    ------
    NoResultError
        If no way can be used by the mode.
    """
    from carto_sante.network.turns import apply_restrictions

    ways = rule_ways(extract, table)
    if not ways.is_used.any():
        raise no_ways(source, table.mode, ways.set_aside, total=len(extract.way_id))
    refs, absent = _node_places(extract)
    if inside is not None:
        refs = np.where((refs >= 0) & inside[np.maximum(refs, 0)], refs, -1)
    closed, delay_on, delay_back = _node_rules(extract, table)
    forced = np.isin(extract.node_id, _restriction_vias(extract, table.mode), assume_unique=True)
    if keep is not None:
        forced |= keep
    segments, built_up_share = _segments(extract, ways, refs, closed, delay_on, delay_back, forced)
    if not len(segments.start):
        raise no_ways(source, table.mode, ways.set_aside, total=len(extract.way_id))
    edges = _edges(segments, ways, table, np.maximum(delay_on, delay_back))
    notes = _notes(extract, ways, table, refs, closed, absent, is_clipped=inside is not None or extract.is_clipped)
    node_vertex = segments.node_vertex
    if table.mode == "drive":
        notes["built_up_length_share"] = round(built_up_share, 4)
        edges, copied, counts = apply_restrictions(extract, segments, edges, extract.way_id)
        node_vertex = np.concatenate([node_vertex, node_vertex[copied]]).astype(np.int32)
        notes |= counts | {"nodes_copied_for_turns": len(copied)}
    return _assembled(extract, segments, edges, node_vertex, table.mode, crs, notes)


def rule_ways(extract: OsmExtract, table: SpeedTable) -> Ways:
    """Evaluate the rules of a mode once per distinct set of tags."""
    rows, inverse = distinct_rows(extract.way_tags)
    rules = [way_rule(extract.tags_of(row, WAY_KEYS), table) for row in rows] or [
        WayRule(0, 0, 0, 0, 99, False, 0, "none")
    ]
    kmh = np.array([rule[:4] for rule in rules], dtype=np.float64)[inverse]
    counts = np.bincount(inverse, minlength=len(rules))
    set_aside: dict[str, int] = {}
    for rule, count in zip(rules, counts.tolist(), strict=True):
        if rule.set_aside and count:
            set_aside[rule.set_aside] = set_aside.get(rule.set_aside, 0) + count
    return Ways(
        forward_kmh=kmh[:, 0],
        backward_kmh=kmh[:, 1],
        outside_forward_kmh=kmh[:, 2],
        outside_backward_kmh=kmh[:, 3],
        rank=np.array([rule.rank for rule in rules], dtype=np.int32)[inverse],
        is_ferry=np.array([rule.is_ferry for rule in rules])[inverse],
        duration_s=np.array([rule.duration_s for rule in rules])[inverse],
        is_used=np.asarray((kmh > 0).any(axis=1)),
        set_aside=set_aside,
    )


def no_ways(source: str, mode: str, set_aside: dict[str, int], *, total: int) -> NoResultError:
    """Return the error for a file that holds nothing usable by a mode, saying what it holds."""
    met = ", ".join(f"{count} {reason}" for reason, count in sorted(set_aside.items()))
    found = f"{total} ways with a highway or ferry tag" + (f" ({met})" if met else "")
    return NoResultError(
        f"{source} holds no way that can be used by mode {mode!r}: {found}.",
        expected=f"at least one street open to {mode!r}",
        next_step="Check the extract (its area, that it has highway tags) and the mode.",
    )


def _node_places(extract: OsmExtract) -> tuple[Ints, Flags]:
    """Return the place of each reference among the nodes (-1 if absent) and which are absent."""
    if not len(extract.node_id):
        return np.full(len(extract.way_refs), -1, dtype=np.int32), np.ones(len(extract.way_refs), dtype=bool)
    places = np.minimum(np.searchsorted(extract.node_id, extract.way_refs), len(extract.node_id) - 1)
    absent = extract.node_id[places] != extract.way_refs
    return np.where(absent, -1, places).astype(np.int32), absent


def _node_rules(extract: OsmExtract, table: SpeedTable) -> tuple[Flags, Floats, Floats]:
    """Return which nodes are closed, and the seconds lost there in the order of the way and against it."""
    found = np.zeros((3, len(extract.node_id)))
    rows, inverse = distinct_rows(extract.tagged_node_tags)
    if len(inverse):
        rules = np.array([node_rule(extract.tags_of(row, NODE_KEYS), table) for row in rows], dtype=np.float64)
        found[:, np.searchsorted(extract.node_id, extract.tagged_node_id)] = rules[inverse].T
    return found[0] > 0, found[1], found[2]


def _restriction_vias(extract: OsmExtract, mode: str) -> LongInts:
    if mode != "drive":
        return np.empty(0, dtype=np.int64)
    return np.unique(extract.member_ref[(extract.member_role == 2) & (extract.member_type == 0)])


def _segments(
    extract: OsmExtract, ways: Ways, refs: Ints, closed: Flags, delay_on: Floats, delay_back: Floats, forced: Flags
) -> tuple[Segments, float]:
    from carto_sante.network import _build_kernels as kernels

    count = len(extract.node_id)
    start, end, link_way, copies = kernels.link_vertices(extract.way_ref_offset, refs, ways.is_used, closed, count)
    place = np.concatenate([np.arange(count, dtype=np.int32), copies])
    lengths, x, y = kernels.link_geometry(extract.node_lon, extract.node_lat, place[start], place[end])
    built_up = _built_up(ways, x, y, link_way, lengths)
    del x, y
    forward, backward = _way_speeds(ways, built_up, link_way, lengths)
    offset, links = kernels.vertex_links(start, end, len(place))
    passable = kernels.passable_vertices(end, link_way, forward, backward, offset, links, forced[place])
    chain_offset, chain, is_with = kernels.chain_links(start, end, offset, links, passable)
    vertex_offset, vertex, length, forward_delay, backward_delay = kernels.chain_vertices(
        chain_offset, chain, is_with, start, end, lengths, delay_on[place], delay_back[place]
    )
    first, last = link_way[chain[chain_offset[:-1]]], link_way[chain[chain_offset[1:] - 1]]
    is_along = is_with[chain_offset[:-1]]
    head, tail = vertex[vertex_offset[:-1]], vertex[vertex_offset[1:] - 1]
    nodes, numbers = np.unique(np.concatenate([head, tail]), return_inverse=True)
    segments = Segments(
        node_vertex=place[nodes].astype(np.int32),
        start=numbers[: len(head)].astype(np.int32),
        end=numbers[len(head) :].astype(np.int32),
        vertex_offset=vertex_offset,
        vertex=place[vertex].astype(np.int32),
        length_m=length,
        forward_kmh=np.where(is_along, forward[first], backward[first]),
        backward_kmh=np.where(is_along, backward[first], forward[first]),
        first_way=first,
        last_way=last,
        forward_delay_s=forward_delay,
        backward_delay_s=backward_delay,
    )
    return segments, float(np.average(built_up[link_way], weights=lengths)) if lengths.any() else 0.0


def _built_up(ways: Ways, x: Floats, y: Floats, link_way: Ints, lengths: Floats) -> Flags:
    """Return which ways are in a built-up area; only asked where the speeds differ."""
    differs = (ways.forward_kmh != ways.outside_forward_kmh) | (ways.backward_kmh != ways.outside_backward_kmh)
    if not differs.any():
        return np.zeros(len(ways.is_used), dtype=bool)
    return built_up_ways(x, y, lengths, link_way, way_count=len(ways.is_used))


def _way_speeds(ways: Ways, built_up: Flags, link_way: Ints, lengths: Floats) -> tuple[Floats, Floats]:
    """Return speeds by way, those of ferries taken from their crossing time where it is given."""
    forward = np.where(built_up, ways.forward_kmh, ways.outside_forward_kmh)
    backward = np.where(built_up, ways.backward_kmh, ways.outside_backward_kmh)
    timed = ways.is_used & ways.is_ferry & (ways.duration_s > 0)
    if not timed.any():
        return forward, backward
    total = np.bincount(link_way, weights=lengths, minlength=len(ways.is_used))
    kmh = np.where(timed & (total > 0), 3.6 * total / np.maximum(ways.duration_s, 1), 0)
    forward = np.where((kmh > 0) & (forward > 0), kmh, forward)
    return forward, np.where((kmh > 0) & (backward > 0), kmh, backward)


@dataclass
class Edges:
    """Directed edges between nodes, in no order."""

    source: Ints
    target: Ints
    segment: Ints
    is_forward: Flags
    running_s: Floats
    delay_s: Floats


def _edges(segments: Segments, ways: Ways, table: SpeedTable, node_delay: Floats) -> Edges:
    """Make one or two edges of each segment, with the delays met along it and on arriving."""
    from carto_sante.network import _build_kernels as kernels

    on, back = np.flatnonzero(segments.forward_kmh > 0), np.flatnonzero(segments.backward_kmh > 0)
    segment = np.concatenate([on, back]).astype(np.int32)
    is_forward = np.arange(len(segment)) < len(on)
    target = np.where(is_forward, segments.end[segment], segments.start[segment]).astype(np.int32)
    source = np.where(is_forward, segments.start[segment], segments.end[segment]).astype(np.int32)
    kmh = np.where(is_forward, segments.forward_kmh[segment], segments.backward_kmh[segment])
    rank_start, rank_end = ways.rank[segments.first_way], ways.rank[segments.last_way]
    kinds = kernels.junction_kinds(
        target,
        np.where(is_forward, rank_end[segment], rank_start[segment]).astype(np.int32),
        segments.start,
        segments.end,
        rank_start,
        rank_end,
    )
    by_kind = np.array([0.0] + [table.delays_s[f"junction_{kind}"] for kind in ("through", "equal", "yield")])
    inside = np.where(is_forward, segments.forward_delay_s[segment], segments.backward_delay_s[segment])
    at_node = node_delay[segments.node_vertex[target]]
    # A signal replaces the junction's own delay: who waits at a red light does not also give way.
    delay = np.where(at_node > 0, at_node, by_kind[kinds]) + inside
    is_ferry = ways.is_ferry[segments.first_way[segment]]
    running = 3.6 * segments.length_m[segment] / kmh
    delay += np.where(is_ferry, table.delays_s["boarding"], 0.0)
    return Edges(source, target, segment, is_forward, running, delay)


def _notes(
    extract: OsmExtract,
    ways: Ways,
    table: SpeedTable,
    refs: Ints,
    closed: Flags,
    absent: Flags,
    *,
    is_clipped: bool,
) -> dict[str, Any]:
    used = np.repeat(ways.is_used, np.diff(extract.way_ref_offset))
    name = "references_outside_or_absent" if is_clipped else "references_absent"
    return {
        "reader": extract.reader,
        "ways_read": len(extract.way_id),
        "ways_used": int(ways.is_used.sum()),
        "ways_set_aside": dict(sorted(ways.set_aside.items())),
        name: int(np.count_nonzero((refs < 0) & used)) if is_clipped else int(np.count_nonzero(absent & used)),
        "barriers_closed": int(np.unique(refs[used & (refs >= 0) & closed[np.maximum(refs, 0)]]).size),
        "speed_table": table.name,
        "speed_table_date": table.date,
        "slope_function": table.slope,
        "delays_s": dict(table.delays_s),
    }


def _assembled(
    extract: OsmExtract, segments: Segments, edges: Edges, node_vertex: Ints, mode: str, crs: CRS, notes: dict[str, Any]
) -> RoadNetwork:
    from pyproj import Transformer

    used = np.zeros(len(extract.node_id), dtype=bool)
    used[segments.vertex] = True
    x, y = np.empty(len(used)), np.empty(len(used))
    transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x[used], y[used] = transformer.transform(
        extract.node_lon[used] / UNITS_PER_DEGREE, extract.node_lat[used] / UNITS_PER_DEGREE
    )
    return pack(
        mode=mode,
        crs=crs,
        node_x_m=x[node_vertex],
        node_y_m=y[node_vertex],
        node_osm_id=extract.node_id[node_vertex],
        edges=edges,
        segment_offset=segments.vertex_offset,
        vertex_x_m=x[segments.vertex],
        vertex_y_m=y[segments.vertex],
        segment_length_m=segments.length_m,
        segment_osm_id=extract.way_id[segments.first_way],
        notes=notes,
    )


def pack(*, edges: Edges, notes: dict[str, Any], **arrays: Any) -> RoadNetwork:
    """Sort edges by source, find strongly connected components and return the network."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = len(arrays["node_x_m"])
    order = np.lexsort((edges.segment, edges.target, edges.source))
    source, target = edges.source[order], edges.target[order]
    offset = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=count))]).astype(np.int32)
    graph = coo_matrix((np.ones(len(source), dtype=np.int8), (source, target)), shape=(count, count)).tocsr()
    _, labels = connected_components(graph, directed=True, connection="strong")
    sizes = np.bincount(labels)
    # The largest first; the first met first among equals, so that the numbers do not depend on the library.
    met = np.full(len(sizes), count, dtype=np.int64)
    np.minimum.at(met, labels, np.arange(count))
    ranks = np.empty(len(sizes), dtype=np.int32)
    ranks[np.lexsort((met, -sizes))] = np.arange(len(sizes), dtype=np.int32)
    return RoadNetwork(
        **arrays,
        node_component=ranks[labels],
        edge_offset=offset,
        edge_source=source,
        edge_target=target,
        edge_running_s=edges.running_s[order],
        edge_delay_s=edges.delay_s[order],
        edge_segment=edges.segment[order],
        edge_is_forward=edges.is_forward[order],
        notes=notes,
    )
