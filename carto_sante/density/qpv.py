"""The QPV card: each QPV against its rings, its quartier, the rest of the commune and the commune."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from carto_sante.crs import require_same_crs
from carto_sante.density.compute import suffix_of
from carto_sante.density.counting import chosen_professions
from carto_sante.density.intervals import poisson_interval
from carto_sante.errors import InputError, NoResultError, SchemaError
from carto_sante.population.transfer import transfer_population
from carto_sante.schemas import TERRITORIES, check_table
from carto_sante.territories.rings import QPV_RINGS_M, territory_rings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geopandas import GeoDataFrame


def qpv_card(
    practitioners: GeoDataFrame,
    qpv: GeoDataFrame,
    people: GeoDataFrame,
    *,
    communes: GeoDataFrame,
    quartiers: GeoDataFrame | None = None,
    published: pd.Series | None = None,
    method: str = "auto",
    guide: GeoDataFrame | None = None,
    professions: Sequence[str] | None = None,
    distances_m: tuple[float, ...] = QPV_RINGS_M,
    per_inhabitants: int = 100_000,
) -> pd.DataFrame:
    """Set each QPV against what surrounds it, profession by profession.

    Parameters
    ----------
    practitioners : GeoDataFrame
        Practitioner × site, points in the metric CRS, those around the commune included (a ring may cross its limit).
    qpv, communes, quartiers : GeoDataFrame
        schemas.TERRITORIES, each of one level, same CRS.
    people : GeoDataFrame
        Points, grid or located zones, moved to each place by ``method`` (see `population.transfer_population`).
    published : Series of float, optional
        Published inhabitants by QPV: used for the QPV itself instead of the people moved, and compared with them.
    method, guide
        Of the transfer.
    professions : sequence of str, optional
    distances_m : tuple of float, default (300, 500)
    per_inhabitants : int, default 100,000

    Returns
    -------
    DataFrame
        Per QPV, place ("qpv", "0-300 m", "300-500 m", "quartier", "rest of commune", "commune") and profession:
        ``qpv_id``, ``qpv_label``, ``place``, ``place_id`` (code of the quartier or commune, that which holds most of
        the QPV's area), ``profession``, ``practitioner_count`` (distinct), ``practitioner_capacity``,
        ``population_count``, ``practitioners_per_100k`` with ``lower`` and ``upper``, ``status`` and, for the QPV where
        a figure is published, ``approximation_ratio`` (moved / published).

    Raises
    ------
    CRSError
        If CRS differ.
    SchemaError
        If a table lacks columns.
    NoResultError
        If a QPV lies in none of the communes.

    Examples
    --------
    >>> import geopandas
    >>> def zone(level, shape):
    ...     return geopandas.GeoDataFrame({"territory_id": ["z"], "territory_level": level, "territory_label": ["Z"],
    ...         "geography_year": 2024}, geometry=[shape], crs="EPSG:2154")
    >>> doctors = geopandas.GeoDataFrame({"practitioner_id": ["P"], "site_id": ["s"], "profession": ["gp"],
    ...     "capacity": [1.0]}, geometry=geopandas.points_from_xy([650], [250]), crs="EPSG:2154")
    >>> people = geopandas.GeoDataFrame({"population_count": [100.0, 50.0], "data_year": 2020},
    ...     geometry=geopandas.points_from_xy([250, 700], [250, 250]), crs="EPSG:2154")
    >>> card = qpv_card(doctors, zone("qpv", shapely.box(0, 0, 500, 500)), people,
    ...     communes=zone("commune", shapely.box(-2000, -2000, 2000, 2000)))
    >>> card[["place", "practitioner_count", "population_count"]].values.tolist()[:2]
    [['qpv', 0.0, 100.0], ['0-300 m', 1.0, 50.0]]
    """
    _check(practitioners, qpv, people, communes, quartiers)
    names = chosen_professions(practitioners, professions)
    places = _places(qpv, communes, quartiers, distances_m)
    counted = _people_of(places, people, method=method, guide=guide)
    moved = pd.Series(counted, index=places.index)
    inside = places["place"] == "qpv"
    told = places["qpv_id"].map(published) if published is not None else pd.Series(np.nan, index=places.index)
    places = places.assign(
        population_count=moved.where(~(inside & told.notna()), told),
        approximation_ratio=(moved / told.where(told > 0)).where(inside),
    )
    supply = _supply_of(places, practitioners, names)
    rows = places.drop(columns="geometry").merge(supply, on="_row", how="left", validate="one_to_many")
    return _with_rates(rows, per_inhabitants).drop(columns="_row")


def _check(practitioners: Any, qpv: Any, people: Any, communes: Any, quartiers: Any) -> None:
    missing = {"practitioner_id", "profession", "capacity"} - set(practitioners.columns)
    if missing:
        raise SchemaError(f"The practitioners lack {', '.join(sorted(missing))}.")
    for name, table in (("communes", communes), ("quartiers", quartiers), ("qpv", qpv)):
        if table is not None:
            check_table(table, TERRITORIES)
            require_same_crs(table, people, names=(name, "people"))
            if table["territory_level"].nunique() != 1:
                raise InputError(f"{name} mixes levels.", expected="one level")
    require_same_crs(practitioners, people, names=("practitioners", "people"))


def _places(
    qpv: GeoDataFrame, communes: GeoDataFrame, quartiers: GeoDataFrame | None, distances_m: tuple[float, ...]
) -> Any:
    import geopandas as gpd

    rings = territory_rings(qpv, distances_m=distances_m)
    rows = []
    for zone in qpv.sort_values("territory_id").itertuples():
        label = zone.territory_label
        for ring in rings[rings["territory_id"] == zone.territory_id].itertuples():
            place = "qpv" if ring.ring == "inside" else ring.ring
            rows.append((zone.territory_id, label, place, zone.territory_id, ring.geometry))
        if quartiers is not None and (home := _home(zone.geometry, quartiers)) is not None:
            rows.append(
                (
                    zone.territory_id,
                    label,
                    "quartier",
                    quartiers["territory_id"].iloc[home],
                    quartiers.geometry.iloc[home],
                )
            )
        home = _home(zone.geometry, communes)
        if home is None:
            raise NoResultError(f"QPV {zone.territory_id} lies in none of the communes.")
        code, shape = communes["territory_id"].iloc[home], communes.geometry.iloc[home]
        rows.append((zone.territory_id, label, "rest of commune", code, shape.difference(zone.geometry)))
        rows.append((zone.territory_id, label, "commune", code, shape))
    columns = ["qpv_id", "qpv_label", "place", "place_id", "geometry"]
    table = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=qpv.crs)
    return table.assign(_row=np.arange(len(table)))


def _home(shape: shapely.Geometry, zones: GeoDataFrame) -> int | None:
    """Return the position of the zone that holds most of a shape's area, the first code on a tie."""
    area = shapely.area(shapely.intersection(np.asarray(zones.geometry.values, dtype=object), shape))
    order = np.lexsort((zones["territory_id"].astype(str).to_numpy(), -area))
    return int(order[0]) if area[order[0]] > 0 else None


def _people_of(places: Any, people: GeoDataFrame, *, method: str, guide: GeoDataFrame | None) -> list[float]:
    counted = []
    # Places overlap (a commune holds its quartiers), so each is a target by itself.
    for position in range(len(places)):
        target = places.iloc[[position]][["geometry"]].assign(
            territory_id="place", territory_level="place", territory_label=pd.NA, geography_year=0
        )
        moved = transfer_population(people, target, method=method, guide=guide)  # type: ignore[arg-type]
        everybody = moved[(moved["age_band"] == "all") & (moved["sex"] == "all")]
        counted.append(float(everybody["population_count"].iloc[0]))
    return counted


def _supply_of(places: Any, practitioners: GeoDataFrame, professions: list[str]) -> pd.DataFrame:
    shapes = np.asarray(practitioners.geometry.values, dtype=object)
    place, point = shapely.STRtree(shapes).query(
        np.asarray(places.geometry.values, dtype=object), predicate="intersects"
    )
    found = pd.DataFrame(practitioners[["practitioner_id", "profession", "capacity"]]).iloc[point]
    found = found.assign(_row=places["_row"].to_numpy()[place])
    groups = found[found["profession"].isin(professions)].groupby(["_row", "profession"])
    every = pd.MultiIndex.from_product([places["_row"], professions], names=["_row", "profession"])
    return pd.DataFrame(
        {
            "practitioner_count": groups["practitioner_id"].nunique().reindex(every, fill_value=0).astype("float64"),
            "practitioner_capacity": groups["capacity"].sum().reindex(every, fill_value=0.0).astype("float64"),
        }
    ).reset_index()


def _with_rates(rows: pd.DataFrame, per_inhabitants: int) -> pd.DataFrame:
    known = rows["population_count"].gt(0)
    factor = per_inhabitants / rows["population_count"].where(known)
    lower, upper = poisson_interval(rows["practitioner_count"])
    return rows.assign(
        **{f"practitioners_{suffix_of(per_inhabitants)}": rows["practitioner_count"] * factor},
        lower=lower * factor,
        upper=upper * factor,
        status=np.where(known, "ok", "missing"),
    )
