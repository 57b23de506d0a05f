"""Small delimited files with quoting, split line by line: a stray quote costs its own line and no more."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import NamedTuple

from carto_sante.registries._accounts import Accounts
from carto_sante.registries._lines import EMPTY_LINE, LONGEST_LINE_BYTES, NUL_BYTE, TOO_LONG, WRONG_FIELDS

STRAY_QUOTE = "lines with a stray quote, read literally"


class Row(NamedTuple):
    """One line: its number among the data rows (from 1), and its values, stripped."""

    number: int
    values: list[str]


def split_line(line: str, *, separator: str, fields: tuple[int, ...]) -> tuple[list[str] | None, bool]:
    """Return the values of a line, or None; and whether a stray quote was read literally.

    Examples
    --------
    >>> split_line('1;"a ""b"" ; c"', separator=";", fields=(2,))
    (['1', 'a "b" ; c'], False)
    >>> split_line('1;l"a', separator=";", fields=(2,))
    (['1', 'l"a'], True)
    """
    if '"' in line:
        try:
            values = next(csv.reader([line], delimiter=separator, strict=True))
        except (csv.Error, StopIteration):
            values = []
        if len(values) in fields and not _is_swallowed(line, values, separator):
            return [value.strip() for value in values], False
        plain = line.split(separator)
        return ([value.strip() for value in plain], True) if len(plain) in fields else (None, False)
    values = line.split(separator)
    return ([value.strip() for value in values], False) if len(values) in fields else (None, False)


def _is_swallowed(line: str, values: list[str], separator: str) -> bool:
    """Tell whether a quote that opens a value is closed nowhere a writer would close it."""
    return any('"' in value for value in values) and line.count('"') % 2 == 1 and separator in line


def split_lines(
    text: str, accounts: Accounts, *, separator: str, fields: tuple[int, ...], skip: int = 0
) -> Iterator[Row]:
    """Yield the lines of a text that can be split; the others are rejected in the accounts, listed.

    Parameters
    ----------
    text : str
        The file.
    accounts : Accounts
        Counts every line after the skipped ones.
    separator : str
        One character.
    fields : tuple of int
        How many values a line may have.
    skip : int
        Lines of header.
    """
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    for number, raw in enumerate(lines[skip:], start=1):
        accounts.read += 1
        line = raw.removesuffix("\r")
        reason = _refusal(line)
        if reason:
            accounts.reject_row(number, reason)
            continue
        values, is_literal = split_line(line, separator=separator, fields=fields)
        if values is None:
            accounts.reject_row(number, WRONG_FIELDS)
            continue
        if is_literal:
            accounts.note(STRAY_QUOTE, 1)
        yield Row(number, values)


def _refusal(line: str) -> str:
    if not line.strip():
        return EMPTY_LINE
    if len(line) > LONGEST_LINE_BYTES:
        return TOO_LONG
    return NUL_BYTE if "\0" in line else ""
