"""RPPS libre accès, in the header of 2018-2021, of 2025-2026, and with the savoir-faire in their own file."""

from __future__ import annotations

import random

from data.generator.postal import Postal, write_address
from data.generator.practitioners import Activity, Practitioner

_COORD = "(coord. structure)"
HEADER_2021 = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Code civilité d'exercice|"
    "Libellé civilité d'exercice|Code civilité|Libellé civilité|Nom d'exercice|Prénom d'exercice|Code profession|"
    "Libellé profession|Code catégorie professionnelle|Libellé catégorie professionnelle|Code type savoir-faire|"
    "Libellé type savoir-faire|Code savoir-faire|Libellé savoir-faire|Code mode exercice|Libellé mode exercice|"
    "Numéro SIRET site|Numéro SIREN site|Numéro FINESS site|Numéro FINESS établissement juridique|"
    "Identifiant technique de la structure|Raison sociale site|Enseigne commerciale site|"
    f"Complément destinataire {_COORD}|Complément point géographique {_COORD}|Numéro Voie {_COORD}|"
    f"Indice répétition voie {_COORD}|Code type de voie {_COORD}|Libellé type de voie {_COORD}|Libellé Voie {_COORD}|"
    f"Mention distribution {_COORD}|Bureau cedex {_COORD}|Code postal {_COORD}|Code commune {_COORD}|"
    f"Libellé commune {_COORD}|Code pays {_COORD}|Libellé pays {_COORD}|Téléphone {_COORD}|Téléphone 2 {_COORD}|"
    f"Télécopie {_COORD}|Adresse e-mail {_COORD}|Code Département (structure)|Libellé Département (structure)|"
    "Ancien identifiant de la structure|Autorité d'enregistrement|Code secteur d'activité|Libellé secteur d'activité|"
    "Code section tableau pharmaciens|Libellé section tableau pharmaciens"
).split("|")
#: What changed by 2025: four labels, four more columns.
_RENAMED = {
    "Libellé civilité d'exercice": "Libellé civilité exercice",
    f"Indice répétition voie {_COORD}": "Indice répétition voie (coord. Structure)",
    "Code Département (structure)": f"Code département {_COORD}",
    "Libellé Département (structure)": f"Libellé département {_COORD}",
}
HEADER_2026 = [_RENAMED.get(name, name) for name in HEADER_2021] + [
    "Code fonction", "Libellé fonction", "Code genre d'activité", "Libellé genre d'activité",
]  # fmt: skip
SAVOIR_FAIRE = ("Code type savoir-faire", "Libellé type savoir-faire", "Code savoir-faire", "Libellé savoir-faire")
IDENTITY = ("Type d'identifiant PP", "Identifiant PP", "Identification nationale PP")
OCCUPATION = (
    "Code profession",
    "Libellé profession",
    "Code catégorie professionnelle",
    "Libellé catégorie professionnelle",
)

SECTORS = {
    "SA01": "Etablissement Public de santé", "SA04": "Etab. Privé Non PSPH", "SA05": "Centre de santé",
    "SA07": "Cabinet individuel", "SA08": "Cabinet de groupe", "SA09": "Exercice en Société",
    "SA14": "Établissements scolaires, universitaires et de formation", "SA33": "Pharmacie d'officine",
    "SA42": "Appareillage médical", "SA64": "Société de téléconsultation",
}  # fmt: skip
_MODES = {"L": "Libéral", "S": "Salarié", "B": "Bénévole"}
_KINDS = {
    "GENR01": "Activité standard de soin ou de pharmacien",
    "GENR02": "Activité de soins ou de pharmacien en tant que remplaçant",
}
_FUNCTIONS = {"FON-01": "Titulaire de cabinet", "FON-07": "Titulaire d'officine", "FON-09": "Adjoint"}
_CIVILITIES = {"M": "Monsieur", "MME": "Madame"}
_CATEGORIES = {"C": "Civil", "E": "Etudiant"}


def rows(people: list[Practitioner], vintage: int, seed: int) -> list[dict[str, str]]:
    """Return one row per practitioner, activity and savoir-faire, with the names of the 2018-2021 columns."""
    out = []
    for person in people:
        for number, activity in enumerate(person.activities[vintage]):
            # The spelling of one activity depends on nothing else in the file.
            rng = random.Random(f"{seed}/{person.number}/{activity.site.key}/{activity.defects.get(vintage)}/{number}")
            base = _identity(person) | _activity(activity, vintage, rng)
            for savoir_faire in person.savoir_faire or [("", "", "", "")]:
                out.append(base | dict(zip(SAVOIR_FAIRE, savoir_faire, strict=True)))
    random.Random(f"{seed}/{vintage}/order").shuffle(out)
    return out


