"""Densities of a study, level by level, each with the denominator it used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from carto_sante.density import compute_density
from carto_sante.errors import InputError
from carto_sante.population import locate_population, total_population, transfer_population
from carto_sante.study import PopulationSource, Study

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: How people were moved from their source to the zones, in the words of the outputs.
_METHODS = {
    "area": "répartie à la surface",
    "dasymetric": "répartie selon la grille de population",
    "points": "comptée aux points",
}
_SOURCES = {
    "iris": "recensement par IRIS",
    "grid": "carreaux de population",
    "points": "points de population",
    "qpv": "population publiée des QPV",
    "table": "population",
}


#: A zone that a census does not list and in which a grid sees more people than this is not an empty zone.
MAX_PEOPLE_IN_A_SILENT_ZONE = 200.0

#: A zone less covered than this by the zones of a population source has an unknown population.
MIN_COVERED_SHARE = 0.9


@dataclass(frozen=True)
class Denominator:
    """People of the zones of one level, and how they are known.

    Attributes
    ----------
    level : str
    source : str
        Name of the population source in the study.
    population : DataFrame
        As `carto_sante.schemas.POPULATION`, for the zones of the level.
    words : str
        The denominator in a few French words.
    population_count : float
        Everybody in the zones of the level.
    outside_count : float
        People of the source's zones that stick out of every zone of the level: reported, never spread.
    absent_count : int
        Zones of the source's level that the source does not list, taken as not inhabited.
    unknown_count : int
        Zones of the level whose population is not known.
    hypothesis : str
        In French, as written beside each value of the indicators.
    """

    level: str
    source: str
    population: pd.DataFrame
    words: str
    population_count: float = 0.0
    outside_count: float = 0.0
    absent_count: int = 0
    unknown_count: int = 0
    hypothesis: str = ""

    @property
    def year(self) -> int:
        """Return the year of the people."""
        return int(self.population["data_year"].iloc[0])


def denominators_by_level(
    study: Study, territories: GeoDataFrame, population: dict[str, Any], *, source_name: str | None = None
) -> list[Denominator]:
    """Return the denominator of each level.

    Parameters
    ----------
    study : Study
    territories : GeoDataFrame
        Every level.
    population : dict
        From `carto_sante.stages.load_population`.
    source_name : str, optional
        The source to use; ``density.population`` or the first one by default. A level that has a published population
        of its own (QPV) is given it.

    Returns
    -------
    list of Denominator
        One by level that can be given people, in the order of the study.
    """
    by_name = {source.name: source for source in study.population}
    main = by_name[source_name or study.density.population or study.population[0].name]
    found = []
    for level in territories["territory_level"].unique():
        zones = territories.loc[territories["territory_level"] == level]
        own = [source for source in study.population if source.kind == "qpv" and (source.level or "qpv") == level]
        source = main if not own or source_name else own[0]
        denominator = _denominator(study, territories, zones, source, population, level=str(level))
        if denominator is not None:
            found.append(denominator)
    return found


def _level_of(source: PopulationSource) -> str | None:
    return source.level or {"iris": "iris", "qpv": "qpv"}.get(source.kind)


def _denominator(
    study: Study,
    territories: GeoDataFrame,
    zones: GeoDataFrame,
    source: PopulationSource,
    population: dict[str, Any],
    *,
    level: str,
) -> Denominator | None:
    table = population[source.name]
    words = _SOURCES[source.kind]
    if _level_of(source) == level:
        people = _of_zones(table, zones)
        return _counted(Denominator(level, source.name, people, words))
    if source.kind in {"iris", "qpv", "table"}:
        finer = territories.loc[territories["territory_level"] == _level_of(source)]
        if finer.empty:
            return None  # the study has no polygons of the source's zones: nothing to move from
        people = locate_population(table, finer)
        # A census lists inhabited zones only: an IRIS of activity that it leaves out holds nobody that it counts.
        # That is said, rather than making every quartier that it touches unknown; but where a grid sees people, a
        # row is missing from the file, and what it would have said is unknown.
        silent = finer.loc[~finer["territory_id"].isin(table["territory_id"])]
        inhabited = _seen_by_grid(study, population, silent)
        absent_count = len(silent) - len(inhabited)
        empty = people["territory_id"].isin(set(silent["territory_id"]) - inhabited)
        people.loc[empty, "population_count"] = 0.0
    else:
        people = table
        absent_count = 0
    guide = population.get(study.density.grid) if study.density.grid else None
    method = study.density.method
    if source.kind == "grid" and method in {"auto", "dasymetric"}:
        method, guide = "area", None
    moved = transfer_population(people, zones, method=method, guide=guide)
    # pandas copies attrs at every operation: a long report would cost more than the densities.
    report, moved.attrs = moved.attrs.get("report", {}), {}
    if source.kind in {"iris", "qpv", "table"}:
        # Zones of the source that leave part of a target empty know nothing of who lives there.
        moved.loc[moved["covered_share"] < MIN_COVERED_SHARE, "population_count"] = float("nan")
    if not (moved["population_count"] > 0).any():
        return None
    how = _METHODS.get(str(report.get("method", method)), "")
    words = words if source.kind == "points" else f"{words}, {how}".rstrip(", ")
    outside = float(report.get("outside_total") or 0.0)
    return _counted(Denominator(level, source.name, moved, words, outside_count=outside, absent_count=absent_count))


def _seen_by_grid(study: Study, population: dict[str, Any], silent: GeoDataFrame) -> set[str]:
    """Return the zones that the study's grid says are inhabited, of those that another source does not list."""
    grid = study.density.grid or next((item.name for item in study.population if item.kind == "grid"), None)
    if grid is None or silent.empty:
        return set()
    seen = total_population(transfer_population(population[grid], silent, method="area"))
    return set(seen.index[seen.fillna(0) > MAX_PEOPLE_IN_A_SILENT_ZONE])


