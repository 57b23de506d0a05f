"""Real travel times: Alpes-Maritimes and Isère, and PySAL `access` on the same inputs."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from carto_sante import accessibility as acc
from tests.real_accessibility import by_commune, by_iris, read_tables

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def nice(real_data):
    return read_tables(real_data)


def test_alpes_maritimes_equals_plain_matrices_and_conserves(nice):
    times, supply, demand = nice
    found = acc.compute_fca(*nice, method="e2sfca", decay=acc.exponential_decay(rate_per_min=0.12))
    assert len(found) == 500
    matrix = times.pivot(index="origin_id", columns="destination_id", values="travel_time_min")
    matrix = matrix.reindex(index=demand.origin_id, columns=supply.destination_id).to_numpy()
    weight = np.where(np.isnan(matrix), 0.0, np.exp(-0.12 * np.nan_to_num(matrix)))
    people, etp = demand.population_standardised.to_numpy(), supply.capacity_etp.to_numpy()
    expected = weight @ (etp / (people @ weight)) * 1e5
    assert found.accessibility_per_100k.to_numpy() == pytest.approx(expected, rel=1e-12)
    assert found.available_etp.sum() == pytest.approx(670.0, rel=1e-12)
    assert found.attrs["fca"]["supply_reached_etp"] == 670.0


def test_alpes_maritimes_transposed_is_another_answer(nice):
    times, supply, demand = nice
    swapped = times.rename(columns={"origin_id": "destination_id", "destination_id": "origin_id"})
    decay = acc.exponential_decay(rate_per_min=0.12)
    straight = acc.compute_fca(times, supply, demand, method="e2sfca", decay=decay).accessibility
    back = acc.compute_fca(swapped, supply, demand, method="e2sfca", decay=decay).accessibility
    assert (back / straight - 1).abs().max() > 0.1


def test_alpes_maritimes_communes_beside_the_published_apl(real_data):
    communes = by_commune(real_data, by_iris(real_data))
    assert len(communes) == 163
    # One activity for all GPs and supply cut at the département: it ranks communes roughly, and no more.
    assert communes[["apl_2022", "apl"]].corr("spearman").iloc[0, 1] == pytest.approx(0.644, abs=0.002)


def test_edge_of_the_departement_is_not_knowable_from_these_files(nice):
    """Supply stops at the border: the audit says that there is nothing to compare instead of finding no change."""
    times, supply, demand = nice
    with pytest.raises(ValueError, match="has anything between 5000 and 10000 metres"):
        acc.audit_edge(times, supply.assign(edge_distance_m=0.0), demand.assign(edge_distance_m=0.0), buffer_m=5000,
                       method="e2sfca", decay="apl_gp_2015")  # fmt: skip


def test_isere_scale_and_conservation(real_data):
    """512 communes of real car times; supply in proportion to people is a declared hypothesis, not an observation."""
    matrix = pd.read_csv(real_data / "isere" / "osrm_car_commune_matrix_2021.csv", dtype={"id": str})
    times = matrix.melt(id_vars="id", var_name="destination_id", value_name="seconds").rename(
        columns={"id": "origin_id"}
    )
    times["travel_time_min"] = times.seconds / 60
    times = times[times.travel_time_min <= 20][["origin_id", "destination_id", "travel_time_min"]]
    published = acc.read_published_apl(real_data / "france" / "drees_apl_generalistes_2022_2023.xlsx", year=2022)
    codes = set(times.origin_id) | set(times.destination_id)
    demand = published[published.commune_code.isin(codes)].rename(columns={"commune_code": "origin_id"})
    demand = demand.dropna(subset="population_standardised")[
        ["origin_id", "population_count", "population_standardised"]
    ]
    assert len(demand) >= 500
    times = times[times.origin_id.isin(demand.origin_id) & times.destination_id.isin(demand.origin_id)]
    etp_per_person = 60.0 / 100_000
    supply = pd.DataFrame(
        {"destination_id": demand.origin_id, "capacity_etp": demand.population_standardised * etp_per_person}
    )
    found = acc.compute_apl(times, supply, demand, parameters="apl_2022")
    mean = acc.compute_mean(found, value="apl_etp_per_100k")
    assert mean == pytest.approx(60.0, rel=1e-9)  # conservation: what is spread over people comes back per person
    assert found.apl_etp_per_100k.between(5, 200).all()


# PySAL `access`, where it is installed: the same results where it is right, and why not elsewhere.


def with_access(times, supply, demand, *, decay, three=False, max_cost=1e9):
    fca = pytest.importorskip("access.fca")
    table = times[["origin_id", "destination_id", "travel_time_min"]].copy()
    people = demand.set_index("origin_id").rename_axis("geoid")
    sites = supply.set_index("destination_id").rename_axis("geoid")[["capacity_etp"]]
    run = fca.three_stage_fca if three else fca.two_stage_fca
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecated calls
        return run(
        people, sites, table, max_cost, demand_index=True, demand_name="population_standardised", supply_index=True,
        supply_name="capacity_etp", cost_origin="origin_id", cost_dest="destination_id", cost_name="travel_time_min",
        weight_fn=lambda minutes: float(decay.weigh(minutes)),
    )  # fmt: skip


def test_access_gives_the_same_e2sfca(nice):
    times, supply, demand = nice
    decay = acc.named_decay("luo_qi_2009")
    ours = acc.compute_fca(*nice, method="e2sfca", decay=decay).set_index("origin_id").accessibility
    theirs = with_access(times, supply, demand, decay=decay).reindex(ours.index)
    assert ours.to_numpy() == pytest.approx(theirs.to_numpy(), rel=1e-10)


def test_access_gives_the_same_3sfca_once_empty_sites_are_left_out(nice):
    """`access` lets a zone prefer sites where nobody practises, which lowers the share of the others."""
    times, supply, demand = nice
    decay = acc.named_decay("luo_qi_2009")
    ours = acc.compute_fca(*nice, method="3sfca", decay=decay).set_index("origin_id").accessibility
    theirs_all = with_access(times, supply, demand, decay=decay, three=True).reindex(ours.index)
    assert np.abs(theirs_all / ours - 1).max() > 0.01
    staffed = times[times.destination_id.isin(supply.destination_id[supply.capacity_etp > 0])]
    theirs = with_access(staffed, supply, demand, decay=decay, three=True).reindex(ours.index)
    # A desert (no staffed site within 30 minutes) is NaN there, 0 here: it was routed and reaches nothing.
    is_desert = theirs.isna()
    assert is_desert.any()
    assert (ours[is_desert] == 0).all()
    assert ours[~is_desert].to_numpy() == pytest.approx(theirs[~is_desert].to_numpy(), rel=1e-9)


def test_access_leaves_out_a_desert_that_has_no_row():
    """A zone routed and reaching nothing is 0 for us; `access` has no row for it, which a join turns into NaN."""
    times = pd.DataFrame({"origin_id": ["a"], "destination_id": ["s"], "travel_time_min": [5.0]})
    supply = pd.DataFrame({"destination_id": ["s"], "capacity_etp": [1.0]})
    demand = pd.DataFrame({"origin_id": ["a", "b"], "population_standardised": [10.0, 20.0], "is_routable": True})
    decay = acc.named_decay("luo_qi_2009")
    ours = acc.compute_fca(times, supply, demand, method="e2sfca", decay=decay).set_index("origin_id").accessibility
    theirs = with_access(times, supply, demand, decay=decay)
    assert ours["b"] == 0.0
    assert "b" not in theirs.index


def test_access_counts_sites_beyond_the_limit_in_3sfca():
    """`access` sums the weights of a zone before cutting at max_cost: sites out of reach keep a share of its demand."""
    times = pd.DataFrame(
        {"origin_id": ["a", "a", "b"], "destination_id": ["s", "t", "s"], "travel_time_min": [5.0, 25.0, 5.0]}
    )
    supply = pd.DataFrame({"destination_id": ["s", "t"], "capacity_etp": [1.0, 1.0]})
    demand = pd.DataFrame({"origin_id": ["a", "b"], "population_standardised": [1000.0, 1000.0]})
    cut = acc.step_decay(upper_min=[10, 20], weights=[1, 0.68])
    ours = acc.compute_fca(times, supply, demand, method="3sfca", decay=cut).accessibility
    assert ours.tolist() == pytest.approx([1 / 2000, 1 / 2000])  # within 20 minutes both have the same one site
    theirs = with_access(times, supply, demand, decay=acc.named_decay("luo_qi_2009"), three=True, max_cost=20)
    share = 1 / 1.22  # site t, 25 minutes away, keeps 0.22 / 1.22 of the demand of a
    expected = [share / (1000 * share + 1000), 1 / (1000 * share + 1000)]
    assert theirs[["a", "b"]].tolist() == pytest.approx(expected)
