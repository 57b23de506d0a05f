"""Where to put a new MSP, and of what size.

`solve` answers the classical location models; `compute_gain` ranks candidates by what they change once
competition is recomputed; `compute_team` gives the smallest team that lifts a share of people above a threshold.
"""

from carto_sante.siting.models import MODELS, Solution, solve

__all__ = ["MODELS", "Solution", "solve"]
