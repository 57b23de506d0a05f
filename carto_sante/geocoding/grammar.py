"""The grammar of French addresses as registries write them, driven by the tables of ``geocoding/data``.

`parse_address` finds the house number, the words of the street, the postcode and what follows it;
`street_key` reduces the words of a street to its type and its meaningful words. References and queries go through
the same two steps, so an abbreviation that the tables do not know still meets itself.

Sources of the tables: types of ways and their abbreviations of the DGFiP (FANTOIR, nature de la voie) and of
AFNOR XP Z 10-011; the rest was collected from FINESS, RPPS and Ameli address lines.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from carto_sante.geocoding.text import tokens_of

MONTHS = frozenset({
    "JANVIER", "FEVRIER", "MARS", "AVRIL", "MAI", "JUIN", "JUILLET", "AOUT", "SEPTEMBRE", "OCTOBRE", "NOVEMBRE",
    "DECEMBRE", "JANV", "FEV", "JUIL", "SEPT", "OCT", "NOV", "DEC",
})  # fmt: skip
_SUFFIX_WORDS = {"BIS": "BIS", "TER": "TER", "QUATER": "QUATER", "QUAT": "QUATER", "QUINQUIES": "QUINQUIES"}
# Letters that are also articles are a suffix only when the type of the way follows.
_ARTICLE_LETTERS = frozenset("ADLN")
_JOINERS = frozenset({"A", "ET", "AU"})


class Parsed(NamedTuple):
    """Parts of one address, folded.

    ``number`` is -1 where there is none; ``street`` holds the words of the way (and perhaps of the city after it);
    ``tail`` what followed a comma or the postcode.
    """

    number: int
    suffix: str
    street: tuple[str, ...]
    postcode: str
    tail: tuple[str, ...]


class Tables(NamedTuple):
    """Tables of the grammar."""

    types: dict[str, str]
    paired_types: dict[tuple[str, str], tuple[str, int]]
    words: dict[str, str]
    noise: dict[str, list[tuple[tuple[str, ...], str]]]
    fillers: frozenset[str]
    countries: frozenset[tuple[str, ...]]


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("carto_sante").joinpath(f"geocoding/data/{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def tables() -> Tables:
    """Return the tables of the grammar, read once."""
    types: dict[str, str] = {}
    paired: dict[tuple[str, str], tuple[str, int]] = {}
    for row in _rows("street_types"):
        parts = tuple(row["street_type"].split())
        if len(parts) == 1:
            types[parts[0]] = parts[0]
        else:
            paired[parts[0], parts[1]] = (row["street_type"], len(parts))
        for short in row["abbreviations"].split():
            types.setdefault(short, row["street_type"])
    words = {short: row["word"] for row in _rows("words") for short in row["written"].split()}
    noise: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for row in _rows("noise"):
        parts = tuple(row["word"].split())
        noise.setdefault(parts[0], []).append((parts, row["kind"]))
    for entries in noise.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    fillers = frozenset(row["word"] for row in _rows("fillers"))
    countries = frozenset(tuple(row["country"].split()) for row in _rows("countries"))
    return Tables(types, paired, words, noise, fillers, countries)


@cache
def _spelled_types() -> list[str]:
    """Types long enough to be recognised with a letter wrong."""
    return sorted({name for name in tables().types.values() if len(name) >= 3 and " " not in name})


@cache
def misspelt_type(word: str) -> str:
    """Return the type of way that a misspelt word stands for, or an empty text.

    Examples
    --------
    >>> misspelt_type("AVEUNE"), misspelt_type("RVE"), misspelt_type("PASTEUR")
    ('AVENUE', 'RUE', '')
    """
    if len(word) < 2 or word.isdigit():
        return ""
    longest = 1 if len(word) < 8 else 2
    found = process.extractOne(word, _spelled_types(), scorer=OSA.distance, score_cutoff=longest)
    if found is None or (len(word) == 2 and found[0] != "RUE"):
        return ""
    return str(found[0])


@cache
def possible_types(word: str) -> frozenset[str]:
    """Return the types whose name or abbreviation is one letter away from a short word.

    Examples
    --------
    >>> sorted(possible_types("IMF"))
    ['IMPASSE']
    """
    return frozenset(name for short, name in tables().types.items() if OSA.distance(word, short, score_cutoff=1) <= 1)


def parse_address(text: str) -> Parsed:
    """Split an address into house number, suffix, street, postcode and tail.

    Parameters
    ----------
    text : str
        Free text: "CABINET MEDICAL 12-14 BIS AV DU GAL LECLERC BP 12 93140 BONDY CEDEX".

    Returns
    -------
    Parsed

    Examples
    --------
    >>> parse_address("Cabinet médical, 12-14 av du Gal Leclerc BP 12 93140 Bondy cedex")
    Parsed(number=12, suffix='', street=('AV', 'DU', 'GAL', 'LECLERC'), postcode='93140', tail=('BONDY',))
    >>> parse_address("4B rue du 8 mai 1945")
    Parsed(number=4, suffix='B', street=('RUE', 'DU', '8', 'MAI', '1945'), postcode='', tail=())
    """
    tokens = _without_values(tokens_of(text))
    tokens, postcode, city = _split_postcode(tokens)
    first, number, suffix, after = _find_number(tokens)
    if number >= 0 and after >= len(tokens):  # the number closes the address: "RUE PASTEUR 12"
        tokens, after = tokens[:first], 0
    elif number < 0:
        after = _street_start(tokens)
    street, rest = _split_street(tokens[after:])
    if not street and after:
        street, _ = _split_street(tokens[:first] if number >= 0 else tokens)
    return Parsed(number, suffix, street, postcode, tuple(rest) + city)


def _without_values(tokens: list[str]) -> list[str]:
    """Drop "BP 123", "BAT A", "2 ETAGE", "CEDEX 9": a noise word and the value that goes with it."""
    noise = tables().noise
    if noise.keys().isdisjoint(tokens):
        return tokens
    kept: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        entry = next(
            (e for e in noise.get(token, ()) if e[1] == "value" and tuple(tokens[place : place + len(e[0])]) == e[0]),
            None,
        )
        if entry is None:
            kept.append(token)
            place += 1
            continue
        after = place + len(entry[0])
        value = tokens[after] if after < len(tokens) else ""
        if token in {"ETAGE", "ETG"} and kept and kept[-1].isdigit():
            kept.pop()
            place = after
        elif value.isdigit() or (len(value) == 1 and value != "," and not _is_suffixed(tokens, after)):
            place = after + 1
            # "BAT B2", "CEDEX 09": the letter and the digit of one value.
            is_two_part = not value.isdigit() and place < len(tokens) and tokens[place].isdigit()
            # Only when a later number is the house's: in "BAT B 12 PASTEUR" the number is 12.
            if is_two_part and any(
                tokens[i].isdigit() and _starts_street(tokens, i + 1) for i in range(place + 1, len(tokens))
            ):
                place += 1
        elif token in {"CEDEX", "CX", "BP", "CS", "TSA"}:
            place = after
        else:
            kept.append(token)
            place += 1
    return kept


def _is_suffixed(tokens: list[str], place: int) -> bool:
    """Whether the single letter at ``place`` is an article of a name ("PORTE D ITALIE") rather than a value."""
    return tokens[place] in {"D", "L"} and place + 1 < len(tokens) and len(tokens[place + 1]) > 2


def _starts_street(tokens: list[str], place: int) -> bool:
    return place < len(tokens) and (tokens[place] in tables().types or tuple(tokens[place : place + 2]) in
                                    tables().paired_types)  # fmt: skip


def _split_postcode(tokens: list[str]) -> tuple[list[str], str, tuple[str, ...]]:
    """Take off the last five-digit number and what follows it, when it reads as postcode and city."""
    for place in range(len(tokens) - 1, -1, -1):
        token = tokens[place]
        if len(token) == 5 and token.isdigit() and not _starts_street(tokens, place + 1):
            city = tuple(t for t in tokens[place + 1 :] if t != ",")
            return tokens[:place], token, city
    # Corsica: "2A004" is a commune code, never a postcode; nothing to do here.
    return tokens, "", ()


def _find_number(tokens: list[str]) -> tuple[int, int, str, int]:
    """Return place, number, suffix and the place after them; number -1 where there is none."""
    fallback = (0, -1, "", 0)
    for place, token in enumerate(tokens):
        if not token.isdigit() or len(token) > 5:
            continue
        if (place + 1 < len(tokens) and tokens[place + 1] in MONTHS) or (place and tokens[place - 1] in MONTHS):
            continue
        suffix, after = _suffix_at(tokens, place + 1)
        after = _skip_range(tokens, after, int(token))
        if after < len(tokens) and tokens[after] == ",":
            after += 1
        if _starts_street(tokens, after):
            return place, int(token), suffix, after
        is_leading = (place == 0 or tokens[place - 1] == ",") and len(token) <= 4
        if fallback[1] < 0 and after < len(tokens) and (is_leading or misspelt_type(tokens[after])):
            fallback = (place, int(token), suffix, after)
    if fallback[1] < 0 and len(tokens) > 1:
        fallback = _trailing_number(tokens)
    return fallback if fallback[1] >= 0 else _number_after_noise(tokens)


def _number_after_noise(tokens: list[str]) -> tuple[int, int, str, int]:
    """Read "CABINET MEDICAL 12 PASTEUR": a number inside, neither in a date nor after a small word or a type."""
    fillers, types = tables().fillers, tables().types
    for place, token in enumerate(tokens[:-1]):
        before = tokens[place - 1] if place else ","
        is_of_name = before in fillers or before in MONTHS or (before in types and place == 1)
        if token.isdigit() and len(token) <= 4 and (not is_of_name or tokens[place + 1] == ","):
            if tokens[place + 1] in MONTHS:
                continue
            suffix, after = _suffix_at(tokens, place + 1)
            after = _skip_range(tokens, after, int(token))
            after += after < len(tokens) and tokens[after] == ","
            if after < len(tokens):
                return place, int(token), suffix, after
    return 0, -1, "", 0


def _trailing_number(tokens: list[str]) -> tuple[int, int, str, int]:
    """Read "RUE PASTEUR 12 BIS": a number that closes the address and is no part of a date or a road number."""
    last = len(tokens) - 1
    suffix = ""
    if not tokens[last].isdigit() and last > 1:
        suffix, after = _suffix_at(tokens, last)
        if after == last + 1:
            last -= 1
        else:
            return 0, -1, "", 0
    token = tokens[last]
    is_number = token.isdigit() and len(token) <= 4 and last > 0
    before = tokens[last - 1] if last else ""
    if not is_number or before in MONTHS or before in {"NATIONALE", "DEPARTEMENTALE", "RN", "RD", "N", "D", "CD"}:
        return 0, -1, "", 0
    if all(t in tables().fillers or t in tables().types or t == "," for t in tokens[:last]):
        return 0, -1, "", 0
    return last, int(token), suffix, len(tokens)


def _suffix_at(tokens: list[str], place: int) -> tuple[str, int]:
    if place >= len(tokens):
        return "", place
    token = tokens[place]
    if token in _SUFFIX_WORDS:
        return _SUFFIX_WORDS[token], place + 1
    if len(token) == 1 and token.isalpha():
        # "12 R PASTEUR" is a street, "12 A LA CROIX" an article, "12 C RUE" a suffix.
        has_type_after = _starts_street(tokens, place + 1) or tokens[place + 1 : place + 2] == [","]
        if has_type_after or place + 1 == len(tokens):
            return token, place + 1
        if token not in tables().types and token not in _ARTICLE_LETTERS and token != "E":
            return token, place + 1
    return "", place


def _skip_range(tokens: list[str], place: int, number: int) -> int:
    """Step over the end of "12-14", "12 A 14", "12 ET 14 BIS", "12/14/16"."""
    while place < len(tokens):
        after = place + 1 if tokens[place] in _JOINERS else place
        token = tokens[after] if after < len(tokens) else ""
        is_date = after + 1 < len(tokens) and tokens[after + 1] in MONTHS
        if not (token.isdigit() and len(token) <= 4 and int(token) >= number and not is_date):
            return place
        _, place = _suffix_at(tokens, after + 1)
    return place


def _street_start(tokens: list[str]) -> int:
    """Where the street begins when there is no number: after leading noise, if a type of way follows it."""
    noise = tables().noise
    for place in range(len(tokens)):
        if _starts_street(tokens, place) and place + 1 < len(tokens):
            before = tokens[:place]
            is_title = tokens[place] in noise and any(_starts_street(tokens, p) for p in range(place + 1, len(tokens)))
            if not is_title and (not before or before[-1] == "," or any(t in noise for t in before)):
                return place
    for place, token in enumerate(tokens):
        entry = next((e for e in noise.get(token, ()) if tuple(tokens[place : place + len(e[0])]) == e[0]), None)
        if entry and entry[1] == "alone" and place + len(entry[0]) < len(tokens) and place == 0:
            return place + len(entry[0])
    return 0


def _split_street(tokens: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Cut the words of the street at a comma or at a title ("RESIDENCE ...", "CABINET MEDICAL") after a name."""
    fillers, noise, types = tables().fillers, tables().noise, tables().types
    street: list[str] = []
    has_name = False
    for place, token in enumerate(tokens):
        if token == ",":
            if has_name:
                return tuple(street), _without_noise(tokens[place + 1 :])
            continue
        if has_name and token in noise:
            entry = next((e for e in noise[token] if tuple(tokens[place : place + len(e[0])]) == e[0]), None)
            if entry and entry[1] != "value":
                return tuple(street), []
        is_type = not street and token in types
        has_name = has_name or not (is_type or token in fillers)
        street.append(token)
    return tuple(street), []


