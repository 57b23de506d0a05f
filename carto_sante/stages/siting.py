"""Siting of a study: candidates ranked by what they change, for whom, and with what team."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carto_sante.errors import InputError, NoResultError
from carto_sante.siting import Solution, compute_gain, solve
from carto_sante.stages.accessibility import BUFFERS_M, MODE_LABELS, choose_decay, read_parameters
from carto_sante.stages.candidate_sheets import CandidateSheet, build_sheet, count_newly_near
from carto_sante.stages.candidates import load_candidates
from carto_sante.stages.demand import DemandPoints, load_demand
from carto_sante.stages.inputs import load_network, load_population, load_territories
from carto_sante.stages.practitioners import (
    PlacedPractitioners,
    load_practitioners,
    locate_practitioners,
    place_practitioners,
)
from carto_sante.stages.siting_case import SitingCase, build_case
from carto_sante.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame


@dataclass(frozen=True)
class StudySiting:
    """Siting of a study.

    Attributes
    ----------
    ranking : GeoDataFrame
        Every candidate: `carto_sante.siting.compute_gain`, label, ``opening_order`` of those chosen, point.
    sheets : list of CandidateSheet
    solution : Solution or None
        Where ``siting.model`` is a location model.
    threshold_per_100k : float
    hypothesis : str
    territories, sites : GeoDataFrame
        For maps.
    placed : PlacedPractitioners
    not_routable : list of str
        Candidates that no street is near enough to.
    left_beyond : list of str
        Sites that practitioners leave beyond the reach of the study, whose loss is not counted.
    """

    ranking: GeoDataFrame
    sheets: list[CandidateSheet]
    solution: Solution | None
    threshold_per_100k: float
    hypothesis: str
    territories: GeoDataFrame
    sites: GeoDataFrame
    placed: PlacedPractitioners
    not_routable: list[str] = field(default_factory=list)
    left_beyond: list[str] = field(default_factory=list)


def compute_study_siting(study: Study) -> StudySiting:
    """Rank the candidates of a study and work out what the best ones change.

    Parameters
    ----------
    study : Study
        ``[siting]`` names candidates, mode, team, floor, weights, moves and model.

    Returns
    -------
    StudySiting

    Raises
    ------
    InputError, NoResultError
        As each stage.
    """
    chosen = study.siting
    territories, population = load_territories(study), load_population(study)
    loaded = load_practitioners(study)
    placed = place_practitioners(study, loaded, locate_practitioners(study, loaded), territories)
    parameters = read_parameters(study)
    own = parameters if chosen.profession == parameters.profession else None
    demand = load_demand(study, territories, population, parameters=own)
    decay = choose_decay(parameters, chosen.profession, method=study.accessibility.method, limit_min=chosen.limit_min)
    candidates = load_candidates(study, territories, finess_sites=loaded.sites)
    network = load_network(study, chosen.mode, territories=territories, buffer_m=BUFFERS_M[chosen.mode])
    case, lost = build_case(study, network, placed, demand, candidates, territories, decay)
    ranking = compute_gain(
        case.times, case.supply, case.people, case.candidates, threshold_per_100k=case.threshold,
        etp_added=chosen.etp_added, qpv_floor_share=chosen.qpv_floor_share, **case.common(),
    )  # fmt: skip
    solution, order = _choose(case, ranking, territories)
    ranking = _with_places(ranking, case.candidates, order)
    names = [*order, *[name for name in ranking["destination_id"] if name not in order]]
    usable = set(ranking.loc[ranking["status"] == "ok", "destination_id"])
    shown = [name for name in names if name in usable][: chosen.sheets_count]
    if not shown:  # no sheet asked for, or no candidate that a street leads to
        return StudySiting(
            ranking, [], solution, case.threshold, _hypothesis(case, demand), territories, case.supply, placed, lost,
            case.left_beyond,
        )  # fmt: skip
    near = count_newly_near(study, placed, demand, candidates, shown, territories)
    sheets = [build_sheet(case, name, ranking, territories, near, network, placed) for name in shown]
    return StudySiting(
        ranking, sheets, solution, case.threshold, _hypothesis(case, demand), territories, case.supply, placed, lost,
        case.left_beyond,
    )  # fmt: skip


def _choose(case: SitingCase, ranking: pd.DataFrame, territories: GeoDataFrame) -> tuple[Solution | None, list[str]]:
    """Return the sites to open, in order: by the location model asked for, or one by one by their gain."""
    import pandas as pd

    chosen = case.study.siting
    if chosen.model == "gain":
        return None, _open_one_by_one(case, ranking)
    new = case.candidates.loc[
        ~case.candidates["destination_id"].isin(case.supply["destination_id"]), ["destination_id"]
    ]
    every = pd.concat(
        [case.supply[["destination_id"]].assign(is_existing=True), new.assign(is_existing=False)], ignore_index=True
    )
    if chosen.model == "capacitated":
        if chosen.capacity_count is None:
            raise InputError("Model 'capacitated' needs siting.capacity_count.", expected="inhabitants per site")
        every["capacity_count"] = chosen.capacity_count
    inside = case.people.loc[case.people["edge_distance_m"] == 0]
    try:
        solution = solve(
            case.times, inside, every, model=chosen.model, limit_min=chosen.limit_min,
            sites_count=None if chosen.model == "lscp" else chosen.sites_count,
        )  # fmt: skip
    except NoResultError as error:
        raise _with_zones(error, case, inside, territories) from error
    opened = set(solution.sites.loc[~solution.sites["is_existing"], "destination_id"])
    return solution, [name for name in ranking["destination_id"] if name in opened]


def _with_zones(
    error: NoResultError, case: SitingCase, people: GeoDataFrame, territories: GeoDataFrame
) -> NoResultError:
    """Say in which zones the people out of reach of every site live: a grid cell is known to nobody."""
    level = case.study.density.level
    reached = set(case.times.loc[case.times["travel_time_min"] <= case.study.siting.limit_min, "origin_id"])
    lost = people.loc[~people["origin_id"].isin(reached)]
    by_zone = lost.groupby(f"{level}_id")["population_count"].sum().sort_values(ascending=False, kind="stable")
    if not len(by_zone):
        return error
    labels = territories.loc[territories["territory_level"] == level].set_index("territory_id")["territory_label"]
    named = ", ".join(f"{labels.get(name, name)} ({count:,.0f})" for name, count in by_zone.items())
    return NoResultError(
        f"{error.found} By {level}, inhabitants out of reach of every site: {named}.",
        expected="a site within siting.limit_min of everybody",
        next_step='Raise siting.limit_min, add candidates there, or choose siting.model = "mclp", which covers as many '
        "people as it can.",
    )


def _open_one_by_one(case: SitingCase, ranking: pd.DataFrame) -> list[str]:
    import pandas as pd

    chosen = case.study.siting
    order = [str(ranking["destination_id"].iloc[0])]
    supply = pd.DataFrame(case.supply.drop(columns="geometry"))
    left, moves = case.candidates, case.moves
    while len(order) < min(chosen.sites_count, len(case.candidates)):
        etp = float(ranking["etp_added"].iloc[0] + ranking["etp_moved"].iloc[0])
        supply, moves = _moved(supply, moves, order[-1])
        opened = pd.DataFrame({"destination_id": [order[-1]], "capacity_etp": [etp], "is_routable": [True]})
        known = supply["destination_id"] == order[-1]
        supply.loc[known, "capacity_etp"] += etp
        if not known.any():
            supply = pd.concat([supply, opened.assign(profession=chosen.profession)], ignore_index=True)
        left = left.loc[left["destination_id"] != order[-1]]
        ranking = compute_gain(
            case.times, supply, case.people, left, threshold_per_100k=case.threshold, etp_added=chosen.etp_added,
            qpv_floor_share=chosen.qpv_floor_share, **{**case.common(), "moves": moves},
        )  # fmt: skip
        order.append(str(ranking["destination_id"].iloc[0]))
    return order


def _moved(supply: pd.DataFrame, moves: pd.DataFrame | None, opened: str) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Take away those who move to the site that opens; they move once, whoever opens next."""
    if moves is None:
        return supply, None
    is_going = (moves["candidate_id"].isna() | (moves["candidate_id"] == opened)) if "candidate_id" in moves else None
    going = moves if is_going is None else moves.loc[is_going]
    leaving = going.groupby("destination_id")["capacity_etp"].sum()
    etp = supply["capacity_etp"] - supply["destination_id"].map(leaving).fillna(0.0)
    return supply.assign(capacity_etp=etp.clip(lower=0.0)), None if is_going is None else moves.loc[~is_going]


