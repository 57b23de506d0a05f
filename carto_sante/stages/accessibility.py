"""Accessibility of a study: from its network, practitioners and people to zones, with its audit and sensitivity."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.accessibility import (
    AplParameters,
    Decay,
    aggregate,
    apl_parameters,
    audit_edge,
    binary_decay,
    compute_apl,
    compute_fca,
    compute_mean,
    compute_quantiles,
    compute_sensitivity,
    compute_share_below,
    gaussian_decay,
    kernel_decay,
    name_class,
    read_apl_workbook,
    step_decay,
    summarise_sensitivity,
)
from carto_sante.errors import NoResultError, UnknownNameError, suggest
from carto_sante.registries.professions import load_definitions
from carto_sante.stages.demand import DemandPoints, load_demand
from carto_sante.stages.inputs import load_network, load_population, load_territories
from carto_sante.stages.practitioners import PlacedPractitioners, prepare_practitioners
from carto_sante.study import Study
from carto_sante.travel import compute_travel_times

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

    from carto_sante.network import RoadNetwork

logger = logging.getLogger("carto_sante")

#: The definition that the study itself uses, among those of the sensitivity table.
REFERENCE = "référence"
#: Metres around a study that count when it does not say: what the limits in use reach, by mode.
MODE_LABELS = {"walk": "à pied", "bike": "à vélo", "drive": "en voiture"}
BUFFERS_M = {"walk": 2_000.0, "bike": 6_000.0, "drive": 15_000.0}


@dataclass(frozen=True)
class StudyAccessibility:
    """Accessibility of a study, for one profession.

    Attributes
    ----------
    profession : str
    points : GeoDataFrame
        One row per demand point of the study and its surroundings: the columns of
        `carto_sante.accessibility.compute_fca`, ``apl`` for GPs, ``<level>_id``, ``edge_distance_m``.
    zones : DataFrame
        As `carto_sante.schemas.INDICATORS`: accessibility by zone of every level.
    sensitivity, sensitivity_summary : DataFrame
        See `carto_sante.accessibility.compute_sensitivity`; zones of ``accessibility.level``.
    edge : DataFrame
        See `carto_sante.accessibility.audit_edge`; empty where nothing lies beyond the buffer.
    summary : dict
        Mean, deciles, share of people below each cut, supply reached, hypothesis, largest edge change.
    """

    profession: str
    points: GeoDataFrame
    zones: pd.DataFrame
    sensitivity: pd.DataFrame
    sensitivity_summary: pd.DataFrame
    edge: pd.DataFrame
    summary: dict[str, Any] = field(default_factory=dict)


def read_parameters(study: Study) -> AplParameters:
    """Return the APL parameters of a study, shipped or read from its workbook.

    Raises
    ------
    UnknownNameError
        If the workbook has no such vintage.
    """
    chosen = study.accessibility
    if chosen.workbook is None:
        return apl_parameters(chosen.parameters)
    found = read_apl_workbook(chosen.workbook)
    if chosen.parameters not in found:
        raise UnknownNameError(
            f"accessibility.parameters: {chosen.parameters!r} is not in {chosen.workbook.name}.",
            next_step=suggest(chosen.parameters, found),
        )
    return found[chosen.parameters]


def choose_decay(parameters: AplParameters, profession: str, *, method: str, limit_min: float) -> Decay:
    """Return the decay of a profession: that of the APL where it is published for it, cut at the limit.

    The decays of the other professions are not published in a form that could be checked: a Gaussian that ends at
    the limit stands for them, and the hypothesis says so.
    """
    if method == "2sfca":
        return binary_decay(limit_min=limit_min)
    if method == "kd2sfca":
        return kernel_decay(limit_min=limit_min)
    if method == "g2sfca" or profession != parameters.profession:
        return gaussian_decay(limit_min=limit_min)
    own = parameters.decay
    rings = [(upper, weight) for upper, weight in zip(own.upper_min, own.weights, strict=True) if upper < limit_min]
    last = next((weight for upper, weight in zip(own.upper_min, own.weights, strict=True) if upper >= limit_min), None)
    if last is not None:
        rings.append((limit_min, last))
    name = own.name if last is None or limit_min in own.upper_min[-1:] else f"{own.name} jusqu'à {limit_min:g} min"
    return step_decay(
        upper_min=[ring[0] for ring in rings], weights=[ring[1] for ring in rings],
        includes_upper=own.includes_upper, name=name, source=own.source,
    )  # fmt: skip


def supply_of(placed: PlacedPractitioners, profession: str) -> GeoDataFrame:
    """Return the sites of a profession, neighbours included: ``destination_id``, ``capacity_etp``, point.

    One practitioner counts for one ETP, split over the sites where it practises.

    Raises
    ------
    NoResultError
        If nobody of that profession has a point.
    """
    import geopandas as gpd

    table = placed.table
    own = table.loc[(table["profession"] == profession) & table.geometry.notna() & ~table.geometry.is_empty]
    if own.empty:
        raise NoResultError(
            f"No {profession!r} of the study has a point.",
            expected="at least one located practitioner",
            next_step="Check practitioners.professions and the geocoding.",
        )
    capacity = own.groupby("site_id", sort=True)["capacity"].sum()
    first = own.drop_duplicates("site_id").set_index("site_id").reindex(capacity.index)
    return gpd.GeoDataFrame(
        {
            "destination_id": capacity.index.astype("str"),
            "profession": profession,
            "capacity_etp": capacity.to_numpy(dtype=np.float64),
        },
        geometry=first.geometry.to_numpy(),
        crs=table.crs,
    )


def travel(
    network: RoadNetwork, demand: GeoDataFrame, sites: GeoDataFrame, *, limit_min: float
) -> tuple[pd.DataFrame, GeoDataFrame, GeoDataFrame]:
    """Return times from people to sites, and both tables with ``is_routable``."""
    times = compute_travel_times(
        network, demand, sites, limit_min=limit_min, origin_column="origin_id", destination_column="destination_id"
    )
    lost = {(item["table"], str(item["point_id"])) for item in times.attrs.get("not_snapped", [])}
    lost_origins = {name for table, name in lost if table.startswith("origin")}
    lost_sites = {name for table, name in lost if not table.startswith("origin")}
    return (
        times,
        demand.assign(is_routable=~demand["origin_id"].isin(lost_origins)),
        sites.assign(is_routable=~sites["destination_id"].isin(lost_sites)),
    )


def compute_study_accessibility(study: Study) -> list[StudyAccessibility]:
    """Compute the accessibility of a study for each of its professions.

    Parameters
    ----------
    study : Study
        ``[accessibility]`` names professions, mode, method, parameters, level and buffer.

    Returns
    -------
    list of StudyAccessibility
        One per profession.

    Raises
    ------
    InputError, CheckError
        As each stage.
    """
    chosen = study.accessibility
    territories = load_territories(study)
    population = load_population(study)
    placed = prepare_practitioners(study, territories)
    check_level(territories, chosen.level)
    parameters = read_parameters(study)
    buffer_m = choose_buffer(study, placed, territories)
    networks = [
        load_network(study, chosen.mode, territories=territories, buffer_m=reach) for reach in (buffer_m, 2 * buffer_m)
    ]
    results = []
    for profession in chosen.professions:
        own = parameters if profession == parameters.profession else None
        demand = load_demand(study, territories, population, parameters=own)
        definitions = _definitions(study, profession, placed, territories)
        results.append(
            _one_profession(study, profession, definitions, demand, territories, networks, parameters, buffer_m)
        )
    return results


def _one_profession(
    study: Study,
    profession: str,
    definitions: dict[str, PlacedPractitioners],
    demand: DemandPoints,
    territories: GeoDataFrame,
    networks: list[RoadNetwork],
    parameters: AplParameters,
    buffer_m: float,
) -> StudyAccessibility:
    chosen = study.accessibility
    decay = choose_decay(parameters, profession, method=chosen.method, limit_min=chosen.limit_min)
    area = territories.loc[territories["territory_level"] == study.density.level].union_all()
    sites, capacities = _sites_of(definitions, profession, area)
    limit = chosen.limit_min + chosen.shift_min
    near = travel(networks[0], _within(demand.table, buffer_m), _within(sites, buffer_m), limit_min=limit)
    times, people, supply = near
    result = compute_fca(times, supply, people, method=chosen.method, decay=decay, population=demand.population)
    # What the function calls declared is known here: everybody counts for one.
    supplied = result["hypothesis"].iloc[0].replace("en ETP déclarés", ": 1 praticien = 1 ETP réparti entre ses sites")
    hypothesis = f"{supplied} ; trajets {MODE_LABELS[chosen.mode]} ; {demand.hypothesis}"
    points = people.join(result[["accessibility", "accessibility_per_100k", "available_etp", "status"]])
    points["hypothesis"] = hypothesis
    is_apl = chosen.method == "e2sfca" and profession == parameters.profession
    if is_apl and demand.population == "population_standardised":
        apl = compute_apl(times, supply, people, parameters=replace(parameters, decay=decay))
        points["apl"] = apl["apl"]
    scenarios = compute_sensitivity(
        times, supply, people, method=chosen.method, decay=decay, cuts_per_100k=chosen.cuts_per_100k,
        shift_min=chosen.shift_min, population=demand.population, decays=_other_decays(chosen.method, chosen.limit_min),
        supplies={
            label: supply.assign(capacity_etp=supply["destination_id"].map(own).fillna(0.0))
            for label, own in capacities.items()
        },
    )  # fmt: skip
    sensitivity = zone_sensitivity(scenarios, points, study, demand.population)
    edge = _edge(networks[1], demand, sites, study, decay, near, buffer_m)
    return StudyAccessibility(
        profession,
        points,
        zone_indicators(points, territories, study, profession, demand.population),
        sensitivity,
        summarise_sensitivity(sensitivity),
        edge,
        _summary(points, study, result, edge, hypothesis, buffer_m),
    )


def _sites_of(
    definitions: dict[str, PlacedPractitioners], profession: str, area: Any
) -> tuple[GeoDataFrame, dict[str, pd.Series[Any]]]:
    """Return every site of any definition, with the capacity of the study's own, and the capacities of the others."""
    import geopandas as gpd
    import pandas as pd

    tables = {label: supply_of(placed, profession) for label, placed in definitions.items()}
    every = gpd.GeoDataFrame(pd.concat(tables.values(), ignore_index=True), crs=next(iter(tables.values())).crs)
    every = every.drop_duplicates("destination_id").sort_values("destination_id").reset_index(drop=True)
    capacities = {label: table.set_index("destination_id")["capacity_etp"] for label, table in tables.items()}
    # A site that only another definition knows has no capacity in the reference: it changes nothing there.
    every["capacity_etp"] = every["destination_id"].map(capacities.pop(REFERENCE)).fillna(0.0)
    every["edge_distance_m"] = every.geometry.distance(area)
    return every, capacities


