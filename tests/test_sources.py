"""The download: each way in which a server lies is recognised, and the last good copy stays."""

from __future__ import annotations

import gzip
import json
import zipfile
from io import BytesIO

import pytest

from carto_sante.errors import InputError, SourceError, UnknownNameError
from carto_sante.sources import Source, fetch_file, fetch_study, find_source, load_sources, plan_study
from carto_sante.sources.recognise import check_content
from carto_sante.study import read_study
from tests.servers import failing_files as bad

GOOD = b"Identifiant PP|Nom\n" + b"1|A\n" * 100_000


def make_source(**changes):
    values = dict.fromkeys(("title", "producer", "licence", "url"), "") | {"key": "test", "page": "the page"}
    values |= {"format": "text", "header": "identifiant pp|", "min_bytes": 1000}
    return Source(**(values | changes))


@pytest.fixture
def server():
    with bad.running() as running:
        yield running


def fetch(server, path, folder, **changes):
    return fetch_file(make_source(**changes), server.url(path), folder / "file.txt", attempts=3, first_wait_s=0.0)


def no_leftovers(folder):
    return sorted(
        p.name for p in folder.iterdir() if p.name.startswith(".") and not p.name.endswith((".part", ".json"))
    )


def test_a_good_file_is_kept_and_not_fetched_again(server, tmp_path):
    server.plan("/f", bad.whole(GOOD))
    first = fetch(server, "/f", tmp_path)
    assert first.is_new
    assert (tmp_path / "file.txt").read_bytes() == GOOD
    second = fetch(server, "/f", tmp_path)
    assert not second.is_new
    assert second.sha256 == first.sha256
    assert server.requests[-1][1]["If-None-Match"] == '"1"'


def test_a_new_version_replaces_the_copy(server, tmp_path):
    server.plan("/f", bad.whole(GOOD))
    fetch(server, "/f", tmp_path)
    server.plan("/f", bad.whole(GOOD + b"2|B\n", etag='"2"'))
    assert fetch(server, "/f", tmp_path).is_new
    assert (tmp_path / "file.txt").read_bytes().endswith(b"2|B\n")


def test_a_copy_changed_by_hand_is_fetched_again(server, tmp_path):
    server.plan("/f", bad.whole(GOOD))
    fetch(server, "/f", tmp_path)
    (tmp_path / "file.txt").write_bytes(b"edited")
    assert fetch(server, "/f", tmp_path).is_new
    assert (tmp_path / "file.txt").read_bytes() == GOOD


def test_a_cut_body_is_resumed(server, tmp_path):
    server.plan("/f", bad.cut(GOOD, at=300_000), bad.whole(GOOD))
    fetch(server, "/f", tmp_path)
    assert (tmp_path / "file.txt").read_bytes() == GOOD
    ranges = [headers.get("Range") for _, headers in server.requests]
    assert ranges[0] is None
    assert int(ranges[1].removeprefix("bytes=").rstrip("-")) >= 200_000


def test_a_cut_body_whose_file_changed_meanwhile_starts_again(server, tmp_path):
    other = GOOD.replace(b"|A", b"|B")
    server.plan("/f", bad.cut(GOOD, at=300_000), bad.whole(other, etag='"2"'))
    fetch(server, "/f", tmp_path)
    assert (tmp_path / "file.txt").read_bytes() == other


def test_an_interrupted_fetch_is_resumed_by_the_next_one(server, tmp_path):
    server.plan("/f", bad.cut(GOOD, at=300_000))
    with pytest.raises(SourceError, match=r"3 times.*resumed"):
        fetch(server, "/f", tmp_path)
    assert not (tmp_path / "file.txt").exists()
    server.plan("/f", bad.whole(GOOD))
    fetch(server, "/f", tmp_path)
    assert server.requests[-1][1]["Range"].startswith("bytes=")
    assert (tmp_path / "file.txt").read_bytes() == GOOD


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (bad.web_page(200), "web page instead of the file"),
        (bad.web_page(503), "503"),
        (bad.status(404), "404 .*may have changed"),
        (bad.status(200, b"Identifiant PP|Nom\n1|A\n"), r"bytes\. Expected: at least 1,000"),
        (bad.whole(GOOD.replace(b"Identifiant PP", b"Id PP"), etag='"9"'), r"first line is 'Id PP"),
        (bad.cut(GOOD, at=100, etag='"9"'), r"failed|cut"),
    ],
    ids=["html-200", "html-503", "404", "too-small", "changed-column", "always-cut"],
)
def test_the_last_good_copy_stays(server, tmp_path, answer, says):
    server.plan("/f", bad.whole(GOOD))
    fetch(server, "/f", tmp_path)
    server.plan("/f", answer)
    with pytest.raises(SourceError, match=says):
        fetch(server, "/f", tmp_path)
    assert (tmp_path / "file.txt").read_bytes() == GOOD
    assert not no_leftovers(tmp_path)


