"""A point to the nearest point of a street, and the ways to leave it and to arrive at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carto_sante.crs import require_same_crs
from carto_sante.errors import InputError, NoResultError
from carto_sante.network.model import Floats, Ints, LongInts, RoadNetwork
from carto_sante.travel.checks import check_positive, ids_of, is_swapped
from carto_sante.travel.index import BIN_M, SearchIndex, search_index

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: Farther than this from any street of the mode, a point is not placed on the network but listed.
DEFAULT_MAX_SNAP_M = 300.0

#: Speed of the last metres between a point and the street, on foot whatever the mode: 4.5 km/h, that is
#: 1.25 m/s, rounded down from the 1.3 m/s of able adults (Bohannon 1997) for patients of every age.
ACCESS_SPEED_KMH = 4.5

#: A point on a component other than the largest, with fewer nodes than this, is flagged "isolated".
ISOLATED_BELOW_NODES = 20

# Nearer than this share of the street to its end, a point is on the junction.
_ON_JUNCTION = 1e-9

#: How far the distance of an unplaced point to the nearest street is still looked for.
_SEARCHED_M = 2_000.0


@dataclass(frozen=True)
class Snaps:
    """Points placed on a network, as arrays; ``segment`` is -1 where there is no street near enough."""

    ids: npt.NDArray[np.object_]
    segment: Ints
    position: Floats
    """Share of the segment's drawn length, in the order of its line."""
    distance_m: Floats
    access_s: Floats

    @property
    def is_placed(self) -> npt.NDArray[np.bool_]:
        """Whether each point lies on a street."""
        return self.segment >= 0


@dataclass(frozen=True)
class Links:
    """From points to nodes: those of point ``i`` are ``offset[i]:offset[i + 1]``, with the seconds to pay."""

    offset: LongInts
    node: Ints
    seconds: Floats


def snap_points(
    network: RoadNetwork,
    points: GeoDataFrame,
    *,
    max_snap_m: float = DEFAULT_MAX_SNAP_M,
    id_column: str | None = None,
    min_component_nodes: int = 1,
) -> pd.DataFrame:
    """Place points on the nearest point of a street, whichever side of the river the street is on.

    The nearest street wins even when it leads nowhere: moving a point to a street that goes farther may carry
    it across a river. ``snap_status`` and ``component_node_count`` say when that happens, and
    ``min_component_nodes`` leaves small components out on request.

    Parameters
    ----------
    network : RoadNetwork
        Network of one mode.
    points : GeoDataFrame
        Points in the CRS of the network (other shapes: a point inside them).
    max_snap_m : float, default 300
        Longest distance to a street, in metres.
    id_column : str, optional
        Column of identifiers; by default ``point_id`` when there is one, else the index.
    min_component_nodes : int, default 1
        Streets of strong components with fewer nodes are not considered.

    Returns
    -------
    DataFrame
        One row per point, in order: ``point_id``, ``snap_status`` ("ok", "isolated", "too far", "swapped
        coordinates", "no coordinates"), ``snap_distance_m`` (of the nearest street up to 2 km, NA beyond),
        ``access_min`` (walking the last metres at 4.5 km/h), ``segment``, ``position_share`` along it,
        ``snapped_x_m``, ``snapped_y_m``, ``component`` (0 the largest, NA between two) and
        ``component_node_count``.

    Raises
    ------
    CRSError
        If the points have no CRS, or not that of the network.
    SchemaError
        If an identifier is empty or repeated.
    InputError
        If ``max_snap_m`` is negative.

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
    >>> table = geopandas.GeoDataFrame({"point_id": ["a", "b"]}, geometry=places)
    >>> snapped = snap_points(network, table, max_snap_m=10)
    >>> snapped[["point_id", "snap_status", "snap_distance_m"]].round(1).values.tolist()
    [['a', 'ok', 7.4], ['b', 'too far', 14.9]]
    """
    import pandas as pd

    index = search_index(network)
    ids = ids_of(points, column=id_column, usual=("point_id",), name="points")
    x, y = coordinates_of(network, points, name="points")
    snaps = place(index, ids=ids, x_m=x, y_m=y, max_snap_m=max_snap_m, min_component_nodes=min_component_nodes)
    component, nodes = components_of(index, snaps)
    snapped_x, snapped_y = positions_m(index, snaps)
    placed = snaps.is_placed
    return pd.DataFrame(
        {
            "point_id": pd.array(ids, dtype="str"),
            "snap_status": pd.array(statuses(index, snaps, x, y), dtype="str"),
            "snap_distance_m": np.where(placed, snaps.distance_m, _far_distances(index, snaps, x, y)),
            "access_min": np.where(placed, snaps.access_s / 60.0, np.nan),
            "segment": pd.array(np.where(placed, snaps.segment, 0), dtype="Int64").copy(),
            "position_share": snaps.position,
            "snapped_x_m": snapped_x,
            "snapped_y_m": snapped_y,
            "component": pd.Series(component, dtype="Int64").mask(component < 0),
            "component_node_count": pd.Series(nodes, dtype="Int64").mask(component < 0),
        }
    ).assign(segment=lambda table: table["segment"].mask(~placed))


