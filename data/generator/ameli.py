"""The Ameli directory of tariffs: 33 fields, no header, one line per act."""

from __future__ import annotations

import random

from data.generator.postal import WAY_CODES, commune_name, plain, postcode_of
from data.generator.practitioners import Activity, Practitioner

#: Ameli's codes of profession, by savoir-faire or RPPS profession.
_CODES = {
    "SM54": "45", "SM26": "45", "SM53": "45", "SM20": "35", "SM19": "36", "SM40": "60", "SM38": "56", "SM04": "6",
        "SM15": "15",
    "SM42": "64", "SM44": "67", "60": "39", "70": "43", "40": "18", "50": "71", "91": "57", "92": "58",
}  # fmt: skip
#: Acts: code, family, tariff in euros.
_ACTS = {
    "45": (("G__", "", 30), ("VG_+MD", "", 40), ("DEQP003", "103", 14)), "35": (("CS_", "", 31), ("JQQM010", "102",
        42)),
    "36": (("CS_", "", 31), ("JKHD001", "102", 12)), "60": (("CS_", "", 39), ("COG", "", 60)), "56": (("CS_", "",
        31), ("BZQK001", "104", 28)),
    "6": (("CSC", "", 55), ("DEQP003", "103", 14)), "15": (("CS_", "", 31),), "64": (("CNP", "", 57),),
        "67": (("ZBQK002", "105", 24),),
    "39": (("AMI", "", 3),), "43": (("AMS", "", 18),), "18": (("C__", "", 23), ("HBLD634", "201", 290)),
    "71": (("C__", "", 28),), "57": (("AMO", "", 2),), "58": (("AMY", "", 2),),
}  # fmt: skip


def lines(people: list[Practitioner], seed: int) -> str:
    """Return the liberal practitioners and health-centre doctors of January 2026."""
    out = []
    for person in people:
        code = next(
            (_CODES[k] for k in [*(s[2] for s in person.savoir_faire), person.profession.code] if k in _CODES), None
        )
        if code is None or person.category == "E":
            continue
        for activity in person.activities[2026]:
            if activity.site.key and activity.kind == "GENR01" and (activity.mode == "L" or activity.sector == "SA05"):
                out += _practice(
                    person, activity, code, random.Random(f"{seed}/ameli/{person.number}/{activity.site.key}")
                )
    return "\n".join(out) + "\n"


def _practice(person: Practitioner, activity: Activity, code: str, rng: random.Random) -> list[str]:
    site, a = activity.site, activity.site.address
    way = a.street.split(" ")[0]
    street = plain(a.street)
    if way in WAY_CODES and rng.random() < 0.2:
        street = street.replace(plain(way), WAY_CODES[way], 1)
    commune = plain(commune_name(a.commune))
    sector = {"1": "c1", "2": "c3"}[person.convention]
    particular = "3" if code == "45" and rng.random() < 0.03 else ""
    option = "O" if sector == "c3" and rng.random() < 0.4 else "N"
    nature = {"L": "3", "S": "4"}[activity.mode]
    number = f"{a.number}{' ' + a.suffix.upper() if a.suffix else ''} "
    head = [
        "H" if person.civility == "M" else "F", person.surname, plain(person.first_name), site.name, "",
            number + street, "",
        postcode_of(a.commune), commune, site.phone, code, particular, nature, sector, option,
            "O" if rng.random() < 0.97 else "",
    ]  # fmt: skip
    out = []
    for act, family, price in _ACTS[code]:
        usual = price if sector == "c1" else round(price * rng.uniform(1.2, 2.2))
        amounts = [str(v) for v in (price, usual, usual)] + ["0" if family else ""] * 12
        out.append(";".join([*head, act, family, *amounts]))
    return out
