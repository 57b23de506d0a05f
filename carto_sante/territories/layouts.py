"""How the published files name their codes and labels, level by level, and what a code of each level looks like.

Sources: IGN CONTOURS-IRIS (INSEE_COM, IRIS, CODE_IRIS, NOM_IRIS, TYP_IRIS) and ADMIN-EXPRESS (INSEE_COM, INSEE_ARM,
CODE_SIREN); opendatasoft georef-france (com_code, iris_code, epci_code, truncated to ten characters in shapefiles);
ANCT's QPV (CODE_QP/NOM_QP in the 2015 files, code_qp/lib_qp in those of 2024); Rennes Métropole's open data.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carto_sante.errors import UnknownNameError, suggest

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LevelLayout:
    """Where a level's codes and labels stand, in order of preference, and the shape of its codes."""

    id_columns: tuple[str, ...]
    label_columns: tuple[str, ...]
    code_length: int | None = None
    """Length of an official code, when it has one: a code read as a number gets its leading zeros back."""
    pattern: str = ""


LEVELS = {
    "iris": LevelLayout(
        ("code_iris", "dcomiris", "iris_code", "codeiris", "iris"),
        ("nom_iris", "lib_iris", "iris_name", "nomiris"),
        9,
        r"(\d{2}|2A|2B)\d{7}",
    ),
    "commune": LevelLayout(
        ("insee_com", "code_insee", "codgeo", "com_code", "code_commune", "depcom", "insee", "code"),
        ("nom_com", "libgeo", "com_name", "nom_commune", "libcom", "nom", "libelle"),
        5,
        r"(\d{2}|2A|2B)\d{3}",
    ),
    "arrondissement": LevelLayout(
        ("insee_arm", "com_arm_code", "com_arm_cod", "c_arinsee", "code_insee", "insee_com", "code"),
        ("nom_arm", "com_arm_name", "com_arm_nam", "l_aroff", "l_ar", "nom", "libelle"),
        5,
        r"(751|132|693)\d{2}|6938\d",
    ),
    "quartier": LevelLayout(
        ("nuquart", "code_quartier", "quartier_id", "c_quinsee", "code_qua", "code"),
        ("nom", "nmquart", "nom_quartier", "l_qu", "libelle", "nmquart"),
    ),
    "sous_quartier": LevelLayout(
        ("nusquart", "code_sous_quartier", "code"),
        ("nomsquart", "nmsquart", "nom_sous_quartier", "nom", "libelle"),
    ),
    "qpv": LevelLayout(
        ("code_qp", "codeqp", "code_quartier", "qp", "q"),
        ("lib_qp", "nom_qp", "nom_quartier", "libelle", "n"),
        8,
        r"Q[PN]\w{6}",
    ),
    "epci": LevelLayout(
        ("code_siren", "siren_epci", "code_epci", "epci_code", "epci"),
        ("libepci", "nom_epci", "epci_name", "lib_epci", "nom"),
        9,
        r"\d{9}",
    ),
    "departement": LevelLayout(
        ("insee_dep", "dep_code", "code_dept", "code_departement", "code"),
        ("nom_dep", "dep_name", "nom", "libelle"),
    ),
    "grid": LevelLayout(
        ("idcar_200m", "idinspire", "id_inspire", "idcar_1km"),
        ("idcar_200m", "idinspire", "id_inspire", "idcar_1km"),
        None,
        r"CRS(?:3035|5490|2975)RES\d+mN\d+E\d+",
    ),
}
GENERIC = LevelLayout(("territory_id", "id", "code"), ("territory_label", "nom", "label", "libelle", "name"))


def plain(name: str) -> str:
    """Return a column name without accents, case or punctuation ("Code IRIS" -> "code_iris").

    Examples
    --------
    >>> plain("Libellé QP"), plain("CODE_IRIS")
    ('libelle_qp', 'code_iris')
    """
    text = unicodedata.normalize("NFKD", str(name)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def find_column(frame: pd.DataFrame, candidates: tuple[str, ...]) -> str | None:
    """Return the first column whose plain name is among the candidates, in their order."""
    columns: dict[str, str] = {}
    for name in frame.columns:
        columns.setdefault(plain(name), name)
    return next((columns[item] for item in candidates if item in columns), None)


def named_column(frame: pd.DataFrame, name: str, *, what: str) -> str:
    """Return the column of that name, whatever its case or accents.

    Raises
    ------
    UnknownNameError
        Naming the columns there are.
    """
    if name in frame.columns:
        return name
    found = find_column(frame, (plain(name),))
    if found is None:
        raise UnknownNameError(
            f"{what}: no column {name!r}.", expected="a column of the file", next_step=suggest(name, frame.columns)
        )
    return found


def code_text(values: pd.Series, *, length: int | None = None) -> tuple[pd.Series, int]:
    """Return codes as text, and how many got back the leading zeros a numeric reading had taken.

    Parameters
    ----------
    values : Series
        Codes as text, integers or floats (11.0 is "11").
    length : int, optional
        The length of an official code.

    Examples
    --------
    >>> import pandas
    >>> codes, restored = code_text(pandas.Series([60010000, 350880000]), length=9)
    >>> codes.tolist(), restored
    (['060010000', '350880000'], 1)
    """
    import pandas as pd

    text = values.astype("string").str.strip().replace("", pd.NA)
    text = text.str.replace(r"^(\d+)\.0+$", r"\1", regex=True)
    restored = 0
    if length is not None:
        short = text.str.fullmatch(rf"\d{{{length - 1}}}").fillna(False)
        restored = int(short.sum())
        text = text.where(~short, "0" + text)
    return text, restored