def _within(table: GeoDataFrame, reach_m: float) -> GeoDataFrame:
    return table.loc[table["edge_distance_m"] <= reach_m].reset_index(drop=True)


def _edge(
    network: RoadNetwork,
    demand: DemandPoints,
    sites: GeoDataFrame,
    study: Study,
    decay: Decay,
    near: tuple[pd.DataFrame, GeoDataFrame, GeoDataFrame],
    buffer_m: float,
) -> pd.DataFrame:
    """Compute again with supply, people and roads of twice the buffer."""
    import pandas as pd

    chosen = study.accessibility
    times, people, supply = travel(
        network, _within(demand.table, 2 * buffer_m), _within(sites, 2 * buffer_m), limit_min=chosen.limit_min
    )
    beyond = [table["edge_distance_m"].between(buffer_m, 2 * buffer_m, inclusive="right") for table in (people, supply)]
    if not any(flags.any() for flags in beyond):
        logger.warning(
            "Nothing is known between %.0f and %.0f metres of the study: no edge audit.", buffer_m, 2 * buffer_m
        )
        return pd.DataFrame()
    return audit_edge(
        times, supply, people, buffer_m=buffer_m, method=chosen.method, decay=decay, population=demand.population,
        near_tables=(near[0], near[2], near[1]),
    )  # fmt: skip


