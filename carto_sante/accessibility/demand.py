"""People weighed by age: the population that competes for care."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from carto_sante.accessibility.pairs import check_text
from carto_sante.accessibility.parameters import AplParameters, parse_age_band, weight_of_age_band
from carto_sante.errors import InputError, SchemaError, join_problems

if TYPE_CHECKING:
    import pandas as pd


def standardise_demand(population: pd.DataFrame, *, parameters: AplParameters, sex: str | None = None) -> pd.DataFrame:
    """Weigh people by age: the demand table of `compute_fca` and `compute_apl`.

    Parameters
    ----------
    population : DataFrame
        ``territory_id`` (or ``origin_id``), ``age_band`` ("0-14", "75+"), ``population_count`` (inhabitants),
        optionally ``sex``. Where sets of bands overlap (0-14 and 0-19 both published) the finest that covers
        every age once is used; a row of all ages is left aside. A band wider than those of the parameters
        takes the mean of their weights, year by year.
    parameters : AplParameters
        Age weights.
    sex : str, optional
        Keep only one sex (midwives: women), as written in the column ``sex``.

    Returns
    -------
    DataFrame
        ``origin_id``, ``population_count``, ``population_standardised``, one row per zone, sorted.

    Raises
    ------
    SchemaError
        If columns are missing, ages are not bands, bands overlap or counts are missing or negative.
    InputError
        If several levels of zones are mixed or no row is left.

    Examples
    --------
    >>> import pandas
    >>> from carto_sante.accessibility import apl_parameters
    >>> people = pandas.DataFrame({"territory_id": ["a", "a"], "age_band": ["0-4", "5+"],
    ...                            "population_count": [100.0, 900.0]})
    >>> standardise_demand(people, parameters=apl_parameters("apl_2022")).population_standardised.round(1).tolist()
    [1119.5]
    """
    import pandas as pd

    key = "origin_id" if "origin_id" in population.columns else "territory_id"
    rows = _rows(population, key, sex)
    bands = _choose_bands(list(dict.fromkeys(map(str, rows["age_band"]))))
    rows = rows[rows["age_band"].astype("str").isin(bands)]
    problems = []
    if rows.duplicated([key, "age_band", *(["sex"] if "sex" in rows.columns else [])]).any():
        problems.append("some zones repeat an age band")
    by_zone = rows.groupby(key)["age_band"].nunique()
    if (by_zone < len(bands)).any():
        short = by_zone[by_zone < len(bands)]
        problems.append(f"{len(short)} zones lack some age bands (first: {short.index[0]})")
    counts = rows["population_count"].to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isnan(counts).any() or (counts < 0).any():
        problems.append(f"population_count is missing or negative on {int((~(counts >= 0)).sum())} rows")
    if problems:
        raise SchemaError("population cannot be standardised:\n" + join_problems(problems))
    weights = {band: weight_of_age_band(band, parameters) for band in bands}
    weighed = pd.DataFrame(
        {
            "origin_id": rows[key].astype("str").to_numpy(),
            "population_count": counts,
            "population_standardised": counts * rows["age_band"].astype("str").map(weights).to_numpy(dtype=np.float64),
        }
    )
    return weighed.groupby("origin_id", sort=True).sum().reset_index()


def _rows(population: pd.DataFrame, key: str, sex: str | None) -> pd.DataFrame:
    missing = [name for name in (key, "age_band", "population_count") if name not in population.columns]
    if missing:
        found = ", ".join(map(str, population.columns))
        raise SchemaError(f"population lacks {', '.join(missing)} (found: {found}).")
    check_text(population[key], table="population")
    if "territory_level" in population.columns and population["territory_level"].nunique() > 1:
        levels = ", ".join(sorted(map(str, population["territory_level"].unique())))
        raise InputError(
            f"population mixes levels ({levels}).", expected="one level", next_step="Filter territory_level first."
        )
    rows = population
    if sex is not None:
        known = sorted(map(str, population["sex"].unique())) if "sex" in population.columns else []
        if sex not in known:
            raise InputError(f"population has no sex {sex!r}.", expected=f"one of {', '.join(known) or 'a column sex'}")
        rows = population[population["sex"] == sex]
    elif "sex" in population.columns and population["sex"].nunique() > 1 and "all" in set(population["sex"]):
        # Counting "all" beside men and women would count everybody twice.
        rows = population[population["sex"] == "all"]
    if not len(rows):
        raise InputError("population has no row.", expected="people by zone and age")
    return rows


def _choose_bands(bands: list[str]) -> list[str]:
    """Return the finest set of bands that covers every age once.

    A census publishes several sets of bands (0-14, 15-29... and 0-19, 20-64...) that overlap one another.
    """
    spans = {band: span for band in bands if (span := parse_age_band(band)) is not None}
    # Longest chain of bands from age 0 to the open end, each starting where the one before stops.
    chains: dict[float, list[str]] = {0.0: []}
    for start in sorted({span[0] for span in spans.values()}):
        if start not in chains:
            continue
        for band in sorted(spans, key=lambda name: spans[name]):
            first, last = spans[band]
            if first != start or last < first:
                continue
            longer = [*chains[start], band]
            if len(longer) > len(chains.get(last + 1, [])):
                chains[last + 1] = longer
    if math.inf in chains:
        return chains[math.inf]
    raise SchemaError("population cannot be standardised:\n" + join_problems(_band_problems(bands)))


def _band_problems(bands: list[str]) -> list[str]:
    spans = [(parse_age_band(band), band) for band in bands]
    unknown = [band for span, band in spans if span is None]
    if len(unknown) == len(bands):
        return [
            f"age bands {', '.join(map(repr, unknown[:5]))} are not ages: expected '0-14' or '75+' "
            "(people of all ages together cannot be weighed by age)"
        ]
    ordered = sorted((span, band) for span, band in spans if span is not None)
    problems = [f"age band {band!r} ends before it starts" for span, band in ordered if span[1] < span[0]]
    for (left, one), (right, other) in itertools.pairwise(ordered):
        if right[0] <= left[1]:
            problems.append(f"age bands {one!r} and {other!r} overlap")
    if not any(np.isinf(span[1]) for span, _ in ordered):
        problems.append(f"no age band is open (the last is {ordered[-1][1]!r}; expected one such as '75+')")
    if ordered[0][0][0] > 0:
        problems.append(f"no age band starts at 0 (the first is {ordered[0][1]!r})")
    for (left, one), (right, other) in itertools.pairwise(ordered):
        if right[0] > left[1] + 1:
            problems.append(f"ages between {one!r} and {other!r} are in no band")
    return problems
