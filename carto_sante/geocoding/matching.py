"""Finds the ways whose name a query may mean: words compared by rapidfuzz, ways scored by two sparse products.

A way's score is the share of its words found in the query (rare words weigh more), lowered by words of the query
that it does not hold and by a type of way that differs. Where that fails (words glued or cut), the names are
compared as whole texts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA
from scipy import sparse

from carto_sante.geocoding.index import AddressIndex

#: Ways kept for each query, best first.
CANDIDATES = 6

#: Below this score a way is not what the query means.
MIN_TEXT_SCORE = 0.45

# Two words may be the same, misspelt, from this similarity on: two letters of five, one of three; of four, two, when
# nothing better was found.
_MIN_WORD_SIMILARITY, _MIN_WORD_SIMILARITY_HARD = 0.6, 0.5
_SHORT_WORD = 4
_INITIAL_SIMILARITY = 0.6  # "J" for "JEAN"
_PREFIX_SIMILARITY = 0.8  # "ALEX" for "ALEXANDRE", unknown to the tables
_KNOWN_WORD_DAMPING = 0.95  # a word that exists is less likely to be another one misspelt
_EXTRA_WORD_COST = 0.45  # what words of the query that the way does not hold may cost
_TYPE_MISSING, _TYPE_DIFFERS = 0.985, 0.87
_WHOLE_TEXT_SHARE = 0.04
_UNSURE = 0.88  # queries whose best way is below are searched again, harder
_BLOCK_CELLS = 8_000_000


class Query(NamedTuple):
    """Type of way, meaningful words, those of them that cost nothing when unmatched, and two whole texts.

    ``text`` is spelled out and keeps small words; ``glued`` is what was typed after the type, without spaces;
    ``guesses`` are the types that a misspelt abbreviation may stand for.
    """

    kind: str
    words: tuple[str, ...]
    soft: frozenset[str]
    text: str
    glued: str
    guesses: frozenset[str] = frozenset()


class Matches(NamedTuple):
    """Ways found: rows are queries, columns candidates; -1 and 0.0 where there are fewer."""

    names: np.ndarray[Any, Any]
    scores: np.ndarray[Any, Any]


class _Slice(NamedTuple):
    """Names of some areas, ready for products; ``words`` are the vocabulary's words that they use, sorted."""

    rows: np.ndarray[Any, Any]
    matrix: sparse.csr_array
    words: list[str]
    weights: np.ndarray[Any, Any]
    totals: np.ndarray[Any, Any]
    kinds: np.ndarray[Any, Any]
    cores: list[str]
    texts: list[str]
    glued: list[str]


