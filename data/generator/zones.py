"""IRIS, quartiers, QPV and communes: unions of blocks between streets, as real ones are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shapely import STRtree, union_all
from shapely.geometry import LineString, MultiPolygon, Point, Polygon
from shapely.ops import polygonize, unary_union

from data.generator import plan
from data.generator.geometry import XY, densify, smooth, unwarp, warp, warp_line
from data.generator.network import FOOT_ONLY, City
from data.generator.people import Address

_GRID_M = 0.05

QUARTIERS = (
    "Centre historique", "Gare - Victor-Hugo", "Saint-Éloi - Jean-Jaurès", "Saint-Genès - Les Tanneries",
    "Les Vignes - Les Forges", "Moulin-à-Vent", "Foch - Cordeliers - Beaulieu", "Les Hauts-de-Brise",
    "Bel-Air - La Montée", "Faubourg du Pont - Saint-Jacques", "La Prairie", "Croix-Rousse - Les Coteaux",
)  # fmt: skip

#: IRIS: name, quartier (1 to 12), sector, seed.
IRIS_SEEDS: tuple[tuple[str, int, str, XY], ...] = (
    ("Cathédrale", 1, "centre", (-40, 190)), ("Vieilles Halles", 1, "centre", (40, -190)),
    ("Gambetta", 2, "centre", (-680, 560)), ("Gare", 2, "centre", (520, 700)), ("Victor Hugo", 2, "centre", (-120,
        740)),
    ("Saint-Éloi", 3, "centre", (830, 230)), ("Quai des Lavandières", 3, "centre", (800, -330)),
    ("Jean Jaurès", 3, "centre", (1500, -250)), ("Saint-Genès", 4, "centre", (-760, 190)),
    ("Les Tanneries", 4, "centre", (-900, -260)), ("Les Vignes", 5, "centre", (-1450, 400)),
    ("Bel-Air", 9, "centre", (1550, 500)), ("La Montée", 9, "centre", (2200, 560)),
    ("Moulin-à-Vent", 6, "north", (-1500, 1500)), ("Les Cheminots", 6, "north", (-650, 1550)),
    ("Foch", 7, "north", (480, 1300)), ("Cordeliers", 7, "north", (500, 1900)), ("Beaulieu", 7, "north", (1550, 1550)),
    ("Hauts-de-Brise Ouest", 8, "estate", (330, 2780)), ("Hauts-de-Brise Est", 8, "estate", (930, 2800)),
    ("Faubourg du Pont", 10, "south", (-250, -850)), ("Saint-Jacques", 10, "south", (650, -1050)),
    ("Prairie Nord", 11, "south", (-1650, -1480)), ("Prairie Sud", 11, "south", (-1450, -1980)),
    ("Croix-Rousse", 12, "south", (-380, -1850)), ("Les Coteaux", 12, "south", (950, -1800)),
)  # fmt: skip
ACTIVITY_IRIS, DIVERSE_IRIS = "Zone d'activités des Forges", "Bois des Loges et vallée de la Brise"

#: QPV by geography: code, name, sketch of the outline.
QPV_2015 = (
    ("QP058001", "Les Hauts-De-Brise", [(230, 2640), (600, 2480), (1080, 2530), (1200, 2830), (880, 3060), (330,
        3080)]),
    ("QP058002", "La Prairie", [(-1820, -1420), (-1350, -1380), (-1120, -1640), (-1230, -2020), (-1750, -2080),
        (-1930, -1760)]),
    ("QP058003", "Bel-Air", [(1270, 260), (1800, 240), (1860, 640), (1680, 830), (1250, 700)]),
)  # fmt: skip
QPV_2024 = (
    ("QN05801M", "Les Hauts-De-Brise - Tilleuls", [(180, 2560), (600, 2380), (1220, 2440), (1330, 2850), (880, 3120),
        (230, 3160)]),
    ("QN05802M", "La Prairie", [(-1820, -1280), (-1300, -1300), (-1050, -1640), (-1230, -1900), (-1700, -1960),
        (-1930, -1700)]),
    ("QN05803M", "Bel-Air - Faubourg Saint-Éloi", [(1180, 130), (1800, 180), (1850, 520), (1640, 640), (1200, 560)]),
)  # fmt: skip


@dataclass
class Zone:
    """One zone, in Lambert-93."""

    code: str
    name: str
    geometry: Polygon | MultiPolygon
    kind: str = "H"
    quartier: int = 0


@dataclass
class Face:
    """One block: its outline, and where its centre and an inner point are on the drawing board."""

    outline: Polygon
    centre: XY
    inside: XY


@dataclass
class Zones:
    """Every level."""

    iris: list[Zone]
    quartiers: list[Zone]
    qpv_2015: list[Zone]
    qpv_2024: list[Zone]
    communes: list[Zone]


def draw_zones(city: City, addresses: list[Address]) -> Zones:
    """Cut the commune into blocks and group them; fill in the IRIS of each address of Montbrise."""
    faces = _faces(city)
    people = _people_by_face(faces, addresses)
    groups = _assign_iris(faces, people)
    outlines = [face.outline for face in faces]
    zones = Zones(*_unions(faces, groups), _qpv(outlines, QPV_2015), _qpv(outlines, QPV_2024), _communes(outlines))
    _place(addresses, zones)
    return zones


def _place(addresses: list[Address], zones: Zones) -> None:
    """Write in each address of Montbrise the zones that hold it."""
    for level, column, value in (
        (zones.iris, "iris", lambda zone: zone.code),
        (zones.quartiers, "quartier", lambda zone: zone.quartier),
        (zones.qpv_2024, "qpv", lambda zone: zone.code),
        (zones.qpv_2015, "qpv_2015", lambda zone: zone.code),
    ):
        tree = STRtree([zone.geometry for zone in level])
        for address in addresses:
            if address.commune != plan.COMMUNE_CODE:
                continue
            spot = Point(address.x_m, address.y_m)
            hits = tree.query(spot, predicate="intersects")
            if len(hits):
                setattr(address, column, value(level[int(min(hits))]))
            elif not column.startswith("qpv"):
                setattr(address, column, value(level[int(tree.nearest(spot))]))


def _faces(city: City) -> list[Face]:
    """Cut the commune along its streets, its river and its railway, in Lambert-93, on a grid of five centimetres."""
    lines = [e.coords for e in city.edges if e.highway not in FOOT_ONLY | {"service"} or e.highway == "pedestrian"]
    limits = [list(plan.BUILT_UP.exterior.coords), list(plan.COMMUNE_LIMIT.exterior.coords)]
    bent = [LineString(warp_line(densify(line, step_m=60))) for line in [*lines, plan.RAIL, plan.RIVER, *limits]]
    merged = union_all(bent, grid_size=_GRID_M)
    commune = _warp_polygon(plan.COMMUNE_LIMIT).buffer(1)
    faces = [f for f in polygonize(merged) if commune.contains(f.representative_point())]
    faces.sort(key=lambda f: (round(f.centroid.x, 1), round(f.centroid.y, 1)))
    return [Face(f, unwarp(*f.centroid.coords[0]), unwarp(*f.representative_point().coords[0])) for f in faces]


def _people_by_face(faces: list[Face], addresses: list[Address]) -> list[float]:
    tree = STRtree([face.outline for face in faces])
    people = [0.0] * len(faces)
    for address in addresses:
        if address.commune == plan.COMMUNE_CODE:
            address.face = int(tree.nearest(Point(address.x_m, address.y_m)))
            people[address.face] += address.people
    return people


def sector(x: float, y: float) -> str:
    """Return which side of the river, the railway and the ring road a point is on."""
    if y < _height(plan.RIVER, x):
        return "south"
    if y < _height(plan.RAIL, x):
        return "centre"
    return "estate" if y > _height(plan.RING, x) and -550 < x < 1800 else "north"


def _height(line: list[XY], x: float) -> float:
    near = sorted(line, key=lambda p: abs(p[0] - x))[:2]
    return max(p[1] for p in near) if line is plan.RING else sum(p[1] for p in near) / 2


def _assign_iris(faces: list[Face], people: list[float]) -> list[int]:
    """Give each block to a seed, the seeds pushed towards equal population; 100 is activity, 101 is diverse."""
    groups, free = [-1] * len(faces), []
    for i, face in enumerate(faces):
        x, y = face.centre
        if plan.district_type(x, y) == "activity" and x < -1750 and -300 < y < 1400:
            groups[i] = 100
        elif not plan.BUILT_UP.contains(Point(face.inside)):
            groups[i] = 101
        else:
            free.append(i)
    sectors = {i: sector(*faces[i].centre) for i in free}
    bias = [0.0] * len(IRIS_SEEDS)
    target = sum(people[i] for i in free) / len(IRIS_SEEDS)
    costs = {
        i: [math.dist(faces[i].centre, xy) + (0 if where == sectors[i] else 4000) for _, _, where, xy in IRIS_SEEDS]
        for i in free
    }
    for _ in range(80):
        total = [0.0] * len(IRIS_SEEDS)
        for i in free:
            groups[i] = min(range(len(bias)), key=lambda k: costs[i][k] - bias[k])
            total[groups[i]] += people[i]
        for k, value in enumerate(total):
            bias[k] = max(-300.0, min(300.0, bias[k] + 40 * (1 - value / target)))
    return groups


def _quartier_of(face: Face, group: int) -> int:
    """Quartiers follow the IRIS, except where residents see it otherwise: three of them cut one."""
    x, y = face.centre
    if group >= 100:
        nearest = min(
            range(len(IRIS_SEEDS)),
            key=lambda k: math.dist((x, y), IRIS_SEEDS[k][3]) + 4000 * (IRIS_SEEDS[k][2] != sector(x, y)),
        )
        return 5 if group == 100 else IRIS_SEEDS[nearest][1]
    name, quartier = IRIS_SEEDS[group][:2]
    if name == "Jean Jaurès" and x > 1560:
        return 9
    if name == "Saint-Jacques" and y < -1230:
        return 12
    if name == "Gambetta" and x < -820:
        return 4
    return quartier


def _unions(faces: list[Face], groups: list[int]) -> tuple[list[Zone], list[Zone]]:
    names = {k: seed[0] for k, seed in enumerate(IRIS_SEEDS)} | {100: ACTIVITY_IRIS, 101: DIVERSE_IRIS}
    kinds = {100: "A", 101: "D"}
    iris = []
    for number, group in enumerate(sorted(set(groups)), start=1):
        union = _union([f.outline for f, g in zip(faces, groups, strict=True) if g == group])
        # INSEE numbers IRIS of habitat from 0101; activity and diverse ones carry their own hundreds.
        code = f"{plan.COMMUNE_CODE}{number:02d}{'02' if group in kinds else '01'}"
        quartier = IRIS_SEEDS[group][1] if group < 100 else 5
        iris.append(Zone(code, names[group], union, kinds.get(group, "H"), quartier))
    of = [_quartier_of(f, g) for f, g in zip(faces, groups, strict=True)]
    quartiers = [
        Zone(str(k), QUARTIERS[k - 1], _union([f.outline for f, q in zip(faces, of, strict=True) if q == k]), "", k)
        for k in range(1, len(QUARTIERS) + 1)
    ]
    return iris, quartiers


def _qpv(faces: list[Polygon], sketches: tuple[tuple[str, str, list[XY]], ...]) -> list[Zone]:
    zones = []
    for code, name, points in sketches:
        sketch = _warp_polygon(Polygon(smooth([*points, points[0]], closed=True)))
        inside = [f for f in faces if f.area < 300_000 and f.intersection(sketch).area > 0.5 * f.area]
        partly = [f.intersection(sketch) for f in faces if f.intersection(sketch).area > 0.15 * f.area]
        shape = unary_union([*inside, *partly]).buffer(14).buffer(-4).simplify(5)
        if isinstance(shape, MultiPolygon):
            shape = max(shape.geoms, key=lambda g: g.area)
        zones.append(Zone(code, name, Polygon(shape.exterior)))
    return zones


def _communes(outlines: list[Polygon]) -> list[Zone]:
    """Montbrise, and the neighbours as sectors between its limit and their own."""
    centre = Zone(plan.COMMUNE_CODE, plan.COMMUNE, _union(outlines))
    outer = Polygon(
        smooth(
            [
                (7200 * math.cos(a) + 300 * math.sin(5 * a), 7000 * math.sin(a) + 260 * math.cos(4 * a))
                for a in (math.tau * k / 24 for k in range(25))
            ],
            closed=True,
        )
    )
    ordered = sorted(plan.NEIGHBOURS, key=lambda n: math.atan2(n[3][1], n[3][0]))
    angles = [math.atan2(n[3][1], n[3][0]) for n in ordered]
    zones = [centre]
    for k, (code, name, _, _) in enumerate(ordered):
        before = (angles[k - 1] - (math.tau if k == 0 else 0) + angles[k]) / 2
        after = (angles[(k + 1) % 6] + (math.tau if k == 5 else 0) + angles[k]) / 2
        wedge = [(0.0, 0.0)]
        wedge += [
            (9500 * math.cos(a), 9500 * math.sin(a)) for a in (before + (after - before) * i / 8 for i in range(9))
        ]
        zones.append(
            Zone(code, name, _warp_polygon(outer.intersection(Polygon(wedge)), step_m=250).difference(centre.geometry))
        )
    return sorted(zones, key=lambda z: z.code)


def commune_of(board: XY) -> str:
    """Return the code of the commune of a point of the drawing board."""
    if plan.COMMUNE_LIMIT.contains(Point(board)):
        return plan.COMMUNE_CODE
    angle = math.atan2(board[1], board[0])
    gaps = {n[0]: abs((math.atan2(n[3][1], n[3][0]) - angle + math.pi) % math.tau - math.pi) for n in plan.NEIGHBOURS}
    return min(gaps, key=lambda code: gaps[code])


def _union(outlines: list[Polygon]) -> Polygon | MultiPolygon:
    merged = union_all(outlines, grid_size=_GRID_M)
    assert isinstance(merged, Polygon | MultiPolygon)
    return merged


def _warp_polygon(shape: Polygon, *, step_m: float = 60.0) -> Polygon:
    """Warp a polygon; coordinates to the centimetre, so that neighbours share their border exactly."""
    rings = []
    for ring in (shape.exterior, *shape.interiors):
        bent = [warp(*xy) for xy in densify(list(ring.coords), step_m=step_m)]
        rings.append([(round(x, 2), round(y, 2)) for x, y in bent])
    return Polygon(rings[0], rings[1:])
