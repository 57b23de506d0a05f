"""The one table of practitioners: practitioner × site × profession, from every registry at hand.

The RPPS says who practises where; FINESS completes the sites that carry its number; Ameli adds the sector of
convention where the same person is surely found in both. Where there is no RPPS, the practitioners come from Ameli,
else from the BPE (points without names). Every file row is kept, merged or rejected with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import InputError, NoResultError
from carto_sante.ledger import Ledger, Reading
from carto_sante.registries._ameli_match import match_conventions
from carto_sante.registries._frames import to_pandas, to_polars
from carto_sante.registries._outcome import Outcome
from carto_sante.registries._selection import select_activities
from carto_sante.registries._sites import NO_ADDRESS, add_site_id, join_finess
from carto_sante.registries.exclusions import exclude_sites, load_exclusions
from carto_sante.registries.professions import DEFAULT_DEFINITION, get_definition, require_professions
from carto_sante.registries.pseudonyms import pseudonymise
from carto_sante.schemas import PRACTITIONERS, check_table
from carto_sante.study import DEFAULT_PROFESSIONS

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

SAME_SITE = "same practitioner, site and profession"
FROM_OTHER_SOURCE = "practitioners come from another registry"
PARTICULAR_PRACTICE = "particular practice (Ameli) outside the definition"

_MODE_RANK = {"liberal": 0, "salaried": 1, "volunteer": 2}


def build_practitioners(
    rpps: Reading | Sequence[Reading] | None = None,
    *,
    facilities: Any = None,
    ameli: Reading | Sequence[Reading] | None = None,
    bpe: Reading | Sequence[Reading] | None = None,
    professions: Iterable[str] = DEFAULT_PROFESSIONS,
    definitions: Mapping[str, str] | None = None,
    exclusions: pd.DataFrame | Path | str | None = None,
    pseudonym_key: str | bytes | None = None,
) -> Reading:
    """Build the table of practitioners.

    Parameters
    ----------
    rpps, ameli, bpe : Reading or sequence of Reading, optional
        From `read_rpps`, `read_ameli`, `read_bpe`; several readings are several parts. Practitioners come from the
        first of them that is given.
    facilities : GeoDataFrame or Reading, optional
        From `read_finess`: completes the sites that carry a FINESS number.
    professions : iterable of str
        Keys of the catalogue; the ten of the Rennes tool by default.
    definitions : mapping of profession to definition, optional
        Named definitions ("liberal", "drees", "widest"); "liberal" for the professions not named.
    exclusions : DataFrame or path, optional
        Sites that do not count (`load_exclusions`); the published list by default.
    pseudonym_key : str or bytes, optional
        Replace names and numbers of people by stable pseudonyms made with this key.

    Returns
    -------
    Reading
        ``table``: `schemas.PRACTITIONERS`, one row per practitioner × site × profession, sorted; ``capacity`` sums to
        1 per practitioner and profession (headcount is the number of distinct ``practitioner_id``). A GeoDataFrame
        when it comes from the BPE. ``ledger``: from file rows to this table; "kept" are the rows that stand in it.

    Raises
    ------
    InputError
        If no registry is given, or one is not a Reading.
    UnknownNameError
        If a profession, a definition or an exclusion is not known or matches nothing.
    NoResultError
        If nobody is left; the message gives the reasons.
    LedgerError
        If a row is unaccounted for.

    Examples
    --------
    >>> from carto_sante.registries.rpps import read_rpps
    >>> rpps = read_rpps("PS_LibreAcces_Personne_activite.txt", departements=["35"])  # doctest: +SKIP
    >>> table, ledger = build_practitioners(rpps, definitions={"gp": "drees"})  # doctest: +SKIP
    """
    asked = require_professions(professions)
    named = dict(definitions or {})
    for name in asked:
        get_definition(name, named.get(name, DEFAULT_DEFINITION))
    sources = {"rpps": _readings(rpps, "rpps"), "ameli": _readings(ameli, "ameli"), "bpe": _readings(bpe, "bpe")}
    if isinstance(facilities, Reading):
        facilities = facilities.table
    given: Any = exclusions
    listed = given if hasattr(given, "columns") else load_exclusions(given)
    if sources["rpps"]:
        table, ledger = _from_rpps(sources["rpps"], facilities, sources["ameli"], asked, named, listed)
    elif sources["ameli"]:
        table, ledger = _from_ameli(sources["ameli"], asked)
    elif sources["bpe"]:
        table, ledger = _from_bpe(sources["bpe"], asked)
    else:
        raise InputError("No registry is given.", expected="at least one of rpps, ameli or bpe")
    if sources["bpe"] and (sources["rpps"] or sources["ameli"]):
        ledger = ledger + _set_aside(sources["bpe"])
    if len(table) == 0:
        reasons = "; ".join(f"{n} {reason}" for (_, kind, reason), n in ledger.counts.items() if kind == "rejected")
        raise NoResultError(
            f"No practitioner is left for {', '.join(asked)} (rejected rows: {reasons or 'none'}).",
            expected="at least one",
            next_step="Check the professions, the definitions and the département of the file.",
        )
    ledger.check()
    if pseudonym_key is not None:
        table = pseudonymise(table, key=pseudonym_key)
    check_table(table, PRACTITIONERS, unique_key=False)  # one row per key by construction, and tested
    return Reading(table, ledger)


def _readings(value: Reading | Sequence[Reading] | None, name: str) -> list[Reading]:
    items = [] if value is None else [value] if isinstance(value, Reading) else list(value)
    if not all(isinstance(item, Reading) for item in items):
        raise InputError(
            f"{name} is a {type(value).__name__}.",
            expected=f"what registries.{name}.read_{name} returns (table and ledger), or a list of them",
        )
    return items


def _from_rpps(
    readings: list[Reading],
    facilities: Any,
    ameli: list[Reading],
    professions: list[str],
    definitions: dict[str, str],
    exclusions: pd.DataFrame,
) -> tuple[pd.DataFrame, Ledger]:
    import polars as pl

    rows = pl.concat([to_polars(reading.table) for reading in readings]).with_row_index("row")
    outcome = Outcome(rows.select("source", "source_row"))
    activities, others = select_activities(rows, professions=professions, definitions=definitions)
    activities, notes = join_finess(activities, facilities)
    outcome.note(notes)
    activities, excluded = exclude_sites(activities, exclusions, among=rows)
    outcome.reject(excluded)
    activities = add_site_id(activities)
    placed = pl.col("site_id").is_not_null()
    outcome.reject(activities.filter(~placed).select("row", pl.lit(NO_ADDRESS).alias("reason")))
    activities = activities.filter(placed)
    ameli_ledger = Ledger()
    activities = activities.with_columns(pl.lit(None, dtype=pl.String).alias("convention_sector"))
    if ameli:
        activities, ameli_ledger, particular = match_conventions(activities, ameli)
        activities, gone = _drop_particular(activities, particular, definitions)
        outcome.reject(gone)
    table = _one_row_per_site(activities)
    outcome.keep(table.get_column("row"))
    outcome.merge(activities.get_column("row"), SAME_SITE)
    for rejected in others:
        outcome.reject(rejected)
    double = table.group_by("practitioner_id").agg(pl.col("profession").n_unique())
    outcome.note({"practitioners counted in two professions": int((double.get_column("profession") > 1).sum())})
    ledger = outcome.ledger(sum((reading.ledger for reading in readings), Ledger()))
    return to_pandas(table.select(list(PRACTITIONERS.columns))), ledger + ameli_ledger


def _drop_particular(
    activities: pl.DataFrame, particular: pl.DataFrame, definitions: dict[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Reject the practitioners whose particular practice (Ameli) is outside the definition of their profession."""
    import polars as pl

    gone = []
    for name in activities.get_column("profession").unique().sort().to_list():
        codes = get_definition(name, definitions.get(name, DEFAULT_DEFINITION)).excluded_ameli_practices
        if not codes:
            continue
        mine = particular.filter(pl.col("profession") == name)
        if "*" not in codes:
            mine = mine.filter(pl.col("particular_practice_code").is_in(list(codes)))
        gone.append(activities.join(mine, on=["practitioner_id", "profession"], how="semi").select("row", "profession"))
    if not gone:
        return activities, pl.DataFrame(schema={"row": pl.UInt32, "reason": pl.String})
    lost = pl.concat(gone)
    stays = activities.join(lost, on=["row", "profession"], how="anti", maintain_order="left")
    return stays, lost.select("row", pl.lit(PARTICULAR_PRACTICE).alias("reason"))


