"""INSEE's base permanente des équipements (BPE): equipment with its point; some of it is practitioners.

Layouts, recognised by themselves: the national CSV (``TYPEQU``, ``DEPCOM``, ``LAMBERT_X``...), a GeoJSON cut of it,
and an R ``write.table`` extract (``x``, ``y``, ``equ``, one column less in the header than in the rows). The BPE has
no names: one row of a profession is one practitioner at that point. Licence Ouverte, INSEE.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.crs import GEOGRAPHIC_CRS, METROPOLITAN_CRS
from carto_sante.errors import FileFormatError, InputError, NoResultError
from carto_sante.files import require_file
from carto_sante.ledger import Ledger, Reading
from carto_sante.registries._accounts import Accounts
from carto_sante.registries._coordinates import territory_of, to_degrees
from carto_sante.registries._delimited import split_line, split_lines
from carto_sante.registries._finess_layouts import number_of
from carto_sante.registries._frames import text_dtype
from carto_sante.registries._lines import read_header, sift
from carto_sante.registries._study_area import (
    OUTSIDE,
    departements_of,
    require_communes,
    require_departements,
    select_by_departement,
)
from carto_sante.registries.encoding import decode, plain
from carto_sante.registries.professions import codes_of, require_professions
from carto_sante.study import DEFAULT_PROFESSIONS

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

#: From this size a file is sifted as bytes when a study area is asked.
BIG_BYTES = 20_000_000

NOT_A_PROFESSION = "equipment that is not a profession"
PROFESSION_NOT_ASKED = "profession not asked"
NO_CATEGORY = "no type of equipment"
NO_POSITION = "no position: cannot be placed"

# Our name of each field, and the names it had (lower case). x and y are metres, longitude and latitude degrees.
_FIELDS = {
    "category_code": ("typequ",),
    "category_label": ("equ", "libtypequ", "libelle_typequ"),
    "commune_code": ("depcom",),
    "facility_label": ("nomrs",),
    "siret": ("siret",),
    "number": ("numvoie",),
    "repetition": ("indrep",),
    "kind": ("typvoie",),
    "street": ("libvoie",),
    "postcode": ("codpos",),
    "commune_label": ("libcom",),
    "position_quality": ("qualite_xy",),
    "data_year": ("an",),
    "x": ("lambert_x",),
    "y": ("lambert_y",),
    "longitude": ("longitude",),
    "latitude": ("latitude",),
    "count": ("nb_equip",),
}
_TEXT = (
    "facility_id", "category_code", "category_label", "profession", "facility_label", "siret", "address", "postcode",
    "commune_code", "commune_label", "position_quality", "source",
)  # fmt: skip
OUTPUT = (*_TEXT, "source_row")


@cache
def category_labels() -> dict[str, str]:
    """Return the labels of the health equipment of the BPE, by code.

    Examples
    --------
    >>> category_labels()["D307"]
    'Pharmacie'
    """
    text = resources.files("carto_sante").joinpath("registries/data/bpe_categories.csv").read_text(encoding="utf-8")
    return {row["category_code"]: row["category_label"] for row in csv.DictReader(text.splitlines())}


def read_bpe(
    path: Path | str, *, departements: Iterable[str] | None = None, communes: Iterable[str] | None = None
) -> Reading:
    r"""Read a BPE file, whatever the layout.

    Parameters
    ----------
    path : path
        National CSV, GeoJSON, or an R extract.
    departements, communes : iterable of str, optional
        Keep only the equipment there; needs commune codes.

    Returns
    -------
    Reading
        ``table``: GeoDataFrame of equipment, Lambert-93 (EPSG:2154) where everything is in metropolitan France,
        EPSG:4326 otherwise. Text columns `OUTPUT` and ``source_row``. ``profession`` is a key of the catalogue, NA
        where the equipment is not a profession; ``facility_id`` is made from the type and the position, so it does
        not depend on the order of the rows; the point is empty where it is unknown.

    Raises
    ------
    MissingFileError, InputError
        If the file does not exist or is empty, or the study area is asked of rows without a commune.
    FileFormatError
        If the layout is not known.
    NoResultError
        If no row is left.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "bpe.csv")
    >>> _ = file.write_text('"x";"y";"equ"\n"7";351797.5;6789353.4;"Pharmacies"\n', encoding="utf-8")
    >>> table, ledger = read_bpe(file)
    >>> table["category_label"].item(), table.crs.to_epsg(), ledger.total("kept")
    ('Pharmacies', 2154, 1)
    """
    area = require_communes(communes)
    asked = require_departements(departements)
    if area is not None and asked is None:
        asked = departements_of(area)
    source = require_file(path, what="BPE file")
    accounts = Accounts(f"bpe:{source.name}")
    if source.stat().st_size > BIG_BYTES and asked is not None:
        rows = _read_national(source, asked, accounts)
    else:
        decoded = decode(source.read_bytes(), name=str(source))
        accounts.notes.update(decoded.notes)
        is_json = decoded.text.lstrip().startswith("{")
        rows = (_read_geojson if is_json else _read_csv)(decoded.text, source, accounts)
    accounts.refuse_broken(source)
    kept = _keep(rows, asked, area, source, accounts)
    if not kept:
        raise NoResultError(
            f"No equipment of {source} is left out of {accounts.read} rows.",
            expected="at least one",
            next_step="Check the communes asked.",
        )
    accounts.kept = len(kept)
    table = _to_table(kept, accounts)
    ledger = accounts.ledger()
    ledger.check()
    return Reading(table, ledger)


def to_practitioners(reading: Reading, *, professions: Iterable[str] = DEFAULT_PROFESSIONS) -> Reading:
    """Return the practitioners of a BPE reading: one per row of a profession, with its point.

    Parameters
    ----------
    reading : Reading
        From `read_bpe`.
    professions : iterable of str
        Keys of the catalogue; "doctor_unspecified" for extracts that only say "Médecins".

    Returns
    -------
    Reading
        ``table``: GeoDataFrame, `schemas.PRACTITIONERS`; equipment at one point shares its ``site_id``. ``ledger``:
        other equipment is rejected with its reason.

    Raises
    ------
    UnknownNameError
        If a profession is not known.
    """
    import numpy as np

    asked = require_professions(professions)
    rows = reading.table
    is_placed = ~(rows.geometry.is_empty | rows.geometry.isna()).to_numpy()
    is_asked = rows["profession"].isin(asked).to_numpy(dtype=bool)
    has_one = rows["profession"].notna().to_numpy(dtype=bool)
    reasons = np.where(~has_one, NOT_A_PROFESSION, np.where(~is_asked, PROFESSION_NOT_ASKED, NO_POSITION))
    is_kept = is_asked & is_placed
    counts = {key: number for key, number in reading.ledger.counts.items() if key[1] != "kept"}
    for source, kept, reason in zip(rows["source"], is_kept, reasons, strict=True):
        key = (source, "kept", "") if kept else (source, "rejected", str(reason))
        counts[key] = counts.get(key, 0) + 1
    ledger = Ledger(reading.ledger.rows_read, counts, reading.ledger.listed, reading.ledger.notes)
    ledger.check()
    return Reading(_practitioners(rows[is_kept]), ledger)


def to_facilities(reading: Reading) -> GeoDataFrame:
    """Return the equipment of a BPE reading that is not a profession (pharmacies...), as `schemas.FACILITIES`."""
    rows = reading.table
    facilities: GeoDataFrame = rows[rows["profession"].isna()].drop(columns=["profession"]).reset_index(drop=True)
    return facilities


def _practitioners(rows: GeoDataFrame) -> GeoDataFrame:
    import geopandas as gpd
    import pandas as pd

    dtype = text_dtype()
    precision = 0 if rows.crs is not None and rows.crs.is_projected else 5
    points = zip(rows.geometry.x, rows.geometry.y, strict=True)
    places = [f"bpe:{x:.{precision}f}:{y:.{precision}f}" for x, y in points]
    frame = pd.DataFrame(
        {
            "practitioner_id": pd.array(["bpe:" + value for value in rows["facility_id"]], dtype=dtype),
            "site_id": pd.array(places, dtype=dtype),
            "profession": rows["profession"].array,
            "capacity": 1.0,
            "practice_mode": pd.array(["liberal"] * len(rows), dtype=dtype),
            "siret": rows["siret"].array,
            "site_label": rows["facility_label"].array,
            "address": rows["address"].array,
            "postcode": rows["postcode"].array,
            "commune_code": rows["commune_code"].array,
            "commune_label": rows["commune_label"].array,
            "source": rows["source"].array,
            "source_row": rows["source_row"].array,
        }
    )
    absent = ("rpps_id", "practitioner_label", "sector_code", "sector_label", "convention_sector", "finess_et_id")
    for name in absent:
        frame[name] = pd.array([None] * len(rows), dtype=dtype)
    from carto_sante.schemas import PRACTITIONERS

    order = ["practitioner_id", "profession", "site_id"]
    table = gpd.GeoDataFrame(frame[list(PRACTITIONERS.columns)], geometry=rows.geometry.array, crs=rows.crs)
    return table.sort_values(order).reset_index(drop=True)


def _read_csv(text: str, path: Path, accounts: Accounts) -> list[dict[str, Any]]:
    first = text.partition("\n")[0].rstrip("\r")
    separator = max(";,\t", key=first.count)
    header, _ = split_line(first, separator=separator, fields=tuple(range(1, 200)))
    names = [plain(name) for name in header or []]
    is_extract = {"x", "y", "equ"} <= set(names)
    if is_extract:
        places = {"x": names.index("x"), "y": names.index("y"), "category_label": names.index("equ")}
        # R's write.table leaves the names of the rows out of the header.
        fields: tuple[int, ...] = (len(names), len(names) + 1)
    else:
        places = _places(names, path)
        fields = (len(names),)
    rows = []
    for row in split_lines(text, accounts, separator=separator, fields=fields, skip=1):
        shift = len(row.values) - len(names)
        values: dict[str, Any] = {ours: row.values[place + shift] for ours, place in places.items()}
        rows.append(values | {"source_row": row.number})
    return rows


def _read_national(path: Path, departements: tuple[str, ...], accounts: Accounts) -> list[dict[str, Any]]:
    """Read the rows of some départements of the national CSV, without holding the millions of others."""
    first, size, notes = read_header(path, separator="\n")
    accounts.notes.update(notes)
    separator = max(";,\t", key=first[0].count)
    names = [plain(name) for name in first[0].replace('"', "").split(separator)]
    places = _places(names, path)
    commune = places.get("commune_code")
    select = None
    if commune is not None:
        select = select_by_departement(departements, commune_field=commune, postcode_field=commune)
    rows = []
    for sifted in sift(
        path,
        separator=separator,
        separators_count=len(names) - 1,
        skip_bytes=size,
        select=select,
        outside_reason=OUTSIDE,
    ):
        accounts.add(sifted)
        for number, line in zip(sifted.rows.tolist(), sifted.data.decode("utf-8").split("\n"), strict=False):
            values = [value.strip().strip('"') for value in line.split(separator)]
            rows.append({ours: values[place] for ours, place in places.items()} | {"source_row": number})
    return rows


def _places(names: list[str], path: Path) -> dict[str, int]:
    places = {ours: names.index(theirs) for ours, known in _FIELDS.items() for theirs in known if theirs in names}
    has_position = {"x", "y"} <= set(places) or {"longitude", "latitude"} <= set(places)
    if "category_code" not in places or not has_position:
        raise FileFormatError(
            f"{path} has the columns {', '.join(names)[:300]}.",
            expected="TYPEQU with LAMBERT_X and LAMBERT_Y (or LONGITUDE and LATITUDE), as in the national CSV of the "
            "BPE; or x, y and equ, as in an R extract",
            next_step="Take the geolocated file (bpeNN_ensemble_xy), not the counts by commune.",
        )
    return places


def _read_geojson(text: str, path: Path, accounts: Accounts) -> list[dict[str, Any]]:
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FileFormatError(
            f"{path} is cut or is not valid JSON ({error}).", expected="a whole GeoJSON", next_step="Download it again."
        ) from error
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list):
        raise FileFormatError(f"{path} is JSON without 'features'.", expected="a GeoJSON FeatureCollection")
    rows = []
    for number, feature in enumerate(features, start=1):
        accounts.read += 1
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            accounts.reject_row(number, "feature without properties")
            continue
        lower = {plain(str(name)): value for name, value in properties.items()}
        values: dict[str, Any] = {
            ours: "" if lower[name] is None else str(lower[name])
            for ours, known in _FIELDS.items()
            for name in known
            if name in lower
        }
        values.setdefault("longitude", str(lower.get("x", "")))
        values.setdefault("latitude", str(lower.get("y", "")))
        geometry = feature.get("geometry")
        point = geometry.get("coordinates") if isinstance(geometry, dict) else None
        if "x" not in values and isinstance(point, list) and len(point) >= 2:
            values["x"], values["y"] = str(point[0]), str(point[1])
        rows.append(values | {"source_row": number})
    if rows and not any(row.get("category_code") for row in rows):
        raise FileFormatError(
            f"{path} has no property TYPEQU (found: {', '.join(map(str, features[0]['properties']))}).",
            expected="the properties of the BPE",
        )
    return rows


def _keep(
    rows: list[dict[str, Any]],
    departements: tuple[str, ...] | None,
    communes: frozenset[str] | None,
    path: Path,
    accounts: Accounts,
) -> list[dict[str, Any]]:
    """Reject rows without a type or outside the study; refuse counts by commune."""
    if any(number_of(str(row.get("count", ""))) > 1 for row in rows[:10_000]):
        raise FileFormatError(
            f"{path} counts equipment (NB_EQUIP) instead of listing it.",
            expected="one row per equipment",
            next_step="Take the geolocated file (bpeNN_ensemble_xy).",
        )
    if departements is not None and not any(row.get("commune_code") for row in rows):
        raise InputError(
            f"{path} has no commune code, so a study area cannot be taken from it.",
            expected="DEPCOM in each row",
            next_step="Read it whole and keep the points inside the study.",
        )
    kept = []
    for row in rows:
        row["commune_code"] = _commune(row.get("commune_code", ""), accounts)
        code = row["commune_code"]
        is_inside = (communes is None or code in communes) and (
            departements is None or (code is not None and code.startswith(departements))
        )
        if not row.get("category_code") and not row.get("category_label"):
            accounts.reject_row(row["source_row"], NO_CATEGORY)
        elif not is_inside:
            accounts.rejected[OUTSIDE] += 1
        else:
            kept.append(row)
    return kept


def _commune(value: str, accounts: Accounts) -> str | None:
    if len(value) == 4 and value.isascii() and value.isdigit():
        accounts.note("commune_code got back its leading zero", 1)
        value = value.zfill(5)
    is_code = re.fullmatch(r"(?:[0-9]{2}|2A|2B)[0-9]{3}", value) is not None
    if value and not is_code:
        accounts.note("commune_code not well formed, left out", 1)
    return value if is_code else None


def _to_table(rows: list[dict[str, Any]], accounts: Accounts) -> GeoDataFrame:
    import geopandas as gpd
    import numpy as np
    import pandas as pd
    import shapely

    def numbers(name: str) -> Any:
        return np.array([number_of(str(row.get(name, ""))) for row in rows], dtype=float)

    lon, lat, notes = to_degrees(
        [(numbers("x"), numbers("y")), (numbers("longitude"), numbers("latitude"))],
        territories=[territory_of(row["commune_code"]) for row in rows],
    )
    notes.pop("coordinates in metres and in degrees exchanged, set right", None)
    accounts.notes.update(notes)
    is_known = np.isfinite(lon)
    points = np.full(len(rows), None, dtype=object)
    points[is_known] = shapely.points(lon[is_known], lat[is_known])
    by_code, by_label = codes_of("bpe_codes"), {plain(k): v for k, v in codes_of("bpe_labels").items()}
    labels = category_labels()
    columns: dict[str, list[Any]] = {name: [] for name in OUTPUT}
    for row in rows:
        code, label = row.get("category_code") or None, row.get("category_label") or None
        label = label or labels.get(code or "")
        address = " ".join(p for p in (row.get(k, "") for k in ("number", "repetition", "kind", "street")) if p)
        columns["category_code"].append(code)
        columns["category_label"].append(label)
        columns["profession"].append(by_code.get(code or "") or by_label.get(plain(label or "")))
        columns["address"].append(address or None)
        columns["source"].append(accounts.source)
        columns["source_row"].append(row["source_row"])
        for name in ("facility_label", "siret", "postcode", "commune_code", "commune_label", "position_quality"):
            columns[name].append(row.get(name) or None)
    columns["facility_id"] = _ids(columns, lon, lat)
    dtype = text_dtype()
    frame = pd.DataFrame({name: pd.array(columns[name], dtype=dtype) for name in _TEXT})
    frame["source_row"] = columns["source_row"]
    table = gpd.GeoDataFrame(frame, geometry=points, crs=GEOGRAPHIC_CRS)
    is_metropolitan = all(territory_of(row["commune_code"]) == "metropolitan" for row in rows)
    return table.to_crs(METROPOLITAN_CRS) if is_metropolitan else table


def _ids(columns: dict[str, list[Any]], lon: Any, lat: Any) -> list[str]:
    """Return an identifier per row from its type and position; the second at one point gets :2."""
    seen: dict[str, int] = {}
    ids = []
    for code, label, x, y in zip(columns["category_code"], columns["category_label"], lon, lat, strict=True):
        key = f"{code or plain(label or '')}:{x:.6f}:{y:.6f}"
        seen[key] = seen.get(key, 0) + 1
        ids.append(key if seen[key] == 1 else f"{key}:{seen[key]}")
    return ids
