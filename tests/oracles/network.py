"""Slow, readable twin of `carto_sante.network`: every vertex is a node, every turn is looked at.

It shares the rules of tags (what a way or a vertex is for a mode) and nothing else: no contraction, no split
junction. The search runs over (vertex, link arrived by), so that a turn restriction is a simple test.
"""

from __future__ import annotations

import heapq
import math
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

from carto_sante.network import SpeedTable
from carto_sante.network.tags import node_rule, way_rule
from carto_sante.network.turns import restriction_kind


def ground_distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance of two near points (longitude, latitude) by the radii of curvature of WGS84."""
    semi_major, e2 = 6_378_137.0, 0.00669437999014
    lat = math.radians((a[1] + b[1]) / 2)
    w = math.sqrt(1 - e2 * math.sin(lat) ** 2)
    east = semi_major / w * math.cos(lat) * math.radians(b[0] - a[0])
    north = semi_major * (1 - e2) / w**3 * math.radians(b[1] - a[1])
    return math.hypot(east, north)


class SlowNetwork:
    """Links between successive vertices of the ways, with their speed in each direction."""

    def __init__(self, path: Path, table: SpeedTable) -> None:
        root = ET.parse(path).getroot()
        self.table = table
        self.place = {int(n.get("id")): (float(n.get("lon")), float(n.get("lat"))) for n in root.iter("node")}
        self.rules = {int(n.get("id")): node_rule(_tags(n), table) for n in root.iter("node")}
        # (from vertex, to vertex, way, seconds, rank)
        self.moves: list[tuple[int, int, int, float, int]] = []
        self.ends: dict[int, list[int]] = {}
        for way in root.iter("way"):
            self._add_way(way)
        self.banned = set()
        self.only: dict[tuple[int, int], set[int]] = {}
        if table.mode == "drive":
            for relation in root.iter("relation"):
                self._add_restriction(relation)

    def _add_way(self, way: ET.Element) -> None:
        rule = way_rule(_tags(way), self.table)
        refs = [int(nd.get("ref")) for nd in way.iter("nd")]
        for a, b in pairwise(refs):
            if a == b or a not in self.place or b not in self.place or rule.set_aside:
                continue
            length = ground_distance_m(self.place[a], self.place[b])
            for vertex in (a, b):
                self.ends.setdefault(vertex, []).append(rule.rank)
            # Toy cities are small: never built-up.
            if rule.outside_forward_kmh > 0:
                self.moves.append((a, b, int(way.get("id")), 3.6 * length / rule.outside_forward_kmh, rule.rank))
            if rule.outside_backward_kmh > 0:
                self.moves.append((b, a, int(way.get("id")), 3.6 * length / rule.outside_backward_kmh, rule.rank))

    def _add_restriction(self, relation: ET.Element) -> None:
        members = {member.get("role"): int(member.get("ref")) for member in relation.iter("member")}
        kind = restriction_kind(_tags(relation))
        start, via, end = members["from"], members["via"], members["to"]
        leaves = any(a == via and way == end for a, _, way, _, _ in self.moves)
        if kind == "no" and leaves:
            self.banned.add((start, via, end))
        elif kind == "only" and leaves:
            # Several "only" restrictions on one approach forbid all exits that each of them does not name.
            key = (start, via)
            self.only[key] = self.only[key] & {end} if key in self.only else {end}

    def delay_s(self, vertex: int, rank: int) -> float:
        """Seconds lost on arriving at a vertex by a road of a rank."""
        rule, ranks = self.rules[vertex], self.ends[vertex]
        if rule.forward_s > 0:
            return rule.forward_s
        if len(ranks) < 3 or rule.is_closed:
            return 0.0
        if rank > min(ranks):
            return self.table.delays_s["junction_yield"]
        kind = "through" if ranks.count(min(ranks)) <= 2 else "equal"
        return self.table.delays_s[f"junction_{kind}"]

    def may_turn(self, arrived_by: int | None, vertex: int, way: int) -> bool:
        """Whether one who arrived by a way may leave a vertex by another."""
        if arrived_by is None:
            return True
        if (arrived_by, vertex, way) in self.banned:
            return False
        return way in self.only.get((arrived_by, vertex), {way})

    def times_from(self, source: int) -> dict[int, float]:
        """Seconds from a vertex to every vertex that can be reached."""
        best: dict[int, float] = {source: 0.0}
        done: set[tuple[int, int | None]] = set()
        queue: list[tuple[float, int, int]] = [(0.0, source, -1)]
        while queue:
            time, vertex, way = heapq.heappop(queue)
            if (vertex, way) in done:
                continue
            done.add((vertex, way))
            best.setdefault(vertex, time)
            if self.rules[vertex].is_closed and vertex != source:
                continue
            for a, b, by, seconds, rank in self.moves:
                if a == vertex and self.may_turn(None if way == -1 else way, vertex, by):
                    heapq.heappush(queue, (time + seconds + self.delay_s(b, rank), b, by))
        return best


def _tags(element: ET.Element) -> dict[str, str]:
    return {tag.get("k"): tag.get("v") for tag in element.iter("tag")}
