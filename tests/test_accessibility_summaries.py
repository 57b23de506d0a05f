"""Means, shares, deciles, classes, zoning joined; sensitivity and edge audit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carto_sante import accessibility as acc
from carto_sante.errors import InputError, NoResultError, SchemaError, UnknownNameError
from tests.oracles import accessibility as oracle

ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 500)), min_size=1, max_size=12).filter(
    lambda rows: sum(weight for _, weight in rows) > 0
)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, count=st.integers(2, 10))
def test_quantiles_equal_the_oracle(rows, count):
    table = pd.DataFrame(rows, columns=["apl", "population_count"]).astype(float)
    found = acc.compute_quantiles(table, value="apl", count=count)
    expected = [oracle.weighted_quantile(table.apl, table.population_count, k / count) for k in range(1, count)]
    assert found.apl.tolist() == expected


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, threshold=st.integers(0, 12))
def test_shares_and_means_equal_plain_sums(rows, threshold):
    table = pd.DataFrame(rows, columns=["apl", "population_count"]).astype(float)
    total = sum(weight for _, weight in rows)
    share = acc.compute_share_below(table, value="apl", threshold=threshold)
    assert share["population_below_share"] == pytest.approx(sum(w for v, w in rows if v < threshold) / total)
    mean = acc.compute_mean(table, value="apl", weight="population_count")
    assert mean == pytest.approx(sum(v * w for v, w in rows) / total)


def test_missing_is_counted_apart_and_never_zero():
    table = pd.DataFrame({"zone": ["a", "a", "b"], "apl": [2.0, np.nan, np.nan], "population_count": [10.0, 30.0, 5.0]})
    share = acc.compute_share_below(table, value="apl", threshold=3.0)
    assert share == {"population_below_count": 10.0, "population_below_share": 1.0, "population_known_count": 10.0,
                     "population_missing_count": 35.0}  # fmt: skip
    groups = acc.aggregate(table, by="zone", value="apl", weight="population_count")
    assert groups.apl.iloc[0] == 2.0
    assert np.isnan(groups.apl.iloc[1])
    assert groups.population_missing_count.tolist() == [30.0, 5.0]
    with pytest.raises(NoResultError, match="Nobody lives where apl is known"):
        acc.compute_mean(table[2:], value="apl", weight="population_count")
    with pytest.raises(SchemaError, match="lacks apl_2022"):
        acc.compute_mean(table, value="apl_2022", weight="population_count")
    with pytest.raises(SchemaError, match="missing or negative"):
        acc.compute_mean(table.assign(population_count=-1.0), value="apl", weight="population_count")


def test_cutoffs_are_dated_and_classes_are_named_by_value():
    table = acc.zoning_cutoffs("physiotherapist")
    assert table.population_share.sum() == pytest.approx(1.0, abs=0.01)
    assert table.upper_etp_per_100k.is_monotonic_increasing
    assert set(table.source_date) == {"2020-02"}
    with pytest.raises(UnknownNameError, match="No cut-offs are known for 'gp'"):
        acc.zoning_cutoffs("gp")
    named = acc.name_class(pd.Series([2.5, 2.6, np.nan]), cuts=(2.5,), label="APL")
    assert named.iloc[:2].tolist() == ["APL ≤ 2,5", "APL > 2,5"]
    assert pd.isna(named.iloc[2])
    with pytest.raises(InputError, match="increasing"):
        acc.name_class(pd.Series([1.0]), cuts=(3.0, 2.0), label="APL")


def test_zoning_is_joined_and_never_derived():
    zones = pd.DataFrame({"commune_code": ["01001", "01002", "01004"], "apl": [1.0, 2.0, 3.0]})
    zoning = pd.DataFrame({"commune_code": ["01001", "01002"], "zone": ["ZIP", "ZAC"]})
    joined = acc.join_zoning(zones, zoning, key="commune_code", zoning_column="zone")
    assert joined.zone.iloc[:2].tolist() == ["ZIP", "ZAC"]
    assert pd.isna(joined.zone.iloc[2])
    assert joined.attrs["zoning"] == {"joined": 2, "not_joined": ["01004"]}
    with pytest.raises(SchemaError, match="commune_code repeats"):
        acc.join_zoning(zones, pd.concat([zoning, zoning]), key="commune_code", zoning_column="zone")
    with pytest.raises(NoResultError, match="codes of the same vintage"):
        acc.join_zoning(zones, zoning.assign(commune_code=["1", "2"]), key="commune_code", zoning_column="zone")
    with pytest.raises(SchemaError, match="holds integer ids"):
        acc.join_zoning(zones, zoning.assign(commune_code=[1, 2]), key="commune_code", zoning_column="zone")


def town():
    """Two zones, one 8 minutes from the doctor, one 12."""
    times = pd.DataFrame({"origin_id": ["a", "b"], "destination_id": ["s", "s"], "travel_time_min": [8.0, 12.0]})
    supply = pd.DataFrame({"destination_id": ["s"], "capacity_etp": [1.0]})
    demand = pd.DataFrame({"origin_id": ["a", "b"], "population_count": [1000.0, 600.0],
                           "population_standardised": [1000.0, 600.0]})  # fmt: skip
    return times, supply, demand


def test_sensitivity_names_the_zones_that_flip():
    times, supply, demand = town()
    table = acc.compute_sensitivity(
        times, supply, demand, method="e2sfca", decay="apl_gp_2015", cuts_per_100k=(60.0,),
        decays={"Luo et Qi": "luo_qi_2009"}, supplies={"tous": supply.assign(capacity_etp=2.0)},
    )  # fmt: skip
    summary = acc.summarise_sensitivity(table).set_index("scenario")
    assert summary.index.tolist() == ["référence", "trajets plus longs de 5 min", "trajets plus courts de 5 min",
                                      "décroissance : Luo et Qi", "définition : tous"]  # fmt: skip
    # Reference: A_a = 1 / (1000 + 400) = 71.4, A_b = 47.6. Five minutes shorter: both 1 / 1600 = 62.5, so b flips.
    assert table.loc[table.scenario == "référence", "accessibility_per_100k"].round(1).tolist() == [71.4, 47.6]
    assert summary.loc["trajets plus courts de 5 min", "zones_flipped"] == "b"
    assert summary.loc["trajets plus courts de 5 min", "population_flipped_count"] == 600
    # Five minutes longer: 13 and 17 minutes, weights 2/3 and 1/3: A_a = (2/3) / (2000/3 + 200) = 76.9.
    longer = table.loc[table.scenario == "trajets plus longs de 5 min", "accessibility_per_100k"]
    assert longer.round(1).tolist() == [76.9, 38.5]
    assert summary.loc["définition : tous", "largest_change_per_100k"] == pytest.approx(71.43, abs=0.01)
    assert summary.loc["référence", "zones_flipped_count"] == 0


def test_edge_audit_finds_what_lies_beyond_the_buffer():
    times = pd.DataFrame({"origin_id": ["a", "out", "a"], "destination_id": ["s", "s", "far"],
                          "travel_time_min": [5.0, 5.0, 12.0]})  # fmt: skip
    supply = pd.DataFrame(
        {"destination_id": ["s", "far"], "capacity_etp": [1.0, 3.0], "edge_distance_m": [0.0, 1500.0]}
    )
    demand = pd.DataFrame({"origin_id": ["a", "out"], "population_standardised": [1000.0, 1000.0],
                           "edge_distance_m": [0.0, 1900.0]})  # fmt: skip
    common = {"method": "e2sfca", "decay": "apl_gp_2015"}
    found = acc.audit_edge(times, supply, demand, buffer_m=1000, **common)
    # Near: 1 / 1000. Far: 1 / 2000 + 3 / 1000 (b reaches only s).
    assert found.origin_id.tolist() == ["a"]
    assert found.near_per_100k.tolist() == pytest.approx([100.0])
    assert found.far_per_100k.tolist() == pytest.approx([350.0])
    assert found.attrs["edge"]["largest_change_per_100k"] == pytest.approx(250.0)
    assert found.attrs["edge"]["zone"] == "a"
    with pytest.raises(InputError, match="has anything between 5000 and 10000 metres"):
        acc.audit_edge(times, supply, demand, buffer_m=5000, **common)
    with pytest.raises(SchemaError, match="supply lacks edge_distance_m"):
        acc.audit_edge(times, supply.drop(columns="edge_distance_m"), demand, buffer_m=1000, **common)
    with pytest.raises(InputError, match="above 0"):
        acc.audit_edge(times, supply, demand, buffer_m=0, **common)
