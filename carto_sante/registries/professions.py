"""Who is a "GP", a "nurse": the catalogue of professions and the named, dated, cited definitions.

Everything here is data: ``data/professions.csv`` (codes of the RPPS, Ameli, BPE and FINESS, French labels, recourse),
``data/definitions.csv`` (which activities count, by name) and ``data/activity_rules.csv`` (substitutes and activities
without care). The choice of a definition changes a published density by a sixth: it is always by name, and the
journal says which (`describe_definitions`).

Sources of the codes: ANS nomenclatures TRE_G15 (professions), TRE_R38 (spécialités ordinales), TRE_R02 (secteurs),
TRE_R21 (fonctions), TRE_R22 (genres d'activité), TRE_R23 (modes d'exercice); INSEE, base permanente des équipements,
gammes 2020 (D2xx) and 2023 (D265 and after); correspondence of Ameli and RPPS professions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import StringIO
from typing import TYPE_CHECKING

from carto_sante.errors import UnknownNameError, suggest

if TYPE_CHECKING:
    import pandas as pd

#: The definition used where a study names none.
DEFAULT_DEFINITION = "liberal"

#: In a list of sectors: the sector is not given.
NO_SECTOR = "-"
#: In a list of sectors: any sector, given or not.
ANY_SECTOR = "*"
#: In ``rpps_savoir_faire_codes``: only practitioners without any savoir-faire.
NO_SAVOIR_FAIRE = "none"

#: Practice mode by RPPS code (TRE_R23).
PRACTICE_MODES = {"L": "liberal", "S": "salaried", "B": "volunteer"}


@dataclass(frozen=True)
class Definition:
    """Which activities of a profession count, under a name.

    Attributes
    ----------
    profession, definition : str
        Keys; ``profession`` is the one asked, never ``"*"``.
    definition_label : str
        In French, for reports.
    sectors : mapping of str to tuple of str
        Sectors (TRE_R02) that count, by practice mode: ``"liberal"``, ``"salaried"``, ``"volunteer"``;
        ``"*"`` any, ``"-"`` not given.
    excluded_ameli_practices : tuple of str
        Codes of particular practice (Ameli) that do not count; ``"*"`` all of them. Known only for the
        practitioners matched with an Ameli file.
    date, source, limits : str
        When it was written, from what, and what it cannot do.
    """

    profession: str
    definition: str
    definition_label: str
    sectors: Mapping[str, tuple[str, ...]]
    excluded_ameli_practices: tuple[str, ...]
    date: str
    source: str
    limits: str


@cache
def _read_data(name: str) -> pd.DataFrame:
    import pandas as pd

    text = resources.files("carto_sante").joinpath(f"registries/data/{name}").read_text(encoding="utf-8")
    return pd.read_csv(StringIO(text), dtype=str, keep_default_na=False)


def load_catalogue() -> pd.DataFrame:
    """Return the catalogue of professions.

    Returns
    -------
    DataFrame
        Indexed by ``profession``; ``profession_label``, ``profession_label_plural`` (French), ``recourse`` ("first",
        "second" or "other"), ``rpps_profession_code``, and lists of codes separated by spaces:
        ``rpps_savoir_faire_codes`` (empty: any; "none": only those without), ``bpe_codes``, ``ameli_codes``,
        ``finess_codes``; ``bpe_labels`` is separated by ``|``.

    Examples
    --------
    >>> load_catalogue().loc["gp", "rpps_savoir_faire_codes"]
    'SM26 SM53 SM54'
    """
    return _read_data("professions.csv").set_index("profession")


def load_activity_rules() -> pd.DataFrame:
    """Return the codes of the activities that never count, with their reason.

    Returns
    -------
    DataFrame
        ``field`` (column of the RPPS table), ``code``, ``code_label`` (French), ``reason``.

    Examples
    --------
    >>> rules = load_activity_rules()
    >>> rules.loc[rules["code"] == "GENR02", "reason"].item()
    'substitute'
    """
    return _read_data("activity_rules.csv").copy()


def load_definitions() -> pd.DataFrame:
    """Return every named definition; ``profession`` ``"*"`` stands for the professions without their own.

    Examples
    --------
    >>> table = load_definitions()
    >>> table.loc[table["profession"] == "gp", "definition"].tolist()
    ['liberal', 'drees', 'widest']
    """
    return _read_data("definitions.csv").copy()


def get_definition(profession: str, name: str = DEFAULT_DEFINITION) -> Definition:
    """Return one definition of a profession, by name.

    Parameters
    ----------
    profession : str
        Key of the catalogue.
    name : str, default "liberal"
        "liberal", "drees" or "widest".

    Raises
    ------
    UnknownNameError
        If the profession or the definition is not known; the message lists the known ones.

    Examples
    --------
    >>> get_definition("gp", "drees").sectors["salaried"]
    ('SA05',)
    """
    require_professions([profession])
    table = load_definitions()
    for key in (profession, "*"):
        rows = table[(table["profession"] == key) & (table["definition"] == name)]
        if len(rows):
            row = rows.iloc[0]
            return Definition(
                profession=profession,
                definition=name,
                definition_label=row["definition_label"],
                sectors={mode: tuple(row[f"{mode}_sectors"].split()) for mode in PRACTICE_MODES.values()},
                excluded_ameli_practices=tuple(row["excluded_ameli_practices"].split()),
                date=row["date"],
                source=row["source"],
                limits=row["limits"],
            )
    known = table.loc[table["profession"].isin([profession, "*"]), "definition"].unique()
    raise UnknownNameError(
        f"{name!r} is not a definition of {profession!r}.",
        expected="one of the named definitions (registries.professions.load_definitions)",
        next_step=suggest(name, known),
    )


def require_professions(professions: Iterable[str]) -> list[str]:
    """Return the professions asked, refusing the unknown and the empty list.

    Raises
    ------
    UnknownNameError
        Naming every unknown profession.

    Examples
    --------
    >>> require_professions(["gp", "nurse"])
    ['gp', 'nurse']
    """
    asked = list(dict.fromkeys(professions))
    known = list(load_catalogue().index)
    unknown = [name for name in asked if name not in known]
    if unknown or not asked:
        found = "No profession is asked." if not asked else f"Unknown profession {', '.join(map(repr, unknown))}."
        hints = " ".join(suggest(str(name), known) for name in unknown) or suggest("", known)
        raise UnknownNameError(found, expected="keys of registries/data/professions.csv", next_step=hints)
    return asked


def describe_definitions(professions: Iterable[str], definitions: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return the definitions that a study uses, for its journal.

    Parameters
    ----------
    professions : iterable of str
        Keys of the catalogue.
    definitions : mapping of profession to definition, optional
        Those named by the study; the others take `DEFAULT_DEFINITION`.

    Returns
    -------
    DataFrame
        ``profession``, ``definition``, ``definition_label``, ``date``, ``source``, ``limits``; one row per profession.

    Raises
    ------
    UnknownNameError
        If a profession or a definition is not known.

    Examples
    --------
    >>> describe_definitions(["gp", "nurse"], {"gp": "widest"})["definition"].tolist()
    ['widest', 'liberal']
    """
    import pandas as pd

    named = dict(definitions or {})
    require_professions([*professions, *named])
    rows = [get_definition(name, named.get(name, DEFAULT_DEFINITION)) for name in require_professions(professions)]
    columns = ["profession", "definition", "definition_label", "date", "source", "limits"]
    return pd.DataFrame([{column: getattr(row, column) for column in columns} for row in rows], columns=columns)


def codes_of(column: str) -> dict[str, str]:
    """Return the profession of each code of one column of the catalogue.

    Parameters
    ----------
    column : {"bpe_codes", "ameli_codes", "finess_codes", "bpe_labels"}

    Examples
    --------
    >>> codes_of("bpe_codes")["D232"]
    'nurse'
    """
    separator = "|" if column.endswith("labels") else None
    catalogue = load_catalogue()
    lists = zip(catalogue.index, catalogue[column], strict=True)
    return {code: str(name) for name, codes in lists for code in codes.split(separator) if code}
