"""Zones as GeoJSON, addresses as a BAN file, and the small tables beside them."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from shapely.geometry import MultiPolygon, Polygon

from data.generator import plan
from data.generator.geometry import to_lonlat
from data.generator.people import Address
from data.generator.postal import commune_name, plain, postcode_of
from data.generator.practitioners import Practitioner
from data.generator.sites import Site
from data.generator.zones import Zone

#: Code and median income (euros a year and consumption unit), share of poor, by QPV of 2024.
QPV_INCOME = {"QN05801M": (12_460, 46.1), "QN05802M": (13_230, 42.7), "QN05803M": (14_890, 35.2)}


def geojson(name: str, zones: Iterable[Zone], properties: Callable[[Zone], dict[str, object]]) -> str:
    """Return zones in WGS84, one feature a line, six decimals."""
    features = []
    for zone in zones:
        feature = {"type": "Feature", "properties": properties(zone), "geometry": _geometry(zone.geometry)}
        features.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    head = f'{{"type":"FeatureCollection","name":"{name}","features":['
    return head + "\n" + ",\n".join(features) + "\n]}\n"


def _geometry(shape: Polygon | MultiPolygon) -> dict[str, object]:
    if isinstance(shape, MultiPolygon):
        return {"type": "MultiPolygon", "coordinates": [_rings(p) for p in shape.geoms]}
    return {"type": "Polygon", "coordinates": _rings(shape)}


def _rings(polygon: Polygon) -> list[list[list[float]]]:
    return [
        [[round(v, 6) for v in to_lonlat(x, y)] for x, y in ring.coords]
        for ring in (polygon.exterior, *polygon.interiors)
    ]


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]], *, separator: str = ";") -> str:
    """Return a CSV; nothing here needs quotes unless it holds the separator."""
    out = [separator.join(header)]
    for row in rows:
        cells = [str(cell) for cell in row]
        out.append(separator.join(f'"{c}"' if separator in c else c for c in cells))
    return "\n".join(out) + "\n"


_BAN = (
    "id", "id_fantoir", "numero", "rep", "nom_voie", "code_postal", "code_insee", "nom_commune",
    "code_insee_ancienne_commune", "nom_ancienne_commune", "x", "y", "lon", "lat", "type_position", "alias", "nom_ld",
    "libelle_acheminement", "nom_afnor", "source_position", "source_nom_voie", "certification_commune", "cad_parcelles",
)  # fmt: skip


def ban(addresses: list[Address], seed: int) -> str:
    """Return the BAN of the sample, in the national CSV's columns; fills in the code of each street."""
    rng = random.Random(seed + 6)
    streets: dict[tuple[str, str], int] = {}
    counts: Counter[str] = Counter()
    for commune, street in sorted({(a.commune, a.street) for a in addresses}):
        counts[commune] += 1
        streets[(commune, street)] = counts[commune] * 5
    rows = []
    for a in sorted(addresses, key=lambda a: (a.commune, a.street, a.number, a.suffix)):
        a.street_code = f"{a.commune}_{streets[(a.commune, a.street)]:04d}"
        rows.append(_ban_row(a, rng))
    return csv_text(_BAN, rows)


def _ban_row(a: Address, rng: random.Random) -> list[object]:
    lon, lat = to_lonlat(a.x_m, a.y_m)
    draw = rng.random()
    position = "entrée" if draw < 0.7 else "segment" if draw < 0.9 else ""
    certified = draw < 0.6
    return [
        ban_key(a), a.street_code if rng.random() < 0.8 else "", a.number, a.suffix, a.street, postcode_of(a.commune),
        a.commune, commune_name(a.commune), "", "", f"{a.x_m:.1f}", f"{a.y_m:.1f}", f"{lon:.6f}", f"{lat:.6f}",
        position, "", "", plain(commune_name(a.commune)), plain(a.street), "commune" if certified else "inconnue",
        "commune", int(certified), "",
    ]  # fmt: skip


def ban_key(a: Address) -> str:
    """Return the interoperability key of an address."""
    return f"{a.street_code}_{a.number:05d}{'_' + a.suffix if a.suffix else ''}"


