"""A refresh killed at any moment leaves the previous vintage whole, and the next run starts clean."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carto_sante.refresh import refresh

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"
COMMAND = [sys.executable, "-c", "from carto_sante.cli import main; main()"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Both vintages of the sample, in one folder."""
    out = tmp_path_factory.mktemp("out")
    refresh(SAMPLE / "study_2025.toml", out)
    return refresh(SAMPLE / "study.toml", out)


def test_killed_at_twenty_random_moments(done, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(done.folder.parents[1] / "vintages" / "2025-01-15", out / "vintages" / "2025-01-15")
    (out / "current").symlink_to("vintages/2025-01-15")
    before = {p.name: p.read_bytes() for p in (out / "vintages" / "2025-01-15").iterdir()}
    arguments = [*COMMAND, "refresh", str(SAMPLE / "study.toml"), "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(SAMPLE.parents[1])}
    started = time.monotonic()
    timing = [*arguments[:-1], str(tmp_path / "timing")]
    subprocess.run(timing, env=environment, capture_output=True, check=True)
    duration = time.monotonic() - started
    moments = random.Random(20260115)
    for _ in range(20):
        process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.0, duration))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert {p.name: p.read_bytes() for p in (out / "vintages" / "2025-01-15").iterdir()} == before
        assert (out / "current" / "carte.html").is_file()
        whole = out / "vintages" / "2026-01-15"
        if whole.exists():  # the run ended before it was killed: the vintage is whole, never half
            assert {p.name for p in whole.iterdir()} == set(before)
            shutil.rmtree(whole)
            (out / "current").unlink()
            (out / "current").symlink_to("vintages/2025-01-15")
    assert subprocess.run(arguments, env=environment, capture_output=True).returncode == 0
    assert sorted(p.name for p in (out / "vintages").iterdir()) == ["2025-01-15", "2026-01-15"]
    for path in done.folder.iterdir():
        if path.name != "journal.json":
            assert (out / "current" / path.name).read_bytes() == path.read_bytes()
