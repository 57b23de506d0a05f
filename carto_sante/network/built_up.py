"""Which streets are in a built-up area, where the lower default speeds hold.

OSM rarely says where an agglomeration (Code de la route R110-2) begins; the density of streets does. Hypothesis
`RADIUS_M`, `THRESHOLD_KM_PER_KM2` of 2026-11, set on Porto (OSM 2020): 98 % of the street length falls on the
same side as in Valhalla 3.9.1, which uses a density over 2 km too.

Limit: within 2 km of the edge of the data (or of the sea) part of the disc is empty, so a small extract of a
city centre counts as outside built-up areas. Read a larger extract; clipped to a study area, its buffer of 5 km
is enough.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

#: Streets are counted over a disc of this radius, on square cells of `CELL_M`.
RADIUS_M, CELL_M = 2_000.0, 500.0
#: Kilometres of street open to cars per square kilometre above which an area is built-up.
THRESHOLD_KM_PER_KM2 = 12.5


def built_up_ways(x_m: Floats, y_m: Floats, length_m: Floats, way: Ints, *, way_count: int) -> npt.NDArray[np.bool_]:
    """Return which ways run, on average over their length, through a built-up area.

    Parameters
    ----------
    x_m, y_m : float64 arrays
        Middle of each link, in metres.
    length_m : float64 array
        Length of each link.
    way : int32 array
        Way of each link.
    way_count : int
        How many ways there are.

    Examples
    --------
    >>> import numpy as np
    >>> lone = built_up_ways(np.zeros(1), np.zeros(1), np.array([100.0]), np.zeros(1, dtype=np.int32), way_count=1)
    >>> bool(lone[0])
    False
    """
    if not len(x_m):
        return np.zeros(way_count, dtype=bool)
    column = np.floor((x_m - x_m.min()) / CELL_M).astype(np.int64)
    row = np.floor((y_m - y_m.min()) / CELL_M).astype(np.int64)
    reach = int(RADIUS_M // CELL_M)
    width = int(column.max()) + 2 * reach + 1  # wide enough that a disc never wraps to the next row
    cells, place = np.unique(row * width + column, return_inverse=True)
    own = np.bincount(place, weights=length_m)
    total, count = np.zeros(len(cells)), 0
    for step_y in range(-reach, reach + 1):
        for step_x in range(-reach, reach + 1):
            if step_x**2 + step_y**2 > reach**2:
                continue
            count += 1
            wanted = cells + step_y * width + step_x
            at = np.minimum(np.searchsorted(cells, wanted), len(cells) - 1)
            total += np.where(cells[at] == wanted, own[at], 0.0)
    density = total / (count * CELL_M**2) * 1_000  # m per m² to km per km²
    weight = np.bincount(way, weights=length_m, minlength=way_count)
    mean = np.bincount(way, weights=density[place] * length_m, minlength=way_count) / np.maximum(weight, 1e-9)
    return np.asarray(mean > THRESHOLD_KM_PER_KM2)
