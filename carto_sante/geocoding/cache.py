"""What was located once, by address key: a yearly refresh geocodes only what is new.

A CSV, sorted by key: the same answers give the same bytes, and two years can be compared line by line. Addresses
that were not located are left out, so that a better reference gets another chance at them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from carto_sante.errors import FileFormatError
from carto_sante.files import whole_file
from carto_sante.geocoding.local import Answer

_COLUMNS = ("key", *Answer._fields)


def read_cache(path: Path | str) -> dict[str, Answer]:
    """Read a cache; an absent file is an empty one.

    Raises
    ------
    FileFormatError
        If the file is not a cache.
    """
    source = Path(path)
    if not source.exists():
        return {}
    with source.open(encoding="utf-8", newline="") as stream:
        lines = csv.reader(stream)
        header = tuple(next(lines, ()))
        if header != _COLUMNS:
            raise FileFormatError(
                f"{source} is not a geocoding cache (found columns {', '.join(header)[:200]}).",
                expected=f"columns {', '.join(_COLUMNS)}",
                next_step="Delete it, or give another path: it will be made again.",
            )
        answers: dict[str, Answer] = {}
        for number, line in enumerate(lines, start=2):
            try:
                key, lon, lat, step, score, *texts = line
                answers[key] = Answer(float(lon), float(lat), step, float(score), *texts)
            except (ValueError, TypeError) as error:
                raise FileFormatError(
                    f"{source}, line {number}, is damaged: {line!r}.", next_step="Delete that line, or the file."
                ) from error
    return answers


def write_cache(path: Path | str, answers: Mapping[str, Answer]) -> None:
    """Write a cache, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written; the previous one is intact.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(_COLUMNS)
        for key in sorted(answers):
            answer = answers[key]
            lines.writerow([key, f"{answer.lon:.7f}", f"{answer.lat:.7f}", *answer[2:]])
