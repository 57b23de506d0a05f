"""``carto-sante diff``: who arrived, left, moved between two vintages."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the tables and the map; none by default.")
@click.option("--offline", is_flag=True, help="Put every script and style inside the map.")
@click.option("--json", "as_json", is_flag=True, help="Print the balance as JSON.")
def command(before: Path, after: Path, out: Path | None, offline: bool, as_json: bool) -> None:
    """Follow each practitioner between two vintages of a refresh.

    BEFORE and AFTER are folders of vintages. Each practitioner is followed by identifier: arrived, left, moved from
    quartier to quartier or within one, changed mode or convention sector, or only had the address cleaned.

    \b
    Example:
        carto-sante diff out/vintages/2025-01-15 out/vintages/2026-01-15 --out evolution
    """
    from carto_sante.refresh.compare import compare_vintages, write_comparison

    evolution = write_comparison(before, after, out, offline=offline) if out else compare_vintages(before, after)
    if as_json:
        found = {
            "changes": evolution.changes["change"].value_counts().sort_index().to_dict(),
            "unchanged_count": evolution.unchanged_count,
            "balance": evolution.balance.to_dict("records"),
        }
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    from carto_sante.report import print_evolution

    print_evolution(evolution.changes, evolution.balance, evolution.unchanged_count)
    if out:
        click.echo(f"\n{out}/evolution.html is the map; evolution.csv and bilan.csv are beside it.")
