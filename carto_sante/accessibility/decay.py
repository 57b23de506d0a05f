"""How access falls with travel time: step tables and functions, named and dated.

A decay turns minutes into a weight between 0 and 1. Nested catchments ("within 10, 20, 30 minutes") and rings
("0 to 10, 10 to 20") are the same thing once written as rings, which is what a step table holds.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from carto_sante.errors import InputError, UnknownNameError, suggest

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Decay:
    """A weight between 0 and 1 for each travel time.

    Attributes
    ----------
    name : str
        How results name it.
    kind : str
        "step", "binary", "kernel", "gaussian", "exponential" or "function".
    upper_min : tuple of float
        Upper bound of each ring of a step table, in minutes, increasing; beyond the last the weight is 0.
    weights : tuple of float
        Weight of each ring.
    includes_upper : bool
        Whether a time equal to a bound belongs to the ring below it (Luo and Qi) or above it (DREES).
    function : callable, optional
        For the other kinds: array of minutes to array of weights.
    shift_min : float
        Minutes added to every travel time before the weight is read; see `shifted`.
    source : str
        Where the values come from.
    """

    name: str
    kind: str
    upper_min: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    includes_upper: bool = True
    function: Callable[[Floats], Floats] | None = None
    shift_min: float = 0.0
    source: str = ""

    @property
    def is_step(self) -> bool:
        """Return whether the decay is a step table."""
        return self.function is None

    def weigh(self, travel_time_min: npt.ArrayLike) -> Floats:
        """Return the weight of each travel time.

        Parameters
        ----------
        travel_time_min : array-like of float
            Minutes, at least 0.

        Returns
        -------
        float64 array
            Between 0 and 1.

        Raises
        ------
        InputError
            If a function gives another shape, or weights that are missing, negative or above 1.

        Examples
        --------
        >>> named_decay("apl_gp_2015").weigh([0, 9.9, 10, 15, 20]).round(3).tolist()
        [1.0, 1.0, 0.667, 0.333, 0.0]
        """
        minutes = np.asarray(travel_time_min, dtype=np.float64)
        if self.shift_min:
            minutes = np.maximum(minutes + self.shift_min, 0.0)
        if self.function is None:
            rings = np.searchsorted(self.upper_min, minutes, side="left" if self.includes_upper else "right")
            by_ring: Floats = np.append(np.array(self.weights), 0.0)
            read: Floats = by_ring[rings]
            return read
        weights = np.asarray(self.function(minutes), dtype=np.float64)
        if weights.shape != minutes.shape:
            raise InputError(
                f"The decay {self.name!r} returned {weights.shape} weights for {minutes.shape} travel times.",
                expected="a function of an array of minutes that returns an array of the same shape",
            )
        is_wrong = ~((weights >= 0) & (weights <= 1))
        if is_wrong.any():
            first = int(np.flatnonzero(is_wrong)[0])
            raise InputError(
                f"The decay {self.name!r} gives {weights.flat[first]} at {minutes.flat[first]} minutes.",
                expected="weights between 0 and 1",
            )
        return weights

    def shifted(self, minutes: float) -> Decay:
        """Return the decay read as if every trip lasted ``minutes`` longer (shorter if negative).

        Examples
        --------
        >>> binary_decay(limit_min=20).shifted(5).weigh([14, 15, 16]).tolist()
        [1.0, 1.0, 0.0]
        """
        shift = self.shift_min + minutes
        name = f"{self.name} ({shift:+g} min)" if self.shift_min == 0 else self.name
        return Decay(
            name, self.kind, self.upper_min, self.weights, self.includes_upper, self.function, shift, self.source
        )


def step_decay(
    *,
    upper_min: tuple[float, ...] | list[float],
    weights: tuple[float, ...] | list[float],
    includes_upper: bool = True,
    name: str = "step",
    source: str = "",
) -> Decay:
    """Return a step table: one weight per ring of minutes.

    Parameters
    ----------
    upper_min : sequence of float
        Upper bound of each ring, in minutes, strictly increasing and above 0.
    weights : sequence of float
        Weight of each ring, between 0 and 1; it may not rise with time.
    includes_upper : bool, default True
        Whether a time equal to a bound belongs to the ring that ends there.
    name, source : str
        How results name and cite it.

    Raises
    ------
    InputError
        If the two sequences differ in length, bounds do not increase, or weights rise or leave 0 to 1.

    Examples
    --------
    >>> step_decay(upper_min=[10, 20, 30], weights=[1, 0.68, 0.22]).weigh([10, 20.5, 31]).tolist()
    [1.0, 0.22, 0.0]
    """
    bounds, values = tuple(float(item) for item in upper_min), tuple(float(item) for item in weights)
    problems = []
    if not bounds or len(bounds) != len(values):
        problems.append(f"{len(bounds)} bounds for {len(values)} weights")
    # not (a > b) also catches NaN
    if any(not later > sooner for sooner, later in zip((0.0, *bounds), bounds, strict=False)):
        problems.append(f"bounds {bounds} do not increase from above 0")
    if any(not 0 <= value <= 1 for value in values):
        problems.append(f"weights {values} leave 0 to 1")
    if any(later > sooner for sooner, later in itertools.pairwise(values)):
        problems.append(f"weights {values} rise with time")
    if problems:
        raise InputError(
            f"The step decay {name!r} cannot be used: {'; '.join(problems)}.",
            expected="one weight between 0 and 1 per ring, bounds increasing, weights not rising",
        )
    return Decay(name, "step", bounds, values, includes_upper, source=source)


def binary_decay(*, limit_min: float) -> Decay:
    """Return 1 up to the limit (included), 0 beyond: the catchment of 2SFCA (Luo and Wang 2003)."""
    limit = _limit(limit_min)
    return Decay(f"binary {limit:g} min", "binary", (limit,), (1.0,), True, source="Luo et Wang 2003")


def kernel_decay(*, limit_min: float) -> Decay:
    """Return the Epanechnikov kernel ``3/4 (1 - (t / limit)**2)`` below the limit (Dai and Wang 2011).

    Examples
    --------
    >>> kernel_decay(limit_min=20).weigh([0, 10, 20]).tolist()
    [0.75, 0.5625, 0.0]
    """
    limit = _limit(limit_min)

    def kernel(minutes: Floats) -> Floats:
        return np.where(minutes < limit, 0.75 * (1 - (minutes / limit) ** 2), 0.0)

    return Decay(f"kernel {limit:g} min", "kernel", function=kernel, source="Dai et Wang 2011")


def gaussian_decay(*, limit_min: float) -> Decay:
    """Return the Gaussian that goes from 1 at 0 to 0 at the limit (Dai 2010).

    Examples
    --------
    >>> gaussian_decay(limit_min=20).weigh([0, 10, 20, 25]).round(4).tolist()
    [1.0, 0.7014, 0.0, 0.0]
    """
    limit = _limit(limit_min)
    edge = math.exp(-0.5)

    def gaussian(minutes: Floats) -> Floats:
        inside = (np.exp(-0.5 * (minutes / limit) ** 2) - edge) / (1 - edge)
        return np.where(minutes <= limit, np.maximum(inside, 0.0), 0.0)

    return Decay(f"gaussian {limit:g} min", "gaussian", function=gaussian, source="Dai 2010")


def exponential_decay(*, rate_per_min: float, limit_min: float | None = None) -> Decay:
    """Return ``exp(-rate * t)``, cut beyond the limit when there is one.

    Examples
    --------
    >>> exponential_decay(rate_per_min=0.12).weigh([0, 10]).round(4).tolist()
    [1.0, 0.3012]
    """
    if not 0 < rate_per_min < math.inf:
        raise InputError(f"rate_per_min is {rate_per_min!r}.", expected="a rate per minute above 0")
    limit = math.inf if limit_min is None else _limit(limit_min)

    def exponential(minutes: Floats) -> Floats:
        return np.where(minutes <= limit, np.exp(-rate_per_min * minutes), 0.0)

    name = f"exponential {rate_per_min:g} per min" + ("" if limit_min is None else f" up to {limit_min:g} min")
    return Decay(name, "exponential", function=exponential)


def named_decay(name: str) -> Decay:
    """Return a published step table by name; `decay_names` lists them.

    Raises
    ------
    UnknownNameError
        If the name is not in the catalogue.

    Examples
    --------
    >>> named_decay("luo_qi_2009").weights
    (1.0, 0.68, 0.22)
    """
    tables = _catalogue()
    if name not in tables:
        raise UnknownNameError(f"Unknown decay {name!r}.", next_step=suggest(name, tables))
    return tables[name]


def decay_names() -> tuple[str, ...]:
    """Return the names of the published step tables."""
    return tuple(_catalogue())


def as_decay(decay: Decay | str | float | Callable[[Floats], Floats], *, method: str) -> Decay:
    """Return a decay from what a caller gives: a `Decay`, a name, a limit in minutes, or a function.

    A bare number of minutes is only accepted where the method itself says what to do with it.

    Raises
    ------
    InputError
        If a number is given to a method that needs more, or the decay is of a kind that the method
        would ignore.
    """
    of_kind = {"2sfca": ("binary", binary_decay), "kd2sfca": ("kernel", kernel_decay),
               "g2sfca": ("gaussian", gaussian_decay)}  # fmt: skip
    if isinstance(decay, str):
        chosen = named_decay(decay)
    elif isinstance(decay, Decay):
        chosen = decay
    elif isinstance(decay, int | float) and not isinstance(decay, bool):
        if method not in of_kind:
            raise InputError(
                f"decay is {decay!r}, a number of minutes, which method {method!r} cannot use alone.",
                expected="a step table, a decay function or the name of a published table",
                next_step=f"Try decay=binary_decay(limit_min={decay:g}) or one of: {', '.join(decay_names())}.",
            )
        chosen = of_kind[method][1](limit_min=float(decay))
    elif callable(decay):
        chosen = Decay(getattr(decay, "__name__", "function"), "function", function=decay)
    else:
        raise InputError(f"decay is {decay!r}.", expected="a Decay, a name, a number of minutes or a function")
    if method in of_kind and chosen.kind != of_kind[method][0]:
        raise InputError(
            f"Method {method!r} has its own decay ({of_kind[method][0]}); {chosen.name!r} would be ignored.",
            expected=f"a {of_kind[method][0]} decay, or its limit in minutes",
            next_step="Use method='e2sfca' to apply another decay.",
        )
    return chosen


@cache
def _catalogue() -> dict[str, Decay]:
    text = resources.files("carto_sante").joinpath("accessibility/data/decays.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    tables = {}
    for name in dict.fromkeys(row["decay"] for row in rows):
        own = [row for row in rows if row["decay"] == name]
        tables[name] = step_decay(
            upper_min=[float(row["upper_min"]) for row in own],
            weights=[float(Fraction(row["weight"])) for row in own],
            includes_upper=own[0]["includes_upper"] == "yes",
            name=name,
            source=own[0]["source"],
        )
    return tables


def _limit(limit_min: float) -> float:
    if not 0 < limit_min < math.inf:
        raise InputError(f"limit_min is {limit_min!r}.", expected="a number of minutes above 0")
    return float(limit_min)
