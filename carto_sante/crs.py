"""The legal metric CRS of each French territory, and the checks that keep degrees out of metres.

Source: décret n° 2000-1276 modified, arrêté of 5 March 2019 (RGF93 v2b, RGAF09, RGFG95, RGR92, RGM04, RGSPM06);
EPSG codes of the projected systems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carto_sante.errors import CRSError, InputError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from pyproj import CRS

METROPOLITAN_CRS = "EPSG:2154"
GEOGRAPHIC_CRS = "EPSG:4326"

# Projected CRS by département. Guadeloupe and Martinique share RGAF09 / UTM 20N; Saint-Martin and
# Saint-Barthélemy (977, 978) too.
_OVERSEAS_CRS = {
    "971": "EPSG:5490",
    "972": "EPSG:5490",
    "973": "EPSG:2972",
    "974": "EPSG:2975",
    "975": "EPSG:4467",
    "976": "EPSG:4471",
    "977": "EPSG:5490",
    "978": "EPSG:5490",
}


def departement_of(commune_code: str) -> str:
    """Return the département of an INSEE commune code.

    Parameters
    ----------
    commune_code : str
        Five characters, as text ("01004", "2A004", "97411").

    Raises
    ------
    InputError
        If the code is not five characters of text.

    Examples
    --------
    >>> departement_of("01004"), departement_of("2A004"), departement_of("97411")
    ('01', '2A', '974')
    """
    if not isinstance(commune_code, str) or len(commune_code) != 5:
        raise InputError(
            f"{commune_code!r} is not a commune code.",
            expected="five characters of text, as in '01004', '2A004' or '97411'",
            next_step="Read official codes as text: a number loses its leading zero.",
        )
    return commune_code[:3] if commune_code.startswith("97") else commune_code[:2]


def metric_crs_of(departement: str) -> str:
    """Return the legal projected CRS of a département, as an EPSG string.

    Parameters
    ----------
    departement : str
        "01" to "95", "2A", "2B", or "971" to "978".

    Raises
    ------
    InputError
        If the département is not known.

    Examples
    --------
    >>> metric_crs_of("35"), metric_crs_of("974")
    ('EPSG:2154', 'EPSG:2975')
    """
    if departement in _OVERSEAS_CRS:
        return _OVERSEAS_CRS[departement]
    is_metropolitan = departement in {"2A", "2B"} or (
        len(departement) == 2 and departement.isdigit() and 1 <= int(departement) <= 95
    )
    if is_metropolitan:
        return METROPOLITAN_CRS
    raise InputError(
        f"Département {departement!r} has no known metric CRS.",
        expected="'01' to '95', '2A', '2B' or '971' to '978', as text",
    )


def require_crs(frame: GeoDataFrame, *, name: str, metric: bool = True) -> CRS:
    """Return the CRS of a table, refusing a missing one and, by default, one in degrees.

    Parameters
    ----------
    frame : GeoDataFrame
        The table.
    name : str
        How the error names the table.
    metric : bool, default True
        Whether metres are needed.

    Raises
    ------
    CRSError
        If the CRS is missing, or is not projected in metres where metres are needed.

    Examples
    --------
    >>> import geopandas, shapely
    >>> table = geopandas.GeoDataFrame(geometry=[shapely.Point(350000, 6790000)], crs="EPSG:2154")
    >>> require_crs(table, name="sites").to_epsg()
    2154
    """
    crs = frame.crs
    if crs is None:
        raise CRSError(
            f"{name} has no CRS.",
            expected="a declared CRS",
            next_step=f"{likely_crs(frame)} Declare it (set_crs in Python, crs = ... in the study).",
        )
    if metric and (not crs.is_projected or crs.axis_info[0].unit_name not in {"metre", "meter"}):
        raise CRSError(
            f"{name} is in {crs.name!r}, in degrees or another unit.",
            expected="a projected CRS in metres, such as EPSG:2154 (Lambert-93)",
            next_step="Convert it first with carto_sante.crs.to_metric.",
        )
    return crs


def require_same_crs(left: GeoDataFrame, right: GeoDataFrame, *, names: tuple[str, str]) -> CRS:
    """Return the CRS that two tables share, in metres.

    Raises
    ------
    CRSError
        If one has none, is in degrees, or the two differ.
    """
    first, second = require_crs(left, name=names[0]), require_crs(right, name=names[1])
    if first != second:
        raise CRSError(
            f"{names[0]} is in {first.name!r} and {names[1]} in {second.name!r}.",
            expected="one CRS for both",
            next_step=f"Convert one: {names[1]}.to_crs({names[0]}.crs).",
        )
    return first


def to_metric(frame: GeoDataFrame, *, departement: str, name: str = "table") -> GeoDataFrame:
    """Return a copy of a table in the legal metric CRS of a département.

    Parameters
    ----------
    frame : GeoDataFrame
        Any declared CRS.
    departement : str
        Where the study is ("35", "974").

    Raises
    ------
    CRSError
        If the table has no CRS.
    """
    require_crs(frame, name=name, metric=False)
    return frame.to_crs(metric_crs_of(departement))


def likely_crs(frame: GeoDataFrame) -> str:
    """Return a sentence that names the likely CRS of undeclared coordinates, from their range."""
    if len(frame) == 0:
        return "The table is empty, so nothing can be guessed."
    left, bottom, right, top = (float(bound) for bound in frame.total_bounds)
    if left >= -64 and right <= 56 and bottom >= -22 and top <= 52:
        return "The coordinates look like longitude and latitude (EPSG:4326)."
    if left >= -22 and right <= 52 and bottom >= -64 and top <= 56:
        return "The coordinates look like degrees with latitude first: swap them, then EPSG:4326."
    if left >= 0 and right <= 1_300_000 and bottom >= 6_000_000 and top <= 7_200_000:
        return "The coordinates look like Lambert-93 (EPSG:2154)."
    return f"The coordinates ({left:.0f}, {bottom:.0f}) to ({right:.0f}, {top:.0f}) match no French CRS."
