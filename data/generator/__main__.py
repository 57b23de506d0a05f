"""Write the sample city, or compare it with the files that are there: ``--check``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from data.generator.city import build, write_city

SEED = 58_999


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m data.generator", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/sample"), help="folder of the files")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file differs")
    options = parser.parse_args(arguments)
    sample = build(SEED)
    if not options.check:
        options.out.mkdir(parents=True, exist_ok=True)
        names = write_city(sample, options.out, SEED)
        print(f"{len(names)} files written to {options.out}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        names = write_city(sample, Path(folder), SEED)
        wrong = [name for name in names if not _same(Path(folder) / name, options.out / name)]
    for name in wrong:
        print(f"{options.out / name} differs from what the generator writes.", file=sys.stderr)
    print(f"{len(names) - len(wrong)} of {len(names)} files are as the generator writes them.")
    return 1 if wrong else 0


def _same(new: Path, old: Path) -> bool:
    if not old.exists():
        return False
    if new.read_bytes() == old.read_bytes():
        return True
    # Another zlib or libosmium packs the same objects in other bytes.
    return new.suffix == ".pbf" and _objects(new) == _objects(old)


def _objects(path: Path) -> list[str]:
    import osmium

    found = []
    for item in osmium.FileProcessor(str(path)):
        tags = sorted((tag.k, tag.v) for tag in item.tags)
        if item.is_node():
            found.append(f"n{item.id} {item.location.lon:.7f} {item.location.lat:.7f} {tags}")
        elif item.is_way():
            found.append(f"w{item.id} {[node.ref for node in item.nodes]} {tags}")
        else:
            found.append(f"r{item.id} {[(m.type, m.ref, m.role) for m in item.members]} {tags}")
    return found


if __name__ == "__main__":
    sys.exit(main())
