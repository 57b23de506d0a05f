"""Where the people of a study live, point by point, and how much care their ages call for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility import AplParameters, standardise_demand
from carto_sante.accessibility.parameters import parse_age_band
from carto_sante.errors import InputError
from carto_sante.population import total_population
from carto_sante.study import PopulationSource, Study
from carto_sante.territories import assign_territory

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame


@dataclass(frozen=True)
class DemandPoints:
    """The people of a study and of its surroundings, as points.

    Attributes
    ----------
    table : GeoDataFrame
        ``origin_id``, ``population_count``, ``population_standardised`` (where ages are known),
        ``edge_distance_m`` (0 inside the study), one ``<level>_id`` per level, points.
    hypothesis : str
        In French: where people come from and how they were weighed.
    population : str
        The column that competes for care: "population_standardised" or "population_count".
    """

    table: GeoDataFrame
    hypothesis: str
    population: str


def load_demand(
    study: Study, territories: GeoDataFrame, population: dict[str, Any], *, parameters: AplParameters | None
) -> DemandPoints:
    """Put the people of the main population source on points.

    People of IRIS are spread over the grid of ``density.grid`` (or the first grid or point source), in proportion to
    its own counts inside each IRIS, so that the total of each IRIS is kept; without a grid they stand at a point
    inside their zone. Grid cells and points outside every zone of the source keep their own counts: they live
    around the study and compete for the same care.

    Parameters
    ----------
    study : Study
    territories, population
        From `load_territories` and `load_population`.
    parameters : AplParameters or None
        Age weights; None counts everybody alike.

    Returns
    -------
    DemandPoints

    Raises
    ------
    InputError
        If the main source has neither zones nor points.
    """
    by_name = {source.name: source for source in study.population}
    main = by_name[study.density.population or study.population[0].name]
    guide = _guide(study, main)
    level = main.level or {"iris": "iris", "qpv": "qpv"}.get(main.kind)
    if guide is None:
        points, words = _zone_points(main, territories, population, level), "au point intérieur de chaque zone"
    elif guide.name == main.name:
        points, words = _own_points(population[main.name]), f"aux points de « {main.name} »"
    else:
        points = _spread(main, guide, territories, population, level)
        words = f"répartie selon « {guide.name} »"
    points = points.join(assign_territory(points, territories))
    ratio = _age_ratio(population[main.name], parameters)
    column = "population_count"
    hypothesis = f"population « {main.name} » ({main.data_year}), {words}"
    if ratio is not None and level is not None and parameters is not None:
        # People around the study, whose ages are not known by zone, take the mean of those that are.
        everywhere = float((ratio["population_standardised"].sum()) / ratio["population_count"].sum())
        own = ratio["population_standardised"] / ratio["population_count"].where(ratio["population_count"] > 0)
        factors = points[f"{level}_id"].map(own).astype("float64").fillna(everywhere)
        points["population_standardised"] = points["population_count"] * factors.to_numpy()
        column = "population_standardised"
        hypothesis += f", standardisée par âge ({parameters.name})"
    else:
        hypothesis += ", non standardisée par âge"
    area = territories.loc[territories["territory_level"] == study.density.level].union_all()
    points["edge_distance_m"] = points.geometry.distance(area)
    return DemandPoints(points, hypothesis, column)


def _guide(study: Study, main: PopulationSource) -> PopulationSource | None:
    if main.kind in {"grid", "points"}:
        return main
    located = [source for source in study.population if source.kind in {"grid", "points"}]
    named = [source for source in located if source.name == study.density.grid]
    return next(iter(named or located), None)


def _own_points(table: GeoDataFrame) -> GeoDataFrame:
    import geopandas as gpd

    known = table.loc[table["population_count"].fillna(0) > 0]
    key = next((name for name in ("cell_id", "point_id") if name in known.columns), None)
    ids = known[key].astype("str") if key else [f"point-{number:06d}" for number in range(1, len(known) + 1)]
    points = gpd.GeoDataFrame(
        {"origin_id": list(ids), "population_count": known["population_count"].to_numpy(dtype=np.float64)},
        geometry=known.geometry.representative_point().to_numpy(),
        crs=table.crs,
    )
    # Cells cut by a border may repeat their identifier.
    repeated = points.groupby("origin_id").cumcount()
    points["origin_id"] = points["origin_id"].where(repeated == 0, points["origin_id"] + "-" + repeated.astype("str"))
    return points


def _zone_points(
    main: PopulationSource, territories: GeoDataFrame, population: dict[str, Any], level: str | None
) -> GeoDataFrame:
    import geopandas as gpd

    zones = territories.loc[territories["territory_level"] == level]
    if zones.empty:
        raise InputError(
            f"The population {main.name!r} has no point, and the study has no zones of level {level!r} to place it.",
            expected="[[territories]] of that level, or a population of kind grid or points",
        )
    total = total_population(population[main.name])
    counts = zones["territory_id"].map(total).astype("float64")
    kept = counts.fillna(0).to_numpy() > 0
    return gpd.GeoDataFrame(
        {
            "origin_id": zones.loc[kept, "territory_id"].astype("str").to_list(),
            "population_count": counts[kept].to_numpy(),
        },
        geometry=zones.loc[kept].geometry.representative_point().to_numpy(),
        crs=territories.crs,
    )


def _spread(
    main: PopulationSource,
    guide: PopulationSource,
    territories: GeoDataFrame,
    population: dict[str, Any],
    level: str | None,
) -> GeoDataFrame:
    """Spread the people of zones over the points of a guide, zone by zone."""
    import geopandas as gpd
    import pandas as pd

    points = _own_points(population[guide.name]).to_crs(territories.crs)
    zones = territories.loc[territories["territory_level"] == level]
    if zones.empty:
        return _zone_points(main, territories, population, level)
    zone = assign_territory(points, zones)[f"{level}_id"]
    total = total_population(population[main.name])
    guided = points.groupby(zone)["population_count"].sum()
    factor = zone.map(total.reindex(guided.index) / guided).astype("float64")
    # Outside every zone of the source the guide's own count stands.
    points["population_count"] = points["population_count"] * factor.fillna(1.0).to_numpy()
    alone = _zone_points(main, territories, population, level)
    alone = alone.loc[~alone["origin_id"].isin(guided.index)]
    return gpd.GeoDataFrame(pd.concat([points, alone], ignore_index=True), crs=territories.crs)


def _age_ratio(table: pd.DataFrame, parameters: AplParameters | None) -> pd.DataFrame | None:
    if parameters is None or "age_band" not in table.columns:
        return None
    if not any(parse_age_band(band) for band in table["age_band"].astype("str").unique()):
        return None
    known = table.loc[table["population_count"].notna()]
    return standardise_demand(known, parameters=parameters).set_index("origin_id")
