"""What a search needs beside the network: both directions of the graph, its street pieces, and room to work.

Built once per network, on the first search, and kept with it: it is a pure function of the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carto_sante.errors import InputError
from carto_sante.network.model import Flags, Floats, Ints, LongInts, RoadNetwork

if TYPE_CHECKING:
    from carto_sante.travel.hierarchy import Hierarchy

#: Side of the bins that hold street pieces, and longest piece.
BIN_M = 100.0

# Buckets wider than a typical edge make nodes settle twice, narrower ones stand empty.
_BUCKET_PER_MEAN_COST = 1.0
_MOST_BUCKETS = 1 << 17


@dataclass(frozen=True)
class Graph:
    """One direction of a network: edges leaving node ``i`` are ``offset[i]:offset[i + 1]``; cost in seconds."""

    offset: Ints
    head: Ints
    cost: Floats
    edge: Ints
    """Number of each edge in the network."""


@dataclass(frozen=True)
class Streets:
    """Segments cut in straight pieces, sorted by the bin of a square grid that holds their middle."""

    left_m: float
    bottom_m: float
    columns: int
    rows: int
    bin_offset: LongInts
    ends_m: Floats
    """x and y of both ends, shape (pieces, 4)."""
    share: Floats
    """Share of the segment's drawn length at both ends, shape (pieces, 2)."""
    segment: Ints


class Room:
    """Arrays that a search writes in, clean between searches."""

    def __init__(self, node_count: int, bucket_count: int) -> None:
        self.time = np.full(node_count, np.inf)
        self.following = np.empty(node_count, np.int32)
        self.preceding = np.full(node_count, -2, np.int32)
        self.first = np.full(bucket_count, -1, np.int32)
        self.touched = np.empty(node_count, np.int32)

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Return the arrays in the order the kernels take them."""
        return self.time, self.following, self.preceding, self.first, self.touched


class SearchIndex:
    """Everything derived from one network; see `search_index`."""

    def __init__(self, network: RoadNetwork) -> None:
        cost = np.ascontiguousarray(network.edge_running_s + network.edge_delay_s, dtype=np.float64)
        if len(cost) == 0:
            raise InputError(
                f"The {network.mode} network has no edge.",
                expected="at least one street open to the mode",
                next_step="Check that the extract covers the study area and holds ways with a highway tag.",
            )
        if not np.all(np.isfinite(cost) & (cost >= 0)):
            raise InputError(
                f"{int(np.sum(~(np.isfinite(cost) & (cost >= 0))))} edges have a negative or undefined time.",
                expected="seconds, zero or more, on every edge",
            )
        self.network = network
        self.forward = Graph(
            np.ascontiguousarray(network.edge_offset, np.int32),
            np.ascontiguousarray(network.edge_target, np.int32),
            cost,
            np.arange(len(cost), dtype=np.int32),
        )
        self._highest_s = float(cost.max())
        width = max(float(cost.mean()) * _BUCKET_PER_MEAN_COST, 1e-3, self._highest_s / (_MOST_BUCKETS / 4))
        self.buckets_per_s = 1.0 / width
        self._rooms: list[Room] = []

    @cached_property
    def backward(self) -> Graph:
        """The graph with every edge turned round."""
        from carto_sante.travel._kernels import reverse_edges

        return Graph(*reverse_edges(self.forward.offset, self.forward.head, self.forward.cost))

    @cached_property
    def segment_edges(self) -> tuple[LongInts, Ints]:
        """Edges of segment ``k``: ``order[offset[k]:offset[k + 1]]``."""
        from carto_sante.travel._kernels import group_by

        offset, order = group_by(self.network.edge_segment, self.network.segment_count)
        return offset, order

    @cached_property
    def edge_is_forward(self) -> Flags:
        """Whether each edge runs in the order of its segment's line."""
        return np.ascontiguousarray(self.network.edge_is_forward, np.bool_)

    @cached_property
    def segment_component(self) -> Ints:
        """Strong component that holds both ends of a segment; -1 between two components."""
        offset, order = self.segment_edges
        component = np.full(self.network.segment_count, -1, np.int32)
        has_edge = offset[1:] > offset[:-1]
        edge = order[offset[:-1][has_edge]]
        start = self.network.node_component[self.network.edge_source[edge]]
        end = self.network.node_component[self.network.edge_target[edge]]
        component[has_edge] = np.where(start == end, start, -1)
        return component

    @cached_property
    def component_nodes(self) -> LongInts:
        """Number of nodes of each strong component."""
        return np.bincount(self.network.node_component, minlength=1)

    @cached_property
    def streets(self) -> Streets:
        """Street pieces in their grid."""
        from carto_sante.travel._kernels import group_by
        from carto_sante.travel._street_kernels import bin_of_pieces, cut_pieces

        network = self.network
        ends, share, owner = cut_pieces(network.segment_offset, network.vertex_x_m, network.vertex_y_m, BIN_M)
        left, bottom = float(ends[:, 0::2].min()), float(ends[:, 1::2].min())
        columns = int((ends[:, 0::2].max() - left) / BIN_M) + 1
        rows = int((ends[:, 1::2].max() - bottom) / BIN_M) + 1
        bins = bin_of_pieces(ends, left, bottom, BIN_M, columns)
        bin_offset, order = group_by(bins, rows * columns)
        return Streets(left, bottom, columns, rows, bin_offset, ends[order], share[order], owner[order])

    @cached_property
    def hierarchy(self) -> Hierarchy | None:
        """The contraction hierarchy, built on the first call; None where it cannot be."""
        from carto_sante.travel.hierarchy import build_hierarchy

        return build_hierarchy(self.forward.offset, self.forward.head, self.forward.cost)

    @contextmanager
    def room(self, *, spread_s: float = 0.0) -> Iterator[Room]:
        """Lend arrays to one search at a time; ``spread_s`` is the largest time of a seed."""
        needed = int((self._highest_s + spread_s) * self.buckets_per_s) + 2
        buckets = 1 << int(np.ceil(np.log2(needed)))
        try:
            room = self._rooms.pop()
        except IndexError:
            room = Room(self.network.node_count, buckets)
        if len(room.first) < buckets:
            room.first = np.full(buckets, -1, np.int32)
        yield room
        self._rooms.append(room)  # not after a failure: its arrays may be unclean


def search_index(network: RoadNetwork) -> SearchIndex:
    """Return the index of a network, built on the first call and kept with the network.

    Parameters
    ----------
    network : RoadNetwork
        Any mode.

    Raises
    ------
    InputError
        If the network has no edge, or an edge has a negative or undefined time.
    """
    index = network.__dict__.get("_search_index")
    if index is None:
        index = SearchIndex(network)
        network.__dict__["_search_index"] = index
    return index  # type: ignore[no-any-return]
