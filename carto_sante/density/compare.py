"""Whether a zone differs from the rest of the city, or chance explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from carto_sante.density.compute import suffix_of
from carto_sante.density.counting import chosen_professions, count_by_zone, place_practitioners, zones_of_level
from carto_sante.density.intervals import CONFIDENCE, benjamini_hochberg, rate_ratio
from carto_sante.population.select import total_population
from carto_sante.schemas import TERRITORIES, check_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geopandas import GeoDataFrame

#: Share of false alarms accepted among the zones called different.
FALSE_DISCOVERY_SHARE = 0.05


def compare_zones(
    practitioners: pd.DataFrame | GeoDataFrame,
    territories: GeoDataFrame,
    population: pd.DataFrame,
    *,
    per_inhabitants: int = 100_000,
    level: str | None = None,
    professions: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """Compare each zone with the rest of its city, by headcount.

    Parameters
    ----------
    practitioners, territories, population, per_inhabitants, level, professions
        As in `compute_density`.
    confidence : float, default 0.95
        Of the interval of the ratio.

    Returns
    -------
    DataFrame
        Per profession and zone: ``territory_id``, ``territory_level``, ``territory_label``, ``profession``,
        ``practitioner_count``, ``population_count``, the rate here (``zone_per_100k``) and in all other zones whose
        population is known (``rest_per_100k``), ``rate_ratio`` with ``ratio_lower`` and ``ratio_upper`` (exact),
        ``p_value``, ``q_value`` (Benjamini–Hochberg over the zones of the profession) and ``verdict``: "above", "below"
        (q < 0.05), "not different", or "unknown" (nobody lives there, population unknown, or nobody practises in the
        city). A practitioner with sites here and elsewhere counts on both sides.

    Raises
    ------
    SchemaError, UnknownNameError, InputError
        As `compute_density`.

    Examples
    --------
    >>> import geopandas, shapely
    >>> zones = geopandas.GeoDataFrame({"territory_id": ["A", "B"], "territory_level": "quartier",
    ...     "territory_label": ["a", "b"], "geography_year": 2024},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs="EPSG:2154")
    >>> doctors = pd.DataFrame({"practitioner_id": list("PQRSTUVWXY"), "site_id": "s", "profession": "gp",
    ...     "capacity": 1.0, "quartier_id": list("ABBBBBBBBB")})
    >>> people = pd.DataFrame({"territory_id": ["A", "B"], "territory_level": "quartier", "age_band": "all",
    ...     "sex": "all", "population_count": [5000.0, 5000.0], "data_year": 2021})
    >>> compare_zones(doctors, zones, people)[["territory_id", "verdict"]].values.tolist()
    [['A', 'below'], ['B', 'above']]
    """
    check_table(territories, TERRITORIES)
    zones, level = zones_of_level(territories, level)
    placed = place_practitioners(practitioners, zones, level=level)
    ids = pd.Index(zones["territory_id"])
    people = total_population(population[population["territory_level"] == level]).reindex(ids)
    suffix = suffix_of(per_inhabitants)
    parts = []
    names = chosen_professions(placed, professions)
    for profession, row in zip(names, count_by_zone(placed, ids, names).heads, strict=True):
        heads = pd.Series(row, index=ids)
        elsewhere, rest_people = _elsewhere(placed, people, profession)
        test = rate_ratio(heads, people, elsewhere, rest_people, confidence=confidence)
        q_value = benjamini_hochberg(test.p_value)
        verdict = np.select(
            [np.isnan(q_value), q_value >= FALSE_DISCOVERY_SHARE, test.ratio > 1],
            ["unknown", "not different", "above"],
            "below",
        )
        table = pd.DataFrame({"practitioner_count": heads, "population_count": people}).assign(
            profession=profession,
            **{f"zone_{suffix}": per_inhabitants * heads / people.where(people > 0)},
            **{f"rest_{suffix}": per_inhabitants * elsewhere / rest_people.where(rest_people > 0)},
            rate_ratio=test.ratio, ratio_lower=test.lower, ratio_upper=test.upper, p_value=test.p_value,
            q_value=q_value, verdict=verdict,
        )  # fmt: skip
        parts.append(table.rename_axis("territory_id").reset_index())
    result = pd.concat(parts, ignore_index=True)
    labels = zones.set_index("territory_id")["territory_label"]
    result.insert(1, "territory_level", level)
    result.insert(2, "territory_label", result["territory_id"].map(labels))
    return result.sort_values(["profession", "territory_id"], ignore_index=True)


def _elsewhere(placed: pd.DataFrame, people: pd.Series, profession: str) -> tuple[pd.Series, pd.Series]:
    """Return distinct practitioners and people in all other zones whose population is known and not zero."""
    known = people.index[people.gt(0)]
    rows = placed[(placed["profession"] == profession) & placed["territory_id"].isin(known)]
    pairs = rows[["practitioner_id", "territory_id"]].drop_duplicates()
    everyone = pairs["practitioner_id"].nunique()
    # Those of one zone only are not found elsewhere; the others are.
    zones_each = pairs.groupby("practitioner_id")["territory_id"].transform("size")
    only_here = pairs[zones_each == 1].groupby("territory_id").size().reindex(people.index, fill_value=0)
    rest_people = people[known].sum() - people.where(people.gt(0), 0.0)
    return everyone - only_here.astype("float64"), rest_people
