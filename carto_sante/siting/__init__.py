"""Where to put a new MSP, and of what size.

`solve` answers the classical location models; `compute_gain` ranks candidates by what they change once
competition is recomputed; `compute_team` gives the smallest team that lifts a share of people above a threshold.
"""

from carto_sante.siting.gain import compute_gain, compute_gain_by_origin
from carto_sante.siting.models import MODELS, Solution, solve
from carto_sante.siting.team import compute_break_even, compute_team

__all__ = [
    "MODELS",
    "Solution",
    "compute_break_even",
    "compute_gain",
    "compute_gain_by_origin",
    "compute_team",
    "solve",
]
