"""Curated corrections: addresses whose point somebody checked; they win over every other pass."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from carto_sante.errors import InputError, join_problems
from carto_sante.files import require_file
from carto_sante.geocoding.keys import address_key

_COLUMNS = ("address", "postcode", "commune_code", "commune_label", "lon", "lat", "reason", "date")
_REQUIRED = ("address", "lon", "lat", "reason", "date")


class Correction(NamedTuple):
    """One checked point (degrees, WGS84), and why."""

    lon: float
    lat: float
    address: str
    commune_code: str
    reason: str


def read_corrections(path: Path | str) -> dict[str, Correction]:
    """Read a corrections file.

    Parameters
    ----------
    path : path
        CSV in UTF-8 with columns address, postcode, commune_code, commune_label (those three may be absent or
        empty), lon, lat (degrees, WGS84), reason and date (YYYY-MM-DD).

    Returns
    -------
    dict of str to Correction
        By address key.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    InputError
        Listing every problem, each with its line.
    """
    import pandas as pd

    source = require_file(path, what="corrections file")
    try:
        table = pd.read_csv(source, dtype=str, keep_default_na=False, sep=None, engine="python", encoding="utf-8-sig")
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise InputError(
            f"{source} cannot be read: {error}.", expected=f"a CSV in UTF-8 with columns {', '.join(_COLUMNS)}"
        ) from error
    missing = [name for name in _REQUIRED if name not in table.columns]
    if missing:
        raise InputError(
            f"{source} lacks {', '.join(missing)} (found: {', '.join(table.columns)}).",
            expected=f"columns {', '.join(_COLUMNS)}",
        )
    problems: list[str] = []
    corrections: dict[str, Correction] = {}
    for line, row in enumerate(table.to_dict("records"), start=2):
        text = {name: str(row.get(name, "") or "").strip() for name in _COLUMNS}
        key = address_key(
            text["address"], postcode=text["postcode"], commune_code=text["commune_code"],
            commune_label=text["commune_label"],
        )  # fmt: skip
        problem = _problem(text, key, corrections)
        if problem:
            problems.append(f"line {line}: {problem}")
            continue
        place = " ".join(part for part in (text["postcode"], text["commune_label"]) if part)
        label = f"{text['address']} {place}".strip()
        lon, lat = float(text["lon"].replace(",", ".")), float(text["lat"].replace(",", "."))
        corrections[key] = Correction(lon, lat, label, text["commune_code"], f"{text['reason']} ({text['date']})")
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        raise InputError(f"{source} has {len(problems)} {noun}:\n{join_problems(problems)}")
    return corrections


def _problem(text: dict[str, str], key: str, known: dict[str, Correction]) -> str:
    import datetime as dt

    try:
        lon, lat = float(text["lon"].replace(",", ".")), float(text["lat"].replace(",", "."))
    except ValueError:
        return f"lon {text['lon']!r} or lat {text['lat']!r} is not a number"
    if not (math.isfinite(lon) and math.isfinite(lat) and -180 <= lon <= 180 and -90 <= lat <= 90):
        return f"lon {lon}, lat {lat} are not degrees (metres belong in another file)"
    if not text["address"]:
        return "the address is empty"
    if not text["reason"]:
        return "the reason is empty"
    try:
        dt.date.fromisoformat(text["date"])
    except ValueError:
        return f"date {text['date']!r} is not YYYY-MM-DD"
    return f"the address {text['address']!r} is corrected twice" if key in known else ""
