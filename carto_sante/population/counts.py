"""Counts of people read from cells of text or numbers, strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from carto_sante.errors import SchemaError, join_problems

if TYPE_CHECKING:
    import pandas as pd

#: How INSEE and ANCT write a figure withheld (secret) or not available.
WITHHELD = ("s", "ns", "nd", "n.d.", "n/d", "na", "c", "")


class Counts(NamedTuple):
    """Parsed counts (float, NA where unknown) and how many were withheld."""

    values: pd.Series
    withheld_count: int


def parse_counts(values: pd.Series, *, name: str, labels: pd.Series | None = None) -> Counts:
    """Return counts as floats; refuse what is neither a count nor a published mark of absence.

    Parameters
    ----------
    values : Series
        Numbers, or text with thousands separators (spaces of any kind) and a decimal comma ("1 234,5").
    name : str
        How the error names the column.
    labels : Series, optional
        How the error names each row; the index by default.

    Raises
    ------
    SchemaError
        Listing every negative, infinite or unreadable count.

    Examples
    --------
    >>> import pandas
    >>> parse_counts(pandas.Series(["1 234,5", "s", "7"]), name="pop").values.tolist()
    [1234.5, nan, 7.0]
    """
    import numpy as np
    import pandas as pd

    rows = pd.Series(values.index if labels is None else labels.to_numpy(), index=values.index).astype(str)
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.astype("float64")
        unreadable = pd.Series(False, index=values.index)
        withheld = numbers.isna()
    else:
        text = values.astype("string").str.replace(r"[\s\u00a0\u202f]", "", regex=True).str.replace(",", ".")
        withheld = text.isna() | text.str.lower().isin(WITHHELD).fillna(True)
        numbers = pd.to_numeric(text.where(~withheld), errors="coerce").astype("float64")
        unreadable = numbers.isna() & ~withheld
    problems = [f"{rows[at]}: {values[at]!r} is not a count" for at in values.index[unreadable]]
    negative = (numbers < 0) | np.isinf(numbers)
    problems += [f"{rows[at]}: {numbers[at]:g} people" for at in values.index[negative]]
    if problems:
        raise SchemaError(f"The counts of {name} have {len(problems)} problem(s):\n" + join_problems(problems))
    return Counts(numbers, int(withheld.sum()))
