"""People read from published files: census by IRIS, points, 200 m grid, QPV, any table by zone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from carto_sante.errors import FileFormatError, InputError, SchemaError, UnknownNameError, join_problems
from carto_sante.files import require_file
from carto_sante.population.census import ALL, BAND_FAMILIES, CensusColumn, census_columns
from carto_sante.population.counts import parse_counts
from carto_sante.population.places import read_grid, read_points
from carto_sante.schemas import POPULATION, check_table
from carto_sante.territories.files import separator_of
from carto_sante.territories.layouts import LEVELS, code_text, find_column, named_column

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

#: Columns of a count of everybody, in order of preference: ANCT's QPV, then usual names.
_COUNT_COLUMNS = ("pop_mun", "population_count", "population", "pop", "pmun", "ptot", "p_pop", "habitants", "pop_tot")
#: Codes of zones in tables, beside those of each level.
_ID_COLUMNS = ("territory_id", "iris", "codgeo", "com", "code", "id")


def read_population(
    path: Path | str,
    *,
    kind: Literal["iris", "grid", "points", "qpv", "table"],
    data_year: int,
    level: str | None = None,
    id_column: str | None = None,
    count_column: str | None = None,
    crs: str | None = None,
    departement: str | None = None,
    layer: str | None = None,
    clipped_cells: Literal["as_published", "by_area"] = "as_published",
) -> pd.DataFrame | GeoDataFrame:
    r"""Read people from a published file.

    Parameters
    ----------
    path : path
        CSV (any separator), Excel, or a vector file for grids and points.
    kind : {"iris", "grid", "points", "qpv", "table"}
        "iris": INSEE's census by IRIS (P19_POP, P19_F1529...); "qpv": populations by QPV (code_qp, pop_mun); "table":
        one count per zone; "points": x, y and people; "grid": INSEE's Filosofi grid.
    data_year : int
        Year of the people; checked against the columns of a census.
    level : str, optional
        Level of the zones of a table ("iris" and "qpv" for these kinds).
    id_column, count_column : str, optional
        Recognised when left out.
    crs : str, optional
        Declared only where the file has none (points as x, y).
    departement : str, optional
        Whose metric CRS points and grids are given in; by default the one of the place.
    layer : str, optional
        Layer of a vector file with several (the first by default).
    clipped_cells : {"as_published", "by_area"}, default "as_published"
        What to count in grid cells whose polygon is only part of the cell; see Returns.

    Returns
    -------
    DataFrame
        For "iris", "qpv" and "table": schemas.POPULATION, sorted. Each zone has one row ("all", "all"); bands and sexes
        come beside it and overlap, so rows are never to be added up (`select_population`). NA where a figure is
        withheld or empty. ``attrs["report"]``: rows read, codes whose zeros were restored, figures withheld.
    GeoDataFrame
        For "points": ``point_id``, ``population_count``, ``data_year``, point. For "grid": ``cell_id``,
        ``population_count``, ``population_0_3`` ... ``population_80p``, ``household_count``, ``is_imputed``,
        ``cell_share`` (area of the polygon over that of the whole cell), ``data_year``, polygon. In the metric CRS.
        ``attrs["report"]`` of a grid says how its CRS was known, how many cells are clipped, and the people as summed
        and by area.

    Raises
    ------
    MissingFileError, FileFormatError
        If the file is absent or cannot be read.
    UnknownNameError
        If a column is not recognised.
    SchemaError
        Listing negative or unreadable counts, bad and repeated codes.
    InputError
        If the census is of another year.
    CRSError
        If points have no CRS.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "census.csv"
    >>> _ = path.write_text("IRIS;P19_POP;P19_POP0019\n010040101;1 000,5;200\n")
    >>> read_population(path, kind="iris", data_year=2019)[["age_band", "population_count"]].values.tolist()
    [['0-19', 200.0], ['all', 1000.5]]
    """
    source = require_file(path, what="population file")
    if kind == "points":
        return read_points(source, data_year=data_year, count_column=count_column, crs=crs, departement=departement)
    if kind == "grid":
        return read_grid(
            source, data_year=data_year, count_column=count_column, id_column=id_column, crs=crs,
            departement=departement, layer=layer, clipped_cells=clipped_cells,
        )  # fmt: skip
    if kind not in {"iris", "qpv", "table"}:
        raise UnknownNameError(f"Population kind {kind!r} is unknown.", expected="iris, grid, points, qpv or table")
    zone_level = level or (kind if kind in {"iris", "qpv"} else None)
    if zone_level is None:
        raise InputError("A table of people needs a level.", expected="level = 'commune', 'quartier', ...")
    table = read_table(source)
    layout = LEVELS.get(zone_level)
    id_names = (*(layout.id_columns if layout else ()), *_ID_COLUMNS)
    id_name = named_column(table, id_column, what=source.name) if id_column else find_column(table, id_names)
    if id_name is None:
        raise UnknownNameError(
            f"{source.name}: no column holds codes of level {zone_level!r}.",
            expected=f"one of {', '.join(id_names)}",
            next_step=f"Name it: id_column = ... (found: {', '.join(map(str, table.columns[:30]))}).",
        )
    ids, restored = code_text(table[id_name], length=layout.code_length if layout else None)
    columns = _columns(table, count_column, data_year=data_year, name=source.name)
    return _long(table, ids, columns, level=zone_level, data_year=data_year, name=source.name, restored=restored)


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV (any separator, UTF-8 or Windows-1252) or an Excel sheet, every cell as text.

    Raises
    ------
    FileFormatError
        If it cannot be read.
    """
    try:
        if path.suffix.lower() in {".xlsx", ".xls", ".ods"}:
            return pd.read_excel(path, dtype=str)
        separator = separator_of(path)
        try:
            return pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig")
        except UnicodeDecodeError:
            return pd.read_csv(path, sep=separator, dtype=str, encoding="cp1252")
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise FileFormatError(f"{path.name} cannot be read as a table: {error}", expected="CSV or Excel") from error


