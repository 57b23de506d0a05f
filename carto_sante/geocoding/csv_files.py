"""Geocodes any CSV: every row and column kept, in order, the result in new columns at the end."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from carto_sante.errors import FileFormatError, InputError, UnknownNameError, join_problems, suggest
from carto_sante.files import refuse_workbook, require_file, whole_file
from carto_sante.geocoding.passes import geocode
from carto_sante.geocoding.references import Reference
from carto_sante.geocoding.text import tokens_of

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

#: Columns added at the end, in this order; longitude and latitude are degrees (WGS84).
RESULT_COLUMNS = (
    "geocode_lon", "geocode_lat", "geocode_pass", "geocode_score", "geocode_precision", "geocode_label", "geocode_id",
    "geocode_commune_code", "geocode_reason",
)  # fmt: skip

_SEPARATORS = (";", ",", "\t", "|")

# A column of streets without their numbers is completed by a column of numbers, where there is one.
_STREET_NAMES = ("voie", "libelle_voie", "nom_voie", "rue", "street")
_NUMBER_NAMES = ("numero", "n", "num", "no", "numero_voie", "numero_de_voie", "n_de_voie", "n_voie", "housenumber")


class CsvTable(NamedTuple):
    """A CSV as read: header, rows of as many fields, separator and encoding."""

    header: list[str]
    rows: list[list[str]]
    separator: str
    encoding: str


class CsvResult(NamedTuple):
    """What `geocode_csv` did: the addresses as understood, the points, and the columns they came from."""

    addresses: pd.DataFrame
    geocoded: gpd.GeoDataFrame
    columns: dict[str, list[str]]


def geocode_csv(
    path: Path | str,
    reference: Reference,
    out: Path | str,
    *,
    address: Sequence[str] = (),
    postcode: str | None = None,
    commune_code: str | None = None,
    commune_label: str | None = None,
    lon: str | None = None,
    lat: str | None = None,
    **options: Any,
) -> CsvResult:
    """Geocode a CSV into another one.

    Parameters
    ----------
    path : path
        Any CSV with a header; its separator (``;``, ``,``, tab, ``|``) and encoding (UTF-8, else Windows-1252) are
        recognised.
    reference
        See `geocode`.
    out : path
        Result, UTF-8, same separator: every row and column of the input, in order, then `RESULT_COLUMNS`.
    address, postcode, commune_code, commune_label : str
        Names of columns; several for ``address`` (number, street...). Recognised by their names where not given.
    lon, lat : str, optional
        Columns of a hint, in degrees.
    **options
        Passed to `geocode`: corrections, cache, facilities, min_score.

    Raises
    ------
    MissingFileError, FileFormatError
        If the file does not exist or is no CSV.
    UnknownNameError
        If a named column does not exist, or no column of address is recognised.
    InputError
        If the output would replace the input, or a hint lacks one of its two columns.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from carto_sante.geocoding.index import build_index
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "ban.csv").write_text(
    ...     "id;numero;rep;nom_voie;code_postal;code_insee;nom_commune;lon;lat\\n"
    ...     "93010_0001_00002;2;;Rue Pasteur;93140;93010;Bondy;2.48;48.9\\n")
    >>> _ = (folder / "in.csv").write_text("nom;adresse;code postal\\nA;2 R. PASTEUR;93140\\n")
    >>> index = build_index(folder / "ban.csv", folder / "ban.arrow")
    >>> geocode_csv(folder / "in.csv", index, folder / "out.csv").geocoded["geocode_label"].tolist()
    ['2 Rue Pasteur 93140 Bondy']
    """
    import pandas as pd

    if Path(out).resolve() == Path(path).resolve():
        raise InputError(f"{out} is the input itself.", next_step="Give another --out.")
    if (lon is None) != (lat is None):
        raise InputError("The hint has one column.", expected="both the longitude's and the latitude's")
    table = read_csv_table(path)
    named = {
        "address": list(address), "postcode": [postcode] if postcode else [],
        "commune_code": [commune_code] if commune_code else [],
        "commune_label": [commune_label] if commune_label else [],
        "near": [lon, lat] if lon and lat else [],
    }  # fmt: skip
    chosen = _chosen_columns(table.header, named)
    addresses = pd.DataFrame(
        {name: _joined(table, columns) for name, columns in chosen.items() if columns and name != "near"}, dtype="str"
    )
    hints = None
    if chosen["near"]:
        points = [pd.to_numeric(pd.Series(_joined(table, [name])), errors="coerce") for name in chosen["near"]]
        hints = pd.concat(points, axis=1).to_numpy(dtype=float)
    geocoded = geocode(addresses, reference, near=hints, **options)
    _write(table, geocoded, Path(out))
    return CsvResult(addresses, geocoded, {name: columns for name, columns in chosen.items() if columns})


def read_csv_table(path: Path | str) -> CsvTable:
    """Read a CSV as text, with its separator and encoding recognised.

    Raises
    ------
    MissingFileError, FileFormatError
        If the file does not exist, has no header, or has rows longer than it.
    """
    source = require_file(path, what="CSV file")
    refuse_workbook(source)
    content = source.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        try:
            content.decode("utf-8")
            encoding = "utf-8-sig"
        except UnicodeDecodeError:
            encoding = "cp1252"
    text = content.decode(encoding, errors="replace").replace("\0", " ")
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    # A field that opens a quote and never closes it would swallow the rest of the file: the field limit stops it.
    try:
        lines = list(csv.reader(text.splitlines(keepends=True), delimiter=separator))
    except csv.Error as error:
        raise FileFormatError(
            f"{source} cannot be read as CSV: {error}.", next_step="Look for a quote that is not closed."
        ) from error
    if not lines or not any(name.strip() for name in lines[0]):
        raise FileFormatError(f"{source} has no header.", expected="the names of the columns on the first line")
    header, rows = lines[0], lines[1:]
    long = [f"line {n}: {len(row)} fields" for n, row in enumerate(rows, start=2) if len(row) > len(header)]
    if long:
        raise FileFormatError(
            f"{source} has {len(long)} rows with more fields than its {len(header)} columns:\n{join_problems(long)}\n",
            next_step=f"Put quotes around the fields that hold a {separator!r}.",
        )
    return CsvTable(header, [row + [""] * (len(header) - len(row)) for row in rows], separator, encoding)


@cache
def _known_names() -> dict[str, list[str]]:
    text = resources.files("carto_sante").joinpath("geocoding/data/columns.csv").read_text(encoding="utf-8")
    return {row["column"]: row["names"].split() for row in csv.DictReader(text.splitlines())}


def _chosen_columns(header: list[str], named: dict[str, list[str]]) -> dict[str, list[str]]:
    normal = {_plain(name): name for name in reversed(header)}
    # Capitals and accents of a named column may differ from the file's.
    named = {
        column: [name if name in header else normal.get(_plain(name), name) for name in names]
        for column, names in named.items()
    }
    problems = [
        f"there is no column {name!r}. {suggest(name, header)}"
        for columns in named.values()
        for name in columns
        if name not in header
    ]
    if problems:
        raise UnknownNameError("The columns cannot be found:\n" + join_problems(problems))
    chosen = dict(named)
    is_free = bool(named["address"])  # who names the address alone has it all in that column, or names the rest
    for column, names in _known_names().items():
        if not chosen.get(column) and not (is_free and column == "address"):
            found = next((normal[name] for name in names if name in normal), None)
            chosen[column] = [found] if found else []
            if found and column == "address" and _plain(found) in _STREET_NAMES:
                numbers = [normal[name] for name in _NUMBER_NAMES if name in normal]
                chosen[column] = [*numbers[:1], found]
    if not chosen["address"]:
        raise UnknownNameError(
            f"No column of address is recognised among {', '.join(header)[:500]}.",
            expected="a column called adresse or address",
            next_step="Name it with --address (several times for number and street).",
        )
    return chosen


def _plain(name: str) -> str:
    return "_".join(token for token in tokens_of(name) if token != ",").lower()


def _joined(table: CsvTable, columns: Iterable[str]) -> list[str]:
    places = [table.header.index(name) for name in columns]
    return [" ".join(part for place in places if (part := row[place].strip())) for row in table.rows]


def _write(table: CsvTable, geocoded: gpd.GeoDataFrame, out: Path) -> None:
    lon = ["" if point is None else f"{point.x:.7f}" for point in geocoded.geometry]
    lat = ["" if point is None else f"{point.y:.7f}" for point in geocoded.geometry]
    score = ["" if value != value else f"{value:.4f}" for value in geocoded["geocode_score"]]
    texts = {
        name: geocoded[name].astype(object).where(geocoded[name].notna(), "").tolist()
        for name in RESULT_COLUMNS
        if name in geocoded.columns and name != "geocode_score"
    }
    columns = {"geocode_lon": lon, "geocode_lat": lat, "geocode_score": score} | texts
    names = []
    for name in RESULT_COLUMNS:
        while name in table.header or name in names:
            name += "_2"
        names.append(name)
    with whole_file(out) as part, part.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream, delimiter=table.separator, lineterminator="\n")
        lines.writerow([*table.header, *names])
        for row, *result in zip(table.rows, *(columns[name] for name in RESULT_COLUMNS), strict=True):
            lines.writerow([*row, *result])
