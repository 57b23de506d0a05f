"""What one candidate would change: by zone, on foot and by car, and with what team."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility import Decay, aggregate
from carto_sante.errors import NoResultError
from carto_sante.siting import compute_break_even, compute_gain_by_origin, compute_team
from carto_sante.stages.accessibility import BUFFERS_M, choose_decay, read_parameters, supply_of, travel
from carto_sante.stages.demand import DemandPoints
from carto_sante.stages.inputs import load_network
from carto_sante.stages.practitioners import PlacedPractitioners
from carto_sante.stages.siting_case import SitingCase, mean_today
from carto_sante.study import Study
from carto_sante.travel import compute_nearest, compute_travel_times

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: Minutes at which people newly near a site are counted.
NEAR_MIN = (10.0, 15.0)


@dataclass(frozen=True)
class CandidateSheet:
    """What one candidate would change.

    Attributes
    ----------
    candidate_id, label : str
    measures : dict
        The row of `carto_sante.siting.compute_gain`.
    points : GeoDataFrame
        Demand points of the study, before and after (`carto_sante.siting.compute_gain_by_origin`).
    zones : DataFrame
        Before and after by quartier, QPV and for the whole study.
    newly_near : DataFrame
        ``mode``, ``limit_min``, ``population_newly_count``: people whose nearest site is today farther.
    team : DataFrame
        `carto_sante.siting.compute_team`, or empty with ``team_problem`` saying why.
    team_problem : str
    curve : DataFrame
        `carto_sante.siting.compute_break_even`.
    """

    candidate_id: str
    label: str
    measures: dict[str, Any]
    points: GeoDataFrame
    zones: pd.DataFrame
    newly_near: pd.DataFrame
    team: pd.DataFrame
    team_problem: str
    curve: pd.DataFrame


def count_newly_near(
    study: Study,
    placed: PlacedPractitioners,
    demand: DemandPoints,
    candidates: GeoDataFrame,
    shown: list[str],
    territories: GeoDataFrame,
) -> pd.DataFrame:
    """Count the people of the study whose nearest site is today farther, on foot and by car, candidate by candidate."""
    import pandas as pd

    inside = demand.table.loc[demand.table["edge_distance_m"] == 0]
    sites = supply_of(placed, study.siting.profession)
    places = candidates.loc[candidates["destination_id"].isin(shown)]
    people = inside.set_index("origin_id")["population_count"]
    rows = []
    known = study.network.modes if study.network else ()
    for mode in [mode for mode in ("walk", "drive") if shown and mode in known]:
        network = load_network(study, mode, territories=territories, buffer_m=BUFFERS_M["bike"])
        today = compute_nearest(network, inside, sites, k=1, limit_min=max(NEAR_MIN))
        nearest = today.set_index("origin_id")["travel_time_min"].reindex(people.index).fillna(np.inf)
        times = compute_travel_times(network, inside, places, limit_min=max(NEAR_MIN))
        for name in shown:
            own = times.loc[times["destination_id"] == name].set_index("origin_id")["travel_time_min"]
            minutes = own.reindex(people.index).fillna(np.inf)
            for limit in NEAR_MIN:
                is_new = (minutes <= limit) & (nearest > limit)
                is_near = minutes <= limit
                rows.append(
                    {
                        "candidate_id": name, "mode": mode, "limit_min": limit,
                        "population_near_count": float(people[is_near].sum()),
                        "population_newly_count": float(people[is_new].sum()),
                    }
                )  # fmt: skip
    columns = ["candidate_id", "mode", "limit_min", "population_near_count", "population_newly_count"]
    return pd.DataFrame(rows, columns=columns)


def build_sheet(
    case: SitingCase,
    name: str,
    ranking: GeoDataFrame,
    territories: GeoDataFrame,
    near: pd.DataFrame,
    network: Any,
    placed: PlacedPractitioners,
) -> CandidateSheet:
    """Work out everything that a sheet shows."""
    row = ranking.loc[ranking["destination_id"] == name].iloc[0]
    changed = compute_gain_by_origin(
        case.times, case.supply, case.people, candidate_id=name, etp_added=float(row["etp_added"]),
        threshold_per_100k=case.threshold, **case.common(),
    )  # fmt: skip
    added = [c for c in changed.columns if c not in case.people.columns]
    points = case.people.join(changed[added])
    reached = set(case.times.loc[case.times["destination_id"] == name, "origin_id"])
    target = case.people.assign(is_target=case.people["origin_id"].isin(reached))
    team, problem = _team(case, name, target, placed, network)
    curve = compute_break_even(
        case.times, case.supply, target, candidate_id=name, threshold_per_100k=case.threshold, **case.common()
    )
    measures = {key: row[key] for key in ranking.columns if key != "geometry"}
    zones = before_after(points, territories, case)
    own = near.loc[near["candidate_id"] == name].reset_index(drop=True)
    return CandidateSheet(name, str(row["candidate_label"]), measures, points, zones, own, team, problem, curve)


def _team(
    case: SitingCase, name: str, target: GeoDataFrame, placed: PlacedPractitioners, network: Any
) -> tuple[pd.DataFrame, str]:
    """Return the smallest team: the profession of the siting, and those of [accessibility] beside it."""
    import pandas as pd

    study = case.study
    rows, problems = [], []
    for profession in dict.fromkeys((study.siting.profession, *study.accessibility.professions)):
        times, supply, threshold, decay, moves = case.times, case.supply, case.threshold, case.decay, case.moves
        if profession != study.siting.profession:
            decay = choose_decay(
                read_parameters(study), profession, method=case.method, limit_min=study.siting.limit_min
            )
            times, supply, threshold = _of_other(case, profession, target, placed, network, decay, name)
            moves = None  # who moves is of the profession that is sited
        try:
            rows.append(
                compute_team(
                    times, supply, target, candidate_id=name, thresholds_per_100k={profession: threshold},
                    target_share=study.siting.target_share, **{**case.common(), "decay": decay, "moves": moves},
                )
            )  # fmt: skip
        except NoResultError as error:
            problems.append(str(error))
    return (pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()), " ".join(problems)


def _of_other(
    case: SitingCase,
    profession: str,
    target: GeoDataFrame,
    placed: PlacedPractitioners,
    network: Any,
    decay: Decay,
    name: str,
) -> tuple[pd.DataFrame, GeoDataFrame, float]:
    import geopandas as gpd
    import pandas as pd

    own = supply_of(placed, profession)
    here = case.candidates.loc[case.candidates["destination_id"] == name, ["destination_id", "geometry"]]
    places = gpd.GeoDataFrame(
        pd.concat([own[["destination_id", "geometry"]], here]).drop_duplicates("destination_id"), crs=own.crs
    )
    times, people, routed = travel(network, target, places, limit_min=case.study.siting.limit_min)
    flags = routed.set_index("destination_id")["is_routable"]
    own = own.assign(is_routable=own["destination_id"].map(flags).to_numpy(dtype=np.bool_))
    return times, own, mean_today(case.study, times, own, people, decay, case.population)


def before_after(points: GeoDataFrame, territories: GeoDataFrame, case: SitingCase) -> pd.DataFrame:
    """Return accessibility before and after by zone of the level of reading, by QPV, and for the whole study."""
    import pandas as pd

    inside = points.loc[points["edge_distance_m"] == 0]
    levels = [case.study.accessibility.level, "qpv", "commune"]
    parts = []
    for level in dict.fromkeys(name for name in levels if f"{name}_id" in inside.columns):
        key = f"{level}_id"
        own = inside.loc[inside[key].notna()]
        if own.empty:
            continue
        labels = territories.loc[territories["territory_level"] == level].set_index("territory_id")["territory_label"]
        means = [
            aggregate(own, by=key, value=name, weight=case.population)[name].to_numpy()
            for name in ("before_per_100k", "after_per_100k")
        ]
        sums = own.assign(
            lifted=own["population_count"].where(own["is_lifted"], 0.0),
            dropped=own["population_count"].where(own["is_dropped"], 0.0),
        ).groupby(key, sort=True)[["population_count", "lifted", "dropped"]].sum()  # fmt: skip
        parts.append(
            pd.DataFrame(
                {
                    "territory_id": sums.index.astype("str"),
                    "territory_level": level,
                    "territory_label": [labels.get(name, name) for name in sums.index],
                    "population_count": sums["population_count"].to_numpy(),
                    "before_per_100k": means[0],
                    "after_per_100k": means[1],
                    "gain_per_100k": means[1] - means[0],
                    "population_lifted_count": sums["lifted"].to_numpy(),
                    "population_dropped_count": sums["dropped"].to_numpy(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
