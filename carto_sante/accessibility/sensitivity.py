"""How far a result leans on choices nobody can check: five minutes, a decay, who counts, where the map ends.

`compute_sensitivity` computes again with each choice changed and names the zones whose class flips;
`audit_edge` computes again with twice the buffer around the study and reports the largest change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility.decay import Decay, as_decay
from carto_sante.accessibility.fca import compute_fca
from carto_sante.accessibility.pairs import Floats
from carto_sante.accessibility.summaries import name_class
from carto_sante.errors import InputError, SchemaError, join_problems

if TYPE_CHECKING:
    import pandas as pd


def compute_sensitivity(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame,
    *,
    method: str,
    decay: Decay | str,
    cuts_per_100k: tuple[float, ...],
    shift_min: float = 5.0,
    decays: Mapping[str, Decay | str] | None = None,
    supplies: Mapping[str, pd.DataFrame] | None = None,
    population: str = "population_standardised",
) -> pd.DataFrame:
    """Compute accessibility again with each choice changed, one at a time.

    Parameters
    ----------
    travel_times, supply, demand, method, decay, population
        The reference computation, as for `compute_fca`.
    cuts_per_100k : tuple of float
        Cuts between classes, in ETP per 100,000 inhabitants.
    shift_min : float, default 5
        Every trip is taken as so many minutes longer, then shorter. Travel times must go as far as the decay
        plus this.
    decays, supplies : mapping, optional
        Other decays, and other definitions of who counts, by French name.

    Returns
    -------
    DataFrame
        One row per scenario and zone: ``scenario`` (French), ``origin_id``, ``population_count`` where known,
        ``accessibility_per_100k``, ``reference_per_100k``, ``change_per_100k``, ``class_label``,
        ``reference_class_label``, ``is_flipped``. The first scenario is the reference itself.

    Raises
    ------
    SchemaError, InputError
        As for `compute_fca`.
    """
    import pandas as pd

    chosen = as_decay(decay, method=method)
    if not 0 < shift_min < np.inf:
        raise InputError(f"shift_min is {shift_min!r}.", expected="a number of minutes above 0")
    cases: list[tuple[str, Decay, pd.DataFrame]] = [
        ("référence", chosen, supply),
        (f"trajets plus longs de {shift_min:g} min", chosen.shifted(shift_min), supply),
        (f"trajets plus courts de {shift_min:g} min", chosen.shifted(-shift_min), supply),
    ]
    cases += [
        (f"décroissance : {name}", as_decay(item, method=method), supply) for name, item in (decays or {}).items()
    ]
    cases += [(f"définition : {name}", chosen, table) for name, table in (supplies or {}).items()]
    parts, reference = [], None
    for name, own_decay, own_supply in cases:
        result = compute_fca(travel_times, own_supply, demand, method=method, decay=own_decay, population=population)
        values = result["accessibility_per_100k"]
        reference = values if reference is None else reference
        parts.append(_scenario(name, result, values, reference, cuts_per_100k))
    return pd.concat(parts, ignore_index=True)


def summarise_sensitivity(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per scenario: how many zones and people change class, and by how much values move.

    Parameters
    ----------
    table : DataFrame
        From `compute_sensitivity`.

    Returns
    -------
    DataFrame
        ``scenario``, ``zones_flipped_count``, ``zones_count``, ``population_flipped_count``,
        ``largest_change_per_100k`` (absolute), ``zones_flipped`` (ids, separated by spaces).
    """
    import pandas as pd

    rows = []
    for name, part in table.groupby("scenario", sort=False):
        flipped = part[part["is_flipped"]]
        people = flipped["population_count"].sum() if "population_count" in part.columns else np.nan
        rows.append(
            {
                "scenario": name,
                "zones_flipped_count": len(flipped),
                "zones_count": len(part),
                "population_flipped_count": float(people),
                "largest_change_per_100k": float(part["change_per_100k"].abs().max()),
                "zones_flipped": " ".join(map(str, flipped["origin_id"])),
            }
        )
    return pd.DataFrame(rows)


