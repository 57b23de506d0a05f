"""Text whose encoding is wrong: recognised, repaired where that is sure, counted.

Four cases are met in real registries: UTF-8 with a byte order mark, Windows-1252 ("latin-1") files, accents encoded
twice ("GalliÃ©ni"), and accents destroyed upstream ("sant�"). The first three are repaired; the last is repaired only
where a known label fits letter for letter, and counted everywhere.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from carto_sante.errors import FileFormatError

#: What replaces a letter that was lost before the file reached us.
DESTROYED = "\ufffd"

WINDOWS_1252_NOTE = "lines in Windows-1252 read as such"
TWICE_ENCODED_NOTE = "lines with accents encoded twice, repaired"
DESTROYED_NOTE = "lines with destroyed accents, left as they are"
BOM_NOTE = "byte order mark removed"
LABEL_NOTE = "labels with destroyed accents, restored from the nomenclature"

# A UTF-8 sequence read as Windows-1252 starts with one of these letters in French text: Â Ã Å (two bytes), â ï (three).
_TWICE = re.compile(
    "[\u00c2\u00c3\u00c5\u00e2\u00ef][\u0080-\u00bf\u0152-\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{1,2}"
)
# What a repair may give: letters and punctuation of French text, or the mark of a lost letter.
_FRENCH = re.compile("[\u00a0-\u017f\u2010-\u2026\u2030\u2039\u203a\u20ac\u2122\ufffd]+")
# The same leading letters in UTF-8, first byte always 0xC3, then one of these: a fast test before decoding. After the
# last two, which stand in sound French text too, the next byte decides.
_TWICE_SECOND = (0x82, 0x83, 0x85)
_TWICE_SECOND_THIRD = {0xA2: 0xE2, 0xAF: 0xC2}
_DESTROYED_BYTES = DESTROYED.encode()


class Decoded(NamedTuple):
    """Text, and what was done to get it (note to number of lines)."""

    text: str
    notes: dict[str, int]


def decode(data: bytes, *, name: str = "the file") -> Decoded:
    """Decode bytes line by line: UTF-8 where valid, Windows-1252 otherwise, twice-encoded accents repaired.

    Parameters
    ----------
    data : bytes
        A whole file or some of its lines.
    name : str
        How the error names it.

    Returns
    -------
    Decoded
        ``text`` and ``notes``.

    Raises
    ------
    FileFormatError
        If it is UTF-16 and cut.

    Examples
    --------
    >>> decode("santé".encode("cp1252"))
    Decoded(text='santé', notes={'lines in Windows-1252 read as such': 1})
    >>> decode("GalliÃ©ni".encode()).text
    'Galliéni'
    """
    notes: dict[str, int] = {}
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError as error:
            raise FileFormatError(
                f"{name} starts as UTF-16 but is not valid: {error.__class__.__name__}.",
                expected="UTF-8 text",
                next_step="Download it again, or save it as UTF-8.",
            ) from error
        notes["UTF-16 converted"] = 1
    if data.startswith(codecs.BOM_UTF8):
        data, notes[BOM_NOTE] = data[len(codecs.BOM_UTF8) :], 1
    repaired, found = repair_bytes(data)
    return Decoded(repaired.decode("utf-8"), {**notes, **found})


def repair_bytes(data: bytes) -> tuple[bytes, dict[str, int]]:
    """Return the same lines in valid UTF-8, and what was repaired (note to number of lines).

    Lines keep their number and their order.
    """
    notes: dict[str, int] = {}
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        lines, count = data.split(b"\n"), 0
        for number, line in enumerate(lines):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                lines[number] = _from_windows(line).encode()
                count += 1
        data, notes[WINDOWS_1252_NOTE] = b"\n".join(lines), count
    if _may_be_twice(data):
        lines, count = data.split(b"\n"), 0
        for number, line in enumerate(lines):
            if not line.isascii():
                text = line.decode("utf-8")
                fixed = repair_twice_encoded(text)
                if fixed != text:
                    lines[number] = fixed.encode()
                    count += 1
        if count:
            data, notes[TWICE_ENCODED_NOTE] = b"\n".join(lines), count
    if _DESTROYED_BYTES in data:
        notes[DESTROYED_NOTE] = sum(_DESTROYED_BYTES in line for line in data.split(b"\n"))
    return data, notes


def _may_be_twice(data: bytes) -> bool:
    """Tell, in one pass over the bytes, whether accents may be encoded twice."""
    if data.isascii():
        return False
    import numpy as np

    values = np.frombuffer(data, dtype=np.uint8)
    lead = np.flatnonzero(values[:-2] == 0xC3)
    second, third = values[lead + 1], values[lead + 2]
    found = np.isin(second, _TWICE_SECOND)
    for letter, follower in _TWICE_SECOND_THIRD.items():
        found |= (second == letter) & (third == follower)
    return bool(found.any())


def repair_twice_encoded(text: str) -> str:
    """Return text whose accents were encoded twice, repaired; other text is returned as it is.

    Examples
    --------
    >>> repair_twice_encoded("Allée de lâ€™HÃ´pital"), repair_twice_encoded("Ã la")
    ('Allée de l’Hôpital', 'Ã la')
    """
    return _TWICE.sub(_decode_match, text)


def _decode_match(match: re.Match[str]) -> str:
    raw = match.group()
    for size in range(len(raw), 1, -1):
        try:
            fixed = bytes(_byte_of(letter) for letter in raw[:size]).decode("utf-8")
        except (UnicodeError, ValueError):
            continue
        if _FRENCH.fullmatch(fixed):
            return fixed + raw[size:]
    return raw


def _byte_of(letter: str) -> int:
    try:
        return letter.encode("cp1252")[0]
    except UnicodeEncodeError:
        return ord(letter)  # the five bytes Windows-1252 leaves undefined; above 255 bytes() raises ValueError


def _from_windows(line: bytes) -> str:
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def restore_label(label: str, known: Iterable[str]) -> str | None:
    r"""Return the one known label that a damaged label can only be, or None.

    Each destroyed mark stands for exactly one letter.

    Examples
    --------
    >>> restore_label("sant\ufffd", ["santé", "soins"])
    'santé'
    >>> restore_label("sal\ufffd", ["salé", "sale"]) is None
    True
    """
    pattern = re.compile(re.escape(label).replace(re.escape(DESTROYED), "."), re.DOTALL)
    fits = sorted({name for name in known if pattern.fullmatch(name)})
    return fits[0] if len(fits) == 1 else None


def restore_labels(labels: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    r"""Return the labels of codes with destroyed ones replaced by the known label of the same code where it fits.

    Examples
    --------
    >>> restore_labels({"124": "Centre de sant\ufffd"}, {"124": "Centre de santé"})
    {'124': 'Centre de santé'}
    """
    fixed = dict(labels)
    for code, label in labels.items():
        if DESTROYED in label and code in known:
            fixed[code] = restore_label(label, [known[code]]) or label
    return fixed


def plain(text: str) -> str:
    """Return text in lower case without accents, typographic apostrophes or repeated spaces, to compare names.

    Examples
    --------
    >>> plain("Numéro  FINESS établissement d’Ille-et-Vilaine")
    "numero finess etablissement d'ille-et-vilaine"
    """
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.replace("\u2019", "'").casefold().split())
