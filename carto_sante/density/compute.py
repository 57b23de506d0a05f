"""Densities by zone, with their uncertainty, in one long table where zero, missing and suppressed stay apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from carto_sante.density.counting import (
    ZoneCounts,
    chosen_professions,
    count_by_zone,
    place_practitioners,
    zones_of_level,
)
from carto_sante.density.intervals import CONFIDENCE, poisson_interval
from carto_sante.density.smoothing import smooth_rates
from carto_sante.density.targets import TARGET_POPULATIONS
from carto_sante.errors import InputError, NoResultError
from carto_sante.population.select import select_population
from carto_sante.schemas import INDICATORS, TERRITORIES, check_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geopandas import GeoDataFrame

_STATUSES = ("ok", "missing", "suppressed")
_OK, _MISSING, _SUPPRESSED = range(3)
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
    counts = count_by_zone(placed, denominators.ids, names)
    withheld = [suppressed_zones(heads, below=suppress_below) for heads in counts.heads]
    hidden = np.array(withheld, dtype=bool).reshape(counts.heads.shape)
    bounds = poisson_interval(counts.heads, confidence=confidence)
    blocks = _count_blocks(counts, hidden, bounds)
    chosen = [(names, *denominators.everybody())]
    if targets == "beside":
        chosen += [([name], *denominators.target(name)) for name in names if name in TARGET_POPULATIONS]
    for some, people, hypothesis in chosen:
        rows = [names.index(name) for name in some]
        few = counts.only(rows)
        two = (bounds[0][rows], bounds[1][rows])
        blocks += _rate_blocks(few, people, hypothesis, hidden[rows], two, per=per_inhabitants, smoothing=smoothing)
    table = _table(blocks, zones, level, denominators.data_year)
    present = set(placed["profession"])
    table.attrs["report"] = placed.attrs["report"] | {
        "professions_absent": [name for name in names if name not in present]
    }
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

    def everybody(self) -> tuple[np.ndarray[Any, Any], str]:
        """Return people of all ages by zone, and the hypothesis."""
        hypothesis = f"Dénominateur : {self._label}, tous âges, {self.data_year}"
        return self._by_zone(select_population(self._population)), hypothesis

    def target(self, profession: str) -> tuple[np.ndarray[Any, Any], str]:
        """Return the target population of a profession by zone, and the hypothesis."""
        wanted = TARGET_POPULATIONS[profession]
        chosen = select_population(self._population, age_from=wanted.age_from, age_to=wanted.age_to, sex=wanted.sex)
        approximation = next(iter(chosen["approximation"]), "")
        note = " (bandes d'âge coupées au prorata)" if approximation else ""
        text = f"Dénominateur : {self._label}, {wanted.label}, {self.data_year}{note}"
        return self._by_zone(chosen), text

    def _by_zone(self, chosen: pd.DataFrame) -> np.ndarray[Any, Any]:
        people = chosen.set_index("territory_id")["population_count"].reindex(self.ids)
        return people.to_numpy(dtype="float64", na_value=float("nan"))


def suppressed_zones(counts: np.ndarray[Any, Any], *, below: int) -> np.ndarray[Any, Any]:
    """Return which zones are withheld for small numbers; never exactly one, which the total would give away.

    Parameters
    ----------
    counts : array of float
        Practitioners by zone.
    below : int
        Counts from 1 to ``below - 1`` are withheld; 0 or 1 withholds nothing.

    Examples
    --------
    >>> suppressed_zones(np.array([0.0, 2.0, 7.0, 9.0]), below=5).tolist()
    [False, True, True, False]
    """
    hidden: np.ndarray[Any, Any] = (counts > 0) & (counts < below)
    if int(hidden.sum()) == 1:
        others = np.flatnonzero(~hidden & (counts > 0))
        if len(others):
            hidden[others[counts[others].argmin()]] = True
    return hidden


def suffix_of(per_inhabitants: int) -> str:
    """Return how an indicator's name says per how many people ("per_100k").

    Examples
    --------
    >>> suffix_of(10_000), suffix_of(5_000), suffix_of(750)
    ('per_10k', 'per_5k', 'per_750')
    """
    return f"per_{per_inhabitants // 1000}k" if per_inhabitants % 1000 == 0 else f"per_{per_inhabitants}"


class _Block(NamedTuple):
    """One indicator of some professions in every zone: arrays profession × zone."""

    professions: list[str]
    indicator: str
    unit: str
    hypothesis: str
    status: np.ndarray[Any, Any]
    value: np.ndarray[Any, Any]
    lower: np.ndarray[Any, Any] | None = None
    upper: np.ndarray[Any, Any] | None = None


def _count_blocks(
    counts: ZoneCounts, hidden: np.ndarray[Any, Any], bounds: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
) -> list[_Block]:
    status = np.where(hidden, _SUPPRESSED, _OK)
    names, unit = counts.professions, "équivalents praticiens"
    return [
        _Block(names, "practitioner_count", "praticiens", COUNTED, status, counts.heads, *bounds),
        _Block(names, "practitioner_capacity", unit, COUNTED, status, counts.capacity),
    ]


def _rate_blocks(
    counts: ZoneCounts, people: np.ndarray[Any, Any], hypothesis: str, hidden: np.ndarray[Any, Any],
    bounds: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]], *, per: int, smoothing: bool,
) -> list[_Block]:  # fmt: skip
    suffix, number = suffix_of(per), f"{per:,}".replace(",", " ")
    unit = f"praticiens pour {number} habitants"
    known = people > 0
    factor = per / np.where(known, people, np.nan)
    status = np.where(known, np.where(hidden, _SUPPRESSED, _OK), _MISSING)
    names, heads = counts.professions, counts.heads * factor
    blocks = [
        _Block(names, f"practitioners_{suffix}", unit, hypothesis, status, heads, *(end * factor for end in bounds)),
        _Block(names, f"capacity_{suffix}", f"équivalents {unit}", hypothesis, status, counts.capacity * factor),
    ]
    if smoothing:
        inhabitants = pd.Series(people)
        smoothed = np.array([smooth_rates(pd.Series(row), inhabitants).to_numpy() * per for row in counts.heads])
        blocks.append(_Block(names, f"practitioners_{suffix}_smoothed", f"{unit}, lissé", hypothesis, status, smoothed))
    return blocks


def _table(blocks: list[_Block], zones: GeoDataFrame, level: str, data_year: int) -> pd.DataFrame:
    """Lay the blocks out as one table, sorted: by profession, indicator and hypothesis, zones being sorted already."""
    order = sorted(
        (name, block.indicator, block.hypothesis, number, row)
        for number, block in enumerate(blocks)
        for row, name in enumerate(block.professions)
    )
    if not order:
        raise NoResultError("There is no profession to count.")
    keys = [key[:3] for key in order]
    lines = [(blocks[number], row) for *_, number, row in order]
    unknown = np.full(len(zones), np.nan)
    status = np.concatenate([block.status[row] for block, row in lines])
    figures = {
        "indicator_value": np.concatenate([block.value[row] for block, row in lines]),
        "lower": np.concatenate([unknown if block.lower is None else block.lower[row] for block, row in lines]),
        "upper": np.concatenate([unknown if block.upper is None else block.upper[row] for block, row in lines]),
    }
    for values in figures.values():
        values[status != _OK] = np.nan
    each = np.repeat(np.arange(len(lines)), len(zones))
    texts = {
        "profession": [name for name, _, _ in keys],
        "indicator": [indicator for _, indicator, _ in keys],
        "unit": [block.unit for block, _ in lines],
        "hypothesis": [hypothesis for _, _, hypothesis in keys],
    }
    here = np.tile(np.arange(len(zones)), len(lines))
    columns = {
        "territory_id": zones["territory_id"].array.take(here),
        "territory_label": zones["territory_label"].array.take(here),
        "status": pd.Series(_STATUSES).array.take(status),
        **{name: pd.Series(values).array.take(each) for name, values in texts.items()},
        **figures,
    }
    table = pd.DataFrame(columns).assign(territory_level=level, data_year=data_year)[list(INDICATORS.columns)]
    check_table(table, INDICATORS)
    return table
