"""Tables to the files that others open: GeoPackage, GeoParquet, CSV, Excel, PostGIS."""

from carto_sante.exports.geopackage import write_geopackage
from carto_sante.exports.postgis import write_postgis
from carto_sante.exports.styles import Rule, class_rules, to_qml, value_rules
from carto_sante.exports.tables import write_csv, write_parquet
from carto_sante.exports.workbook import write_workbook

__all__ = [
    "Rule",
    "class_rules",
    "to_qml",
    "value_rules",
    "write_csv",
    "write_geopackage",
    "write_parquet",
    "write_postgis",
    "write_workbook",
]
