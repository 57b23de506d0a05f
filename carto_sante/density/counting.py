"""Practitioners counted by zone: heads (they do not add up over zones) and capacity (it does)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from carto_sante.errors import InputError, SchemaError, UnknownNameError, join_problems, suggest
from carto_sante.study import known_facility_kinds, known_professions
from carto_sante.territories.assign import assign_territory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geopandas import GeoDataFrame

_NEEDED = ("practitioner_id", "site_id", "profession", "capacity")


def zones_of_level(territories: GeoDataFrame, level: str | None) -> tuple[GeoDataFrame, str]:
    """Return the zones of one level, sorted by code, and the level.

    Raises
    ------
    UnknownNameError
        If the level is absent.
    InputError
        If there are several and none is named.
    """
    levels = sorted(territories["territory_level"].unique())
    if level is None:
        if len(levels) != 1:
            raise InputError(f"The territories hold levels {', '.join(levels)}.", expected="level = one of them")
        level = str(levels[0])
    if level not in levels:
        raise UnknownNameError(f"Level {level!r} is not in the territories.", next_step=suggest(level, levels))
    zones = territories[territories["territory_level"] == level]
    return zones.sort_values("territory_id", ignore_index=True), level


def place_practitioners(practitioners: pd.DataFrame, zones: GeoDataFrame, *, level: str) -> pd.DataFrame:
    """Return practitioner-sites with the code of their zone, from their ``<level>_id`` or else from their point.

    Returns
    -------
    DataFrame
        ``practitioner_id``, ``site_id``, ``profession``, ``capacity``, ``territory_id`` (NA outside or not located).
        ``attrs["report"]``: practitioner-sites placed, outside, not located; they add up to all.

    Raises
    ------
    SchemaError
        Listing missing columns, empty keys and capacities that are not between 0 and 1.
    InputError
        If there is neither a zone code nor a point.
    """
    _check(practitioners)
    column = f"{level}_id"
    if column in practitioners.columns:
        codes = practitioners[column].astype("string")
        strange = sorted(set(codes.dropna()) - set(zones["territory_id"]))
        # A zone of elsewhere (a neighbouring commune read for the travel times) is outside, and counted there.
        codes = codes.where(~codes.isin(strange))
        not_located = _no_point(practitioners)
    elif hasattr(practitioners, "total_bounds"):
        assigned = assign_territory(practitioners, zones)
        codes = assigned[column]
        not_located = _no_point(practitioners)
    else:
        raise InputError(
            f"The practitioners have neither {column} nor a geometry.",
            next_step="Take them through territories.assign_territory first.",
        )
    placed = pd.DataFrame(practitioners[list(_NEEDED)]).assign(territory_id=codes.to_numpy())
    located = int(codes.notna().sum())
    lost = int((codes.isna().to_numpy() & not_located).sum())
    placed.attrs["report"] = {
        "practitioner_sites": len(placed),
        "placed": located,
        "not_located": lost,
        "outside": len(placed) - located - lost,
    }
    return placed


def _no_point(practitioners: Any) -> np.ndarray[Any, Any]:
    if not hasattr(practitioners, "total_bounds"):
        return np.zeros(len(practitioners), dtype=bool)
    missing: np.ndarray[Any, Any] = (practitioners.geometry.isna() | practitioners.geometry.is_empty).to_numpy()
    return missing


def _check(practitioners: pd.DataFrame) -> None:
    problems = [f"column {name} is missing" for name in _NEEDED if name not in practitioners.columns]
    if not problems:
        problems += [
            f"column {name} is empty on {int(practitioners[name].isna().sum())} rows"
            for name in _NEEDED
            if practitioners[name].isna().any()
        ]
        capacity = pd.to_numeric(practitioners["capacity"], errors="coerce")
        wrong = practitioners.index[~capacity.between(0, 1) & practitioners["capacity"].notna()]
        problems += [f"row {label}: capacity {practitioners['capacity'][label]}" for label in wrong]
        repeated = practitioners.duplicated(["practitioner_id", "site_id", "profession"])
        if repeated.any():
            problems.append(f"{int(repeated.sum())} rows repeat a practitioner, site and profession")
    if problems:
        raise SchemaError("The practitioners have problems:\n" + join_problems(problems))


def chosen_professions(placed: pd.DataFrame, professions: Sequence[str] | None) -> list[str]:
    """Return the professions to count, in order: those asked for, or those present.

    Raises
    ------
    UnknownNameError
        If one is in neither the catalogues nor the table.
    """
    present = sorted(placed["profession"].unique())
    if professions is None:
        return [str(name) for name in present]
    known = {*known_professions(), *known_facility_kinds(), *present}
    unknown = [name for name in professions if name not in known]
    if unknown:
        raise UnknownNameError(
            f"Unknown profession {', '.join(map(repr, unknown))}.", next_step=suggest(unknown[0], sorted(known))
        )
    return list(dict.fromkeys(professions))


class ZoneCounts(NamedTuple):
    """Distinct practitioners and capacity, as arrays profession × zone; 0 where there is none."""

    professions: list[str]
    heads: np.ndarray[Any, Any]
    capacity: np.ndarray[Any, Any]

    def only(self, rows: list[int]) -> ZoneCounts:
        """Return the counts of some professions, by position."""
        return ZoneCounts([self.professions[row] for row in rows], self.heads[rows], self.capacity[rows])


def count_by_zone(placed: pd.DataFrame, ids: pd.Index, professions: list[str]) -> ZoneCounts:
    """Count the practitioners of some professions in zones.

    Parameters
    ----------
    placed : DataFrame
        From `place_practitioners`.
    ids : Index
        Codes of the zones.
    professions : list of str

    Returns
    -------
    ZoneCounts
        In the order of ``professions`` and ``ids``.
    """
    row = pd.Index(professions).get_indexer(placed["profession"])
    zone = ids.get_indexer(placed["territory_id"])
    found = (row >= 0) & (zone >= 0)
    shape = (len(professions), len(ids))
    cell = (row * len(ids) + zone)[found]
    person = pd.factorize(placed["practitioner_id"])[0][found]
    once = ~pd.DataFrame({"cell": cell, "person": person}).duplicated().to_numpy()
    heads = np.bincount(cell[once], minlength=shape[0] * shape[1]).astype("float64")
    # pandas adds a group up with compensation, so that shares of a practitioner make whole ones.
    summed = placed["capacity"][found].astype("float64").groupby(cell).sum()
    capacity = np.zeros(shape[0] * shape[1])
    capacity[summed.index] = summed
    return ZoneCounts(professions, heads.reshape(shape), capacity.reshape(shape))
