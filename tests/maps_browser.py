"""The system's Chromium for the tests of the maps, with the network cut or replaced by the cache of assets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from carto_sante.maps.offline import asset_path

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# A white 1 × 1 PNG, in place of any tile.
TILE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8ffffff7f0009fb03fd0504"
    "3c8b0000000049454e44ae426082"
)
SIZE = {"width": 1280, "height": 800}
PHONE = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@contextlib.contextmanager
def launched() -> Iterator[object]:
    """A headless browser; the test is skipped where Chromium is not installed."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed (Debian: chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


def open_map(browser, path: Path, *, cache: Path | None = None, **options):
    """Open a map; the network is cut, or answers from ``cache``. Returns the page and its console errors."""
    options.setdefault("viewport", SIZE)
    context = browser.new_context(offline=cache is None, **options)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    if cache is not None:
        page.route("http*://**/*", lambda route: _answer(route, cache))
    page.goto(path.resolve().as_uri())
    page.wait_for_selector("[data-ready=true]", timeout=30_000)
    return page, problems


def _answer(route, cache: Path) -> None:
    kept = asset_path(route.request.url, cache=cache)
    if kept.is_file():
        kind = {".js": "text/javascript", ".css": "text/css"}.get(kept.suffix, "image/png")
        route.fulfill(body=kept.read_bytes(), content_type=kind)
    else:
        route.fulfill(body=TILE, content_type="image/png")
