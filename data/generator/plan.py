"""The hand-drawn skeleton of Montbrise: metres east and north of the market square, before the warp."""

from __future__ import annotations

from dataclasses import dataclass, field

from shapely.geometry import Point, Polygon

from data.generator.geometry import XY, smooth

COMMUNE_CODE, COMMUNE, POSTCODE, DEPARTEMENT = "58999", "Montbrise", "58990", "58"

#: The Brise flows from east to west, south of the old town.
RIVER: list[XY] = smooth(
    [(8000, -1500), (6200, -900), (4600, -1150), (3300, -820), (2300, -560), (1500, -760), (800, -620), (250, -470),
     (-250, -455), (-800, -640), (-1500, -900), (-2300, -760), (-3300, -560), (-4700, -1050), (-6300, -1500),
     (-8000, -1250)]
)  # fmt: skip
RIVER_HALF_WIDTH_M = 24.0
QUAY_M = 46.0

RAIL: list[XY] = smooth(
    [(-8000, 2300), (-5200, 1800), (-3300, 1350), (-1900, 1120), (-700, 1010), (300, 980), (1300, 930), (2300, 1020),
     (3600, 1400), (5500, 1500), (8000, 1200)]
)  # fmt: skip

#: Ring road: dual carriageway north of the river, from the western to the eastern roundabout.
RING: list[XY] = smooth(
    [(-2750, -260), (-2780, 500), (-2560, 1330), (-2050, 1900), (-1300, 2180), (-300, 2230), (700, 2200), (1600, 2050),
     (2300, 1500), (2620, 800), (2560, 60)]
)  # fmt: skip

BUILT_UP = Polygon(
    smooth(
        [(-2950, -420), (-3050, 600), (-2900, 1500), (-2350, 2150), (-1300, 2480), (-500, 2560), (-350, 3050),
         (250, 3260), (950, 3200), (1350, 2850), (1500, 2350), (2300, 1980), (2850, 1400), (3060, 500), (2900, -500),
         (2650, -1150), (2350, -1800), (1500, -2300), (500, -2450), (-500, -2350), (-1500, -2550), (-2150, -2050),
         (-2350, -1500), (-2700, -1000)],
        closed=True,
    )
)  # fmt: skip
COMMUNE_LIMIT = Polygon(
    smooth(
        [(-3750, -300), (-3600, 1100), (-3300, 2300), (-2300, 3100), (-1100, 3200), (-200, 3750), (900, 3800),
         (1900, 3300), (2900, 2600), (3500, 1500), (3800, 200), (3500, -1300), (2900, -2300), (1800, -2900),
         (400, -3050), (-900, -3200), (-2100, -2900), (-2900, -2000), (-3500, -1300)],
        closed=True,
    )
)  # fmt: skip


@dataclass(frozen=True)
class Artery:
    """One main road: its name, OSM class and tags, and its curve."""

    name: str
    highway: str
    points: tuple[XY, ...]
    tags: dict[str, str] = field(default_factory=dict)
    is_dual: bool = False


def _road(name: str, highway: str, *points: XY, dual: bool = False, curve: bool = True, **tags: str) -> Artery:
    coords = tuple(smooth(points)) if curve else tuple(points)
    return Artery(name, highway, coords, {key.replace("__", ":"): value for key, value in tags.items()}, dual)


BOULEVARD: tuple[XY, ...] = tuple(
    smooth(
        [(-455, 60), (-420, 250), (-270, 450), (0, 560), (270, 470), (430, 280), (470, 60), (440, -190), (330, -400),
         (0, -408), (-330, -420), (-430, -210)],
        closed=True,
    )
)  # fmt: skip

