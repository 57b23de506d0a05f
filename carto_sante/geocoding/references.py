"""What addresses are searched in: an opened index, a file of either kind, or a service."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from carto_sante.errors import InputError
from carto_sante.files import require_file, sha256_of
from carto_sante.geocoding.index import INDEX_FORMAT, AddressIndex, build_index, is_index_file, open_index
from carto_sante.geocoding.local import Answer, LocalGeocoder, Request

#: Folder of the indexes made on the fly; the user's cache folder where it is not set.
CACHE_VARIABLE = "CARTO_SANTE_CACHE"


@runtime_checkable
class Geocoder(Protocol):
    """Anything that places addresses: `LocalGeocoder`, `ServiceGeocoder`, or yours."""

    def locate(self, requests: Sequence[Request]) -> list[Answer]:
        """Place addresses, in order, one answer each."""


Reference = AddressIndex | Geocoder | Path | str | Sequence[Path | str]


def open_reference(reference: Reference) -> Geocoder:
    """Return what places addresses with a reference.

    Parameters
    ----------
    reference : AddressIndex, Geocoder, path or paths
        An opened index, a geocoder, the path of an index, or CSV of the BAN or BANO: those are indexed once in the
        user's cache folder, under a name made from their content. "geoplateforme", or the address of the CSV
        endpoint of an addok, asks a service.

    Raises
    ------
    MissingFileError, FileFormatError
        If a file does not exist or is of no known kind.
    InputError
        If it is none of those.
    """
    if isinstance(reference, AddressIndex):
        return LocalGeocoder(reference)
    if isinstance(reference, str) and (reference == "geoplateforme" or reference.startswith(("http://", "https://"))):
        from carto_sante.geocoding.service import GEOPLATEFORME_URL, ServiceGeocoder

        url = GEOPLATEFORME_URL if reference == "geoplateforme" else reference
        return ServiceGeocoder(url=url, resume_folder=cache_folder() / "service")
    if isinstance(reference, str | Path):
        source = require_file(reference, what="address reference")
        return LocalGeocoder(open_index(source) if is_index_file(source) else _indexed([source]))
    if isinstance(reference, Geocoder):
        return reference
    if isinstance(reference, Sequence) and reference:
        return LocalGeocoder(_indexed([require_file(path, what="address reference") for path in reference]))
    raise InputError(
        f"{reference!r} is not an address reference.",
        expected="an index, the path of an index or of a BAN CSV, or a service",
    )


def cache_folder() -> Path:
    """Return the folder of the indexes made on the fly."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "carto_sante"


def _indexed(sources: list[Path]) -> AddressIndex:
    """Return the index of some CSV, made now if it was not yet."""
    version = INDEX_FORMAT.rsplit(" ", 1)[-1]
    content = "-".join(sorted(sha256_of(source)[:16] for source in sources))[:120]
    name = f"addresses-{content}-v{version}.arrow"
    folder = cache_folder()
    target = folder / name
    if target.is_file():
        return open_index(target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        target = Path(tempfile.mkdtemp(prefix="carto-sante-")) / name
    return build_index(sources, target)
