"""One graph from the drawn streets: junctions, names, roundabouts, bridges and underpasses, one-way streets."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

import networkx as nx
from shapely import STRtree
from shapely.geometry import LineString, Point
from shapely.ops import substring

from data.generator import plan
from data.generator.blocks import Board, Street
from data.generator.geometry import XY
from data.generator.names import Namer

FOOT_ONLY = {"footway", "path", "steps", "pedestrian", "cycleway"}


@dataclass
class Edge:
    """A street between two junctions, on the drawing board."""

    coords: list[XY]
    highway: str
    kind: str
    name: str | None
    tags: dict[str, str] = field(default_factory=dict)
    is_dual: bool = False

    @property
    def line(self) -> LineString:
        """The geometry."""
        return LineString(self.coords)


@dataclass
class City:
    """The finished network on the drawing board, before the warp."""

    edges: list[Edge]
    level_crossings: list[XY]
    signals: list[XY]


def build_city(board: Board, seed: int) -> City:
    """Turn drawn streets into a connected, named and tagged network."""
    rng = random.Random(seed)
    _name(board, rng)
    edges = _node(board.streets)
    edges = _without_stubs(_largest_component(edges))
    edges += _roundabout_rings(edges)
    crossings: list[XY] = []
    edges = [piece for edge in edges for piece in _over_and_under(edge, crossings)]
    edges += _footbridges(edges)
    _tag(edges, rng)
    _open_traps(edges)
    return City(edges, crossings, _signals(edges))


def _name(board: Board, rng: random.Random) -> None:
    namer = Namer(rng)
    ends: dict[XY, list[tuple[Street, float]]] = defaultdict(list)
    for street in board.streets:
        if street.name is None and street.kind in (
            "lane",
            "faubourg",
            "inner",
            "suburb",
            "fringe",
            "estate",
            "activity",
            "hospital",
            "dead-end",
        ):
            street.name = _continued(street, ends) or namer.name(street.kind)
        for end, (ahead, behind) in ((0, (1, 0)), (-1, (-2, -1))):
            (ax, ay), (bx, by) = street.coords[ahead], street.coords[behind]
            ends[_key(street.coords[end])].append((street, math.atan2(by - ay, bx - ax)))


def _continued(street: Street, ends: dict[XY, list[tuple[Street, float]]]) -> str | None:
    """Keep the name of the street that runs straight on into this one."""
    for end, ahead in ((0, 1), (-1, -2)):
        (ax, ay), (bx, by) = street.coords[end], street.coords[ahead]
        leaving = math.atan2(by - ay, bx - ax)
        limit = 0.55 if street.kind != "lane" else 0.8
        for other, arriving in ends[_key(street.coords[end])]:
            turn = abs((leaving - arriving + math.pi) % (2 * math.pi) - math.pi)
            if other.name and other.kind == street.kind and turn < limit:
                return other.name
    return None


def _key(xy: XY) -> XY:
    return round(xy[0]), round(xy[1])


def _node(streets: list[Street]) -> list[Edge]:
    """Split every street where it meets another; the ring road meets others at its roundabouts only."""
    lines = [LineString(s.coords) for s in streets]
    tree = STRtree(lines)
    ring_index = next(i for i, s in enumerate(streets) if s.is_dual)
    allowed = [Point(xy) for xy, _ in plan.ROUNDABOUTS]
    edges: list[Edge] = []
    for i, (street, line) in enumerate(zip(streets, lines, strict=True)):
        cuts: list[float] = []
        for j in sorted(int(k) for k in tree.query(line.buffer(1.5))):
            if j == i:
                continue
            met = _meetings(line, lines[j])
            if ring_index in (i, j):
                met = [p for p in met if min(p.distance(a) for a in allowed) < 60]
            cuts += [line.project(p) for p in met]
        edges += _split(street, line, cuts)
    return _join_nodes(edges)


def _meetings(line: LineString, other: LineString) -> list[Point]:
    met = [
        other_end for other_end in (Point(other.coords[0]), Point(other.coords[-1])) if line.distance(other_end) < 1.0
    ]
    crossing = line.intersection(other)
    met += [g for g in getattr(crossing, "geoms", [crossing]) if isinstance(g, Point) and not g.is_empty]
    return met


def _split(street: Street, line: LineString, cuts: list[float]) -> list[Edge]:
    places = [0.0]
    for cut in sorted(cuts):
        if cut - places[-1] > 9 and line.length - cut > 9:
            places.append(cut)
    places.append(line.length)
    pieces = []
    for a, b in pairwise(places):
        part = substring(line, a, b)
        pieces.append(
            Edge(
                [tuple(c) for c in part.coords],
                street.highway,
                street.kind,
                street.name,
                dict(street.tags),
                street.is_dual,
            )
        )
    return pieces


def _join_nodes(edges: list[Edge]) -> list[Edge]:
    """Give ends closer than 9 m the same position, so that they are one junction."""
    ends = sorted({(round(e.coords[k][0], 2), round(e.coords[k][1], 2)) for e in edges for k in (0, -1)})
    tree = STRtree([Point(p) for p in ends])
    moved: dict[XY, XY] = {}
    for i, p in enumerate(ends):
        if p in moved:
            continue
        for j in sorted(int(k) for k in tree.query(Point(p).buffer(9.0))):
            if j >= i and ends[j] not in moved:
                moved[ends[j]] = p
    out, seen = [], set()
    for edge in edges:
        a = moved[(round(edge.coords[0][0], 2), round(edge.coords[0][1], 2))]
        b = moved[(round(edge.coords[-1][0], 2), round(edge.coords[-1][1], 2))]
        edge.coords = [a, *edge.coords[1:-1], b]
        if a == b and edge.line.length < 40:
            continue
        twin = (*sorted((a, b)), round(edge.line.length / 12))
        if twin in seen:
            continue
        seen.add(twin)
        out.append(edge)
    return out


def _largest_component(edges: list[Edge]) -> list[Edge]:
    """Keep what is connected to the market square; a street nobody can reach is a drawing mistake."""
    parent: dict[XY, XY] = {}

    def find(p: XY) -> XY:
        while parent.setdefault(p, p) != p:
            parent[p] = parent[parent[p]]
            p = parent[p]
        return p

    for edge in edges:
        parent[find(edge.coords[0])] = find(edge.coords[-1])
    sizes: dict[XY, float] = defaultdict(float)
    for edge in edges:
        sizes[find(edge.coords[0])] += edge.line.length
    main = max(sizes, key=lambda p: sizes[p])
    return [edge for edge in edges if find(edge.coords[0]) == main]


def _without_stubs(edges: list[Edge]) -> list[Edge]:
    """Drop the ends of lanes that stick out beyond the quay."""
    degree = Counter(edge.coords[k] for edge in edges for k in (0, -1))
    return [
        edge
        for edge in edges
        if edge.kind != "lane" or edge.line.length > 30 or min(degree[edge.coords[0]], degree[edge.coords[-1]]) > 1
    ]


def _roundabout_centres(edges: list[Edge]) -> list[tuple[XY, float]]:
    nodes = sorted({edge.coords[k] for edge in edges for k in (0, -1)})
    degree: dict[XY, int] = defaultdict(int)
    for edge in edges:
        degree[edge.coords[0]] += 1
        degree[edge.coords[-1]] += 1
    found = []
    for centre, radius in plan.ROUNDABOUTS:
        near = [n for n in nodes if math.dist(n, centre) < 70 and degree[n] >= 3]
        if near:
            found.append((min(near, key=lambda n: math.dist(n, centre)), float(radius)))
    return found


def _roundabout_rings(edges: list[Edge]) -> list[Edge]:
    """Cut the streets at each roundabout's rim and return the rims, counter-clockwise and one-way."""
    rims: list[Edge] = []
    for centre, radius in _roundabout_centres(edges):
        doors: list[tuple[float, XY]] = []
        disc = Point(centre).buffer(radius)
        for edge in list(edges):
            if edge.line.distance(Point(centre)) > radius:
                continue
            outside = edge.line.difference(disc)
            parts = [g for g in getattr(outside, "geoms", [outside]) if not g.is_empty and g.length > 6]
            if not parts:
                edges.remove(edge)
                continue
            part = max(parts, key=lambda g: g.length)
            edge.coords = [tuple(c) for c in part.coords]
            for end in (0, -1):
                x, y = edge.coords[end]
                if abs(math.dist((x, y), centre) - radius) < 1.0:
                    angle = math.atan2(y - centre[1], x - centre[0]) % (2 * math.pi)
                    angle = next((a for a, _ in doors if abs(a - angle) * radius < 5), angle)
                    door = (
                        round(centre[0] + radius * math.cos(angle), 2),
                        round(centre[1] + radius * math.sin(angle), 2),
                    )
                    edge.coords[end] = door
                    doors.append((angle, door))
        rims += _rim(
            centre,
            radius,
            sorted(set(doors)),
            max((e.highway for e in edges if any(d in (e.coords[0], e.coords[-1]) for _, d in doors)), key=_rank),
        )
    return rims


