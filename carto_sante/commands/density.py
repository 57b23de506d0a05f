"""``carto-sante density``: densities of a study and what they say, without the whole refresh."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

    from carto_sante.study import Study


@dataclass(frozen=True)
class StudyDensities:
    """Tables by name of file, the drawing, and the account of what was left out."""

    tables: dict[str, pd.DataFrame]
    figure: str
    account: dict[str, Any] = field(default_factory=dict)


def compute_study_densities(study: Study) -> StudyDensities:
    """Compute the densities of a study and what they say.

    Parameters
    ----------
    study : Study

    Returns
    -------
    StudyDensities
        ``densites`` (schemas.INDICATORS, every level and denominator), ``comparaisons`` (each zone of
        ``density.level`` against the rest of the city), ``inegalites``, ``proximite`` (distances, where a population
        source has points or cells) and ``cartes_qpv`` (where the study has QPV and communes).

    Raises
    ------
    InputError
        If a file of the study cannot be used.
    CheckError
        If a check stopped the run.
    """
    from carto_sante import stages
    from carto_sante.density import compare_zones, density_figure
    from carto_sante.density.compute import suffix_of

    territories = stages.load_territories(study)
    population = stages.load_population(study)
    placed = stages.prepare_practitioners(study, territories)
    counted = placed.counted()
    indicators = stages.compute_indicators(study, counted, territories, population)
    level, per = study.density.level, study.density.per_inhabitants
    denominators = stages.denominators_by_level(study, territories, population)
    main = next(item for item in denominators if item.level == level)
    hypothesis = indicators.attrs["denominators"][0]["hypothesis"]
    zones = territories[territories["territory_level"] == level]
    comparison = compare_zones(counted, zones, main.population, level=level, per_inhabitants=per)
    rate = f"practitioners_{suffix_of(per)}"
    shown = indicators[(indicators["territory_level"] == level) & (indicators["hypothesis"] == hypothesis)]
    tables = {
        "densites": indicators,
        "comparaisons": comparison,
        "inegalites": _inequality(study, shown, main.population, rate),
    }
    places = next((table for table in population.values() if hasattr(table, "total_bounds")), None)
    professions = [name for name in study.practitioners.professions if (placed.table["profession"] == name).any()]
    if places is not None and professions:
        tables["proximite"] = _nearness(placed.table, places, zones, professions, level)
        cards = _cards(placed.table, territories, population, places, professions, per)
        if cards is not None:
            tables["cartes_qpv"] = cards
    profession = (
        study.map.profession if study.map.profession in set(shown["profession"]) else shown["profession"].iloc[0]
    )
    figure = density_figure(
        shown, comparison, profession=profession, indicator=rate, title=study.study.title,
        note=f"{profession}, pour {per:,} habitants ; {hypothesis}".replace(",", " ", 1).replace(",", " "),
    )  # fmt: skip
    return StudyDensities(
        tables, figure, {"sites": placed.site_counts, "denominators": indicators.attrs["denominators"]}
    )


def _inequality(study: Study, shown: pd.DataFrame, population: pd.DataFrame, rate: str) -> pd.DataFrame:
    from carto_sante.density import inequality_table, read_context
    from carto_sante.population import total_population

    ranks = {}
    if study.density.deprivation is not None:
        level = study.density.level
        context = read_context(study.density.deprivation, level=level, index="deprivation", value_column="value")
        ranks[study.density.deprivation_label or "indice"] = context.set_index("territory_id")["index_value"]
    return inequality_table(shown, total_population(population), indicator=rate, rank_by=ranks)


def _nearness(
    practitioners: GeoDataFrame, places: GeoDataFrame, zones: GeoDataFrame, professions: list[str], level: str
) -> pd.DataFrame:
    from carto_sante.density import nearest_distance
    from carto_sante.territories import assign_territory

    points = places.set_geometry(places.geometry.centroid)
    codes = assign_territory(points, zones)[f"{level}_id"]
    return nearest_distance(points, practitioners, professions=professions, zones=codes, level=level)


def _cards(
    practitioners: GeoDataFrame, territories: GeoDataFrame, population: dict[str, Any], places: GeoDataFrame,
    professions: list[str], per: int,
) -> pd.DataFrame | None:  # fmt: skip
    from carto_sante.density import qpv_card
    from carto_sante.population import total_population

    by_level = dict(list(territories.groupby("territory_level")))
    if not {"qpv", "commune"} <= set(by_level):
        return None
    told = [t for t in population.values() if "territory_level" in t.columns and (t["territory_level"] == "qpv").any()]
    return qpv_card(
        practitioners,
        by_level["qpv"],
        places,
        communes=by_level["commune"],
        quartiers=by_level.get("quartier"),
        published=total_population(told[0]) if told else None,
        professions=professions,
        per_inhabitants=per,
    )


def write_study_densities(densities: StudyDensities, folder: Path) -> list[Path]:
    """Write the tables (CSV, UTF-8), the drawing (SVG) and the account (JSON) to a folder, whole or not at all.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    from carto_sante.files import whole_folder

    with whole_folder(folder) as part:
        for name, table in densities.tables.items():
            table.to_csv(part / f"{name}.csv", index=False, lineterminator="\n")
        (part / "densites.svg").write_text(densities.figure, encoding="utf-8", newline="\n")
        account = json.dumps(densities.account, ensure_ascii=False, indent=1, sort_keys=True, default=str)
        (part / "compte_rendu.json").write_text(account + "\n", encoding="utf-8", newline="\n")
    return sorted(folder.iterdir())


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the tables; replaced whole.")
@click.option("--json", "as_json", is_flag=True, help="Print the account and the comparison as JSON.")
def command(study: Path, out: Path, as_json: bool) -> None:
    """Compute the densities of a study, by zone, with what they say.

    OUT is written whole or not at all:

    \b
        densites.csv       counts, capacities, densities and intervals, every level and denominator
        comparaisons.csv   each zone against the rest of the city
        inegalites.csv     Gini, Theil, ratios, concentration along the deprivation index
        proximite.csv      distance to the nearest practitioner, by share of inhabitants
        cartes_qpv.csv     each QPV against its rings, its quartier and its commune
        densites.svg       the drawing of the profession shown first
        compte_rendu.json  who was placed, and the denominators

    \b
    Example:
        carto-sante density data/sample/study.toml --out densites
    """
    from carto_sante.study import read_study

    densities = compute_study_densities(read_study(study))
    files = write_study_densities(densities, out)
    if as_json:
        comparison = densities.tables["comparaisons"]
        records = comparison.astype(object).where(comparison.notna(), None).to_dict("records")
        click.echo(json.dumps({**densities.account, "comparison": records}, ensure_ascii=False, indent=1, default=str))
        return
    for path in files:
        click.echo(str(path))