def qpv_population(qpv: list[Zone], addresses: list[Address], seed: int) -> str:
    """Return the municipal population of the QPV of 2024 by code, rounded, as published."""
    rng = random.Random(seed + 7)
    people: dict[str, float] = defaultdict(float)
    for a in addresses:
        people[a.qpv] += a.people
    rows = [
        [
            zone.code,
            zone.name,
            "58",
            plan.COMMUNE_CODE,
            plan.COMMUNE,
            round(people[zone.code] * rng.uniform(0.97, 1.03)),
        ]
        for zone in qpv
    ]
    return csv_text(["code_qp", "lib_qp", "insee_dep", "insee_com", "lib_com", "pop_mun"], rows)


def qpv_income(qpv: list[Zone]) -> str:
    """Return median income and share of poor by QPV."""
    rows = [[z.code, z.name, *QPV_INCOME[z.code]] for z in qpv]
    return csv_text(["code_qp", "lib_qp", "disp_q2", "disp_tp60"], rows)


_COUNTED = ("gp", "nurse", "physiotherapist", "dentist", "gynaecologist", "midwife", "paediatrician",
    "speech_therapist",
            "ophthalmologist", "orthoptist")  # fmt: skip


def control_totals(people: list[Practitioner], vintage: int) -> str:
    """Return liberal practitioners whose address names the département, counted from the cast and not from the file."""
    counts: Counter[str] = Counter()
    for person in people:
        kept = [
            a
            for a in person.activities[vintage]
            if a.mode == "L" and a.kind == "GENR01" and a.sector != "SA64" and "SOS MEDECINS" not in a.site.name
            and a.defects[vintage] != "blank"
        ]  # fmt: skip
        if kept and person.category == "C":
            counts[person.profession.key] += 1
    header = ["profession", "departement", "practitioners_count", "source"]
    source = f"Dénombrement de la ville fictive, janvier {vintage}"
    return csv_text(header, [[key, plan.DEPARTEMENT, counts[key], source] for key in _COUNTED])


def corrections(people: list[Practitioner], rows: list[dict[str, str]]) -> str:
    """Return five checked points of addresses that the registry misspells."""
    spots = {p.number: a.site.address for p in people for a in p.activities[2026] if a.defects[2026] == "misspelt"}
    found: dict[str, list[object]] = {}
    for row in sorted(rows, key=lambda r: r["Identifiant PP"]):
        spot = spots.get(row["Identifiant PP"])
        if spot is None or f"{spot.number}" != row[_NUMBER] or len(found) == 5:
            continue
        way, street = row["Libellé type de voie (coord. structure)"].upper(), row["Libellé Voie (coord. structure)"]
        if plain(street) in plain(spot.street):
            continue
        repetition = row["Indice répétition voie (coord. structure)"]
        address = " ".join(part for part in (row[_NUMBER], repetition, way, street) if part)
        lon, lat = to_lonlat(spot.x_m, spot.y_m)
        found.setdefault(
            address,
            [address, row["Code postal (coord. structure)"], row["Code commune (coord. structure)"],
             commune_name(spot.commune), f"{lon:.6f}", f"{lat:.6f}", f"street misspelt: {spot.label}", "2026-01-20"],
        )  # fmt: skip
    header = ["address", "postcode", "commune_code", "commune_label", "lon", "lat", "reason", "date"]
    return csv_text(header, found.values())


_NUMBER = "Numéro Voie (coord. structure)"


def exclusions(teleconsultation_finess: str, vintage: int) -> str:
    """Return the curated exclusion list."""
    header = ["finess_et_id", "siret", "label_pattern", "commune_code", "reason", "date", "source", "must_match"]
    rows = [
        ["", "", r"\bsos medecins?\b", "", "on-call service, not a place of regular care", f"{vintage}-01-15",
            "Ville fictive: garde à domicile", ""],
        [teleconsultation_finess, "", "", "", "teleconsultation platform registered as a health centre",
            f"{vintage}-01-15", "Ville fictive", "no"],
    ]  # fmt: skip
    return csv_text(header, rows)


def iris_properties(zone: Zone) -> dict[str, object]:
    """Return the columns of CONTOURS-IRIS."""
    return {
        "INSEE_COM": plan.COMMUNE_CODE, "NOM_COM": plan.COMMUNE, "IRIS": zone.code[5:], "CODE_IRIS": zone.code,
        "NOM_IRIS": zone.name, "TYP_IRIS": zone.kind,
    }  # fmt: skip


def quartier_properties(zone: Zone) -> dict[str, object]:
    """Return the columns of a town's own file."""
    return {"id": f"{zone.quartier:02d}", "nom": zone.name, "code_insee": plan.COMMUNE_CODE}


