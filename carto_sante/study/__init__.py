"""The frozen parameters of one study, read from a TOML file.

`read_study` reports every problem of the file at once, each with its place, what was found and what was
expected. Paths are relative to the study file.
"""

from carto_sante.study.reading import read_study
from carto_sante.study.sections import (
    DEFAULT_PROFESSIONS,
    Accessibility,
    Fetched,
    Isochrones,
    PopulationSource,
    RegistrySource,
    Siting,
    Study,
    known_facility_kinds,
    known_professions,
)

__all__ = [
    "DEFAULT_PROFESSIONS",
    "Accessibility",
    "Fetched",
    "Isochrones",
    "PopulationSource",
    "RegistrySource",
    "Siting",
    "Study",
    "known_facility_kinds",
    "known_professions",
    "read_study",
]
