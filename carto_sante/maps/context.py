"""The light base: main streets, railways and water drawn with the map, so that it is legible without any tile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.crs import GEOGRAPHIC_CRS, require_crs
from carto_sante.errors import UnknownNameError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame, GeoSeries

#: How each kind is drawn, the first below: fill or line, colour, width in pixels on the screen and in points on paper.
STYLES: dict[str, dict[str, Any]] = {
    "water": {"is_area": True, "color": "#6FB0D6", "width": 0.0, "print_pt": 0.0},
    "river": {"is_area": False, "color": "#6FB0D6", "width": 3.0, "print_pt": 1.6},
    "pedestrian": {"is_area": False, "color": "#8A7B66", "width": 1.1, "print_pt": 0.5},
    "tertiary": {"is_area": False, "color": "#75818B", "width": 1.2, "print_pt": 0.6},
    "secondary": {"is_area": False, "color": "#606D78", "width": 1.8, "print_pt": 0.9},
    "primary": {"is_area": False, "color": "#515E69", "width": 2.6, "print_pt": 1.3},
    "motorway": {"is_area": False, "color": "#47545F", "width": 3.4, "print_pt": 1.8},
    "railway": {"is_area": False, "color": "#2B343B", "width": 1.6, "print_pt": 0.9, "dash": [7, 4]},
}
UNITS_PER_DEGREE = 100_000
"""Coordinates travel as whole numbers of these, about one metre."""
MAX_BYTES = 250_000
"""Of the JSON of a page: lines are taken coarser, then the least streets left out, until it holds."""
_PLANS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (5.0, ()), (8.0, ()), (12.0, ()), (18.0, ()), (18.0, ("pedestrian",)), (18.0, ("pedestrian", "tertiary")),
    (18.0, ("pedestrian", "tertiary", "secondary")), (60.0, ("pedestrian", "tertiary", "secondary")),
)  # fmt: skip
_GROUP_GAP_M, _GROUP_M = 15.0, 2_500.0


def context_records(context: GeoDataFrame | None, *, max_bytes: int = MAX_BYTES) -> list[dict[str, Any]]:
    """Return the light base as the page needs it, light enough for a page.

    Parameters
    ----------
    context : GeoDataFrame, optional
        ``context_kind`` among the keys of `STYLES`, polygons for water and lines otherwise, in metres; other
        geometries are left out.
    max_bytes : int
        Most bytes of JSON.

    Returns
    -------
    list of dict
        By kind, in the order drawn: ``kind``, ``is_area``, ``color``, ``width``, ``dash`` and ``lines``. A line is
        [x, y, dx, dy, dx, dy...] in `UNITS_PER_DEGREE` of longitude and latitude, each step from the vertex before;
        the rings of a polygon follow each other in a list.

    Raises
    ------
    UnknownNameError
        If the table has no ``context_kind``.
    CRSError
        If the CRS is missing or in degrees.
    """
    if context is None or not len(context):
        return []
    if "context_kind" not in context.columns:
        raise UnknownNameError(f"The context has no column context_kind (found: {', '.join(context.columns)}).")
    require_crs(context, name="context")
    shapes = {kind: context.geometry[context["context_kind"] == kind] for kind in STYLES}
    kinds = [kind for kind, found in shapes.items() if len(found)]
    records: list[dict[str, Any]] = []
    for tolerance_m, dropped in _PLANS:
        records = [_record(kind, shapes[kind], tolerance_m=tolerance_m) for kind in kinds if kind not in dropped]
        records = [record for record in records if record["lines"]]
        if _size(records) <= max_bytes:
            break
    return records


def _size(records: list[dict[str, Any]]) -> int:
    return len(json.dumps(records, separators=(",", ":")))


def _record(kind: str, geometries: GeoSeries, *, tolerance_m: float) -> dict[str, Any]:
    import geopandas as gpd
    import shapely

    style = STYLES[kind]
    values: Any = np.asarray(geometries.array, dtype=object)
    wanted = (3, 6) if style["is_area"] else (1, 5)
    values = shapely.get_parts(values[np.isin(shapely.get_type_id(values), wanted)])
    if not style["is_area"] and len(values):  # by name no more: longer lines have fewer ends
        values = shapely.get_parts(shapely.line_merge(shapely.union_all(values)))
        if kind == "pedestrian":
            values = values[_in_large_groups(values)]
        # What is shorter than a few pixels at the scale of a city is a roundabout's arm or a slip road.
        values = values[shapely.length(values) >= 4 * tolerance_m]
    light = shapely.simplify(values, tolerance_m, preserve_topology=True)
    light = np.asarray(gpd.GeoSeries(light, crs=geometries.crs).to_crs(GEOGRAPHIC_CRS).array, dtype=object)
    lines = [line for shape in light if (line := _encoded(shape, is_area=style["is_area"]))]
    return {"kind": kind, **{key: style[key] for key in ("is_area", "color", "width")}, "dash": style.get("dash"),
            "lines": sorted(lines)}  # fmt: skip


def _in_large_groups(lines: Any) -> Any:
    """Tell the lines that belong to a group long enough to be a landmark: a centre, not a passage or a car park."""
    import shapely

    groups = shapely.get_parts(shapely.union_all(shapely.buffer(lines, _GROUP_GAP_M, quad_segs=1)))
    line, group = shapely.STRtree(groups).query(shapely.line_interpolate_point(lines, 0.5, normalized=True),
                                                predicate="intersects")  # fmt: skip
    length_m = np.bincount(group, weights=shapely.length(lines)[line], minlength=len(groups))
    is_large = np.zeros(len(lines), dtype=bool)
    is_large[line[length_m[group] >= _GROUP_M]] = True
    return is_large


def _encoded(shape: Any, *, is_area: bool) -> list[Any]:
    import shapely

    rings = list(shapely.get_rings(shape)) if is_area else [shape]
    least = 4 if is_area else 2
    encoded = [steps for ring in rings if len(steps := _steps(ring)) >= 2 * least]
    return (encoded if is_area else encoded[0]) if encoded else []


def _steps(line: Any) -> list[int]:
    """Return the first vertex, then each step to the next, in whole units; steps of nothing are left out."""
    import shapely

    units = np.round(shapely.get_coordinates(line) * UNITS_PER_DEGREE).astype(np.int64)
    steps = np.diff(units, axis=0)
    steps = steps[(steps != 0).any(axis=1)]
    return [int(number) for number in np.concatenate([units[:1], steps]).ravel()]
