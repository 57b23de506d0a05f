"""The catalogue of the open data, and its download: never an error page taken for data."""

from carto_sante.sources.catalogue import Source, find_source, load_sources
from carto_sante.sources.download import Fetched, fetch_file
from carto_sante.sources.plan import fetch_study, plan_study

__all__ = ["Fetched", "Source", "fetch_file", "fetch_study", "find_source", "load_sources", "plan_study"]