def qpv_properties(zone: Zone) -> dict[str, object]:
    """Return the columns of the QPV files."""
    return {
        "code_qp": zone.code, "nom_qp": zone.name, "commune_qp": plan.COMMUNE, "code_commune": plan.COMMUNE_CODE,
        "nom_commune": plan.COMMUNE, "code_departement": "58",
    }  # fmt: skip


def commune_properties(zone: Zone, population_count: int) -> dict[str, object]:
    """Return the columns of the geo.api communes."""
    return {
        "code": zone.code, "nom": zone.name, "codeDepartement": "58", "codeRegion": "27", "codeEpci": EPCI[0],
        "population": population_count,
    }  # fmt: skip


def epci_composition() -> str:
    """Return the communes of the EPCI, in the columns of INSEE's sheet Composition_communale."""
    header = ["CODGEO", "LIBGEO", "EPCI", "LIBEPCI", "DEP", "REG"]
    names = {plan.COMMUNE_CODE: plan.COMMUNE} | {code: name for code, name, _, _ in plan.NEIGHBOURS}
    return csv_text(header, [[code, name, *EPCI, "58", "27"] for code, name in sorted(names.items())])


def commune_passage() -> str:
    """Return the yearly passage table of communes: Lurcy (58997) joined Le Vernet (58992) in 2025."""
    codes = sorted([plan.COMMUNE_CODE, *(code for code, _, _, _ in plan.NEIGHBOURS), "58997"])
    rows = [["COM", code, code, "58992" if code == "58997" else code] for code in codes]
    return csv_text(["NIVGEO", "CODGEO_2023", "CODGEO_2024", "CODGEO_2025"], rows)


def iris_reference(iris: list[Zone]) -> str:
    """Return the IRIS and what holds them, in the columns of INSEE's sheet Emboitements_IRIS."""
    header = ["CODE_IRIS", "LIB_IRIS", "TYP_IRIS", "MODIF_IRIS", "GRD_QUART", "REG", "DEP", "DEPCOM", "LIBCOM"]
    rows = [
        [
            z.code,
            z.name,
            z.kind,
            "00",
            f"{plan.COMMUNE_CODE}{z.quartier:02d}",
            "27",
            "58",
            plan.COMMUNE_CODE,
            plan.COMMUNE,
        ]
        for z in iris
    ]
    return csv_text(header, rows)


def fdep_communes(seed: int) -> str:
    """Return FDep by commune: score and quintile."""
    rng = random.Random(seed + 8)
    rows = []
    for code, name in sorted([(plan.COMMUNE_CODE, plan.COMMUNE), *((c, n) for c, n, _, _ in plan.NEIGHBOURS)]):
        score = 0.35 if code == plan.COMMUNE_CODE else rng.gauss(0.2, 0.6)
        rows.append([code, name, f"{score:.4f}", 1 + sum(score > bound for bound in (-0.8, -0.2, 0.25, 0.8))])
    return csv_text(["codgeo", "libgeo", "fdep20", "quintile"], rows)


def fedi_iris(iris: list[Zone], seed: int) -> str:
    """Return F-EDI by IRIS: a high value means deprived; none where nobody lives."""
    rng = random.Random(seed + 9)
    rows = []
    for z in iris:
        score = rng.gauss(8.5 if is_estate(z) else 1.2 if z.quartier in (1, 2) else 0.2, 0.8)
        rows.append([z.code, z.name, f"{score:.3f}" if z.kind == "H" else ""])
    return csv_text(["code_iris", "lib_iris", "edi"], rows)


def income_quartiers(quartiers: list[Zone], addresses: list[Address], seed: int) -> str:
    """Return a median living standard by quartier (euros a year), as `density.deprivation` wants it."""
    rng = random.Random(seed + 11)
    people: dict[int, float] = defaultdict(float)
    estate: dict[int, float] = defaultdict(float)
    for a in addresses:
        people[a.quartier] += a.people
        estate[a.quartier] += a.people * (a.kind == "estate")
    rows = [
        [
            f"{z.quartier:02d}",
            z.name,
            round(23_400 * (1 - 0.45 * estate[z.quartier] / people[z.quartier]) * rng.uniform(0.94, 1.08), -1),
        ]
        for z in quartiers
    ]
    return csv_text(["territory_id", "territory_label", "value"], [[*row[:2], int(row[2])] for row in rows])


