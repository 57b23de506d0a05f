"""Dated parameters of the APL: activity bounds, decay and age weights, shipped or read from the DREES workbook.

Where the official workbook is at hand, its own `Paramètres` sheet is the source; the shipped tables are its copy
for the vintages named in them. Decays of professions other than GPs are not shipped: they are not published in
a form that could be checked, so they are read from the workbook or given by the caller.
"""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.accessibility.decay import Decay, named_decay, step_decay
from carto_sante.errors import FileFormatError, UnknownNameError, join_problems, suggest
from carto_sante.files import require_file

if TYPE_CHECKING:
    import pandas as pd

SHEET_NAME = "Paramètres"
#: Acts a year of one full-time equivalent GP, used to write an APL in ETP (ARS, DREES).
ACTS_PER_ETP = 5400.0


@dataclass(frozen=True)
class AplParameters:
    """Parameters of one vintage of the APL.

    Attributes
    ----------
    name : str
        "apl_2023"; where they come from a workbook, the same name.
    vintage : int
        Year of the activity data.
    profession : str
        Profession they hold for.
    activity_ignored_up_to : float
        Acts a year at or below which a practitioner does not count.
    activity_floor, activity_cap : float
        Bounds between which the acts of the others are brought.
    activity_newcomer : float
        Acts imputed to a practitioner without activity the year before.
    acts_per_etp : float
        Acts a year of one full-time equivalent.
    decay : Decay
        Weight by travel time.
    age_weights : tuple of (str, float)
        Relative need by age band ("0-4", ..., "90+").
    source : str
        Producer, document, sheet.
    evidence : str
        "producer" where read in the producer's own document, "secondary" where read in one that quotes it.
    """

    name: str
    vintage: int
    profession: str
    activity_ignored_up_to: float
    activity_floor: float
    activity_cap: float
    activity_newcomer: float
    acts_per_etp: float
    decay: Decay
    age_weights: tuple[tuple[str, float], ...]
    source: str
    evidence: str = "producer"


def apl_parameters(name: str = "apl_2023") -> AplParameters:
    """Return the shipped parameters of one vintage.

    Parameters
    ----------
    name : str, default "apl_2023"
        One of `apl_parameter_names`.

    Raises
    ------
    UnknownNameError
        Naming the known ones.

    Examples
    --------
    >>> parameters = apl_parameters("apl_2022")
    >>> parameters.activity_floor, parameters.activity_cap, dict(parameters.age_weights)["90+"]
    (3600.0, 6000.0, 2.39)
    """
    catalogue = _catalogue()
    if name not in catalogue:
        raise UnknownNameError(f"Unknown APL parameters {name!r}.", next_step=suggest(str(name), catalogue))
    return catalogue[name]


def apl_parameter_names() -> tuple[str, ...]:
    """Return the names of the shipped parameter sets."""
    return tuple(_catalogue())


def read_apl_workbook(path: Path | str, *, profession: str = "gp") -> dict[str, AplParameters]:
    """Read the parameters of every vintage of a DREES workbook from its own `Paramètres` sheet.

    Parameters
    ----------
    path : path
        The .xlsx published by the DREES.
    profession : str, default "gp"
        Profession of the workbook.

    Returns
    -------
    dict of str to AplParameters
        By name ("apl_2022", "apl_2023").

    Raises
    ------
    MissingFileError
        If the file does not exist.
    FileFormatError
        Listing the sections of the sheet that were not found.

    Examples
    --------
    >>> read_apl_workbook("apl.xlsx")["apl_2023"].activity_cap  # doctest: +SKIP
    6000.0
    """
    rows = _sheet_rows(path)
    source = f"{Path(path).name}, feuille {SHEET_NAME}"
    problems: list[str] = []
    activity = _read_activity(rows, problems)
    decay = _read_decay(rows, problems, source)
    weights = _read_age_weights(rows, problems)
    if problems or decay is None:
        raise FileFormatError(
            f"The sheet {SHEET_NAME!r} of {path} is not in the known layout:\n" + join_problems(problems),
            next_step="Compare it with the 2022-2023 workbook; give the parameters by hand if the layout changed.",
        )
    found = {}
    for vintage, own in sorted(weights.items()):
        name = f"apl_{vintage}"
        found[name] = AplParameters(
            name=name, vintage=vintage, profession=profession, acts_per_etp=ACTS_PER_ETP, decay=decay,
            age_weights=own, source=source, **activity,
        )  # fmt: skip
    return found


