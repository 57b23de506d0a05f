"""What the page of a city shows, as plain JSON values: levels, choropleths, places, people, streets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.crs import GEOGRAPHIC_CRS, require_crs
from carto_sante.errors import UnknownNameError, suggest
from carto_sante.maps.choropleth import classes_record, classify
from carto_sante.maps.labels import (
    RECOURSE_LABELS,
    format_date,
    indicator_label,
    places_of_care,
    profession_of,
    professions,
    unit_of,
)
from carto_sante.maps.symbols import facility_symbol, symbols_of

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

ALL_PROFESSIONS = "all"
"""Profession of the indicators that concern none in particular (population, deprivation)."""


def header_record(*, title: str, vintage: dt.date | str, credits: Sequence[str]) -> dict[str, Any]:
    """Return the title, the date and the sources."""
    iso = vintage.isoformat() if isinstance(vintage, dt.date) else str(vintage)
    return {
        "title": str(title),
        "vintage": iso,
        "vintage_label": f"Données au {format_date(vintage)}",
        "credits": [str(credit) for credit in credits],
    }


def shown_professions(practitioners: pd.DataFrame, chosen: Sequence[str] | None, *, first: str) -> list[str]:
    """Return the professions of the map, in the order of the catalogue.

    Raises
    ------
    UnknownNameError
        If the profession shown first is neither among them nor in the catalogue.
    """
    present = set(practitioners["profession"].dropna().unique())
    wanted = list(chosen) if chosen is not None else sorted(present)
    order = {key: number for number, key in enumerate(professions())}
    result = sorted(wanted, key=lambda key: (order.get(key, len(order)), key))
    if first not in {*result, *order, *places_of_care()}:
        raise UnknownNameError(f"{first!r} is not a profession of the map.", next_step=suggest(first, result))
    return result


def profession_records(keys: Sequence[str], *, inside: Mapping[str, int], outside: Mapping[str, int]) -> list[Any]:
    """Return each profession with its labels, symbol and headcounts inside and around the territory."""
    symbols = symbols_of(keys)
    return [
        {
            "key": key,
            "label": profession_of(key).label,
            "plural": profession_of(key).plural,
            "recourse": RECOURSE_LABELS[profession_of(key).recourse],
            "path": symbols[key].path,
            "color": symbols[key].color,
            "inside_count": int(inside.get(key, 0)),
            "outside_count": int(outside.get(key, 0)),
        }
        for key in keys
    ]


def further_labels(choropleths: Sequence[Mapping[str, Any]], shown: Sequence[str]) -> dict[str, str]:
    """Return the labels of what has an indicator but no marker (places of care, professions left out)."""
    keys = {record["profession"] for record in choropleths} - set(shown) - {"", ALL_PROFESSIONS}
    return {key: profession_of(key).plural for key in sorted(keys)}


def preferred_hypotheses(indicators: pd.DataFrame, chosen: str | Sequence[str] | None) -> list[str]:
    """Return the hypotheses shown first: those chosen, or the main denominator of each level."""
    if chosen is not None:
        return [chosen] if isinstance(chosen, str) else list(chosen)
    first: dict[str, str] = {}
    for item in indicators.attrs.get("denominators", []):
        first.setdefault(item["level"], item["hypothesis"])
    return list(dict.fromkeys(first.values()))


def choropleth_records(
    indicators: pd.DataFrame,
    *,
    ids_by_level: Mapping[str, Sequence[str]],
    class_count: int,
    scheme: str,
    labels: Mapping[str, str] | None = None,
    preferred: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Return one choropleth per level, indicator, profession, year and hypothesis, classes included."""
    keys = ["territory_level", "indicator", "profession", "data_year", "hypothesis"]
    kept = indicators[indicators["territory_level"].isin(list(ids_by_level))]
    records = []
    groups: Any = kept.groupby(keys, dropna=False, sort=True)
    for (level, indicator, profession, year, hypothesis), rows in groups:
        aligned = rows.drop_duplicates("territory_id").set_index("territory_id").reindex(list(ids_by_level[level]))
        values = _numbers(aligned["indicator_value"])
        status = aligned["status"].astype(object).where(aligned["status"].notna(), "missing").tolist()
        status = ["missing" if s == "ok" and not np.isfinite(v) else s for s, v in zip(status, values, strict=True)]
        classes = classify(values, status=status, class_count=class_count, scheme=scheme)
        is_ok = np.array([state == "ok" for state in status])
        units = rows["unit"].dropna()
        records.append(
            {
                "level": str(level),
                "indicator": str(indicator),
                "label": (labels or {}).get(str(indicator)) or indicator_label(str(indicator)),
                "profession": "" if _is_missing(profession) else str(profession),
                "year": None if _is_missing(year) else int(year),
                "hypothesis": "" if _is_missing(hypothesis) else str(hypothesis),
                "is_main": hypothesis in preferred,
                "unit": unit_of(str(units.iloc[0]), str(profession)) if len(units) else "",
                "values": _rounded(np.where(is_ok, values, np.nan)),
                "lower": _rounded(np.where(is_ok, _numbers(aligned["lower"]), np.nan)),
                "upper": _rounded(np.where(is_ok, _numbers(aligned["upper"]), np.nan)),
                "n": int(is_ok.sum()),
                **classes_record(classes),
            }
        )
    return records


