"""GeoPackage with several layers, the same bytes for the same tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import InputError
from carto_sante.exports.styles import write_styles
from carto_sante.files import whole_file

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


def write_geopackage(
    layers: Mapping[str, GeoDataFrame],
    path: Path | str,
    *,
    data_date: dt.date,
    styles: Mapping[str, str] | None = None,
) -> None:
    """Write tables as the layers of one GeoPackage, whole or not at all.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame
        By layer name, in the order they are written; each with a CRS. Rows without geometry are kept.
    path : path
        Ends in ``.gpkg``.
    data_date : datetime.date
        Written where GeoPackage wants a timestamp: the date of the data, never today's, so that the same
        tables give the same bytes.
    styles : mapping of layer to QML, optional
        Styles that QGIS applies when it opens the layers; see `carto_sante.exports.styles`.

    Raises
    ------
    InputError
        If there is no layer, or a layer has no CRS.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import geopandas, shapely, tempfile, pathlib, datetime
    >>> table = geopandas.GeoDataFrame({"a": ["x"]}, geometry=[shapely.Point(7e5, 6.6e6)], crs="EPSG:2154")
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "a.gpkg"
    >>> write_geopackage({"sites": table}, target, data_date=datetime.date(2026, 1, 15))
    >>> geopandas.read_file(target, layer="sites")["a"].tolist()
    ['x']
    """
    if not layers:
        raise InputError("There is no layer to write.", expected="at least one table")
    without_crs = [name for name, table in layers.items() if table.crs is None]
    if without_crs:
        raise InputError(f"Layers without CRS: {', '.join(without_crs)}.", next_step="Declare it with set_crs.")
    with whole_file(path) as part, _fixed_clock(data_date):
        for name, table in layers.items():
            _plain(table).to_file(part, layer=name, driver="GPKG", engine="pyogrio")
        if styles:
            write_styles(part, styles, data_date=data_date)


def _plain(table: GeoDataFrame) -> GeoDataFrame:
    # Lists and mappings have no GeoPackage type; attrs and index are not data.
    plain = table.copy()
    for column in plain.columns:
        if column == plain.geometry.name or plain[column].dtype != object:
            continue
        plain[column] = plain[column].map(_as_text)
    return plain.reset_index(drop=True)


def _as_text(value: Any) -> Any:
    if isinstance(value, list | tuple | set):
        return "; ".join(map(str, value))
    return value


@contextmanager
def _fixed_clock(day: dt.date) -> Iterator[None]:
    import pyogrio

    # OGR_CURRENT_DATE replaces the clock in gpkg_contents.last_change (GDAL, driver GPKG).
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{day.isoformat()}T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