def _columns(table: pd.DataFrame, count_column: str | None, *, data_year: int, name: str) -> list[CensusColumn]:
    if count_column is not None:
        return [CensusColumn(named_column(table, count_column, what=name), data_year, ALL, ALL)]
    census = census_columns(table.columns)
    years = sorted({column.year for column in census})
    if census and data_year not in years:
        raise InputError(
            f"{name} is the census of {', '.join(map(str, years))} and is declared of {data_year}.",
            expected=f"data_year = {years[-1]}",
            next_step="Correct the year, or name the file of that census.",
        )
    chosen = [column for column in census if column.year == data_year]
    if chosen:
        # The principal exploitation (P) goes before the complementary one (C), which samples.
        chosen.sort(key=lambda column: str(column.name).upper().startswith("C"))
        unique: dict[tuple[str, str], CensusColumn] = {}
        for column in chosen:
            unique.setdefault((column.age_band, column.sex), column)
        return list(unique.values())
    found = find_column(table, _COUNT_COLUMNS)
    if found is None:
        raise UnknownNameError(
            f"{name}: no column of people is recognised.",
            expected=f"census columns (P19_POP...) or one of {', '.join(_COUNT_COLUMNS)}",
            next_step=f"Name it: count_column = ... (found: {', '.join(map(str, table.columns[:30]))}).",
        )
    return [CensusColumn(found, data_year, ALL, ALL)]


def _long(
    table: pd.DataFrame, ids: pd.Series, columns: list[CensusColumn], *, level: str, data_year: int, name: str,
    restored: int,
) -> pd.DataFrame:  # fmt: skip
    _refuse_bad_ids(ids, level=level, name=name)
    parts, withheld = [], 0
    for column in columns:
        counts = parse_counts(table[column.name], name=f"{name}, column {column.name}", labels=ids)
        withheld += counts.withheld_count
        parts.append(_rows(ids, level, column.age_band, column.sex, counts.values, data_year))
    parts += _missing_total(parts, columns)
    result = pd.concat(parts, ignore_index=True)
    result = result.sort_values(["territory_id", "age_band", "sex"], ignore_index=True)
    check_table(result, POPULATION)
    result.attrs["report"] = {
        "source": name,
        "rows_read": len(table),
        "codes_restored": restored,
        "figures_withheld": withheld,
        "total": float(result.loc[(result["age_band"] == ALL) & (result["sex"] == ALL), "population_count"].sum()),
        "total_is_sum_of_bands": not any(column[2:] == (ALL, ALL) for column in columns),
    }
    return result


def _rows(ids: pd.Series, level: str, band: str, sex: str, counts: pd.Series, data_year: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "territory_id": ids.astype(str).to_numpy(dtype=object),
            "territory_level": level,
            "age_band": band,
            "sex": sex,
            "population_count": counts.to_numpy(),
            "data_year": data_year,
        }
    )


def _missing_total(parts: list[pd.DataFrame], columns: list[CensusColumn]) -> list[pd.DataFrame]:
    """Add everybody up from a whole set of bands where the file has no total."""
    keys = [(column.age_band, column.sex) for column in columns]
    added: list[pd.DataFrame] = []
    for sex in sorted({sex for _, sex in keys}):
        if (ALL, sex) in keys:
            continue
        family = next((bands for bands in BAND_FAMILIES.values() if all((band, sex) in keys for band in bands)), None)
        if family is None:
            continue
        pieces = [parts[keys.index((band, sex))] for band in family]
        total: Any = sum(piece["population_count"] for piece in pieces)
        added.append(pieces[0].assign(age_band=ALL, population_count=total))
    if (ALL, ALL) not in keys and not any((part["sex"] == ALL).all() for part in added):
        raise SchemaError(
            "The file counts no total and no whole set of age bands.",
            expected="a column of everybody (P19_POP), or bands that cover all ages",
        )
    return added


def _refuse_bad_ids(ids: pd.Series, *, level: str, name: str) -> None:
    problems = []
    if ids.isna().any():
        problems.append(f"{int(ids.isna().sum())} rows have no code")
    layout = LEVELS.get(level)
    if layout and layout.pattern:
        bad = ids[~ids.str.fullmatch(layout.pattern).fillna(True).astype(bool)]
        problems += [f"{code!r} is not a code of level {level}" for code in bad.unique()]
    repeated = ids[ids.duplicated()].dropna().unique()
    problems += [f"code {code!r} is on several rows" for code in repeated]
    if problems:
        raise SchemaError(f"The codes of {name} have problems:\n" + join_problems(problems))
