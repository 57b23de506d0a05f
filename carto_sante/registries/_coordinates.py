"""Coordinates of registries: which system they are in, swapped or not, set right where that is sure.

A pair is believed only if it falls in the territory that its commune names: longitudes and latitudes of French
territories never exchange ranges, so a swapped pair is recognised without doubt, and a pair that fits nowhere is
left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from carto_sante.crs import GEOGRAPHIC_CRS, METROPOLITAN_CRS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

OUTSIDE_TERRITORY = "coordinates outside the territory, left out"
SWAPPED = "coordinates swapped, set right"
IN_OTHER_FIELDS = "coordinates in metres and in degrees exchanged, set right"

#: West, south, east, north of each territory, in degrees, wide enough for its islands.
BOXES = {
    "metropolitan": (-5.6, 41.2, 9.8, 51.3),
    "971": (-63.3, 15.7, -60.8, 18.3),
    "972": (-61.4, 14.2, -60.6, 15.1),
    "973": (-54.8, 1.9, -51.3, 6.1),
    "974": (55.0, -21.6, 56.0, -20.7),
    "975": (-56.7, 46.6, -55.9, 47.3),
    "976": (44.8, -13.2, 45.5, -12.4),
    "977": (-63.1, 17.7, -62.6, 18.1),
    "978": (-63.3, 17.9, -62.9, 18.3),
    "986": (-178.5, -14.6, -175.9, -13.0),
}
_PROJECTED = {
    "971": "EPSG:5490", "972": "EPSG:5490", "973": "EPSG:2972", "974": "EPSG:2975", "975": "EPSG:4467",
    "976": "EPSG:4471", "977": "EPSG:5490", "978": "EPSG:5490", "986": "EPSG:8903",
}  # fmt: skip
_EPSG = re.compile(r"EPSG:(\d{4,5})")


def territory_of(commune_code: object) -> str:
    """Return the key of `BOXES` that a commune code belongs to.

    Examples
    --------
    >>> territory_of("35238"), territory_of("97411"), territory_of(None)
    ('metropolitan', '974', 'metropolitan')
    """
    code = commune_code if isinstance(commune_code, str) else ""
    return code[:3] if code[:3] in BOXES else "metropolitan"


def projected_crs_of(territory: str, source: str = "") -> str:
    """Return the metric CRS that a position is in: the one its source names, else the territory's."""
    named = _EPSG.search(source)
    if named:
        return f"EPSG:{named.group(1)}"
    if "LAMBERT_93" in source:
        return METROPOLITAN_CRS
    return _PROJECTED.get(territory, METROPOLITAN_CRS)


def to_degrees(
    pairs: Sequence[tuple[Numbers, Numbers]], *, territories: Sequence[str], sources: Sequence[str] | None = None
) -> tuple[Numbers, Numbers, Counter[str]]:
    """Return longitudes and latitudes from one or more pairs of fields of unsure meaning.

    Parameters
    ----------
    pairs : sequence of (array, array)
        First the fields that should hold the position, as (x or longitude, y or latitude); then where else it may be.
        Metres or degrees, NaN where missing.
    territories : sequence of str
        Key of `BOXES` of each row.
    sources : sequence of str, optional
        What the file says of each position; may name an EPSG code.

    Returns
    -------
    tuple
        Longitude, latitude (degrees, NaN where unknown) and the notes.
    """
    import numpy as np

    count = len(territories)
    said = [""] * count if sources is None else list(sources)
    crs = np.array([projected_crs_of(where, text) for where, text in zip(territories, said, strict=True)], dtype=object)
    boxes = np.array([BOXES[where] for where in territories], dtype=float).reshape(count, 4)
    longitude, latitude = np.full(count, np.nan), np.full(count, np.nan)
    notes: Counter[str] = Counter()
    for number, (first, second) in enumerate(pairs):
        for x, y, note in ((first, second, ""), (second, first, SWAPPED)):
            for is_metric in (False, True):
                open_rows = np.flatnonzero(np.isnan(longitude) & np.isfinite(x) & np.isfinite(y))
                lon, lat = x[open_rows], y[open_rows]
                if is_metric:
                    lon, lat = _project(lon, lat, crs[open_rows])
                found = _inside(lon, lat, boxes[open_rows])
                rows = open_rows[found]
                longitude[rows], latitude[rows] = lon[found], lat[found]
                if len(rows) and (note or number):
                    notes[note or IN_OTHER_FIELDS] += len(rows)
    given = np.any([np.isfinite(a) & np.isfinite(b) & (a != 0) & (b != 0) for a, b in pairs], axis=0)
    lost = int(np.sum(given & np.isnan(longitude)))
    if lost:
        notes[OUTSIDE_TERRITORY] = lost
    return longitude, latitude, notes


def _inside(lon: Numbers, lat: Numbers, boxes: Numbers) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (
        (lon >= boxes[:, 0]) & (lat >= boxes[:, 1]) & (lon <= boxes[:, 2]) & (lat <= boxes[:, 3])
    )
    return inside


def _project(x: Numbers, y: Numbers, crs: NDArray[np.object_]) -> tuple[Numbers, Numbers]:
    import numpy as np
    from pyproj import Transformer
    from pyproj.exceptions import CRSError

    lon, lat = np.full(len(x), np.nan), np.full(len(y), np.nan)
    metric = (np.abs(x) > 1000) | (np.abs(y) > 1000)
    for code in sorted(set(crs[metric].tolist())):
        rows = metric & (crs == code)
        try:
            transformer = Transformer.from_crs(code, GEOGRAPHIC_CRS, always_xy=True)
        except CRSError:
            continue  # a CRS that does not exist: the position is unknown, and counted as such
        lon[rows], lat[rows] = transformer.transform(x[rows], y[rows])
    return lon, lat
