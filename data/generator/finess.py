"""FINESS in its old CSV (cs1100507: structureet then geolocalisation) and as JSON after the FINESS+ schema."""

from __future__ import annotations

import json
import random

from data.generator.geometry import to_lonlat
from data.generator.people import Address
from data.generator.postal import Postal, commune_name, plain, postcode_of, write_address
from data.generator.sites import CATEGORIES, Site
from data.generator.tables import ban_key


def _postal(site: Site, rng: random.Random) -> Postal:
    defect = {"355": "cedex", "500": "bp"}.get(site.category, "clean")
    postal = write_address(site.address, defect=defect, rng=rng)
    postal.street = plain(postal.street)
    return postal


def as_csv(sites: list[Site], seed: int, *, date: str) -> str:
    """Return the old layout, 32 fields by establishment, coordinates in a second section."""
    lines = [f"finess;etalab;114;{date}"]
    for site in (s for s in sites if s.is_open):
        rng = random.Random(f"{seed}/finess/{site.key}")
        label, aggregate, aggregate_label, mft, mft_label, sph, sph_label = CATEGORIES[site.category]
        p = _postal(site, rng)
        ape = {"355": "8610Z", "365": "8610Z", "620": "4773Z", "500": "8710A", "611": "8690B"}.get(
            site.category, "8690F"
        )
        fields = [
            "structureet", site.finess_et, site.finess_ej, site.name[:38], site.name, "", p.place,
                p.number + p.repetition,
            p.way_code, p.street, "", p.distribution, site.address.commune[2:], "58", "NIEVRE", p.routing,
                site.phone, "",
            site.category, label, aggregate, aggregate_label, site.siret if rng.random() < 0.95 else "", ape,
            mft, mft_label, sph, sph_label, site.opened, site.opened, max(site.opened, "2024-11-04"), "",
        ]  # fmt: skip
        lines.append(";".join(fields))
    for site in (s for s in sites if s.is_open):
        a = site.address
        source = "1,ATLASANTE,96,BAN,EPSG:2154 RGF93 / Lambert-93 (Métropole)"
        lines.append(f"geolocalisation;{site.finess_et};{a.x_m:.1f};{a.y_m:.1f};{source};{date[:4]}-01-05")
    return "\n".join(lines) + "\n"


def as_json(sites: list[Site], seed: int) -> str:
    """Return the same establishments after the public schema of FINESS+, its known defects included.

    On one row in eight longitude and latitude take the place of the projected coordinates and the other way round;
    projected X and Y are inverted as observed in the flow; "TH" is lost from some street names.
    """
    legal: dict[str, list[Site]] = {}
    for site in sites:
        legal.setdefault(site.finess_ej, []).append(site)
    document = {
        "schemaVersion": "v1.0.0",
        "generatedAt": "2026-01-15T02:06:22Z",
        "gco": [],
        "gcc": [],
        "pmej": [_legal_entity(number, ej, group, seed) for number, (ej, group) in enumerate(legal.items(), start=1)],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _legal_entity(number: int, ej: str, group: list[Site], seed: int) -> dict[str, object]:
    first = group[0]
    rng = random.Random(f"{seed}/pmej/{ej}")
    return {
        "informationsGeneralesPMEJ": {
            "pmSmsseId": f"{990000 + number}",
            "numFinessPm": ej,
            "denominationPm": first.name[:38],
            "denominationLonguePmSmsse": first.name,
            "siren": first.siren,
            "statutJuridique": {"355": "13", "603": "79", "124": "60"}.get(first.category, "72"),
            "dateCreation": first.opened,
        },
        "adresse": [_address(first, "02", rng)],
        "ege": [_establishment(number, site, seed) for site in group],
        "etatObjet": "A",
        "dateDerniereMaj": "2025-11-04T08:00:00Z",
    }


def _establishment(number: int, site: Site, seed: int) -> dict[str, object]:
    rng = random.Random(f"{seed}/ege/{site.key}")
    general: dict[str, object] = {
        "egeId": f"{880000 + number}",
        "numFinessEge": site.finess_et,
        "nomEgeCourt": site.name[:38],
        "nomEgeLong": site.name,
        "siret": site.siret,
        "dateOuverture": site.opened,
        "datePremiereAutorisation": site.opened,
    }
    if CATEGORIES[site.category][5]:
        general["espic"] = [CATEGORIES[site.category][5]]
    if not site.is_open:
        general["dateFermeture"] = "2023-12-31"
    addresses = [_address(site, "03", rng)]
    if rng.random() < 0.15:  # a postal address of usage 01 comes first: the place of care is usage 03
        addresses.insert(
            0,
            {
                "usageAdresse": "01",
                "ligneAcheminement": plain(commune_name(site.address.commune)),
                "codePostal": postcode_of(site.address.commune),
                "cogCommune": site.address.commune,
            },
        )
    return {
        "informationsGeneralesEGE": general,
        "categorieentiteGeographiqueExercice": site.category,
        "modefixationtarifaire": CATEGORIES[site.category][3],
        "adresse": addresses,
        "contact": [{"typeContact": {"roleContact": "01"}, "telecom": {"telephone": site.phone}}],
        "etatObjet": "A" if site.is_open else "I",
        "dateDerniereMaj": "2025-11-04T08:00:00Z",
    }


def _address(site: Site, usage: str, rng: random.Random) -> dict[str, object]:
    a: Address = site.address
    p = _postal(site, rng)
    lon, lat = to_lonlat(a.x_m, a.y_m)
    lonlat, projected = (f"{lon:.6f}", f"{lat:.6f}"), (f"{a.y_m:.2f}", f"{a.x_m:.2f}")
    if usage == "03" and rng.random() < 0.125:
        lonlat, projected = (projected[1], projected[0]), (lonlat[0], lonlat[1])
    street = p.street.replace("TH", "E") if rng.random() < 0.3 else p.street
    return {
        "usageAdresse": usage,
        "numeroVoie": p.number,
        "typeVoie": p.way_code,
        "libelleVoie": street,
        "lieuDit": p.distribution,
        "codePostal": p.postcode,
        "ligneAcheminement": p.routing[6:],
        "cogCommune": a.commune,
        "coordonneesGeographique": {
            "coordonneeX": projected[0],
            "coordonneeY": projected[1],
            "directionLongitude": lonlat[0],
            "directionLatitude": lonlat[1],
            "cleInInteropBAN": ban_key(a),
            "scoreBAN": f"{rng.uniform(0.82, 0.99):.2f}",
        },
    }
