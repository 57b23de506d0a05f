"""Tables to the files that others open: GeoPackage, GeoParquet, CSV, Excel, PostGIS."""

from carto_sante.exports.geopackage import write_geopackage
from carto_sante.exports.tables import write_csv, write_parquet

__all__ = ["write_csv", "write_geopackage", "write_parquet"]