def coordinates_of(network: RoadNetwork, points: GeoDataFrame, *, name: str) -> tuple[Floats, Floats]:
    """Return x and y, not a number where a row has no point.

    Raises
    ------
    CRSError
        If the CRS is missing, or differs from that of the network.
    """
    import geopandas as gpd
    import shapely

    if not hasattr(points, "total_bounds"):
        raise InputError(f"{name} has no geometry.", expected="a GeoDataFrame of points")
    reference = gpd.GeoDataFrame(geometry=[], crs=network.crs)
    require_same_crs(reference, points, names=("the network", name))
    shapes = points.geometry.to_numpy().copy()
    shapes[shapely.is_empty(shapes)] = None
    is_other = ~np.isin(shapely.get_type_id(shapes), (-1, 0))
    if is_other.any():
        shapes[is_other] = shapely.point_on_surface(shapes[is_other])
    return np.ascontiguousarray(shapely.get_x(shapes)), np.ascontiguousarray(shapely.get_y(shapes))


def place(
    index: SearchIndex,
    *,
    ids: npt.NDArray[np.object_],
    x_m: Floats,
    y_m: Floats,
    max_snap_m: float,
    min_component_nodes: int = 1,
) -> Snaps:
    """Place coordinates on the nearest streets of an index."""
    radius = check_positive(max_snap_m, name="max_snap_m", unit="metres", can_be_zero=True)
    allowed = np.ones(index.network.segment_count, np.bool_)
    if min_component_nodes > 1:
        component = index.segment_component
        allowed = (component >= 0) & (index.component_nodes[np.maximum(component, 0)] >= min_component_nodes)
    segment, position, distance = _nearest(index, x_m, y_m, radius, allowed)
    position[position < _ON_JUNCTION] = 0.0
    position[position > 1.0 - _ON_JUNCTION] = 1.0
    return Snaps(ids, segment, position, distance, distance / (ACCESS_SPEED_KMH / 3.6))


def _nearest(
    index: SearchIndex, x_m: Floats, y_m: Floats, radius_m: float, allowed: npt.NDArray[np.bool_]
) -> tuple[Ints, Floats, Floats]:
    from carto_sante.travel._street_kernels import snap

    streets = index.streets
    segment, position, distance = snap(
        x_m, y_m, radius_m, streets.left_m, streets.bottom_m, BIN_M, streets.columns, streets.rows,
        streets.bin_offset, streets.ends_m, streets.share, streets.segment, allowed,
    )  # fmt: skip
    return segment, position, distance


def _far_distances(index: SearchIndex, snaps: Snaps, x_m: Floats, y_m: Floats) -> Floats:
    distance = np.full(len(x_m), np.nan)
    missing = ~snaps.is_placed
    if missing.any():
        allowed = np.ones(index.network.segment_count, np.bool_)
        distance[missing] = _nearest(index, x_m[missing], y_m[missing], _SEARCHED_M, allowed)[2]
    return np.where(np.isfinite(distance), distance, np.nan)


def components_of(index: SearchIndex, snaps: Snaps) -> tuple[Ints, LongInts]:
    """Return the strong component of each point and its number of nodes, -1 and 0 where there is none."""
    component = np.where(snaps.is_placed, index.segment_component[np.maximum(snaps.segment, 0)], -1)
    nodes = np.where(component >= 0, index.component_nodes[np.maximum(component, 0)], 0)
    return component.astype(np.int32), nodes


def statuses(index: SearchIndex, snaps: Snaps, x_m: Floats, y_m: Floats) -> npt.NDArray[np.object_]:
    """Return, in a word, what became of each point."""
    component, nodes = components_of(index, snaps)
    status = np.full(len(x_m), "ok", dtype=object)
    status[snaps.is_placed & (component > 0) & (nodes < ISOLATED_BELOW_NODES)] = "isolated"
    missing = ~snaps.is_placed
    status[missing] = "too far"
    if missing.any():
        status[np.flatnonzero(missing)[is_swapped(index.network, x_m[missing], y_m[missing])]] = "swapped coordinates"
    status[~(np.isfinite(x_m) & np.isfinite(y_m))] = "no coordinates"
    return status


def positions_m(index: SearchIndex, snaps: Snaps) -> tuple[Floats, Floats]:
    """Return where each point stands on its street, not a number where it has none."""
    import shapely

    network = index.network
    x, y = np.full(len(snaps.segment), np.nan), np.full(len(snaps.segment), np.nan)
    placed = np.flatnonzero(snaps.is_placed)
    number, which = np.unique(snaps.segment[placed], return_inverse=True)
    size = network.segment_offset[number + 1] - network.segment_offset[number]
    line = np.repeat(np.arange(len(number)), size)
    first = np.repeat(network.segment_offset[number] - (np.cumsum(size) - size), size)
    vertex = first + np.arange(len(line))
    lines = shapely.linestrings(network.vertex_x_m[vertex], network.vertex_y_m[vertex], indices=line)
    points = shapely.line_interpolate_point(lines[which], snaps.position[placed], normalized=True)
    x[placed], y[placed] = shapely.get_x(points), shapely.get_y(points)
    return x, y


