"""One refresh: every stage of a study, its checks, and a vintage written whole."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante import stages
from carto_sante.errors import InputError
from carto_sante.files import sha256_of
from carto_sante.maps.offline import require_assets
from carto_sante.progress import Stages
from carto_sante.refresh import checks, vintages
from carto_sante.refresh import journal as journals
from carto_sante.refresh.diff import Evolution, compare_practitioners
from carto_sante.refresh.outputs import main_hypothesis, write_outputs
from carto_sante.report import worst_served
from carto_sante.study import Study, read_study

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pandas import DataFrame

logger = logging.getLogger("carto_sante")


@dataclass(frozen=True)
class RefreshResult:
    """What a refresh did.

    Attributes
    ----------
    vintage : str
        Its name, the study's data date.
    folder : Path
        Where it is.
    is_new : bool
        False when the vintage was already there, made of the same inputs.
    journal : dict
        As written in ``journal.json``.
    """

    vintage: str
    folder: Path
    is_new: bool
    journal: dict[str, Any]


@dataclass(frozen=True)
class Computed:
    """The tables of one vintage, before they are written."""

    study: Study
    territories: GeoDataFrame
    placed: stages.PlacedPractitioners
    indicators: DataFrame
    isochrones: GeoDataFrame | None
    streets: GeoDataFrame | None
    network_notes: dict[str, Any] = field(default_factory=dict)
    context: GeoDataFrame | None = None


def refresh(
    study_path: Path | str, out: Path | str, *, replace: bool = False, wait: bool = True, offline: bool | None = None
) -> RefreshResult:
    """Read a study, compute every stage, check, and write one vintage.

    Parameters
    ----------
    study_path : path
        The TOML file.
    out : path
        Folder of the vintages: ``out/vintages/<vintage>/``, ``out/current`` on the newest.
    replace : bool, default False
        Whether a vintage made of other inputs may be replaced.
    wait : bool, default True
        Whether to wait for another run that writes into the same folder.
    offline : bool, optional
        Whether the map carries its scripts and styles inside; the study's ``map.offline`` by default.

    Returns
    -------
    RefreshResult
        The journal among it.

    Raises
    ------
    StudyError, InputError
        If the study or a file cannot be used; or if the vintage exists, made of other inputs.
    CheckError
        If the ledger does not balance, a source shrank, is late, or too many practitioners have no point.
    OutputError
        If the vintage cannot be written. In every case what was there before is intact.

    Examples
    --------
    >>> result = refresh("data/sample/study.toml", "out")  # doctest: +SKIP
    >>> result.journal["practitioners"]["gp"]  # doctest: +SKIP
    """
    study = read_study(study_path)
    if offline is not None:
        study = study.model_copy(update={"map": study.map.model_copy(update={"offline": offline})})
    folder, source = Path(out), Path(study_path).resolve()
    checks.check_ages(study)
    if study.map.offline:
        require_assets()
    name = study.study.vintage.isoformat()
    with vintages.one_at_a_time(folder, wait=wait):
        journal = _begin_journal(study, source)
        if name in vintages.list_vintages(folder) and not replace:
            known = _unchanged(folder, name, journal)
            if known is not None:
                vintages.point_current(folder)
                return RefreshResult(name, folder / "vintages" / name, False, known)
        computed = compute_vintage(study)
        journal |= _account(computed)
        previous = _previous(folder, name)
        _check(journal, computed, previous)
        evolution = _evolution(computed, folder, previous)
        journal["evolution"] = _describe_evolution(evolution, previous)
        with vintages.new_vintage(folder, name) as part:
            write_outputs(computed, part, evolution=evolution)
            journal["outputs"] = {p.name: sha256_of(p) for p in sorted(part.iterdir())}
            journals.write_journal(journal, part / vintages.JOURNAL)
    return RefreshResult(name, folder / "vintages" / name, True, journal)


def _unchanged(folder: Path, name: str, journal: dict[str, Any]) -> dict[str, Any] | None:
    known = vintages.read_journal(folder, name)
    if not journals.is_same_work(known, journal):
        raise InputError(
            f"Vintage {name} is already in {folder}, made of other inputs: {journals.what_differs(known, journal)}.",
            expected="a new study.vintage for new data: a vintage is immutable",
            next_step="Change study.vintage, or replace it on purpose with --replace.",
        )
    if vintages.is_whole(folder, name):
        logger.info("vintage %s is already there, made of the same inputs: nothing to do", name)
        return known
    logger.warning("vintage %s is damaged (a file is missing or changed): computing it again", name)
    return None


def compute_vintage(study: Study) -> Computed:
    """Compute every stage of a study, writing nothing.

    Raises
    ------
    InputError
        If a file cannot be used.
    """
    progress = Stages(total=6 if study.network else 5)
    with progress.stage("Territories and population"):
        territories = stages.load_territories(study)
        population = stages.load_population(study)
    with progress.stage("Registries"):
        practitioners = stages.load_practitioners(study)
    with progress.stage("Geocoding"):
        located = stages.locate_practitioners(study, practitioners)
        streets = stages.load_streets(study)
    with progress.stage("Placing in territories"):
        placed = stages.place_practitioners(study, practitioners, located, territories)
    with progress.stage("Densities"):
        indicators = stages.compute_indicators(study, placed.counted(), territories, population)
    isochrones, context, notes = None, None, {}
    if study.network:
        with progress.stage("Road network and isochrones"):
            context = stages.load_context(study, territories=territories)
            network = stages.load_network(study, study.isochrones.mode, territories=territories)
            isochrones = stages.compute_site_isochrones(study, network, placed)
            notes = {
                "mode": network.mode,
                "node_count": network.node_count,
                "unreachable_node_share": round(1 - network.largest_component_share, 4),
                **dict(sorted(network.notes.items())),
            }
    return Computed(study, territories, placed, indicators, isochrones, streets, notes, context)


def _begin_journal(study: Study, source: Path) -> dict[str, Any]:
    return {
        "title": study.study.title,
        "vintage": study.study.vintage.isoformat(),
        "inputs": journals.describe_inputs(study, folder=source.parent),
        "parameters": journals.describe_parameters(study, folder=source.parent),
        "versions": journals.describe_versions(),
    }


def _account(computed: Computed) -> dict[str, Any]:
    placed, table = computed.placed, computed.placed.table
    by_profession = placed.counted().groupby("profession")["practitioner_id"].nunique()
    return {
        "practitioners": {str(name): int(count) for name, count in by_profession.sort_index().items()},
        "definitions": dict(sorted(placed.definitions.items())),
        "control": placed.control,
        "ledger": journals.ledger_records(placed.ledger),
        "sites": placed.site_counts,
        "geocoding": {str(k): int(v) for k, v in table["geocode_precision"].value_counts().sort_index().items()},
        "territories": {
            str(level): {"zone_count": int(count), **_repairs(computed, str(level))}
            for level, count in computed.territories["territory_level"].value_counts().sort_index().items()
        },
        "denominators": computed.indicators.attrs.get("denominators", []),
        "network": computed.network_notes,
        "worst_served": _worst(computed),
    }


def _worst(computed: Computed) -> dict[str, Any]:
    study = computed.study
    chosen = {"level": study.density.level, "profession": study.map.profession, "indicator": study.map.indicator}
    zones = worst_served(
        computed.indicators,
        level=chosen["level"],
        profession=chosen["profession"],
        indicator=chosen["indicator"],
        hypothesis=main_hypothesis(computed),
    )
    return {**chosen, "zones": zones}


def _repairs(computed: Computed, level: str) -> dict[str, Any]:
    found = computed.territories.attrs.get("repairs", {}).get(level, {})
    return {key: value for key, value in found.items() if isinstance(value, int | float | str)}


def _previous(folder: Path, name: str) -> dict[str, Any] | None:
    earlier = [vintage for vintage in vintages.list_vintages(folder) if vintage < name]
    return vintages.read_journal(folder, earlier[-1]) if earlier else None


def _evolution(computed: Computed, folder: Path, previous: dict[str, Any] | None) -> Evolution | None:
    """Compare with the vintage before, where practitioners have identifiers that last (those of the RPPS)."""
    kinds = {source.kind for source in computed.study.registries}
    if previous is None or "rpps" not in kinds:
        return None
    before = vintages.read_layer(folder / "vintages" / previous["vintage"], "praticiens")
    now = computed.placed.table
    try:
        return compare_practitioners(
            before.loc[before["is_in_study"].astype(bool)],
            now.loc[now["is_in_study"]],
            level=computed.study.density.level,
        )
    except InputError as error:  # pseudonyms then and not now, another level: said, and no reason to stop
        logger.warning("not compared with vintage %s: %s", previous["vintage"], error)
        return None


def _describe_evolution(evolution: Evolution | None, previous: dict[str, Any] | None) -> dict[str, Any]:
    if evolution is None or previous is None:
        return {}
    changes = evolution.changes["change"].value_counts().sort_index()
    return {
        "compared_with": previous["vintage"],
        "changes": {str(name): int(count) for name, count in changes.items()},
        "unchanged_count": evolution.unchanged_count,
        "balance": evolution.balance.to_dict("records"),
    }


def _check(journal: dict[str, Any], computed: Computed, previous: dict[str, Any] | None) -> None:
    placed = computed.placed
    placed.ledger.check()
    total = len(placed.table)
    journals.check_sites(placed.site_counts, site_total=total)
    checks.check_located(placed.site_counts, site_total=total, study=computed.study)
    checks.check_drift(journal, previous, study=computed.study)
