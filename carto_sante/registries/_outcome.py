"""What becomes of each row of a table: the best of its outcomes is the one that counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from carto_sante.ledger import Ledger
from carto_sante.registries._accounts import MOST_LISTED

if TYPE_CHECKING:
    import polars as pl

_KEPT = ("kept", "")


class Outcome:
    """Outcomes of the rows of one table, by row number: kept, else merged, else the first reason given.

    Parameters
    ----------
    rows : polars DataFrame
        ``source`` and ``source_row`` of each row, in the order of their numbers.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows
        self._codes = np.zeros(rows.height, dtype=np.int16)
        self._names: list[tuple[str, str]] = [("lost", ""), _KEPT]
        self._notes: Counter[str] = Counter()

    def keep(self, rows: pl.Series) -> None:
        """Say which rows stand in the result."""
        self._codes[rows.to_numpy()] = 1

    def merge(self, rows: pl.Series, reason: str) -> None:
        """Say which rows are part of another one; those kept stay so, those rejected do not."""
        numbers = rows.to_numpy()
        self._set(numbers[self._codes[numbers] != 1], ("merged", reason))

    def reject(self, rows: pl.DataFrame) -> None:
        """Give a reason (``row``, ``reason``) to the rows that have no outcome yet."""
        reasons = rows.get_column("reason").cast(_categorical())
        codes, numbers = reasons.to_physical().to_numpy(), rows.get_column("row").to_numpy()
        free = self._codes[numbers] == 0
        for code, reason in zip(*_distinct(reasons), strict=True):
            self._set(numbers[free & (codes == code)], ("rejected", reason))

    def note(self, notes: Mapping[str, int]) -> None:
        """Count what was done to rows that stay."""
        self._notes.update({note: number for note, number in notes.items() if number})

    def _set(self, numbers: np.ndarray, outcome: tuple[str, str]) -> None:
        if outcome not in self._names:
            self._names.append(outcome)
        self._codes[numbers] = self._names.index(outcome)

    def ledger(self, readers: Ledger, *, most_listed: int = MOST_LISTED) -> Ledger:
        """Return the readers' ledger with the rows they kept told by what became of them here."""
        counts = {key: number for key, number in readers.counts.items() if key[1] != "kept"}
        sources = self._rows.get_column("source")
        for source in sources.unique().sort().to_list():
            numbers = np.bincount(self._codes[(sources == source).to_numpy()], minlength=len(self._names))
            for (outcome, reason), number in zip(self._names, numbers.tolist(), strict=True):
                if number:
                    key = (source, outcome, reason)
                    counts[key] = counts.get(key, 0) + number
        is_rejected = np.array([outcome == "rejected" for outcome, _ in self._names])
        first = np.flatnonzero(is_rejected[self._codes])[:most_listed]
        listed = tuple(
            (source, row, self._names[code][1])
            for (source, row), code in zip(self._rows[first].iter_rows(), self._codes[first], strict=True)
        )
        place = min(readers.rows_read, default="practitioners")
        notes = {**readers.notes, **{(place, note): number for note, number in self._notes.items()}}
        return Ledger(readers.rows_read, counts, readers.listed + listed, notes)


def _categorical() -> pl.DataType:
    import polars as pl

    return pl.Categorical()


def _distinct(reasons: pl.Series) -> tuple[list[int], list[str]]:
    known = reasons.unique(maintain_order=True)
    return known.to_physical().to_list(), known.cast(_text()).to_list()


def _text() -> pl.DataType:
    import polars as pl

    return pl.String()
