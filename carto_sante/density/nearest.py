"""How far the nearest practitioner is, for whom: distances and times by percentile of population."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from carto_sante.crs import require_same_crs
from carto_sante.errors import InputError, NoResultError, SchemaError
from carto_sante.schemas import INDICATORS, TRAVEL_TIMES, check_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geopandas import GeoDataFrame

#: Half of the people are nearer than the 50th percentile; one in ten is farther than the 90th.
PERCENTILES = (50, 90)


def weighted_percentile(values: Any, weights: Any, percentile: float) -> float:
    """Return the smallest value that at least this percentage of people do not exceed.

    Parameters
    ----------
    values : array of float
        One per place; ``inf`` is "beyond the limit".
    weights : array of float
        People at each place.
    percentile : float
        Between 0 and 100.

    Returns
    -------
    float
        ``inf`` where the percentile falls beyond the limit; NA where nobody lives.

    Examples
    --------
    >>> weighted_percentile([100.0, 900.0], [9, 1], 90), weighted_percentile([100.0, 900.0], [8, 2], 90)
    (100.0, 900.0)
    """
    amount, number = np.asarray(weights, dtype="float64"), np.asarray(values, dtype="float64")
    order = np.argsort(number, kind="stable")
    cumulative = np.cumsum(amount[order])
    if len(cumulative) == 0 or cumulative[-1] <= 0:
        return float("nan")
    # A rounding of the sum must not push the percentile to the next place.
    wanted = percentile / 100 * cumulative[-1] * (1 - 1e-12)
    return float(number[order][np.searchsorted(cumulative, wanted, side="left")])


def nearest_distance(
    population: GeoDataFrame,
    practitioners: GeoDataFrame,
    *,
    professions: Sequence[str],
    zones: pd.Series | None = None,
    level: str = "city",
    percentiles: Sequence[float] = PERCENTILES,
) -> pd.DataFrame:
    """Return straight distances to the nearest practitioner, by percentile of the people of each zone.

    Parameters
    ----------
    population : GeoDataFrame
        Points or cells (their centres) with ``population_count`` and ``data_year``, metric CRS.
    practitioners : GeoDataFrame
        Points with ``profession``, same CRS, those around the city included: the nearest may be across the limit.
    professions : sequence of str
    zones : Series of str, optional
        Zone of each row of ``population`` (a column of `territories.assign_territory`); without it, one city.
    level : str, default "city"
        Level of these zones.
    percentiles : sequence of float, default (50, 90)

    Returns
    -------
    DataFrame
        schemas.INDICATORS, indicators ``nearest_distance_p50_m``..., unit "m". Missing where nobody lives or nobody
        exercises the profession.

    Raises
    ------
    CRSError
        If the two CRS differ or are not metric.
    SchemaError
        If columns are missing.

    Examples
    --------
    >>> import geopandas
    >>> people = geopandas.GeoDataFrame({"population_count": [9.0, 1.0], "data_year": 2020},
    ...     geometry=geopandas.points_from_xy([0, 1000], [0, 0]), crs="EPSG:2154")
    >>> doctors = geopandas.GeoDataFrame({"profession": ["gp"]}, geometry=geopandas.points_from_xy([300], [400]),
    ...     crs="EPSG:2154")
    >>> nearest_distance(people, doctors, professions=["gp"])["indicator_value"].round(1).tolist()
    [500.0, 500.0]
    """
    require_same_crs(population, practitioners, names=("population", "practitioners"))
    _check_people(population)
    shapes = shapely.centroid(np.asarray(population.geometry.values, dtype=object))
    parts = []
    for profession in professions:
        chosen = practitioners[(practitioners["profession"] == profession).to_numpy()]
        sites = np.asarray(chosen.geometry.values, dtype=object)
        sites = sites[~(shapely.is_missing(sites) | shapely.is_empty(sites))]
        distance = np.full(len(shapes), np.nan)
        if len(sites):
            _, nearest = shapely.STRtree(sites).query_nearest(shapes, all_matches=False)
            distance = shapely.distance(shapes, sites[nearest])
        parts.append(
            _percentile_rows(
                population, distance, zones, level, percentiles, profession=profession,
                indicator="nearest_distance_p{}_m", unit="m", hypothesis="Distance à vol d'oiseau",
            )
        )  # fmt: skip
    return _finished(parts)


def nearest_time(
    population: pd.DataFrame,
    travel_times: pd.DataFrame,
    practitioners: pd.DataFrame,
    *,
    professions: Sequence[str],
    mode: str,
    limit_min: float,
    origin_column: str = "point_id",
    destination_column: str = "site_id",
    zones: pd.Series | None = None,
    level: str = "city",
    percentiles: Sequence[float] = PERCENTILES,
) -> pd.DataFrame:
    """Return travel times to the nearest practitioner, by percentile of the people of each zone.

    Parameters
    ----------
    population : DataFrame
        ``population_count``, ``data_year`` and the origin of each row in ``origin_column``.
    travel_times : DataFrame
        schemas.TRAVEL_TIMES; an absent pair is not within ``limit_min``.
    practitioners : DataFrame
        ``profession`` and the destination in ``destination_column``.
    professions : sequence of str
    mode : str
        "walk", "bike" or "drive".
    limit_min : float
        Limit the times were searched within, in minutes: what the absence of a pair means.
    zones, level, percentiles
        As in `nearest_distance`.

    Returns
    -------
    DataFrame
        schemas.INDICATORS, indicators ``nearest_time_p50_min``..., unit "min". Where a percentile falls beyond the
        limit, the value is missing and ``lower`` holds the limit: more than that, not unknown.

    Raises
    ------
    SchemaError
        If columns are missing.
    InputError
        If a travel time exceeds the limit.

    Examples
    --------
    >>> people = pd.DataFrame({"point_id": ["a", "b"], "population_count": [9.0, 1.0], "data_year": 2020})
    >>> times = pd.DataFrame({"origin_id": ["a"], "destination_id": ["s"], "mode": "walk", "travel_time_min": [7.0]})
    >>> doctors = pd.DataFrame({"profession": ["gp"], "site_id": ["s"]})
    >>> nearest_time(people, times, doctors, professions=["gp"], mode="walk", limit_min=30.0,
    ...     percentiles=(50, 95))[["indicator_value", "lower"]].values.tolist()
    [[7.0, nan], [nan, 30.0]]
    """
    check_table(travel_times, TRAVEL_TIMES)
    _check_people(population)
    for frame, column in (
        (population, origin_column),
        (practitioners, destination_column),
        (practitioners, "profession"),
    ):
        if column not in frame.columns:
            raise SchemaError(f"Column {column} is missing (found: {', '.join(map(str, frame.columns))}).")
    times = travel_times[travel_times["mode"] == mode]
    if (times["travel_time_min"] > limit_min).any():
        raise InputError(
            f"Some travel times exceed the limit of {limit_min:g} min.",
            expected="the limit the times were searched within",
        )
    parts = []
    for profession in professions:
        sites = practitioners.loc[practitioners["profession"] == profession, destination_column]
        best = times[times["destination_id"].isin(set(sites))].groupby("origin_id")["travel_time_min"].min()
        value = population[origin_column].map(best).fillna(np.inf).to_numpy(dtype="float64")
        parts.append(
            _percentile_rows(
                population, value, zones, level, percentiles, profession=profession,
                indicator="nearest_time_p{}_min", unit="min", limit=limit_min,
                hypothesis=f"Temps de trajet ({mode}), recherché jusqu'à {limit_min:g} min",
            )
        )  # fmt: skip
    return _finished(parts)


def _check_people(population: pd.DataFrame) -> None:
    missing = [name for name in ("population_count", "data_year") if name not in population.columns]
    if missing:
        raise SchemaError(f"The population lacks {', '.join(missing)}.")
    if population["population_count"].isna().any() or (population["population_count"] < 0).any():
        raise SchemaError("The population has unknown or negative counts.", next_step="Leave these rows out knowingly.")


def _percentile_rows(
    population: pd.DataFrame, values: np.ndarray, zones: pd.Series | None, level: str, percentiles: Sequence[float], *,
    profession: str, indicator: str, unit: str, hypothesis: str, limit: float = float("nan"),
) -> pd.DataFrame:  # fmt: skip
    if len(population) == 0:
        raise NoResultError("The population is empty.")
    names = pd.Series("city", index=population.index) if zones is None else zones.reindex(population.index)
    people = population["population_count"].to_numpy(dtype="float64")
    rows = []
    codes = names.fillna("").astype(str).to_numpy(dtype=object)
    for code in sorted(names.dropna().unique()):
        inside = codes == code
        for percentile in percentiles:
            found = weighted_percentile(values[inside], people[inside], percentile)
            known = bool(np.isfinite(found))
            rows.append(
                {
                    "territory_id": str(code), "territory_level": level, "territory_label": pd.NA,
                    "profession": profession, "indicator": indicator.format(f"{percentile:g}"),
                    "indicator_value": found if known else np.nan, "unit": unit,
                    "lower": limit if np.isinf(found) else np.nan, "upper": np.nan,
                    "status": "ok" if known else "missing", "data_year": int(population["data_year"].iloc[0]),
                    "hypothesis": hypothesis,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _finished(parts: list[pd.DataFrame]) -> pd.DataFrame:
    if not parts:
        raise NoResultError("There is no profession to read.")
    table = pd.concat(parts, ignore_index=True)[list(INDICATORS.columns)]
    table["territory_label"] = table["territory_label"].astype("string")
    check_table(table, INDICATORS)
    return table
