"""Whom a profession mostly looks after, where that is not everybody: a cited table.

What is cited: the ages of fertility, 15 to 49, are those by which INSEE and DREES count births and abortions per 1,000
women; sixteen is the age from which insured persons name their doctor themselves, and below which going to another
one is not charged more to the patient (Code de la sécurité sociale, article L. 162-5-3).

What is a convention of this project, with no publication that sets it: that midwives look after the ages of fertility
(they also follow newborns and healthy women of any age), gynaecologists after women from 15, paediatricians after those
under 16, ophthalmologists after people of 60 or more (whose main diseases come with age; everybody consults). The
density per inhabitant is always given; these stand beside it.
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
