"""Dated parameters: the shipped copies, the reader of the workbook, weights by age."""

from __future__ import annotations

import openpyxl
import pandas as pd
import pytest

from carto_sante import accessibility as acc
from carto_sante.accessibility.parameters import parse_age_band, weight_of_age_band
from carto_sante.errors import FileFormatError, MissingFileError
from tests.oracles import accessibility as oracle

SHEET = [
    ("Paramètres de l'indicateur",), (None,), ("Comptabilisation de l'activité",),
    ("Nombre de consultations", "Nombre comptabilisé"), ("Moins de 250", 0), ("Entre 251 et 3 600", 3600),
    ("Entre 3 601 et 6 000", "Nombre de consultations effectuées"), ("Plus de 6 000", 6000),
    ("Exceptions : une offre de 5 400 consultations ou visites est imputée",), (None,),
    ("Décroissance de l'accessibilité avec la distance",), ("Temps de trajet entre communes", "Accessibilité"),
    ("Moins de  10 minutes", 1), ("Entre 10 et 15 minutes", 2 / 3), ("Entre 15 et 20 minutes", 1 / 3),
    ("Plus de 20 minutes", 0), (None,), ("Pondération de la population selon l'âge",),
    ("Tranche d'âge", "Poids de la tranche d'âge en 2022", "Poids de la tranche d'âge en 2023"),
]  # fmt: skip


def write(path, rows, *, title="Paramètres"):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def ages():
    pairs = [acc.apl_parameters(name).age_weights for name in ("apl_2022", "apl_2023")]
    names = ["Moins de 5 ans", *[f"de {a} à {a + 4} ans" for a in range(5, 90, 5)], "Plus de 90 ans"]
    return [(name, one[1], two[1]) for name, one, two in zip(names, *pairs, strict=True)]


def same(read, shipped):
    for name in ("vintage", "activity_ignored_up_to", "activity_floor", "activity_cap", "activity_newcomer",
                 "acts_per_etp", "age_weights"):  # fmt: skip
        assert getattr(read, name) == getattr(shipped, name), name
    assert read.decay.upper_min == shipped.decay.upper_min
    assert read.decay.weights == pytest.approx(shipped.decay.weights, abs=1e-15)
    assert not read.decay.includes_upper


def test_a_workbook_is_read_from_its_own_sheet(tmp_path):
    found = acc.read_apl_workbook(write(tmp_path / "apl.xlsx", SHEET + ages()))
    assert list(found) == ["apl_2022", "apl_2023"]
    for name, parameters in found.items():
        same(parameters, acc.apl_parameters(name))


@pytest.mark.real
def test_the_shipped_tables_copy_the_published_workbook(real_data):
    found = acc.read_apl_workbook(real_data / "france" / "drees_apl_generalistes_2022_2023.xlsx")
    assert list(found) == ["apl_2022", "apl_2023"]
    for name, parameters in found.items():
        same(parameters, acc.apl_parameters(name))


@pytest.mark.real
@pytest.mark.parametrize(("year", "mean"), [(2022, 3.34), (2023, 3.29)])
def test_the_national_mean_is_the_published_one(real_data, year, mean):
    """The cited mean is the column under 65, weighted by the standardised population."""
    table = acc.read_published_apl(real_data / "france" / "drees_apl_generalistes_2022_2023.xlsx", year=year)
    assert table.commune_code.str.len().eq(5).all()
    known = table.dropna(subset=["apl_under_65"])
    weighted = (known.apl_under_65 * known.population_standardised).sum() / known.population_standardised.sum()
    assert weighted == pytest.approx(mean, abs=0.01)


def test_a_changed_layout_says_what_is_missing(tmp_path):
    rows = [row for row in SHEET + ages() if not str(row[0]).startswith(("Plus de 6", "Moins de  10", "Entre 1"))]
    with pytest.raises(FileFormatError, match="(?s)activity_cap was not found.*no row 'Moins de"):
        acc.read_apl_workbook(write(tmp_path / "apl.xlsx", rows))
    with pytest.raises(FileFormatError, match="no sheet 'Paramètres'"):
        acc.read_apl_workbook(write(tmp_path / "other.xlsx", SHEET, title="Autre"))
    (tmp_path / "text.xlsx").write_text("not a workbook")
    with pytest.raises(FileFormatError, match="not an Excel workbook"):
        acc.read_apl_workbook(tmp_path / "text.xlsx")
    with pytest.raises(MissingFileError):
        acc.read_apl_workbook(tmp_path / "nothing.xlsx")


@pytest.mark.parametrize("name", acc.apl_parameter_names())
@pytest.mark.parametrize("band", ["0-4", "0-14", "3-5", "15-29", "60-74", "75+", "80+", "90+", "95+", "0+"])
def test_weights_of_wider_bands_are_means_by_year(name, band):
    parameters = acc.apl_parameters(name)
    first, last = parse_age_band(band)
    expected = oracle.weight_of_years(min(first, 94), last, parameters.age_weights)
    assert weight_of_age_band(band, parameters) == pytest.approx(expected, abs=1e-15)


def test_women_are_kept_for_midwives_and_all_is_not_counted_twice():
    people = pd.DataFrame(
        {"territory_id": "a", "age_band": ["0-14", "15+"] * 3, "sex": ["F", "F", "M", "M", "all", "all"],
         "population_count": [10.0, 50, 12, 48, 22, 98]}
    )  # fmt: skip
    parameters = acc.apl_parameters("apl_2023")
    assert acc.standardise_demand(people, parameters=parameters).population_count.tolist() == [120.0]
    assert acc.standardise_demand(people, parameters=parameters, sex="F").population_count.tolist() == [60.0]
    both = people[people.sex != "all"]
    assert acc.standardise_demand(both, parameters=parameters).population_count.tolist() == [120.0]


def test_every_shipped_set_says_where_it_comes_from():
    for name in acc.apl_parameter_names():
        parameters = acc.apl_parameters(name)
        assert parameters.source
        assert len(parameters.age_weights) == 19
        assert parameters.evidence in {"producer", "secondary"}
    assert all(acc.named_decay(name).source for name in acc.decay_names())


def test_the_finest_of_overlapping_sets_of_bands_is_used():
    counts = {"all": 100.0, "0-14": 20.0, "0-19": 30.0, "15-29": 25.0, "20-64": 50.0, "30+": 55.0, "65+": 20.0}
    people = pd.DataFrame({"territory_id": "a", "age_band": list(counts), "population_count": list(counts.values())})
    parameters = acc.apl_parameters("apl_2023")
    found = acc.standardise_demand(people, parameters=parameters)
    own = {"0-14": 20.0, "15-29": 25.0, "30+": 55.0}
    expected = sum(count * weight_of_age_band(band, parameters) for band, count in own.items())
    assert found.population_count.tolist() == [100.0]
    assert found.population_standardised.tolist() == pytest.approx([expected])