def audit_edge(
    travel_times: pd.DataFrame,
    supply: pd.DataFrame,
    demand: pd.DataFrame,
    *,
    buffer_m: float,
    method: str,
    decay: Decay | str,
    population: str = "population_standardised",
    near_tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Compute accessibility with a buffer around the study, then with twice the buffer, and compare.

    Parameters
    ----------
    travel_times : DataFrame
        Between everything within twice the buffer.
    supply, demand : DataFrame
        As for `compute_fca`, with ``edge_distance_m``: metres to the study, 0 inside; everything within twice
        the buffer.
    buffer_m : float
        The buffer in use, in metres.
    method, decay, population
        As for `compute_fca`.
    near_tables : (travel_times, supply, demand), optional
        What the buffer in use gave, where its roads were cut nearer too; taken out of the other tables by
        default.

    Returns
    -------
    DataFrame
        Zones of the study (``edge_distance_m`` 0): ``origin_id``, ``near_per_100k`` (with the buffer),
        ``far_per_100k`` (with twice the buffer), ``change_per_100k``, ``change_share`` (of the far value),
        sorted by the size of the change. ``attrs["edge"]`` holds the largest change, in value and share, and
        the zone it falls on.

    Raises
    ------
    SchemaError, InputError
        If ``edge_distance_m`` is missing, or nothing lies between one and two buffers, so that there is
        nothing to compare.
    """
    import pandas as pd

    distances = [_edge_distance(table, name) for table, name in ((supply, "supply"), (demand, "demand"))]
    if not 0 < buffer_m < np.inf:
        raise InputError(f"buffer_m is {buffer_m!r}.", expected="a number of metres above 0")
    if not any(((d > buffer_m) & (d <= 2 * buffer_m)).any() for d in distances):
        raise InputError(
            f"Neither supply nor demand has anything between {buffer_m:g} and {2 * buffer_m:g} metres of the study.",
            expected="tables that go as far as twice the buffer",
            next_step="Add the neighbouring communes to the study (study.neighbours) with their population.",
        )
    near_tables = near_tables or _cut(travel_times, supply, demand, distances, buffer_m)
    far_tables = _cut(travel_times, supply, demand, distances, 2 * buffer_m)
    values = [
        compute_fca(*tables, method=method, decay=decay, population=population).set_index("origin_id")[
            "accessibility_per_100k"
        ]
        for tables in (near_tables, far_tables)
    ]
    inside = demand.loc[distances[1] == 0, "origin_id"]
    near, far = values[0].reindex(inside).to_numpy(), values[1].reindex(inside).to_numpy()
    table = pd.DataFrame({"origin_id": inside.to_numpy(), "near_per_100k": near, "far_per_100k": far})
    table["change_per_100k"] = far - near
    table["change_share"] = np.divide(far - near, far, out=np.full(len(far), np.nan), where=far > 0)
    order = table["change_per_100k"].abs().sort_values(ascending=False, kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    table.attrs["edge"] = {
        "buffer_m": float(buffer_m),
        "largest_change_per_100k": float(table["change_per_100k"].abs().max()),
        "largest_change_share": float(table["change_share"].abs().max()),
        "zone": str(table["origin_id"].iloc[0]),
    }
    return table


def _cut(
    travel_times: pd.DataFrame, supply: pd.DataFrame, demand: pd.DataFrame, distances: list[Floats], reach_m: float
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    own_supply, own_demand = supply[distances[0] <= reach_m], demand[distances[1] <= reach_m]
    is_kept = travel_times["origin_id"].isin(own_demand["origin_id"])
    is_kept &= travel_times["destination_id"].isin(own_supply["destination_id"])
    return travel_times[is_kept], own_supply, own_demand


def _scenario(
    name: str, result: pd.DataFrame, values: pd.Series[Any], reference: pd.Series[Any], cuts: tuple[float, ...]
) -> pd.DataFrame:
    import pandas as pd

    own = name_class(values, cuts=cuts, label="ETP pour 100 000")
    before = name_class(reference, cuts=cuts, label="ETP pour 100 000")
    columns: dict[str, Any] = {"scenario": name, "origin_id": result["origin_id"].to_numpy()}
    if "population_count" in result.columns:
        columns["population_count"] = result["population_count"].to_numpy()
    columns |= {
        "accessibility_per_100k": values.to_numpy(),
        "reference_per_100k": reference.to_numpy(),
        "change_per_100k": (values - reference).to_numpy(),
        "class_label": own.to_numpy(),
        "reference_class_label": before.to_numpy(),
        # Unknown in both is no flip.
        "is_flipped": (own.fillna("") != before.fillna("")).to_numpy(),
    }
    return pd.DataFrame(columns)


def _edge_distance(table: pd.DataFrame, name: str) -> Floats:
    if "edge_distance_m" not in table.columns:
        raise SchemaError(
            f"{name} lacks edge_distance_m.", expected="metres between each place and the study, 0 inside"
        )
    values: Floats = table["edge_distance_m"].to_numpy(dtype=np.float64, na_value=np.nan)
    problems = []
    if not (values >= 0).all():
        problems.append(f"edge_distance_m is missing or negative on {int((~(values >= 0)).sum())} rows")
    if name == "demand" and not (values == 0).any():
        problems.append("no zone lies in the study (edge_distance_m 0)")
    if problems:
        raise SchemaError(f"{name} cannot be used:\n" + join_problems(problems))
    return values
