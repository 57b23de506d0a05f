"""A road network ready to be searched, from OSM."""

from carto_sante.network.model import RoadNetwork
from carto_sante.network.osm import read_osm
from carto_sante.network.osmnx_bridge import from_graphml, from_osmnx, from_place, to_networkx, to_osmnx
from carto_sante.network.speeds import SpeedTable, speed_table
from carto_sante.network.store import load_network, save_network

__all__ = [
    "RoadNetwork",
    "SpeedTable",
    "from_graphml",
    "from_osmnx",
    "from_place",
    "load_network",
    "read_osm",
    "save_network",
    "speed_table",
    "to_networkx",
    "to_osmnx",
]
