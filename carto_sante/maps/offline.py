"""One HTML file with everything inside: scripts, styles and the images and fonts that styles name.

Each is fetched once and kept under a name derived from its address. A machine without the network can be given
the cache of another: `asset_path` says where each address is looked for.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import os
import re
import urllib.request
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from carto_sante.errors import SourceError
from carto_sante.files import whole_file

_SCRIPT = re.compile(r'<script src="(?P<url>https?://[^"]+)"></script>')
_STYLE = re.compile(r'<link rel="stylesheet" href="(?P<url>https?://[^"]+)"\s*/?>')
_CSS_URL = re.compile(r"""url\(\s*(['"]?)(?!data:|#)(?P<url>[^'")]+)\1\s*\)""")
_TIMEOUT_S = 30


def asset_cache() -> Path:
    """Return the folder of fetched scripts and styles: ``CARTO_SANTE_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("CARTO_SANTE_CACHE")
    if chosen:
        return Path(chosen) / "maps"
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "carto_sante" / "maps"


def asset_path(url: str, *, cache: Path | None = None) -> Path:
    """Return where the content of an address is kept.

    Examples
    --------
    >>> asset_path("https://example.org/lib/leaflet.js", cache=Path("c")).as_posix()
    'c/3dc714fabcb6-leaflet.js'
    """
    name = urlsplit(url).path.rsplit("/", 1)[-1]
    return (cache or asset_cache()) / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{name}"


def inline_assets(html: str, *, cache: Path | None = None) -> str:
    """Return a page with its scripts and styles inside.

    Parameters
    ----------
    html : str
        A page made by Folium.
    cache : path, optional
        Folder of what was fetched.

    Raises
    ------
    SourceError
        If one is neither in the cache nor to be had from the network.
    """

    def script(match: re.Match[str]) -> str:
        text = read_asset(match["url"], cache=cache).decode("utf-8")
        text = re.sub(r"(?m)^//# sourceMappingURL=.*$", "", text).replace("</script", "<\\/script")
        return f"<script>{text.strip()}</script>"

    def style(match: re.Match[str]) -> str:
        text = read_asset(match["url"], cache=cache).decode("utf-8")
        text = _CSS_URL.sub(lambda found: _data_uri(urljoin(match["url"], found["url"]), cache=cache), text)
        return f"<style>{text.strip()}</style>".replace("</style", "<\\/style", text.count("</style"))

    return _STYLE.sub(style, _SCRIPT.sub(script, html))


def read_asset(url: str, *, cache: Path | None = None) -> bytes:
    """Return the content of an address, from the cache or fetched once.

    Raises
    ------
    SourceError
        If it is neither in the cache nor to be had from the network.
    """
    path = asset_path(url, cache=cache)
    if path.is_file():
        return path.read_bytes()
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            content: bytes = answer.read()
    except OSError as error:
        raise SourceError(
            f"{url} could not be fetched ({error}) and is not in the cache.",
            expected=f"the file {path}, or access to the network",
            next_step="Run once with the network; later runs need none.",
        ) from error
    if content.lstrip()[:1] == b"<" and not path.suffix == ".svg":
        raise SourceError(
            f"{url} answered with a web page instead of {path.name}.",
            next_step="Try again later, or with another network.",
        )
    with whole_file(path) as part:
        part.write_bytes(content)
    return content


def require_assets(*, cache: Path | None = None) -> None:
    """Fetch what a city's map needs to open without the network: before the work, not after it.

    Raises
    ------
    SourceError
        If a script or a style is neither in the cache nor to be had.
    """
    import folium
    from folium.plugins import MarkerCluster

    # The addresses that `carto_sante.maps.element` keeps: Leaflet, and its clusters.
    kept = {"leaflet", "leaflet_css", "markerclusterjs", "markerclustercss"}
    every = (*folium.Map.default_js, *folium.Map.default_css, *MarkerCluster.default_js, *MarkerCluster.default_css)
    for name, url in every:
        if name in kept:
            read_asset(url, cache=cache)


def _data_uri(url: str, *, cache: Path | None) -> str:
    address = url.split("#", 1)[0]
    kind = mimetypes.guess_type(urlsplit(address).path)[0] or "application/octet-stream"
    content = base64.b64encode(read_asset(address, cache=cache)).decode("ascii")
    return f'url("data:{kind};base64,{content}")'
