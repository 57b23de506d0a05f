"""The commands on the sample city: what they write, that it adds up, and that it is the same twice."""

from __future__ import annotations

import json
import re
import shutil

import pandas as pd
import pytest
from click.testing import CliRunner

from carto_sante.commands.accessibility import command as accessibility
from carto_sante.commands.siting import command as siting


@pytest.fixture(scope="module")
def study(sample, tmp_path_factory):
    """The sample city with a small grid, weights, moves and a floor on QPV."""
    folder = tmp_path_factory.mktemp("city") / "sample"
    shutil.copytree(sample, folder)
    text = (folder / "study.toml").read_text(encoding="utf-8")
    own = ["grid_m = 900", "qpv_weight = 2", "qpv_floor_share = 0.3", "deprivation_weight = 1.5",
           'deprived_end = "low"', 'moves = "moves.csv"', "sheets_count = 2", "sites_count = 2"]  # fmt: skip
    text = text.replace("grid_m = 400", "\n".join(own))
    (folder / "moves.csv").write_text("site_id;capacity_etp\n", encoding="utf-8")
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder / "study.toml"


@pytest.fixture(scope="module")
def access(study, tmp_path_factory):
    out = tmp_path_factory.mktemp("access") / "out"
    run = CliRunner().invoke(accessibility, [str(study), "--out", str(out)], catch_exceptions=False)
    assert run.exit_code == 0
    return out, run.output


def test_accessibility_of_the_sample_city(access):
    out, text = access
    zones = pd.read_csv(out / "accessibilite_gp.csv", dtype={"territory_id": str})
    assert set(zones.territory_level) == {"quartier", "iris", "qpv", "commune"}
    assert set(zones.indicator) == {"accessibility_per_100k", "apl"}
    assert zones.hypothesis.str.contains("1 praticien = 1 ETP").all()
    apl = zones[zones.indicator == "apl"].indicator_value.to_numpy()
    per_100k = zones[zones.indicator == "accessibility_per_100k"].indicator_value.to_numpy()
    assert apl * 100_000 / 5400 == pytest.approx(per_100k, rel=1e-6)
    summary = json.loads((out / "resume.json").read_text(encoding="utf-8"))["gp"]
    points = pd.read_csv(out / "points_gp.csv", low_memory=False)
    assert points.available_etp.sum() == pytest.approx(summary["supply_reached_etp"], rel=1e-6)
    assert summary["edge"]["largest_change_per_100k"] > 0
    assert "Effet de bord" in text
    assert text.startswith("Médecins généralistes : ")
    # French figures: a comma, and a space before the sign.
    assert re.search(r"d'écart \(\d+,\d %\)", text)
    assert "(0 %) sous 46,3 ETP" in text
    assert "aucune zone ne change de classe dans les 6 variantes" in text
    assert "trajets en voiture" in text
    assert "déclarés" not in text
    assert "Hypothèse" in text


def test_sensitivity_covers_minutes_decays_and_definitions(access):
    out, _ = access
    table = pd.read_csv(out / "sensibilite_resume_gp.csv")
    assert table.scenario[0] == "référence"
    assert table.zones_flipped_count[0] == 0
    kinds = table.scenario.str.extract(r"^(trajets|décroissance|définition)")[0].dropna()
    assert set(kinds) == {"trajets", "décroissance", "définition"}
    assert (table.largest_change_per_100k[1:] > 0).all()


@pytest.fixture(scope="module")
def sited(study, access, tmp_path_factory):
    # A practitioner who would move comes from a site that the study knows.
    from carto_sante.stages import load_territories, prepare_practitioners
    from carto_sante.stages.accessibility import supply_of
    from carto_sante.study import read_study

    chosen = read_study(study)
    territories = load_territories(chosen)
    sites = supply_of(prepare_practitioners(chosen, territories), "gp")
    city = territories.loc[territories.territory_level == "quartier"].union_all()
    site = sites.loc[(sites.capacity_etp >= 1) & sites.within(city), "destination_id"].iloc[0]
    (study.parent / "moves.csv").write_text(f"site_id;capacity_etp\n{site};1\n", encoding="utf-8")
    out = tmp_path_factory.mktemp("sited") / "out"
    run = CliRunner().invoke(siting, [str(study), "--out", str(out)], catch_exceptions=False)
    assert run.exit_code == 0
    return out, run.output


