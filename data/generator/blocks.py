"""From macro-blocks between the arteries to streets: lanes of the old town, cuts, dead ends, loops, paths."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from shapely.geometry import LineString, MultiPoint, Point, Polygon
from shapely.ops import polygonize, split, unary_union, voronoi_diagram

from data.generator import plan
from data.generator.geometry import XY, bend, long_axis, trim

#: Area under which a block is no longer cut, by character of the district, in square metres.
BLOCK_AREA_M2 = {
    "faubourg": 17_000, "inner": 27_000, "suburb": 46_000, "fringe": 75_000, "estate": 62_000,
    "activity": 105_000, "hospital": 400_000, "park": 400_000,
}  # fmt: skip


@dataclass
class Street:
    """One street before naming."""

    coords: list[XY]
    highway: str
    kind: str
    name: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    is_dual: bool = False


@dataclass
class Board:
    """The drawing board: streets, and what no street may cross."""

    streets: list[Street] = field(default_factory=list)
    junctions: list[XY] = field(default_factory=list)

    @property
    def barriers(self) -> list[tuple[LineString, float]]:
        """Lines that stop a street, with the distance kept from them."""
        return [
            (LineString(plan.RAIL), 16.0),
            (LineString(plan.RING), 34.0),
            (river_area().exterior, 14.0),
            (LineString(plan.BUILT_UP.exterior.coords), 5.0),
        ]


def river_area() -> Polygon:
    """Return the water between the banks."""
    water = LineString(plan.RIVER).buffer(plan.RIVER_HALF_WIDTH_M, cap_style="flat")
    assert isinstance(water, Polygon)
    return water


def draw_streets(seed: int) -> Board:
    """Draw every street of the built-up area, arteries included."""
    rng = random.Random(seed)
    board = Board()
    for artery in (*plan.ARTERIES, plan.RING_ROAD):
        board.streets.append(
            Street(list(artery.points), artery.highway, "artery", artery.name, dict(artery.tags), artery.is_dual)
        )
    _old_town(board, rng)
    _villages(board, rng)
    old_town = Polygon(plan.BOULEVARD)
    for block in _macro_blocks():
        if not old_town.contains(block.representative_point()):
            _cut(board, block, rng, depth=0)
    return board


_VILLAGE_STREETS = ("Rue de l'Église", "Rue de la Mairie", "Rue des Écoles", "Chemin du Lavoir", "Rue du Four")


def _villages(board: Board, rng: random.Random) -> None:
    """Give each neighbour a village on the road to it; its street names are those of every village."""
    roads = [LineString(artery.points) for artery in plan.ARTERIES]
    for _, _, _, place in plan.NEIGHBOURS:
        road = min(roads, key=lambda line: line.distance(Point(place)))
        at = road.project(Point(place))
        for k, name in enumerate(_VILLAGE_STREETS):
            start = road.interpolate(at + 130 * (k - 2))
            side = 1 if k % 2 else -1
            ahead = road.interpolate(at + 130 * (k - 2) + 1)
            angle = math.atan2(ahead.y - start.y, ahead.x - start.x) + side * rng.uniform(1.2, 1.9)
            reach = rng.uniform(220, 380)
            goal = (start.x + reach * math.cos(angle), start.y + reach * math.sin(angle))
            board.streets.append(
                Street(bend((start.x, start.y), goal, sag=rng.uniform(-0.2, 0.2)), "residential", "village", name)
            )


def _macro_blocks() -> list[Polygon]:
    lines = [LineString(a.points) for a in plan.ARTERIES]
    lines += [LineString(plan.RAIL), LineString(plan.RING), LineString(plan.BUILT_UP.exterior.coords)]
    lines.append(LineString(river_area().exterior.coords))
    water = river_area()
    faces = [
        face
        for face in polygonize(unary_union(lines))
        if plan.BUILT_UP.contains(face.representative_point()) and not water.contains(face.representative_point())
    ]
    return sorted(faces, key=lambda face: (round(face.centroid.x), round(face.centroid.y)))


def _old_town(board: Board, rng: random.Random) -> None:
    """Lanes between cells around jittered points on rings: medieval streets turn round the market square."""
    wall = Polygon(plan.BOULEVARD)
    seeds: list[XY] = [(0.0, 40.0)]
    for ring, (radius, count) in enumerate(((95, 6), (180, 11), (270, 15), (360, 20), (440, 24))):
        for i in range(count):
            angle = 2 * math.pi * (i + 0.35 * rng.uniform(-1, 1) + 0.5 * (ring % 2)) / count
            r = radius + rng.uniform(-24, 24)
            seeds.append((r * math.cos(angle), 60 + 0.95 * r * math.sin(angle)))
    cells = voronoi_diagram(MultiPoint(seeds), envelope=wall.buffer(300))
    edges = unary_union([LineString(cell.exterior.coords) for cell in cells.geoms if cell.intersects(wall)])
    inside = edges.intersection(wall)
    lanes = [g for g in inside.geoms if isinstance(g, LineString) and g.length > 4]
    lanes.sort(key=lambda g: (round(g.centroid.x, 1), round(g.centroid.y, 1)))
    for lane in lanes:
        near = Point(0, 40).distance(lane.centroid)
        if lane.length > 30 and rng.random() < 0.10 and near > 120:
            continue  # two cells share a courtyard
        highway = "pedestrian" if near < 150 else ("living_street" if rng.random() < 0.35 else "residential")
        coords = list(lane.coords)
        wavy = bend(coords[0], coords[-1], sag=rng.uniform(-0.10, 0.10), step_m=25) if lane.length > 40 else coords
        board.streets.append(Street(wavy, highway, "lane"))
    grande_rue = [(-120.0, -412.0), (-105.0, -260.0), (-60.0, -120.0), (-30.0, 0.0)]
    board.streets.append(Street(grande_rue, "residential", "grande-rue", "Grande-Rue", {"maxspeed": "30"}))


def _cut(board: Board, block: Polygon, rng: random.Random, depth: int) -> None:
    """Cut a block in two along a street until its pieces are as small as the district wants."""
    kind = plan.district_type(block.centroid.x, block.centroid.y)
    target = BLOCK_AREA_M2[kind] * rng.uniform(0.75, 1.35)
    centre, unit, length, width = long_axis(block)
    if block.area < target or length < 110 or depth > 12:
        _inside(board, block, kind, rng)
        return
    for _ in range(6):
        line = _candidate(board, block, centre, unit, length, width, rng)
        pieces = [g for g in split(block, line).geoms if g.area > 0]
        if len(pieces) < 2 or min(p.area for p in pieces) < 0.12 * block.area or min(p.area for p in pieces) < 2500:
            continue
        street = line.intersection(block)
        parts = [g for g in getattr(street, "geoms", [street]) if isinstance(g, LineString) and g.length > 20]
        for part in sorted(parts, key=lambda g: -g.length):
            _add_cut(board, part, kind, depth, rng)
        for piece in sorted(pieces, key=lambda p: (round(p.centroid.x), round(p.centroid.y))):
            _cut(board, piece, rng, depth + 1)
        return
    _inside(board, block, kind, rng)


def _candidate(
    board: Board, block: Polygon, centre: XY, unit: XY, length: float, width: float, rng: random.Random
) -> LineString:
    """Draw a gently curved line across the long axis, through an existing junction when one is handy."""
    along = rng.uniform(-0.17, 0.17) * length
    angle = rng.gauss(0, 0.13)
    if rng.random() < 0.62:
        ring = block.exterior
        usable = []
        for junction in board.junctions:
            shift = (junction[0] - centre[0]) * unit[0] + (junction[1] - centre[1]) * unit[1]
            if abs(shift) < 0.25 * length and ring.distance(Point(junction)) < 1.0:
                usable.append((abs(shift), shift, junction))
        if usable:
            _, _, through = min(usable)
            return _across(through, centre, unit, angle, width, rng)
    middle = (centre[0] + unit[0] * along, centre[1] + unit[1] * along)
    return _across(middle, centre, unit, angle, width, rng)


def _across(through: XY, centre: XY, unit: XY, angle: float, width: float, rng: random.Random) -> LineString:
    dx, dy = -unit[1], unit[0]
    cos, sin = math.cos(angle), math.sin(angle)
    dx, dy = dx * cos - dy * sin, dx * sin + dy * cos
    # Long enough to leave the block on both sides whatever the junction's place on its edge.
    reach = width + abs((through[0] - centre[0]) * dx + (through[1] - centre[1]) * dy) + 60
    a, b = (through[0] - dx * reach, through[1] - dy * reach), (through[0] + dx * reach, through[1] + dy * reach)
    first, second = bend(a, through, sag=0.0), bend(through, b, sag=0.0)
    sag = rng.uniform(-0.05, 0.05) * min(width, 250)
    wave = [
        (p[0] + unit[0] * sag * math.sin(math.dist(p, through) / 95), p[1] + unit[1] * sag * math.sin(math.dist(p,
            through) / 95))
        for p in [*first[:-1], *second]
    ]  # fmt: skip
    return LineString(wave)


def _add_cut(board: Board, part: LineString, kind: str, depth: int, rng: random.Random) -> None:
    start, end = Point(part.coords[0]), Point(part.coords[-1])
    start_m = end_m = 0.0
    for barrier, keep in board.barriers:
        # At the edge of town the last streets do not all stop on one line.
        keep = keep if keep > 5 else rng.uniform(5, 0.6 * part.length)
        start_m = max(start_m, keep if barrier.distance(start) < 1.0 else 0.0)
        end_m = max(end_m, keep if barrier.distance(end) < 1.0 else 0.0)
    line = trim(part, start_m=start_m, end_m=end_m)
    if line is None or (start_m and end_m):
        return
    highway = "tertiary" if depth == 0 and line.length > 600 and kind in ("inner", "suburb") else "residential"
    if kind == "activity":
        highway = "unclassified"
    coords = [tuple(c) for c in line.coords]
    if start_m:  # streets run from their open end
        coords.reverse()
    board.streets.append(Street(coords, highway, kind))
    board.junctions += [coords[0]] + ([] if start_m or end_m else [coords[-1]])


def _inside(board: Board, block: Polygon, kind: str, rng: random.Random) -> None:
    """Fill a finished block: dead ends of housing, service ways and paths of estates, yards, park walks."""
    if block.area < 5000:
        return
    _, _, length, width = long_axis(block)
    centre = (block.centroid.x, block.centroid.y)
    if kind in ("suburb", "fringe", "inner") and width > 100 and rng.random() < (0.2 if kind == "inner" else 0.6):
        _dead_end(board, block, rng, length)
    elif kind == "estate":
        start, end = _rim(block, rng.uniform(0.05, 0.2)), _rim(block, rng.uniform(0.5, 0.65))
        _add_path(board, Street(bend(start, end, sag=0.06), "footway", "path"))
        car_park = bend(_rim(block, rng.uniform(0.3, 0.4)), centre, sag=0.2)
        _add_path(board, Street(car_park, "service", "car-park", tags={"service": "parking_aisle"}))
    elif kind in ("activity", "hospital") and rng.random() < 0.8:
        door = _rim(block, rng.uniform(0.0, 1.0))
        tags = {"access": "private"} if kind == "activity" and rng.random() < 0.5 else {}
        _add_path(board, Street(bend(door, centre, sag=0.1), "service", "yard", tags=tags))
    elif kind == "park":
        for k in range(4):
            _add_path(board, Street(bend(_rim(block, 0.07 + 0.25 * k), centre, sag=0.15), "footway", "path"))
    elif kind in ("suburb", "fringe") and rng.random() < 0.3:
        _add_path(board, Street(bend(_rim(block, 0.1), _rim(block, 0.55), sag=0.04), "footway", "path"))


def _rim(block: Polygon, share: float) -> XY:
    spot = block.exterior.interpolate(share, normalized=True)
    return spot.x, spot.y


def _add_path(board: Board, street: Street) -> None:
    """Add a path unless it would cross the river, the railway or the ring road."""
    line = LineString(street.coords)
    if not any(line.distance(barrier) < 8.0 for barrier, _ in board.barriers):
        board.streets.append(street)


def _dead_end(board: Board, block: Polygon, rng: random.Random, length: float) -> None:
    barriers = [barrier for barrier, _ in board.barriers]
    for _ in range(5):
        door = block.exterior.interpolate(rng.uniform(0, 1), normalized=True)
        if min(barrier.distance(door) for barrier in barriers) < 30:
            continue
        goal = block.centroid
        if not 45 < door.distance(goal) < 0.75 * length:
            continue
        line = LineString(bend((door.x, door.y), (goal.x, goal.y), sag=rng.uniform(-0.15, 0.15), step_m=25))
        if line.difference(block.buffer(0.5)).length > 1:
            continue
        board.streets.append(Street([tuple(c) for c in line.coords], "residential", "dead-end"))
        return
