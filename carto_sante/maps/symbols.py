"""How each profession is drawn: one shape and one colour each, told apart without colour vision.

Shapes alone are distinct; colours come from Paul Tol's and Okabe and Ito's colour-blind-safe sets, darkened where
needed so that each has a contrast of at least 3:1 against white (WCAG 2.1, criterion 1.4.11), the colour of the
symbols' outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Symbol:
    """A shape in a 24 × 24 box (SVG path) and its colour."""

    path: str
    color: str


_CIRCLE = "M12 3a9 9 0 1 0 .001 0z"
_SQUARE = "M4 4h16v16H4z"
_TRIANGLE = "M12 2.5 22 20.5H2z"
_DIAMOND = "M12 1.5 22.5 12 12 22.5 1.5 12z"
_PENTAGON = "M12 2 22 9.3 18.2 21H5.8L2 9.3z"
_TRIANGLE_DOWN = "M12 21.5 2 3.5h20z"
_STAR = "M12 1.5l3.1 6.9 7.4.8-5.5 5 1.6 7.3L12 17.7l-6.6 3.8 1.6-7.3-5.5-5 7.4-.8z"
_HEXAGON = "M6.5 3h11L23 12l-5.5 9h-11L1 12z"
_EYE = "M1 12C4.5 6 8 4 12 4s7.5 2 11 8c-3.5 6-7 8-11 8s-7.5-2-11-8z"
_CROSS_SALTIRE = "M5.5 2 12 8.5 18.5 2 22 5.5 15.5 12 22 18.5 18.5 22 12 15.5 5.5 22 2 18.5 8.5 12 2 5.5z"
_PLUS = "M8.5 2h7v6.5H22v7h-6.5V22h-7v-6.5H2v-7h6.5z"
_HALF = "M2 16a10 10 0 0 1 20 0z"

SYMBOLS = {
    "gp": Symbol(_CIRCLE, "#0068A8"),
    "nurse": Symbol(_SQUARE, "#C24E00"),
    "physiotherapist": Symbol(_TRIANGLE, "#117733"),
    "dentist": Symbol(_DIAMOND, "#332288"),
    "gynaecologist": Symbol(_PENTAGON, "#882255"),
    "midwife": Symbol(_TRIANGLE_DOWN, "#AA4499"),
    "paediatrician": Symbol(_STAR, "#00797A"),
    "speech_therapist": Symbol(_HEXAGON, "#7A6A00"),
    "ophthalmologist": Symbol(_EYE, "#5B4A42"),
    "orthoptist": Symbol(_CROSS_SALTIRE, "#B3263A"),
    "doctor_unspecified": Symbol(_PLUS, "#46505A"),
}
_HOUSE = "M12 2 22.5 11H19v10.5H5V11H1.5z"
_PLACES_OF_CARE = {"msp": Symbol(_HOUSE, "#12394F"), "health_centre": Symbol(_HOUSE, "#882255"),
                   "pharmacy": Symbol(_PLUS, "#117733")}  # fmt: skip
FACILITY = Symbol(_PLUS, "#1D2A33")
_OTHER = (
    Symbol(_HALF, "#46505A"),
    Symbol(_HALF, "#0068A8"),
    Symbol(_HALF, "#C24E00"),
    Symbol(_HALF, "#117733"),
)


def symbols_of(keys: Sequence[str]) -> dict[str, Symbol]:
    """Return the symbol of each profession; those outside the catalogue share one shape, in varied colours.

    Examples
    --------
    >>> symbols_of(["gp", "art_therapist"])["gp"].color
    '#0068A8'
    """
    known = {**SYMBOLS, **_PLACES_OF_CARE}
    unknown = [key for key in keys if key not in known]
    return {key: known.get(key) or _OTHER[unknown.index(key) % len(_OTHER)] for key in keys}


def facility_symbol(kind: str) -> Symbol:
    """Return the symbol of a kind of place of care."""
    return _PLACES_OF_CARE.get(kind, FACILITY)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.1), from 1 to 21.

    Examples
    --------
    >>> contrast("#000000", "#FFFFFF")
    21.0
    """
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
