"""Yearly vintages of a study: computed, checked, written whole, and compared.

`refresh` runs every stage of a study and writes one vintage; the folder keeps all of them, and ``current`` points
to the newest.
"""

from carto_sante.refresh.run import RefreshResult, refresh

__all__ = ["RefreshResult", "refresh"]
