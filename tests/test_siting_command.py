"""The siting command on the sample city: each way to give candidates, each location model, and who may move."""

from __future__ import annotations

import json
import re
import shutil

import geopandas as gpd
import pandas as pd
import pytest

from carto_sante.cli import run

#: Centres practising beyond 2,000 m of the city, which a walker's catchment does not see.
FAR_SITE = "address:58991:6 CHEMIN DU LAVOIR"
NEAR_SITE = "address:58999:7 PLACE DES CAPUCINS"


@pytest.fixture(scope="module")
def city(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("city") / "sample"
    shutil.copytree(sample, folder)
    return folder


@pytest.fixture(scope="module")
def known(city):
    return pd.read_csv(city / "candidats_msp.csv", sep=";")


@pytest.fixture(scope="module")
def parcels(city, known):
    """Squares of 80 metres around the candidates, as a cadastre would give them."""
    points = gpd.points_from_xy(known.lon, known.lat, crs=4326)
    table = gpd.GeoDataFrame({"id": known.destination_id, "nom": known.label}, geometry=points).to_crs(2154)
    table["geometry"] = table.buffer(40, cap_style="square")
    table.to_file(city / "parcelles.gpkg")
    return "parcelles.gpkg"


@pytest.fixture
def site(city, tmp_path, capsys):
    """Run the command with these lines in [siting]; give its exit code, its output and the folder."""

    def go(*lines, sheets=0):
        text = (city / "study.toml").read_text(encoding="utf-8")
        own = "\n".join([*lines, f"sheets_count = {sheets}"])
        (city / "own.toml").write_text(text.replace("grid_m = 400", own), encoding="utf-8")
        code = run(["siting", str(city / "own.toml"), "--out", str(tmp_path / "out"), "--no-map"])
        said = capsys.readouterr()
        return code, said.out + said.err, tmp_path / "out"

    return go


def ranking_of(out):
    return pd.read_csv(out / "candidats.csv", dtype={"destination_id": str})


def summary_of(out):
    return json.loads((out / "resume.json").read_text(encoding="utf-8"))


def test_candidates_by_address(city, known, site):
    path = city / "adresses.csv"
    table = known[["destination_id", "label", "address"]].assign(code_postal="58990", commune="Montbrise")
    table.rename(columns={"address": "Adresse"}).to_csv(path, sep=";", index=False)
    code, said, out = site('candidates = "adresses.csv"')
    assert code == 0, said
    ranking = ranking_of(out)
    assert set(ranking.destination_id) == set(known.destination_id)
    assert set(ranking.candidate_label) == set(known.label)
    # Within a street's width of where the sample says they are.
    found = gpd.GeoSeries(gpd.points_from_xy(ranking.x_m, ranking.y_m), crs=2154)
    true = known.set_index("destination_id").loc[ranking.destination_id]
    assert found.distance(gpd.GeoSeries(gpd.points_from_xy(true.lon, true.lat), crs=4326).to_crs(2154)).max() < 60


def test_an_address_that_is_not_found_is_named(city, site):
    rows = ["label;adresse;code_postal;commune", "Gare;33 Cours de la Gare;58990;Montbrise",
            "Nulle part;3 Rue Zyxwv Utsrq;58990;Montbrise", "Mairie;;58990;Montbrise"]  # fmt: skip
    (city / "perdues.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    code, said, out = site('candidates = "perdues.csv"')
    assert code == 2
    assert "2 candidates were not found" in said
    assert "- 3 Rue Zyxwv Utsrq: " in said
    assert "- (empty address): " in said
    assert "Cours de la Gare" not in said
    assert not out.exists()


def test_a_doubtful_address_is_said(city, site):
    rows = ["label;adresse;code_postal;commune", "Gare;33 Cours de la Gare;58990;Montbrise",
            "Ailleurs;3 Rue Qui N'Existe Pas;58990;Montbrise"]  # fmt: skip
    (city / "douteuses.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    code, said, out = site('candidates = "douteuses.csv"')
    assert code == 0, said
    assert said.count("à une adresse à vérifier") == 1
    assert "« Ailleurs » est placé à une adresse à vérifier : 3 Rue de la Passerelle" in said
    assert ranking_of(out).set_index("candidate_label").place_doubt.isna().to_dict() == {
        "Gare": True,
        "Ailleurs": False,
    }


def test_candidates_by_finess_number(city, site):
    lines = (city / "finess_cs1100507.csv").read_text(encoding="utf-8").splitlines()
    rows = [line.split(";") for line in lines if line.startswith("structureet")]
    chosen = {row[1]: row[3] for row in rows[:4]}
    (city / "finess.csv").write_text("FINESS\n" + "\n".join(chosen) + "\n", encoding="utf-8")
    code, said, out = site('candidates = "finess.csv"')
    assert code == 0, said
    ranking = ranking_of(out)
    # Their number is their id, their name is the registry's.
    assert set(ranking.destination_id) == set(chosen)
    assert ranking.set_index("destination_id").candidate_label.to_dict() == chosen


def test_a_finess_number_that_is_not_in_the_registry_is_named(city, site):
    (city / "finess.csv").write_text("finess\n58990001\n", encoding="utf-8")
    code, said, _ = site('candidates = "finess.csv"')
    assert code == 2
    assert "not in the FINESS registry of the study (first: 58990001)" in said
    assert "leading zero" in said


def test_candidates_that_are_parcels_stand_inside_them(city, known, parcels, site):
    code, said, out = site(f'candidates = "{parcels}"', sheets=1)
    assert code == 0, said
    ranking = ranking_of(out)
    shapes = gpd.read_file(city / parcels).set_index("id").geometry
    points = gpd.GeoSeries(gpd.points_from_xy(ranking.x_m, ranking.y_m), crs=2154)
    assert points.within(shapes.loc[ranking.destination_id].reset_index(drop=True).buffer(0.2)).all()
    assert (out / f"fiche_{ranking.destination_id[0]}.html").exists()


def test_a_vector_file_without_crs_is_refused(city, known, site):
    import pyogrio

    points = gpd.GeoDataFrame({"id": ["a"]}, geometry=gpd.points_from_xy([742_000.0], [6_668_000.0]))
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        pyogrio.write_dataframe(points, city / "sans_crs.shp")
    code, said, _ = site('candidates = "sans_crs.shp"')
    assert code == 2
    assert "has no CRS" in said


@pytest.mark.parametrize(
    ("model", "lines", "sentence"),
    [
        ("mclp", ["sites_count = 2"], "à moins de 15 min à pied d'un site, sites actuels compris"),
        ("p-median", ["sites_count = 2", "limit_min = 60"], "trajet moyen :"),
        ("p-center", ["sites_count = 2", "limit_min = 60"], "trajet le plus long :"),
        ("lscp", ["limit_min = 60"], "aucun site à ouvrir, ceux d'aujourd'hui suffisent"),
        ("capacitated", ["sites_count = 2", "limit_min = 60", "capacity_count = 2000"], "à ouvrir :"),
    ],
)
def test_location_models(parcels, site, model, lines, sentence):
    code, said, out = site(f'candidates = "{parcels}"', f'model = "{model}"', *lines)
    assert code == 0, said
    assert f"Modèle {model} : " in said
    assert sentence in said
    summary = summary_of(out)
    chosen = ranking_of(out).dropna(subset="opening_order").sort_values("opening_order").destination_id.tolist()
    assert chosen == summary["chosen"]
    assert len(chosen) == (0 if model == "lscp" else 2)
    assert summary["solution"]["is_optimal"]


def test_an_lscp_without_answer_names_who_is_out_of_reach(parcels, site):
    code, said, out = site(f'candidates = "{parcels}"', 'model = "lscp"')
    assert code == 2
    assert "no candidate is within the limit of 15 minutes for" in said
    assert "demand points" in said
    assert "CRS3035RES200m" in said
    # A cell of the grid says nothing to a planner: their quartiers are named too.
    assert "By quartier, inhabitants out of reach of every site: Moulin-à-Vent (" in said
    assert 'siting.model = "mclp"' in said
    assert not out.exists()


def test_an_unknown_model_is_refused_with_the_known_ones(site):
    code, said, _ = site('model = "p_median"')
    assert code == 2
    assert "siting.model: found 'p_median'" in said
    assert "'p-median'" in said


def test_who_moves_from_beyond_reach_counts_on_arrival_and_is_said(city, parcels, site):
    candidates = f'candidates = "{parcels}"'
    _, _, plain = site(candidates)
    without = ranking_of(plain).set_index("destination_id")
    (city / "loin.csv").write_text(f"site_id;capacity_etp\n{FAR_SITE};1\n", encoding="utf-8")
    code, said, out = site(candidates, 'moves = "loin.csv"')
    assert code == 0, said
    assert "Attention : des praticiens quitteraient des sites trop éloignés" in said
    assert FAR_SITE in said
    assert summary_of(out)["sites_left_beyond_reach"] == [FAR_SITE]
    moved = ranking_of(out).set_index("destination_id").loc[without.index]
    assert (moved.etp_moved == 1).all()
    assert (moved.population_losing_count == 0).all()
    # Three new and one who comes: in proportion to the team, as nobody else changes.
    assert moved.gain_per_100k.to_numpy() == pytest.approx(without.gain_per_100k.to_numpy() * 4 / 3, rel=1e-6)


def test_who_moves_once_is_not_there_for_the_second_site(city, parcels, site):
    (city / "proche.csv").write_text(f"site_id;capacity_etp;candidate_id\n{NEAR_SITE};0,5;C1\n", encoding="utf-8")
    code, said, out = site(f'candidates = "{parcels}"', 'moves = "proche.csv"', "sites_count = 3")
    assert code == 0, said
    ranking = ranking_of(out).set_index("destination_id")
    assert ranking.etp_moved.to_dict() == {name: 0.5 if name == "C1" else 0.0 for name in ranking.index}
    assert ranking.loc["C1", "population_losing_count"] > 0
    assert len(summary_of(out)["chosen"]) == 3
    assert summary_of(out)["sites_left_beyond_reach"] == []


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("site_id;capacity_etp\naddress:58991:6 CHEMIN DU LAVOI;1\n", f"did you mean '{FAR_SITE}'?"),
        ("site_id;capacity_etp\nx;1\n", "empties 1 sites where no 'gp' of the study works"),
        (f"site_id;capacity_etp;candidate_id\n{NEAR_SITE};1;C9\n", "unknown candidates:\n- 'C9'"),
        (f"site_id;capacity_etp\n{FAR_SITE};50\n", "50 leave, 1 work there"),
        ("lieu;capacity_etp\nx;1\n", "moves.csv lacks site_id (columns: lieu, capacity_etp)"),
    ],
)
def test_bad_files_of_moves(city, parcels, site, rows, sentence):
    (city / "moves.csv").write_text(rows, encoding="utf-8")
    code, said, _ = site(f'candidates = "{parcels}"', 'moves = "moves.csv"')
    assert code == 2
    assert sentence in said


@pytest.fixture(scope="module")
def sheets(city):
    """The sheets of the sample city when one practitioner leaves the centre, and how to render them."""
    from carto_sante.stages.sheet_page import render_sheet
    from carto_sante.stages.siting import compute_study_siting
    from carto_sante.study import read_study

    (city / "depart.csv").write_text("site_id;capacity_etp;candidate_id\n" + f"{NEAR_SITE};0,5;C1\n", encoding="utf-8")
    text = (city / "study.toml").read_text(encoding="utf-8")
    own = 'candidates = "candidats_msp.csv"\nmoves = "depart.csv"\nsheets_count = 6'
    (city / "fiches.toml").write_text(text.replace("grid_m = 400", own), encoding="utf-8")
    result = compute_study_siting(read_study(city / "fiches.toml"))

    def render(sheet):
        return render_sheet(result, sheet, title="Montbrise", vintage="15/01/2026", profession_label="Généralistes",
                            labels={"gp": "Généraliste"}, target_share=0.8, reach="15 minutes à pied")  # fmt: skip

    return {sheet.candidate_id: sheet for sheet in result.sheets}, render


def test_a_sheet_speaks_of_losses_only_where_there_are(sheets):
    every, render = sheets
    with_loss, without = render(every["C1"]), render(every["C2"])
    assert ">perte</text>" in with_loss
    assert "ces pertes sont comptées" in with_loss
    assert ">perte</text>" not in without
    assert "#9970ab" not in without
    assert "pertes" not in without


def test_a_sheet_says_its_floor_its_reach_and_its_target(sheets):
    every, render = sheets
    page = render(every["C2"])
    assert re.search(r"Plancher : 12\d,\d ETP pour 100 000 habitants\.", page)
    assert "porte au plancher 80 % des habitants à 15 minutes à pied du site au plus" in page
    assert "trajets à pied" in page
    assert ">La Prairie</text>" in page  # the zone that gains is named on the map


@pytest.mark.browser
def test_a_sheet_prints_on_two_pages_even_with_many_zones(sheets, tmp_path):
    from dataclasses import replace

    from tests.maps_browser import launched

    every, render = sheets
    sheet = every["C1"]
    quartiers = sheet.zones[sheet.zones.territory_level == "quartier"]
    many = pd.concat([quartiers] * 4, ignore_index=True)
    many["territory_level"] = ["quartier"] * 24 + ["qpv"] * 24
    many["territory_id"] = [f"z{number}" for number in range(48)]
    long = replace(sheet, zones=pd.concat([many, sheet.zones[sheet.zones.territory_level == "commune"]]))
    with launched() as browser:
        for number, page_text in enumerate([render(sheet), render(long)]):
            path = tmp_path / f"fiche_{number}.html"
            path.write_text(page_text, encoding="utf-8")
            page = browser.new_page()
            page.goto(path.as_uri())
            printed = page.pdf(prefer_css_page_size=True)
            assert printed.count(b"/Type /Page\n") == 2
            page.close()
