"""Compiled kernels of `carto_sante.travel`; the slow readable twins are in ``tests/oracles/travel.py``.

The search keeps nodes in buckets of equal width instead of a heap. Inside a bucket nodes are taken in any
order and taken again when they improve, so the times are those of Dijkstra whatever the width, and a node
costs the same whether ten or a million others wait. Everything touched is listed, and reset from that list:
the cost of a search follows what it reaches, not the size of the network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from carto_sante.travel._compiled import compiled

_OUT = -2  # not waiting in any bucket
_END = -1  # end of a bucket's list


@compiled
def reverse_edges(offset: Any, head: Any, cost: Any) -> Any:
    """Return the graph with every edge turned round, in the same layout, and the number each edge had."""
    count = len(offset) - 1
    new_offset = np.zeros(count + 1, np.int32)
    for edge in range(len(head)):
        new_offset[head[edge] + 1] += 1
    for node in range(count):
        new_offset[node + 1] += new_offset[node]
    place = new_offset[:-1].copy()
    new_head = np.empty(len(head), np.int32)
    new_cost = np.empty(len(head), np.float64)
    number = np.empty(len(head), np.int32)
    for node in range(count):
        for edge in range(offset[node], offset[node + 1]):
            slot = place[head[edge]]
            place[head[edge]] += 1
            new_head[slot] = node
            new_cost[slot] = cost[edge]
            number[slot] = edge
    return new_offset, new_head, new_cost, number


@compiled
def group_by(key: Any, count: int) -> Any:
    """Return (offset, order): the positions of each key are ``order[offset[key]:offset[key + 1]]``."""
    offset = np.zeros(count + 1, np.int64)
    for item in range(len(key)):
        offset[key[item] + 1] += 1
    for group in range(count):
        offset[group + 1] += offset[group]
    place = offset[:-1].copy()
    order = np.empty(len(key), np.int32)
    for item in range(len(key)):
        order[place[key[item]]] = item
        place[key[item]] += 1
    return offset, order


@compiled
def _offer(node, seconds, scale, mask, time, following, preceding, first, touched, count):  # type: ignore[no-untyped-def]
    """Put a node in the bucket of a shorter time; return how many nodes were touched so far."""
    old = time[node]
    if old == np.inf:
        touched[count] = node
        count += 1
    elif preceding[node] != _OUT:
        before, after = preceding[node], following[node]
        if before == _END:
            first[np.int64(old * scale) & mask] = after
        else:
            following[before] = after
        if after != _END:
            preceding[after] = before
    time[node] = seconds
    bucket = np.int64(seconds * scale) & mask
    after = first[bucket]
    following[node] = after
    preceding[node] = _END
    if after != _END:
        preceding[after] = node
    first[bucket] = node
    return count


@compiled
def search(offset, head, cost, seed_node, seed_s, limit_s, scale, time, following, preceding, first, touched):  # type: ignore[no-untyped-def]
    """Fill ``time`` from several seeds up to a limit; return how many nodes are listed in ``touched``.

    ``time`` must be infinite, ``preceding`` -2 and ``first`` -1 everywhere on entry; the last two are so again
    on return, and ``reset`` puts the first back. ``scale`` is the number of buckets per second.
    """
    mask = np.int64(len(first) - 1)
    count = 0
    lowest = np.inf
    for seed in range(len(seed_node)):
        if seed_s[seed] <= limit_s and seed_s[seed] < time[seed_node[seed]]:
            count = _offer(
                seed_node[seed], seed_s[seed], scale, mask, time, following, preceding, first, touched, count
            )
            lowest = min(lowest, seed_s[seed])
    if count == 0:
        return 0
    bucket = np.int64(lowest * scale)
    empty = 0
    while empty <= mask:
        slot = bucket & mask
        node = first[slot]
        if node == _END:
            bucket += 1
            empty += 1
            continue
        empty = 0
        while node != _END:
            after = following[node]
            first[slot] = after
            if after != _END:
                preceding[after] = _END
            preceding[node] = _OUT
            start = time[node]
            for edge in range(offset[node], offset[node + 1]):
                reached = start + cost[edge]
                if reached < time[head[edge]] and reached <= limit_s:
                    count = _offer(head[edge], reached, scale, mask, time, following, preceding, first, touched, count)
            node = first[slot]
    return count


@compiled
def reset(time: Any, touched: Any, count: int) -> None:
    """Make infinite again the times of the nodes touched."""
    for item in range(count):
        time[touched[item]] = np.inf


@compiled
def search_many(  # type: ignore[no-untyped-def]
    offset, head, cost, limit_s, scale, time, following, preceding, first, touched,
    source_from, source_to, seed_offset, seed_node, seed_s,
    link_offset, link_target, link_s,
    source_segment, source_position, source_access_s,
    segment_target_offset, segment_target, target_position, target_access_s,
    segment_edge_offset, segment_edge, edge_is_forward, edge_running_s, is_outward, best,
):  # fmt: skip
    """Return (source, target, seconds) of every pair within the limit, for a run of sources.

    ``best`` is infinite everywhere on entry and on return. Pairs come by source, then by target.
    """
    size = 1024
    out_source = np.empty(size, np.int32)
    out_target = np.empty(size, np.int32)
    out_s = np.empty(size, np.float64)
    filled = 0
    hits = np.empty(len(best), np.int32)
    for source in range(source_from, source_to):
        low, high = seed_offset[source], seed_offset[source + 1]
        count = search(
            offset, head, cost, seed_node[low:high], seed_s[low:high], limit_s, scale,
            time, following, preceding, first, touched,
        )  # fmt: skip
        found = 0
        for item in range(count):
            node = touched[item]
            for link in range(link_offset[node], link_offset[node + 1]):
                seconds = time[node] + link_s[link]
                target = link_target[link]
                if seconds <= limit_s and seconds < best[target]:
                    if best[target] == np.inf:
                        hits[found] = target
                        found += 1
                    best[target] = seconds
        segment = source_segment[source]
        if segment >= 0:
            for item in range(segment_target_offset[segment], segment_target_offset[segment + 1]):
                target = segment_target[item]
                seconds = along_s(
                    segment, source_position[source], target_position[target], is_outward,
                    segment_edge_offset, segment_edge, edge_is_forward, edge_running_s,
                ) + source_access_s[source] + target_access_s[target]  # fmt: skip
                if seconds <= limit_s and seconds < best[target]:
                    if best[target] == np.inf:
                        hits[found] = target
                        found += 1
                    best[target] = seconds
        reset(time, touched, count)
        if filled + found > size:
            size = max(2 * size, filled + found)
            out_source = _grown(out_source, size)
            out_target = _grown(out_target, size)
            out_s = _grown(out_s, size)
        chosen = np.sort(hits[:found])
        for target in chosen:
            out_source[filled] = source
            out_target[filled] = target
            out_s[filled] = best[target]
            best[target] = np.inf
            filled += 1
    return out_source[:filled].copy(), out_target[:filled].copy(), out_s[:filled].copy()


@compiled
def _grown(array: Any, size: int) -> Any:
    wider = np.empty(size, array.dtype)
    wider[: len(array)] = array
    return wider


@compiled
def along_s(segment, start, end, is_outward, segment_edge_offset, segment_edge, edge_is_forward, edge_running_s):  # type: ignore[no-untyped-def]
    """Return the seconds from one position of a segment to another without leaving it, infinite against a one-way.

    ``is_outward`` is false when ``start`` is where the travel ends (a search on the reversed graph).
    """
    if not is_outward:
        start, end = end, start
    best = np.inf
    for item in range(segment_edge_offset[segment], segment_edge_offset[segment + 1]):
        edge = segment_edge[item]
        step = end - start if edge_is_forward[edge] else start - end
        if step >= 0.0:
            best = min(best, step * edge_running_s[edge])
    return best


@compiled
def stay_on_street(  # type: ignore[no-untyped-def]
    source_from, source_to, source_segment, source_position, source_access_s,
    segment_target_offset, segment_target, target_position, target_access_s,
    segment_edge_offset, segment_edge, edge_is_forward, edge_running_s, is_outward, best,
):  # fmt: skip
    """Lower the rows of ``best`` (source by target) of the pairs that share a street."""
    for source in range(source_from, source_to):
        segment = source_segment[source]
        if segment < 0:
            continue
        for item in range(segment_target_offset[segment], segment_target_offset[segment + 1]):
            target = segment_target[item]
            seconds = along_s(
                segment, source_position[source], target_position[target], is_outward,
                segment_edge_offset, segment_edge, edge_is_forward, edge_running_s,
            ) + source_access_s[source] + target_access_s[target]  # fmt: skip
            best[source - source_from, target] = min(best[source - source_from, target], seconds)


@compiled
def search_nearest(offset, head, cost, seed_node, seed_s, seed_owner, limit_s, wanted):  # type: ignore[no-untyped-def]
    """Return, at every node, its ``wanted`` nearest owners and their seconds (-1 and infinite where there are less).

    A heap here: labels must settle in order, since a node keeps only its first ones.
    """
    nodes = len(offset) - 1
    owner_of = np.full((nodes, wanted), -1, np.int32)
    time_of = np.full((nodes, wanted), np.inf, np.float64)
    filled = np.zeros(nodes, np.int32)
    key = np.empty(len(seed_node) + 1024, np.float64)
    node_of = np.empty(len(key), np.int32)
    label = np.empty(len(key), np.int32)
    size = 0
    for seed in range(len(seed_node)):
        if seed_s[seed] <= limit_s:
            size = _push(key, node_of, label, size, seed_s[seed], seed_node[seed], seed_owner[seed])
    while size > 0:
        seconds, node, owner = key[0], node_of[0], label[0]
        size = _pop(key, node_of, label, size)
        if filled[node] == wanted:
            continue
        is_known = False
        for rank in range(filled[node]):
            if owner_of[node, rank] == owner:
                is_known = True
        if is_known:
            continue
        owner_of[node, filled[node]] = owner
        time_of[node, filled[node]] = seconds
        filled[node] += 1
        for edge in range(offset[node], offset[node + 1]):
            reached = seconds + cost[edge]
            if reached <= limit_s and filled[head[edge]] < wanted:
                if size == len(key):
                    key, node_of, label = _grown(key, 2 * size), _grown(node_of, 2 * size), _grown(label, 2 * size)
                size = _push(key, node_of, label, size, reached, head[edge], owner)
    return owner_of, time_of


@compiled
def _is_before(key, label, one, other):  # type: ignore[no-untyped-def]
    return key[one] < key[other] or (key[one] == key[other] and label[one] < label[other])


@compiled
def _swap(key, node_of, label, one, other):  # type: ignore[no-untyped-def]
    key[one], key[other] = key[other], key[one]
    node_of[one], node_of[other] = node_of[other], node_of[one]
    label[one], label[other] = label[other], label[one]


@compiled
def _push(key, node_of, label, size, seconds, node, owner):  # type: ignore[no-untyped-def]
    key[size], node_of[size], label[size] = seconds, node, owner
    child = size
    while child > 0:
        parent = (child - 1) // 2
        if not _is_before(key, label, child, parent):
            break
        _swap(key, node_of, label, child, parent)
        child = parent
    return size + 1


@compiled
def _pop(key, node_of, label, size):  # type: ignore[no-untyped-def]
    size -= 1
    key[0], node_of[0], label[0] = key[size], node_of[size], label[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and _is_before(key, label, child + 1, child):
            child += 1
        if not _is_before(key, label, child, parent):
            break
        _swap(key, node_of, label, child, parent)
        parent = child
    return size
