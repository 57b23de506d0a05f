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

__all__ = [
    "METHODS",
    "AplParameters",
    "Decay",
    "apl_parameter_names",
    "apl_parameters",
    "binary_decay",
    "compute_apl",
    "compute_fca",
    "count_acts",
    "decay_names",
    "exponential_decay",
    "gaussian_decay",
    "kernel_decay",
    "named_decay",
    "read_apl_workbook",
    "read_published_apl",
    "standardise_demand",
    "step_decay",
]
