"""Densities by zone, with their uncertainty, in one long table where zero, missing and suppressed stay apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from carto_sante.density.counting import chosen_professions, count_by_zone, place_practitioners, zones_of_level
from carto_sante.density.intervals import CONFIDENCE, poisson_interval
from carto_sante.density.smoothing import smooth_rates
from carto_sante.density.targets import TARGET_POPULATIONS
from carto_sante.errors import InputError, NoResultError
from carto_sante.population.select import select_population
from carto_sante.schemas import INDICATORS, TERRITORIES, check_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geopandas import GeoDataFrame

OK, MISSING, SUPPRESSED = "ok", "missing", "suppressed"
#: Hypothesis of counts: they have no denominator.
COUNTED = "Dénombrement, sans dénominateur"


def compute_density(
    practitioners: pd.DataFrame | GeoDataFrame,
    territories: GeoDataFrame,
    population: pd.DataFrame,
    *,
    per_inhabitants: int = 100_000,
    level: str | None = None,
    professions: Sequence[str] | None = None,
    targets: Literal["none", "beside"] = "none",
    suppress_below: int = 0,
    smoothing: bool = False,
    confidence: float = CONFIDENCE,
    population_label: str = "population",
) -> pd.DataFrame:
    """Return counts, capacities and densities by zone and profession.

    Parameters
    ----------
    practitioners : DataFrame or GeoDataFrame
        Practitioner × site (schemas.PRACTITIONERS) with a ``<level>_id`` column (`territories.assign_territory`) or
        points.
    territories : GeoDataFrame
        schemas.TERRITORIES; every zone of the level is in the result, whether anybody practises there or not.
    population : DataFrame
        schemas.POPULATION of the level.
    per_inhabitants : int, default 100,000
        10,000 and 100,000 name the indicators ``..._per_10k`` and ``..._per_100k``.
    level : str, optional
        Needed where the territories hold several levels.
    professions : sequence of str, optional
        Those present by default. One asked for that nobody exercises counts 0 everywhere.
    targets : {"none", "beside"}, default "none"
        "beside" adds, for the professions of `TARGET_POPULATIONS`, the density per target population (women of 15–49
        for midwives...), told apart by its hypothesis.
    suppress_below : int, default 0
        Counts from 1 to ``suppress_below - 1`` are withheld with what derives from them; where one zone alone is
        withheld, the next smallest too, since the city's total would give it away.
    smoothing : bool, default False
        Adds ``practitioners_per_..._smoothed``, shrunk towards the city's rate (Marshall 1991).
    confidence : float, default 0.95
        Of the exact Poisson intervals, which bound ``practitioner_count`` and its rates (capacity has none: it is no
        count).
    population_label : str
        Names the denominator in the hypothesis of rates, in French ("recensement par IRIS, répartie à la surface");
        ages and year are added.

    Returns
    -------
    DataFrame
        schemas.INDICATORS, sorted: ``practitioner_count`` (distinct people; does not add up over zones),
        ``practitioner_capacity`` (adds up), ``practitioners_per_...``, ``capacity_per_...``. ``status``: "ok" (0.0 is
        nobody practising), "missing" (population unknown or nobody lives there: no rate), "suppressed".
        ``attrs["report"]``: practitioner-sites placed, outside, not located; professions nobody exercises.

    Raises
    ------
    SchemaError
        If a table lacks columns or holds values it may not.
    UnknownNameError
        If a level or a profession is unknown.
    InputError, NoResultError
        If the level is ambiguous, or the population has no zone of it.

    Examples
    --------
    >>> import geopandas, shapely
    >>> zones = geopandas.GeoDataFrame({"territory_id": ["A", "B"], "territory_level": "quartier",
    ...     "territory_label": ["a", "b"], "geography_year": 2024},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs="EPSG:2154")
    >>> doctors = pd.DataFrame({"practitioner_id": ["P"], "site_id": ["s"], "profession": ["gp"],
    ...     "capacity": [1.0], "quartier_id": ["A"]})
    >>> people = pd.DataFrame({"territory_id": ["A", "B"], "territory_level": "quartier", "age_band": "all",
    ...     "sex": "all", "population_count": [1000.0, 500.0], "data_year": 2021})
    >>> table = compute_density(doctors, zones, people, per_inhabitants=10_000)
    >>> rates = table[table["indicator"] == "practitioners_per_10k"]
    >>> rates[["territory_id", "indicator_value", "status"]].values.tolist()
    [['A', 10.0, 'ok'], ['B', 0.0, 'ok']]
    """
    check_table(territories, TERRITORIES)
    if per_inhabitants <= 0 or suppress_below < 0 or not 0 < confidence < 1:
        raise InputError(
            f"per_inhabitants {per_inhabitants}, suppress_below {suppress_below}, confidence {confidence}.",
            expected="per_inhabitants above 0, suppress_below 0 or more, confidence between 0 and 1",
        )
    zones, level = zones_of_level(territories, level)
    placed = place_practitioners(practitioners, zones, level=level)
    denominators = _Denominators(zones, population, level, population_label)
    names = chosen_professions(placed, professions)
    parts = []
    for profession in names:
        counts = count_by_zone(placed, denominators.ids, profession)
        hidden = suppressed_zones(counts["practitioner_count"], below=suppress_below)
        chosen = [denominators.everybody()]
        if targets == "beside" and profession in TARGET_POPULATIONS:
            chosen.append(denominators.target(profession))
        parts.append(_count_rows(counts, hidden, profession, confidence=confidence))
        for people, hypothesis in chosen:
            rates = _rates(counts, people, hidden, per_inhabitants, smoothing=smoothing, confidence=confidence)
            parts += [rate.assign(profession=profession, hypothesis=hypothesis) for rate in rates]
    table = _finished(parts, zones, level, denominators.data_year)
    table.attrs["report"] = placed.attrs["report"] | {
        "professions_absent": [name for name in names if name not in set(placed["profession"])]
    }  # fmt: skip
    return table


class _Denominators:
    """People of each zone, by target population, with the hypothesis that names them."""

    def __init__(self, zones: GeoDataFrame, population: pd.DataFrame, level: str, label: str) -> None:
        self.ids = pd.Index(zones["territory_id"])
        here = population[population["territory_level"] == level]
        if not here["territory_id"].isin(self.ids).any():
            raise NoResultError(
                f"The population has no zone of level {level!r} of these territories.",
                expected=f"schemas.POPULATION of level {level!r}, same codes",
                next_step="Move it first with population.transfer_population.",
            )
        self._population = here[[name for name in here.columns if name != "covered_share"]]
        years = self._population["data_year"].dropna().unique()
        if len(years) != 1:
            raise InputError(f"The population mixes the years {sorted(years)}.", expected="people of one year")
        self.data_year = int(years[0])
        self._label = label

    def everybody(self) -> tuple[pd.Series, str]:
        """Return people of all ages by zone, and the hypothesis."""
        people = select_population(self._population).set_index("territory_id")["population_count"]
        return people.reindex(self.ids), f"Dénominateur : {self._label}, tous âges, {self.data_year}"

    def target(self, profession: str) -> tuple[pd.Series, str]:
        """Return the target population of a profession by zone, and the hypothesis."""
        wanted = TARGET_POPULATIONS[profession]
        chosen = select_population(
            self._population, age_from=wanted.age_from, age_to=wanted.age_to, sex=wanted.sex
        ).set_index("territory_id")
        approximation = next(iter(chosen["approximation"]), "")
        note = " (bandes d'âge coupées au prorata)" if approximation else ""
        text = f"Dénominateur : {self._label}, {wanted.label}, {self.data_year}{note}"
        return chosen["population_count"].reindex(self.ids), text


def suppressed_zones(counts: pd.Series, *, below: int) -> pd.Series:
    """Return which zones are withheld for small numbers; never exactly one, which the total would give away.

    Parameters
    ----------
    counts : Series of float
        Practitioners by zone.
    below : int
        Counts from 1 to ``below - 1`` are withheld; 0 or 1 withholds nothing.

    Examples
    --------
    >>> suppressed_zones(pd.Series([0.0, 2.0, 7.0, 9.0]), below=5).tolist()
    [False, True, True, False]
    """
    hidden = (counts > 0) & (counts < below)
    if int(hidden.sum()) == 1:
        others = counts[~hidden & (counts > 0)]
        if len(others):
            hidden = hidden.copy()
            hidden[others.idxmin()] = True
    return hidden


def suffix_of(per_inhabitants: int) -> str:
    """Return how an indicator's name says per how many people ("per_100k").

    Examples
    --------
    >>> suffix_of(10_000), suffix_of(5_000), suffix_of(750)
    ('per_10k', 'per_5k', 'per_750')
    """
    return f"per_{per_inhabitants // 1000}k" if per_inhabitants % 1000 == 0 else f"per_{per_inhabitants}"


def _count_rows(counts: pd.DataFrame, hidden: pd.Series, profession: str, *, confidence: float) -> pd.DataFrame:
    lower, upper = poisson_interval(counts["practitioner_count"], confidence=confidence)
    status = np.where(hidden, SUPPRESSED, OK)
    heads = _rows(counts["practitioner_count"], "practitioner_count", "praticiens", status, lower, upper)
    capacity = _rows(counts["practitioner_capacity"], "practitioner_capacity", "équivalents praticiens", status)
    return pd.concat([heads, capacity]).assign(profession=profession, hypothesis=COUNTED)


def _rates(
    counts: pd.DataFrame, people: pd.Series, hidden: pd.Series, per: int, *, smoothing: bool, confidence: float
) -> list[pd.DataFrame]:
    suffix, number = suffix_of(per), f"{per:,}".replace(",", " ")
    unit = f"praticiens pour {number} habitants"
    known = people.gt(0)
    factor = (per / people.where(known)).to_numpy(dtype="float64")
    heads = counts["practitioner_count"]
    lower, upper = poisson_interval(heads, confidence=confidence)
    status = np.where(~known, MISSING, np.where(hidden, SUPPRESSED, OK))
    rates = [
        _rows(heads * factor, f"practitioners_{suffix}", unit, status, lower * factor, upper * factor),
        _rows(counts["practitioner_capacity"] * factor, f"capacity_{suffix}", f"équivalents {unit}", status),
    ]
    if smoothing:
        smoothed = smooth_rates(heads, people) * per
        rates.append(_rows(smoothed, f"practitioners_{suffix}_smoothed", unit + ", lissé", status))
    return rates


def _rows(
    values: pd.Series, indicator: str, unit: str, status: Any, lower: Any = float("nan"), upper: Any = float("nan")
) -> pd.DataFrame:
    table = pd.DataFrame(
        {"indicator_value": values, "lower": lower, "upper": upper, "status": status}, index=values.index
    )
    table.loc[table["status"] != OK, ["indicator_value", "lower", "upper"]] = np.nan
    return table.assign(indicator=indicator, unit=unit)


def _finished(parts: list[pd.DataFrame], zones: GeoDataFrame, level: str, data_year: int) -> pd.DataFrame:
    if not parts:
        raise NoResultError("There is no profession to count.")
    table = pd.concat(parts).rename_axis("territory_id").reset_index()
    labels = zones.set_index("territory_id")["territory_label"]
    table["territory_level"], table["data_year"] = level, data_year
    table["territory_label"] = table["territory_id"].map(labels)
    table = table[list(INDICATORS.columns)]
    table = table.sort_values(["profession", "indicator", "hypothesis", "territory_id"], ignore_index=True)
    check_table(table, INDICATORS)
    return table
