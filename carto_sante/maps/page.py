"""Writing a map: whole or not at all, the same bytes each time, with or without the network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.files import whole_file

if TYPE_CHECKING:
    import folium

# Behind a closed network the page would be blank: it says why, and what to do.
_WITHOUT_NETWORK = """<script>
addEventListener("load", function () {
    if (window.L) return;
    var message = document.createElement("p");
    message.style.cssText = "position:relative;z-index:9999;margin:2em;max-width:40em;font:1.1em sans-serif";
    message.textContent = "Cette carte charge ses scripts sur internet, qui ne répond pas ici. " +
        "Ouvrez-la avec internet, ou refaites-la avec --offline (refresh, diff, atlas) : elle s'ouvrira partout.";
    document.body.prepend(message);
});
</script>
"""


def save_map(map: folium.Map, path: Path | str, *, offline: bool = False, cache: Path | None = None) -> Path:
    """Write a map as one HTML file, whole or not at all.

    Parameters
    ----------
    map : folium.Map
        Made by `build_city_map` or a sibling; layers may have been added to it.
    path : path
        The HTML file.
    offline : bool, default False
        Put every script, style, image and font inside: the page then works without the network (its base map
        starts as "none"). What is put inside is fetched once and kept in ``cache``.
    cache : path, optional
        Folder of what was fetched; by default `carto_sante.maps.offline.asset_cache`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    SourceError
        If ``offline`` and a script is neither in the cache nor to be had from the network.
    OutputError
        If the file cannot be written.
    """
    target = Path(path)
    html = render_html(map, offline=offline, cache=cache)
    with whole_file(target) as part:
        part.write_text(html, encoding="utf-8", newline="\n")
    return target


def render_html(map: folium.Map, *, offline: bool = False, cache: Path | None = None) -> str:
    """Return the page of a map.

    Raises
    ------
    SourceError
        If ``offline`` and a script is neither in the cache nor to be had from the network.
    """
    from carto_sante.maps.deterministic import set_stable_ids
    from carto_sante.maps.element import CityPage

    set_stable_ids(map)
    pages = [child for child in map._children.values() if isinstance(child, CityPage)]
    for page in pages:
        page.is_offline = offline
    html: str = map.get_root().render()
    if offline:
        from carto_sante.maps.offline import inline_assets

        html = inline_assets(html, cache=cache)
    else:
        html = html.replace("</head>", f"{_WITHOUT_NETWORK}</head>", 1)
    # Folium forbids zooming the page on a phone, which people with low vision need (WCAG 2.1, criterion 1.4.4).
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    html = re.sub(r'<meta name="viewport"[^>]*>', viewport, html, count=1)
    return html.replace("<html>", '<html lang="fr">', 1)
