"""Addresses to points, with the score, the precision and the pass of each.

`geocode` is the way in; `build_index` and `open_index` make and open a local reference from the BAN, and
`ServiceGeocoder` asks the national service.
"""

from __future__ import annotations

from carto_sante.geocoding.check_map import doubtful, write_check_map
from carto_sante.geocoding.corrections import read_corrections
from carto_sante.geocoding.csv_files import geocode_csv
from carto_sante.geocoding.index import AddressIndex, build_index, open_index
from carto_sante.geocoding.keys import address_key
from carto_sante.geocoding.passes import geocode
from carto_sante.geocoding.references import Geocoder, open_reference
from carto_sante.geocoding.service import ServiceGeocoder
from carto_sante.geocoding.streets import list_streets

__all__ = [
    "AddressIndex",
    "Geocoder",
    "ServiceGeocoder",
    "address_key",
    "build_index",
    "doubtful",
    "geocode",
    "geocode_csv",
    "list_streets",
    "open_index",
    "open_reference",
    "read_corrections",
    "write_check_map",
]
