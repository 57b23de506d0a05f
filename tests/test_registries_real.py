"""Every real file of the registries at hand, against counts taken with wc, csv and json."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest

from carto_sante.registries import _finess_layouts as layouts
from carto_sante.registries.ameli import SAME_PRACTICE, read_ameli
from carto_sante.registries.bpe import read_bpe, to_facilities, to_practitioners
from carto_sante.registries.encoding import DESTROYED
from carto_sante.registries.finess import read_finess
from carto_sante.registries.practitioners import build_practitioners
from carto_sante.registries.professions import load_catalogue
from carto_sante.registries.rpps import read_rpps
from carto_sante.schemas import FACILITIES, PRACTITIONERS, check_table
from tests.registry_files import LAYOUTS

pytestmark = pytest.mark.real


def lines_of(path):
    return path.read_bytes().count(b"\n")


def test_fleyriat_in_every_finess_layout(real_data):
    formats = real_data / "formats"
    names = [
        "finess_cs1100502_2026-05_15lines.csv",
        "finess_excel_mangled_2026-01.csv",
        "finess_etalab_stock_et_2020_100rows.csv",
    ]
    for name in names:
        table, ledger = read_finess(formats / name)
        assert len(table) == lines_of(formats / name) - 1
        assert ledger.total("kept") == len(table)
        row = table.set_index("facility_id").loc["010000024"]
        assert row["category_code"] == "355"
        assert row["category_label"] == "Centre Hospitalier (C.H.)"
        assert row["finess_ej_id"] == "010780054"
        assert (row["address"], row["postcode"], row["commune_code"]) == ("900 RTE DE PARIS", "01440", "01451")
        assert row["opening_date"].isoformat()[:10] == "1979-02-13"
        assert not table["category_label"].str.contains(DESTROYED).any()
        check_table(table, FACILITIES)


def test_raw_finess_overseas(real_data):
    table, ledger = read_finess(real_data / "formats" / "finess_cs1100502_2026-05_15lines.csv")
    communes = dict(zip(table["facility_id"], table["commune_code"], strict=True))
    assert communes["970210126"] == "97207"  # Ducos, Martinique: 9B and 207
    assert communes["980600027"] == "98613"  # Wallis: 9J and 613
    assert communes["970102018"] == "97701"  # Saint-Barthélemy, 123 of 9A in FINESS
    assert (
        table.set_index("facility_id").loc["980501506", "facility_label"]
        == 'LIEU DE VIE ET D\'ACCUEIL "MAVOUNA MEMA 1"'
    )
    assert ledger.rows_read == {"finess:finess_cs1100502_2026-05_15lines.csv": 14}


def test_excel_mangled_finess(real_data):
    path = real_data / "formats" / "finess_excel_mangled_2026-01.csv"
    lost = path.read_text(encoding="utf-8").count("E+13;")
    table, ledger = read_finess(path)
    assert table["siret"].isna().all()
    assert ledger.notes[f"finess:{path.name}", layouts.SIRET_LOST] == lost == len(ledger.listed)
    assert table["is_repaired"].sum() == 2  # the two rows of the Ain; Ille-et-Vilaine lost nothing
    assert table["finess_et_id"].str.len().eq(9).all()


def test_finess_positions_of_three_vintages(real_data, tmp_path):
    lines = list((real_data / "formats" / "finess_geolocalisation_lines.txt").read_text(encoding="utf-8").splitlines())
    positions = [line for line in lines if line.startswith("geolocalisation")]
    from tests.registry_files import raw_finess_line

    numbers = {line.split(";")[1] for line in positions}
    rows = [raw_finess_line(n, departement="9A" if n.startswith("97") else "01", commune="105" if n.startswith("97") else "451") for n in sorted(numbers)]  # fmt: skip
    path = tmp_path / "cs1100507.csv"
    path.write_text("\n".join(["finess;etalab;1;2026-05-04", *rows, *positions]) + "\n", encoding="utf-8")
    table, ledger = read_finess(path)
    assert len(table) == len(numbers) == 5
    assert ledger.counts["finess:cs1100507.csv", "merged", layouts.POSITION_JOINED] == len(positions) == 5
    points = table.set_index("facility_id").geometry
    assert points["010000024"].distance(points["010002301"]) < 0.5
    assert -62 < points["970100012"].x < -61


def test_finess_of_toulouse(real_data):
    path = real_data / "toulouse" / "finess_occitanie_sauf34_2026-02.csv"
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    by_category = {row["numero finess etablissement"]: row["categetab"] for row in rows}
    table, ledger = read_finess(path)
    assert len(rows) == lines_of(path) - 1 == 11_238
    assert len(table) == len(by_category) == 8_193
    assert Counter(table["category_code"]) == Counter(by_category.values())
    assert ledger.counts[f"finess:{path.name}", "merged", layouts.SAME_ESTABLISHMENT] == 11_238 - 8_193
    assert dict(zip(table["facility_id"], table["commune_code"], strict=True)) == {
        row["numero finess etablissement"]: row["code_insee"] for row in rows
    }
    assert table.geometry.notna().all()
    assert len(read_finess(path, departements=["31"]).table) == len(
        {row["numero finess etablissement"] for row in rows if row["departement"] == "31"}
    )


def test_rpps_2021(real_data):
    path = real_data / "formats" / "PS_LibreAcces_Personne_activite_2021_pseudonymised.txt"
    table, ledger = read_rpps(path)
    assert len(table) == lines_of(path) - 1 == 22
    assert ledger.total("kept") == 22
    rows = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert table["practitioner_id"].tolist() == [row[2] for row in rows]
    assert table["siret"].fillna("").tolist() == [row[19] for row in rows]
    assert table["finess_et_id"].fillna("").tolist() == [row[21] for row in rows]
    assert table["commune_code"].notna().sum() >= sum(bool(row[36]) for row in rows)
    hospital = table[table["finess_et_id"] == "010000024"].iloc[0]
    assert (hospital["address"], hospital["commune_code"]) == ("900 RTE DE PARIS".replace("RTE", "ROUTE"), "01451")
    found, _ = build_practitioners(
        read_rpps(path), professions=["orthoptist", "gynaecologist"], definitions={"orthoptist": "widest"}
    )
    assert found["profession"].tolist() == ["orthoptist"]  # the gynaecologist has no site
    check_table(found, PRACTITIONERS)


def test_rpps_headers_of_every_vintage(real_data, tmp_path):
    headers = [
        line for line in (real_data / "formats" / "rpps_headers_by_vintage.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#") and line
    ]  # fmt: skip
    assert len(headers) == 2
    from carto_sante.registries._rpps_layouts import COLUMNS
    from carto_sante.registries.encoding import plain
    from tests.registry_files import activity

    values = activity(1)
    tables = []
    for number, header in enumerate(headers):
        names = [plain(name) for name in header.split("|")]
        ours = {theirs: name for name, known in COLUMNS.items() for theirs in known}
        path = tmp_path / f"v{number}.txt"
        path.write_text(
            header + "\n" + "|".join(values.get(ours.get(name, ""), "") for name in names) + "\n", encoding="utf-8"
        )
        tables.append(read_rpps(path).table.drop(columns=["source"]))
    assert tables[0].equals(tables[1])
    known = {name for layout in LAYOUTS.values() for name, _ in layout}
    assert known <= {name for header in headers for name in header.split("|")}  # the test's layouts are the real names


def test_ameli_of_corsica(real_data):
    path = real_data / "formats" / "ameli_ps_tarifs_corse_2021_pseudonymised.csv"
    rows = [line.split(";") for line in path.read_text(encoding="utf-8").splitlines()]
    table, ledger = read_ameli(path)
    assert len(rows) == lines_of(path) == sum(ledger.rows_read.values()) == 6_625
    practices = {(*row[0:9], row[10]) for row in rows}
    assert len(table) == len(practices)
    assert table["practitioner_id"].nunique() == len({(*row[0:3], row[10]) for row in rows})
    assert table["act_count"].sum() == 6_625
    assert ledger.counts[f"ameli:{path.name}", "merged", SAME_PRACTICE] == 6_625 - len(practices)
    gps = {tuple(row[0:3]) for row in rows if row[10] == "45"}
    found, accounts = build_practitioners(ameli=read_ameli(path), professions=["gp"])
    assert found["practitioner_id"].nunique() == len(gps)
    assert set(found["convention_sector"]) == {"Secteur 1", "Secteur 2"}
    accounts.check()
    one = table[(table["profession_code"] == "45") & (table["convention_code"] == "c3")]
    assert (
        len({(row[1], row[2]) for row in rows if row[10] == "45" and row[13] == "c3"})
        == one["practitioner_id"].nunique()
    )


def test_ameli_codes_of_the_catalogue(real_data):
    with (real_data / "formats" / "correspondance_ameli_rpps.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    skills: dict[str, set[str]] = {}
    jobs: dict[str, set[str]] = {}
    for row in rows:
        skills.setdefault(row["profession"], set()).add(row["Code savoir-faire"])
        jobs.setdefault(row["profession"], set()).add(row["code profession"])
    for name, entry in load_catalogue().iterrows():
        wanted = set(entry["rpps_savoir_faire_codes"].split())
        for code in entry["ameli_codes"].split():
            assert entry["rpps_profession_code"] in jobs[code], name
            assert not wanted or wanted & skills[code], f"{name}: Ameli {code} has {skills[code]}, not {wanted}"


def test_bpe_of_rennes(real_data):
    path = real_data / "rennes" / "bpe_insee_2018.csv"
    labels = Counter(line.rsplit(";", 1)[1].strip('"') for line in path.read_text(encoding="utf-8").splitlines()[1:])
    reading = read_bpe(path)
    assert len(reading.table) == lines_of(path) - 1 == 767
    assert Counter(reading.table["category_label"]) == labels
    doctors, ledger = to_practitioners(reading, professions=["doctor_unspecified"])
    assert len(doctors) == labels["Médecins"] == 268
    assert doctors["site_id"].nunique() == 150
    assert doctors.crs.to_epsg() == 2154
    assert len(to_facilities(reading)) == 767 - 268
    ledger.check()
    check_table(doctors, PRACTITIONERS)
    check_table(to_facilities(reading), FACILITIES)


def test_bpe_of_troyes(real_data):
    path = real_data / "formats" / "bpe2020_sante_troyes.geojson"
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    types = Counter(feature["properties"]["TYPEQU"] for feature in features)
    reading = read_bpe(path)
    assert len(reading.table) == len(features) == 407
    assert Counter(reading.table["category_code"]) == types
    professions = Counter(reading.table["profession"])
    assert professions == {"nurse": 167, "gp": 132, "dentist": 91, "cardiologist": 13, "paediatrician": 4}
    point = reading.table.geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx((776435.55, 6804684.58), abs=0.01)
    assert reading.table["commune_code"].str.fullmatch(r"10\d{3}").all()
