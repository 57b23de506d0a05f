"""The floating catchment family: supply shared among the people who can reach it, then summed where they live.

===================== ==================================================================================
method                what it computes
===================== ==================================================================================
2sfca                 Luo and Wang 2003: everybody within a limit counts alike
e2sfca                Luo and Qi 2009: weights fall with time, by a step table or any function
kd2sfca, g2sfca       the same with an Epanechnikov kernel (Dai and Wang 2011) or a Gaussian (Dai 2010)
m2sfca                Delamater 2013: part of the supply stays unused where everybody is far from it
3sfca                 Wan 2012: a person reaching many sites asks less of each
bfca                  Paez 2019: weights that add up to one on both sides, so neither demand nor level of
                      service is inflated
spatial_availability  Soukhov 2023: opportunities shared out in proportion to people and impedance
===================== ==================================================================================

Zero and missing differ: a zone that was routed and reaches nothing is 0, one that could not be routed is NA.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility import _kernels
from carto_sante.accessibility.decay import Decay, Floats, as_decay
from carto_sante.accessibility.pairs import Pairs, read_pairs
from carto_sante.accessibility.tables import check_demand, check_supply
from carto_sante.errors import InputError, ToleranceError, UnknownNameError, suggest

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("2sfca", "e2sfca", "kd2sfca", "g2sfca", "m2sfca", "3sfca", "bfca", "spatial_availability")
#: Methods whose shares of supply add up to the supply reached.
CONSERVING_METHODS = ("2sfca", "e2sfca", "kd2sfca", "g2sfca", "3sfca", "spatial_availability")
#: Relative gap allowed between the two sides of a conservation law: rounding of sums of millions of terms.
CONSERVATION_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Catchment:
    """What one method gives, as arrays.

    Attributes
    ----------
    access : float64 array
        Capacity per inhabitant, by origin; NaN where it rests only on sites that nobody lives near.
    ratio : float64 array
        Capacity per inhabitant, by destination, before it is handed out (0 where nobody reaches it).
    potential : float64 array
        Weighted people reaching each destination.
    """

    access: Floats
    ratio: Floats
    potential: Floats


def compute_fca(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame,
    *,
    method: str,
    decay: Decay | str | float | Callable[[Floats], Floats],
    population: str = "population_standardised",
) -> pd.DataFrame:
    """Compute accessibility by a method of the floating catchment family.

    Parameters
    ----------
    travel_times : DataFrame
        ``origin_id`` (where people live), ``destination_id`` (where practitioners work), ``travel_time_min``
        (minutes), optionally ``mode`` (one only). Directional: it is not the same transposed. A pair out of
        reach has no row. Text ids, or categories of text, which are much faster.
    supply : DataFrame
        ``destination_id``, ``capacity_etp`` (full-time equivalents), optionally ``profession`` (one only) and
        ``is_routable`` (False: not placed on the network, left out; True: placed, so that having no travel
        time means that nobody is within the limit).
    demand : DataFrame
        ``origin_id``, the population column, optionally ``is_routable`` (False: result NA; True: routed, so
        that having no travel time means that nothing is within the limit, and the result is 0).
    method : str
        One of `METHODS`.
    decay : Decay, str, float or callable
        Weight by travel time: a decay, the name of a published table, minutes for the methods that need no
        more ("2sfca", "kd2sfca", "g2sfca"), or a function of an array of minutes.
    population : str, default "population_standardised"
        Column of ``demand`` that competes for the supply.

    Returns
    -------
    DataFrame
        One row per row of ``demand``, same index: ``origin_id``, the population columns, ``accessibility``
        (ETP per inhabitant), ``accessibility_per_100k`` (ETP per 100,000 inhabitants), ``available_etp``
        (ETP that fall to the zone), ``status`` ("ok", "missing"), ``hypothesis`` (French sentence).
        ``attrs["fca"]`` holds the accounts: supply in all, reached, and the sites that nobody reaches.

    Raises
    ------
    SchemaError, InputError
        Naming what cannot be used: columns, ids of another type, zones without travel times, repeated
        pairs, negative minutes, NaN capacity, nobody anywhere.
    ToleranceError
        If the shares handed out do not add up to the supply reached.

    Examples
    --------
    >>> import pandas
    >>> times = pandas.DataFrame({"origin_id": ["a", "b", "c"], "destination_id": "s",
    ...                           "travel_time_min": [5.0, 15.0, 25.0]})
    >>> supply = pandas.DataFrame({"destination_id": ["s"], "capacity_etp": [10.0]})
    >>> demand = pandas.DataFrame({"origin_id": ["a", "b", "c"], "population_standardised": [1000.0, 2000.0, 500.0]})
    >>> result = compute_fca(times, supply, demand, method="e2sfca", decay="luo_qi_2009")
    >>> result.accessibility_per_100k.round(2).tolist()
    [404.86, 275.3, 89.07]
    """
    if method not in METHODS:
        raise UnknownNameError(f"Unknown method {method!r}.", next_step=suggest(str(method), METHODS))
    chosen = as_decay(decay, method=method)
    sites = check_supply(supply, amount="capacity_etp")
    people = check_demand(demand, population=population)
    pairs = read_pairs(travel_times, origin_id=people.origin_id, destination_id=sites.destination_id)
    people.check_routed(pairs.origins_present)
    sites.check_routed(pairs.destinations_present)
    weight = pairs.weigh(chosen)
    result = run_method(pairs, weight, sites.amount, people.population, method=method)
    reached = float(sites.amount[result.potential > 0].sum())
    _check_conservation(result, people.population, method, reached)
    return _table(people, sites, result, method=method, decay=chosen, population=population, reached=reached)


def run_method(pairs: Pairs, weight: Floats, capacity: Floats, population: Floats, *, method: str) -> Catchment:
    """Run one method on arrays; ``weight`` may be overwritten.

    Parameters
    ----------
    pairs : Pairs
        Travel times aligned with the two other arrays.
    weight : float64 array
        Weight of each pair.
    capacity, population : float64 arrays
        By destination and by origin.
    method : str
        One of `METHODS`.

    Returns
    -------
    Catchment
        Accessibility by origin, ratio and potential demand by destination.
    """
    if method in {"3sfca", "bfca"}:
        return _run_choice(pairs, weight, capacity, population, method)
    potential = pairs.sum_by_destination(weight, population)
    ratio = _ratio(capacity, potential)
    if method == "m2sfca":
        _kernels.square_in_place(weight)
    access = pairs.sum_by_origin(weight, ratio)
    return Catchment(_undefined(pairs, weight, capacity, population, potential, access), ratio, potential)


def _run_choice(pairs: Pairs, weight: Floats, capacity: Floats, population: Floats, method: str) -> Catchment:
    # A site without practitioners attracts nobody: its weight would lower the share of the others.
    has_capacity = (capacity > 0).astype(np.float64)
    by_origin = pairs.sum_by_origin(weight, has_capacity)
    chosen = np.empty_like(weight)
    power = 2 if method == "3sfca" else 1
    _kernels.divide_by_group(pairs.origin, pairs.destination, weight, by_origin, power, chosen)
    potential = pairs.sum_by_destination(chosen, population)
    ratio = _ratio(capacity, potential)
    if method == "3sfca":  # chosen holds G times w, used in both steps
        access = pairs.sum_by_origin(chosen, ratio)
    else:
        by_destination = pairs.sum_by_destination(weight, np.ones(pairs.origin_count))
        _kernels.divide_by_group(pairs.destination, pairs.origin, weight, by_destination, 1, chosen)
        access = pairs.sum_by_origin(chosen, ratio)
    return Catchment(_undefined(pairs, weight, capacity, population, potential, access), ratio, potential)


def _ratio(capacity: Floats, potential: Floats) -> Floats:
    return np.divide(capacity, potential, out=np.zeros_like(capacity), where=potential > 0)


def _undefined(
    pairs: Pairs, weight: Floats, capacity: Floats, population: Floats, potential: Floats, access: Floats
) -> Floats:
    """Put NaN where a zone without people reaches supply that nobody reaches: S / 0 has no value."""
    orphan = (capacity > 0) & (potential == 0)
    if orphan.any() and (population == 0).any():
        rests_on_orphan = pairs.sum_by_origin(weight, orphan.astype(np.float64)) > 0
        access = np.where(rests_on_orphan, np.nan, access)
    return access


def _check_conservation(result: Catchment, population: Floats, method: str, reached: float) -> None:
    access = np.nan_to_num(result.access)
    if method == "bfca":  # Paez: the levels of service handed out add up to those of the sites
        left, right, sides = access.sum(), result.ratio.sum(), "the sum of A and the sum of R"
    else:
        left, right, sides = float(population @ access), reached, "the sum of P x A and the supply reached"
    gap = abs(left - right)
    # M2SFCA leaves supply unused on purpose: it may only hand out less.
    is_broken = left > right if method == "m2sfca" else True
    if is_broken and gap > CONSERVATION_TOLERANCE * abs(right):
        raise ToleranceError(
            f"Method {method!r} does not conserve: {sides} differ by {gap:g} ({left:.9g} and {right:.9g}).",
            expected=f"a relative gap below {CONSERVATION_TOLERANCE:g}",
            next_step="This is a defect of the computation, or capacities and populations of wild size: report it.",
        )


def _table(
    people: Any, sites: Any, result: Catchment, *, method: str, decay: Decay, population: str, reached: float
) -> pd.DataFrame:
    import pandas as pd

    is_known = people.is_routable & ~np.isnan(result.access)
    access = np.where(is_known, result.access, np.nan)
    columns: dict[str, Any] = people.carried_columns()
    columns["accessibility"] = access
    columns["accessibility_per_100k"] = access * 100_000.0
    columns["available_etp"] = access * people.population
    columns["status"] = np.where(is_known, "ok", "missing")
    columns["hypothesis"] = describe(method=method, decay=decay, population=population)
    table = pd.DataFrame(columns, index=people.index)
    not_reached = sites.destination_id.to_numpy()[(sites.amount > 0) & (result.potential <= 0)]
    table.attrs["fca"] = {
        "method": method,
        "decay": decay.name,
        "supply_etp": float(sites.amount.sum()),
        "supply_reached_etp": reached,
        "sites_not_reached": [str(item) for item in not_reached],
        "origins_missing": [str(item) for item in people.origin_id.to_numpy()[~is_known]],
    }
    return table


def describe(*, method: str, decay: Decay, population: str) -> str:
    """Return the French sentence that stands beside every number."""
    known = {
        "population_standardised": "population standardisée par âge",
        "population_count": "population non standardisée",
    }
    people = known.get(population, f"population « {population} »")
    return f"méthode {method}, décroissance {decay.name}, {people} ; offre en ETP déclarés"


def check_method(method: str, allowed: tuple[str, ...]) -> None:
    """Raise unless a method is one of those allowed.

    Raises
    ------
    InputError
        Naming those that are.
    """
    if method not in allowed:
        raise InputError(f"Method {method!r} cannot be used here.", expected=f"one of {', '.join(allowed)}")