def _with_places(ranking: pd.DataFrame, candidates: GeoDataFrame, order: list[str]) -> GeoDataFrame:
    import geopandas as gpd
    import pandas as pd

    by_id = candidates.set_index("destination_id")
    table = ranking.assign(
        candidate_label=ranking["destination_id"].map(by_id["candidate_label"]),
        opening_order=ranking["destination_id"].map({name: n for n, name in enumerate(order, 1)}).astype("Int64"),
    )
    if "place_doubt" in by_id:
        table["place_doubt"] = table["destination_id"].map(by_id["place_doubt"])
    points = by_id.geometry.reindex(pd.Index(table["destination_id"])).to_numpy()
    return gpd.GeoDataFrame(table, geometry=points, crs=candidates.crs)


def _leaving(etp: float) -> str:
    return f" ; {etp:g} ETP {'quitteraient' if etp >= 2 else 'quitterait'} {'leur' if etp >= 2 else 'son'} site actuel"


def _hypothesis(case: SitingCase, demand: DemandPoints) -> str:
    chosen = case.study.siting
    moved = "" if case.moves is None else _leaving(float(case.moves["capacity_etp"].sum()))
    weights = []
    if chosen.qpv_weight > 1:
        weights.append(f"habitants des QPV pondérés par {chosen.qpv_weight:g}".replace(".", ","))
    if chosen.deprivation_weight > 1:
        weights.append(f"zones les plus défavorisées pondérées par {chosen.deprivation_weight:g}".replace(".", ","))
    floor = "moyenne du territoire" if chosen.threshold is None else "seuil choisi"
    if case.left_beyond:
        moved += ", dont ceux de sites trop éloignés pour que la perte y soit comptée"
    limit = "" if "jusqu'à" in case.decay.name else f", jusqu'à {chosen.limit_min:g} min"
    parts = [
        f"méthode {case.method}, décroissance {case.decay.name}{limit}, trajets {MODE_LABELS[chosen.mode]}",
        demand.hypothesis,
        f"plancher de {case.threshold:.1f} ETP pour 100 000 habitants ({floor})".replace(".", ","),
        f"équipe de {chosen.etp_added:g} ETP{moved}".replace(".", ","),
        *weights,
        "1 praticien = 1 ETP réparti entre ses sites",
    ]
    return " ; ".join(parts)
