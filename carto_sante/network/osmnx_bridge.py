"""To and from the graphs of OSMnx and networkx.

A graph of OSMnx is read as OSM data: its tags go through the same rules and the same speed table as a file, so
both give the same times. Direction comes from the graph: a street that the graph has one way only stays so,
unless the rules of the mode say otherwise (walkers go both ways).
"""

from __future__ import annotations

import ast
import bz2
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.errors import CRSError, FileFormatError, InputError, NoResultError, SourceError
from carto_sante.files import require_file
from carto_sante.network.build import build_network
from carto_sante.network.extract import NODE_KEYS, RELATION_KEYS, UNITS_PER_DEGREE, WAY_KEYS, OsmExtract
from carto_sante.network.model import RoadNetwork
from carto_sante.network.osm import guess_crs
from carto_sante.network.speeds import SpeedTable, parse_maxspeed, speed_table

if TYPE_CHECKING:
    from networkx import MultiDiGraph
    from pyproj import CRS

#: Tags that OSMnx must keep for the rules to see them (its own default keeps a few only).
USEFUL_WAY_TAGS = (*WAY_KEYS, "name", "bridge", "tunnel", "lanes")
USEFUL_NODE_TAGS = NODE_KEYS


def from_osmnx(
    graph: MultiDiGraph,
    *,
    mode: str,
    speeds: SpeedTable | Path | str | None = None,
    crs: CRS | str | None = None,
) -> RoadNetwork:
    """Return the network of one mode from a graph of OSMnx.

    Parameters
    ----------
    graph : networkx.MultiDiGraph
        From OSMnx, simplified or not, in degrees or projected. Vertices of an unsimplified graph that only draw
        the street are contracted; the nodes of a simplified one are all kept. Where a simplified edge merges
        ways of several classes or limits, the slowest counts (`notes["edges_with_several_values"]`).
    mode : str
        "walk", "bike" or "drive".
    speeds : SpeedTable or path, optional
        As in `read_osm`.
    crs : CRS or str, optional
        Metric CRS of the network: by default that of the graph when it is metric, the legal one in France, the
        UTM zone elsewhere.

    Returns
    -------
    RoadNetwork
        Lengths are measured again on the ellipsoid from the coordinates (OSMnx measures on a sphere: up to 0.3 %
        apart). OSMnx graphs hold no turn restriction, so none is applied.

    Raises
    ------
    InputError
        If the graph is not one of OSMnx (no ``x``, ``y`` on nodes).
    CRSError
        If the graph has no CRS.
    NoResultError
        If no edge can be used by the mode.
    """
    from pyproj import CRS as ProjCRS

    table = speed_table(mode, speeds=speeds)
    if not len(graph):
        raise NoResultError("The graph has no node.", expected="a graph of OSMnx with nodes and edges")
    if "crs" not in graph.graph:
        raise CRSError("The graph has no CRS.", expected='graph.graph["crs"], as OSMnx sets it')
    own = ProjCRS.from_user_input(graph.graph["crs"])
    extract, several = _as_extract(graph, own, table)
    if crs is not None:
        metric = ProjCRS.from_user_input(crs)
    elif own.is_projected:
        metric = own
    else:
        middle = np.median(extract.node_lon), np.median(extract.node_lat)
        metric = ProjCRS.from_user_input(guess_crs(*(float(value) / UNITS_PER_DEGREE for value in middle)))
    if not metric.is_projected or metric.axis_info[0].unit_name not in {"metre", "meter"}:
        raise CRSError(f"{metric.name!r} is not in metres.", expected="a projected CRS in metres")
    keep = extract.node_id >= 0 if graph.graph.get("simplified") else None
    network = build_network(extract, table, crs=metric, keep=keep, source="The graph")
    network.notes["edges_with_several_values"] = several
    return network


def from_graphml(
    path: Path | str, *, mode: str, speeds: SpeedTable | Path | str | None = None, crs: CRS | str | None = None
) -> RoadNetwork:
    """Return the network of one mode from a GraphML file saved by OSMnx, compressed by bzip2 or not.

    Parameters
    ----------
    path : path
        ``.graphml`` or ``.graphml.bz2``.
    mode, speeds, crs
        As in `from_osmnx`.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    FileFormatError
        If it is not GraphML, or is cut.
    """
    import osmnx

    source = require_file(path, what="GraphML file")
    try:
        raw = bz2.decompress(source.read_bytes()) if source.suffix == ".bz2" else source.read_bytes()
        graph = osmnx.load_graphml(graphml_str=raw.decode("utf-8"))
    except (OSError, ValueError, KeyError, SyntaxError, EOFError) as error:
        raise FileFormatError(
            f"{source} cannot be read as GraphML: {error}.", expected="a file written by osmnx.save_graphml"
        ) from error
    return from_osmnx(graph, mode=mode, speeds=speeds, crs=crs)


