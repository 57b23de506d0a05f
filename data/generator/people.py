"""Addresses along the streets, and the people who live there: by IRIS, age and sex, and on the 200 m grid."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import dataclass, replace

from shapely.geometry import LineString, Point
from shapely.ops import split
from shapely.prepared import prep

from data.generator import plan
from data.generator.geometry import XY, offset_point, warp
from data.generator.network import FOOT_ONLY, City, Edge

POPULATION = 60_214

#: By character of the district: metres between addresses on one side, inhabitants per address before scaling.
SPACING_M = {
    "lane": 30, "grande-rue": 24, "faubourg": 50, "inner": 64, "suburb": 74, "fringe": 95, "dead-end": 44, "estate": 80,
    "activity": 150, "hospital": 150, "artery": 56, "village": 55,
}  # fmt: skip
PEOPLE = {
    "old": 7.5,
    "faubourg": 7.5,
    "inner": 5.2,
    "suburb": 3.6,
    "fringe": 2.6,
    "estate": 26.0,
    "activity": 0.4,
    "hospital": 3.0,
    "park": 2.0,
    "village": 2.4,
}


_LIMIT = LineString(plan.COMMUNE_LIMIT.exterior.coords)
_BUILT_UP = prep(plan.BUILT_UP.buffer(30))


@dataclass
class Address:
    """One numbered door."""

    street: str
    number: int
    suffix: str
    board: XY
    x_m: float
    y_m: float
    commune: str
    kind: str
    people: float = 0.0
    face: int = -1
    iris: str = ""
    quartier: int = 0
    qpv: str = ""
    qpv_2015: str = ""
    street_code: str = ""

    @property
    def label(self) -> str:
        """Number and street."""
        return f"{self.number}{' ' + self.suffix if self.suffix else ''} {self.street}"


def number_doors(city: City, seed: int) -> list[Address]:
    """Walk each street and put odd numbers on the left, even numbers on the right."""
    from data.generator.zones import commune_of

    streets: dict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in city.edges:
        if (
            edge.name is None
            or edge.highway in (FOOT_ONLY - {"pedestrian"}) | {"trunk", "service"}
            or "bridge" in edge.tags
            or "tunnel" in edge.tags
        ):
            continue
        for part in split(edge.line, _LIMIT).geoms:
            piece = replace(edge, coords=[(x, y) for x, y in part.coords])
            middle = part.interpolate(0.5, normalized=True)
            streets[(commune_of((middle.x, middle.y)), edge.name)].append(piece)
    doors: list[Address] = []
    for (commune, street), edges in streets.items():
        # Each street has its own lot, so that mending one leaves the doors of the others where they are.
        doors += _walk(commune, street, edges, random.Random(f"{seed}/doors/{commune}/{street}"))
    _count_people(doors)
    return doors


def _walk(commune: str, street: str, edges: list[Edge], rng: random.Random) -> list[Address]:
    doors, left, right = [], 1, 2
    for edge in edges:
        line = LineString(edge.coords)
        for side in (1, -1):
            at = rng.uniform(8, 20)
            while at < line.length - 8:
                x, y = offset_point(line, at, side * rng.uniform(7.5, 11))
                kind = _kind(edge, x, y, commune)
                spacing = SPACING_M[edge.kind] * rng.uniform(0.7, 1.5)
                if kind == "rural":
                    spacing *= 9
                number = left if side > 0 else right
                suffix = "bis" if rng.random() < 0.015 else ("ter" if rng.random() < 0.003 else "")
                xm, ym = warp(x, y)
                doors.append(Address(street, number, suffix, (x, y), xm, ym, commune, kind))
                left, right = (left + 2, right) if side > 0 else (left, right + 2)
                if rng.random() < 0.08:
                    left, right = left + 2 * (side > 0), right + 2 * (side < 0)
                at += spacing
    return doors


def _kind(edge: Edge, x: float, y: float, commune: str) -> str:
    if commune != plan.COMMUNE_CODE:
        return "village" if edge.kind == "village" else "rural"
    if edge.kind in ("lane", "grande-rue"):
        return "old"
    if not _BUILT_UP.contains(Point(x, y)):
        return "rural"
    return plan.district_type(x, y)


def _count_people(doors: list[Address]) -> None:
    for door in doors:
        rng = random.Random(f"people/{door.commune}/{door.label}")
        door.people = PEOPLE.get(door.kind, 1.2) * math.exp(rng.gauss(0, 0.45))
    city = sum(d.people for d in doors if d.commune == plan.COMMUNE_CODE)
    for door in doors:
        door.people *= POPULATION / city
