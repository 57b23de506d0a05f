"""Files of polygons opened: vector formats, opendatasoft records, declared and undeclared CRS, encodings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.crs import likely_crs
from carto_sante.errors import CRSError, FileFormatError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_SHAPE_NAMES = ("geo_shape", "geo shape", "geometry", "geom")


def read_vector(path: Path, *, crs: str | None = None, encoding: str | None = None) -> GeoDataFrame:
    """Read a file of polygons, with a CRS.

    Parameters
    ----------
    path : Path
        An existing file.
    crs : str, optional
        Declared only where the file has none.
    encoding : str, optional
        Of the attributes.

    Returns
    -------
    GeoDataFrame
        Repeated column names made unique by keeping the first.

    Raises
    ------
    FileFormatError
        If the file cannot be read as polygons.
    CRSError
        If no CRS is known, or the declared one differs from the file's.
    """
    suffix = path.suffix.lower()
    if suffix == ".7z":
        raise FileFormatError(f"{path.name} is an archive.", next_step="Extract it and name the .shp or .gpkg inside.")
    if suffix == ".parquet":
        frame = _read_parquet(path)
    elif suffix == ".csv" or (suffix == ".json" and _is_list(path)):
        frame = _read_records(path)
    else:
        frame = _read_vector_format(path, encoding)
    frame = frame.loc[:, ~frame.columns.duplicated()]
    return with_crs(frame, crs=crs, name=path.name)


def with_crs(frame: GeoDataFrame, *, crs: str | None, name: str) -> GeoDataFrame:
    """Return the table with the CRS of its file, or the declared one where the file has none.

    Raises
    ------
    CRSError
        If there is none (the likely one is named), or the two differ.
    """
    from pyproj import CRS

    found = frame.crs
    # Some tools write "undefined" as a local engineering CRS: it says as little as none.
    if found is not None and not (found.is_geographic or found.is_projected):
        frame = frame.set_crs(None, allow_override=True)
        found = None
    if found is None and crs is None:
        raise CRSError(
            f"{name} declares no CRS.",
            expected="a declared CRS",
            next_step=f"{likely_crs(frame)} Declare it: crs = ... in the study, or the crs parameter.",
        )
    if found is None:
        return frame.set_crs(crs)
    if crs is not None and not CRS(crs).equals(found, ignore_axis_order=True):
        raise CRSError(
            f"{name} is in {found.name!r} by itself and is declared in {crs!r}.",
            expected="no declaration where the file has a CRS",
            next_step="Remove crs = ..., or mend the file.",
        )
    return frame


def separator_of(path: Path) -> str:
    """Return the separator of a CSV: the one its first line holds most of."""
    with path.open("rb") as stream:
        head = stream.readline().decode("latin-1")
    return max(";,\t|", key=head.count)


def _is_list(path: Path) -> bool:
    with path.open(encoding="utf-8-sig") as stream:
        return stream.read(200).lstrip().startswith("[")


def _read_vector_format(path: Path, encoding: str | None) -> GeoDataFrame:
    import geopandas as gpd
    from pyogrio.errors import DataSourceError

    name = f"zip://{path}" if path.suffix.lower() == ".zip" else str(path)
    is_shapefile = path.suffix.lower() in {".shp", ".zip"}
    # A shapefile without .cpg says nothing of its encoding: UTF-8 where it decodes, as it hardly ever does by chance.
    guesses = [encoding] if encoding or not is_shapefile or _has_cpg(path) else ["UTF-8", "CP1252"]
    try:
        for number, guess in enumerate(guesses):
            try:
                return gpd.read_file(name, **({"encoding": guess} if guess else {}))
            except UnicodeDecodeError:
                if number == len(guesses) - 1:
                    raise
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path.name}: the attributes are not in the encoding {guesses[-1] or 'UTF-8'} ({error.reason}).",
            next_step="Declare it: encoding = 'CP1252' or 'UTF-8'.",
        ) from error
    except (DataSourceError, ValueError, RuntimeError) as error:
        raise FileFormatError(
            f"{path.name} cannot be read as a file of polygons: {error}",
            expected="GeoPackage, shapefile with its .dbf and .shx, GeoJSON, GeoParquet or an opendatasoft export",
        ) from error
    raise FileFormatError(f"{path.name} cannot be read.")  # pragma: no cover - the loop returns or raises


def _has_cpg(path: Path) -> bool:
    if path.suffix.lower() == ".zip":
        import zipfile

        with zipfile.ZipFile(path) as archive:
            return any(name.lower().endswith(".cpg") for name in archive.namelist())
    return path.with_suffix(".cpg").exists() or path.with_suffix(".CPG").exists()


def _read_parquet(path: Path) -> GeoDataFrame:
    import geopandas as gpd

    try:
        return gpd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise FileFormatError(f"{path.name} is not GeoParquet: {error}") from error


def _read_records(path: Path) -> GeoDataFrame:
    """Read opendatasoft records: a JSON list, or a CSV whose geo_shape is GeoJSON text; always WGS84."""
    import geopandas as gpd
    import pandas as pd
    import shapely

    if path.suffix.lower() == ".json":
        try:
            records = json.loads(path.read_text(encoding="utf-8-sig"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise FileFormatError(f"{path.name} is not whole JSON: {error}", next_step="Export it again.") from error
        # The first version of the export nests the attributes under "fields".
        rows = [item.get("fields", item) if isinstance(item, dict) else {} for item in records]
    else:
        table = pd.read_csv(path, sep=None, engine="python", dtype=str, encoding="utf-8-sig")
        rows = table.to_dict("records")
    names = {str(key).lower(): key for row in rows for key in row}
    shape_name = next((names[item] for item in _SHAPE_NAMES if item in names), None)
    if shape_name is None:
        raise FileFormatError(
            f"{path.name} holds records without a shape.",
            expected="a geo_shape on each record",
            next_step=f"Found: {', '.join(map(str, names))}. Export it as GeoJSON instead.",
        )
    shapes = [_shape(row.get(shape_name)) for row in rows]
    table = pd.DataFrame([{key: value for key, value in row.items() if key != shape_name} for row in rows])
    values = shapely.from_geojson([json.dumps(item) if item else None for item in shapes], on_invalid="ignore")
    return gpd.GeoDataFrame(table, geometry=values, crs="EPSG:4326")


def _shape(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return None
    if isinstance(value, dict) and value.get("type") == "Feature":
        value = value.get("geometry")
    return value if isinstance(value, dict) else None
