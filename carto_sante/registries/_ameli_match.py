"""The sector of convention of practitioners of the RPPS, from Ameli, where the match is sure.

Sure means: the same last name, first name and profession in the same place (postcode, else commune name), one person
on each side. Anything else is counted and left unknown: a wrong sector is worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carto_sante.ledger import Ledger, Reading
from carto_sante.registries._frames import to_polars
from carto_sante.registries._sites import plain_key

if TYPE_CHECKING:
    import polars as pl

JOINED = "joined to the RPPS for its convention sector"
NO_MATCH = "no sure match in the RPPS (name, profession and commune)"

_NAMES = ["_last", "_first", "profession"]


def match_conventions(activities: pl.DataFrame, readings: list[Reading]) -> tuple[pl.DataFrame, Ledger, pl.DataFrame]:
    """Give practitioners the convention sector that Ameli has for them.

    Parameters
    ----------
    activities : polars DataFrame
        RPPS activities with ``profession`` and ``convention_sector``.
    readings : list of Reading
        From `read_ameli`.

    Returns
    -------
    tuple
        The activities; the ledger of the Ameli files (lines kept become merged or rejected); and
        ``practitioner_id``, ``profession``, ``particular_practice_code`` of those with a particular practice.
    """
    import polars as pl

    rows = pl.concat([to_polars(reading.table) for reading in readings]).with_row_index("_row")
    rows = _with_names(rows).filter(pl.col("profession").is_not_null())
    people = _with_names(activities)
    pairs = _sure_pairs(people, rows)
    sectors = (
        pairs.join(rows.select("_row", "convention_sector", "particular_practice_code"), on="_row")
        .group_by("practitioner_id", "profession")
        .agg(
            _only("convention_sector").alias("_sector"),
            pl.col("particular_practice_code").drop_nulls().sort().first().alias("particular_practice_code"),
        )
    )
    matched = activities.join(
        sectors, on=["practitioner_id", "profession"], how="left", validate="m:1", maintain_order="left"
    ).with_columns(pl.coalesce("_sector", "convention_sector").alias("convention_sector"))
    particular = sectors.filter(pl.col("particular_practice_code").is_not_null())
    used = pairs.select("_row").unique()
    ledger = _ledger(readings, used)
    source = min(ledger.rows_read)
    is_matched = pl.col("convention_sector").is_not_null()
    persons = matched.select("practitioner_id", "profession", "convention_sector").unique(
        ["practitioner_id", "profession"]
    )
    notes = {
        (source, "practitioners of the RPPS given a convention sector"): persons.filter(is_matched).height,
        (source, "practitioners of the RPPS without a sure match"): persons.filter(~is_matched).height,
    }
    columns = ["practitioner_id", "profession", "particular_practice_code"]
    return (
        matched.drop("_sector", "particular_practice_code"),
        ledger + Ledger(notes=notes),
        particular.select(columns),
    )


def _with_names(table: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    town = plain_key(pl.col("commune_label").str.replace(r"(?i) CEDEX.*$", ""))
    town = town.str.replace_all(r"\bST\b", "SAINT").str.replace_all(r"\bSTE\b", "SAINTE")
    return table.with_columns(
        plain_key(pl.col("last_name")).alias("_last"),
        plain_key(pl.col("first_name")).alias("_first"),
        town.str.replace(r" \d+(E|ER|EME)?( ARRONDISSEMENT)?$", "").alias("_town"),
    )


def _sure_pairs(people: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``practitioner_id``, ``profession`` and the Ameli rows (``_row``) of the same person."""
    import polars as pl

    found = []
    for place in ("postcode", "_town"):
        keys = [*_NAMES, place]
        given = pl.all_horizontal([pl.col(key).is_not_null() & (pl.col(key) != "") for key in keys])
        ours = people.filter(given).select(*keys, "practitioner_id").unique()
        ours = ours.filter(pl.len().over(keys) == 1)
        theirs = rows.filter(given).select(*keys, "_row", pl.col("practitioner_id").alias("_person"))
        theirs = theirs.filter(pl.col("_person").n_unique().over(keys) == 1)
        found.append(theirs.join(ours, on=keys, how="inner").select("practitioner_id", "profession", "_row"))
    pairs = pl.concat(found).unique()
    # A row claimed by two persons (one by postcode, another by name of commune) is sure for neither.
    return pairs.filter(pl.col("practitioner_id").n_unique().over("_row") == 1)


def _only(name: str) -> Any:
    """Return the only value of a column, or null where there are several."""
    import polars as pl

    values = pl.col(name).drop_nulls()
    return pl.when(values.n_unique() == 1).then(values.first())


def _ledger(readings: list[Reading], used: pl.DataFrame) -> Ledger:
    """Return the readers' ledger, each practice kept told by whether it was joined."""
    import polars as pl

    total = sum((reading.ledger for reading in readings), Ledger())
    tables = [to_polars(reading.table[["source", "source_row"]]) for reading in readings]
    told = pl.concat(tables).with_row_index("_row")
    is_used = told.join(used, on="_row", how="semi").group_by("source").len()
    joined = dict(is_used.iter_rows())
    counts = {key: number for key, number in total.counts.items() if key[1] != "kept"}
    for source, number in told.group_by("source").len().sort("source").iter_rows():
        one = {(source, "merged", JOINED): joined.get(source, 0)}
        one[source, "rejected", NO_MATCH] = number - joined.get(source, 0)
        counts |= {key: value for key, value in one.items() if value}
    return Ledger(total.rows_read, counts, total.listed, total.notes)
