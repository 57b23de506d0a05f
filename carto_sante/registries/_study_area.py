"""Which rows of a national file belong to a study: by département and by commune, on bytes and on tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from carto_sante.crs import departement_of
from carto_sante.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from carto_sante.registries._lines import Chunk

#: Row of a national file whose commune or postcode is in none of the départements or communes asked.
OUTSIDE = "outside the study"

# Paris, Lyon and Marseille stand in registries by arrondissement or by the whole commune.
_ARRONDISSEMENTS = {
    "75056": [f"75{number}" for number in range(101, 121)],
    "69123": [f"69{number}" for number in range(381, 390)],
    "13055": [f"13{number}" for number in range(201, 217)],
}
_DEPARTEMENT = re.compile(r"\d{2}|2[AB]|97[1-8]|98\d")


def require_departements(departements: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the départements asked, as text.

    Raises
    ------
    InputError
        Listing those that are not "01" to "95", "2A", "2B" or "971" to "989".

    Examples
    --------
    >>> require_departements(["01", "2A"])
    ('01', '2A')
    """
    if departements is None:
        return None
    asked = (departements,) if isinstance(departements, str) else tuple(departements)
    wrong = [code for code in asked if not isinstance(code, str) or not _DEPARTEMENT.fullmatch(code)]
    if wrong or not asked:
        raise InputError(
            f"{', '.join(map(repr, wrong))} is not a département." if wrong else "No département is asked.",
            expected="'01' to '95', '2A', '2B' or '971' to '989', as text",
            next_step="Give official codes as text: a number loses its leading zero.",
        )
    return asked


def require_communes(communes: Iterable[str] | None) -> frozenset[str] | None:
    """Return the communes asked, with the arrondissements of Paris, Lyon and Marseille.

    Raises
    ------
    InputError
        If a code is not five characters of text.

    Examples
    --------
    >>> sorted(require_communes(["35238"]))
    ['35238']
    >>> len(require_communes(["75056"]))
    21
    """
    if communes is None:
        return None
    asked = {communes} if isinstance(communes, str) else set(communes)
    for code in asked:
        departement_of(code)
    parents = {parent for parent, parts in _ARRONDISSEMENTS.items() if asked & set(parts)}
    children = {part for code in asked for part in _ARRONDISSEMENTS.get(code, [])}
    return frozenset(asked | parents | children)


def departements_of(communes: frozenset[str]) -> tuple[str, ...]:
    """Return the départements of communes, sorted."""
    return tuple(sorted({departement_of(code) for code in communes}))


def postcode_prefixes(departement: str) -> list[str]:
    """Return how the postcodes of a département start, on three characters.

    Postcodes follow old départements: those of Corsica start with 20, those of Saint-Martin and Saint-Barthélemy
    with 971.
    """
    corsica = {"2A": ["200", "201"], "2B": ["202", "206"]}
    if departement in corsica:
        return corsica[departement]
    if departement in {"977", "978"}:
        return ["971"]
    return [departement] if len(departement) == 3 else [f"{departement}{digit}" for digit in range(10)]


def select_by_departement(
    departements: tuple[str, ...], *, commune_field: int, postcode_field: int
) -> Callable[[Chunk, NDArray[Any]], NDArray[np.bool_]]:
    """Return a selection of the lines whose commune, or postcode where there is none, is in the départements."""
    import numpy as np

    def table_of(prefixes: Iterable[str]) -> NDArray[np.bool_]:
        table = np.zeros(1 << 24, dtype=bool)
        for prefix in prefixes:
            for third in "0123456789" if len(prefix) == 2 else " ":
                a, b, c = (prefix + third).encode()[:3]
                table[a << 16 | b << 8 | c] = True
        return table

    communes = table_of(departements)
    postcodes = table_of(prefix for code in departements for prefix in postcode_prefixes(code))

    def select(chunk: Chunk, lines: NDArray[Any]) -> NDArray[np.bool_]:
        wanted = np.zeros(len(lines), dtype=bool)
        undecided = np.arange(len(lines))
        for number, table in ((commune_field, communes), (postcode_field, postcodes)):
            start, end = chunk.field_bounds(lines[undecided], number)
            given = end - start == 5
            first = start[given]
            values = chunk.values
            key = (
                values[first].astype(np.int64) << 16
                | values[first + 1].astype(np.int64) << 8
                | values[first + 2].astype(np.int64)
            )
            wanted[undecided[given]] = table[key]
            undecided = undecided[~given]
        # Codes that lost a zero, or with blanks around, are decided later, on clean values.
        start, end = chunk.field_bounds(lines[undecided], commune_field)
        post_start, post_end = chunk.field_bounds(lines[undecided], postcode_field)
        wanted[undecided] = (end > start) | (post_end > post_start)
        return wanted

    return select
