"""The files of one vintage: map, GeoPackage, indicators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.exports import write_csv, write_geopackage, write_parquet
from carto_sante.maps import balance_notes, build_city_map, save_map
from carto_sante.maps.credits import study_credits
from carto_sante.refresh.diff import Evolution
from carto_sante.refresh.styles import layer_styles
from carto_sante.refresh.vintages import PACKAGE

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from carto_sante.refresh.run import Computed

MAP = "carte.html"


def write_outputs(computed: Computed, journal: dict[str, Any], folder: Path, *, evolution: Evolution | None) -> None:
    """Write every output of a vintage into a folder.

    Parameters
    ----------
    computed : Computed
        The tables of the vintage.
    journal : dict
        For the sources and dates shown on the map.
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
    city = build_city_map(
        title=study.study.title,
        vintage=study.study.vintage,
        practitioners=computed.placed.table,
        territories=computed.territories,
        indicators=computed.indicators,
        isochrones=computed.isochrones,
        streets=computed.streets,
        context=computed.context,
        facilities=computed.placed.facilities,
        level=study.density.level,
        indicator=study.map.indicator,
        profession=study.map.profession,
        hypothesis=main_hypothesis(computed),
        base_map=study.map.base_map,
        notes=balance_notes(evolution.balance, level=study.density.level) if evolution else None,
        credits=study_credits(study, population=[d["words"] for d in journal.get("denominators", [])[:1]]),
    )
    save_map(city, folder / MAP, offline=study.map.offline)


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
