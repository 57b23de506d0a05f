"""Text of an address made comparable: upper-case ASCII words and numbers, whatever was typed.

Accents, ligatures, apostrophes, hyphens and control characters disappear; commas and line breaks stay, since they
say where a part of an address ends.
"""

from __future__ import annotations

import re
import unicodedata

#: Longest address taken as one; beyond it, the text is not an address and is refused rather than guessed at.
MAX_ADDRESS_LENGTH = 400

_BREAKS = frozenset(",;|\n\r\t")
_LIGATURES = {"Œ": "OE", "Æ": "AE", "ß": "SS", "Ø": "O", "Ł": "L"}
# An ordinal ("1ER", "2EME") is one token, a number and a suffix ("12BIS") are two.
_TOKEN = re.compile(r"\d+(?=(?:ERE|ER|EME|IEME|NDE|ND)\b)|\d+|[A-Z]+|,")
_ORDINAL_ENDINGS = frozenset({"ER", "ERE", "EME", "IEME", "ND", "NDE"})
_MOJIBAKE = re.compile("[ÂÃâÅ]")


class _Folding(dict[int, str]):
    """Code point to its folded text, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in _BREAKS:
            folded = ","
        else:
            upper = _LIGATURES.get(character.upper(), character.upper())
            plain = "".join(c for c in unicodedata.normalize("NFKD", upper) if not unicodedata.combining(c))
            folded = "".join(c if c.isascii() and c.isalnum() else " " for c in plain)
            # A combining accent typed apart joins its letter; anything else unknown separates words.
            if not folded and not unicodedata.combining(character):
                folded = " "
        self[code] = folded
        return folded


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return a text in upper-case ASCII, its parts separated by commas.

    Examples
    --------
    >>> fold("12 bis, allée de l’Égalité")
    '12 BIS, ALLEE DE L EGALITE'
    """
    return text.translate(_FOLDING)


def tokens_of(text: str) -> list[str]:
    """Return the words, numbers and commas of a text; ordinals lose their ending.

    Examples
    --------
    >>> tokens_of("12bis, rue du 1er Mai")
    ['12', 'BIS', ',', 'RUE', 'DU', '1', 'MAI']
    """
    found = _TOKEN.findall(text.translate(_FOLDING))
    if _ORDINAL_ENDINGS.isdisjoint(found):
        return found
    return [
        token
        for place, token in enumerate(found)
        if not (token in _ORDINAL_ENDINGS and place and found[place - 1].isdigit())
    ]


def repair_encoding(text: str) -> str:
    """Return a text whose accents were encoded twice ("GalliÃ©ni") as it was meant ("Galliéni").

    Examples
    --------
    >>> repair_encoding("Rue de lâ€™AllÃ©e"), repair_encoding("Rue Âgée")
    ('Rue de l’Allée', 'Rue Âgée')
    """
    if not _MOJIBAKE.search(text):
        return text
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
    return text
