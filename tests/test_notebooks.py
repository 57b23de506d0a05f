"""Every notebook is stripped, runs from the repository root, and shows something."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
#: What a plot or a map leaves in the output of a cell.
PLOTS = {"image/png", "image/svg+xml"}
MAP_FUNCTIONS = {"explore", "build_city_map"}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def read(path):
    return nbformat.read(path, as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds_shown(cell):
    """Say what the outputs of a cell show: plots, maps, or nothing of the kind."""
    kinds = set()
    for output in cell.outputs:
        data = output.get("data", {})
        kinds |= {"plot"} if PLOTS & set(data) else set()
        # Folium shows a page of its own in a frame.
        kinds |= {"map"} if "<iframe" in data.get("text/html", "") else set()
    return kinds


def streams_of(notebook, name):
    return "".join(
        output.text
        for cell in code_of(notebook)
        for output in cell.outputs
        if output.output_type == "stream" and output.name == name
    )


def test_the_seven_stages_are_told():
    assert [name[:2] for name in NAMES] == [f"{number:02d}" for number in range(1, 8)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_is_stripped_and_short(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata == METADATA
    assert 10 <= len(notebook.cells) <= 20
    for cell in notebook.cells:
        assert cell.metadata == {}
        assert cell.source.strip()
    for cell in code_of(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
    first, last = notebook.cells[0].source, notebook.cells[-1].source
    assert first.startswith(f"# {path.stem[:2]} ")
    assert "**The question.**" in first
    assert last.startswith("**The answer.**")
    # The bytes that nbformat writes: saving an unchanged notebook changes nothing.
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook, version=4).rstrip() + "\n"


def test_the_first_map_takes_under_ten_lines():
    quickest = {}
    for path in NOTEBOOKS:
        statements = 0
        for cell in code_of(read(path)):
            body = ast.parse(cell.source).body
            statements += len(body)
            calls = {getattr(node.func, "attr", getattr(node.func, "id", "")) for node in ast.walk(body[-1])
                     if isinstance(node, ast.Call)}  # fmt: skip
            if calls & MAP_FUNCTIONS:
                quickest[path.stem[:2]] = statements
                break
    assert {"04", "05"} <= set(quickest)
    assert quickest["04"] < 10
    assert quickest["05"] < 10


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_runs_and_shows_its_answer(path, monkeypatch):
    # The kernel is a process of its own: it finds the package as a reader of the repository does, and says all it has.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    notebook = read(path)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(ROOT)}})
    client.execute()
    shown = [kinds_shown(cell) for cell in code_of(notebook)]
    assert set().union(*shown) & {"plot", "map"}
    assert sum(1 for kinds in shown if kinds) >= 2
    said = streams_of(notebook, "stderr")
    assert "Warning" not in said
    assert "Traceback" not in said