def from_place(
    place: str, *, mode: str, speeds: SpeedTable | Path | str | None = None, crs: CRS | str | None = None
) -> RoadNetwork:
    """Return the network of one mode of a place by its name, from Overpass through OSMnx.

    Parameters
    ----------
    place : str
        What Nominatim understands: "Rennes, France".
    mode, speeds, crs
        As in `from_osmnx`.

    Raises
    ------
    SourceError
        If the place is not found or the servers do not answer.
    """
    import osmnx
    import requests

    speed_table(mode, speeds=speeds)
    try:
        with _osmnx_settings(osmnx):
            graph = osmnx.graph_from_place(
                place, simplify=False, retain_all=True, truncate_by_edge=True, custom_filter='["highway"]'
            )
    except (requests.RequestException, osmnx._errors.InsufficientResponseError, osmnx._errors.ResponseStatusCodeError,
            TypeError, ValueError) as error:  # fmt: skip
        raise SourceError(
            f"The streets of {place!r} could not be fetched from Overpass: {error}.",
            expected="a place that Nominatim knows as an area, and an Internet connection",
            next_step="Check the name on openstreetmap.org, or download an extract and use network.read_osm.",
        ) from error
    return from_osmnx(graph, mode=mode, speeds=speeds, crs=crs)


def to_osmnx(network: RoadNetwork) -> MultiDiGraph:
    """Return a graph in the layout of OSMnx, in degrees.

    Parameters
    ----------
    network : RoadNetwork
        Any network.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes are OSM identifiers with ``x`` and ``y`` (degrees); the second and further copies of a node cut by
        a barrier get a negative identifier. Edges have ``osmid``, ``length`` (metres), ``geometry``,
        ``reversed``, ``oneway``, ``speed_kph``, ``travel_time`` (seconds, with delays), ``running_s`` and
        ``delay_s``. Junctions split by a turn restriction are whole again: the graph allows those turns.
        `to_networkx` keeps them.
    """
    import networkx as nx
    import shapely

    crs = "EPSG:4326"
    x, y = _to_degrees(network.node_x_m, network.node_y_m, network)
    vertex_x, vertex_y = _to_degrees(network.vertex_x_m, network.vertex_y_m, network)
    keys, own = _node_keys(network)
    counts = np.diff(network.segment_offset)
    lines = shapely.linestrings(
        np.column_stack([vertex_x, vertex_y]), indices=np.repeat(np.arange(len(counts)), counts)
    )
    graph = nx.MultiDiGraph(crs=crs, simplified=True, created_with="carto_sante")
    kept_nodes = np.flatnonzero(own)
    for node, lon, lat in zip(keys[kept_nodes].tolist(), x[kept_nodes].tolist(), y[kept_nodes].tolist(), strict=True):
        graph.add_node(node, x=lon, y=lat)
    edges = _distinct_edges(network, keys)
    both = np.zeros((network.segment_count, 2), dtype=bool)
    both[network.edge_segment, network.edge_is_forward.astype(int)] = True
    for edge in edges.tolist():
        segment, is_forward = int(network.edge_segment[edge]), bool(network.edge_is_forward[edge])
        length, running = float(network.segment_length_m[segment]), float(network.edge_running_s[edge])
        delay = float(network.edge_delay_s[edge])
        graph.add_edge(
            int(keys[network.edge_source[edge]]),
            int(keys[network.edge_target[edge]]),
            osmid=int(network.segment_osm_id[segment]),
            length=length,
            geometry=lines[segment] if is_forward else lines[segment].reverse(),
            reversed=not is_forward,
            oneway=not both[segment].all(),
            speed_kph=3.6 * length / running if running > 0 else 0.0,
            travel_time=running + delay,
            running_s=running,
            delay_s=delay,
        )
    return graph


def to_networkx(network: RoadNetwork) -> MultiDiGraph:
    """Return the searchable graph itself, in the metric CRS, with the copies made by turn restrictions.

    Parameters
    ----------
    network : RoadNetwork
        Any network.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes ``0..n-1`` with ``x``, ``y``, ``osmid`` and ``component``; edges with ``travel_time`` and
        ``delay_s`` (seconds), ``length`` (metres) and ``segment``.
    """
    import networkx as nx

    graph = nx.MultiDiGraph(crs=network.crs.to_wkt())
    columns = (network.node_x_m, network.node_y_m, network.node_osm_id, network.node_component)
    for node, (x, y, osm_id, component) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        graph.add_node(node, x=x, y=y, osmid=osm_id, component=component)
    lengths = network.segment_length_m[network.edge_segment]
    edges = (network.edge_source, network.edge_target, network.edge_running_s, network.edge_delay_s, lengths,
             network.edge_segment)  # fmt: skip
    for source, target, running, delay, length, segment in zip(*(column.tolist() for column in edges), strict=True):
        graph.add_edge(source, target, travel_time=running + delay, delay_s=delay, length=length, segment=segment)
    return graph


