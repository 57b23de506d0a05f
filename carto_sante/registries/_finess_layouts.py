"""The layouts of FINESS files, and the one record they all become.

Sources: raw ``cs1100502``/``cs1100507`` (32 fields without header; ``geolocalisation`` records of 2016, 2020 and 2026),
yearly ``etalab_stock_et`` with header (two vintages), the joined derivative published by regions, and FINESS+ JSON
(public schema ``finess-structures``, Agence du numérique en santé).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from carto_sante.registries._accounts import Accounts
from carto_sante.registries.encoding import DESTROYED, LABEL_NOTE, restore_labels

#: Fields of a raw ``structureet`` line, by place.
RAW_FIELDS = (
    "record", "nofinesset", "nofinessej", "rs", "rslongue", "complrs", "compldistrib", "numvoie", "typvoie", "voie",
    "compvoie", "lieuditbp", "commune", "departement", "libdepartement", "ligneacheminement", "telephone", "telecopie",
    "categetab", "libcategetab", "categagretab", "libcategagretab", "siret", "codeape", "codemft", "libmft", "codesph",
    "libsph", "dateouv", "dateautor", "datemaj", "numuai",
)  # fmt: skip

SAME_ESTABLISHMENT = "other rows of the same establishment"
POSITION_JOINED = "position joined to its establishment"
POSITION_ALONE = "position of an establishment that is not in the file"
CLOSED = "closed (inactive in FINESS)"
NO_NUMBER = "FINESS number not well formed"
ZERO_BACK = "codes given back their leading zeros"
SIRET_LOST = "SIRET lost in scientific notation, left out"
NOT_WELL_FORMED = "not well formed, left out"
COMMUNE_MOVED = "Saint-Barthélemy and Saint-Martin given their commune code since 2007"
LABEL_UNKNOWN = "category code unknown to the nomenclature at hand"

_OVERSEAS = {"9A": "97", "9B": "97", "9C": "97", "9D": "97", "9E": "97", "9F": "97", "9J": "98"}
_MOVED = {"97123": "97701", "97127": "97801"}
_FINESS = re.compile(r"\d[\dAB]\d{7}")
_COMMUNE = re.compile(r"(?:\d{2}|2A|2B)\d{3}")
_SCIENTIFIC = re.compile(r"\d[.,]?\d*E\+?\d+", re.IGNORECASE)
_BOX = re.compile(r"^(?:BP|CS|TSA|B\.P\.)\b", re.IGNORECASE)
_ROUTING = re.compile(r"^(\d{4,5})\s*(.*)$")


@dataclass
class Facility:
    """One establishment, in the writing of its registry, codes checked."""

    source_row: int
    finess_et_id: str
    finess_ej_id: str | None = None
    category_code: str | None = None
    category_label: str | None = None
    facility_label: str | None = None
    siret: str | None = None
    address: str | None = None
    address_complement: str | None = None
    postcode: str | None = None
    commune_code: str | None = None
    commune_label: str | None = None
    opening_date: dt.date | None = None
    is_repaired: bool = False
    positions: list[tuple[float, float]] = field(default_factory=list)
    position_source: str = ""


@cache
def category_labels() -> dict[str, str]:
    """Return the labels of the categories of establishments, by code."""
    text = resources.files("carto_sante").joinpath("registries/data/finess_categories.csv").read_text(encoding="utf-8")
    import csv

    return {row["category_code"]: row["category_label"] for row in csv.DictReader(text.splitlines())}


class Codes:
    """Checks the codes of one file: lost zeros restored, what cannot be restored left out, all counted."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.is_repaired = False

    def finess(self, value: str) -> str | None:
        """Return a FINESS number of nine characters, its lost zeros restored; None if it is not one."""
        return self._filled(value, 9, _FINESS)

    def padded(self, value: str, length: int) -> str | None:
        """Return a numeric code with its lost zeros restored."""
        return self._filled(value, length, re.compile(rf"[\dAB]{{{length}}}"))

    def _filled(self, value: str, length: int, form: re.Pattern[str]) -> str | None:
        if value.isascii() and value.isdigit() and length - 2 <= len(value) < length:
            value = value.zfill(length)
            self.is_repaired = True
            self._accounts.note(ZERO_BACK, 1)
        return value if form.fullmatch(value) else None

    def siret(self, value: str, row: int) -> str | None:
        """Return a SIRET of 14 digits, None where it is lost (and listed)."""
        if not value:
            return None
        if re.fullmatch(r"\d{14}", value):
            return value
        if _SCIENTIFIC.fullmatch(value):
            self._accounts.note(SIRET_LOST, 1)
            self._accounts.listed.append((self._accounts.source, row, SIRET_LOST))
        else:
            self._accounts.note(f"siret {NOT_WELL_FORMED}", 1)
        return None

    def commune(self, departement: str, commune: str) -> str | None:
        """Return an INSEE code from a FINESS département and commune, or from a whole code."""
        if len(commune) == 5 or (len(commune) == 4 and commune.isdigit() and not departement):
            code: str | None = self._filled(commune, 5, re.compile(r"\w{5}"))
        else:
            short = self.padded(commune, 3)
            place = self._filled(departement, 2, re.compile(r"\d{2}|\d[A-J]|97\d"))
            code = None if short is None or place is None else place + short
            if place is not None and len(place) == 3 and short is not None:
                code = place[:2] + short
        if code and code[:2] in _OVERSEAS:
            code = _OVERSEAS[code[:2]] + code[2:]
        if code in _MOVED:
            self._accounts.note(COMMUNE_MOVED, 1)
            code = _MOVED[code]
        if code is not None and _COMMUNE.fullmatch(code):
            return code
        if commune or departement:
            self._accounts.note(f"commune {NOT_WELL_FORMED}", 1)
        return None

    def postcode(self, value: str) -> str | None:
        """Return a postcode of five digits."""
        if not value:
            return None
        code = self._filled(value, 5, re.compile(r"\d{5}"))
        if code is None:
            self._accounts.note(f"postcode {NOT_WELL_FORMED}", 1)
        return code

    def date(self, value: str) -> dt.date | None:
        """Return a date written yyyy-mm-dd or dd/mm/yyyy."""
        for form in ("%Y-%m-%d", "%d/%m/%Y"):
            try:
                return dt.datetime.strptime(value[:10], form).date()
            except ValueError:
                continue
        if value:
            self._accounts.note(f"date {NOT_WELL_FORMED}", 1)
        return None


