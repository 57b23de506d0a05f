"""From zones to sentences: means, shares of people below a threshold, deciles, cut-offs, zoning joined.

Two weightings, as the DREES prescribes in its workbook: a mean over zones is weighted by the *standardised*
population; counting people (below a threshold, by decile) uses the population as it is.
"""

from __future__ import annotations

import csv
import itertools
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility.pairs import Floats, check_text
from carto_sante.errors import InputError, NoResultError, SchemaError, UnknownNameError, suggest

if TYPE_CHECKING:
    import pandas as pd


def compute_mean(table: pd.DataFrame, *, value: str, weight: str = "population_standardised") -> float:
    """Return the mean of an indicator, weighted by people, over the zones where it is known.

    Raises
    ------
    SchemaError
        If a column is missing or a weight is missing or negative.
    NoResultError
        If nobody lives where it is known.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"apl": [3.0, 1.0], "population_standardised": [100.0, 300.0]})
    >>> compute_mean(table, value="apl")
    1.5
    """
    values, people = _known(table, value, weight)
    return float(np.average(values, weights=people))


def aggregate(table: pd.DataFrame, *, by: str, value: str, weight: str = "population_standardised") -> pd.DataFrame:
    """Return the weighted mean of an indicator by group of zones.

    Parameters
    ----------
    table : DataFrame
        One row per zone, with ``by`` (such as the commune of each IRIS), ``value`` and ``weight``.
    by, value, weight : str
        Columns.

    Returns
    -------
    DataFrame
        ``by``, ``value``, ``weight`` (people where the value is known), ``population_missing_count`` (people
        where it is not), sorted; the value is NA where it is known nowhere or for nobody.

    Raises
    ------
    SchemaError
        If a column is missing.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"commune": ["a", "a", "b"], "apl": [3.0, 1.0, None],
    ...                           "population_standardised": [100.0, 300.0, 50.0]})
    >>> aggregate(table, by="commune", value="apl").values.tolist()
    [['a', 1.5, 400.0, 0.0], ['b', nan, 0.0, 50.0]]
    """
    import pandas as pd

    _require(table, by, value, weight)
    values = table[value].to_numpy(dtype=np.float64, na_value=np.nan)
    people = _people(table, weight)
    is_known = ~np.isnan(values)
    parts = pd.DataFrame(
        {
            by: table[by].to_numpy(),
            "product": np.where(is_known, values, 0.0) * people,
            weight: np.where(is_known, people, 0.0),
            "population_missing_count": np.where(is_known, 0.0, people),
        }
    )
    sums = parts.groupby(by, sort=True).sum().reset_index()
    weights = sums[weight].to_numpy()
    sums[value] = np.divide(sums["product"], weights, out=np.full(len(sums), np.nan), where=weights > 0)
    return sums[[by, value, weight, "population_missing_count"]]


def compute_share_below(
    table: pd.DataFrame, *, value: str, threshold: float, weight: str = "population_count"
) -> dict[str, float]:
    """Return how many people live where an indicator is below a threshold.

    Returns
    -------
    dict
        ``population_below_count``, ``population_below_share`` (0 to 1, of the people where it is known),
        ``population_known_count``, ``population_missing_count``.

    Raises
    ------
    SchemaError, NoResultError
        As for `compute_mean`.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"apl": [2.4, 2.5, 4.0], "population_count": [100.0, 200.0, 100.0]})
    >>> compute_share_below(table, value="apl", threshold=2.5)["population_below_share"]
    0.25
    """
    values, people = _known(table, value, weight)
    below = float(people[values < threshold].sum())
    total = float(people.sum())
    return {
        "population_below_count": below,
        "population_below_share": below / total,
        "population_known_count": total,
        "population_missing_count": float(_people(table, weight).sum()) - total,
    }


def compute_quantiles(
    table: pd.DataFrame, *, value: str, count: int = 10, weight: str = "population_count"
) -> pd.DataFrame:
    """Return the quantiles of an indicator among people: deciles by default.

    Quantile k is the smallest value at or below which at least k / count of the people live.

    Returns
    -------
    DataFrame
        ``quantile`` (1 to count - 1), ``population_share``, ``value`` under its own name.

    Raises
    ------
    InputError
        If ``count`` is below 2.
    SchemaError, NoResultError
        As for `compute_mean`.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"apl": [1.0, 2.0, 3.0], "population_count": [50.0, 25.0, 25.0]})
    >>> compute_quantiles(table, value="apl", count=4)["apl"].tolist()
    [1.0, 1.0, 2.0]
    """
    import pandas as pd

    if count < 2:
        raise InputError(f"count is {count}.", expected="at least 2 groups")
    values, people = _known(table, value, weight)
    order = np.argsort(values, kind="stable")
    running = np.cumsum(people[order])
    shares = np.arange(1, count) / count
    # A hair of tolerance: the sum of weights is rounded, the share k / count is exact.
    places = np.searchsorted(running, shares * running[-1] * (1 - 1e-12))
    return pd.DataFrame({"quantile": np.arange(1, count), "population_share": shares, value: values[order][places]})


