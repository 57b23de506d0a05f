"""Real addresses written the way registries write them: abbreviations, case, accents, typos, word order, noise.

Written apart from the grammar's tables, so that a form the tables do not know can show up as a failure.
"""

from __future__ import annotations

import random
import string
import unicodedata

import pandas as pd

ABBREVIATIONS = {
    "allee": ["ALL", "AL"], "avenue": ["AV", "AVE", "AV."], "boulevard": ["BD", "BLD", "BVD"],
    "chemin": ["CHEM", "CHE", "CH"],
    "cite": ["CITE"], "cours": ["CRS"], "impasse": ["IMP"], "passage": ["PASS", "PAS"],
    "place": ["PL"], "residence": ["RES"],
    "rond point": ["RPT"], "route": ["RTE"], "rue": ["R", "R.", "RUE"], "ruelle": ["RLE"],
    "sente": ["SEN"], "sentier": ["SENT"],
    "square": ["SQ"], "villa": ["VLA"], "voie": ["VOI"], "quai": ["QU"], "lotissement": ["LOT"], "hameau": ["HAM"],
    "quartier": ["QRT"], "faubourg": ["FG"],
    "saint": ["ST"], "sainte": ["STE"], "general": ["GAL", "GEN"], "marechal": ["MAL"], "docteur": ["DR"],
    "professeur": ["PR", "PROF"], "president": ["PDT"], "commandant": ["CDT"], "sergent": ["SGT"], "colonel": ["COL"],
    "vieux": ["VX"], "grand": ["GD"], "grande": ["GDE"], "petit": ["PT"],
}  # fmt: skip
BEFORE = [
    "CABINET MEDICAL", "CABINET DENTAIRE", "MAISON DE SANTE", "CENTRE MEDICAL", "RES LES LILAS", "RESIDENCE DU PARC",
    "BAT A", "BATIMENT 2", "1ER ETAGE", "2EME ETAGE", "RDC", "IMM LE FRANCE", "CENTRE COMMERCIAL LES HALLES",
    "CABINET DE KINESITHERAPIE", "POLE SANTE", "APPT 12", "ESC B",
]  # fmt: skip
AFTER = [
    "BP 123", "BP 90012", "CS 12345", "TSA 40001", "BAT B", "BATIMENT C", "2EME ETAGE", "RDC", "APPT 14", "PORTE 4",
    "ESC A", "CABINET MEDICAL", "RESIDENCE LES PINS", "CEDEX", "HALL 3", "CABINET INFIRMIER", "CTRE COMMERCIAL",
]  # fmt: skip
ARTICLES = {"de", "du", "des", "la", "le", "les"}


def without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def perturb(number: int, suffix: str, street: str, *, letters_wrong: int, rng: random.Random) -> str:
    """Return one address as a registry could have written it, with so many letters of the street wrong."""
    words = street.replace("’", "'").split()
    words = [w for w in words if not (w.lower() in ARTICLES and rng.random() < 0.12)]
    words = [
        rng.choice(short) if (short := ABBREVIATIONS.get(without_accents(w).lower())) and rng.random() < 0.6 else w
        for w in words
    ]
    if len(words) > 2 and rng.random() < 0.08:
        if rng.random() < 0.5:
            words = [*words[1:], words[0]]  # "PASTEUR RUE"
        else:
            place = rng.randrange(1, len(words) - 1)
            words[place], words[place + 1] = words[place + 1], words[place]
    text = " ".join(words)
    if rng.random() < 0.5:
        text = text.replace("'", " ").replace("-", " ")
    if rng.random() < 0.7:
        text = without_accents(text)
    for _ in range(letters_wrong):
        text = _one_letter_wrong(text, rng)
    shown = str(number)
    if suffix and rng.random() > 0.1:  # else the suffix is lost
        written = {"bis": ["bis", "BIS", "B"], "ter": ["ter", "TER", "T"]}.get(suffix, [suffix])
        shown += rng.choice(["", " "]) + rng.choice(written)
    elif not suffix and rng.random() < 0.05:
        shown += rng.choice(["-", "/", " - "]) + str(number + 2)
    text = f"{shown}{rng.choice([' ', ' ', ', '])}{text}"
    if rng.random() < 0.2:
        text = f"{rng.choice(BEFORE)}{rng.choice([' ', ', '])}{text}"
    if rng.random() < 0.2:
        text = f"{text}{rng.choice([' ', ', '])}{rng.choice(AFTER)}"
    case = rng.random()
    return text.upper() if case < 0.6 else text.lower() if case < 0.75 else text


def _one_letter_wrong(text: str, rng: random.Random) -> str:
    """Replace, drop or swap one letter."""
    places = [i for i, c in enumerate(text) if c.isalpha()]
    place, kind = rng.choice(places), rng.choice(["replace", "drop", "swap"])
    if kind == "replace":
        others = [c for c in string.ascii_uppercase if c != without_accents(text[place]).upper()]
        return text[:place] + rng.choice(others) + text[place + 1 :]
    if kind == "drop" or place + 1 >= len(text):
        return text[:place] + text[place + 1 :]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def perturbed(base: pd.DataFrame, *, letters_wrong: int, seed: int = 2026) -> pd.DataFrame:
    """Return the perturbed form of each address of a table (number, suffix, street, postcode, commune_code...)."""
    rng = random.Random(seed * 10 + letters_wrong)
    texts = [
        perturb(int(row.number), row.suffix or "", row.street, letters_wrong=letters_wrong, rng=rng)
        for row in base.itertuples()
    ]
    return pd.DataFrame(
        {
            "address": texts, "postcode": base["postcode"].to_numpy(), "commune_code": base["commune_code"].to_numpy(),
            "commune_label": base["commune_label"].to_numpy(), "lon": base["lon"].to_numpy(),
            "lat": base["lat"].to_numpy(),
        }
    )  # fmt: skip
