"""The tables of a siting problem: people with their weights, sites of today, candidates, times, who would move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility import Decay, compute_fca, compute_mean
from carto_sante.errors import InputError, NoResultError
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
    """Everything the models take; ``threshold`` in ETP per 100,000."""

    study: Study
    times: pd.DataFrame
    supply: GeoDataFrame
    people: GeoDataFrame
    candidates: GeoDataFrame
    moves: pd.DataFrame | None
    decay: Decay
    threshold: float
    population: str

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
    supply = supply.loc[supply.geometry.distance(area) <= reach].reset_index(drop=True)
    taken = candidates["destination_id"].isin(supply["destination_id"])
    places = gpd.GeoDataFrame(
        pd.concat([supply[["destination_id", "geometry"]], candidates.loc[~taken, ["destination_id", "geometry"]]],
                  ignore_index=True), crs=supply.crs,
    )  # fmt: skip
    people = demand.table.loc[demand.table["edge_distance_m"] <= reach].reset_index(drop=True)
    times, people, routed = travel(network, people, places, limit_min=chosen.limit_min)
    is_routable = routed.set_index("destination_id")["is_routable"]
    lost = [name for name in candidates["destination_id"] if not is_routable[name]]
    kept = candidates.loc[~candidates["destination_id"].isin(lost)].reset_index(drop=True)
    if kept.empty:
        raise NoResultError("No candidate is near a street.", next_step="Check siting.candidates and the network.")
    supply = supply.assign(is_routable=supply["destination_id"].map(is_routable).to_numpy(dtype=np.bool_))
    people = _weighted(study, people)
    threshold = chosen.threshold or mean_today(study, times, supply, people, decay, demand.population)
    return SitingCase(
        study, times, supply, people, kept, _read_moves(study), decay, threshold, demand.population
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


def _read_moves(study: Study) -> pd.DataFrame | None:
    import pandas as pd

    if study.siting.moves is None:
        return None
    path = require_file(study.siting.moves, what="file of moves")
    table = read_text_table(path)
    table = table.rename(columns={"site_id": "destination_id"})
    if "capacity_etp" in table:
        table["capacity_etp"] = pd.to_numeric(table["capacity_etp"].str.replace(",", "."), errors="coerce")
    return table
