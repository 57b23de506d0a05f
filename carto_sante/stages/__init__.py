"""The stages of one study, from its file to tables, shared by the commands.

Each function takes the study and the tables of the stage before, and returns new tables:
`load_territories`, `load_population`, `load_practitioners`, `locate_practitioners`, `place_practitioners`,
`compute_indicators`, `load_network`, `load_context`, `load_deprivation`, `compute_site_isochrones`.
"""

from carto_sante.stages.indicators import Denominator, compute_indicators, denominators_by_level
from carto_sante.stages.inputs import (
    deprivation_words,
    load_context,
    load_deprivation,
    load_network,
    load_population,
    load_streets,
    load_territories,
)
from carto_sante.stages.practitioners import (
    PlacedPractitioners,
    load_practitioners,
    locate_practitioners,
    place_practitioners,
    prepare_practitioners,
)
from carto_sante.stages.reach import compute_site_isochrones

__all__ = [
    "Denominator",
    "PlacedPractitioners",
    "compute_indicators",
    "compute_site_isochrones",
    "denominators_by_level",
    "deprivation_words",
    "load_context",
    "load_deprivation",
    "load_network",
    "load_population",
    "load_practitioners",
    "load_streets",
    "load_territories",
    "locate_practitioners",
    "place_practitioners",
    "prepare_practitioners",
]