def _without_noise(tokens: list[str]) -> list[str]:
    """Drop the parts between commas that start as noise does ("RDC", "CABINET MEDICAL", "RESIDENCE LES PINS")."""
    noise = tables().noise
    kept: list[str] = []
    part: list[str] = []
    for token in [*tokens, ","]:
        if token != ",":
            part.append(token)
            continue
        entries = noise.get(part[0], ()) if part else ()
        if not any(tuple(part[: len(words)]) == words for words, _ in entries):
            kept += part
        part = []
    return kept


def street_key(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the type of a way and its meaningful words, spelled out.

    Parameters
    ----------
    words : tuple of str
        Folded words, as of `Parsed.street`.

    Examples
    --------
    >>> street_key(("AV", "DU", "GAL", "DE", "GAULLE"))
    ('AVENUE', ('GENERAL', 'GAULLE'))
    >>> street_key(("GRANDE", "RUE"))
    ('', ('GRANDE', 'RUE'))
    """
    types, paired, spelled, _, fillers, _ = tables()
    kind, start = "", 0
    if words:
        pair = paired.get(words[:2])  # type: ignore[arg-type]
        if pair and len(words) > pair[1]:
            kind, start = pair
        elif words[0] in types and len(words) > 1:
            kind, start = types[words[0]], 1
    rest = words[start:]
    core = tuple([spelled.get(word, word) for word in rest if word not in fillers])
    if not core:  # "RUE DES", "AVENUE DE L ET": nothing but small words, kept as they are
        core = tuple(rest)
    return kind, core


def spelled_out(words: tuple[str, ...]) -> str:
    """Return the words of a way with its abbreviations spelled, small words kept.

    Examples
    --------
    >>> spelled_out(("AV", "DU", "GAL", "DE", "GAULLE"))
    'AVENUE DU GENERAL DE GAULLE'
    """
    types, paired, spelled, _, _, _ = tables()
    if len(words) > 1 and words[0] in types and words[:2] not in paired:
        return " ".join((types[words[0]], *[spelled.get(word, word) for word in words[1:]]))
    return " ".join([spelled.get(word, word) for word in words])


def is_foreign(parsed: Parsed) -> bool:
    """Whether an address ends with the name of another country, standing alone.

    Examples
    --------
    >>> is_foreign(parse_address("Hauptstrasse 12, 10115 Berlin, Allemagne"))
    True
    >>> is_foreign(parse_address("1 rue de Suisse"))
    False
    """
    words = parsed.street + parsed.tail
    for length in (1, 2):
        if words[-length:] in tables().countries and len(words) > length:
            before = words[-length - 1]
            return before not in tables().fillers and before not in tables().types
    return False
