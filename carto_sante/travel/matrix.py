"""Travel times between many origins and many destinations, and the k nearest destinations."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.errors import InputError
from carto_sante.network.model import Floats, Ints, RoadNetwork
from carto_sante.travel.checks import check_direction, check_limit_s, ids_of
from carto_sante.travel.index import Graph, SearchIndex, search_index
from carto_sante.travel.snapping import (
    DEFAULT_MAX_SNAP_M,
    Links,
    Snaps,
    coordinates_of,
    links_of,
    list_isolated,
    list_not_snapped,
    place,
    require_some,
)

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: A table of times longer than this is refused: it would not fit in the memory of a desktop machine.
MOST_ROWS = 60_000_000

#: Without limit and from as many points at least, the network is contracted first: a second or two for a city.
HIERARCHY_FROM_SOURCES = 200

_SOURCES_PER_TASK = 32

# Rows of one task at most, so that a table too long is refused before it fills the memory.
_ROWS_PER_TASK = 4_000_000

#: Takes a first and a last source; gives source, target and seconds of their pairs.
Searcher = Callable[[int, int], tuple[Ints, Ints, Floats]]


@dataclass(frozen=True)
class _Sides:
    """Origins and destinations placed on a network."""

    origins: Snaps
    destinations: Snaps
    not_snapped: list[dict[str, Any]]
    isolated: list[dict[str, Any]]


def compute_travel_times(
    network: RoadNetwork,
    origins: GeoDataFrame,
    destinations: GeoDataFrame,
    *,
    limit_min: float | None,
    direction: str = "inbound",
    max_snap_m: float = DEFAULT_MAX_SNAP_M,
    origin_column: str | None = None,
    destination_column: str | None = None,
    min_component_nodes: int = 1,
) -> pd.DataFrame:
    """Compute the shortest times between all origins and destinations within a limit.

    Parameters
    ----------
    network : RoadNetwork
        Network of one mode.
    origins, destinations : GeoDataFrame
        Points in the CRS of the network.
    limit_min : float or None
        Longest time kept, in minutes, itself included; None keeps all that can be reached.
    direction : {"inbound", "outbound"}, default "inbound"
        Inbound is the way to the destination (patients go to the surgery), outbound the way from the
        destination to the origin (the nurse goes to the patients).
    max_snap_m : float, default 300
        Farther from any street, a point is left out and listed.
    origin_column, destination_column : str, optional
        Columns of identifiers; by default ``origin_id`` and ``destination_id`` (or ``site_id``,
        ``territory_id``, ``point_id``) when there is one, else the index.
    min_component_nodes : int, default 1
        See `snap_points`.

    Returns
    -------
    DataFrame
        `carto_sante.schemas.TRAVEL_TIMES`: ``origin_id``, ``destination_id``, ``mode``, ``travel_time_min``, one
        row per pair within the limit, by origin then destination in the order of the tables. An absent row
        means out of the limit. The last metres to the street are walked and count. ``attrs["not_snapped"]``
        lists the points left out (table, point_id, reason, snap_distance_m, component), and ``attrs["isolated"]``
        those whose street leads almost nowhere, so that few rows or none are to be expected.

    Raises
    ------
    CRSError
        If a table has no CRS, or not that of the network.
    SchemaError
        If identifiers are empty or repeated.
    InputError
        If the limit is zero or negative, or more than 60 million pairs are within it.
    NoResultError
        If no origin, or no destination, is near a street.

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
    >>> times = compute_travel_times(network, table, table, limit_min=20)
    >>> times.columns.tolist()
    ['origin_id', 'destination_id', 'mode', 'travel_time_min']
    >>> times[["origin_id", "destination_id"]].values.tolist()
    [['a', 'a'], ['a', 'b'], ['b', 'a'], ['b', 'b']]
    >>> len(compute_travel_times(network, table, table, limit_min=5))
    2
    """
    is_inbound = check_direction(direction)
    limit_s = check_limit_s(limit_min)
    index = search_index(network)
    sides = _place_both(
        index, origins, destinations, max_snap_m, (origin_column, destination_column), min_component_nodes
    )
    origin, destination, seconds = _pairs(index, sides.origins, sides.destinations, limit_s, is_inbound)
    table = _table(network, sides, origin, destination, seconds)
    table.attrs["not_snapped"], table.attrs["isolated"] = sides.not_snapped, sides.isolated
    return table


def compute_nearest(
    network: RoadNetwork,
    origins: GeoDataFrame,
    destinations: GeoDataFrame,
    *,
    k: int,
    limit_min: float | None = None,
    direction: str = "inbound",
    max_snap_m: float = DEFAULT_MAX_SNAP_M,
    origin_column: str | None = None,
    destination_column: str | None = None,
    min_component_nodes: int = 1,
) -> pd.DataFrame:
    """Compute, for each origin, its k nearest destinations by travel time.

    One search from all destinations at once: the cost depends little on the number of origins.

    Parameters
    ----------
    network, origins, destinations, direction, max_snap_m, origin_column, destination_column, min_component_nodes
        As in `compute_travel_times`.
    k : int
        How many destinations to keep.
    limit_min : float, optional
        Longest time, in minutes; without limit by default.

    Returns
    -------
    DataFrame
        `carto_sante.schemas.TRAVEL_TIMES` and ``nearest_rank`` (from 1), by origin then rank. Fewer than k rows
        where fewer can be reached. Equal times are ranked in the order of the destinations.

    Raises
    ------
    CRSError, SchemaError, InputError, NoResultError
        As `compute_travel_times`, and if k is not a whole number above zero.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k is {k!r}.", expected="a whole number of destinations, one or more")
    is_inbound = check_direction(direction)
    limit_s = check_limit_s(limit_min)
    index = search_index(network)
    sides = _place_both(
        index, origins, destinations, max_snap_m, (origin_column, destination_column), min_component_nodes
    )
    wanted = int(min(k, len(sides.destinations.ids)))
    origin, destination, seconds, rank = _nearest_pairs(index, sides, wanted, limit_s, is_inbound)
    table = _table(network, sides, origin, destination, seconds)
    table["nearest_rank"] = rank
    table.attrs["not_snapped"], table.attrs["isolated"] = sides.not_snapped, sides.isolated
    return table