def bpe(people: list[Practitioner], sites: list[Site], seed: int) -> str:
    """Return BPE rows of January 2025: liberal practitioners without names, pharmacies, MSP, laboratories."""
    rng = random.Random(seed + 12)
    doors = [
        (_BPE_PEOPLE[p.profession.key], "", a.site.address)
        for p in people
        for a in p.activities[2025][:1]
        if p.profession.key in _BPE_PEOPLE and p.category == "C" and a.mode == "L" and a.defects[2025] != "blank"
    ]
    doors += [(_BPE_SITES[s.category], s.name, s.address) for s in sites if s.category in _BPE_SITES and s.is_open]
    rows = []
    for code, name, a in sorted(doors, key=lambda d: (d[0], d[2].x_m, d[2].y_m)):
        lon, lat = to_lonlat(a.x_m, a.y_m)
        quality = rng.choices(("Bonne", "Acceptable", "Mauvaise"), (92, 6, 2))[0]
        rows.append(
            [2024, name, a.number, a.suffix[:1].upper(), plain(a.street), postcode_of(a.commune), a.commune, "58", "27",
             "D", code[:2], code, f"{a.x_m:.2f}", f"{a.y_m:.2f}", f"{lon:.6f}", f"{lat:.6f}", quality,
             a.iris or f"{a.commune}0000"]
        )  # fmt: skip
    header = ["AN", "NOMRS", "NUMVOIE", "INDREP", "LIBVOIE", "CODPOS", "DEPCOM", "DEP", "REG", "DOM", "SDOM", "TYPEQU",
              "LAMBERT_X", "LAMBERT_Y", "LONGITUDE", "LATITUDE", "QUALITE_XY", "DCIRIS"]  # fmt: skip
    return csv_text(header, rows)


_BPE_PEOPLE = {
    "gp": "D265", "nurse": "D281", "physiotherapist": "D279", "dentist": "D277", "gynaecologist": "D276",
    "midwife": "D278", "paediatrician": "D272", "speech_therapist": "D235", "ophthalmologist": "D270",
    "orthoptist": "D236",
}  # fmt: skip
_BPE_SITES = {"603": "D113", "611": "D302", "620": "D307"}


def truth(people: list[Practitioner], vintage: int) -> str:
    """Return where every activity really is, which no registry says: to measure geocoding with."""
    rows = []
    for p in people:
        for a in p.activities[vintage]:
            if not a.site.key:
                continue
            spot = a.site.address
            lon, lat = to_lonlat(spot.x_m, spot.y_m)
            technical = a.site.finess_et or a.site.siret
            rows.append(
                [p.id_type + p.number, p.profession.key, technical, a.mode, a.defects[vintage], spot.label,
                 spot.commune, f"{lon:.6f}", f"{lat:.6f}", f"{spot.quartier:02d}" if spot.quartier else "", spot.qpv,
                 p.story]
            )  # fmt: skip
    header = ["practitioner_id", "profession", "site", "mode", "defect", "address", "commune_code", "lon", "lat",
              "quartier_id", "qpv_id", "story"]  # fmt: skip
    return csv_text(header, sorted(rows))


def candidates(addresses: list[Address]) -> str:
    """Return six places where the town could put a new MSP."""
    wanted = (("Ancien collège des Hauts-de-Brise", (700, 2760)), ("Place du marché de La Prairie", (-1480, -1680)),
              ("Friche de la gare", (640, 880)), ("Salle municipale de Bel-Air", (1520, 470)),
              ("Caserne du Moulin-à-Vent", (-1300, 1500)), ("Ferme des Coteaux", (1050, -1750)))  # fmt: skip
    rows = []
    for k, (label, (x, y)) in enumerate(wanted, start=1):
        spot = min((a for a in addresses if a.quartier), key=lambda a: (a.board[0] - x) ** 2 + (a.board[1] - y) ** 2)
        lon, lat = to_lonlat(spot.x_m, spot.y_m)
        rows.append([f"C{k}", label, spot.label, f"{lon:.6f}", f"{lat:.6f}"])
    return csv_text(["destination_id", "label", "address", "lon", "lat"], rows)


def is_estate(zone: Zone) -> bool:
    """Return whether an IRIS is one of the large estates."""
    return zone.name.startswith(("Hauts-de-Brise", "Prairie", "Bel-Air"))


EPCI = ("999958999", "CC du Pays de Montbrise")
