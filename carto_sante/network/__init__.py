"""A road network ready to be searched, from OSM."""

from carto_sante.network.model import RoadNetwork
from carto_sante.network.osm import read_osm
from carto_sante.network.speeds import SpeedTable, speed_table

__all__ = ["RoadNetwork", "SpeedTable", "read_osm", "speed_table"]
