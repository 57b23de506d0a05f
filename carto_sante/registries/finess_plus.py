"""FINESS+ JSON (``finess-structures``), the successor of the CSV flow since 2026.

Read after the public schema (Agence du numérique en santé, schema-structures v1): ``pmej[].ege[]``, codes only,
inactive structures included, address of usage "03" (place of practice). Two known defects of the flow are met here:
coordinates exchanged between the fields in metres and in degrees, or swapped; and "TH" turned into "E" in street
names, which is undone only where another line of the same address says so.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from carto_sante.errors import FileFormatError
from carto_sante.registries import _finess_layouts as layouts
from carto_sante.registries._accounts import Accounts
from carto_sante.registries._finess_layouts import Codes, Facility

TH_RESTORED = "street names given back their TH, from another line of the address"

_PRACTICE_ADDRESS = "03"
_LIST = re.compile(r'"pmej"\s*:\s*\[')
_BLANK = re.compile(r"[\s,]*")


def read_structures(text: str, *, path: Path, accounts: Accounts) -> list[Facility]:
    """Return the active establishments of a FINESS+ file; inactive and malformed ones are counted.

    Parameters
    ----------
    text : str
        The whole file.
    path : Path
        How errors name it.
    accounts : Accounts
        One "row" is one establishment (``ege``), numbered in the order of the file.

    Raises
    ------
    FileFormatError
        If it is not JSON, is cut, or has no ``pmej``.
    """
    codes = Codes(accounts)
    facilities = []
    for entity in _entities(text, path):
        information = _mapping(entity.get("informationsGeneralesPMEJ"))
        parent = codes.finess(_text(information.get("numFinessPm")))
        for item in entity.get("ege") or []:
            accounts.read += 1
            facility = _facility(_mapping(item), parent, accounts.read, codes, accounts)
            if facility is not None:
                facilities.append(facility)
    if accounts.read == 0:
        raise FileFormatError(
            f"{path} has no establishment (pmej[].ege[]).", expected="FINESS+ JSON of structures (finess-structures)"
        )
    return facilities


def _entities(text: str, path: Path) -> Any:
    """Yield the legal entities one at a time: the national file does not fit in memory as objects."""
    start = _LIST.search(text)
    if start is None:
        raise FileFormatError(
            f"{path} is JSON without the list 'pmej' (starts with {text[:80]!r}).",
            expected="FINESS+ JSON of structures (finess-structures), of which 'pmej' is the list of legal entities",
        )
    decoder = json.JSONDecoder()
    place = start.end()
    try:
        json.loads(text[: start.start()].rstrip().rstrip(",") + "}" if text[: start.start()].strip() != "{" else "{}")
        while True:
            place = _BLANK.match(text, place).end()  # type: ignore[union-attr]
            if text[place : place + 1] == "]":
                break
            entity, place = decoder.raw_decode(text, place)
            yield _mapping(entity)
        rest = text[place + 1 :].strip()
        json.loads("{" + rest.removeprefix(","))
    except (json.JSONDecodeError, RecursionError) as error:
        where = f"near character {place + getattr(error, 'pos', 0)}"
        raise FileFormatError(
            f"{path} is cut or is not valid JSON {where}.",
            expected="a whole JSON file",
            next_step="Download it again.",
        ) from error


def _facility(item: dict[str, Any], parent: str | None, row: int, codes: Codes, accounts: Accounts) -> Facility | None:
    codes.is_repaired = False
    information = _mapping(item.get("informationsGeneralesEGE"))
    number = codes.finess(_text(information.get("numFinessEge")))
    if number is None:
        accounts.reject_row(row, layouts.NO_NUMBER)
        return None
    if _text(item.get("etatObjet")) == "I":
        accounts.rejected[layouts.CLOSED] += 1
        return None
    address = _address(item.get("adresse"))
    place = _text(address.get("lieuDit"))
    complement = (_text(address.get("complementPointGeographique")), place)
    facility = Facility(
        source_row=row,
        finess_et_id=number,
        finess_ej_id=parent,
        category_code=codes.padded(_text(item.get("categorieentiteGeographiqueExercice")), 3),
        facility_label=_text(information.get("nomEgeLong")) or _text(information.get("nomEgeCourt")) or None,
        siret=codes.siret(_text(information.get("siret")), row),
        address=layouts.address_of(
            number=_text(address.get("numeroVoie")),
            kind=_text(address.get("typeVoie")),
            street=_street(address, accounts),
            repetition=_text(address.get("complementVoie")),
            place=place,
        ),
        address_complement=" ".join(part for part in complement if part) or None,
        postcode=codes.postcode(_text(address.get("codePostal"))),
        commune_code=codes.commune("", _text(address.get("cogCommune"))),
        commune_label=layouts.split_routing(_text(address.get("ligneAcheminement")))[1],
        opening_date=codes.date(_text(information.get("dateOuverture"))),
    )
    position = _mapping(address.get("coordonneesGeographique"))
    pairs = (("directionLongitude", "directionLatitude"), ("coordonneeX", "coordonneeY"))
    values = [(layouts.number_of(_text(position.get(a))), layouts.number_of(_text(position.get(b)))) for a, b in pairs]
    facility.positions = values if position else []
    facility.is_repaired = codes.is_repaired
    return facility


def _street(address: dict[str, Any], accounts: Accounts) -> str:
    """Return the name of the street, with the letters "TH" that the flow lost where ``ligneQuatre`` still has them."""
    street, line = _text(address.get("libelleVoie")), _text(address.get("ligneQuatre"))
    if not street or street in line or "TH" not in line:
        return street
    damaged = line.replace("TH", "E")
    if damaged.endswith(street):
        for start in range(len(line)):
            if line[start:].replace("TH", "E") == street:
                accounts.note(TH_RESTORED, 1)
                return line[start:]
    return street


def _address(addresses: Any) -> dict[str, Any]:
    """Return the address of the place of practice, else the first one."""
    items = [_mapping(item) for item in addresses] if isinstance(addresses, list) else []
    usage = [item for item in items if _text(item.get("usageAdresse")) == _PRACTICE_ADDRESS]
    return (usage or items or [{}])[0]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
