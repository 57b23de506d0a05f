"""The contracts: errors, CRS, tables, ledger, whole outputs."""

from __future__ import annotations

import errno
import subprocess
import sys

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from carto_sante import crs, errors, files, schemas
from carto_sante.ledger import Ledger
from tests import toy_city


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, carto_sante; print([m for m in ('pandas','numpy','geopandas','folium') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [n for n in dir(errors) if n.endswith("Error") and n != "CartoSanteError"])
def test_every_error_is_ours_and_a_builtin_or_a_check(name):
    kind = getattr(errors, name)
    assert issubclass(kind, errors.CartoSanteError)
    assert kind.exit_code in {1, 2, 3}
    text = str(kind("found", expected="this", next_step="Do that."))
    assert text == "found Expected: this. Do that."


@pytest.mark.parametrize(
    ("code", "departement", "epsg"),
    [
        ("01004", "01", 2154),
        ("2A004", "2A", 2154),
        ("97105", "971", 5490),
        ("97411", "974", 2975),
        ("97611", "976", 4471),
    ],
)
def test_departements_keep_their_zeros(code, departement, epsg):
    assert crs.departement_of(code) == departement
    assert crs.metric_crs_of(departement) == f"EPSG:{epsg}"


@pytest.mark.parametrize("code", [1004, "1004", None, ""])
def test_a_code_that_lost_its_zero_is_refused(code):
    with pytest.raises(errors.InputError, match="leading zero"):
        crs.departement_of(code)


def test_crs_checks_name_the_likely_one():
    degrees = gpd.GeoDataFrame(geometry=[Point(-1.68, 48.11)])
    with pytest.raises(errors.CRSError, match="EPSG:4326"):
        crs.require_crs(degrees, name="sites")
    swapped = gpd.GeoDataFrame(geometry=[Point(48.11, -1.68), Point(60, 2)])
    assert "match no French CRS" in crs.likely_crs(swapped) or "swap" in crs.likely_crs(swapped)
    with pytest.raises(errors.CRSError, match="to_metric"):
        crs.require_crs(degrees.set_crs(4326), name="sites")
    with pytest.raises(errors.CRSError, match="Lambert-93"):
        crs.require_crs(gpd.GeoDataFrame(geometry=[Point(352_000, 6_789_000)]), name="sites")
    metric = crs.to_metric(degrees.set_crs(4326), departement="35")
    assert metric.crs.to_epsg() == 2154
    with pytest.raises(errors.CRSError, match="one CRS for both"):
        crs.require_same_crs(metric, metric.to_crs(2975), names=("a", "b"))


def test_tables_tell_all_their_problems_at_once():
    good = toy_city.practitioners()
    schemas.check_table(good, schemas.PRACTITIONERS)
    schemas.check_table(toy_city.territories(), schemas.TERRITORIES)
    schemas.check_table(toy_city.population(), schemas.POPULATION)
    broken = pd.concat([good, good.iloc[:1]]).drop(columns="source").assign(site_id=1, capacity="half")
    with pytest.raises(errors.SchemaError) as caught:
        schemas.check_table(broken, schemas.PRACTITIONERS)
    message = str(caught.value)
    for part in ("column source is missing", "site_id holds numbers", "capacity holds text", "repeats"):
        assert part in message


@given(
    st.lists(st.tuples(st.sampled_from(["kept", "merged", "rejected"]), st.integers(0, 50)), max_size=8),
    st.integers(-3, 3),
)
def test_a_ledger_balances_or_raises(counts, error):
    table: dict = {}
    for number, (outcome, rows) in enumerate(counts):
        table["a", outcome, str(number)] = rows
    total = sum(table.values())
    ledger = Ledger({"a": total + error}, table)
    if error:
        with pytest.raises(errors.LedgerError, match=f"{total + error} rows read"):
            ledger.check()
    else:
        ledger.check()
        (ledger + ledger).check()


def test_a_failed_output_leaves_what_was_there(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(RuntimeError), files.whole_file(target) as part:
        part.write_text("half")
        raise RuntimeError
    assert target.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old").write_text("old")
    with pytest.raises(errors.OutputError, match="disk is full"), files.whole_folder(folder) as part:
        (part / "new").write_text("new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [p.name for p in folder.iterdir()] == ["old"]
    with files.whole_folder(folder) as part:
        (part / "new").write_text("new")
    assert [p.name for p in folder.iterdir()] == ["new"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "out"]


def test_a_missing_file_names_the_closest(tmp_path):
    (tmp_path / "quartiers.geojson").write_text("{}")
    with pytest.raises(errors.MissingFileError, match=r'Did you mean "quartiers.geojson"'):
        files.require_file(tmp_path / "quartier.geojson")
    (tmp_path / "empty").touch()
    with pytest.raises(errors.InputError, match="0 bytes"):
        files.require_file(tmp_path / "empty")
