"""The road network as arrays, ready for compiled searches.

Two things are kept apart. *Segments* are pieces of street between two junctions, undirected, with their
drawn line; *edges* are the ways to travel along them, directed, with their time. A street open in both
directions is one segment and two edges; where a turn restriction splits a junction, a segment may carry more
than two edges, all drawn on the same line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pyproj import CRS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
LongInts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RoadNetwork:
    """A network for one mode, in a metric CRS.

    ``n`` nodes, ``m`` directed edges, ``s`` undirected segments.

    Attributes
    ----------
    mode : str
        "walk", "bike" or "drive".
    crs : pyproj.CRS
        Projected, in metres.
    node_x_m, node_y_m : float64 array, shape (n,)
        Position of the nodes.
    node_osm_id : int64 array, shape (n,)
        OSM identifier; nodes split by a turn restriction repeat it.
    node_component : int32 array, shape (n,)
        Strongly connected component, 0 for the largest.
    edge_offset : int32 array, shape (n + 1,)
        Edges leaving node ``i`` are ``edge_offset[i]:edge_offset[i + 1]`` (edges are sorted by source).
    edge_source, edge_target : int32 array, shape (m,)
        Ends of each edge.
    edge_running_s : float64 array, shape (m,)
        Seconds to run the whole edge at its speed.
    edge_delay_s : float64 array, shape (m,)
        Seconds lost on arriving at the target (junction, signal). The cost of an edge is the sum of both;
        a point part-way along pays its share of the running time and no delay.
    edge_segment : int32 array, shape (m,)
        Segment that the edge runs along.
    edge_is_forward : bool array, shape (m,)
        Whether it runs in the order of the segment's line.
    segment_offset : int64 array, shape (s + 1,)
        Vertices of segment ``k`` are ``segment_offset[k]:segment_offset[k + 1]``.
    vertex_x_m, vertex_y_m : float64 array
        Vertices of all segments, end to end.
    segment_length_m : float64 array, shape (s,)
        Length on the ground.
    segment_osm_id : int64 array, shape (s,)
        OSM way.
    notes : dict
        Counts of what was met and set aside (absent nodes, private ways, restrictions...), and the names and
        dates of the speed table and hypotheses used.
    """

    mode: str
    crs: CRS
    node_x_m: Floats
    node_y_m: Floats
    node_osm_id: LongInts
    node_component: Ints
    edge_offset: Ints
    edge_source: Ints
    edge_target: Ints
    edge_running_s: Floats
    edge_delay_s: Floats
    edge_segment: Ints
    edge_is_forward: Flags
    segment_offset: LongInts
    vertex_x_m: Floats
    vertex_y_m: Floats
    segment_length_m: Floats
    segment_osm_id: LongInts
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def node_count(self) -> int:
        """Return the number of nodes."""
        return len(self.node_x_m)

    @property
    def edge_count(self) -> int:
        """Return the number of directed edges."""
        return len(self.edge_source)

    @property
    def segment_count(self) -> int:
        """Return the number of undirected segments."""
        return len(self.segment_length_m)

    @property
    def largest_component_share(self) -> float:
        """Return the share of nodes in the largest strongly connected component."""
        return float(np.mean(self.node_component == 0)) if self.node_count else 0.0
