"""Location models against every combination, gain and team against the whole city computed again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carto_sante import siting
from carto_sante.accessibility import named_decay
from carto_sante.errors import NoResultError
from tests.oracles import accessibility as slow_access
from tests.oracles import siting as oracle


def weigh(minutes):
    return slow_access.step_weight(minutes, (10, 15, 20), (1, 2 / 3, 1 / 3), includes_upper=False)


def times_of(minutes):
    return pd.DataFrame(
        {
            "origin_id": pd.Series([i for i, _ in minutes], dtype="str"),
            "destination_id": pd.Series([j for _, j in minutes], dtype="str"),
            "travel_time_min": pd.Series(list(minutes.values()), dtype=float),
        }
    )


@st.composite
def problems(draw):
    """Few points and sites, whole minutes (ties), some pairs absent, some points empty, some sites existing."""
    points, sites = draw(st.integers(1, 7)), draw(st.integers(2, 6))
    need = {f"p{i}": float(draw(st.sampled_from([0, 10, 25, 40]))) for i in range(points)}
    need["p0"] += 1
    names = [f"s{j}" for j in range(sites)]
    minutes = {(i, j): float(draw(st.integers(0, 12))) for i in need for j in names if draw(st.integers(0, 4)) > 0}
    minutes["p0", "s0"] = 3.0
    existing = [names[-1]] if draw(st.booleans()) else []
    count = draw(st.integers(1, min(3, sites - len(existing))))
    return minutes, need, names, existing, count


def arguments(problem):
    minutes, need, names, existing, _ = problem
    demand = pd.DataFrame({"origin_id": list(need), "population_count": list(need.values())})
    candidates = pd.DataFrame({"destination_id": names, "is_existing": [name in existing for name in names]})
    return times_of(minutes), demand, candidates


@settings(max_examples=150, deadline=None)
@given(problem=problems(), limit=st.integers(2, 12))
def test_covering_models_try_as_well_as_every_combination(problem, limit):
    minutes, need, names, existing, count = problem
    near = {pair: time for pair, time in minutes.items() if time <= limit}
    assume(near)
    tables = arguments(problem)
    best = siting.solve(*tables, model="mclp", sites_count=count, limit_min=limit)
    assert best.objective == pytest.approx(oracle.mclp(near, need, names, existing, count))
    assert best.bound == pytest.approx(best.objective, abs=1e-6)
    fewest = oracle.lscp(near, need, names, existing)
    if fewest is None:
        lost = [i for i in need if need[i] > 0 and oracle.nearest(near, i, names) is None]
        with pytest.raises(NoResultError, match=f"(?s)no candidate is within the limit.*{lost[0]}"):
            siting.solve(*tables, model="lscp", limit_min=limit)
    else:
        found = siting.solve(*tables, model="lscp", limit_min=limit)
        assert found.objective == fewest
        assert set(existing) <= set(found.sites.destination_id)


@settings(max_examples=150, deadline=None)
@given(problem=problems())
def test_median_and_center_try_as_well_as_every_combination(problem):
    minutes, need, names, existing, count = problem
    for model, slow in (("p-median", oracle.median), ("p-center", oracle.center)):
        expected = slow(minutes, need, names, existing, count)
        if expected is None:
            with pytest.raises(NoResultError, match=f"Model '{model}' has no solution"):
                siting.solve(*arguments(problem), model=model, sites_count=count)
            continue
        found = siting.solve(*arguments(problem), model=model, sites_count=count)
        assert found.is_optimal
        assert found.objective == pytest.approx(expected, abs=1e-9)
        assert found.bound == pytest.approx(expected, rel=1e-6, abs=1e-6)
        opened = set(found.sites.destination_id)
        assert len(opened) == count + len(existing)
        # Assignments add up to the objective.
        rows = found.assignments[found.assignments.population_count > 0]
        total = (rows.population_count * rows.travel_time_min).sum()
        assert (total if model == "p-median" else rows.travel_time_min.max()) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_capacities_that_do_not_bind_change_nothing(problem):
    minutes, need, names, existing, count = problem
    expected = oracle.median(minutes, need, names, existing, count)
    assume(expected is not None)
    times, demand, candidates = arguments(problem)
    wide = candidates.assign(capacity_count=sum(need.values()))
    found = siting.solve(times, demand, wide, model="capacitated", sites_count=count)
    assert found.objective == pytest.approx(expected, abs=1e-6)
    served = found.assignments.groupby("origin_id").population_count.sum()
    assert all(served[i] == pytest.approx(need[i]) for i in need if need[i] > 0)


def test_capacities_share_a_point_between_sites():
    times = times_of({("a", "s"): 1.0, ("a", "t"): 5.0, ("b", "s"): 2.0, ("b", "t"): 4.0})
    demand = pd.DataFrame({"origin_id": ["a", "b"], "population_count": [100.0, 60.0]})
    sites = pd.DataFrame({"destination_id": ["s", "t"], "capacity_count": [120.0, 100.0]})
    found = siting.solve(times, demand, sites, model="capacitated", sites_count=2)
    # 40 people of b must go to t: 100 x 1 + 20 x 2 + 40 x 4.
    assert found.objective == pytest.approx(300)
    assert found.sites.population_served_count.tolist() == pytest.approx([120, 40])
    tight = sites.assign(capacity_count=[100.0, 50.0])
    with pytest.raises(NoResultError, match=r"160 inhabitants for 150 places"):
        siting.solve(times, demand, tight, model="capacitated", sites_count=2)
    local = times[~((times.origin_id == "a") & (times.destination_id == "t"))]
    with pytest.raises(NoResultError, match=r"(?s)at least 20 inhabitants find no room within reach, among.*a"):
        siting.solve(local, demand, sites.assign(capacity_count=[80.0, 100.0]), model="capacitated", sites_count=2)


def test_weights_of_need_move_the_answer():
    times = times_of({("a", "s"): 5.0, ("b", "t"): 5.0})
    demand = pd.DataFrame({"origin_id": ["a", "b"], "population_count": [100.0, 60.0]})
    sites = pd.DataFrame({"destination_id": ["s", "t"]})
    plain = siting.solve(times, demand, sites, model="mclp", sites_count=1, limit_min=10)
    weighted = siting.solve(
        times, demand.assign(need_weight=[1.0, 2.0]), sites, model="mclp", sites_count=1, limit_min=10
    )
    assert plain.sites.destination_id.tolist() == ["s"]
    assert weighted.sites.destination_id.tolist() == ["t"]


def test_too_few_sites_says_how_many_it_takes_and_who_is_left():
    times = times_of({("a", "s"): 5.0, ("b", "t"): 5.0, ("c", "u"): 5.0})
    demand = pd.DataFrame({"origin_id": ["a", "b", "c"], "population_count": [100.0, 60.0, 30.0]})
    sites = pd.DataFrame({"destination_id": ["s", "t", "u"]})
    sentence = r"2 new sites cannot put everybody in reach.*1 demand point \(30 inhabitants\): c.*at least 3 new sites"
    for model in ("p-median", "p-center"):
        with pytest.raises(NoResultError, match=f"(?s){sentence}"):
            siting.solve(times, demand, sites, model=model, sites_count=2)


# Gain with competition recomputed.


@st.composite
def cities(draw):
    people = {f"z{i}": float(draw(st.integers(1, 2000))) for i in range(draw(st.integers(1, 6)))}
    sites = [f"s{j}" for j in range(draw(st.integers(1, 3)))]
    capacity = {site: draw(st.sampled_from([1.0, 2.5, 6.0])) for site in sites}
    candidates = [f"c{j}" for j in range(draw(st.integers(1, 3)))]
    minutes = {
        (i, j): float(draw(st.integers(0, 24)))
        for i in people
        for j in sites + candidates
        if draw(st.integers(0, 4)) > 0
    }
    minutes["z0", "c0"] = 8.0
    weight = {i: draw(st.sampled_from([1.0, 1.0, 2.0, 0.5])) for i in people}
    move = (sites[0], draw(st.sampled_from([0.5, 1.0]))) if draw(st.booleans()) else None
    if draw(st.booleans()):
        candidates.append(sites[-1])  # growing a practice that exists
    return minutes, capacity, people, candidates, weight, move


def gain_arguments(city):
    minutes, capacity, people, candidates, weight, move = city
    supply = pd.DataFrame(
        {"destination_id": list(capacity), "capacity_etp": list(capacity.values()), "is_routable": True}
    )
    demand = pd.DataFrame(
        {"origin_id": list(people), "population_count": list(people.values()),
         "population_standardised": list(people.values()), "need_weight": [weight[i] for i in people],
         "is_routable": True}
    )  # fmt: skip
    moves = pd.DataFrame({"destination_id": [move[0]], "capacity_etp": [move[1]]}) if move else None
    return (times_of(minutes), supply, demand), pd.DataFrame({"destination_id": candidates}), moves


@pytest.mark.parametrize("method", ["e2sfca", "m2sfca", "3sfca"])
@settings(max_examples=80, deadline=None)
@given(city=cities(), floor=st.sampled_from([50.0, 200.0, 1000.0]))
def test_gain_equals_the_city_computed_again(method, city, floor):
    minutes, capacity, people, _, weight, move = city
    tables, candidates, moves = gain_arguments(city)
    found = siting.compute_gain(
        *tables, candidates, decay="apl_gp_2015", threshold_per_100k=floor, etp_added=2.0, moves=moves, method=method
    ).set_index("destination_id")
    slow = {"e2sfca": slow_access.two_step, "3sfca": slow_access.three_step,
            "m2sfca": lambda *rest: slow_access.two_step(*rest, second_power=2)}[method]  # fmt: skip
    for candidate in candidates.destination_id:
        row = found.loc[candidate]
        if row.status == "out_of_reach":
            continue
        expected = oracle.gain(
            minutes, capacity, people, weigh, candidate=candidate, etp=2.0, floor=dict.fromkeys(people, floor / 1e5),
            weight=weight, moves=[move] if move else [], method=slow,
        )  # fmt: skip
        assert row.gain_etp == pytest.approx(expected["gain_etp"], rel=1e-9, abs=1e-12)
        assert row.population_lifted_count == pytest.approx(expected["lifted"])
        assert row.population_losing_count == pytest.approx(expected["losing"])
        assert row.population_gaining_count == pytest.approx(expected["gaining"])
        by_zone = siting.compute_gain_by_origin(
            *tables, candidate_id=candidate, etp_added=2.0, decay="apl_gp_2015", threshold_per_100k=floor,
            moves=moves, method=method,
        )  # fmt: skip
        assert by_zone.after_per_100k.tolist() == pytest.approx([v * 1e5 for v in expected["after"].values()], abs=1e-7)
        assert by_zone.before_per_100k.tolist() == pytest.approx(
            [v * 1e5 for v in expected["before"].values()], abs=1e-7
        )
        assert by_zone.loc[by_zone.is_lifted, "population_count"].sum() == pytest.approx(expected["lifted"])


@settings(max_examples=60, deadline=None)
@given(city=cities(), floor=st.sampled_from([50.0, 150.0]), target=st.sampled_from([0.3, 0.6, 0.9]))
def test_the_smallest_team_is_the_one_found_by_trying(city, floor, target):
    minutes, capacity, people, _, _, _ = city
    tables, _, _ = gain_arguments(city)
    arguments = {"candidate_id": "c0", "decay": "apl_gp_2015"}
    curve = siting.compute_break_even(*tables, threshold_per_100k=floor, **arguments)
    assert curve.etp_added.is_monotonic_increasing
    assert curve.population_above_share.is_monotonic_increasing
    if curve.population_above_share.iloc[-1] < target - 1e-9:
        with pytest.raises(NoResultError, match="out of reach"):
            siting.compute_team(*tables, thresholds_per_100k={"gp": floor}, target_share=target, **arguments)
        return
    team = siting.compute_team(*tables, thresholds_per_100k={"gp": floor}, target_share=target, **arguments).iloc[0]
    expected = oracle.least_team(minutes, capacity, people, weigh, candidate="c0", floor=floor / 1e5, target=target,
                                 step=0.05, most=60.0)  # fmt: skip
    assert team.etp_min == pytest.approx(expected, abs=0.0501)
    assert team.etp_min <= expected + 1e-6
    assert team.etp_rounded >= team.etp_min - 1e-9
    assert team.share_after >= target - 1e-9


def test_plain_gains_add_up_to_the_new_practitioners():
    """Conservation: with a floor nobody reaches and equal weights, each candidate gives exactly its ETP."""
    minutes = {("a", "s"): 5.0, ("b", "s"): 12.0, ("a", "c"): 3.0, ("b", "c"): 18.0, ("b", "d"): 2.0}
    tables = (times_of(minutes), pd.DataFrame({"destination_id": ["s"], "capacity_etp": [1.0]}),
              pd.DataFrame({"origin_id": ["a", "b"], "population_standardised": [900.0, 400.0]}))  # fmt: skip
    found = siting.compute_gain(
        *tables,
        pd.DataFrame({"destination_id": ["c", "d"]}),
        decay="apl_gp_2015",
        threshold_per_100k=1e9,
        etp_added=2.0,
    )
    assert found.gain_etp.tolist() == pytest.approx([2.0, 2.0])


def test_moving_a_practitioner_to_the_same_place_changes_nothing_and_elsewhere_leaves_a_hole():
    minutes = {("a", "s"): 5.0, ("b", "s"): 5.0, ("b", "c"): 5.0}
    tables = (times_of(minutes), pd.DataFrame({"destination_id": ["s"], "capacity_etp": [2.0]}),
              pd.DataFrame({"origin_id": ["a", "b"], "population_standardised": [500.0, 500.0]}))  # fmt: skip
    moves = pd.DataFrame({"destination_id": ["s"], "capacity_etp": [1.0]})
    found = siting.compute_gain(
        *tables, pd.DataFrame({"destination_id": ["c", "s"]}), decay="apl_gp_2015", threshold_per_100k=150.0,
        etp_added=0.5, moves=moves,
    ).set_index("destination_id")  # fmt: skip
    assert found.loc["c", "population_losing_count"] == 500
    assert found.loc["c", "population_dropped_count"] == 500
    assert found.loc["s", "population_losing_count"] == 0
    assert found.loc["c", "etp_moved"] == 1.0
    # By hand: a loses 1 / 1000; b loses it too and gains 1.5 / 500.
    by_zone = siting.compute_gain_by_origin(
        *tables, candidate_id="c", etp_added=0.5, decay="apl_gp_2015", threshold_per_100k=150.0, moves=moves
    )
    assert by_zone.gain_per_100k.tolist() == pytest.approx([-100.0, 200.0])
    assert by_zone.is_dropped.tolist() == [True, False]


def test_deprivation_weights_and_the_floor_on_qpv_change_the_ranking():
    minutes = {("a", "s"): 30.0, ("b", "s"): 30.0, ("a", "c"): 5.0, ("b", "d"): 5.0}
    times = times_of(minutes)
    supply = pd.DataFrame({"destination_id": ["s"], "capacity_etp": [1.0]})
    demand = pd.DataFrame(
        {"origin_id": ["a", "b"], "population_standardised": [2000.0, 1500.0], "qpv_share": [0.0, 0.8]}
    )
    sites = pd.DataFrame({"destination_id": ["c", "d"]})
    common = {"decay": "apl_gp_2015", "threshold_per_100k": 80.0, "etp_added": 2.0}
    plain = siting.compute_gain(times, supply, demand, sites, **common)
    assert plain.destination_id.tolist() == ["c", "d"]
    weighted = siting.compute_gain(times, supply, demand.assign(need_weight=[1.0, 1.5]), sites, **common)
    assert weighted.destination_id.tolist() == ["d", "c"]
    floored = siting.compute_gain(times, supply, demand, sites, qpv_floor_share=0.5, **common)
    assert floored.destination_id.tolist() == ["d", "c"]
    assert floored.is_qpv_floor_met.tolist() == [True, False]
    assert floored.qpv_gain_share.tolist() == pytest.approx([0.8, 0.0])
    own = siting.compute_gain(times, supply, demand.assign(floor_per_100k=[np.nan, 140.0]), sites, **common)
    assert own.destination_id.tolist() == ["d", "c"]


def test_teams_of_several_professions():
    times = times_of({("a", "c"): 5.0, ("b", "c"): 12.0})
    supply = pd.DataFrame({"destination_id": ["c", "c"], "profession": ["gp", "nurse"], "capacity_etp": [0.0, 1.0]})
    demand = pd.DataFrame({"origin_id": ["a", "b"], "population_standardised": [1000.0, 1500.0]})
    found = siting.compute_team(
        times, supply, {"gp": demand, "nurse": demand.assign(population_standardised=[2000.0, 3000.0])},
        candidate_id="c", thresholds_per_100k={"gp": 50.0, "nurse": 60.0}, target_share=1.0,
        decay={"gp": named_decay("apl_gp_2015"), "nurse": "apl_gp_2015"},
    ).set_index("profession")  # fmt: skip
    # gp: b needs 50e-5 x 2000 / (2/3) = 1.5; nurse: 60e-5 x 4000 / (2/3) - 1 = 2.6.
    assert found.etp_min.tolist() == pytest.approx([1.5, 2.6])
    assert found.etp_rounded.tolist() == [1.5, 3.0]


# Bad input.


def city():
    times = times_of({("a", "s"): 5.0, ("b", "s"): 9.0, ("a", "c"): 3.0})
    supply = pd.DataFrame({"destination_id": ["s"], "capacity_etp": [2.0]})
    demand = pd.DataFrame(
        {"origin_id": ["a", "b"], "population_count": [10.0, 20.0], "population_standardised": [10.0, 20.0]}
    )
    return times, supply, demand


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": "pmedian"}, 'Did you mean "p-median"'),
        ({"sites_count": 3}, "sites_count is 3, but there are only 2 candidates"),
        ({"sites_count": 0}, "at least 1"),
        ({"sites_count": 1.5}, "a whole number of sites"),
        ({"sites_count": None}, "sites_count is missing"),
        ({"limit_min": -2}, "limit_min is -2"),
        ({"limit_min": 1.0}, "No candidate reaches anybody within 1 minutes"),
        ({"model": "mclp"}, "limit_min is missing"),
        ({"model": "lscp", "limit_min": 5}, "finds the number of sites itself"),
        ({"model": "capacitated"}, "needs the capacity of each site"),
        (
            {"model": "p-median", "limit_min": 6.0},
            r"(?s)no candidate is within the limit of 6 minutes for 1 demand point \(20 inhabitants\): b",
        ),
        ({"candidates": pd.DataFrame({"destination_id": ["s", "s"]})}, "destination_id repeats"),
        ({"candidates": pd.DataFrame({"destination_id": []})}, "There is no candidate site"),
        ({"candidates": pd.DataFrame({"destination_id": [1, 2]})}, "holds integer ids"),
        ({"candidates": pd.DataFrame({"destination_id": ["x"]})}, "No destination_id of travel_times is in candidates"),
        ({"candidates": pd.DataFrame({"site": ["x"]})}, "lacks destination_id"),
        ({"demand": pd.DataFrame({"origin_id": ["a", "b"], "population_count": [0.0, 0.0]})}, "Nobody lives"),
        (
            {"demand": pd.DataFrame({"origin_id": ["a", "b"], "population_count": 1.0, "need_weight": [1, -1]})},
            "need_weight is missing, negative",
        ),
    ],
)  # fmt: skip
def test_bad_location_problems(change, sentence):
    times, _, demand = city()
    arguments = {"model": "p-median", "sites_count": 1, "demand": demand,
                 "candidates": pd.DataFrame({"destination_id": ["s", "c"]})} | change  # fmt: skip
    with pytest.raises(ValueError, match=sentence):
        siting.solve(times, arguments.pop("demand"), arguments.pop("candidates"), **arguments)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"threshold_per_100k": 0}, "threshold_per_100k is 0"),
        ({"etp_added": None}, "etp_added is missing"),
        ({"etp_added": -1.0}, "etp_added is -1.0"),
        ({"qpv_floor_share": 2}, "a share between 0 and 1"),
        ({"method": "bfca"}, "cannot be used here"),
        ({"candidates": ["x"]}, "Nobody reaches any of the 1 candidates"),
        ({"moves": pd.DataFrame({"destination_id": ["s"], "capacity_etp": [3.0]})}, r"s \(3 leave, 2 work there\)"),
        ({"moves": pd.DataFrame({"destination_id": ["t"], "capacity_etp": [1.0]})}, "The site left 't' is not a place"),
        ({"moves": pd.DataFrame({"destination_id": ["s"], "capacity_etp": [0.0]})}, "not above 0"),
        (
            {"moves": pd.DataFrame({"destination_id": ["s"], "capacity_etp": [1.0], "candidate_id": "z"})},
            "unknown candidate 'z'",
        ),
        ({"moves": pd.DataFrame({"from": ["s"]})}, "moves lacks destination_id, capacity_etp"),
    ],
)  # fmt: skip
def test_bad_gains(change, sentence):
    arguments = {"decay": "apl_gp_2015", "threshold_per_100k": 50.0, "etp_added": 1.0, "candidates": ["c"]} | change
    candidates = pd.DataFrame({"destination_id": arguments.pop("candidates")})
    with pytest.raises(ValueError, match=sentence):
        siting.compute_gain(*city(), candidates, **arguments)
