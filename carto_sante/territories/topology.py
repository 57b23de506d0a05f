"""What is wrong between the zones of a level: overlaps, gaps, slivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from carto_sante.crs import require_crs

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: A gap or an overlap narrower than this (4 x area / perimeter) is a digitising sliver, not a place.
SLIVER_WIDTH_M = 5.0


def check_topology(
    territories: GeoDataFrame, *, min_area_m2: float = 1.0, sliver_width_m: float = SLIVER_WIDTH_M
) -> pd.DataFrame:
    """List the overlaps between zones of one level and the gaps inside the area they cover.

    Parameters
    ----------
    territories : GeoDataFrame
        Zones of one or several levels, in a metric CRS; each level is checked by itself.
    min_area_m2 : float, default 1.0
        Smaller defects are rounding.
    sliver_width_m : float, default 5.0
        A defect narrower than this is called a sliver.

    Returns
    -------
    DataFrame
        One row per defect: ``territory_level``, ``problem`` ("overlap", "gap"), ``is_sliver``, ``territory_ids``
        (the two zones of an overlap, the zones around a gap, joined by "|"), ``area_m2`` (m²), ``width_m`` (m). A
        hole of the level (a lake left out) is a gap too: only its reader knows whether it is meant.

    Raises
    ------
    CRSError
        If the CRS is missing or not metric.

    Examples
    --------
    >>> import geopandas, shapely
    >>> zones = geopandas.GeoDataFrame(
    ...     {"territory_id": ["a", "b"], "territory_level": "quartier"},
    ...     geometry=[shapely.box(0, 0, 100, 100), shapely.box(90, 0, 200, 100)], crs="EPSG:2154")
    >>> check_topology(zones)[["problem", "is_sliver", "territory_ids", "area_m2"]].values.tolist()
    [['overlap', False, 'a|b', 1000.0]]
    """
    import pandas as pd

    require_crs(territories, name="territories")
    rows = []
    for level, group in territories.groupby("territory_level", sort=True):
        shapes = np.asarray(group.geometry.values, dtype=object)
        names = group["territory_id"].astype(str).to_numpy()
        for problem, ids, shape in [*_overlaps(shapes, names), *_gaps(shapes, names)]:
            area = float(shapely.area(shape))
            if area < min_area_m2:
                continue
            width = 4.0 * area / float(shapely.length(shape))
            rows.append((str(level), problem, width < sliver_width_m, ids, area, width))
    columns = ["territory_level", "problem", "is_sliver", "territory_ids", "area_m2", "width_m"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["territory_level", "problem", "territory_ids"], ignore_index=True
    )


def _overlaps(shapes: np.ndarray, names: np.ndarray) -> list[tuple[str, str, shapely.Geometry]]:
    # Two zones that merely share a border give an intersection without area, dropped by the caller.
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    later = left < right
    left, right = left[later], right[later]
    common = shapely.intersection(shapes[left], shapes[right])
    found = []
    for first, second, shape in zip(left, right, common, strict=True):
        if shapely.area(shape) > 0:
            found.append(("overlap", "|".join(sorted((names[first], names[second]))), shape))
    return found


def _gaps(shapes: np.ndarray, names: np.ndarray) -> list[tuple[str, str, shapely.Geometry]]:
    covered = shapely.union_all(shapes)
    tree = shapely.STRtree(shapes)
    found = []
    for part in shapely.get_parts(covered):
        for ring in shapely.get_rings(part)[1:]:
            hole = shapely.polygons(ring)
            around = sorted(names[tree.query(hole, predicate="intersects")])
            # What the whole union leaves out: a hole may be filled by another part.
            empty = shapely.difference(hole, covered)
            if shapely.area(empty) > 0:
                found.append(("gap", "|".join(around), empty))
    return found
