"""Streets for the search box, from the address reference that geocoding used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.crs import GEOGRAPHIC_CRS

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


def streets_of_reference(path: Path | str, *, communes: Sequence[str]) -> GeoDataFrame | None:
    """Return the streets of some communes, each as the box that holds its addresses.

    Parameters
    ----------
    path : path
        A CSV of the BAN or of BANO.
    communes : sequence of str
        INSEE codes.

    Returns
    -------
    GeoDataFrame or None
        ``street_label`` and a polygon, in degrees, sorted; None for a reference that lists no address (an index, a
        service).

    Raises
    ------
    FileFormatError
        If a CSV is of no known layout.
    """
    import geopandas
    import polars as pl
    import shapely

    from carto_sante.geocoding.reading import read_reference

    if not str(path).lower().endswith((".csv", ".csv.gz")) or not Path(path).is_file():
        return None
    table, _ = read_reference(path)
    kept = table.filter(pl.col("commune_code").is_in(list(communes))) if "commune_code" in table.columns else table
    bounds = [pl.col("lon").min().alias("west"), pl.col("lat").min().alias("south"),
              pl.col("lon").max().alias("east"), pl.col("lat").max().alias("north")]  # fmt: skip
    boxes = kept.group_by("street").agg(bounds).sort("street")
    shapes = shapely.box(*(boxes[name].to_numpy() for name in ("west", "south", "east", "north")))
    return geopandas.GeoDataFrame({"street_label": boxes["street"].to_list()}, geometry=shapes, crs=GEOGRAPHIC_CRS)
