"""Checks of what the searches are given: limits, directions, identifiers, coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from carto_sante.errors import InputError, SchemaError, UnknownNameError, suggest

if TYPE_CHECKING:
    import numpy.typing as npt
    from geopandas import GeoDataFrame

    from carto_sante.network.model import Flags, Floats, RoadNetwork

#: Seen from the destination or site: inbound is the way *to* it (a patient goes to a surgery), outbound the way
#: from it (a nurse goes to a patient).
DIRECTIONS = ("inbound", "outbound")

#: Longitude and latitude of France: metropolitan, Antilles, Guyane, Réunion and Mayotte, Saint-Pierre-et-Miquelon.
FRANCE_DEGREES = (
    (-5.5, 41.0, 10.0, 51.5),
    (-63.5, 14.0, -60.5, 18.5),
    (-55.0, 2.0, -51.0, 6.0),
    (44.5, -21.7, 56.0, -12.4),
    (-57.0, 46.5, -56.0, 47.5),
)


def check_direction(direction: str) -> bool:
    """Return whether the direction is inbound.

    Raises
    ------
    UnknownNameError
        If it is neither "inbound" nor "outbound".
    """
    if direction not in DIRECTIONS:
        raise UnknownNameError(f"{direction!r} is not a direction.", next_step=suggest(str(direction), DIRECTIONS))
    return direction == "inbound"


def check_limit_s(limit_min: float | None, *, name: str = "limit_min") -> float:
    """Return a limit in seconds, infinite for None.

    Raises
    ------
    InputError
        If it is zero, negative or not a number.
    """
    if limit_min is None:
        return float("inf")
    if isinstance(limit_min, bool) or not isinstance(limit_min, int | float | np.number) or not limit_min > 0:
        raise InputError(
            f"{name} is {limit_min!r}.",
            expected="a number of minutes above zero",
            next_step="For instance 15; None in a table of times means without limit.",
        )
    return float(limit_min) * 60.0


def check_positive(number: float, *, name: str, unit: str, can_be_zero: bool = False) -> float:
    """Return a parameter as a float.

    Raises
    ------
    InputError
        If it is not finite, negative, or zero where zero has no meaning.
    """
    is_number = isinstance(number, int | float | np.number) and not isinstance(number, bool)
    if not is_number or not np.isfinite(number) or number < 0 or (number == 0 and not can_be_zero):
        floor = "zero or more" if can_be_zero else "above zero"
        raise InputError(f"{name} is {number!r}.", expected=f"{unit}, {floor}")
    return float(number)


def ids_of(points: GeoDataFrame, *, column: str | None, usual: Sequence[str], name: str) -> npt.NDArray[np.object_]:
    """Return the identifiers of a table as text: a named column, else a usual one, else the index.

    Raises
    ------
    SchemaError
        If the named column is missing, or an identifier is empty or repeated.
    """
    if column is not None and column not in points.columns:
        raise SchemaError(f"{name} has no column {column!r}.", next_step=suggest(column, map(str, points.columns)))
    chosen = column if column is not None else next((item for item in usual if item in points.columns), None)
    values = points[chosen] if chosen is not None else points.index.to_series()
    if values.isna().any():
        raise SchemaError(f"{name} has {int(values.isna().sum())} rows without {chosen or 'index'}.")
    ids = values.astype(str)
    repeated = ids.duplicated()
    if repeated.any():
        raise SchemaError(
            f"{name} repeats {int(repeated.sum())} identifiers in {chosen or 'its index'} "
            f"(first: {ids[repeated].iloc[0]!r}).",
            expected="one row per place",
            next_step=f"Keep one row of each: {name}.drop_duplicates({(chosen or 'index')!r}).",
        )
    return ids.to_numpy(dtype=object)


def is_swapped(network: RoadNetwork, x_m: Floats, y_m: Floats) -> Flags:
    """Return which points fall in France, or on the network, only once longitude and latitude are exchanged.

    Such a point was read latitude first, then converted to metres.
    """
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(network.crs, "EPSG:4326", always_xy=True)
    with np.errstate(all="ignore"):
        longitude, latitude = (np.asarray(values, dtype=float) for values in to_degrees.transform(x_m, y_m))
    is_raw = (np.abs(x_m) <= 90) & (np.abs(y_m) <= 180)  # degrees declared as metres
    longitude, latitude = np.where(is_raw, x_m, longitude), np.where(is_raw, y_m, latitude)
    boxes = [*FRANCE_DEGREES, _extent_degrees(network)]
    return ~_is_in(longitude, latitude, boxes) & _is_in(latitude, longitude, boxes)


def _extent_degrees(network: RoadNetwork) -> tuple[float, float, float, float]:
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(network.crs, "EPSG:4326", always_xy=True)
    bounds = to_degrees.transform_bounds(
        network.node_x_m.min(), network.node_y_m.min(), network.node_x_m.max(), network.node_y_m.max()
    )
    left, bottom, right, top = (float(bound) for bound in bounds)
    return left - 0.2, bottom - 0.2, right + 0.2, top + 0.2


def _is_in(x: Floats, y: Floats, boxes: Sequence[tuple[float, float, float, float]]) -> Flags:
    inside: Flags = np.zeros(len(x), dtype=bool)
    for left, bottom, right, top in boxes:
        inside |= (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
    return inside
