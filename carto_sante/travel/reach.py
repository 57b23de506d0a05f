"""Everything that can be reached from a site, or from which a site can be reached, within a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carto_sante.network.model import Floats, Ints, RoadNetwork
from carto_sante.travel.checks import check_direction, check_limit_s, ids_of
from carto_sante.travel.index import SearchIndex, search_index
from carto_sante.travel.snapping import (
    DEFAULT_MAX_SNAP_M,
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


def compute_reach(
    network: RoadNetwork,
    sites: GeoDataFrame,
    *,
    limit_min: float | None,
    direction: str = "inbound",
    max_snap_m: float = DEFAULT_MAX_SNAP_M,
    site_column: str | None = None,
    min_component_nodes: int = 1,
) -> pd.DataFrame:
    """Compute the time between each site and every junction within a limit.

    Parameters
    ----------
    network : RoadNetwork
        Network of one mode.
    sites : GeoDataFrame
        Points in the CRS of the network.
    limit_min : float or None
        Longest time kept, in minutes; None keeps all that can be reached.
    direction : {"inbound", "outbound"}, default "inbound"
        Inbound is the time from the junction to the site, outbound from the site to the junction.
    max_snap_m, min_component_nodes
        See `snap_points`.
    site_column : str, optional
        Column of identifiers; by default ``site_id`` when there is one, else the index.

    Returns
    -------
    DataFrame
        ``site_id``, ``node`` (its number in the network), ``node_osm_id``, ``mode``, ``travel_time_min``, by site then
        node; ``attrs["not_snapped"]`` and ``attrs["isolated"]`` as in `compute_travel_times`.

    Raises
    ------
    CRSError, SchemaError, InputError, NoResultError
        As `compute_travel_times`.
    """
    import pandas as pd

    is_inbound = check_direction(direction)
    limit_s = check_limit_s(limit_min)
    index = search_index(network)
    x, y = coordinates_of(network, sites, name="sites")
    ids = ids_of(sites, column=site_column, usual=("site_id", "facility_id", "point_id"), name="sites")
    snaps = place(index, ids=ids, x_m=x, y_m=y, max_snap_m=max_snap_m, min_component_nodes=min_component_nodes)
    require_some(index, snaps, x, y, name="sites", max_snap_m=max_snap_m)
    seeds = links_of(index, snaps, is_leaving=not is_inbound)
    site, node, seconds = [], [], []
    for row in range(len(ids)):
        part = slice(int(seeds.offset[row]), int(seeds.offset[row + 1]))
        reached, time_s = reach_nodes(
            index, seeds.node[part], seeds.seconds[part], limit_s=limit_s, is_outward=not is_inbound
        )
        order = np.argsort(reached)
        site.append(np.full(len(order), row))
        node.append(reached[order])
        seconds.append(time_s[order])
    nodes = np.concatenate(node)
    table = pd.DataFrame(
        {
            "site_id": pd.array(ids, dtype="str").take(np.concatenate(site)),
            "node": nodes,
            "node_osm_id": network.node_osm_id[nodes],
            "mode": pd.array([network.mode], dtype="str").take(np.zeros(len(nodes), np.int64)),
            "travel_time_min": np.concatenate(seconds) / 60.0,
        }
    )
    table.attrs["not_snapped"] = list_not_snapped(index, snaps, x, y, table="sites")
    table.attrs["isolated"] = list_isolated(index, snaps, table="sites")
    return table


def reach_nodes(
    index: SearchIndex, seed_node: Ints, seed_s: Floats, *, limit_s: float, is_outward: bool
) -> tuple[Ints, Floats]:
    """Return the nodes within a limit of several seeds, in no order, and their seconds.

    Outward follows the edges; otherwise the time is that of the way back to the seeds.
    """
    from carto_sante.travel._kernels import reset, search

    graph = index.forward if is_outward else index.backward
    with index.room(spread_s=float(seed_s.max(initial=0.0))) as room:
        count = search(
            graph.offset, graph.head, graph.cost, seed_node, seed_s, limit_s, index.buckets_per_s, *room.arrays
        )
        node = room.touched[:count].copy()
        seconds = room.time[node]
        reset(room.time, room.touched, count)
    return node, seconds
