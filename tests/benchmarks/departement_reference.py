"""An address base of the size of a département: Bondy as it is, and communes made of real street names around it."""

from __future__ import annotations

import random
import re
import unicodedata
from pathlib import Path

import pandas as pd

ADDRESSES = 400_000


def make_departement(real_data: Path, out: Path, *, addresses: int = ADDRESSES, seed: int = 93) -> Path:
    """Write a BAN CSV of about so many addresses; names are real (Bondy, BANO), the other communes are not."""
    from carto_sante.geocoding.reading import read_reference

    bondy = read_reference(real_data / "bondy" / "ban_93010.csv")[0].to_pandas()
    names = list(bondy["street"])
    communes: list[str] = []
    for departement in ("12", "48", "90"):
        bano = read_reference(real_data / "addresses" / "bano2015" / f"bano-{departement}.csv")[0].to_pandas()
        pairs = bano[["commune_label", "street"]].drop_duplicates()
        names += list(pairs["street"])
        communes += list(pairs["commune_label"].unique())
    keys = {name: _plain(name) for name in set(names)}
    rng = random.Random(seed)
    rng.shuffle(communes)
    rows = [(r.id, r.number, r.suffix, r.street, "93140", "93010", "Bondy", r.lon, r.lat) for r in bondy.itertuples()]
    place = 0
    while len(rows) < addresses:
        place += 1
        code, postcode, label = f"93{500 + place:03d}", f"93{place:03d}", communes[place]
        size = max(200, int(rng.lognormvariate(9.0, 0.6)))
        west, south = 2.2 + 0.04 * (place % 9), 48.7 + 0.03 * (place // 9)
        taken: set[str] = set()
        while size > 0:
            name = rng.choice(names)
            if keys[name] in taken:  # "Rue des Ecoles" and "Rue des Écoles" are not two streets
                continue
            taken.add(keys[name])
            count = min(size, 2 + int(rng.expovariate(1 / 22)))
            size -= count
            rows += _street(rng, code, postcode, label, name, len(taken), count, west, south)
    columns = ["id", "numero", "rep", "nom_voie", "code_postal", "code_insee", "nom_commune", "lon", "lat"]
    out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows[:addresses], columns=columns).to_csv(out, sep=";", index=False)
    return out


def _plain(name: str) -> str:
    """Name without accents, hyphens and small words, numbers in digits."""
    text = "".join(c for c in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(c))
    words = re.sub(r"[^a-z0-9]+", " ", text.replace("’", " ")).split()
    spelled = {"deux": "2", "trois": "3", "quatre": "4", "onze": "11", "cinq": "5"}
    return " ".join(spelled.get(w, w) for w in words if w not in {"de", "du", "des", "la", "le", "les", "l", "d"})


def _street(rng, code, postcode, label, name, way, count, west, south):
    lon, lat = west + rng.random() * 0.035, south + rng.random() * 0.025
    step_lon, step_lat = rng.uniform(-1, 1) * 2e-4, rng.uniform(-1, 1) * 1.4e-4
    return [
        (f"{code}_{way:04d}_{n:05d}", n, "bis" if rng.random() < 0.05 else "", name, postcode, code, label,
         round(lon + n * step_lon / 2, 6), round(lat + n * step_lat / 2, 6))
        for n in range(1, count + 1)
    ]  # fmt: skip
