"""French words and numbers, for what residents and decision makers read."""

from __future__ import annotations

import csv
import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

NARROW_SPACE = "\u202f"
"""No-break thin space: groups of thousands (Imprimerie nationale, Lexique des règles typographiques)."""
NO_BREAK_SPACE = "\u00a0"
UNAVAILABLE = "non disponible"
SUPPRESSED = "secret statistique"

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip

LEVEL_LABELS = {
    "quartier": ("quartier", "quartiers"),
    "sous_quartier": ("sous-quartier", "sous-quartiers"),
    "iris": ("IRIS", "IRIS"),
    "qpv": ("QPV", "QPV"),
    "commune": ("commune", "communes"),
    "epci": ("intercommunalité", "intercommunalités"),
    "departement": ("département", "départements"),
}
RECOURSE_LABELS = {"first": "Premier recours", "second": "Second recours", "other": "Autres"}
PRECISION_LABELS = {
    "site": "position de l'établissement",
    "housenumber": "au numéro",
    "interpolated": "numéro estimé",
    "street": "à la rue",
    "locality": "au lieu-dit",
    "municipality": "à la commune",
    "none": "non localisé",
}
MODE_LABELS = {"walk": "à pied", "bike": "à vélo", "drive": "en voiture"}
INDICATOR_LABELS = {
    "practitioners_per_100k": "Densité pour 100\u202f000 hab.",
    "practitioners_per_10k": "Densité pour 10\u202f000 hab.",
    "etp_per_100k": "ETP pour 100\u202f000 hab.",
    "inhabitants_per_practitioner": "Habitants par praticien ou lieu",
    "practitioner_count": "Nombre de praticiens ou de lieux",
    "practitioner_capacity": "Activité (équivalents praticien)",
    "capacity_per_100k": "Activité pour 100\u202f000 hab.",
    "capacity_per_10k": "Activité pour 10\u202f000 hab.",
    "practitioners_per_100k_smoothed": "Densité pour 100\u202f000 hab., lissée",
    "practitioners_per_10k_smoothed": "Densité pour 10\u202f000 hab., lissée",
    "nearest_distance_p50_m": "Distance au plus proche (médiane)",
    "nearest_time_p50_min": "Temps au plus proche (médiane)",
    "population_count": "Habitants",
    "apl": "Accessibilité potentielle localisée",
    "accessibility": "Accessibilité potentielle",
    "e2sfca": "Accessibilité (E2SFCA)",
    "deprivation": "Défavorisation sociale",
    "median_income": "Revenu médian",
}
UNIT_LABELS = {
    "inhabitants": "habitants",
    "practitioners": "praticiens",
    "practitioner": "praticiens",
}


@dataclass(frozen=True)
class Profession:
    """One profession of the catalogue: its key, French labels and recourse ("first", "second", "other")."""

    key: str
    label: str
    plural: str
    recourse: str


@cache
def places_of_care() -> Mapping[str, Profession]:
    """Return the kinds of places of care by key: they are counted beside professions."""
    text = resources.files("carto_sante").joinpath("registries/data/facilities.csv").read_text(encoding="utf-8")
    return {
        row["facility_kind"]: Profession(
            row["facility_kind"], row["facility_label"], row["facility_label_plural"], "other"
        )
        for row in csv.DictReader(text.splitlines())
    }


@cache
def professions() -> Mapping[str, Profession]:
    """Return the catalogue of professions by key, in its order."""
    text = resources.files("carto_sante").joinpath("registries/data/professions.csv").read_text(encoding="utf-8")
    return {
        row["profession"]: Profession(
            row["profession"], row["profession_label"], row["profession_label_plural"], row["recourse"]
        )
        for row in csv.DictReader(text.splitlines())
    }


