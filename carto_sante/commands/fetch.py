"""``carto-sante fetch``: download the open data that a study names."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("study", type=click.Path(path_type=Path), required=False)
@click.option("--list", "as_list", is_flag=True, help="Show the catalogue of sources, or what STUDY would fetch.")
@click.option("--attempts", type=click.IntRange(1, 20), default=5, show_default=True, help="Tries for each file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(study: Path | None, as_list: bool, attempts: int, as_json: bool) -> None:
    """Download the open data that a study names, with resume and checks.

    A line of the study that has source_key = "..." (a key of the catalogue) or url = "..." is fetched to its path.
    A file that is the server's already is not fetched again. An error page, a cut file or changed columns are
    refused: the last good copy stays.

    \b
    Examples:
        carto-sante fetch --list
        carto-sante fetch STUDY.toml --list
        carto-sante fetch STUDY.toml
    """
    from carto_sante.sources import fetch_study, load_sources, plan_study
    from carto_sante.study import read_study

    if study is None:
        if not as_list:
            raise click.UsageError("Name a study, or --list to see the catalogue of sources.")
        for key, source in load_sources().items():
            rights = f"{source.producer}, {source.licence}, {source.vintage}"
            click.echo(f"{key}\n    {source.title}\n    {rights}\n    {source.page}")
        return
    parsed = read_study(study, check_files=False)
    if as_list:
        planned = plan_study(parsed)
        for item in planned:
            click.echo(f"{item.place}: {item.source.key}\n    from {item.url}\n    to   {item.path}")
        if not planned:
            click.echo("The study names no source_key and no url: nothing to fetch.")
        return
    done = fetch_study(parsed, attempts=attempts)
    if as_json:
        click.echo(json.dumps([asdict(item) for item in done], ensure_ascii=False, indent=1))
        return
    for fetched in done:
        click.echo(f"{'fetched' if fetched.is_new else 'up to date'}: {fetched.path} ({fetched.byte_count:,} bytes)")
    if not done:
        click.echo("The study names no source_key and no url: nothing to fetch.")
