"""A road network ready to be searched, from OSM."""

from carto_sante.network.model import RoadNetwork

__all__ = ["RoadNetwork"]
