"""Zones of every level, and the zone of a point.

`read_territories` reads the layouts that are published (IGN, opendatasoft, ANCT, shapefiles of a city), repairs
their polygons and says by how much; `assign_territory` puts each point in exactly one zone of each level.
"""

from carto_sante.territories.assign import assign_territory
from carto_sante.territories.nesting import add_territory_parts, dissolve_territories, read_epci_composition
from carto_sante.territories.passage import apply_passage, read_commune_passage, read_iris_passage
from carto_sante.territories.read import read_territories
from carto_sante.territories.rings import territory_rings
from carto_sante.territories.topology import check_topology

__all__ = [
    "add_territory_parts",
    "apply_passage",
    "assign_territory",
    "check_topology",
    "dissolve_territories",
    "read_commune_passage",
    "read_epci_composition",
    "read_iris_passage",
    "read_territories",
    "territory_rings",
]
