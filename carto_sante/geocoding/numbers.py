"""House numbers: exact, with another suffix, interpolated between neighbours of the same side, or the way only."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from carto_sante.geocoding.index import DEGREE_SCALE, AddressIndex, number_key, number_of

#: What a way's score is multiplied by, according to what became of the number.
EXACT, OTHER_SUFFIX, INTERPOLATED, STREET = 0, 1, 2, 3
NUMBER_FACTORS = np.array([1.0, 0.98, 0.95, 0.75])

#: Neighbours further apart than this say little of what stands between them.
MAX_INTERPOLATION_GAP_M = 500.0

_METRES_PER_DEGREE = 111_200.0
# "B" is often "BIS", "T" "TER" and "Q" "QUATER".
_TWINS = {"B": "BIS", "BIS": "B", "T": "TER", "TER": "T", "Q": "QUATER", "QUATER": "Q"}


class Located(NamedTuple):
    """Points of (way, number, suffix) triples; ``rank`` is the row of the number found, -1 where none is."""

    lon: np.ndarray[Any, Any]
    lat: np.ndarray[Any, Any]
    outcome: np.ndarray[Any, Any]
    rank: np.ndarray[Any, Any]


class NumberFinder:
    """Looks house numbers up in an index."""

    def __init__(self, index: AddressIndex) -> None:
        self._arrays = index.arrays
        self._suffixes = {suffix: code for code, suffix in enumerate(index.texts["suffixes"].to_pylist())}

    def locate(self, street: Any, number: Any, suffix: list[str]) -> Located:
        """Locate house numbers.

        Parameters
        ----------
        street : array of int
            Ways of the index.
        number : array of int
            House numbers, -1 where the address has none.
        suffix : list of str
            "BIS", "A", or "".
        """
        keys = self._arrays["number_key"]
        street, number = np.asarray(street, dtype=np.int64), np.asarray(number, dtype=np.int64)
        rank = np.full(len(street), -1, dtype=np.int64)
        outcome = np.full(len(street), STREET, dtype=np.int64)
        lon = self._arrays["street_lon"][street] / DEGREE_SCALE
        lat = self._arrays["street_lat"][street] / DEGREE_SCALE
        if len(keys) == 0:
            return Located(lon, lat, outcome, rank)
        asked = np.maximum(number, 0)
        codes = np.array([self._suffixes.get(text, -1) for text in suffix], dtype=np.int64)
        twins = np.array([self._suffixes.get(_TWINS.get(text, "?"), -1) for text in suffix], dtype=np.int64)
        for code, result in ((codes, EXACT), (twins, EXACT)):
            self._take_exact(keys, number_key(street, asked, np.maximum(code, 0)), (code >= 0) & (number >= 0) &
                             (rank < 0), result, rank, outcome)  # fmt: skip
        # The same number with another suffix, the bare one first.
        wanted = number_key(street, asked, 0)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        is_same = (keys[place] >> 8 == wanted >> 8) & (number >= 0) & (rank < 0)
        rank[is_same], outcome[is_same] = place[is_same], OTHER_SUFFIX
        found = rank >= 0
        lon[found] = self._arrays["number_lon"][rank[found]] / DEGREE_SCALE
        lat[found] = self._arrays["number_lat"][rank[found]] / DEGREE_SCALE
        for row in np.flatnonzero(~found & (number >= 0)).tolist():
            lon[row], lat[row], outcome[row] = self._between(int(street[row]), int(number[row]), lon[row], lat[row])
        return Located(lon, lat, outcome, rank)

    @staticmethod
    def _take_exact(keys: Any, wanted: Any, allowed: Any, result: int, rank: Any, outcome: Any) -> None:
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        hit = allowed & (keys[place] == wanted)
        rank[hit], outcome[hit] = place[hit], result

    def _between(self, street: int, number: int, lon: float, lat: float) -> tuple[float, float, int]:
        """Interpolate between the neighbours of the same parity; beyond the ends, take the nearest number."""
        starts = self._arrays["street_number_start"]
        first, last = int(starts[street]), int(starts[street + 1])
        if first == last:
            return lon, lat, STREET
        numbers = number_of(self._arrays["number_key"][first:last])
        longitudes = self._arrays["number_lon"][first:last] / DEGREE_SCALE
        latitudes = self._arrays["number_lat"][first:last] / DEGREE_SCALE
        side = np.flatnonzero(numbers % 2 == number % 2)
        below, above = side[numbers[side] < number], side[numbers[side] > number]
        if len(below) and len(above):
            a, b = int(below[-1]), int(above[0])
            across = (longitudes[b] - longitudes[a]) * np.cos(np.radians(latitudes[a]))
            gap_m = float(np.hypot(across, latitudes[b] - latitudes[a]) * _METRES_PER_DEGREE)
            if gap_m <= MAX_INTERPOLATION_GAP_M:
                share = (number - numbers[a]) / (numbers[b] - numbers[a])
                return (
                    float(longitudes[a] + share * (longitudes[b] - longitudes[a])),
                    float(latitudes[a] + share * (latitudes[b] - latitudes[a])),
                    INTERPOLATED,
                )
        nearest = int(np.argmin(np.abs(numbers - number)))
        return float(longitudes[nearest]), float(latitudes[nearest]), STREET