def _one_row_per_site(activities: pl.DataFrame) -> pl.DataFrame:
    """Return one row per practitioner, site and profession, and the capacity split evenly over the sites.

    Which of several rows stands for the site depends on their content, never on their order in the file.
    """
    import polars as pl

    keys = ["practitioner_id", "profession", "site_id"]
    rank = pl.col("practice_mode").replace_strict(_MODE_RANK, default=3, return_dtype=pl.Int8).alias("_rank")
    by = [
        *keys, "_rank", "sector_code", "siret", "site_label", "address", "postcode", "finess_et_id", "source",
        "source_row",
    ]  # fmt: skip
    is_alone = activities.select(pl.struct(keys).is_unique()).to_series()
    several = activities.filter(~is_alone).with_columns(rank).sort(by, nulls_last=True)
    several = several.unique(keys, keep="first", maintain_order=True).drop("_rank")
    first = (
        pl.concat([activities.filter(is_alone), several])
        .sort(keys)
        .with_columns((1.0 / pl.len().over("practitioner_id", "profession")).alias("capacity"))
    )
    is_rpps = pl.col("practitioner_id").str.contains(r"^8\d{11}$")
    name = pl.concat_str([pl.col("first_name"), pl.col("last_name")], separator=" ", ignore_nulls=True)
    return first.with_columns(
        pl.when(is_rpps).then(pl.col("practitioner_id").str.slice(1)).otherwise(None).alias("rpps_id"),
        pl.when(name != "").then(name).otherwise(None).alias("practitioner_label"),
    )


