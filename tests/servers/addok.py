"""Installs the national geocoder (addok and its French plugins) apart, loads an address base, serves it on localhost.

Needs redis-server (Debian: ``apt-get install redis-server``) and PyPI the first time. addok is pinned to 1.2.1: from
1.3 on, its CSV plugin answers 500 to any filter.

Run ``python -m tests.servers.addok BAN.csv`` to try it by hand.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

REQUIREMENTS = [
    "addok==1.2.1",
    "addok-fr==1.1.0",
    "addok-france==1.2.0",
    "addok-csv==1.1.0",
    "gunicorn",
    "setuptools<81",
]

_CONFIG = """
QUERY_PROCESSORS_PYPATHS = [
    "addok.helpers.text.check_query_length", "addok_france.extract_address", "addok_france.clean_query",
    "addok_france.remove_leading_zeros",
]
PROCESSORS_PYPATHS = [
    "addok.helpers.text.tokenize", "addok.helpers.text.normalize", "addok_france.glue_ordinal",
    "addok_france.fold_ordinal", "addok_france.flag_housenumber", "addok.helpers.text.synonymize",
    "addok_fr.phonemicize",
]
SEARCH_RESULT_PROCESSORS_PYPATHS = [
    "addok.helpers.results.match_housenumber", "addok_france.make_labels", "addok.helpers.results.score_by_importance",
    "addok.helpers.results.score_by_autocomplete_distance", "addok.helpers.results.score_by_ngram_distance",
    "addok.helpers.results.score_by_geo_distance", "addok.helpers.results.adjust_scores",
]
EXTRA_FIELDS = [{"key": "citycode"}]
FILTERS = ["type", "postcode", "citycode"]
ATTRIBUTION = "BAN"
LICENCE = "Licence Ouverte"
CSV_MIN_SCORE = 0.1
"""


def install(folder: Path) -> Path:
    """Return the ``bin`` of an environment that holds addok, made if it does not exist."""
    binaries, is_ready = folder / "bin", folder / "ready"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Two test processes may ask for it at once: the second waits for the first.
    with filelock.FileLock(folder.with_suffix(".lock")):
        if not is_ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            subprocess.run([binaries / "python", "-m", "pip", "install", "-q", *REQUIREMENTS], check=True, timeout=900)
            is_ready.touch()
    return binaries


def documents(ban: Path) -> Iterator[str]:
    """Yield an address base as addok reads it: a street and its numbers per line, then the communes."""
    from carto_sante.geocoding.reading import read_reference

    table = read_reference(ban)[0].to_pandas()
    for (way, code), rows in table.groupby(["street_id", "commune_code"], sort=True):
        first = rows.iloc[0]
        points = ({"id": r.id, "lon": r.lon, "lat": r.lat} for r in rows.itertuples())
        numbers = dict(zip((rows["number"].astype(str) + " " + rows["suffix"]).str.strip(), points, strict=True))
        yield json.dumps(
            {
                "id": way, "type": "street", "name": first.street, "postcode": first.postcode, "citycode": code,
                "city": first.commune_label, "lon": rows.lon.median(), "lat": rows.lat.median(), "importance": 0.3,
                "housenumbers": numbers,
            }
        )  # fmt: skip
    for code, rows in table.groupby("commune_code", sort=True):
        first = rows.iloc[0]
        yield json.dumps(
            {
                "id": code, "type": "municipality", "name": first.commune_label, "postcode": first.postcode,
                "citycode": code, "city": first.commune_label, "lon": rows.lon.median(), "lat": rows.lat.median(),
                "importance": 0.5,
            }
        )  # fmt: skip


@contextmanager
def addok_server(ban: Path, *, workers: int = 2) -> Iterator[str]:
    """Serve an address base; yield the address of the service, as in "http://127.0.0.1:40123"."""
    cache = Path(os.environ.get("CARTO_SANTE_TEST_CACHE", Path(tempfile.gettempdir()) / "carto-sante-test-cache"))
    binaries = install(cache / "addok-env")
    folder = Path(tempfile.mkdtemp(prefix="carto-sante-addok-"))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        redis_port, http_port = free_port(), free_port()
        config = folder / "addok.conf"
        config.write_text(_CONFIG, encoding="utf-8")
        environment = os.environ | {
            "ADDOK_CONFIG_MODULE": str(config), "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis_port),
            "ADDOK_LOG_DIR": str(folder), "PYTHONWARNINGS": "ignore",
        }  # fmt: skip
        redis = ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        processes.append(subprocess.Popen(redis, stdout=subprocess.DEVNULL))
        wait_for(redis_port)
        source = folder / "ban.json"
        source.write_text("\n".join(documents(ban)) + "\n", encoding="utf-8")
        for command in (["batch", str(source)], ["ngrams"]):
            subprocess.run(
                [binaries / "addok", *command], env=environment, check=True, capture_output=True, timeout=900
            )
        server = [
            binaries / "gunicorn",
            "addok.http.wsgi",
            "-w",
            str(workers),
            "-b",
            f"127.0.0.1:{http_port}",
            "-t",
            "600",
        ]
        processes.append(subprocess.Popen(server, env=environment, stderr=subprocess.DEVNULL))
        wait_for(http_port)
        url = f"http://127.0.0.1:{http_port}"
        _wait_until_healthy(url)
        yield url
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, *, seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers on port {port} after {seconds} s")


def _wait_until_healthy(url: str, *, seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/search/?q=bondy", timeout=10) as answer:
                if answer.status == 200:
                    return
        except urllib.error.URLError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.3)


if __name__ == "__main__":
    with addok_server(Path(sys.argv[1])) as address:
        print(address, "(Ctrl-C to stop)")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