def _rank(highway: str) -> int:
    order = ["residential", "unclassified", "tertiary", "secondary", "primary"]
    return order.index(highway) if highway in order else -1


def _rim(centre: XY, radius: float, doors: list[tuple[float, XY]], highway: str) -> list[Edge]:
    rim = []
    for (a, start), (b, end) in zip(doors, doors[1:] + doors[:1], strict=True):
        sweep = (b - a) % (2 * math.pi) or 2 * math.pi
        count = max(1, round(sweep / 0.45))
        middle = [
            (centre[0] + radius * math.cos(a + sweep * i / count), centre[1] + radius * math.sin(a + sweep * i / count))
            for i in range(1, count)
        ]
        rim.append(
            Edge([start, *middle, end], highway, "roundabout", None, {"junction": "roundabout", "oneway": "yes"})
        )
    return rim


def _over_and_under(edge: Edge, crossings: list[XY]) -> list[Edge]:
    """Cut out the bridge over the river, the passages of the railway and of the ring road, as tagged pieces."""
    line = edge.line
    marks: list[tuple[float, float, dict[str, str]]] = []
    water = LineString(plan.RIVER)
    for p in _points(line.intersection(water)):
        at = line.project(p)
        marks.append((at - 38, at + 38, {"bridge": "yes", "layer": "1"}))
    if not edge.is_dual:
        for p in _points(line.intersection(LineString(plan.RING))):
            at = line.project(p)
            if min(math.dist((p.x, p.y), xy) for xy, _ in plan.ROUNDABOUTS) > 80:
                tags = (
                    {"tunnel": "yes", "layer": "-1"} if edge.highway in FOOT_ONLY else {"bridge": "yes", "layer": "2"}
                )
                marks.append((at - 22, at + 22, tags))
    for p in _points(line.intersection(LineString(plan.RAIL))):
        at = line.project(p)
        if edge.name == "Rue des Vignes":
            crossings.append((p.x, p.y))
            marks.append((at, at, {}))
        elif edge.highway in FOOT_ONLY or edge.name == "Avenue de Paris":
            marks.append((at - 14, at + 14, {"tunnel": "yes", "layer": "-1"}))
        else:
            marks.append((at - 16, at + 16, {"bridge": "yes", "layer": "1"}))
    if not marks:
        return [edge]
    pieces, here = [], 0.0
    for start, end, tags in sorted(marks, key=lambda mark: mark[0]):
        start, end = max(start, here), min(end, line.length)
        for a, b, extra in ((here, start, {}), (start, end, tags)):
            if b - a > 0.5:
                part = substring(line, a, b)
                pieces.append(
                    Edge(
                        [tuple(c) for c in part.coords],
                        edge.highway,
                        edge.kind,
                        edge.name,
                        {**edge.tags, **extra},
                        edge.is_dual,
                    )
                )
        here = end
    if line.length - here > 0.5:
        part = substring(line, here, line.length)
        pieces.append(
            Edge([tuple(c) for c in part.coords], edge.highway, edge.kind, edge.name, dict(edge.tags), edge.is_dual)
        )
    for before, after in pairwise(pieces):
        after.coords[0] = before.coords[-1]
    pieces[0].coords[0], pieces[-1].coords[-1] = edge.coords[0], edge.coords[-1]
    return pieces


