"""``carto-sante isochrone``: where one can be in so many minutes, from a point or an address."""

from __future__ import annotations

import datetime as dt
import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carto_sante.errors import InputError, NoResultError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

# Nobody goes faster: what the extract holds farther than this is not read.
_FASTEST_KMH = {"walk": 7.0, "bike": 30.0, "drive": 130.0}

# The command knows no data date, and the file must not depend on the day it is written.
_FILE_DATE = dt.date(2000, 1, 1)

_MODES_FR = {"walk": "à pied", "bike": "à vélo", "drive": "en voiture"}

# Sequential greens, light for far (ColorBrewer Greens).
_COLOURS = ("#006d2c", "#31a354", "#74c476", "#bae4b3", "#edf8e9")


@click.command("isochrone")
@click.option(
    "--network", "network_path", required=True, type=click.Path(path_type=Path), help="OSM extract, PBF or XML."
)
@click.option(
    "--at", "places", multiple=True, metavar="LON,LAT", help="Longitude and latitude; several times for several sites."
)
@click.option(
    "--address", "addresses", multiple=True, help="Address, with --reference; several times for several sites."
)
@click.option("--reference", help="CSV of the BAN or BANO, or an index made from one: where --address is looked up.")
@click.option(
    "--mode", type=click.Choice(["walk", "bike", "drive"]), default="walk", show_default=True, help="How one travels."
)
@click.option("--minutes", default="5,10,15", show_default=True, help="Limits in minutes, with commas.")
@click.option(
    "--direction", type=click.Choice(["inbound", "outbound"]), default="inbound", show_default=True,
    help="Inbound: time to get to the site. Outbound: time from the site.",
)  # fmt: skip
@click.option(
    "--min-component", type=click.IntRange(1), default=1, show_default=True,
    help="Leave out streets cut off from the rest, in pieces of fewer junctions.",
)  # fmt: skip
@click.option("--dissolve", is_flag=True, help="One polygon per limit for all sites, the nearest one counting.")
@click.option(
    "--tolerance", "tolerance_m", type=float, default=0.0, show_default=True, help="Simplification, in metres."
)
@click.option(
    "--max-error",
    type=click.FloatRange(0, 1),
    default=0.25,
    show_default=True,
    help="Share of streets wrongly in or out.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write: .geojson or .gpkg.")
@click.option("--map", "map_path", type=click.Path(path_type=Path), help="Map to write; beside the result by default.")
@click.option("--no-map", is_flag=True, help="Draw no map.")
@click.option("--json", "as_json", is_flag=True, help="Print the measures as JSON.")
def command(
    network_path: Path, places: tuple[str, ...], addresses: tuple[str, ...], reference: str | None, mode: str,
    minutes: str, direction: str, min_component: int, dissolve: bool, tolerance_m: float, max_error: float, out: Path,
    map_path: Path | None, no_map: bool, as_json: bool,
) -> None:  # fmt: skip
    """Draw where one can be in so many minutes, as disjoint bands, each with its own error.

    \b
    Examples:
        carto-sante isochrone --network rennes.osm.pbf --at -1.68,48.11 --minutes 5,10,15 --out iso.geojson
        carto-sante isochrone --network rennes.osm.pbf --address "1 place de la Mairie, Rennes"
            --reference adresses-35.csv.gz --mode drive --minutes 10 --out iso.gpkg
    """
    from carto_sante.isochrones import compute_isochrones
    from carto_sante.network import read_osm
    from carto_sante.progress import Stages

    limits = parse_minutes(minutes)
    if out.suffix.lower() not in {".geojson", ".gpkg"}:
        raise InputError(f"--out is {out}.", expected="a name that ends with .geojson or .gpkg")
    stages = Stages(total=3 if no_map else 4)
    with stages.stage("Placing the sites"):
        sites = read_sites(places, addresses, reference)
    with stages.stage("Reading the network"):
        reach_m = max(limits) / 60 * _FASTEST_KMH[mode] * 1_000
        network = read_osm(network_path, mode=mode, area=sites, buffer_m=reach_m + 1_000)
    with stages.stage("Drawing the isochrones"):
        table = compute_isochrones(
            network, sites.to_crs(network.crs), limits_min=limits, direction=direction, shape="bands",
            dissolve=dissolve, tolerance_m=tolerance_m, max_error_share=max_error, min_component_nodes=min_component,
        )  # fmt: skip
        write_table(table, out)
    result: dict[str, Any] = {
        "bands": json.loads(table.drop(columns="geometry").to_json(orient="records")),
        "not_snapped": table.attrs["not_snapped"],
        "isolated": table.attrs["isolated"],
        "out": str(out),
    }
    if not no_map:
        target = map_path or out.with_suffix(".html")
        with stages.stage("Drawing the map"):
            write_map(table, sites, target)
        result["map"] = str(target)
    click.echo(json.dumps(result, ensure_ascii=False, indent=1) if as_json else _summary(result))


