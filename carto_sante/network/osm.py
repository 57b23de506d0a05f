"""Read a network from an OSM file, whole or clipped to a study area and its buffer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.crs import METROPOLITAN_CRS, require_crs
from carto_sante.errors import CRSError, InputError, NoResultError
from carto_sante.files import require_file
from carto_sante.network.build import build_network
from carto_sante.network.extract import UNITS_PER_DEGREE, OsmExtract
from carto_sante.network.model import RoadNetwork
from carto_sante.network.osmium_reader import read_with_osmium
from carto_sante.network.pbf import UnusualPbf, read_pbf
from carto_sante.network.speeds import SpeedTable, speed_table

if TYPE_CHECKING:
    from geopandas import GeoDataFrame, GeoSeries
    from pyproj import CRS

#: Around a study area, so that the way out of it and back is not lost at its edge.
DEFAULT_BUFFER_M = 5_000.0
# Longitudes and latitudes of metropolitan France, and of the overseas départements with their legal CRS.
_FRENCH_BOXES = {
    (-5.5, 41.2, 9.7, 51.2): METROPOLITAN_CRS,
    (-63.3, 14.2, -60.7, 18.3): "EPSG:5490",
    (-54.7, 2.0, -51.5, 6.0): "EPSG:2972",
    (55.1, -21.5, 55.9, -20.8): "EPSG:2975",
    (-56.5, 46.7, -56.1, 47.2): "EPSG:4467",
    (44.9, -13.1, 45.4, -12.5): "EPSG:4471",
}


def read_osm(
    path: Path | str,
    *,
    mode: str,
    area: GeoDataFrame | GeoSeries | None = None,
    buffer_m: float = DEFAULT_BUFFER_M,
    speeds: SpeedTable | Path | str | None = None,
    crs: CRS | str | None = None,
) -> RoadNetwork:
    """Return the network of one mode from an OSM file.

    Parameters
    ----------
    path : path
        OSM PBF (.osm.pbf) or XML (.osm, .osm.bz2, .osm.gz).
    mode : str
        "walk", "bike" or "drive".
    area : GeoDataFrame or GeoSeries, optional
        Study area, with its CRS; streets outside it and its buffer are left out.
    buffer_m : float, default 5000
        Width of the buffer around the area, in metres. Only used with ``area``.
    speeds : SpeedTable or path, optional
        Speeds and delays (`speed_table`); the package's dated table by default.
    crs : CRS or str, optional
        Metric CRS of the network: by default that of the area when it is metric, the legal one where the data
        are in France, the UTM zone elsewhere.

    Returns
    -------
    RoadNetwork
        Its ``notes`` tell what was set aside (private ways, absent nodes, restrictions not applied...), the
        speed table and the delays.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    FileFormatError
        If it is cut, damaged or not OSM data.
    CRSError
        If the area has no CRS, or ``crs`` is not in metres.
    InputError
        If the mode, the buffer or the speed table is not usable.
    NoResultError
        If no street of the file, or of the area, can be used by the mode.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> text = '''<osm version="0.6">
    ...   <node id="1" lat="48.11" lon="-1.68"/><node id="2" lat="48.12" lon="-1.68"/>
    ...   <way id="7"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way></osm>'''
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "street.osm"
    >>> _ = file.write_text(text)
    >>> network = read_osm(file, mode="walk")
    >>> network.node_count, network.edge_count, network.crs.to_epsg()
    (2, 2, 2154)
    >>> round(float(network.segment_length_m[0]))
    1112
    """
    table = speed_table(mode, speeds=speeds)
    source = require_file(path, what="OSM file")
    zone, box = (None, None) if area is None else _buffered(area, buffer_m)
    extract = read_extract(source, box=box)
    if not len(extract.node_id):
        raise _nothing_found(source, extract, area)
    metric = _metric_crs(crs, area, extract)
    inside = None if zone is None else _inside(extract, zone)
    network = build_network(extract, table, crs=metric, inside=inside, source=str(source))
    network.notes["source"] = source.name
    if area is not None:
        network.notes["buffer_m"] = float(buffer_m)
    return network


def read_extract(path: Path, *, box: tuple[float, float, float, float] | None = None) -> OsmExtract:
    """Return the roads of an OSM file, by the fast reader when it can.

    Parameters
    ----------
    path : Path
        An existing file.
    box : tuple of float, optional
        West, south, east, north in degrees.
    """
    if path.name.endswith((".osm", ".xml", ".osm.bz2", ".osm.gz", ".osc", ".o5m", ".opl")):
        return read_with_osmium(path, box=box)
    try:
        return read_pbf(path, box=box)
    except UnusualPbf:
        return read_with_osmium(path, box=box)


def guess_crs(longitude: float, latitude: float) -> str:
    """Return the metric CRS of a place: the legal one in France, the UTM zone elsewhere.

    Examples
    --------
    >>> guess_crs(-1.68, 48.11), guess_crs(55.5, -21.0), guess_crs(-8.6, 41.15)
    ('EPSG:2154', 'EPSG:2975', 'EPSG:32629')
    """
    for (west, south, east, north), code in _FRENCH_BOXES.items():
        if west <= longitude <= east and south <= latitude <= north:
            return code
    zone = min(int((longitude + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def _buffered(area: Any, buffer_m: float) -> tuple[Any, tuple[float, float, float, float]]:
    """Return the buffered area as one geometry in degrees, and its box."""
    if not 0 <= buffer_m < 1e7:
        raise InputError(f"buffer_m is {buffer_m}.", expected="a width in metres, 0 or more")
    if not hasattr(area, "crs"):
        raise CRSError(
            f"The study area is a {type(area).__name__}, which carries no CRS.",
            expected="a GeoDataFrame or GeoSeries with its CRS",
            next_step="Wrap it: geopandas.GeoSeries([geometry], crs='EPSG:2154').",
        )
    require_crs(area, name="the study area", metric=False)
    shapes = area.geometry[~(area.geometry.isna() | area.geometry.is_empty)]
    if not len(shapes):
        raise NoResultError("The study area holds no geometry.", expected="at least one polygon or point")
    if not _is_metric(shapes.crs):
        shapes = shapes.to_crs(shapes.estimate_utm_crs())
    zone = shapes.buffer(buffer_m).to_crs("EPSG:4326").union_all()
    if zone.is_empty:
        raise NoResultError(
            "The study area has no surface.", expected="polygons, or a buffer_m above 0 around points and lines"
        )
    west, south, east, north = (float(bound) for bound in zone.bounds)
    return zone, (west, south, east, north)


def _inside(extract: OsmExtract, zone: Any) -> Any:
    import shapely

    shapely.prepare(zone)
    return shapely.contains_xy(zone, extract.node_lon / UNITS_PER_DEGREE, extract.node_lat / UNITS_PER_DEGREE)


def _is_metric(crs: Any) -> bool:
    return bool(crs.is_projected and crs.axis_info[0].unit_name in {"metre", "meter"})


def _metric_crs(crs: CRS | str | None, area: Any, extract: OsmExtract) -> CRS:
    from pyproj import CRS as ProjCRS

    if crs is not None:
        chosen = ProjCRS.from_user_input(crs)
        if not _is_metric(chosen):
            raise CRSError(
                f"{chosen.name!r} is not in metres.", expected="a projected CRS in metres, such as EPSG:2154"
            )
        return chosen
    if area is not None and _is_metric(area.crs):
        return area.crs  # type: ignore[no-any-return]
    longitude = float(np.median(extract.node_lon)) / UNITS_PER_DEGREE
    latitude = float(np.median(extract.node_lat)) / UNITS_PER_DEGREE
    return ProjCRS.from_user_input(guess_crs(longitude, latitude))


def _if_swapped(area: Any) -> str:
    """Return a sentence where the area falls in France once its coordinates are swapped."""
    left, bottom, right, top = (float(bound) for bound in area.total_bounds)
    x, y = (left + right) / 2, (bottom + top) / 2
    if area.crs.is_projected or guess_crs(x, y) in _FRENCH_BOXES.values():
        return ""
    if abs(x) <= 90 and guess_crs(y, x) in _FRENCH_BOXES.values():
        return f" Its coordinates ({x:.2f}, {y:.2f}) are in France once swapped: longitude comes first."
    return ""


def _nothing_found(source: Path, extract: OsmExtract, area: Any) -> NoResultError:
    if area is not None:
        return NoResultError(
            f"{source} holds no street inside the study area and its buffer.",
            expected="an extract that covers the study area",
            next_step=f"Check that both are about the same place, and the CRS of the area.{_if_swapped(area)}",
        )
    if len(extract.way_id):
        return NoResultError(
            f"{source} holds {len(extract.way_id)} streets, but none of their {len(extract.way_refs)} vertices.",
            expected="an extract with the nodes of its ways",
            next_step="Extract again with complete ways (osmium extract --strategy complete_ways).",
        )
    return NoResultError(
        f"{source} holds no street: no way has a highway tag.",
        expected="OSM data with roads",
        next_step="Check that the extract was not filtered to something else (addresses, buildings).",
    )
