"""Disjoint rings around zones, in metres: inside, 0-300 m, 300-500 m."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from carto_sante.crs import require_crs
from carto_sante.errors import InputError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

#: Rings of the QPV reading (ANCT counts what lies inside a QPV and within 300 m and 500 m of it).
QPV_RINGS_M = (300.0, 500.0)


def territory_rings(
    territories: GeoDataFrame, *, distances_m: tuple[float, ...] = QPV_RINGS_M, quad_segs: int = 16
) -> GeoDataFrame:
    """Return each zone and the disjoint rings around it.

    Parameters
    ----------
    territories : GeoDataFrame
        Zones of one level per schemas.TERRITORIES, in a metric CRS.
    distances_m : tuple of float, default (300, 500)
        Outer distances from the zone's border, in metres, strictly increasing.
    quad_segs : int, default 16
        Segments per quarter circle: a ring's outer border is short of the true one by at most 0.12 % of its distance
        (36 cm at 300 m).

    Returns
    -------
    GeoDataFrame
        Per zone, ``len(distances_m) + 1`` rows: ``territory_id``, ``territory_level``, ``territory_label``,
        ``geography_year``, ``ring`` ("inside", "0-300 m", "300-500 m"), ``inner_m``, ``outer_m`` and the polygon. The
        rows of one zone do not overlap and their union is the zone's buffer; rings of neighbouring zones may overlap.

    Raises
    ------
    CRSError
        If the CRS is missing or in degrees.
    InputError
        If the distances are not positive and increasing.

    Examples
    --------
    >>> import geopandas, shapely
    >>> zone = geopandas.GeoDataFrame({"territory_id": ["q"], "territory_level": "qpv"},
    ...     geometry=[shapely.box(0, 0, 500, 500)], crs="EPSG:2154")
    >>> territory_rings(zone)["ring"].tolist()
    ['inside', '0-300 m', '300-500 m']
    """
    import geopandas as gpd
    import pandas as pd

    require_crs(territories, name="territories")
    bounds = (0.0, *(float(value) for value in distances_m))
    if not distances_m or any(inner >= outer for inner, outer in pairwise(bounds)):
        raise InputError(
            f"distances_m is {distances_m!r}.", expected="positive distances in metres, each above the one before"
        )
    kept = [
        name
        for name in ("territory_id", "territory_level", "territory_label", "geography_year")
        if name in territories.columns
    ]
    inside = territories.geometry
    shapes = [inside] + [inside.buffer(outer, quad_segs=quad_segs) for outer in bounds[1:]]
    tables = [_ring(territories[kept], inside, "inside", 0.0, 0.0)]
    for (inner, outer), smaller, larger in zip(pairwise(bounds), shapes, shapes[1:], strict=False):
        area = larger.difference(smaller, align=False)
        tables.append(_ring(territories[kept], area, f"{inner:g}-{outer:g} m", inner, outer))
    table = pd.concat(tables)
    rank = {value: number for number, value in enumerate(table["ring"].unique())}
    order = table.assign(_rank=table["ring"].map(rank)).sort_values(["territory_id", "_rank"], kind="stable")
    return gpd.GeoDataFrame(order.drop(columns="_rank").reset_index(drop=True), crs=territories.crs)


def _ring(rows: GeoDataFrame, shapes: GeoDataFrame, ring: str, inner_m: float, outer_m: float) -> GeoDataFrame:
    import geopandas as gpd

    table = rows.assign(ring=ring, inner_m=inner_m, outer_m=outer_m)
    return gpd.GeoDataFrame(table, geometry=shapes.values, crs=shapes.crs)
