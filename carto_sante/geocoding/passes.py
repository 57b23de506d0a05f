"""`geocode`: addresses to points, in passes, each result saying how it was found and how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.crs import GEOGRAPHIC_CRS, require_crs
from carto_sante.errors import InputError, SchemaError, join_problems, suggest
from carto_sante.geocoding.cache import read_cache, write_cache
from carto_sante.geocoding.corrections import Correction, read_corrections
from carto_sante.geocoding.keys import address_key
from carto_sante.geocoding.local import Answer, Request, refused
from carto_sante.geocoding.references import Reference, open_reference

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_TEXT_COLUMNS = ("address", "postcode", "commune_code", "commune_label")


def geocode(
    addresses: pd.DataFrame,
    reference: Reference,
    *,
    near: Any = None,
    facilities: gpd.GeoDataFrame | None = None,
    corrections: Path | str | dict[str, Correction] | None = None,
    cache: Path | str | None = None,
    min_score: float = 0.0,
    crs: str = GEOGRAPHIC_CRS,
) -> gpd.GeoDataFrame:
    """Place addresses.

    Passes, the first that succeeds wins: curated correction, FINESS site, then on the reference exact number,
    interpolation between neighbours of the same side, street, locality, municipality. An address whose place
    contradicts its own postcode or commune is refused with the reason, never placed with a low score.

    Parameters
    ----------
    addresses : DataFrame
        Columns ``address`` (free text, or number and street), ``postcode``, ``commune_code``, ``commune_label``, as
        text; any may be absent or NA, not all. ``finess_et_id`` is used with ``facilities``.
    reference : AddressIndex, path, paths, or a service
        See `open_reference`. A CSV of the BAN is indexed on the fly.
    near : (lon, lat), array of shape (n, 2), DataFrame with lon and lat, or GeoSeries, optional
        Hint in degrees (a GeoSeries in any CRS): where to look when nothing says the commune.
    facilities : GeoDataFrame, optional
        Columns ``finess_et_id`` and geometry, and perhaps ``commune_code`` and ``facility_label``.
    corrections : path or result of `read_corrections`, optional
        Curated points; they win over everything.
    cache : path, optional
        CSV of what was located by earlier runs; read, completed and written back.
    min_score : float, default 0.0
        Points scored below are refused, with the reason.
    crs : str, default "EPSG:4326"
        CRS of the result.

    Returns
    -------
    GeoDataFrame
        Same index as ``addresses``: ``geocode_pass`` (correction, site, housenumber, interpolated, street, locality,
        municipality, none), ``geocode_score`` (0 to 1, NA where not located), ``geocode_precision``,
        ``geocode_label``, ``geocode_id``, ``geocode_reason`` (why not located, or what to know of the point),
        ``geocode_commune_code`` and geometry (None where not located).

    Raises
    ------
    SchemaError
        If no column of address is there, or codes were read as numbers.
    InputError, MissingFileError, FileFormatError
        If the hint, the corrections, the cache or the reference cannot be used.
    SourceError
        If a service fails for good.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"address": ["12 r de la République"], "commune_code": ["93010"]})
    >>> placed = geocode(table, "ban_93010.csv")  # doctest: +SKIP
    """
    import pandas as pd

    if not isinstance(addresses, pd.DataFrame):
        raise InputError(f"Addresses are a {type(addresses).__name__}.", expected="a DataFrame")
    requests = _requests(addresses, _hints(near, addresses))
    answers: list[Answer | None] = [None] * len(requests)
    curated = read_corrections(corrections) if isinstance(corrections, str | Path) else dict(corrections or {})
    needs_keys = bool(curated) or cache is not None
    keys = [_key(request) for request in requests] if needs_keys else []
    if curated:
        _take_corrections(answers, keys, curated)
    if facilities is not None:
        _take_facilities(answers, addresses, facilities)
    known = read_cache(cache) if cache is not None else {}
    if known:
        for row, key in enumerate(keys):
            answers[row] = answers[row] or known.get(key)
    _take_reference(answers, requests, reference)
    if cache is not None:
        _remember(cache, known, keys, answers)
    return _table(addresses, answers, min_score=min_score, crs=crs)


def _requests(addresses: pd.DataFrame, hints: Sequence[tuple[float, float] | None]) -> list[Request]:
    from pandas.api import types

    present = [name for name in _TEXT_COLUMNS if name in addresses.columns]
    problems = []
    if not present:
        found = [str(name) for name in addresses.columns]
        problems.append(f"no column of {', '.join(_TEXT_COLUMNS)}. {suggest('address', found)}")
    problems += [
        f"column {name} holds numbers where text is needed (codes lose their zeros)"
        for name in present
        if types.is_numeric_dtype(addresses[name]) and not addresses[name].isna().all()
    ]
    if problems:
        raise SchemaError("The addresses cannot be geocoded:\n" + join_problems(problems))
    columns = []
    for name in _TEXT_COLUMNS:
        if name in present:
            values = addresses[name].astype(object).where(addresses[name].notna(), "")
            texts = [str(value).strip() for value in values]
            if name in {"postcode", "commune_code"}:  # "1004": a spreadsheet took the zero
                texts = [f"0{text}" if len(text) == 4 and text.isdigit() else text for text in texts]
            columns.append(texts)
        else:
            columns.append([""] * len(addresses))
    return [Request(*row) for row in zip(*columns, hints, strict=True)]


def _hints(near: Any, addresses: pd.DataFrame) -> Sequence[tuple[float, float] | None]:
    """Return one longitude and latitude per row, or None."""
    count = len(addresses)
    if near is None:
        return [None] * count
    if hasattr(near, "to_crs"):  # a GeoSeries or a GeoDataFrame
        require_crs(near, name="near", metric=False)
        geometry = getattr(near, "geometry", near).to_crs(GEOGRAPHIC_CRS)
        points = np.column_stack([geometry.x.to_numpy(), geometry.y.to_numpy()])
    elif hasattr(near, "columns"):
        if not {"lon", "lat"} <= set(near.columns):
            raise InputError(f"near has columns {', '.join(map(str, near.columns))}.", expected="lon and lat")
        points = near[["lon", "lat"]].to_numpy(dtype=float)
    else:
        points = np.asarray(near, dtype=float)
        if points.shape == (2,):
            points = np.tile(points, (count, 1))
    if points.shape != (count, 2):
        raise InputError(f"near has shape {points.shape}.", expected=f"one point, or {count} (one per address)")
    is_known = np.isfinite(points).all(axis=1)
    if (np.abs(points[is_known]) > [180.0, 90.0]).any():
        raise InputError(
            "near is not in degrees: a longitude is beyond 180 or a latitude beyond 90.",
            expected="longitude then latitude (WGS84), or a GeoSeries with its CRS",
        )
    return [(float(x), float(y)) if ok else None for (x, y), ok in zip(points, is_known, strict=True)]


def _key(request: Request) -> str:
    return address_key(
        request.address, postcode=request.postcode, commune_code=request.commune_code,
        commune_label=request.commune_label,
    )  # fmt: skip


def _take_corrections(answers: list[Answer | None], keys: list[str], curated: dict[str, Correction]) -> None:
    for row, key in enumerate(keys):
        found = curated.get(key)
        if found is not None:
            answers[row] = Answer(
                found.lon, found.lat, "correction", 1.0, "housenumber", found.address, key, found.commune_code,
                found.reason,
            )  # fmt: skip


def _take_facilities(answers: list[Answer | None], addresses: pd.DataFrame, facilities: gpd.GeoDataFrame) -> None:
    """Give the point of its FINESS site to whoever works in one."""
    missing = [name for name in ("finess_et_id",) if name not in facilities.columns]
    if missing or not hasattr(facilities, "total_bounds"):
        raise SchemaError("Facilities need a column finess_et_id and a geometry.")
    if "finess_et_id" not in addresses.columns or facilities.empty:
        return
    require_crs(facilities, name="facilities", metric=False)
    has_point = facilities.geometry.notna() & ~facilities.geometry.is_empty
    usable = facilities[facilities["finess_et_id"].notna() & has_point]
    usable = usable.drop_duplicates("finess_et_id").to_crs(GEOGRAPHIC_CRS)
    points = usable.geometry.representative_point()
    blank = [""] * len(usable)
    labels = usable["facility_label"].fillna("").tolist() if "facility_label" in usable else blank
    communes = usable["commune_code"].fillna("").tolist() if "commune_code" in usable else blank
    sites = {
        str(site): (float(x), float(y), str(label), str(commune))
        for site, x, y, label, commune in zip(
            usable["finess_et_id"], points.x, points.y, labels, communes, strict=True
        )
    }  # fmt: skip
    codes = addresses["commune_code"].astype(object) if "commune_code" in addresses else [None] * len(addresses)
    for row, (site, code) in enumerate(zip(addresses["finess_et_id"].astype(object), codes, strict=True)):
        found = sites.get(site) if isinstance(site, str) else None
        if answers[row] is not None or found is None:
            continue
        lon, lat, label, commune = found
        # The identifier of another commune's site (a legal seat, a typing error) places nobody.
        if isinstance(code, str) and code and commune and code[:2] != commune[:2]:
            continue
        answers[row] = Answer(lon, lat, "site", 1.0, "site", label, str(site), commune or str(code or ""), "")


def _take_reference(answers: list[Answer | None], requests: list[Request], reference: Reference) -> None:
    """Search the reference for what is left, each distinct address once."""
    left: dict[Request, list[int]] = {}
    for row, request in enumerate(requests):
        if answers[row] is None:
            if any(request[:4]):
                left.setdefault(request, []).append(row)
            else:
                answers[row] = refused("empty address")
    geocoder = open_reference(reference)
    if left:
        for request, answer in zip(left, geocoder.locate(list(left)), strict=True):
            for row in left[request]:
                answers[row] = answer


def _remember(cache: Path | str, known: dict[str, Answer], keys: list[str], answers: list[Answer | None]) -> None:
    fresh = {
        key: answer
        for key, answer in zip(keys, answers, strict=True)
        if answer is not None and answer.step not in {"none", "correction", "site", "municipality"} and key not in known
    }
    if fresh or not Path(cache).exists():
        write_cache(cache, known | fresh)


def _table(
    addresses: pd.DataFrame, answers: list[Answer | None], *, min_score: float, crs: str
) -> gpd.GeoDataFrame:  # fmt: skip
    import geopandas as gpd
    import pandas as pd
    import shapely

    rows = [
        refused(f"score {answer.score:.2f} is below {min_score:.2f}: {answer.label}")
        if answer.score < min_score
        else answer
        for answer in (found or refused("empty address") for found in answers)
    ]
    lon, lat, steps, scores, precisions, labels, identifiers, communes, reasons = (
        zip(*rows, strict=True) if rows else ([],) * 9
    )
    x, y = np.array(lon, dtype=float), np.array(lat, dtype=float)
    geometry = np.full(len(rows), None, dtype=object)
    is_placed = np.isfinite(x) & np.isfinite(y)
    geometry[is_placed] = shapely.points(x[is_placed], y[is_placed])

    def text(values: Sequence[str]) -> pd.Series:
        return pd.Series([value or None for value in values], index=addresses.index, dtype="str")

    table = gpd.GeoDataFrame(
        {
            "geocode_pass": text(steps),
            "geocode_score": pd.Series(scores, index=addresses.index, dtype="float64"),
            "geocode_precision": text(precisions),
            "geocode_label": text(labels),
            "geocode_id": text(identifiers),
            "geocode_reason": text(reasons),
            "geocode_commune_code": text(communes),
        },
        geometry=gpd.GeoSeries(geometry, index=addresses.index, crs=GEOGRAPHIC_CRS),
        crs=GEOGRAPHIC_CRS,
    )
    return table if crs == GEOGRAPHIC_CRS else table.to_crs(crs)
