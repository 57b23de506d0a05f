"""Small registry files for tests: RPPS rows of our names written in each layout of the real file."""

from __future__ import annotations

from pathlib import Path

# Columns of the layouts of 2018-2021 and of 2025-2026, by our name where we read them ("" where we do not).
_BEFORE = [
    ("Type d'identifiant PP", ""), ("Identifiant PP", "rpps_id"), ("Identification nationale PP", "practitioner_id"),
    ("Nom d'exercice", "last_name"), ("Prénom d'exercice", "first_name"), ("Code profession", "profession_code"),
    ("Libellé profession", ""), ("Code catégorie professionnelle", "professional_category_code"),
    ("Code savoir-faire", "savoir_faire_codes"), ("Libellé savoir-faire", ""),
    ("Code mode exercice", "practice_mode_code"), ("Numéro SIRET site", "siret"),
    ("Numéro FINESS site", "finess_et_id"), ("Identifiant technique de la structure", "structure_id"),
    ("Raison sociale site", "structure_label"), ("Enseigne commerciale site", "structure_sign"),
    ("Complément point géographique (coord. structure)", "address_place"),
    ("Numéro Voie (coord. structure)", "street_number"),
    ("Indice répétition voie (coord. structure)", "street_repetition"),
    ("Code type de voie (coord. structure)", "street_type_code"),
    ("Libellé type de voie (coord. structure)", "street_type_label"),
    ("Libellé Voie (coord. structure)", "street_name"), ("Mention distribution (coord. structure)", "distribution"),
    ("Bureau cedex (coord. structure)", "routing_label"), ("Code postal (coord. structure)", "postcode"),
    ("Code commune (coord. structure)", "commune_code"), ("Libellé commune (coord. structure)", "commune_label"),
    ("Code secteur d'activité", "sector_code"), ("Libellé secteur d'activité", "sector_label"),
]  # fmt: skip
_AFTER = [
    (name.replace("Indice répétition voie (coord. structure)", "Indice répétition voie (coord. Structure)"), ours)
    for name, ours in _BEFORE
] + [("Code fonction", "function_code"), ("Code genre d'activité", "activity_kind_code")]
LAYOUTS = {"2021": _BEFORE, "2025": _AFTER, "announced": [(n, o) for n, o in _AFTER if "savoir-faire" not in n]}


def activity(number: int, **values: str) -> dict[str, str]:
    """A liberal GP in a practice of Rennes; ``number`` tells the person."""
    row = {
        "rpps_id": f"10{number:09d}", "practitioner_id": f"810{number:09d}", "last_name": f"NOM{number}",
        "first_name": "Prénom", "profession_code": "10", "professional_category_code": "C",
        "savoir_faire_codes": "SM54", "practice_mode_code": "L", "street_number": "12", "street_type_code": "R",
        "street_type_label": "Rue", "street_name": "DE LA GARE", "routing_label": "35000 RENNES", "postcode": "35000",
        "commune_code": "35238", "commune_label": "Rennes", "sector_code": "SA08", "sector_label": "Cabinet de groupe",
    }  # fmt: skip
    return row | values


def rpps_text(rows: list[dict[str, str]], *, layout: str = "2025") -> str:
    """The rows in one layout: no quoting, every line ends with a separator."""
    columns = LAYOUTS[layout]
    lines = ["|".join(name for name, _ in columns) + "|"]
    lines += ["|".join(row.get(ours, "") for _, ours in columns) + "|" for row in rows]
    return "\n".join(lines) + "\n"


def skills_text(rows: list[dict[str, str]]) -> str:
    """The savoir-faire of the rows in their own file."""
    header = "Type d'identifiant PP|Identification nationale PP|Code profession|Code savoir-faire|Libellé savoir-faire|"
    known = sorted(
        {
            (r["practitioner_id"], r["profession_code"], r["savoir_faire_codes"])
            for r in rows
            if r.get("savoir_faire_codes")
        }
    )
    return "\n".join([header, *(f"8|{person}|{job}|{skill}||" for person, job, skill in known)]) + "\n"


def write_rpps(folder: Path, rows: list[dict[str, str]], *, layout: str = "2025", name: str = "activite.txt") -> Path:
    path = folder / name
    path.write_text(rpps_text(rows, layout=layout), encoding="utf-8")
    return path


def raw_finess_line(number: str, *, departement: str = "35", commune: str = "238", **values: str) -> str:
    """A ``structureet`` line of 32 fields."""
    fields = {
        1: number, 2: "350000002", 3: "CENTRE", 7: "4", 8: "R", 9: "DU PORT", 12: commune, 13: departement,
        15: "35000 RENNES", 18: "124", 19: "Centre de Santé", 28: "2019-01-01",
    }  # fmt: skip
    fields |= {int(place.removeprefix("f")): value for place, value in values.items()}
    return ";".join(["structureet", *(fields.get(place, "") for place in range(1, 32))])
