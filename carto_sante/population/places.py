"""People at points and in grid cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from carto_sante.crs import likely_crs
from carto_sante.errors import CRSError, FileFormatError, InputError, SchemaError, UnknownNameError, join_problems
from carto_sante.population.census import grid_bands
from carto_sante.population.counts import parse_counts
from carto_sante.territories.cells import CELL_ID_COLUMNS, cells_from_ids
from carto_sante.territories.files import read_vector, separator_of, with_crs
from carto_sante.territories.layouts import find_column, named_column
from carto_sante.territories.read import metric_crs_at

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_X, _Y = ("x", "x_l93", "coord_x", "easting"), ("y", "y_l93", "coord_y", "northing")
_LON, _LAT = ("lon", "longitude", "lng"), ("lat", "latitude")
_POINT_COUNTS = ("population_count", "pop", "population", "ind", "habitants", "nb_hab")
#: A cell whose polygon has lost more than this share of its area has been cut.
CLIPPED_BELOW_SHARE = 0.999
#: CRS that a grid's undeclared coordinates are tried in.
_CANDIDATES = ("EPSG:2154", "EPSG:3035", "EPSG:4326", "EPSG:5490", "EPSG:2972", "EPSG:2975", "EPSG:4471")


def read_points(
    path: Path, *, data_year: int, count_column: str | None, crs: str | None, departement: str | None
) -> GeoDataFrame:
    """Read people at points; see `carto_sante.population.read_population`."""
    import geopandas as gpd

    if path.suffix.lower() in {".csv", ".txt"}:
        table = _read_xy(path)
        frame = _points_from_xy(table, crs, name=path.name)
    else:
        frame = read_vector(path, crs=crs)
        if not (frame.geom_type == "Point").all():
            raise FileFormatError(f"{path.name} holds other shapes than points.", expected="one point per row")
    column = _count_name(frame, count_column, _POINT_COUNTS, name=path.name)
    counts = parse_counts(frame[column], name=f"{path.name}, column {column}")
    bad = frame.geometry.isna() | frame.geometry.is_empty | ((frame.geometry.x == 0) & (frame.geometry.y == 0))
    problems = [f"row {label}: no position" for label in frame.index[bad]]
    problems += [f"row {label}: no count" for label in frame.index[counts.values.isna()]]
    if problems:
        raise SchemaError(f"{path.name} has points that cannot be used:\n" + join_problems(problems))
    metric = frame.geometry.to_crs(metric_crs_at(frame, departement=departement, name=path.name))
    result = gpd.GeoDataFrame(
        {
            "point_id": [str(label) for label in frame.index],
            "population_count": counts.values.to_numpy(),
            "data_year": data_year,
        },
        geometry=metric.to_numpy(),
        crs=metric.crs,
    )
    result.attrs["report"] = {
        "source": path.name, "rows_read": len(frame), "total": float(result["population_count"].sum())
    }  # fmt: skip
    return result


def read_grid(
    path: Path, *, data_year: int, count_column: str | None, id_column: str | None, crs: str | None,
    departement: str | None, layer: str | None, clipped_cells: str,
) -> GeoDataFrame:  # fmt: skip
    """Read people by grid cell; see `carto_sante.population.read_population`."""
    import geopandas as gpd

    if clipped_cells not in {"as_published", "by_area"}:
        raise InputError(f"clipped_cells is {clipped_cells!r}.", expected="'as_published' or 'by_area'")
    raw, cells, how = _open_grid(path, id_column=id_column, crs=crs, layer=layer)
    column = _count_name(raw, count_column, ("ind", "population_count", "pop", "population"), name=path.name)
    ids = raw[_cell_id_name(raw, id_column, name=path.name)].astype(str)
    if ids.duplicated().any():
        repeated = ids[ids.duplicated()].unique()
        raise SchemaError(f"{path.name} repeats cells:\n" + join_problems(repeated), next_step="Keep one layer.")
    people = parse_counts(raw[column], name=f"{path.name}, column {column}", labels=ids).values
    share = (raw.geometry.area / cells.to_crs(raw.crs).area).clip(upper=1.0)
    factor = share if clipped_cells == "by_area" else 1.0
    data: dict[str, Any] = {"cell_id": ids.to_numpy(dtype=object), "population_count": (people * factor).to_numpy()}
    for name, band in grid_bands(raw.columns).items():
        counts = parse_counts(raw[name], name=f"{path.name}, column {name}", labels=ids).values
        data["population_" + band.replace("-", "_").replace("+", "p")] = (counts * factor).to_numpy()
    for target, names in {"household_count": ("men",), "is_imputed": ("i_est_200", "i_est_cr", "i_est_1km")}.items():
        if (found := find_column(raw, names)) is not None:
            numbers = pd.to_numeric(raw[found], errors="coerce").to_numpy()
            data[target] = numbers == 1 if target == "is_imputed" else numbers
    metric = raw.geometry.to_crs(metric_crs_at(raw, departement=departement, name=path.name))
    data |= {"cell_share": share.to_numpy(), "data_year": data_year}
    result = gpd.GeoDataFrame(data, geometry=metric.to_numpy(), crs=metric.crs)
    clipped = (share < CLIPPED_BELOW_SHARE).to_numpy()
    result.attrs["report"] = {
        "source": path.name,
        "rows_read": len(raw),
        "crs": how,
        "clipped_cells": int(clipped.sum()),
        "total_as_summed": float(people.sum()),
        "total_by_area": float((people * share).sum()),
        "clipped_cells_counted": clipped_cells,
        "imputed_cells": int(result["is_imputed"].sum()) if "is_imputed" in result else 0,
    }
    return result


def _open_grid(
    path: Path, *, id_column: str | None, crs: str | None, layer: str | None
) -> tuple[GeoDataFrame, Any, str]:
    import geopandas as gpd
    from pyogrio.errors import DataSourceError

    if path.suffix.lower() == ".csv":
        table = _read_xy(path)
        cells = cells_from_ids(table[_cell_id_name(table, id_column, name=path.name)])
        return (
            gpd.GeoDataFrame(table, geometry=cells, crs=cells.crs),
            cells,
            f"{cells.crs.to_string()}, rebuilt from the identifiers",
        )
    try:
        raw = gpd.read_file(path, **({"layer": layer} if layer else {"layer": 0}))
    except (DataSourceError, ValueError) as error:
        raise FileFormatError(f"{path.name} cannot be read as a grid: {error}") from error
    cells = cells_from_ids(raw[_cell_id_name(raw, id_column, name=path.name)])
    known = raw.crs is not None and (raw.crs.is_geographic or raw.crs.is_projected)
    if known or crs is not None:
        return with_crs(raw, crs=crs, name=path.name), cells, "declared"
    recognised = _recognised_crs(raw, cells)
    if recognised is None:
        with_crs(raw, crs=None, name=path.name)  # raises, naming the likely one
    raw = raw.set_crs(recognised, allow_override=True)
    return raw, cells, f"{recognised}, undeclared in the file and proven by the identifiers of its cells"


def _recognised_crs(raw: GeoDataFrame, cells: Any) -> str | None:
    """Name the CRS in which every polygon lies inside the cell that its identifier names."""
    shapes = np.asarray(raw.geometry.values, dtype=object)
    area = shapely.area(shapes)
    for code in _CANDIDATES:
        squares = np.asarray(cells.to_crs(code).values, dtype=object)
        if (shapely.area(shapely.intersection(shapes, squares)) >= 0.999 * area).all():
            return code
    return None


def _read_xy(path: Path) -> pd.DataFrame:
    """Read a CSV; R's write.table names one column less than it writes, which pandas takes as row names."""
    try:
        table = pd.read_csv(
            path, sep=separator_of(path), encoding="utf-8-sig", dtype=dict.fromkeys(CELL_ID_COLUMNS, str)
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise FileFormatError(f"{path.name} cannot be read as a table: {error}") from error
    return table


def _points_from_xy(table: pd.DataFrame, crs: str | None, *, name: str) -> GeoDataFrame:
    import geopandas as gpd

    x, y, told = find_column(table, _X), find_column(table, _Y), crs
    if x is None or y is None:
        x, y, told = find_column(table, _LON), find_column(table, _LAT), crs or "EPSG:4326"
    if x is None or y is None:
        raise UnknownNameError(
            f"{name}: no coordinates are recognised.",
            expected="columns x and y, or lon and lat",
            next_step=f"Found: {', '.join(map(str, table.columns))}.",
        )
    left = pd.to_numeric(table[x].astype(str).str.replace(",", "."), errors="coerce")
    up = pd.to_numeric(table[y].astype(str).str.replace(",", "."), errors="coerce")
    frame = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(left, up))
    frame.loc[(left.isna() | up.isna()).to_numpy(), "geometry"] = None
    if told is None:
        raise CRSError(
            f"{name} gives x and y without a CRS.",
            expected="a declared CRS",
            next_step=f"{likely_crs(frame)} Declare it: crs = ... in the study, or the crs parameter.",
        )
    return frame.set_crs(told)


def _count_name(frame: pd.DataFrame, given: str | None, known: tuple[str, ...], *, name: str) -> str:
    found = named_column(frame, given, what=name) if given else find_column(frame, known)
    if found is None:
        raise UnknownNameError(
            f"{name}: no column of people is recognised.",
            expected=f"one of {', '.join(known)}",
            next_step=f"Name it: count_column = ... (found: {', '.join(map(str, frame.columns[:30]))}).",
        )
    return found


def _cell_id_name(frame: pd.DataFrame, given: str | None, *, name: str) -> str:
    found = named_column(frame, given, what=name) if given else find_column(frame, CELL_ID_COLUMNS)
    if found is None:
        raise UnknownNameError(
            f"{name}: no identifier of cells is recognised.",
            expected=f"one of {', '.join(CELL_ID_COLUMNS)}",
            next_step="Name it: id_column = ...",
        )
    return found
