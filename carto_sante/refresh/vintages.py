"""The folder of a refresh: immutable vintages, ``current`` on the newest, one writer at a time.

``DIR/vintages/<date>/`` is written whole beside and renamed; ``DIR/current`` is a relative symlink switched by
one rename (a copy where the platform has no symlinks).
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import CheckError, InputError, OutputError
from carto_sante.files import remove_leftovers, require_file, sha256_of, whole_folder

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

logger = logging.getLogger("carto_sante")

JOURNAL = "journal.json"
PACKAGE = "praticiens.gpkg"
_LOCK = ".carto-sante.lock"


@contextmanager
def one_at_a_time(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a folder; a second run waits, or says so.

    Parameters
    ----------
    folder : Path
        Of the refresh; made when absent.
    wait : bool, default True
        Whether to wait for the other run.

    Raises
    ------
    CheckError
        If another run holds the lock and ``wait`` is false.
    OutputError
        If the folder cannot be made.
    """
    import filelock

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The output folder {folder} cannot be made: {error.strerror}.", next_step="Choose another --out."
        ) from error
    lock = filelock.FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        if not wait:
            raise CheckError(
                f"Another run is writing into {folder}.", next_step="Wait for it to end, then run again."
            ) from None
        logger.info("another run is writing into %s: waiting for it to end", folder)
        lock.acquire()
    try:
        if leftovers := remove_leftovers(folder / "vintages"):
            logger.info("removed what %d interrupted runs had left", leftovers)
        yield
    finally:
        lock.release()


def list_vintages(folder: Path | str) -> list[str]:
    """Return the vintages of a folder, oldest first.

    Examples
    --------
    >>> list_vintages("no such folder")
    []
    """
    root = Path(folder) / "vintages"
    if not root.is_dir():
        return []
    return sorted(entry.name for entry in root.iterdir() if (entry / JOURNAL).is_file())


def read_journal(folder: Path | str, vintage: str) -> dict[str, Any]:
    """Return the journal of one vintage.

    Raises
    ------
    CheckError
        If it cannot be read.
    """
    path = Path(folder) / "vintages" / vintage / JOURNAL
    try:
        journal: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckError(
            f"The journal of vintage {vintage} cannot be read: {error}.",
            next_step=f"Remove {path.parent} and refresh that vintage again.",
        ) from error
    return journal


def read_vintage_journal(vintage: Path | str) -> dict[str, Any]:
    """Return the journal of a vintage, named by its folder.

    Raises
    ------
    InputError
        If the folder is no vintage.
    """
    folder = _require_vintage(vintage)
    journal: dict[str, Any] = json.loads((folder / JOURNAL).read_text(encoding="utf-8"))
    return journal


def read_layer(vintage: Path | str, layer: str) -> GeoDataFrame:
    """Read a layer of a vintage's GeoPackage.

    Parameters
    ----------
    vintage : path
        Folder of a vintage (``DIR/vintages/2026-01-15``, or ``DIR/current``).
    layer : str
        "praticiens", "etablissements", "territoires_<level>" or "isochrones".

    Raises
    ------
    InputError
        If the folder is no vintage.
    """
    import geopandas as gpd

    table: GeoDataFrame = gpd.read_file(require_file(_require_vintage(vintage) / PACKAGE), layer=layer)
    return table


def _require_vintage(vintage: Path | str) -> Path:
    folder = Path(vintage)
    if not (folder / JOURNAL).is_file():
        inside = sorted(p.name for p in (folder / "vintages").iterdir()) if (folder / "vintages").is_dir() else []
        hint = f"Name one of its vintages: {', '.join(str(folder / 'vintages' / n) for n in inside)}." if inside else ""
        raise InputError(
            f"{folder} is not a vintage: it has no {JOURNAL}.",
            expected="a folder such as out/vintages/2026-01-15, or out/current",
            next_step=hint,
        )
    return folder


def is_whole(folder: Path | str, vintage: str) -> bool:
    """Return whether every output that the journal lists is there with the same hash."""
    root = Path(folder) / "vintages" / vintage
    outputs = read_journal(folder, vintage).get("outputs", {})
    return bool(outputs) and all(
        (root / name).is_file() and sha256_of(root / name) == digest for name, digest in outputs.items()
    )


@contextmanager
def new_vintage(folder: Path, vintage: str) -> Iterator[Path]:
    """Yield a temporary folder that becomes the vintage, whole or not at all; then switch ``current``."""
    with whole_folder(folder / "vintages" / vintage) as part:
        yield part
    point_current(folder)


def point_current(folder: Path) -> None:
    """Point ``current`` to the newest vintage, by one rename."""
    newest = list_vintages(folder)[-1]
    link, part = folder / "current", folder / ".current-part"
    target = Path("vintages") / newest
    if link.is_symlink() and link.readlink() == target:
        return
    _remove(part)
    try:
        part.symlink_to(target, target_is_directory=True)
    except OSError:  # a platform or a file system without symlinks: a copy, as design §5 says
        shutil.copytree(folder / target, part)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
    part.replace(link)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
