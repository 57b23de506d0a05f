"""Bad input of `accessibility`: each tried, a clear sentence, nothing guessed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carto_sante import accessibility as acc
from carto_sante.errors import CartoSanteError, InputError, NoResultError, SchemaError, UnknownNameError


def make():
    times = pd.DataFrame({"origin_id": ["01001", "01002", "01002"], "destination_id": ["01001", "01001", "01002"],
                          "mode": "drive", "travel_time_min": [0.0, 12.0, 0.0]})  # fmt: skip
    supply = pd.DataFrame({"destination_id": ["01001", "01002"], "profession": "gp", "capacity_etp": [2.0, 1.0]})
    demand = pd.DataFrame({"origin_id": ["01001", "01002"], "population_count": [900.0, 500.0],
                           "population_standardised": [1000.0, 450.0]})  # fmt: skip
    return times, supply, demand


def run(times, supply, demand, *, method="e2sfca", decay="apl_gp_2015", **further):
    return acc.compute_fca(times, supply, demand, method=method, decay=decay, **further)


def change(table, column, values):
    return table.assign(**{column: values})


CASES = {
    "supply at an unknown zone": (
        lambda t, s, d: (t, change(s, "destination_id", ["01001", "99999"]), d),
        r"1 of 2 sites of supply have no travel time \(first: 99999\).*is_routable",
    ),
    "demand without travel times": (
        lambda t, s, d: (t[t.origin_id == "01001"], s[:1], d),
        r"1 of 2 zones of demand have no travel time \(first: 01002\).*is_routable.*could not be placed",
    ),
    "repeated pair": (
        lambda t, s, d: (pd.concat([t, t[1:2].assign(travel_time_min=13.0)]), s, d),
        r"repeats a pair on 1 rows \(first: 01002 to 01001\).*one row per origin",
    ),
    "negative minutes": (
        lambda t, s, d: (change(t, "travel_time_min", [0.0, -3.0, 0.0]), s, d),
        r"1 negative travel times \(first: 01002 to 01001, -3.0 min\)",
    ),
    "missing and infinite minutes": (
        lambda t, s, d: (change(t, "travel_time_min", [np.nan, np.inf, 0.0]), s, d),
        r"1 missing, 1 infinite travel times \(first: 01001 to 01001, nan min\).*out of reach has no row",
    ),
    "minutes as text": (
        lambda t, s, d: (change(t, "travel_time_min", ["0", "1", "2"]), s, d), "is not a number of minutes",
    ),
    "zero population": (
        lambda t, s, d: (t, s, change(d, "population_standardised", [0.0, 0.0])), "Nobody lives in the 2 zones",
    ),
    "NaN capacity": (
        lambda t, s, d: (t, change(s, "capacity_etp", [2.0, np.nan]), d), r"1 missing capacities \(first: 01002\)",
    ),
    "negative capacity": (
        lambda t, s, d: (t, change(s, "capacity_etp", [-2.0, 1.0]), d), r"1 negative capacities \(first: 01001\)",
    ),
    "negative and missing population": (
        lambda t, s, d: (t, s, change(d, "population_standardised", [-1.0, np.nan])),
        r"(?s)1 missing people \(first: 01002\).*1 negative people \(first: 01001\)",
    ),
    "codes read as numbers in the travel times": (
        lambda t, s, d: (t.astype({"origin_id": int}), s, d),
        "travel_times: column origin_id holds integer ids.*lose their zeros.*zfill",
    ),
    "codes read as numbers in the supply": (
        lambda t, s, d: (t, s.astype({"destination_id": int}), d), "supply: column destination_id holds integer ids",
    ),
    "categories of numbers": (
        lambda t, s, d: (change(t, "origin_id", pd.Categorical([1001, 1002, 1002])), s, d), "holds integer ids",
    ),
    "lost zeros": (
        lambda t, s, d: (t, s, change(d, "origin_id", ["1001", "1002"])),
        r"No origin_id of travel_times is in demand .*'01001'.*'1001'.*lost zeros",
    ),
    "empty ids": (
        lambda t, s, d: (change(t, "origin_id", ["01001", None, "01002"]), s, d), "origin_id is empty on 1 rows",
    ),
    "two modes": (
        lambda t, s, d: (change(t, "mode", ["drive", "walk", "walk"]), s, d), r"mixes 2 modes \(drive, walk\)",
    ),
    "two professions": (
        lambda t, s, d: (t, change(s, "profession", ["gp", "nurse"]), d), r"mixes 2 professions \(gp, nurse\)",
    ),
    "a site twice": (
        lambda t, s, d: (t, pd.concat([s, s[:1]]), d), r"destination_id repeats on 1 rows \(first: '01001'\)",
    ),
    "a zone twice": (
        lambda t, s, d: (t, s, pd.concat([d, d[:1]])), r"origin_id repeats on 1 rows",
    ),
    "columns missing": (
        lambda t, s, d: (t.drop(columns="origin_id"), s, d), "column origin_id is missing",
    ),
    "no standardised population": (
        lambda t, s, d: (t, s, d.drop(columns="population_standardised")), "standardise it first",
    ),
    "no travel time at all": (lambda t, s, d: (t[:0], s, d), "travel_times has no row"),
    "no supply at all": (lambda t, s, d: (t, s[:0], d), "it has no row"),
    "a strange is_routable": (
        lambda t, s, d: (t, s, change(d, "is_routable", ["oui", "non"])), "is_routable holds something else",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_tables(name):
    spoil, sentence = CASES[name]
    with pytest.raises(CartoSanteError, match=f"(?s){sentence}") as caught:
        run(*spoil(*make()))
    assert isinstance(caught.value, InputError)
    assert caught.value.exit_code == 2


def test_a_site_without_practitioners_may_be_anywhere():
    times, supply, demand = make()
    idle = pd.concat([supply, pd.DataFrame({"destination_id": ["99999"], "profession": "gp", "capacity_etp": [0.0]})])
    assert run(times, idle, demand).accessibility.tolist() == run(times, supply, demand).accessibility.tolist()


@pytest.mark.parametrize(
    ("method", "decay", "sentence"),
    [
        ("2sfac", "apl_gp_2015", 'Did you mean "2sfca"'),
        ("e2sfca", "luo_qi_2008", 'Did you mean "luo_qi_2009"'),
        ("e2sfca", 20, "a number of minutes, which method 'e2sfca' cannot use alone"),
        ("2sfca", "apl_gp_2015", "'apl_gp_2015' would be ignored"),
        ("kd2sfca", acc.gaussian_decay(limit_min=20), "would be ignored"),
        ("e2sfca", lambda minutes: minutes, "weights between 0 and 1"),
        ("e2sfca", lambda minutes: minutes[:1] * 0, "same shape"),
        ("e2sfca", None, "a Decay, a name"),
    ],
)
def test_bad_methods_and_decays(method, decay, sentence):
    with pytest.raises(InputError, match=sentence):
        run(*make(), method=method, decay=decay)


@pytest.mark.parametrize(
    ("upper", "weights", "sentence"),
    [
        ([10, 10], [1, 0.5], "do not increase"),
        ([10, 20], [0.5, 1], "rise with time"),
        ([10], [1.2], "leave 0 to 1"),
        ([10, 20], [1], "2 bounds for 1 weights"),
        ([float("nan")], [1], "do not increase"),
        ([], [], "0 bounds"),
    ],
)
def test_bad_step_tables(upper, weights, sentence):
    with pytest.raises(InputError, match=sentence):
        acc.step_decay(upper_min=upper, weights=weights)


@pytest.mark.parametrize("limit", [0, -5, float("nan"), float("inf")])
def test_bad_limits(limit):
    for make_decay in (acc.binary_decay, acc.kernel_decay, acc.gaussian_decay):
        with pytest.raises(InputError, match="above 0"):
            make_decay(limit_min=limit)
    with pytest.raises(InputError, match="above 0"):
        acc.exponential_decay(rate_per_min=limit)


def test_bad_apl_supply():
    times, _, demand = make()
    supply = pd.DataFrame({"destination_id": ["01001", "01002"], "acts_count": [np.nan, -1.0]})
    with pytest.raises(SchemaError, match="(?s)missing on 1 rows that are not is_newcomer.*negative.*capacity_etp"):
        acc.compute_apl(times, supply, demand, parameters="apl_2023")
    with pytest.raises(SchemaError, match="neither acts_count nor capacity_etp"):
        acc.compute_apl(times, supply[["destination_id"]], demand, parameters="apl_2023")
    with pytest.raises(UnknownNameError, match='Did you mean "apl_202'):
        acc.compute_apl(times, supply, demand, parameters="apl_2032")


@pytest.mark.parametrize(
    ("bands", "counts", "sentence"),
    [
        (["all"], [10.0], "'all' are not ages"),
        (["0-14", "10+"], [1.0, 2.0], "'0-14' and '10\\+' overlap"),
        (["0-14", "20+"], [1.0, 2.0], "ages between '0-14' and '20\\+' are in no band"),
        (["15+"], [1.0], "no age band starts at 0"),
        (["0-14", "15+"], [1.0, -2.0], "missing or negative on 1 rows"),
        (["0-14", "0-14", "15+"], [1.0, 2.0, 3.0], "repeat an age band"),
        (["0-14"], [1.0], "no age band is open"),
    ],
)
def test_bad_ages(bands, counts, sentence):
    people = pd.DataFrame({"origin_id": "a", "age_band": bands, "population_count": counts})
    with pytest.raises(SchemaError, match=sentence):
        acc.standardise_demand(people, parameters=acc.apl_parameters("apl_2023"))


def test_nobody_of_that_sex_and_two_levels():
    people = pd.DataFrame({"territory_id": ["a", "b"], "territory_level": ["iris", "commune"], "age_band": "0+",
                           "sex": "all", "population_count": 1.0})  # fmt: skip
    parameters = acc.apl_parameters("apl_2023")
    with pytest.raises(InputError, match=r"mixes levels \(commune, iris\)"):
        acc.standardise_demand(people, parameters=parameters)
    with pytest.raises(InputError, match="no sex 'F'"):
        acc.standardise_demand(people[:1], parameters=parameters, sex="F")
    with pytest.raises(NoResultError, match="travel_times has no row"):
        run(make()[0][:0], *make()[1:])
