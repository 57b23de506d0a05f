"""The reference says what the commands say."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from carto_sante.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]


def load_builder():
    spec = importlib.util.spec_from_file_location("build_reference", ROOT / ".ci" / "build_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_their_help():
    builder = load_builder()
    expected = builder.command_reference()
    found = builder.PAGE.read_text(encoding="utf-8")
    assert found == expected, "run: python .ci/build_reference.py --commands"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_each_command_helps(name):
    code = "from carto_sante.cli import main; main()"
    said = subprocess.run([sys.executable, "-c", code, name, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert said.returncode == 0, said.stderr
    assert f"carto-sante {name}" in said.stdout
    assert "Example" in said.stdout


def test_the_list_of_commands_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `carto-sante (\w+)", readme, flags=re.MULTILINE))
    assert listed == set(COMMANDS)


def test_help_is_quick_and_loads_nothing_heavy():
    heavy = "{'pandas', 'numpy', 'folium'} & set(sys.modules)"
    code = f"import sys; from carto_sante.cli import run; run(['--help']); print(sorted({heavy}))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert said.stdout.strip().endswith("[]")


# Annotations under TYPE_CHECKING are shown as text where their library cannot be evaluated.
@pytest.mark.filterwarnings("ignore:Error parsing type annotation")
def test_the_reference_is_built_from_the_docstrings(tmp_path):
    load_builder().build_site(tmp_path)
    page = (tmp_path / "carto_sante" / "travel.html").read_text(encoding="utf-8")
    assert "compute_travel_times" in page
    assert "limit_min" in page
    assert (tmp_path / "commands.md").is_file()
