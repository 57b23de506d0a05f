"""The layout is a promise: a module imports strictly lower layers (or its own package)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "carto_sante"

LAYERS = {
    "errors": 0, "schemas": 0, "crs": 0, "ledger": 0, "files": 0, "progress": 0, "study": 0,
    "sources": 1, "registries": 1, "territories": 1,
    "geocoding": 2, "population": 2, "network": 2,
    "travel": 3,
    "isochrones": 4, "density": 4, "accessibility": 4, "workforce": 4,
    "siting": 5,
    "maps": 6, "exports": 6,
    "stages": 7, "report": 7,
    "refresh": 8,
    "commands": 9,
    "cli": 10,
}  # fmt: skip
# Inside layer 0 the order is the one of the table above.
CONTRACTS = ["errors", "schemas", "crs", "ledger", "files", "progress", "study"]


def top_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported_modules(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "carto_sante":
                names |= {alias.name for alias in node.names}
            elif node.module and node.module.startswith("carto_sante."):
                names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("carto_sante.")}
    return names - {"__version__"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    name = top_name(path)
    if name == "__init__":
        assert not imported_modules(path)
        return
    assert name in LAYERS, f"{name} has no layer: add it to the table of the package's docstring and here"
    for other in imported_modules(path) - {name}:
        assert other in LAYERS, f"{path.name} imports unknown module {other}"
        if LAYERS[other] == LAYERS[name]:
            allowed = name in CONTRACTS and other in CONTRACTS and CONTRACTS.index(other) < CONTRACTS.index(name)
            assert allowed, f"{name} and {other} share layer {LAYERS[name]}"
        else:
            assert LAYERS[other] < LAYERS[name], (
                f"{name} (layer {LAYERS[name]}) imports {other} (layer {LAYERS[other]})"
            )


def test_modules_stay_short():
    long = {str(p.relative_to(PACKAGE)): n for p in PACKAGE.rglob("*.py")
            if (n := len(p.read_text(encoding="utf-8").splitlines())) > 500}  # fmt: skip
    assert not long, f"over 500 lines, split by question: {long}"


def test_functions_stay_short():
    long = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                is_documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                start = (first.end_lineno or 0) + 1 if is_documented else first.lineno
                length = (node.end_lineno or 0) - start + 1
                if length > 50:
                    long.append(f"{path.relative_to(PACKAGE)}:{node.name} {length}")
    assert not long, f"functions over 50 lines of code: {long}"
