"""Compiled kernels of the contraction hierarchy: junctions are taken out one by one, shortcuts keep the times.

Geisberger, Sanders, Schultes, Delling (2008), *Contraction Hierarchies*; tables by buckets after Knopp, Sanders,
Schultes, Schulz, Wagner (2007). A search only climbs towards junctions taken out later.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from carto_sante.travel._compiled import compiled

#: How many junctions a search for a way round may settle before a shortcut is added without proof: a needless
#: shortcut costs room, never exactness.
_SETTLED = 40

#: A junction that asks for more shortcuts than this ends the contraction: no road network has one.
_MOST_SHORTCUTS = 65_536


@compiled
def contract(offset: Any, head: Any, cost: Any) -> Any:
    """Return (rank of each node, source, target, seconds of every edge and shortcut).

    A rank of -1 tells that the contraction was given up.
    """
    nodes = len(offset) - 1
    tail_of, head_of, cost_of, next_out, next_in, first_out, first_in, count = chain_edges(offset, head, cost)
    rank = np.full(nodes, -1, np.int32)
    level = np.zeros(nodes, np.int32)
    time = np.full(nodes, np.inf)
    touched = np.empty(4096 + _MOST_SHORTCUTS, np.int32)
    heap_key, heap_node = np.empty(4096, np.float64), np.empty(4096, np.int32)
    added = np.empty((_MOST_SHORTCUTS, 2), np.int32)
    added_s = np.empty(_MOST_SHORTCUTS, np.float64)
    order_key, order_node, waiting = first_order(
        tail_of, head_of, cost_of, next_out, next_in, first_out, first_in, rank, time, touched, heap_key, heap_node,
        added, added_s,
    )  # fmt: skip
    placed = 0
    while waiting > 0:
        node = order_node[0]
        waiting = pop(order_key, order_node, waiting)
        found, degree = shortcuts_of(
            node, tail_of, head_of, cost_of, next_out, next_in, first_out, first_in, rank, time, touched, heap_key,
            heap_node, added, added_s,
        )  # fmt: skip
        priority = float(2 * found - degree + level[node])
        if waiting > 0 and priority > order_key[0]:
            waiting = push(order_key, order_node, waiting, priority, node)
            continue
        if found >= _MOST_SHORTCUTS:
            break
        rank[node] = placed
        placed += 1
        raise_neighbours(node, tail_of, head_of, next_out, next_in, first_out, first_in, rank, level)
        if count + found > len(tail_of):
            room = 2 * len(tail_of) + found
            tail_of, head_of, cost_of = wider(tail_of, room), wider(head_of, room), wider(cost_of, room)
            next_out, next_in = wider(next_out, room), wider(next_in, room)
        for item in range(found):
            start, end = added[item, 0], added[item, 1]
            tail_of[count], head_of[count], cost_of[count] = start, end, added_s[item]
            next_out[count], next_in[count] = first_out[start], first_in[end]
            first_out[start] = first_in[end] = count
            count += 1
    return rank, tail_of[:count].copy(), head_of[:count].copy(), cost_of[:count].copy()


@compiled
def first_order(
    tail_of: Any, head_of: Any, cost_of: Any, next_out: Any, next_in: Any, first_out: Any, first_in: Any, rank: Any,
    time: Any, touched: Any, heap_key: Any, heap_node: Any, added: Any, added_s: Any,
) -> Any:  # fmt: skip
    """Return the queue of the nodes, those that need the fewest shortcuts for the edges they spare first."""
    nodes = len(first_out)
    order_key, order_node = np.empty(2 * nodes + 16, np.float64), np.empty(2 * nodes + 16, np.int32)
    waiting = 0
    for node in range(nodes):
        found, degree = shortcuts_of(
            node, tail_of, head_of, cost_of, next_out, next_in, first_out, first_in, rank, time, touched, heap_key,
            heap_node, added, added_s,
        )  # fmt: skip
        waiting = push(order_key, order_node, waiting, float(2 * found - degree), node)
    return order_key, order_node, waiting


@compiled
def chain_edges(offset: Any, head: Any, cost: Any) -> Any:
    """Return the edges as lists that can grow: ends, seconds, the next one leaving and entering, the first ones."""
    nodes, edges = len(offset) - 1, len(head)
    room = 4 * edges + 1024
    tail_of, head_of, cost_of = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.float64)
    next_out, next_in = np.full(room, -1, np.int32), np.full(room, -1, np.int32)
    first_out, first_in = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    count = 0
    for node in range(nodes):
        for edge in range(offset[node], offset[node + 1]):
            if head[edge] != node:
                tail_of[count], head_of[count], cost_of[count] = node, head[edge], cost[edge]
                next_out[count], next_in[count] = first_out[node], first_in[head[edge]]
                first_out[node] = first_in[head[edge]] = count
                count += 1
    return tail_of, head_of, cost_of, next_out, next_in, first_out, first_in, count


@compiled
def wider(array: Any, size: int) -> Any:
    """Return a longer copy."""
    result = np.empty(size, array.dtype)
    result[: len(array)] = array
    return result


@compiled
def raise_neighbours(node, tail_of, head_of, next_out, next_in, first_out, first_in, rank, level):  # type: ignore[no-untyped-def]
    """Tell the neighbours left that a node of some level went: those of even levels go together."""
    edge = first_out[node]
    while edge >= 0:
        if rank[head_of[edge]] < 0:
            level[head_of[edge]] = max(level[head_of[edge]], level[node] + 1)
        edge = next_out[edge]
    edge = first_in[node]
    while edge >= 0:
        if rank[tail_of[edge]] < 0:
            level[tail_of[edge]] = max(level[tail_of[edge]], level[node] + 1)
        edge = next_in[edge]


@compiled
def shortcuts_of(  # type: ignore[no-untyped-def]
    node, tail_of, head_of, cost_of, next_out, next_in, first_out, first_in, rank, time, touched, heap_key, heap_node,
    added, added_s,
):  # fmt: skip
    """Write the shortcuts that taking a node out asks for; return their number and that of the edges that go."""
    found = degree = 0
    longest = -np.inf
    edge = first_out[node]
    while edge >= 0:
        if rank[head_of[edge]] < 0:
            degree += 1
            longest = max(longest, cost_of[edge])
        edge = next_out[edge]
    came = first_in[node]
    while came >= 0:
        start = tail_of[came]
        if rank[start] < 0:
            degree += 1
            if longest >= 0.0 and is_shortest_in(came, start, node, tail_of, cost_of, next_in, first_in):
                known = look_around(
                    start, node, cost_of[came] + longest, head_of, cost_of, next_out, first_out, rank, time, touched,
                    heap_key, heap_node,
                )  # fmt: skip
                edge = first_out[node]
                while edge >= 0:
                    end = head_of[edge]
                    through = cost_of[came] + cost_of[edge]
                    if rank[end] < 0 and end != start and through < time[end] and found < len(added):
                        # Its own time stands from now on: of two parallel edges the longer asks for nothing.
                        if time[end] == np.inf:
                            touched[known] = end
                            known += 1
                        else:
                            found -= drop(added, added_s, found, start, end)
                        time[end] = through
                        added[found, 0], added[found, 1], added_s[found] = start, end, through
                        found += 1
                    edge = next_out[edge]
                for item in range(known):
                    time[touched[item]] = np.inf
        came = next_in[came]
    return found, degree


@compiled
def drop(added, added_s, found, start, end):  # type: ignore[no-untyped-def]
    """Take out an earlier, longer shortcut between the same ends; return how many went."""
    for item in range(found):
        if added[item, 0] == start and added[item, 1] == end:
            added[item, 0], added[item, 1] = added[found - 1, 0], added[found - 1, 1]
            added_s[item] = added_s[found - 1]
            return 1
    return 0


@compiled
def is_shortest_in(came, start, node, tail_of, cost_of, next_in, first_in):  # type: ignore[no-untyped-def]
    """Return whether an edge is the shortest of those between its ends (the first listed of equal ones)."""
    other = first_in[node]
    is_before = True
    while other >= 0:
        if other == came:
            is_before = False
        elif tail_of[other] == start and (
            cost_of[other] < cost_of[came] or (is_before and cost_of[other] == cost_of[came])
        ):
            return False
        other = next_in[other]
    return True


@compiled
def look_around(  # type: ignore[no-untyped-def]
    start, without, limit, head_of, cost_of, next_out, first_out, rank, time, touched, heap_key, heap_node
):
    """Search from a node, round another one, a little; return how many nodes are touched."""
    known = settled = size = 0
    time[start] = 0.0
    touched[0] = start
    known = 1
    size = push(heap_key, heap_node, size, 0.0, start)
    while size > 0 and settled < _SETTLED:
        seconds, node = heap_key[0], heap_node[0]
        size = pop(heap_key, heap_node, size)
        if seconds > time[node]:
            continue
        if seconds > limit:
            break
        settled += 1
        edge = first_out[node]
        while edge >= 0:
            end = head_of[edge]
            reached = seconds + cost_of[edge]
            if rank[end] < 0 and end != without and reached < time[end] and known < 4000 and size < 4000:
                if time[end] == np.inf:
                    touched[known] = end
                    known += 1
                time[end] = reached
                size = push(heap_key, heap_node, size, reached, end)
            edge = next_out[edge]
    return known


@compiled
def push(key, item_of, size, value, item):  # type: ignore[no-untyped-def]
    """Add to a heap; return its size."""
    child = size
    while child > 0:
        parent = (child - 1) // 2
        if key[parent] < value or (key[parent] == value and item_of[parent] <= item):
            break
        key[child], item_of[child] = key[parent], item_of[parent]
        child = parent
    key[child], item_of[child] = value, item
    return size + 1


@compiled
def pop(key, item_of, size):  # type: ignore[no-untyped-def]
    """Take the first of a heap away; return its size."""
    size -= 1
    value, item = key[size], item_of[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        right = child + 1
        if right < size and (key[right] < key[child] or (key[right] == key[child] and item_of[right] < item_of[child])):
            child = right
        if value < key[child] or (value == key[child] and item <= item_of[child]):
            break
        key[parent], item_of[parent] = key[child], item_of[child]
        parent = child
    key[parent], item_of[parent] = value, item
    return size


@compiled
def climb(offset, head, cost, seed_node, seed_s, time, touched, heap_key, heap_node):  # type: ignore[no-untyped-def]
    """Search upwards from seeds, to the end; return how many nodes are touched (``time`` infinite on entry)."""
    known = size = 0
    for seed in range(len(seed_node)):
        if seed_s[seed] < time[seed_node[seed]]:
            if time[seed_node[seed]] == np.inf:
                touched[known] = seed_node[seed]
                known += 1
            time[seed_node[seed]] = seed_s[seed]
            size = push(heap_key, heap_node, size, seed_s[seed], seed_node[seed])
    while size > 0:
        seconds, node = heap_key[0], heap_node[0]
        size = pop(heap_key, heap_node, size)
        if seconds > time[node]:
            continue
        for edge in range(offset[node], offset[node + 1]):
            reached = seconds + cost[edge]
            end = head[edge]
            if reached < time[end]:
                if time[end] == np.inf:
                    touched[known] = end
                    known += 1
                time[end] = reached
                size = push(heap_key, heap_node, size, reached, end)
    return known


@compiled
def fill_buckets(offset, head, cost, seed_offset, seed_node, seed_s):  # type: ignore[no-untyped-def]
    """Return (offset by node, target, seconds): how every target is reached from the nodes above it."""
    nodes = len(offset) - 1
    time = np.full(nodes, np.inf)
    touched = np.empty(nodes, np.int32)
    heap_key, heap_node = np.empty(len(head) + len(seed_node) + 16), np.empty(len(head) + len(seed_node) + 16, np.int32)
    size = 1024
    where, target, seconds = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.float64)
    filled = 0
    for point in range(len(seed_offset) - 1):
        low, high = seed_offset[point], seed_offset[point + 1]
        known = climb(offset, head, cost, seed_node[low:high], seed_s[low:high], time, touched, heap_key, heap_node)
        if filled + known > size:
            size = 2 * size + known
            where, target, seconds = wider(where, size), wider(target, size), wider(seconds, size)
        for item in range(known):
            node = touched[item]
            where[filled], target[filled], seconds[filled] = node, point, time[node]
            time[node] = np.inf
            filled += 1
    bucket = np.zeros(nodes + 1, np.int64)
    for item in range(filled):
        bucket[where[item] + 1] += 1
    for node in range(nodes):
        bucket[node + 1] += bucket[node]
    place = bucket[:-1].copy()
    by_target, by_seconds = np.empty(filled, np.int32), np.empty(filled, np.float64)
    for item in range(filled):
        slot = place[where[item]]
        by_target[slot], by_seconds[slot] = target[item], seconds[item]
        place[where[item]] += 1
    return bucket, by_target, by_seconds


@compiled
def meet(  # type: ignore[no-untyped-def]
    offset, head, cost, source_from, source_to, seed_offset, seed_node, seed_s, bucket, bucket_target, bucket_s, best
):
    """Fill the rows of ``best`` (source by target, infinite on entry) for a run of sources."""
    nodes = len(offset) - 1
    time = np.full(nodes, np.inf)
    touched = np.empty(nodes, np.int32)
    heap_key, heap_node = np.empty(len(head) + len(seed_node) + 16), np.empty(len(head) + len(seed_node) + 16, np.int32)
    for source in range(source_from, source_to):
        low, high = seed_offset[source], seed_offset[source + 1]
        known = climb(offset, head, cost, seed_node[low:high], seed_s[low:high], time, touched, heap_key, heap_node)
        row = best[source - source_from]
        for item in range(known):
            node = touched[item]
            above = time[node]
            for entry in range(bucket[node], bucket[node + 1]):
                row[bucket_target[entry]] = min(row[bucket_target[entry]], above + bucket_s[entry])
            time[node] = np.inf
