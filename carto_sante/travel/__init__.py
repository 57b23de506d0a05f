"""Travel times on a road network: snapping, one to all, many to many, the k nearest.

Every time is the exact shortest one on the network, plus the last metres walked to the street. Absent means out
of the limit; points that no street is near enough to are listed, never placed at random.
"""

from carto_sante.travel.matrix import compute_nearest, compute_travel_times
from carto_sante.travel.reach import compute_reach
from carto_sante.travel.snapping import ACCESS_SPEED_KMH, DEFAULT_MAX_SNAP_M, snap_points

__all__ = [
    "ACCESS_SPEED_KMH",
    "DEFAULT_MAX_SNAP_M",
    "compute_nearest",
    "compute_reach",
    "compute_travel_times",
    "snap_points",
]
