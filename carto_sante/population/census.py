"""The columns of INSEE's census by IRIS and of its 200 m grid, year by year, as age bands and sexes.

``base-ic-evol-struct-pop-YYYY`` names its columns by the year of the census and the exploitation (P principal, C
complementary): P19_POP, P19_POP0014, P19_POP75P, P19_POPH, P19_H0014, P19_POPF, P19_F1529. Before 2013 the sex totals
and bands read the same. Three sets of bands overlap: fine (0-2 ... 80+), fifteen years (0-14 ... 75+) and broad (0-19,
20-64, 65+); only the last two are given by sex.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL = "all"
FEMALE, MALE = "female", "male"

#: Sets of bands that cover every age once, the finest first. Bounds in completed years; None is "and over".
BAND_FAMILIES: dict[str, tuple[str, ...]] = {
    "fine": ("0-2", "3-5", "6-10", "11-17", "18-24", "25-39", "40-54", "55-64", "65-79", "80+"),
    "filosofi": ("0-3", "4-5", "6-10", "11-17", "18-24", "25-39", "40-54", "55-64", "65-79", "80+"),
    "fifteen years": ("0-14", "15-29", "30-44", "45-59", "60-74", "75+"),
    "broad": ("0-19", "20-64", "65+"),
}

_CENSUS = re.compile(r"[PC](\d{2})_(POP|H|F)(\d{2})(\d{2}|P)")
_TOTAL = re.compile(r"[PC](\d{2})_POP(|H|F)")
_SEX = {"POP": ALL, "": ALL, "H": MALE, "F": FEMALE}
_GRID = re.compile(r"ind_(\d+)(?:_(\d+)|p)", re.IGNORECASE)


class CensusColumn(NamedTuple):
    """A column of the census: its year, age band and sex."""

    name: str
    year: int
    age_band: str
    sex: str


def band_bounds(age_band: str) -> tuple[int, int | None]:
    """Return the first age and the last (None for "and over") of a band.

    Examples
    --------
    >>> band_bounds("15-29"), band_bounds("75+")
    ((15, 29), (75, None))
    """
    if age_band.endswith("+"):
        return int(age_band[:-1]), None
    low, high = age_band.split("-")
    return int(low), int(high)


def census_columns(names: Iterable[str]) -> list[CensusColumn]:
    """Return the columns of a census file that count people by age and sex.

    Examples
    --------
    >>> [tuple(column) for column in census_columns(["P19_POP", "P19_F1529", "P19_POP75P", "P19_POP_FR"])]
    [('P19_POP', 2019, 'all', 'all'), ('P19_F1529', 2019, '15-29', 'female'), ('P19_POP75P', 2019, '75+', 'all')]
    """
    found = []
    for name in names:
        text = str(name).strip().upper()
        if match := _TOTAL.fullmatch(text):
            found.append(CensusColumn(name, _year(match[1]), ALL, _SEX[match[2]]))
        elif match := _CENSUS.fullmatch(text):
            band = f"{int(match[3])}+" if match[4] == "P" else f"{int(match[3])}-{int(match[4])}"
            if any(band in family for family in BAND_FAMILIES.values()):
                found.append(CensusColumn(name, _year(match[1]), band, _SEX[match[2]]))
    return found


def grid_bands(names: Iterable[str]) -> dict[str, str]:
    """Return the age bands of a Filosofi grid, by column name (upper or lower case with the vintage).

    Examples
    --------
    >>> grid_bands(["ind", "ind_0_3", "Ind_80p", "ind_inc"])
    {'ind_0_3': '0-3', 'Ind_80p': '80+'}
    """
    found = {}
    for name in names:
        if match := _GRID.fullmatch(str(name)):
            found[name] = f"{match[1]}-{match[2]}" if match[2] else f"{match[1]}+"
    return found


def _year(two_digits: str) -> int:
    number = int(two_digits)
    return 2000 + number if number < 60 else 1900 + number
