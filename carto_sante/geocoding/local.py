"""Passes 2 to 6 on a local index: exact number, interpolation, street, locality, municipality.

Everything is done on distinct readings, by groups of addresses that search the same communes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from carto_sante.geocoding.gazetteer import Gazetteer, Scope
from carto_sante.geocoding.grammar import (
    Parsed,
    is_foreign,
    misspelt_type,
    parse_address,
    possible_types,
    spelled_out,
    street_key,
    tables,
)
from carto_sante.geocoding.index import DEGREE_SCALE, AddressIndex
from carto_sante.geocoding.matching import MIN_TEXT_SCORE, Matcher, Query
from carto_sante.geocoding.numbers import EXACT, INTERPOLATED, NUMBER_FACTORS, OTHER_SUFFIX, STREET, NumberFinder
from carto_sante.geocoding.text import MAX_ADDRESS_LENGTH

#: Scores of points that are only a locality's or a commune's.
LOCALITY_FACTOR, MUNICIPALITY_SCORE = 0.7, 0.4

#: Two ways as likely as each other and further apart than this make an address ambiguous.
AMBIGUITY_M = 200.0
_TIE = 0.004
_DOUBT = 0.04
_RIVAL = 0.25
#: A doubtful or contradicted point never scores more.
DOUBTFUL_SCORE = 0.75

#: A commune that only the département's digits of a CEDEX postcode point to needs a text this close.
SURE_TEXT_SCORE = 0.93

#: A text this far from any name is believed only when no other name comes close.
WEAK_TEXT_SCORE, WEAK_MARGIN = 0.57, 0.06

NEAR_RADIUS_KM = 15.0
_METRES_PER_DEGREE = 111_200.0


class Request(NamedTuple):
    """One address to place: texts as given, "" where absent; ``near`` is a longitude and latitude or None."""

    address: str
    postcode: str
    commune_code: str
    commune_label: str
    near: tuple[float, float] | None


class Answer(NamedTuple):
    """Where an address was placed, and how; lon and lat are NaN where it was not."""

    lon: float
    lat: float
    step: str
    score: float
    precision: str
    label: str
    identifier: str
    commune_code: str
    reason: str


class _Try(NamedTuple):
    """One way of reading a request: the row it is for, where to search, what for."""

    row: int
    scope: Scope
    query: Query
    number: int
    suffix: str


class _Candidate(NamedTuple):
    score: float
    street: int
    lon: float
    lat: float
    outcome: int
    rank: int
    alike: float  # similarity of the whole texts, small words included


def refused(reason: str) -> Answer:
    """Return the answer of an address that cannot be placed."""
    nan = float("nan")
    return Answer(nan, nan, "none", nan, "none", "", "", "", reason)


class LocalGeocoder:
    """Geocodes on an opened index; made once, used for any number of addresses."""

    def __init__(self, index: AddressIndex) -> None:
        self.index = index
        self.gazetteer = Gazetteer(index)
        self._matcher = Matcher(index)
        self._finder = NumberFinder(index)
        self._vocabulary = frozenset(index.texts["vocabulary"].to_pylist())

    def locate(self, requests: Sequence[Request]) -> list[Answer]:
        """Place addresses, in order."""
        answers: list[Answer | None] = [None] * len(requests)
        scopes: list[Scope | None] = [None] * len(requests)
        tries: list[_Try] = []
        parsed_rows: list[Parsed | None] = [None] * len(requests)
        for row, request in enumerate(requests):
            parsed = parse_address(request.address) if len(request.address) <= MAX_ADDRESS_LENGTH else None
            if parsed is None:
                answers[row] = refused(f"address longer than {MAX_ADDRESS_LENGTH} characters")
                continue
            parsed_rows[row] = parsed
            scope, readings = self._readings(request, parsed)
            scopes[row] = scope
            if scope.refusal:
                answers[row] = refused(scope.refusal)
                continue
            tries += [_Try(row, place, query, parsed.number, parsed.suffix) for place, query in readings]
        found = self._search(tries)
        for row, request in enumerate(requests):
            if answers[row] is None:
                reading, place = parsed_rows[row], scopes[row]
                if reading is not None and place is not None:
                    answers[row] = self._decide(request, reading, place, found.get(row, []))
        self._list_contradictions(requests, parsed_rows, scopes, answers)
        return [answer if answer is not None else refused("empty address") for answer in answers]

    # Reading -----------------------------------------------------------------------------------------------------

    def _readings(self, request: Request, parsed: Parsed) -> tuple[Scope, list[tuple[Scope, Query]]]:
        """Return where to search, and each reading of the words of the street with its own scope."""
        gazetteer = self.gazetteer
        label = request.commune_label or " ".join(parsed.tail)
        postcode = request.postcode or parsed.postcode
        if not request.commune_code and not postcode and is_foreign(parsed):
            return Scope((), "all", refusal="foreign address"), []
        if not request.commune_label and parsed.tail and not gazetteer.of_label(label, fuzzy=True):
            label = self._label_in_tail(parsed.tail)
        scope = gazetteer.scope_of(request.commune_code, postcode, label)
        is_free_text = not (request.commune_code or request.postcode or request.commune_label)
        if scope.refusal and is_free_text and is_foreign(parsed):
            return Scope((), "all", refusal="foreign address"), []
        readings: list[tuple[Scope, Query]] = []
        words = parsed.street
        if scope.basis in {"all", "postcode", "departement"} and words:
            length, areas = gazetteer.ending(words)
            if scope.basis != "all":
                areas = tuple(area for area in areas if area in scope.areas)
            if areas:
                narrowed = Scope(areas, "label")
                readings.append((narrowed, self._query(words[:-length], narrowed)))
            elif scope.basis == "all" and not request.near and len(words) > 1 and not words[-1].isdigit():
                readings += self._misspelt_ending(words)
        if scope.basis == "all" and request.near is not None:
            lon, lat = (round(value, 2) for value in request.near)
            areas = gazetteer.near(lon, lat, radius_km=NEAR_RADIUS_KM)
            scope = Scope(areas, "near")
        if words:
            readings.append((scope, self._query(words, scope)))
            if parsed.tail and scope.basis == "code":  # a comma inside the name: "RUE PIERRE, PAUL ET JACQUES"
                readings.append((scope, self._query(words + parsed.tail, scope)))
            if scope.rivals:
                readings.append((Scope(scope.rivals, "rival"), self._query(words, scope)))
        return scope, readings

    def _misspelt_ending(self, words: tuple[str, ...]) -> list[tuple[Scope, Query]]:
        """Read the last words as the misspelt name of a commune."""
        for length in (3, 2, 1):
            if len(words) > length:
                areas = self.gazetteer.of_label(" ".join(words[-length:]), fuzzy=True)
                rest = [w for w in words[:-length] if w not in tables().fillers and w not in tables().types]
                if areas and rest:
                    scope = Scope(areas, "label")
                    return [(scope, self._query(words[:-length], scope))]
        return []

    def _label_in_tail(self, tail: tuple[str, ...]) -> str:
        """Find a commune's name among words that follow the street, or return an empty text."""
        for length in range(min(6, len(tail)), 0, -1):
            text = " ".join(tail[-length:])
            if self.gazetteer.of_label(text):
                return text
        return " ".join(tail) if len(tail) <= 4 else ""

    def _query(self, words: tuple[str, ...], scope: Scope) -> Query:
        kind, core = street_key(words)
        text = spelled_out(words)
        glued = "".join(words[len(kind.split()) :])
        soft = set(core) & tables().noise.keys()
        if len(scope.areas) <= 30:
            soft |= self.gazetteer.words_of(scope.areas) & set(core)
        if not kind and len(core) > 1:
            types = tables().types
            hint = next((word for word in (core[-1], *core[1:]) if word in types), "")
            if hint:
                return Query(types[hint], core, frozenset(soft | {hint}), text, glued)
            if core[0] not in self._vocabulary and (guess := misspelt_type(core[0])):
                return Query(guess, core[1:], frozenset(soft), f"{guess} {text.partition(' ')[2]}", glued)
            first = words[0]
            if len(first) <= 3 and first.isalpha() and first not in self._vocabulary:
                soft.add(first)  # an abbreviated type, misspelt
                return Query(kind, core, frozenset(soft), text, glued, possible_types(first))
        return Query(kind, core, frozenset(soft), text, glued)

    # Searching ---------------------------------------------------------------------------------------------------

    def _search(self, tries: list[_Try]) -> dict[int, list[tuple[_Try, list[_Candidate]]]]:
        """Search every reading; readings of the same communes go together, equal ones once."""
        groups: dict[tuple[int, ...], dict[Query, int]] = {}
        for attempt in tries:
            group = groups.setdefault(attempt.scope.areas, {})
            group.setdefault(attempt.query, len(group))
        matches = {areas: self._matcher.search(areas, list(group)) for areas, group in groups.items()}
        owners, streets, texts = [], [], []
        for place, attempt in enumerate(tries):
            names, scores = matches[attempt.scope.areas]
            line = groups[attempt.scope.areas][attempt.query]
            best = scores[line, 0]
            for name, score in zip(names[line].tolist(), scores[line].tolist(), strict=True):
                if name >= 0 and score >= MIN_TEXT_SCORE and score >= best - 0.3:
                    owners.append(place)
                    streets.append(name)
                    texts.append(score)
        street = self.index.arrays["name_street"][np.array(streets, dtype=np.int64)]
        alike = process.cpdist(
            [tries[place].query.text for place in owners],
            self.index.texts["name_text"].take(np.array(streets, dtype=np.int64)).to_pylist(),
            scorer=OSA.normalized_similarity, dtype=np.float32,
        )  # fmt: skip
        numbers = np.array([tries[place].number for place in owners], dtype=np.int64)
        located = self._finder.locate(street, numbers, [tries[place].suffix for place in owners])
        factor = np.where(numbers >= 0, NUMBER_FACTORS[located.outcome], 1.0)
        # Between ways, a missing number counts less than it does in the score: the text comes first.
        total = np.array(texts) * (1.0 - (1.0 - factor) * 0.35) if texts else np.zeros(0)
        by_try: dict[int, list[_Candidate]] = {}
        for place, *candidate in zip(
            owners, total.tolist(), street.tolist(), located.lon.tolist(), located.lat.tolist(),
            located.outcome.tolist(), located.rank.tolist(), alike.tolist(), strict=True,
        ):  # fmt: skip
            by_try.setdefault(place, []).append(_Candidate(*candidate))
        found: dict[int, list[tuple[_Try, list[_Candidate]]]] = {}
        for place, attempt in enumerate(tries):
            candidates = sorted(by_try.get(place, []), key=lambda c: (-c.score, c.street))
            found.setdefault(attempt.row, []).append((attempt, candidates))
        return found

    # Deciding ----------------------------------------------------------------------------------------------------

    def _decide(
        self, request: Request, parsed: Parsed, scope: Scope, found: list[tuple[_Try, list[_Candidate]]]
    ) -> Answer:
        rivals = [c for attempt, candidates in found if attempt.scope.basis == "rival" for c in candidates]
        options = [(attempt, list_) for attempt, list_ in found if attempt.scope.basis != "rival" and list_]
        if not options:
            if scope.basis == "departement":
                return refused(scope.note)
            if rivals:
                return refused(f"contradiction: {scope.note}; the street is in the latter's place")
            return self._municipality(parsed, scope, found)
        # The reading that takes the last words as a commune's name wins where both explain the address as well.
        attempt, candidates = max(options, key=lambda o: o[1][0].score + (0.03 if o[0].scope.basis == "label" else 0.0))
        candidates = self._sorted_by_hint(request, candidates)
        best = candidates[0]
        if scope.note and scope.rivals and rivals and rivals[0].score >= best.score - 0.1:
            return refused(f"contradiction: {scope.note}; the street exists in both")
        text = best.score
        if attempt.scope.basis == "departement" and (text < SURE_TEXT_SCORE or best.outcome != EXACT):
            return refused(scope.note)
        if text < WEAK_TEXT_SCORE and any(
            other.score > text - WEAK_MARGIN and _distance_m(best.lon, best.lat, other.lon, other.lat) > AMBIGUITY_M
            for other in candidates[1:]
        ):
            return self._municipality(parsed, scope, found)
        score = self._score(best, attempt)
        note = scope.note
        if attempt.scope.basis == "all" and text < 0.97:
            # A word that matches nothing may be the name of a commune that is not in the reference.
            note = note or "no commune in the address"
        doubt = self._doubt(request, best, candidates[1:])
        if doubt == "tie":
            return refused(f"ambiguous: {self._label(best, attempt)} and {self._label(candidates[1], attempt)}")
        if doubt:
            score = min(score, DOUBTFUL_SCORE)
        reason = note or (f"also possible: {doubt}" if doubt else "")
        if note:
            score = min(score, DOUBTFUL_SCORE)
        return self._answer(best, attempt, score, reason)

    def _sorted_by_hint(self, request: Request, candidates: list[_Candidate]) -> list[_Candidate]:
        """Among ways as likely, put the one nearest to the hint, or of the postcode, first."""
        if len(candidates) < 2:
            return candidates
        top = candidates[0].score
        tied = [c for c in candidates if c.score >= top - _TIE]
        if len(tied) < 2:
            return candidates
        postcodes = self.index.texts["street_postcode"]
        near = request.near

        def order(candidate: _Candidate) -> tuple[bool, float]:
            is_other = bool(request.postcode) and postcodes[candidate.street].as_py() != request.postcode
            distance = _distance_m(candidate.lon, candidate.lat, *near) if near else 0.0
            return is_other, distance

        tied.sort(key=order)
        return tied + [c for c in candidates if c.score < top - _TIE]

    def _doubt(self, request: Request, best: _Candidate, others: list[_Candidate]) -> str:
        """Return "" if the best way stands alone, "tie" if it cannot be told from another, or the other's name."""
        postcodes = self.index.texts["street_postcode"]
        for other in others:
            # Written more alike as a whole: "RUE DES ETANG" may be "Rue des Étangs" as well as "Rue de l'Étang".
            is_rival = best.alike < 1.0 and other.alike > best.alike + 0.02 and other.score > best.score - _RIVAL
            is_close = other.score >= best.score - _DOUBT and (best.score <= 0.9995 or other.score >= best.score - _TIE)
            if not (is_rival or is_close):
                continue
            if _distance_m(best.lon, best.lat, other.lon, other.lat) <= AMBIGUITY_M:
                continue
            if other.score < best.score - _TIE:
                return str(self.index.texts["street_label"][other.street].as_py())
            told_by_postcode = request.postcode and (
                postcodes[best.street].as_py() == request.postcode != postcodes[other.street].as_py()
            )
            if not told_by_postcode and request.near is None:
                return "tie"
        return ""

    def _score(self, best: _Candidate, attempt: _Try) -> float:
        text = best.score
        if attempt.number >= 0:
            factor = float(NUMBER_FACTORS[best.outcome])
            return text / (1.0 - (1.0 - factor) * 0.35) * factor
        return text * float(NUMBER_FACTORS[STREET])

    def _answer(self, best: _Candidate, attempt: _Try, score: float, reason: str) -> Answer:
        texts, arrays = self.index.texts, self.index.arrays
        has_numbers = arrays["street_number_start"][best.street] < arrays["street_number_start"][best.street + 1]
        if attempt.number >= 0 and best.outcome in {EXACT, OTHER_SUFFIX}:
            step = precision = "housenumber"
        elif attempt.number >= 0 and best.outcome == INTERPOLATED:
            step = precision = "interpolated"
        else:
            step = precision = "street" if has_numbers else "locality"
            reason = reason or ("number not in the reference" if attempt.number >= 0 else "no number in the address")
        identifier = (texts["number_id"][best.rank] if best.rank >= 0 else texts["street_id"][best.street]).as_py()
        area = int(arrays["street_area"][best.street])
        return Answer(
            best.lon, best.lat, step, round(min(max(score, 0.0), 1.0), 4), precision,
            self._label(best, attempt), identifier, self.gazetteer.codes[area], reason,
        )  # fmt: skip

    def _label(self, best: _Candidate, attempt: _Try) -> str:
        texts = self.index.texts
        number = ""
        if best.rank >= 0:
            code = int(self.index.arrays["number_key"][best.rank]) & 0xFF
            suffix = texts["suffixes"][code].as_py().lower()
            number = f"{attempt.number}{' ' if len(suffix) > 1 else ''}{suffix} "
        elif attempt.number >= 0 and best.outcome == INTERPOLATED:
            number = f"{attempt.number} "
        area = int(self.index.arrays["street_area"][best.street])
        street, postcode = texts["street_label"][best.street].as_py(), texts["street_postcode"][best.street].as_py()
        return f"{number}{street} {postcode} {self.gazetteer.labels[area]}"

    def _municipality(self, parsed: Parsed, scope: Scope, found: list[tuple[_Try, list[_Candidate]]]) -> Answer:
        """Place at the middle of the commune, when it is one commune and nothing finer is known."""
        street = " ".join(parsed.street)
        areas = scope.areas
        if scope.basis in {"all", "near"}:
            areas = next((attempt.scope.areas for attempt, _ in found if attempt.scope.basis == "label"), ())
            named = self.gazetteer.of_label(street, fuzzy=True) if street and parsed.number < 0 else ()
            areas, street = (named, "") if named else (areas, street)
        codes = {self.gazetteer.codes[area] for area in areas}
        missing = f"no street like {street!r} found" if street else ""
        if not codes:
            return refused(missing or "empty address")
        if len(codes) > 1:
            return refused((missing + "; " if missing else "") + "several communes possible")
        arrays = self.index.arrays
        lon = float(np.mean(arrays["area_lon"][list(areas)]) / DEGREE_SCALE)
        lat = float(np.mean(arrays["area_lat"][list(areas)]) / DEGREE_SCALE)
        code, label = codes.pop(), self.gazetteer.labels[areas[0]]
        reason = missing or "no street in the address"
        if not scope.note and missing and scope.basis == "postcode":
            reason = missing
        return Answer(lon, lat, "municipality", MUNICIPALITY_SCORE, "municipality", label, code, code, reason)

    def _list_contradictions(
        self, requests: Sequence[Request], parsed: Sequence[Parsed | None], scopes: Sequence[Scope | None],
        answers: list[Answer | None],
    ) -> None:  # fmt: skip
        """Refuse a postcode that serves no such street when the whole address exists, exactly, elsewhere."""
        rows = []
        for row, (answer, reading, scope) in enumerate(zip(answers, parsed, scopes, strict=True)):
            is_lost = answer is not None and answer.precision in {"municipality", "none"}
            is_lost = is_lost and answer is not None and "no street like" in answer.reason
            if is_lost and reading and reading.number >= 0 and scope and scope.basis == "postcode" and scope.areas:
                rows.append(row)
        everywhere = self.gazetteer.everywhere
        tries = []
        for row in rows:
            reading = parsed[row]
            if reading is not None:
                query = self._query(reading.street, everywhere)
                tries.append(_Try(row, everywhere, query, reading.number, reading.suffix))
        for row, found in self._search(tries).items():
            attempt, candidates = found[0]
            if candidates and candidates[0].outcome == EXACT and candidates[0].score >= 0.97:
                postcode = requests[row].postcode or (parsed[row] or Parsed(-1, "", (), "", ())).postcode
                where = self._label(candidates[0], attempt)
                answers[row] = refused(f"contradiction: postcode {postcode} has no such street, found at {where}")


def _distance_m(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> float:
    across = (lon_b - lon_a) * np.cos(np.radians((lat_a + lat_b) / 2))
    return float(np.hypot(across, lat_b - lat_a) * _METRES_PER_DEGREE)