def _identity(person: Practitioner) -> dict[str, str]:
    doctor = person.profession.code in ("10", "40", "21")
    return {
        "Type d'identifiant PP": person.id_type,
        "Identifiant PP": person.number,
        "Identification nationale PP": person.id_type + person.number,
        "Code civilité d'exercice": "DR" if doctor and person.category == "C" else "",
        "Libellé civilité d'exercice": "Docteur" if doctor and person.category == "C" else "",
        "Code civilité": person.civility,
        "Libellé civilité": _CIVILITIES[person.civility],
        "Nom d'exercice": person.surname,
        "Prénom d'exercice": person.first_name,
        "Code profession": person.profession.code,
        "Libellé profession": person.profession.label,
        "Code catégorie professionnelle": person.category,
        "Libellé catégorie professionnelle": _CATEGORIES[person.category],
    }


def _activity(activity: Activity, vintage: int, rng: random.Random) -> dict[str, str]:
    site = activity.site
    row = {
        "Code mode exercice": activity.mode,
        "Libellé mode exercice": _MODES[activity.mode],
        "Code secteur d'activité": activity.sector,
        "Libellé secteur d'activité": SECTORS.get(activity.sector, ""),
        "Code fonction": activity.function,
        "Libellé fonction": _FUNCTIONS.get(activity.function, ""),
        "Code genre d'activité": activity.kind,
        "Libellé genre d'activité": _KINDS[activity.kind],
        "Autorité d'enregistrement": "ARS/CPAM/CPAM" if site.key else "ARS//",
    }
    if not site.key:
        return row
    has_finess = bool(site.finess_et) and rng.random() < 0.9
    technical = f"F{site.finess_et}" if has_finess else f"C{site.siret}"
    row |= {
        "Numéro SIRET site": site.siret if rng.random() < 0.8 else "",
        "Numéro FINESS site": site.finess_et if has_finess else "",
        "Numéro FINESS établissement juridique": site.finess_ej if has_finess else "",
        "Identifiant technique de la structure": technical,
        "Ancien identifiant de la structure": f"{'1' if has_finess else '3'}{technical[1:]}",
        "Raison sociale site": site.name,
        "Enseigne commerciale site": site.name if site.category in ("603", "124") and rng.random() < 0.5 else "",
        "Téléphone (coord. structure)": site.phone if rng.random() < 0.7 else "",
    }
    row["Numéro SIREN site"] = row["Numéro SIRET site"][:9] if rng.random() < 0.3 else ""
    recipient = site.name if rng.random() < 0.5 else ""
    return row | _postal(write_address(site.address, defect=activity.defects[vintage], rng=rng, recipient=recipient))


def _postal(postal: Postal) -> dict[str, str]:
    has_code = bool(postal.commune_code)
    return {
        f"Complément destinataire {_COORD}": postal.recipient,
        f"Complément point géographique {_COORD}": postal.place,
        f"Numéro Voie {_COORD}": postal.number,
        f"Indice répétition voie {_COORD}": postal.repetition,
        f"Code type de voie {_COORD}": postal.way_code,
        f"Libellé type de voie {_COORD}": postal.way_label,
        f"Libellé Voie {_COORD}": postal.street,
        f"Mention distribution {_COORD}": postal.distribution,
        f"Bureau cedex {_COORD}": postal.routing,
        f"Code postal {_COORD}": postal.postcode,
        f"Code commune {_COORD}": postal.commune_code,
        f"Libellé commune {_COORD}": postal.commune_label,
        f"Code pays {_COORD}": "99000" if has_code else "",
        f"Libellé pays {_COORD}": "France" if has_code else "",
        "Code Département (structure)": "58" if postal.postcode and has_code else "",
        "Libellé Département (structure)": "Nièvre" if postal.postcode and has_code else "",
    }


def as_2021(table: list[dict[str, str]]) -> str:
    """Return the file in the header of 2018-2021."""
    return _text(HEADER_2021, table)


def as_2026(table: list[dict[str, str]]) -> str:
    """Return the file in the header of 2025-2026."""
    return _text(HEADER_2026, [{_RENAMED.get(k, k): v for k, v in row.items()} for row in table])


def as_split(table: list[dict[str, str]]) -> tuple[str, str]:
    """Return activities and savoir-faire as two files, as announced."""
    activities, skills = {}, {}
    for row in table:
        kept = {_RENAMED.get(k, k): v for k, v in row.items() if k not in SAVOIR_FAIRE}
        activities[tuple(kept.items())] = kept
        if row["Code savoir-faire"]:
            skill = {k: row[k] for k in (*IDENTITY, *OCCUPATION, *SAVOIR_FAIRE)}
            skills[tuple(skill.values())] = skill
    header = [name for name in HEADER_2026 if name not in SAVOIR_FAIRE]
    return _text(header, list(activities.values())), _text(
        [*IDENTITY, *OCCUPATION, *SAVOIR_FAIRE], list(skills.values())
    )


def _text(header: list[str], table: list[dict[str, str]]) -> str:
    lines = ["|".join(header) + "|"]
    lines += ["|".join(row.get(name, "") for name in header) + "|" for row in table]
    return "\n".join(lines) + "\n"