ARTERIES: tuple[Artery, ...] = (
    # The boulevards on the old walls, and the quay that closes them.
    _road("Boulevard des Remparts", "secondary", (-430, -210), (-455, 60), (-420, 250), (-270, 450), (0, 560),
        maxspeed="50"),
    _road("Boulevard de la République", "secondary", (0, 560), (270, 470), (430, 280), (470, 60), (440, -190), (330,
        -400), maxspeed="FR:urban"),
    _road("Quai des Tanneurs", "tertiary", (330, -400), (0, -408), (-330, -420), maxspeed="30"),
    _road("Boulevard de la Brise", "secondary", (-330, -420), (-400, -330), (-430, -210), maxspeed="50"),
    # Radials.
    _road("Avenue de Paris", "primary", (0, 560), (30, 980), (90, 1500), (60, 2225), (150, 2700), (330, 3300), (300,
        4200), (500, 7200)),
    _road("Avenue de Dijon", "primary", (350, 390), (1000, 640), (1750, 940), (2480, 1240), (3300, 1900), (4400,
        2900), (6600, 5200)),
    _road("Rue du Faubourg-Saint-Éloi", "secondary", (470, 60), (1150, 40), (1900, 150), (2560, 60), curve=True,
        maxspeed="FR:urban"),
    _road("Route de Decize", "secondary", (2560, 60), (3400, -120), (5000, 150), (7500, 100), maxspeed="80"),
    _road("Avenue de Nevers", "primary", (-455, 60), (-1150, 40), (-1950, -120), (-2750, -260), maxspeed="50"),
    _road("Route de Nevers", "primary", (-2750, -260), (-3700, 60), (-5400, -300), (-7600, 300), maxspeed="FR:rural"),
    _road("Avenue de la Libération", "secondary", (-350, 365), (-900, 760), (-1450, 1090), (-2000, 1900), (-2500,
        2700), (-3600, 4400), (-4600, 6500)),
    # South bank.
    _road("Pont Vieux", "tertiary", (-120, -412), (-130, -515), curve=False, maxspeed="30", zone__maxspeed="FR:zone30"),
    _road("Rue du Faubourg-du-Pont", "tertiary", (-130, -515), (-140, -700), (-190, -900), maxspeed="30"),
    _road("Avenue de Moulins", "secondary", (-190, -900), (-560, -1300), (-1150, -1900), (-1500, -2550), (-2300,
        -4200), (-3300, -6800)),
    _road("Avenue de Clermont", "secondary", (-190, -900), (250, -1400), (560, -2000), (700, -2600), (900, -4200),
        (1000, -7000)),
    _road("Quai de la Prairie", "tertiary", (1700, -800), (1450, -820), (800, -680), (250, -520), (-130, -515),
        (-250, -505), (-800, -690), (-1450, -950), (-2250, -830), maxspeed="50"),
    _road("Boulevard Sud", "secondary", (1660, -800), (1400, -1150), (400, -1560), (-800, -1500), (-1500, -1330),
        (-2250, -830), maxspeed="50"),
    _road("Pont de l'Europe", "primary", (1850, -180), (1720, -560), (1690, -780), curve=True, maxspeed="50"),
    _road("Avenue de l'Europe", "primary", (2560, 60), (2200, -60), (1850, -180), maxspeed="70"),
    _road("Rocade Sud", "primary", (1690, -780), (1900, -1300), (1500, -1900), (560, -2000), maxspeed="70"),
    # Second ring of boulevards, between the old town and the railway.
    _road("Boulevard Gambetta", "tertiary", (-1150, 40), (-1060, 420), (-900, 760), maxspeed="50"),
    _road("Boulevard Victor-Hugo", "tertiary", (-900, 760), (-450, 850), (15, 800), maxspeed="50"),
    _road("Cours de la Gare", "tertiary", (15, 800), (500, 850), (830, 860), (1000, 640), maxspeed="30"),
    _road("Boulevard Jean-Jaurès", "tertiary", (1000, 640), (1180, 330), (1150, 40), (1180, -330), (1050, -590),
        maxspeed="50"),
    _road("Quai des Lavandières", "tertiary", (1740, -640), (1500, -690), (1050, -590), (640, -500), (330, -400),
        maxspeed="50"),
    _road("Quai du Port", "tertiary", (-330, -420), (-760, -560), (-1480, -830), (-2260, -690), (-2750, -260),
        maxspeed="50"),
    # North of the railway.
    _road("Avenue du Maréchal-Foch", "tertiary", (-1450, 1090), (-700, 1450), (90, 1500), (900, 1480), (1750, 940),
        maxspeed="50"),
    _road("Rue du Moulin-à-Vent", "tertiary", (-2000, 1900), (-1200, 1800), (-500, 1850), (75, 1850), (900, 1880),
        (1560, 1600), (1500, 1180), maxspeed="30"),
    _road("Rue des Vignes", "tertiary", (-2000, -120), (-1800, 500), (-1640, 1220), maxspeed="50"),
    _road("Rue de la Montée", "tertiary", (1900, 150), (1840, 560), (1600, 880), maxspeed="50"),
    # The large estate beyond the ring road: one loop, one way in by car.
    _road("Boulevard des Hauts-de-Brise", "tertiary", (165, 2730), (600, 2560), (1050, 2560), (1180, 2820), (900,
        3030), (500, 3060), (270, 3100), maxspeed="30"),
    _road("Rue de la Croix-Rousse", "tertiary", (-1050, -1450), (-700, -1950), (-200, -2300), (620, -2200),
        maxspeed="50"),
    # Country lanes.
    _road("Chemin des Loges", "unclassified", (-2035, 1915), (-2900, 1950), (-3600, 2100), (-4600, 2300), (-5900,
        3100), maxspeed="80"),
    _road("Chemin de la Forêt", "unclassified", (1180, 2820), (1500, 2950), (2200, 3400), (2900, 4400), maxspeed="80"),
    _road("Route de Saint-Aubin", "tertiary", (1900, -1300), (2900, -1700), (4300, -2600), (6200, -3600),
        maxspeed="80"),
    _road("Route du Vernet", "tertiary", (-2250, -830), (-3200, -1500), (-4400, -2400), (-5900, -3300), maxspeed="80"),
)  # fmt: skip

