"""Two states of a city: before and after with the same classes, and who arrived, left or moved in between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.errors import NoResultError
from carto_sante.maps import payload as parts
from carto_sante.maps.base_maps import base_map_choice, require_base_map
from carto_sante.maps.changes import CHANGE_KINDS, balance_notes, change_records, changes_as_people
from carto_sante.maps.choropleth import MISSING, SUPPRESSED, classes_record, classify, classify_change
from carto_sante.maps.city import build_city_map, finish_map
from carto_sante.maps.labels import format_date, profession_of, professions
from carto_sante.maps.sites import gather_sites, with_zone_column
from carto_sante.maps.zones import level_records
from carto_sante.schemas import INDICATORS, check_table

if TYPE_CHECKING:
    import folium
    import pandas as pd
    from geopandas import GeoDataFrame

BEFORE, AFTER, CHANGE = "before", "after", "change"


def build_before_after_map(
    *,
    title: str,
    before_label: str,
    after_label: str,
    before: pd.DataFrame,
    after: pd.DataFrame,
    class_count: int = 5,
    scheme: str = "fisher_jenks",
    **city: Any,
) -> folium.Map:
    """Draw two states of the same indicators with the same classes, and their difference.

    The two states are two vintages, or the present and a scenario (an MSP that opens). Indicators present in one
    state only are left out.

    Parameters
    ----------
    title : str
        Title of the map.
    before_label, after_label : str
        How the two states are named ("2025", "avec la maison de santé").
    before, after : DataFrame
        Tables of indicators.
    class_count, scheme
        How the classes common to both states are cut.
    **city
        The other parameters of `build_city_map`: ``vintage``, ``practitioners`` and ``territories`` at least.

    Raises
    ------
    NoResultError
        If the two tables have no indicator in common.
    SchemaError, CRSError, UnknownNameError
        As `build_city_map`.
    """
    from carto_sante.maps.element import CityPage

    for table in (before, after):
        check_table(table, INDICATORS, unique_key=False)
    drawn: folium.Map = build_city_map(title=title, indicators=after, class_count=class_count, scheme=scheme, **city)
    page = next(child for child in drawn._children.values() if isinstance(child, CityPage))
    record = page.payload
    levels = [*record["levels"], *([record["qpv"]] if record["qpv"] else [])]
    ids_by_level = {level["key"]: level["ids"] for level in levels}
    options: dict[str, Any] = {"ids_by_level": ids_by_level, "class_count": class_count, "scheme": scheme}
    pairs = _pairs(parts.choropleth_records(before, **options), parts.choropleth_records(after, **options))
    if not pairs:
        raise NoResultError(
            "The two states have no indicator in common.", expected="the same level, indicator and profession in both"
        )
    three = [state for pair in pairs for state in _states(*pair, class_count=class_count, scheme=scheme)]
    wanted = record["choropleths"][record["first"]] if record["first"] >= 0 else three[0]
    same = [number for number, item in enumerate(three) if _key(item) == _key(wanted)]
    page.payload = {
        **record,
        "choropleths": three,
        "bivariate": [],
        "first": same[0] if same else 0,
        "states": [[BEFORE, before_label], [AFTER, after_label], [CHANGE, "Écart"]],
    }
    return drawn


def build_diff_map(
    *,
    title: str,
    before_vintage: dt.date | str,
    after_vintage: dt.date | str,
    changes: GeoDataFrame,
    balance: pd.DataFrame,
    territories: GeoDataFrame,
    level: str = "quartier",
    profession: str = "gp",
    base_map: str = "plan_ign",
    credits: Sequence[str] = (),
) -> folium.Map:
    """Draw who arrived, left or moved between two vintages, over the balance of each zone.

    Parameters
    ----------
    title : str
        Title of the map.
    before_vintage, after_vintage : date or str
        Data dates of the two vintages.
    changes : GeoDataFrame
        One row per change: ``practitioner_id``, ``practitioner_label``, ``profession``, ``change``
        ("arrived", "left", "moved"...), ``from_id``, ``to_id``, ``from_value``, ``to_value``, in metres.
    balance : DataFrame
        By ``territory_id`` (or ``<level>_id``) and ``profession``: ``before_count``, ``arrived_count``,
        ``moved_in_count``, ``left_count``, ``moved_out_count``, ``after_count``.
    territories : GeoDataFrame
        Zones, in metres.
    level, profession, base_map, credits
        As `build_city_map`.

    Raises
    ------
    SchemaError, CRSError, UnknownNameError
        If a table or a name cannot be used.
    """
    require_base_map(base_map)
    zones = level_records(territories, level=level)
    labels = dict(zip(zones["ids"], zones["labels"], strict=True))
    people = with_zone_column(changes_as_people(changes, labels), territories, level=level)
    kinds = [kind for kind in CHANGE_KINDS if kind in set(changes["change"])]
    sites = gather_sites(people, zone_ids=zones["ids"], level=level, professions=kinds)
    notes = balance_notes(balance, level=level)
    zones["headcounts"], zones["notes"] = [], [notes.get(code, []) for code in zones["ids"]]
    choropleths = _balance_records(balance, zones["ids"], level=level)
    keys = [record["profession"] for record in choropleths]
    data = {
        **parts.header_record(title=title, vintage=after_vintage, credits=credits),
        **base_map_choice(base_map, has_context=False),
        "vintage_label": f"Du {format_date(before_vintage)} au {format_date(after_vintage)}",
        "professions": change_records(kinds, inside=sites.inside_counts, outside=sites.outside_counts),
        "further_labels": {key: profession_of(key).plural if key != "all" else "Toutes professions" for key in keys},
        "levels": [zones],
        "qpv": None,
        "reference_level": None,
        "choropleths": choropleths,
        "first": keys.index(profession) if profession in keys else 0 if keys else -1,
        "first_profession": "",
        "bivariate": [],
        "places": sites.places,
        "people": sites.people,
        "texts": sites.texts,
        "not_located_count": sites.not_located_count,
        "isochrones": [],
        "rings": [],
        "facilities": [],
        "streets": [],
        "words": {"people": "Changements", "one": "changement", "many": "changements",
                  "columns": ["Profession", "Avant", "Après"]},
    }  # fmt: skip
    return finish_map(data, territories=territories, level=level, qpv_level="qpv")


def _key(record: Mapping[str, Any]) -> tuple[str, str, str]:
    return (record["level"], record["indicator"], record["profession"])


def _pairs(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Match the records of two states; the hypothesis and the year may differ, the nearest hypothesis wins."""
    earlier: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for record in before:
        earlier.setdefault(_key(record), []).append(record)
    pairs, seen = [], set()
    for record in after:
        candidates = earlier.get(_key(record), [])
        if not candidates or (_key(record), record["hypothesis"]) in seen:
            continue
        seen.add((_key(record), record["hypothesis"]))
        same = [item for item in candidates if item["hypothesis"] == record["hypothesis"]]
        if same or len(candidates) == 1:
            pairs.append(((same or candidates)[-1], record))
    return pairs


