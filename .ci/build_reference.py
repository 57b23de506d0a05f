"""Build the reference: API by stage from the docstrings, and every command's help.

Usage: python .ci/build_reference.py --out site            the HTML pages
       python .ci/build_reference.py --commands            rewrite carto_sante/commands/README.md
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "carto_sante" / "commands" / "README.md"


def command_reference() -> str:
    """Return what every command prints for ``--help``, as one Markdown page."""
    from carto_sante.cli import COMMANDS

    lines = [
        "# Commands",
        "",
        "What `--help` prints (`python .ci/build_reference.py --commands`); a test keeps it true.",
        "",
    ]
    code = "from carto_sante.cli import main; main()"
    environment = {**os.environ, "COLUMNS": "100"}
    for name in COMMANDS:
        said = subprocess.run(
            [sys.executable, "-c", code, name, "--help"],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=environment,
        )
        lines += [f"## carto-sante {name}", "", "```text", said.stdout.rstrip(), "```", ""]
    return "\n".join(lines)


def build_site(out: Path) -> None:
    """Write the API pages with pdoc, and the commands beside them."""
    import pdoc
    import pdoc.render

    pdoc.render.configure(docformat="numpy", show_source=False)
    # The package's own page is its table of stages, in the order in which data moves.
    pdoc.pdoc("carto_sante", output_directory=out)
    (out / "commands.md").write_text(command_reference(), encoding="utf-8")


def main() -> None:
    """Run what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--commands", action="store_true")
    arguments = parser.parse_args()
    if arguments.commands:
        PAGE.write_text(command_reference(), encoding="utf-8")
    if arguments.out:
        build_site(arguments.out)


if __name__ == "__main__":
    main()
