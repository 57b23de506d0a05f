"""How unevenly practitioners are spread between the zones of a city."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from carto_sante.errors import InputError, NoResultError

if TYPE_CHECKING:
    from collections.abc import Mapping


def gini(values: Any, weights: Any) -> float:
    """Return the Gini coefficient of a rate over people (0: the same everywhere; towards 1: all in one zone).

    Parameters
    ----------
    values : array of float
        Rate of each zone (practitioners per inhabitant), not negative.
    weights : array of float
        Inhabitants of each zone.

    Returns
    -------
    float
        Half the mean absolute difference between two people, over the mean; NA where nobody practises.

    Raises
    ------
    InputError
        If arrays differ in length, or hold negative or unknown numbers.

    Examples
    --------
    >>> gini([0.0, 2.0], [1, 1]), gini([1.0, 1.0], [5, 9])
    (0.5, 0.0)
    """
    rate, people = _sound(values, weights)
    order = np.argsort(rate, kind="stable")
    rate, people = rate[order], people[order]
    supply = np.cumsum(rate * people)
    if len(supply) == 0 or supply[-1] == 0:
        return float("nan")
    # Area between the diagonal and the Lorenz curve, by trapezes, twice.
    share = np.concatenate([[0.0], supply / supply[-1]])
    return max(0.0, float(1 - ((share[1:] + share[:-1]) * people / people.sum()).sum()))


def theil(values: Any, weights: Any, groups: Any = None) -> dict[str, float]:
    """Return Theil's T of a rate over people, and how much of it lies between groups of zones.

    Parameters
    ----------
    values, weights : array of float
        As in `gini`; a zone without practitioners counts 0 · log 0 = 0.
    groups : array, optional
        Group of each zone (QPV or not, commune).

    Returns
    -------
    dict
        ``total``, ``between``, ``within``; total = between + within. Without groups, all is within.

    Raises
    ------
    InputError
        As `gini`.

    Examples
    --------
    >>> parts = theil([1.0, 1.0, 3.0, 3.0], [1, 1, 1, 1], ["a", "a", "b", "b"])
    >>> round(parts["within"], 12), parts["total"] == parts["between"]
    (0.0, True)
    """
    rate, people = _sound(values, weights)
    labels = np.zeros(len(rate), dtype=int) if groups is None else pd.factorize(np.asarray(groups))[0]
    if (labels < 0).any():
        raise InputError("Some zones have no group.", expected="one group per zone")
    supply = float((rate * people).sum())
    if supply == 0:
        return dict.fromkeys(("total", "between", "within"), float("nan"))
    total = _theil(rate, people)
    group_people = np.bincount(labels, weights=people)
    group_supply = np.bincount(labels, weights=rate * people)
    means = np.divide(group_supply, group_people, out=np.zeros_like(group_people), where=group_people > 0)
    between = _theil(means, group_people)
    return {"total": total, "between": between, "within": total - between}


def _theil(rate: np.ndarray[Any, Any], people: np.ndarray[Any, Any]) -> float:
    relative = rate / ((rate * people).sum() / people.sum())
    terms = np.where(relative > 0, relative * np.log(np.where(relative > 0, relative, 1.0)), 0.0)
    return float((terms * people).sum() / people.sum())


def concentration_index(values: Any, weights: Any, rank_by: Any) -> float:
    """Return the concentration index of a rate along an index of deprivation or income (Kakwani 1997, grouped).

    Parameters
    ----------
    values, weights : array of float
        As in `gini`.
    rank_by : array of float
        Zones are lined up by increasing value; equal values share their rank. Give an income as it is, a deprivation
        index with its sign changed, so that the poorest come first.

    Returns
    -------
    float
        Between -1 and 1. Positive: practitioners are where the last zones (the richest) are; 0: no gradient.

    Raises
    ------
    InputError
        As `gini`.

    Examples
    --------
    >>> concentration_index([0.0, 2.0], [1, 1], [10_000, 30_000]), concentration_index([2.0, 0.0], [1, 1], [1, 3])
    (0.5, -0.5)
    """
    rate, people = _sound(values, weights)
    rank = np.asarray(rank_by, dtype="float64")
    if rank.shape != rate.shape or np.isnan(rank).any():
        raise InputError("rank_by lacks a value for some zones.", expected="one known value per zone")
    supply = float((rate * people).sum())
    if supply == 0:
        return float("nan")
    _, place = np.unique(rank, return_inverse=True)
    tied = np.bincount(place, weights=people)
    middle = (np.cumsum(tied) - tied / 2)[place] / people.sum()
    return float(2 * (rate * people * middle).sum() / supply - 1)


def inequality_table(
    indicators: pd.DataFrame,
    people: pd.Series,
    *,
    indicator: str,
    groups: pd.Series | None = None,
    rank_by: Mapping[str, pd.Series] | None = None,
) -> pd.DataFrame:
    """Sum up the inequality of an indicator between zones.

    Parameters
    ----------
    indicators : DataFrame
        schemas.INDICATORS of one level.
    people : Series of float
        Inhabitants by ``territory_id``.
    indicator : str
        A rate ("practitioners_per_100k").
    groups : Series, optional
        Group by ``territory_id``, for Theil's decomposition.
    rank_by : mapping of str to Series, optional
        Name → index by ``territory_id``, poorest first, for concentration indices.

    Returns
    -------
    DataFrame
        Per profession and hypothesis: ``measure`` ("gini", "theil", "theil_between", "theil_within",
        "highest_to_lowest", "p90_to_p10", "concentration:<name>"), ``measure_value`` (NA where undefined, as a ratio
        to a zone without practitioners), ``zones_used`` and ``zones_left_out`` (missing, suppressed or without index).

    Raises
    ------
    NoResultError
        If the indicator is absent.

    Examples
    --------
    >>> table = pd.DataFrame({"territory_id": ["a", "b"], "territory_level": "q", "profession": "gp", "status": "ok",
    ...     "indicator": "practitioners_per_100k", "indicator_value": [50.0, 150.0], "hypothesis": "h"})
    >>> result = inequality_table(table, pd.Series({"a": 10.0, "b": 10.0}), indicator="practitioners_per_100k")
    >>> result.set_index("measure")["measure_value"].round(3)["gini"]
    np.float64(0.25)
    """
    chosen = indicators[indicators["indicator"] == indicator]
    if chosen.empty:
        found = ", ".join(sorted(indicators["indicator"].unique()))
        raise NoResultError(f"There is no indicator {indicator!r}.", next_step=f"Found: {found}.")
    parts = []
    for (profession, hypothesis), rows in chosen.groupby(["profession", "hypothesis"], sort=True):
        values = rows.set_index("territory_id")["indicator_value"].astype("float64")
        amount = people.reindex(values.index).astype("float64")
        used = values.notna() & amount.gt(0)
        measures = _measures(values[used], amount[used], groups)
        counts = dict.fromkeys(measures, int(used.sum()))
        for name, index in (rank_by or {}).items():
            rank = index.reindex(values.index)
            both = used & rank.notna()
            measures[f"concentration:{name}"] = (
                concentration_index(values[both], amount[both], rank[both]) if both.any() else float("nan")
            )
            counts[f"concentration:{name}"] = int(both.sum())
        table = pd.DataFrame({"measure": list(measures), "measure_value": list(measures.values())})
        table["zones_used"] = list(counts.values())
        table["zones_left_out"] = len(values) - table["zones_used"]
        parts.append(table.assign(profession=profession, hypothesis=hypothesis, indicator=indicator))
    return pd.concat(parts, ignore_index=True)


def _measures(values: pd.Series, people: pd.Series, groups: pd.Series | None) -> dict[str, float]:
    from carto_sante.density.nearest import weighted_percentile

    if values.empty:
        return dict.fromkeys(
            ("gini", "theil", "theil_between", "theil_within", "highest_to_lowest", "p90_to_p10"), np.nan
        )
    labels = None if groups is None else groups.reindex(values.index).fillna("sans groupe")
    parts = theil(values, people, labels)
    low, high = (weighted_percentile(values, people, percentile) for percentile in (10, 90))
    return {
        "gini": gini(values, people),
        "theil": parts["total"],
        "theil_between": parts["between"],
        "theil_within": parts["within"],
        "highest_to_lowest": float(values.max() / values.min()) if values.min() > 0 else float("nan"),
        "p90_to_p10": high / low if low > 0 else float("nan"),
    }


def _sound(values: Any, weights: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rate, people = np.asarray(values, dtype="float64"), np.asarray(weights, dtype="float64")
    if rate.shape != people.shape:
        raise InputError(f"{rate.size} values and {people.size} weights.", expected="one weight per value")
    if not (np.isfinite(rate).all() and np.isfinite(people).all()) or (rate < 0).any() or (people < 0).any():
        raise InputError(
            "Values or weights are negative or unknown.", next_step="Leave such zones out, and say how many."
        )
    return rate[people > 0], people[people > 0]
