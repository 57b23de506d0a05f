"""Practitioners per inhabitant, how sure that is, and how unevenly it is spread.

`compute_density` gives the densities of zones; `compare_zones` says whether a zone differs from the rest of the city;
`qpv_card` sets each QPV against its surroundings; the rest reads nearness, inequality and context.
"""

from carto_sante.density.compare import compare_zones
from carto_sante.density.compute import compute_density
from carto_sante.density.context import bivariate_class, join_context, read_context
from carto_sante.density.figure import density_figure
from carto_sante.density.inequality import concentration_index, gini, inequality_table, theil
from carto_sante.density.nearest import nearest_distance, nearest_time, weighted_percentile
from carto_sante.density.qpv import qpv_card
from carto_sante.density.targets import TARGET_POPULATIONS

__all__ = [
    "TARGET_POPULATIONS",
    "bivariate_class",
    "compare_zones",
    "compute_density",
    "concentration_index",
    "density_figure",
    "gini",
    "inequality_table",
    "join_context",
    "nearest_distance",
    "nearest_time",
    "qpv_card",
    "read_context",
    "theil",
    "weighted_percentile",
]
