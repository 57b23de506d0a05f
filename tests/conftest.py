"""Shared fixtures: the real data beside the repository, the sample city, and no skip in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Run by the system's Python, which has PyQGIS; ours has not.
collect_ignore = ["servers/render_in_qgis.py"]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data; skips where it is absent, fails in CI."""
    folder = Path(os.environ.get("CARTO_SANTE_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder} (set CARTO_SANTE_REAL_DATA)")
    return folder


@pytest.fixture(scope="session")
def sample() -> Path:
    """Folder of the sample city."""
    return ROOT / "data" / "sample"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test is a failed one: nothing may go untested unnoticed."""
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("CARTO_SANTE_NO_SKIP") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
