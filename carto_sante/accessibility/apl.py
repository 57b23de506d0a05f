"""The APL of the DREES: consultations within reach per standardised inhabitant, and the same in ETP.

The acts of each practitioner are not open data. Where they are given, the bounds of the DREES apply; where only
capacities are, every full-time equivalent is taken to give the same number of acts, and each result says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility.demand import standardise_demand
from carto_sante.accessibility.fca import compute_fca
from carto_sante.accessibility.parameters import AplParameters, apl_parameters
from carto_sante.accessibility.tables import check_one_profession
from carto_sante.errors import InputError, SchemaError, join_problems

if TYPE_CHECKING:
    import pandas as pd


def compute_apl(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame,
    *,
    parameters: AplParameters | str,
) -> pd.DataFrame:
    """Compute the APL: consultations a year within reach per standardised inhabitant.

    Parameters
    ----------
    travel_times : DataFrame
        As for `compute_fca`.
    supply : DataFrame
        ``destination_id`` and either ``acts_count`` (one row per practitioner and site, acts a year; brought
        within the bounds of the parameters; optionally ``is_newcomer`` and ``is_health_centre``) or
        ``capacity_etp`` (every ETP then gives ``parameters.acts_per_etp`` acts).
    demand : DataFrame
        ``origin_id``, ``population_standardised``; or people by ``age_band``, standardised here.
    parameters : AplParameters or str
        A set, or the name of a shipped one ("apl_2023").

    Returns
    -------
    DataFrame
        One row per zone: ``origin_id``, the population columns, ``apl`` (consultations per standardised
        inhabitant), ``apl_etp_per_100k`` (ETP per 100,000 standardised inhabitants), ``available_acts_count``,
        ``status`` ("ok", "missing"), ``hypothesis`` (French sentence). ``attrs["fca"]`` as for `compute_fca`,
        in acts.

    Raises
    ------
    SchemaError, InputError, ToleranceError
        As for `compute_fca`; also where acts are missing for someone who is not a newcomer.

    Examples
    --------
    >>> import pandas
    >>> times = pandas.DataFrame({"origin_id": ["a", "b"], "destination_id": ["a", "a"], "travel_time_min": [0.0, 12]})
    >>> supply = pandas.DataFrame({"destination_id": ["a", "a"], "acts_count": [2000.0, 9000.0]})
    >>> demand = pandas.DataFrame({"origin_id": ["a", "b"], "population_standardised": [2000.0, 1500.0]})
    >>> compute_apl(times, supply, demand, parameters="apl_2022").apl.round(3).tolist()
    [3.2, 2.133]
    """
    chosen = apl_parameters(parameters) if isinstance(parameters, str) else parameters
    people = standardise_demand(demand, parameters=chosen) if "age_band" in demand.columns else demand
    acts = count_acts(supply, parameters=chosen)
    # The catchment works on any amount: here it is acts instead of ETP.
    result = compute_fca(
        travel_times, acts.rename(columns={"acts_count": "capacity_etp"}), people, method="e2sfca", decay=chosen.decay
    )
    accounts = dict(result.attrs["fca"])
    table = result.rename(columns={"accessibility": "apl", "available_etp": "available_acts_count"})
    table["accessibility_per_100k"] = table["apl"] * 100_000.0 / chosen.acts_per_etp
    table = table.rename(columns={"accessibility_per_100k": "apl_etp_per_100k"})
    table["hypothesis"] = describe_apl(chosen, is_observed="acts_count" in supply.columns)
    accounts["supply_acts_count"] = accounts.pop("supply_etp")
    accounts["supply_reached_acts_count"] = accounts.pop("supply_reached_etp")
    table.attrs["fca"] = accounts | {"parameters": chosen.name, "source": chosen.source}
    return table


def count_acts(supply: pd.DataFrame, *, parameters: AplParameters) -> pd.DataFrame:
    """Return the acts counted at each site, activity brought within the bounds of the parameters.

    Parameters
    ----------
    supply : DataFrame
        As for `compute_apl`.
    parameters : AplParameters
        Bounds of activity.

    Returns
    -------
    DataFrame
        ``destination_id``, ``acts_count``, and ``is_routable`` where the supply has it; one row per site, in
        order of first appearance.

    Raises
    ------
    SchemaError, InputError
        If acts are missing for someone who is not a newcomer, negative, or the table mixes professions.

    Examples
    --------
    >>> import pandas
    >>> supply = pandas.DataFrame({"destination_id": ["a", "a", "a", "b"], "acts_count": [2000.0, 5000, 9000, 200]})
    >>> count_acts(supply, parameters=apl_parameters("apl_2023")).acts_count.tolist()
    [14600.0, 0.0]
    """
    check_one_profession(supply)
    if "destination_id" not in supply.columns:
        raise SchemaError(f"supply lacks destination_id (found: {', '.join(map(str, supply.columns))}).")
    if "acts_count" not in supply.columns:
        if "capacity_etp" not in supply.columns:
            raise SchemaError(
                f"supply has neither acts_count nor capacity_etp (found: {', '.join(map(str, supply.columns))}).",
                expected="acts by practitioner, or full-time equivalents by site",
            )
        kept = [name for name in ("destination_id", "is_routable") if name in supply.columns]
        return supply[kept].assign(acts_count=supply["capacity_etp"] * parameters.acts_per_etp)
    counted = _bounded(supply, parameters)
    grouped = counted.groupby("destination_id", sort=False)
    table = grouped["acts_count"].sum().reset_index()
    if "is_routable" in supply.columns:
        if (grouped["is_routable"].nunique() > 1).any():
            raise InputError("supply: is_routable differs between practitioners of one site.")
        table["is_routable"] = grouped["is_routable"].first().to_numpy()
    return table


def _bounded(supply: pd.DataFrame, parameters: AplParameters) -> pd.DataFrame:
    acts = supply["acts_count"].to_numpy(dtype=np.float64, na_value=np.nan)
    is_newcomer = _flags(supply, "is_newcomer")
    is_centre = _flags(supply, "is_health_centre")
    problems = []
    is_unknown = np.isnan(acts) & ~is_newcomer
    if is_unknown.any():
        problems.append(f"acts_count is missing on {int(is_unknown.sum())} rows that are not is_newcomer")
    if (acts < 0).any() or np.isinf(acts).any():
        problems.append(f"acts_count is negative or infinite on {int(((acts < 0) | np.isinf(acts)).sum())} rows")
    if supply["destination_id"].isna().any():
        problems.append(f"destination_id is empty on {int(supply['destination_id'].isna().sum())} rows")
    if problems:
        raise SchemaError(
            "supply cannot be used:\n" + join_problems(problems),
            next_step="Without acts, give capacity_etp instead: every ETP then counts alike, and results say so.",
        )
    bounded = np.clip(acts, parameters.activity_floor, parameters.activity_cap)
    bounded = np.where(acts <= parameters.activity_ignored_up_to, 0.0, bounded)
    bounded = np.where(is_centre, acts, bounded)  # the bounds do not apply to health centres
    bounded = np.where(is_newcomer, parameters.activity_newcomer, bounded)
    return supply.assign(acts_count=bounded)


def _flags(supply: pd.DataFrame, name: str) -> Any:
    if name not in supply.columns:
        return np.zeros(len(supply), dtype=np.bool_)
    return supply[name].fillna(False).to_numpy(dtype=np.bool_)


def describe_apl(parameters: AplParameters, *, is_observed: bool) -> str:
    """Return the French sentence that stands beside every APL.

    Examples
    --------
    >>> describe_apl(apl_parameters("apl_2023"), is_observed=False)
    'paramètres apl_2023 ; activité non observée : 1 ETP = 5 400 actes par an pour tous'
    """

    def number(amount: float) -> str:
        return f"{amount:,.0f}".replace(",", " ")

    if is_observed:
        bounds = f"bornée entre {number(parameters.activity_floor)} et {number(parameters.activity_cap)} actes par an"
        return f"paramètres {parameters.name} ; activité observée, {bounds}"
    return (
        f"paramètres {parameters.name} ; activité non observée : 1 ETP = {number(parameters.acts_per_etp)} "
        "actes par an pour tous"
    )
