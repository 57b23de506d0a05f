"""People by zone, age and sex, as published and moved between zones.

One convention keeps anybody from being counted twice: a table in schemas.POPULATION holds, for each zone, one row
("all", "all") with everybody, then rows of single bands and sexes whose bands overlap (0-14 and 0-19 are both
published). Never add rows up: take `select_population`, which answers for an age range and a sex.
"""

from carto_sante.population.read import read_population
from carto_sante.population.select import select_population, total_population
from carto_sante.population.transfer import (
    aggregate_population,
    approximation_ratio,
    locate_population,
    transfer_population,
)

__all__ = [
    "aggregate_population",
    "approximation_ratio",
    "locate_population",
    "read_population",
    "select_population",
    "total_population",
    "transfer_population",
]
