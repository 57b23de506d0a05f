"""The study file: every problem at once, each with its place, what was found and what was expected."""

from __future__ import annotations

import pytest

from carto_sante.errors import MissingFileError, StudyError
from carto_sante.study import read_study

GOOD = """
[study]
title = "Test"
vintage = 2026-01-15
communes = ["35238"]

[[registries]]
kind = "rpps"
path = "rpps.txt"

[[territories]]
level = "quartier"
path = "quartiers.geojson"

[[population]]
name = "census"
kind = "iris"
path = "iris.csv"
data_year = 2021
"""


@pytest.fixture
def write(tmp_path):
    for name in ("rpps.txt", "quartiers.geojson", "iris.csv"):
        (tmp_path / name).write_text("x")

    def write(text):
        path = tmp_path / "study.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_good_study(write, tmp_path):
    study = read_study(write(GOOD))
    assert study.registries[0].path == tmp_path / "rpps.txt"
    assert study.density.level == "quartier"
    assert len(study.practitioners.professions) == 10
    with pytest.raises(Exception, match="frozen"):
        study.density.level = "iris"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('kind = "rpps"', 'kind = "rpsp"', r"registries\[0\]\.kind: found 'rpsp'"),
        ('title = "Test"', "", r"study\.title: missing"),
        ('["35238"]', "[35238]", r"study\.communes\[0\]: found 35238"),
        ('["35238"]', '["1004"]', r"study\.communes\[0\]: found '1004'\. Expected: the five characters .* zero"),
        ('["35238"]', "[35238]", r'study\.communes\[0\]: found 35238\. Expected: text between quotes, as in "35238"'),
        ("[study]", "[density]\nlevel = 3\n[study]", r"density\.level: found 3\. Expected: text between quotes"),
        ("data_year = 2021", 'data_year = 2021\nlevel = "qvp"', r"population\[0\]\.level: 'qvp' is not a level"),
        ("data_year = 2021", "data_yaer = 2021", r'unknown key\. Did you mean "data_year"'),
        ("[study]", '[practitioners]\nprofessions = ["dentiste"]\n[study]', r'Did you mean "dentist"'),
        ("[study]", '[practitioners]\nfacilities = ["pharmacie"]\n[study]', r'Did you mean "pharmacy"'),
        ("[study]", '[density]\nlevel = "quartiers"\n[study]', r"density\.level: 'quartiers' is not a level"),
        ("[study]", '[density]\npopulation = "censu"\n[study]', r'density\.population: .*Did you mean "census"'),
        ("[study]", "[isochrones]\nlimits_min = [0]\n[study]", r"isochrones\.limits_min\[0\]: found 0"),
        ("[study]", '[map]\nprofession = "x"\n[study]', r"map\.profession: unknown profession 'x'"),
        (
            "[study]",
            '[network]\npath = "rpps.txt"\nmodes = ["walk"]\n[isochrones]\nmode = "drive"\n[study]',
            r"isochrones\.mode: 'drive' is not among network\.modes \(walk\)",
        ),
        ('"rpps.txt"', '"rps.txt"', r'registries\[0\]\.path: .*Did you mean "rpps\.txt"'),
        ('title = "Test"', "title = Test", "not valid TOML.*line 3"),
    ],
)
def test_each_problem_has_its_sentence(write, before, after, says):
    assert before in GOOD
    with pytest.raises(StudyError, match=says):
        read_study(write(GOOD.replace(before, after, 1)))


def test_all_problems_at_once(write):
    text = GOOD.replace('"rpps.txt"', '"a"').replace('"iris.csv"', '"b"').replace('"quartiers.geojson"', '"c"')
    with pytest.raises(StudyError) as caught:
        read_study(write(text))
    assert "has 3 problems" in str(caught.value)
    assert caught.value.exit_code == 2
    assert read_study(write(text), check_files=False).population[0].name == "census"


def test_a_missing_study(tmp_path):
    (tmp_path / "study.toml").write_text("x")
    with pytest.raises(MissingFileError, match=r'Did you mean "study\.toml"'):
        read_study(tmp_path / "studi.toml")


def test_accessibility_is_read_at_the_level_of_the_densities(write):
    text = GOOD.replace('level = "quartier"', 'level = "iris"') + '[density]\nlevel = "iris"\n'
    assert read_study(write(text)).accessibility.level == "iris"


def test_a_changed_study_is_checked_like_a_file(write):
    study = read_study(write(GOOD))
    assert study.with_changes() == study
    changed = study.with_changes(accessibility={"limit_min": 12}, siting={"mode": "drive"})
    assert changed.accessibility.limit_min == 12
    assert changed.accessibility.mode == study.accessibility.mode
    assert changed.siting.mode == "drive"
    assert study.accessibility.limit_min == 20
    with pytest.raises(StudyError, match="has 4 problems") as caught:
        study.with_changes(
            accessibility={"limit": 12}, siting={"mode": "car"}, acessibility={"mode": "walk"}, population={"kind": "x"}
        )
    assert "siting.mode: found 'car'" in str(caught.value)
    with pytest.raises(StudyError, match=r'density\.level: .*Did you mean "quartier"'):
        study.with_changes(density={"level": "quartiers"})
