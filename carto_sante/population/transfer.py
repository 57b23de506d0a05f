"""People moved between zones: by area, by a finer guide (grid, dwellings), by points; nobody lost or invented.

What a source loses outside every target is reported, never spread unless asked; a target that sources cover in part
is given what falls in that part and the share covered; a target that no source covers is unknown, not empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from carto_sante.crs import require_same_crs
from carto_sante.errors import CheckError, InputError, NoResultError, SchemaError, join_problems
from carto_sante.population.census import ALL
from carto_sante.population.weights import Weights, area_weights, dasymetric_weights, point_weights
from carto_sante.schemas import POPULATION, TERRITORIES, check_table

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

Method = Literal["auto", "area", "dasymetric", "points"]
#: People may differ by this share of the total after additions in floating point; more is a defect.
CONSERVATION_TOLERANCE_SHARE = 1e-9
#: Targets that overlap by more than this share of a source would count its people twice.
OVERLAP_TOLERANCE_SHARE = 1e-6
#: A target holds nothing of a source of which it takes less than this share, itself less than this share of the target.
SLIVER_SHARE = 1e-3


def transfer_population(
    source: GeoDataFrame,
    target: GeoDataFrame,
    *,
    method: Method,
    guide: GeoDataFrame | None = None,
    outside: Literal["report", "spread"] = "report",
) -> pd.DataFrame:
    """Move people from zones, cells or points to the zones of another level.

    Parameters
    ----------
    source : GeoDataFrame
        People with a geometry in a metric CRS: points or grid (`read_population`), or zones (`locate_population`), then
        with ``territory_id``, ``age_band`` and ``sex``: each band and sex is moved.
    target : GeoDataFrame
        schemas.TERRITORIES of one level, same CRS, zones that do not overlap.
    method : {"area", "dasymetric", "points", "auto"}
        "area": people spread evenly over their zone. "dasymetric": spread in proportion to ``guide``. "points": each
        source stands at its point (of a cell: its centre). "auto": points where the source is points, dasymetric where
        there is a guide, else area.
    guide : GeoDataFrame, optional
        For "dasymetric": cells or points with ``population_count`` or another count named ``weight`` (dwellings).
    outside : {"report", "spread"}, default "report"
        People of a source whose zone sticks out of every target: reported, or spread over the targets it does touch
        (right where borders of two files differ by a few metres, wrong where targets leave out inhabited places).

    Returns
    -------
    DataFrame
        schemas.POPULATION of the target's level, one row per zone, band and sex, sorted, plus ``covered_share``: area
        of the zone that sources cover (1 for points: they say nothing about the empty land between them).
        ``population_count`` is NA where no source covers the zone, or where one that reaches it is unknown; 0.0 means
        that sources cover it and nobody lives there. ``attrs["report"]``: method, people in ``source_total``,
        ``target_total``, ``outside_total`` and by source ``outside_sources``; sources without guide
        (``sources_by_area``, moved by area); targets not covered, partly covered, unknown.

    Raises
    ------
    CRSError
        If a CRS is missing, in degrees, or the two differ.
    SchemaError
        If tables lack columns or hold negative counts.
    InputError
        If targets overlap (people would count twice), or the method lacks what it needs.
    CheckError
        If people were lost or invented on the way: a defect.

    Examples
    --------
    >>> import geopandas, shapely
    >>> source = geopandas.GeoDataFrame({"territory_id": ["s"], "population_count": [100.0], "data_year": 2020},
    ...     geometry=[shapely.box(0, 0, 4, 1)], crs="EPSG:2154")
    >>> target = geopandas.GeoDataFrame({"territory_id": ["a", "b"], "territory_level": "quartier",
    ...     "territory_label": None, "geography_year": 2020},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 3, 1)], crs="EPSG:2154")
    >>> moved = transfer_population(source, target, method="area")
    >>> moved["population_count"].tolist(), moved.attrs["report"]["outside_total"]
    ([25.0, 50.0], 25.0)
    """
    require_same_crs(source, target, names=("source", "target"))
    check_table(target, TERRITORIES)
    if target["territory_level"].nunique() != 1:
        raise InputError(
            f"The target holds levels {sorted(target['territory_level'].unique())}.", expected="zones of one level"
        )
    if outside not in {"report", "spread"}:
        raise InputError(f"outside is {outside!r}.", expected="'report' or 'spread'")
    zones = target.sort_values("territory_id", ignore_index=True)
    names, shapes, people, year = _people(source)
    chosen = _chosen_method(method, shapes, guide)
    weights = _weights(chosen, shapes, zones, guide)
    _refuse_overlap(weights, zones, names)
    matrix, outside_share = _normalised(weights, spread=outside == "spread")
    reaches = _reaches(matrix, shapes, zones)
    return _result(zones, names, people, year, weights, (matrix, reaches), outside_share, method=chosen)


def _reaches(matrix: Any, shapes: np.ndarray, zones: GeoDataFrame) -> Any:
    """Say which sources reach which targets by more than a sliver, so that an unknown one makes the target unknown."""
    import shapely

    pairs = matrix.tocoo()
    size = shapely.area(zones.geometry.values)[pairs.col]
    of_target = pairs.data * shapely.area(shapes)[pairs.row] / np.where(size > 0, size, 1.0)
    pairs.data = ((pairs.data > SLIVER_SHARE) | (of_target > SLIVER_SHARE)).astype("float64")
    return pairs.tocsr()


def _people(source: GeoDataFrame) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, int]:
    """Return unit names, their shapes, and a table unit × (band, sex) of people."""
    problems = [f"column {name} is missing" for name in ("population_count", "data_year") if name not in source.columns]
    if problems:
        found = ", ".join(map(str, source.columns))
        raise SchemaError("The source cannot be moved:\n" + join_problems([*problems, f"found: {found}"]))
    counts = pd.to_numeric(source["population_count"], errors="coerce").astype("float64")
    unreadable = counts.isna() & source["population_count"].notna()
    if (counts < 0).any() or np.isinf(counts).any() or unreadable.any():
        bad = source.index[(counts < 0) | np.isinf(counts) | unreadable]
        raise SchemaError("The source has counts that are none:\n" + join_problems(f"row {label}" for label in bad))
    years = source["data_year"].dropna().unique()
    if len(years) != 1:
        raise InputError(f"The source mixes data of {sorted(years)}.", expected="people of one year")
    shapes = np.asarray(source.geometry.values, dtype=object)
    if not {"age_band", "sex"} <= set(source.columns):
        names = source["territory_id"] if "territory_id" in source.columns else source.index.to_series()
        columns = pd.MultiIndex.from_tuples([(ALL, ALL)], names=["age_band", "sex"])
        table = pd.DataFrame(counts.to_numpy()[:, None], columns=columns)
        return names.astype(str).to_numpy(), shapes, table, int(years[0])
    repeated = source.duplicated(["territory_id", "age_band", "sex"])
    if repeated.any():
        raise SchemaError(f"The source repeats {int(repeated.sum())} rows of one zone, band and sex.")
    long = pd.DataFrame({"unit": source["territory_id"].astype(str), "people": counts})
    long[["age_band", "sex"]] = source[["age_band", "sex"]]
    table = long.pivot(index="unit", columns=["age_band", "sex"], values="people").sort_index(axis=1)
    first = pd.Series(shapes, index=long["unit"].to_numpy())
    first = first[~first.index.duplicated()]
    return table.index.to_numpy(dtype=object), first.loc[table.index].to_numpy(), table, int(years[0])


def _chosen_method(method: str, shapes: np.ndarray, guide: GeoDataFrame | None) -> str:
    import shapely

    if method not in {"auto", "area", "dasymetric", "points"}:
        raise InputError(f"Method {method!r} is unknown.", expected="area, dasymetric, points or auto")
    if len(shapes) == 0:
        raise NoResultError("The source is empty.")
    dimension = shapely.get_dimensions(shapes)
    if (shapely.is_missing(shapes) | shapely.is_empty(shapes)).any():
        raise SchemaError(
            "Some sources have no geometry.", next_step="Locate them (locate_population) or leave them out."
        )
    if method == "auto":
        method = "points" if (dimension == 0).all() else "dasymetric" if guide is not None else "area"
    if method in {"area", "dasymetric"} and (dimension != 2).any():
        raise InputError(f"Method {method!r} needs polygons, the source holds points.", expected="method='points'")
    if method == "dasymetric" and guide is None:
        raise InputError("Method 'dasymetric' needs a guide.", expected="guide = a grid or dwellings")
    return method


def _weights(method: str, shapes: np.ndarray, zones: GeoDataFrame, guide: GeoDataFrame | None) -> Weights:
    targets = np.asarray(zones.geometry.values, dtype=object)
    if method == "points":
        return point_weights(shapes, targets)
    if method == "area" or guide is None:
        return area_weights(shapes, targets)
    require_same_crs(guide, zones, names=("guide", "target"))
    column = "weight" if "weight" in guide.columns else "population_count"
    if column not in guide.columns:
        raise SchemaError("The guide has neither a column weight nor population_count.")
    values = guide[column].astype("float64").fillna(0.0).to_numpy()
    if (values < 0).any():
        raise SchemaError(f"The guide has {int((values < 0).sum())} negative weights.")
    return dasymetric_weights(shapes, targets, np.asarray(guide.geometry.values, dtype=object), values)


def _refuse_overlap(weights: Weights, zones: GeoDataFrame, names: np.ndarray) -> None:
    total = np.asarray(weights.matrix.sum(axis=1)).ravel()
    twice = np.flatnonzero(total > 1 + OVERLAP_TOLERANCE_SHARE)
    if len(twice):
        ids = zones["territory_id"].to_numpy()
        lines = [
            f"source {names[row]} would count {total[row]:.4f} times (targets "
            + ", ".join(map(str, ids[weights.matrix[[row]].indices])) + ")"
            for row in twice
        ]  # fmt: skip
        raise InputError(
            "Target zones overlap, so people would count twice:\n" + join_problems(lines, most=10),
            expected="zones of one level that do not overlap",
            next_step="See territories.check_topology; move people to overlapping zones one zone at a time.",
        )


def _normalised(weights: Weights, *, spread: bool) -> tuple[Any, np.ndarray]:
    from scipy import sparse

    total = np.asarray(weights.matrix.sum(axis=1)).ravel()
    # Areas add up to the whole within rounding: such sources are wholly inside, and lose nobody.
    whole = np.abs(total - 1) <= OVERLAP_TOLERANCE_SHARE
    rescaled = (total > 0) if spread else whole
    factor = np.where(rescaled, 1.0 / np.where(total > 0, total, 1.0), 1.0)
    matrix = sparse.diags(factor) @ weights.matrix
    outside = np.where(rescaled, 0.0, 1.0 - total)
    return matrix.tocsr(), np.clip(outside, 0.0, 1.0)


def _result(
    zones: GeoDataFrame, names: np.ndarray, people: pd.DataFrame, year: int, weights: Weights,
    matrices: tuple[Any, Any], outside_share: np.ndarray, *, method: str,
) -> pd.DataFrame:  # fmt: skip
    matrix, reaches = matrices
    values = people.to_numpy(dtype="float64")
    unknown = np.isnan(values)
    moved = matrix.T @ np.where(unknown, 0.0, values)
    reached = (reaches.T @ unknown.astype("float64")) > 0
    covered = weights.covered_share
    moved[reached | (covered <= 0)[:, None]] = np.nan
    lost = np.where(unknown, 0.0, values) * outside_share[:, None]
    # Zones are sorted already: the table is laid out in its final order, zone by zone.
    places = sorted(range(len(people.columns)), key=lambda place: tuple(people.columns[place]))
    bands, sexes = zip(*(people.columns[place] for place in places), strict=True)
    table = pd.DataFrame(
        {
            "territory_id": np.repeat(zones["territory_id"].to_numpy(dtype=object), len(places)),
            "territory_level": zones["territory_level"].iloc[0],
            "age_band": np.tile(np.array(bands, dtype=object), len(zones)),
            "sex": np.tile(np.array(sexes, dtype=object), len(zones)),
            "population_count": moved[:, places].ravel(),
            "data_year": year,
            "covered_share": np.repeat(covered, len(places)),
        }
    )
    check_table(table, POPULATION)
    everybody = list(people.columns).index((ALL, ALL)) if (ALL, ALL) in people.columns else 0
    table.attrs["report"] = _report(zones, names, values, matrix, lost, covered, reached, everybody) | {
        "method": method, "sources_by_area": names[weights.by_area].tolist()
    }  # fmt: skip
    return table


def _report(
    zones: GeoDataFrame, names: np.ndarray, values: np.ndarray, matrix: Any, lost: np.ndarray, covered: np.ndarray,
    reached: np.ndarray, everybody: int,
) -> dict[str, Any]:  # fmt: skip
    column = np.nan_to_num(values[:, everybody])
    total, kept, outside = float(column.sum()), float((matrix.T @ column).sum()), float(lost[:, everybody].sum())
    if abs(kept + outside - total) > CONSERVATION_TOLERANCE_SHARE * max(total, 1.0):
        raise CheckError(
            f"{total:.6f} people went in, {kept:.6f} came out and {outside:.6f} fell outside.",
            expected="the same number of people",
            next_step="This is a defect of the transfer: report it with both files.",
        )
    ids = zones["territory_id"].to_numpy(dtype=object)
    losing = np.flatnonzero(lost[:, everybody] > 0)
    return {
        "source_total": total,
        "target_total": kept,
        "outside_total": outside,
        "outside_sources": {str(names[row]): float(lost[row, everybody]) for row in losing},
        "unknown_sources": names[np.isnan(values[:, everybody])].tolist(),
        "targets_not_covered": ids[covered <= 0].tolist(),
        "targets_partly_covered": ids[(covered > 0) & (covered < 1 - 1e-6)].tolist(),
        "targets_unknown": ids[reached[:, everybody]].tolist(),
    }


def locate_population(population: pd.DataFrame, territories: GeoDataFrame) -> GeoDataFrame:
    """Give people by zone the polygons of their zones, ready for `transfer_population`.

    Parameters
    ----------
    population : DataFrame
        schemas.POPULATION of one level.
    territories : GeoDataFrame
        schemas.TERRITORIES of that level, perhaps of a smaller area: people of other zones are left out and counted.

    Returns
    -------
    GeoDataFrame
        The rows of ``population`` whose zone is in ``territories``, with its geometry. ``attrs["report"]``: zones and
        people left out, and zones without people data, which get a row of NA so that they stay unknown.

    Raises
    ------
    SchemaError
        If a table has problems.
    NoResultError
        If no zone is common (codes of another level or geography).

    Examples
    --------
    >>> import geopandas, pandas, shapely
    >>> people = pandas.DataFrame({"territory_id": ["a"], "territory_level": "iris", "age_band": "all", "sex": "all",
    ...     "population_count": [5.0], "data_year": 2020})
    >>> zones = geopandas.GeoDataFrame({"territory_id": ["a", "b"], "territory_level": "iris",
    ...     "territory_label": None, "geography_year": 2020},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs="EPSG:2154")
    >>> locate_population(people, zones)["population_count"].tolist()
    [5.0, nan]
    """
    import geopandas as gpd

    check_table(population, POPULATION)
    check_table(territories, TERRITORIES)
    levels = population["territory_level"].unique()
    if len(levels) != 1:
        raise InputError(f"The people are of levels {sorted(levels)}.", expected="one level")
    zones = territories[territories["territory_level"] == levels[0]]
    known = population["territory_id"].isin(zones["territory_id"])
    if not known.any():
        raise NoResultError(
            f"No code of the people of level {levels[0]!r} is in the territories.",
            expected="the same level and the same geography",
            next_step=f"People: {population['territory_id'].iloc[0]!r}...; see territories.apply_passage.",
        )
    kept = population[known]
    silent = sorted(set(zones["territory_id"]) - set(kept["territory_id"]))
    bands = kept[["age_band", "sex"]].drop_duplicates()
    blank = pd.DataFrame({"territory_id": silent}).merge(bands, how="cross").assign(
        territory_level=levels[0], population_count=float("nan"), data_year=kept["data_year"].iloc[0]
    )  # fmt: skip
    rows = pd.concat([kept, blank], ignore_index=True) if silent else kept
    merged = rows.merge(zones[["territory_id", "geometry"]], on="territory_id", how="left", validate="many_to_one")
    result = gpd.GeoDataFrame(merged, geometry="geometry", crs=territories.crs)
    everybody = population[(population["age_band"] == ALL) & (population["sex"] == ALL) & ~known]
    result.attrs["report"] = {
        "zones_left_out": int(everybody["territory_id"].nunique()),
        "people_left_out": float(everybody["population_count"].sum()),
        "zones_without_people_data": silent,
    }
    return result


def aggregate_population(population: pd.DataFrame, into: pd.Series, *, level: str) -> pd.DataFrame:
    """Add people up by larger zones that the codes name, exactly.

    Parameters
    ----------
    population : DataFrame
        schemas.POPULATION of one level.
    into : Series of str
        Code of the larger zone by ``territory_id`` (`territories.add_territory_parts` tells an IRIS's commune).
    level : str
        Level of the result.

    Returns
    -------
    DataFrame
        schemas.POPULATION; NA where one of the parts is unknown.

    Raises
    ------
    InputError
        Listing the codes that have no larger zone.

    Examples
    --------
    >>> people = pd.DataFrame({"territory_id": ["010040101", "010040102"], "territory_level": "iris",
    ...     "age_band": "all", "sex": "all", "population_count": [5.0, 7.0], "data_year": 2020})
    >>> into = pd.Series({"010040101": "01004", "010040102": "01004"})
    >>> aggregate_population(people, into, level="commune")["population_count"].tolist()
    [12.0]
    """
    check_table(population, POPULATION)
    codes = population["territory_id"].map(into)
    if codes.isna().any():
        missing = population.loc[codes.isna(), "territory_id"].unique()
        raise InputError("Some zones have no larger one:\n" + join_problems(missing))
    keys = ["territory_id", "territory_level", "age_band", "sex", "data_year"]
    table = population.assign(territory_id=codes.astype(str), territory_level=level)
    summed = table.groupby(keys, as_index=False, sort=True)["population_count"].agg(
        lambda values: values.sum(skipna=False)
    )
    result = summed[list(POPULATION.columns)]
    check_table(result, POPULATION)
    return result


def approximation_ratio(estimated: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Compare people moved to zones with the figures published for them.

    Parameters
    ----------
    estimated, published : DataFrame
        schemas.POPULATION of one level; everybody is compared.

    Returns
    -------
    DataFrame
        ``territory_id``, ``estimated_count``, ``published_count``, ``approximation_ratio`` (estimated / published; NA
        where one is unknown or nobody is published), for every zone of either table. ``attrs["report"]``: zones
        compared, the ratio of their totals and the extreme ratios.

    Raises
    ------
    NoResultError
        If no zone is in both.

    Examples
    --------
    >>> row = {"territory_level": "qpv", "age_band": "all", "sex": "all", "data_year": 2018}
    >>> moved = pd.DataFrame([{"territory_id": "q", "population_count": 12216.0, **row}])
    >>> told = pd.DataFrame([{"territory_id": "q", "population_count": 11281.0, **row}])
    >>> round(float(approximation_ratio(moved, told)["approximation_ratio"].iloc[0]), 3)
    1.083
    """
    from carto_sante.population.select import total_population

    left, right = total_population(estimated), total_population(published)
    table = pd.concat({"estimated_count": left, "published_count": right}, axis=1).sort_index()
    ratio = table["estimated_count"] / table["published_count"].where(table["published_count"] > 0)
    table = table.assign(approximation_ratio=ratio).rename_axis("territory_id").reset_index()
    both = table.dropna(subset=["approximation_ratio"])
    if both.empty:
        raise NoResultError("No zone has both an estimated and a published population.")
    table.attrs["report"] = {
        "zones_compared": len(both),
        "total_ratio": float(both["estimated_count"].sum() / both["published_count"].sum()),
        "lowest_ratio": float(both["approximation_ratio"].min()),
        "highest_ratio": float(both["approximation_ratio"].max()),
    }
    return table
