"""Compiled parts of building a network: links between vertices, and chains of links between junctions."""

# numba has no types: its decorator hides those of the kernels.
# mypy: disable-error-code="untyped-decorator, no-any-return"

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

_jit = nb.njit(cache=True, nogil=True)


@_jit
def link_vertices(offset: Any, refs: Any, is_used: Any, is_closed: Any, node_count: int) -> Any:
    """Return the links (from, to, way) between successive vertices of the ways used, and the nodes of the vertices.

    ``refs`` are indices of nodes, -1 where absent: the way is interrupted there. A vertex that is closed (a
    barrier) is copied at each end that touches it, so that nothing passes.
    """
    total = 0
    for way in range(len(is_used)):
        if is_used[way]:
            total += max(0, offset[way + 1] - offset[way] - 1)
    start = np.empty(total, dtype=np.int32)
    end = np.empty(total, dtype=np.int32)
    ways = np.empty(total, dtype=np.int32)
    copies = np.empty(2 * total, dtype=np.int32)
    copy_count = count = 0
    for way in range(len(is_used)):
        if not is_used[way]:
            continue
        for at in range(offset[way], offset[way + 1] - 1):
            u, v = refs[at], refs[at + 1]
            if u < 0 or v < 0 or u == v:
                continue
            if is_closed[u]:
                copies[copy_count] = u
                u = node_count + copy_count
                copy_count += 1
            if is_closed[v]:
                copies[copy_count] = v
                v = node_count + copy_count
                copy_count += 1
            start[count], end[count], ways[count] = u, v, way
            count += 1
    return start[:count], end[:count], ways[:count], copies[:copy_count]


@_jit
def vertex_links(start: Any, end: Any, vertex_count: int) -> Any:
    """Return, for each vertex, the links that touch it (compressed rows)."""
    offset = np.zeros(vertex_count + 1, dtype=np.int64)
    for link in range(len(start)):
        offset[start[link] + 1] += 1
        offset[end[link] + 1] += 1
    for vertex in range(vertex_count):
        offset[vertex + 1] += offset[vertex]
    place = offset[:-1].copy()
    links = np.empty(2 * len(start), dtype=np.int32)
    for link in range(len(start)):
        links[place[start[link]]] = link
        place[start[link]] += 1
        links[place[end[link]]] = link
        place[end[link]] += 1
    return offset, links


@_jit
def passable_vertices(end: Any, ways: Any, forward: Any, backward: Any, offset: Any, links: Any,
                      is_forced: Any) -> Any:  # fmt: skip
    """Return which vertices join exactly two links of equal speeds, and so need not be nodes."""
    count = len(offset) - 1
    passable = np.zeros(count, dtype=np.bool_)
    for vertex in range(count):
        if offset[vertex + 1] - offset[vertex] != 2 or is_forced[vertex]:
            continue
        one, two = links[offset[vertex]], links[offset[vertex] + 1]
        if one == two:
            continue
        into_one = forward[ways[one]] if end[one] == vertex else backward[ways[one]]
        away_one = backward[ways[one]] if end[one] == vertex else forward[ways[one]]
        into_two = forward[ways[two]] if end[two] == vertex else backward[ways[two]]
        away_two = backward[ways[two]] if end[two] == vertex else forward[ways[two]]
        passable[vertex] = into_one == away_two and into_two == away_one
    return passable


@_jit
def _next_link(vertex: int, link: int, offset: Any, links: Any) -> int:
    one = links[offset[vertex]]
    return links[offset[vertex] + 1] if one == link else one


@_jit
def chain_links(start: Any, end: Any, offset: Any, links: Any, passable: Any) -> Any:
    """Return chains of links between nodes: offsets, links, and whether each is run from its start to its end.

    A ring that touches no node starts at the start of its first link.
    """
    total = len(start)
    is_used = np.zeros(total, dtype=np.bool_)
    chain_offset = np.zeros(total + 1, dtype=np.int64)
    chain = np.empty(total, dtype=np.int32)
    is_with = np.empty(total, dtype=np.bool_)
    chains = filled = 0
    for first in range(total):
        if is_used[first]:
            continue
        link, tail = first, start[first]
        while passable[tail]:
            link = _next_link(tail, link, offset, links)
            tail = start[link] if end[link] == tail else end[link]
            if link == first:
                tail = start[first]
                break
        vertex, origin = tail, tail
        while True:
            is_used[link] = True
            chain[filled], is_with[filled] = link, start[link] == vertex
            filled += 1
            vertex = end[link] if start[link] == vertex else start[link]
            if not passable[vertex] or vertex == origin:
                break
            link = _next_link(vertex, link, offset, links)
        chains += 1
        chain_offset[chains] = filled
    return chain_offset[: chains + 1], chain, is_with


