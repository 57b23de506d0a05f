"""The sample city through every registry: both RPPS layouts, FINESS in its two formats, Ameli, control totals."""

from __future__ import annotations

import csv

import pytest

from carto_sante.registries.ameli import read_ameli
from carto_sante.registries.control import load_control_totals, reconcile
from carto_sante.registries.finess import read_finess
from carto_sante.registries.practitioners import build_practitioners
from carto_sante.registries.rpps import read_rpps


@pytest.mark.parametrize("vintage", ["2025-01", "2026-01"])
def test_control_totals_are_met(sample, vintage):
    path = sample / f"rpps_{vintage}.txt"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter="|", quoting=csv.QUOTE_NONE))[1:]
    reading = read_rpps(path)
    assert len(reading.table) == len(rows) == sum(reading.ledger.rows_read.values())
    facilities = read_finess(sample / "finess_cs1100507.csv").table
    table, ledger = build_practitioners(
        reading,
        facilities=facilities,
        ameli=read_ameli(sample / "ameli_58.csv"),
        exclusions=sample / "exclusions.csv",
    )
    totals = sample / ("control_totals.csv" if vintage == "2026-01" else "control_totals_2025.csv")
    found = reconcile(table, totals)
    assert (found["status"] == "ok").all()
    assert set(found["profession"]) == set(load_control_totals(totals)["profession"])
    assert table["capacity"].sum() == pytest.approx(table.groupby("profession")["practitioner_id"].nunique().sum())
    ledger.check()
    assert ledger.rows_read[f"rpps:rpps_{vintage}.txt"] == len(rows)


def test_both_formats_of_finess_say_the_same(sample):
    old = read_finess(sample / "finess_cs1100507.csv").table.set_index("facility_id")
    new = read_finess(sample / "finess_plus.json").table.set_index("facility_id").loc[old.index]
    for column in (
        "category_code",
        "facility_label",
        "address",
        "postcode",
        "commune_code",
        "commune_label",
        "opening_date",
    ):
        assert old[column].equals(new[column]), column
    metres = old.to_crs("EPSG:2154").distance(new.to_crs("EPSG:2154"))
    assert metres.max() < 1


def test_definitions_widen(sample):
    reading = read_rpps(sample / "rpps_2026-01.txt")
    people = [
        set(build_practitioners(reading, professions=["gp"], definitions={"gp": name}).table["practitioner_id"])
        for name in ("liberal", "drees", "widest")
    ]
    assert people[0] < people[1] < people[2]