def _place_both(
    index: SearchIndex,
    origins: GeoDataFrame,
    destinations: GeoDataFrame,
    max_snap_m: float,
    columns: tuple[str | None, str | None],
    min_component_nodes: int,
) -> _Sides:
    snaps: list[Snaps] = []
    listed: list[dict[str, Any]] = []
    isolated: list[dict[str, Any]] = []
    usual = (("origin_id", "territory_id", "point_id"), ("destination_id", "site_id", "facility_id", "point_id"))
    for name, points, column, names in zip(
        ("origins", "destinations"), (origins, destinations), columns, usual, strict=True
    ):
        x, y = coordinates_of(index.network, points, name=name)
        ids = ids_of(points, column=column, usual=names, name=name)
        placed = place(index, ids=ids, x_m=x, y_m=y, max_snap_m=max_snap_m, min_component_nodes=min_component_nodes)
        require_some(index, placed, x, y, name=name, max_snap_m=max_snap_m)
        listed += list_not_snapped(index, placed, x, y, table=name)
        isolated += list_isolated(index, placed, table=name)
        snaps.append(placed)
    return _Sides(snaps[0], snaps[1], listed, isolated)


def _pairs(
    index: SearchIndex, origins: Snaps, destinations: Snaps, limit_s: float, is_inbound: bool
) -> tuple[Ints, Ints, Floats]:
    """Return origin, destination and seconds of the pairs within the limit, searching from the shorter side."""
    from_origins = len(origins.ids) <= len(destinations.ids)
    sources, targets = (origins, destinations) if from_origins else (destinations, origins)
    # Travel runs origin to destination when inbound; a search against it runs on the reversed graph.
    source, target, seconds = _search_many(index, sources, targets, limit_s, is_outward=from_origins == is_inbound)
    if from_origins:
        return source, target, seconds

    from carto_sante.travel._kernels import group_by

    order = group_by(target, len(origins.ids))[1]  # stable: destinations stay in order
    return target[order], source[order], seconds[order]


