"""Rates of small zones drawn towards the city's, by how little they say alone."""

from __future__ import annotations

import numpy as np
import pandas as pd


def smooth_rates(counts: pd.Series, people: pd.Series) -> pd.Series:
    """Return empirical Bayes rates (Marshall 1991, global, method of moments).

    Parameters
    ----------
    counts, people : Series of float
        Practitioners and inhabitants by zone, same index. Zones where people are unknown or nobody take no part.

    Returns
    -------
    Series
        Practitioners per inhabitant: ``w * raw + (1 - w) * city``, with ``w = A / (A + city / people)`` and A the
        variance between zones beyond chance (0 where there is none: every zone gets the city's rate). NA as above.

    Examples
    --------
    >>> smooth_rates(pd.Series([0.0, 10.0]), pd.Series([100.0, 10_000.0])).round(5).tolist()
    [0.00099, 0.00099]
    """
    known = people.gt(0) & counts.notna()
    total = float(people[known].sum())
    if total == 0:
        return pd.Series(np.nan, index=counts.index)
    city = float(counts[known].sum()) / total
    raw = counts[known] / people[known]
    spread = float((people[known] * (raw - city) ** 2).sum()) / total
    beyond = max(0.0, spread - city / (total / int(known.sum())))
    weight = beyond / (beyond + city / people[known]) if city > 0 else pd.Series(0.0, index=raw.index)
    return (weight * raw + (1 - weight) * city).reindex(counts.index)
