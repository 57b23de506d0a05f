"""Rings of walking minutes around zones: inside, then disjoint bands along the streets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from carto_sante.crs import require_same_crs
from carto_sante.errors import InputError, NoResultError
from carto_sante.isochrones.canvas import canvas_of
from carto_sante.isochrones.polygons import DEFAULT_OFFSET_M, cell_of, draw, options_of, refuse_errors
from carto_sante.isochrones.profile import Profile, Sources
from carto_sante.network.model import RoadNetwork
from carto_sante.travel.checks import check_positive, ids_of
from carto_sante.travel.index import SearchIndex, search_index

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


def compute_walking_rings(
    network: RoadNetwork,
    zones: GeoDataFrame,
    *,
    limits_min: Sequence[float] = (5.0, 10.0),
    direction: str = "outbound",
    zone_column: str | None = None,
    cell_m: float | None = None,
    offset_m: float = DEFAULT_OFFSET_M,
    tolerance_m: float = 0.0,
    max_error_share: float | None = None,
) -> GeoDataFrame:
    """Compute the rings of walking minutes around zones, such as QPV: inside, 0 to 5 minutes, 5 to 10 minutes.

    Walking starts wherever a street crosses the border of the zone, and inside it costs nothing: the ring says
    how far the nearest edge of the zone is, on foot.

    Parameters
    ----------
    network : RoadNetwork
        Walking network.
    zones : GeoDataFrame
        Polygons in the CRS of the network.
    limits_min : sequence of float, default (5, 10)
        Outer limit of each ring, in minutes.
    direction : {"outbound", "inbound"}, default "outbound"
        Outbound walks away from the zone (residents go out), inbound towards it.
    zone_column : str, optional
        Column of identifiers; by default ``territory_id`` when there is one, else the index.
    cell_m, offset_m, tolerance_m, max_error_share
        As in `compute_isochrones`; here any error is accepted by default.

    Returns
    -------
    GeoDataFrame
        One row per zone and ring, the inside first: ``territory_id``, ``ring_label`` (French), ``lower_min`` and
        ``limit_min`` (NA inside), ``area_km2``, ``reachable_outside_share``, ``unreachable_inside_share``, geometry.
        The rings of a zone are disjoint; those of two zones may overlap. ``attrs["not_snapped"]`` lists the zones
        that no street crosses: they have only their inside.

    Raises
    ------
    InputError
        If the network is not for walking, a zone is not a polygon, or a limit is zero or negative.
    NoResultError
        If no street crosses any zone.
    CRSError, SchemaError, ToleranceError
        As `compute_isochrones`.
    """
    import geopandas as gpd

    if network.mode != "walk":
        raise InputError(f"The network is for {network.mode!r}.", expected="a walking network (mode='walk')")
    _require_polygons(network, zones)
    ids = ids_of(zones, column=zone_column, usual=("territory_id", "zone_id"), name="zones")
    side = cell_of(network, cell_m)
    options = options_of(limits_min, direction=direction, shape="bands", cell_m=side, tolerance_m=tolerance_m)
    index = search_index(network)
    canvas = canvas_of(index, cell_m=side, offset_m=check_positive(offset_m, name="offset_m", unit="metres"))
    profile = Profile(network.segment_count)
    rows: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []
    for zone_id, shape in zip(ids, zones.geometry, strict=True):
        inside = shape if shape.is_valid else shapely.make_valid(shape)
        rows.append(_ring(str(zone_id), "dans le périmètre", None, None, inside, {}))
        sources = zone_sources(index, inside, is_outward=not options.is_inbound)
        if len(sources.segment) == 0:
            left_out = {"table": "zones", "point_id": str(zone_id), "reason": "no street"}
            missing.append({**left_out, "snap_distance_m": None, "component": None})
            continue
        covered, lower = inside, 0.0
        for record in draw(canvas, profile, sources, options):
            limit = record["limit_min"]
            label = f"de {lower:g} à {limit:g} min à pied"
            ring = shapely.difference(record["geometry"], covered)
            rows.append(_ring(str(zone_id), label, lower, limit, ring, record))
            covered, lower = shapely.union(covered, record["geometry"]), limit
    if len(missing) == len(ids):
        raise NoResultError(
            f"No street crosses any of the {len(ids)} zones.",
            expected="zones on the ground that the network covers",
            next_step="Check the extract and the CRS of the zones.",
        )
    measured = [{"site_id": row["territory_id"], **row} for row in rows if row["limit_min"] is not None]
    refuse_errors(measured, max_error_share)
    table = gpd.GeoDataFrame(rows, geometry="geometry", crs=network.crs)
    table.attrs["not_snapped"] = missing
    return table


def _ring(
    zone_id: str, label: str, lower: float | None, limit: float | None, shape: shapely.Geometry, record: dict[str, Any]
) -> dict[str, Any]:
    return {
        "territory_id": zone_id,
        "ring_label": label,
        "lower_min": lower,
        "limit_min": limit,
        "area_km2": shapely.area(shape) / 1e6,
        "reachable_outside_share": record.get("reachable_outside_share", 0.0),
        "unreachable_inside_share": record.get("unreachable_inside_share", 0.0),
        "geometry": shape,
    }


def _require_polygons(network: RoadNetwork, zones: GeoDataFrame) -> None:
    import geopandas as gpd

    require_same_crs(gpd.GeoDataFrame(geometry=[], crs=network.crs), zones, names=("the network", "zones"))
    kinds = shapely.get_type_id(zones.geometry.to_numpy())
    if len(zones) == 0 or not np.isin(kinds, (3, 6)).all():
        found = sorted({str(kind) for kind in zones.geom_type})
        raise InputError(
            f"zones holds {', '.join(found) or 'nothing'}.",
            expected="at least one polygon, and nothing else",
            next_step="For points, use compute_isochrones.",
        )


def zone_sources(index: SearchIndex, zone: shapely.Geometry, *, is_outward: bool) -> Sources:
    """Return the street points inside a zone: both ends of every piece of street that lies in it.

    Between two such points the way along the street is inside too, so it costs nothing to pretend to start anew.
    """
    streets = index.streets
    left, bottom, right, top = shapely.bounds(zone)
    ends = streets.ends_m
    near = np.flatnonzero(
        (np.minimum(ends[:, 0], ends[:, 2]) <= right)
        & (np.maximum(ends[:, 0], ends[:, 2]) >= left)
        & (np.minimum(ends[:, 1], ends[:, 3]) <= top)
        & (np.maximum(ends[:, 1], ends[:, 3]) >= bottom)
    )
    lines = shapely.linestrings(ends[near].reshape(-1, 2, 2))
    shapely.prepare(zone)
    is_met = shapely.intersects(zone, lines)
    near, lines = near[is_met], lines[is_met]
    inside, piece = shapely.get_parts(shapely.intersection(lines, zone), return_index=True)
    first, last = shapely.get_point(inside, 0), shapely.get_point(inside, -1)
    is_point = shapely.get_type_id(inside) == 0
    first, last = np.where(is_point, inside, first), np.where(is_point, inside, last)
    piece = near[np.concatenate([piece, piece])]
    ends_of = np.concatenate([first, last])
    start = shapely.points(ends[piece, :2])
    length = np.hypot(ends[piece, 2] - ends[piece, 0], ends[piece, 3] - ends[piece, 1])
    part = np.clip(shapely.distance(start, ends_of) / np.maximum(length, 1e-9), 0.0, 1.0)
    position = streets.share[piece, 0] + part * (streets.share[piece, 1] - streets.share[piece, 0])
    return _sources_at(index, streets.segment[piece], position, is_outward=is_outward)


def _sources_at(index: SearchIndex, segment: Any, position: Any, *, is_outward: bool) -> Sources:
    from carto_sante.travel.snapping import Snaps, links_of

    pairs = np.unique(np.column_stack([segment, np.round(position, 9)]), axis=0)
    number, share = pairs[:, 0].astype(np.int32), np.ascontiguousarray(pairs[:, 1])
    zero = np.zeros(len(pairs))
    snaps = Snaps(np.arange(len(pairs)).astype(object), number, share, zero, zero)
    links = links_of(index, snaps, is_leaving=is_outward)
    return Sources(links.node, links.seconds, number, share, zero)
