"""Is this really the file? An error page with status 200, a cut body and a changed column are not data."""

from __future__ import annotations

import gzip
import json
import tarfile
import unicodedata
import zipfile
import zlib
from pathlib import Path

from carto_sante.errors import SourceError
from carto_sante.sources.catalogue import MAGIC, Source

_HTML_SIGNS = (b"<!doctype html", b"<html", b"<head", b'<?xml version="1.0" encoding="utf-8"?><!doctype html')


def check_content(path: Path, source: Source) -> None:
    """Raise unless a downloaded file looks like its source.

    Parameters
    ----------
    path : Path
        The whole file.
    source : Source
        What it should be.

    Raises
    ------
    SourceError
        Saying what was found: an HTML page, a file too small, cut, of another format, or whose columns changed.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(4096)
    if looks_like_html(start):
        raise SourceError(
            f"{source.key}: the server answered with a web page instead of the file ({_glimpse(start)}).",
            expected=f"a {source.format} file",
            next_step=f"Try again later; if it lasts, check the address at {source.page}",
        )
    if size < source.min_bytes:
        raise SourceError(
            f"{source.key}: the file has {size:,} bytes.",
            expected=f"at least {source.min_bytes:,}",
            next_step=f"It was probably cut on the way or is an error message: try again, then check {source.page}",
        )
    magic = MAGIC.get(source.format)
    if magic and not start.startswith(magic):
        raise SourceError(
            f"{source.key}: the file does not begin like {source.format} ({_glimpse(start)}).",
            expected=f"a {source.format} file",
            next_step=f"Its format may have changed: see {source.page}",
        )
    # The first blob header of a PBF is a length, then the text OSMHeader (OSM wiki, PBF Format).
    if source.format == "pbf" and b"OSMHeader" not in start[:64]:
        raise SourceError(f"{source.key}: the file is not an OSM PBF ({_glimpse(start)}).", expected="an OSM PBF file")
    _check_whole(path, source)
    if source.header:
        _check_header(path, source)


def looks_like_html(start: bytes) -> bool:
    """Return whether some first bytes are those of a web page.

    Examples
    --------
    >>> looks_like_html(b"\\n<!DOCTYPE html><title>503"), looks_like_html(b"finess;etalab")
    (True, False)
    """
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_HTML_SIGNS)


def first_line(path: Path, source: Source) -> str:
    """Return the first line of a file, unpacked, as text."""
    if source.format == "gzip":
        with gzip.open(path, "rb") as stream:
            line = stream.readline(65_536)
    elif source.format == "zip":
        with zipfile.ZipFile(path) as archive, archive.open(find_member(archive.namelist(), source)) as member:
            line = member.readline(65_536)
    else:
        with path.open("rb") as plain:
            line = plain.readline(65_536)
    try:
        return line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return line.decode("latin-1").rstrip("\r\n")


def find_member(names: list[str], source: Source) -> str:
    """Return the wanted file of an archive: the named one, or the largest-looking data file.

    Raises
    ------
    SourceError
        If the archive does not hold it.
    """
    files = [name for name in names if not name.endswith("/")]
    if source.member:
        wanted = source.member.lower()
        found = [name for name in files if name.lower().rsplit("/", 1)[-1] == wanted]
    else:
        found = [name for name in files if not name.lower().rsplit("/", 1)[-1].startswith(("meta", "lisez", "read"))]
    if not found:
        raise SourceError(
            f"{source.key}: the archive holds {', '.join(files[:10]) or 'nothing'}.",
            expected=source.member or "a data file",
            next_step=f"Its content may have changed: see {source.page}",
        )
    return found[0]


def _check_whole(path: Path, source: Source) -> None:
    try:
        if source.format == "gzip":
            with gzip.open(path, "rb") as stream:
                while stream.read(1 << 22):
                    pass
        elif source.format == "zip":
            with zipfile.ZipFile(path) as archive:
                bad = archive.testzip()
            if bad:
                raise zipfile.BadZipFile(f"{bad} is damaged")
        elif source.format == "json":
            with path.open("rb") as stream:
                json.load(stream)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, ValueError) as error:
        raise SourceError(
            f"{source.key}: the file is cut or damaged ({error}).",
            expected=f"a whole {source.format} file",
            next_step="Fetch it again; the last good copy is still there.",
        ) from error


def _check_header(path: Path, source: Source) -> None:
    line = first_line(path, source)
    if fold(source.header) not in fold(line):
        raise SourceError(
            f"{source.key}: the first line is {line[:160]!r}.",
            expected=f"a line with {source.header!r}",
            next_step=f"The columns may have changed: see {source.page}. The last good copy is still there.",
        )


def fold(text: str) -> str:
    """Return a text without accents, in lower case.

    Examples
    --------
    >>> fold("Identifiant PP|Prénom")
    'identifiant pp|prenom'
    """
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).lower()


def _glimpse(start: bytes) -> str:
    return repr(start[:60].decode("utf-8", "replace"))
