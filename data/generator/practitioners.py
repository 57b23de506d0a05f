"""Who practises where, in January 2025 and in January 2026. No name here is anybody's: syllables drawn by lot."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from data.generator import plan
from data.generator.people import Address
from data.generator.postal import DEFECTS
from data.generator.sites import Doors, Site, Sites

SavoirFaire = tuple[str, str, str, str]
_SM = ("S", "Spécialité ordinale")


@dataclass(frozen=True)
class Profession:
    """How one profession stands in the RPPS of the sample."""

    key: str
    code: str
    label: str
    liberal: int
    salaried: int
    savoir_faire: tuple[tuple[str, str, str, str, float], ...] = ()
    id_type: str = "8"
    arrivals: float = 0.05
    departures: float = 0.05
    neighbours: int = 0
    secondary: float = 0.05


_GP = (
    (*_SM, "SM54", "Médecine générale", 0.62),
    (*_SM, "SM26", "Qualifié en Médecine Générale", 0.26),
    (*_SM, "SM53", "Spécialiste en Médecine Générale", 0.12),
)

PROFESSIONS: tuple[Profession, ...] = (
    Profession("gp", "10", "Médecin", 75, 6, _GP, neighbours=8, secondary=0.04),
    Profession("nurse", "60", "Infirmier", 92, 42, neighbours=11, secondary=0.03),
    Profession("physiotherapist", "70", "Masseur-Kinésithérapeute", 70, 8, neighbours=5, secondary=0.06),
    Profession("dentist", "40", "Chirurgien-Dentiste", 38, 1, neighbours=2, secondary=0.04),
    Profession("gynaecologist", "10", "Médecin", 4, 4, ((*_SM, "SM20", "Gynécologie-obstétrique", 0.5), (*_SM,
        "SM19", "Gynécologie médicale", 0.5)), secondary=0.3),
    Profession("midwife", "50", "Sage-Femme", 10, 9, neighbours=1, secondary=0.15),
    Profession("paediatrician", "10", "Médecin", 4, 3, ((*_SM, "SM40", "Pédiatrie", 1.0),), secondary=0.2),
    Profession("speech_therapist", "91", "Orthophoniste", 22, 3, neighbours=1, secondary=0.06),
    Profession("ophthalmologist", "10", "Médecin", 6, 1, ((*_SM, "SM38", "Ophtalmologie", 1.0),), secondary=0.6),
    Profession("orthoptist", "92", "Orthoptiste", 6, 1, secondary=0.4),
    # What a careless reader would count: other specialties and professions.
    Profession("cardiologist", "10", "Médecin", 5, 2, ((*_SM, "SM04", "Cardiologie et maladies vasculaires", 1.0),),
        secondary=0.5),
    Profession("dermatologist", "10", "Médecin", 2, 0, ((*_SM, "SM15", "Dermatologie et vénéréologie", 1.0),)),
    Profession("psychiatrist", "10", "Médecin", 4, 3, ((*_SM, "SM42", "Psychiatrie", 1.0),)),
    Profession("radiologist", "10", "Médecin", 4, 1, ((*_SM, "SM44", "Radio-diagnostic", 1.0),), secondary=1.0),
    Profession("pharmacist", "21", "Pharmacien", 22, 30),
    Profession("podiatrist", "80", "Pédicure-Podologue", 16, 0, neighbours=1),
    Profession("psychologist", "93", "Psychologue", 14, 6, id_type="0"),
    Profession("optician", "28", "Opticien-Lunetier", 0, 14, id_type="0"),
)  # fmt: skip

#: Liberal GPs by quartier in January 2025, and in January 2026.
GP_2025 = {1: 14, 2: 12, 3: 8, 4: 9, 5: 2, 6: 4, 7: 6, 8: 3, 9: 4, 10: 8, 11: 2, 12: 3}
GP_2026 = {1: 14, 2: 11, 3: 8, 4: 7, 5: 6, 6: 3, 7: 6, 8: 0, 9: 4, 10: 8, 11: 2, 12: 3}

#: How the other professions prefer the quartiers, beside their population.
PULL = {1: 2.3, 2: 1.7, 3: 1.2, 4: 1.2, 5: 0.8, 6: 0.9, 7: 1.0, 8: 0.22, 9: 0.7, 10: 1.0, 11: 0.35, 12: 0.7}


@dataclass
class Activity:
    """One practitioner at one site."""

    site: Site
    mode: str
    sector: str
    kind: str = "GENR01"
    function: str = ""
    defects: dict[int, str] = field(default_factory=dict)


@dataclass
class Practitioner:
    """One fictional person."""

    number: str
    id_type: str
    civility: str
    surname: str
    first_name: str
    profession: Profession
    savoir_faire: list[SavoirFaire]
    category: str = "C"
    activities: dict[int, list[Activity]] = field(default_factory=lambda: {2025: [], 2026: []})
    convention: str = "1"
    story: str = ""


_HEADS = (
    "BRA",
    "CHÉ",
    "DOR",
    "FAL",
    "GUÉ",
    "JAM",
    "KER",
    "LOU",
    "MAR",
    "NOV",
    "PEL",
    "QUIN",
    "ROU",
    "SAV",
    "TRÉ",
    "VAL",
    "YVE",
    "ZEL",
    "CAM",
    "BOI",
)
_MIDDLES = ("BO", "CI", "DE", "FA", "GO", "LI", "MA", "NI", "PO", "RA", "SE", "TI", "VO", "ZA")
_TAILS = ("NDOL", "RVIEUX", "LLOIX", "SQUIN", "NTREL", "RBAUT", "MPLET", "TTIER", "GNAUX", "SSARD", "VRANT", "DOUX")
_FIRST_F = (
    "Aline",
    "Brune",
    "Céleste",
    "Doriane",
    "Elvire",
    "Flavie",
    "Garance",
    "Héloïse",
    "Isaure",
    "Jocelyne",
    "Liane",
    "Maëlys",
    "Noémie",
    "Ombeline",
    "Prune",
    "Rosine",
    "Solène",
    "Thaïs",
    "Viviane",
    "Zélie",
)
_FIRST_M = (
    "Anselme",
    "Basile",
    "Cyprien",
    "Donatien",
    "Elias",
    "Firmin",
    "Gaspard",
    "Hilaire",
    "Isidore",
    "Jolan",
    "Landry",
    "Maël",
    "Nestor",
    "Octave",
    "Perceval",
    "Rémi",
    "Sylvain",
    "Tancrède",
    "Urbain",
    "Victorien",
)


class Cast:
    """Creates people with identifiers of a range never attributed (8999...)."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.count = 0
        self.names: set[str] = set()

    def person(self, profession: Profession, *, category: str = "C") -> Practitioner:
        """Return a new person without activity."""
        self.count += 1
        woman = self.rng.random() < (
            0.85 if profession.key in ("nurse", "midwife", "speech_therapist", "orthoptist") else 0.5
        )
        while True:
            surname = self.rng.choice(_HEADS) + self.rng.choice(_MIDDLES) + self.rng.choice(_TAILS)
            if surname not in self.names:
                break
        self.names.add(surname)
        first = self.rng.choice(_FIRST_F if woman else _FIRST_M)
        number = f"8999{self.count:07d}" if profession.id_type == "8" else f"5899{self.count:05d}"
        person = Practitioner(
            number, profession.id_type, "MME" if woman else "M", surname, first, profession, [], category
        )
        if profession.savoir_faire:
            draw, total = self.rng.random(), 0.0
            for kind, kind_label, code, label, share in profession.savoir_faire:
                total += share
                if draw <= total + 1e-9:
                    person.savoir_faire.append((kind, kind_label, code, label))
                    break
        if profession.key == "gp" and self.rng.random() < 0.3:
            extra = self.rng.choice(
                [
                    ("CAPA", "Capacité de médecine", "CAPA06", "Gérontologie"),
                    ("CAPA", "Capacité de médecine", "CAPA02", "Médecine d'urgence"),
                    ("C", "Compétence", "C38", "Médecine du sport"),
                ]
            )
            person.savoir_faire.append(extra)
        if profession.key == "dentist" and self.rng.random() < 0.08:
            person.savoir_faire.append((*_SM, "SCD01", "Orthopédie dento-faciale"))
        person.convention = (
            "2"
            if self.rng.random() < {"ophthalmologist": 0.6, "gynaecologist": 0.6, "gp": 0.04}.get(profession.key, 0.0)
            else "1"
        )
        return person


