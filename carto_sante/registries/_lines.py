"""Big delimited files without quoting, sifted as bytes before anything parses them.

The RPPS has no quoting: a stray quote, a cut line or a NUL must cost one line and no more. Each chunk of the file is
looked at as an array of bytes: separators are counted line by line, lines that cannot be split surely are set aside
with a reason, and lines outside the wanted départements are dropped before they cost anything. What is left is
parsed by polars. Nothing else in the package sees raw lines.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import FileFormatError
from carto_sante.files import refuse_workbook, require_file
from carto_sante.registries.encoding import BOM_NOTE, decode, repair_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Numbers = NDArray[np.int64]

#: Longest line taken for a row of a registry; the longest real ones are under 2,000 bytes.
LONGEST_LINE_BYTES = 65_536
#: A line longer than this is not even looked at.
LONGEST_REST_BYTES = 64 * 1024 * 1024
#: Bytes read at a time: the arrays of one chunk take about five times that.
CHUNK_BYTES = 16 * 1024 * 1024

WRONG_FIELDS = "wrong number of fields (line cut, or a separator inside a value)"
TOO_LONG = "line longer than 64 KB"
NUL_BYTE = "NUL byte in the line"
EMPTY_LINE = "empty line"


@dataclass
class Sifted:
    """Lines of one chunk that can be split: valid UTF-8, each ended by a newline.

    ``rows`` are their numbers in the file (1 is the first data row); ``has_blanks`` tells that some values have
    blanks around them; ``rejected`` and ``notes`` count the chunk.
    """

    data: bytes
    rows: Numbers
    read: int
    has_blanks: bool = False
    rejected: dict[str, int] = field(default_factory=dict)
    listed: list[tuple[int, str]] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Chunk:
    """One chunk as bytes, with the place of each line and of its separators."""

    values: Bytes
    starts: Numbers
    ends: Numbers
    separators: Numbers
    first_separator: Numbers

    def field_bounds(self, lines: NDArray[Any], number: int) -> tuple[Numbers, Numbers]:
        """Return where field ``number`` (from 0) of the given lines starts and ends."""
        before = self.first_separator[lines]
        starts = self.starts[lines] if number == 0 else self.separators[before + number - 1] + 1
        return starts, self.separators[before + number]


#: Given a chunk and the numbers of its sound lines, say which are wanted.
Selection = Callable[[Chunk, "NDArray[Any]"], "NDArray[np.bool_]"]


def read_header(path: Path | str, *, separator: str) -> tuple[list[str], int, dict[str, int]]:
    """Return the names of the first line, the bytes it takes, and what was repaired in it.

    Raises
    ------
    MissingFileError, InputError
        If there is no such file, or it is empty.
    FileFormatError
        If no line ends within 64 KB, or it is UTF-16.
    """
    source = require_file(path, what="registry file")
    refuse_workbook(source)
    with source.open("rb") as stream:
        start = stream.read(LONGEST_LINE_BYTES)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileFormatError(
            f"{source} is in UTF-16.", expected="UTF-8", next_step="Download it again, or save it as UTF-8."
        )
    line, newline, _ = start.partition(b"\n")
    if not newline and len(start) == LONGEST_LINE_BYTES:
        raise FileFormatError(
            f"{source} has no line end in its first 64 KB.",
            expected="one row per line",
            next_step="It is damaged, or is not a text file: download it again.",
        )
    text, notes = decode(line, name=str(source))
    return text.rstrip("\r").split(separator), len(line) + len(newline), notes


def sift(
    path: Path | str,
    *,
    separator: str,
    separators_count: int,
    skip_bytes: int = 0,
    select: Selection | None = None,
    outside_reason: str = "outside the study",
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[Sifted]:
    """Yield the sound and wanted lines of a file, chunk by chunk.

    Parameters
    ----------
    path : path
        The file.
    separator : str
        One ASCII character, never quoted.
    separators_count : int
        How many a sound line has.
    skip_bytes : int
        Length of the header.
    select : callable, optional
        Which sound lines are wanted; the others are rejected with ``outside_reason``.

    Raises
    ------
    FileFormatError
        If 64 MB pass without a line end.
    """

    def sifted() -> Iterator[Sifted]:
        number = 0
        for block in _blocks(Path(path), skip_bytes=skip_bytes, chunk_bytes=chunk_bytes):
            part = _sift_block(block, number, ord(separator), separators_count, select, outside_reason)
            number += part.read
            yield part

    yield from _ahead(sifted())


def _blocks(path: Path, *, skip_bytes: int, chunk_bytes: int) -> Iterator[bytes]:
    """Yield blocks of whole lines; the last line gets its newline if it lacks one."""
    with path.open("rb") as stream:
        stream.seek(skip_bytes)
        while block := stream.read(chunk_bytes):
            if skip_bytes == 0 and stream.tell() == len(block):
                block = block.removeprefix(codecs.BOM_UTF8)
            if not block.endswith(b"\n"):
                rest = stream.readline(LONGEST_REST_BYTES)
                if len(rest) == LONGEST_REST_BYTES:
                    raise FileFormatError(
                        f"{path} has a line of more than 64 MB.",
                        expected="one row per line",
                        next_step="It is damaged: download it again.",
                    )
                block += rest if rest.endswith(b"\n") else rest + b"\n"
            yield block


def _ahead(items: Iterator[Sifted]) -> Iterator[Sifted]:
    """Yield the items of an iterator, the next one being made in a thread meanwhile."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(next, items, None)
        while (item := pending.result()) is not None:
            pending = pool.submit(next, items, None)
            yield item


