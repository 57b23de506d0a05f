"""The census by IRIS and the 200 m grid, in INSEE's layouts."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable

from data.generator import plan
from data.generator.geometry import to_laea
from data.generator.people import Address
from data.generator.tables import is_estate
from data.generator.zones import Zone, Zones

AGES = range(101)
Profile = dict[str, list[float]]

#: Bands of the census file by age, and of the file by sex.
POP_BANDS = {
    "0002": (0, 2), "0305": (3, 5), "0610": (6, 10), "1117": (11, 17), "1824": (18, 24), "2539": (25, 39),
    "4054": (40, 54), "5564": (55, 64), "6579": (65, 79), "80P": (80, 100), "0014": (0, 14), "1529": (15, 29),
    "3044": (30, 44), "4559": (45, 59), "6074": (60, 74), "75P": (75, 100), "0019": (0, 19), "2064": (20, 64),
    "65P": (65, 100),
}  # fmt: skip
SEX_BANDS = ("0014", "1529", "3044", "4559", "6074", "75P", "0019", "2064", "65P")
GRID_BANDS = {
    "ind_0_3": (0, 3), "ind_4_5": (4, 5), "ind_6_10": (6, 10), "ind_11_17": (11, 17), "ind_18_24": (18, 24),
    "ind_25_39": (25, 39), "ind_40_54": (40, 54), "ind_55_64": (55, 64), "ind_65_79": (65, 79), "ind_80p": (80, 100),
}  # fmt: skip

#: Weights of young children and teenagers, students, families, seniors, the very old, by character of the district.
_SHAPES = {
    "old": (0.55, 2.1, 1.0, 0.75, 0.9), "faubourg": (0.9, 1.3, 1.05, 0.9, 1.0), "inner": (1.0, 0.9, 1.0, 1.1, 1.2),
    "suburb": (1.05, 0.65, 1.0, 1.35, 1.1), "estate": (1.75, 1.25, 1.0, 0.6, 0.45),
}  # fmt: skip


def profiles(addresses: Iterable[Address], zones: Zones, seed: int) -> dict[str, Profile]:
    """Return people by IRIS, sex ("H", "F") and single year of age."""
    rng = random.Random(seed + 2)
    people: dict[str, float] = defaultdict(float)
    kinds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for a in addresses:
        if a.commune == plan.COMMUNE_CODE:
            people[a.iris] += a.people
            kinds[a.iris][a.kind if a.kind in _SHAPES else "suburb"] += a.people
    out: dict[str, Profile] = {}
    for zone in zones.iris:
        shares = kinds[zone.code]
        total = sum(shares.values()) or 1.0
        mix = [sum(_SHAPES[k][i] * v for k, v in shares.items()) / total for i in range(5)]
        mix = [m * rng.uniform(0.9, 1.1) for m in mix]
        curve = {sex: [_density(age, sex, mix) * rng.uniform(0.9, 1.1) for age in AGES] for sex in ("H", "F")}
        scale = people[zone.code] / sum(sum(c) for c in curve.values())
        out[zone.code] = {sex: [value * scale for value in c] for sex, c in curve.items()}
    return out


def _density(age: int, sex: str, mix: list[float]) -> float:
    young, student, family, senior, old = mix
    base = 1.0 if age < 60 else max(0.02, 1.05 - (age - 60) * (0.022 if age < 75 else 0.028))
    if age > 84:
        base *= math.exp(-(age - 84) / 7)
    weight = young if age < 18 else student if age < 28 else family if age < 60 else senior if age < 78 else old
    men = 0.515 if age < 20 else 0.485 if age < 60 else 0.46 if age < 75 else max(0.25, 0.42 - 0.009 * (age - 75))
    return base * weight * (men if sex == "H" else 1 - men)


def census_rows(by_iris: dict[str, Profile], zones: Zones, seed: int) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of `base-ic-evol-struct-pop-2021`."""
    rng = random.Random(seed + 3)
    header = ["IRIS", "COM", "TYP_IRIS", "LAB_IRIS", "P21_POP", *(f"P21_POP{b}" for b in POP_BANDS)]
    for sex in ("H", "F"):
        header += [f"P21_POP{sex}", *(f"P21_{sex}{b}" for b in SEX_BANDS)]
    header += ["C21_POP15P", *(f"C21_POP15P_CS{k}" for k in range(1, 9))]
    header += ["P21_POP_FR", "P21_POP_ETR", "P21_POP_IMM", "P21_PMEN", "P21_PHORMEN"]
    rows = []
    for zone in zones.iris:
        profile = by_iris[zone.code]
        both = [h + f for h, f in zip(profile["H"], profile["F"], strict=True)]
        total = sum(both)
        values = [total, *(_band(both, POP_BANDS[b]) for b in POP_BANDS)]
        for sex in ("H", "F"):
            values += [sum(profile[sex]), *(_band(profile[sex], POP_BANDS[b]) for b in SEX_BANDS)]
        adults = _band(both, (15, 100))
        values += [adults, *(adults * s for s in _jobs(zone, both, rng))]
        foreign = total * (0.19 if is_estate(zone) else 0.05) * rng.uniform(0.8, 1.2)
        values += [total - foreign, foreign, foreign * 1.35, total * 0.975, total * 0.025]
        # LAB_IRIS: quality of the digital outline, "1" throughout here.
        rows.append([zone.code, plan.COMMUNE_CODE, zone.kind, "1", *(f"{v:.6f}" for v in values)])
    return header, rows


