"""How fast one travels: a dated table with its sources, passed explicitly, never a library's default.

Three small CSV files beside this module hold the figures and where they come from: speeds by class of road
(`speeds.csv`), seconds lost at junctions and signals (`delays.csv`), factors of surfaces (`factors.csv`); a
fourth holds the limits that OSM writes as words (`implicit_limits.csv`, "FR:urban"). A study may bring its own.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from carto_sante.errors import InputError, SchemaError, join_problems, suggest
from carto_sante.files import require_file

MODES = ("walk", "bike", "drive")
#: Name and date of the table that the package ships.
DEFAULT_NAME, DEFAULT_DATE = "carto_sante default", "2026-11"
DELAY_KINDS = ("signal", "junction_through", "junction_equal", "junction_yield", "gate", "toll", "boarding")
_SPEED_COLUMNS = (
    "mode", "highway", "rank", "legal_kmh", "legal_outside_kmh", "free_kmh", "free_outside_kmh", "limit_factor",
    "source",
)  # fmt: skip
_KMH_PER_MPH, _KMH_PER_KNOT = 1.609344, 1.852
_NUMBER = re.compile(r"^(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph|knots)?$")
_ZONE = re.compile(r"^[A-Z]{2}:(?:zone:?)?(\d+)$")


class RoadClass(NamedTuple):
    """Speed of one class of road for one mode."""

    rank: int
    """1 for the most important roads; who gives way to whom at a junction follows from it."""
    legal_kmh: float
    """Legal limit in France in a built-up area without a sign; NaN for walkers."""
    legal_outside_kmh: float
    """The same outside built-up areas."""
    free_kmh: float
    """Speed run where OSM gives no limit, between junctions, in a built-up area; at most the legal one."""
    free_outside_kmh: float
    """The same outside built-up areas."""
    limit_factor: float
    """Share of the limit that is run where OSM gives one."""


@dataclass(frozen=True)
class SpeedTable:
    """Speeds and delays of one mode.

    Attributes
    ----------
    mode : str
        "walk", "bike" or "drive".
    classes : mapping of str to RoadClass
        By value of the OSM key ``highway``; "ferry" for ferries. A class that is absent cannot be used.
    delays_s : mapping of str to float
        Seconds lost, by kind: "signal"; arriving at a junction from the more important road
        ("junction_through"), between equals ("junction_equal"), from the less important ("junction_yield");
        "gate" and "toll" on the way; "boarding" a ferry.
    factors : mapping of (tag, value) to (float, float)
        Factors of surfaces and the like on the speed where OSM gives no limit, and where it gives one.
    slope : str
        "none" or "tobler": how the OSM key ``incline`` changes the speed (`slope_factor`).
    name, date : str
        Kept in the notes of the network.
    """

    mode: str
    classes: Mapping[str, RoadClass]
    delays_s: Mapping[str, float]
    factors: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    slope: str = "none"
    name: str = DEFAULT_NAME
    date: str = DEFAULT_DATE

    def __post_init__(self) -> None:
        check_mode(self.mode)
        problems = [
            f"{name}: free speeds {road.free_kmh}, {road.free_outside_kmh} km/h and factor {road.limit_factor} "
            "must be above 0"
            for name, road in self.classes.items()
            if not min(road.free_kmh, road.free_outside_kmh, road.limit_factor) > 0
        ]
        problems += [
            f"{name}: a free speed is above the legal limit"
            for name, road in self.classes.items()
            if road.free_kmh > road.legal_kmh or road.free_outside_kmh > road.legal_outside_kmh
        ]
        problems += [f"delay {kind} is missing" for kind in DELAY_KINDS if kind not in self.delays_s]
        problems += [f"delay {kind} is negative" for kind, seconds in self.delays_s.items() if not seconds >= 0]
        problems += [f"factor of {key} must be above 0" for key, value in self.factors.items() if not min(value) > 0]
        if self.slope not in ("none", "tobler"):
            problems.append(f"slope {self.slope!r} is not known. {suggest(self.slope, ('none', 'tobler'))}")
        if problems:
            raise SchemaError(f"The {self.mode} speed table is not usable:\n" + join_problems(problems))


def check_mode(mode: str) -> str:
    """Return the mode, refusing one that is not known.

    Raises
    ------
    InputError
        If it is not "walk", "bike" or "drive".
    """
    if mode not in MODES:
        raise InputError(f"Mode {mode!r} is not known.", expected='"walk", "bike" or "drive"')
    return mode


def speed_table(mode: str, *, speeds: SpeedTable | Path | str | None = None, slope: str | None = None) -> SpeedTable:
    """Return the speed table of a mode.

    Parameters
    ----------
    mode : str
        "walk", "bike" or "drive".
    speeds : SpeedTable or path, optional
        A table of one's own, or a CSV file with the columns of the package's (mode, highway, rank, legal_kmh,
        legal_outside_kmh, free_kmh, free_outside_kmh, limit_factor, source); delays and factors are then the package's.
    slope : str, optional
        "none" or "tobler"; by default the table's own ("tobler" for walkers, "none" for the others).

    Raises
    ------
    InputError
        If the mode is not known or the table is of another mode.
    SchemaError
        If the file lacks columns or holds unusable speeds.

    Examples
    --------
    >>> round(speed_table("walk").classes["footway"].free_kmh, 1)
    5.1
    """
    check_mode(mode)
    if isinstance(speeds, SpeedTable):
        if speeds.mode != mode:
            raise InputError(
                f"The speed table is for {speeds.mode!r} and the network for {mode!r}.", expected="one mode"
            )
        return speeds
    name, date = DEFAULT_NAME, DEFAULT_DATE
    if speeds is None:
        rows = _package_rows("speeds.csv")
    else:
        path = require_file(speeds, what="speed table")
        name, date = path.name, "as given"
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    return SpeedTable(
        mode=mode,
        classes=_classes(rows, mode, where=name),
        delays_s={row["kind"]: float(row["seconds"]) for row in _package_rows("delays.csv") if row["mode"] == mode},
        factors={
            (row["tag"], row["value"]): (float(row["factor"]), float(row["factor_with_limit"]))
            for row in _package_rows("factors.csv")
            if row["mode"] == mode
        },
        slope=slope or ("tobler" if mode == "walk" else "none"),
        name=name,
        date=date,
    )


def parse_maxspeed(text: str) -> float | None:
    """Return a speed limit in km/h, or None where the text gives none.

    Parameters
    ----------
    text : str
        Value of ``maxspeed``, ``source:maxspeed``, ``zone:maxspeed``...: "50", "30 mph", "FR:urban",
        "FR:30", "walk", "none"; of several ("50;30", "50|30") the lowest.

    Examples
    --------
    >>> parse_maxspeed("50"), parse_maxspeed("FR:urban"), parse_maxspeed("FR:zone30"), parse_maxspeed("signals")
    (50.0, 50.0, 30.0, None)
    >>> round(parse_maxspeed("30 mph"), 2), parse_maxspeed("50;30")
    (48.28, 30.0)
    """
    parts = [part.strip() for part in re.split(r"[;|]", text) if part.strip()]
    found = [limit for part in parts if (limit := _parse_one_limit(part)) is not None]
    return min(found) if found else None


def _parse_one_limit(text: str) -> float | None:
    implicit = _implicit_limits()
    if text in implicit:
        return implicit[text]
    if match := _NUMBER.match(text.lower().replace(",", ".")):
        factor = {"mph": _KMH_PER_MPH, "knots": _KMH_PER_KNOT}.get(match[2] or "", 1.0)
        # A limit of 0 or of 1,000 km/h is a slip of the keyboard: better none than a street nobody can cross.
        limit = float(match[1]) * factor
        return limit if 3 <= limit <= 200 else None
    if match := _ZONE.match(text):
        return float(match[1]) if 5 <= float(match[1]) <= 130 else None
    country, _, kind = text.partition(":")
    if len(country) == 2 and country.isupper():
        return implicit.get(kind)
    return None


def slope_factor(grade: float, *, slope: str = "tobler") -> float:
    """Return the walking speed on a grade over the speed on the flat.

    Tobler's hiking function (Tobler 1993, NCGIA report 93-1): speed is proportional to
    ``exp(-3.5 |grade + 0.05|)``, the fastest on a gentle descent.

    Parameters
    ----------
    grade : float
        Rise over run; positive uphill.
    slope : str, default "tobler"
        "none" returns 1.

    Examples
    --------
    >>> slope_factor(0.0), round(slope_factor(0.10), 3), round(slope_factor(-0.10), 3)
    (1.0, 0.705, 1.0)
    """
    if slope == "none":
        return 1.0
    return math.exp(-3.5 * (abs(grade + 0.05) - 0.05))


def parse_incline(text: str) -> float | None:
    """Return the grade of an OSM ``incline`` in the direction of the way, or None for words ("up").

    Examples
    --------
    >>> parse_incline("10%"), parse_incline("-4.5 %"), parse_incline("up"), round(parse_incline("10°"), 4)
    (0.1, -0.045, None, 0.1763)
    """
    match = re.match(r"^([+-]?\d+(?:[.,]\d+)?)\s*(%|°)?$", text.strip())
    if not match or match[2] is None:
        return None
    value = float(match[1].replace(",", "."))
    grade = math.tan(math.radians(value)) if match[2] == "°" and abs(value) < 90 else value / 100
    return grade if abs(grade) <= 1 else None


def _classes(rows: list[dict[str, str]], mode: str, *, where: str) -> dict[str, RoadClass]:
    missing = [column for column in _SPEED_COLUMNS if not rows or column not in rows[0]]
    if missing:
        raise SchemaError(
            f"The speed table {where} lacks {', '.join(missing)}.", expected="columns " + ", ".join(_SPEED_COLUMNS)
        )
    classes, problems = {}, []
    for line, row in enumerate(rows, start=2):
        if row["mode"] != mode:
            continue
        try:
            classes[row["highway"]] = RoadClass(
                int(row["rank"]),
                float(row["legal_kmh"] or "nan"),
                float(row["legal_outside_kmh"] or "nan"),
                float(row["free_kmh"]),
                float(row["free_outside_kmh"]),
                float(row["limit_factor"]),
            )
        except (TypeError, ValueError) as error:
            problems.append(f"line {line} ({row['highway']}): {error}")
    if not classes and not problems:
        problems.append(f"no row for mode {mode!r}")
    if problems:
        raise SchemaError(f"The speed table {where} has problems:\n" + join_problems(problems))
    return classes


@cache
def _implicit_limits() -> dict[str, float]:
    return {row["value"]: float(row["kmh"]) for row in _package_rows("implicit_limits.csv")}


def _package_rows(name: str) -> list[dict[str, str]]:
    text = resources.files("carto_sante.network").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
