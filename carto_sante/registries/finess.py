"""FINESS: every establishment of care, from any published layout, as one table of facilities.

Layouts, recognised by their first line: raw ``cs1100502`` and ``cs1100507``, yearly ``etalab_stock_et``, the joined
derivative (one row per establishment × equipment), FINESS+ JSON, and copies damaged by Excel. Licence Ouverte,
ministère chargé de la santé and Agence du numérique en santé.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.crs import GEOGRAPHIC_CRS
from carto_sante.errors import FileFormatError, NoResultError
from carto_sante.files import require_file
from carto_sante.ledger import Ledger, Reading
from carto_sante.registries import _finess_layouts as layouts
from carto_sante.registries._accounts import Accounts, name_sources
from carto_sante.registries._coordinates import territory_of, to_degrees
from carto_sante.registries._delimited import split_line, split_lines
from carto_sante.registries._finess_layouts import Codes, Facility
from carto_sante.registries._frames import text_dtype
from carto_sante.registries._study_area import (
    OUTSIDE,
    departements_of,
    postcode_prefixes,
    require_communes,
    require_departements,
)
from carto_sante.registries.encoding import decode, plain
from carto_sante.registries.finess_plus import read_structures

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_OUTPUT = (
    "facility_id", "finess_et_id", "finess_ej_id", "category_code", "category_label", "facility_label", "siret",
    "address", "address_complement", "postcode", "commune_code", "commune_label", "opening_date", "is_repaired",
    "source", "source_row",
)  # fmt: skip

# The joined derivative: our name of each column that counts.
_JOINED = {
    "nofinesset": "numero finess etablissement",
    "nofinessej": "nofinessej_1",
    "rs": "raison_sociale",
    "rslongue": "rslongue",
    "commune": "code commune",
    "departement": "departement",
    "categetab": "categetab",
    "libcategetab": "categorie",
    "latitude": "latitude",
    "longitude": "longitude",
}
_STOCK_REQUIRED = ("nofinesset", "nofinessej", "rs", "categetab", "departement")


def read_finess(
    path: Path | str,
    *,
    further_paths: Iterable[Path | str] = (),
    departements: Iterable[str] | None = None,
    communes: Iterable[str] | None = None,
) -> Reading:
    r"""Read FINESS, whatever the layout.

    Parameters
    ----------
    path : path
        The file; ``.gz`` and one-file ``.zip`` are read as they are.
    further_paths : iterable of path, optional
        Companions: the file of ``geolocalisation`` records (cs1100507), or further parts.
    departements, communes : iterable of str, optional
        Keep only the establishments there.

    Returns
    -------
    Reading
        ``table``: GeoDataFrame in EPSG:4326, one row per establishment, `schemas.FACILITIES` with
        ``address_complement``, ``is_repaired`` (a code got back its lost zeros) and ``source_row``; the point is
        empty where the position is unknown or false. ``facility_id`` is the FINESS number. ``ledger``: positions and
        repeated rows are merged into their establishment, closed ones rejected.

    Raises
    ------
    MissingFileError, InputError
        If a file does not exist or is empty.
    FileFormatError
        If the layout is not known, or too many lines are broken.
    NoResultError
        If no establishment is left.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> line = ("structureet;350000001;350000002;CENTRE;;;;4;R;DU PORT;;;238;35;ILLE ET VILAINE;35000 RENNES;;;124;"
    ...         "Centre de Santé;2200;;;;;;;;2019-01-01;;;")
    >>> point = "geolocalisation;350000001;351797.5;6789353.4;1,ATLASANTE,96,BAN,EPSG:2154;2026-05-04"
    >>> file = pathlib.Path(tempfile.mkdtemp(), "finess.csv")
    >>> _ = file.write_text("finess;etalab;1;2026-05-12\n" + line + "\n" + point + "\n", encoding="utf-8")
    >>> table, ledger = read_finess(file)
    >>> table[["facility_id", "commune_code", "address"]].iloc[0].tolist()
    ['350000001', '35238', '4 R DU PORT']
    >>> round(table.geometry.iloc[0].x, 2), ledger.total("merged")
    (-1.68, 1)
    """
    area = require_communes(communes)
    asked = require_departements(departements)
    if area is not None and asked is None:
        asked = departements_of(area)
    collected = _Collected()
    files = [require_file(file, what="FINESS file") for file in (path, *further_paths)]
    for file, source in zip(files, name_sources("finess", files), strict=True):
        _read_file(file, collected, collected.open(source))
    table, accounts = collected.finish(asked, area)
    ledger = sum((account.ledger() for account in accounts), Ledger())
    if len(table) == 0:
        reasons = "; ".join(f"{n} {reason}" for (_, kind, reason), n in ledger.counts.items() if kind == "rejected")
        raise NoResultError(
            f"No establishment of {path} is left ({reasons or 'no row'}).",
            expected="at least one",
            next_step="Check the départements and communes asked.",
        )
    ledger.check()
    return Reading(table, ledger)


class _Collected:
    """Establishments and positions of one or more files, before they are put together."""

    def __init__(self) -> None:
        self.facilities: list[tuple[Facility, Accounts]] = []
        self.positions: list[tuple[str | None, float, float, str, Accounts]] = []
        self.accounts: list[Accounts] = []

    def open(self, source: str) -> Accounts:
        account = Accounts(source)
        self.accounts.append(account)
        return account

    def finish(
        self, departements: tuple[str, ...] | None, communes: frozenset[str] | None
    ) -> tuple[GeoDataFrame, list[Accounts]]:
        """Join positions, merge repeated establishments, keep those of the study."""
        kept: dict[str, tuple[Facility, Accounts]] = {}
        for facility, account in self.facilities:
            if facility.finess_et_id in kept:
                account.merged[layouts.SAME_ESTABLISHMENT] += 1
            else:
                kept[facility.finess_et_id] = (facility, account)
        for number, x, y, source, account in self.positions:
            if number is None or number not in kept:
                account.rejected[layouts.POSITION_ALONE] += 1
                continue
            account.merged[layouts.POSITION_JOINED] += 1
            facility = kept[number][0]
            facility.positions.insert(0, (x, y))
            facility.position_source = source
        inside = []
        for facility, account in kept.values():
            if _is_inside(facility, departements, communes):
                inside.append((facility, account))
                account.kept += 1
            else:
                account.rejected[OUTSIDE] += 1
        for account in self.accounts:
            layouts.set_labels([facility for facility, its in inside if its is account], account)
        return _to_table(inside, self.accounts), self.accounts


def _is_inside(facility: Facility, departements: tuple[str, ...] | None, communes: frozenset[str] | None) -> bool:
    if communes is not None:
        return facility.commune_code in communes
    if departements is None:
        return True
    if facility.commune_code is not None:
        return facility.commune_code.startswith(departements)
    prefixes = tuple(prefix for code in departements for prefix in postcode_prefixes(code))
    return facility.postcode is not None and facility.postcode.startswith(prefixes)


def _to_table(facilities: list[tuple[Facility, Accounts]], accounts: list[Accounts]) -> GeoDataFrame:
    import geopandas as gpd
    import numpy as np
    import pandas as pd
    import shapely

    records = [item for item, _ in facilities]
    depth = max((len(item.positions) for item in records), default=0)
    lon, lat = np.full(len(records), np.nan), np.full(len(records), np.nan)
    for account in accounts:
        rows = np.array([number for number, (_, its) in enumerate(facilities) if its is account], dtype=int)
        if not len(rows) or not depth:
            continue
        mine = [records[number] for number in rows]
        blank = (float("nan"), float("nan"))
        padded = [item.positions + [blank] * (depth - len(item.positions)) for item in mine]
        pairs = [(np.array([p[k][0] for p in padded]), np.array([p[k][1] for p in padded])) for k in range(depth)]
        lon[rows], lat[rows], notes = to_degrees(
            pairs,
            territories=[territory_of(item.commune_code) for item in mine],
            sources=[item.position_source for item in mine],
        )
        account.notes.update(notes)
    columns: dict[str, Any] = {name: [getattr(item, name, None) for item in records] for name in _OUTPUT}
    columns["facility_id"] = columns["finess_et_id"]
    columns["source"] = [account.source for _, account in facilities]
    frame = pd.DataFrame(columns, columns=list(_OUTPUT))
    frame["opening_date"] = pd.to_datetime(frame["opening_date"], errors="coerce").astype("datetime64[s]")
    text = [name for name in _OUTPUT if name not in {"opening_date", "is_repaired", "source_row"}]
    frame[text] = frame[text].astype(text_dtype())
    points = np.full(len(records), None, dtype=object)
    known = np.isfinite(lon)
    points[known] = shapely.points(lon[known], lat[known])
    return gpd.GeoDataFrame(frame, geometry=points, crs=GEOGRAPHIC_CRS)


def _read_file(path: Path, collected: _Collected, account: Accounts) -> None:
    decoded = decode(_unpacked(path), name=str(path))
    account.notes.update(decoded.notes)
    text = decoded.text
    if text.lstrip()[:1] in {"{", "["}:
        facilities = read_structures(text, path=path, accounts=account)
        collected.facilities += [(facility, account) for facility in facilities]
        return
    first = text.partition("\n")[0].rstrip("\r")
    names = [plain(name) for name in first.replace('"', "").split(";")]
    if names[0] in {"finess", "structureet", "geolocalisation"}:
        _read_raw(text, collected, account, has_title=names[0] == "finess")
    elif "nofinesset" in names:
        _read_stock(text, names, path, collected, account)
    elif "numero finess etablissement" in plain(first):
        _read_joined(text, first, path, collected, account)
    else:
        raise FileFormatError(
            f"{path} starts with {first[:120]!r}.",
            expected="a FINESS layout: raw (finess;etalab;...), yearly stock (nofinesset;...), joined derivative "
            "(numero finess etablissement), or FINESS+ JSON",
            next_step="Give the file as published; a page of errors may have been saved instead.",
        )
    account.refuse_broken(path)


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    try:
        if data.startswith(b"\x1f\x8b"):
            return gzip.decompress(data)
        if data.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = archive.namelist()
                if len(names) != 1:
                    raise FileFormatError(
                        f"{path} holds {len(names)} files: {', '.join(names[:10])}.",
                        expected="one file",
                        next_step="Unpack it and give the file of the establishments.",
                    )
                return archive.read(names[0])
    except (OSError, EOFError, zipfile.BadZipFile, ValueError, RuntimeError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            f"{path} cannot be unpacked: {error}.", expected="a whole archive", next_step="Download it again."
        ) from error
    return data


def _read_raw(text: str, collected: _Collected, account: Accounts, *, has_title: bool) -> None:
    codes = Codes(account)
    width = len(layouts.RAW_FIELDS)
    for row in split_lines(text, account, separator=";", fields=(6, 12, width), skip=int(has_title)):
        kind = row.values[0]
        if kind == "structureet" and len(row.values) == width:
            values = dict(zip(layouts.RAW_FIELDS, row.values, strict=True))
            facility = layouts.from_named(values, row.number, codes, account.reject_row)
            if facility is not None:
                collected.facilities.append((facility, account))
        elif kind == "geolocalisation":
            fields = row.values
            while len(fields) > 6 and not fields[-1]:
                fields = fields[:-1]  # Excel pads every line to the widest
            x, y, source = layouts.position_of(fields[2:])
            collected.positions.append((codes.finess(fields[1]), x, y, source, account))
        else:
            account.reject_row(row.number, f"record {kind[:20]!r} of {len(row.values)} fields, not a FINESS record")


def _read_stock(text: str, names: list[str], path: Path, collected: _Collected, account: Accounts) -> None:
    missing = [name for name in _STOCK_REQUIRED if name not in names]
    if missing:
        raise FileFormatError(
            f"{path} lacks {', '.join(missing)} (found: {', '.join(names)}).",
            expected="the header of the yearly FINESS stock",
        )
    codes = Codes(account)
    for row in split_lines(text, account, separator=";", fields=(len(names),), skip=1):
        values = dict(zip(names, row.values, strict=True))
        facility = layouts.from_named(values, row.number, codes, account.reject_row)
        if facility is not None:
            collected.facilities.append((facility, account))


def _read_joined(text: str, first: str, path: Path, collected: _Collected, account: Accounts) -> None:
    separator = ";" if first.count(";") > first.count(",") else ","
    header, _ = split_line(first, separator=separator, fields=tuple(range(200)))
    names = [plain(name) for name in header or []]
    missing = [name for name in _JOINED.values() if name not in names]
    if missing:
        raise FileFormatError(
            f"{path} lacks {', '.join(missing)} (found: {', '.join(names)}).",
            expected="the header of the joined FINESS derivative",
        )
    places = {ours: names.index(theirs) for ours, theirs in _JOINED.items()}
    codes = Codes(account)
    for row in split_lines(text, account, separator=separator, fields=(len(names),), skip=1):
        values = {ours: row.values[place] for ours, place in places.items()}
        facility = layouts.from_named(values, row.number, codes, account.reject_row)
        if facility is not None:
            facility.positions.append((layouts.number_of(values["longitude"]), layouts.number_of(values["latitude"])))
            collected.facilities.append((facility, account))
