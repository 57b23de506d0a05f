"""Times of Valhalla for pairs of points; runs in Valhalla's own environment (Python 3.12, pyvalhalla 3.9.1).

Reads a JSON object from stdin: {"config": path, "costing": name, "options": {}, "pairs": [[lon, lat, lon, lat]],
"details": bool}; writes a list of {"time", "length_m"[, "edges"]} (null where there is no route) to the file named by
its argument.
"""

import json
import sys
from pathlib import Path

import valhalla

request = json.load(sys.stdin)
actor = valhalla.Actor(request["config"])
costing = request["costing"]
results = []
for west, south, east, north in request["pairs"]:
    query = {
        "locations": [{"lon": west, "lat": south}, {"lon": east, "lat": north}],
        "costing": costing,
        "costing_options": {costing: request["options"]},
        "directions_type": "none",
    }
    try:
        answer = actor.route(query)
    except RuntimeError:
        results.append(None)
        continue
    if isinstance(answer, str):
        answer = json.loads(answer)
    leg = answer["trip"]["legs"][0]
    found = {
        "time": leg["summary"]["time"],
        "length_m": leg["summary"]["length"] * 1000,
        "has_ferry": bool(leg["summary"].get("has_ferry")),
    }
    if request["details"]:
        found["shape"] = leg["shape"]
        trace = {
            "encoded_polyline": leg["shape"],
            "costing": costing,
            "shape_match": "edge_walk",
            "costing_options": {costing: request["options"]},
            "filters": {
                "action": "include",
                "attributes": [
                    "edge.length",
                    "edge.speed",
                    "edge.road_class",
                    "edge.use",
                    "edge.way_id",
                    "edge.speed_type",
                    "edge.density",
                    "edge.surface",
                    "edge.cycle_lane",
                    "node.transition_time",
                    "node.elapsed_time",
                    "node.type",
                    "node.intersecting_edge.use",
                    "node.admin_index",
                ],
            },
        }
        try:
            matched = actor.trace_attributes(trace)
            matched = json.loads(matched) if isinstance(matched, str) else matched
            found["edges"] = matched["edges"]
        except RuntimeError as error:
            found["edges"] = None
            found["why"] = str(error)
    results.append(found)
# stdout carries the log of Valhalla
Path(sys.argv[1]).write_text(json.dumps(results), encoding="utf-8")
