"""Kinds of places of care, from the categories of FINESS and the equipment of the BPE.

The catalogue is data: ``data/facilities.csv``. FINESS categories: 603 maison de santé (article L. 6223-3 of the Code de
la santé publique), 124 centre de santé, 620 pharmacie d'officine (nomenclature FINESS); BPE: list of TYPEQU.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from carto_sante.errors import UnknownNameError, suggest

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame


@cache
def _catalogue() -> pd.DataFrame:
    import pandas as pd

    with resources.files("carto_sante").joinpath("registries/data/facilities.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream, dtype=str, keep_default_na=False).set_index("facility_kind")


def load_facility_kinds() -> pd.DataFrame:
    """Return the catalogue, by ``facility_kind``.

    Returns
    -------
    DataFrame
        ``facility_label``, ``facility_label_plural`` (French), ``finess_categories``, ``bpe_codes``, ``bpe_labels``
        (separated by spaces).

    Examples
    --------
    >>> load_facility_kinds().loc["msp", "finess_categories"]
    '603'
    """
    return _catalogue().copy()


def find_facilities(facilities: GeoDataFrame, *, kinds: tuple[str, ...]) -> GeoDataFrame:
    """Return the places of some kinds, with their kind.

    Parameters
    ----------
    facilities : GeoDataFrame
        As `carto_sante.schemas.FACILITIES`, or the equipment of the BPE: ``category_code`` holds a FINESS category or a
        TYPEQU, ``category_label`` a label where the file has no codes.
    kinds : tuple of str
        Keys of the catalogue.

    Returns
    -------
    GeoDataFrame
        The rows of these kinds, with ``facility_kind``; each facility once.

    Raises
    ------
    UnknownNameError
        If a kind is not in the catalogue.
    """
    catalogue = _catalogue()
    for kind in kinds:
        if kind not in catalogue.index:
            raise UnknownNameError(f"Unknown kind of facility {kind!r}.", next_step=suggest(kind, catalogue.index))
    codes: dict[str, str] = {}
    labels: dict[str, str] = {}
    for kind in kinds:
        row = catalogue.loc[kind]
        codes |= dict.fromkeys(row["finess_categories"].split() + row["bpe_codes"].split(), kind)
        labels |= dict.fromkeys(row["bpe_labels"].split(), kind)
    found = facilities["category_code"].map(codes)
    found = found.where(found.notna(), facilities["category_label"].map(labels))
    chosen = facilities.loc[found.notna()].assign(facility_kind=found.dropna())
    return chosen.drop_duplicates("facility_id")
