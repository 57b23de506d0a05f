"""A made-up city for the tests of the maps: quartiers, IRIS, QPV, practitioners and indicators, from one seed."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from tests import toy_city

CRS = "EPSG:2154"
X0, Y0 = 351_000.0, 6_789_000.0
NAMES = (
    "Centre", "Thabor – Saint-Hélier", "Bourg-l’Évêque", "Saint-Martin", "Maurepas", "Cleunay",
    "Sud-Gare", "Villejean", "Le Blosne", "Bréquigny", "Beaulieu", "La Poterie",
)  # fmt: skip
FIRST = ("Camille", "Noé", "Éloïse", "Yann", "Inès", "Maël", "Zoé", "Léa", "Hugo", "Anaïs")
LAST = ("Exemple", "Modèle", "Fictif", "Témoin", "Essai", "Spécimen", "Patron", "Gabarit", "Factice", "Leurre")
STREETS = ("rue des Essais", "place du Modèle", "avenue de l’Exemple", "boulevard Fictif", "allée des Témoins")
MODES = ("Libéral", "Salarié", "Mixte")
WEIGHTS = {
    "gp": 0.22, "nurse": 0.24, "physiotherapist": 0.2, "dentist": 0.1, "gynaecologist": 0.03, "midwife": 0.05,
    "paediatrician": 0.03, "speech_therapist": 0.08, "ophthalmologist": 0.03, "orthoptist": 0.02,
}  # fmt: skip


def territories(seed: int = 0, *, size_m: float = 7000.0) -> gpd.GeoDataFrame:
    """Twelve quartiers with wavy borders, three IRIS in each, three QPV."""
    rng = np.random.default_rng(seed)
    centres = np.array([(0, 0), *[(np.cos(a) * 0.42, np.sin(a) * 0.42) for a in np.linspace(0, 6.283, 12)[:-1]]])
    points = centres * size_m + rng.normal(0, size_m / 25, centres.shape)
    disk = shapely.Point(0, 0).buffer(size_m * 0.62, 48)
    cells = shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=disk.buffer(100))
    quartiers = [next(cell for cell in cells.geoms if cell.contains(shapely.Point(p))) for p in points]
    quartiers = [shapely.intersection(cell, disk) for cell in quartiers]
    rows = [("quartier", f"Q{i + 1:02d}", NAMES[i], shape) for i, shape in enumerate(quartiers)]
    for i, shape in enumerate(quartiers):
        parts = _thirds(shape)
        rows += [("iris", f"3523801{i + 1:02d}{k}", f"{NAMES[i]} {k + 1}", part) for k, part in enumerate(parts)]
    for k, i in enumerate((4, 7, 8)):
        rows.append(("qpv", f"QN0350{k + 1}", f"Cité {NAMES[i]}", quartiers[i].centroid.buffer(420)))
    frame = gpd.GeoDataFrame(rows, columns=["territory_level", "territory_id", "territory_label", "geometry"], crs=CRS)
    frame["geometry"] = frame.translate(X0, Y0)
    frame["geography_year"] = pd.array([2024] * len(frame), dtype="Int64")
    return frame


def practitioners(count: int = 600, seed: int = 0, *, outside_share: float = 0.06) -> gpd.GeoDataFrame:
    """Practitioners at about a third as many places, denser in the centre; some around the city."""
    rng = np.random.default_rng(seed)
    place_count = max(1, count // 3)
    spread = np.where(rng.random(place_count) < outside_share, 5200.0, 1800.0)
    angle = rng.random(place_count) * 2 * np.pi
    reach = np.where(spread > 5000, spread, np.abs(rng.normal(0, spread)))
    places = np.column_stack([X0 + np.cos(angle) * reach, Y0 + np.sin(angle) * reach])
    place = rng.integers(0, place_count, count)
    profession = rng.choice(list(WEIGHTS), count, p=np.array(list(WEIGHTS.values())) / sum(WEIGHTS.values()))
    return gpd.GeoDataFrame(
        {
            "practitioner_id": [f"P{i:06d}" for i in range(count)],
            "site_id": [f"S{p:06d}" for p in place],
            "profession": profession,
            "capacity": 1.0,
            "practitioner_label": [f"{FIRST[i % 10]} {LAST[(i // 10) % 10]} {i}" for i in range(count)],
            "practice_mode": [MODES[i % 3] for i in rng.integers(0, 3, count)],
            "convention_sector": rng.choice(["1", "2"], count, p=[0.8, 0.2]),
            "site_label": [f"Maison de santé n° {p}" if p % 9 == 0 else None for p in place],
            "address": [f"{p % 90 + 1} {STREETS[p % 5]}" for p in place],
            "postcode": "35000",
            "commune_code": np.where(spread[place] > 5000, "35051", "35238"),
            "commune_label": np.where(spread[place] > 5000, "Voisine", "Ville-Exemple"),
            "geocode_precision": [("housenumber", "street", "interpolated")[p % 7 % 3] for p in place],
            "source": "essai",
            "source_row": pd.array(range(1, count + 1), dtype="Int64"),
        },
        geometry=gpd.points_from_xy(places[place, 0], places[place, 1]),
        crs=CRS,
    )


def indicators(people: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, seed: int = 0) -> pd.DataFrame:
    """Rates by quartier and IRIS for each profession, population and deprivation; some missing, some suppressed."""
    rng = np.random.default_rng(seed)
    rows = []
    for level in ("quartier", "iris"):
        here = zones[zones["territory_level"] == level]
        population = rng.integers(9_000, 26_000, len(here)) // (1 if level == "quartier" else 3)
        joined = gpd.sjoin(people[["practitioner_id", "profession", "geometry"]], here[["territory_id", "geometry"]])
        counts = joined.groupby(["territory_id", "profession"]).size()
        for number, zone in enumerate(here["territory_id"]):
            common = (zone, level, here["territory_label"].iloc[number])
            rows.append(
                (*common, "all", "population_count", float(population[number]), "inhabitants", None, None, "ok")
            )
            rows.append((*common, "all", "deprivation", float(rng.normal(0, 1)), "indice", None, None, "ok"))
            for key in sorted(set(people["profession"])):
                count = counts.get((zone, key), 0)
                rate = count / population[number] * 100_000
                status = "missing" if number == 3 else "suppressed" if number == 5 and key == "gp" else "ok"
                low, high = rate * 0.7, rate * 1.35
                value = (rate, low, high) if status == "ok" else (np.nan, np.nan, np.nan)
                rows.append((*common, key, "practitioners_per_100k", value[0],
                             "praticiens pour 100 000 habitants", value[1], value[2], status))  # fmt: skip
    names = ["territory_id", "territory_level", "territory_label", "profession", "indicator", "indicator_value",
             "unit", "lower", "upper", "status"]  # fmt: skip
    table = pd.DataFrame(rows, columns=names).assign(data_year=2024, hypothesis="headcount")
    return table.astype({"lower": "float64", "upper": "float64"})


def isochrones(people: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Disks around the practices of GPs, dissolved, as a stand-in for reach."""
    points = people.loc[people["profession"] == "gp"].geometry
    shapes = [shapely.union_all(points.buffer(80 * minutes).array) for minutes in (5, 10, 15)]
    return gpd.GeoDataFrame({"limit_min": [5.0, 10.0, 15.0], "mode": "walk"}, geometry=shapes, crs=CRS)


