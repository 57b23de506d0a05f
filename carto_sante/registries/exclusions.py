"""Sites that are not a place of care for the residents: a curated list, with reasons and dates.

On-call services (SOS Médecins) and teleconsultation platforms registered as health centres put dozens of GPs at one
door. The list is a CSV that people keep: ``finess_et_id``, ``siret``, ``label_pattern`` (a regular expression on the
name of the site, whatever its case and accents), ``commune_code``, ``reason``, ``date`` (yyyy-mm-dd), ``source``,
``must_match`` ("no" for the entries of a list made for the whole country). An entry matches the rows that agree with
every cell it fills; one that matches nothing raises, because it is a mistake or is out of date.
"""

from __future__ import annotations

import re
import unicodedata
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import FileFormatError, InputError, UnknownNameError, join_problems
from carto_sante.files import require_file
from carto_sante.registries._sites import plain_key
from carto_sante.registries.encoding import decode

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

KEYS = ("finess_et_id", "siret", "label_pattern", "commune_code")
_REQUIRED = ("reason", "date")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def load_exclusions(path: Path | str | None = None) -> pd.DataFrame:
    """Read an exclusion list; without a path, the one published with the package.

    Returns
    -------
    DataFrame
        Text columns ``finess_et_id``, ``siret``, ``label_pattern``, ``commune_code``, ``reason``, ``date``,
        ``source``, ``must_match``; empty cells are "".

    Raises
    ------
    FileFormatError
        If a column is missing.
    InputError
        Listing the entries without a key, a reason or a date, or whose pattern is not a regular expression.

    Examples
    --------
    >>> load_exclusions()["reason"].iloc[0]
    'on-call service, not a place of regular care'
    """
    import csv
    import io

    import pandas as pd

    if path is None:
        text = resources.files("carto_sante").joinpath("registries/data/exclusions.csv").read_text(encoding="utf-8")
        name = "the published exclusion list"
    else:
        file = require_file(path, what="exclusion list")
        text, name = decode(file.read_bytes(), name=str(file)).text, str(file)
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    rows = list(csv.DictReader(io.StringIO(text), delimiter=separator))
    columns = [*KEYS, *_REQUIRED, "source", "must_match"]
    found = [column.strip() for column in first.rstrip("\r").split(separator)]
    missing = [column for column in _REQUIRED if column not in found]
    if missing or not set(KEYS) & set(found):
        raise FileFormatError(
            f"{name} lacks {', '.join(missing) or 'every key column'} (found: {', '.join(found)}).",
            expected=f"columns reason, date and at least one of {', '.join(KEYS)}",
        )
    table = pd.DataFrame([{key: (row.get(key) or "").strip() for key in columns} for row in rows], columns=columns)
    return _check(table.astype(str), name)


def _check(table: pd.DataFrame, name: str) -> pd.DataFrame:
    import polars as pl

    problems = []
    for number, row in enumerate(table.to_dict("records"), start=1):
        if not any(row[key] for key in KEYS):
            problems.append(f"entry {number} fills none of {', '.join(KEYS)}")
        if not row["reason"]:
            problems.append(f"entry {number} has no reason")
        if not _DATE.fullmatch(row["date"]):
            problems.append(f"entry {number} has the date {row['date']!r}, not yyyy-mm-dd")
        try:
            pl.Series([""]).str.contains(_pattern(row["label_pattern"]))
        except pl.exceptions.ComputeError as error:
            problems.append(f"entry {number} has a pattern that is not a regular expression: {error}")
    if problems:
        raise InputError(f"{name} has {len(problems)} problems:\n{join_problems(problems)}")
    return table


def exclude_sites(
    rows: pl.DataFrame, exclusions: pd.DataFrame, *, among: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split rows by an exclusion list.

    Parameters
    ----------
    rows : polars DataFrame
        With ``row``, ``finess_et_id``, ``siret``, ``site_label``, ``commune_code``.
    exclusions : DataFrame
        From `load_exclusions`.
    among : polars DataFrame
        The wider table where each entry must match something (professions not asked included).

    Returns
    -------
    tuple of DataFrame
        The rows that stay; ``row`` and ``reason`` of the others.

    Raises
    ------
    UnknownNameError
        Listing the entries that match nothing.
    """
    import polars as pl

    reason: Any = pl.lit(None, dtype=pl.String)
    unmatched = []
    label = plain_key(pl.col("site_label")).fill_null("").alias("_label")
    labelled = rows.with_columns(label)
    wider = among.with_columns(label) if (exclusions["must_match"] != "no").any() else labelled
    for number, entry in enumerate(exclusions.to_dict("records"), start=1):
        condition = _condition(entry)
        if entry["must_match"] != "no" and not any(table.select(condition.any()).item() for table in (labelled, wider)):
            filled = ", ".join(f"{key} {entry[key]}" for key in KEYS if entry[key])
            unmatched.append(f"entry {number} ({filled}; {entry['reason']}, {entry['date']})")
        why = f"excluded: {entry['reason']} ({entry['date']})"
        reason = pl.coalesce(reason, pl.when(condition).then(pl.lit(why)))
    if unmatched:
        raise UnknownNameError(
            f"{len(unmatched)} entries of the exclusion list match nothing:\n{join_problems(unmatched)}",
            expected="every entry to match at least one activity",
            next_step="Correct or remove them: the site may have closed or changed its number.",
        )
    split = labelled.with_columns(reason.alias("reason"))
    stays = split.filter(pl.col("reason").is_null()).drop("reason", "_label")
    gone = split.filter(pl.col("reason").is_not_null()).select("row", "reason").unique("row", maintain_order=True)
    return stays, gone


def _condition(entry: Any) -> Any:
    import polars as pl

    condition: Any = pl.lit(True)
    for key in ("finess_et_id", "siret", "commune_code"):
        if entry[key]:
            condition = condition & (pl.col(key) == entry[key]).fill_null(False)
    if entry["label_pattern"]:
        condition = condition & pl.col("_label").str.contains(_pattern(entry["label_pattern"]))
    return condition


def _pattern(pattern: str) -> str:
    """Return a pattern that matches labels in capitals without accents."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", pattern) if not unicodedata.combining(c))
    return f"(?i){bare}"