@_jit
def chain_vertices(chain_offset: Any, chain: Any, is_with: Any, start: Any, end: Any, lengths: Any, delay_on: Any,
                   delay_back: Any) -> Any:  # fmt: skip
    """Return the vertices of each chain, its length, and the seconds lost inside it in both directions.

    ``delay_on`` (``delay_back``) are the seconds lost at each vertex by those who travel in the order of the way
    (against it).
    """
    count = len(chain_offset) - 1
    vertex_offset = np.zeros(count + 1, dtype=np.int64)
    vertices = np.empty(len(chain) + count, dtype=np.int32)
    length = np.zeros(count, dtype=np.float64)
    forward_delay = np.zeros(count, dtype=np.float64)
    backward_delay = np.zeros(count, dtype=np.float64)
    filled = 0
    for i in range(count):
        for place in range(chain_offset[i], chain_offset[i + 1]):
            link = chain[place]
            tail, head = (start[link], end[link]) if is_with[place] else (end[link], start[link])
            if place == chain_offset[i]:
                vertices[filled] = tail
                filled += 1
            vertices[filled] = head
            filled += 1
            length[i] += lengths[link]
            if place < chain_offset[i + 1] - 1:
                on, back = delay_on[head], delay_back[head]
                forward_delay[i] += on if is_with[place] else back
                backward_delay[i] += back if is_with[place] else on
        vertex_offset[i + 1] = filled
    return vertex_offset, vertices[:filled], length, forward_delay, backward_delay


@_jit
def junction_kinds(ends: Any, ranks: Any, segment_from: Any, segment_to: Any, rank_from: Any, rank_to: Any) -> Any:
    """Return, for each arrival (node, rank of the road arrived by), 0 no junction, 1 through, 2 equal, 3 yield.

    A junction joins at least three ends of segments. Who arrives by one of the one or two ends of best rank goes
    through; by one of more, meets equals; by a lesser one, yields.
    """
    count = 0
    for i in range(len(segment_from)):
        count = max(count, segment_from[i] + 1, segment_to[i] + 1)
    best = np.full(count, 1000, dtype=np.int32)
    best_ends = np.zeros(count, dtype=np.int32)
    degree = np.zeros(count, dtype=np.int32)
    for i in range(len(segment_from)):
        for node, rank in ((segment_from[i], rank_from[i]), (segment_to[i], rank_to[i])):
            degree[node] += 1
            if rank < best[node]:
                best[node] = rank
                best_ends[node] = 1
            elif rank == best[node]:
                best_ends[node] += 1
    kinds = np.zeros(len(ends), dtype=np.int8)
    for i in range(len(ends)):
        node = ends[i]
        if degree[node] >= 3:
            kinds[i] = 3 if ranks[i] > best[node] else 1 if best_ends[node] <= 2 else 2
    return kinds


@_jit
def link_geometry(lon: Any, lat: Any, start: Any, end: Any) -> Any:
    """Return the length of each link on the WGS84 ellipsoid, and its middle in metres (for densities only).

    ``lon`` and ``lat`` are in 1e-7 degree. Links are short: the local radii of curvature hold. One loop, no
    temporary array: a regional extract has tens of millions of links.
    """
    semi_major, e2 = 6_378_137.0, 0.00669437999014
    unit = np.pi / 180.0 / 1e7
    count = len(start)
    length = np.empty(count, dtype=np.float64)
    x = np.empty(count, dtype=np.float32)
    y = np.empty(count, dtype=np.float32)
    # A whole degree, so that the same streets read in another order fall in the same cells.
    flat = np.cos(np.round(lat[start[0]] / 1e7) * 1e7 * unit) * semi_major if count else 0.0
    for i in range(count):
        u, v = start[i], end[i]
        middle = (np.float64(lat[u]) + np.float64(lat[v])) / 2 * unit
        w = np.sqrt(1 - e2 * np.sin(middle) ** 2)
        east = semi_major / w * np.cos(middle) * (np.float64(lon[v]) - np.float64(lon[u])) * unit
        north = semi_major * (1 - e2) / w**3 * (np.float64(lat[v]) - np.float64(lat[u])) * unit
        length[i] = np.hypot(east, north)
        x[i] = (np.float64(lon[u]) + np.float64(lon[v])) / 2 * unit * flat
        y[i] = middle * semi_major
    return length, x, y
