"""A contraction hierarchy: tables without limit, in hundreds of thousands of pairs per second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from carto_sante.network.model import Floats, Ints, LongInts
from carto_sante.travel.snapping import Links


class Climb(NamedTuple):
    """Edges and shortcuts towards junctions taken out later: those of rank ``i`` are ``offset[i]:offset[i + 1]``."""

    offset: LongInts
    head: Ints
    cost: Floats


@dataclass(frozen=True)
class Hierarchy:
    """Rank of each node, and the climbs along the travel and against it, nodes named by their rank."""

    rank: Ints
    along: Climb
    against: Climb

    def searcher(
        self, seeds: Links, links: Links, streets: tuple[Any, ...], target_count: int, *, is_outward: bool
    ) -> Callable[[int, int], tuple[Ints, Ints, Floats]]:
        """Return the search of a run of sources: source, target, seconds of all pairs that can be reached."""
        from carto_sante.travel._hierarchy_kernels import fill_buckets, meet
        from carto_sante.travel._kernels import stay_on_street

        up, down = (self.along, self.against) if is_outward else (self.against, self.along)
        bucket = fill_buckets(*down, links.offset, self.rank[links.node], links.seconds)
        seed_node = self.rank[seeds.node]

        def run(first: int, last: int) -> tuple[Ints, Ints, Floats]:
            best = np.full((last - first, target_count), np.inf)
            meet(*up, first, last, seeds.offset, seed_node, seeds.seconds, *bucket, best)
            stay_on_street(first, last, *streets, best)
            source, target = np.nonzero(np.isfinite(best))
            return (source + first).astype(np.int32), target.astype(np.int32), best[source, target]

        return run


def build_hierarchy(offset: Ints, head: Ints, cost: Floats) -> Hierarchy | None:
    """Return the hierarchy of a graph, None where a junction would ask for too many shortcuts."""
    from carto_sante.travel._hierarchy_kernels import contract

    rank, source, target, seconds = contract(offset, head, cost)
    if (rank < 0).any():
        return None
    tail, end = rank[source], rank[target]
    return Hierarchy(rank, _climb(tail, end, seconds, len(rank)), _climb(end, tail, seconds, len(rank)))


def _climb(tail: Ints, end: Ints, seconds: Floats, count: int) -> Climb:
    kept = np.flatnonzero(tail < end)
    order = kept[np.argsort(tail[kept], kind="stable")]
    offset = np.concatenate([[0], np.cumsum(np.bincount(tail[order], minlength=count))])
    return Climb(offset.astype(np.int64), end[order], seconds[order])
