"""The tables of a siting problem: people with their weights, sites of today, candidates, times, who would move."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility import Decay, compute_fca, compute_mean
from carto_sante.errors import InputError, NoResultError, SchemaError, UnknownNameError, join_problems, suggest
from carto_sante.files import require_file
from carto_sante.stages.accessibility import BUFFERS_M, supply_of, travel
from carto_sante.stages.candidates import read_text_table
from carto_sante.stages.demand import DemandPoints
from carto_sante.stages.practitioners import PlacedPractitioners
from carto_sante.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame


@dataclass(frozen=True)
class SitingCase:
    """Everything the models take.

    ``threshold`` is in ETP per 100,000; ``left_beyond`` names the sites that practitioners leave beyond the reach of
    the study: they count on arrival, the hole they leave is out of sight.
    """

    study: Study
    times: pd.DataFrame
    supply: GeoDataFrame
    people: GeoDataFrame
    candidates: GeoDataFrame
    moves: pd.DataFrame | None
    decay: Decay
    threshold: float
    population: str
    left_beyond: list[str] = field(default_factory=list)

    @property
    def method(self) -> str:
        """Return the method of accessibility."""
        return self.study.accessibility.method

    def common(self) -> dict[str, Any]:
        """Return the keyword parameters that gain, team and curve share."""
        return {"decay": self.decay, "method": self.method, "moves": self.moves, "population": self.population}


def build_case(
    study: Study,
    network: Any,
    placed: PlacedPractitioners,
    demand: DemandPoints,
    candidates: GeoDataFrame,
    territories: GeoDataFrame,
    decay: Decay,
) -> tuple[SitingCase, list[str]]:
    """Return the tables of a study, and the candidates that no street is near enough to.

    Raises
    ------
    NoResultError
        If no candidate is near a street.
    """
    import geopandas as gpd
    import pandas as pd

    chosen = study.siting
    reach = BUFFERS_M[chosen.mode]
    area = territories.loc[territories["territory_level"] == study.density.level].union_all()
    supply = supply_of(placed, chosen.profession)
    moves = _read_moves(study, supply)
    is_near = supply.geometry.distance(area) <= reach
    is_left = supply["destination_id"].isin([] if moves is None else moves["destination_id"])
    near, supply = supply.loc[is_near], supply.loc[is_near | is_left].reset_index(drop=True)
    taken = candidates["destination_id"].isin(near["destination_id"])
    places = gpd.GeoDataFrame(
        pd.concat([near[["destination_id", "geometry"]], candidates.loc[~taken, ["destination_id", "geometry"]]],
                  ignore_index=True), crs=supply.crs,
    )  # fmt: skip
    people = demand.table.loc[demand.table["edge_distance_m"] <= reach].reset_index(drop=True)
    times, people, routed = travel(network, people, places, limit_min=chosen.limit_min)
    routable = set(routed.loc[routed["is_routable"], "destination_id"])
    lost = [name for name in candidates["destination_id"] if name not in routable]
    kept = candidates.loc[~candidates["destination_id"].isin(lost)].reset_index(drop=True)
    if kept.empty:
        raise NoResultError("No candidate is near a street.", next_step="Check siting.candidates and the network.")
    # A site left where no time is known keeps its ETP, so that they can move: declared placed, it reaches nobody.
    left_beyond = supply.loc[
        supply["destination_id"].isin(moves["destination_id"] if moves is not None else [])
        & ~supply["destination_id"].isin(routable), "destination_id"
    ].to_list()  # fmt: skip
    supply = supply.assign(is_routable=supply["destination_id"].isin(routable.union(left_beyond)))
    if moves is not None and "candidate_id" in moves:
        moves = _check_targets(moves, candidates).loc[lambda table: ~table["candidate_id"].isin(lost)]
    people = _weighted(study, people)
    threshold = chosen.threshold or mean_today(study, times, supply, people, decay, demand.population)
    return SitingCase(
        study, times, supply, people, kept, moves, decay, threshold, demand.population, left_beyond
    ), lost  # fmt: skip


def mean_today(study: Study, times: pd.DataFrame, supply: Any, people: Any, decay: Decay, population: str) -> float:
    """Return the mean accessibility of the people of the study today, in ETP per 100,000."""
    result = compute_fca(times, supply, people, method=study.accessibility.method, decay=decay, population=population)
    inside = result.loc[(people["edge_distance_m"] == 0).to_numpy()]
    return compute_mean(inside, value="accessibility_per_100k", weight=population)


def _weighted(study: Study, people: GeoDataFrame) -> GeoDataFrame:
    """Add who lives in a QPV and the weight of each need (universalisme proportionné)."""
    chosen = study.siting
    in_qpv = people["qpv_id"].notna().to_numpy() if "qpv_id" in people.columns else np.zeros(len(people), dtype=bool)
    weight = 1.0 + (chosen.qpv_weight - 1.0) * in_qpv
    if chosen.deprivation_weight > 1:
        weight = weight * (1.0 + (chosen.deprivation_weight - 1.0) * _deprivation_rank(study, people))
    return people.assign(qpv_share=in_qpv.astype(np.float64), need_weight=weight)


def _deprivation_rank(study: Study, people: GeoDataFrame) -> Any:
    """Return, from 0 to 1, the share of people who live in less deprived zones; 0 where the index is not known."""
    import pandas as pd

    if study.density.deprivation is None:
        raise InputError("siting.deprivation_weight needs an index.", expected="density.deprivation = a CSV by zone")
    table = read_text_table(require_file(study.density.deprivation, what="deprivation index"))
    if not {"territory_id", "value"} <= set(table):
        raise InputError(f"{study.density.deprivation.name} lacks territory_id or value.")
    index = pd.to_numeric(table.set_index("territory_id")["value"].str.replace(",", "."), errors="coerce").dropna()
    levels = [name for name in people.columns if name.endswith("_id") and name != "origin_id"]
    level = max(levels, key=lambda name: int(people[name].isin(index.index).sum()))
    values = people[level].map(index).astype("float64")
    if values.isna().all():
        raise InputError(f"No code of {study.density.deprivation.name} is a zone of the study.")
    signed = values if study.siting.deprived_end == "high" else -values
    count = people["population_count"].where(values.notna(), 0.0)
    by_value = count.groupby(signed).sum().sort_index()
    less = by_value.cumsum() - by_value
    top = float(less.max())
    ranks = signed.map(less / top if top > 0 else less * 0.0)
    return ranks.fillna(0.0).to_numpy(dtype=np.float64)


def _read_moves(study: Study, supply: GeoDataFrame) -> pd.DataFrame | None:
    """Return who would move, of the profession that is sited; every site left is one where it works.

    Raises
    ------
    SchemaError, UnknownNameError
        Listing the sites that nobody of that profession works at.
    """
    import pandas as pd

    if study.siting.moves is None:
        return None
    path = require_file(study.siting.moves, what="file of moves")
    table = read_text_table(path).rename(columns={"site_id": "destination_id"})
    missing = [name for name in ("destination_id", "capacity_etp") if name not in table]
    if missing:
        named = ", ".join(missing).replace("destination_id", "site_id")
        raise SchemaError(
            f"{path.name} lacks {named} (columns: {', '.join(map(str, table.columns))}).",
            expected="site_id (the site they leave) and capacity_etp, candidate_id where it matters",
        )
    table["capacity_etp"] = pd.to_numeric(table["capacity_etp"].str.replace(",", "."), errors="coerce")
    if "profession" in table:
        table = table.loc[table["profession"] == study.siting.profession].reset_index(drop=True)
    known = supply["destination_id"].to_list()
    unknown = [str(name) for name in table["destination_id"].unique() if name not in set(known)]
    if unknown:
        raise UnknownNameError(
            f"{path.name} empties {len(unknown)} sites where no {study.siting.profession!r} of the study works:\n"
            + join_problems(f"{name!r}{_closest(name, known)}" for name in unknown),
            expected=f"the site_id of one of the {len(known)} sites of that profession, neighbouring communes included",
            next_step="Add the commune of that site to study.neighbours if it is missing.",
        )
    return table if len(table) else None


def _closest(name: str, known: list[str]) -> str:
    """Return the closest name, without the dozens of others that `suggest` would list."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _check_targets(moves: pd.DataFrame, candidates: GeoDataFrame) -> pd.DataFrame:
    known = candidates["destination_id"].to_list()
    unknown = [name for name in moves["candidate_id"].dropna().unique() if name not in set(known)]
    if unknown:
        raise UnknownNameError(
            "The file of moves leads to unknown candidates:\n"
            + join_problems(f"{name!r}. {suggest(str(name), known)}".rstrip() for name in unknown),
            expected="the id of a candidate, or nothing for all of them",
        )
    return moves
