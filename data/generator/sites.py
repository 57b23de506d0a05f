"""Places of care: hospital, clinic, MSP, health centres, pharmacies, homes, practices."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from data.generator import plan
from data.generator.people import Address

CATEGORIES = {
    "355": ("Centre Hospitalier (C.H.)", "1102", "Centres Hospitaliers", "03",
        "ARS établissements Publics de santé dotation globale", "1", "Etablissement public de santé"),
    "365": ("Etablissement de Soins Chirurgicaux", "1109", "Etablissements de soins de courte durée", "99",
        "Indéterminé", "", ""),
    "603": ("Maison de santé (L.6223-3)", "2204", "Autres Etablissements de Soins et Prévention", "01",
        "Etablissement Tarif Libre", "", ""),
    "124": ("Centre de Santé", "2203", "Centres de Santé", "36", "Tarifs conventionnels assurance maladie", "", ""),
    "620": ("Pharmacie d'Officine", "3201", "Commerce de Biens à Usage Médicaux", "01", "Etablissement Tarif Libre",
        "", ""),
    "611": ("Laboratoire de Biologie Médicale", "3101", "Laboratoires de Biologie Médicale", "01",
        "Etablissement Tarif Libre", "", ""),
    "500": ("Etablissement d'hébergement pour personnes âgées dépendantes", "4401",
        "Etablissements d'Hébergement pour Personnes Agées", "45", "ARS PCD TP HAS nPUI", "", ""),
    "354": ("Service de Soins Infirmiers A Domicile (S.S.I.A.D)", "4605", "Services à Domicile", "54",
        "Tarif AM - SSIAD", "", ""),
    "223": ("Protection Maternelle et Infantile (P.M.I.)", "2202",
        "Etablissements de PMI et de Planification Familiale", "01", "Etablissement Tarif Libre", "", ""),
    "156": ("Centre Médico-Psychologique (C.M.P.)", "1111", "Autres Etablissements Relevant de la Loi Hospitalière",
        "99", "Indéterminé", "", ""),
    "190": ("Centre Action Médico-Sociale Précoce (C.A.M.S.P.)", "4106",
        "Services à Domicile ou Ambulatoires pour Handicapés", "10", "ARS PCD - Financement conjoint", "", ""),
    "197": ("Centre soins accompagnement prévention addictologie (CSAPA)", "4508",
        "Etablissements Médico-Sociaux en Addictologie", "34", "ARS - Dotation globale", "", ""),
    "604": ("Communautés professionnelles territoriales de santé (CPTS)", "2204",
        "Autres Etablissements de Soins et Prévention", "01", "Etablissement Tarif Libre", "", ""),
}  # fmt: skip


@dataclass
class Site:
    """One place of care."""

    key: str
    name: str
    address: Address
    category: str = ""
    finess_et: str = ""
    finess_ej: str = ""
    siren: str = ""
    opened: str = "1995-03-01"
    phone: str = ""
    is_open: bool = True

    @property
    def siret(self) -> str:
        """SIREN (999: never attributed) and order number."""
        return f"{self.siren}00011" if self.siren else ""


class Doors:
    """Addresses to choose from."""

    def __init__(self, addresses: list[Address], rng: random.Random) -> None:
        self.rng = rng
        self.by_quartier: dict[int, list[Address]] = defaultdict(list)
        self.by_commune: dict[str, list[Address]] = defaultdict(list)
        for a in addresses:
            self.by_commune[a.commune].append(a)
            if a.commune == plan.COMMUNE_CODE and a.kind not in ("rural", "park", "hospital"):
                self.by_quartier[a.quartier].append(a)

    def any(self, quartier: int, *, where: Callable[[Address], bool] | None = None) -> Address:
        """Return a random address of a quartier, main streets first."""
        pool = [a for a in self.by_quartier[quartier] if where is None or where(a)]
        main = [
            a
            for a in pool
            if a.street.startswith(("Avenue", "Boulevard", "Place", "Cours", "Quai", "Rue du Faubourg", "Grande-Rue"))
        ]
        return self.rng.choice(main if main and self.rng.random() < 0.35 else pool)

    def near(self, board: tuple[float, float], *, quartier: int | None = None) -> Address:
        """Return the address nearest to a point of the drawing board."""
        pool = self.by_commune[plan.COMMUNE_CODE] if quartier is None else self.by_quartier[quartier]
        return min(pool, key=lambda a: math.dist(a.board, board))


@dataclass
class Sites:
    """The sites by role."""

    hospital: Site
    clinic: Site
    msp: dict[str, Site]
    centres: dict[str, Site]
    pharmacies: list[Site]
    others: list[Site]

    def all(self) -> list[Site]:
        """Return every site with a FINESS number."""
        return [self.hospital, self.clinic, *self.msp.values(), *self.centres.values(), *self.pharmacies, *self.others]


#: Pharmacies by quartier.
PHARMACIES = {1: 5, 2: 3, 3: 2, 4: 2, 5: 1, 6: 1, 7: 2, 8: 1, 9: 1, 10: 2, 11: 1, 12: 1}
_SIGNS = ("DE LA CATHEDRALE", "DES HALLES", "DU MARCHE", "DE LA POSTE", "CENTRALE", "DE LA GARE", "VICTOR HUGO",
    "DU COURS",
          "SAINT ELOI", "JEAN JAURES", "SAINT GENES", "DES TANNERIES", "DES VIGNES", "DU MOULIN A VENT", "FOCH",
              "BEAULIEU",
          "DES HAUTS DE BRISE", "BEL AIR", "DU FAUBOURG", "SAINT JACQUES", "DE LA PRAIRIE", "DES COTEAUX")  # fmt: skip


def build_sites(doors: Doors) -> Sites:
    """Place every site with a FINESS number."""
    numbers = iter(range(1, 1000))

    def site(category: str, name: str, address: Address, opened: str) -> Site:
        k = next(numbers)
        return Site(
            f"F{k:03d}",
            name,
            address,
            category,
            f"58990{k:03d}{(k * 7) % 10}",
            f"58999{k:03d}{(k * 3) % 10}",
            f"9990{k:05d}",
            opened,
            f"0386{990000 + k:06d}",
        )

    hospital = site("355", "CH DE MONTBRISE", doors.near((-1250, 1620)), "1968-09-02")
    clinic = site("365", "POLYCLINIQUE SAINT ROCH", doors.near((-980, 260)), "1974-05-13")
    msp = {
        "pont": site("603", "MSP DU FAUBOURG DU PONT", doors.near((-160, -830), quartier=10), "2014-10-01"),
        "beaulieu": site("603", "MAISON DE SANTE BEAULIEU", doors.near((1300, 1480), quartier=7), "2019-02-11"),
        "vignes": site("603", "MSP DES VIGNES", doors.near((-1480, 330), quartier=5), "2025-06-16"),
    }
    centres = {
        "municipal": site(
            "124", "CENTRE DE SANTE MUNICIPAL DE MONTBRISE", doors.near((420, 830), quartier=2), "1983-01-03"
        ),
        "dental": site("124", "CENTRE DENTAIRE DE LA BRISE", doors.near((330, 420), quartier=1), "2021-09-06"),
        "nursing": site(
            "124", "CENTRE DE SOINS INFIRMIERS DE LA PRAIRIE", doors.near((-1480, -1600), quartier=11), "1979-04-02"
        ),
        "teleconsultation": site("124", "TELECONSULTATION BOURGOGNE SANTE", doors.near((-2400, 250)), "2023-03-20"),
    }
    pharmacies, signs = [], iter(_SIGNS)
    for quartier, count in PHARMACIES.items():
        pharmacies += [
            site(
                "620",
                f"PHARMACIE {next(signs)}",
                doors.any(quartier),
                f"19{60 + 3 * (len(pharmacies) + k) % 39:02d}-01-01",
            )
            for k in range(count)
        ]
    for commune in ("58992", "58993", "58996"):
        pharmacies.append(
            site("620", f"PHARMACIE DU BOURG {commune[-1]}", doors.rng.choice(doors.by_commune[commune]), "1988-01-01")
        )
    others = [
        site("611", "LABORATOIRE DU COURS", doors.near((450, 855)), "2009-01-05"),
        site("611", "LABORATOIRE SAINT GENES", doors.near((-700, 50)), "2010-01-04"),
        site("611", "LABORATOIRE DES COTEAUX", doors.near((550, -1500)), "2012-09-03"),
        *(site("500", f"EHPAD {n}", doors.any(q), "1992-06-01") for n, q in (("LES TILLEULS", 4), ("BEAUSEJOUR", 7),
            ("LA ROSERAIE", 12), ("LES BORDS DE BRISE", 10), ("SAINT ELOI", 3))),
        site("354", "SSIAD DU PAYS DE MONTBRISE", doors.near((-300, 700)), "1990-02-01"),
        site("223", "PMI DES HAUTS DE BRISE", doors.near((600, 2750), quartier=8), "1976-01-01"),
        site("223", "PMI DE LA PRAIRIE", doors.near((-1500, -1750), quartier=11), "1978-01-01"),
        site("156", "CMP ADULTES MONTBRISE", doors.near((200, 600)), "1985-01-01"),
        site("190", "CAMSP DE LA NIEVRE CENTRALE", doors.near((-1000, 700)), "2001-09-01"),
        site("197", "CSAPA LA PASSERELLE", doors.near((640, 780)), "1998-01-01"),
        site("604", "CPTS DU PAYS DE MONTBRISE", doors.near((150, 520)), "2022-01-01"),
    ]  # fmt: skip
    closed = site("603", "MAISON MEDICALE DES HAUTS DE BRISE", doors.near((560, 2800), quartier=8), "2008-01-07")
    closed.is_open = False
    others.append(closed)
    return Sites(hospital, clinic, msp, centres, pharmacies, others)