def _sift_block(
    block: bytes, number: int, separator: int, count: int, select: Selection | None, outside_reason: str
) -> Sifted:
    import numpy as np

    values = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(values == 10)
    starts = np.concatenate(([0], ends[:-1] + 1))
    separators = np.flatnonzero(values == separator)
    first, found = _by_line(separators, starts, ends, count)
    chunk = Chunk(values, starts, ends, separators, first)
    reasons = np.zeros(len(ends), dtype=np.int8)
    reasons[found != count] = 1
    reasons[ends - starts > LONGEST_LINE_BYTES] = 2
    if b"\0" in block:
        reasons[np.searchsorted(starts, np.flatnonzero(values == 0), side="right") - 1] = 3
    if b"\n\n" in block or block.startswith(b"\n") or b"\n\r\n" in block:
        length = ends - starts
        reasons[(length == 0) | ((length == 1) & (values[starts] == 13))] = 4
    if select is not None:
        sound = np.flatnonzero(reasons == 0)
        reasons[sound[~select(chunk, sound)]] = 5
    names = ("", WRONG_FIELDS, TOO_LONG, NUL_BYTE, EMPTY_LINE, outside_reason)
    kept = reasons == 0
    counts = np.bincount(reasons, minlength=len(names))
    listed = [(number + int(line) + 1, names[reasons[line]]) for line in np.flatnonzero((reasons > 0) & (reasons < 5))]
    data, notes = repair_bytes(_take(block, values, starts, ends, kept))
    return Sifted(
        data=data.replace(b"\r\n", b"\n") if b"\r" in data else data,
        rows=np.flatnonzero(kept) + number + 1,
        read=len(ends),
        has_blanks=_has_blanks(values, separators),
        rejected={names[code]: int(counts[code]) for code in range(1, len(names)) if counts[code]},
        listed=listed,
        notes=notes,
    )


def _by_line(separators: Numbers, starts: Numbers, ends: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """Return the number of the first separator of each line, and how many it has."""
    import numpy as np

    lines = len(ends)
    if len(separators) == lines * count and count:
        grid = separators.reshape(lines, count)
        if (grid[:, 0] >= starts).all() and (grid[:, -1] < ends).all():  # the usual case: every line is sound
            return np.arange(lines) * count, np.full(lines, count)
    first = np.searchsorted(separators, starts)
    return first, np.searchsorted(separators, ends) - first


def _has_blanks(values: Bytes, separators: Numbers) -> bool:
    inner = separators[1:]  # the first value of a line is a key, checked on its own
    return bool((values[inner - 1] == 32).any() or (values[inner[:-1] + 1] == 32).any())


def _take(block: bytes, values: Bytes, starts: Numbers, ends: Numbers, kept: NDArray[np.bool_]) -> bytes:
    """Return the kept lines, one after the other."""
    import numpy as np

    if kept.all():
        return block
    if kept.sum() * 4 < len(kept):  # few lines: slicing them beats a mask over every byte
        wanted = np.flatnonzero(kept)
        return b"".join(block[a : b + 1] for a, b in zip(starts[wanted].tolist(), ends[wanted].tolist(), strict=True))
    return values[np.repeat(kept, ends + 1 - starts)].tobytes()


__all__ = ["BOM_NOTE", "CHUNK_BYTES", "Chunk", "Selection", "Sifted", "read_header", "sift"]
