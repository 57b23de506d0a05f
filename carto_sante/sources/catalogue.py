"""The catalogue of sources: data, not code (``catalogue.toml`` beside this module)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Formatter

from carto_sante.errors import InputError, UnknownNameError, suggest

#: What a format's file begins with (published signatures of the formats).
MAGIC = {
    "zip": b"PK\x03\x04",
    "gzip": b"\x1f\x8b",
    "7z": b"7z\xbc\xaf\x27\x1c",
}
FORMATS = (*MAGIC, "text", "json", "pbf")


@dataclass(frozen=True)
class Source:
    """One open data file.

    Attributes
    ----------
    key : str
        Its name in a study (``source_key``).
    title, producer, licence, page, vintage : str
        What to credit, and where it is described.
    url : str
        Stable address; may hold ``{departement}``, ``{region}``, ``{year}``, ``{year2}``.
    format : str
        "text", "json", "zip", "gzip", "7z" or "pbf": what its first bytes must look like.
    min_bytes : int
        Under this size it cannot be the file.
    header : str
        What the first line contains once unpacked, accents and case folded; "" where nothing is fixed.
    member : str
        File wanted in the archive; "" for the only one.
    verified : str
        How the address is known.
    sha256 : str
        Checksum where the study pins one.
    """

    key: str
    title: str
    producer: str
    licence: str
    page: str
    url: str
    format: str
    min_bytes: int = 1
    header: str = ""
    member: str = ""
    vintage: str = ""
    verified: str = ""
    sha256: str = ""

    def fill(self, parameters: Mapping[str, str]) -> str:
        """Return the address with its parameters filled.

        Raises
        ------
        InputError
            Naming the parameters that are missing.

        Examples
        --------
        >>> find_source("ban_departement").fill({"departement": "35"}).rsplit("/", 1)[1]
        'adresses-35.csv.gz'
        """
        wanted = {name for _, name, _, _ in Formatter().parse(self.url) if name}
        values = dict(parameters)
        if "year" in values:
            values.setdefault("year2", values["year"][-2:])
        missing = sorted(wanted - set(values))
        if missing:
            asked = sorted({"year" if name == "year2" else name for name in missing})
            raise InputError(
                f"The address of {self.key} needs {', '.join(asked)}.",
                expected=f"source_parameters = {{ {', '.join(f'{name} = ...' for name in asked)} }}",
                next_step=f"Add it beside source_key in the study. The source is described at {self.page}",
            )
        return self.url.format(**values)


@cache
def load_sources() -> dict[str, Source]:
    """Return the catalogue, by key.

    Examples
    --------
    >>> load_sources()["qpv_2024"].producer
    'Agence nationale de la cohésion des territoires (ANCT)'
    """
    text = resources.files("carto_sante").joinpath("sources/catalogue.toml").read_text(encoding="utf-8")
    return {key: Source(key=key, **entry) for key, entry in tomllib.loads(text).items()}


def find_source(key: str) -> Source:
    """Return one source.

    Raises
    ------
    UnknownNameError
        If the catalogue does not have it; names the closest.
    """
    sources = load_sources()
    if key not in sources:
        raise UnknownNameError(f"Unknown source {key!r}.", next_step=suggest(key, sources))
    return sources[key]
