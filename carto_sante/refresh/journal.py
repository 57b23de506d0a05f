"""The journal of a vintage: inputs with their hashes, parameters, versions, ledger, outputs.

It holds no clock and no path of the machine, so that the same inputs give the same bytes.
"""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from carto_sante import __version__
from carto_sante.errors import LedgerError
from carto_sante.files import sha256_of
from carto_sante.ledger import Ledger
from carto_sante.study import Study

_LIBRARIES = ("geopandas", "shapely", "pyproj", "numpy", "pandas", "scipy", "polars", "folium", "osmium")


def describe_inputs(study: Study, *, folder: Path) -> list[dict[str, Any]]:
    """Return every file of a study: place in the study, name, size, SHA-256, vintage.

    Parameters
    ----------
    study : Study
        With absolute paths.
    folder : Path
        Of the study file; paths are written relative to it.
    """
    dates = {str(item.path): item.data_date for item in study.registries}
    years = {str(item.path): item.data_year for item in study.population}
    geographies = {str(item.path): item.geography_year for item in study.territories}
    described = []
    for place, path in study.input_paths():
        files = [path, *_companions(path)]
        digest = [sha256_of(file) for file in files]
        entry: dict[str, Any] = {
            "place": place,
            "path": _relative(path, folder),
            "byte_count": sum(file.stat().st_size for file in files),
            "sha256": digest[0] if len(files) == 1 else dict(zip([f.name for f in files], digest, strict=True)),
        }
        for key, table in (("data_date", dates), ("data_year", years), ("geography_year", geographies)):
            if table.get(str(path)) is not None:
                entry[key] = str(table[str(path)])
        described.append(entry)
    return described


def _companions(path: Path) -> list[Path]:
    # A shapefile is several files: a changed .dbf is a changed input.
    if path.suffix.lower() != ".shp":
        return []
    return sorted(p for p in path.parent.glob(f"{path.stem}.*") if p.suffix.lower() in {".dbf", ".prj", ".shx", ".cpg"})


def _relative(path: Path, folder: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return path.name  # outside the study's folder: its place on this machine is nobody's business


def describe_parameters(study: Study, *, folder: Path) -> dict[str, Any]:
    """Return the study as plain values, paths relative to its folder."""

    def visit(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: visit(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [visit(item) for item in value]
        return _relative(value, folder) if isinstance(value, Path) else value

    plain: dict[str, Any] = json.loads(json.dumps(visit(study.model_dump()), default=str))
    return plain


def describe_versions() -> dict[str, str]:
    """Return the versions that made the vintage."""
    versions = {"carto_sante": __version__, "python": platform.python_version()}
    return versions | {name: metadata.version(name) for name in _LIBRARIES}


def check_sites(site_counts: dict[str, int], *, site_total: int) -> None:
    """Raise unless placed + outside + not located practitioner-sites equal all of them.

    Raises
    ------
    LedgerError
        With the four numbers.

    Examples
    --------
    >>> check_sites({"placed": 2, "outside": 1, "not_located": 0}, site_total=3)
    """
    accounted = sum(site_counts[key] for key in ("placed", "outside", "not_located"))
    if accounted != site_total:
        raise LedgerError(
            f"{site_total} practitioner-sites, but {site_counts['placed']} placed + {site_counts['outside']} outside + "
            f"{site_counts['not_located']} not located = {accounted}.",
            expected="every practitioner-site in exactly one of the three",
            next_step="This is a defect of the placement: report it with the study.",
        )


def is_same_work(journal: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two journals have the same inputs, parameters and package version."""
    keys = ("inputs", "parameters")
    same = all(journal.get(key) == other.get(key) for key in keys)
    return same and journal["versions"]["carto_sante"] == other["versions"]["carto_sante"]


def what_differs(journal: dict[str, Any], other: dict[str, Any]) -> str:
    """Return a sentence naming what two journals differ in."""
    old = {entry["place"] + entry["path"]: entry for entry in journal.get("inputs", [])}
    new = {entry["place"] + entry["path"]: entry for entry in other["inputs"]}
    changed = sorted(new[k]["path"] for k in new.keys() & old.keys() if new[k] != old[k])
    parts = []
    if changed:
        parts.append(f"changed files: {', '.join(changed)}")
    if only := sorted(new[k]["path"] for k in new.keys() - old.keys()):
        parts.append(f"new files: {', '.join(only)}")
    if gone := sorted(old[k]["path"] for k in old.keys() - new.keys()):
        parts.append(f"files no longer used: {', '.join(gone)}")
    sections = [k for k in other["parameters"] if other["parameters"][k] != journal.get("parameters", {}).get(k)]
    if sections:
        parts.append(f"changed parameters in: {', '.join(sections)}")
    versions = (journal["versions"]["carto_sante"], other["versions"]["carto_sante"])
    if versions[0] != versions[1]:
        parts.append(f"carto_sante {versions[0]} then, {versions[1]} now")
    return "; ".join(parts) or "nothing"


def ledger_records(ledger: Ledger, *, most_listed: int = 500) -> dict[str, Any]:
    """Return a ledger as plain values, the listed rejections cut at ``most_listed``."""
    return {
        "sources": ledger.to_records(),
        "rejected_rows": [
            {"source": source, "source_row": int(row), "reason": reason}
            for source, row, reason in ledger.listed[:most_listed]
        ],
        "rejected_rows_listed": min(len(ledger.listed), most_listed),
        "rejected_rows_total": ledger.total("rejected"),
    }


def write_journal(journal: dict[str, Any], path: Path) -> None:
    """Write a journal as indented JSON in UTF-8."""
    path.write_text(json.dumps(journal, ensure_ascii=False, indent=1, sort_keys=False) + "\n", encoding="utf-8")
