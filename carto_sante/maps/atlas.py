"""One page per quartier and per QPV: an interactive map, a printed page (PNG, PDF), and an index of them all."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.errors import InputError
from carto_sante.files import whole_folder
from carto_sante.maps import payload as parts
from carto_sante.maps.choropleth import Classes, classify
from carto_sante.maps.city import build_city_map, refocus_map
from carto_sante.maps.index_page import write_index
from carto_sante.maps.labels import (
    SUPPRESSED,
    UNAVAILABLE,
    decimals_for,
    format_date,
    format_number,
    indicator_label,
    level_label,
    places_of_care,
    profession_of,
    unit_label,
    unit_of,
)
from carto_sante.maps.page import save_map
from carto_sante.maps.sites import headcounts_by_zone, with_zone_column
from carto_sante.maps.static import PrintedTerritory, write_printed_page
from carto_sante.maps.zones import zones_of

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

FORMATS = ("html", "png", "pdf")


def write_atlas(
    folder: Path | str,
    *,
    title: str,
    vintage: dt.date | str,
    practitioners: GeoDataFrame,
    territories: GeoDataFrame,
    indicators: pd.DataFrame,
    levels: Sequence[str] = ("quartier", "qpv"),
    indicator: str = "practitioners_per_100k",
    profession: str = "gp",
    hypothesis: str | Sequence[str] | None = None,
    streets: GeoDataFrame | None = None,
    context: GeoDataFrame | None = None,
    formats: Sequence[str] = FORMATS,
    offline: bool = False,
    base_map: str = "plan_ign",
    credits: Sequence[str] = (),
    on_page: Callable[[str], None] | None = None,
    **city: Any,
) -> list[Path]:
    """Write an atlas: ``index.html`` and, for each zone, an HTML page, a PNG and a PDF.

    Parameters
    ----------
    folder : path
        Written whole or not at all; what it held is replaced.
    title, vintage, practitioners, territories, indicators, indicator, profession, hypothesis, base_map, credits
        As `carto_sante.maps.build_city_map`.
    levels : sequence of str, default ("quartier", "qpv")
        Levels with one page per zone; the first is the level of the choropleth. Those without zones are skipped.
    streets : GeoDataFrame, optional
        Lines drawn on printed pages, searched in interactive ones.
    context : GeoDataFrame, optional
        Main streets, railways and water, as `build_city_map`; printed pages draw them too.
    formats : sequence of str, default ("html", "png", "pdf")
        What is written for each zone.
    offline : bool, default False
        Put every script and style inside each HTML page.
    on_page : callable, optional
        Called with the name of each zone once it is written.
    **city
        Other parameters of `build_city_map` (isochrones, facilities...).

    Returns
    -------
    list of Path
        Files written, the index first.

    Raises
    ------
    InputError
        If a format is not known, or matplotlib is needed and absent.
    UnknownNameError
        If the first level has no zone.
    OutputError
        If the folder cannot be written; what was there is intact.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(f"formats is {list(formats)!r}.", expected="one or more of html, png, pdf")
    level = levels[0]
    zones_of(territories, level=level)
    present = [name for name in levels if (territories["territory_level"] == name).any()]
    located = practitioners
    for name in present:
        located = with_zone_column(located, territories, level=name)
    common: dict[str, Any] = {"practitioners": located, "territories": territories, "indicators": indicators,
                              "indicator": indicator, "profession": profession, "hypothesis": hypothesis}  # fmt: skip
    lines: dict[str, Any] = {"streets": _in_metres(streets, territories), "context": _in_metres(context, territories)}
    places: dict[str, Any] = {"facilities": city.get("facilities"), "labels": city.get("indicator_labels")}
    printed = _Printer(title=title, vintage=vintage, credits=credits, level=level, **lines, **places, **common)
    qpv_level = next((item for item in present if item != level), "qpv")
    whole = build_city_map(
        title=title, vintage=vintage, streets=streets, context=context, level=level, qpv_level=qpv_level,
        base_map=base_map, credits=credits, **common, **city,
    ) if "html" in formats else None  # fmt: skip
    entries = []
    with whole_folder(folder) as part:
        for name in present:
            zones = zones_of(territories, level=name)
            for number, code in enumerate(zones["territory_id"]):
                label = _label(zones, number)
                stem = page_stem(name, str(code), label)
                if whole is not None:
                    links = [[kind.upper(), f"{stem}.{kind}"] for kind in ("pdf", "png") if kind in formats]
                    page = refocus_map(
                        whole, title=label, subtitle=title, focus_id=str(code), territories=territories,
                        level=level, qpv_level=qpv_level, links=[["Toutes les cartes", "index.html"], *links],
                    )  # fmt: skip
                    save_map(page, part / f"{stem}.html", offline=offline)
                paper = [part / f"{stem}.{kind}" for kind in ("png", "pdf") if kind in formats]
                if paper:
                    write_printed_page(printed.page(name, number), paper)
                entries.append(printed.entry(name, number, stem))
                if on_page:
                    on_page(label)
        column = f"{profession_of(profession).plural}, {unit_of(printed.unit, profession)}"
        words: dict[str, Any] = {"title": title, "vintage": vintage, "credits": credits}
        write_index(part / "index.html", entries=entries, formats=formats, column=column, **words)
        names = sorted(path.name for path in part.iterdir() if path.name != "index.html")
    return [Path(folder) / name for name in ["index.html", *names]]


