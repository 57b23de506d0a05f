"""Invalid polygons made valid, counted, with the change of area stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from carto_sante.errors import InputError, join_problems

if TYPE_CHECKING:
    from geopandas import GeoSeries


class Repair(NamedTuple):
    """Repaired polygons and the account of the repair."""

    geometry: GeoSeries
    report: dict[str, Any]


def repair_polygons(geometry: GeoSeries, *, names: Any = None, known_invalid: Any = None) -> Repair:
    """Return valid two-dimensional polygons and what it took.

    Parameters
    ----------
    geometry : GeoSeries
        Polygons, in a metric CRS (the areas of the account are in its unit).
    names : sequence of str, optional
        How the account and the errors name each row; the index by default.
    known_invalid : array of bool, optional
        Rows found invalid in the coordinates of their file: counted as repaired even where the change of CRS, moving
        their vertices by a rounding, has made them valid.

    Returns
    -------
    Repair
        ``geometry`` (same index; the repaired ones are rebuilt by ``shapely.make_valid(method="structure")``, lines
        and points it leaves are dropped) and ``report``: repaired_count, repaired_names, area_change_m2 (sum of the
        absolute changes), area_change_share (of the repaired polygons' area after repair) and the worst of them.

    Raises
    ------
    InputError
        If a row has no geometry, no polygon, or nothing is left of it; all such rows at once.

    Examples
    --------
    >>> import geopandas
    >>> bow = geopandas.GeoSeries.from_wkt(["POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))"], crs="EPSG:2154")
    >>> repair = repair_polygons(bow)
    >>> repair.report["repaired_count"], float(repair.geometry.area.iloc[0])
    (1, 2.0)
    """
    import geopandas as gpd

    values = shapely.force_2d(np.asarray(geometry.values, dtype=object))
    labels = np.asarray(geometry.index if names is None else names).astype(str)
    _refuse_non_polygons(values, labels)
    invalid = ~shapely.is_valid(values)
    if known_invalid is not None:
        invalid |= np.asarray(known_invalid, dtype=bool)
    before = shapely.area(values[invalid])
    values = values.copy()
    if invalid.any():
        mended = shapely.make_valid(values[invalid], method="structure", keep_collapsed=False)
        values[invalid] = [_only_polygons(item) for item in mended]
    gone = shapely.is_empty(values)
    if gone.any():
        raise InputError(
            "Nothing is left of some polygons once repaired:\n" + join_problems(labels[gone]),
            next_step="Mend or remove them in the file.",
        )
    after = shapely.area(values[invalid])
    change = np.abs(after - before)
    report: dict[str, Any] = {
        "repaired_count": int(invalid.sum()),
        "repaired_names": labels[invalid].tolist(),
        "area_change_m2": float(change.sum()),
        "area_change_share": float(change.sum() / after.sum()) if invalid.any() else 0.0,
        "worst_change_share": float((change / after).max()) if invalid.any() else 0.0,
    }
    return Repair(gpd.GeoSeries(values, index=geometry.index, crs=geometry.crs), report)


def _refuse_non_polygons(values: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> None:
    missing = shapely.is_missing(values) | shapely.is_empty(values)
    kinds = shapely.get_type_id(values)
    other = ~missing & ~np.isin(kinds, (3, 6))
    problems = [f"{name}: no geometry" for name in labels[missing]]
    problems += [f"{name}: a {item.geom_type}" for name, item in zip(labels[other], values[other], strict=True)]
    if problems:
        raise InputError(
            "Some rows are not zones:\n" + join_problems(problems),
            expected="a polygon on every row",
            next_step="Remove these rows (keep = ... in the study) or complete the file.",
        )


def _only_polygons(item: Any) -> Any:
    parts = [part for part in shapely.get_parts(item, return_index=False) if part.geom_type in {"Polygon"}]
    parts += [
        piece
        for part in shapely.get_parts(item)
        if part.geom_type == "MultiPolygon"
        for piece in shapely.get_parts(part)
    ]
    return shapely.multipolygons(parts) if len(parts) != 1 else parts[0]
