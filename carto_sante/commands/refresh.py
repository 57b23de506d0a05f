"""``carto-sante refresh``: from official files to the map of a city."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the vintages.")
@click.option("--replace", is_flag=True, help="Replace a vintage that was made of other inputs.")
@click.option("--no-wait", is_flag=True, help="Stop (exit 3) when another run writes into the same folder.")
@click.option(
    "--offline",
    is_flag=True,
    help="Put every script inside the map, which opens without internet (they are fetched once, with internet).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the journal as JSON instead of a table.")
def command(study: Path, out: Path, replace: bool, no_wait: bool, offline: bool, as_json: bool) -> None:
    """Read the registries of a study and write a vintage: map, tables, journal.

    STUDY is a TOML file (see data/sample/study.toml). The vintage is written whole or not at all into
    OUT/vintages/<date>/, and OUT/current points to the newest:

    \b
        carte.html            the map
        praticiens.gpkg       practitioners, zones and isochrones, for a GIS
        indicateurs.csv       densities by zone and profession (and .parquet)
        journal.json          inputs with their hashes, parameters, ledger

    \b
    Exit codes: 0 done; 2 the study or a file cannot be used; 3 a check stopped the run
    (ledger, shrunk or late source), the previous vintage intact.

    \b
    Example:
        carto-sante refresh data/sample/study.toml --out out
    """
    from carto_sante.refresh import refresh
    from carto_sante.report import print_summary

    result = refresh(study, out, replace=replace, wait=not no_wait, offline=offline or None)
    if as_json:
        click.echo(json.dumps(result.journal, ensure_ascii=False, indent=1))
        return
    print_summary(result.journal, result.folder, is_new=result.is_new)
