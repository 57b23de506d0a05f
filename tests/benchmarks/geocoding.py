"""Geocoding measured: accuracy, speed and size, beside the real addok in the same run.

``python -m tests.benchmarks.geocoding REAL_DATA [--addok N]`` writes ``geocoding.md`` beside this file. Wall times on a
busy machine say little: the processor time and the ratio to addok are given too.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import csv
import io
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.departement_reference import make_departement
from tests.benchmarks.perturbed_addresses import perturbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real_data", type=Path)
    parser.add_argument("--addok", type=int, default=1000, help="addresses through addok (0: none)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = report(options.real_data, Path(folder), options.addok)
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def report(real_data: Path, folder: Path, addok_count: int) -> str:
    from carto_sante.geocoding import build_index, open_reference
    from carto_sante.geocoding.reading import read_reference

    ban = real_data / "bondy" / "ban_93010.csv"
    base = read_reference(ban)[0].to_pandas()
    departement = make_departement(real_data, folder / "departement.csv")
    built = in_another_process("build", departement, folder / "departement.arrow")
    opened = in_another_process("open", folder / "departement.arrow")
    build_index(ban, folder / "bondy.arrow")
    references = {"Bondy": open_reference(folder / "bondy.arrow"),
                  "département": open_reference(folder / "departement.arrow")}  # fmt: skip
    lines = [
        "# Geocoding", "",
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start; reference of the size of a "
        f"département: {built['addresses']:,} addresses, {built['streets']:,} ways.", "",
        "| index | built | memory of the build | file | opened | first answer | memory of the search |",
        "|" + "---|" * 7,
        f"| Arrow, memory-mapped | {built['seconds']:.1f} s | {built['memory_gb']:.2f} GB | {built['file_mb']:.0f} MB "
        "| "
        f"{opened['seconds'] * 1000:.0f} ms | {opened['first_s'] * 1000:.0f} ms | {opened['memory_gb']:.2f} GB |", "",
        *engines(folder / "departement.arrow", folder), "",
        "Bondy's 8,413 addresses as registries write them (`perturbed_addresses.py`: abbreviations, case, accents, "
        "word order, articles, ranges, lost suffixes, noise, and so many letters of the way replaced, dropped or "
        "swapped). A suffix lost where the bare number stands more than 50 m away cannot be found again.", "",
        "| reference | commune | letters wrong | within 50 m | confident errors (≥ 0.8, > 200 m) | not located | "
        "addresses/s | per CPU second |", "|" + "---|" * 8,
    ]  # fmt: skip
    for name, reference in references.items():
        known = ("code", "in the text", "unknown") if name == "Bondy" else ("code", "in the text")
        for commune in known:
            for letters in (0, 1, 2):
                asked = perturbed(base, letters_wrong=letters)
                figures = measured(asked, reference, commune)
                lines.append(f"| {name} | {commune} | {letters} | {figures} |")
    everywhere = read_reference(departement)[0].to_pandas().sample(20_000, random_state=1).reset_index(drop=True)
    for letters in (0, 1, 2):
        asked = perturbed(everywhere, letters_wrong=letters)
        lines.append(f"| département, 20,000 of all communes | code | {letters} | "
                     + measured(asked, references["département"], "code") + " |")  # fmt: skip
    if addok_count:
        lines += beside_addok(ban, base, references["Bondy"], addok_count)
    return "\n".join(lines) + "\n"


def table_for(asked: pd.DataFrame, commune: str) -> pd.DataFrame:
    if commune == "code":
        return asked[["address", "commune_code"]]
    if commune == "in the text":
        return pd.DataFrame({"address": asked["address"] + " " + asked["postcode"] + " " + asked["commune_label"]})
    return asked[["address"]]


def measured(asked: pd.DataFrame, reference: object, commune: str) -> str:
    from carto_sante.geocoding import geocode

    table = table_for(asked, commune)
    geocode(table.head(50), reference)  # type: ignore[arg-type]
    wall, processor = time.perf_counter(), time.process_time()
    placed = geocode(table, reference)  # type: ignore[arg-type]
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    x, y = placed.geometry.x.to_numpy(), placed.geometry.y.to_numpy()
    found = quality(asked, x, y, placed.geocode_score.to_numpy())
    return f"{found} | {len(asked) / wall:,.0f} | {len(asked) / processor:,.0f}"


def quality(asked: pd.DataFrame, x: np.ndarray, y: np.ndarray, score: np.ndarray) -> str:
    across = (x - asked["lon"].to_numpy()) * np.cos(np.radians(48.9))
    distance_m = np.hypot(across, y - asked["lat"].to_numpy()) * 111_200
    confident = (score >= 0.8) & ~(distance_m <= 200)
    close = 100 * (distance_m <= 50).mean()
    return f"{close:.2f} % | {confident.sum()} ({100 * confident.mean():.3f} %) | {np.isnan(x).sum()}"


def beside_addok(ban: Path, base: pd.DataFrame, reference: object, count: int) -> list[str]:
    from carto_sante.geocoding import ServiceGeocoder, geocode
    from tests.servers.addok import addok_server

    part = base.sample(count, random_state=7).reset_index(drop=True)
    lines = ["", f"The same {count} addresses, commune code known, through addok 1.2.1 (addok-fr, addok-france, "
             "addok-csv, two workers asked at once by its CSV endpoint): as they are, and cleaned by our grammar "
             "(`ServiceGeocoder`).", "",
             "| letters wrong | geocoder | within 50 m | confident errors | not located | addresses/s |",
             "|" + "---|" * 6]  # fmt: skip
    with addok_server(ban) as url:
        endpoint = f"{url}/search/csv"
        raw_addok(perturbed(part.head(40), letters_wrong=0), endpoint)
        for letters in (0, 1, 2):
            asked = perturbed(part, letters_wrong=letters)
            seconds, found = timed(raw_addok, asked, endpoint)
            speed = len(asked) / seconds
            row = quality(asked, found["longitude"], found["latitude"], found["result_score"])
            lines.append(f"| {letters} | addok, raw text | {row} | {speed:,.0f} |")
            table = asked[["address", "commune_code", "commune_label"]]
            for name, geocoder in (
                ("addok, cleaned text", ServiceGeocoder(url=endpoint, batch_rows=250)),
                ("carto_sante, local", reference),
            ):  # fmt: skip
                seconds, placed = timed(geocode, table, geocoder)
                row = quality(asked, placed.geometry.x.to_numpy(), placed.geometry.y.to_numpy(),
                              placed.geocode_score.to_numpy())  # fmt: skip
                ratio = f" ({len(asked) / seconds / speed:,.0f} × addok)" if name.startswith("carto") else ""
                lines.append(f"| {letters} | {name} | {row} | {len(asked) / seconds:,.0f}{ratio} |")
    return lines


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def raw_addok(asked: pd.DataFrame, endpoint: str) -> dict[str, np.ndarray]:
    """Ask addok's CSV endpoint for the texts as they are, half to each worker."""
    import requests

    def ask(part: pd.DataFrame) -> list[dict[str, str]]:
        body = part[["address", "commune_label", "commune_code"]].to_csv(index=False).encode()
        fields = [("columns", "address"), ("columns", "commune_label"), ("citycode", "commune_code")]
        answer = requests.post(endpoint, files={"data": ("a.csv", body, "text/csv")}, data=fields, timeout=900)
        answer.raise_for_status()
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))

    middle = len(asked) // 2
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        rows = [row for part in pool.map(ask, (asked.iloc[:middle], asked.iloc[middle:])) for row in part]
    return {
        name: np.array([float(row[name]) if row[name] else np.nan for row in rows])
        for name in ("longitude", "latitude", "result_score")
    }


