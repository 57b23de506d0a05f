"""Location models beside PySAL `spopt`: the same objective from the same inputs.

Where the two differ, and what is done about it here:

- `spopt` takes a full matrix and knows no missing pair: a pair out of reach is given a number of minutes beyond every
  limit. In its p-median and p-center such a pair can still be chosen, at that price; here it has no row and cannot be.
- Its p-center has no demand: it counts points where nobody lives. We leave them aside, so people are above 0 below,
  except in the test of that difference.
- Existing sites count in its ``p_facilities``, not in our ``sites_count``; and its LSCP counts them in the objective.
- Without an answer it raises "Model is not solved: Infeasible"; we name the demand points out of reach.
- Several sets of sites may be as good as each other: objectives are compared, not sites, and each set is rated by both.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from carto_sante import siting
from carto_sante.errors import NoResultError

pulp = pytest.importorskip("pulp")
locate = pytest.importorskip("spopt.locate")

SEEDS = (0, 1, 2, 3)
LIMIT_MIN = 9.0
#: A pair that does not exist here, for a peer that needs a number.
FAR_MIN = 10_000.0


def make(seed, *, points=60, sites=15, present_share=1.0):
    draws = np.random.default_rng(seed)
    a, b = draws.random((points, 2)) * 30, draws.random((sites, 2)) * 30
    minutes = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
    # Whole minutes: some points lie exactly on the limit, where "within" matters.
    minutes = np.where(draws.random(minutes.shape) < present_share, np.round(minutes), FAR_MIN)
    return minutes, draws.integers(1, 400, points).astype(float)


def tables(minutes, people, *, existing=()):
    i, j = np.nonzero(minutes < FAR_MIN)
    origin_id = np.array([f"p{number:02d}" for number in range(len(minutes))])
    destination_id = np.array([f"s{number:02d}" for number in range(minutes.shape[1])])
    times = pd.DataFrame(
        {"origin_id": origin_id[i], "destination_id": destination_id[j], "travel_time_min": minutes[i, j]}
    )
    demand = pd.DataFrame({"origin_id": origin_id, "population_count": people})
    flags = np.isin(np.arange(minutes.shape[1]), existing)
    return times, demand, pd.DataFrame({"destination_id": destination_id, "is_existing": flags})


def solver():
    available = pulp.listSolvers(onlyAvailable=True)
    if "HiGHS" in available:
        return pulp.HiGHS(msg=False, gapRel=1e-9)
    return pulp.PULP_CBC_CMD(msg=False, gapRel=1e-9)


def peer(build, *arguments, **named):
    with warnings.catch_warnings():
        # pulp 3 tells its callers to move to the names of pulp 4: for spopt to do.
        warnings.filterwarnings("ignore", message=r"(?s).*PuLP 4\.0", category=DeprecationWarning)
        model = build.from_cost_matrix(*arguments, **named).solve(solver())
    opened = np.array(
        [bool(pulp.value(v) > 0.5) if not isinstance(v, int | float) else v > 0.5 for v in model.fac_vars]
    )
    return float(pulp.value(model.problem.objective)), opened


def rate(model, opened, minutes, people, *, limit_min=None):
    """Return the objective of a set of open sites, the plain way."""
    nearest = minutes[:, opened].min(axis=1)
    if model == "lscp":
        assert (nearest <= limit_min).all()
        return float(opened.sum())
    if model == "mclp":
        return float(people[nearest <= limit_min].sum())
    return float(nearest @ people) if model == "p-median" else float(nearest.max())


def flags(found, sites):
    return np.isin([f"s{number:02d}" for number in range(sites)], found.sites["destination_id"])


def agree(model, found, value, opened, minutes, people, *, limit_min=None):
    assert found.is_optimal
    assert found.objective == pytest.approx(value, rel=1e-9)
    for chosen in (flags(found, minutes.shape[1]), opened):
        assert rate(model, chosen, minutes, people, limit_min=limit_min) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_lscp(seed):
    minutes, people = make(seed)
    limit = max(LIMIT_MIN, float(minutes.min(axis=1).max()))  # everybody has somebody within reach
    found = siting.solve(*tables(minutes, people), model="lscp", limit_min=limit)
    value, opened = peer(locate.LSCP, minutes, limit)
    agree("lscp", found, value, opened, minutes, people, limit_min=limit)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [1, 3])
def test_mclp(seed, count):
    minutes, people = make(seed, present_share=0.8)
    found = siting.solve(*tables(minutes, people), model="mclp", limit_min=LIMIT_MIN, sites_count=count)
    value, opened = peer(locate.MCLP, minutes, people, LIMIT_MIN, p_facilities=count)
    agree("mclp", found, value, opened, minutes, people, limit_min=LIMIT_MIN)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [1, 4])
def test_p_median(seed, count):
    minutes, people = make(seed)
    found = siting.solve(*tables(minutes, people), model="p-median", sites_count=count)
    value, opened = peer(locate.PMedian, minutes, people, p_facilities=count)
    agree("p-median", found, value, opened, minutes, people)


@pytest.mark.parametrize("seed", SEEDS)
def test_p_center(seed):
    minutes, people = make(seed, points=40, sites=12)
    found = siting.solve(*tables(minutes, people), model="p-center", sites_count=3)
    value, opened = peer(locate.PCenter, minutes, p_facilities=3)
    agree("p-center", found, value, opened, minutes, people)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_existing_sites_count_in_p_facilities_and_not_in_sites_count(seed):
    minutes, people = make(seed)
    existing = [0, 7]
    held = np.isin(np.arange(minutes.shape[1]), existing)
    inputs = tables(minutes, people, existing=existing)
    value, opened = peer(
        locate.MCLP, minutes, people, LIMIT_MIN, p_facilities=4, predefined_facilities_arr=held.astype(int)
    )
    assert opened[existing].all()
    found = siting.solve(*inputs, model="mclp", limit_min=LIMIT_MIN, sites_count=2)
    agree("mclp", found, value, opened, minutes, people, limit_min=LIMIT_MIN)
    limit = max(LIMIT_MIN, float(minutes.min(axis=1).max()))
    value, _ = peer(locate.LSCP, minutes, limit, predefined_facilities_arr=held.astype(int))
    assert siting.solve(*inputs, model="lscp", limit_min=limit).objective == value - len(existing)


def test_p_center_of_the_peer_counts_points_where_nobody_lives():
    minutes = np.array([[2.0, 3.0], [5.0, 4.0], [8.0, 20.0]])
    people = np.array([10.0, 10.0, 0.0])
    found = siting.solve(*tables(minutes, people), model="p-center", sites_count=1)
    value, _ = peer(locate.PCenter, minutes, p_facilities=1)
    assert (found.objective, value) == (4.0, 8.0)


def test_without_an_answer_the_points_are_named():
    minutes, people = make(0)
    minutes[7] = FAR_MIN
    with pytest.raises(RuntimeError, match="Model is not solved: Infeasible"):
        peer(locate.LSCP, minutes, 15.0)
    with pytest.raises(NoResultError, match=r"(?s)no candidate is within the limit of 15 minutes.*p07"):
        siting.solve(*tables(minutes, people), model="lscp", limit_min=15.0)


def test_a_missing_pair_is_chosen_at_its_price_by_the_peer_and_refused_here():
    minutes, people = np.array([[1.0, FAR_MIN], [FAR_MIN, 2.0]]), np.array([10.0, 10.0])
    value, _ = peer(locate.PMedian, minutes, people, p_facilities=1)
    assert value == 10 * (1 + FAR_MIN)
    with pytest.raises(NoResultError, match="1 new sites cannot put everybody in reach"):
        siting.solve(*tables(minutes, people), model="p-median", sites_count=1)
