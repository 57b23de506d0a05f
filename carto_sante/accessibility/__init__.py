"""Where people can reach care: the floating catchment family and the APL.

`compute_fca` and `compute_apl` take travel times, supply and demand; `standardise_demand` weighs people by age;
`apl_parameters` and `read_apl_workbook` give the dated parameters of the DREES.
"""

from carto_sante.accessibility.apl import compute_apl, count_acts
from carto_sante.accessibility.decay import (
    Decay,
    binary_decay,
    decay_names,
    exponential_decay,
    gaussian_decay,
    kernel_decay,
    named_decay,
    step_decay,
)
from carto_sante.accessibility.demand import standardise_demand
from carto_sante.accessibility.fca import METHODS, compute_fca
from carto_sante.accessibility.parameters import (
    AplParameters,
    apl_parameter_names,
    apl_parameters,
    read_apl_workbook,
    read_published_apl,
)
from carto_sante.accessibility.sensitivity import audit_edge, compute_sensitivity, summarise_sensitivity
from carto_sante.accessibility.summaries import (
    aggregate,
    compute_mean,
    compute_quantiles,
    compute_share_below,
    join_zoning,
    name_class,
    zoning_cutoffs,
)

__all__ = [
    "METHODS",
    "AplParameters",
    "Decay",
    "aggregate",
    "apl_parameter_names",
    "apl_parameters",
    "audit_edge",
    "binary_decay",
    "compute_apl",
    "compute_fca",
    "compute_mean",
    "compute_quantiles",
    "compute_sensitivity",
    "compute_share_below",
    "count_acts",
    "decay_names",
    "exponential_decay",
    "gaussian_decay",
    "join_zoning",
    "kernel_decay",
    "name_class",
    "named_decay",
    "read_apl_workbook",
    "read_published_apl",
    "standardise_demand",
    "step_decay",
    "summarise_sensitivity",
    "zoning_cutoffs",
]
