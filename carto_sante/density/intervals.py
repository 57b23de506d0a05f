"""Exact intervals and tests for counts of practitioners."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

#: Confidence of every interval of the package.
CONFIDENCE = 0.95


def poisson_interval(
    counts: Any, *, confidence: float = CONFIDENCE
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the exact interval of the mean of Poisson counts (Garwood 1936).

    Parameters
    ----------
    counts : array of float
        Counts; NA gives NA.
    confidence : float, default 0.95

    Returns
    -------
    (array, array)
        Lower and upper bounds: half chi-square quantiles with 2n and 2n + 2 degrees of freedom; 0 below a count of 0.

    Examples
    --------
    >>> low, high = poisson_interval([0, 5])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 1.623], [3.689, 11.668])
    """
    # Zones share few distinct counts, and a quantile is dear: one for each count.
    values, place = np.unique(np.asarray(counts, dtype="float64"), return_inverse=True)
    tail = (1 - confidence) / 2
    lower = np.where(values > 0, stats.chi2.ppf(tail, 2 * np.where(values > 0, values, 1.0)) / 2, 0.0)
    upper = stats.chi2.ppf(1 - tail, 2 * values + 2) / 2
    return np.where(np.isnan(values), np.nan, lower)[place], upper[place]


class RatioTest(NamedTuple):
    """A ratio of two rates, its exact interval and p-value."""

    ratio: np.ndarray[Any, Any]
    lower: np.ndarray[Any, Any]
    upper: np.ndarray[Any, Any]
    p_value: np.ndarray[Any, Any]


def rate_ratio(
    count: Any, people: Any, rest_count: Any, rest_people: Any, *, confidence: float = CONFIDENCE
) -> RatioTest:
    """Compare two Poisson rates exactly, given their total (Clopper and Pearson 1934 on the binomial share).

    Parameters
    ----------
    count, rest_count : array of float
        Practitioners here and there.
    people, rest_people : array of float
        Inhabitants here and there.
    confidence : float, default 0.95

    Returns
    -------
    RatioTest
        Ratio (here / there) with its central interval, and the p-value that twice the smaller tail gives, so that
        p < 0.05 exactly where the 95 % interval leaves out 1. NA where nobody lives here or there, or no practitioner
        is anywhere.

    Examples
    --------
    >>> test = rate_ratio([4], [10_000], [40], [20_000])
    >>> float(test.ratio[0]), round(float(test.p_value[0]), 4)
    (0.2, 0.0004)
    """
    first, second = np.asarray(count, dtype="float64"), np.asarray(rest_count, dtype="float64")
    here, there = np.asarray(people, dtype="float64"), np.asarray(rest_people, dtype="float64")
    total = first + second
    sound = (here > 0) & (there > 0) & (total > 0)
    n, k = np.where(sound, total, 1.0), np.where(sound, first, 0.0)
    share = np.where(sound, here / np.where(sound, here + there, 1.0), 0.5)
    odds = np.where(sound, there / np.where(here > 0, here, 1.0), np.nan)
    tail = (1 - confidence) / 2
    low = np.where(k > 0, stats.beta.ppf(tail, np.where(k > 0, k, 1.0), n - k + 1), 0.0)
    high = np.where(k < n, stats.beta.ppf(1 - tail, k + 1, np.where(k < n, n - k, 1.0)), 1.0)
    below, above = stats.binom.cdf(k, n, share), stats.binom.sf(k - 1, n, share)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(sound, (first / here) / (second / there), np.nan)
        lower, upper = low / (1 - low) * odds, high / (1 - high) * odds
    p_value = np.where(sound, np.minimum(1.0, 2 * np.minimum(below, above)), np.nan)
    return RatioTest(ratio, np.where(sound, lower, np.nan), np.where(sound, upper, np.nan), p_value)


def benjamini_hochberg(p_values: Any) -> np.ndarray[Any, Any]:
    """Return p-values adjusted for their number (Benjamini and Hochberg 1995); NA is left out of the number.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, float("nan")]).round(4).tolist()
    [0.03, 0.04, 0.04, nan]
    """
    values = np.asarray(p_values, dtype="float64")
    adjusted = np.full(values.shape, np.nan)
    known = ~np.isnan(values)
    if known.any():
        adjusted[known] = stats.false_discovery_control(values[known], method="bh")
    return adjusted