def test_siting_of_the_sample_city(sited):
    out, text = sited
    ranking = pd.read_csv(out / "candidats.csv")
    assert ranking["rank"].tolist() == list(range(1, len(ranking) + 1))
    assert (ranking.etp_moved == 1).all()
    assert (ranking.population_losing_count > 0).any()
    assert set(ranking.opening_order.dropna()) == {1, 2}
    # Floor on QPV: whoever does not meet it comes after all who do.
    assert ranking.is_qpv_floor_met.is_monotonic_decreasing
    changes = pd.read_csv(out / "avant_apres.csv")
    assert set(changes.territory_level) == {"quartier", "qpv", "commune"}
    near = pd.read_csv(out / "nouveaux_acces.csv")
    cases = set(zip(near["mode"], near.limit_min, strict=True))
    assert cases == {("walk", 10), ("walk", 15), ("drive", 10), ("drive", 15)}
    assert (near.population_newly_count <= near.population_near_count + 1e-6).all()
    assert (out / "carte_gain.html").stat().st_size > 10_000
    summary = json.loads((out / "resume.json").read_text(encoding="utf-8"))
    assert "1 ETP quitterait son site actuel" in summary["hypothesis"]
    assert "habitants des QPV pondérés par 2" in summary["hypothesis"]
    assert "défavorisées pondérées par 1,5" in summary["hypothesis"]
    assert len(summary["chosen"]) == 2
    assert "habitants y gagnent" in text


def test_a_sheet_says_in_french_what_changes(sited):
    out, _ = sited
    sheets = sorted(out.glob("fiche_*.html"))
    assert len(sheets) == 2
    page = sheets[0].read_text(encoding="utf-8")
    for words in ("Avant et après, par quartier et par QPV", "Habitants nouvellement proches", "Taille de l’équipe",
                  "Hypothèses", "un autre cabinet", "ces pertes sont comptées", 'lang="fr"'):  # fmt: skip
        assert words in page, words
    assert page.count('<section class="page">') == 2
    assert "http" not in page


def test_the_same_study_gives_the_same_bytes(study, sited, tmp_path):
    out, _ = sited
    CliRunner().invoke(siting, [str(study), "--out", str(tmp_path / "again")], catch_exceptions=False)
    for path in sorted(out.iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ("id;x_m;y_m\nparcelle-1;{x};{y}\n", 1),
        ("id,lon,lat,etp_added\nA,{lon},{lat},2\nB,{lon},{lat},4\n", 2),
    ],
)
def test_candidates_from_files(study, rows, count, tmp_path):
    import geopandas as gpd

    from carto_sante.stages import load_territories
    from carto_sante.stages.candidates import load_candidates
    from carto_sante.study import read_study

    chosen = read_study(study)
    territories = load_territories(chosen)
    inside = gpd.GeoSeries([territories.geometry.iloc[0].representative_point()], crs=territories.crs)
    point, degrees = inside.iloc[0], inside.to_crs(4326).iloc[0]
    path = tmp_path / "candidats.csv"
    path.write_text(rows.format(x=point.x, y=point.y, lon=degrees.x, lat=degrees.y), encoding="utf-8")
    own = chosen.model_copy(update={"siting": chosen.siting.model_copy(update={"candidates": path})})
    found = load_candidates(own, territories, finess_sites=None)
    assert len(found) == count
    assert found.geometry.iloc[0].distance(point) < 0.01


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nom;ville\nx;y\n", "places no candidate"),
        ("id;x_m;y_m\na;1;un\n", "y_m is not a number"),
        ("finess_et_id\n350000000\n", "need a FINESS registry"),
        ("id;x_m;y_m\na;1;2\na;1;2\n", "'a' repeats"),
    ],
)
def test_bad_files_of_candidates(study, text, sentence, tmp_path):
    from carto_sante.stages import load_territories
    from carto_sante.stages.candidates import load_candidates
    from carto_sante.study import read_study

    chosen = read_study(study)
    path = tmp_path / "candidats.csv"
    path.write_text(text, encoding="utf-8")
    own = chosen.model_copy(update={"siting": chosen.siting.model_copy(update={"candidates": path})})
    with pytest.raises(ValueError, match=sentence):
        load_candidates(own, load_territories(chosen), finess_sites=None)
