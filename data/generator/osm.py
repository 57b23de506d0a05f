"""The city as an OSM PBF."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import osmium
from shapely.geometry import LineString, Point
from shapely.ops import substring

from data.generator import plan
from data.generator.blocks import river_area
from data.generator.geometry import XY, circle, densify, offset_point, to_lonlat, warp
from data.generator.network import City, Edge

Tags = dict[str, str]
_STAMP = "2026-01-15T00:00:00Z"


class _Content:
    """Nodes, ways and relations before they are written, nodes shared by position."""

    def __init__(self) -> None:
        self.nodes: dict[XY, int] = {}
        self.node_tags: dict[int, Tags] = {}
        self.ways: list[tuple[list[int], Tags]] = []
        self.relations: list[tuple[list[tuple[str, int, str]], Tags]] = []

    def node(self, xy: XY) -> int:
        x, y = warp(*xy)
        key = (round(x, 2), round(y, 2))
        return self.nodes.setdefault(key, len(self.nodes) + 1)

    def way(self, coords: list[XY], tags: Tags, *, step_m: float = 45.0) -> int:
        refs: list[int] = []
        for xy in densify(coords, step_m=step_m):
            ref = self.node(xy)
            if not refs or refs[-1] != ref:
                refs.append(ref)
        self.ways.append((refs, tags))
        return len(self.ways)


def write_osm(city: City, path: Path) -> None:
    """Write streets, river, railway, parks and turn restrictions; ids are small: nobody's in OSM."""
    content = _Content()
    stops = set(city.signals)
    chains = _chains(city.edges, stops)
    starts: dict[XY, list[tuple[int, Edge]]] = {}
    for chain in chains:
        for way, edge in _write_chain(content, chain):
            for xy in (edge.coords[0], edge.coords[-1]):
                starts.setdefault(xy, []).append((way, edge))
    for xy in city.signals:
        content.node_tags[content.node(xy)] = {"highway": "traffic_signals"}
    _restrictions(content, city.signals, starts)
    _surroundings(content, city)
    _write(content, path)


def _chains(edges: list[Edge], stops: set[XY]) -> list[Edge]:
    """Join consecutive edges of one street into one way, as mappers do; never through a traffic light."""
    out: list[Edge] = []
    for edge in edges:
        last = out[-1] if out else None
        if (
            last is not None
            and last.coords[-1] == edge.coords[0]
            and last.coords[-1] not in stops
            and (last.name, last.highway, last.tags, last.is_dual) == (edge.name, edge.highway, edge.tags, edge.is_dual)
            and last.name is not None
            and not edge.is_dual
            and len(last.coords) < 60
        ):
            out[-1] = Edge([*last.coords, *edge.coords[1:]], last.highway, last.kind, last.name, last.tags)
        else:
            out.append(edge)
    return out


def _write_chain(content: _Content, edge: Edge) -> list[tuple[int, Edge]]:
    tags = {"highway": edge.highway, **({"name": edge.name} if edge.name else {}), **edge.tags}
    if not edge.is_dual:
        return [(content.way(edge.coords, tags), edge)]
    written = []
    line = edge.line
    count = max(2, round(line.length / 60))
    for side in (-9.0, 9.0):  # traffic keeps right
        inner = [offset_point(line, line.length * i / count, side) for i in range(1, count)]
        coords = [edge.coords[0], *inner, edge.coords[-1]]
        if side > 0:
            coords.reverse()
        one = Edge(coords, edge.highway, edge.kind, edge.name, {**edge.tags, "oneway": "yes"})
        written.append(
            (content.way(coords, {"highway": edge.highway, "name": edge.name or "", **one.tags, "lanes": "2"}), one)
        )
    return written


def _restrictions(content: _Content, signals: list[XY], starts: dict[XY, list[tuple[int, Edge]]]) -> None:
    """Forbid three left turns at traffic lights, as three relations."""
    for xy in signals:
        arms = [(w, e) for w, e in starts.get(xy, []) if e.kind == "artery" and "oneway" not in e.tags]
        for from_way, from_edge in arms:
            arriving = _direction(from_edge, xy)
            for to_way, to_edge in arms:
                if to_way == from_way or len(content.relations) >= 3:
                    continue
                leaving = _direction(to_edge, xy)
                turn = (leaving - (arriving + math.pi) + math.pi) % (2 * math.pi) - math.pi
                if math.pi / 4 < turn < 3 * math.pi / 4:
                    members = [("w", from_way, "from"), ("n", content.node(xy), "via"), ("w", to_way, "to")]
                    content.relations.append((members, {"type": "restriction", "restriction": "no_left_turn"}))
                    break
            else:
                continue
            break


def _direction(edge: Edge, xy: XY) -> float:
    """Return the angle of an edge as it leaves the junction."""
    near = edge.coords[1] if edge.coords[0] == xy else edge.coords[-2]
    return math.atan2(near[1] - xy[1], near[0] - xy[0])


def _surroundings(content: _Content, city: City) -> None:
    content.way(plan.RIVER, {"waterway": "river", "name": "La Brise"}, step_m=90)
    # The river runs from east to west; the water is drawn over the commune and its surroundings.
    water = list(river_area().simplify(1.0).exterior.coords)
    content.way(water, {"natural": "water", "water": "river", "name": "La Brise"}, step_m=120)
    rail = LineString(plan.RAIL)
    places = sorted(rail.project(Point(xy)) for xy in city.level_crossings)
    cuts = [0.0, *places, rail.length]
    points: list[XY] = []
    for a, b in pairwise(cuts):
        points += [tuple(c) for c in substring(rail, a, b).coords]
    for xy in city.level_crossings:
        nearest = min(range(len(points)), key=lambda i: math.dist(points[i], xy))
        points = [xy if math.dist(p, points[nearest]) < 0.5 else p for p in points]
        content.node_tags[content.node(xy)] = {"railway": "level_crossing"}
    content.way(points, {"railway": "rail", "gauge": "1435", "name": "Ligne de Nevers à Dijon"}, step_m=90)
    content.node_tags[content.node((560, 962))] = {"railway": "station", "name": "Gare de Montbrise"}
    content.way(circle((-1150, -545), 150), {"leisure": "park", "name": "Parc de la Brise"})
    content.way(circle((2600, 3300), 420), {"landuse": "forest", "name": "Bois des Loges"})
    content.way(
        [tuple(c) for c in plan.BUILT_UP.exterior.coords], {"landuse": "residential", "name": plan.COMMUNE}, step_m=150
    )
    content.node_tags[content.node((0, 45))] = {"place": "town", "name": plan.COMMUNE, "population": "60214"}


def _write(content: _Content, path: Path) -> None:
    path.unlink(missing_ok=True)
    header = osmium.io.Header()
    header.set("generator", "Montbrise, ville fictive")
    common = {"version": 1, "timestamp": _STAMP, "uid": 1, "user": "montbrise", "changeset": 1, "visible": True}
    writer = osmium.SimpleWriter(str(path), 4 * 1024 * 1024, header)
    for (x, y), ref in content.nodes.items():
        lon, lat = to_lonlat(x, y)
        tags = content.node_tags.get(ref, {})
        writer.add_node(osmium.osm.mutable.Node(id=ref, location=(round(lon, 7), round(lat, 7)), tags=tags, **common))
    for number, (refs, tags) in enumerate(content.ways, start=1):
        writer.add_way(osmium.osm.mutable.Way(id=number, nodes=refs, tags=tags, **common))
    for number, (members, tags) in enumerate(content.relations, start=1):
        writer.add_relation(osmium.osm.mutable.Relation(id=number, members=members, tags=tags, **common))
    writer.close()