RING_ROAD = Artery("Rocade Nord", "trunk", tuple(RING), {"maxspeed": "90"}, is_dual=True)

#: Neighbours: code, name, postcode, village on the drawing board.
NEIGHBOURS: tuple[tuple[str, str, str, XY], ...] = (
    ("58991", "Saint-Aubin-sur-Brise", "58985", (4900, -2930)), ("58992", "Le Vernet", "58985", (-4400, -2400)),
    ("58993", "Varennes-les-Loges", "58990", (-3480, 4200)), ("58994", "Champlemont", "58980", (360, 5200)),
    ("58995", "Chevannes-en-Morvan", "58980", (4700, 3200)), ("58996", "Saint-Loup-des-Prés", "58985", (880, -4800)),
)  # fmt: skip

#: Roundabouts: position and radius.
ROUNDABOUTS: tuple[tuple[XY, float], ...] = (
    ((-2750, -260), 32), ((2560, 60), 32), ((2480, 1240), 30), ((-2035, 1915), 30), ((-190, -900), 22),
    ((1690, -790), 26), ((560, -2000), 24), ((15, 800), 18), ((90, 1500), 18), ((-2250, -830), 20),
    ((1850, -180), 18),
)  # fmt: skip

_INSIDE_RING = Polygon([*RING, (2560, -4000), (-2750, -4000)])

#: Character of the districts: (name of type, centre, radius); the first that holds the point wins.
DISTRICTS: tuple[tuple[str, XY, float], ...] = (
    ("estate", (640, 2800), 560),
    ("estate", (-1500, -1720), 430),
    ("estate", (1560, 520), 330),
    ("activity", (-2450, 700), 620),
    ("activity", (-2500, -20), 330),
    ("park", (-1150, -560), 170),
    ("hospital", (-1350, 1600), 270),
    ("faubourg", (0, 100), 1150),
    ("faubourg", (300, -900), 520),
    ("activity", (2350, -1150), 480),
)


def district_type(x: float, y: float) -> str:
    """Return the character of the built-up area at a point."""
    for kind, (cx, cy), radius in DISTRICTS:
        if (x - cx) ** 2 + (y - cy) ** 2 <= radius**2:
            return kind
    if y > 0 and not _INSIDE_RING.contains(Point(x, y)):
        return "fringe"
    return "inner" if (x**2 + y**2) ** 0.5 < 1900 else "suburb"
