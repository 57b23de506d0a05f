"""What a refresh found, for the person who ran it and for those who decide."""

from carto_sante.report.evolution import print_evolution
from carto_sante.report.series import series_table
from carto_sante.report.summary import print_summary, worst_served

__all__ = ["print_evolution", "print_summary", "series_table", "worst_served"]
