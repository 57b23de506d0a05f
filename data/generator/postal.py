"""Addresses as the registries write them: types of way, capitals, abbreviations, mistakes."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

from data.generator import plan
from data.generator.people import Address

WAY_CODES = {
    "Rue": "R", "Avenue": "AV", "Boulevard": "BD", "Place": "PL", "Quai": "QU", "Impasse": "IMP", "Allée": "ALL",
    "Chemin": "CHE", "Square": "SQ", "Ruelle": "RLE", "Passage": "PAS", "Cours": "CRS", "Mail": "MAIL", "Clos": "CLOS",
    "Route": "RTE",
}  # fmt: skip
_POSTCODES = {code: postcode for code, _, postcode, _ in plan.NEIGHBOURS} | {plan.COMMUNE_CODE: plan.POSTCODE}
_NAMES = {code: name for code, name, _, _ in plan.NEIGHBOURS} | {plan.COMMUNE_CODE: plan.COMMUNE}

#: How an address is written: "clean", or with one of the defects seen in the registries.
DEFECTS = (
    "misspelt",
    "abbreviated",
    "no-number",
    "bp",
    "cedex",
    "place",
    "no-commune-code",
    "typed-in",
    "blank",
    "commune-only",
)


@dataclass
class Postal:
    """The fields of one address in a registry."""

    recipient: str = ""
    place: str = ""
    number: str = ""
    repetition: str = ""
    way_code: str = ""
    way_label: str = ""
    street: str = ""
    distribution: str = ""
    routing: str = ""
    postcode: str = ""
    commune_code: str = ""
    commune_label: str = ""


def plain(text: str) -> str:
    """Return capitals without accents, hyphens and apostrophes as spaces, as AFNOR wants."""
    letters = unicodedata.normalize("NFKD", text.replace("Œ", "OE").replace("œ", "oe"))
    flat = "".join(c for c in letters if not unicodedata.combining(c)).upper()
    return " ".join(flat.replace("-", " ").replace("'", " ").replace("’", " ").split())


def postcode_of(commune: str) -> str:
    """Return the postcode of a commune of the sample."""
    return _POSTCODES[commune]


def commune_name(commune: str) -> str:
    """Return the name of a commune of the sample."""
    return _NAMES[commune]


def split_street(street: str) -> tuple[str, str]:
    """Split "Rue des Lilas" into type of way and name; "Grande-Rue" has no type."""
    first, _, rest = street.partition(" ")
    return (first, rest) if first in WAY_CODES and rest else ("", street)


def write_address(address: Address, *, defect: str, rng: random.Random, recipient: str = "") -> Postal:
    """Return the fields of an address, with one defect."""
    if defect == "blank":
        return Postal()
    way, name = split_street(address.street)
    postcode, commune = _POSTCODES[address.commune], _NAMES[address.commune]
    postal = Postal(
        recipient=recipient,
        number=str(address.number),
        repetition={"bis": "B", "ter": "T"}.get(address.suffix, ""),
        way_code=WAY_CODES.get(way, ""),
        way_label=way,
        street=plain(name) if rng.random() < 0.75 else name.upper(),
        routing=f"{postcode} {plain(commune)}",
        postcode=postcode,
        commune_code=address.commune if rng.random() < 0.6 else "",
        commune_label=commune if rng.random() < 0.6 else "",
    )
    if defect == "misspelt":
        postal.street = _misspell(postal.street, rng)
    elif defect == "abbreviated":
        postal.street = _abbreviate(plain(name))
    elif defect == "no-number":
        postal.number = postal.repetition = ""
    elif defect == "commune-only":
        postal.number = postal.repetition = postal.way_code = postal.way_label = postal.street = ""
        postal.place = "CABINET MEDICAL"
    elif defect == "bp":
        postal.distribution = f"BP {rng.randint(10, 990)}"
    elif defect == "cedex":
        postal.distribution = f"CS {rng.randint(10001, 40999)}"
        postal.postcode = f"{postcode[:4]}{int(postcode[4]) + 1}"
        postal.routing = f"{postal.postcode} {plain(commune)} CEDEX"
        postal.commune_code, postal.commune_label = "", ""
    elif defect == "place":
        postal.place = rng.choice(
            [
                "CABINET MEDICAL",
                "RESIDENCE LES TILLEULS BAT B",
                "CENTRE COMMERCIAL",
                "1ER ETAGE",
                "IMMEUBLE LE PARC ENTREE 2",
            ]
        )
    elif defect == "no-commune-code":
        postal.commune_code = postal.commune_label = ""
    elif defect == "typed-in":  # the whole line in the street's field
        postal.street = f"{postal.number} {plain(address.street)}"
        postal.number = postal.repetition = postal.way_code = postal.way_label = ""
    return postal


def _abbreviate(street: str) -> str:
    for long, short in (
        ("SAINT ", "ST "),
        ("SAINTE ", "STE "),
        ("FAUBOURG ", "FBG "),
        ("MARECHAL ", "MAL "),
        ("DOCTEUR ", "DR "),
        ("GENERAL ", "GAL "),
    ):
        street = street.replace(long, short)
    return street


def _misspell(street: str, rng: random.Random) -> str:
    letters = list(street)
    places = [i for i in range(1, len(letters) - 1) if letters[i].isalpha() and letters[i + 1].isalpha()]
    if not places:
        return street
    at, how = rng.choice(places), rng.random()
    if how < 0.4:
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    elif how < 0.75:
        del letters[at]
    else:
        letters.insert(at, letters[at])
    return "".join(letters)
