"""Who arrived, left or moved, in the words and symbols of the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from carto_sante.errors import SchemaError
from carto_sante.maps.labels import format_number, profession_of
from carto_sante.maps.symbols import Symbol

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

_OTHER = "Autres changements"
#: Kind of change: plural label, group, symbol. Movements first; colours of gains and losses are those of the balance.
CHANGE_KINDS: dict[str, tuple[str, str, Symbol]] = {
    "arrived": ("Arrivées", "Mouvements", Symbol("M8.5 2h7v6.5H22v7h-6.5V22h-7v-6.5H2v-7h6.5z", "#542788")),
    "left": ("Départs", "Mouvements", Symbol("M2 8h20v8H2z", "#A04A00")),
    "moved": ("Déménagements vers un autre quartier", "Mouvements", Symbol("M2 8h11V2l9.5 10L13 22v-6H2z", "#00696A")),
    "moved_within": ("Déménagements dans le quartier", "Mouvements", Symbol("M12 3a9 9 0 1 0 .001 0z", "#00696A")),
    "site_added": ("Nouveaux lieux d’exercice", "Mouvements", Symbol("M12 2.5 22 20.5H2z", "#542788")),
    "site_removed": ("Lieux d’exercice fermés", "Mouvements", Symbol("M12 21.5 2 3.5h20z", "#A04A00")),
    "mode_changed": ("Changements de mode d’exercice", _OTHER, Symbol("M4 4h16v16H4z", "#46505A")),
    "sector_changed": ("Changements de secteur", _OTHER, Symbol("M12 1.5 22.5 12 12 22.5 1.5 12z", "#46505A")),
    "address_cleaned": ("Adresses corrigées", _OTHER, Symbol("M6.5 3h11L23 12l-5.5 9h-11L1 12z", "#6B5900")),
}  # fmt: skip
SINGULAR = {
    "arrived": "Arrivée", "left": "Départ", "moved": "Déménagement vers un autre quartier",
    "moved_within": "Déménagement dans le quartier", "site_added": "Nouveau lieu d’exercice",
    "site_removed": "Lieu d’exercice fermé", "mode_changed": "Changement de mode d’exercice",
    "sector_changed": "Changement de secteur", "address_cleaned": "Adresse corrigée",
}  # fmt: skip
_NEEDED = ("practitioner_id", "profession", "change", "from_id", "to_id")


def change_records(kinds: Sequence[str], *, inside: Mapping[str, int], outside: Mapping[str, int]) -> list[Any]:
    """Return each kind of change as the page takes a profession."""
    return [
        {
            "key": kind,
            "label": SINGULAR[kind],
            "plural": CHANGE_KINDS[kind][0],
            "recourse": CHANGE_KINDS[kind][1],
            "path": CHANGE_KINDS[kind][2].path,
            "color": CHANGE_KINDS[kind][2].color,
            "inside_count": int(inside.get(kind, 0)),
            "outside_count": int(outside.get(kind, 0)),
        }
        for kind in kinds
    ]


def changes_as_people(changes: GeoDataFrame, zone_labels: Mapping[str, str]) -> GeoDataFrame:
    """Return changes as the page takes practitioners: the kind of change in place of the profession.

    Raises
    ------
    SchemaError
        If a column is missing.
    """
    missing = [name for name in _NEEDED if name not in changes.columns]
    if missing:
        found = ", ".join(map(str, changes.columns))
        raise SchemaError(f"The table of changes lacks {', '.join(missing)} (found: {found}).")
    before = [_end(row, "from", zone_labels) for row in changes.to_dict("records")]
    after = [_end(row, "to", zone_labels) for row in changes.to_dict("records")]
    return changes.assign(
        # The same person may change twice: each change is counted.
        practitioner_id=[f"{key}#{number}" for number, key in enumerate(changes["practitioner_id"])],
        site_id="",
        profession=changes["change"],
        convention_sector=[profession_of(key).label for key in changes["profession"]],
        practice_mode=before,
        sector_label=after,
    )


def balance_notes(balance: pd.DataFrame, *, level: str) -> dict[str, list[str]]:
    """Return, by zone, one French sentence per profession that changed: for the popups of any map.

    Parameters
    ----------
    balance : DataFrame
        By ``territory_id`` (or ``<level>_id``) and ``profession``, with the counts of the comparison of two vintages.
    level : str
        Level of the zones.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"territory_id": ["A"], "profession": ["gp"], "before_count": [4],
    ...     "arrived_count": [2], "moved_in_count": [0], "left_count": [1], "moved_out_count": [0], "after_count": [5]})
    >>> balance_notes(table, level="quartier")
    {'A': ['Médecins généralistes : 4 → 5 (2 arrivées, 1 départ)']}
    """
    column = zone_column(balance, level=level)
    words = (
        ("arrived_count", "arrivée", "arrivées"),
        ("moved_in_count", "venu d’un autre quartier", "venus d’un autre quartier"),
        ("left_count", "départ", "départs"),
        ("moved_out_count", "parti vers un autre quartier", "partis vers un autre quartier"),
    )
    notes: dict[str, list[str]] = {}
    for row in balance.sort_values([column, "profession"]).to_dict("records"):
        moves = [
            f"{format_number(row[name])} {one if row[name] < 2 else many}" for name, one, many in words if row[name]
        ]
        if not moves:
            continue
        counts = f"{format_number(row['before_count'])} → {format_number(row['after_count'])}"
        line = f"{profession_of(row['profession']).plural} : {counts} ({', '.join(moves)})"
        notes.setdefault(str(row[column]), []).append(line)
    return notes


def zone_column(balance: pd.DataFrame, *, level: str) -> str:
    """Return the column of a balance that names the zone.

    Raises
    ------
    SchemaError
        If there is none.
    """
    for name in ("territory_id", f"{level}_id", "zone_id"):
        if name in balance.columns:
            return name
    raise SchemaError(f"The balance names no zone (found: {', '.join(map(str, balance.columns))}).")


def _end(row: Mapping[str, Any], end: str, labels: Mapping[str, str]) -> str:
    value, zone = row.get(f"{end}_value"), row.get(f"{end}_id")
    if isinstance(value, str) and value:
        return value
    return labels.get(str(zone), str(zone)) if isinstance(zone, str) and zone else ""
