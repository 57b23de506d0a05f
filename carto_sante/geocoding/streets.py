"""The streets of an address reference, for those who search a map by street."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from carto_sante.crs import GEOGRAPHIC_CRS
from carto_sante.geocoding.index import DEGREE_SCALE, AddressIndex

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


def list_streets(index: AddressIndex, *, communes: Iterable[str]) -> GeoDataFrame:
    """Return the streets of some communes, each with the box of its addresses.

    Parameters
    ----------
    index : AddressIndex
        From `open_index`, or the ``index`` of an opened reference.
    communes : iterable of str
        INSEE codes.

    Returns
    -------
    GeoDataFrame
        ``street_label``, ``commune_code``, and a polygon in EPSG:4326 around the numbers of the street (a few metres
        around its point where it has none), sorted by commune and label.

    Examples
    --------
    >>> from carto_sante.geocoding import open_reference
    >>> index = open_reference("data/sample/ban_58.csv").index
    >>> len(list_streets(index, communes=["58999"])) > 500
    True
    """
    import geopandas as gpd
    import pandas as pd
    import shapely

    arrays = index.arrays
    codes = np.asarray(index.texts["area_code"].to_pylist(), dtype=object)[arrays["street_area"]]
    chosen = np.flatnonzero(np.isin(codes, list(communes)))
    starts = arrays["street_number_start"]
    boxes = []
    for street in chosen:
        numbers = slice(int(starts[street]), int(starts[street + 1]))
        lon = arrays["number_lon"][numbers] if numbers.stop > numbers.start else arrays["street_lon"][[street]]
        lat = arrays["number_lat"][numbers] if numbers.stop > numbers.start else arrays["street_lat"][[street]]
        edges = np.array([lon.min(), lat.min(), lon.max(), lat.max()]) / DEGREE_SCALE
        boxes.append(edges + np.array([-1e-4, -1e-4, 1e-4, 1e-4]))
    bounds = np.array(boxes).reshape(-1, 4)
    labels = np.asarray(index.texts["street_label"].to_pylist(), dtype=object)[chosen]
    table = pd.DataFrame({"street_label": labels, "commune_code": codes[chosen]})
    shapes = shapely.box(bounds[:, 0], bounds[:, 1], bounds[:, 2], bounds[:, 3])
    streets = gpd.GeoDataFrame(table, geometry=shapes, crs=GEOGRAPHIC_CRS)
    return streets.sort_values(["commune_code", "street_label"], kind="stable", ignore_index=True)