def _band(values: list[float], band: tuple[int, int]) -> float:
    return sum(values[band[0] : band[1] + 1])


def _jobs(zone: Zone, both: list[float], rng: random.Random) -> list[float]:
    """Shares of the eight socio-professional groups among people of 15 and over."""
    retired = 0.92 * _band(both, (62, 100)) / max(1e-9, _band(both, (15, 100)))
    estate = is_estate(zone)
    base = (
        [0.002, 0.025, 0.05, 0.12, 0.19, 0.20, 0.0, 0.21]
        if estate
        else [0.004, 0.04, 0.12, 0.17, 0.16, 0.11, 0.0, 0.13]
    )
    base = [b * rng.uniform(0.85, 1.15) for b in base]
    scale = (1 - retired) / sum(base)
    return [retired if k == 6 else b * scale for k, b in enumerate(base)]


def grid_cells(addresses: Iterable[Address], by_iris: dict[str, Profile], seed: int) -> list[dict[str, object]]:
    """Return the 200 m cells of the Filosofi grid 2019; cells under 11 households are imputed."""
    rng = random.Random(seed + 4)
    cells: dict[tuple[int, int], list[Address]] = defaultdict(list)
    for a in addresses:
        x, y = to_laea(a.x_m, a.y_m)
        cells[(math.floor(y / 200) * 200, math.floor(x / 200) * 200)].append(a)
    rows: list[dict[str, object]] = []
    for (north, east), inside in sorted(cells.items()):
        people = sum(a.people for a in inside) * 0.985 * rng.uniform(0.97, 1.03)
        if people < 1:
            continue
        rows.append(_cell(north, east, inside, people, by_iris, rng))
    _impute(rows)
    return rows


def _cell(
    north: int, east: int, inside: list[Address], people: float, by_iris: dict[str, Profile], rng: random.Random
) -> dict[str, object]:
    estate = sum(a.people for a in inside if a.kind == "estate") / sum(a.people for a in inside)
    homes = people / (2.05 + 0.35 * estate)
    mixed = [0.0] * 101
    default = next(iter(by_iris.values()))
    for a in inside:
        profile = by_iris.get(a.iris, default)
        total = sum(map(sum, profile.values())) or 1.0
        for age in AGES:
            mixed[age] += a.people * (profile["H"][age] + profile["F"][age]) / total
    scale = people / sum(mixed)
    communes = sorted({a.commune for a in inside})
    level = 22_800 * (1 - 0.42 * estate) * rng.uniform(0.9, 1.1)
    poor = homes * (0.10 + 0.33 * estate) * rng.uniform(0.85, 1.15)
    flats = min(1.0, 0.15 + 0.8 * estate + 0.5 * (sum(a.kind in ("old", "faubourg") for a in inside) / len(inside)))
    values = {
        "ind": people, "men": homes, "men_pauv": poor, "men_1ind": homes * 0.40,
            "men_5ind": homes * (0.05 + 0.07 * estate),
        "men_prop": homes * (0.58 - 0.48 * estate), "men_fmp": homes * (0.09 + 0.13 * estate),
            "ind_snv": people * level,
        "men_surf": homes * (88 - 22 * estate), "men_coll": homes * flats, "men_mais": homes * (1 - flats),
        "log_av45": homes * 0.30 * (1 - estate), "log_45_70": homes * (0.22 + 0.5 * estate),
            "log_70_90": homes * 0.25 * (1 - 0.3 * estate),
        "log_ap90": homes * 0.2, "log_inc": homes * 0.03, "log_soc": homes * (0.10 + 0.75 * estate),
    }  # fmt: skip
    bands = {name: scale * _band(mixed, band) for name, band in GRID_BANDS.items()}
    row: dict[str, object] = {
        "idcar_200m": f"CRS3035RES200mN{north}E{east}",
        "idcar_1km": f"CRS3035RES1000mN{north // 1000 * 1000}E{east // 1000 * 1000}",
        "idcar_nat": f"CRS3035RES1000mN{north // 1000 * 1000}E{east // 1000 * 1000}",
        "i_est_200": 0,
        "i_est_1km": 0,
        "lcog_geo": "".join(communes),
    }
    return row | values | bands | {"ind_inc": 0.0}


def _impute(rows: list[dict[str, object]]) -> None:
    """Spread the total of small cells of one square kilometre over them by their share, as INSEE does, then round."""
    small: dict[object, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        if float(row["men"]) < 11:  # type: ignore[arg-type]
            small[row["idcar_1km"]].append(row)
    counted = [
        name
        for name in rows[0]
        if name not in ("idcar_200m", "idcar_1km", "idcar_nat", "i_est_200", "i_est_1km", "lcog_geo", "ind")
    ]
    for group in small.values():
        total = sum(float(r["ind"]) for r in group)  # type: ignore[arg-type]
        sums = {name: sum(float(r[name]) for r in group) for name in counted}  # type: ignore[arg-type]
        for row in group:
            share = float(row["ind"]) / total  # type: ignore[arg-type]
            row.update({name: sums[name] * share for name in counted}, i_est_200=1)
    for row in rows:
        for name in ["ind", *counted]:
            row[name] = round(float(row[name]), 1)  # type: ignore[arg-type]
