"""What became of every row read: kept, merged or rejected, each with its reason.

A reader returns a `Reading`: its table and its `Ledger`. Ledgers add up over files and stages, and
`Ledger.check` raises where rows read differ from kept + merged + rejected: a row that nobody accounts for
is how a published density comes out wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from carto_sante.errors import LedgerError

OUTCOMES = ("kept", "merged", "rejected")


class Reading(NamedTuple):
    """What a reader returns: the table, and the ledger of the rows it came from."""

    table: Any
    ledger: Ledger


@dataclass(frozen=True)
class Ledger:
    """Accounts of the rows of one or more sources.

    Attributes
    ----------
    rows_read : dict of str to int
        Rows read by source (a source is a file with its kind: ``"rpps:PS_LibreAcces.txt"``).
    counts : dict of (source, outcome, reason) to int
        Rows by outcome ("kept", "merged", "rejected") and reason ("" for kept).
    listed : tuple of (source, source_row, reason)
        The rejected rows, or the first of them: ``source_row`` counts from 1 at the first data row.
    notes : dict of (source, note) to int
        Repairs that keep the row: coordinates swapped back, zeros restored, encoding repaired.

    Examples
    --------
    >>> one = Ledger({"a": 3}, {("a", "kept", ""): 2, ("a", "rejected", "no commune"): 1})
    >>> one.check()
    >>> (one + one).rows_read
    {'a': 6}
    """

    rows_read: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    listed: tuple[tuple[str, int, str], ...] = ()
    notes: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def __add__(self, other: Ledger) -> Ledger:
        """Add the accounts of another ledger."""
        return Ledger(
            _add(self.rows_read, other.rows_read),
            _add(self.counts, other.counts),
            self.listed + other.listed,
            _add(self.notes, other.notes),
        )

    def total(self, outcome: str, *, source: str | None = None) -> int:
        """Return the rows of one outcome, of one source or of all."""
        return sum(
            number
            for (name, kind, _), number in self.counts.items()
            if kind == outcome and (source is None or name == source)
        )

    def check(self) -> None:
        """Raise if a row is unaccounted for or counted twice.

        Raises
        ------
        LedgerError
            Naming each source whose rows read differ from kept + merged + rejected.
        """
        problems = []
        for source in sorted(set(self.rows_read) | {name for name, _, _ in self.counts}):
            read = self.rows_read.get(source, 0)
            kept, merged, rejected = (self.total(outcome, source=source) for outcome in OUTCOMES)
            if read != kept + merged + rejected:
                problems.append(
                    f"{source}: {read} rows read, {kept} kept + {merged} merged + {rejected} rejected "
                    f"= {kept + merged + rejected}"
                )
        unknown = sorted({kind for _, kind, _ in self.counts} - set(OUTCOMES))
        if unknown:
            problems.append(f"unknown outcomes {unknown}")
        if problems:
            raise LedgerError(
                "The ledger does not balance: " + "; ".join(problems) + ".",
                expected="rows read = kept + merged + rejected, for each source",
                next_step="This is a defect of the reader: report it with the file's layout.",
            )

    def to_records(self) -> list[dict[str, Any]]:
        """Return the accounts as plain records, sorted, for the journal."""
        records: list[dict[str, Any]] = []
        for source in sorted(self.rows_read):
            lines = [
                {"outcome": kind, "reason": reason, "row_count": int(number)}
                for (name, kind, reason), number in sorted(self.counts.items())
                if name == source
            ]
            notes = {note: int(number) for (name, note), number in sorted(self.notes.items()) if name == source}
            records.append(
                {
                    "source": source,
                    "rows_read": int(self.rows_read[source]),
                    "outcomes": lines,
                    "notes": notes,
                }
            )
        return records


def _add(left: Mapping[Any, int], right: Mapping[Any, int]) -> dict[Any, int]:
    total = dict(left)
    for key, number in right.items():
        total[key] = total.get(key, 0) + number
    return total