def parse_minutes(text: str) -> tuple[float, ...]:
    """Return limits written with commas.

    Raises
    ------
    InputError
        If one is not a number above zero.

    Examples
    --------
    >>> parse_minutes("5,10,15")
    (5.0, 10.0, 15.0)
    """
    try:
        limits = tuple(float(part) for part in text.split(","))
    except ValueError:
        limits = ()
    if not limits or not all(0 < limit < float("inf") for limit in limits):
        raise InputError(f"--minutes is {text!r}.", expected="numbers above zero with commas, as in 5,10,15")
    return limits


def parse_place(text: str) -> tuple[float, float]:
    """Return longitude and latitude.

    Raises
    ------
    InputError
        If they are not two numbers in range, or fall in France only when exchanged.

    Examples
    --------
    >>> parse_place("-1.68,48.11")
    (-1.68, 48.11)
    """
    expected = "longitude, then latitude, in degrees with a point, as in --at -1.68,48.11"
    try:
        longitude, latitude = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--at is {text!r}.", expected=expected) from None
    if is_in_france(latitude, longitude) and not is_in_france(longitude, latitude):
        raise InputError(
            f"--at {text} falls in France only when longitude and latitude are exchanged.",
            expected=expected,
            next_step=f"Write --at {latitude:g},{longitude:g}",
        )
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise InputError(f"--at is {text!r}, out of range.", expected=expected)
    return longitude, latitude


def is_in_france(longitude: float, latitude: float) -> bool:
    """Return whether a point is in the rectangle of a French territory."""
    from carto_sante.travel.checks import FRANCE_DEGREES

    return any(left <= longitude <= right and bottom <= latitude <= top for left, bottom, right, top in FRANCE_DEGREES)


def read_sites(places: tuple[str, ...], addresses: tuple[str, ...], reference: str | None) -> GeoDataFrame:
    """Return the sites, in WGS84, named by what was asked.

    Raises
    ------
    InputError
        If nothing is asked, a place cannot be read, or addresses come without a reference.
    NoResultError
        If an address is not found.
    """
    import geopandas as gpd
    import shapely

    if not places and not addresses:
        raise InputError("No site is given.", expected="--at LON,LAT or --address with --reference")
    if addresses and reference is None:
        raise InputError("--address needs --reference.", expected="--reference with a CSV of the BAN or an index of it")
    points = [shapely.Point(parse_place(text)) for text in places]
    labels = list(places)
    if addresses:
        import pandas as pd

        from carto_sante.geocoding import geocode

        found = geocode(pd.DataFrame({"address": list(addresses)}), str(reference))
        missing = found.geometry.isna() | found.geometry.is_empty
        if missing.any():
            reasons = found["geocode_reason"][missing]
            asked = pd.Series(addresses)[missing.to_numpy()]
            lines = [f"{address}: {reason}" for address, reason in zip(asked, reasons, strict=True)]
            raise NoResultError(
                f"{len(lines)} addresses were not found: {'; '.join(lines)}.",
                next_step="Write number, street, postcode and city, or give --at LON,LAT.",
            )
        points += list(found.geometry)
        labels += [f"{label} ({precision})" for label, precision in
                   zip(found["geocode_label"], found["geocode_precision"], strict=True)]  # fmt: skip
    return gpd.GeoDataFrame({"site_id": labels}, geometry=points, crs="EPSG:4326")


