"""The map of a city: practitioners by place, indicators by zone, QPV, reach, facilities, search."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from carto_sante.crs import require_crs
from carto_sante.errors import InputError, NoResultError
from carto_sante.maps import payload as parts
from carto_sante.maps.base_maps import base_map_choice, require_base_map
from carto_sante.maps.context import context_records
from carto_sante.maps.sites import gather_sites, headcounts_by_zone, with_zone_column
from carto_sante.maps.zones import isochrone_records, level_records, ring_records, zones_of
from carto_sante.schemas import INDICATORS, PRACTITIONERS, TERRITORIES, check_table

if TYPE_CHECKING:
    import folium
    import pandas as pd
    from geopandas import GeoDataFrame


#: Least width of what is shown around a zone in focus, in metres.
_FOCUS_M = 2_400.0


def build_city_map(
    *,
    title: str,
    vintage: dt.date | str,
    practitioners: GeoDataFrame,
    territories: GeoDataFrame,
    indicators: pd.DataFrame,
    isochrones: GeoDataFrame | None = None,
    facilities: GeoDataFrame | None = None,
    streets: GeoDataFrame | None = None,
    rings: GeoDataFrame | None = None,
    context: GeoDataFrame | None = None,
    level: str = "quartier",
    qpv_level: str = "qpv",
    indicator: str = "practitioners_per_100k",
    profession: str = "gp",
    hypothesis: str | Sequence[str] | None = None,
    professions: Sequence[str] | None = None,
    bivariate_with: str | None = None,
    indicator_labels: Mapping[str, str] | None = None,
    notes: Mapping[str, Sequence[str]] | None = None,
    focus_id: str | None = None,
    links: Sequence[Sequence[str]] = (),
    base_map: str = "plan_ign",
    class_count: int = 5,
    scheme: str = "fisher_jenks",
    credits: Sequence[str] = (),
) -> folium.Map:
    """Draw the map of a city.

    Parameters
    ----------
    title : str
        Title of the map.
    vintage : date or str
        The study's data date, shown in the panel and in the corner.
    practitioners : GeoDataFrame
        Practitioner × site in metres. ``<level>_id`` says the zone, NA around the territory (joined by place where
        the column is absent); ``geocode_precision`` is shown. Rows without a point are counted, not drawn.
    territories : GeoDataFrame
        Zones of every level, in metres. Each level that has indicators can be chosen.
    indicators : DataFrame
        Long table; each (level, indicator, profession, year, hypothesis) is a choropleth. ``profession`` is "all"
        for those that concern none.
    isochrones : GeoDataFrame, optional
        Reach bands in metres, with ``limit_min``.
    facilities, streets : GeoDataFrame, optional
        Facilities drawn as a layer; streets (``street_label`` or ``name``) for the search.
    rings : GeoDataFrame, optional
        Rings around QPV, with ``distance_m`` or ``limit_min``.
    context : GeoDataFrame, optional
        Main streets, railways and water (`carto_sante.network.context.read_context`), in metres: the light base map,
        shown where there are no tiles.
    level, qpv_level : str
        Level shown first, and level of the QPV outlines.
    indicator, profession : str
        What is shown first.
    hypothesis : str or sequence of str, optional
        Which of several denominators is shown first, as written in the table; several where levels differ. By default
        the first of each level in ``indicators.attrs["denominators"]``, when there is one.
    professions : sequence of str, optional
        Professions of the map; by default all those of the table.
    bivariate_with : str, optional
        Indicator crossed with ``indicator`` in three by three classes, such as "deprivation".
    indicator_labels : mapping, optional
        French names of indicators that the package does not know.
    notes : mapping, optional
        Lines added to the popup of a zone, by its code (for instance what changed since the last vintage).
    focus_id : str, optional
        Code of the zone of ``level`` or ``qpv_level`` to zoom on and outline.
    links : sequence of (label, address), optional
        Links shown under the title, to files beside the map.
    base_map : str, default "plan_ign"
        "plan_ign", "osm", "light" or "none"; with a ``context`` the light one takes the place of none.
    class_count : int, default 5
        Classes of choropleths.
    scheme : str, default "fisher_jenks"
        How classes are cut, see `carto_sante.maps.choropleth.classify`.
    credits : sequence of str
        Sources, each with its date.

    Returns
    -------
    folium.Map
        Layers may be added to it; write it with `save_map`.

    Raises
    ------
    SchemaError
        If a table lacks columns or holds what its schema forbids.
    CRSError
        If a table has no CRS or is in degrees.
    UnknownNameError
        If the level, the base map or the scheme is not known.
    NoResultError
        If no indicator matches what must be shown first.

    Examples
    --------
    >>> from tests import toy_city
    >>> from tests.maps_city import toy_indicators
    >>> city = build_city_map(
    ...     title="Ville jouet", vintage="2026-01-01", practitioners=toy_city.practitioners(),
    ...     territories=toy_city.territories(), indicators=toy_indicators())
    >>> type(city).__mro__[1].__name__
    'Map'
    """
    _check(practitioners, territories, indicators)
    require_base_map(base_map)
    shown = parts.shown_professions(practitioners, professions, first=profession)
    levels = _levels(territories, indicators, level=level, qpv_level=qpv_level)
    located, records = _located_by_level(practitioners, territories, levels, shown)
    qpv = _qpv(territories, located, shown, qpv_level=qpv_level, level=level)
    every = [*records, *([qpv] if qpv else [])]
    for record in every:
        record["notes"] = [list((notes or {}).get(code, ())) for code in record["ids"]]
    ids_by_level = {record["key"]: record["ids"] for record in every}
    if reference := _reference_level(territories, indicators, level=level, qpv_level=qpv_level):
        ids_by_level[reference] = zones_of(territories, level=reference)["territory_id"].tolist()
    preferred = parts.preferred_hypotheses(indicators, hypothesis)
    choropleths = parts.choropleth_records(
        indicators,
        ids_by_level=ids_by_level,
        class_count=class_count,
        scheme=scheme,
        labels=indicator_labels,
        preferred=preferred,
    )
    sites = gather_sites(located, zone_ids=records[0]["ids"], level=level, professions=shown)
    light = context_records(context)
    data: dict[str, Any] = {
        **parts.header_record(title=title, vintage=vintage, credits=credits),
        **base_map_choice(base_map, has_context=bool(light)),
        "context": light,
        "professions": parts.profession_records(shown, inside=sites.inside_counts, outside=sites.outside_counts),
        "links": [[str(label), str(address)] for label, address in links],
        "further_labels": parts.further_labels(choropleths, shown),
        "levels": records,
        "qpv": qpv,
        "reference_level": reference,
        "choropleths": choropleths,
        "first": _first(choropleths, level=level, indicator=indicator, profession=profession),
        "first_profession": profession,
        "bivariate": _bivariate(choropleths, level=level, indicator=indicator, second=bivariate_with),
        "places": sites.places,
        "people": sites.people,
        "texts": sites.texts,
        "not_located_count": sites.not_located_count,
        "isochrones": isochrone_records(isochrones) if isochrones is not None and len(isochrones) else [],
        "rings": ring_records(rings) if rings is not None and len(rings) else [],
        "facilities": parts.facility_records(facilities),
        "streets": parts.street_records(streets),
    }
    return finish_map(data, territories=territories, level=level, qpv_level=qpv_level, focus_id=focus_id)


def refocus_map(
    city: folium.Map, *, title: str, subtitle: str, focus_id: str, territories: GeoDataFrame, level: str,
    qpv_level: str = "qpv", links: Sequence[Sequence[str]] = (),
) -> folium.Map:  # fmt: skip
    """Return the same map under another title, zoomed on one zone: an atlas computes its tables once.

    Raises
    ------
    NoResultError
        If no zone of ``level`` or ``qpv_level`` has the code.
    """
    from carto_sante.maps.element import CityPage

    page = next(child for child in city._children.values() if isinstance(child, CityPage))
    data = {**page.payload, "title": title, "subtitle": subtitle, "links": [list(link) for link in links]}
    return finish_map(data, territories=territories, level=level, qpv_level=qpv_level, focus_id=focus_id)


def finish_map(
    data: dict[str, Any], *, territories: GeoDataFrame, level: str, qpv_level: str, focus_id: str | None = None
) -> folium.Map:
    """Return the Folium map of a payload, zoomed on the zones of a level or on one of them."""
    from html import escape

    from carto_sante.maps.deterministic import set_stable_ids
    from carto_sante.maps.element import CityPage, SlimMap

    zones = zones_of(territories, level=level)
    bounds = parts.bounds_of(zones.geometry)
    focus = None
    if focus_id is not None:
        focus = _focus(territories, focus_id, levels=(level, qpv_level))
        bounds = focus["bounds"]
    middle = [(bounds[0][axis] + bounds[1][axis]) / 2 for axis in (0, 1)]
    location = [round(value, 5) for value in middle]
    city = SlimMap(location=location, zoom_start=12, zoom_control=False, font_size="14px", maxZoom=19)
    city.get_root().title = escape(" – ".join(filter(None, [data["title"], data.get("subtitle", "")])))
    city.add_child(CityPage({**data, "bounds": bounds, "focus": focus}))
    set_stable_ids(city)
    return city


def _check(practitioners: Any, territories: Any, indicators: Any) -> None:
    check_table(practitioners, PRACTITIONERS, unique_key=False)
    check_table(territories, TERRITORIES)
    check_table(indicators, INDICATORS, unique_key=False)
    for table, name in ((practitioners, "practitioners"), (territories, "territories")):
        if not hasattr(table, "total_bounds"):
            raise InputError(f"{name} has no geometry.", expected="a GeoDataFrame in metres")
        require_crs(table, name=name)


def _located_by_level(
    practitioners: Any, territories: Any, levels: Sequence[str], shown: Sequence[str]
) -> tuple[Any, list[dict[str, Any]]]:
    """Return practitioners with their zone at each level, and the zones of each level with their headcounts."""
    located, records = practitioners, []
    for name in levels:
        located = with_zone_column(located, territories, level=name)
        record = level_records(territories, level=name)
        record["headcounts"] = headcounts_by_zone(located, zone_ids=record["ids"], level=name, professions=shown)
        records.append(record)
    return located, records


def _levels(territories: Any, indicators: Any, *, level: str, qpv_level: str) -> list[str]:
    """Return the level shown first, then the others that have indicators, from the fewest zones to the most."""
    counts = territories["territory_level"].value_counts()
    with_values = set(indicators["territory_level"].unique()) & set(counts.index) - {level, qpv_level}
    # One zone makes no map: its values are the reference in the popups of the others.
    others = sorted((name for name in with_values if counts[name] > 1), key=lambda name: (int(counts[name]), name))
    return [level, *others]


def _reference_level(territories: Any, indicators: Any, *, level: str, qpv_level: str) -> str | None:
    counts = territories["territory_level"].value_counts()
    names = sorted(set(indicators["territory_level"].unique()) & set(counts.index[counts == 1]) - {level, qpv_level})
    return names[0] if names else None


def _qpv(territories: Any, located: Any, shown: Sequence[str], *, qpv_level: str, level: str) -> dict[str, Any] | None:
    if level == qpv_level or not (territories["territory_level"] == qpv_level).any():
        return None
    record = level_records(territories, level=qpv_level)
    people = with_zone_column(located, territories, level=qpv_level)
    record["headcounts"] = headcounts_by_zone(people, zone_ids=record["ids"], level=qpv_level, professions=shown)
    return record


def _first(choropleths: list[dict[str, Any]], *, level: str, indicator: str, profession: str) -> int:
    """Return the choropleth shown first: the asked one, its latest year and first hypothesis; -1 without any."""
    if not choropleths:
        return -1

    def score(record: dict[str, Any]) -> tuple[bool, bool, bool, bool, int]:
        is_asked = record["indicator"] == indicator
        is_profession = record["profession"] == profession
        return (record["level"] == level, is_asked, is_profession, record["is_main"], record["year"] or 0)

    best = max(range(len(choropleths)), key=lambda number: (score(choropleths[number]), -number))
    if choropleths[best]["level"] != level:
        levels = ", ".join(sorted({record["level"] for record in choropleths}))
        raise NoResultError(
            f"No indicator has level {level!r}.", expected=f"one of {levels}", next_step="Choose another level."
        )
    return best


def _bivariate(
    choropleths: list[dict[str, Any]], *, level: str, indicator: str, second: str | None
) -> list[dict[str, Any]]:
    if second is None:
        return []
    from carto_sante.maps.bivariate import bivariate_records

    return bivariate_records(choropleths, level=level, indicator=indicator, second=second)


def _focus(territories: Any, focus_id: str, *, levels: Sequence[str]) -> dict[str, Any]:
    for level in levels:
        zone = territories[(territories["territory_level"] == level) & (territories["territory_id"] == focus_id)]
        if len(zone):
            left, bottom, right, top = zone.total_bounds
            # A small QPV is shown with what surrounds it.
            around = zone.geometry.buffer(max(0.0, (_FOCUS_M - max(right - left, top - bottom)) / 2))
            return {"level": level, "id": focus_id, "bounds": parts.bounds_of(around)}
    raise NoResultError(f"No zone of level {' or '.join(levels)} has the code {focus_id!r}.")
