"""What a study needs to fetch, and the fetching of it all."""

from __future__ import annotations

import gzip
import logging
import shutil
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.crs import departement_of
from carto_sante.errors import CartoSanteError, InputError, SourceError, join_problems
from carto_sante.files import whole_file
from carto_sante.sources.catalogue import Source, find_source
from carto_sante.sources.download import Fetched, fetch_file
from carto_sante.sources.recognise import find_member

if TYPE_CHECKING:
    from carto_sante.study import Study

logger = logging.getLogger("carto_sante")


@dataclass(frozen=True)
class Planned:
    """One file to fetch: for which line of the study, from where, to where."""

    place: str
    source: Source
    url: str
    path: Path


def plan_study(study: Study) -> list[Planned]:
    """Return what a study would fetch.

    Parameters
    ----------
    study : Study
        Its sections name sources by ``source_key`` (catalogue) or ``url``.

    Raises
    ------
    InputError
        Listing every unknown source and every missing parameter.

    Examples
    --------
    >>> from carto_sante.study import read_study
    >>> plan_study(read_study("data/sample/study.toml"))  # the sample is at hand: nothing to fetch
    []
    """
    planned, problems = [], []
    departement = departement_of(study.study.communes[0])
    for place, item in study.fetched_sections():
        if not item.source_key and not item.url:
            continue
        try:
            source = find_source(item.source_key) if item.source_key else _own_source(place, item.url or "")
            url = item.url or source.fill({"departement": departement, **item.source_parameters})
            path = item.fetched_path()
            planned.append(Planned(place, replace(source, sha256=item.sha256 or ""), url, path))
        except CartoSanteError as error:
            problems.append(f"{place}: {error}")
    if problems:
        raise InputError(f"The study's sources have {len(problems)} problem(s):\n" + join_problems(problems))
    return planned


def fetch_study(study: Study, *, attempts: int = 5, first_wait_s: float = 1.0) -> list[Fetched]:
    """Fetch every source of a study; all of them are tried before the failures are told.

    Raises
    ------
    SourceError
        Listing each source that could not be had; the others are there, and the last good copies too.
    """
    done, problems = [], []
    for item in plan_study(study):
        try:
            done.append(_fetch_one(item, attempts=attempts, first_wait_s=first_wait_s))
        except CartoSanteError as error:
            kept = "the last good copy is kept" if item.path.exists() else "there is no earlier copy"
            problems.append(f"{item.place}: {error} ({kept})")
    if problems:
        raise SourceError(f"{len(problems)} source(s) could not be fetched:\n" + join_problems(problems))
    return done


def _own_source(place: str, url: str) -> Source:
    suffix = Path(url.split("?")[0]).suffix.lower()
    kind = {
        ".zip": "zip",
        ".xlsx": "zip",
        ".gz": "gzip",
        ".7z": "7z",
        ".json": "json",
        ".geojson": "json",
        ".pbf": "pbf",
    }
    return Source(place, place, "", "", url, url, kind.get(suffix, "text"))


def _fetch_one(item: Planned, *, attempts: int, first_wait_s: float) -> Fetched:
    archive_suffix = {"zip": ".zip", "gzip": ".gz", "7z": ".7z"}.get(item.source.format)
    is_packed = archive_suffix and item.path.suffix.lower() not in {archive_suffix, ".xlsx"}
    archive = item.path.with_name(item.path.name + archive_suffix) if is_packed and archive_suffix else item.path
    fetched = fetch_file(item.source, item.url, archive, attempts=attempts, first_wait_s=first_wait_s)
    if is_packed and (fetched.is_new or not item.path.exists()):
        _unpack(item.source, archive, item.path)
    return fetched


def _unpack(source: Source, archive: Path, path: Path) -> None:
    logger.info("unpacking %s", archive.name)
    with whole_file(path) as part, part.open("wb") as out:
        if source.format == "gzip":
            with gzip.open(archive, "rb") as stream:
                shutil.copyfileobj(stream, out)
        elif source.format == "zip":
            with zipfile.ZipFile(archive) as pack, pack.open(find_member(pack.namelist(), source)) as stream:
                shutil.copyfileobj(stream, out)
        else:
            _unpack_7z(source, archive, out.name)


def _unpack_7z(source: Source, archive: Path, target: str) -> None:
    try:
        import py7zr
    except ImportError:
        raise SourceError(
            f"{archive.name} is a 7z archive.",
            next_step="Install the extra that reads it (pip install 'carto-sante[archives]'), or unpack it by hand.",
        ) from None
    with py7zr.SevenZipFile(archive) as pack:
        names = [name for name in pack.getnames() if name.lower().endswith((".gpkg", ".shp", ".geojson", ".csv"))]
        member = find_member(names, source)
        pack.extract(path=archive.parent / f".{archive.name}.out", targets=[member])
    shutil.move(archive.parent / f".{archive.name}.out" / member, target)
    shutil.rmtree(archive.parent / f".{archive.name}.out")
