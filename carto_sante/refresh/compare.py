"""Two vintages read back from disk and compared, and the tables, map and page of what changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.exports import write_csv
from carto_sante.files import whole_folder
from carto_sante.maps import build_diff_map, save_map
from carto_sante.refresh.diff import Evolution, compare_practitioners
from carto_sante.refresh.vintages import read_layer, read_vintage_journal
from carto_sante.registries.professions import load_catalogue

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

_BALANCE_LABELS = {
    "before_count": "Avant",
    "arrived_count": "Arrivées",
    "moved_in_count": "Venus d'un autre quartier",
    "left_count": "Départs",
    "moved_out_count": "Partis vers un autre quartier",
    "after_count": "Après",
}


def compare_vintages(before: Path | str, after: Path | str, *, level: str | None = None) -> Evolution:
    """Compare the practitioners of the study area in two vintages.

    Parameters
    ----------
    before, after : path
        Folders of two vintages.
    level : str, optional
        Level of the zones; that of the study by default.

    Returns
    -------
    Evolution

    Raises
    ------
    InputError
        If a folder is no vintage, or the two cannot be compared.
    """
    tables = [read_layer(vintage, "praticiens") for vintage in (before, after)]
    chosen = level or read_vintage_journal(after)["parameters"]["density"]["level"]
    return compare_practitioners(*[table.loc[table["is_in_study"].astype(bool)] for table in tables], level=chosen)


def write_comparison(before: Path | str, after: Path | str, out: Path | str, *, offline: bool = False) -> Evolution:
    """Write what changed between two vintages: tables, map.

    Parameters
    ----------
    before, after : path
        Folders of two vintages.
    out : path
        Folder to write, whole or not at all: ``evolution.csv`` (one line by change), ``bilan.csv`` (by zone and
        profession), ``evolution.html`` (map).
    offline : bool, default False
        Whether the map carries its scripts inside.

    Returns
    -------
    Evolution

    Raises
    ------
    InputError
        If the vintages cannot be compared.
    OutputError
        If the folder cannot be written.
    """
    evolution = compare_vintages(before, after)
    level = read_vintage_journal(after)["parameters"]["density"]["level"]
    territories = read_layer(after, f"territoires_{level}")
    titles = [read_vintage_journal(folder) for folder in (before, after)]
    labels = load_catalogue()["profession_label_plural"].to_dict()
    names = dict(zip(territories["territory_id"], territories["territory_label"], strict=True))
    with whole_folder(out) as part:
        write_csv(_readable_changes(evolution.changes, names, labels), part / "evolution.csv")
        write_csv(_readable_balance(evolution.balance, names, labels), part / "bilan.csv")
        city = build_diff_map(
            title=str(titles[1]["title"]),
            before_vintage=titles[0]["vintage"],
            after_vintage=titles[1]["vintage"],
            changes=evolution.changes,
            balance=evolution.balance,
            territories=territories,
            level=level,
        )
        save_map(city, part / "evolution.html", offline=offline)
    return evolution


def _readable_changes(changes: GeoDataFrame, names: dict[str, str], labels: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    plain = pd.DataFrame(changes.drop(columns="geometry"))
    plain["profession"] = plain["profession"].map(labels).fillna(plain["profession"])
    for column in ("from_id", "to_id"):
        plain[column] = [_zone_names(value, names) for value in plain[column]]
    titles = {
        "practitioner_id": "Identifiant", "practitioner_label": "Nom d'exercice", "profession": "Profession",
        "change_label": "Changement", "from_id": "Quartier avant", "to_id": "Quartier après", "from_value": "Avant",
        "to_value": "Après", "distance_m": "Distance (m)",
    }  # fmt: skip
    return plain.rename(columns=titles)[list(titles.values())]


def _zone_names(ids: str, names: dict[str, str]) -> str:
    return "; ".join(names.get(part, part) for part in ids.split("; ")) if ids else ""


def _readable_balance(balance: pd.DataFrame, names: dict[str, str], labels: dict[str, str]) -> pd.DataFrame:
    plain = balance.assign(
        territory_id=balance["territory_id"].map(names).fillna("Hors zone ou non localisé"),
        profession=balance["profession"].map(labels).fillna(balance["profession"]),
    )
    return plain.rename(columns={"territory_id": "Quartier", "profession": "Profession", **_BALANCE_LABELS})
