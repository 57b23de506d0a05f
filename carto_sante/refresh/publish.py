"""A vintage in the formats of others: Excel with its metadata, GeoParquet, PostGIS."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.exports import write_parquet, write_postgis, write_workbook
from carto_sante.files import whole_folder
from carto_sante.refresh.vintages import PACKAGE, read_layer, read_vintage_journal
from carto_sante.registries.facility_kinds import load_facility_kinds
from carto_sante.registries.professions import load_catalogue
from carto_sante.schemas import GEOCODED, INDICATORS, PRACTITIONERS

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

WORKBOOK = "carto_sante.xlsx"


def read_layers(vintage: Path | str) -> dict[str, GeoDataFrame]:
    """Read every layer of a vintage.

    Parameters
    ----------
    vintage : path
        Folder of a vintage.

    Raises
    ------
    InputError
        If the folder is no vintage.
    """
    import pyogrio

    first = read_layer(vintage, "praticiens")
    names = [str(name) for name, kind in pyogrio.list_layers(Path(vintage) / PACKAGE) if kind is not None]
    return {name: first if name == "praticiens" else read_layer(vintage, name) for name in names}


def publish_folder(vintage: Path | str, out: Path | str) -> list[str]:
    """Write a vintage as an Excel workbook and one GeoParquet file by layer.

    Parameters
    ----------
    vintage : path
        Folder of a vintage.
    out : path
        Folder to write, whole or not at all.

    Returns
    -------
    list of str
        The files written.

    Raises
    ------
    InputError
        If the folder is no vintage.
    OutputError
        If the folder cannot be written.
    """
    layers, journal = read_layers(vintage), read_vintage_journal(vintage)
    indicators = _indicators(vintage)
    day = dt.date.fromisoformat(journal["vintage"])
    with whole_folder(out) as part:
        tables = {"Indicateurs": _for_people(indicators), "Praticiens": _for_people(layers["praticiens"])}
        write_workbook(tables, part / WORKBOOK, metadata=_metadata(journal), data_date=day)
        for name, layer in layers.items():
            write_parquet(layer, part / f"{name}.parquet")
        return sorted(path.name for path in part.iterdir())


def publish_postgis(vintage: Path | str, url: str, *, schema: str = "carto_sante") -> dict[str, int]:
    """Write a vintage into PostGIS, replacing the same vintage there if any.

    Parameters
    ----------
    vintage : path
        Folder of a vintage.
    url : str
        ``postgresql://user:password@host:port/database``.
    schema : str, default "carto_sante"

    Returns
    -------
    dict
        Rows written by table.

    Raises
    ------
    InputError, OutputError
        See `carto_sante.exports.write_postgis`.
    """
    journal = read_vintage_journal(vintage)
    tables: dict[str, Any] = {**read_layers(vintage), "indicateurs": _indicators(vintage)}
    return write_postgis(tables, url, vintage=dt.date.fromisoformat(journal["vintage"]), schema=schema)


def _indicators(vintage: Path | str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(Path(vintage) / "indicateurs.parquet")


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with French titles and profession names, without geometry."""
    import pandas as pd

    plain = pd.DataFrame(table.drop(columns="geometry", errors="ignore"))
    names = load_catalogue()["profession_label"].to_dict() | load_facility_kinds()["facility_label"].to_dict()
    plain["profession"] = plain["profession"].map(names).fillna(plain["profession"])
    titles = {
        name: column.label
        for schema in (INDICATORS, PRACTITIONERS, GEOCODED)
        for name, column in schema.columns.items()
    }
    plain = plain.drop(columns=["source_row", "is_in_study"], errors="ignore")
    return plain.rename(columns=titles)


def _metadata(journal: dict[str, Any]) -> dict[str, str]:
    lines = {"Titre": journal["title"], "Date des données": journal["vintage"]}
    for number, item in enumerate(journal["inputs"], start=1):
        date = item.get("data_date") or item.get("data_year") or item.get("geography_year") or ""
        lines[f"Source {number}"] = f"{item['path']} {date}".strip()
    for item in journal["denominators"]:
        lines[f"Population ({item['level']}, {item['source']})"] = item["hypothesis"]
    for name, definition in journal["definitions"].items():
        lines[f"Définition ({name})"] = definition
    lines["Cellule vide"] = "inconnu ; 0 veut dire aucun"
    lines["Logiciel"] = f"carto_sante {journal['versions']['carto_sante']}"
    return lines