def _to_degrees(x: Any, y: Any, network: RoadNetwork) -> tuple[Any, Any]:
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(network.crs, "EPSG:4326", always_xy=True).transform(x, y)
    # OSM has seven decimals; the eighth is noise of the projection.
    return np.round(lon, 7), np.round(lat, 7)


def _node_keys(network: RoadNetwork) -> tuple[Any, Any]:
    """Return the key of each node in the graph of OSMnx, and whether the node is the owner of its key."""
    copied = int(network.notes.get("nodes_copied_for_turns", 0))
    plain = network.node_count - copied
    keys = network.node_osm_id.copy()
    _, first = np.unique(keys[:plain], return_index=True)
    owner = np.zeros(network.node_count, dtype=bool)
    owner[first] = True
    cut = np.flatnonzero(~owner[:plain])
    owner[cut] = True
    keys[cut] = -(cut + 1)
    return keys, owner


def _distinct_edges(network: RoadNetwork, keys: Any) -> Any:
    """Return the edges without the repetitions that turn restrictions make."""
    table = np.column_stack([network.edge_segment, network.edge_is_forward.astype(np.int32)])
    _, first = np.unique(table, axis=0, return_index=True)
    order = np.lexsort(
        (network.edge_segment[first], keys[network.edge_target[first]], keys[network.edge_source[first]])
    )
    return first[order]


@contextmanager
def _osmnx_settings(osmnx: Any) -> Iterator[None]:
    """Let OSMnx keep the tags that the rules need, and put its global settings back."""
    before = osmnx.settings.useful_tags_way, osmnx.settings.useful_tags_node
    osmnx.settings.useful_tags_way, osmnx.settings.useful_tags_node = list(USEFUL_WAY_TAGS), list(USEFUL_NODE_TAGS)
    try:
        yield
    finally:
        osmnx.settings.useful_tags_way, osmnx.settings.useful_tags_node = before


class _Streets:
    """Streets of a graph: the two directions of one street are put together."""

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}
        self.chains: list[list[Any]] = []
        self.data: list[dict[str, Any]] = []
        self.directions: list[set[bool]] = []

    def add(self, u: Any, v: Any, inner: list[Any], data: dict[str, Any]) -> None:
        chain = [u, *inner, v]
        is_along = data.get("reversed") is not True
        if not is_along:
            chain.reverse()
        osmid = data.get("osmid")
        name = tuple(sorted(map(str, osmid))) if isinstance(osmid, list) else (str(osmid),)
        back = tuple(reversed(chain))
        if (place := self.places.get((name, back))) is not None and not self.directions[place] & {not is_along}:
            self.directions[place].add(not is_along)
            return
        place = self.places.setdefault((name, tuple(chain)), len(self.chains))
        if place == len(self.chains):
            self.chains.append(chain)
            self.data.append(data)
            self.directions.append(set())
        self.directions[place].add(is_along)


def _as_extract(graph: MultiDiGraph, own: Any, table: SpeedTable) -> tuple[OsmExtract, int]:
    """Return the graph as OSM data, and how many streets have several values of a tag that counts."""
    nodes = list(graph.nodes)
    missing = [node for node in nodes if "x" not in graph.nodes[node] or "y" not in graph.nodes[node]]
    if missing:
        raise InputError(f"{len(missing)} nodes of the graph have no x or y, the first {missing[0]!r}.",
                         expected="a graph of OSMnx")  # fmt: skip
    if not all(isinstance(node, int | np.integer) and node >= 0 for node in nodes):
        # Keys are kept when they are OSM identifiers; others are numbered.
        numbers = {node: number for number, node in enumerate(nodes)}
    else:
        numbers = {node: int(node) for node in nodes}
    streets = _Streets()
    for u, v, data in graph.edges(data=True):
        line = data.get("geometry")
        inner = [] if line is None else [tuple(point[:2]) for point in line.coords[1:-1]]
        streets.add(numbers[u], numbers[v], inner, data)
    ids: dict[Any, int] = {number: number for number in numbers.values()}
    xy = [(graph.nodes[node]["x"], graph.nodes[node]["y"]) for node in nodes]
    for place, chain in enumerate(streets.chains):
        for point in chain[1:-1]:
            # A vertex that draws one street belongs to that street only.
            if (place, point) not in ids:
                ids[(place, point)] = -len(xy) + len(nodes) - 1
                xy.append(point)
    refs = [ids[item] if not isinstance(item, tuple) else ids[(place, item)]
            for place, chain in enumerate(streets.chains) for item in chain]  # fmt: skip
    lon, lat = _degrees(np.array(xy, dtype=float).reshape(-1, 2), own)
    order = np.argsort(np.array(list(ids.values()), dtype=np.int64))
    return _extract_of(graph, streets, numbers, refs, np.array(list(ids.values()), dtype=np.int64)[order],
                       lon[order], lat[order], table)  # fmt: skip