def facility_records(facilities: GeoDataFrame | None) -> list[dict[str, Any]]:
    """Return facilities by kind: label, symbol and rows of [longitude, latitude, name, category, address].

    The kind is in ``facility_kind`` where the table has it, else all facilities are one kind. Those around the
    territory (``is_in_study`` false) are left out.
    """
    if facilities is None or not len(facilities):
        return []
    require_crs(facilities, name="facilities", metric=False)
    placed = facilities[facilities.geometry.notna() & ~facilities.geometry.is_empty].to_crs(GEOGRAPHIC_CRS)
    if "is_in_study" in placed.columns:
        placed = placed[placed["is_in_study"].astype(bool)]
    points: Any = placed.geometry.representative_point()
    kinds: dict[str, list[list[Any]]] = {}
    for row, x, y in zip(placed.to_dict("records"), points.x, points.y, strict=True):
        words = [_text(row.get(name)) for name in ("facility_label", "category_label", "address")]
        kinds.setdefault(_text(row.get("facility_kind")), []).append([round(float(x), 6), round(float(y), 6), *words])
    return [
        {
            "key": kind or "all",
            "label": profession_of(kind).plural if kind else "Établissements",
            "path": facility_symbol(kind).path,
            "color": facility_symbol(kind).color,
            "rows": sorted(rows),
        }
        for kind, rows in sorted(kinds.items())
    ]


def street_records(streets: GeoDataFrame | None) -> list[list[Any]]:
    """Return streets as [name, west, south, east, north], one row per name, for the search.

    The name is in ``street_label``, ``name`` or ``label``, whichever is there.
    """
    if streets is None or not len(streets):
        return []
    require_crs(streets, name="streets", metric=False)
    names = [name for name in ("street_label", "name", "label", "street") if name in streets.columns]
    if not names:
        found = ", ".join(map(str, streets.columns))
        raise UnknownNameError(f"The streets have no column street_label (found: {found}).")
    kept = streets[streets[names[0]].notna() & streets.geometry.notna() & ~streets.geometry.is_empty]
    bounds = kept.geometry.to_crs(GEOGRAPHIC_CRS).bounds
    bounds["label"] = kept[names[0]].astype(str).to_numpy()
    joined = bounds.groupby("label", sort=True).agg({"minx": "min", "miny": "min", "maxx": "max", "maxy": "max"})
    return [[label, *(round(float(x), 5) for x in row)] for label, row in zip(joined.index, joined.to_numpy(),
                                                                               strict=True)]  # fmt: skip


def bounds_of(geometries: Any) -> list[list[float]]:
    """Return [[south, west], [north, east]] in degrees, as Leaflet takes it."""
    west, south, east, north = (float(x) for x in geometries.to_crs(GEOGRAPHIC_CRS).total_bounds)
    return [[round(south, 5), round(west, 5)], [round(north, 5), round(east, 5)]]


def _numbers(column: Any) -> Any:
    return column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)


def _rounded(values: Any) -> list[float | None]:
    """Four significant decimals are more than a map shows; None where unknown (JSON has no NaN)."""
    return [round(float(value), 4) if np.isfinite(value) else None for value in values]


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _text(value: Any) -> str:
    return "" if value is None or _is_missing(value) else str(value)
