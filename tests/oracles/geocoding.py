"""Geocoding written slowly: one query against every name, one number against every number of a street."""

from __future__ import annotations

import math

from rapidfuzz.distance import OSA

from carto_sante.geocoding import matching


def word_similarities(word: str, known: list[str]) -> dict[str, float]:
    """Known words that a word may stand for, as a first search sees them."""
    if word.isdigit():
        return {word: 1.0} if word in known else {}
    if word in known:
        return {word: 1.0}
    similar = {}
    for other in known:
        if len(word) <= 5 and other.startswith(word):
            similar[other] = 0.6 if len(word) == 1 else 0.8
        if len(word) >= 3 and not other.isdigit():
            value = OSA.normalized_similarity(word, other)
            if value >= 0.6:
                similar[other] = max(similar.get(other, 0.0), value)
    return similar


def weights(names: list[tuple[str, tuple[str, ...]]]) -> dict[str, float]:
    """Weight of each known word: the rarer, the heavier."""
    count: dict[str, int] = {}
    for _, words in names:
        for word in words:
            count[word] = count.get(word, 0) + 1
    return {word: 1.0 + math.log10(len(names) / number) for word, number in count.items()}


def text_score(
    query: matching.Query, name: tuple[str, tuple[str, ...]], name_text: str, heavy: dict[str, float]
) -> float:
    """Score of one name for one query: share of the name found, less what the query says more, and the type."""
    known = sorted(heavy)
    kind, words = name
    similar = {word: word_similarities(word, known) for word in query.words}
    found = sum(heavy[w] * max((s.get(w, 0.0) for s in similar.values()), default=0.0) for w in words)
    share = min(1.0, found / sum(heavy[w] for w in words))
    usual = _median(list(heavy.values()))
    used = total = 0.0
    for word in dict.fromkeys(query.words):
        best = max(similar[word].values(), default=0.0)
        top = max((heavy[k] for k, v in similar[word].items() if v >= best - 1e-6), default=0.0)
        cost = max(top * best, usual * 0.7) if best else usual * 0.7
        cost *= 0.05 if word in query.soft else 1.0
        total += cost
        used += cost * sum(similar[word].get(w, 0.0) for w in words)
    extra = min(1.0, max(0.0, 1.0 - used / total)) if total else 0.0
    if share * (1.0 - matching._EXTRA_WORD_COST * extra) < matching.MIN_TEXT_SCORE * 0.9:
        return 0.0
    if kind == query.kind or (kind and kind in query.guesses):
        factor = 1.0
    else:
        factor = 0.985 if not kind or not query.kind else 0.87
    if not query.kind and kind not in query.guesses:
        factor = 0.985 if kind else 1.0
    whole = OSA.normalized_similarity(query.text, name_text)
    return share * (1.0 - matching._EXTRA_WORD_COST * extra) * factor * 0.96 + whole * 0.04


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def place_number(
    numbers: list[tuple[int, str, float, float]], number: int, suffix: str
) -> tuple[float, float, str] | None:
    """Point and outcome of a house number among (number, suffix, lon, lat); None where only the street is left."""
    twins = {"B": "BIS", "BIS": "B", "T": "TER", "TER": "T", "Q": "QUATER", "QUATER": "Q"}
    for wanted in (suffix, twins.get(suffix)):
        for n, s, lon, lat in numbers:
            if n == number and s == wanted:
                return lon, lat, "exact"
    same = sorted((s, lon, lat) for n, s, lon, lat in numbers if n == number)
    if same:
        return same[0][1], same[0][2], "other suffix"
    below = [entry for entry in numbers if entry[0] < number and entry[0] % 2 == number % 2]
    above = [entry for entry in numbers if entry[0] > number and entry[0] % 2 == number % 2]
    if not below or not above:
        return None
    n0, _, lon0, lat0 = max(below, key=lambda entry: (entry[0], entry[1]))
    n1, _, lon1, lat1 = min(above, key=lambda entry: (entry[0], entry[1]))
    share = (number - n0) / (n1 - n0)
    return lon0 + share * (lon1 - lon0), lat0 + share * (lat1 - lat0), "interpolated"
