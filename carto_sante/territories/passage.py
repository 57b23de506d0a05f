"""From one geography to another: INSEE's tables of merged communes and of changed IRIS."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import FileFormatError, InputError, UnknownNameError, join_problems
from carto_sante.files import require_file
from carto_sante.territories.nesting import INSEE_HEADER_ROW, read_insee_sheet

if TYPE_CHECKING:
    import pandas as pd

_YEARLY = re.compile(r"CODGEO_(\d{4})")


def read_commune_passage(path: Path | str, *, from_year: int | None = None, to_year: int) -> pd.DataFrame:
    r"""Read INSEE's table of communes between two geographies.

    Parameters
    ----------
    path : path
        Either ``table_passage_annuelle_YYYY.xlsx`` (sheet "COM": NIVGEO, CODGEO_2003 ... CODGEO_YYYY) or
        ``table_passage_geo2003_geoYYYY.xlsx`` (sheet "Table de passage": CODGEO_INI, CODGEO_YYYY); header on row 6.
        A CSV of the same columns also does.
    from_year : int, optional
        Year of the codes at hand. The second file takes any code since 2003, so it is not needed.
    to_year : int
        Year of the geography wanted.

    Returns
    -------
    DataFrame
        ``code_from``, ``code_to`` (text) and ``share``: 1 where the commune kept its whole, as a merged one does. A
        commune that was split has several rows and share NA: how its people divide is not in the table.

    Raises
    ------
    FileFormatError
        If the columns are not there.
    UnknownNameError
        If a year is not in the table.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "passage.csv"
    >>> _ = path.write_text("NIVGEO;CODGEO_2018;CODGEO_2024\nCOM;35001;35001\nCOM;35002;35001\n")
    >>> read_commune_passage(path, from_year=2018, to_year=2024)["code_to"].tolist()
    ['35001', '35001']
    """
    table = _commune_table(path)
    if "CODGEO_INI" in table.columns:
        start = "CODGEO_INI"
    else:
        if from_year is None:
            raise InputError("The yearly table needs from_year.", expected="the year of the codes at hand")
        start = f"CODGEO_{from_year}"
    end = f"CODGEO_{to_year}"
    years = [name for name in table.columns if _YEARLY.fullmatch(str(name))]
    for name in (start, end):
        if name not in table.columns:
            raise UnknownNameError(f"{Path(path).name} has no {name}.", next_step=f"Found: {', '.join(years)}.")
    pairs = table[[start, end]].dropna().drop_duplicates().astype("string")
    pairs.columns = ["code_from", "code_to"]
    return _with_share(pairs)


def _commune_table(path: Path | str) -> pd.DataFrame:
    import pandas as pd

    source = require_file(path, what="table of communes")
    if source.suffix.lower() == ".csv":
        return pd.read_csv(source, sep=None, engine="python", dtype=str, encoding="utf-8-sig")
    with pd.ExcelFile(source) as book:
        wanted = [name for name in book.sheet_names if name in {"COM", "Table de passage", "Table_passage"}]
        if not wanted:
            raise FileFormatError(
                f"{source.name} is no table of communes.",
                expected="a sheet 'COM' or 'Table de passage'",
                next_step=f"Found: {', '.join(map(str, book.sheet_names))}.",
            )
        return pd.read_excel(book, sheet_name=wanted[0], dtype=str, header=INSEE_HEADER_ROW)


def read_iris_passage(path: Path | str, *, since_year: int | None = None) -> pd.DataFrame:
    """Read INSEE's list of changed IRIS.

    Parameters
    ----------
    path : path
        ``reference_IRIS_geoYYYY.xlsx``, sheet "Modifications_IRIS" (header on row 6): IRIS_INI, IRIS_FIN, COM_INI,
        COM_FIN, ANNEE_MODIF, MODIF_IRIS. A CSV of the same columns also does.
    since_year : int, optional
        Only the changes made after this geography year.

    Returns
    -------
    DataFrame
        ``code_from``, ``code_to`` (text) and ``share`` as in `read_commune_passage`; IRIS that did not change are not
        in the file and keep their code.

    Raises
    ------
    FileFormatError
        If the columns are not there.
    """
    table = read_insee_sheet(path, sheet="Modifications_IRIS", columns=("IRIS_INI", "IRIS_FIN", "ANNEE_MODIF"))
    if since_year is not None:
        table = table[table["ANNEE_MODIF"].astype(float) > since_year]
    pairs = table[["IRIS_INI", "IRIS_FIN"]].dropna().drop_duplicates().astype("string")
    pairs.columns = ["code_from", "code_to"]
    return _with_share(pairs)


def _with_share(pairs: pd.DataFrame) -> pd.DataFrame:
    times = pairs.groupby("code_from")["code_to"].transform("size")
    pairs = pairs.assign(share=[1.0 if number == 1 else float("nan") for number in times])
    return pairs.sort_values(["code_from", "code_to"], ignore_index=True)


def apply_passage(
    table: pd.DataFrame, passage: pd.DataFrame, *, column: str, value_column: str | None = None, unlisted: str = "keep"
) -> pd.DataFrame:
    """Move a table from one geography to another.

    Parameters
    ----------
    table : DataFrame
        One row per code (and per anything else); not changed.
    passage : DataFrame
        From `read_commune_passage` or `read_iris_passage`; for split codes give ``share`` a value, adding up to 1.
    column : str
        Holds the codes.
    value_column : str, optional
        Count to add up where codes merge (``population_count``). Without it, codes are only renamed.
    unlisted : {"keep", "raise"}, default "keep"
        Codes that the passage does not list: unchanged (changed IRIS only are listed), or an error.

    Returns
    -------
    DataFrame
        Same columns; with ``value_column``, one row per new code and per value of the other columns, the total
        unchanged. ``attrs["report"]``: codes renamed, merged, split, unlisted.

    Raises
    ------
    InputError
        If codes of the table were split and no share says how, if shares do not add up to 1, or if codes are
        unlisted and ``unlisted`` is "raise".

    Examples
    --------
    >>> import pandas
    >>> counts = pandas.DataFrame({"territory_id": ["35001", "35002"], "population_count": [10.0, 5.0]})
    >>> passage = pandas.DataFrame({"code_from": ["35002"], "code_to": ["35001"], "share": [1.0]})
    >>> apply_passage(counts, passage, column="territory_id", value_column="population_count").values.tolist()
    [['35001', 15.0]]
    """
    if unlisted not in {"keep", "raise"}:
        raise InputError(f"unlisted is {unlisted!r}.", expected="'keep' or 'raise'")
    codes = table[column].astype("string")
    used = passage[passage["code_from"].isin(codes.dropna().unique())]
    listed = codes.isin(used["code_from"])
    _refuse_passage(codes, used, listed, renaming=value_column is None, unlisted=unlisted)
    moved = table.loc[listed.to_numpy(dtype=bool)].merge(
        used.rename(columns={"code_from": column}), on=column, how="left", validate="many_to_many"
    )
    moved[column] = moved["code_to"].astype(object)
    if value_column is not None:
        moved[value_column] = moved[value_column] * moved["share"]
    result = _stacked(table.loc[~listed.to_numpy(dtype=bool)], moved[table.columns])
    if value_column is not None:
        others = [name for name in table.columns if name != value_column]
        # min_count: a sum of unknown people stays unknown, and so does one that holds an unknown part.
        result = result.groupby(others, dropna=False, sort=True, as_index=False)[value_column].agg(
            lambda values: values.sum(skipna=False)
        )[list(table.columns)]
    result.attrs["report"] = {
        "codes_renamed": int((used["code_from"] != used["code_to"]).sum()),
        "codes_split": int(used.loc[used.duplicated("code_from", keep=False), "code_from"].nunique()),
        "codes_unlisted": int(codes[~listed].nunique()),
    }
    return result


def _stacked(first: Any, second: Any) -> Any:
    import pandas as pd

    return pd.concat([part for part in (first, second) if len(part)], ignore_index=True)


def _refuse_passage(codes: pd.Series, used: pd.DataFrame, listed: pd.Series, *, renaming: bool, unlisted: str) -> None:
    problems = []
    split = used[used.duplicated("code_from", keep=False)]
    if renaming:
        problems += [f"{code} was split: it has no single new code" for code in split["code_from"].unique()]
    shares = used.groupby("code_from")["share"].agg(lambda values: values.sum(skipna=False))
    for code, total in shares.items():
        if math.isnan(total):
            problems.append(f"{code} was split and no share says how its people divide")
        elif abs(total - 1) > 1e-9:
            problems.append(f"the shares of {code} add up to {total:g}")
    if unlisted == "raise":
        problems += [f"{code} is not in the passage table" for code in codes[~listed].dropna().unique()]
    if problems:
        raise InputError(
            "The codes cannot be moved:\n" + join_problems(problems), next_step="Complete the passage table."
        )
