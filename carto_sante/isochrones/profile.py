"""How long each segment takes from one site, or from several at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from carto_sante.network.model import Floats, Ints
from carto_sante.travel.index import SearchIndex
from carto_sante.travel.snapping import Links

# A segment shorter than this (width plus height) counts whole in the bounds of a reach.
_WHOLE_M = 300.0


@dataclass(frozen=True)
class Sources:
    """Where a search starts: nodes with seconds already spent, and the street points of the sites themselves."""

    node: Ints
    node_s: Floats
    segment: Ints
    position: Floats
    access_s: Floats


class Profile:
    """Seconds along every segment reached by one search; used again after `clear`."""

    def __init__(self, segment_count: int) -> None:
        self.rows = np.full((segment_count, 6), np.inf)
        self.first_site = np.full(segment_count, -1, np.int32)
        self._listed = np.empty(segment_count, np.int32)
        self._count = 0
        self._sources = Sources(*(np.empty(0, kind) for kind in (np.int32, float, np.int32, float, float)))
        self._next_site = np.empty(0, np.int32)
        self._rate = np.empty((0, 2))

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Return the arrays in the order the kernels take them."""
        sources = self._sources
        return self.rows, self.first_site, self._next_site, sources.position, sources.access_s, self._rate

    @property
    def segments(self) -> Ints:
        """Return the segments that are reached, at least in part."""
        return self._listed[: self._count]

    def fill(self, index: SearchIndex, sources: Sources, *, limit_s: float, is_outward: bool) -> None:
        """Search from the sources and write how long each segment takes.

        Outward follows the edges; otherwise the time is that of the way to the sources.
        """
        from carto_sante.isochrones._kernels import fill_profile, list_sites
        from carto_sante.travel._kernels import reset, search

        network = index.network
        graph, back = (index.forward, index.backward) if is_outward else (index.backward, index.forward)
        with index.room(spread_s=float(sources.node_s.max(initial=0.0))) as room:
            count = search(
                graph.offset, graph.head, graph.cost, sources.node, sources.node_s, limit_s,
                index.buckets_per_s, *room.arrays,
            )  # fmt: skip
            listed = fill_profile(
                room.time, room.touched, count, graph.offset, graph.edge,
                back.offset, back.edge, is_outward,
                network.edge_segment, index.edge_is_forward, network.edge_running_s, network.edge_delay_s,
                self.rows, self._listed,
            )  # fmt: skip
            reset(room.time, room.touched, count)
        self._sources = sources
        self._next_site = np.empty(len(sources.segment), np.int32)
        self._rate = _rates(index, sources.segment, is_outward=is_outward)
        self._count = list_sites(sources.segment, self.rows, self.first_site, self._next_site, self._listed, listed)

    def bounds_m(self, index: SearchIndex, boxes: Floats, *, limit_s: float) -> tuple[float, float, float, float]:
        """Return left, bottom, right and top of what is reached, given the box of every segment."""
        from carto_sante.isochrones._kernels import reach_bounds

        network = index.network
        left, bottom, right, top = reach_bounds(
            limit_s, _WHOLE_M, self._listed, self._count, *self.arrays,
            boxes, network.segment_offset, network.vertex_x_m, network.vertex_y_m,
        )  # fmt: skip
        return float(left), float(bottom), float(right), float(top)

    def clear(self) -> None:
        """Forget everything, for the next search."""
        self.rows[self.segments] = np.inf
        self.first_site[self._sources.segment] = -1
        self._count = 0


def _rates(index: SearchIndex, segment: Ints, *, is_outward: bool) -> Floats:
    """Return seconds per share of the segment on the side of its start and of its end, infinite against a one-way."""
    rate = np.full((len(segment), 2), np.inf)
    offset, order = index.segment_edges
    network = index.network
    count = offset[segment + 1] - offset[segment]
    site = np.repeat(np.arange(len(segment)), count)
    before = np.cumsum(count) - count
    edge = order[offset[segment][site] + np.arange(len(site)) - before[site]]
    side = (index.edge_is_forward[edge] == is_outward).astype(np.int64)
    np.minimum.at(rate, (site, side), network.edge_running_s[edge])
    return rate


def sources_of(links: Links, rows: Ints, segment: Ints, position: Floats, access_s: Floats) -> Sources:
    """Return the sources of some of the sites."""
    count = links.offset[rows + 1] - links.offset[rows]
    before = np.cumsum(count) - count
    place = np.repeat(links.offset[rows] - before, count) + np.arange(int(count.sum()))
    return Sources(links.node[place], links.seconds[place], segment[rows], position[rows], access_s[rows])
