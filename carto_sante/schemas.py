"""Every table that travels between stages: its columns, units, key, and French labels for display.

Tables are plain `pandas.DataFrame` or `geopandas.GeoDataFrame`; `check_table` says, all at once, what a table
lacks. Zero and missing differ everywhere: 0 is "reached nothing" or "nobody", NA is "unknown".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carto_sante.errors import SchemaError, join_problems

if TYPE_CHECKING:
    import pandas as pd

#: What a column holds: text (official codes and labels), a number, an integer count, a date or a flag.
KINDS = ("text", "number", "integer", "date", "flag")

#: Precision of a geocoded point, the finest first. "site" is the position of a FINESS site.
GEOCODE_PRECISIONS = ("site", "housenumber", "interpolated", "street", "locality", "municipality", "none")

#: What an indicator's value is worth.
STATUSES = ("ok", "missing", "suppressed")

#: Travel modes.
MODES = ("walk", "bike", "drive")


@dataclass(frozen=True)
class Column:
    """One column: what it holds, whether it may be absent or NA, and its French label for display."""

    kind: str
    label: str
    is_required: bool = True
    is_nullable: bool = False
    unit: str = ""


@dataclass(frozen=True)
class TableSchema:
    """One table: its name, its key and its columns."""

    name: str
    key: tuple[str, ...]
    columns: dict[str, Column]
    has_geometry: bool = False


def _text(label: str, *, required: bool = True, nullable: bool = False) -> Column:
    return Column("text", label, required, nullable)


def _optional(label: str, kind: str = "text", unit: str = "") -> Column:
    return Column(kind, label, is_required=False, is_nullable=True, unit=unit)


PRACTITIONERS = TableSchema(
    "practitioners",
    ("practitioner_id", "site_id", "profession"),
    {
        "practitioner_id": _text("Identifiant"),
        "site_id": _text("Site"),
        "profession": _text("Profession"),
        "capacity": Column("number", "Part d'activité sur le site", unit="practitioner"),
        "rpps_id": _optional("Numéro RPPS"),
        "practitioner_label": _optional("Nom d'exercice"),
        "practice_mode": _optional("Mode d'exercice"),
        "sector_code": _optional("Secteur d'activité (code)"),
        "sector_label": _optional("Secteur d'activité"),
        "convention_sector": _optional("Secteur conventionnel"),
        "finess_et_id": _optional("FINESS établissement"),
        "siret": _optional("SIRET"),
        "site_label": _optional("Lieu d'exercice"),
        "address": _optional("Adresse"),
        "postcode": _optional("Code postal"),
        "commune_code": _optional("Commune (code)"),
        "commune_label": _optional("Commune"),
        "source": _text("Source"),
        "source_row": Column("integer", "Ligne de la source", is_nullable=True),
    },
)

FACILITIES = TableSchema(
    "facilities",
    ("facility_id",),
    {
        "facility_id": _text("Identifiant"),
        "finess_et_id": _optional("FINESS établissement"),
        "finess_ej_id": _optional("FINESS entité juridique"),
        "category_code": _text("Catégorie (code)", nullable=True),
        "category_label": _text("Catégorie", nullable=True),
        "facility_label": _text("Nom", nullable=True),
        "siret": _optional("SIRET"),
        "address": _optional("Adresse"),
        "postcode": _optional("Code postal"),
        "commune_code": _text("Commune (code)", nullable=True),
        "commune_label": _optional("Commune"),
        "opening_date": _optional("Date d'ouverture", "date"),
        "source": _text("Source"),
    },
    has_geometry=True,
)

GEOCODED = TableSchema(
    "geocoded addresses",
    (),
    {
        "geocode_pass": _text("Passe de géocodage"),
        "geocode_score": Column("number", "Score", is_nullable=True),
        "geocode_precision": _text("Précision du point"),
        "geocode_label": _text("Adresse trouvée", nullable=True),
        "geocode_id": _text("Identifiant de l'adresse", nullable=True),
        "geocode_reason": _text("Motif", nullable=True),
    },
    has_geometry=True,
)

TERRITORIES = TableSchema(
    "territories",
    ("territory_id", "territory_level"),
    {
        "territory_id": _text("Code du territoire"),
        "territory_level": _text("Niveau"),
        "territory_label": _text("Territoire", nullable=True),
        "geography_year": Column("integer", "Année de la géographie", is_nullable=True),
    },
    has_geometry=True,
)

POPULATION = TableSchema(
    "population",
    ("territory_id", "territory_level", "age_band", "sex"),
    {
        "territory_id": _text("Code du territoire"),
        "territory_level": _text("Niveau"),
        "age_band": _text("Âge"),
        "sex": _text("Sexe"),
        "population_count": Column("number", "Habitants", is_nullable=True, unit="inhabitants"),
        "data_year": Column("integer", "Année des données"),
    },
)

TRAVEL_TIMES = TableSchema(
    "travel_times",
    ("origin_id", "destination_id", "mode"),
    {
        "origin_id": _text("Origine"),
        "destination_id": _text("Destination"),
        "mode": _text("Mode de déplacement"),
        "travel_time_min": Column("number", "Temps de trajet", unit="min"),
    },
)

INDICATORS = TableSchema(
    "indicators",
    ("territory_id", "territory_level", "profession", "indicator", "data_year", "hypothesis"),
    {
        "territory_id": _text("Code du territoire"),
        "territory_level": _text("Niveau"),
        "territory_label": _text("Territoire", nullable=True),
        "profession": _text("Profession"),
        "indicator": _text("Indicateur"),
        "indicator_value": Column("number", "Valeur", is_nullable=True),
        "unit": _text("Unité"),
        "lower": Column("number", "Borne basse (95 %)", is_nullable=True),
        "upper": Column("number", "Borne haute (95 %)", is_nullable=True),
        "status": _text("Statut"),
        "data_year": Column("integer", "Année des données", is_nullable=True),
        "hypothesis": _text("Hypothèse"),
    },
)

ALL_TABLES = {
    schema.name: schema
    for schema in (PRACTITIONERS, FACILITIES, GEOCODED, TERRITORIES, POPULATION, TRAVEL_TIMES, INDICATORS)
}


def check_table(frame: pd.DataFrame, schema: TableSchema, *, unique_key: bool = True) -> None:
    """Raise with every problem of a table; return nothing when it is sound.

    Parameters
    ----------
    frame : DataFrame or GeoDataFrame
        The table.
    schema : TableSchema
        What it should be.
    unique_key : bool, default True
        Whether the key must be unique.

    Raises
    ------
    SchemaError
        Listing missing columns, codes read as numbers, NA where none may be, text where numbers are
        needed and repeated keys.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"origin_id": ["a"], "destination_id": ["b"], "travel_time_min": [4.0]})
    >>> check_table(table, TRAVEL_TIMES)
    Traceback (most recent call last):
    ...
    carto_sante.errors.SchemaError: The table travel_times has 1 problem:
    - column mode is missing (found: origin_id, destination_id, travel_time_min)
    """
    problems = _column_problems(frame, schema)
    if schema.has_geometry and not hasattr(frame, "total_bounds"):
        problems.append("it has no geometry: a GeoDataFrame is needed")
    if unique_key and schema.key and set(schema.key) <= set(frame.columns):
        repeated = frame.duplicated(list(schema.key))
        if repeated.any():
            example = frame.loc[repeated, list(schema.key)].iloc[0].tolist()
            problems.append(f"key {', '.join(schema.key)} repeats on {int(repeated.sum())} rows (first: {example})")
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        raise SchemaError(f"The table {schema.name} has {len(problems)} {noun}:\n" + join_problems(problems))


def _column_problems(frame: pd.DataFrame, schema: TableSchema) -> list[str]:
    from pandas.api import types

    problems = []
    for name, column in schema.columns.items():
        if name not in frame.columns:
            if column.is_required:
                found = ", ".join(map(str, frame.columns))
                problems.append(f"column {name} is missing (found: {found})")
            continue
        values = frame[name]
        if not column.is_nullable and values.isna().any():
            problems.append(f"column {name} is empty on {int(values.isna().sum())} rows")
        is_number = types.is_numeric_dtype(values)
        if column.kind == "text" and is_number and not values.isna().all():
            problems.append(f"column {name} holds numbers where text is needed (official codes lose their zeros)")
        if column.kind in {"number", "integer"} and not is_number and values.notna().any():
            problems.append(f"column {name} holds text where a number is needed (first: {values.dropna().iloc[0]!r})")
    return problems