def write_table(table: GeoDataFrame, out: Path) -> None:
    """Write bands as GeoJSON (WGS84, RFC 7946) or GeoPackage (metric CRS), whole or not at all."""
    from carto_sante.exports.geopackage import write_geopackage
    from carto_sante.files import whole_file

    if out.suffix.lower() == ".gpkg":
        write_geopackage({"isochrones": table}, out, data_date=_FILE_DATE)
        return
    with whole_file(out) as part:
        part.write_text(_degrees(table).to_json(drop_id=True, ensure_ascii=False), encoding="utf-8")


def write_map(table: GeoDataFrame, sites: GeoDataFrame, path: Path) -> None:
    """Write a small map, in French: bands, sites, base map."""
    import folium

    from carto_sante.maps.base_maps import BASE_MAPS
    from carto_sante.maps.page import save_map

    base = BASE_MAPS["plan_ign"]
    drawn = folium.Map(tiles=base["url"], attr=base["attribution"], max_zoom=base["max_zoom"], control_scale=True)
    shown = _degrees(table)
    limits = sorted(set(shown["limit_min"]))
    mode = _MODES_FR[str(shown["mode"].iloc[0])]
    for limit in limits:
        colour = _COLOURS[min(limits.index(limit), len(_COLOURS) - 1)]
        band = shown.loc[shown["limit_min"] == limit]
        name = f"de {band['lower_min'].iloc[0]:g} à {limit:g} min {mode}"
        style = {"color": colour, "weight": 1, "fillColor": colour, "fillOpacity": 0.45}
        shapes = band[["geometry"]].to_json(drop_id=True)
        folium.GeoJson(shapes, name=name, style_function=lambda _, style=style: style, tooltip=name).add_to(drawn)
    for label, point in zip(sites["site_id"], sites.geometry, strict=True):
        style = {"radius": 6, "color": "#7a0177", "fill": True}
        folium.CircleMarker((point.y, point.x), tooltip=html.escape(str(label)), **style).add_to(drawn)
    folium.LayerControl(collapsed=False).add_to(drawn)
    left, bottom, right, top = shown.total_bounds
    drawn.fit_bounds([[float(bottom), float(left)], [float(top), float(right)]])
    save_map(drawn, path)


def _degrees(table: GeoDataFrame) -> GeoDataFrame:
    """Return a table in WGS84, to a tenth of a metre: more digits say nothing and weigh much."""
    import shapely

    shown = table.to_crs("EPSG:4326")
    return shown.set_geometry(shapely.set_precision(shown.geometry.to_numpy(), 1e-6), crs="EPSG:4326")


def _summary(result: dict[str, Any]) -> str:
    lines = [
        f"{band['site_id']}: {band['lower_min']:g}-{band['limit_min']:g} min, {band['area_km2']:.2f} km2, "
        f"{band['reachable_outside_share']:.1%} of the reachable streets out, "
        f"{band['unreachable_inside_share']:.1%} of the streets inside not reachable"
        for band in result["bands"]
    ]
    lines += [f"{row['point_id']}: not placed, {row['reason']}" for row in result["not_snapped"]]
    lines += [
        f"{row['point_id']}: stands on a street of {row['component_node_count']} junctions that leads nowhere else; "
        "--min-component 100 looks for the nearest street that does"
        for row in result["isolated"]
    ]
    lines += [result["out"], *([result["map"]] if "map" in result else [])]
    return "\n".join(lines)
