"""Fill the cache of the maps' scripts and styles from npm packages, for machines that reach a registry but no CDN.

``python -m tests.servers.map_assets FOLDER`` fills FOLDER; `fill_cache` does it once and returns at once later.
Versions are those of the addresses Folium loads.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from urllib.parse import urljoin

from carto_sante.files import whole_file
from carto_sante.maps.offline import asset_path

# Part of the address, npm package (with the version taken from the address), path inside it.
PATTERNS = (
    (re.compile(r"/npm/(?P<package>leaflet|bootstrap)@(?P<version>[\d.]+)/(?P<path>.+)$"), "{package}"),
    (re.compile(r"/libs/(?P<package>leaflet\.markercluster)/(?P<version>[\d.]+)/(?P<path>.+)$"), "{package}"),
)


def loaded_urls() -> list[str]:
    """Addresses that a map of the package loads, and the images that its styles name."""
    import folium
    from folium.plugins import MarkerCluster

    js = [url for name, url in folium.Map.default_js if name == "leaflet"]
    js += [url for _, url in MarkerCluster.default_js]
    css = [url for name, url in folium.Map.default_css if name == "leaflet_css"]
    css += [url for name, url in MarkerCluster.default_css if name == "markerclustercss"]
    images = [urljoin(css[0], f"images/{name}") for name in ("layers.png", "layers-2x.png", "marker-icon.png")]
    return [*js, *css, *images]


def fill_cache(folder: Path) -> Path:
    """Put every loaded address in the cache; packages are downloaded only for what is absent."""
    import shutil

    missing = [url for url in loaded_urls() if not asset_path(url, cache=folder).is_file()]
    if missing and shutil.which("npm") is None:
        import pytest

        pytest.skip("npm is not installed: the maps' scripts cannot be had for the tests")
    packages: dict[str, list[tuple[str, str]]] = {}
    for url in missing:
        match = next(found for pattern, _ in PATTERNS if (found := pattern.search(url)))
        packages.setdefault(f"{match['package']}@{match['version']}", []).append((url, match["path"]))
    for package, wanted in packages.items():
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(["npm", "pack", "--silent", package], cwd=work, check=True, capture_output=True)
            with tarfile.open(next(Path(work).glob("*.tgz"))) as archive:
                for url, path in wanted:
                    inside = _member(archive.getnames(), path)
                    content = archive.extractfile(inside).read()
                    with whole_file(asset_path(url, cache=folder)) as part:
                        part.write_bytes(content)
    return folder


def _member(names: list[str], path: str) -> str:
    """The archive's file for a CDN path: CDNs of libraries serve the folder dist/ of the package."""
    for candidate in (f"package/{path}", f"package/dist/{path}"):
        if candidate in names:
            return candidate
    raise LookupError(f"{path} is not in the package: {names[:20]}")


def default_folder() -> Path:
    """Where the tests keep what they downloaded."""
    return Path(tempfile.gettempdir()) / "carto_sante_map_assets"


if __name__ == "__main__":
    print(fill_cache(Path(sys.argv[1]) if len(sys.argv) > 1 else default_folder()))
