"""The files of one vintage: map, GeoPackage, indicators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante import stages
from carto_sante.exports import write_csv, write_geopackage, write_parquet
from carto_sante.maps import balance_notes, build_city_map, save_map
from carto_sante.maps.credits import study_credits
from carto_sante.refresh.diff import Evolution
from carto_sante.refresh.styles import layer_styles
from carto_sante.refresh.vintages import PACKAGE
from carto_sante.territories.rings import QPV_RINGS_M, territory_rings

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandas import DataFrame

    from carto_sante.refresh.run import Computed

MAP = "carte.html"


def write_outputs(computed: Computed, folder: Path, *, evolution: Evolution | None) -> None:
    """Write every output of a vintage into a folder.

    Parameters
    ----------
    computed : Computed
        The tables of the vintage.
    folder : Path
        The vintage's, while it is being written.
    evolution : Evolution, optional
        What changed since the vintage before, shown in the popups of the zones.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    study = computed.study
    write_parquet(computed.indicators, folder / "indicateurs.parquet")
    write_csv(computed.indicators, folder / "indicateurs.csv")
    layers = package_layers(computed)
    suffix = study.map.indicator.removeprefix("practitioners_")
    unit = f"pour {study.density.per_inhabitants:,} hab.".replace(",", "\u202f")
    styles = layer_styles(layers, column=f"{study.map.profession}_{suffix}", unit=unit)
    write_geopackage(layers, folder / PACKAGE, data_date=study.study.vintage, styles=styles)
    inputs = map_inputs(computed)
    city = build_city_map(
        **inputs,
        level=study.density.level,
        notes=balance_notes(evolution.balance, level=study.density.level) if evolution else None,
    )
    save_map(city, folder / MAP, offline=study.map.offline)


def map_inputs(computed: Computed) -> dict[str, Any]:
    """Return what the map of a city and its atlas are drawn from, as `carto_sante.maps.build_city_map` takes it.

    Rings of 300 and 500 m are drawn around QPV, and the study's deprivation index can be crossed with the supply.
    """
    study, territories = computed.study, computed.territories
    qpv = territories.loc[territories["territory_level"] == "qpv"]
    indicators, denominators = computed.indicators, computed.indicators.attrs.get("denominators", [])
    deprivation = stages.load_deprivation(study, territories=territories)
    first: dict[str, str] = {}
    for item in denominators:
        first.setdefault(item["level"], item["hypothesis"])
    return {
        "title": study.study.title,
        "vintage": study.study.vintage,
        "practitioners": computed.placed.table,
        "territories": territories,
        "indicators": indicators if deprivation is None else _stacked(indicators, deprivation),
        "isochrones": computed.isochrones,
        "streets": computed.streets,
        "context": computed.context,
        "facilities": computed.placed.facilities,
        "rings": territory_rings(qpv, distances_m=QPV_RINGS_M) if len(qpv) else None,
        "indicator": study.map.indicator,
        "profession": study.map.profession,
        "hypothesis": list(first.values()) or None,
        "bivariate_with": None if deprivation is None else "deprivation",
        "indicator_labels": {} if deprivation is None else {"deprivation": stages.deprivation_words(study)[0]},
        "base_map": study.map.base_map,
        "credits": study_credits(study, population=[item["words"] for item in denominators[:1] if "words" in item]),
    }


def _stacked(indicators: DataFrame, more: DataFrame) -> DataFrame:
    import pandas as pd

    # Without their attrs, which pandas would compare.
    tables = [table.astype({"data_year": "Int64"}) for table in (indicators, more)]
    for table in tables:
        table.attrs = {}
    return pd.concat(tables, ignore_index=True)


def main_hypothesis(computed: Computed) -> str | None:
    """Return how the indicators of the study's level and main denominator name it."""
    denominators = computed.indicators.attrs.get("denominators", [])
    return denominators[0]["hypothesis"] if denominators else None


def package_layers(computed: Computed) -> dict[str, GeoDataFrame]:
    """Return the layers of the GeoPackage: practitioners, facilities, one by level of territory, isochrones."""
    layers = {"praticiens": computed.placed.table}
    if computed.placed.facilities is not None and len(computed.placed.facilities):
        layers["etablissements"] = computed.placed.facilities
    for level, zones in computed.territories.groupby("territory_level"):
        layers[f"territoires_{level}"] = _with_indicators(computed, zones)
    if computed.isochrones is not None:
        layers["isochrones"] = computed.isochrones
    return layers


def _with_indicators(computed: Computed, zones: GeoDataFrame) -> GeoDataFrame:
    # One column by profession of the study's main indicator, so that the layer can be styled as it stands.
    main = computed.study.map.indicator
    table = computed.indicators
    chosen = table.loc[(table["indicator"] == main) & table["territory_id"].isin(zones["territory_id"])]
    level = zones["territory_level"].iloc[0]
    chosen = chosen.loc[chosen["territory_level"] == level]
    main_of = {item["level"]: item["hypothesis"] for item in reversed(table.attrs.get("denominators", []))}
    chosen = chosen.loc[chosen["hypothesis"] == main_of.get(level)]
    wide = chosen.pivot_table(index="territory_id", columns="profession", values="indicator_value", aggfunc="first")
    wide.columns = [f"{profession}_{main.removeprefix('practitioners_')}" for profession in wide.columns]
    return zones.merge(wide.reset_index(), on="territory_id", how="left", validate="1:1")
