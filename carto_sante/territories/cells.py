"""Cells of INSEE's grids, whose identifiers say where they are: a table without polygons is enough."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import FileFormatError, SchemaError, join_problems
from carto_sante.territories.files import separator_of
from carto_sante.territories.layouts import find_column

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: How the published grids name the identifiers, the finest cells first.
CELL_ID_COLUMNS = ("idcar_200m", "idinspire", "id_inspire", "idcar_1km", "idcar_nat")
#: INSEE's grids: metropolitan France in the European one, Martinique and Réunion in their own projections.
_CELL = r"^CRS(3035|5490|2975)RES(\d+)mN(\d+)E(\d+)$"


def cells_from_ids(ids: pd.Series) -> Any:
    """Return the squares that INSEE's cell identifiers name, in the CRS they name.

    Parameters
    ----------
    ids : Series of str
        "CRS3035RES200mN2891800E3770600": EPSG code, resolution, then northing and easting of the south-west corner.
        CRS5490 is Martinique, CRS2975 Réunion.

    Returns
    -------
    GeoSeries
        Same index.

    Raises
    ------
    SchemaError
        Listing the identifiers of another form, or the several CRS that they name.

    Examples
    --------
    >>> import pandas as pd
    >>> cells_from_ids(pd.Series(["CRS3035RES200mN2891800E3770600"])).total_bounds.tolist()
    [3770600.0, 2891800.0, 3770800.0, 2892000.0]
    """
    import geopandas as gpd
    import shapely

    parts = ids.astype("string").str.strip().str.extract(_CELL)
    bad = parts.isna().any(axis=1)
    if bad.any():
        raise SchemaError(
            "Some cells have identifiers of another form:\n" + join_problems(ids[bad].astype(str).unique()),
            expected="CRS3035RES200mN2891800E3770600",
        )
    codes = sorted(parts[0].unique())
    if len(codes) > 1:
        raise SchemaError(
            f"The cells are of several grids: EPSG:{', EPSG:'.join(codes)}.",
            expected="one territory",
            next_step="Read the file of each territory by itself.",
        )
    size, north, east = (parts[number].astype("int64").to_numpy(dtype="float64") for number in range(1, 4))
    crs = f"EPSG:{codes[0]}" if codes else "EPSG:3035"
    return gpd.GeoSeries(shapely.box(east, north, east + size, north + size), index=ids.index, crs=crs)


def read_cell_table(path: Path, *, id_column: str | None = None) -> GeoDataFrame | None:
    """Return the cells of a CSV of identifiers, or nothing where the file is no such table.

    Parameters
    ----------
    path : Path
        An existing file.
    id_column : str, optional
        Column of the identifiers; the published names are recognised.

    Raises
    ------
    FileFormatError
        If the table cannot be read.
    SchemaError
        As `cells_from_ids`.
    """
    import geopandas as gpd
    import pandas as pd

    if path.suffix.lower() != ".csv":
        return None
    separator = separator_of(path)
    try:
        head = pd.read_csv(path, sep=separator, nrows=0, encoding="utf-8-sig")
        if find_column(head, ("geo_shape", "geometry", "geom")):
            return None
        name = id_column if id_column in head.columns else find_column(head, CELL_ID_COLUMNS)
        if name is None:
            return None
        table = pd.read_csv(path, sep=separator, encoding="utf-8-sig", dtype=str)
    except (ValueError, pd.errors.ParserError) as error:
        raise FileFormatError(f"{path.name} cannot be read as a table: {error}") from error
    return gpd.GeoDataFrame(table, geometry=cells_from_ids(table[name]))