def _states(before: dict[str, Any], after: dict[str, Any], *, class_count: int, scheme: str) -> list[dict[str, Any]]:
    first, second = (_values(record) for record in (before, after))
    status = [code for record in (before, after) for code in _statuses(record)]
    both = classify(np.r_[first, second], status=status, class_count=class_count, scheme=scheme)
    size = len(first)
    states = []
    for state, record, span in ((BEFORE, before, slice(0, size)), (AFTER, after, slice(size, None))):
        part = classes_record(both)
        class_of = both.class_of[span]
        part["class_of"] = class_of.tolist()
        part["counts"] = [int((class_of == number).sum()) for number in range(len(both.labels))]
        for name, code in (("zero_count", -1), ("missing_count", MISSING), ("suppressed_count", SUPPRESSED)):
            part[name] = int((class_of == code).sum())
        states.append({**record, **part, "state": state, "hypothesis": after["hypothesis"], "year": after["year"],
                       "data_year": record["year"]})  # fmt: skip
    hidden = ["suppressed" if "suppressed" in pair else "ok" for pair in zip(status[:size], status[size:], strict=True)]
    change = classify_change(second - first, status=hidden, decimals=both.decimals)
    states.append(
        {
            **after,
            **classes_record(change),
            "state": CHANGE,
            "data_year": None,
            "is_signed": True,
            "values": [round(float(value), 4) if np.isfinite(value) else None for value in second - first],
            "lower": [None] * size,
            "upper": [None] * size,
            "n": int(np.isfinite(second - first).sum()),
        }
    )
    return states


def _values(record: Mapping[str, Any]) -> Any:
    return np.array([np.nan if value is None else value for value in record["values"]], dtype=np.float64)


def _statuses(record: Mapping[str, Any]) -> list[str]:
    names = {MISSING: "missing", SUPPRESSED: "suppressed"}
    return [names.get(code, "ok") for code in record["class_of"]]


def _balance_records(balance: pd.DataFrame, ids: Sequence[str], *, level: str) -> list[dict[str, Any]]:
    from carto_sante.maps.changes import zone_column

    column = zone_column(balance, level=level)
    table = balance.assign(change=balance["after_count"] - balance["before_count"])
    wide = table.pivot_table(index=column, columns="profession", values="change", aggfunc="sum", fill_value=0)
    wide = wide.reindex(list(ids), fill_value=0)
    order = {key: number for number, key in enumerate(professions())}
    keys = sorted(wide.columns, key=lambda key: (order.get(key, len(order)), key))
    columns = {key: wide[key].to_numpy(dtype=np.float64) for key in keys}
    if len(keys) > 1:
        columns["all"] = wide.to_numpy(dtype=np.float64).sum(axis=1)
    return [
        {
            "level": level,
            "indicator": "balance",
            "label": "Solde des praticiens",
            "profession": key,
            "year": None,
            "hypothesis": "",
            "unit": "praticiens",
            "values": values.tolist(),
            "lower": [None] * len(ids),
            "upper": [None] * len(ids),
            "n": len(ids),
            "is_signed": True,
            **classes_record(classify_change(values, decimals=0)),
        }
        for key, values in columns.items()
    ]
