"""Densities over the vintages of a folder: what the map of one year cannot say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.errors import NoResultError, UnknownNameError, suggest
from carto_sante.refresh.vintages import list_vintages

if TYPE_CHECKING:
    import pandas as pd


def read_series(
    folder: Path | str, *, level: str, indicator: str = "practitioners_per_100k", profession: str | None = None
) -> pd.DataFrame:
    """Read one indicator over every vintage of a folder.

    Parameters
    ----------
    folder : path
        Of a refresh.
    level : str
        Level of the zones ("quartier").
    indicator : str, default "practitioners_per_100k"
        A name of ``indicateurs.csv``.
    profession : str, optional
        Every profession by default.

    Returns
    -------
    DataFrame
        One row by vintage, zone, profession and hypothesis: ``vintage``, then the columns of
        `carto_sante.schemas.INDICATORS`. A zone that is absent from a vintage is absent here, not 0.

    Raises
    ------
    NoResultError
        If the folder holds no vintage.
    UnknownNameError
        If no vintage has that level, indicator or profession; names those there are.
    """
    import pandas as pd

    names = list_vintages(folder)
    if not names:
        raise NoResultError(
            f"{folder} holds no vintage.",
            expected="a folder written by carto-sante refresh",
            next_step="Run carto-sante refresh STUDY.toml --out with that folder first.",
        )
    tables = []
    for name in names:
        table = pd.read_parquet(Path(folder) / "vintages" / name / "indicateurs.parquet")
        table.insert(0, "vintage", name)
        tables.append(table)
    whole = pd.concat(tables, ignore_index=True)
    for column, wanted in (("territory_level", level), ("indicator", indicator), ("profession", profession)):
        if wanted is None:
            continue
        if wanted not in set(whole[column]):
            known = sorted(whole[column].unique())
            raise UnknownNameError(f"No vintage has the {column} {wanted!r}.", next_step=suggest(wanted, known))
        whole = whole.loc[whole[column] == wanted]
    keys = ["territory_id", "profession", "hypothesis", "vintage"]
    return whole.sort_values(keys, kind="stable").reset_index(drop=True)
