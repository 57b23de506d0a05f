"""Which activities of the RPPS count, for which profession, and why the others do not.

Works on the RPPS table as polars; every row ends with its professions, or with the reason of its rejection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from carto_sante.registries.professions import (
    ANY_SECTOR,
    DEFAULT_DEFINITION,
    NO_SAVOIR_FAIRE,
    NO_SECTOR,
    PRACTICE_MODES,
    Definition,
    get_definition,
    load_activity_rules,
    load_catalogue,
)

if TYPE_CHECKING:
    import polars as pl

_DECIDING = (
    "row", "practitioner_id", "profession_code", "savoir_faire_codes", "practice_mode_code", "sector_code",
    "professional_category_code", "function_code", "activity_kind_code",
)  # fmt: skip

PROFESSION_NOT_ASKED = "profession not asked"
SPECIALTY_NOT_ASKED = "specialty not asked"
NO_MODE = "practice mode not given"


def outside_definition(definition: Definition) -> str:
    """Return the reason of the rows outside a definition."""
    return f"mode or sector outside the definition {definition.definition!r}"


def select_activities(
    rows: pl.DataFrame, *, professions: Iterable[str], definitions: Mapping[str, str]
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Split rows into activities that count and rows that do not.

    Parameters
    ----------
    rows : polars DataFrame
        The RPPS table, with ``row`` the number of the row from 0.
    professions : iterable of str
        Keys of the catalogue.
    definitions : mapping of profession to definition
        The default one for those not named.

    Returns
    -------
    tuple of DataFrame and list of DataFrame
        Activities with ``profession`` and ``practice_mode`` (a row of a doctor with two specialties asked comes
        twice); and ``row``, ``reason`` of the rows rejected, the strongest reason first, the last one for every row.
    """
    import polars as pl

    # Decided on the few columns that decide; the others are gathered at the end, for the rows that count.
    deciding = rows.select(*_DECIDING)
    kept, rejected = [], []
    rule = _rule_reason().alias("_rule")
    for name in professions:
        mine = _of_profession(deciding, name).with_columns(rule)
        definition = get_definition(name, definitions.get(name, DEFAULT_DEFINITION))
        mine = mine.select("row", pl.coalesce(pl.col("_rule"), _definition_reason(definition)).alias("reason"))
        kept.append(mine.filter(pl.col("reason").is_null()).select("row", pl.lit(name).alias("profession")))
        rejected.append(mine.filter(pl.col("reason").is_not_null()))
    chosen = pl.concat(kept)
    activities = rows[chosen.get_column("row")].with_columns(chosen.get_column("profession"), _practice_mode())
    doctors = pl.col("profession_code").is_in(_doctor_codes(professions))
    reason = pl.when(doctors).then(pl.lit(SPECIALTY_NOT_ASKED)).otherwise(pl.lit(PROFESSION_NOT_ASKED))
    others = deciding.select("row", reason.alias("reason"))
    return activities, [*rejected, others]


def _doctor_codes(professions: Iterable[str]) -> list[str]:
    catalogue = load_catalogue().loc[list(professions)]
    return sorted(set(catalogue.loc[catalogue["rpps_savoir_faire_codes"] != "", "rpps_profession_code"]))


def _of_profession(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the rows of a profession; a doctor's specialty holds for all the activities of the doctor."""
    import polars as pl

    catalogue = load_catalogue()
    code = str(catalogue.at[name, "rpps_profession_code"])
    mine = rows.filter(pl.col("profession_code") == code)
    codes = str(catalogue.at[name, "rpps_savoir_faire_codes"]).split()
    if not codes:
        return mine
    if codes == [NO_SAVOIR_FAIRE]:
        having = mine.filter(pl.col("savoir_faire_codes").is_not_null()).select("practitioner_id")
        return mine.join(having, on="practitioner_id", how="anti", maintain_order="left")
    pattern = rf"\b(?:{'|'.join(codes)})\b"
    having = mine.filter(pl.col("savoir_faire_codes").str.contains(pattern).fill_null(False)).select("practitioner_id")
    return mine.join(having, on="practitioner_id", how="semi", maintain_order="left")


def _rule_reason() -> Any:
    """Return the reason of the first rule that an activity falls under, or null."""
    import polars as pl

    conditions = [
        pl.when(pl.col(str(column)).is_in(group["code"].tolist()).fill_null(False)).then(pl.lit(str(reason)))
        for (column, reason), group in load_activity_rules().groupby(["field", "reason"], sort=False)
    ]
    return pl.coalesce(conditions)


def _definition_reason(definition: Definition) -> Any:
    import polars as pl

    sector = pl.col("sector_code").fill_null(NO_SECTOR)
    allowed = pl.lit(False)
    for code, mode in PRACTICE_MODES.items():
        sectors = definition.sectors[mode]
        if not sectors:
            continue
        here = pl.lit(True) if ANY_SECTOR in sectors else sector.is_in(list(sectors))
        allowed = allowed | ((pl.col("practice_mode_code") == code).fill_null(False) & here)
    if all(ANY_SECTOR in sectors for sectors in definition.sectors.values()):
        allowed = pl.lit(True)
    given = pl.col("practice_mode_code").is_not_null()
    return (
        pl.when(allowed)
        .then(pl.lit(None, dtype=pl.String))
        .when(given)
        .then(pl.lit(outside_definition(definition)))
        .otherwise(pl.lit(NO_MODE))
    )


def _practice_mode() -> Any:
    import polars as pl

    mode = pl.col("practice_mode_code").replace_strict(PRACTICE_MODES, default=None, return_dtype=pl.String)
    return mode.alias("practice_mode")
