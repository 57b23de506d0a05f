"""Territories, population and roads of a study."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from carto_sante.crs import departement_of, metric_crs_of
from carto_sante.density import read_context as read_index
from carto_sante.errors import InputError, NoResultError
from carto_sante.geocoding import list_streets, open_reference
from carto_sante.network import RoadNetwork, read_osm
from carto_sante.network.context import read_context
from carto_sante.population import read_population
from carto_sante.registries._study_area import require_communes
from carto_sante.study import Study
from carto_sante.territories import read_territories

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

logger = logging.getLogger("carto_sante")

#: A zone that overlaps the communes of the study by less only touches their border, drawn otherwise in two files.
MIN_INSIDE_SHARE = 0.02


def metric_crs(study: Study) -> str:
    """Return the legal metric CRS of a study, as an EPSG string.

    Raises
    ------
    InputError
        If its communes lie in territories with different CRS.
    """
    found = {metric_crs_of(departement_of(code)) for code in (*study.study.communes, *study.study.neighbours)}
    if len(found) > 1:
        raise InputError(
            f"The communes of the study use {len(found)} metric CRS: {', '.join(sorted(found))}.",
            expected="communes of one territory (metropolitan France, Réunion, ...)",
            next_step="Write one study for each.",
        )
    return found.pop()


def load_territories(study: Study) -> GeoDataFrame:
    """Read every level of a study into one table.

    Returns
    -------
    GeoDataFrame
        As `carto_sante.schemas.TERRITORIES`, in the study's metric CRS. A level "commune" is added as the
        union of the zones of ``density.level`` where the study declares none: the row of the whole city.
        Zones outside the communes of the study are left out and counted. ``attrs["repairs"]`` says by level how many
        polygons were repaired and by how much the area changed.
    """
    import geopandas as gpd
    import pandas as pd

    departement = departement_of(study.study.communes[0])
    levels, repairs = [], {}
    for source in study.territories:
        level = read_territories(
            source.path,
            level=source.level,
            id_column=source.id_column,
            label_column=source.label_column,
            geography_year=source.geography_year,
            crs=source.crs,
            encoding=source.encoding,
            keep=source.keep or None,
            departement=departement,
        )
        repairs[source.level] = dict(level.attrs)
        level.attrs = {}
        levels.append(level)
    if "commune" not in {source.level for source in study.territories}:
        levels.append(
            _whole_city(study, next(x for x in levels if x["territory_level"].iloc[0] == study.density.level))
        )
    _refuse_other_communes(study, levels)
    crs = metric_crs(study)
    result = gpd.GeoDataFrame(pd.concat([level.to_crs(crs) for level in levels], ignore_index=True), crs=crs)
    is_inside = _is_inside(study, result)
    for name, count in result.loc[~is_inside, "territory_level"].value_counts().sort_index().items():
        repairs[str(name)]["zones_outside_count"] = int(count)
    result = result.loc[is_inside].reset_index(drop=True)
    if not (result["territory_level"] == study.density.level).any():
        raise NoResultError(
            f"No zone of level {study.density.level!r} lies in the communes of the study "
            f"({', '.join(study.study.communes)}).",
            expected="zones and communes of the same place",
            next_step="Check study.communes and the file of the level.",
        )
    result.attrs["repairs"] = repairs
    return result


def _refuse_other_communes(study: Study, levels: list[GeoDataFrame]) -> None:
    communes = next((level["territory_id"] for level in levels if level["territory_level"].iloc[0] == "commune"), None)
    declared = any(source.level == "commune" for source in study.territories)
    if declared and communes is not None and not communes.isin(require_communes(study.study.communes) or ()).any():
        raise NoResultError(
            f"The level 'commune' holds none of study.communes ({', '.join(study.study.communes)}).",
            expected=f"their codes (found: {', '.join(communes.head(5))}{'...' if len(communes) > 5 else ''})",
            next_step="Check study.communes, and id_column of the level.",
        )


def _is_inside(study: Study, zones: GeoDataFrame) -> Any:
    """Tell the zones of the study's communes: elsewhere practitioners are not read, and would count as none."""
    is_commune = zones["territory_level"] == "commune"
    is_ours = zones["territory_id"].isin(study.study.communes)
    if not (is_commune & is_ours).any():  # the whole city added by `_whole_city`
        is_ours = is_commune
    city = zones.loc[is_commune & is_ours].union_all()
    share = zones.geometry.intersection(city).area / zones.geometry.area
    return (share > MIN_INSIDE_SHARE) & (~is_commune | is_ours)


def _whole_city(study: Study, zones: GeoDataFrame) -> GeoDataFrame:
    import geopandas as gpd

    return gpd.GeoDataFrame(
        {
            "territory_id": ["+".join(study.study.communes)],
            "territory_level": ["commune"],
            "territory_label": ["Ensemble du territoire d'étude"],
            "geography_year": zones["geography_year"].iloc[:1].to_numpy(),
        },
        geometry=[zones.union_all()],
        crs=zones.crs,
    )


