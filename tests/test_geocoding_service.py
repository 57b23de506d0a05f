"""The client of the national service: against a server that misbehaves, and against the real addok."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from carto_sante.errors import InputError, SourceError
from carto_sante.geocoding import ServiceGeocoder, geocode
from tests import geocoding_city as city
from tests.servers.addok import addok_server, free_port
from tests.servers.misbehaving import Service, good, serving

TABLE = pd.DataFrame(
    {"address": [f"{n} rue Pasteur" for n in range(1, 8)], "commune_code": "93010", "commune_label": "Bondy"}
)


def client(service, **options):
    waits = []
    made = ServiceGeocoder(
        url=service if isinstance(service, str) else service.url, sleep=waits.append, **({"batch_rows": 3} | options)
    )
    return made, waits


def page(rows):
    return 200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><h1>Maintenance</h1>"


def busy(rows):
    return 429, {"Retry-After": "5"}, b"slow down"


def broken(rows):
    return 503, {}, b"down"


def short(rows):
    return good(rows[:-1])


def shuffled(rows):
    return good(rows[::-1])


def cut(rows):
    status, headers, content = good(rows)
    return status, headers, content[:-60]


def test_batches_keep_every_row_in_order():
    with serving(Service(good)) as service:
        geocoder, _ = client(service)
        placed = geocode(TABLE, geocoder)
    assert [len(batch) for batch in service.batches] == [3, 3, 1]
    assert [row["address"] for batch in service.batches for row in batch] == [a.upper() for a in TABLE["address"]]
    assert service.fields[0] == [("columns", "address"), ("columns", "city"), ("citycode", "filter")]
    assert placed.geocode_precision.tolist() == ["housenumber"] * 7
    assert placed.geometry.x.tolist() == [2.48] * 7


def test_one_filter_never_two_and_hints():
    table = pd.DataFrame(
        {"address": ["1 rue Pasteur"] * 3, "postcode": ["93140"] * 3, "commune_code": ["93010", None, "75056"]}
    )
    with serving(Service(lambda rows: good(rows, result_citycode="", result_city=""))) as service:
        geocoder, _ = client(service)
        geocode(table.iloc[:2], geocoder)
        geocode(pd.DataFrame({"address": ["1 rue Pasteur"]}), geocoder, near=(2.48, 48.9))
        geocode(table.iloc[2:], geocoder)
    assert [field for field in service.fields[0] if field[0] != "columns"] == [("citycode", "filter")]
    assert [field for field in service.fields[1] if field[0] != "columns"] == [("postcode", "filter")]
    assert [field for field in service.fields[2] if field[0] != "columns"] == [("lat", "lat"), ("lon", "lon")]
    assert service.batches[2][0]["lat"] == "48.900000"
    # The service knows arrondissements, not the code of Paris as a whole.
    assert [field for field in service.fields[3] if field[0] != "columns"] == [("postcode", "filter")]


@pytest.mark.parametrize("trouble", [page, broken, short, shuffled, cut])
def test_passing_trouble_is_tried_again(trouble):
    with serving(Service(trouble, trouble, good)) as service:
        geocoder, waits = client(service)
        placed = geocode(TABLE.head(3), geocoder)
    assert placed.geometry.notna().all()
    assert [wait for wait in waits if wait >= 1] == [2.0, 4.0]


def test_the_services_own_wait_prevails():
    with serving(Service(busy, good)) as service:
        geocoder, waits = client(service, backoff_s=0.5)
        geocode(TABLE.head(1), geocoder)
    assert 5.0 in waits


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (page, "DOCTYPE"),
        (broken, "503"),
        (short, "has 2 rows"),
        (shuffled, "row 0"),
        (lambda rows: (400, {}, b"no"), "400"),
    ],
)
def test_lasting_trouble_is_an_error_that_teaches(trouble, words):
    with serving(Service(trouble)) as service:
        geocoder, _ = client(service, attempts=3)
        with pytest.raises(SourceError, match=words) as caught:
            geocode(TABLE.head(3), geocoder)
    assert "BAN" in str(caught.value)
    assert len(service.batches) == (1 if words == "400" else 3)


def test_nobody_answers():
    geocoder, waits = client(f"http://127.0.0.1:{free_port()}/search/csv", attempts=2)
    with pytest.raises(SourceError, match="ConnectionError"):
        geocode(TABLE, geocoder)
    assert 2.0 in waits


def test_a_run_that_was_interrupted_sends_only_what_is_left(tmp_path):
    with serving(Service(good, good, broken)) as service:
        geocoder, _ = client(service, attempts=1, resume_folder=tmp_path)
        with pytest.raises(SourceError, match="what was answered is kept"):
            geocode(TABLE, geocoder)
        service.replies = [good]
        placed = geocode(TABLE, geocoder)
    assert [len(batch) for batch in service.batches] == [3, 3, 1, 1]
    assert placed.geometry.notna().all()
    assert list(tmp_path.iterdir()) == []


def test_requests_are_spaced():
    with serving(Service(good)) as service:
        geocoder, waits = client(service, batch_rows=1, max_requests_per_s=10)
        geocode(TABLE.head(3), geocoder)
    assert len(waits) == 2
    assert all(0.0 < wait <= 0.1 for wait in waits)


def test_what_contradicts_the_registry_is_refused():
    table = pd.DataFrame(
        {"address": ["1 rue Pasteur"] * 3, "commune_code": ["93010", None, None], "postcode": [None, "69003", None],
         "commune_label": [None, None, "Lyon"]}
    )  # fmt: skip
    with serving(
        Service(lambda rows: good(rows, result_citycode="75111", result_city="Paris 11e Arrondissement"))
    ) as s:
        geocoder, _ = client(s)
        placed = geocode(table, geocoder)
    assert placed.geometry.isna().all()
    assert placed.geocode_reason.str.startswith("contradiction: the registry says").all()


def test_nothing_is_sent_for_what_cannot_be_placed():
    table = pd.DataFrame(
        {"address": ["", "x" * 10_000, "Hauptstr 1, Berlin, Germany"], "postcode": ["93140", "93140", None]}
    )
    with serving(Service(good)) as service:
        geocoder, _ = client(service)
        placed = geocode(table, geocoder)
    assert service.batches == []
    assert placed.geocode_reason.tolist() == [
        "no street in the address", "address longer than 400 characters", "foreign address"
    ]  # fmt: skip


def test_not_found_and_low_scores():
    with serving(Service(lambda rows: good(rows, longitude="", result_status="not-found"))) as service:
        geocoder, _ = client(service)
        assert geocode(TABLE.head(1), geocoder).geocode_reason.iloc[0] == "not found by the service (not-found)"
        service.replies = [lambda rows: good(rows, result_score="0.2")]
        assert "too low" in geocode(TABLE.head(1), geocoder).geocode_reason.iloc[0]


def test_bad_settings_are_all_listed():
    with pytest.raises(InputError) as caught:
        ServiceGeocoder(url="ftp://x", batch_rows=0, max_requests_per_s=100, attempts=0)
    for name in ("url", "batch_rows", "max_requests_per_s", "attempts"):
        assert name in str(caught.value)


@pytest.mark.server
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_the_real_addok(tmp_path):
    table = pd.DataFrame(
        {
            "address": ["CABINET MEDICAL 3 R PASTEUR BP 12", "4 av. du Gal de Gaulle", "99 rue Pasteur", "zzz", ""],
            "commune_code": "93010", "commune_label": "Bondy",
        }
    )  # fmt: skip
    with addok_server(city.write_base(tmp_path)) as url:
        placed = geocode(table, ServiceGeocoder(url=f"{url}/search/csv", batch_rows=2))
    assert placed.geocode_precision.tolist()[:3] == ["housenumber", "housenumber", "street"]
    assert np.allclose(placed.geometry.x[:2], [2.480 + 3 * city.STEP, 2.480 + 4 * city.STEP], atol=2e-6)
    assert placed.geocode_reason[2] == "number not in the reference"
    assert placed.geometry.isna()[3] or placed.geocode_precision[3] == "municipality"


@pytest.mark.server
@pytest.mark.real
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_the_real_addok_on_bondy(real_data):
    from carto_sante.geocoding.reading import read_reference
    from tests.benchmarks.perturbed_addresses import perturbed

    ban = real_data / "bondy" / "ban_93010.csv"
    base = read_reference(ban)[0].to_pandas().sample(100, random_state=4).reset_index(drop=True)
    asked = perturbed(base, letters_wrong=0)
    with addok_server(ban) as url:
        placed = geocode(asked.drop(columns=["lon", "lat"]), ServiceGeocoder(url=f"{url}/search/csv"))
    across = (placed.geometry.x - asked["lon"]) * np.cos(np.radians(48.9))
    distance_m = np.hypot(across, placed.geometry.y - asked["lat"]) * 111_200
    assert (distance_m <= 50).mean() >= 0.97
    assert not ((placed.geocode_score >= 0.8) & (distance_m > 200)).any()