def page_stem(level: str, code: str, label: str) -> str:
    """Return the name of the files of a zone, in plain ASCII.

    Examples
    --------
    >>> page_stem("quartier", "Q05", "Thabor – Saint-Hélier")
    'quartier-q05-thabor-saint-helier'
    """
    plain = unicodedata.normalize("NFKD", f"{level}-{code}-{label}").encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80]


class _Printer:
    """Tables and classes shared by the printed pages of an atlas."""

    def __init__(
        self, *, title: str, vintage: Any, practitioners: Any, territories: Any, indicators: Any, indicator: str,
        profession: str, level: str, streets: Any, credits: Sequence[str],
        context: Any = None, facilities: Any = None, labels: Mapping[str, str] | None = None,
        hypothesis: str | Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        self.title, self.vintage, self.credits, self.streets = title, vintage, credits, streets
        self.context, self.labels = context, dict(labels or {})
        self.territories, self.level = territories, level
        self.indicator, self.profession = indicator, profession
        placed = practitioners.geometry.notna() & ~practitioners.geometry.is_empty
        self.people = practitioners[placed]
        self.keys = parts.shown_professions(practitioners, None, first=profession)
        self.places = self._places(facilities)
        self.kinds = [] if self.places is None else sorted(set(self.places["profession"]))
        self.drawn = self._drawn()
        preferred = parts.preferred_hypotheses(indicators, hypothesis)
        latest = indicators.assign(_main=indicators["hypothesis"].isin(preferred))
        latest = latest.sort_values(["_main", "data_year"], kind="stable")
        keys = ["territory_level", "territory_id", "indicator", "profession"]
        latest = latest.drop_duplicates(keys, keep="last")
        # A dictionary: a page looks up some forty values, one by one.
        self.values: dict[tuple[str, ...], Mapping[str, Any]] = {
            tuple(str(row[key]) for key in keys): row for row in latest.to_dict("records")
        }
        units = indicators.loc[indicators["indicator"] == indicator, "unit"].dropna()
        self.unit = str(units.iloc[0]) if len(units) else ""
        known = indicators.loc[indicators["indicator"] == indicator, "indicator_value"].dropna()
        self.digits, self.is_whole = decimals_for(known), bool((known == known.round()).all())
        self.reference = self._reference_zone()
        self.background = zones_of(territories, level=level)
        self.classes = self._classes()

    def page(self, level: str, number: int) -> PrintedTerritory:
        """Return the printed page of a zone."""
        zones = zones_of(self.territories, level=level)
        code, label = str(zones["territory_id"].iloc[number]), _label(zones, number)
        qpv = self.territories[~self.territories["territory_level"].isin([self.level])]
        qpv = qpv[qpv["territory_level"] == "qpv"]
        background = self.background.assign(
            territory_label=self.background["territory_label"].fillna(self.background["territory_id"])
        )
        name = level_label(level)
        return PrintedTerritory(
            title=label,
            subtitle=f"{name[0].upper()}{name[1:]} {code} – {self.title}",
            zone=zones.iloc[[number]],
            zones=background,
            classes=self.classes,
            indicator_label=profession_of(self.profession).plural,
            unit=unit_of(self.unit, self.profession) or indicator_label(self.indicator),
            people=self.drawn,
            is_inside=self.drawn["is_inside"],
            qpv=qpv,
            context=self.context,
            streets=self.streets,
            header=self._header(),
            rows=self._rows(level, code),
            facts=self._facts(level, code),
            credits=self.credits,
            date_label=f"Données au {format_date(self.vintage)}",
        )

    def entry(self, level: str, number: int, stem: str) -> dict[str, str]:
        """Return the line of a zone in the index."""
        zones = zones_of(self.territories, level=level)
        code = str(zones["territory_id"].iloc[number])
        counts = self._counts(level, code)
        keys = [*self.keys, *self.kinds]
        shown = keys.index(self.profession) if self.profession in keys else None
        count = format_number(counts[shown]) if shown is not None and counts else UNAVAILABLE
        value = self._value(level, code, self.profession)[0]
        return {
            "stem": stem,
            "level": level_label(level, plural=True),
            "noun": level_label(level),
            "label": _label(zones, number),
            "code": code,
            "count": "–" if value == SUPPRESSED else count,
            "value": value,
        }

    def _places(self, facilities: Any) -> Any:
        """Return the places of care drawn and counted as professions are: where the atlas is about them."""
        if facilities is None or not len(facilities) or "facility_kind" not in facilities.columns:
            return None
        chosen = facilities[facilities.geometry.notna() & ~facilities.geometry.is_empty]
        if self.profession in places_of_care():
            chosen = chosen[chosen["facility_kind"] == self.profession]
        elif len(self.people):
            return None
        is_inside = chosen["is_in_study"].astype(bool) if "is_in_study" in chosen.columns else True
        return chosen[["geometry"]].assign(profession=chosen["facility_kind"].astype(str), is_inside=is_inside)

    def _drawn(self) -> Any:
        import pandas as pd

        people = self.people[self.people["profession"].isin(self.keys)]
        people = people[["profession", "geometry"]].assign(is_inside=people[f"{self.level}_id"].notna())
        if self.places is None or self.places.empty:
            return people
        places = self.places.to_crs(people.crs)
        return pd.concat([people, places], ignore_index=True) if len(people) else places

    def _classes(self) -> Classes | None:
        ids = self.background["territory_id"].tolist()
        rows = [self._row(self.level, code, self.indicator, self.profession) for code in ids]
        if all(row is None for row in rows):
            return None
        values = [np.nan if row is None or row["indicator_value"] != row["indicator_value"] else row["indicator_value"]
                  for row in rows]  # fmt: skip
        return classify(values, status=["missing" if row is None else str(row["status"]) for row in rows])

    def _row(self, level: str, code: str, indicator: str, profession: str) -> Mapping[str, Any] | None:
        return self.values.get((level, code, indicator, profession))

    def _value(self, level: str, code: str, profession: str) -> tuple[str, str]:
        row = self._row(level, code, self.indicator, profession)
        if row is None or row["status"] == "missing" or row["indicator_value"] is None:
            return UNAVAILABLE, ""
        if row["status"] == "suppressed":
            return SUPPRESSED, ""
        numbers = [float(row[name]) if row[name] == row[name] and row[name] is not None else None
                   for name in ("indicator_value", "lower", "upper")]  # fmt: skip
        digits = self.digits if self.digits or (numbers[0] or 0.0) >= 100 else int(not self.is_whole)
        value, low, high = (format_number(number, decimals=digits) for number in numbers)
        return value, f"{low} à {high}" if None not in numbers[1:] else ""

    def _counts(self, level: str, code: str) -> list[int]:
        table = headcounts_by_zone(self.people, zone_ids=[code], level=level, professions=self.keys)
        counts = table[0] if table else []
        rows = [self._row(level, code, "practitioner_count", kind) for kind in self.kinds]
        return [*counts, *(0 if row is None or row["status"] != "ok" else int(row["indicator_value"]) for row in rows)]

    def _header(self) -> list[str]:
        per = unit_label(self.unit).replace("praticiens pour", "pour")
        header = [
            "Profession" if self.keys else "Lieu de soins",
            "Praticiens" if self.keys and not self.kinds else "Nombre",
            per.replace("pour ", "pour\n").replace(" hab.", "\nhab.") or "Valeur",
            "Intervalle\nà 95 %",
        ]
        return [*header, "Ensemble"] if self.reference else header

    def _rows(self, level: str, code: str) -> list[list[str]]:
        counts = self._counts(level, code)
        rows = []
        for number, key in enumerate([*self.keys, *self.kinds]):
            value, interval = self._value(level, code, key)
            count = "–" if value == SUPPRESSED else format_number(counts[number]) if counts else "–"
            short = {UNAVAILABLE: "n. d.", SUPPRESSED: "secret"}.get(value, value)
            row = [key, count, short, interval or "–"]
            rows.append([*row, self._value(*self.reference, key)[0]] if self.reference else row)
        return rows

    def _facts(self, level: str, code: str) -> list[tuple[str, str]]:
        facts = []
        for name in ("population_count", "deprivation", "median_income"):
            row = self._row(level, code, name, parts.ALL_PROFESSIONS)
            if row is not None and row["status"] == "ok":
                value = float(row["indicator_value"])
                unit = "" if name == "population_count" else str(row["unit"] or "")
                words = f"{format_number(value, decimals=decimals_for([value]))} {unit}".strip()
                facts.append((self.labels.get(name) or indicator_label(name), words))
        return facts

    def _reference_zone(self) -> tuple[str, str] | None:
        counts = self.territories["territory_level"].value_counts()
        known = {key[0] for key in self.values}
        for level in sorted(set(counts.index[counts == 1]) & known - {self.level, "qpv"}):
            return level, str(zones_of(self.territories, level=level)["territory_id"].iloc[0])
        return None


def _in_metres(streets: Any, territories: Any) -> Any:
    return None if streets is None else streets.to_crs(territories.crs)


def _label(zones: Any, number: int) -> str:
    label = zones["territory_label"].iloc[number]
    return str(label) if isinstance(label, str) and label else str(zones["territory_id"].iloc[number])