def _counted(item: Denominator) -> Denominator:
    people = total_population(item.population)
    return replace(item, population_count=float(people.sum()), unknown_count=int(people.isna().sum()))


def _of_zones(table: pd.DataFrame, zones: GeoDataFrame) -> pd.DataFrame:
    people = table.loc[table["territory_id"].isin(zones["territory_id"])].reset_index(drop=True)
    people.attrs = {}
    if people.empty:
        example = f"{table['territory_id'].iloc[0]} in the population, {zones['territory_id'].iloc[0]} in the zones"
        raise InputError(
            f"No zone of level {zones['territory_level'].iloc[0]!r} has a population: codes differ ({example}).",
            expected="the same codes in [[territories]] and [[population]]",
            next_step="Check id_column in both, and the geography years.",
        )
    return people


def compute_indicators(
    study: Study,
    practitioners: GeoDataFrame,
    territories: GeoDataFrame,
    population: dict[str, Any],
) -> pd.DataFrame:
    """Compute densities for every level and profession, with the main denominator and the alternative one.

    Parameters
    ----------
    study : Study
        ``[density]`` names the denominators.
    practitioners : GeoDataFrame
        Placed practitioners and places of care, with ``<level>_id`` columns.
    territories, population
        From `load_territories` and `load_population`.

    Returns
    -------
    DataFrame
        As `carto_sante.schemas.INDICATORS`, sorted; ``hypothesis`` names the denominator of each value.
        ``attrs["denominators"]`` lists them, the main one of ``density.level`` first.
    """
    import pandas as pd

    territories, practitioners = territories.copy(), practitioners.copy()
    territories.attrs, practitioners.attrs = {}, {}
    denominators = denominators_by_level(study, territories, population)
    if study.density.alternative:
        denominators += denominators_by_level(study, territories, population, source_name=study.density.alternative)
    # Without a register of establishments their number is unknown, not none.
    has_register = any(source.kind in {"finess", "bpe"} for source in study.registries)
    facilities = study.practitioners.facilities if has_register else ()
    tables = []
    for number, item in enumerate(denominators):
        table = compute_density(
            practitioners,
            territories.loc[territories["territory_level"] == item.level],
            item.population,
            per_inhabitants=study.density.per_inhabitants,
            level=item.level,
            professions=(*study.practitioners.professions, *facilities),
            suppress_below=study.density.suppress_below,
            smoothing=study.density.smoothing,
            population_label=item.words,
        )
        table = _places_in_their_unit(table, kinds=study.practitioners.facilities)
        rates = table["indicator"].str.contains("_per_")
        denominators[number] = replace(item, hypothesis=str(table.loc[rates, "hypothesis"].iloc[0]))
        # A headcount has the date of the registries and no denominator: it stands once, with the first one.
        table.loc[~rates, "data_year"] = study.study.vintage.year
        is_first = item.level not in {other.level for other in denominators[:number]}
        tables.append(table if is_first else table.loc[rates])
    result = pd.concat(tables, ignore_index=True)
    order = sorted(range(len(denominators)), key=lambda i: denominators[i].level != study.density.level)
    result.attrs["denominators"] = [_described(denominators[i]) for i in order]
    return result


def _places_in_their_unit(table: pd.DataFrame, *, kinds: tuple[str, ...]) -> pd.DataFrame:
    """Return indicators whose places of care are counted as places: they have no capacity to share between sites."""
    is_place = table["profession"].isin(kinds)
    kept = table.loc[~(is_place & table["indicator"].str.contains("capacity"))].reset_index(drop=True)
    is_place = kept["profession"].isin(kinds)
    kept.loc[is_place, "unit"] = kept.loc[is_place, "unit"].str.replace("praticiens", "lieux de soins")
    return kept


def _described(item: Denominator) -> dict[str, Any]:
    return {
        "level": item.level,
        "source": item.source,
        "hypothesis": item.hypothesis,
        "words": f"{item.words}, {item.year}",
        "population_count": round(item.population_count, 1),
        "outside_count": round(item.outside_count, 1),
        "zones_unknown_count": item.unknown_count,
        "source_zones_absent_count": item.absent_count,
    }
