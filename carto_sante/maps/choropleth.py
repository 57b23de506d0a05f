"""Classes of an indicator: breaks by mapclassify, zero apart from missing, missing apart from suppressed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carto_sante.errors import InputError, UnknownNameError, suggest
from carto_sante.maps.labels import decimals_for, format_number

if TYPE_CHECKING:
    import pandas as pd

#: Light to dark (ColorBrewer 2.0 "YlGnBu" without its darkest step, colour-blind safe); one list per number of classes.
SEQUENTIAL = {
    1: ("#7FCDBB",),
    2: ("#C7E9B4", "#41B6C4"),
    3: ("#EDF8B1", "#7FCDBB", "#2C7FB8"),
    4: ("#EDF8B1", "#A1DAB4", "#41B6C4", "#2C7FB8"),
    5: ("#EDF8B1", "#B4E2B6", "#6AC3BE", "#3A9CC4", "#2A6DAE"),
    6: ("#F4FBC8", "#D3EEB3", "#94D5B9", "#57BCC1", "#3797C2", "#2A66A9"),
    7: ("#F4FBC8", "#D3EEB3", "#A1DAB4", "#6AC3BE", "#41A9C4", "#3487BC", "#28599F"),
}
#: Losses to gains around zero (ColorBrewer 2.0 "PuOr", colour-blind safe).
DIVERGING = ("#B35806", "#F1A340", "#FEE0B6", "#F2F2F2", "#D8DAEB", "#998EC3", "#542788")
ZERO_COLOR = "#FFFFFF"
SCHEMES = {
    "fisher_jenks": "FisherJenks",
    "quantiles": "Quantiles",
    "equal_interval": "EqualInterval",
    "max_breaks": "MaximumBreaks",
}

_MOST_DECIMALS = 3

ZERO, MISSING, SUPPRESSED = -1, -2, -3
"""Codes of what is not in a class: zero, unknown, and hidden for statistical secrecy."""


@dataclass(frozen=True)
class Classes:
    """The classes of one indicator.

    Attributes
    ----------
    class_of : int array
        Class of each value from 0, or ZERO, MISSING, SUPPRESSED.
    labels : tuple of str
        Bounds of each class, in French.
    colors : tuple of str
        Colour of each class.
    counts : tuple of int
        Territories in each class.
    upper_bounds : tuple of float
        Upper bound of each class, inclusive: the breaks of mapclassify.
    decimals : int
        Decimals used in the labels.
    """

    class_of: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    colors: tuple[str, ...]
    counts: tuple[int, ...]
    upper_bounds: tuple[float, ...]
    decimals: int


def classify(
    values: pd.Series | Sequence[float] | npt.NDArray[np.float64],
    *,
    status: Sequence[str] | None = None,
    class_count: int = 5,
    scheme: str = "fisher_jenks",
) -> Classes:
    """Cut the values of an indicator into classes.

    Zero has a class of its own, and so do missing and suppressed values: none of the three is "low".

    Parameters
    ----------
    values : sequence of float
        One per territory; NaN where missing.
    status : sequence of str, optional
        "ok", "missing" or "suppressed" for each value; by default NaN is missing.
    class_count : int, default 5
        Classes wanted (1 to 7); fewer where there are fewer distinct values.
    scheme : str, default "fisher_jenks"
        "fisher_jenks", "quantiles", "equal_interval" or "max_breaks", as computed by mapclassify.

    Raises
    ------
    UnknownNameError
        If the scheme is not known.
    InputError
        If ``class_count`` is not from 1 to 7, or statuses and values differ in number.

    Examples
    --------
    >>> classes = classify([0.0, 10.0, 12.0, 50.0, float("nan")], class_count=2)
    >>> classes.class_of.tolist(), classes.labels, classes.counts
    ([-1, 0, 0, 1, -2], ('de 10 à 12', '50'), (2, 1))
    """
    numbers = np.asarray(values, dtype=np.float64)
    statuses = np.asarray(["ok"] * len(numbers) if status is None else list(status), dtype=object)
    _check_arguments(numbers, statuses, class_count=class_count, scheme=scheme)
    is_known = np.isfinite(numbers) & (statuses == "ok")
    class_of = np.where(statuses == "suppressed", SUPPRESSED, MISSING).astype(np.int64)
    class_of[is_known & (numbers == 0)] = ZERO
    is_classed = is_known & (numbers != 0)
    bounds = _breaks(numbers[is_classed], class_count=class_count, scheme=scheme)
    class_of[is_classed] = np.searchsorted(bounds, numbers[is_classed], side="left")
    # mapclassify may leave a class empty (equal intervals): its colour and label would say nothing.
    used, compact = np.unique(class_of[is_classed], return_inverse=True)
    class_of[is_classed] = compact
    decimals = decimals_for(numbers[is_known])
    labels = _range_labels(numbers, class_of, len(used), decimals=decimals)
    while len(set(labels)) < len(labels) and decimals < _MOST_DECIMALS:  # two classes must not read the same
        decimals += 1
        labels = _range_labels(numbers, class_of, len(used), decimals=decimals)
    return Classes(
        class_of=class_of,
        labels=labels,
        colors=SEQUENTIAL[len(used)] if len(used) else (),
        counts=tuple(int((class_of == index).sum()) for index in range(len(used))),
        upper_bounds=tuple(float(bounds[index]) for index in used),
        decimals=decimals,
    )


def classify_change(
    values: Sequence[float] | npt.NDArray[np.float64],
    *,
    status: Sequence[str] | None = None,
    decimals: int | None = None,
) -> Classes:
    """Cut differences into symmetrical classes around zero: losses, no change, gains.

    The bounds are a third and two thirds of the largest change (rounded up where all are whole numbers), so that a
    gain and a loss of the same size have colours of the same strength.

    Parameters
    ----------
    values : sequence of float
        Differences; NaN where unknown.
    status : sequence of str, optional
        "suppressed" where the difference is withheld.
    decimals : int, optional
        Decimals of the labels.

    Examples
    --------
    >>> classes = classify_change([-3.0, 0.0, 1.0])
    >>> classes.class_of.tolist(), classes.labels[3:]
    ([0, 3, 4], ('inchangé', '+1', '+2', '+3'))
    """
    numbers = np.asarray(values, dtype=np.float64)
    is_known = np.isfinite(numbers)
    known = numbers[is_known]
    largest = float(np.abs(known).max()) if is_known.any() else 0.0
    is_whole = bool((known == np.round(known)).all()) and decimals in (None, 0)
    step = float(np.ceil(largest / 3)) if is_whole else largest / 3
    size = int(np.ceil(largest / step)) if step else 0
    class_of = np.full(len(numbers), MISSING, dtype=np.int64)
    if status is not None:
        class_of[np.asarray(list(status), dtype=object) == "suppressed"] = SUPPRESSED
    strength = np.clip(np.ceil(np.abs(known) / step - 1e-9), 0, size) if step else np.zeros(len(known))
    class_of[is_known] = (size + np.sign(known) * strength).astype(np.int64)
    digits = 0 if is_whole else decimals_for(known) if decimals is None else decimals
    gains = [_gain_label(number, step, largest, whole=is_whole, decimals=digits) for number in range(1, size + 1)]
    losses = [text.replace("+", "\u2212") for text in gains]
    middle = len(DIVERGING) // 2
    colors = DIVERGING[middle - size : middle + size + 1]
    counts = tuple(int((class_of == index).sum()) for index in range(2 * size + 1))
    bounds = [step * number for number in range(1, size + 1)]
    return Classes(
        class_of,
        (*reversed(losses), "inchangé", *gains),
        colors,
        counts,
        (*(-bound for bound in reversed(bounds)), 0.0, *bounds),
        digits,
    )


def _gain_label(number: int, step: float, largest: float, *, whole: bool, decimals: int) -> str:
    low = (number - 1) * step + 1 if whole else (number - 1) * step
    high = min(number * step, largest)
    first, last = (format_number(bound, decimals=decimals) for bound in (low, high))
    if whole and low == high:
        return f"+{last}"
    return f"jusqu’à +{last}" if not whole and number == 1 else f"+{first} à +{last}"


def classes_record(classes: Classes) -> dict[str, Any]:
    """Return classes as the page needs them."""
    return {
        "class_of": classes.class_of.tolist(),
        "labels": list(classes.labels),
        "colors": list(classes.colors),
        "counts": list(classes.counts),
        "decimals": classes.decimals,
        "zero_count": int((classes.class_of == ZERO).sum()),
        "missing_count": int((classes.class_of == MISSING).sum()),
        "suppressed_count": int((classes.class_of == SUPPRESSED).sum()),
    }


def _check_arguments(numbers: Any, statuses: Any, *, class_count: int, scheme: str) -> None:
    if scheme not in SCHEMES:
        raise UnknownNameError(f"{scheme!r} is not a way to cut classes.", next_step=suggest(scheme, SCHEMES))
    if class_count not in SEQUENTIAL:
        raise InputError(f"class_count is {class_count}.", expected="from 1 to 7 (more cannot be told apart)")
    if len(statuses) != len(numbers):
        raise InputError(f"{len(numbers)} values and {len(statuses)} statuses.", expected="one status per value")


def _breaks(numbers: npt.NDArray[np.float64], *, class_count: int, scheme: str) -> npt.NDArray[np.float64]:
    distinct = np.unique(numbers)
    if len(distinct) <= class_count:  # each value is its own class; mapclassify warns or fails here
        return distinct
    # Imported here: mapclassify 2.10 takes about 3 s to import (scikit-learn, numba, matplotlib).
    import mapclassify

    with warnings.catch_warnings():
        # Ties leave fewer classes than asked: that is the answer, not a fault.
        warnings.filterwarnings("ignore", message="Not enough unique values")
        classifier = mapclassify.classify(numbers, SCHEMES[scheme], k=class_count)
    bounds: npt.NDArray[np.float64] = np.asarray(classifier.bins, dtype=np.float64)
    bounds[-1] = max(bounds[-1], numbers.max())
    return bounds


def _range_labels(numbers: Any, class_of: Any, count: int, *, decimals: int) -> tuple[str, ...]:
    return tuple(_range_label(numbers[class_of == index], decimals=decimals) for index in range(count))


def _range_label(numbers: npt.NDArray[np.float64], *, decimals: int) -> str:
    low, high = (format_number(float(bound), decimals=decimals) for bound in (numbers.min(), numbers.max()))
    return low if low == high else f"de {low} à {high}"
