"""A small address base that can be checked by hand: the layout of the BAN, two merged communes, a homonym, Paris.

Every street runs east from its own origin, one number every 20 m (0.00027 degree), odd and even together.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

STEP = 0.00027

#: commune code, label, postcode, old code, old label, street, numbers, lon and lat of number 0.
STREETS = [
    ("93010", "Bondy", "93140", "", "", "Rue Pasteur", [1, 2, 3, 4, 8, 9, 11], 2.480, 48.900),
    ("93010", "Bondy", "93140", "", "", "Avenue Pasteur", [1, 2, 3], 2.490, 48.910),
    ("93010", "Bondy", "93140", "", "", "Avenue du Général de Gaulle", range(1, 30), 2.480, 48.905),
    ("93010", "Bondy", "93140", "", "", "Rue du 8 Mai 1945", range(1, 20), 2.470, 48.905),
    ("93010", "Bondy", "93140", "", "", "Rue Saint-Exupéry", range(1, 9), 2.475, 48.912),
    ("93010", "Bondy", "93140", "", "", "Allée des Roses", range(1, 9), 2.479, 48.915),
    ("93048", "Montreuil", "93100", "", "", "Rue Pasteur", range(1, 9), 2.440, 48.860),
    ("93048", "Montreuil", "93100", "", "", "Rue des Érables", range(1, 9), 2.442, 48.863),
    ("35001", "Val-Neuf", "35190", "35001", "Bourg-Vieux", "Rue de l'Église", range(1, 9), -1.700, 48.200),
    ("35001", "Val-Neuf", "35190", "35002", "Saint-Alban-sur-Rance", "Rue de l'Église", range(1, 9), -1.760, 48.230),
    ("35001", "Val-Neuf", "35190", "35002", "Saint-Alban-sur-Rance", "Le Haut Chemin", [], -1.765, 48.231),
    ("75111", "Paris 11e Arrondissement", "75011", "", "", "Rue de la Roquette", range(1, 40), 2.370, 48.854),
    ("75112", "Paris 12e Arrondissement", "75012", "", "", "Rue de Charenton", range(1, 40), 2.375, 48.848),
    ("97411", "Saint-Denis", "97400", "", "", "Rue de Paris", range(1, 9), 55.450, -20.880),
]  # fmt: skip


def base() -> pd.DataFrame:
    """Return the rows of the BAN, as text."""
    rows = []
    for way, (code, label, postcode, old_code, old_label, street, numbers, lon, lat) in enumerate(STREETS):
        known = {
            "nom_voie": street, "code_postal": postcode, "code_insee": code, "nom_commune": label,
            "code_insee_ancienne_commune": old_code, "nom_ancienne_commune": old_label,
            "nom_ld": "Les Coquelicots" if street == "Allée des Roses" else "",
        }  # fmt: skip
        for number in numbers:
            rows.append(
                {"id": f"{code}_{way:04d}_{number:05d}", "numero": number, "rep": "", **known,
                 "lon": round(lon + number * STEP, 6), "lat": lat}
            )  # fmt: skip
            if street == "Rue Pasteur" and number == 4:
                rows.append({**rows[-1], "id": rows[-1]["id"] + "_bis", "rep": "bis", "lat": lat + 0.0001})
        if not list(numbers):
            rows.append({"id": f"{code}_{way:04d}", "numero": "99999", "rep": "", **known, "lon": lon, "lat": lat})
    return pd.DataFrame(rows).astype(str)


def write_base(folder: Path) -> Path:
    """Write it as a BAN CSV."""
    path = folder / "ban.csv"
    base().to_csv(path, sep=";", index=False)
    return path