def zoning_cutoffs(profession: str) -> pd.DataFrame:
    """Return the cut-offs of the 2020 zonings of a profession, as dated data.

    They describe how the national classes fell that year. The zone of a commune is never derived from them:
    join the official file with `join_zoning`.

    Returns
    -------
    DataFrame
        ``class_order``, ``class_label``, ``population_share``, ``upper_etp_per_100k`` (highest value of the
        class), ``indicator_label``, ``source``, ``source_date``.

    Raises
    ------
    UnknownNameError
        If the profession has none.

    Examples
    --------
    >>> zoning_cutoffs("nurse").upper_etp_per_100k.tolist()
    [58.8, 73.1, 121.3, 171.5, 696.6]
    """
    import pandas as pd

    rows = [row for row in _cutoffs() if row["profession"] == profession]
    if not rows:
        known = dict.fromkeys(row["profession"] for row in _cutoffs())
        raise UnknownNameError(f"No cut-offs are known for {profession!r}.", next_step=suggest(profession, known))
    table = pd.DataFrame(rows).drop(columns="profession")
    return table.astype({"class_order": int, "population_share": float, "upper_etp_per_100k": float})


def name_class(values: pd.Series[Any], *, cuts: tuple[float, ...], label: str) -> pd.Series[Any]:
    """Name the class of each value by its bounds ("APL ≤ 2,5"), never by a zoning it does not decide.

    Parameters
    ----------
    values : Series of float
        NA stays NA.
    cuts : tuple of float
        Increasing cuts; a value equal to one belongs to the class below it.
    label : str
        Name of the indicator.

    Raises
    ------
    InputError
        If the cuts do not increase.

    Examples
    --------
    >>> import pandas
    >>> name_class(pandas.Series([2.5, 3.0, 9.0]), cuts=(2.5, 4.0), label="APL").tolist()
    ['APL ≤ 2,5', '2,5 < APL ≤ 4', 'APL > 4']
    """
    import pandas as pd

    if not cuts or any(not later > sooner for sooner, later in itertools.pairwise(cuts)):
        raise InputError(f"cuts are {cuts!r}.", expected="one or more increasing values")
    written = [f"{cut:g}".replace(".", ",") for cut in cuts]
    names = [f"{label} ≤ {written[0]}"]
    names += [f"{low} < {label} ≤ {high}" for low, high in itertools.pairwise(written)]
    names.append(f"{label} > {written[-1]}")
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    places = np.searchsorted(cuts, numbers, side="left")
    named = [names[place] if not np.isnan(number) else None for place, number in zip(places, numbers, strict=True)]
    return pd.Series(named, index=values.index, dtype="str")


def join_zoning(table: pd.DataFrame, zoning: pd.DataFrame, *, key: str, zoning_column: str) -> pd.DataFrame:
    """Join the official zoning (ZIP, ZAC...) to zones by code; it is read, never derived.

    Since 2021 the ARS rank territories themselves, so that no indicator decides a zone alone.

    Parameters
    ----------
    table, zoning : DataFrame
        With the same ``key``, as text; ``zoning`` has one row per code.
    key, zoning_column : str
        Columns.

    Returns
    -------
    DataFrame
        ``table`` with ``zoning_column``, NA where the file has no such code; ``attrs["zoning"]`` counts the
        codes joined and lists those that were not.

    Raises
    ------
    SchemaError
        If columns are missing, codes are numbers, or a code repeats in the zoning.
    NoResultError
        If no code is common.
    """
    for frame, name in ((table, "table"), (zoning, "zoning")):
        if key not in frame.columns:
            raise SchemaError(f"{name} lacks {key} (found: {', '.join(map(str, frame.columns))}).")
        check_text(frame[key], table=name)
    _require(zoning, zoning_column)
    repeated = zoning[key].duplicated()
    if repeated.any():
        raise SchemaError(f"zoning: {key} repeats (first: {zoning.loc[repeated, key].iloc[0]!r}).")
    by_code = zoning.set_index(key)[zoning_column]
    is_known = table[key].isin(by_code.index)
    if not is_known.any():
        raise NoResultError(
            f"No {key} of the table is in the zoning ({table[key].iloc[0]!r}, {zoning[key].iloc[0]!r}).",
            expected="codes of the same vintage",
        )
    joined = table.assign(**{zoning_column: table[key].map(by_code)})
    joined.attrs["zoning"] = {
        "joined": int(is_known.sum()),
        "not_joined": sorted(map(str, table.loc[~is_known, key].unique())),
    }
    return joined


@cache
def _cutoffs() -> list[dict[str, str]]:
    text = resources.files("carto_sante").joinpath("accessibility/data/zoning_cutoffs.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _known(table: pd.DataFrame, value: str, weight: str) -> tuple[Floats, Floats]:
    _require(table, value, weight)
    values: Floats = table[value].to_numpy(dtype=np.float64, na_value=np.nan)
    people = _people(table, weight)
    is_known = ~np.isnan(values)
    if not people[is_known].sum() > 0:
        raise NoResultError(f"Nobody lives where {value} is known.", expected=f"{weight} above 0 somewhere")
    return values[is_known], people[is_known]


def _people(table: pd.DataFrame, weight: str) -> Floats:
    people: Floats = table[weight].to_numpy(dtype=np.float64, na_value=np.nan)
    if not (people >= 0).all():
        raise SchemaError(f"{weight} is missing or negative on {int((~(people >= 0)).sum())} rows.")
    return people


def _require(table: pd.DataFrame, *names: str) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise SchemaError(f"The table lacks {', '.join(missing)} (found: {', '.join(map(str, table.columns))}).")
