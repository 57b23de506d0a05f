"""Vintages in PostGIS: one table by layer, a vintage replaced in one transaction, never duplicated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from carto_sante.errors import InputError, OutputError

if TYPE_CHECKING:
    import pandas as pd

#: Columns worth an index where a layer has them: what joins and filters use.
_INDEXED = ("vintage", "territory_id", "practitioner_id", "profession", "facility_id")


def write_postgis(
    layers: Mapping[str, pd.DataFrame], url: str, *, vintage: dt.date, schema: str = "carto_sante"
) -> dict[str, int]:
    """Write the layers of a vintage into PostGIS, replacing that vintage and no other.

    Parameters
    ----------
    layers : mapping of str to DataFrame or GeoDataFrame
        By table name; a GeoDataFrame needs a CRS with an EPSG code.
    url : str
        ``postgresql://user:password@host:port/database``; the driver psycopg is used.
    vintage : datetime.date
        Written in the column ``vintage`` of every row.
    schema : str, default "carto_sante"
        Made when absent.

    Returns
    -------
    dict
        Rows written by table.

    Raises
    ------
    InputError
        If the extra "postgis" is not installed, or a layer has no EPSG code.
    OutputError
        If the server refuses; nothing was changed (one transaction).
    """
    try:
        import geoalchemy2  # noqa: F401 - geopandas needs it to write
        import sqlalchemy
    except ImportError as error:
        raise InputError(
            f"PostGIS needs {error.name}.", next_step="Install the extra: pip install 'carto-sante[postgis]'."
        ) from error
    import pandas

    without = [
        name
        for name, table in layers.items()
        if hasattr(table, "crs") and (table.crs is None or not table.crs.to_epsg())
    ]
    if without:
        raise InputError(f"Layers without EPSG code: {', '.join(without)}.", next_step="Convert them with to_crs.")
    engine = sqlalchemy.create_engine(_with_driver(url))
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE EXTENSION IF NOT EXISTS postgis"))
            connection.execute(sqlalchemy.text(f'CREATE SCHEMA IF NOT EXISTS "{_name(schema)}"'))
            return {
                name: _write_layer(connection, table, _name(name), schema=schema, vintage=vintage)
                for name, table in layers.items()
            }
    except (sqlalchemy.exc.SQLAlchemyError, pandas.errors.DatabaseError) as error:
        # pandas wraps what SQLAlchemy raises.
        cause = error.__cause__ if isinstance(error, pandas.errors.DatabaseError) and error.__cause__ else error
        reason = str(getattr(cause, "orig", cause)).strip().splitlines()[0]
        raise OutputError(
            f"PostGIS refused: {reason}.", next_step="Nothing was changed. Check the address, the rights and the disk."
        ) from error
    finally:
        engine.dispose()


def _with_driver(url: str) -> str:
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _name(text: str) -> str:
    if not text.replace("_", "").isalnum() or not text.isascii():
        raise InputError(f"{text!r} cannot name a table.", expected="letters, digits and underscores")
    return text


def _write_layer(connection: Any, table: pd.DataFrame, name: str, *, schema: str, vintage: dt.date) -> int:
    import sqlalchemy

    rows = table.reset_index(drop=True).copy()
    rows.insert(0, "vintage", vintage)
    is_spatial = hasattr(table, "crs")
    exists = sqlalchemy.inspect(connection).has_table(name, schema=schema)
    if exists:
        rows = _fit_columns(connection, rows, name, schema=schema)
        connection.execute(sqlalchemy.text(f'DELETE FROM "{schema}"."{name}" WHERE vintage = :v'), {"v": vintage})
    types = {"vintage": sqlalchemy.Date()}
    if is_spatial:
        rows.to_postgis(name, connection, schema=schema, if_exists="append", index=False, dtype=types)
    else:
        rows.to_sql(
            name,
            connection,
            schema=schema,
            if_exists="append",
            index=False,
            dtype=types,
            method="multi",
            chunksize=1000,
        )
    for column in _INDEXED:
        if column in rows.columns:
            index = f'CREATE INDEX IF NOT EXISTS "{name}_{column}_idx" ON "{schema}"."{name}" ("{column}")'
            connection.execute(sqlalchemy.text(index))
    return len(rows)


def _fit_columns(connection: Any, rows: Any, name: str, *, schema: str) -> Any:
    """Add to the table the columns that a newer vintage brings; columns it lacks stay NULL."""
    import sqlalchemy

    known = {column["name"] for column in sqlalchemy.inspect(connection).get_columns(name, schema=schema)}
    for column in rows.columns:
        if column not in known:
            kind = {"f": "double precision", "i": "bigint", "b": "boolean"}.get(rows[column].dtype.kind, "text")
            connection.execute(sqlalchemy.text(f'ALTER TABLE "{schema}"."{name}" ADD COLUMN "{column}" {kind}'))
    return rows
