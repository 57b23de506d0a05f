"""Isochrones the slow way: one place at a time, by the nearest street and a networkx search."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely

from tests.oracles import travel


def seconds_at(network, site_snap, street_point, *, is_inbound):
    """Return the seconds between a snapped site and a street point (segment, position)."""
    place = (*street_point, 0.0)
    ends = (place, site_snap) if is_inbound else (site_snap, place)
    return travel.travel_time_s(network, *ends)


def is_within(network, site_snaps, point, *, limit_s, offset_m, is_inbound):
    """Return whether a place belongs to the isochrone of any of the sites."""
    segment, position, distance = travel.snap(network, point)
    if distance > offset_m:
        return False
    return any(seconds_at(network, snap, (segment, position), is_inbound=is_inbound) <= limit_s for snap in site_snaps)


def street_points(network, *, step_m, longest_m):
    """Return (x, y, metres, segment, position) of points all along the streets, cut as the package cuts them."""
    rows = []
    for k, line in enumerate(travel.lines_of(network)):
        done, total = 0.0, line.length
        xy = np.array(line.coords)
        for (x0, y0), (x1, y1) in pairwise(xy):
            length = np.hypot(x1 - x0, y1 - y0)
            pieces = max(1, int(np.ceil(length / longest_m)))
            parts = max(1, int(length / pieces / step_m + 0.5))
            for part in range(pieces * parts):
                share = (part + 0.5) / (pieces * parts)
                place = (done + share * length) / total if total else 0.0
                rows.append((x0 + share * (x1 - x0), y0 + share * (y1 - y0), length / pieces / parts, k, place))
            done += length
    return rows


def errors(network, site_snap, polygon, *, limit_s, is_inbound):
    """Return (reached metres, share of them outside, share not reached of the metres inside)."""
    reached = outside = inside = wrong = 0.0
    shapely.prepare(polygon)
    for x, y, metres, segment, position in street_points(network, step_m=10.0, longest_m=100.0):
        seconds = seconds_at(network, site_snap, (segment, position), is_inbound=is_inbound)
        is_reached, is_in = seconds <= limit_s, bool(shapely.contains_xy(polygon, x, y))
        reached += metres * is_reached
        outside += metres * (is_reached and not is_in)
        inside += metres * is_in
        wrong += metres * (is_in and not is_reached)
    return reached, outside / max(reached, 1e-9), wrong / max(inside, 1e-9)
