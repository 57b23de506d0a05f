"""The fast search and the number finder equal their slow twins on random small cities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carto_sante.geocoding import build_index
from carto_sante.geocoding.grammar import spelled_out, street_key
from carto_sante.geocoding.matching import Matcher, Query
from carto_sante.geocoding.numbers import EXACT, INTERPOLATED, OTHER_SUFFIX, STREET, NumberFinder
from carto_sante.geocoding.text import tokens_of
from tests.oracles import geocoding as oracle

_WORDS = ["PASTEUR", "JEAN", "JAURES", "MOULIN", "MOULINS", "ROSES", "POSES", "8", "MAI", "1945", "LION", "ALEXANDRE"]
_NAMES = st.lists(
    st.tuples(
        st.sampled_from(["Rue", "Avenue", "Place", ""]), st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3)
    ),
    min_size=1, max_size=8,
)  # fmt: skip
_settings = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def base_of(names):
    rows = [
        {"id": f"93010_{way:04d}_{n:05d}", "numero": str(n), "rep": "", "nom_voie": f"{kind} {' '.join(words)}".strip(),
         "code_postal": "93140", "code_insee": "93010", "nom_commune": "Bondy", "lon": "2.48", "lat": "48.9"}
        for way, (kind, words) in enumerate(names) for n in (1, 2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def query_of(text):
    words = tuple(tokens_of(text))
    kind, core = street_key(words)
    return Query(kind, core, frozenset(), spelled_out(words), "".join(words[1 if kind else 0 :]))


@_settings
@given(
    names=_NAMES, asked=st.lists(st.sampled_from([*_WORDS, "RUE", "J", "PASTUER", "XYZ", "AV"]), min_size=1, max_size=4)
)
def test_scores_of_names(tmp_path_factory, names, asked):
    folder = tmp_path_factory.mktemp("oracle")
    base_of(names).to_csv(folder / "ban.csv", sep=";", index=False)
    index = build_index(folder / "ban.csv", folder / "ban.arrow")
    kinds = index.texts["kinds"].to_pylist()
    cores = [tuple(core.split(" ")) for core in index.texts["name_core"].to_pylist()]
    known = [(kinds[code], core) for code, core in zip(index.arrays["name_kind"].tolist(), cores, strict=True)]
    heavy = oracle.weights(known)
    query = query_of(" ".join(asked))
    matcher = Matcher(index)
    found = matcher._search_block(matcher._slice((0,)), [query])  # the first search, before the harder one
    fast = {int(n): float(s) for n, s in zip(found.names[0], found.scores[0], strict=True) if n >= 0}
    texts = index.texts["name_text"].to_pylist()
    slow = {
        n: score
        for n, name in enumerate(known)
        if (score := oracle.text_score(query, name, texts[n], heavy)) > 0
    }  # fmt: skip
    best = sorted(slow.values(), reverse=True)[: len(fast)]
    assert sorted(fast.values(), reverse=True) == pytest.approx(best, abs=2e-5)
    assert len(fast) == min(len(slow), found.names.shape[1])
    for name, score in fast.items():
        assert slow[name] == pytest.approx(score, abs=2e-5)


_NUMBERS = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from(["", "BIS", "B", "A", "TER"])), min_size=1, max_size=12, unique=True
)


@_settings
@given(numbers=_NUMBERS, asked=st.integers(0, 32), suffix=st.sampled_from(["", "BIS", "B", "A", "Z"]))
def test_numbers(tmp_path_factory, numbers, asked, suffix):
    folder = tmp_path_factory.mktemp("oracle")
    points = [(n, s, round(2.48 + place * 1e-4, 6), 48.9) for place, (n, s) in enumerate(numbers)]
    pd.DataFrame(
        {
            "id": [f"93010_0001_{n:05d}{s}" for n, s, _, _ in points], "numero": [n for n, *_ in points],
            "rep": [s.lower() for _, s, _, _ in points], "nom_voie": "Rue Pasteur", "code_postal": "93140",
            "code_insee": "93010", "nom_commune": "Bondy", "lon": [lon for *_, lon, _ in points], "lat": 48.9,
        }
    ).astype(str).to_csv(folder / "ban.csv", sep=";", index=False)  # fmt: skip
    index = build_index(folder / "ban.csv", folder / "ban.arrow")
    located = NumberFinder(index).locate(np.array([0]), np.array([asked]), [suffix])
    expected = oracle.place_number(points, asked, suffix)
    outcome = {EXACT: "exact", OTHER_SUFFIX: "other suffix", INTERPOLATED: "interpolated", STREET: None}
    assert outcome[int(located.outcome[0])] == (expected[2] if expected else None)
    if expected:
        assert (located.lon[0], located.lat[0]) == pytest.approx(expected[:2], abs=1e-7)
