"""Save a network to one file, and load it back in milliseconds.

The file is a NumPy archive, not compressed: arrays are read straight into memory. It holds no pickled object,
so loading one runs no code.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from carto_sante.errors import FileFormatError
from carto_sante.files import require_file, whole_file
from carto_sante.network.model import RoadNetwork

#: Layout of the file; a change of `RoadNetwork` that old files cannot satisfy raises it.
FORMAT_VERSION = 1
_ARRAYS = tuple(item.name for item in dataclasses.fields(RoadNetwork) if item.name not in {"mode", "crs", "notes"})
# The zip format cannot date a file before 1980; a fixed date makes the same network the same bytes.
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)


def save_network(network: RoadNetwork, path: Path | str) -> Path:
    """Save a network to one file, written whole or not at all.

    Parameters
    ----------
    network : RoadNetwork
        Any network.
    path : path
        Usually ending in ``.network``; what was there is replaced.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> save_network(network, "rennes_walk.network")  # doctest: +SKIP
    """
    target = Path(path)
    head = {
        "format": "carto_sante network",
        "version": FORMAT_VERSION,
        "mode": network.mode,
        "crs": network.crs.to_wkt(),
        "notes": network.notes,
    }
    with whole_file(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        _write(archive, "head.json", json.dumps(head, ensure_ascii=False, sort_keys=True).encode("utf-8"))
        for name in _ARRAYS:
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _FIXED_DATE), "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(getattr(network, name)), allow_pickle=False)
    return target


def load_network(path: Path | str) -> RoadNetwork:
    """Load a network saved by `save_network`.

    Parameters
    ----------
    path : path
        An existing file.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    FileFormatError
        If it is not a saved network, is cut, or was saved by another version of the layout.
    """
    source = require_file(path, what="saved network")
    try:
        with zipfile.ZipFile(source) as archive:
            head = json.loads(archive.read("head.json"))
            if head.get("format") != "carto_sante network":
                raise _not_a_network(source, "its head names another format")
            if head["version"] != FORMAT_VERSION:
                raise FileFormatError(
                    f"{source} was saved with layout {head['version']}.",
                    expected=f"layout {FORMAT_VERSION}",
                    next_step="Read the OSM file again with network.read_osm and save it.",
                )
            arrays = {name: _read(archive, f"{name}.npy") for name in _ARRAYS}
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError, OSError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise _not_a_network(source, str(error)) from error
    from pyproj import CRS

    return RoadNetwork(mode=head["mode"], crs=CRS.from_wkt(head["crs"]), notes=head["notes"], **arrays)


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _FIXED_DATE), content)


def _read(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _not_a_network(path: Path, why: str) -> FileFormatError:
    return FileFormatError(
        f"{path} is not a saved network, or is damaged ({why}).",
        expected="a file written by network.save_network",
        next_step="Read the OSM file again with network.read_osm and save it.",
    )
