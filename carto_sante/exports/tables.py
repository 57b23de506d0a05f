"""Flat tables: CSV for spreadsheets, Parquet for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.files import whole_file

if TYPE_CHECKING:
    import pandas as pd


def write_csv(table: pd.DataFrame, path: Path | str) -> None:
    """Write a table as CSV in UTF-8 with a BOM, so that a spreadsheet shows its accents.

    Parameters
    ----------
    table : DataFrame
        Without geometry; NA becomes an empty cell, which is not 0.
    path : path
        Written whole or not at all.
    """
    with whole_file(path) as part:
        table.to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")


def write_parquet(table: pd.DataFrame, path: Path | str) -> None:
    """Write a table as Parquet.

    Parameters
    ----------
    table : DataFrame or GeoDataFrame
        A GeoDataFrame is written as GeoParquet 1.1.
    path : path
        Written whole or not at all.
    """
    with whole_file(path) as part:
        if hasattr(table, "total_bounds"):
            table.to_parquet(part, index=False, schema_version="1.1.0", write_covering_bbox=True)
        else:
            table.to_parquet(part, index=False)
