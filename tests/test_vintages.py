"""The folder of a refresh: immutable vintages, ``current`` on the newest, one writer at a time."""

from __future__ import annotations

import json
import multiprocessing
import time

import pytest

from carto_sante.errors import CheckError, LedgerError, OutputError, SourceError, ToleranceError
from carto_sante.files import sha256_of
from carto_sante.refresh import checks, vintages
from carto_sante.refresh import journal as journals
from carto_sante.study import Study


def write_vintage(folder, name, text="map"):
    with vintages.one_at_a_time(folder), vintages.new_vintage(folder, name) as part:
        (part / "carte.html").write_text(text)
        journal = {"vintage": name, "outputs": {"carte.html": sha256_of(part / "carte.html")}}
        (part / "journal.json").write_text(json.dumps(journal))


def test_current_follows_the_newest_vintage(tmp_path):
    write_vintage(tmp_path, "2025-01-15")
    write_vintage(tmp_path, "2026-01-15", "new map")
    assert (tmp_path / "current").is_symlink()
    assert (tmp_path / "current" / "carte.html").read_text() == "new map"
    write_vintage(tmp_path, "2024-01-15", "an older one made later")
    assert (tmp_path / "current" / "carte.html").read_text() == "new map"
    assert vintages.list_vintages(tmp_path) == ["2024-01-15", "2025-01-15", "2026-01-15"]


def test_current_is_a_copy_where_there_are_no_symlinks(tmp_path, monkeypatch):
    def no_symlink(*_arguments, **_options):
        raise OSError("not supported")

    monkeypatch.setattr("pathlib.Path.symlink_to", no_symlink)
    write_vintage(tmp_path, "2025-01-15")
    write_vintage(tmp_path, "2026-01-15", "new map")
    assert not (tmp_path / "current").is_symlink()
    assert (tmp_path / "current" / "carte.html").read_text() == "new map"


def test_a_failed_vintage_leaves_nothing(tmp_path):
    write_vintage(tmp_path, "2025-01-15")
    with (
        pytest.raises(RuntimeError),
        vintages.one_at_a_time(tmp_path),
        vintages.new_vintage(tmp_path, "2026-01-15") as part,
    ):
        (part / "carte.html").write_text("half")
        raise RuntimeError
    assert vintages.list_vintages(tmp_path) == ["2025-01-15"]
    assert [p.name for p in (tmp_path / "vintages").iterdir()] == ["2025-01-15"]
    assert (tmp_path / "current" / "carte.html").read_text() == "map"


def test_damage_is_seen(tmp_path):
    write_vintage(tmp_path, "2025-01-15")
    assert vintages.is_whole(tmp_path, "2025-01-15")
    (tmp_path / "vintages" / "2025-01-15" / "carte.html").write_text("edited")
    assert not vintages.is_whole(tmp_path, "2025-01-15")
    (tmp_path / "vintages" / "2025-01-15" / "journal.json").write_text("{")
    with pytest.raises(CheckError, match="cannot be read"):
        vintages.read_journal(tmp_path, "2025-01-15")


def _hold(folder, seconds):
    with vintages.one_at_a_time(folder):
        (folder / "held").touch()
        time.sleep(seconds)


def test_a_second_run_waits_or_says_so(tmp_path):
    other = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path, 1.5))
    other.start()
    deadline = time.monotonic() + 30
    while not (tmp_path / "held").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(CheckError, match="Another run"), vintages.one_at_a_time(tmp_path, wait=False):
        pass
    with vintages.one_at_a_time(tmp_path):
        assert not other.is_alive() or other.join(5) is None
    other.join()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="Choose another --out"), vintages.one_at_a_time(tmp_path / "file" / "out"):
        pass


@pytest.fixture
def study():
    return Study.model_validate(
        {
            "study": {"title": "t", "vintage": "2026-01-15", "communes": ["35238"]},
            "registries": [{"kind": "rpps", "path": "rpps.txt", "data_date": "2025-01-15"}],
            "territories": [{"level": "quartier", "path": "q"}],
            "population": [{"name": "p", "kind": "iris", "path": "p", "data_year": 2021}],
            "checks": {"max_age_days": 400},
        }
    )


def test_late_sources_stop(study):
    checks.check_ages(study)
    late = study.model_copy(update={"checks": study.checks.model_copy(update={"max_age_days": 100})})
    with pytest.raises(SourceError, match="365 days before"):
        checks.check_ages(late)


def journal_of(rows, gps):
    sources = [{"source": name, "rows_read": count} for name, count in rows.items()]
    return {"vintage": "x", "ledger": {"sources": sources}, "practitioners": {"gp": gps}}


@pytest.mark.parametrize(
    ("rows", "gps", "says"),
    [
        ({"rpps:b.txt": 89}, 100, r"rpps had 100 rows and has 89 now \(-11.0%\)"),
        ({"finess:b.txt": 100}, 100, "rpps had 100 rows and is missing"),
        ({"rpps:b.txt": 100}, 79, "gp: 100 practitioners then, 79 now"),
    ],
)
def test_a_shrunk_source_stops(study, rows, gps, says):
    before = journal_of({"rpps:a.txt": 100}, 100)
    checks.check_drift(journal_of({"rpps:b.txt": 91}, 85), before, study=study)
    checks.check_drift(journal_of(rows, gps), None, study=study)
    with pytest.raises(SourceError, match=says) as caught:
        checks.check_drift(journal_of(rows, gps), before, study=study)
    assert caught.value.exit_code == 3


def test_too_many_without_a_point_stops(study):
    counts = {"placed": 75, "outside": 4, "not_located": 21}
    with pytest.raises(ToleranceError, match=r"21 of 100 practitioner-sites \(21.0%\)"):
        checks.check_located(counts, site_total=100, study=study)
    checks.check_located({"placed": 0, "outside": 0, "not_located": 0}, site_total=0, study=study)
    with pytest.raises(LedgerError, match="75 placed"):
        journals.check_sites(counts, site_total=101)


def test_what_differs_is_named():
    old = {
        "inputs": [{"place": "a", "path": "a.csv", "sha256": "1"}],
        "parameters": {"map": 1},
        "versions": {"carto_sante": "1"},
    }
    new = {"inputs": [{"place": "a", "path": "a.csv", "sha256": "2"}, {"place": "b", "path": "b.csv", "sha256": "3"}],
           "parameters": {"map": 2}, "versions": {"carto_sante": "2"}}  # fmt: skip
    assert not journals.is_same_work(old, new)
    said = journals.what_differs(old, new)
    for part in ("changed files: a.csv", "new files: b.csv", "changed parameters in: map", "carto_sante 1 then, 2 now"):
        assert part in said
