"""A small map of the points to check by eye, and the list of the addresses that were not placed; in French."""

from __future__ import annotations

import csv
import html
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.crs import GEOGRAPHIC_CRS, require_crs
from carto_sante.errors import SchemaError
from carto_sante.files import whole_file

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

#: Points scored below, or less precise than a house number, are worth a look.
SURE_SCORE = 0.8
_SURE_PRECISIONS = frozenset({"site", "housenumber", "interpolated"})

#: A map with more points is no longer small; the worst are kept, and the map says how many there are.
MOST_POINTS, MOST_LINES = 1500, 500

_PRECISIONS = {
    "site": ("site FINESS", "#1a9850"),
    "housenumber": ("numéro", "#1a9850"),
    "interpolated": ("numéro interpolé", "#66bd63"),
    "street": ("voie", "#fdae61"),
    "locality": ("lieu-dit", "#f46d43"),
    "municipality": ("commune", "#d73027"),
}
_RANDOM_ID = re.compile(r"\b([a-z_]+_)([0-9a-f]{32})\b")


def doubtful(geocoded: gpd.GeoDataFrame) -> pd.Series:
    """Return which rows are placed but worth a look: score below 0.8, or no better than a street.

    Examples
    --------
    >>> import geopandas, shapely
    >>> table = geopandas.GeoDataFrame(
    ...     {"geocode_score": [0.99, 0.6], "geocode_precision": ["housenumber", "street"]},
    ...     geometry=shapely.points([2.0, 2.0], [48.0, 48.0]), crs="EPSG:4326")
    >>> doubtful(table).tolist()
    [False, True]
    """
    is_sure = geocoded["geocode_precision"].isin(_SURE_PRECISIONS) & (geocoded["geocode_score"] >= SURE_SCORE)
    return geocoded.geometry.notna() & ~is_sure


def write_check_map(geocoded: gpd.GeoDataFrame, path: Path | str, *, addresses: pd.DataFrame | None = None) -> int:
    """Write the map of doubtful points as one HTML page; return how many there are.

    Parameters
    ----------
    geocoded : GeoDataFrame
        Result of `geocode`, in any CRS.
    path : path
        The page; written whole or not at all, the same bytes for the same points.
    addresses : DataFrame, optional
        What was asked, same index, to show beside what was found.

    Raises
    ------
    SchemaError
        If the table is no result of `geocode`.
    CRSError
        If it has no CRS.
    OutputError
        If the page cannot be written.
    """
    import folium

    missing = {"geocode_score", "geocode_precision", "geocode_label", "geocode_reason"} - set(geocoded.columns)
    if missing:
        raise SchemaError(f"The table is no result of geocode: it lacks {', '.join(sorted(missing))}.")
    require_crs(geocoded, name="geocoded", metric=False)
    asked = _asked(geocoded, addresses)
    table = geocoded.to_crs(GEOGRAPHIC_CRS)
    to_check = table[doubtful(table)].sort_values("geocode_score", kind="stable")
    page = folium.Map(tiles="OpenStreetMap", control_scale=True)
    shown = to_check.head(MOST_POINTS)
    for row, point in zip(shown.to_dict("records"), shown.index, strict=True):
        name, colour = _PRECISIONS.get(row["geocode_precision"], ("?", "#999999"))
        text = _lines(asked.get(point, ""), row, name)
        folium.CircleMarker(
            [row["geometry"].y, row["geometry"].x], radius=6, color=colour, fill=True, fill_opacity=0.8,
            tooltip=html.escape(f"{row['geocode_label']} ({row['geocode_score']:.2f})"),
            popup=folium.Popup(text, max_width=420),
        ).add_to(page)  # fmt: skip
    west, south, east, north = shown.total_bounds if len(shown) else (-5.0, 41.0, 10.0, 51.5)
    page.fit_bounds([[south - 0.002, west - 0.002], [north + 0.002, east + 0.002]], max_zoom=17)
    page.get_root().html.add_child(folium.Element(_panel(table, to_check, asked)))
    text = _with_stable_ids(page.get_root().render())
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
    return len(to_check)


def reason_in_french(reason: str) -> str:
    """Return a reason as people read it.

    Examples
    --------
    >>> reason_in_french("number not in the reference")
    'numéro absent du référentiel'
    """
    for english, french in _reasons():
        reason = reason.replace(english, french)
    return reason


@cache
def _reasons() -> list[tuple[str, str]]:
    text = resources.files("carto_sante").joinpath("geocoding/data/reasons.csv").read_text(encoding="utf-8")
    return [(row["reason"], row["french"]) for row in csv.DictReader(text.splitlines())]


def _asked(geocoded: gpd.GeoDataFrame, addresses: pd.DataFrame | None) -> dict[object, str]:
    if addresses is None:
        return {}
    names = [name for name in ("address", "postcode", "commune_label") if name in addresses.columns]
    lines = addresses.loc[geocoded.index, names].fillna("").astype(str)
    return {
        point: " ".join(part for part in line if part)
        for point, line in zip(geocoded.index, lines.itertuples(index=False), strict=True)
    }


def _lines(asked: str, row: dict[str, object], precision: str) -> str:
    reason = row["geocode_reason"]
    parts = [
        ("Adresse demandée", asked[:200]),
        ("Adresse trouvée", str(row["geocode_label"] or "")),
        ("Précision", f"{precision}, score {row['geocode_score']:.2f}"),
        ("Motif", reason_in_french(reason) if isinstance(reason, str) else ""),
    ]
    return "<br>".join(f"<b>{name}</b> : {html.escape(value)}" for name, value in parts if value)


def _panel(table: gpd.GeoDataFrame, to_check: gpd.GeoDataFrame, asked: dict[object, str]) -> str:
    """Return the legend, the counts and the addresses that were not placed."""
    lost = table[table.geometry.isna()]
    legend = "".join(
        f'<span style="color:{colour}">&#9679;</span> {html.escape(name)} '
        for key, (name, colour) in _PRECISIONS.items()
        if (to_check["geocode_precision"] == key).any()
    )
    items = "".join(
        f"<li>{html.escape((asked.get(point) or str(point))[:150])} : <i>{html.escape(_french(reason))}</i></li>"
        for point, reason in zip(lost.index[:MOST_LINES], lost["geocode_reason"][:MOST_LINES], strict=True)
    )
    more = f" (les {MOST_POINTS} moins sûrs sont affichés)" if len(to_check) > MOST_POINTS else ""
    rest = f"<p>et {len(lost) - MOST_LINES} autres</p>" if len(lost) > MOST_LINES else ""
    return (
        '<div style="position:fixed;bottom:24px;left:10px;z-index:9999;background:#fff;padding:8px 12px;'
        'max-width:420px;max-height:45vh;overflow:auto;font:13px sans-serif;border:1px solid #999">'
        f"<b>Points à vérifier : {len(to_check)}</b>{more} sur {len(table)} adresses<br>{legend}"
        f"<details><summary>{len(lost)} adresses non localisées</summary><ul>{items}</ul>{rest}</details></div>"
    )


def _french(reason: object) -> str:
    return reason_in_french(reason) if isinstance(reason, str) else ""


def _with_stable_ids(page: str) -> str:
    """Replace random identifiers by numbers: the same points give the same bytes."""
    numbers: dict[str, str] = {}
    return _RANDOM_ID.sub(lambda m: m.group(1) + numbers.setdefault(m.group(2), str(len(numbers))), page)
