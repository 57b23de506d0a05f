"""The short table that ends a refresh: practitioners, worst-served zones, what could not be located."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from carto_sante.registries.facility_kinds import load_facility_kinds
from carto_sante.registries.professions import load_catalogue

if TYPE_CHECKING:
    import pandas as pd


def worst_served(
    indicators: pd.DataFrame,
    *,
    level: str,
    profession: str,
    indicator: str,
    hypothesis: str | None = None,
    most: int = 5,
) -> list[dict[str, Any]]:
    """Return the zones with the lowest value of an indicator, lowest first.

    Parameters
    ----------
    indicators : DataFrame
        As `carto_sante.schemas.INDICATORS`.
    level, profession, indicator : str
        Which rows; only those with status "ok" compare.
    hypothesis : str, optional
        Which of several denominators.
    most : int, default 5
        How many zones.

    Returns
    -------
    list of dict
        ``territory_id``, ``territory_label``, ``indicator_value``, ``lower``, ``upper``, ``unit``.
    """
    chosen = indicators.loc[
        (indicators["territory_level"] == level)
        & (indicators["profession"] == profession)
        & (indicators["indicator"] == indicator)
        & (indicators["status"] == "ok")
    ]
    if hypothesis is not None:
        chosen = chosen.loc[chosen["hypothesis"] == hypothesis]
    chosen = chosen.drop_duplicates("territory_id").sort_values(["indicator_value", "territory_id"])
    columns = ["territory_id", "territory_label", "indicator_value", "lower", "upper", "unit"]
    records: list[dict[str, Any]] = []
    for row in chosen[columns].head(most).to_dict("records"):
        records.append({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()})
    return records


def print_summary(journal: dict[str, Any], folder: Path, *, is_new: bool, stream: TextIO | None = None) -> None:
    """Print what a vintage holds, from its journal.

    Parameters
    ----------
    journal : dict
        As written in ``journal.json``.
    folder : Path
        Of the vintage.
    is_new : bool
        False when nothing had to be done.
    stream : file, optional
        stdout by default.
    """
    from rich.console import Console

    console = Console(file=stream or sys.stdout, highlight=False, soft_wrap=True)
    state = "written" if is_new else "already there, made of the same inputs: nothing changed"
    console.print(f"\n[bold]{journal['title']}[/bold], vintage {journal['vintage']} ({state})\n", markup=True)
    console.print(_professions_table(journal))
    if journal.get("worst_served"):
        console.print(_worst_table(journal))
    for line in [*_remarks(journal), *_evolution(journal)]:
        console.print(line, markup=False)
    console.print(f"\n{folder}/carte.html is the map; journal.json beside it accounts for every row.", markup=False)


def _professions_table(journal: dict[str, Any]) -> Any:
    from rich.table import Table

    labels = load_catalogue()["profession_label_plural"].to_dict()
    labels |= load_facility_kinds()["facility_label_plural"].to_dict()
    table = Table(title="Practitioners and places of care of the study area", title_justify="left")
    table.add_column("name")
    table.add_column("", style="dim")
    table.add_column("number", justify="right")
    for name, label in labels.items():
        if name in journal["practitioners"]:
            table.add_row(name, label, f"{journal['practitioners'][name]:,}")
    return table


def _worst_table(journal: dict[str, Any]) -> Any:
    from rich.table import Table

    found = journal["worst_served"]
    title = f"Lowest {found['indicator']} of {found['profession']}, by {found['level']}"
    table = Table(title=title, title_justify="left")
    for name in ("zone", "value", "95 % interval"):
        table.add_column(name, justify="left" if name == "zone" else "right")
    for row in found["zones"]:
        interval = f"{row['lower']:.0f} to {row['upper']:.0f}" if row["lower"] is not None else ""
        table.add_row(str(row["territory_label"]), f"{row['indicator_value']:.0f}", interval)
    return table


def _evolution(journal: dict[str, Any]) -> list[str]:
    found = journal.get("evolution")
    if not found:
        return []
    parts = [f"{count} {name.replace('_', ' ')}" for name, count in found["changes"].items()]
    return [f"Since {found['compared_with']}: {', '.join(parts) or 'no change'}, {found['unchanged_count']} unchanged."]


def _remarks(journal: dict[str, Any]) -> list[str]:
    sites = journal["sites"]
    total = sites["placed"] + sites["outside"] + sites["not_located"]
    lines = [
        f"Practitioner-sites: {total:,} = {sites['placed']:,} placed + {sites['outside']:,} outside the zones "
        f"+ {sites['not_located']:,} not located."
    ]
    precise = sum(journal["geocoding"].get(name, 0) for name in ("site", "housenumber", "interpolated"))
    coarser = total - sites["not_located"] - precise
    lines = [*lines, f"Points: {precise:,} at the building, {coarser:,} coarser."] if total else []
    for level, found in journal["territories"].items():
        if found.get("repaired_count"):
            lines.append(
                f"{level}: {found['repaired_count']} of {found['rows_kept']} polygons were invalid and repaired."
            )
    lines += [
        f"{level}: {found['zones_outside_count']} zones outside the communes of the study left out."
        for level, found in journal["territories"].items()
        if found.get("zones_outside_count")
    ]
    for source in journal.get("denominators", []):
        lines.append(
            f"Denominator by {source['level']}: {source['words']}: {source['population_count']:,.0f} people"
            f"{_left_unsaid(source)}."
        )
    share = journal.get("network", {}).get("unreachable_node_share")
    if share is not None:
        lines.append(
            f"Road network ({journal['network']['mode']}): {share:.1%} of nodes are not connected to the rest."
        )
    return lines


def _left_unsaid(source: dict[str, Any]) -> str:
    """Say which zones a denominator knows nothing of, and which zones of its source it takes as empty."""
    unknown, absent = source.get("zones_unknown_count"), source.get("source_zones_absent_count")
    text = f"; {unknown} zones without a known population" if unknown else ""
    return text + (f"; {absent} zones are not in the population file and count as empty: check them" if absent else "")
