"""Whom a profession mostly looks after, where that is not everybody: a cited table.

Sources: women of 15 to 49 are the ages of fertility in INSEE's demographic indicators and the population that
DREES and C@rtoSanté set against midwives; sixteen is the age from which a doctor must have been named for the access
to specialists (Code de la sécurité sociale, article L. 162-5-3), paediatricians being in direct access below; people
over sixty are the yardstick that the project's readers ask for in ophthalmology, whose main conditions (cataract,
glaucoma, age-related macular degeneration) come with age (HAS).
"""

from __future__ import annotations

from typing import NamedTuple


class TargetPopulation(NamedTuple):
    """Ages and sex of a target population, and how it reads in French."""

    age_from: int
    age_to: int | None
    sex: str
    label: str


#: Target population by profession; professions that are not here look after everybody.
TARGET_POPULATIONS = {
    "midwife": TargetPopulation(15, 49, "female", "femmes de 15 à 49 ans"),
    "gynaecologist": TargetPopulation(15, None, "female", "femmes de 15 ans ou plus"),
    "paediatrician": TargetPopulation(0, 15, "all", "moins de 16 ans"),
    "ophthalmologist": TargetPopulation(60, None, "all", "60 ans ou plus"),
}
