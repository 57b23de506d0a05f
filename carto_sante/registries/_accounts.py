"""Accounts of one file while it is read: what its `Ledger` will say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.errors import FileFormatError, InputError
from carto_sante.ledger import Ledger
from carto_sante.registries._lines import EMPTY_LINE, NUL_BYTE, TOO_LONG, WRONG_FIELDS, Sifted

if TYPE_CHECKING:
    import polars as pl

#: Above this share of lines that cannot be split, a file is refused rather than read in part.
MAX_BROKEN_SHARE = 0.2
#: Rejected rows listed one by one; the others are counted.
MOST_LISTED = 1000
BROKEN = (WRONG_FIELDS, TOO_LONG, NUL_BYTE, EMPTY_LINE)


def name_sources(kind: str, paths: Sequence[Path]) -> list[str]:
    """Return the name of each file in the ledger, its folder before it where two files have one name.

    Raises
    ------
    InputError
        If the same file is given twice: its rows would count twice.
    """
    whole = [path.resolve() for path in paths]
    twice = sorted({str(path) for path in whole if whole.count(path) > 1})
    if twice:
        raise InputError(f"{', '.join(twice)} is given twice.", expected="each part of a registry once")
    names = [path.name for path in whole]
    folders = [f"{path.parent.name}/{path.name}" for path in whole]
    short = [name if names.count(name) == 1 else folder for name, folder in zip(names, folders, strict=True)]
    return [f"{kind}:{name if short.count(name) == 1 else path}" for name, path in zip(short, whole, strict=True)]


class Accounts:
    """Accounts of one file while it is read."""

    def __init__(self, source: str, *, notes: Counter[str] | None = None) -> None:
        self.source = source
        self.read = 0
        self.kept = 0
        self.rejected: Counter[str] = Counter()
        self.merged: Counter[str] = Counter()
        self.notes: Counter[str] = Counter() if notes is None else notes
        self.listed: list[tuple[str, int, str]] = []

    def note(self, note: str, number: int) -> None:
        """Count a repair that keeps its rows."""
        if number:
            self.notes[note] += int(number)

    def reject_row(self, row: int, reason: str) -> None:
        """Reject one row, listed."""
        self.rejected[reason] += 1
        self.listed.append((self.source, row, reason))

    def add(self, sifted: Sifted) -> None:
        """Count one chunk of lines."""
        self.read += sifted.read
        self.rejected.update(sifted.rejected)
        self.notes.update(sifted.notes)
        self.listed += [(self.source, row, reason) for row, reason in sifted.listed]

    def reject(self, frame: pl.DataFrame, kept: pl.Series, reason: str, *, is_listed: bool = False) -> pl.DataFrame:
        """Return the rows to keep; count, and list if asked, the others."""
        lost = frame.height - int(kept.sum())
        if lost == 0:
            return frame
        self.rejected[reason] += lost
        if is_listed:
            rows = frame.filter(~kept).get_column("source_row").to_list()
            self.listed += [(self.source, row, reason) for row in rows]
        return frame.filter(kept)

    def refuse_broken(self, path: Path) -> None:
        """Raise if there is no row, or if too many lines are broken.

        Raises
        ------
        FileFormatError
            With the first broken line.
        """
        broken = sum(self.rejected[reason] for reason in BROKEN)
        if self.read == 0 or broken > MAX_BROKEN_SHARE * self.read:
            what = "has a header and no row" if self.read == 0 else f"has {broken} broken lines out of {self.read}"
            example = next((f" (first: line {row + 1}, {reason})" for _, row, reason in self.listed), "")
            raise FileFormatError(
                f"{path} {what}{example}.",
                expected=f"at most {MAX_BROKEN_SHARE:.0%} of broken lines",
                next_step="The download was cut or the file was re-saved: download it again.",
            )

    def ledger(self, *, most_listed: int = MOST_LISTED) -> Ledger:
        """Return what was counted."""
        counts = {(self.source, "rejected", reason): int(n) for reason, n in sorted(self.rejected.items()) if n}
        counts |= {(self.source, "merged", reason): int(n) for reason, n in sorted(self.merged.items()) if n}
        if self.kept:
            counts[self.source, "kept", ""] = self.kept
        notes = {(self.source, note): int(n) for note, n in sorted(self.notes.items()) if n}
        return Ledger({self.source: self.read}, counts, tuple(self.listed[:most_listed]), notes)
