"""The catchment family and the APL: check values, oracle, conservation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carto_sante import accessibility as acc
from tests.oracles import accessibility as oracle

LUO_QI = {"travel_time_min": [5.0, 15.0, 25.0], "origin_id": ["a", "b", "c"], "destination_id": "s"}


def tables(minutes, capacity, people):
    """Tables from {(i, j): minutes}, {j: etp}, {i: people}."""
    times = pd.DataFrame(
        {
            "origin_id": pd.Series([i for i, _ in minutes], dtype="str"),
            "destination_id": pd.Series([j for _, j in minutes], dtype="str"),
            "mode": pd.Series(["drive"] * len(minutes), dtype="str"),
            "travel_time_min": pd.Series(list(minutes.values()), dtype=float),
        }
    )
    supply = pd.DataFrame(
        {"destination_id": list(capacity), "profession": "gp", "capacity_etp": list(capacity.values())}
    )
    demand = pd.DataFrame(
        {"origin_id": list(people), "population_count": list(people.values()),
         "population_standardised": list(people.values())}
    )  # fmt: skip
    return times, supply.assign(is_routable=True), demand.assign(is_routable=True)


@st.composite
def cities(draw):
    """A small random city: whole minutes so that bounds are met exactly, deserts, empty zones, idle sites."""
    zones, sites = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    people = {f"z{i}": float(draw(st.integers(0, 3000))) for i in range(zones)}
    people["z0"] += 1.0
    capacity = {f"s{j}": draw(st.sampled_from([0.0, 0.5, 1.0, 3.0, 12.0])) for j in range(sites)}
    minutes = {
        (i, j): float(draw(st.integers(0, 32)))
        for i in people for j in capacity if draw(st.integers(0, 3)) > 0
    }  # fmt: skip
    minutes["z0", "s0"] = 4.0
    return minutes, capacity, people


# The check values of the literature and of the DREES formula.


def test_e2sfca_of_luo_and_qi():
    times = pd.DataFrame(LUO_QI)
    supply = pd.DataFrame({"destination_id": ["s"], "capacity_etp": [10.0]})
    demand = pd.DataFrame({"origin_id": ["a", "b", "c"], "population_standardised": [1000.0, 2000.0, 500.0]})
    found = acc.compute_fca(times, supply, demand, method="e2sfca", decay="luo_qi_2009").accessibility
    assert found.tolist() == pytest.approx(
        [0.004048582995951417, 0.002753036437246964, 0.000890688259109312], abs=1e-15
    )
    modified = acc.compute_fca(times, supply, demand, method="m2sfca", decay="luo_qi_2009").accessibility
    expected = [0.004048582995951417, 0.001872064777327935, 0.000195951417004049]
    assert modified.tolist() == pytest.approx(expected, abs=1e-15)


@pytest.fixture
def toy_apl():
    pairs = {("a", "a"): 0, ("b", "b"): 0, ("c", "c"): 0, ("a", "b"): 12, ("b", "a"): 12, ("a", "c"): 18,
             ("c", "a"): 18, ("b", "c"): 25, ("c", "b"): 25}  # fmt: skip
    times, _, _ = tables(pairs, {"a": 1.0}, {"a": 1.0})
    supply = pd.DataFrame({"destination_id": ["a", "a", "a", "b"], "acts_count": [2000.0, 5000.0, 9000.0, 4000.0]})
    people = np.array([3000.0, 2000.0, 1000.0])
    demand = pd.DataFrame(
        {"origin_id": ["a", "b", "c"], "population_count": people,
         "population_standardised": people * [1.0, 1.1, 1.3]}
    )  # fmt: skip
    return times, supply, demand


def test_apl_of_three_communes(toy_apl):
    times, supply, demand = toy_apl
    parameters = acc.apl_parameters("apl_2022")
    acts = acc.count_acts(supply, parameters=parameters)
    assert dict(zip(acts.destination_id, acts.acts_count, strict=True)) == {"a": 14600.0, "b": 4000.0}
    found = acc.compute_apl(times, supply, demand, parameters=parameters)
    assert found.apl.tolist() == pytest.approx([3.6145124716553294, 2.9387755102040822, 0.9931972789115648], abs=1e-12)
    mean = np.average(found.apl, weights=found.population_standardised)
    assert mean == pytest.approx(2.861538461538462, abs=1e-12)
    assert found.apl_etp_per_100k.tolist() == pytest.approx((found.apl * 1e5 / 5400).tolist())
    assert found.hypothesis.str.contains("activité observée, bornée entre 3 600 et 6 000").all()


def test_spatial_availability_of_soukhov():
    minutes = [[15, 30, 100], [30, 15, 100], [100, 100, 15]]
    pairs = {(f"z{i}", f"s{j}"): minutes[i][j] for i in range(3) for j in range(3)}
    capacity = {"s0": 100_000.0, "s1": 100_000.0, "s2": 10_000.0}
    people = {"z0": 50_000.0, "z1": 150_000.0, "z2": 10_000.0}
    found = acc.compute_fca(
        *tables(pairs, capacity, people), method="spatial_availability", decay=acc.exponential_decay(rate_per_min=0.1)
    )
    assert found.available_etp.tolist() == pytest.approx([66833.4657709, 133203.3628639, 9963.17136519], abs=1e-6)
    assert found.available_etp.sum() == pytest.approx(210_000, abs=1e-6)


def test_conversion_of_the_national_apl():
    """3.26 consultations a year are 60.4 ETP per 100,000, one ETP being 5,400 acts."""
    assert 3.26 * 1e5 / acc.apl_parameters("apl_2024").acts_per_etp == pytest.approx(60.37, abs=0.005)
    assert pytest.approx(3.02, abs=0.01) == 56 * 5400 / 100_000


# The oracle.

METHODS = {
    "2sfca": (acc.binary_decay(limit_min=15), lambda t: float(t <= 15), oracle.two_step),
    "e2sfca": (acc.named_decay("apl_gp_2015"),
               lambda t: oracle.step_weight(t, (10, 15, 20), (1, 2 / 3, 1 / 3), includes_upper=False),
               oracle.two_step),
    "kd2sfca": (acc.kernel_decay(limit_min=20), lambda t: 0.75 * (1 - (t / 20) ** 2) if t < 20 else 0.0,
                oracle.two_step),
    "g2sfca": (acc.gaussian_decay(limit_min=20),
               lambda t: max(0.0, (math.exp(-0.5 * (t / 20) ** 2) - math.exp(-0.5)) / (1 - math.exp(-0.5)))
               if t <= 20 else 0.0, oracle.two_step),
    "m2sfca": (acc.named_decay("luo_qi_2009"),
               lambda t: oracle.step_weight(t, (10, 20, 30), (1, 0.68, 0.22), includes_upper=True),
               lambda *rest: oracle.two_step(*rest, second_power=2)),
    "3sfca": (acc.named_decay("luo_qi_2009"),
              lambda t: oracle.step_weight(t, (10, 20, 30), (1, 0.68, 0.22), includes_upper=True),
              oracle.three_step),
    "bfca": (acc.exponential_decay(rate_per_min=0.1, limit_min=25), lambda t: math.exp(-0.1 * t) if t <= 25 else 0.0,
             oracle.balanced),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(city=cities())
def test_every_method_equals_its_oracle(method, city):
    minutes, capacity, people = city
    decay, weigh, slow = METHODS[method]
    found = acc.compute_fca(*tables(minutes, capacity, people), method=method, decay=decay)
    expected = slow(minutes, capacity, people, weigh)
    for zone, value, status in zip(found.origin_id, found.accessibility, found.status, strict=True):
        if status == "missing":  # only a zone without people, beside practitioners that nobody reaches
            assert people[zone] == 0
        else:
            assert value == pytest.approx(expected[zone], rel=1e-12, abs=1e-15)


@settings(max_examples=60, deadline=None)
@given(city=cities())
def test_spatial_availability_equals_its_oracle(city):
    minutes, capacity, people = city
    decay = acc.exponential_decay(rate_per_min=0.1)
    found = acc.compute_fca(*tables(minutes, capacity, people), method="spatial_availability", decay=decay)
    expected = oracle.availability(minutes, capacity, people, lambda t: math.exp(-0.1 * t))
    for zone, value in zip(found.origin_id, found.available_etp, strict=True):
        assert np.isnan(value) or value == pytest.approx(expected[zone], rel=1e-12, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(city=cities(), method=st.sampled_from(["2sfca", "e2sfca", "kd2sfca", "g2sfca", "3sfca", "spatial_availability"]))
def test_shares_add_up_to_the_supply_reached(city, method):
    minutes, capacity, people = city
    decay = METHODS[method][0] if method in METHODS else acc.exponential_decay(rate_per_min=0.1)
    found = acc.compute_fca(*tables(minutes, capacity, people), method=method, decay=decay)
    account = found.attrs["fca"]
    assert found.available_etp.sum() == pytest.approx(account["supply_reached_etp"], rel=1e-9, abs=1e-12)
    lost = sum(capacity[site] for site in account["sites_not_reached"])
    assert account["supply_reached_etp"] + lost == pytest.approx(account["supply_etp"])


@settings(max_examples=30, deadline=None)
@given(city=cities(), extra=st.floats(0.1, 5))
def test_more_supply_never_lowers_access(city, extra):
    minutes, capacity, people = city
    times, supply, demand = tables(minutes, capacity, people)
    before = acc.compute_fca(times, supply, demand, method="e2sfca", decay="apl_gp_2015").accessibility
    more = supply.assign(capacity_etp=supply.capacity_etp + extra)
    after = acc.compute_fca(times, more, demand, method="e2sfca", decay="apl_gp_2015").accessibility
    assert ((after - before).fillna(0) >= -1e-15).all()


def test_order_of_rows_and_kind_of_ids_change_nothing():
    minutes = {(f"z{i}", f"s{j}"): float((7 * i + 11 * j) % 29) for i in range(9) for j in range(5)}
    times, supply, demand = tables(minutes, {f"s{j}": 1.0 + j for j in range(5)}, {f"z{i}": 10.0 + i for i in range(9)})
    expected = acc.compute_fca(times, supply, demand, method="e2sfca", decay="luo_qi_2009").accessibility
    for kind in ("category", object, "string[python]"):
        other = times.sample(frac=1, random_state=1).astype({"origin_id": kind, "destination_id": kind, "mode": kind})
        found = acc.compute_fca(other, supply, demand, method="e2sfca", decay="luo_qi_2009").accessibility
        assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-14)


def test_grouped_search_of_repeats_agrees_with_bits(monkeypatch):
    from carto_sante.accessibility import pairs

    minutes = {(f"z{i}", f"s{j}"): 5.0 for i in range(20) for j in range(7)}
    times, supply, demand = tables(
        minutes, dict.fromkeys((f"s{j}" for j in range(7)), 1.0), {f"z{i}": 1.0 for i in range(20)}
    )
    doubled = pd.concat([times, times.iloc[[33]]], ignore_index=True)
    messages = []
    for limit in (pairs._MOST_BIT_BYTES, 0):
        monkeypatch.setattr(pairs, "_MOST_BIT_BYTES", limit)
        acc.compute_fca(times, supply, demand, method="e2sfca", decay="luo_qi_2009")
        with pytest.raises(ValueError, match="repeats a pair on 1 rows") as caught:
            acc.compute_fca(doubled, supply, demand, method="e2sfca", decay="luo_qi_2009")
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


# Each parameter changes the result; nothing is accepted and ignored.


def test_a_transposed_table_gives_another_answer():
    """Times are directional: downhill to the doctor is not uphill."""
    minutes = {("a", "a"): 0, ("b", "b"): 0, ("a", "b"): 8, ("b", "a"): 17}
    times, supply, demand = tables(minutes, {"a": 2.0, "b": 1.0}, {"a": 500.0, "b": 900.0})
    straight = acc.compute_fca(times, supply, demand, method="e2sfca", decay="apl_gp_2015").accessibility
    swapped = times.rename(columns={"origin_id": "destination_id", "destination_id": "origin_id"})
    back = acc.compute_fca(swapped, supply, demand, method="e2sfca", decay="apl_gp_2015").accessibility
    # By hand: R_a = 2 / (500 + 900/3), R_b = 1 / (900 + 500); A_a = R_a + R_b; transposed the weights swap.
    assert straight.tolist() == pytest.approx([2 / 800 + 1 / 1400, 2 / 800 / 3 + 1 / 1400])
    assert back.tolist() == pytest.approx([2 / 1400 + 1 / 1066.6666666666667 / 3, 2 / 1400 + 1 / 1066.6666666666667])


def test_population_and_parameters_change_the_result(toy_apl):
    times, supply, demand = toy_apl
    results = {
        name: acc.compute_apl(times, supply, demand, parameters=name).apl.sum() for name in ("apl_2022", "apl_2023")
    }
    assert results["apl_2022"] == results["apl_2023"]  # same bounds and decay; the age weights act on demand only
    ages = pd.DataFrame({"origin_id": list("abc") * 2, "age_band": ["0-64"] * 3 + ["65+"] * 3,
                         "population_count": [2000.0, 1000, 500, 1000, 1000, 500]})  # fmt: skip
    by_age = {
        name: acc.compute_apl(times, supply, ages, parameters=name).apl.sum() for name in ("apl_2022", "apl_2023")
    }
    assert by_age["apl_2022"] != by_age["apl_2023"]
    etp = pd.DataFrame({"destination_id": ["a", "b"], "capacity_etp": [3.0, 1.0]})
    plain = acc.compute_fca(times, etp, demand, method="e2sfca", decay="apl_gp_2015", population="population_count")
    standard = acc.compute_fca(times, etp, demand, method="e2sfca", decay="apl_gp_2015")
    assert plain.accessibility.sum() != standard.accessibility.sum()
    assert "non standardisée" in plain.hypothesis[0]
    assert "standardisée par âge" in standard.hypothesis[0]
    imputed = acc.compute_apl(times, etp, demand, parameters="apl_2023")
    assert imputed.apl.tolist() == pytest.approx((standard.accessibility * 5400).tolist())
    assert "1 ETP = 5 400 actes" in imputed.hypothesis[0]


def test_activity_bounds():
    parameters = acc.apl_parameters("apl_2022")
    acts = [0.0, 250.0, 251.0, 3600.0, 4321.0, 6000.0, 6001.0]
    supply = pd.DataFrame({"destination_id": [f"s{i}" for i in range(len(acts))], "acts_count": acts})
    found = acc.count_acts(supply, parameters=parameters).acts_count
    assert found.tolist() == [oracle.bounded_acts(value) for value in acts]
    special = pd.DataFrame({"destination_id": ["a", "b"], "acts_count": [np.nan, 9000.0],
                            "is_newcomer": [True, False], "is_health_centre": [False, True]})  # fmt: skip
    assert acc.count_acts(special, parameters=parameters).acts_count.tolist() == [5400.0, 9000.0]


def test_inputs_are_left_alone_and_the_index_is_kept():
    times, supply, demand = tables({("a", "s"): 5.0, ("b", "s"): 9.0}, {"s": 1.0}, {"a": 1.0, "b": 2.0})
    demand.index = [7, 3]
    copies = [table.copy() for table in (times, supply, demand)]
    found = acc.compute_fca(times, supply, demand, method="3sfca", decay="luo_qi_2009")
    assert found.index.tolist() == [7, 3]
    for table, copy in zip((times, supply, demand), copies, strict=True):
        pd.testing.assert_frame_equal(table, copy)


# Zero and missing.


def test_a_desert_is_zero_and_an_unroutable_zone_is_missing():
    times, supply, demand = tables({("a", "s"): 5.0, ("b", "s"): 45.0}, {"s": 1.0}, dict.fromkeys("abcd", 100.0))
    demand["is_routable"] = [True, True, True, False]
    found = acc.compute_fca(times, supply, demand, method="e2sfca", decay="luo_qi_2009")
    assert found.accessibility.iloc[1:3].tolist() == [0.0, 0.0]
    assert np.isnan(found.accessibility.iloc[3])
    assert found.status.tolist() == ["ok", "ok", "ok", "missing"]
    assert found.attrs["fca"]["origins_missing"] == ["d"]


def test_people_who_cannot_be_routed_do_not_compete():
    minutes = {("a", "s"): 5.0, ("b", "s"): 5.0}
    times, supply, demand = tables(minutes, {"s": 1.0}, {"a": 100.0, "b": 300.0})
    demand["is_routable"] = [True, False]
    found = acc.compute_fca(times, supply, demand, method="e2sfca", decay="luo_qi_2009")
    assert found.accessibility.iloc[0] == pytest.approx(0.01)


def test_nobody_near_a_doctor_has_no_ratio():
    times, supply, demand = tables({("a", "s"): 5.0, ("b", "t"): 5.0}, {"s": 1.0, "t": 1.0}, {"a": 100.0, "b": 0.0})
    found = acc.compute_fca(times, supply, demand, method="e2sfca", decay="luo_qi_2009")
    assert found.status.tolist() == ["ok", "missing"]
    assert found.attrs["fca"]["sites_not_reached"] == ["t"]