def read_published_apl(path: Path | str, *, year: int) -> pd.DataFrame:
    """Read the APL by commune as published by the DREES.

    Parameters
    ----------
    path : path
        The workbook.
    year : int
        Vintage: the sheet "APL 2022" for 2022.

    Returns
    -------
    DataFrame
        ``commune_code``, ``commune_label``, ``apl``, ``apl_under_65`` (consultations per standardised
        inhabitant), ``population_standardised``, ``population_count``.

    Raises
    ------
    MissingFileError, FileFormatError
        If the file or the sheet is missing, or its header is not known.
    """
    import pandas as pd

    rows = _sheet_rows(path, sheet=f"APL {year}")
    start = next((number for number, row in enumerate(rows) if _plain(row[0]) == "code commune insee"), None)
    if start is None:
        raise FileFormatError(f"The sheet 'APL {year}' of {path} has no header row.", expected="Code commune INSEE")
    header = [_plain(cell) for cell in rows[start]]
    wanted: dict[str, Callable[[str], bool]] = {
        "commune_code": lambda text: text == "code commune insee",
        "commune_label": lambda text: text == "commune",
        "apl": lambda text: text.startswith("apl aux") and "moins de" not in text,
        "apl_under_65": lambda text: text.startswith("apl aux") and "65 ans" in text,
        "population_standardised": lambda text: text.startswith("population standardisee"),
        "population_count": lambda text: text.startswith("population totale"),
    }
    places = {name: next((i for i, text in enumerate(header) if test(text)), None) for name, test in wanted.items()}
    missing = [name for name, place in places.items() if place is None]
    if missing:
        raise FileFormatError(f"The sheet 'APL {year}' of {path} has no column for {', '.join(missing)}.")
    body = [row for row in rows[start + 1 :] if isinstance(row[0], str) and re.fullmatch(r"\d[0-9AB]\d{3}", row[0])]
    columns = {name: [row[place] for row in body] for name, place in places.items() if place is not None}
    table = pd.DataFrame(columns)
    for name in ("apl", "apl_under_65", "population_standardised", "population_count"):
        table[name] = pd.to_numeric(table[name], errors="coerce")
    return table


def _sheet_rows(path: Path | str, *, sheet: str = SHEET_NAME) -> list[tuple[Any, ...]]:
    import zipfile

    import openpyxl

    file = require_file(path, what="APL workbook")
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError, openpyxl.utils.exceptions.InvalidFileException) as error:
        raise FileFormatError(f"{file} is not an Excel workbook (.xlsx): {error}.") from error
    try:
        if sheet not in book.sheetnames:
            raise FileFormatError(f"{file} has no sheet {sheet!r}.", next_step=suggest(sheet, book.sheetnames))
        return [tuple(row) for row in book[sheet].iter_rows(values_only=True)]
    finally:
        book.close()