def _search_many(
    index: SearchIndex, sources: Snaps, targets: Snaps, limit_s: float, *, is_outward: bool
) -> tuple[Ints, Ints, Floats]:
    """Return source, target and seconds of the pairs within the limit, by source then target."""
    from carto_sante.travel._kernels import group_by

    seeds = links_of(index, sources, is_leaving=is_outward)
    links = links_of(index, targets, is_leaving=not is_outward)
    placed = np.flatnonzero(targets.is_placed).astype(np.int32)
    target_offset, target_order = group_by(targets.segment[placed], index.network.segment_count)
    streets = (
        sources.segment, sources.position, sources.access_s,
        target_offset, placed[target_order], targets.position, targets.access_s,
        *index.segment_edges, index.edge_is_forward, index.network.edge_running_s, is_outward,
    )  # fmt: skip
    if limit_s == np.inf and len(sources.ids) >= HIERARCHY_FROM_SOURCES:
        climbing = index.hierarchy
        if climbing is not None:
            run = climbing.searcher(seeds, links, streets, len(targets.ids), is_outward=is_outward)
            return _gather(run, len(sources.ids), len(targets.ids))
    searcher = _bucket_searcher(index, seeds, links, streets, limit_s, is_outward=is_outward)
    return _gather(searcher, len(sources.ids), len(targets.ids))


def _bucket_searcher(
    index: SearchIndex, seeds: Links, links: Links, streets: tuple[Any, ...], limit_s: float, *, is_outward: bool
) -> Searcher:
    from carto_sante.travel._kernels import group_by, search_many

    graph = index.forward if is_outward else index.backward
    link_offset, order = group_by(links.node, index.network.node_count)
    target_count = len(links.offset) - 1
    link_point = np.repeat(np.arange(target_count, dtype=np.int32), np.diff(links.offset))[order]
    link_s = links.seconds[order]
    spread = float(seeds.seconds.max(initial=0.0))

    def run(first: int, last: int) -> tuple[Ints, Ints, Floats]:
        with index.room(spread_s=spread) as room:
            found: tuple[Ints, Ints, Floats] = search_many(
                graph.offset, graph.head, graph.cost, limit_s, index.buckets_per_s, *room.arrays,
                first, last, seeds.offset, seeds.node, seeds.seconds, link_offset, link_point, link_s,
                *streets, np.full(target_count, np.inf),
            )  # fmt: skip
        return found

    return run


