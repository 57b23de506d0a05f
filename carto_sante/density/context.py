"""Indicators crossed with other tables by zone: deprivation (FDep, F-EDI), income, anything with a code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from carto_sante.errors import InputError, NoResultError, SchemaError, UnknownNameError, join_problems
from carto_sante.files import require_file
from carto_sante.population.counts import WITHHELD
from carto_sante.population.read import read_table
from carto_sante.territories.layouts import LEVELS, code_text, find_column, named_column, plain

#: Columns of the published indices, and whether a high value means deprived.
#:
#: Seen in programs that read the files of Santé publique France (Odissé): FDep by commune stands in "Indice de
#: défavorisation en quintiles", which holds the score whatever its title says, beside "Code commune"; F-EDI 2021 by
#: commune stands in "EDI", beside "Commune Code". FDEP09, FDEP13, FDEP15, FDEP20 and the other names are conventions of
#: those who hand the index on. Incomes: Filosofi (MED: median living standard by IRIS, DISP_MED in its recent files)
#: and ANCT's indicators by QPV (disp_q2, decuc_q2).
KNOWN_INDICES: dict[str, tuple[tuple[str, ...], bool]] = {
    "fdep": (("fdep", "fdep20", "fdep15", "fdep13", "fdep09", "indice_de_defavorisation_en_quintiles"), True),
    "fedi": (("edi", "fedi", "f_edi", "score_edi", "edi_score"), True),
    "income": (("disp_q2", "decuc_q2", "disp_med", "dec_med", "med", "q2", "revenu_median"), False),
}
#: What Odissé publishes by IRIS under the name of FDep: its four variables, and no index.
_FDEP_VARIABLES = ("t1_rev_med", "t1_txbac09", "t1_txouvr0", "t1_txchom0")
_MORE_IDS = ("territory_id", "codgeo", "depcom", "com", "code_insee", "code", "id")


def read_context(
    path: Path | str, *, level: str, index: str, id_column: str | None = None, value_column: str | None = None
) -> pd.DataFrame:
    r"""Read a deprivation or income index by zone.

    Parameters
    ----------
    path : path
        CSV or Excel with one row per zone.
    level : str
        Level of its zones ("iris", "commune", "qpv", ...).
    index : str
        "fdep", "fedi", "income", or any name with ``value_column``. The layouts of FDep and F-EDI were written after
        programs that read them (`KNOWN_INDICES`) and tried on generated files only.
    id_column, value_column : str, optional
        Recognised when left out.

    Returns
    -------
    DataFrame
        ``territory_id``, ``index_value`` (NA where withheld), ``index_name``, ``is_deprivation`` (a high value means
        deprived).

    Raises
    ------
    UnknownNameError
        If a column or the index is not recognised.
    SchemaError
        Listing repeated codes and values that are no numbers.
    InputError
        If the file holds quintiles or the variables of FDep instead of the index.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fdep.csv"
    >>> _ = path.write_text("code_insee;FDEP20\n1004;-0,5\n01005;1.25\n")
    >>> read_context(path, level="commune", index="fdep")[["territory_id", "index_value"]].values.tolist()
    [['01004', -0.5], ['01005', 1.25]]
    """
    source = require_file(path, what="context table")
    table = read_table(source)
    layout = LEVELS.get(level)
    id_name = named_column(table, id_column, what=source.name) if id_column else find_column(table, _id_columns(level))
    if value_column is None and index not in KNOWN_INDICES:
        raise UnknownNameError(
            f"Index {index!r} is unknown.", expected=f"one of {', '.join(KNOWN_INDICES)}, or value_column = ..."
        )
    known, is_deprivation = KNOWN_INDICES.get(index, ((), True))
    value_name = named_column(table, value_column, what=source.name) if value_column else find_column(table, known)
    if value_name is None and find_column(table, _FDEP_VARIABLES):
        raise InputError(
            f"{source.name} holds the variables of FDep by IRIS, and no index.",
            expected=f"a column of the index ({', '.join(known)})",
            next_step="Use FDep by commune or F-EDI, or name one variable: value_column = 't1_rev_med'.",
        )
    if id_name is None or value_name is None:
        raise UnknownNameError(
            f"{source.name}: no column of {'codes' if id_name is None else index} is recognised.",
            next_step=f"Name it (found: {', '.join(map(str, table.columns[:30]))}).",
        )
    ids, _ = code_text(table[id_name], length=layout.code_length if layout else None)
    values = _numbers(table[value_name], ids, name=f"{source.name}, column {value_name}")
    if is_deprivation and value_column is None:
        _refuse_quintiles(values, name=f"{source.name}, column {value_name}")
    repeated = ids[ids.duplicated() | ids.isna()]
    if len(repeated):
        raise SchemaError(
            f"{source.name} has empty or repeated codes:\n" + join_problems(repeated.astype(str).unique())
        )
    return pd.DataFrame(
        {
            "territory_id": ids.astype(str).to_numpy(dtype=object),
            "index_value": values.to_numpy(),
            "index_name": plain(index),
            "is_deprivation": is_deprivation,
        }
    )


def _id_columns(level: str) -> tuple[str, ...]:
    layout = LEVELS.get(level)
    # F-EDI by commune says "Commune Code"; a table by IRIS may have that column too, beside its own codes.
    own = ("commune_code",) if level == "commune" else ()
    return (*(layout.id_columns if layout else ()), *own, *_MORE_IDS)


def _refuse_quintiles(values: pd.Series, *, name: str) -> None:
    """Raise where an index holds 1 to 5 and nothing else: classes, whose mean or rank would say something else."""
    known = values.dropna()
    if len(known) >= 5 and known.isin(range(1, 6)).all():
        raise InputError(
            f"{name} holds whole numbers from 1 to 5: quintiles, not the index.",
            expected="the continuous index",
            next_step="Name its column (value_column = ...); naming this one takes the quintiles as they are.",
        )


def _numbers(values: pd.Series, ids: pd.Series, *, name: str) -> pd.Series:
    text = values.astype("string").str.replace(r"[\s\u00a0\u202f]", "", regex=True).str.replace(",", ".")
    withheld = text.isna() | text.str.lower().isin(WITHHELD).fillna(True)
    numbers = pd.to_numeric(text.where(~withheld), errors="coerce").astype("float64")
    bad = numbers.isna() & ~withheld
    if bad.any():
        raise SchemaError(
            f"{name} holds values that are no numbers:\n"
            + join_problems(f"{ids[at]}: {values[at]!r}" for at in ids[bad].index)
        )
    return numbers


def join_context(table: pd.DataFrame, context: pd.DataFrame, *, column: str = "territory_id") -> pd.DataFrame:
    """Join a table by zone to another, counting what did not meet.

    Parameters
    ----------
    table : DataFrame
        Any rows with a zone code in ``column``.
    context : DataFrame
        One row per ``territory_id`` (`read_context`, or any table).
    column : str, default "territory_id"

    Returns
    -------
    DataFrame
        Same rows and index as ``table``, with the other columns of ``context``; NA where it has no row.
        ``attrs["report"]``: zones met, zones without context, rows of context without zone.

    Raises
    ------
    SchemaError
        If the context repeats a code, or would overwrite a column.
    NoResultError
        If no code meets: codes of another level, geography or type.

    Examples
    --------
    >>> left = pd.DataFrame({"territory_id": ["a", "b"]}, index=[7, 8])
    >>> right = pd.DataFrame({"territory_id": ["a"], "index_value": [1.5]})
    >>> join_context(left, right)["index_value"].tolist()
    [1.5, nan]
    """
    if context["territory_id"].duplicated().any():
        repeated = context.loc[context["territory_id"].duplicated(), "territory_id"].unique()
        raise SchemaError("The context repeats codes:\n" + join_problems(repeated))
    added = [name for name in context.columns if name != "territory_id"]
    clash = sorted(set(added) & set(table.columns))
    if clash:
        raise SchemaError(f"Columns {', '.join(clash)} are in both tables.", next_step="Rename them first.")
    zones, known = set(table[column].dropna()), set(context["territory_id"])
    if zones and not zones & known:
        raise NoResultError(
            f"No zone of the table is in the context ({min(map(str, zones))!r}, {min(map(str, known))!r}...).",
            expected="codes of the same level and geography, as text",
        )
    indexed = context.set_index("territory_id")
    result = table.assign(**{name: table[column].map(indexed[name]) for name in added})
    result.attrs["report"] = {
        "zones_met": len(zones & known),
        "zones_without_context": sorted(map(str, zones - known)),
        "context_without_zone": len(known - zones),
    }
    return result


def bivariate_class(
    first: pd.Series,
    second: pd.Series,
    *,
    classes: int = 3,
    weights: pd.Series | None = None,
    scheme: Literal["quantiles", "equal_interval"] = "quantiles",
) -> pd.Series:
    """Return the class of two values at once, for a bivariate map.

    Parameters
    ----------
    first, second : Series of float
        Same index (density and deprivation, say).
    classes : int, default 3
        Classes of each, from 2 to 5.
    weights : Series of float, optional
        People: classes then hold equal shares of people, not of zones.
    scheme : {"quantiles", "equal_interval"}, default "quantiles"

    Returns
    -------
    Series of str
        "1-1" (both low) to "3-3" (both high); NA where one is unknown. Equal values always share a class.

    Raises
    ------
    InputError
        If the number of classes or the scheme is unknown, or the indices differ.

    Examples
    --------
    >>> bivariate_class(pd.Series([1.0, 2, 3, float("nan")]), pd.Series([9.0, 5, 1, 2]), classes=3).tolist()
    ['1-3', '2-2', '3-1', <NA>]
    """
    if not 2 <= classes <= 5 or scheme not in {"quantiles", "equal_interval"}:
        raise InputError(
            f"classes {classes}, scheme {scheme!r}.", expected="2 to 5 classes, 'quantiles' or 'equal_interval'"
        )
    if not first.index.equals(second.index):
        raise InputError("The two values have different indices.", expected="one row per zone in both")
    people = pd.Series(1.0, index=first.index) if weights is None else weights.reindex(first.index)
    both = first.notna() & second.notna() & people.gt(0)
    result = pd.Series(pd.NA, index=first.index, dtype="string")
    if both.any():
        left = _classes(first[both], people[both], classes, scheme)
        right = _classes(second[both], people[both], classes, scheme)
        result[both] = [f"{a}-{b}" for a, b in zip(left, right, strict=True)]
    return result


def _classes(values: pd.Series, people: pd.Series, classes: int, scheme: str) -> np.ndarray[Any, Any]:
    number = values.to_numpy(dtype="float64")
    if scheme == "equal_interval":
        low, high = number.min(), number.max()
        position = (number - low) / (high - low) if high > low else np.zeros(len(number))
        found: np.ndarray[Any, Any] = np.minimum((position * classes).astype(int), classes - 1) + 1
        return found
    # The class of a value is where the middle of the people who share it stands among all.
    unique, place = np.unique(number, return_inverse=True)
    amount = np.bincount(place, weights=people.to_numpy(dtype="float64"), minlength=len(unique))
    middle = (np.cumsum(amount) - amount / 2) / amount.sum()
    # A middle on the limit (within rounding) goes to the lower class.
    ranked: np.ndarray[Any, Any] = np.clip(np.ceil(middle * classes - 1e-9).astype(int), 1, classes)[place]
    return ranked