def _points(met: object) -> list[Point]:
    return [g for g in getattr(met, "geoms", [met]) if isinstance(g, Point) and not g.is_empty]


def _footbridges(edges: list[Edge]) -> list[Edge]:
    """Add the passages on foot: under the ring road to the large estate, over the railway by the station."""
    nodes = sorted({edge.coords[k] for edge in edges for k in (0, -1) if edge.highway not in ("trunk", "service")})
    passages = []
    for a, b, tags in (
        ((700, 2080), (720, 2420), {"tunnel": "yes", "layer": "-1", "name": "Passage du Souterrain"}),
        ((560, 900), (540, 1100), {"bridge": "yes", "layer": "1", "name": "Passerelle de la Gare"}),
        ((-900, 890), (-930, 1190), {"bridge": "yes", "layer": "1", "name": "Passerelle des Cheminots"}),
    ):  # fmt: skip
        start = min(nodes, key=lambda n: math.dist(n, a))
        end = min(nodes, key=lambda n: math.dist(n, b))
        passages.append(Edge([start, end], "footway", "path", tags.pop("name"), {**tags, "bicycle": "dismount"}))
    return passages


def _tag(edges: list[Edge], rng: random.Random) -> None:
    """Speeds in the forms OSM knows, one-way streets, surfaces, cycleways."""
    draws: dict[tuple[str | None, str], tuple[float, float]] = {}
    for edge in edges:
        key = (edge.name, edge.kind)
        if edge.name is None or key not in draws:  # a named street keeps its rules from end to end
            draws[key] = (rng.random(), rng.random())
        draw, draw_bike = draws[key]
        if edge.highway in ("residential", "living_street") and "oneway" not in edge.tags and edge.kind != "dead-end":
            share = {"lane": 0.6, "faubourg": 0.35, "inner": 0.12}.get(edge.kind, 0.02)
            if draw < share:
                edge.tags["oneway"] = "yes" if draw > 0.02 else "-1"
                if draw_bike < 0.55:
                    edge.tags["oneway:bicycle"] = "no"
        if edge.highway == "living_street":
            edge.tags["maxspeed"] = "20"
        elif edge.highway == "residential" and "maxspeed" not in edge.tags:
            if edge.kind in ("lane", "estate"):
                edge.tags |= (
                    {"maxspeed": "30", "zone:maxspeed": "FR:30"} if draw_bike < 0.6 else {"maxspeed": "FR:zone30"}
                )
            elif edge.kind in ("faubourg", "inner") and draw_bike < 0.5:
                edge.tags["maxspeed"] = "30" if draw_bike < 0.25 else "FR:urban"
            elif draw_bike < 0.2:
                edge.tags["maxspeed"] = "50"
        elif edge.highway == "footway" and draw_bike < 0.06:
            edge.highway = "steps"
        elif edge.highway == "footway" and draw_bike < 0.14:
            edge.highway = "cycleway"
            edge.tags["foot"] = "yes"
        if edge.highway in ("tertiary", "secondary") and draw_bike < 0.3:
            edge.tags["cycleway"] = "lane"
        if edge.kind == "artery" and plan.COMMUNE_LIMIT.contains(edge.line.interpolate(0.5, normalized=True)):
            edge.tags["lit"] = "yes"


