"""Run under a Python that has pyvalhalla 3.9 (and shapely): isochrones of Valhalla, timed, and their error.

``python valhalla_isochrones.py NETWORK.osm.pbf REQUEST.json`` where the request holds ``places`` (lon, lat),
``costing`` and ``minutes``; prints JSON: build seconds, milliseconds per polygon, shares of error.

The error is measured against Valhalla's own times: its ``expansion`` gives the time at the end of every directed
edge up to 2.5 times the limit, and a point every 10 m along each edge is reached when its time, interpolated, is
within the limit.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import shapely
import valhalla
from valhalla import Actor, get_config

STEP_M = 10.0


def build(extract, folder):
    (folder / "tiles").mkdir()
    config = get_config(tile_extract="", tile_dir=str(folder / "tiles"), verbose=False)
    config["service_limits"]["isochrone"]["max_time_contour"] = 240
    config["service_limits"]["isochrone"]["max_contours"] = 10
    path = folder / "valhalla.json"
    path.write_text(json.dumps(config))
    start = time.perf_counter()
    subprocess.run(
        [str(Path(valhalla.__file__).parent / "bin" / "valhalla_build_tiles"), "-c", str(path), str(extract)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return Actor(str(path)), time.perf_counter() - start


def request_of(place, costing, minutes, **extra):
    return json.dumps(
        {
            "locations": [{"lon": place[0], "lat": place[1]}],
            "costing": costing,
            "contours": [{"time": minutes}],
            "polygons": True,
            **extra,
        }
    )


def own_times(actor, place, costing, minutes):
    """Return points along the streets (lon, lat), their metres and their time in minutes, by Valhalla itself."""
    answer = json.loads(
        actor.expansion(
            request_of(
                place, costing, 2.5 * minutes, action="isochrone", skip_opposites=False, dedupe=True,
                expansion_properties=["duration", "edge_id", "pred_edge_id", "edge_status", "cost"],
            )
        )
    )  # fmt: skip
    end = {}
    edges = []
    for feature in answer["features"]:
        properties = feature["properties"]
        end[properties["edge_id"]] = properties["duration"]
        edges.append((feature["geometry"]["coordinates"], properties))
    streets = {}
    for line, properties in edges:
        start = end.get(properties.get("pred_edge_id"))
        if start is None or start > properties["duration"]:
            continue  # the first edge of the search is partial: its start is the place itself
        forward = tuple(map(tuple, line))
        backward = forward[::-1]
        key = min(forward, backward)
        streets.setdefault(key, []).append((forward == key, start / 60, properties["duration"] / 60))
    xs, ys, metres, minutes_of = [], [], [], []
    for line, ways in streets.items():
        xy = np.array(line)
        step = np.hypot(np.diff(xy[:, 0]) * 111_320 * np.cos(np.radians(place[1])), np.diff(xy[:, 1]) * 110_900)
        length = step.sum()
        if length == 0:
            continue
        count = max(1, int(length / STEP_M + 0.5))
        share = (np.arange(count) + 0.5) / count
        along = np.concatenate([[0], np.cumsum(step)]) / length
        best = np.full(count, np.inf)
        for is_forward, start, finish in ways:
            done = share if is_forward else 1 - share
            best = np.minimum(best, start + done * (finish - start))
        xs.append(np.interp(share, along, xy[:, 0]))
        ys.append(np.interp(share, along, xy[:, 1]))
        metres.append(np.full(count, length / count))
        minutes_of.append(best)
    return tuple(map(np.concatenate, (xs, ys, metres, minutes_of)))


def main():
    wanted = json.loads(Path(sys.argv[2]).read_text())
    with tempfile.TemporaryDirectory() as folder:
        actor, build_s = build(sys.argv[1], Path(folder))
        costing, minutes = wanted["costing"], wanted["minutes"]
        took, outside, wrong, areas = [], [], [], []
        for place in wanted["places"]:
            request = request_of(place, costing, minutes)
            actor.isochrone(request)
            turns = []
            for _ in range(3):
                start = time.process_time()
                answer = actor.isochrone(request)
                turns.append(time.process_time() - start)
            took.append(float(np.median(turns)) * 1e3)
            shape = shapely.from_geojson(json.dumps(json.loads(answer)["features"][0]["geometry"]))
            x, y, metres, times = own_times(actor, place, costing, minutes)
            shapely.prepare(shape)
            is_in, is_reached = shapely.contains_xy(shape, x, y), times <= minutes
            reached, inside = metres[is_reached].sum(), metres[is_in].sum()
            outside.append(metres[is_reached & ~is_in].sum() / max(reached, 1e-9))
            wrong.append(metres[is_in & ~is_reached].sum() / max(inside, 1e-9))
            areas.append(shapely.area(shape) * 111.32 * 110.9 * np.cos(np.radians(place[1])))
    print(
        json.dumps(
            {
                "build_s": build_s,
                "ms": float(np.mean(took)),
                "ms_median": float(np.median(took)),
                "outside": float(np.mean(outside)),
                "wrong": float(np.mean(wrong)),
                "area_km2": float(np.mean(areas)),
            }
        )
    )


if __name__ == "__main__":
    main()
