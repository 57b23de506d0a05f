"""Isochrones: reach polygons per site or dissolved, nested or in bands, each with its own error; rings in minutes."""

from carto_sante.isochrones.polygons import ALL_SITES, DEFAULT_CELL_M, DEFAULT_OFFSET_M, compute_isochrones
from carto_sante.isochrones.rings import compute_walking_rings

__all__ = ["ALL_SITES", "DEFAULT_CELL_M", "DEFAULT_OFFSET_M", "compute_isochrones", "compute_walking_rings"]