def _from_ameli(readings: list[Reading], professions: list[str]) -> tuple[pd.DataFrame, Ledger]:
    """Return the practitioners of Ameli files, one row per practitioner and address."""
    import polars as pl

    rows = pl.concat([to_polars(reading.table) for reading in readings]).with_row_index("row")
    outcome = Outcome(rows.select("source", "source_row"))
    asked = pl.col("profession").is_in(professions).fill_null(False)
    outcome.reject(rows.filter(~asked).select("row", pl.lit("profession not asked").alias("reason")))
    activities = rows.filter(asked).with_columns(
        pl.lit("liberal").alias("practice_mode"),
        *[
            pl.lit(None, dtype=pl.String).alias(name)
            for name in ("sector_code", "sector_label", "finess_et_id", "siret", "commune_code")
        ],
    )
    activities = add_site_id(activities)
    placed = pl.col("site_id").is_not_null()
    outcome.reject(activities.filter(~placed).select("row", pl.lit(NO_ADDRESS).alias("reason")))
    table = _one_row_per_site(activities.filter(placed))
    outcome.keep(table.get_column("row"))
    outcome.merge(activities.filter(placed).get_column("row"), SAME_SITE)
    ledger = outcome.ledger(sum((reading.ledger for reading in readings), Ledger()))
    return to_pandas(table.select(list(PRACTITIONERS.columns))), ledger


def _from_bpe(readings: list[Reading], professions: list[str]) -> tuple[Any, Ledger]:
    from carto_sante.registries.bpe import to_practitioners

    parts = [to_practitioners(reading, professions=professions) for reading in readings]
    if len(parts) == 1:
        return parts[0].table, parts[0].ledger
    import pandas as pd

    table = pd.concat([part.table.to_crs(parts[0].table.crs) for part in parts], ignore_index=True)
    return table, sum((part.ledger for part in parts), Ledger())


def _set_aside(readings: list[Reading]) -> Ledger:
    """Return the ledger of readings whose rows make no practitioner here."""
    total = sum((reading.ledger for reading in readings), Ledger())
    counts: Counter[tuple[str, str, str]] = Counter()
    for (source, outcome, reason), number in total.counts.items():
        is_kept = outcome == "kept"
        counts[source, "rejected" if is_kept else outcome, FROM_OTHER_SOURCE if is_kept else reason] += number
    return Ledger(total.rows_read, dict(counts), total.listed, total.notes)
