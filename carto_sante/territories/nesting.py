"""Zones made of zones: communes and EPCI from IRIS or communes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from carto_sante.errors import FileFormatError, InputError, join_problems
from carto_sante.files import require_file
from carto_sante.schemas import TERRITORIES, check_table
from carto_sante.territories.layouts import plain

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: Rows above the header in INSEE's zoning workbooks.
INSEE_HEADER_ROW = 5
#: INSEE's code for "in no EPCI" (islands of the Channel and the Atlantic).
NO_EPCI = "ZZZZZZZZZ"


def read_epci_composition(path: Path | str) -> pd.DataFrame:
    r"""Read INSEE's composition of the EPCI: which commune belongs to which.

    Parameters
    ----------
    path : path
        ``EPCI_au_01-01-YYYY.xlsx`` or ``Intercommunalite_Metropole_au_01-01-YYYY.xlsx``, sheet
        "Composition_communale" with its header on row 6: CODGEO, LIBGEO, EPCI, LIBEPCI, DEP, REG. A CSV of the same
        columns also does.

    Returns
    -------
    DataFrame
        ``commune_code``, ``commune_label``, ``epci_id``, ``epci_label``, all text; NA where the commune is in no EPCI.

    Raises
    ------
    FileFormatError
        If the columns are not there.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "epci.csv"
    >>> _ = path.write_text("CODGEO;LIBGEO;EPCI;LIBEPCI\n35238;Rennes;243500139;Rennes Métropole\n", encoding="utf-8")
    >>> read_epci_composition(path)["epci_id"].tolist()
    ['243500139']
    """
    table = read_insee_sheet(path, sheet="Composition_communale", columns=("CODGEO", "LIBGEO", "EPCI", "LIBEPCI"))
    table.columns = ["commune_code", "commune_label", "epci_id", "epci_label"]
    alone = table["epci_id"] == NO_EPCI
    table.loc[alone, ["epci_id", "epci_label"]] = None
    return table.astype("string")


def read_insee_sheet(path: Path | str, *, sheet: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read columns of a sheet of an INSEE workbook (or of a CSV with the same columns), all as text.

    Raises
    ------
    FileFormatError
        If the sheet or a column is absent.
    """
    import pandas as pd

    source = require_file(path, what="INSEE table")
    if source.suffix.lower() == ".csv":
        table = pd.read_csv(source, sep=None, engine="python", dtype=str, encoding="utf-8-sig")
    else:
        try:
            with pd.ExcelFile(source) as book:
                wanted = {plain(name): name for name in book.sheet_names}.get(plain(sheet))
                if wanted is None:
                    raise FileFormatError(
                        f"{source.name} has no sheet {sheet!r}.",
                        next_step=f"Found: {', '.join(map(str, book.sheet_names))}.",
                    )
                table = pd.read_excel(book, sheet_name=wanted, dtype=str, header=INSEE_HEADER_ROW)
        except (ValueError, OSError, KeyError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(f"{source.name} is not a workbook that can be read: {error}") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise FileFormatError(
            f"{source.name} lacks {', '.join(missing)}.",
            expected=f"columns {', '.join(columns)} (header on row {INSEE_HEADER_ROW + 1} of a workbook)",
            next_step=f"Found: {', '.join(map(str, table.columns[:20]))}.",
        )
    return table.loc[:, list(columns)].dropna(how="all").reset_index(drop=True)


def add_territory_parts(codes: pd.Series, *, level: str) -> pd.Series:
    """Return the code of the commune or département that an official code lies in.

    Parameters
    ----------
    codes : Series of str
        IRIS (9 characters) or commune codes (5).
    level : str
        "commune" or "departement".

    Raises
    ------
    InputError
        If a code is too short, or the level is another.

    Examples
    --------
    >>> import pandas
    >>> add_territory_parts(pandas.Series(["352380101", "974110000"]), level="departement").tolist()
    ['35', '974']
    """
    if level not in {"commune", "departement"}:
        raise InputError(f"Level {level!r} cannot be told from a code.", expected="'commune' or 'departement'")
    text = codes.astype("string")
    short = text[text.str.len() < 5]
    if len(short):
        raise InputError("Some codes are too short:\n" + join_problems(short.unique()), expected="9 or 5 characters")
    commune = text.str.slice(0, 5)
    if level == "commune":
        return commune
    return commune.str.slice(0, 2).where(~commune.str.startswith("97"), commune.str.slice(0, 3))


def dissolve_territories(
    territories: GeoDataFrame, into: pd.Series, *, level: str, labels: pd.Series | None = None
) -> GeoDataFrame:
    """Merge zones into larger ones.

    Parameters
    ----------
    territories : GeoDataFrame
        Zones of one level per schemas.TERRITORIES.
    into : Series of str
        Code of the larger zone by ``territory_id`` (its index); a zone without one is left out.
    level : str
        Level of the result ("commune", "epci").
    labels : Series of str, optional
        Label of the larger zone, by its code.

    Returns
    -------
    GeoDataFrame
        schemas.TERRITORIES, sorted by code.

    Raises
    ------
    InputError
        If no zone has a larger one, or codes of ``into`` repeat.

    Examples
    --------
    >>> import geopandas, pandas, shapely
    >>> iris = geopandas.GeoDataFrame({"territory_id": ["352380101", "352380102"], "territory_level": "iris",
    ...     "territory_label": None, "geography_year": 2016},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs="EPSG:2154")
    >>> into = add_territory_parts(iris.set_index("territory_id").index.to_series(), level="commune")
    >>> dissolve_territories(iris, into, level="commune")[["territory_id", "territory_level"]].values.tolist()
    [['35238', 'commune']]
    """
    check_table(territories, TERRITORIES)
    if into.index.has_duplicates:
        raise InputError("The correspondence repeats codes.", expected="one larger zone per territory_id")
    target = territories["territory_id"].map(into)
    if target.isna().all():
        raise InputError("No zone has a larger one.", expected="codes of the zones as the index of the correspondence")
    kept = territories.loc[target.notna(), ["geography_year", "geometry"]].assign(
        territory_id=target.dropna().astype(str)
    )
    merged = kept.dissolve("territory_id", as_index=False).sort_values("territory_id", ignore_index=True)
    merged["territory_level"] = level
    merged["territory_label"] = (
        merged["territory_id"].map(labels).astype("string")
        if labels is not None
        else merged["territory_id"].astype("string")
    )
    return merged[["territory_id", "territory_level", "territory_label", "geography_year", "geometry"]]
