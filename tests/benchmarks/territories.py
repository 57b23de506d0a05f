"""Assignment and transfer beside geopandas and tobler, on zones and cells in numbers and shapes like France's.

Run: ``python tests/benchmarks/territories.py [assign|transfer|dasymetric|nested|overlay]...`` (everything by default).
Needs tobler beside the package. Each peer and ours are timed in turn in the same process, on fresh copies.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import shape_of_france as shape

from carto_sante.population import transfer_population
from carto_sante.population.overlay import shared_areas
from carto_sante.population.weights import area_weights
from carto_sante.territories import assign_territory, dissolve_territories


def timed(label, work):
    start = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - start
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{label:58s} {seconds:8.2f} s   peak {gigabytes:.1f} GB", flush=True)
    return found, seconds


def fresh(frame):
    return frame.set_geometry(gpd.GeoSeries(frame.geometry.to_numpy().copy(), index=frame.index, crs=frame.crs))


def assign(zones, cells):
    points = shape.practitioners()
    centres = gpd.GeoDataFrame(geometry=cells.geometry.centroid)
    timed("first call of an installation, compiling", lambda: assign_territory(points, zones))
    for name, table, turns in (("200,000 points", points, 5), ("2.3 M points", centres, 3)):
        ratios = []
        for _ in range(turns):
            left, right = fresh(table), fresh(zones)
            joined, peer = timed(f"geopandas.sjoin, {name}", lambda left=left, right=right: gpd.sjoin(left, right))
            left, right = fresh(table), fresh(zones)
            ours, mine = timed(
                f"assign_territory, {name}", lambda left=left, right=right: assign_territory(left, right)
            )
            ratios.append(peer / mine)
        first = joined.sort_values("territory_id")["territory_id"].groupby(level=0).first().reindex(ours.index)
        same = (first.fillna("") == ours["iris_id"].fillna("")).all()
        print(f"{name}: {min(ratios):.2f} to {max(ratios):.2f} times as fast; same zones: {same}", flush=True)


def transfer(zones, cells):
    from tobler.area_weighted import area_interpolate

    small = cells.iloc[:20_000]
    transfer_population(small, zones, method="area")
    ours, mine = timed(
        "transfer_population, 2.3 M cells to IRIS", lambda: transfer_population(cells, zones, method="area")
    )
    peer, other = timed(
        "tobler.area_interpolate, 2.3 M cells to IRIS",
        lambda: area_interpolate(cells, zones, extensive_variables=["population_count"], allocate_total=False),
    )
    # A zone that no cell touches is 0 for tobler and unknown for us.
    gap = np.nanmax(np.abs(peer["population_count"].to_numpy() - ours["population_count"].to_numpy()))
    report = ours.attrs["report"]
    print(f"{other / mine:.2f} times as fast; largest difference {gap:.4f} people (tobler keeps areas in 32 bits)")
    print(f"in {report['source_total']:.1f}, out {report['target_total']:.1f}, outside {report['outside_total']:.1f}")
    print(f"tobler: {peer['population_count'].sum():.1f} people", flush=True)


def dasymetric(zones, cells):
    communes = _communes(zones)
    source = zones[["territory_id", "geometry"]].assign(population_count=1_000.0, data_year=2019)
    shared_areas(np.asarray(cells.geometry.values[:20_000], dtype=object), *[_shapes(zones)] * 2)
    moved, _ = timed(
        "dasymetric, 48,400 IRIS to 36,000 communes by 2.3 M cells",
        lambda: transfer_population(source, communes, method="dasymetric", guide=cells),
    )
    report = moved.attrs["report"]
    print(f"in {report['source_total']:.1f}, out {report['target_total']:.1f}, outside {report['outside_total']:.1f}")


def nested(zones, _cells):
    from tobler.area_weighted import area_interpolate

    communes = _communes(zones)
    source = zones[["territory_id", "geometry"]].assign(population_count=1_000.0, data_year=2019)
    timed("area_weights, 48,400 IRIS to 36,000 communes", lambda: area_weights(_shapes(zones), _shapes(communes)))
    timed(
        "tobler.area_interpolate, 48,400 IRIS to 36,000 communes",
        lambda: area_interpolate(source, communes, extensive_variables=["population_count"]),
    )


def overlay(zones, cells):
    some = cells.iloc[:230_000]
    _, mine = timed("shared_areas, 230,000 cells", lambda: shared_areas(_shapes(some), _shapes(zones)))
    _, other = timed("geopandas.overlay, 230,000 cells", lambda: gpd.overlay(some, zones, keep_geom_type=True))
    print(f"{other / mine:.2f} times as fast", flush=True)


def _shapes(frame):
    return np.asarray(frame.geometry.values, dtype=object)


def _communes(zones):
    into = zones.set_index("territory_id")["commune_code"]
    return dissolve_territories(zones.drop(columns="commune_code"), into, level="commune")


if __name__ == "__main__":
    print("load:", Path("/proc/loadavg").read_text().split()[:3] if Path("/proc/loadavg").exists() else "unknown")
    all_zones, all_cells = shape.zones(), shape.cells()
    vertices = shapely.get_num_coordinates(all_zones.geometry.values).mean()
    print(f"{len(all_zones):,} zones of {vertices:.0f} vertices, {len(all_cells):,} cells", flush=True)
    for step in sys.argv[1:] or ["assign", "transfer", "dasymetric", "nested", "overlay"]:
        globals()[step](all_zones, all_cells)