def _degrees(xy: Any, own: Any) -> tuple[Any, Any]:
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(own, "EPSG:4326", always_xy=True).transform(xy[:, 0], xy[:, 1])
    if len(xy) and not (np.all(np.abs(lon) <= 180) and np.all(np.abs(lat) <= 90)):
        raise InputError("Coordinates of the graph are out of range.", expected="coordinates in the CRS of the graph")
    return np.round(lon * UNITS_PER_DEGREE).astype(np.int32), np.round(lat * UNITS_PER_DEGREE).astype(np.int32)


def _extract_of(
    graph: MultiDiGraph, streets: _Streets, numbers: Any, refs: Any, ids: Any, lon: Any, lat: Any, table: SpeedTable
) -> tuple[OsmExtract, int]:
    values: dict[str, int] = {"": 0}

    def row(tags: dict[str, str], keys: tuple[str, ...]) -> list[int]:
        return [values.setdefault(tags.get(key, ""), len(values)) for key in keys]

    several, way_tags, way_ids = 0, [], []
    for data, directions in zip(streets.data, streets.directions, strict=True):
        tags, has_several = _way_tags(data, directions, table)
        several += has_several
        way_tags.append(row(tags, WAY_KEYS))
        osmid = data.get("osmid", 0)
        osmid = osmid[0] if isinstance(osmid, list) and osmid else osmid
        way_ids.append(int(osmid) if isinstance(osmid, int | np.integer) or str(osmid).isdigit() else 0)
    tagged = [node for node in graph.nodes if graph.nodes[node].get("highway") or graph.nodes[node].get("barrier")]
    tagged.sort(key=lambda node: numbers[node])
    empty = np.empty(0, dtype=np.int64)
    extract = OsmExtract(
        way_id=np.array(way_ids, dtype=np.int64),
        way_tags=np.array(way_tags, dtype=np.int32).reshape(-1, len(WAY_KEYS)),
        way_ref_offset=np.concatenate([[0], np.cumsum([len(chain) for chain in streets.chains])]).astype(np.int64),
        way_refs=np.array(refs, dtype=np.int64),
        node_id=ids,
        node_lon=lon,
        node_lat=lat,
        tagged_node_id=np.array([numbers[node] for node in tagged], dtype=np.int64),
        tagged_node_tags=np.array(
            [row({key: str(value) for key, value in graph.nodes[node].items()}, NODE_KEYS) for node in tagged],
            dtype=np.int32,
        ).reshape(-1, len(NODE_KEYS)),
        relation_id=empty,
        relation_tags=np.empty((0, len(RELATION_KEYS)), dtype=np.int32),
        member_offset=np.zeros(1, dtype=np.int64),
        member_ref=empty,
        member_type=empty.astype(np.int32),
        member_role=empty.astype(np.int32),
        values=list(values),
        reader="osmnx",
    )
    return extract, several


def _way_tags(data: dict[str, Any], directions: set[bool], table: SpeedTable) -> tuple[dict[str, str], bool]:
    """Return the OSM tags of a street of the graph, and whether one that counts had several values."""
    tags, has_several = {}, False
    for key in WAY_KEYS:
        value = _value(data.get(key))
        if isinstance(value, list):
            has_several = has_several or key in {"highway", "maxspeed"}
            value = _slowest(key, [str(item) for item in value], table)
        if value is not None and key != "oneway":
            tags[key] = str(value)
    oneway = _value(data.get("oneway"))
    oneway = any(oneway) if isinstance(oneway, list) and all(isinstance(item, bool) for item in oneway) else oneway
    if oneway is True or oneway == "True":
        tags["oneway"] = "yes"
    elif oneway is False or oneway == "False" or oneway is None:
        if len(directions) == 1:  # its twin was taken out of the graph
            only = "yes" if True in directions else "-1"
            tags |= {"oneway": only, "oneway:bicycle": only, "oneway:foot": only}
    else:
        tags["oneway"] = str(oneway)
    return tags, has_several


def _value(value: Any) -> Any:
    """Read back what GraphML holds as text: lists, and absent values."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return value
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return value


def _slowest(key: str, values: list[str], table: SpeedTable) -> str:
    if key == "highway":
        known = [value for value in values if value in table.classes]
        return min(known, key=lambda value: (table.classes[value].free_kmh, value)) if known else values[0]
    if key == "maxspeed":
        return min(values, key=lambda value: (parse_maxspeed(value) or 999.0, value))
    return values[0]
