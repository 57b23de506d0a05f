"""Outputs written whole or not at all.

Everything is written beside its destination under a hidden temporary name, flushed to disk, and renamed:
a killed run or a full disk leaves what was there before.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carto_sante.errors import FileFormatError, InputError, MissingFileError, OutputError

_PART_PREFIX = ".carto-sante-part-"


@contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it becomes ``path``, on failure it is removed.

    Raises
    ------
    OutputError
        If the file cannot be written (disk full, no permission).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with whole_file(folder / "a.txt") as part:
    ...     _ = part.write_text("whole")
    >>> (folder / "a.txt").read_text()
    'whole'
    """
    target = Path(path)
    with _output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_PART_PREFIX, dir=target.parent))
    part = folder / target.name
    try:
        with _output_errors(target):
            yield part
            _flush(part)
            part.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def whole_folder(path: Path | str) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on success it replaces ``path``, on failure it is removed.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    target = Path(path)
    with _output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=_PART_PREFIX, dir=target.parent))
        part.chmod(0o755)
    try:
        with _output_errors(target):
            yield part
            for file in part.rglob("*"):
                if file.is_file():
                    _flush(file)
            if target.exists():
                old = Path(tempfile.mkdtemp(prefix=_PART_PREFIX, dir=target.parent))
                target.replace(old / "old")
                part.replace(target)
                shutil.rmtree(old, ignore_errors=True)
            else:
                part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def remove_leftovers(folder: Path | str) -> int:
    """Remove what a killed run left in a folder; return how many temporary entries there were."""
    parts = [entry for entry in Path(folder).glob(f"{_PART_PREFIX}*") if entry.is_dir()]
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
    return len(parts)


def require_file(path: Path | str, *, what: str = "file") -> Path:
    """Return the path of an existing, non-empty file.

    Raises
    ------
    MissingFileError
        If it does not exist; names the closest file of the folder.
    InputError
        If it is a folder or is empty.
    """
    target = Path(path)
    if not target.exists():
        from carto_sante.errors import suggest

        siblings = sorted(entry.name for entry in target.parent.iterdir()) if target.parent.is_dir() else []
        hint = suggest(target.name, siblings) if siblings else f"The folder {target.parent} does not exist or is empty."
        raise MissingFileError(f"The {what} {target} does not exist.", next_step=hint)
    if target.is_dir():
        raise InputError(f"{target} is a folder.", expected=f"a {what}")
    if target.stat().st_size == 0:
        raise InputError(f"The {what} {target} is empty (0 bytes).", next_step="Download or export it again.")
    return target


def refuse_workbook(path: Path) -> None:
    """Refuse a spreadsheet where a text file is expected, whatever its name.

    Raises
    ------
    FileFormatError
        If the file is an Excel or LibreOffice workbook.
    """
    with path.open("rb") as stream:
        start = stream.read(4_096)
    is_zip = start.startswith(b"PK\x03\x04")
    parts = (b"[Content_Types].xml", b"docProps/", b"xl/", b"opendocument.spreadsheet")
    if start.startswith(b"\xd0\xcf\x11\xe0") or (is_zip and any(part in start for part in parts)):
        raise FileFormatError(
            f"{path} is a spreadsheet (Excel or LibreOffice), not a text file.",
            expected="the file as published, or a CSV",
            next_step="Save the sheet as « CSV UTF-8 », its columns of codes formatted as text first.",
        )


def sha256_of(path: Path | str) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def _output_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except (OutputError, MissingFileError):
        raise
    except OSError as error:
        reason = {
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the disk quota is used up",
            errno.EACCES: "permission denied",
            errno.EROFS: "the disk is read-only",
        }.get(error.errno or 0, str(error))
        raise OutputError(
            f"{target} could not be written: {reason}.",
            next_step="Nothing was changed. Free some space or choose another --out, then run again.",
        ) from error