class Matcher:
    """Searches the names of an index."""

    def __init__(self, index: AddressIndex) -> None:
        self._index = index
        self._vocabulary = index.texts["vocabulary"]
        self._kind_names = index.texts["kinds"].to_pylist()
        self._kinds = {kind: code for code, kind in enumerate(self._kind_names)}
        arrays = index.arrays
        name_count = len(arrays["name_street"])
        frequency = np.bincount(arrays["name_token"], minlength=len(self._vocabulary))
        self._weights = (1.0 + np.log10(name_count / np.maximum(frequency, 1))).astype(np.float32)
        self._slices: dict[tuple[int, ...], _Slice] = {}

    def search(self, areas: tuple[int, ...], queries: Sequence[Query]) -> Matches:
        """Return the best ways of some areas for each query."""
        names = np.full((len(queries), CANDIDATES), -1, dtype=np.int64)
        scores = np.zeros((len(queries), CANDIDATES), dtype=np.float32)
        part = self._slice(areas)
        if len(part.rows) == 0:
            return Matches(names, scores)
        block = max(1, _BLOCK_CELLS // max(1, len(part.rows)))
        for start in range(0, len(queries), block):
            chunk = queries[start : start + block]
            found = self._search_block(part, chunk)
            unsure = np.flatnonzero(found.scores[:, 0] < _UNSURE)
            if len(unsure):
                harder = self._search_harder(part, [chunk[place] for place in unsure.tolist()])
                found = _merged(found, harder, unsure)
            names[start : start + block] = np.where(found.names >= 0, part.rows[found.names], -1)
            scores[start : start + block] = found.scores
        return Matches(names, scores)

    def _slice(self, areas: tuple[int, ...]) -> _Slice:
        if areas not in self._slices:
            if len(self._slices) > 256:
                self._slices.clear()
            self._slices[areas] = self._make_slice(areas)
        return self._slices[areas]

    def _make_slice(self, areas: tuple[int, ...]) -> _Slice:
        arrays = self._index.arrays
        starts = arrays["area_name_start"]
        rows = np.concatenate([np.arange(starts[a], starts[a + 1]) for a in areas] or [np.zeros(0, dtype=np.int64)])
        first, last = arrays["name_token_start"][rows], arrays["name_token_start"][rows + 1]
        lengths = last - first
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(first - indptr[:-1], lengths) + np.arange(indptr[-1])
        tokens, columns = np.unique(arrays["name_token"][places], return_inverse=True)
        ones = np.ones(len(columns), dtype=np.float32)
        matrix = sparse.csr_array((ones, columns.astype(np.int32), indptr.astype(np.int32)),
                                  shape=(len(rows), len(tokens)))  # fmt: skip
        weights = self._weights[tokens]
        texts = self._index.texts["name_text"].take(rows).to_pylist()
        kinds = arrays["name_kind"][rows]
        return _Slice(
            rows, matrix, self._vocabulary.take(tokens).to_pylist(), weights, matrix @ weights,
            kinds, self._index.texts["name_core"].take(rows).to_pylist(), texts,
            [_glued(text, self._kind_names[kind]) for text, kind in zip(texts, kinds.tolist(), strict=True)],
        )  # fmt: skip

    def _search_block(self, part: _Slice, queries: Sequence[Query], *, is_hard: bool = False) -> Matches:
        distinct, places, owners, softness = _words_of(queries)
        similar = _similar_words(distinct, part.words, is_hard=is_hard)
        by_name = part.matrix.T.tocsr()
        weighted = sparse.diags_array(part.weights).astype(np.float32) @ by_name
        best = similar.max(axis=1).toarray().ravel() if similar.nnz else np.zeros(len(distinct), dtype=np.float32)
        importance = _importance(similar, part.weights, best, float(np.median(part.weights)))
        cost = importance[places] * softness
        costs = sparse.csr_array((cost.astype(np.float32), (owners, places)), shape=(len(queries), len(distinct)))
        covered = (_best_of_words(similar, places, owners, len(queries)) @ weighted).tocsr()
        explained = (costs @ (similar @ by_name)).tocsr()
        totals = np.asarray(costs.sum(axis=1)).ravel()
        return self._ranked(part, queries, covered, explained, totals)

    def _ranked(self, part: _Slice, queries: Sequence[Query], covered: Any, explained: Any, totals: Any) -> Matches:
        covered.sort_indices()
        explained.sort_indices()
        owner = np.repeat(np.arange(len(queries)), np.diff(covered.indptr))
        name = covered.indices
        share = np.minimum(covered.data / part.totals[name], 1.0)
        used = _aligned(covered, explained)
        total = totals[owner]
        with np.errstate(invalid="ignore", divide="ignore"):
            extra = np.where(total > 0, np.clip(1.0 - used / total, 0.0, 1.0), 0.0)
        score = share * (1.0 - _EXTRA_WORD_COST * extra)
        good = score >= MIN_TEXT_SCORE * 0.9
        return self._top(part, queries, owner[good], name[good], score[good])

    def _type_factors(self, queries: Sequence[Query]) -> Any:
        """Factor of each query for each type of way."""
        factors = np.full((len(queries), len(self._kind_names)), _TYPE_DIFFERS, dtype=np.float32)
        factors[:, 0] = _TYPE_MISSING
        for row, query in enumerate(queries):
            if not query.kind:
                factors[row] = _TYPE_MISSING
            for kind in (query.kind, *query.guesses):
                if kind in self._kinds:
                    factors[row, self._kinds[kind]] = 1.0
        return factors

    def _top(self, part: _Slice, queries: Sequence[Query], owner: Any, name: Any, score: Any) -> Matches:
        """Weigh the type of way and the text as a whole, and keep the best of each query."""
        score = score * self._type_factors(queries)[owner, part.kinds[name]]
        order = np.lexsort((name, -score, owner))
        owner, name, score = owner[order], name[order], score[order]
        first = np.searchsorted(owner, np.arange(len(queries)))
        rank = np.arange(len(owner)) - first[owner] if len(owner) else owner
        kept = rank < CANDIDATES
        owner, name, score = owner[kept], name[kept], score[kept]
        whole = process.cpdist(
            [queries[place].text for place in owner.tolist()], [part.texts[place] for place in name.tolist()],
            scorer=OSA.normalized_similarity, dtype=np.float32,
        )  # fmt: skip
        score = score * (1.0 - _WHOLE_TEXT_SHARE) + whole * _WHOLE_TEXT_SHARE
        order = np.lexsort((name, -score, owner))
        names = np.full((len(queries), CANDIDATES), -1, dtype=np.int64)
        scores = np.zeros((len(queries), CANDIDATES), dtype=np.float32)
        owner, name, score = owner[order], name[order], score[order]
        first = np.searchsorted(owner, np.arange(len(queries)))
        rank = np.arange(len(owner)) - first[owner] if len(owner) else owner
        names[owner, rank], scores[owner, rank] = name, score
        return Matches(names, scores)

    @staticmethod
    def _edits(asked: Sequence[tuple[str, str]], known: list[str]) -> Any:
        """Fewest edits from either form of each query to each name."""
        first, second = zip(*asked, strict=True)
        edits = process.cdist(first, known, scorer=OSA.distance, dtype=np.uint8, workers=-1)
        if first != second:
            edits = np.minimum(edits, process.cdist(second, known, scorer=OSA.distance, dtype=np.uint8, workers=-1))
        return edits.astype(np.float32)

    def _search_harder(self, part: _Slice, queries: Sequence[Query]) -> Matches:
        """Let known words be misspellings too, and compare names as whole texts, spaces apart."""
        # The type may be part of the name: "CHEMIN DE FER" for "RUE DU CHEMIN DE FER".
        longer = [
            query._replace(words=(query.kind, *query.words), soft=query.soft | {query.kind}) if query.kind else query
            for query in queries
        ]
        found = self._search_block(part, longer, is_hard=True)
        cores = [core.replace(" ", "") for core in part.cores]
        lengths = np.array([len(core) for core in cores], dtype=np.float32)
        whole = self._edits([("".join(query.words), query.glued) for query in queries], cores)
        # With small words: their letters may hold the error, but do not make the names more alike.
        full = self._edits([(query.glued, query.glued) for query in queries], part.glued)
        asked = np.array([len("".join(query.words)) for query in queries], dtype=np.float32)
        alike = 1.0 - np.minimum(whole / np.maximum(lengths, asked[:, None]), full / lengths)
        least = np.where(lengths <= _SHORT_WORD, _MIN_WORD_SIMILARITY_HARD, _MIN_WORD_SIMILARITY)
        owner, name = np.nonzero(alike >= least)
        glued = self._top(part, queries, owner, name, alike[owner, name] * 0.98)
        return _merged(found, glued, np.arange(len(queries)))


def _glued(text: str, kind: str) -> str:
    """Return a name without its type and without spaces."""
    return (text[len(kind) :] if kind and text.startswith(kind) else text).replace(" ", "")


def _words_of(queries: Sequence[Query]) -> tuple[list[str], Any, Any, Any]:
    """Distinct words, and for each word of each query its place among them, its query and its softness."""
    numbers: dict[str, int] = {}
    places, owners, softness = [], [], []
    for owner, (_, words, soft, *_) in enumerate(queries):
        for word in dict.fromkeys(words):
            places.append(numbers.setdefault(word, len(numbers)))
            owners.append(owner)
            softness.append(0.05 if word in soft else 1.0)
    return list(numbers), np.array(places, dtype=np.int64), np.array(owners, dtype=np.int64), np.array(softness)


def _similar_words(asked: list[str], known: list[str], *, is_hard: bool) -> Any:
    """Similarity of each asked word with the known words it may stand for."""
    place_of = {word: place for place, word in enumerate(known)}
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    fuzzy: list[int] = []
    for number, word in enumerate(asked):
        place = place_of.get(word)
        if place is not None:
            rows.append(number)
            columns.append(place)
            values.append(1.0)
        if word.isdigit() or (place is not None and not is_hard):
            continue
        if len(word) >= 3:
            fuzzy.append(number)
        if len(word) <= 5 and place is None:
            similarity = _INITIAL_SIMILARITY if len(word) == 1 else _PREFIX_SIMILARITY
            low, high = bisect_left(known, word), bisect_left(known, word + "~")
            rows += [number] * (high - low)
            columns += range(low, high)
            values += [similarity] * (high - low)
    shape = (len(asked), len(known))
    exact = sparse.csr_array((np.array(values, dtype=np.float32), (rows, columns)), shape=shape)
    if not fuzzy or not known:
        return exact
    table = process.cdist(
        [asked[number] for number in fuzzy], known, scorer=OSA.normalized_similarity,
        score_cutoff=_MIN_WORD_SIMILARITY_HARD if is_hard else _MIN_WORD_SIMILARITY, dtype=np.float32, workers=-1,
    )  # fmt: skip
    row, column = np.nonzero(table)
    close = table[row, column]
    numeric = np.array([word.isdigit() for word in known])
    keep = (close < 1.0) & ~numeric[column]
    if is_hard:  # half of the letters wrong is only believed of short words
        length = np.array([len(word) for word in known])[column]
        keep &= (close >= _MIN_WORD_SIMILARITY) | (length <= _SHORT_WORD)
    damping = np.array([_KNOWN_WORD_DAMPING if asked[n] in place_of else 1.0 for n in fuzzy], dtype=np.float32)
    close = close * damping[row]
    near = sparse.csr_array((close[keep], (np.array(fuzzy)[row[keep]], column[keep])), shape=shape)
    return exact.maximum(near)


def _best_of_words(similar: sparse.csr_array, places: Any, owners: Any, count: int) -> Any:
    """Similarity of each known word with the word of each query that is most like it."""
    width = similar.shape[1]
    starts, lengths = similar.indptr[places].astype(np.int64), np.diff(similar.indptr)[places]
    ends = np.cumsum(lengths)
    entries = np.repeat(starts - (ends - lengths), lengths) + np.arange(ends[-1] if len(ends) else 0)
    keys = np.repeat(owners, lengths) * width + similar.indices[entries]
    if len(keys) == 0:
        return sparse.csr_array((count, width), dtype=np.float32)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], similar.data[entries][order]
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    best = np.maximum.reduceat(values, first)
    return sparse.csr_array((best, (keys[first] // width, keys[first] % width)), shape=(count, width))


def _importance(similar: sparse.csr_array, weights: Any, best: Any, usual: float) -> Any:
    """Weight of each asked word: that of the known word it is most like; little where it is like none."""
    importance = np.full(similar.shape[0], usual * 0.7, dtype=np.float32)
    if similar.nnz:
        row = np.repeat(np.arange(similar.shape[0]), np.diff(similar.indptr))
        top = similar.data >= best[row] - 1e-6
        heavy = np.zeros(similar.shape[0], dtype=np.float32)
        np.maximum.at(heavy, row[top], weights[similar.indices[top]])
        importance = np.where(best > 0, np.maximum(heavy * best, importance), importance)
    return importance


def _aligned(left: sparse.csr_array, right: sparse.csr_array) -> Any:
    """Values of ``right`` at the places of ``left``; both have the same pattern but for explicit zeros."""
    if left.nnz == right.nnz and np.array_equal(left.indices, right.indices):
        return right.data
    width = left.shape[1]
    keys_left = np.repeat(np.arange(left.shape[0]), np.diff(left.indptr)) * width + left.indices
    keys_right = np.repeat(np.arange(right.shape[0]), np.diff(right.indptr)) * width + right.indices
    place = np.minimum(np.searchsorted(keys_right, keys_left), max(len(keys_right) - 1, 0))
    return np.where(keys_right[place] == keys_left, right.data[place], 0.0)


def _merged(first: Matches, second: Matches, rows: Any) -> Matches:
    """Put a second search of some rows with the first: the best of both, each name once."""
    names = np.concatenate([first.names[rows], second.names], axis=1)
    scores = np.concatenate([first.scores[rows], second.scores], axis=1)
    order = np.lexsort((-scores, names), axis=1)
    names, scores = np.take_along_axis(names, order, 1), np.take_along_axis(scores, order, 1)
    repeated = np.zeros_like(names, dtype=bool)
    repeated[:, 1:] = names[:, 1:] == names[:, :-1]
    scores[repeated], names[repeated] = 0.0, -1
    order = np.lexsort((names, -scores), axis=1)[:, :CANDIDATES]
    all_names, all_scores = first.names.copy(), first.scores.copy()
    all_names[rows] = np.take_along_axis(names, order, 1)
    all_scores[rows] = np.take_along_axis(scores, order, 1)
    return Matches(all_names, all_scores)
