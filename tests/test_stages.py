"""What an analyst gets from the stages one by one, without a command."""

from __future__ import annotations

import pytest

from carto_sante import stages
from carto_sante.schemas import PRACTITIONERS, check_table
from carto_sante.stages.siting import compute_study_siting
from carto_sante.study import read_study


@pytest.fixture(scope="module")
def study(sample):
    return read_study(sample / "study.toml")


def test_territories_keep_the_account_of_what_was_read_and_repaired(study):
    repairs = stages.load_territories(study).attrs["repairs"]
    assert repairs["quartier"]["rows_read"] == repairs["quartier"]["rows_kept"] == 12
    assert repairs["quartier"]["repaired_count"] == 0
    assert repairs["commune"]["zones_outside_count"] == 6


def test_what_is_counted_is_a_table_of_practitioners(study):
    territories = stages.load_territories(study)
    counted = stages.prepare_practitioners(study, territories).counted()
    check_table(counted, PRACTITIONERS, unique_key=False)
    assert counted["source_row"].isna().any()  # pharmacies come from no row of practitioners


def test_a_ranking_without_sheets(study, sample):
    chosen = {"candidates": sample / "candidats_msp.csv", "sheets_count": 0}
    siting = compute_study_siting(study.with_changes(siting=chosen))
    assert siting.sheets == []
    assert len(siting.ranking) == 6
