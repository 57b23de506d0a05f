"""Isochrones: the polygons that can be reached within a few limits, with their own error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.errors import InputError, ToleranceError, UnknownNameError, join_problems, suggest
from carto_sante.isochrones.canvas import Canvas, canvas_of
from carto_sante.isochrones.people import People
from carto_sante.isochrones.profile import Profile, Sources, sources_of
from carto_sante.network.model import Ints, RoadNetwork
from carto_sante.travel.checks import check_direction, check_limit_s, check_positive, ids_of
from carto_sante.travel.index import search_index
from carto_sante.travel.snapping import (
    DEFAULT_MAX_SNAP_M,
    Snaps,
    coordinates_of,
    links_of,
    list_isolated,
    list_not_snapped,
    place,
    require_some,
)

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

#: Side of the cells, in metres: the contour follows the street between two cells, so that the error stays small.
DEFAULT_CELL_M = {"walk": 10.0, "bike": 15.0, "drive": 30.0}

#: A place farther than this from any street of the mode is in no isochrone: about half a block.
DEFAULT_OFFSET_M = 50.0

#: Largest share of street wrongly in or out before an isochrone is refused.
DEFAULT_MAX_ERROR_SHARE = 0.25

#: More sites than this are refused one by one; dissolved, any number costs one search.
MOST_SITES = 50_000

SHAPES = ("nested", "bands")

#: Identifier of the isochrone of all sites together.
ALL_SITES = "all"


@dataclass(frozen=True)
class Options:
    """What to draw: limits in rising order, direction, tolerance of the lines."""

    limits_s: tuple[float, ...]
    is_inbound: bool
    tolerance_m: float


def compute_isochrones(
    network: RoadNetwork,
    sites: GeoDataFrame,
    *,
    limits_min: Sequence[float],
    direction: str = "inbound",
    shape: str = "nested",
    dissolve: bool = False,
    site_column: str | None = None,
    max_snap_m: float = DEFAULT_MAX_SNAP_M,
    min_component_nodes: int = 1,
    cell_m: float | None = None,
    offset_m: float = DEFAULT_OFFSET_M,
    tolerance_m: float = 0.0,
    max_error_share: float | None = DEFAULT_MAX_ERROR_SHARE,
    population: GeoDataFrame | None = None,
) -> GeoDataFrame:
    """Compute the polygons within a few travel times of sites, and how far each lies from the truth.

    A place is inside when the street point nearest to it is reached within the limit, part-way along an edge
    included, and is no farther than ``offset_m``. So a street that is not reached makes a hole, and the other
    bank is out unless a bridge leads there in time.

    Parameters
    ----------
    network : RoadNetwork
        Network of one mode.
    sites : GeoDataFrame
        Points in the CRS of the network.
    limits_min : sequence of float
        Limits in minutes, in any order; at least one.
    direction : {"inbound", "outbound"}, default "inbound"
        Inbound is the way to the site, outbound the way from it.
    shape : {"nested", "bands"}, default "nested"
        Nested polygons hold all that is within the limit; bands are disjoint, each between two limits.
    dissolve : bool, default False
        Whether all sites make one polygon per limit (the nearest site counts) instead of one each.
    site_column : str, optional
        Column of identifiers; by default ``site_id`` when there is one, else the index.
    max_snap_m, min_component_nodes
        See `carto_sante.travel.snap_points`.
    cell_m : float, optional
        Side of the raster's cells, in metres; by default 10 on foot, 15 by bike, 30 by car.
    offset_m : float, default 50
        Farthest a place may be from its street.
    tolerance_m : float, default 0
        Tolerance of the simplification, in metres, at most half a cell: the square root of the area of the
        triangles taken off (Visvalingam). By default only vertices on a straight line go. The error is measured after.
    max_error_share : float or None, default 0.25
        Above it an isochrone is refused; None keeps it whatever its error.
    population : GeoDataFrame, optional
        Points or zones (a point inside each) with ``population_count``: adds the same errors counted in people.

    Returns
    -------
    GeoDataFrame
        One row per site and limit, by site then limit: ``site_id`` ("all" when dissolved), ``mode``, ``direction``,
        ``lower_min`` (0 when nested), ``limit_min``, ``area_km2``, ``reached_length_m`` (streets within the limit),
        ``reachable_outside_share`` (of that length, left out of the polygon), ``unreachable_inside_share`` (of
        the length inside the polygon) and geometry, in the CRS of the network. Length and shares are those of
        all that is within ``limit_min``, for bands too. With ``population``: ``reached_population_count``,
        ``reachable_population_outside_share`` and ``unreachable_population_inside_share``.
        ``attrs["not_snapped"]`` lists the sites left out, ``attrs["isolated"]`` those on a street that leads almost
        nowhere, whose isochrone is that street.

    Raises
    ------
    CRSError, SchemaError
        As `carto_sante.travel.compute_travel_times`.
    InputError
        If a limit or a length is zero, negative or not a number, or there are too many sites or cells.
    NoResultError
        If no site is near a street: at sea, swapped coordinates.
    ToleranceError
        Listing the isochrones whose error is above ``max_error_share``.

    Examples
    --------
    >>> import geopandas, pathlib, tempfile
    >>> from carto_sante.network import read_osm
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "street.osm"
    >>> _ = file.write_text(
    ...     '<osm version="0.6"><node id="1" lat="48.11" lon="-1.68"/><node id="2" lat="48.12" lon="-1.68"/>'
    ...     '<way id="7"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way></osm>')
    >>> network = read_osm(file, mode="walk")
    >>> places = geopandas.points_from_xy([-1.6801, -1.6802], [48.112, 48.118], crs="EPSG:4326").to_crs(network.crs)
    >>> table = geopandas.GeoDataFrame({"site_id": ["a", "b"]}, geometry=places)
    >>> bands = compute_isochrones(network, table, limits_min=(2, 5), shape="bands", dissolve=True)
    >>> bands[["site_id", "lower_min", "limit_min"]].values.tolist()
    [['all', 0.0, 2.0], ['all', 2.0, 5.0]]
    >>> bool((bands["unreachable_inside_share"] < 0.05).all())
    True
    """
    side = cell_of(network, cell_m)
    options = options_of(limits_min, direction=direction, shape=shape, cell_m=side, tolerance_m=tolerance_m)
    index = search_index(network)
    canvas = canvas_of(index, cell_m=side, offset_m=check_positive(offset_m, name="offset_m", unit="metres"))
    x, y = coordinates_of(network, sites, name="sites")
    ids = ids_of(sites, column=site_column, usual=("site_id", "facility_id", "point_id"), name="sites")
    snaps = place(index, ids=ids, x_m=x, y_m=y, max_snap_m=max_snap_m, min_component_nodes=min_component_nodes)
    require_some(index, snaps, x, y, name="sites", max_snap_m=max_snap_m)
    groups = _groups(snaps, dissolve=dissolve)
    people = None if population is None else People(index, population)
    rows: list[dict[str, Any]] = []
    links = links_of(index, snaps, is_leaving=not options.is_inbound)
    profile = Profile(network.segment_count)
    for site_id, members in groups:
        sources = sources_of(links, members, snaps.segment, snaps.position, snaps.access_s)
        for row in draw(canvas, profile, sources, options, people=people):
            rows.append({"site_id": site_id, "mode": network.mode, "direction": direction, **row})
    refuse_errors(rows, max_error_share)
    table = _frame(network, rows, shape=shape)
    table.attrs["not_snapped"] = list_not_snapped(index, snaps, x, y, table="sites")
    table.attrs["isolated"] = list_isolated(index, snaps, table="sites")
    return table


def draw(
    canvas: Canvas, profile: Profile, sources: Sources, options: Options, *, people: People | None = None
) -> list[dict[str, Any]]:
    """Return one record per limit, the shortest first: limit, nested polygon and measures."""
    from carto_sante.isochrones.contours import Quality, TimeRaster, outline_of, simplify_nested

    longest = options.limits_s[-1]
    profile.fill(canvas.index, sources, limit_s=longest, is_outward=not options.is_inbound)
    qualities: list[Quality] = []
    try:
        bounds = profile.bounds_m(canvas.index, canvas.boxes_m, limit_s=longest)
        raster = TimeRaster(canvas, canvas.window(*bounds), profile)
        outlines = []
        for limit_s in options.limits_s:
            raster.set_limit(limit_s)
            outlines.append(raster.outline())
            if options.tolerance_m == 0:
                qualities.append(raster.measure(outlines[-1]))
        shapes = [outline.shape() for outline in outlines]
        if options.tolerance_m > 0:
            shapes = simplify_nested(shapes, tolerance_m=options.tolerance_m)
            for limit_s, shape in zip(options.limits_s, shapes, strict=True):
                raster.set_limit(limit_s)
                qualities.append(raster.measure(outline_of(shape)))
        return [
            {
                "limit_min": limit_s / 60.0,
                "geometry": shape,
                "reached_length_m": quality.reached_m,
                "reachable_outside_share": quality.reachable_outside_share,
                "unreachable_inside_share": quality.unreachable_inside_share,
                **(people.measure(profile, shape, limit_s=limit_s) if people is not None else {}),
            }
            for limit_s, shape, quality in zip(options.limits_s, shapes, qualities, strict=True)
        ]
    finally:
        profile.clear()


def options_of(
    limits_min: Sequence[float],
    *,
    direction: str,
    shape: str,
    cell_m: float,
    tolerance_m: float,
) -> Options:
    """Return the checked options of a drawing.

    Raises
    ------
    InputError
        If a limit or a length cannot be used.
    UnknownNameError
        If the direction or the shape is not known.
    """
    if isinstance(limits_min, str | int | float) or len(limits_min) == 0:
        raise InputError(f"limits_min is {limits_min!r}.", expected="one or more numbers of minutes, as in (5, 10, 15)")
    limits = sorted({check_limit_s(limit, name="limits_min") for limit in limits_min})
    if not np.isfinite(limits[-1]):
        raise InputError("limits_min holds a limit without end.", expected="numbers of minutes, as in (5, 10, 15)")
    if shape not in SHAPES:
        raise UnknownNameError(f"{shape!r} is not a shape of isochrones.", next_step=suggest(str(shape), SHAPES))
    tolerance = check_positive(tolerance_m, name="tolerance_m", unit="metres", can_be_zero=True)
    if tolerance > cell_m / 2:
        raise InputError(
            f"tolerance_m is {tolerance:g} m for cells of {cell_m:g} m.",
            expected=f"at most half a cell, {cell_m / 2:g} m",
            next_step="Raise cell_m too: a coarser line deserves coarser cells.",
        )
    return Options(tuple(limits), check_direction(direction), tolerance)


def cell_of(network: RoadNetwork, cell_m: float | None) -> float:
    """Return the side of the cells, that of the mode by default."""
    if cell_m is None:
        return DEFAULT_CELL_M.get(network.mode, 10.0)
    return check_positive(cell_m, name="cell_m", unit="metres")


def refuse_errors(rows: list[dict[str, Any]], max_error_share: float | None) -> None:
    """Raise when an isochrone lies too far from the streets it stands for.

    Raises
    ------
    ToleranceError
        Listing those above the tolerance.
    """
    if max_error_share is None:
        return
    problems = [
        f"{row['site_id']} within {row['limit_min']:g} min: {row['reachable_outside_share']:.1%} of the reachable "
        f"streets left out, {row['unreachable_inside_share']:.1%} of the streets inside not reachable"
        for row in rows
        if max(row["reachable_outside_share"], row["unreachable_inside_share"]) > max_error_share
    ]
    if problems:
        raise ToleranceError(
            f"{len(problems)} isochrones are above the error of {max_error_share:.1%}:\n{join_problems(problems)}\n",
            next_step="Lower cell_m, or raise max_error_share (None accepts any error, which stays in the result).",
        )


def _groups(snaps: Snaps, *, dissolve: bool) -> list[tuple[str, Ints]]:
    placed = np.flatnonzero(snaps.is_placed).astype(np.int32)
    if dissolve:
        return [(ALL_SITES, placed)]
    if len(placed) > MOST_SITES:
        raise InputError(
            f"{len(placed):,} sites would make as many isochrones.",
            expected=f"no more than {MOST_SITES:,} one by one",
            next_step="Use dissolve=True, which costs one search whatever the number of sites.",
        )
    return [(str(snaps.ids[row]), placed[item : item + 1]) for item, row in enumerate(placed)]


def _frame(network: RoadNetwork, rows: list[dict[str, Any]], *, shape: str) -> GeoDataFrame:
    import geopandas as gpd
    import pandas as pd
    import shapely

    table = gpd.GeoDataFrame(rows, geometry="geometry", crs=network.crs)
    is_first = (table["site_id"] != table["site_id"].shift()).to_numpy()
    lower = np.zeros(len(table))
    if shape == "bands":
        lower = table["limit_min"].shift().mask(is_first, 0.0).to_numpy()
        shapes = table.geometry.to_numpy()
        inner = np.where(is_first, shapely.MultiPolygon(), np.roll(shapes, 1))
        table["geometry"] = gpd.GeoSeries(shapely.difference(shapes, inner), crs=network.crs)
    table.insert(table.columns.get_loc("limit_min"), "lower_min", lower)
    table.insert(table.columns.get_loc("limit_min") + 1, "area_km2", shapely.area(table.geometry.to_numpy()) / 1e6)
    for column in ("site_id", "mode", "direction"):
        table[column] = pd.array(table[column], dtype="str")
    return table[[*(name for name in table.columns if name != "geometry"), "geometry"]]
