"""The 54 cases written by others, and Bondy written the way registries write it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carto_sante.geocoding import build_index, geocode, open_reference
from carto_sante.geocoding.reading import read_reference
from tests.benchmarks.perturbed_addresses import perturbed

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def bondy(real_data):
    return read_reference(real_data / "bondy" / "ban_93010.csv")[0].to_pandas()


@pytest.fixture(scope="module")
def bondy_reference(real_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("bondy") / "ban.arrow"
    return open_reference(build_index(real_data / "bondy" / "ban_93010.csv", out))


def distances_m(placed, asked):
    across = (placed.geometry.x - asked["lon"]) * np.cos(np.radians(48.9))
    return np.hypot(across, placed.geometry.y - asked["lat"]) * 111_200


def test_the_54_cases(real_data, tmp_path):
    folder = real_data / "addresses"
    cases = pd.read_csv(folder / "geocoder_cases_12_48_90.csv", dtype=str, keep_default_na=False)
    sources = [folder / "bano2015" / f"bano-{departement}.csv" for departement in ("12", "48", "90")]
    index = build_index(sources, tmp_path / "three.arrow")
    hints = cases[["lon", "lat"]].apply(pd.to_numeric, errors="coerce")
    placed = geocode(cases.rename(columns={"query": "address"})[["address"]], index, near=hints)
    labels = placed.geocode_label.fillna("").str.lower()
    is_right = np.array(
        [
            label.replace(" ter ", "ter ").startswith(f"{case.expected_housenumber} {case.expected_street} ".lower())
            and case.expected_postcode in label
            and case.expected_city.lower() in label
            for label, case in zip(labels, cases.itertuples(), strict=True)
        ]
    )
    assert is_right.sum() >= 51
    # The others expect a postcode that the reference contradicts: the right place, or the contradiction.
    wrong = placed[~is_right]
    assert cases.loc[wrong.index, "query"].str.contains("Claux").all()
    for row in wrong.itertuples():
        if row.geometry is None:
            assert row.geocode_reason.startswith("contradiction: postcode 12850 has no such street")
        else:
            assert row.geocode_label == "19 Rue du Claux 12000 Onet-le-Château"


@pytest.mark.parametrize(("letters_wrong", "least"), [(0, 0.998), (1, 0.995), (2, 0.985)])
def test_bondy_as_registries_write_it(bondy, bondy_reference, letters_wrong, least):
    asked = perturbed(bondy, letters_wrong=letters_wrong)
    placed = geocode(asked[["address", "commune_code"]], bondy_reference)
    distance_m = distances_m(placed, asked)
    assert (distance_m <= 50).mean() >= least
    is_confident_error = (placed.geocode_score >= 0.8) & ~(distance_m <= 200)
    assert is_confident_error.mean() < 0.001


def test_bondy_in_free_text(bondy, bondy_reference):
    asked = perturbed(bondy.iloc[::4].reset_index(drop=True), letters_wrong=1)
    text = pd.DataFrame({"address": asked["address"] + " " + asked["postcode"] + " " + asked["commune_label"]})
    assert (distances_m(geocode(text, bondy_reference), asked) <= 50).mean() >= 0.995


def test_every_address_of_bondy_finds_itself(bondy, bondy_reference):
    exact = pd.DataFrame(
        {
            "address": bondy["number"].astype(str) + " " + bondy["suffix"] + " " + bondy["street"],
            "commune_code": "93010",
        }
    )
    placed = geocode(exact, bondy_reference)
    # Two numbers of the BAN stand on two ways of one name, far apart: they are said to be ambiguous.
    assert (distances_m(placed, bondy) <= 50).mean() >= 0.9995
    assert placed.geocode_reason[placed.geometry.isna()].str.startswith("ambiguous").all()