def _gather(run: Searcher, count: int, target_count: int) -> tuple[Ints, Ints, Floats]:
    """Run the searches on every core, in order, stopping as soon as the table would be too long."""
    step = max(1, min(_SOURCES_PER_TASK, _ROWS_PER_TASK // max(1, target_count)))
    firsts = range(0, count, step)
    lasts = [min(first + step, count) for first in firsts]
    parts: list[tuple[Ints, Ints, Floats]] = []
    rows = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ahead = 4 * (os.cpu_count() or 1)
        for block in range(0, len(firsts), ahead):
            for part in pool.map(run, firsts[block : block + ahead], lasts[block : block + ahead]):
                rows += len(part[0])
                parts.append(part)
            if rows > MOST_ROWS:
                done = min(1.0, (block + ahead) / len(firsts))
                raise InputError(
                    f"More than {MOST_ROWS:,} pairs are within the limit, after {done:.0%} of the searches.",
                    expected="a table that fits in memory",
                    next_step="Lower limit_min, use compute_nearest, or pass the origins in several calls.",
                )
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
    )


def _nearest_pairs(
    index: SearchIndex, sides: _Sides, wanted: int, limit_s: float, is_inbound: bool
) -> tuple[Ints, Ints, Floats, Ints]:
    from carto_sante.travel._kernels import search_nearest

    graph: Graph = index.backward if is_inbound else index.forward
    seeds = links_of(index, sides.destinations, is_leaving=not is_inbound)
    links = links_of(index, sides.origins, is_leaving=is_inbound)
    seed_owner = np.repeat(np.arange(len(sides.destinations.ids), dtype=np.int32), np.diff(seeds.offset))
    owner, seconds = search_nearest(
        graph.offset, graph.head, graph.cost, seeds.node, seeds.seconds, seed_owner, limit_s, wanted
    )
    origin = np.repeat(np.arange(len(sides.origins.ids)), np.diff(links.offset))
    candidates = np.column_stack(
        [np.repeat(origin, wanted), owner[links.node].ravel(), (seconds[links.node] + links.seconds[:, None]).ravel()]
    )
    candidates = np.vstack([candidates, _same_street(index, sides, is_inbound)])
    candidates = candidates[(candidates[:, 1] >= 0) & (candidates[:, 2] <= limit_s)]
    candidates = candidates[np.lexsort((candidates[:, 2], candidates[:, 1], candidates[:, 0]))]
    is_first = np.ones(len(candidates), dtype=bool)
    is_first[1:] = np.any(candidates[1:, :2] != candidates[:-1, :2], axis=1)
    candidates = candidates[is_first]
    candidates = candidates[np.lexsort((candidates[:, 1], candidates[:, 2], candidates[:, 0]))]
    origins = candidates[:, 0].astype(np.int64)
    start = np.searchsorted(origins, origins)
    rank = np.arange(len(origins)) - start + 1
    kept = rank <= wanted
    return (
        origins[kept].astype(np.int32),
        candidates[kept, 1].astype(np.int32),
        candidates[kept, 2],
        rank[kept].astype(np.int32),
    )


def _same_street(index: SearchIndex, sides: _Sides, is_inbound: bool) -> Floats:
    """Return (origin, destination, seconds) of the pairs that share a street, without leaving it."""
    import pandas as pd

    network = index.network
    tables = []
    for name, snaps in (("origin", sides.origins), ("destination", sides.destinations)):
        rows = np.flatnonzero(snaps.is_placed)
        tables.append(
            pd.DataFrame(
                {
                    "segment": snaps.segment[rows],
                    name: rows,
                    f"{name}_position": snaps.position[rows],
                    f"{name}_access_s": snaps.access_s[rows],
                }
            )
        )
    edges = pd.DataFrame(
        {
            "segment": network.edge_segment,
            "is_forward": index.edge_is_forward,
            "running_s": network.edge_running_s,
        }
    )
    pairs = tables[0].merge(tables[1], on="segment", validate="many_to_many")
    pairs = pairs.merge(edges, on="segment", validate="many_to_many")
    step = pairs["destination_position"] - pairs["origin_position"]
    step = step.where(pairs["is_forward"] == is_inbound, -step)
    pairs["seconds"] = step * pairs["running_s"] + pairs["origin_access_s"] + pairs["destination_access_s"]
    pairs = pairs[step >= 0]
    result: Floats = pairs[["origin", "destination", "seconds"]].to_numpy(dtype=np.float64)
    return result


def _table(network: RoadNetwork, sides: _Sides, origin: Ints, destination: Ints, seconds: Floats) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "origin_id": pd.array(sides.origins.ids, dtype="str").take(origin),
            "destination_id": pd.array(sides.destinations.ids, dtype="str").take(destination),
            "mode": pd.array([network.mode], dtype="str").take(np.zeros(len(seconds), np.int64)),
            "travel_time_min": seconds / 60.0,
        }
    )