def require_some(index: SearchIndex, snaps: Snaps, x_m: Floats, y_m: Floats, *, name: str, max_snap_m: float) -> None:
    """Raise when no point of a table could be placed, saying the likely cause.

    Raises
    ------
    NoResultError
        Naming the cause: an empty table, swapped coordinates, or the distance to the nearest street.
    """
    if snaps.is_placed.any():
        return
    if len(x_m) == 0:
        raise NoResultError(f"{name} is an empty table.", expected="at least one point")
    status = statuses(index, snaps, x_m, y_m)
    if (status == "swapped coordinates").any():
        raise NoResultError(
            f"{name} fall in France only when longitude and latitude are exchanged (first: {snaps.ids[0]!r}).",
            expected="longitude first, then latitude, before conversion to metres",
            next_step="Build the points again with points_from_xy(longitude, latitude, crs='EPSG:4326').",
        )
    distance = _far_distances(index, snaps, x_m, y_m)
    nearest = f"the nearest at {np.nanmin(distance):.0f} m" if np.isfinite(distance).any() else "none within 2 km"
    raise NoResultError(
        f"None of the {len(x_m)} points of {name} is within {max_snap_m:g} m of a {index.network.mode} street "
        f"({nearest}).",
        expected="points on the ground that the network covers",
        next_step="Check the points (at sea, another city?) and the extract, or raise max_snap_m.",
    )


def list_not_snapped(index: SearchIndex, snaps: Snaps, x_m: Floats, y_m: Floats, *, table: str) -> list[dict[str, Any]]:
    """Return one plain record per point left out: table, point, reason, distance to the nearest street."""
    missing = np.flatnonzero(~snaps.is_placed)
    if len(missing) == 0:
        return []
    part = Snaps(*(values[missing] for values in vars(snaps).values()))
    reason = statuses(index, part, x_m[missing], y_m[missing])
    distance = _far_distances(index, part, x_m[missing], y_m[missing])
    return [
        {
            "table": table,
            "point_id": str(snaps.ids[row]),
            "reason": str(reason[item]),
            "snap_distance_m": round(float(distance[item]), 1) if np.isfinite(distance[item]) else None,
            "component": None,
        }
        for item, row in enumerate(missing)
    ]


def list_isolated(index: SearchIndex, snaps: Snaps, *, table: str) -> list[dict[str, Any]]:
    """Return one plain record per point placed on a street that leads almost nowhere: little can be reached there."""
    component, nodes = components_of(index, snaps)
    return [
        {
            "table": table,
            "point_id": str(snaps.ids[row]),
            "reason": "isolated",
            "snap_distance_m": round(float(snaps.distance_m[row]), 1),
            "component": int(component[row]),
            "component_node_count": int(nodes[row]),
        }
        for row in np.flatnonzero(snaps.is_placed & (component > 0) & (nodes < ISOLATED_BELOW_NODES))
    ]


def links_of(index: SearchIndex, snaps: Snaps, *, is_leaving: bool) -> Links:
    """Return the nodes a point leads to (leaving) or is reached from (arriving), with the seconds to pay.

    A point part-way along an edge pays its share of the running time; the delay is paid on arriving at the
    edge's end, never on arriving at the point.
    """
    network = index.network
    offset, order = index.segment_edges
    segment = np.maximum(snaps.segment, 0)
    count = np.where(snaps.is_placed, offset[segment + 1] - offset[segment], 0)
    before = np.cumsum(count) - count
    point = np.repeat(np.arange(len(segment)), count)
    edge = order[offset[segment][point] + np.arange(len(point)) - before[point]]
    position = snaps.position[point]
    is_forward = network.edge_is_forward[edge]
    done = np.where(is_forward, position, 1.0 - position)
    running = network.edge_running_s[edge]
    if is_leaving:
        node, seconds = network.edge_target[edge], (1.0 - done) * running + network.edge_delay_s[edge]
    else:
        node, seconds = network.edge_source[edge], done * running
    # On a junction, every street that meets there can be taken, whichever of them the point was placed on.
    is_end = (position == 0.0) | (position == 1.0)
    at_source = (position == 0.0) == is_forward
    junction = np.where(at_source, network.edge_source[edge], network.edge_target[edge])
    point = np.concatenate([point, point[is_end]])
    node = np.concatenate([node, junction[is_end]])
    seconds = np.concatenate([seconds, np.zeros(int(is_end.sum()))])
    by_point = np.argsort(point, kind="stable")
    link_offset = np.concatenate([[0], np.cumsum(np.bincount(point, minlength=len(segment)))])
    return Links(
        link_offset.astype(np.int64),
        node[by_point].astype(np.int32),
        (seconds + snaps.access_s[point])[by_point],
    )
