"""The people within reach, and those that a polygon leaves out or takes in wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from carto_sante.errors import SchemaError
from carto_sante.isochrones.profile import Profile
from carto_sante.travel.index import SearchIndex
from carto_sante.travel.snapping import DEFAULT_MAX_SNAP_M, coordinates_of, place

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


class People:
    """Inhabitants placed on the streets, to be counted in many isochrones.

    Parameters
    ----------
    index : SearchIndex
        Of the network.
    population : GeoDataFrame
        Points or zones with ``population_count``; NA counts for nobody.

    Raises
    ------
    SchemaError
        If the count is missing or negative.
    """

    def __init__(self, index: SearchIndex, population: GeoDataFrame) -> None:
        if "population_count" not in population.columns:
            raise SchemaError(
                "The population has no column population_count.",
                expected=f"population_count among {', '.join(map(str, population.columns))}",
            )
        self.count = population["population_count"].fillna(0.0).to_numpy(dtype=float)
        if (self.count < 0).any():
            raise SchemaError(f"The population has {int((self.count < 0).sum())} negative counts.")
        self.x_m, self.y_m = coordinates_of(index.network, population, name="the population")
        ids = np.arange(len(population)).astype(object)
        self._snaps = place(index, ids=ids, x_m=self.x_m, y_m=self.y_m, max_snap_m=DEFAULT_MAX_SNAP_M)

    def measure(self, profile: Profile, polygon: shapely.Geometry, *, limit_s: float) -> dict[str, float]:
        """Return the people within the limit and the shares wrongly out and in.

        The last metres to the street are not counted here, as they are not in the polygon.
        """
        from carto_sante.isochrones._kernels import times_of_points

        snaps = self._snaps
        seconds = times_of_points(snaps.segment, snaps.position, np.zeros(len(self.count)), *profile.arrays)
        is_reached = seconds <= limit_s
        shapely.prepare(polygon)
        is_inside = shapely.contains_xy(polygon, self.x_m, self.y_m)
        reached, inside = float(self.count[is_reached].sum()), float(self.count[is_inside].sum())
        outside = float(self.count[is_reached & ~is_inside].sum())
        wrong = float(self.count[is_inside & ~is_reached].sum())
        return {
            "reached_population_count": reached,
            "reachable_population_outside_share": outside / reached if reached > 0 else 0.0,
            "unreachable_population_inside_share": wrong / inside if inside > 0 else 0.0,
        }
