"""The zone of a point: exactly one per level, the same whatever the order of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from carto_sante.crs import require_same_crs
from carto_sante.errors import InputError, join_problems
from carto_sante.schemas import TERRITORIES, check_table

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame


def assign_territory(points: GeoDataFrame, territories: GeoDataFrame) -> pd.DataFrame:
    """Put each point in exactly one zone of each level.

    A point on a shared border, or in two zones that overlap, goes to the zone whose code comes first in text order:
    the answer depends on nothing else. Zones of different levels (IRIS and QPV) do not exclude one another.

    Parameters
    ----------
    points : GeoDataFrame
        Points in a metric CRS. A missing or empty point is "not located".
    territories : GeoDataFrame
        schemas.TERRITORIES, one or several levels, valid polygons (as `read_territories` returns them), same CRS.

    Returns
    -------
    DataFrame
        Same index as ``points``; one text column ``<level>_id`` per level, NA outside every zone of the level.
        ``attrs["report"][level]`` counts points ``placed``, ``outside`` (with their index labels, the first 1,000, in
        ``outside_index``), ``not_located``, and ``shared`` (on a border or an overlap, hence placed by the rule).

    Raises
    ------
    CRSError
        If a CRS is missing, in degrees, or the two differ.
    SchemaError
        If the territories lack columns or repeat a key.
    InputError
        If a geometry is not a point.

    Examples
    --------
    >>> import geopandas, shapely
    >>> zones = geopandas.GeoDataFrame(
    ...     {"territory_id": ["B", "A"], "territory_level": "quartier", "territory_label": ["b", "a"],
    ...      "geography_year": 2024},
    ...     geometry=[shapely.box(1, 0, 2, 1), shapely.box(0, 0, 1, 1)], crs="EPSG:2154")
    >>> sites = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy([0.5, 1.0, 9.0], [0.5, 0.5, 0.5]),
    ...     crs="EPSG:2154")
    >>> assign_territory(sites, zones)["quartier_id"].tolist()
    ['A', 'A', <NA>]
    """
    import pandas as pd

    require_same_crs(points, territories, names=("points", "territories"))
    check_table(territories, TERRITORIES)
    shapes = np.asarray(points.geometry.values, dtype=object)
    located = _located(shapes, points.index)
    columns: dict[str, Any] = {}
    report: dict[str, Any] = {}
    for level in sorted(territories["territory_level"].unique()):
        zones = territories[territories["territory_level"] == level].sort_values("territory_id")
        rank, shared = first_zone(shapes[located], np.asarray(zones.geometry.values, dtype=object))
        full = np.full(len(shapes), -1, dtype=np.int64)
        full[located] = rank
        names = pd.array(zones["territory_id"].to_numpy(dtype=object), dtype="string")
        columns[f"{level}_id"] = names.take(full, allow_fill=True)
        outside = points.index[located & (full < 0)]
        report[str(level)] = {
            "placed": int((full >= 0).sum()),
            "outside": len(outside),
            "not_located": int((~located).sum()),
            "shared": shared,
            "outside_index": outside[:1000].tolist(),
        }
    table = pd.DataFrame(columns, index=points.index)
    table.attrs["report"] = report
    return table


def _located(shapes: np.ndarray, index: pd.Index) -> np.ndarray:
    kinds = shapely.get_type_id(shapes)
    other = ~np.isin(kinds, (-1, 0))
    if other.any():
        wrong = [
            f"{label}: a {shapes[place].geom_type}"
            for place, label in zip(np.flatnonzero(other), index[other], strict=True)
        ]
        raise InputError(
            "Only points can be put in a zone:\n" + join_problems(wrong), next_step="Take a point of each first."
        )
    located: np.ndarray = (kinds == 0) & ~shapely.is_empty(shapes)
    return located


def first_zone(shapes: np.ndarray, zones: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the lowest rank of zone that holds each point (-1 for none), and how many points have several."""
    zone, point = shapely.STRtree(shapes).query(zones, predicate="intersects")
    rank = np.full(len(shapes), len(zones), dtype=np.int64)
    np.minimum.at(rank, point, zone)
    counts = np.bincount(point, minlength=len(shapes))
    rank[counts == 0] = -1
    return rank, int((counts > 1).sum())