def choose_buffer(study: Study, placed: PlacedPractitioners, territories: GeoDataFrame) -> float:
    """Return the buffer around a study, in metres: its own, or the mode's, halved until the audit has a second half.

    Where practitioners are known only so far around the study, twice a larger buffer would hold nothing more: the
    audit would find no change for want of data.
    """
    chosen = study.accessibility
    if chosen.buffer_m is not None:
        return chosen.buffer_m
    area = territories.loc[territories["territory_level"] == study.density.level].union_all()
    points = placed.table.loc[placed.table.geometry.notna() & ~placed.table.geometry.is_empty]
    around = points.loc[~points["is_in_study"].astype(bool)]
    farthest = float(around.geometry.distance(area).max()) if len(around) else 0.0
    usual = BUFFERS_M[chosen.mode]
    return usual if farthest <= 0 else min(usual, max(farthest / 2, 500.0))


def check_level(territories: GeoDataFrame, level: str) -> None:
    """Raise unless the study has zones of a level.

    Raises
    ------
    UnknownNameError
        Naming those it has.
    """
    known = list(map(str, territories["territory_level"].unique()))
    if level not in known:
        raise UnknownNameError(f"accessibility.level: {level!r} is not a level of the study.",
                               next_step=suggest(level, known))  # fmt: skip


def _other_decays(method: str, limit_min: float) -> dict[str, Decay]:
    if method in {"2sfca", "kd2sfca", "g2sfca"}:
        return {}
    return {
        "tout ou rien": binary_decay(limit_min=limit_min),
        "gaussienne": gaussian_decay(limit_min=limit_min),
    }


