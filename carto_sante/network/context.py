"""What an OSM file shows of a place for bearings: main streets, railways and water, as lines and polygons.

Read apart from the networks, which leave out what nobody travels on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.crs import GEOGRAPHIC_CRS, require_crs
from carto_sante.errors import FileFormatError
from carto_sante.files import require_file

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

#: Kinds by importance, and the values of ``highway`` in each; a pedestrian street is a landmark of a centre.
ROAD_KINDS = {
    "motorway": ("motorway", "trunk"),
    "primary": ("primary",),
    "secondary": ("secondary",),
    "tertiary": ("tertiary",),
    "pedestrian": ("pedestrian",),
}
#: Every value of ``context_kind``.
CONTEXT_KINDS = ("water", "river", "railway", *ROAD_KINDS)
_KIND_OF_ROAD = {value: kind for kind, values in ROAD_KINDS.items() for value in values}
_WATER = (("natural", "water"), ("waterway", "riverbank"), ("waterway", "dock"), ("landuse", "reservoir"))
_RIVERS = (("waterway", "river"), ("waterway", "canal"))
_RAILWAYS = (("railway", "rail"),)
#: Ponds and basins smaller than this help nobody to find their way.
_MIN_WATER_M2 = 2_000.0


def read_context(path: Path | str, *, area: GeoDataFrame, buffer_m: float = 2_500.0) -> GeoDataFrame:
    """Return the main streets, railways and water of an OSM file around an area.

    Parameters
    ----------
    path : path
        OSM PBF or XML.
    area : GeoDataFrame
        Study area, in metres.
    buffer_m : float, default 2500
        What lies farther than this from the area's box, in metres, is cut off.

    Returns
    -------
    GeoDataFrame
        In the CRS of the area, by kind then name: ``context_kind`` ("water" as polygons; "river", "railway",
        "motorway" (trunk roads included), "primary", "secondary", "tertiary", "pedestrian" as lines) and
        ``street_label`` (NA without a name). Lines of one kind and name are one row. Empty where the file has none.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    FileFormatError
        If it cannot be read to its end.
    CRSError
        If the area has no CRS or is in degrees.
    """
    import geopandas as gpd
    import shapely

    crs = require_crs(area, name="area")
    source = require_file(path, what="OSM file")
    try:
        rows = _read(source)
    except (RuntimeError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"{source} cannot be read as OSM data: {error}.",
            expected="a whole .osm.pbf or .osm file",
            next_step="Download it again and compare its size or checksum with the producer's.",
        ) from error
    table = gpd.GeoDataFrame(rows, columns=["context_kind", "street_label", "geometry"], crs=GEOGRAPHIC_CRS).to_crs(crs)
    left, bottom, right, top = area.total_bounds
    box = shapely.box(left - buffer_m, bottom - buffer_m, right + buffer_m, top + buffer_m)
    table = table[table.intersects(box)]
    table = table.assign(geometry=table.geometry.intersection(box)).explode(ignore_index=True)
    is_water = table["context_kind"] == "water"
    is_drawn = np.where(is_water, (table.geom_type == "Polygon") & (table.area >= _MIN_WATER_M2),
                        table.geom_type == "LineString")  # fmt: skip
    return _joined(table[is_drawn])


def _joined(table: GeoDataFrame) -> GeoDataFrame:
    """Return one row by kind and name, the sections of a street merged end to end."""
    import geopandas as gpd
    import shapely

    rows = []
    for (kind, name), part in table.groupby(["context_kind", "street_label"], dropna=False, sort=True):
        shapes: Any = np.asarray(part.geometry.array, dtype=object)
        whole = shapely.union_all(shapes) if kind == "water" else shapely.line_merge(shapely.multilinestrings(shapes))
        rows.append((kind, name if isinstance(name, str) else None, shapely.normalize(whole)))
    return gpd.GeoDataFrame(rows, columns=["context_kind", "street_label", "geometry"], geometry="geometry",
                            crs=table.crs)  # fmt: skip


def _read(path: Path) -> list[tuple[str, str | None, Any]]:
    import osmium
    import shapely

    water = osmium.filter.TagFilter(*_WATER)
    # Filtered in C++: Python sees what is kept, a few thousand ways of the millions of a region.
    wanted = osmium.filter.TagFilter(*_WATER, *_RIVERS, *_RAILWAYS, *(("highway", value) for value in _KIND_OF_ROAD))
    reader = osmium.FileProcessor(str(path)).with_areas(water).with_filter(wanted)
    geometry = osmium.geom.WKBFactory()
    rows: list[tuple[str, str | None, Any]] = []
    for item in reader:
        kind = _kind(item)
        if kind is None:
            continue
        try:
            wkb = geometry.create_multipolygon(item) if item.is_area() else geometry.create_linestring(item)
        except RuntimeError:  # a way cut at the edge of the extract has a single vertex, or none
            continue
        rows.append((kind, item.tags.get("name") or None, shapely.from_wkb(wkb)))
    return rows


def _kind(item: Any) -> str | None:
    tags = item.tags
    if item.is_area():  # a square is one too
        return "water" if any(tags.get(key) == value for key, value in _WATER) else None
    if not item.is_way():
        return None
    if road := _KIND_OF_ROAD.get(tags.get("highway", "")):
        return road if tags.get("area") != "yes" else None
    if ("waterway", tags.get("waterway")) in _RIVERS:
        return "river"
    return "railway" if tags.get("railway") == "rail" and "service" not in tags else None