def address_of(*, number: str, kind: str, street: str, repetition: str, place: str) -> str | None:
    """Return an address on one line; the place where there is no street, but never a post box.

    Examples
    --------
    >>> address_of(number="1", kind="R", street="RAYMOND BARRE", repetition="C", place="ZAC MOULIN JOLI")
    '1 C R RAYMOND BARRE'
    >>> address_of(number="", kind="", street="", repetition="", place="BP 381") is None
    True
    """
    if street:
        return " ".join(part for part in (number, repetition, kind, street) if part)
    return place if place and not _BOX.match(place) else None


def split_routing(line: str) -> tuple[str, str | None]:
    """Return the postcode and the commune of a routing line.

    Examples
    --------
    >>> split_routing("97405 ST DENIS CEDEX")
    ('97405', 'ST DENIS')
    """
    match = _ROUTING.match(line)
    postcode, label = match.groups() if match else ("", line)
    return postcode, re.sub(r"\s+CEDEX.*$", "", label) or None


def number_of(value: str) -> float:
    """Return a coordinate, NaN if it is not a number; a decimal comma is read."""
    try:
        return float(value.replace(",", "."))
    except ValueError:
        return float("nan")


def position_of(values: Iterable[str]) -> tuple[float, float, str]:
    """Return x, y and source of a ``geolocalisation`` line of any vintage, its first two fields left off."""
    x, y, *rest = values
    return number_of(x), number_of(y), ",".join(rest)


def set_labels(facilities: list[Facility], accounts: Accounts) -> None:
    """Give categories their label: the file's own, restored if its accents were destroyed; the nomenclature's else."""
    known = category_labels()
    by_code = {f.category_code: f.category_label for f in facilities if f.category_code and f.category_label}
    fixed = restore_labels({code: label for code, label in by_code.items() if label and code}, known)
    for facility in facilities:
        code = facility.category_code
        if code is None:
            continue
        if not facility.category_label:
            facility.category_label = known.get(code)
            accounts.note(LABEL_UNKNOWN, facility.category_label is None)
        elif DESTROYED in facility.category_label and DESTROYED not in fixed[code]:
            facility.category_label = fixed[code]
            accounts.note(LABEL_NOTE, 1)


def from_named(values: dict[str, str], row: int, codes: Codes, reject: Callable[[int, str], None]) -> Facility | None:
    """Return the facility of a raw or yearly row, by the names of its fields; None if it has no number."""
    codes.is_repaired = False
    number = codes.finess(values.get("nofinesset", ""))
    if number is None:
        reject(row, NO_NUMBER)
        return None
    postcode, commune_label = split_routing(values.get("ligneacheminement", ""))
    commune = values["cog"] if values.get("cog") else values.get("commune", "")
    place = values.get("lieuditbp", "")
    if re.match(r"\d+ .*[A-Z]{2}", values.get("compldistrib", "")):
        place = values["compldistrib"]  # some rows carry the whole address in the line before
    facility = Facility(
        source_row=row,
        finess_et_id=number,
        finess_ej_id=codes.finess(values.get("nofinessej", "")),
        category_code=codes.padded(values.get("categetab", ""), 3),
        category_label=values.get("liblongcategetab") or values.get("libcategetab") or None,
        facility_label=values.get("rslongue") or values.get("rs") or None,
        siret=codes.siret(values.get("siret", ""), row),
        address=address_of(
            number=values.get("numvoie", ""),
            kind=values.get("typvoie", ""),
            street=values.get("voie", ""),
            repetition=values.get("compvoie", ""),
            place=place,
        ),
        address_complement=" ".join(p for p in (values.get("compldistrib", ""), place) if p) or None,
        postcode=codes.postcode(values.get("codepostal") or postcode),
        commune_code=codes.commune(values.get("departement", ""), commune),
        commune_label=commune_label,
        opening_date=codes.date(values.get("dateouv") or values.get("dateouvert") or ""),
    )
    if values.get("coordx"):
        facility.positions.append((number_of(values["coordx"]), number_of(values.get("coordy", ""))))
        facility.position_source = values.get("sourcegeocod", "")
    facility.is_repaired = codes.is_repaired
    return facility
