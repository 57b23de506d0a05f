"""Which communes of the reference an address may lie in: by code, by postcode, by name, or by a nearby point."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from carto_sante.geocoding.grammar import tables
from carto_sante.geocoding.index import DEGREE_SCALE, AddressIndex
from carto_sante.geocoding.text import tokens_of

#: Communes cut in arrondissements: code of the whole, and the codes of its parts (COG, INSEE).
ARRONDISSEMENTS = {
    "75056": tuple(f"751{number:02d}" for number in range(1, 21)),
    "69123": tuple(f"6938{number}" for number in range(1, 10)),
    "13055": tuple(f"132{number:02d}" for number in range(1, 17)),
}
_WHOLE_OF = {part: whole for whole, parts in ARRONDISSEMENTS.items() for part in parts}
_CUT_CITIES = frozenset({"PARIS", "LYON", "MARSEILLE"})
_NOT_A_NAME = frozenset({"CEDEX", "CX", "ARRONDISSEMENT", "ARR", "ARDT", ","})

_EARTH_KM_PER_DEGREE = 111.2


class Scope(NamedTuple):
    """Areas to search, those of a postcode that contradicts them, and what to say of it.

    ``basis`` is "code", "postcode", "label", "near", "departement" (all that the postcode of a CEDEX says) or "all";
    ``refusal`` is the reason why nothing can be searched.
    """

    areas: tuple[int, ...]
    basis: str
    rivals: tuple[int, ...] = ()
    note: str = ""
    refusal: str = ""


class Gazetteer:
    """Communes of an index by code, postcode and name."""

    def __init__(self, index: AddressIndex) -> None:
        codes = index.texts["area_code"].to_pylist()
        old_codes = index.texts["area_old_code"].to_pylist()
        labels = index.texts["area_label"].to_pylist()
        old_labels = index.texts["area_old_label"].to_pylist()
        self.codes, self.labels = codes, labels
        self._lon = index.arrays["area_lon"] / DEGREE_SCALE
        self._lat = index.arrays["area_lat"] / DEGREE_SCALE
        by_code: dict[str, list[int]] = {}
        by_label: dict[str, list[int]] = {}
        for area, (code, old_code) in enumerate(zip(codes, old_codes, strict=True)):
            for known in {code, old_code, _WHOLE_OF.get(code, "")} - {""}:
                by_code.setdefault(known, []).append(area)
            for name in {label_key(labels[area]), label_key(old_labels[area])} - {""}:
                by_label.setdefault(name, []).append(area)
                city, _, number = name.partition(" ")
                if city in _CUT_CITIES and number.isdigit():
                    by_label.setdefault(city, []).append(area)
        by_postcode: dict[str, set[int]] = {}
        postcodes = index.texts["street_postcode"].dictionary_encode()
        names = postcodes.dictionary.to_pylist()
        pairs = np.unique(np.stack([postcodes.indices.to_numpy(), index.arrays["street_area"]]), axis=1)
        for place, area in pairs.T.tolist():
            by_postcode.setdefault(names[place], set()).add(area)
        by_postcode.pop("", None)
        self._by_code = {code: tuple(areas) for code, areas in by_code.items()}
        self._by_label = {name: tuple(areas) for name, areas in by_label.items()}
        self._by_postcode = {code: tuple(sorted(areas)) for code, areas in by_postcode.items()}
        self.everywhere = Scope(tuple(range(len(codes))), "all")
        self._label_names = sorted(self._by_label)
        self.scope_of = lru_cache(maxsize=None)(self._scope_of)
        self.words_of = lru_cache(maxsize=4096)(self._words_of)

    def of_code(self, code: str) -> tuple[int, ...]:
        """Areas of a commune code: a commune, a former one, a whole city or one of its arrondissements."""
        return self._by_code.get(code) or self._by_code.get(_WHOLE_OF.get(code, ""), ())

    def of_postcode(self, postcode: str) -> tuple[int, ...]:
        """Areas that a postcode serves."""
        return self._by_postcode.get(postcode, ())

    def of_label(self, label: str, *, fuzzy: bool = False) -> tuple[int, ...]:
        """Areas of a commune's name, spelled as it may be."""
        name = label_key(label)
        found = self._by_label.get(name, ())
        if not found and fuzzy and len(name) >= 4:
            close = process.extractOne(name, self._label_names, scorer=OSA.normalized_similarity, score_cutoff=0.8)
            found = self._by_label[close[0]] if close else ()
        return found

    def ending(self, words: tuple[str, ...]) -> tuple[int, tuple[int, ...]]:
        """Return how many last words name a commune, and its areas; 0 where none does.

        What is left before them must still hold more than a type and small words.
        """
        types, _, _, _, fillers, _ = tables()
        for length in range(min(7, len(words) - 1), 0, -1):
            name = [word for word in words[:-length] if word not in fillers]
            if len(name) < 1 + (words[0] in types):
                continue
            if words[-length] in fillers and words[-length] not in {"LE", "LA", "LES", "L"}:
                continue
            areas = self._by_label.get(label_key(" ".join(words[-length:])), ())
            if areas:
                return length, areas
        return 0, ()

    def near(self, lon: float, lat: float, *, radius_km: float) -> tuple[int, ...]:
        """Areas whose middle lies within a radius of a point, or the three nearest."""
        across = (self._lon - lon) * np.cos(np.radians(lat)) * _EARTH_KM_PER_DEGREE
        up = (self._lat - lat) * _EARTH_KM_PER_DEGREE
        distance = np.hypot(across, up)
        close = np.flatnonzero(distance <= radius_km)
        if len(close) < 3:
            close = np.sort(np.argsort(distance, kind="stable")[:3])
        return tuple(close.tolist())

    def _words_of(self, areas: tuple[int, ...]) -> frozenset[str]:
        """Words of the names of a few communes: in a street's text they are often the commune, not the street."""
        return frozenset(word for area in areas[:30] for word in label_key(self.labels[area]).split())

    def _scope_of(self, code: str, postcode: str, label: str) -> Scope:
        """Choose where to search: the code first, then the postcode, then the name; never two filters at once."""
        by_code, by_postcode = self.of_code(code), self.of_postcode(postcode)
        by_label = self.of_label(label, fuzzy=True) if label else ()
        if code:
            if by_code:
                return self._check(by_code, "code", code, postcode, by_postcode)
            same = tuple(area for area in by_label if self._department(area) == _department(code))
            if same:  # a former commune that the reference does not know by its code
                return Scope(same, "label", note=f"commune code {code} is not in the reference, found by name")
            return Scope((), "code", refusal=f"commune {code} is not in the reference")
        if by_postcode:
            shared = tuple(area for area in by_label if area in by_postcode)
            if shared or not by_label:
                return Scope(shared or by_postcode, "postcode" if not shared else "label")
            return self._check(by_label, "label", label, postcode, by_postcode)
        if by_label:
            return self._check(by_label, "label", label, postcode, ())
        if postcode:
            note = f"postcode {postcode} is not in the reference"
            there = tuple(a for a in self.everywhere.areas if self._department(a) == _department(postcode))
            # Perhaps the CEDEX of a large organisation: it says the département, no more.
            return Scope(there, "departement", note=note) if there else Scope((), "postcode", refusal=note)
        if label:
            return Scope((), "label", refusal=f"commune {label!r} is not in the reference")
        return self.everywhere

    def _check(self, areas: tuple[int, ...], basis: str, name: str, postcode: str, served: tuple[int, ...]) -> Scope:
        """Confront the areas of a commune with the postcode that came with it."""
        if not postcode or set(served) & set(areas):
            return Scope(areas, basis)
        if served:
            others = ", ".join(sorted({self.labels[area] for area in served})[:3])
            return Scope(areas, basis, served, note=f"postcode {postcode} is of {others}, not of {name}")
        departments = {self._department(area) for area in areas}
        if basis == "label":  # homonyms: keep those of the postcode's département
            areas_there = tuple(area for area in areas if self._department(area) == _department(postcode))
            if areas_there:
                return Scope(areas_there, basis)
        if _department(postcode) in departments:  # a CEDEX postcode
            return Scope(areas, basis)
        return Scope((), basis, refusal=f"contradiction: postcode {postcode} is of another département than {name}")

    def _department(self, area: int) -> str:
        return _department(self.codes[area])


def label_key(label: str) -> str:
    """Return a commune's name reduced to what distinguishes it.

    Examples
    --------
    >>> label_key("ST ALBAN S/ LIMAGNOLE CEDEX 2"), label_key("Paris 11e Arrondissement"), label_key("L'Haÿ-les-Roses")
    ('SAINT ALBAN LIMAGNOLE', 'PARIS 11', 'HAY ROSES')
    """
    _, _, spelled, _, fillers, _ = tables()
    words = [spelled.get(word, word) for word in tokens_of(label) if word not in _NOT_A_NAME]
    is_cut = bool(words) and words[0] in _CUT_CITIES
    kept = [w for w in words if w not in fillers and w != "S" and (is_cut or not w.isdigit())]
    if is_cut:
        kept = [str(int(w)) if w.isdigit() else w for w in kept]
    return " ".join(kept or [w for w in words if not w.isdigit()])


def _department(code: str) -> str:
    if code.startswith(("97", "98")):
        return code[:3]
    return "20" if code[:2] in {"2A", "2B", "20"} else code[:2]
