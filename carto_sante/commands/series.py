"""``carto-sante series``: an indicator over the vintages of a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--level", default="quartier", show_default=True, help="Level of the zones.")
@click.option("--profession", default="gp", show_default=True, help="Profession or kind of place of care.")
@click.option("--indicator", default="practitioners_per_100k", show_default=True, help="Name of the indicator.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the long table as CSV.")
def command(folder: Path, level: str, profession: str, indicator: str, out: Path | None) -> None:
    """Show an indicator over every vintage of a refresh, zone by zone.

    FOLDER is the --out of a refresh.

    \b
    Example:
        carto-sante series out --profession nurse --out infirmiers.csv
    """
    from rich.console import Console

    from carto_sante.exports import write_csv
    from carto_sante.refresh.series import read_series
    from carto_sante.report import series_table

    table = read_series(folder, level=level, indicator=indicator, profession=profession)
    Console(file=sys.stdout, highlight=False, soft_wrap=True).print(series_table(table))
    if out is not None:
        write_csv(table, out)
        click.echo(f"{out} holds the long table, with intervals and status.")