def _signals(edges: list[Edge]) -> list[XY]:
    """Put traffic lights where main streets cross inside the ring."""
    main: dict[XY, set[str]] = defaultdict(set)
    for edge in edges:
        if edge.highway in ("primary", "secondary", "tertiary") and edge.kind == "artery":
            for end in (0, -1):
                main[edge.coords[end]].add(edge.name or "")
    return sorted(node for node, names in main.items() if len(names) >= 2 and math.hypot(*node) < 2600)


def _open_traps(edges: list[Edge]) -> None:
    """Make two-way the one-way streets from which a car could not come back."""
    drivable = [edge for edge in edges if edge.highway not in FOOT_ONLY]
    while True:
        graph = nx.DiGraph()
        for edge in drivable:
            a, b = edge.coords[0], edge.coords[-1]
            oneway = "no" if edge.is_dual else edge.tags.get("oneway", "no")
            if oneway != "-1":
                graph.add_edge(a, b)
            if oneway != "yes":
                graph.add_edge(b, a)
        main = max(nx.strongly_connected_components(graph), key=len)
        traps = [
            edge
            for edge in drivable
            if edge.tags.get("oneway") in ("yes", "-1")
            and "junction" not in edge.tags
            and (edge.coords[0] in main) != (edge.coords[-1] in main)
        ]
        if not traps:
            return
        for edge in traps:
            del edge.tags["oneway"]
            edge.tags.pop("oneway:bicycle", None)
