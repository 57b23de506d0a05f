"""What changed between two vintages, on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import pandas as pd


def print_evolution(
    changes: pd.DataFrame, balance: pd.DataFrame, unchanged_count: int, *, stream: TextIO | None = None
) -> None:
    """Print the changes by kind and profession, and the net balance.

    Parameters
    ----------
    changes, balance : DataFrame
        From `carto_sante.refresh.diff.compare_practitioners`.
    unchanged_count : int
        Practitioners with no change.
    stream : file, optional
        stdout by default.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console(file=stream or sys.stdout, highlight=False, soft_wrap=True)
    if len(changes) == 0:
        console.print(f"No change: {unchanged_count:,} practitioners are as they were.", markup=False)
        return
    counts = changes.groupby(["profession", "change"])["practitioner_id"].nunique().unstack(fill_value=0)
    table = Table(title="Practitioners by change", title_justify="left")
    table.add_column("profession")
    for name in counts.columns:
        table.add_column(str(name).replace("_", " "), justify="right")
    for profession, row in counts.iterrows():
        table.add_row(str(profession), *[str(value) if value else "" for value in row])
    console.print(table)
    net = (balance["after_count"] - balance["before_count"]).groupby(balance["territory_id"]).sum()
    lost = net[net < 0].sort_values()
    if len(lost):
        console.print(
            "Zones that lost most: "
            + ", ".join(f"{zone or 'outside'} ({value:+d})" for zone, value in lost.head(5).items()),
            markup=False,
        )
    console.print(f"Unchanged: {unchanged_count:,} practitioners.", markup=False)
