"""What changed between two vintages: each practitioner followed by identifier.

A practitioner of one vintage alone arrived or left. Of both, what changes is where they practise (from zone to zone,
or within one), how (mode, convention sector), or only how the address is written: a cleaned address is not a move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carto_sante.errors import InputError, LedgerError

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: Kinds of change, with the words that residents and decision makers read.
CHANGES = {
    "arrived": "arrivée",
    "left": "départ",
    "moved": "déménagement vers un autre quartier",
    "moved_within": "déménagement dans le même quartier",
    "site_added": "nouveau lieu d'exercice",
    "site_removed": "lieu d'exercice fermé",
    "mode_changed": "changement de mode d'exercice",
    "sector_changed": "changement de secteur conventionnel",
    "address_cleaned": "adresse corrigée, sans déménagement",
}

#: Two points nearer than this are the same place: a BAN point moved to the entrance, a street's centre refined.
SAME_PLACE_M = 150.0


@dataclass(frozen=True)
class Evolution:
    """What changed between two vintages.

    Attributes
    ----------
    changes : GeoDataFrame
        One row by change: ``practitioner_id``, ``practitioner_label``, ``profession``, ``change`` (a key of `CHANGES`),
        ``change_label``, ``from_id``, ``to_id`` (zones of the level), ``from_value``, ``to_value`` (mode, sector or
        address), ``distance_m``, and the point (after, or before for those who left).
    balance : DataFrame
        By zone and profession: ``before_count``, ``arrived_count``, ``moved_in_count``, ``left_count``,
        ``moved_out_count``, ``after_count``. Zone "" gathers the sites outside every zone or without a point.
    unchanged_count : int
        Practitioners × professions with no change at all.
    """

    changes: GeoDataFrame
    balance: pd.DataFrame
    unchanged_count: int


def compare_practitioners(before: GeoDataFrame, after: GeoDataFrame, *, level: str) -> Evolution:
    """Compare the practitioners of two vintages.

    Parameters
    ----------
    before, after : GeoDataFrame
        Placed practitioners, with ``<level>_id``, in one metric CRS.
    level : str
        Level of the zones between which people move.

    Returns
    -------
    Evolution

    Raises
    ------
    InputError
        If a table lacks the level, or the identifiers of the two vintages share nothing.
    LedgerError
        If the balance of a zone does not add up (a defect of ours).
    """
    import geopandas as gpd
    import pandas as pd

    zone = f"{level}_id"
    for name, table in (("before", before), ("after", after)):
        if zone not in table.columns:
            raise InputError(
                f"The vintage {name} has no column {zone}.",
                expected=f"practitioners placed in the level {level!r}",
                next_step="Refresh that vintage with this level in [[territories]].",
            )
    old, new = _by_practitioner(before, zone), _by_practitioner(after, zone)
    shared = old.keys() & new.keys()
    if old and new and not shared:
        raise InputError(
            f"The {len(old)} practitioners before and the {len(new)} after share no identifier.",
            expected="the same kind of identifier in both vintages",
            next_step="A vintage made with pseudonyms compares only with one made with the same key; "
            "the BPE has no identifiers.",
        )
    rows: list[dict[str, Any]] = []
    unchanged = 0
    for key in sorted(old.keys() | new.keys()):
        found = _changes_of(key, old.get(key, []), new.get(key, []), zone)
        unchanged += not found
        rows += found
    columns = ["practitioner_id", "practitioner_label", "profession", "change", "change_label", "from_id", "to_id",
               "from_value", "to_value", "distance_m", "geometry"]  # fmt: skip
    changes = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=after.crs)
    balance = _balance(old, new, zone)
    return Evolution(changes, balance, unchanged)


def _by_practitioner(table: GeoDataFrame, zone: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    import pandas as pd

    wanted = ["practitioner_id", "practitioner_label", "profession", "site_id", "practice_mode", "convention_sector",
              "address", zone, table.geometry.name]  # fmt: skip
    plain = pd.DataFrame(table.reindex(columns=wanted)).rename(columns={table.geometry.name: "geometry"})
    plain = plain.astype(object).where(plain.notna(), None)
    plain[zone] = plain[zone].map(lambda value: value or "")
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in plain.sort_values(["practitioner_id", "profession", "site_id"]).to_dict("records"):
        found.setdefault((row["practitioner_id"], row["profession"]), []).append(row)
    return found


def _changes_of(
    key: tuple[str, str], old: list[dict[str, Any]], new: list[dict[str, Any]], zone: str
) -> list[dict[str, Any]]:
    if not old or not new:
        kind, sites = ("arrived", new) if not old else ("left", old)
        zones = "; ".join(sorted({site[zone] for site in sites}))
        ends = {"to_id": zones} if kind == "arrived" else {"from_id": zones}
        return [_row(key, kind, sites[0], **ends)]
    rows = []
    gone = sorted({s[zone] for s in old} - {s[zone] for s in new})
    come = sorted({s[zone] for s in new} - {s[zone] for s in old})
    distance = _largest_gap_m(old, new)
    if gone and come:
        rows.append(_row(key, "moved", new[0], from_id="; ".join(gone), to_id="; ".join(come), distance_m=distance))
    elif come:
        rows.append(_row(key, "site_added", _first(new, zone, come), to_id="; ".join(come)))
    elif gone:
        rows.append(_row(key, "site_removed", _first(old, zone, gone), from_id="; ".join(gone)))
    elif distance is not None and distance > SAME_PLACE_M:
        kind = "moved_within" if len(old) == len(new) else ("site_added" if len(new) > len(old) else "site_removed")
        place = new[0][zone]
        rows.append(_row(key, kind, new[0], from_id=place, to_id=place, distance_m=distance))
    elif _texts(old, "address") != _texts(new, "address"):
        values = {"from_value": _texts(old, "address"), "to_value": _texts(new, "address")}
        rows.append(_row(key, "address_cleaned", new[0], distance_m=distance, **values))
    for kind, column in (("mode_changed", "practice_mode"), ("sector_changed", "convention_sector")):
        values = {"from_value": _texts(old, column), "to_value": _texts(new, column)}
        # A value that was unknown and is known now is better data, not a change of practice.
        if values["from_value"] and values["to_value"] and values["from_value"] != values["to_value"]:
            rows.append(_row(key, kind, new[0], **values))
    return rows


def _row(key: tuple[str, str], kind: str, site: dict[str, Any], **values: Any) -> dict[str, Any]:
    blank = {"from_id": "", "to_id": "", "from_value": "", "to_value": "", "distance_m": None}
    return {
        "practitioner_id": key[0],
        "practitioner_label": site["practitioner_label"],
        "profession": key[1],
        "change": kind,
        "change_label": CHANGES[kind],
        **blank,
        **values,
        "geometry": site["geometry"],
    }


def _first(sites: list[dict[str, Any]], zone: str, zones: list[str]) -> dict[str, Any]:
    return next(site for site in sites if site[zone] in zones)


def _texts(sites: list[dict[str, Any]], column: str) -> str:
    return "; ".join(sorted({str(site[column]) for site in sites if site[column]}))


def _largest_gap_m(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> float | None:
    """Largest distance from a site of one vintage to the nearest of the other (Hausdorff), None when unknown."""
    first = [s["geometry"] for s in old if s["geometry"] is not None and not s["geometry"].is_empty]
    second = [s["geometry"] for s in new if s["geometry"] is not None and not s["geometry"].is_empty]
    if not first or not second:
        return None
    there = max(min(a.distance(b) for b in second) for a in first)
    back = max(min(a.distance(b) for a in first) for b in second)
    return round(float(max(there, back)), 1)


def _balance(
    old: dict[tuple[str, str], list[dict[str, Any]]], new: dict[tuple[str, str], list[dict[str, Any]]], zone: str
) -> pd.DataFrame:
    import pandas as pd

    names = ("before_count", "arrived_count", "moved_in_count", "left_count", "moved_out_count", "after_count")
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for key in old.keys() | new.keys():
        was = {site[zone] for site in old.get(key, [])}
        now = {site[zone] for site in new.get(key, [])}
        for place in was | now:
            cell = counts.setdefault((place, key[1]), dict.fromkeys(names, 0))
            cell["before_count"] += place in was
            cell["after_count"] += place in now
            if place in now - was:
                cell["arrived_count" if not was else "moved_in_count"] += 1
            if place in was - now:
                cell["left_count" if not now else "moved_out_count"] += 1
    rows = [
        {"territory_id": place, "profession": profession, **cell}
        for (place, profession), cell in sorted(counts.items())
    ]
    table = pd.DataFrame(rows, columns=["territory_id", "profession", *names])
    left = table["before_count"] + table["arrived_count"] + table["moved_in_count"]
    right = table["after_count"] + table["left_count"] + table["moved_out_count"]
    if not (left == right).all():
        raise LedgerError("The balance of arrivals and departures does not add up.", next_step="Report this defect.")
    return table