def build_practitioners(doors: Doors, sites: Sites, people: dict[int, float], seed: int) -> list[Practitioner]:
    """Return everybody of the two vintages."""
    rng = random.Random(seed + 5)
    maker = _Maker(rng, doors, sites, people)
    for profession in PROFESSIONS:
        if profession.key == "gp":
            maker.gps(profession)
        else:
            maker.others(profession)
        maker.hospital(profession)
        maker.neighbours(profession)
    maker.special_cases()
    maker.dirty()
    return maker.everybody


class _Maker:
    def __init__(self, rng: random.Random, doors: Doors, sites: Sites, people: dict[int, float]) -> None:
        self.rng, self.doors, self.sites, self.people = rng, doors, sites, people
        self.cast = Cast(rng)
        self.everybody: list[Practitioner] = []
        self.rooms: dict[tuple[str, int], list[Site]] = {}
        self.practice_count = 0

    def practice(self, profession: Profession, quartier: int, person: Practitioner, *, new: bool = False) -> Site:
        """Return a practice of the quartier: a shared one more often than not."""
        rooms = self.rooms.setdefault((profession.key, quartier), [])
        lone = profession.key == "gp" and quartier in (9, 11) and len(rooms) < 2
        if rooms and not new and not lone and self.rng.random() < 0.55:
            return self.rng.choice(rooms[1:] if profession.key == "gp" and quartier in (9, 11) else rooms[-3:])
        where = None
        if profession.key == "gp" and quartier in (3, 8, 9, 10, 11, 12):
            # The first practice of La Prairie and Bel-Air, and those of the large estate, are in the QPV; no other is.
            inside = quartier == 8 or (quartier in (9, 11) and not rooms)
            where = _inside_qpv if inside else _outside_qpv
        elif profession.key == "gp" and quartier == 6:
            where = _inside_ring
        site = self.new_practice(self.doors.any(quartier, where=where), person)
        rooms.append(site)
        return site

    def new_practice(self, address: Address, person: Practitioner) -> Site:
        self.practice_count += 1
        title = "CABINET DU DR" if person.profession.code in ("10", "40") else "CABINET"
        return Site(
            f"P{self.practice_count:04d}",
            f"{title} {person.surname}",
            address,
            siren=f"9991{self.practice_count:05d}",
            phone=f"0386{900000 + self.practice_count:06d}",
        )

    def liberal(self, site: Site) -> Activity:
        group = "SA09" if site.category == "603" or self.rng.random() < 0.12 else self.rng.choice(("SA07", "SA08"))
        return Activity(site, "L", group, function="FON-01")

    def gps(self, profession: Profession) -> None:
        """Tell the story: departures in the large estate, a new MSP in Les Vignes, moves between quartiers."""
        by_quartier: dict[int, list[Practitioner]] = {}
        for quartier, count in GP_2025.items():
            for k in range(count):
                person = self.cast.person(profession)
                site = self._gp_site(profession, quartier, k, person)
                person.activities[2025] = [self.liberal(site)]
                by_quartier.setdefault(quartier, []).append(person)
                self.everybody.append(person)
        for people in by_quartier.values():
            for person in people:
                person.activities[2026] = list(person.activities[2025])
        self._gp_moves(profession, by_quartier)
        for person in [p for people in by_quartier.values() for p in people]:
            if self.rng.random() < profession.secondary:
                extra = self.liberal(self.new_practice(self.rng.choice(self.doors.by_commune["58992"]), person))
                for vintage in (2025, 2026):
                    if person.activities[vintage]:
                        person.activities[vintage] = [*person.activities[vintage], extra]
        for k in range(5):  # salaried GPs of the municipal health centre
            person = self.cast.person(profession)
            activity = Activity(self.sites.centres["municipal"], "S", "SA05")
            person.activities = {2025: [activity] if k < 4 else [], 2026: [activity]}
            person.story = "" if k < 4 else "arrival"
            self.everybody.append(person)

    def _gp_site(self, profession: Profession, quartier: int, k: int, person: Practitioner) -> Site:
        if quartier == 10 and k < 4:
            return self.sites.msp["pont"]
        if quartier == 7 and k < 3:
            return self.sites.msp["beaulieu"]
        return self.practice(profession, quartier, person)

    def _gp_moves(self, profession: Profession, by_quartier: dict[int, list[Practitioner]]) -> None:
        vignes = self.sites.msp["vignes"]
        large_estate = by_quartier[8]
        for person in large_estate[:2]:
            person.activities[2026], person.story = [], "departure"
        self._move(large_estate[2], vignes)
        for person in by_quartier[4][:1]:
            self._move(person, vignes)
        for person in (by_quartier[4][1], by_quartier[2][0], by_quartier[6][0], by_quartier[1][0]):
            person.activities[2026], person.story = [], "departure"
        for quartier, site in ((5, vignes), (5, vignes), (1, None), (3, None)):
            person = self.cast.person(profession)
            person.story = "arrival"
            person.activities[2026] = [self.liberal(site or self.practice(profession, quartier, person))]
            by_quartier[quartier].append(person)
            self.everybody.append(person)
        leaver = by_quartier[3][0]
        leaver.activities[2026], leaver.story = [], "departure"
        moved = by_quartier[12][0]  # inside the quartier
        self._move(moved, self.practice(profession, 12, moved, new=True))

    def _move(self, person: Practitioner, site: Site) -> None:
        person.activities[2026], person.story = [self.liberal(site)], "move"

    def others(self, profession: Profession) -> None:
        """Place liberal practitioners by population and pull; draw arrivals, departures, moves and changes of mode."""
        weights = [self.people[q] * PULL[q] for q in PULL]
        for k in range(profession.liberal):
            person = self.cast.person(profession)
            quartier = self.rng.choices(list(PULL), weights)[0]
            if profession.key == "pharmacist":
                activity = Activity(self.sites.pharmacies[k], "L", "SA33", function="FON-07")
            else:
                activity = self.liberal(self._site(profession, quartier, person))
            activities = [activity]
            if self.rng.random() < profession.secondary and profession.key != "pharmacist":
                activities.append(self._second(profession, quartier, person))
            person.activities = {2025: list(activities), 2026: list(activities)}
            self._change(person, profession, quartier)
            self.everybody.append(person)

    def _site(self, profession: Profession, quartier: int, person: Practitioner) -> Site:
        draw = self.rng.random()
        if profession.key in ("nurse", "physiotherapist", "midwife", "speech_therapist") and draw < 0.25:
            msp = {10: "pont", 7: "beaulieu"}.get(quartier)
            if msp:
                return self.sites.msp[msp]
        if profession.key in ("ophthalmologist", "gynaecologist", "cardiologist", "radiologist") and draw < 0.4:
            return self.sites.clinic
        return self.practice(profession, quartier, person)

    def _second(self, profession: Profession, quartier: int, person: Practitioner) -> Activity:
        draw = self.rng.random()
        if profession.code == "10" and draw < 0.5:
            return Activity(self.sites.hospital, "S", "SA01")
        if draw < 0.75:
            other = self.rng.choice([q for q in PULL if q not in (quartier, 8)])
            return self.liberal(self.new_practice(self.doors.any(other), person))
        commune = self.rng.choice(["58991", "58992", "58993", "58996"])
        return self.liberal(self.new_practice(self.rng.choice(self.doors.by_commune[commune]), person))

    def _change(self, person: Practitioner, profession: Profession, quartier: int) -> None:
        draw = self.rng.random()
        if draw < profession.departures:
            person.activities[2026], person.story = [], "departure"
        elif draw < profession.departures + profession.arrivals:
            person.activities[2025], person.story = [], "arrival"
        elif draw < 0.14 and person.profession.key != "pharmacist":
            target = 5 if profession.key in ("nurse", "physiotherapist") and self.rng.random() < 0.5 else quartier
            site = self.sites.msp["vignes"] if target == 5 else self.practice(profession, target, person, new=True)
            person.activities[2026] = [self.liberal(site), *person.activities[2026][1:]]
            person.story = "move"
        elif draw < 0.155 and person.profession.code in ("60", "70", "91"):
            person.activities[2026], person.story = [Activity(self.sites.hospital, "S", "SA01")], "mode change"

    def hospital(self, profession: Profession) -> None:
        """Salaried: hospital, clinic, health centres, pharmacies, opticians."""
        for k in range(profession.salaried):
            person = self.cast.person(profession)
            if profession.key == "pharmacist":
                activity = Activity(
                    self.sites.pharmacies[k % len(self.sites.pharmacies)], "S", "SA33", function="FON-09"
                )
            elif profession.key == "optician":
                activity = Activity(self.practice(profession, 1 + k % 4, person), "S", "SA42")
            elif profession.key == "dentist":
                activity = Activity(self.sites.centres["dental"], "S", "SA05")
            elif profession.key == "nurse" and k < 4:
                activity = Activity(self.sites.centres["nursing"], "S", "SA05")
            elif k % 6 == 5:
                activity = Activity(self.sites.clinic, "S", "SA04")
            else:
                activity = Activity(self.sites.hospital, "S", "SA01")
            draw = self.rng.random()
            person.activities = {2025: [] if draw < 0.05 else [activity], 2026: [] if draw > 0.95 else [activity]}
            person.story = "arrival" if draw < 0.05 else "departure" if draw > 0.95 else ""
            self.everybody.append(person)

    def neighbours(self, profession: Profession) -> None:
        """Practitioners of the communes around."""
        communes = ["58992", "58993", "58991", "58996", "58994", "58995"]
        for k in range(profession.neighbours):
            person = self.cast.person(profession)
            address = self.rng.choice(self.doors.by_commune[communes[k % (4 if profession.key == "gp" else 6)]])
            activity = self.liberal(self.new_practice(address, person))
            person.activities = {2025: [activity], 2026: [activity]}
            self.everybody.append(person)

    def special_cases(self) -> None:
        """Students, substitutes, on-call and teleconsultation doctors, people without any structure."""
        gp = PROFESSIONS[0]
        sos = Site("X001", "SOS MEDECINS MONTBRISE", self.doors.near((900, 620)), siren="999200001", phone="0386920001")
        for site, mode, sector, count in (
            (sos, "L", "SA08", 5),
            (self.sites.centres["teleconsultation"], "S", "SA05", 4),
        ):
            for _ in range(count):
                self._both(self.cast.person(gp), Activity(site, mode, sector))
        company = Site(
            "X002", "VISIODOC NIEVRE SAS", self.doors.near((-2450, 150)), siren="999200002", phone="0386920002"
        )
        for _ in range(3):
            self._both(self.cast.person(gp), Activity(company, "L", "SA64"))
        for k in range(8):
            student = self.cast.person(gp if k < 5 else PROFESSIONS[3], category="E")
            self._both(student, Activity(self.sites.hospital, "S", "SA01", kind="GENR02"))
        for k in range(9):
            substitute = self.cast.person(gp if k < 4 else PROFESSIONS[1 + k % 2])
            site = self.practice(substitute.profession, 1 + k % 4, substitute)
            self._both(substitute, Activity(site, "L", "SA08", kind="GENR02"))
            # The older header has no kind of activity: a substitute could not be told from the others.
            substitute.activities[2025] = []
        nowhere = Site("", "", self.doors.near((0, 0)))
        for k in range(12):
            person = self.cast.person(PROFESSIONS[(0, 1, 2)[k % 3]])
            self._both(person, Activity(nowhere, "L", ""))
        school = Site("X003", "RECTORAT SERVICE DE SANTE SCOLAIRE", self.doors.near((300, 900)), siren="999200003")
        self._both(self.cast.person(gp), Activity(school, "S", "SA14"))

    def _both(self, person: Practitioner, activity: Activity) -> None:
        person.activities = {2025: [activity], 2026: [activity]}
        self.everybody.append(person)

    def dirty(self) -> None:
        """Give each activity the defect of its address; a part is cleaned in the second vintage."""
        for person in self.everybody:
            for activity in {id(a): a for v in (2025, 2026) for a in person.activities[v]}.values():
                if activity.defects:
                    continue
                defect = self._defect(activity)
                cleaned = defect != "clean" and activity.site.key[:1] == "P" and self.rng.random() < 0.3
                activity.defects = {2025: defect, 2026: "clean" if cleaned else defect}
                if defect == "clean" and self.rng.random() < 0.015 and activity.site.key[:1] == "P":
                    activity.defects[2026] = "abbreviated"

    def _defect(self, activity: Activity) -> str:
        if not activity.site.key:
            return "blank"
        if activity.site.category in ("355", "365"):
            return "cedex" if activity.site.category == "355" else "bp"
        if activity.site.category:
            return "place" if self.rng.random() < 0.2 else "clean"
        if self.rng.random() < 0.30:
            return self.rng.choices(DEFECTS, (6, 5, 3, 2, 1, 6, 4, 4, 1.5, 1.5))[0]
        return "clean"


def _inside_qpv(address: Address) -> bool:
    # La Prairie's is inside the outline of 2024 and outside that of 2015: the geography changes the answer.
    return bool(address.qpv) and (address.quartier != 11 or not address.qpv_2015)


def _inside_ring(address: Address) -> bool:
    return address.board[1] < 1950


def _outside_qpv(address: Address) -> bool:
    return not address.qpv and not address.qpv_2015


def quartier_people(addresses: list[Address]) -> dict[int, float]:
    """Return inhabitants by quartier."""
    people = dict.fromkeys(PULL, 0.0)
    for a in addresses:
        if a.commune == plan.COMMUNE_CODE:
            people[a.quartier] += a.people
    return people
