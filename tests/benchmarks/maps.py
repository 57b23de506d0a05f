"""Weight and speed of the maps: ``python -m tests.benchmarks.maps [COUNT ...]`` writes a line per city size.

Every page is offline (all scripts and styles inside), opened from disk in headless Chromium. "Interactive" is the
time from navigation to the last statement of the page's start (markers drawn, names placed). "Tick" adds every
profession; "zoom" zooms twice in the densest place; both end at the next painted frame. The peer is plain Folium with
one `folium.Marker` and one popup per practitioner inside its own MarkerCluster, the same libraries inside.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from html import escape
from pathlib import Path

from carto_sante.maps import build_city_map, save_map
from carto_sante.maps.offline import inline_assets
from tests.maps_browser import launched
from tests.maps_city import city_inputs
from tests.servers.map_assets import default_folder, fill_cache

PEER_LIMIT = 10_000
REPEATS = 3
PAINTED = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
)


def timed(work, *arguments, **named):
    started = time.perf_counter()
    result = work(*arguments, **named)
    return result, time.perf_counter() - started


def plain_folium(inputs, path: Path, cache: Path) -> None:
    import folium
    from folium.plugins import MarkerCluster

    people = inputs["practitioners"].to_crs(4326)
    city = folium.Map([48.11, -1.67], zoom_start=12, tiles=None)
    cluster = MarkerCluster().add_to(city)
    for row, point in zip(people.to_dict("records"), people.geometry, strict=True):
        text = escape(f"{row['practitioner_label']} – {row['profession']} – {row['address']}")
        folium.CircleMarker([point.y, point.x], radius=5, popup=text).add_to(cluster)
    html = city.get_root().render()
    # Bootstrap and its icon fonts, which the cache of the tests does not hold, are left out in the peer's favour.
    for name, url in [*folium.Map.default_js, *folium.Map.default_css]:
        if name not in {"leaflet", "leaflet_css"}:
            html = html.replace(f'<script src="{url}"></script>', JQUERY if name == "jquery" else "")
            html = html.replace(f'<link rel="stylesheet" href="{url}"/>', "")
    default = dict(MarkerCluster.default_css)["markerclusterdefaultcss"]
    html = html.replace(f'<link rel="stylesheet" href="{default}"/>', "")
    ready = "<script>window.readyAt = performance.now();</script></html>"
    path.write_text(inline_assets(html, cache=cache).replace("</html>", ready), encoding="utf-8")


# The only call of Folium's popups to jQuery: $(`<div>…</div>`)[0].
JQUERY = """<script>window.$ = (h) => {
    const d = document.createElement("div"); d.innerHTML = h; return d.children; };</script>"""


def measure(browser, path: Path, *, ours: bool) -> dict[str, float]:
    runs = []
    for _ in range(REPEATS):
        page = browser.new_context(offline=True, viewport={"width": 1280, "height": 800}).new_page()
        page.goto(path.resolve().as_uri(), timeout=180_000)
        found = {}
        if ours:
            page.wait_for_selector("[data-ready=true]", timeout=180_000)
            found["interactive"] = page.evaluate("CartoSante.app.readyAt")
            found["tick"] = page.evaluate(f"""async () => {{
                const start = performance.now();
                CartoSante.app.data.professions.forEach((_, i) => CartoSante.app.shown.add(i));
                CartoSante.refreshPlaces(CartoSante.app);
                return (await ({PAINTED})()) - start; }}""")
            found["zoom"] = page.evaluate(f"""async () => {{
                const start = performance.now();
                CartoSante.app.map.setZoom(CartoSante.app.map.getZoom() + 2, {{ animate: false }});
                return (await ({PAINTED})()) - start; }}""")
            found["search"] = page.evaluate("""() => {
                const box = document.querySelector(".cs-search input"), start = performance.now();
                box.value = "camille exem";
                box.dispatchEvent(new Event("input"));
                return performance.now() - start; }""")
        else:
            found["interactive"] = page.evaluate("window.readyAt")
        runs.append(found)
        page.context.close()
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main(counts: list[int]) -> None:
    cache = fill_cache(default_folder())
    import mapclassify  # noqa: F401  (its import is timed apart)

    print("| practitioners | build s | write s | MB | interactive ms | tick all ms | zoom ms | search ms "
          "| plain Folium: build + write s | MB | interactive ms |")  # fmt: skip
    print("|" + "---:|" * 11)
    with tempfile.TemporaryDirectory() as work, launched() as browser:
        for count in counts:
            inputs = city_inputs(count)
            city, build_s = timed(build_city_map, **inputs)
            path = Path(work) / "city.html"
            _, write_s = timed(save_map, city, path, offline=True, cache=cache)
            ours = measure(browser, path, ours=True)
            line = [f"{count:,}", f"{build_s:.1f}", f"{write_s:.2f}", f"{path.stat().st_size / 1e6:.2f}",
                    *(f"{ours[name]:.0f}" for name in ("interactive", "tick", "zoom", "search"))]  # fmt: skip
            if count <= PEER_LIMIT:
                peer = Path(work) / "peer.html"
                _, peer_s = timed(plain_folium, inputs, peer, cache)
                found = measure(browser, peer, ours=False)
                line += [f"{peer_s:.1f}", f"{peer.stat().st_size / 1e6:.2f}", f"{found['interactive']:.0f}"]
            else:
                line += ["–"] * 3
            print("| " + " | ".join(line) + " |", flush=True)


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [2_000, 10_000, 60_000])