def streets(count: int = 60) -> gpd.GeoDataFrame:
    """Named lines."""
    rng = np.random.default_rng(1)
    starts = rng.normal(0, 1500, (count, 2)) + np.array([X0, Y0])
    lines = [shapely.LineString([start, start + np.array([300, 120])]) for start in starts]
    names = [f"{STREETS[i % 5]} {i}" for i in range(count)]
    return gpd.GeoDataFrame({"street_label": names}, geometry=lines, crs=CRS)


def toy_indicators() -> pd.DataFrame:
    """GPs per 100,000 in the toy city: A 100, B 50, C 400, D undefined."""
    values = {"A": 100.0, "B": 50.0, "C": 400.0, "D": np.nan}
    return pd.DataFrame(
        {
            "territory_id": list(values),
            "territory_level": "quartier",
            "territory_label": [f"quartier {key}" for key in values],
            "profession": "gp",
            "indicator": "practitioners_per_100k",
            "indicator_value": list(values.values()),
            "unit": "praticiens pour 100 000 habitants",
            "lower": np.nan,
            "upper": np.nan,
            "status": ["ok", "ok", "ok", "missing"],
            "data_year": 2021,
            "hypothesis": "headcount",
        }
    )


def toy_map_inputs() -> dict[str, object]:
    """What `build_city_map` asks for, for the toy city."""
    return {
        "title": "Ville jouet",
        "vintage": "2026-01-01",
        "practitioners": toy_city.practitioners(),
        "territories": toy_city.territories(),
        "indicators": toy_indicators(),
    }


def city_inputs(count: int = 600, seed: int = 0) -> dict[str, object]:
    """What `build_city_map` asks for, for the made-up city."""
    zones, people = territories(seed), practitioners(count, seed)
    return {
        "title": "Soins de premier recours à Ville-Exemple",
        "vintage": "2026-01-01",
        "practitioners": people,
        "territories": zones,
        "indicators": indicators(people, zones, seed),
        "isochrones": isochrones(people),
        "streets": streets(),
        "bivariate_with": "deprivation",
        "credits": ("Annuaire Santé (RPPS), 1er janvier 2026", "Insee, population 2022", "ANCT, QPV 2024"),
    }


def _thirds(shape: shapely.Polygon) -> list[shapely.Geometry]:
    left, bottom, right, top = shape.bounds
    width = (right - left) / 3
    parts = [shape.intersection(shapely.box(left + k * width, bottom, left + (k + 1) * width, top)) for k in range(3)]
    return [part for part in parts if part.area > 0]
