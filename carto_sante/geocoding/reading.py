"""Reads the layouts of the national address base into one table.

Layouts: BAN CSV (``;``, header, with or without aliases), BAN as R exports it (``,``, a row-number column first,
"NA" texts, accents encoded twice), BAN "lieux-dits", and BANO (``,``, no header).
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.errors import FileFormatError, suggest
from carto_sante.files import refuse_workbook, require_file
from carto_sante.geocoding.text import repair_encoding

if TYPE_CHECKING:
    import polars as pl

_BANO_COLUMNS = ("id", "housenumber", "street", "postcode", "commune_label", "source", "lat", "lon")

# Column of the table: names it has in the layouts of the BAN.
_BAN_COLUMNS = {
    "id": ("id",),
    "number": ("numero",),
    "suffix": ("rep",),
    "street": ("nom_voie", "nom_lieu_dit"),
    "postcode": ("code_postal",),
    "commune_code": ("code_insee",),
    "commune_label": ("nom_commune",),
    "old_code": ("code_insee_ancienne_commune",),
    "old_label": ("nom_ancienne_commune",),
    "lon": ("lon", "long"),
    "lat": ("lat",),
    "alias": ("alias",),
    "written": ("nom_afnor",),
    "locality": ("nom_ld",),
}
_REQUIRED = ("street", "commune_code", "lon", "lat")

#: The number that local address bases give to a place without number.
_PLACE_NUMBER = 99_999


def read_reference(path: Path | str) -> tuple[pl.DataFrame, dict[str, int]]:
    """Read an address base; return its table and the count of rows by outcome.

    Parameters
    ----------
    path : path
        CSV of the BAN (any of its layouts) or of BANO, plain or gzipped.

    Returns
    -------
    (DataFrame, dict of str to int)
        Columns id, street_id, number (-1 without number), suffix, street, postcode, commune_code, commune_label,
        old_code, old_label, alias, locality, lon and lat (degrees, WGS84). The counts are "rows read", "kept" and
        one per reason of rejection.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    FileFormatError
        If the layout is not one of those above.
    """
    import polars as pl

    source = require_file(path, what="address reference")
    refuse_workbook(source)
    first = _first_line(source)
    separator = max(",;\t|", key=first.count)
    header = [name.strip().strip('"').lower() for name in first.split(separator)]
    is_ban = bool({"nom_voie", "nom_lieu_dit"} & set(header))
    if not is_ban and not (len(header) == len(_BANO_COLUMNS) and separator == ","):
        raise FileFormatError(
            f"{source} is not an address base: its first line is {first[:120]!r}.",
            expected="the CSV of the BAN (columns nom_voie, code_insee, lon, lat...) or of BANO (8 columns, no header)",
            next_step="Download adresses-<département>.csv.gz from the BAN.",
        )
    try:
        raw = pl.read_csv(
            source, separator=separator, has_header=is_ban, infer_schema=False, encoding="utf8-lossy",
            null_values=["NA"] if header[0] == "" else None, truncate_ragged_lines=True,
        )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        raise FileFormatError(
            f"{source} cannot be read as CSV: {error}.", next_step="Download it again: it may be cut."
        ) from error
    table = _from_ban(raw, source) if is_ban else _from_bano(raw)
    return _keep_usable(table)


def _first_line(source: Path) -> str:
    with source.open("rb") as stream:
        is_zipped = stream.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(source, "rb") if is_zipped else source.open("rb") as stream:
            line = stream.readline(100_000)
    except OSError as error:
        raise FileFormatError(f"{source} is damaged: {error}.", next_step="Download it again.") from error
    return line.decode("utf-8", errors="replace").lstrip("\ufeff").rstrip("\r\n")


def _from_ban(raw: pl.DataFrame, source: Path) -> pl.DataFrame:
    import polars as pl

    names = {name.strip().lower().lstrip("\ufeff"): name for name in raw.columns}
    chosen = {
        column: next((names[name] for name in known if name in names), None) for column, known in _BAN_COLUMNS.items()
    }
    missing = [_BAN_COLUMNS[column][0] for column in _REQUIRED if chosen[column] is None]
    if missing:
        raise FileFormatError(
            f"{source} lacks {', '.join(missing)}.",
            expected="the columns of the BAN",
            next_step=suggest(missing[0], raw.columns),
        )
    text = pl.Utf8
    table = raw.select(
        [(pl.col(name) if name else pl.lit(None, dtype=text)).alias(column) for column, name in chosen.items()]
    )
    # "93010_i7xf1o_00001_bis" is number 1 bis of way "93010_i7xf1o".
    way = pl.col("id").str.splitn("_", 3)
    return table.with_columns(
        pl.concat_str(way.struct.field("field_0"), way.struct.field("field_1"), separator="_").alias("street_id"),
        pl.col("number").cast(pl.Int32, strict=False),
    )


def _from_bano(raw: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    table = raw.rename(dict(zip(raw.columns, _BANO_COLUMNS, strict=True)))
    text = pl.Utf8
    empty = [pl.lit(None, dtype=text).alias(name) for name in ("old_code", "old_label", "alias", "written", "locality")]
    return table.with_columns(
        pl.col("id").str.strip_chars("\ufeff").str.slice(0, 5).alias("commune_code"),
        pl.col("id").str.strip_chars("\ufeff").str.slice(0, 10).alias("street_id"),
        pl.col("housenumber").str.extract(r"^\s*(\d+)").cast(pl.Int32, strict=False).alias("number"),
        pl.col("housenumber").str.extract(r"^\s*\d+\s*(.*?)\s*$").alias("suffix"),
        *empty,
    )


def _keep_usable(table: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    import polars as pl

    table = table.with_columns(
        pl.col("lon", "lat").cast(pl.Float64, strict=False),
        pl.col("street", "suffix", "postcode", "commune_code", "commune_label").fill_null("").str.strip_chars(),
        pl.when(pl.col("number") == _PLACE_NUMBER).then(-1).otherwise(pl.col("number").fill_null(-1)).alias("number"),
    ).with_columns(
        # A spreadsheet took the zero of "01004" and "01000".
        pl.col("commune_code", "postcode").str.zfill(5).str.replace(r"^00000$", ""),
    )
    is_point = pl.col("lon").is_between(-180, 180) & pl.col("lat").is_between(-90, 90)
    has_point = (is_point & ~((pl.col("lon") == 0) & (pl.col("lat") == 0))).fill_null(False)
    has_name = pl.col("street") != ""
    has_commune = pl.col("commune_code") != ""
    counts = table.select(
        pl.len().alias("rows read"),
        (has_point & has_name & has_commune).sum().alias("kept"),
        (~has_point).sum().alias("no coordinates"),
        (has_point & ~has_name).sum().alias("no street name"),
        (has_point & has_name & ~has_commune).sum().alias("no commune code"),
    ).row(0, named=True)
    kept = table.filter(has_point & has_name & has_commune)
    for column in ("street", "commune_label", "old_label", "alias", "locality"):
        distinct = kept[column].drop_nulls().unique().to_list()
        repaired = {name: better for name in distinct if (better := repair_encoding(name)) != name}
        if repaired:
            kept = kept.with_columns(pl.col(column).replace(repaired))
    return kept, {name: int(number) for name, number in counts.items()}
