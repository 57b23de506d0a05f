"""The sources of a map, each with its date, from the study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from carto_sante.maps.labels import format_date

if TYPE_CHECKING:
    from carto_sante.study import Study

REGISTRY_NAMES = {
    "rpps": "Annuaire santé (RPPS), ANS",
    "finess": "FINESS, ANS-DREES",
    "ameli": "Annuaire santé Ameli, Cnam",
    "bpe": "Base permanente des équipements, Insee",
}


def study_credits(study: Study, *, population: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the sources of a study as a map must name them, in French.

    Parameters
    ----------
    study : Study
        Its registries with their dates, its network and its own credits.
    population : sequence of str
        How the population is known, in French.

    Returns
    -------
    tuple of str
        Each once, in the order of the study.
    """
    lines = []
    for item in study.registries:
        date = f", {format_date(item.data_date)}" if item.data_date else ""
        lines.append(f"{REGISTRY_NAMES[item.kind]}{date}")
    lines += [f"Population : {words}" for words in population]
    if study.network:
        date = f", {format_date(study.network.data_date)}" if study.network.data_date else ""
        lines.append(f"Réseau : © les contributeurs d’OpenStreetMap{date}")
    return tuple(dict.fromkeys([*lines, *study.study.credits]))
