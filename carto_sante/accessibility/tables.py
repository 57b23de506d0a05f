"""The supply and demand tables, checked: every problem of a table at once, nothing guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carto_sante.accessibility.pairs import Floats, check_text
from carto_sante.errors import InputError, NoResultError, SchemaError, join_problems

if TYPE_CHECKING:
    import pandas as pd

Flags = npt.NDArray[np.bool_]
_CARRIED = ("population_count", "population_standardised")


@dataclass(frozen=True)
class People:
    """The demand table as arrays: population 0 where the zone could not be routed."""

    table: pd.DataFrame
    origin_id: pd.Series[Any]
    population: Floats
    is_routable: Flags
    is_declared: bool

    @property
    def index(self) -> pd.Index[Any]:
        """Return the index of the table."""
        return self.table.index

    def carried_columns(self) -> dict[str, Any]:
        """Return the columns that results repeat."""
        names = ["origin_id", *[name for name in _CARRIED if name in self.table.columns]]
        return {name: self.table[name].to_numpy() for name in names}

    def check_routed(self, is_present: Flags) -> None:
        """Raise if a zone has no travel time and the table does not say why.

        Raises
        ------
        InputError
            Naming the zones.
        """
        _check_routed(self.origin_id, is_present, self.is_declared, table="demand")


@dataclass(frozen=True)
class Sites:
    """The supply table as arrays: amount 0 where the site could not be placed on the network."""

    destination_id: pd.Series[Any]
    amount: Floats
    is_routable: Flags
    is_declared: bool

    def check_routed(self, is_present: Flags) -> None:
        """Raise if a site with capacity has no travel time and the table does not say why.

        Raises
        ------
        InputError
            Naming the sites.
        """
        # A site without capacity changes nothing, wherever it is.
        _check_routed(self.destination_id, is_present | (self.amount == 0), self.is_declared, table="supply")


def check_demand(demand: pd.DataFrame, *, population: str) -> People:
    """Check a demand table.

    Raises
    ------
    SchemaError
        Listing every problem.
    NoResultError
        If nobody lives anywhere.
    """
    key, problems = _key_problems(demand, "origin_id")
    problems += _amount_problems(demand, population, what="people", id_column="origin_id")
    if population == "population_standardised" and population not in demand.columns:
        problems.append(
            "standardise it first (accessibility.standardise_demand), or name another column (population=...)"
        )
    routable, is_declared, more = _routable(demand)
    if problems + more:
        raise SchemaError("demand cannot be used:\n" + join_problems(problems + more))
    check_text(key, table="demand")
    people = np.where(routable, demand[population].to_numpy(dtype=np.float64), 0.0)
    if not people.sum() > 0:
        raise NoResultError(
            f"Nobody lives in the {len(demand)} zones of demand (column {population} adds up to 0).",
            expected="a population above 0 somewhere",
            next_step="Check the population source and its column.",
        )
    return People(demand, key, people, routable, is_declared)


def check_supply(supply: pd.DataFrame, *, amount: str) -> Sites:
    """Check a supply table of one profession, one row per site.

    Raises
    ------
    SchemaError
        Listing every problem.
    InputError
        If several professions are mixed.
    """
    key, problems = _key_problems(supply, "destination_id", unique="profession" not in supply.columns)
    problems += _amount_problems(supply, amount, what="capacities", id_column="destination_id")
    routable, is_declared, more = _routable(supply)
    if problems + more:
        raise SchemaError("supply cannot be used:\n" + join_problems(problems + more))
    check_text(key, table="supply")
    check_one_profession(supply)
    repeated = key.duplicated()
    if repeated.any():
        raise SchemaError(
            f"supply: destination_id repeats on {int(repeated.sum())} rows (first: {key[repeated].iloc[0]!r}).",
            expected="one row per site and profession",
            next_step="Add up the capacities of a site first.",
        )
    amounts = np.where(routable, supply[amount].to_numpy(dtype=np.float64), 0.0)
    return Sites(key, amounts, routable, is_declared)


def check_one_profession(supply: pd.DataFrame) -> None:
    """Raise if a supply table mixes professions.

    Raises
    ------
    InputError
        Naming them.
    """
    if "profession" not in supply.columns:
        return
    professions = sorted(map(str, supply["profession"].unique()))
    if len(professions) > 1:
        raise InputError(
            f"supply mixes {len(professions)} professions ({', '.join(professions)}).",
            expected="one profession per computation: each has its own decay, weights and competition",
            next_step=f'Filter it: supply[supply["profession"] == "{professions[0]}"].',
        )


def _key_problems(table: pd.DataFrame, name: str, *, unique: bool = True) -> tuple[Any, list[str]]:
    if name not in table.columns:
        return None, [f"column {name} is missing (found: {', '.join(map(str, table.columns))})"]
    if not len(table):
        return None, ["it has no row"]
    key = table[name]
    problems = []
    if key.isna().any():
        problems.append(f"column {name} is empty on {int(key.isna().sum())} rows")
    repeated = key.duplicated()
    if unique and repeated.any():
        problems.append(f"{name} repeats on {int(repeated.sum())} rows (first: {key[repeated].iloc[0]!r})")
    return key, problems


def _amount_problems(table: pd.DataFrame, name: str, *, what: str, id_column: str) -> list[str]:
    from pandas.api import types

    if name not in table.columns:
        return [f"column {name} is missing (found: {', '.join(map(str, table.columns))})"]
    values = table[name]
    if not types.is_numeric_dtype(values) or types.is_bool_dtype(values):
        return [f"column {name} holds {values.dtype} where a number is needed"]
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    problems = []
    for kind, is_wrong in (
        ("missing", np.isnan(numbers)),
        ("negative", numbers < 0),
        ("infinite", np.isinf(numbers) & (numbers > 0)),
    ):
        if is_wrong.any():
            first = table[id_column].iloc[int(np.flatnonzero(is_wrong)[0])] if id_column in table.columns else "?"
            problems.append(f"column {name} holds {int(is_wrong.sum())} {kind} {what} (first: {first})")
    return problems


def _routable(table: pd.DataFrame) -> tuple[Flags, bool, list[str]]:
    if "is_routable" not in table.columns:
        return np.ones(len(table), dtype=np.bool_), False, []
    flags = table["is_routable"]
    if flags.isna().any() or not set(flags.unique()) <= {True, False}:
        return np.ones(len(table), dtype=np.bool_), True, ["column is_routable holds something else than True or False"]
    return flags.to_numpy(dtype=np.bool_), True, []


def _check_routed(ids: pd.Series[Any], is_present: Flags, is_declared: bool, *, table: str) -> None:
    is_silent = ~is_present
    if is_declared or not is_silent.any():
        return
    count = int(is_silent.sum())
    names = ", ".join(str(item) for item in ids[is_silent].iloc[:5])
    what = "zones of demand" if table == "demand" else "sites of supply"
    side = "nothing is within the limit (result 0)" if table == "demand" else "nobody is within the limit"
    raise InputError(
        f"{count} of {len(ids)} {what} have no travel time (first: {names}).",
        expected="a travel time for each, or a column is_routable that says why there is none",
        next_step=f"Set is_routable to True where it was routed and {side}, to False where it could not be placed on "
        "the network or where the code belongs to another vintage.",
    )
