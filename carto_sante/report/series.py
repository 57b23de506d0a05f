"""An indicator over the vintages, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def series_table(series: pd.DataFrame) -> Any:
    """Return a table of zones by vintages, for one profession and one denominator.

    Parameters
    ----------
    series : DataFrame
        From `carto_sante.refresh.series.read_series`. Where several denominators stand beside one another, the one
        found in most vintages is shown.

    Returns
    -------
    rich.table.Table
        A dash is a value that is missing or withheld; 0 is nobody.
    """
    from rich.table import Table

    main = series.groupby("hypothesis")["vintage"].nunique().sort_values(kind="stable").index[-1]
    chosen = series.loc[series["hypothesis"] == main]
    vintages = sorted(chosen["vintage"].unique())
    first = chosen.iloc[0]
    table = Table(title=f"{first['indicator']}, {first['profession']} ({main})", title_justify="left")
    table.add_column("zone")
    for vintage in vintages:
        table.add_column(vintage, justify="right")
    for label, rows in chosen.groupby("territory_label", sort=True):
        values = rows.set_index("vintage")["indicator_value"]
        known = [values.get(vintage) for vintage in vintages]
        table.add_row(str(label), *["–" if value is None or value != value else f"{value:.0f}" for value in known])
    return table
