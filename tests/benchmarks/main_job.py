"""The main job on the sample city, as a user runs it: seconds and peak memory, compiled code cold and warm.

Usage: python -m tests.benchmarks.main_job
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "from carto_sante.cli import main; main()"


def run(out: Path, cache: Path) -> tuple[float, float]:
    """Return (seconds, processor seconds) of one refresh into an empty folder."""
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(cache),
        "CARTO_SANTE_CACHE": str(cache),
        "PYTHONPATH": str(ROOT),
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    arguments = [
        sys.executable,
        "-c",
        COMMAND,
        "-q",
        "refresh",
        str(ROOT / "data/sample/study.toml"),
        "--out",
        str(out),
    ]
    subprocess.run(arguments, check=True, env=environment, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu


def main() -> None:
    """Print one line by run, and the largest memory of all."""
    folder = Path(tempfile.mkdtemp(prefix="carto-sante-bench-"))
    try:
        for name in ("cold", "warm", "warm", "warm"):
            elapsed, cpu = run(folder / f"{name}-{time.time_ns()}", folder / "cache")
            print(f"{name}: {elapsed:.1f} s elapsed, {cpu:.1f} s of processor")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"peak memory {peak:.0f} MB; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
