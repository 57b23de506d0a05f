"""Territories, rings and isochrones as light GeoJSON, in longitude and latitude."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.crs import GEOGRAPHIC_CRS, require_crs
from carto_sante.errors import UnknownNameError, suggest
from carto_sante.maps.labels import MODE_LABELS, format_number, level_label

if TYPE_CHECKING:
    from geopandas import GeoDataFrame, GeoSeries

DECIMALS = 5
"""Of a degree: about one metre, below the width of a drawn line at the largest zoom."""
SIMPLIFY_M = 4.0
"""Tolerance of drawn outlines, in metres: half a pixel at zoom 15. Numbers are never computed on these outlines."""
REACH_SIMPLIFY_M = 8.0
"""The same for isochrones, contours of a raster whose cells are 10 m or more."""


def level_records(territories: GeoDataFrame, *, level: str) -> dict[str, Any]:
    """Return the zones of one level, sorted by code, as the page needs them.

    Parameters
    ----------
    territories : GeoDataFrame
        Table of territories, in metres.
    level : str
        Value of ``territory_level``.

    Raises
    ------
    UnknownNameError
        If the table has no zone of this level.
    """
    from carto_sante.maps.anchors import label_anchors

    zones = zones_of(territories, level=level)
    labels = zones["territory_label"].fillna(zones["territory_id"]).astype(str)
    return {
        "key": level,
        "label": level_label(level),
        "plural": level_label(level, plural=True),
        "ids": zones["territory_id"].astype(str).tolist(),
        "labels": labels.tolist(),
        "geometries": light_geometries(zones.geometry),
        "anchors": label_anchors(zones.geometry),
    }


def zones_of(territories: GeoDataFrame, *, level: str) -> GeoDataFrame:
    """Return the zones of one level sorted by code; their order is the order of the page.

    Raises
    ------
    UnknownNameError
        If the table has no zone of this level.
    """
    zones = territories[territories["territory_level"] == level]
    if zones.empty:
        levels = sorted(territories["territory_level"].dropna().unique())
        raise UnknownNameError(f"No territory has level {level!r}.", next_step=suggest(level, levels))
    return zones.sort_values("territory_id", kind="stable").reset_index(drop=True)


def light_geometries(geometries: GeoSeries, *, tolerance_m: float = SIMPLIFY_M) -> list[dict[str, Any] | None]:
    """Return geometries simplified by a few metres, in degrees rounded to about one metre, as GeoJSON.

    Neighbours that share a border still do (GEOS coverage simplification); None where nothing is left.

    Raises
    ------
    CRSError
        If the CRS is missing or not in metres.
    """
    import geopandas
    import shapely

    require_crs(geopandas.GeoDataFrame(geometry=geometries), name="geometries to draw")
    values: Any = np.asarray(geometries.array, dtype=object)
    is_polygon = np.isin(shapely.get_type_id(values), (3, 6))
    if len(values) and is_polygon.all() and shapely.coverage_is_valid(values):
        values = shapely.coverage_simplify(values, tolerance_m)
    else:
        values = shapely.simplify(values, tolerance_m, preserve_topology=True)
    degrees = geopandas.GeoSeries(values, crs=geometries.crs).to_crs(GEOGRAPHIC_CRS)
    rounded = shapely.transform(np.asarray(degrees.array, dtype=object), lambda xy: np.round(xy, DECIMALS))
    # Rounding may pinch a thin ring: those are laid on the grid as a whole, which drops what has no width left.
    pinched = ~shapely.is_valid(rounded)
    rounded[pinched] = shapely.set_precision(np.asarray(degrees.array, dtype=object)[pinched], 10.0**-DECIMALS)
    return [_mapping(shape) for shape in shapely.remove_repeated_points(rounded)]


def isochrone_records(isochrones: GeoDataFrame) -> list[dict[str, Any]]:
    """Return reach bands, the widest first so that nearer ones are drawn over it.

    Parameters
    ----------
    isochrones : GeoDataFrame
        Columns ``limit_min`` (or ``upper_min``), optionally ``lower_min``, ``site_id`` and ``mode``. Rows of
        several sites within one limit are dissolved.
    """
    limit = "limit_min" if "limit_min" in isochrones.columns else "upper_min"
    if limit not in isochrones.columns:
        found = ", ".join(map(str, isochrones.columns))
        raise UnknownNameError(f"The isochrones have no column limit_min (found: {found}).")
    bands = isochrones[~isochrones.geometry.is_empty & isochrones.geometry.notna()]
    keys = [limit, *(name for name in ("mode",) if name in bands.columns)]
    dissolved = bands[[*keys, "geometry"]].dissolve(by=keys, as_index=False).sort_values(keys, ascending=False)
    records = []
    shapes = light_geometries(dissolved.geometry, tolerance_m=REACH_SIMPLIFY_M)
    for row, shape in zip(dissolved.to_dict("records"), shapes, strict=True):
        mode = MODE_LABELS.get(str(row.get("mode", "")), "")
        limit_text = format_number(float(row[limit]), decimals=0 if float(row[limit]).is_integer() else 1)
        label = f"Moins de {limit_text}\u00a0min {mode}".strip()
        records.append({"label": label, "limit_min": float(row[limit]), "geometry": shape})
    return records


def ring_records(rings: GeoDataFrame) -> list[dict[str, Any]]:
    """Return rings around QPV, the widest first.

    Parameters
    ----------
    rings : GeoDataFrame
        One of ``ring_m``, ``distance_m`` (metres) or ``limit_min`` (minutes) says how far each ring reaches.
    """
    names = [name for name in ("outer_m", "ring_m", "distance_m", "limit_min", "ring_min") if name in rings.columns]
    if not names:
        found = ", ".join(map(str, rings.columns))
        raise UnknownNameError(f"The rings have no column distance_m or limit_min (found: {found}).")
    reach = names[0]
    unit = "m" if reach.endswith("_m") else "min"
    # The zone itself comes as a ring of no width: it is drawn as an outline.
    is_ring = rings[reach].notna() & (rings[reach] > 0)
    kept = rings[is_ring & ~rings.geometry.is_empty & rings.geometry.notna()]
    dissolved = kept[[reach, "geometry"]].dissolve(by=reach, as_index=False).sort_values(reach, ascending=False)
    return [
        {"label": f"{format_number(float(size))}\u00a0{unit}", "geometry": shape}
        for size, shape in zip(dissolved[reach], light_geometries(dissolved.geometry), strict=True)
    ]


def _mapping(shape: Any) -> dict[str, Any] | None:
    from shapely.geometry import mapping

    return None if shape is None or shape.is_empty else dict(mapping(shape))
