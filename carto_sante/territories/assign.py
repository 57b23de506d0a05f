"""The zone of a point: exactly one per level, the same whatever the order of the tables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from carto_sante.crs import require_same_crs
from carto_sante.errors import InputError, join_problems
from carto_sante.schemas import TERRITORIES, check_table
from carto_sante.territories.zone_index import UNSURE, ZoneIndex, build_zone_index

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: From this many points the compiled search pays for laying the zones out (and for compiling, once per installation).
COMPILED_FROM_POINTS = 50_000
_PIECE = 16_384


def assign_territory(points: GeoDataFrame, territories: GeoDataFrame) -> pd.DataFrame:
    """Put each point in exactly one zone of each level.

    A point on a shared border, or in two zones that overlap, goes to the zone whose code comes first in text order:
    the answer depends on nothing else. Zones of different levels (IRIS and QPV) do not exclude one another.

    Parameters
    ----------
    points : GeoDataFrame
        Points in a metric CRS. A missing or empty point, or one at (0, 0), is "not located".
    territories : GeoDataFrame
        schemas.TERRITORIES, one or several levels, valid polygons (as `read_territories` returns them), same CRS.

    Returns
    -------
    DataFrame
        Same index as ``points``; one text column ``<level>_id`` per level, NA outside every zone of the level.
        ``attrs["report"][level]`` counts points ``placed``, ``outside`` (with their index labels, the first 1,000, in
        ``outside_index``), ``not_located``, and ``shared`` (on a border or an overlap, hence placed by the rule).

    Raises
    ------
    CRSError
        If a CRS is missing, in degrees, or the two differ.
    SchemaError
        If the territories lack columns or repeat a key.
    InputError
        If a geometry is not a point.

    Examples
    --------
    >>> import geopandas, shapely
    >>> zones = geopandas.GeoDataFrame(
    ...     {"territory_id": ["B", "A"], "territory_level": "quartier", "territory_label": ["b", "a"],
    ...      "geography_year": 2024},
    ...     geometry=[shapely.box(1, 0, 2, 1), shapely.box(0, 0, 1, 1)], crs="EPSG:2154")
    >>> sites = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy([0.5, 1.0, 9.0], [0.5, 0.5, 0.5]),
    ...     crs="EPSG:2154")
    >>> assign_territory(sites, zones)["quartier_id"].tolist()
    ['A', 'A', <NA>]
    """
    import pandas as pd

    require_same_crs(points, territories, names=("points", "territories"))
    check_table(territories, TERRITORIES)
    shapes = np.asarray(points.geometry.values, dtype=object)
    located = _located(shapes, points.index)
    columns: dict[str, Any] = {}
    report: dict[str, Any] = {}
    for level in sorted(territories["territory_level"].unique()):
        zones = territories[territories["territory_level"] == level].sort_values("territory_id")
        rank, shared = first_zone(shapes[located], np.asarray(zones.geometry.values, dtype=object))
        full = np.full(len(shapes), -1, dtype=np.int64)
        full[located] = rank
        names = pd.array(zones["territory_id"].to_numpy(dtype=object), dtype="string")
        columns[f"{level}_id"] = names.take(full, allow_fill=True)
        outside = points.index[located & (full < 0)]
        report[str(level)] = {
            "placed": int((full >= 0).sum()),
            "outside": len(outside),
            "not_located": int((~located).sum()),
            "shared": shared,
            "outside_index": outside[:1000].tolist(),
        }
    table = pd.DataFrame(columns, index=points.index)
    table.attrs["report"] = report
    return table


def _located(shapes: np.ndarray, index: pd.Index) -> np.ndarray:
    kinds = shapely.get_type_id(shapes)
    other = ~np.isin(kinds, (-1, 0))
    if other.any():
        wrong = [
            f"{label}: a {shapes[place].geom_type}"
            for place, label in zip(np.flatnonzero(other), index[other], strict=True)
        ]
        raise InputError(
            "Only points can be put in a zone:\n" + join_problems(wrong), next_step="Take a point of each first."
        )
    located: np.ndarray = (kinds == 0) & ~shapely.is_empty(shapes)
    # (0, 0) is how a missing position comes out of a spreadsheet, and is in no French territory.
    located[located] = shapely.get_coordinates(shapes[located]).any(axis=1)
    return located


def first_zone(shapes: np.ndarray, zones: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the lowest rank of zone that holds each point (-1 for none), and how many points have several.

    Parameters
    ----------
    shapes : array of Point
        None missing or empty.
    zones : array of Polygon or MultiPolygon
        Valid; a zone's position is its rank.
    """
    if len(shapes) < COMPILED_FROM_POINTS or len(zones) == 0:
        return _first_zone_by_tree(shapes, zones)
    index = build_zone_index(zones)
    rank, times = search_zones(shapely.get_coordinates(shapes), index)
    unsure = np.flatnonzero(rank == UNSURE)
    shared = int((times > 1).sum())
    if len(unsure):
        rank[unsure], more = _first_zone_by_tree(shapes[unsure], zones)
        shared += more
    return rank, shared


def _first_zone_by_tree(shapes: np.ndarray, zones: np.ndarray) -> tuple[np.ndarray, int]:
    # The tree is over the points and the zones are asked, because GEOS prepares what is asked: each zone once.
    zone, point = shapely.STRtree(shapes).query(zones, predicate="intersects")
    rank = np.full(len(shapes), len(zones), dtype=np.int64)
    np.minimum.at(rank, point, zone)
    counts = np.bincount(point, minlength=len(shapes))
    rank[counts == 0] = -1
    return rank, int((counts > 1).sum())


def search_zones(points: np.ndarray, index: ZoneIndex) -> tuple[np.ndarray, np.ndarray]:
    """Return the first zone of each point (-1 none, UNSURE left to GEOS) and how many zones hold it."""
    from concurrent.futures import ThreadPoolExecutor

    from carto_sante.territories._kernels import zones_of_points

    order = _neighbours_first(points, index)
    if order is not None:
        points = points[order]
    rank = np.empty(len(points), dtype=np.int64)
    times = np.empty(len(points), dtype=np.int32)
    pieces = [slice(start, start + _PIECE) for start in range(0, len(points), _PIECE)]

    def search(piece: slice) -> None:
        zones_of_points(points[piece], *index, rank[piece], times[piece])

    # The kernel holds no lock, so threads share the work without copying anything.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(search, pieces))
    if order is None:
        return rank, times
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return rank[back], times[back]


def _neighbours_first(points: np.ndarray, index: ZoneIndex) -> np.ndarray | None:
    """Return an order that puts neighbours one after another, or nothing where they mostly are (cells of a grid).

    Neighbours find their zones in the processor's cache: the search is several times faster than in any order.
    """
    if len(points) < 2:
        return None
    west, south, size, columns, _ = index.grid
    cell = np.floor((points[:, 1] - south) / size) * columns + np.floor((points[:, 0] - west) / size)
    near = np.abs(np.diff(cell))
    if np.mean((near <= 1) | (near == columns)) > 0.5:
        return None
    return np.argsort(cell, kind="stable")
