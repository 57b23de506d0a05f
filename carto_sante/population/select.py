"""The people of an age range and a sex, from published bands that do not always end where one would like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carto_sante.errors import NoResultError, UnknownNameError
from carto_sante.population.census import ALL, BAND_FAMILIES, band_bounds
from carto_sante.schemas import POPULATION, check_table

if TYPE_CHECKING:
    import pandas as pd

#: Last age of an open band when part of it is taken: people over 75 or 80, spread evenly up to 94.
OPEN_BAND_LAST_AGE = 94


def total_population(population: pd.DataFrame) -> pd.Series:
    """Return everybody, by zone.

    Parameters
    ----------
    population : DataFrame
        schemas.POPULATION of one level.

    Returns
    -------
    Series
        ``population_count`` by ``territory_id``; NA where unknown.

    Raises
    ------
    SchemaError
        If the table has problems.
    NoResultError
        If it has no ("all", "all") row.
    """
    return select_population(population).set_index("territory_id")["population_count"]


def select_population(
    population: pd.DataFrame, *, age_from: int = 0, age_to: int | None = None, sex: str = ALL
) -> pd.DataFrame:
    """Return the people of an age range and a sex, one row per zone.

    Parameters
    ----------
    population : DataFrame
        schemas.POPULATION of one level.
    age_from, age_to : int
        First and last age in completed years; None is no limit.
    sex : {"all", "female", "male"}

    Returns
    -------
    DataFrame
        ``territory_id``, ``territory_level``, ``population_count`` (NA where unknown), ``data_year`` and
        ``approximation``: "" where whole bands answer, else a sentence saying which band was cut, its people taken as
        spread evenly over its ages. Of the published sets of bands the one that cuts fewest people is used.

    Raises
    ------
    UnknownNameError
        If the sex is unknown.
    NoResultError
        If the bands of the table cannot answer.

    Examples
    --------
    >>> import pandas
    >>> bands = {"0-14": 30.0, "15-29": 30.0, "30-44": 30.0, "45-59": 15.0, "60-74": 10.0, "75+": 5.0}
    >>> table = pandas.DataFrame({"territory_id": "A", "territory_level": "iris", "age_band": list(bands),
    ...     "sex": "female", "population_count": list(bands.values()), "data_year": 2019})
    >>> chosen = select_population(table, age_from=15, age_to=49, sex="female")
    >>> float(chosen["population_count"].iloc[0]), chosen["approximation"].iloc[0]
    (65.0, 'a third of 45-59 taken evenly')
    """
    check_table(population, POPULATION)
    if sex not in {ALL, "female", "male"}:
        raise UnknownNameError(f"Sex {sex!r} is unknown.", expected="'all', 'female' or 'male'")
    rows = population[population["sex"] == sex]
    if age_from == 0 and age_to is None:
        chosen = rows[rows["age_band"] == ALL]
        if chosen.empty:
            raise NoResultError(f"The table has no row of age_band 'all' and sex {sex!r}.")
        kept = chosen[["territory_id", "territory_level", "population_count", "data_year"]]
        return kept.assign(approximation="").reset_index(drop=True)
    weights = _best_family(rows, age_from, age_to)
    used = rows[rows["age_band"].isin(list(weights))]
    counts = used.assign(population_count=used["population_count"] * used["age_band"].map(weights))
    keys = ["territory_id", "territory_level", "data_year"]
    # A zone with a missing band, or with one band unknown, has an unknown answer.
    summed = counts.groupby(keys, as_index=False, sort=True)["population_count"].agg(
        lambda values: values.sum(skipna=False) if len(values) == len(weights) else float("nan")
    )
    cut = [f"{_share_text(weight)} of {band} taken evenly" for band, weight in weights.items() if weight < 1]
    return summed.assign(approximation="; ".join(cut))[
        ["territory_id", "territory_level", "population_count", "data_year", "approximation"]
    ]


def _best_family(rows: pd.DataFrame, age_from: int, age_to: int | None) -> dict[str, float]:
    present = set(rows["age_band"])
    best: tuple[float, dict[str, float]] | None = None
    for bands in BAND_FAMILIES.values():
        weights = {band: share for band in bands if (share := _share_of(band, age_from, age_to)) > 0}
        if not weights or not set(weights) <= present:
            continue
        people = rows[rows["age_band"].isin([band for band, share in weights.items() if share < 1])]
        cut_people = float(people["population_count"].sum())
        if best is None or cut_people < best[0]:
            best = (cut_people, weights)
    if best is None:
        raise NoResultError(
            f"The bands {sorted(present)} do not say how many people are aged {age_from} to {age_to or 'the oldest'}.",
            next_step="Use a source with age bands by sex (census by IRIS), or all ages.",
        )
    return best[1]


def _share_of(band: str, age_from: int, age_to: int | None) -> float:
    low, high = band_bounds(band)
    last = OPEN_BAND_LAST_AGE if high is None else high
    if high is None and age_to is None and age_from <= low:
        return 1.0
    top = last if age_to is None else min(last, age_to)
    bottom = max(low, age_from)
    return max(0, top - bottom + 1) / (last - low + 1)


def _share_text(share: float) -> str:
    known = {1 / 3: "a third", 1 / 2: "half", 2 / 3: "two thirds", 1 / 5: "a fifth"}
    return next((text for value, text in known.items() if abs(value - share) < 1e-9), f"{share:.0%}")