def _read_activity(rows: list[tuple[Any, ...]], problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in _section(rows, "comptabilisation de l'activite"):
        text = _plain(row[0])
        numbers = _numbers(text)
        is_fixed = len(row) > 1 and isinstance(row[1], int | float)
        if text.startswith("moins de") and is_fixed and row[1] == 0:
            found["activity_ignored_up_to"] = numbers[0]
        elif text.startswith("entre") and is_fixed:
            found["activity_floor"] = float(row[1])
        elif text.startswith("plus de") and is_fixed:
            found["activity_cap"] = float(row[1])
        elif text.startswith("exceptions"):
            imputed = re.search(r"offre de ([\d ]+) consultations", text)
            if imputed:
                found["activity_newcomer"] = float(imputed[1].replace(" ", ""))
    names = ("activity_ignored_up_to", "activity_floor", "activity_cap", "activity_newcomer")
    problems += [f"activity: {name} was not found" for name in names if name not in found]
    return found


def _read_decay(rows: list[tuple[Any, ...]], problems: list[str], source: str) -> Decay | None:
    upper, weights = [], []
    for row in _section(rows, "decroissance de l'accessibilite"):
        text = _plain(row[0])
        numbers = _numbers(text)
        if text.startswith(("moins de", "entre")) and numbers and isinstance(row[1], int | float):
            upper.append(numbers[-1])
            weights.append(float(row[1]))
    if not upper:
        problems.append("decay: no row 'Moins de ... minutes' was found")
        return None
    # "Moins de 10 minutes" then "Entre 10 et 15": a bound belongs to the ring above it.
    return step_decay(upper_min=upper, weights=weights, includes_upper=False, name="apl_workbook", source=source)


def _read_age_weights(rows: list[tuple[Any, ...]], problems: list[str]) -> dict[int, tuple[tuple[str, float], ...]]:
    section = _section(rows, "ponderation de la population selon l'age")
    header = next((row for row in section if _plain(row[0]).startswith("tranche d'age")), None)
    if header is None:
        problems.append('age weights: no row "Tranche d\'âge" was found')
        return {}
    years = {place: int(match[0]) for place, cell in enumerate(header) if (match := re.search(r"20\d\d", str(cell)))}
    found: dict[int, list[tuple[str, float]]] = {year: [] for year in years.values()}
    for row in section:
        band = _age_band(_plain(row[0]))
        if band is None:
            continue
        for place, year in years.items():
            if isinstance(row[place], int | float):
                found[year].append((band, float(row[place])))
    problems += [f"age weights {year}: {len(own)} bands found" for year, own in found.items() if len(own) < 10]
    if not years:
        problems.append("age weights: no year in the header")
    return {year: tuple(own) for year, own in found.items()}


def _age_band(text: str) -> str | None:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if re.fullmatch(r"moins de \d+ ans", text):
        return f"0-{numbers[0] - 1}"
    if re.fullmatch(r"(de )?\d+ a \d+ ans", text):
        return f"{numbers[0]}-{numbers[1]}"
    if re.fullmatch(r"(plus de \d+ ans|\d+ ans (et|ou) plus)", text):
        return f"{numbers[0]}+"
    return None


def _section(rows: list[tuple[Any, ...]], title: str) -> list[tuple[Any, ...]]:
    """Return the rows between a title and the next empty row."""
    start = next((number for number, row in enumerate(rows) if row and _plain(row[0]).startswith(title)), None)
    if start is None:
        return []
    found = []
    for row in rows[start + 1 :]:
        if not row or row[0] is None:
            break
        found.append(row)
    return found


def _plain(cell: object) -> str:
    """Return lower-case text without accents or double spaces."""
    text = unicodedata.normalize("NFKD", "" if cell is None else str(cell)).replace("’", "'")
    letters = "".join(char for char in text if not unicodedata.combining(char))
    return " ".join(letters.lower().split())


def _numbers(text: str) -> list[float]:
    return [float(number.replace(" ", "")) for number in re.findall(r"\d+(?: \d{3})*", text)]


@cache
def _catalogue() -> dict[str, AplParameters]:
    folder = resources.files("carto_sante").joinpath("accessibility/data")
    activity = csv.DictReader(folder.joinpath("apl_activity.csv").read_text(encoding="utf-8").splitlines())
    weights = list(csv.DictReader(folder.joinpath("apl_age_weights.csv").read_text(encoding="utf-8").splitlines()))
    found = {}
    for row in activity:
        name = row["parameters"]
        found[name] = AplParameters(
            name=name,
            vintage=int(row["vintage"]),
            profession=row["profession"],
            activity_ignored_up_to=float(row["activity_ignored_up_to"]),
            activity_floor=float(row["activity_floor"]),
            activity_cap=float(row["activity_cap"]),
            activity_newcomer=float(row["activity_newcomer"]),
            acts_per_etp=float(row["acts_per_etp"]),
            decay=named_decay(row["decay"]),
            age_weights=tuple((w["age_band"], float(w["weight"])) for w in weights if w["parameters"] == name),
            source=row["source"],
            evidence=row["evidence"],
        )
    return found


def weight_of_age_band(band: str, parameters: AplParameters) -> float | None:
    """Return the mean weight, year by year, of an age band ("0-14", "80+"); None if it is no band of ages.

    The open band of the parameters counts for five years, as its neighbours do.

    Examples
    --------
    >>> round(weight_of_age_band("80+", apl_parameters("apl_2024")), 3)
    1.853
    """
    span = parse_age_band(band)
    if span is None:
        return None
    by_year: dict[int, float] = {}
    for own, weight in parameters.age_weights:
        bounds = parse_age_band(own)
        if bounds is not None:
            last = int(bounds[0]) + 4 if math.isinf(bounds[1]) else int(bounds[1])
            by_year.update(dict.fromkeys(range(int(bounds[0]), last + 1), weight))
    oldest = max(by_year)
    first = min(int(span[0]), oldest)
    last = oldest if math.isinf(span[1]) else min(int(span[1]), oldest)
    years = [by_year[year] for year in range(first, last + 1) if year in by_year]
    return sum(years) / len(years) if years else None


def parse_age_band(band: str) -> tuple[float, float] | None:
    """Return the first and last year of an age band, the last infinite when it is open; None if it is none.

    Examples
    --------
    >>> parse_age_band("0-14"), parse_age_band("75+"), parse_age_band("all")
    ((0.0, 14.0), (75.0, inf), None)
    """
    text = str(band).strip()
    if match := re.fullmatch(r"(\d+)\s*[-–]\s*(\d+)", text):
        return float(match[1]), float(match[2])
    if match := re.fullmatch(r"(\d+)\s*\+", text):
        return float(match[1]), math.inf
    return None
