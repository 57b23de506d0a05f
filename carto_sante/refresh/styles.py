"""The styles that QGIS applies to the layers of a vintage: the map's own classes and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carto_sante.exports import Rule, class_rules, to_qml, value_rules
from carto_sante.maps.choropleth import ZERO_COLOR, classify
from carto_sante.maps.symbols import SYMBOLS
from carto_sante.registries.professions import load_catalogue

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

#: QGIS marker that stands for each shape of the map, first recourse then the rest.
_MARKERS = {"gp": "circle", "nurse": "square", "physiotherapist": "triangle", "dentist": "diamond"}
_REACH_COLOURS = ("#3f007d", "#807dba", "#bcbddc", "#dadaeb")


def layer_styles(layers: dict[str, GeoDataFrame], *, column: str, unit: str) -> dict[str, str]:
    """Return the QML of every layer that has something to show.

    Parameters
    ----------
    layers : dict
        From `carto_sante.refresh.outputs.package_layers`.
    column : str
        Indicator of the zones, as it is named in their layers ("gp_per_100k").
    unit : str
        Written in the legend.
    """
    styles = {}
    for name, table in layers.items():
        if name.startswith("territoires_") and column in table.columns and table[column].notna().any():
            styles[name] = to_qml(_zones(table, column, unit), label_column="territory_label")
        elif name == "praticiens":
            styles[name] = to_qml(_practitioners(table))
        elif name == "isochrones":
            styles[name] = to_qml(_reach(table))
    return styles


def _zones(table: GeoDataFrame, column: str, unit: str) -> list[Rule]:
    classes = classify(table[column].astype(float))
    rules = class_rules(column, [float(value) for value in classes.upper_bounds], classes.colors, unit=unit)
    # Zero is nobody, not "few": it has its own rule, and the first class begins above it.
    first = rules[0]
    zero = Rule("0 (aucun)", f'"{column}" = 0', ZERO_COLOR)
    return [zero, Rule(first.label, f'"{column}" > 0 AND {first.condition}', first.fill), *rules[1:]]


def _practitioners(table: GeoDataFrame) -> list[Rule]:
    labels = load_catalogue()["profession_label_plural"].to_dict()
    present = [name for name in labels if name in set(table["profession"])]
    values = {
        name: (labels[name], SYMBOLS[name].color if name in SYMBOLS else "#46505a", _MARKERS.get(name, "pentagon"))
        for name in present
    }
    return value_rules("profession", values)


def _reach(table: GeoDataFrame) -> list[Rule]:
    limits = sorted({float(value) for value in table["limit_min"]}, reverse=True)
    colours = dict(zip(sorted(limits), _REACH_COLOURS, strict=False))
    return [
        Rule(
            f"moins de {limit:g} min", f'"limit_min" = {limit!r}', colours.get(limit, _REACH_COLOURS[-1]), opacity=0.45
        )
        for limit in limits
    ]
