"""A city that can be checked by hand.

Lambert-93 metres from the corner (700000, 6600000); one character is 250 m. Four quartiers A, B, C, D of
1,000 m by 1,000 m, a river (~) between north and south, crossed by one bridge (=) at x = 500 m. One QPV (q) of
500 m by 500 m inside A, another (r) of 500 m by 500 m astride C and D.

::

    y 2000 +-------+-------+
           | q q . | . . . |    A (NW)   B (NE)
           | q q . | . 2 . |    1, 2, 3, 4: sites
           | . . 1 | . . . |
    y 1000 +~~=~~~~+~~~~~~~+    the river is the line y = 1000
           | . . . | . . . |    C (SW)   D (SE)
           | . 3 r | r . . |
           | . . r | r 4 . |
         0 +-------+-------+
           0     1000    2000

Population: A 1000, B 2000, C 500, D 0 (an industrial zone).
Practitioners (capacity): P1 at site 1 (1.0), P2 at sites 2 and 3 (0.5 each), P3 at site 3 (1.0), P4 at site 4 (1.0)
are GPs; N1 at site 1 (1.0) is a nurse. GPs per 10,000 by headcount: A 10, B 5, C 40, D undefined (1 GP, nobody
lives there).
"""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
from shapely.geometry import Point, box

CRS = "EPSG:2154"
X0, Y0 = 700_000.0, 6_600_000.0

SITES_M = {"s1": (750.0, 1250.0), "s2": (1500.0, 1500.0), "s3": (500.0, 500.0), "s4": (1500.0, 250.0)}
QUARTIERS_M = {
    "A": (0, 1000, 1000, 2000),
    "B": (1000, 1000, 2000, 2000),
    "C": (0, 0, 1000, 1000),
    "D": (1000, 0, 2000, 1000),
}
QPV_M = {"q": (0, 1500, 500, 2000), "r": (750, 0, 1250, 500)}
POPULATION = {"A": 1000, "B": 2000, "C": 500, "D": 0}
PRACTICES = [
    ("P1", "s1", "gp", 1.0),
    ("P2", "s2", "gp", 0.5),
    ("P2", "s3", "gp", 0.5),
    ("P3", "s3", "gp", 1.0),
    ("P4", "s4", "gp", 1.0),
    ("N1", "s1", "nurse", 1.0),
]


def territories() -> gpd.GeoDataFrame:
    """Quartiers and QPV, in Lambert-93."""
    rows = [("quartier", key, bounds) for key, bounds in QUARTIERS_M.items()]
    rows += [("qpv", key, bounds) for key, bounds in QPV_M.items()]
    return gpd.GeoDataFrame(
        {
            "territory_id": [key for _, key, _ in rows],
            "territory_level": [level for level, _, _ in rows],
            "territory_label": [f"{level} {key}" for level, key, _ in rows],
            "geography_year": pd.array([2024] * len(rows), dtype="Int64"),
        },
        geometry=[box(X0 + a, Y0 + b, X0 + c, Y0 + d) for _, _, (a, b, c, d) in rows],
        crs=CRS,
    )


def population() -> pd.DataFrame:
    """People by quartier."""
    return pd.DataFrame(
        {
            "territory_id": list(POPULATION),
            "territory_level": "quartier",
            "age_band": "all",
            "sex": "all",
            "population_count": [float(count) for count in POPULATION.values()],
            "data_year": 2021,
        }
    )


def practitioners() -> gpd.GeoDataFrame:
    """Practitioner × site, placed."""
    return gpd.GeoDataFrame(
        {
            "practitioner_id": [row[0] for row in PRACTICES],
            "site_id": [row[1] for row in PRACTICES],
            "profession": [row[2] for row in PRACTICES],
            "capacity": [row[3] for row in PRACTICES],
            "source": "toy",
            "source_row": range(1, len(PRACTICES) + 1),
        },
        geometry=[Point(X0 + SITES_M[row[1]][0], Y0 + SITES_M[row[1]][1]) for row in PRACTICES],
        crs=CRS,
    )
