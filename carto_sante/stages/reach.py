"""Isochrones around the practitioners of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carto_sante.errors import NoResultError
from carto_sante.isochrones import compute_isochrones
from carto_sante.network import RoadNetwork
from carto_sante.stages.practitioners import PlacedPractitioners
from carto_sante.study import Study

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


def compute_site_isochrones(study: Study, network: RoadNetwork, placed: PlacedPractitioners) -> GeoDataFrame:
    """Compute the dissolved reach of the sites of ``isochrones.profession``.

    Parameters
    ----------
    study : Study
        Its [isochrones] section names the profession, the limits and the tolerance.
    network : RoadNetwork
        For ``isochrones.mode``.
    placed : PlacedPractitioners
        Practitioners and places of care of the study area; those not located are left out.

    Returns
    -------
    GeoDataFrame
        One polygon per limit, dissolved over sites, with its own error; see
        `carto_sante.isochrones.compute_isochrones`.

    Raises
    ------
    NoResultError
        If no practitioner of that profession has a point.
    """
    profession = study.isochrones.profession
    table = placed.counted()
    sites = table.loc[(table["profession"] == profession) & table.geometry.notna() & ~table.geometry.is_empty]
    if sites.empty:
        raise NoResultError(
            f"No {profession!r} has a point, so there is nothing to draw isochrones around.",
            expected="at least one located practitioner",
            next_step="Choose another isochrones.profession, or remove [isochrones] from the study.",
        )
    sites = sites.drop_duplicates("site_id").sort_values("site_id")
    return compute_isochrones(
        network,
        sites[["site_id", "geometry"]],
        limits_min=study.isochrones.limits_min,
        dissolve=True,
        max_error_share=study.isochrones.max_error_share,
    )