def _definitions(
    study: Study, profession: str, placed: PlacedPractitioners, territories: GeoDataFrame
) -> dict[str, PlacedPractitioners]:
    """Return practitioners under the study's definition of a profession and under each other named one."""
    found = {REFERENCE: placed}
    if not any(source.kind == "rpps" for source in study.registries):
        return found
    table = load_definitions()
    own = table.loc[table["profession"] == profession]
    used = placed.definitions.get(profession)
    for name, label in zip(own["definition"], own["definition_label"], strict=True):
        if name == used:
            continue
        chosen = study.practitioners.model_copy(
            update={
                "professions": (profession,), "facilities": (), "control_totals": None,
                "definitions": {**study.practitioners.definitions, profession: name},
            }
        )  # fmt: skip
        other = prepare_practitioners(study.model_copy(update={"practitioners": chosen}), territories)
        if (other.table["profession"] == profession).any():
            found[str(label)] = other
    return found


def zone_indicators(
    points: GeoDataFrame, territories: GeoDataFrame, study: Study, profession: str, population: str
) -> pd.DataFrame:
    """Return accessibility by zone of every level, as `carto_sante.schemas.INDICATORS`.

    The value of a zone is the mean of its people, weighted as they compete; a zone where nobody lives or nobody
    could be routed is missing, never zero.
    """
    import pandas as pd

    columns = {"accessibility_per_100k": "ETP pour 100 000 habitants"}
    if "apl" in points.columns:
        columns["apl"] = "consultations par an et par habitant standardisé"
    parts = []
    for level in map(str, territories["territory_level"].unique()):
        zones = territories.loc[territories["territory_level"] == level]
        for name, unit in columns.items():
            inside = points.loc[points[f"{level}_id"].notna()]
            means = aggregate(inside, by=f"{level}_id", value=name, weight=population).set_index(f"{level}_id")[name]
            values = zones["territory_id"].map(means).to_numpy(dtype=np.float64)
            parts.append(
                pd.DataFrame(
                    {
                        "territory_id": zones["territory_id"].to_numpy(),
                        "territory_level": level,
                        "territory_label": zones["territory_label"].to_numpy(),
                        "profession": profession,
                        "indicator": name,
                        "indicator_value": values,
                        "unit": unit,
                        "lower": np.nan,
                        "upper": np.nan,
                        "status": np.where(np.isnan(values), "missing", "ok"),
                        "data_year": study.study.vintage.year,
                        "hypothesis": points["hypothesis"].iloc[0],
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def zone_sensitivity(scenarios: pd.DataFrame, points: GeoDataFrame, study: Study, population: str) -> pd.DataFrame:
    """Return the sensitivity table of the zones of ``accessibility.level``, from that of the demand points."""
    import pandas as pd

    level = f"{study.accessibility.level}_id"
    people = points.set_index("origin_id")[[level, population]]
    joined = scenarios.join(people.rename(columns={population: "people"}), on="origin_id")
    parts, reference = [], None
    for name, part in joined.loc[joined[level].notna()].groupby("scenario", sort=False):
        means = aggregate(part, by=level, value="accessibility_per_100k", weight="people")
        counts = part.groupby(level, sort=True)["population_count"].sum()
        values = means["accessibility_per_100k"]
        reference = values if reference is None else reference
        own = name_class(values, cuts=study.accessibility.cuts_per_100k, label="ETP pour 100 000")
        before = name_class(reference, cuts=study.accessibility.cuts_per_100k, label="ETP pour 100 000")
        parts.append(
            pd.DataFrame(
                {
                    "scenario": name,
                    "origin_id": means[level].to_numpy(),
                    "population_count": counts.to_numpy(),
                    "accessibility_per_100k": values,
                    "reference_per_100k": reference,
                    "change_per_100k": values - reference,
                    "class_label": own,
                    "reference_class_label": before,
                    "is_flipped": own.fillna("") != before.fillna(""),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _summary(
    points: GeoDataFrame, study: Study, result: pd.DataFrame, edge: pd.DataFrame, hypothesis: str, buffer_m: float
) -> dict[str, Any]:
    inside = points.loc[points["edge_distance_m"] == 0]
    value = "accessibility_per_100k"
    weight = "population_standardised" if "population_standardised" in inside.columns else "population_count"
    below = [
        {"threshold_per_100k": cut, **compute_share_below(inside, value=value, threshold=cut)}
        for cut in study.accessibility.cuts_per_100k
    ]
    account = result.attrs["fca"]
    return {
        "hypothesis": hypothesis,
        "mean_per_100k": compute_mean(inside, value=value, weight=weight),
        "deciles_per_100k": compute_quantiles(inside, value=value)[value].tolist(),
        "below": below,
        "supply_etp": account["supply_etp"],
        "supply_reached_etp": account["supply_reached_etp"],
        "sites_not_reached": account["sites_not_reached"],
        "points_missing": account["origins_missing"],
        "buffer_m": buffer_m,
        "edge": edge.attrs.get("edge"),
    }
