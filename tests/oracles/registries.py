"""Who counts where, written slow: one row at a time, dictionaries and loops only."""

from __future__ import annotations

import csv
import re
import unicodedata
from importlib import resources

MODES = {"L": "liberal", "S": "salaried", "B": "volunteer"}


def _data(name: str) -> list[dict[str, str]]:
    text = resources.files("carto_sante").joinpath(f"registries/data/{name}").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def practitioners(
    rows: list[dict[str, str]], *, professions: list[str], definitions: dict[str, str]
) -> dict[tuple[str, str, str], float]:
    """Capacity by (practitioner, profession, site), from rows of our column names."""
    catalogue = {entry["profession"]: entry for entry in _data("professions.csv")}
    rules = {(rule["field"], rule["code"]) for rule in _data("activity_rules.csv")}
    skills: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        key = (row["practitioner_id"], row["profession_code"])
        skills.setdefault(key, set()).update(row.get("savoir_faire_codes", "").split())
    sites: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if any((field, row.get(field, "")) in rules for field in {field for field, _ in rules}):
            continue
        for profession in professions:
            entry = catalogue[profession]
            if row["profession_code"] != entry["rpps_profession_code"]:
                continue
            held = skills[row["practitioner_id"], row["profession_code"]]
            wanted = entry["rpps_savoir_faire_codes"].split()
            if wanted == ["none"] and held:
                continue
            if wanted and wanted != ["none"] and not held & set(wanted):
                continue
            if not _is_in(row, profession, definitions.get(profession, "liberal")):
                continue
            site = _site(row)
            if site is not None:
                sites.setdefault((row["practitioner_id"], profession), set()).add(site)
    return {
        (person, profession, site): 1.0 / len(found) for (person, profession), found in sites.items() for site in found
    }


def _is_in(row: dict[str, str], profession: str, definition: str) -> bool:
    entries = {(entry["profession"], entry["definition"]): entry for entry in _data("definitions.csv")}
    entry = entries.get((profession, definition)) or entries["*", definition]
    lists = {mode: entry[f"{mode}_sectors"].split() for mode in MODES.values()}
    if all("*" in sectors for sectors in lists.values()):
        return True
    mode = MODES.get(row.get("practice_mode_code", ""))
    if mode is None:
        return False
    return "*" in lists[mode] or (row.get("sector_code") or "-") in lists[mode]


def _site(row: dict[str, str]) -> str | None:
    town = row.get("commune_code") or row.get("postcode")
    if not town:
        return None
    if row.get("finess_et_id"):
        return f"finess:{row['finess_et_id']}"
    kind = row.get("street_type_label", "").upper() or row.get("street_type_code", "")
    parts = [row.get("street_number", ""), row.get("street_repetition", ""), kind, row.get("street_name", "")]
    address = " ".join(part for part in parts if part) if row.get("street_name") else ""
    address = address or row.get("address_place") or row.get("distribution") or ""
    bare = unicodedata.normalize("NFKD", address).encode("ascii", "ignore").decode().upper()
    bare = re.sub(r"[^A-Z0-9]+", " ", bare).strip()
    if bare:
        return f"address:{town}:{bare}"
    return f"siret:{row['siret']}" if row.get("siret") else f"commune:{town}"
