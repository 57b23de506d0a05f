"""Practitioners gathered by place: one marker by place, with everyone who practises there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.crs import GEOGRAPHIC_CRS, require_crs
from carto_sante.maps.labels import PRECISION_LABELS

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

POINT_DECIMALS = 6
"""Of a degree: places closer than about 10 cm are one marker."""


class Texts:
    """A list of texts where each is written once; its index stands for it."""

    def __init__(self) -> None:
        self.items: list[str] = [""]
        self._index = {"": 0}

    def add(self, text: str) -> int:
        """Return the index of a text, added when new."""
        if text not in self._index:
            self._index[text] = len(self.items)
            self.items.append(text)
        return self._index[text]


@dataclass(frozen=True)
class Sites:
    """Places and people of the map, as the page needs them.

    Attributes
    ----------
    places : list of [longitude, latitude, zone, site label, address, precision]
        ``zone`` is the index of the zone, -1 outside the studied territory; the last three are indices of texts.
    people : list of [place, profession, name, convention sector, practice mode, activity sector]
        ``profession`` is an index of the professions shown; the last three are indices of texts.
    texts : list of str
        Texts shared by both.
    inside_counts : dict of str to int
        Practitioners (not sites) by profession in the studied territory.
    outside_counts : dict of str to int
        The same around it.
    not_located_count : int
        Practitioners of the studied territory that could not be placed.
    """

    places: list[list[Any]]
    people: list[list[Any]]
    texts: list[str]
    inside_counts: dict[str, int]
    outside_counts: dict[str, int]
    not_located_count: int


def gather_sites(
    practitioners: GeoDataFrame, *, zone_ids: Sequence[str], level: str, professions: Sequence[str]
) -> Sites:
    """Gather practitioners by place.

    Parameters
    ----------
    practitioners : GeoDataFrame
        One row per practitioner × site, in metres, with the column ``<level>_id``: NA outside the territory.
    zone_ids : sequence of str
        Codes of the zones, in the order of the page.
    level : str
        Level of the zones.
    professions : sequence of str
        Professions shown, in order.

    Raises
    ------
    CRSError
        If the table has no CRS or is not in metres.
    """
    require_crs(practitioners, name="practitioners")
    shown = practitioners[practitioners["profession"].isin(list(professions))]
    is_placed = shown.geometry.notna() & ~shown.geometry.is_empty
    placed = _sorted(shown[is_placed], professions)
    texts = Texts()
    places, place_of = _places(placed, texts, zone_ids=zone_ids, level=level)
    is_inside = placed[f"{level}_id"].isin(list(zone_ids)).to_numpy()
    return Sites(
        places=places,
        people=_people(placed, place_of, texts),
        texts=texts.items,
        inside_counts=_headcounts(placed[is_inside], professions),
        outside_counts=_headcounts(placed[~is_inside], professions),
        not_located_count=_not_located(shown[~is_placed], placed[is_inside]),
    )


def headcounts_by_zone(
    practitioners: GeoDataFrame, *, zone_ids: Sequence[str], level: str, professions: Sequence[str]
) -> list[list[int]]:
    """Return practitioners by zone and profession: one row per zone, one column per profession."""
    column = f"{level}_id"
    if column not in practitioners.columns:
        return []
    unique = practitioners[[column, "profession", "practitioner_id"]].dropna().drop_duplicates()
    table = unique.groupby([column, "profession"], observed=True).size().unstack(fill_value=0)
    table = table.reindex(index=list(zone_ids), columns=list(professions), fill_value=0)
    return [[int(number) for number in row] for row in table.to_numpy()]


def with_zone_column(practitioners: GeoDataFrame, territories: GeoDataFrame, *, level: str) -> GeoDataFrame:
    """Return practitioners with their zone of one level in ``<level>_id``, joined by place where it is absent.

    A point on a border goes to the zone whose code comes first; a point outside every zone has NA.
    """
    import geopandas

    column = f"{level}_id"
    if column in practitioners.columns:
        return practitioners
    zones = territories.loc[territories["territory_level"] == level, ["territory_id", "geometry"]]
    zones = (
        zones.sort_values("territory_id")
        .rename(columns={"territory_id": column})
        .to_crs(require_crs(practitioners, name="practitioners"))
    )
    numbered = practitioners.reset_index(drop=True)
    joined = geopandas.sjoin(numbered[["geometry"]], zones, how="left", predicate="intersects")
    joined = joined[~joined.index.duplicated()].sort_index()
    result: GeoDataFrame = numbered.assign(**{column: joined[column]}).set_axis(practitioners.index)
    return result


def _sorted(placed: GeoDataFrame, professions: Sequence[str]) -> GeoDataFrame:
    order = {key: number for number, key in enumerate(professions)}
    degrees: Any = placed.geometry.to_crs(GEOGRAPHIC_CRS)
    columns = placed.assign(
        _x=np.round(degrees.x.to_numpy(), POINT_DECIMALS),
        _y=np.round(degrees.y.to_numpy(), POINT_DECIMALS),
        _profession=placed["profession"].map(order).astype(int),
        _name=_texts_of(placed, "practitioner_label"),
    )
    keys = ["_x", "_y", "_profession", "_name", "practitioner_id", "site_id"]
    result: GeoDataFrame = columns.sort_values(keys, kind="stable").reset_index(drop=True)
    return result


def _places(placed: GeoDataFrame, texts: Texts, *, zone_ids: Sequence[str], level: str) -> tuple[list[list[Any]], Any]:
    zone_index = {code: number for number, code in enumerate(zone_ids)}
    coordinates = placed[["_x", "_y"]].to_numpy(dtype=np.float64)
    if not len(coordinates):
        return [], np.zeros(0, dtype=int)
    is_new = np.r_[True, (coordinates[1:] != coordinates[:-1]).any(axis=1)]
    place_of = np.cumsum(is_new) - 1
    site_names = _joined_by_place(_texts_of(placed, "site_label"), place_of)
    addresses = _joined_by_place(_addresses(placed), place_of)
    precision = _texts_of(placed, "geocode_precision")[is_new]
    zones = placed[f"{level}_id"].to_numpy()[is_new]
    places = []
    for number, (lon, lat) in enumerate(coordinates[is_new].tolist()):
        words = PRECISION_LABELS.get(precision[number], precision[number])
        zone = zone_index.get(zones[number], -1)
        places.append([lon, lat, zone, texts.add(site_names[number]), texts.add(addresses[number]), texts.add(words)])
    return places, place_of


def _people(placed: GeoDataFrame, place_of: Any, texts: Texts) -> list[list[Any]]:
    sector = [f"Secteur {text}" if text.isdigit() else text for text in _texts_of(placed, "convention_sector")]
    columns = (sector, _texts_of(placed, "practice_mode"), _texts_of(placed, "sector_label"))
    indexed = [[texts.add(str(text)) for text in column] for column in columns]
    return [
        [int(place), int(profession), str(name), *further]
        for place, profession, name, *further in zip(
            place_of, placed["_profession"], placed["_name"], *indexed, strict=True
        )
    ]


def _texts_of(table: pd.DataFrame, column: str) -> Any:
    if column not in table.columns:
        return np.full(len(table), "", dtype=object)
    return table[column].astype(object).where(table[column].notna(), "").astype(str).to_numpy(dtype=object)


def _addresses(placed: GeoDataFrame) -> Any:
    street = _texts_of(placed, "address")
    town = [
        " ".join(part for part in parts if part)
        for parts in zip(_texts_of(placed, "postcode"), _texts_of(placed, "commune_label"), strict=True)
    ]
    return np.array([", ".join(part for part in parts if part) for parts in zip(street, town, strict=True)] or [""],
                    dtype=object)[: len(placed)]  # fmt: skip


def _joined_by_place(values: Any, place_of: Any) -> list[str]:
    """Distinct non-empty values of each place, at most three."""
    groups: list[dict[str, None]] = [{} for _ in range(int(place_of[-1]) + 1)]
    for place, text in zip(place_of.tolist(), values.tolist(), strict=True):
        if text:
            groups[place].setdefault(text)
    return [" · ".join(list(group)[:3]) + (" …" if len(group) > 3 else "") for group in groups]


def _headcounts(rows: GeoDataFrame, professions: Sequence[str]) -> dict[str, int]:
    counts = rows.drop_duplicates(["practitioner_id", "profession"])["profession"].value_counts()
    return {key: int(counts.get(key, 0)) for key in professions}


def _not_located(rows: GeoDataFrame, inside: GeoDataFrame) -> int:
    if "commune_code" in rows.columns:
        rows = rows[rows["commune_code"].isin(inside["commune_code"].dropna().unique())]
    # Someone placed at another of their sites is on the map.
    missing = rows[~rows["practitioner_id"].isin(inside["practitioner_id"])]
    return int(missing.drop_duplicates(["practitioner_id", "profession"]).shape[0])
