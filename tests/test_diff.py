"""Arrivals, departures and moves between two vintages, on the toy city."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

from carto_sante.errors import InputError
from carto_sante.refresh.diff import compare_practitioners
from tests import toy_city

ZONES = {"s1": "A", "s2": "B", "s3": "C", "s4": "D"}


def vintage():
    table = toy_city.practitioners()
    return table.assign(
        quartier_id=table["site_id"].map(ZONES),
        practitioner_label=table["practitioner_id"],
        practice_mode="liberal",
        convention_sector="1",
        address="1 RUE X",
    )


def test_nothing_changed():
    evolution = compare_practitioners(vintage(), vintage(), level="quartier")
    assert len(evolution.changes) == 0
    assert evolution.unchanged_count == 5
    assert evolution.balance["before_count"].tolist() == evolution.balance["after_count"].tolist()


def changes_after(change):
    after = vintage()
    return compare_practitioners(vintage(), change(after), level="quartier")


def set_site(table, practitioner, site, **values):
    row = table["practitioner_id"] == practitioner
    x, y = toy_city.SITES_M[site]
    table.loc[row, "site_id"] = site
    table.loc[row, "quartier_id"] = ZONES[site]
    table.loc[row, "geometry"] = Point(toy_city.X0 + x, toy_city.Y0 + y)
    for name, value in values.items():
        table.loc[row, name] = value
    return table


def with_value(table, practitioner, column, value):
    return table.assign(**{column: table[column].where(table["practitioner_id"] != practitioner, value)})


@pytest.mark.parametrize(
    ("change", "kind", "ends"),
    [
        (lambda t: t[t["practitioner_id"] != "P1"], "left", ("A", "")),
        (lambda t: t.assign(practitioner_id=t["practitioner_id"].replace("P1", "P9")), None, None),
        (lambda t: set_site(t, "P1", "s4"), "moved", ("A", "D")),
        (lambda t: t[~((t["practitioner_id"] == "P2") & (t["site_id"] == "s3"))], "site_removed", ("C", "")),
        (lambda t: with_value(t, "P1", "address", "1 rue X"), "address_cleaned", ("", "")),
        (lambda t: with_value(t, "P3", "practice_mode", "salaried"), "mode_changed", ("", "")),
        (lambda t: with_value(t, "P3", "convention_sector", "2"), "sector_changed", ("", "")),
    ],
)
def test_each_change_by_hand(change, kind, ends):
    evolution = changes_after(change)
    if kind is None:
        assert sorted(evolution.changes["change"]) == ["arrived", "left"]
        return
    assert evolution.changes["change"].tolist() == [kind]
    assert tuple(evolution.changes[["from_id", "to_id"]].iloc[0]) == ends
    assert evolution.unchanged_count == 4


def test_a_point_refined_by_fifty_metres_is_not_a_move():
    after = vintage()
    after["geometry"] = after.geometry.translate(50, 0)
    assert len(compare_practitioners(vintage(), after, level="quartier").changes) == 0
    after["geometry"] = vintage().geometry.translate(200, 0)
    assert set(compare_practitioners(vintage(), after, level="quartier").changes["change"]) == {"moved_within"}


def test_a_sector_that_was_unknown_is_better_data():
    before = vintage().assign(convention_sector=None)
    assert len(compare_practitioners(before, vintage(), level="quartier").changes) == 0


def test_the_balance_by_hand():
    evolution = changes_after(lambda t: set_site(t[t["practitioner_id"] != "P4"].copy(), "P1", "s2"))
    gps = evolution.balance[evolution.balance["profession"] == "gp"].set_index("territory_id")
    # A loses P1 to B, D loses P4 for good; P2 (B and C) and P3 (C) stay.
    assert gps.loc["A"].tolist()[1:] == [1, 0, 0, 0, 1, 0]
    assert gps.loc["B"].tolist()[1:] == [1, 0, 1, 0, 0, 2]
    assert gps.loc["D"].tolist()[1:] == [1, 0, 0, 1, 0, 0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(sorted(ZONES))), max_size=12, unique=True),
       st.lists(st.tuples(st.integers(0, 5), st.sampled_from(sorted(ZONES))), max_size=12, unique=True))  # fmt: skip
def test_balances_always_add_up(before, after):
    def table(rows):
        base = vintage().iloc[:1]
        parts = [set_site(base.assign(practitioner_id=f"P{n}"), f"P{n}", site) for n, site in rows]
        return pd.concat([base.iloc[:0], *parts], ignore_index=True)

    if before and after and not {n for n, _ in before} & {n for n, _ in after}:
        with pytest.raises(InputError, match="share no identifier"):
            compare_practitioners(table(before), table(after), level="quartier")
        return
    evolution = compare_practitioners(table(before), table(after), level="quartier")
    balance = evolution.balance
    assert balance["before_count"].sum() == len(before)
    assert balance["after_count"].sum() == len(after)
    people = {n for n, _ in before} | {n for n, _ in after}
    assert evolution.unchanged_count + evolution.changes["practitioner_id"].nunique() == len(people)
    net = balance["after_count"].sum() - balance["before_count"].sum()
    moves = (
        balance[["arrived_count", "moved_in_count"]].sum().sum()
        - balance[["left_count", "moved_out_count"]].sum().sum()
    )
    assert net == moves


def test_a_level_that_is_not_there():
    with pytest.raises(InputError, match="no column iris_id"):
        compare_practitioners(vintage(), vintage(), level="iris")
