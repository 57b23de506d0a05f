"""QGIS styles inside a GeoPackage: the layers open coloured and named, without a project file.

QGIS reads the table ``layer_styles`` of a GeoPackage and applies the row marked default (QGIS documentation,
"Saving and loading styles"). Symbols are rules, so that a missing value is drawn as missing and not left out.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

_TABLE = """
CREATE TABLE IF NOT EXISTS layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
  f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN,
  description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)
"""


@dataclass(frozen=True)
class Rule:
    """What is drawn how.

    Attributes
    ----------
    label : str
        In French, for the legend.
    condition : str
        QGIS expression; "" for everything.
    fill : str
        Colour as "#rrggbb", or "" for none.
    stroke : str
        Colour of the outline.
    shape : str
        "polygon", "hatch" (missing values) or a marker of QGIS ("circle", "square", "triangle", "diamond", "cross2").
    opacity : float
        From 0 to 1.
    stroke_mm, size_mm : float
        Millimetres on paper.
    """

    label: str
    condition: str
    fill: str
    stroke: str = "#4d4d4d"
    shape: str = "polygon"
    opacity: float = 1.0
    stroke_mm: float = 0.26
    size_mm: float = 2.2


def class_rules(
    column: str, breaks: Sequence[float], colours: Sequence[str], *, unit: str, missing: str = "non renseigné"
) -> list[Rule]:
    """Return the rules of a choropleth, a hatch for missing values among them.

    Parameters
    ----------
    column : str
        Of the layer.
    breaks : sequence of float
        Upper bounds of the classes, increasing; each class holds its upper bound.
    colours : sequence of str
        One by class, "#rrggbb".
    unit : str
        Written in the legend.
    missing : str
        Label of the missing values.

    Examples
    --------
    >>> [rule.label for rule in class_rules("d", [50.0, 120.0], ["#eee", "#333"], unit="pour 100 000")]
    ['jusqu’à 50 pour 100 000', 'de 50 à 120', 'non renseigné']
    """
    rules = []
    lower: float | None = None
    for upper, colour in zip(breaks, colours, strict=True):
        shown = _number(upper)
        if lower is None:
            condition, label = f'"{column}" <= {upper!r}', f"jusqu’à {shown} {unit}"
        else:
            condition = f'"{column}" > {lower!r} AND "{column}" <= {upper!r}'
            label = f"de {_number(lower)} à {shown}"
        rules.append(Rule(label, condition, colour))
        lower = upper
    return [*rules, Rule(missing, f'"{column}" IS NULL', "#9e9e9e", shape="hatch")]


def value_rules(column: str, values: Mapping[str, tuple[str, str, str]]) -> list[Rule]:
    """Return one rule by value of a column: value to (label, colour, marker)."""
    return [
        Rule(label, f"\"{column}\" = '{value}'", colour, stroke="#ffffff", shape=marker, stroke_mm=0.2)
        for value, (label, colour, marker) in values.items()
    ]


def to_qml(rules: Sequence[Rule], *, label_column: str = "") -> str:
    """Return a QGIS style (QML) made of rules, deterministic.

    Parameters
    ----------
    rules : sequence of Rule
    label_column : str
        Column written on the map; none by default.
    """
    root = Xml.Element("qgis", version="3.22.16", styleCategories="Symbology|Labeling")
    renderer = Xml.SubElement(
        root, "renderer-v2", type="RuleRenderer", symbollevels="0", enableorderby="0", forceraster="0"
    )
    tree = Xml.SubElement(renderer, "rules", key="{carto-sante-root}")
    symbols = Xml.SubElement(renderer, "symbols")
    for number, rule in enumerate(rules):
        attributes = {"key": f"{{carto-sante-{number}}}", "symbol": str(number), "label": rule.label}
        if rule.condition:
            attributes["filter"] = rule.condition
        Xml.SubElement(tree, "rule", attributes)
        _add_symbol(symbols, number, rule)
    if label_column:
        _add_labels(root, label_column)
    Xml.SubElement(root, "layerGeometryType").text = (
        "0" if rules and rules[0].shape not in {"polygon", "hatch"} else "2"
    )
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + Xml.tostring(root, encoding="unicode")


def write_styles(path: Path | str, styles: Mapping[str, str], *, data_date: dt.date) -> None:
    """Write QML styles into a GeoPackage, as the default style of each layer.

    Parameters
    ----------
    path : path
        An existing GeoPackage; called on the temporary file that `write_geopackage` will rename.
    styles : mapping of layer to QML
    data_date : datetime.date
        Written as the time of update.
    """
    moment = f"{data_date.isoformat()}T00:00:00.000Z"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_TABLE)
        database.execute(
            "INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier, last_change) VALUES (?, ?, ?, ?)",
            ("layer_styles", "attributes", "layer_styles", moment),
        )
        geometry = dict(database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchall())
        for layer, qml in styles.items():
            database.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName,"
                " styleQML, styleSLD, useAsDefault, description, owner, ui, update_time)"
                " VALUES ('', '', ?, ?, ?, ?, '', 1, '', '', '', ?)",
                (layer, geometry.get(layer, "geom"), layer[:30], qml, moment),
            )


def _number(value: float) -> str:
    text = f"{value:.1f}" if abs(value) < 10 and value != int(value) else f"{value:.0f}"
    return text.replace(".", ",")


def _rgba(colour: str, opacity: float) -> str:
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * char for char in digits)
    red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
    return f"{red},{green},{blue},{round(255 * opacity)}"


def _add_symbol(parent: Xml.Element, number: int, rule: Rule) -> None:
    is_area = rule.shape in {"polygon", "hatch"}
    symbol = Xml.SubElement(
        parent,
        "symbol",
        type="fill" if is_area else "marker",
        name=str(number),
        alpha="1",
        clip_to_extent="1",
        force_rhr="0",
    )
    kind = "SimpleFill" if is_area else "SimpleMarker"
    layer = Xml.SubElement(symbol, "layer", {"class": kind, "enabled": "1", "locked": "0", "pass": "0"})
    options = Xml.SubElement(layer, "Option", type="Map")
    fill = _rgba(rule.fill or "#ffffff", rule.opacity if rule.fill else 0.0)
    values = {
        "color": fill,
        "outline_color": _rgba(rule.stroke, 1.0),
        "outline_style": "solid",
        "outline_width": str(rule.stroke_mm),
        "outline_width_unit": "MM",
    }
    if is_area:
        values["style"] = "b_diagonal" if rule.shape == "hatch" else ("solid" if rule.fill else "no")
    else:
        values |= {"name": rule.shape, "size": str(rule.size_mm), "size_unit": "MM"}
    for name, value in values.items():
        Xml.SubElement(options, "Option", name=name, value=value, type="QString")


def _add_labels(root: Xml.Element, column: str) -> None:
    labeling = Xml.SubElement(root, "labeling", type="simple")
    settings = Xml.SubElement(labeling, "settings")
    style = Xml.SubElement(
        settings, "text-style", fieldName=column, fontSize="8", fontSizeUnit="Point", textColor="33,33,33,255",
        isExpression="0", multilineHeight="1",
    )  # fmt: skip
    Xml.SubElement(
        style,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
        bufferOpacity="1",
    )