def profession_of(key: str) -> Profession:
    """Return a profession or a kind of place of the catalogues, or a plain one named after its key.

    Examples
    --------
    >>> profession_of("gp").plural
    'Médecins généralistes'
    >>> profession_of("art_therapist").label
    'art therapist'
    """
    known = professions().get(key) or places_of_care().get(key)
    return known or Profession(key, key.replace("_", " "), key.replace("_", " "), "other")


def format_number(number: float | None, *, decimals: int = 0) -> str:
    """Write a number in French: decimal comma, thin spaces between thousands.

    Parameters
    ----------
    number : float or None
        None and NaN are written "non disponible".
    decimals : int, default 0
        Digits after the comma; trailing zeros are kept so that columns align.

    Examples
    --------
    >>> format_number(12.5, decimals=1), format_number(-3.0)
    ('12,5', '\N{MINUS SIGN}3')
    >>> format_number(1234).replace(NARROW_SPACE, "_")
    '1_234'
    >>> format_number(float("nan"))
    'non disponible'
    """
    if number is None or not math.isfinite(number):
        return UNAVAILABLE
    text = f"{number:,.{decimals}f}".replace(",", NARROW_SPACE).replace(".", ",")
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0,") else "\u2212" + text[1:]
    return text


def decimals_for(values: Any) -> int:
    """Return how many decimals tell the values of an indicator apart: 0, 1 or 2.

    Examples
    --------
    >>> decimals_for([120.0, 80.5]), decimals_for([12.5, 8.0]), decimals_for([1.25, 3.5]), decimals_for([3.0, 7.0])
    (0, 1, 2, 0)
    """
    finite = [abs(float(value)) for value in values if value is not None and math.isfinite(float(value))]
    if not finite or all(value == round(value) for value in finite):
        return 0
    largest = max(finite)
    return 0 if largest >= 100 else 1 if largest >= 10 else 2


def format_date(date: dt.date | str) -> str:
    """Write a date in French.

    Examples
    --------
    >>> format_date(dt.date(2026, 1, 1)), format_date("2026-11-25")
    ('1er janvier 2026', '25 novembre 2026')
    >>> format_date("2026")
    '2026'
    """
    if isinstance(date, str):
        try:
            return format_date(dt.date.fromisoformat(date))
        except ValueError:
            return date
    day = "1er" if date.day == 1 else str(date.day)
    return f"{day} {MONTHS[date.month - 1]} {date.year}"


def indicator_label(indicator: str) -> str:
    """Return the French name of an indicator, or its key made readable."""
    return INDICATOR_LABELS.get(indicator, indicator.replace("_", " ").capitalize())


def unit_label(unit: str) -> str:
    """Return the French name of a unit, short and with thin spaces between thousands.

    Examples
    --------
    >>> unit_label("praticiens pour 100 000 habitants").replace(NARROW_SPACE, "_")
    'praticiens pour 100_000 hab.'
    """
    text = re.sub(r"(?<=\d) (?=\d{3}\b)", NARROW_SPACE, UNIT_LABELS.get(unit, unit))
    return re.sub(r"(?<=\d{3}) habitants$", " hab.", text)


def unit_of(unit: str, profession: str) -> str:
    """Return the French name of the unit of an indicator of a profession, or of a kind of place of care.

    Examples
    --------
    >>> unit_of("praticiens pour 100 000 habitants", "pharmacy").replace(NARROW_SPACE, "_")
    'pour 100_000 hab.'
    """
    text = unit_label(unit)
    if profession not in places_of_care():
        return text
    return {"praticiens": "lieux"}.get(text, text.removeprefix("praticiens ").replace("par praticien", "par lieu"))


def level_label(level: str, *, plural: bool = False) -> str:
    """Return the French name of a territory level.

    Examples
    --------
    >>> level_label("quartier", plural=True), level_label("secteur")
    ('quartiers', 'secteur')
    """
    names = LEVEL_LABELS.get(level, (level.replace("_", " "), level.replace("_", " ")))
    return names[1] if plural else names[0]
