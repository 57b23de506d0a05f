"""Reconciliation with control totals: how far the table is from what is published elsewhere.

The totals are a CSV that people keep, with columns ``profession`` (key of the catalogue), ``departement``,
``practitioners_count`` (people, not practices) and ``source``. The gap of each line is told; one beyond tolerance stops
the run, unless it is allowed by name (``"gp:35"``).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.crs import departement_of
from carto_sante.errors import FileFormatError, InputError, ToleranceError, UnknownNameError, join_problems, suggest
from carto_sante.files import require_file
from carto_sante.registries._study_area import require_departements
from carto_sante.registries.encoding import decode
from carto_sante.registries.professions import load_catalogue

if TYPE_CHECKING:
    import pandas as pd

_REQUIRED = ("profession", "departement", "practitioners_count")

#: Tolerance where the study gives none: 5 %.
DEFAULT_TOLERANCE_SHARE = 0.05


def load_control_totals(path: Path | str) -> pd.DataFrame:
    r"""Read control totals.

    Returns
    -------
    DataFrame
        ``profession``, ``departement``, ``source`` (text) and ``practitioners_count`` (people, integer).

    Raises
    ------
    MissingFileError, InputError
        If the file does not exist or is empty; or listing every unknown profession, département or count.
    FileFormatError
        If a column is missing.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "totals.csv")
    >>> _ = file.write_text("profession,departement,practitioners_count,source\ngp,01,480,DREES 2024\n")
    >>> load_control_totals(file).to_csv(index=False, header=False).strip()
    'gp,01,480,DREES 2024'
    """
    import pandas as pd

    file = require_file(path, what="file of control totals")
    text = decode(file.read_bytes(), name=str(file)).text
    first = text.partition("\n")[0].rstrip("\r")
    separator = ";" if first.count(";") > first.count(",") else ","
    found = [name.strip().strip('"') for name in first.split(separator)]
    missing = [name for name in _REQUIRED if name not in found]
    if missing:
        raise FileFormatError(
            f"{file} lacks {', '.join(missing)} (found: {', '.join(found)}).",
            expected=f"columns {', '.join(_REQUIRED)} and source",
        )
    rows, problems = [], []
    for number, row in enumerate(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator), start=1):
        entry = {name: (row.get(name) or "").strip() for name in (*_REQUIRED, "source")}
        problems += [f"row {number}: {problem}" for problem in _problems(entry)]
        rows.append(entry)
    if problems or not rows:
        raise InputError(
            f"{file} has {len(problems)} problems:\n{join_problems(problems)}" if rows else f"{file} has no row."
        )
    table = pd.DataFrame(rows)
    repeated = table.duplicated(["profession", "departement"])
    if repeated.any():
        raise InputError(
            f"{file} gives {', '.join(sorted(set(_names(table[repeated]))))} more than once.",
            expected="one row per profession and département",
        )
    table["practitioners_count"] = table["practitioners_count"].astype("int64")
    return table[["profession", "departement", "practitioners_count", "source"]]


def _problems(entry: dict[str, str]) -> list[str]:
    problems = []
    known = list(load_catalogue().index)
    if entry["profession"] not in known:
        problems.append(f"unknown profession {entry['profession']!r}. {suggest(entry['profession'], known)}")
    try:
        require_departements([entry["departement"]])
    except InputError as error:
        problems.append(str(error))
    count = entry["practitioners_count"]
    if not (count.isascii() and count.isdigit()):
        problems.append(f"practitioners_count is {count!r}, not a number of people")
    return problems


def reconcile(
    practitioners: pd.DataFrame,
    control_totals: pd.DataFrame | Path | str,
    *,
    tolerance_share: float = DEFAULT_TOLERANCE_SHARE,
    allowed_gaps: Iterable[str] = (),
) -> pd.DataFrame:
    """Compare the headcount of practitioners with control totals.

    Parameters
    ----------
    practitioners : DataFrame
        `schemas.PRACTITIONERS`; a person counts once per profession and département.
    control_totals : DataFrame or path
        `load_control_totals`.
    tolerance_share : float, default 0.05
        Largest gap, as a share of the control total.
    allowed_gaps : iterable of str
        Names of the gaps that are known and accepted, as ``"gp:35"``.

    Returns
    -------
    DataFrame
        One row per control total: ``profession``, ``departement``, ``practitioners_count`` (of the table),
        ``control_count``, ``gap_count``, ``gap_share`` (NA where the control is 0), ``status`` ("ok", "allowed"),
        ``source``.

    Raises
    ------
    ToleranceError
        Listing the gaps beyond tolerance that are not allowed.
    UnknownNameError
        If an allowed gap names no control total.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"practitioner_id": ["a", "a", "b"], "profession": "gp", "commune_code": "35238"})
    >>> totals = pandas.DataFrame({"profession": ["gp"], "departement": ["35"], "practitioners_count": [2],
    ...                            "source": ["x"]})
    >>> reconcile(table, totals)["status"].tolist()
    ['ok']
    """
    import pandas as pd

    totals = control_totals if isinstance(control_totals, pd.DataFrame) else load_control_totals(control_totals)
    allowed = set(allowed_gaps)
    names = _names(totals)
    unknown = sorted(allowed - set(names))
    if unknown:
        raise UnknownNameError(
            f"Allowed gaps {', '.join(unknown)} name no control total.",
            next_step=suggest(unknown[0], names),
        )
    counts = _headcount(practitioners)
    mine = [counts.get(tuple(name.split(":")), 0) for name in names]
    result = totals.rename(columns={"practitioners_count": "control_count"})
    result["practitioners_count"] = mine
    result["gap_count"] = result["practitioners_count"] - result["control_count"]
    result["gap_share"] = result["gap_count"] / result["control_count"].where(result["control_count"] > 0)
    is_beyond = (result["gap_count"].abs() > tolerance_share * result["control_count"]).tolist()
    result["status"] = [
        ("allowed" if name in allowed else "beyond") if beyond else "ok"
        for name, beyond in zip(names, is_beyond, strict=True)
    ]
    beyond_rows = result[result["status"] == "beyond"]
    if len(beyond_rows):
        problems = [_gap_sentence(row) for row in beyond_rows.to_dict("records")]
        raise ToleranceError(
            f"{len(problems)} totals are beyond the tolerance of {tolerance_share:.0%}:\n{join_problems(problems)}",
            expected="gaps within the tolerance",
            next_step="Check the definition, the exclusions and the date of the file; or allow them by name "
            f"(allowed_gaps = [{', '.join(repr(p.split(' ')[0]) for p in problems[:3])}]).",
        )
    order = ["profession", "departement", "practitioners_count", "control_count", "gap_count", "gap_share", "status"]
    return result[[*order, *(["source"] if "source" in result.columns else [])]]


def _gap_sentence(row: Any) -> str:
    share = f", {row['gap_share']:+.1%}" if row["control_count"] else ""
    return (
        f"{row['profession']}:{row['departement']} has {row['practitioners_count']} people, {row['control_count']} "
        f"expected ({row['gap_count']:+d}{share}; {row.get('source', 'no source')})"
    )


def _names(totals: pd.DataFrame) -> list[str]:
    return [f"{a}:{b}" for a, b in zip(totals["profession"], totals["departement"], strict=True)]


def _headcount(practitioners: pd.DataFrame) -> dict[tuple[str, ...], int]:
    placed = practitioners[practitioners["commune_code"].notna()]
    departements = [departement_of(str(code)) for code in placed["commune_code"]]
    people = placed[["practitioner_id", "profession"]].assign(departement=departements).drop_duplicates()
    counts: Counter[tuple[str, ...]] = Counter(zip(people["profession"], people["departement"], strict=True))
    return counts
