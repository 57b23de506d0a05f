"""The local reference: an address base indexed once in one Arrow file, then opened by memory mapping.

Measured on 400,000 addresses, Arrow opens in milliseconds and shares its pages between processes, where SQLite and
DuckDB first have to copy the names of ways into arrays (see tests/benchmarks/geocoding.md).

The file is one record whose columns are lists: every table of the index lies in it as plain arrays. An *area* is a
commune, or what was a commune before a merger; ways, names and numbers are sorted by area, so that searching in a
commune is searching in a slice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.errors import FileFormatError, NoResultError
from carto_sante.files import require_file, sha256_of, whole_file
from carto_sante.geocoding.grammar import spelled_out, street_key
from carto_sante.geocoding.reading import read_reference
from carto_sante.geocoding.text import tokens_of

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

#: Changes whenever the layout or the grammar does, so that an old file is never read as a new one.
INDEX_FORMAT = "carto_sante address index 2"

#: Coordinates are kept as integers of 1e-7 degree (1 cm).
DEGREE_SCALE = 1e7

_NUMBER_BITS, _SUFFIX_BITS = 20, 8
_TEXTS = (
    "area_code", "area_label", "area_old_code", "area_old_label", "street_label", "street_postcode", "street_id",
    "vocabulary", "suffixes", "kinds", "name_core", "name_text", "number_id",
)  # fmt: skip
_ARRAYS = (
    "area_lon", "area_lat", "area_name_start", "street_area", "street_lon", "street_lat", "street_number_start",
    "name_street", "name_kind", "name_token_start", "name_token", "number_key", "number_lon", "number_lat",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class AddressIndex:
    """An opened reference; see `open_index`.

    Attributes
    ----------
    path : Path
        The index file.
    fingerprint : str
        SHA-256 of the address base it was made from.
    counts : dict of str to int
        Rows of the address base: read, kept, and rejected by reason.
    arrays, texts : dict
        The tables, memory-mapped.
    """

    path: Path
    fingerprint: str
    counts: dict[str, int]
    arrays: dict[str, np.ndarray[Any, Any]]
    texts: dict[str, pa.Array]

    @property
    def address_count(self) -> int:
        """Numbered addresses of the reference."""
        return len(self.arrays["number_key"])

    @property
    def street_count(self) -> int:
        """Ways and localities of the reference."""
        return len(self.arrays["street_area"])


def number_key(street: Any, number: Any, suffix: Any) -> Any:
    """Return the sort key of a house number: way, number, suffix."""
    return (street << (_NUMBER_BITS + _SUFFIX_BITS)) | (number << _SUFFIX_BITS) | suffix


def number_of(key: Any) -> Any:
    """Return the house number of a key."""
    return (key >> _SUFFIX_BITS) & ((1 << _NUMBER_BITS) - 1)


def build_index(sources: Path | str | Sequence[Path | str], out: Path | str) -> AddressIndex:
    """Index one or more address bases in a file, and open it.

    Parameters
    ----------
    sources : path or sequence of paths
        BAN or BANO CSV, plain or gzipped: a commune, a département, all of them.
    out : path
        The index; written whole or not at all.

    Raises
    ------
    MissingFileError, FileFormatError
        If a source does not exist or is in no known layout.
    NoResultError
        If no row can be used.
    OutputError
        If the index cannot be written.

    Examples
    --------
    >>> index = build_index("adresses-35.csv.gz", "ban-35.arrow")  # doctest: +SKIP
    """
    import polars as pl

    paths = [sources] if isinstance(sources, str | Path) else list(sources)
    readings = [read_reference(path) for path in paths]
    counts: dict[str, int] = {}
    for _, reading in readings:
        for name, number in reading.items():
            counts[name] = counts.get(name, 0) + number
    table = pl.concat([frame.select(sorted(readings[0][0].columns)) for frame, _ in readings], how="vertical_relaxed")
    if len(table) == 0:
        raise NoResultError(
            f"{', '.join(map(str, paths))}: no usable address ({counts}).",
            expected="rows with a way, a commune code, lon and lat",
        )
    del readings
    fingerprint = ".".join(sorted(sha256_of(path) for path in paths))
    _write(Path(out), _tables_of(table), {"fingerprint": fingerprint, "counts": counts})
    return open_index(out)


def open_index(path: Path | str) -> AddressIndex:
    """Open an index file by memory mapping.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    FileFormatError
        If it is not an index, or of another version of the package.
    """
    import pyarrow as pa

    source = require_file(path, what="address index")
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(source), "r"))
        metadata = {k.decode(): v.decode() for k, v in (reader.schema.metadata or {}).items()}
        if metadata.get("format") != INDEX_FORMAT:
            raise FileFormatError(
                f"{source} is an index of another version ({metadata.get('format')!r}).",
                expected=repr(INDEX_FORMAT),
                next_step="Build it again from the address base.",
            )
        batch = reader.get_batch(0)
        lists = {name: batch.column(name)[0].values for name in batch.schema.names}
    except (pa.ArrowInvalid, OSError) as error:
        raise FileFormatError(
            f"{source} is not an address index: {error}.",
            next_step="Give the CSV of the BAN, or build the index again.",
        ) from error
    arrays = {name: lists[name].to_numpy(zero_copy_only=True) for name in _ARRAYS}
    texts = {name: lists[name] for name in _TEXTS}
    return AddressIndex(source, metadata["fingerprint"], json.loads(metadata["counts"]), arrays, texts)


def is_index_file(path: Path | str) -> bool:
    """Whether a file starts as an Arrow file does."""
    with Path(path).open("rb") as stream:
        return stream.read(6) == b"ARROW1"


def _write(out: Path, tables: dict[str, Any], metadata: dict[str, Any]) -> None:
    import pyarrow as pa

    columns = {}
    for name in (*_ARRAYS, *_TEXTS):
        values = pa.array(tables[name], type=pa.large_string() if name in _TEXTS else None)
        offsets = pa.array([0, len(values)], type=pa.int64())
        columns[name] = pa.LargeListArray.from_arrays(offsets, values)
    texts = {
        "format": INDEX_FORMAT,
        "fingerprint": metadata["fingerprint"],
        "counts": json.dumps(metadata["counts"], sort_keys=True),
    }
    batch = pa.record_batch(columns).replace_schema_metadata(texts)
    with whole_file(out) as part, pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def _tables_of(table: pl.DataFrame) -> dict[str, Any]:
    import polars as pl

    table = pl.concat([table, _localities(table)], how="diagonal").with_columns(
        pl.col("old_code", "old_label").fill_null(""),
        pl.when(pl.col("street_id").fill_null("") == "").then(pl.col("street")).otherwise("street_id").alias("way"),
    )
    keys = ["commune_code", "old_code"]
    areas = (
        table.group_by(keys)
        .agg(pl.col("commune_label", "old_label").first(), pl.col("lon", "lat").median())
        .sort(keys)
        .with_row_index("area")
    )
    table = table.join(areas.select(*keys, "area"), on=keys, how="left", validate="m:1")
    # Some producers give one identifier to several ways: the name tells them apart, however it is abbreviated.
    names = table["street"].unique().sort().to_list()
    table = table.with_columns(pl.col("street").replace_strict(names, [_key_text(n) for n in names]).alias("key"))
    ways = ["area", "way", "postcode", "key"]
    streets = (
        table.sort("number", "suffix", "id", nulls_last=False, maintain_order=True)
        .group_by(ways, maintain_order=True)
        .agg(pl.col("street").first(), pl.col("street_id").first(), pl.col("lon", "lat").median())
        .sort("area", "street", "postcode", "way")
        .with_row_index("street_number")
    )
    table = table.join(streets.select(*ways, "street_number"), on=ways, how="left", validate="m:1")
    tables: dict[str, Any] = {
        "area_code": areas["commune_code"], "area_label": areas["commune_label"],
        "area_old_code": areas["old_code"], "area_old_label": areas["old_label"],
        "area_lon": _scaled(areas["lon"]), "area_lat": _scaled(areas["lat"]),
        "street_area": streets["area"].to_numpy().astype(np.int32),
        "street_label": streets["street"], "street_postcode": streets["postcode"],
        "street_id": streets["street_id"].fill_null(""),
    }  # fmt: skip
    tables |= _numbers(table, streets)
    tables |= _names(table, streets, len(areas))
    return {name: values.to_arrow() if hasattr(values, "to_arrow") else values for name, values in tables.items()}


def _localities(table: pl.DataFrame) -> pl.DataFrame:
    """Return a row without number for each locality that addresses lie in and no way is named after."""
    import polars as pl

    commune = ["commune_code", "old_code"]
    known = table.select(*commune, pl.col("street").alias("locality")).unique()
    return (
        table.filter(pl.col("locality").fill_null("") != "")
        .group_by(*commune, "commune_label", "old_label", "postcode", "locality")
        .agg(pl.col("lon", "lat").median())
        .join(known, on=[*commune, "locality"], how="anti", nulls_equal=True)
        .rename({"locality": "street"})
        .with_columns(pl.lit(-1, dtype=table.schema["number"]).alias("number"), pl.lit("").alias("suffix"))
        .sort("commune_code", "street", "postcode", "old_code")
    )


def _key_text(name: str) -> str:
    kind, core = street_key(tuple(token for token in tokens_of(name) if token != ","))
    return f"{kind} {' '.join(core)}"


def _numbers(table: pl.DataFrame, streets: pl.DataFrame) -> dict[str, Any]:
    import polars as pl

    numbered = table.filter(pl.col("number").is_between(0, 99_998)).with_columns(
        pl.col("suffix").map_elements(normal_suffix, return_dtype=pl.Utf8, skip_nulls=False).alias("suffix")
        if table["suffix"].n_unique() < 2
        else pl.col("suffix").replace({s: normal_suffix(s) for s in table["suffix"].unique().to_list()})
    )
    suffixes = ["", *sorted(set(numbered["suffix"].unique().to_list()) - {""})][: 1 << _SUFFIX_BITS]
    code = numbered["suffix"].replace_strict(suffixes, list(range(len(suffixes))), default=0, return_dtype=pl.Int64)
    key = number_key(
        numbered["street_number"].to_numpy().astype(np.int64), numbered["number"].to_numpy().astype(np.int64),
        code.to_numpy(),
    )  # fmt: skip
    order = np.argsort(key, kind="stable")
    counts = np.bincount(numbered["street_number"].to_numpy(), minlength=len(streets))
    lon, lat = _scaled(numbered["lon"])[order], _scaled(numbered["lat"])[order]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return {
        "number_key": key[order], "number_lon": lon, "number_lat": lat,
        "number_id": numbered["id"].fill_null("")[order], "suffixes": suffixes, "street_number_start": starts,
        "street_lon": _scaled(streets["lon"]), "street_lat": _scaled(streets["lat"]),
    }  # fmt: skip


def _names(table: pl.DataFrame, streets: pl.DataFrame, area_count: int) -> dict[str, Any]:
    """Every name of every way: its own, the way it is written elsewhere, its alias."""
    import polars as pl

    parts = []
    for column in ("street", "alias", "written"):
        part = table.select("street_number", pl.col(column).alias("name")).filter(pl.col("name").fill_null("") != "")
        parts.append(part.unique())
    named = pl.concat(parts).unique()
    distinct = named["name"].unique().sort().to_list()
    words_of = {name: tuple(t for t in tokens_of(name) if t != ",") for name in distinct}
    keys = {name: street_key(words) for name, words in words_of.items()}
    named = named.with_columns(
        pl.col("name").replace_strict(distinct, [keys[name][0] for name in distinct]).alias("kind"),
        pl.col("name").replace_strict(distinct, [" ".join(keys[name][1]) for name in distinct]).alias("core"),
        pl.col("name").replace_strict(distinct, [spelled_out(words_of[name]) for name in distinct]).alias("text"),
    ).filter(pl.col("core") != "")
    columns = ["street_number", "core", "kind", "text"]
    named = named.select(columns).unique().sort(columns).unique(columns[:3], keep="first", maintain_order=True)
    cores = named["core"].str.split(" ")
    lengths = cores.list.len().to_numpy()
    words = cores.explode()
    vocabulary = words.unique().sort()
    kinds = ["", *sorted(set(named["kind"].unique().to_list()) - {""})]
    street = named["street_number"].to_numpy().astype(np.int32)
    area_of_name = streets["area"].to_numpy()[street]
    return {
        "name_street": street,
        "name_kind": named["kind"].replace_strict(kinds, list(range(len(kinds))), return_dtype=pl.Int16).to_numpy(),
        "name_core": named["core"], "name_text": named["text"], "vocabulary": vocabulary, "kinds": kinds,
        "name_token": np.searchsorted(vocabulary.to_numpy(), words.to_numpy()).astype(np.int32),
        "name_token_start": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        "area_name_start": np.searchsorted(area_of_name, np.arange(area_count + 1)).astype(np.int64),
    }  # fmt: skip


def normal_suffix(text: str | None) -> str:
    """Return a suffix of house number as the grammar writes it.

    Examples
    --------
    >>> normal_suffix("bis"), normal_suffix("b"), normal_suffix(None)
    ('BIS', 'B', '')
    """
    return "".join(tokens_of(text or "")).replace(",", "")


def _scaled(values: pl.Series) -> np.ndarray[Any, Any]:
    return np.round(values.to_numpy() * DEGREE_SCALE).astype(np.int32)
