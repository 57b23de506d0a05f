"""Names replaced by stable pseudonyms.

The same person gets the same pseudonym in every table made with the same key, whatever the file or the year: a keyed
hash (HMAC-SHA-256) of the identifier. Without the key nobody can tell whether a pseudonym is a given person's; with a
key that is published, anyone can, by trying every number of the directory: keep it out of what is published.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any

from carto_sante.errors import InputError
from carto_sante.registries.encoding import plain

if TYPE_CHECKING:
    import pandas as pd

#: What a pseudonym shows.
LABEL = "Praticien"
_TITLES = frozenset({"dr", "drs", "docteur", "docteurs", "mme", "mlle", "monsieur", "madame"})
#: What the name of a practice becomes when it holds the name of a practitioner.
SITE_LABEL = "Cabinet"


def pseudonym_of(practitioner_id: str, *, key: str | bytes) -> str:
    """Return the pseudonym of an identifier: 12 hexadecimal digits.

    Raises
    ------
    InputError
        If the key is empty.

    Examples
    --------
    >>> pseudonym_of("810000000001", key="a key") == pseudonym_of("810000000001", key="a key")
    True
    >>> pseudonym_of("810000000001", key="a key") == pseudonym_of("810000000001", key="another")
    False
    """
    secret = key.encode() if isinstance(key, str) else key
    if not secret:
        raise InputError("The key of the pseudonyms is empty.", expected="a text that is kept from year to year")
    return hmac.new(secret, practitioner_id.encode(), hashlib.sha256).hexdigest()[:12]


def pseudonymise(table: pd.DataFrame, *, key: str | bytes) -> Any:
    """Return a table of practitioners without names or personal numbers.

    Parameters
    ----------
    table : DataFrame
        `schemas.PRACTITIONERS`, or a table made from it.
    key : str or bytes
        The same key gives the same pseudonyms.

    Returns
    -------
    DataFrame
        A copy: ``practitioner_id`` and ``practitioner_label`` are pseudonyms, ``rpps_id`` is NA, ``siret`` is NA
        outside FINESS sites (it leads to a person in the public register of companies; a ``site_id`` made from it is
        hashed), ``source_row`` is NA (it leads to a line of the public file), and ``site_label`` loses the name of
        anyone who practises there. Addresses stay: the map needs them.

    Raises
    ------
    InputError
        If the key is empty, or there is no ``practitioner_id``.

    Examples
    --------
    >>> import pandas
    >>> people = pandas.DataFrame({"practitioner_id": ["8100"], "practitioner_label": ["Anne DURAND"],
    ...                            "site_id": ["s"], "site_label": ["CABINET DU DR DURAND"]})
    >>> hidden = pseudonymise(people, key="a key")
    >>> hidden["site_label"].item(), "DURAND" in hidden["practitioner_label"].item()
    ('Cabinet', False)
    """
    import pandas as pd

    if "practitioner_id" not in table.columns:
        raise InputError(
            f"The table has no practitioner_id (found: {', '.join(map(str, table.columns))}).",
            expected="a table of practitioners",
        )
    hidden = table.copy()
    codes = {person: pseudonym_of(str(person), key=key) for person in table["practitioner_id"].unique()}
    pseudonyms = [codes[person] for person in table["practitioner_id"]]
    if "site_label" in table.columns and "practitioner_label" in table.columns:
        hidden["site_label"] = _hide_names(table)
    hidden["practitioner_id"] = pseudonyms
    if "practitioner_label" in table.columns:
        hidden["practitioner_label"] = [f"{LABEL} {code[:6].upper()}" for code in pseudonyms]
    if "rpps_id" in table.columns:
        hidden["rpps_id"] = None
    if "siret" in table.columns:
        sites = table["finess_et_id"] if "finess_et_id" in table.columns else [None] * len(table)
        hidden["siret"] = [
            siret if isinstance(site, str) else None for siret, site in zip(table["siret"], sites, strict=True)
        ]
    if "source_row" in table.columns:
        hidden["source_row"] = pd.array([None] * len(table), dtype="Int64")
    if "site_id" in table.columns:
        hidden["site_id"] = [
            f"site:{pseudonym_of(site, key=key)}" if str(site).startswith("siret:") else site
            for site in table["site_id"]
        ]
        hidden["site_id"] = hidden["site_id"].astype(table["site_id"].dtype)
    for column in ("rpps_id", "practitioner_id", "practitioner_label", "site_label", "siret"):
        if column in hidden.columns:
            hidden[column] = hidden[column].astype(table[column].dtype)
    return hidden


def _hide_names(table: pd.DataFrame) -> list[Any]:
    """Return site labels; those that name a person become "Cabinet".

    A label names a person when it holds a title ("CABINET DU DR ...": often one who left the practice to others), or
    a word of the name of someone who practises there or, outside the public sites of FINESS, anywhere in the table.
    """
    words: dict[Any, set[str]] = {}
    sites = table["site_id"] if "site_id" in table.columns else table.index
    for site, label in zip(sites, table["practitioner_label"], strict=True):
        words.setdefault(site, set()).update(_words(label))
    everyone: set[str] = set().union(*words.values())
    public = table["finess_et_id"].notna() if "finess_et_id" in table.columns else [False] * len(table)
    return [
        SITE_LABEL if _names_a_person(label, words[site] if is_public else everyone) else label
        for site, label, is_public in zip(sites, table["site_label"], public, strict=True)
    ]


def _names_a_person(label: Any, names: set[str]) -> bool:
    if not isinstance(label, str):
        return False
    return bool(_words(label) & names) or bool(_TITLES & set(re.split(r"[^a-z]+", plain(label))))


def _words(label: Any) -> set[str]:
    return {word for word in re.split(r"[^a-z]+", plain(label)) if len(word) > 2} if isinstance(label, str) else set()
