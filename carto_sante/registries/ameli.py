"""Ameli directory ("annuaire santé", tariffs): practitioners, sector of convention, options.

The file has 33 fields separated by ``;``, no header, no quoting, and one line per act: a practitioner comes as many
times as there are acts. It has no identifier of a person and no commune code. Licence Ouverte, Cnam.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import FileFormatError, NoResultError
from carto_sante.ledger import Ledger, Reading
from carto_sante.registries._accounts import Accounts, name_sources
from carto_sante.registries._frames import to_pandas
from carto_sante.registries._lines import Sifted, read_header, sift
from carto_sante.registries._study_area import OUTSIDE, postcode_prefixes, require_departements
from carto_sante.registries.professions import codes_of

if TYPE_CHECKING:
    import polars as pl

#: Fields by place, from 0; the others are the amounts of the acts.
FIELDS = {
    0: "sex", 1: "last_name", 2: "first_name", 3: "site_label", 4: "address_complement", 5: "street", 6: "place",
    7: "postcode", 8: "commune_label", 9: "phone", 10: "profession_code", 11: "particular_practice_code",
    12: "practice_nature_code", 13: "convention_code", 14: "contract_option", 15: "carte_vitale", 16: "act_code",
}  # fmt: skip
FIELDS_COUNT = 33

#: Sector of convention by code, in French for display.
CONVENTIONS = {
    "c1": "Secteur 1",
    "c2": "Secteur 1 avec droit permanent à dépassement",
    "c3": "Secteur 2",
    "nc": "Non conventionné",
}

SAME_PRACTICE = "other acts of the same practitioner and address"
_NOT_A_PERSON = "no name"
_NOT_A_CODE = "profession code not well formed"

_PERSON = ["last_name", "first_name", "sex", "profession_code"]
_PRACTICE = [*_PERSON, "site_label", "address_complement", "street", "place", "postcode", "commune_label"]
OUTPUT = (
    "practitioner_id", "sex", "last_name", "first_name", "profession_code", "profession", "particular_practice_code",
    "practice_nature_code", "convention_code", "convention_sector", "contract_option", "carte_vitale", "site_label",
    "address", "address_complement", "postcode", "commune_label", "act_count", "source", "source_row",
)  # fmt: skip


def read_ameli(
    path: Path | str, *, further_paths: Iterable[Path | str] = (), departements: Iterable[str] | None = None
) -> Reading:
    r"""Read an Ameli tariff file: one row per practitioner and address.

    Parameters
    ----------
    path : path
        The CSV file, 33 fields and no header.
    further_paths : iterable of path, optional
        Further parts of it.
    departements : iterable of str, optional
        Keep only the addresses there, by postcode.

    Returns
    -------
    Reading
        ``table``: text columns `OUTPUT` but ``act_count`` and ``source_row`` (first line of the practice).
        ``practitioner_id`` is made from name, sex and profession: homonyms of one profession are one person here.
        ``profession`` is a key of the catalogue, NA for the others. ``ledger``: kept is one line per practice, the
        lines of its other acts are merged.

    Raises
    ------
    MissingFileError, InputError
        If a file does not exist or is empty.
    FileFormatError
        If it does not have 33 fields, or too many lines are broken.
    NoResultError
        If no row is left.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "ameli.csv")
    >>> act = "F;DURAND;ANNE;;;1 RUE DU PORT;;35000;RENNES;;45;;3;c1;N;O;{};" + ";" * 15
    >>> _ = file.write_text(act.format("G__") + "\n" + act.format("V__") + "\n")
    >>> table, ledger = read_ameli(file)
    >>> table["convention_sector"].tolist(), table["act_count"].tolist(), ledger.total("merged")
    (['Secteur 1'], [2], 1)
    """
    asked = require_departements(departements)
    frames, ledger = [], Ledger()
    files = [Path(file) for file in (path, *further_paths)]
    for file, source in zip(files, name_sources("ameli", files), strict=True):
        frame, account = _read_file(file, source, asked)
        frames.append(frame)
        ledger = ledger + account
    import polars as pl

    table = pl.concat(frames)
    if table.height == 0:
        raise NoResultError(
            f"No practice of {path} is left.", expected="at least one row", next_step="Check the départements asked."
        )
    ledger.check()
    return Reading(to_pandas(table), ledger)


def _read_file(path: Path, source: str, departements: tuple[str, ...] | None) -> tuple[pl.DataFrame, Ledger]:
    import polars as pl

    first, _, notes = read_header(path, separator=";")
    _require_layout(path, first)
    accounts = Accounts(source, notes=Counter(notes))
    frames = []
    for sifted in sift(path, separator=";", separators_count=FIELDS_COUNT - 1):
        accounts.add(sifted)
        frame = _parse(sifted).with_columns(pl.Series("source_row", sifted.rows, dtype=pl.Int64))
        named = frame.get_column("last_name").is_not_null()
        frame = accounts.reject(frame, named, _NOT_A_PERSON, is_listed=True)
        sound = frame.get_column("profession_code").str.contains(r"^\d{1,3}$").fill_null(False)
        frame = accounts.reject(frame, sound, _NOT_A_CODE, is_listed=True)
        frame = _clean(frame, accounts)
        if departements is not None:
            prefixes = sorted({prefix for code in departements for prefix in postcode_prefixes(code)})
            inside = frame.get_column("postcode").str.head(3).is_in(prefixes).fill_null(False)
            frame = accounts.reject(frame, inside, OUTSIDE)
        frames.append(frame)
    accounts.refuse_broken(path)
    acts = pl.concat(frames)
    practices = _group(acts).with_columns(pl.lit(accounts.source).alias("source")).select(OUTPUT)
    accounts.kept = practices.height
    accounts.merged[SAME_PRACTICE] = acts.height - practices.height
    return practices, accounts.ledger()


def _require_layout(path: Path, first: list[str]) -> None:
    is_known = (
        len(first) == FIELDS_COUNT and first[0].strip('" ') in {"H", "F", "M", ""} and first[10].strip().isdigit()
    )
    if not is_known:
        raise FileFormatError(
            f"{path} starts with {len(first)} fields separated by ';' ({';'.join(first)[:80]!r}).",
            expected=f"{FIELDS_COUNT} fields and no header: sex, name, address, postcode, city, phone, profession...",
            next_step="Give the tariff file of the Ameli directory, as downloaded.",
        )


def _parse(sifted: Sifted) -> pl.DataFrame:
    import polars as pl

    schema = {f"column_{place + 1}": pl.String for place in range(FIELDS_COUNT)}
    names = {f"column_{place + 1}": ours for place, ours in FIELDS.items()}
    frame = pl.read_csv(
        io.BytesIO(sifted.data), has_header=False, separator=";", quote_char=None, schema=schema, columns=list(names),
        raise_if_empty=False,
    )  # fmt: skip
    if sifted.has_blanks:
        frame = frame.with_columns(pl.all().str.strip_chars().replace("", None))
    return frame.rename(names)


def _clean(frame: pl.DataFrame, accounts: Accounts) -> pl.DataFrame:
    import polars as pl

    short = pl.col("postcode").str.contains(r"^\d{4}$").fill_null(False)
    wrong = ~pl.col("postcode").str.contains(r"^\d{4,5}$").fill_null(True)
    counts = frame.select(short.sum().alias("short"), wrong.sum().alias("wrong")).row(0, named=True)
    accounts.note("postcode got back its leading zero", counts["short"])
    accounts.note("postcode not well formed, left out", counts["wrong"])
    postcode = pl.when(short).then("0" + pl.col("postcode")).when(wrong).then(None).otherwise(pl.col("postcode"))
    return frame.with_columns(postcode.alias("postcode"))


def _group(acts: pl.DataFrame) -> pl.DataFrame:
    """Return one row per practitioner and address; what differs between its acts is left out (NA)."""
    import polars as pl

    details = ["particular_practice_code", "practice_nature_code", "convention_code", "contract_option", "carte_vitale"]
    rows = acts.group_by(_PRACTICE, maintain_order=True).agg(
        *[
            pl.when(pl.col(name).drop_nulls().n_unique() == 1).then(pl.col(name).drop_nulls().first()).alias(name)
            for name in details
        ],
        pl.len().cast(pl.Int64).alias("act_count"),
        pl.col("source_row").min(),
    )
    people = rows.select(_PERSON).unique(maintain_order=True)
    people = people.with_columns(
        pl.Series("practitioner_id", [_person_id(row) for row in people.iter_rows()], pl.String)
    )
    professions = codes_of("ameli_codes")
    code = pl.col("profession_code").str.strip_chars_start("0")
    return rows.join(
        people, on=_PERSON, how="left", nulls_equal=True, validate="m:1", maintain_order="left"
    ).with_columns(
        code.replace_strict(professions, default=None, return_dtype=pl.String).alias("profession"),
        pl.col("convention_code").replace(CONVENTIONS).alias("convention_sector"),
        pl.coalesce("street", "place").alias("address"),
    )


def _person_id(person: tuple[Any, ...]) -> str:
    text = "\x1f".join(value or "" for value in person)
    return f"ameli:{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