def test_a_503_then_the_file(server, tmp_path):
    server.plan("/f", bad.status(503, Retry_After="0"), bad.web_page(200), bad.whole(GOOD))
    assert fetch(server, "/f", tmp_path).is_new
    assert len(server.requests) == 3


def test_a_redirect_is_followed_and_said(server, tmp_path):
    server.plan("/f", bad.status(302, Location="/stable/2026/f"))
    server.plan("/stable/2026/f", bad.whole(GOOD))
    assert fetch(server, "/f", tmp_path).url.endswith("/stable/2026/f")


def test_nobody_answers(tmp_path):
    with pytest.raises(SourceError, match="connection failed"):
        fetch_file(make_source(), "http://127.0.0.1:9/f", tmp_path / "f", attempts=2, first_wait_s=0.0)


def test_a_pinned_checksum_refuses_another_file(server, tmp_path):
    server.plan("/f", bad.whole(GOOD))
    with pytest.raises(SourceError, match="checksum"):
        fetch(server, "/f", tmp_path, sha256="0" * 64)
    assert not (tmp_path / "file.txt").exists()


def test_formats_are_recognised(tmp_path):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("meta_x.csv", "meta")
        archive.writestr("x.CSV", "IRIS;COM;TYP_IRIS\n")
    path = tmp_path / "f"
    path.write_bytes(packed.getvalue())
    check_content(path, make_source(format="zip", header="iris;com", min_bytes=1))
    with pytest.raises(SourceError, match="holds meta_x.csv, x.CSV"):
        check_content(path, make_source(format="zip", header="iris;com", min_bytes=1, member="y.csv"))
    path.write_bytes(packed.getvalue()[:-30])
    with pytest.raises(SourceError, match="cut or damaged"):
        check_content(path, make_source(format="zip", header="", min_bytes=1))
    path.write_bytes(gzip.compress(GOOD)[:-20])
    with pytest.raises(SourceError, match="cut or damaged"):
        check_content(path, make_source(format="gzip", min_bytes=1))
    path.write_bytes(GOOD)
    with pytest.raises(SourceError, match="does not begin like zip"):
        check_content(path, make_source(format="zip"))
    with pytest.raises(SourceError, match="not an OSM PBF"):
        check_content(path, make_source(format="pbf"))


def test_the_catalogue_is_whole():
    sources = load_sources()
    assert len(sources) >= 15
    for source in sources.values():
        assert source.url.startswith("https://")
        assert source.page.startswith("https://")
        assert source.producer
        assert source.licence
        assert source.verified
    with pytest.raises(UnknownNameError, match='Did you mean "ban_departement"'):
        find_source("ban_departemnt")
    with pytest.raises(InputError, match="needs region"):
        find_source("osm_region").fill({})
    assert find_source("bpe").fill({"year": "2024"}).endswith("BPE24.zip")


STUDY = """
[study]
title = "t"
vintage = 2026-01-15
communes = ["35238"]
[[registries]]
kind = "rpps"
path = "rpps.txt"
url = "{rpps}"
[geocoding]
reference = "ban.csv"
url = "{ban}.gz"
[[territories]]
level = "quartier"
path = "q.geojson"
[[population]]
name = "p"
kind = "iris"
path = "p.csv"
data_year = 2021
"""


def test_a_study_is_fetched_and_unpacked(server, tmp_path):
    rpps = server.plan("/rpps", bad.whole(GOOD))
    ban = server.plan("/ban.gz", bad.whole(gzip.compress(GOOD), kind="application/gzip")).removesuffix(".gz")
    (tmp_path / "study.toml").write_text(STUDY.format(rpps=rpps, ban=ban))
    study = read_study(tmp_path / "study.toml", check_files=False)
    assert [item.place for item in plan_study(study)] == ["registries[0]", "geocoding"]
    assert [item.is_new for item in fetch_study(study, first_wait_s=0.0)] == [True, True]
    assert (tmp_path / "ban.csv").read_bytes() == GOOD
    assert [item.is_new for item in fetch_study(study, first_wait_s=0.0)] == [False, False]


def test_every_failure_of_a_study_is_told_and_the_rest_is_there(server, tmp_path):
    rpps = server.plan("/rpps", bad.status(404))
    ban = server.plan("/ban.gz", bad.whole(gzip.compress(GOOD))).removesuffix(".gz")
    (tmp_path / "study.toml").write_text(STUDY.format(rpps=rpps, ban=ban))
    with pytest.raises(SourceError, match=r"1 source\(s\) could not be fetched") as caught:
        fetch_study(read_study(tmp_path / "study.toml", check_files=False), first_wait_s=0.0)
    assert "no earlier copy" in str(caught.value)
    assert caught.value.exit_code == 3
    assert (tmp_path / "ban.csv").read_bytes() == GOOD


def test_the_sidecar_says_where_from(server, tmp_path):
    server.plan("/f", bad.whole(GOOD))
    fetched = fetch(server, "/f", tmp_path)
    side = json.loads((tmp_path / "file.txt.source.json").read_text())
    assert side["sha256"] == fetched.sha256
    assert side["path"] == "file.txt"