def load_population(study: Study) -> dict[str, pd.DataFrame]:
    """Read every population source of a study.

    Returns
    -------
    dict of str to DataFrame
        By name; zones as `carto_sante.schemas.POPULATION`, points and grid cells with their geometry in the
        study's metric CRS.

    Raises
    ------
    NoResultError
        If a source counts nobody.
    """
    crs = metric_crs(study)
    tables: dict[str, Any] = {}
    for source in study.population:
        table = read_population(
            source.path,
            kind=source.kind,
            data_year=source.data_year,
            level=source.level,
            id_column=source.id_column,
            count_column=source.count_column,
            crs=source.crs,
        )
        if hasattr(table, "to_crs") and getattr(table, "crs", None) is not None:
            table = table.to_crs(crs)
        if not (table["population_count"].fillna(0) > 0).any():
            raise NoResultError(
                f"The population source {source.name!r} ({source.path.name}) counts nobody.",
                expected="at least one inhabitant",
                next_step="Check the file and count_column in [[population]].",
            )
        tables[source.name] = table
    return tables


def load_streets(study: Study) -> GeoDataFrame | None:
    """Return the streets of the study's communes, for the search of the map; None without a local address reference."""
    if study.geocoding.reference is None:
        return None
    index = getattr(open_reference(study.geocoding.reference), "index", None)
    return None if index is None else list_streets(index, communes=study.study.communes)


def load_context(study: Study, *, territories: GeoDataFrame) -> GeoDataFrame | None:
    """Return the main streets, railways and water of the study's OSM file, drawn under the map; None without one.

    See `carto_sante.network.context.read_context` for the columns.
    """
    if study.network is None:
        return None
    return read_context(study.network.path, area=territories[["geometry"]])


def load_deprivation(study: Study, *, territories: GeoDataFrame) -> pd.DataFrame | None:
    """Return the study's deprivation index or income by zone as indicators; None where it names none.

    Returns
    -------
    DataFrame
        As `carto_sante.schemas.INDICATORS`: profession "all", indicator "deprivation", for every zone of
        ``density.level``; "missing" where the file has no value. The unit is what ``density.deprivation_label`` has
        between brackets, the hypothesis is the label.
    """
    import pandas as pd

    if study.density.deprivation is None:
        return None
    level = study.density.level
    context = read_index(study.density.deprivation, level=level, index="deprivation", value_column="value")
    zones = territories.loc[territories["territory_level"] == level].sort_values("territory_id")
    values = zones["territory_id"].map(context.set_index("territory_id")["index_value"]).astype("float64")
    label, unit = deprivation_words(study)
    return pd.DataFrame(
        {
            "territory_id": zones["territory_id"].to_numpy(),
            "territory_level": level,
            "territory_label": zones["territory_label"].to_numpy(),
            "profession": "all",
            "indicator": "deprivation",
            "indicator_value": values.to_numpy(),
            "unit": unit,
            "lower": float("nan"),
            "upper": float("nan"),
            "status": ["missing" if missing else "ok" for missing in values.isna()],
            "data_year": pd.array([pd.NA] * len(zones), dtype="Int64"),
            "hypothesis": label,
        }
    )


def deprivation_words(study: Study) -> tuple[str, str]:
    """Return the label and the unit of the study's deprivation index, read from ``density.deprivation_label``."""
    text = study.density.deprivation_label or "Indice de défavorisation"
    label, _, unit = text.rstrip(") ").rpartition(" (") if text.rstrip().endswith(")") else (text, "", "")
    return label, unit


def load_network(study: Study, mode: str, *, territories: GeoDataFrame, buffer_m: float = 3_000.0) -> RoadNetwork:
    """Read the roads of a study for one mode, around its territories.

    Parameters
    ----------
    study : Study
        With a [network] section.
    mode : str
        "walk", "bike" or "drive".
    territories : GeoDataFrame
        From `load_territories`; the network is cut at ``buffer_m`` metres around them, since supply just over
        the border counts.

    Raises
    ------
    InputError
        If the study names no network.
    """
    if study.network is None:
        raise InputError(
            "The study has no [network] section.",
            expected="[network] with path = an OSM PBF or XML file",
            next_step="Add it, for instance from an extract of Geofabrik.",
        )
    if mode not in study.network.modes:
        raise InputError(
            f"The mode {mode!r} is not among network.modes of the study ({', '.join(study.network.modes)}).",
            next_step="Add it there if the file has its ways, or choose another mode.",
        )
    return read_osm(study.network.path, mode=mode, area=territories[["geometry"]], buffer_m=buffer_m)
