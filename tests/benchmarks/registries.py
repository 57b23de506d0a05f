"""RPPS of national size: one département, and the whole country, to the finished practitioners table.

Run: ``python tests/benchmarks/registries.py`` (writes an 800 MB file to a temporary folder, removed at the end).
Each figure is taken in its own process: wall time and peak resident memory. The peers read the file and do nothing
else; ours goes on to the practitioners table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ROWS = 2_200_000
HEADER = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Code civilité d'exercice|"
    "Libellé civilité exercice|Code civilité|Libellé civilité|Nom d'exercice|Prénom d'exercice|Code profession|"
    "Libellé profession|Code catégorie professionnelle|Libellé catégorie professionnelle|Code type savoir-faire|"
    "Libellé type savoir-faire|Code savoir-faire|Libellé savoir-faire|Code mode exercice|Libellé mode exercice|"
    "Numéro SIRET site|Numéro SIREN site|Numéro FINESS site|Numéro FINESS établissement juridique|"
    "Identifiant technique de la structure|Raison sociale site|Enseigne commerciale site|"
    "Complément destinataire (coord. structure)|Complément point géographique (coord. structure)|"
    "Numéro Voie (coord. structure)|Indice répétition voie (coord. Structure)|Code type de voie (coord. structure)|"
    "Libellé type de voie (coord. structure)|Libellé Voie (coord. structure)|Mention distribution (coord. structure)|"
    "Bureau cedex (coord. structure)|Code postal (coord. structure)|Code commune (coord. structure)|"
    "Libellé commune (coord. structure)|Code pays (coord. structure)|Libellé pays (coord. structure)|"
    "Téléphone (coord. structure)|Téléphone 2 (coord. structure)|Télécopie (coord. structure)|"
    "Adresse e-mail (coord. structure)|Code département (coord. structure)|Libellé département (coord. structure)|"
    "Ancien identifiant de la structure|Autorité d'enregistrement|Code secteur d'activité|"
    "Libellé secteur d'activité|Code section tableau pharmaciens|Libellé section tableau pharmaciens|Code fonction|"
    "Libellé fonction|Code genre d'activité|Libellé genre d'activité|"
)
# Shares of the rows, about those of the published file.
PROFESSIONS = [
    ("10", "Médecin", 0.20), ("60", "Infirmier", 0.38), ("70", "Masseur-Kinésithérapeute", 0.07),
    ("40", "Chirurgien-Dentiste", 0.04), ("21", "Pharmacien", 0.06), ("50", "Sage-Femme", 0.02),
    ("91", "Orthophoniste", 0.02), ("92", "Orthoptiste", 0.01), ("80", "Pédicure-Podologue", 0.01),
    ("93", "Psychologue", 0.06), ("28", "Opticien-Lunetier", 0.03), ("86", "Technicien de laboratoire médical", 0.03),
    ("98", "Manipulateur ERM", 0.03), ("94", "Ergothérapeute", 0.04),
]  # fmt: skip
SKILLS = [("SM54", "Médecine générale (SM)", 0.35), ("SM26", "Qualifié en Médecine Générale (SM)", 0.10),
          ("SM53", "Spécialiste en Médecine Générale (SM)", 0.05), ("SM38", "Ophtalmologie (SM)", 0.05),
          ("SM40", "Pédiatrie (SM)", 0.05), ("SM20", "Gynécologie-obstétrique (SM)", 0.04),
          ("SM42", "Psychiatrie (SM)", 0.10), ("SM04", "Cardiologie et maladies vasculaires (SM)", 0.26)]  # fmt: skip
SECTORS = [("SA07", "Cabinet individuel", 0.25), ("SA08", "Cabinet de groupe", 0.20),
           ("SA09", "Société d'exercice", 0.05), ("SA05", "Centre de santé", 0.05),
           ("SA01", "Etablissement public de santé", 0.30), ("SA04", "Etablissement privé non PSPH", 0.15)]  # fmt: skip
STREETS = ["DE LA GARE", "DU GENERAL DE GAULLE", "VICTOR HUGO", "DE LA REPUBLIQUE", "JEAN JAURES", "DES LILAS",
           "PASTEUR", "DU 8 MAI 1945", "DE L'EGLISE", "SAINT MICHEL", "DES TILLEULS", "GAMBETTA"]  # fmt: skip


def write_rpps(path: Path, *, rows: int = ROWS, seed: int = 1) -> None:
    """Write an RPPS of national size and shape, 2025 layout; every person and place in it is invented."""
    rng = np.random.default_rng(seed)
    departements = [f"{n:02d}" for n in range(1, 96) if n != 20] + ["2A", "2B", "971", "972", "973", "974", "976"]
    weights = rng.pareto(1.2, len(departements)) + 0.3
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(HEADER + "\n")
        for start in range(0, rows, 100_000):
            count = min(100_000, rows - start)
            stream.writelines(_lines(rng, start, count, departements, weights / weights.sum()))


def _lines(rng, start, count, departements, weights):
    def pick(items, shares):
        shares = np.asarray(shares)
        return rng.choice(len(items), count, p=shares / shares.sum())

    profession = pick(PROFESSIONS, [x[2] for x in PROFESSIONS])
    skill = pick(SKILLS, [x[2] for x in SKILLS])
    sector = pick(SECTORS, [x[2] for x in SECTORS])
    place = rng.choice(len(departements), count, p=weights)
    commune = rng.integers(1, 400, count)
    person = (start + rng.integers(0, count, count)) * 7 // 10
    number, street = rng.integers(1, 200, count), rng.integers(0, len(STREETS), count)
    has_address, liberal = rng.random(count) < 0.85, rng.random(count)
    for i in range(count):
        code, label, _ = PROFESSIONS[profession[i]]
        skill_part = "|||"
        if code == "10":
            known = SKILLS[skill[i]]
            skill_part = f"S|Spécialité ordinale|{known[0]}|{known[1]}"
        rpps = f"1{person[i]:010d}"
        mode = "L|Libéral" if liberal[i] < 0.5 else "S|Salarié"
        name = f"NOM{person[i] % 40_000}|Prénom{person[i] % 500}"
        head = f"8|{rpps}|8{rpps}|DR|Docteur|M|Monsieur|{name}|{code}|{label}|C|Civil|{skill_part}|{mode}"
        dep = departements[place[i]]
        if has_address[i]:
            insee = f"{dep}{commune[i]:0{5 - len(dep)}d}"
            post = f"{'20' if dep in {'2A', '2B'} else dep[:2]}{commune[i] % 1000:03d}"
            town = f"COMMUNE {dep} {commune[i]}"
            siret = f"{person[i] % 1_000_000_000:09d}{number[i]:05d}"
            finess = f"{dep[:2]}{sector[i]}{commune[i]:06d}" if liberal[i] >= 0.5 else ""
            where = (
                f"{siret}|{siret[:9]}|{finess}|{finess}|C{siret}|CABINET {town}|||IMMEUBLE LE PARC|{number[i]}||R|Rue|"
                f"{STREETS[street[i]]}||{post} {town}|{post}|{insee}|{town}|||0299000000||||{dep}|DEPARTEMENT {dep}|"
                f"3{siret}"
            )
        else:
            where = "|" * 27
        sector_code, sector_label, _ = SECTORS[sector[i]]
        yield (
            f"{head}|{where}|CNOM/CNOM/ARS|{sector_code}|{sector_label}|||FON-01|Titulaire de cabinet|GENR01|"
            "Activité standard de soin ou de pharmacien|\n"
        )


TASKS = {
    "pandas.read_csv (naive)": "import pandas; t = pandas.read_csv(PATH, sep='|', dtype=str); n = len(t)",
    "polars.read_csv": "import polars; t = polars.read_csv(PATH, separator='|', quote_char=None, infer_schema=False, "
    "truncate_ragged_lines=True); n = t.height",
    "one département to practitioners": "from carto_sante.registries.rpps import read_rpps\n"
    "from carto_sante.registries.practitioners import build_practitioners\n"
    "n = len(build_practitioners(read_rpps(PATH, departements=['35'])).table)",
    "whole country to practitioners": "from carto_sante.registries.rpps import read_rpps\n"
    "from carto_sante.registries.practitioners import build_practitioners\n"
    "n = len(build_practitioners(read_rpps(PATH)).table)",
    "whole country, ten professions": "from carto_sante.registries.rpps import read_rpps\n"
    "from carto_sante.registries.practitioners import build_practitioners\n"
    "from carto_sante.study import DEFAULT_PROFESSIONS\n"
    "n = len(build_practitioners(read_rpps(PATH, professions=DEFAULT_PROFESSIONS)).table)",
}


def measure(task: str, path: Path) -> dict[str, float]:
    """Run one task in its own process; return seconds, peak gigabytes and rows."""
    code = (
        f"import resource, sys, time, json\nPATH = {str(path)!r}\nsys.path.insert(0, {str(ROOT)!r})\n"
        f"t0 = time.perf_counter()\n{TASKS[task]}\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(json.dumps([time.perf_counter() - t0, used.ru_maxrss / 1e6, n, used.ru_utime + used.ru_stime]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds, gigabytes, rows, processor = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": seconds, "gigabytes": gigabytes, "rows": rows, "processor": processor}


def main() -> None:
    """Write the file, measure every task, print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--file", type=Path, help="keep and reuse this file")
    parser.add_argument("--task", action="append", choices=list(TASKS), help="only this one (may be repeated)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder) / "PS_LibreAcces_Personne_activite_bench.txt"
        if not path.exists():
            t0 = time.perf_counter()
            write_rpps(path, rows=options.rows)
            print(f"written in {time.perf_counter() - t0:.0f} s: {path.stat().st_size / 1e6:.0f} MB")
        naive = None
        print("| task | seconds | processor s | peak GB | rows out | times naive pandas |\n|---|---|---|---|---|---|")
        for task in options.task or TASKS:
            path.read_bytes()  # every task finds the file in the cache of the system
            found = measure(task, path)
            naive = found["seconds"] if task.startswith("pandas") else naive
            ratio = f"{naive / found['seconds']:.1f}" if naive else ""
            figures = f"{found['seconds']:.1f} | {found['processor']:.1f} | {found['gigabytes']:.2f} | {found['rows']}"
            print(f"| {task} | {figures} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