def engines(index: Path, folder: Path) -> list[str]:
    """Time until the names and numbers of the whole reference are at hand as arrays, by engine."""
    import pyarrow as pa

    from carto_sante.geocoding import open_index

    opened = open_index(index)
    numbers = pd.DataFrame({name: opened.arrays[name] for name in ("number_key", "number_lon", "number_lat")})
    numbers["number_id"] = opened.texts["number_id"].to_pandas()
    with contextlib.closing(sqlite3.connect(folder / "numbers.sqlite")) as database:
        numbers.to_sql("numbers", database, index=False)

    def from_sqlite() -> None:
        with contextlib.closing(sqlite3.connect(folder / "numbers.sqlite")) as database:
            pd.read_sql("select * from numbers", database)

    rows = [("Arrow, memory-mapped", timed(open_index, index)[0]), ("SQLite", timed(from_sqlite)[0])]
    with contextlib.suppress(ImportError):
        import duckdb

        with duckdb.connect(str(folder / "numbers.duckdb")) as database:
            database.register("source", pa.Table.from_pandas(numbers))
            database.execute("create table numbers as select * from source")

        def from_duckdb() -> None:
            with duckdb.connect(str(folder / "numbers.duckdb"), read_only=True) as database:
                database.execute("select * from numbers").fetchnumpy()

        rows.append(("DuckDB", timed(from_duckdb)[0]))
    return ["| numbers of the reference as arrays | seconds |", "|---|---|",
            *(f"| {name} | {seconds:.4f} |" for name, seconds in rows)]  # fmt: skip


def in_another_process(what: str, *paths: Path) -> dict[str, float]:
    """Measure in a process of its own, so that memory and start-up are its own too."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.geocoding_process", what, *map(str, paths)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    result: dict[str, float] = json.loads(ran.stdout)
    return result


def memory_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
