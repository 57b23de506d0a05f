"""Where an activity takes place: one key per site, shared by everyone who practises there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carto_sante.registries._frames import to_polars

if TYPE_CHECKING:
    import polars as pl

#: What a site takes from FINESS when the RPPS row lacks it.
_FROM_FINESS = ("site_label", "address", "postcode", "commune_code", "commune_label", "siret")

NO_ADDRESS = "no practice address: cannot be placed"


def plain_key(text: Any) -> Any:
    """Return a polars expression of text in capitals without accents or punctuation, to compare addresses."""
    return (
        text.str.normalize("NFKD")
        .str.replace_all(r"[^\x00-\x7F]", "")
        .str.to_uppercase()
        .str.replace_all(r"[^A-Z0-9]+", " ")
        .str.strip_chars()
    )


def join_finess(rows: pl.DataFrame, facilities: Any) -> tuple[pl.DataFrame, dict[str, int]]:
    """Complete rows that carry a FINESS site number with the name and address that FINESS has for it.

    Parameters
    ----------
    rows : polars DataFrame
        With ``finess_et_id`` and the columns of an address.
    facilities : GeoDataFrame or None
        Table FACILITIES.

    Returns
    -------
    tuple of DataFrame and dict
        The rows, and how many were joined or not found.
    """
    import polars as pl

    if facilities is None or len(facilities) == 0:
        return rows, {}
    names = {"facility_label": "site_label"}
    known = to_polars(facilities.drop(columns="geometry", errors="ignore")).rename(names)
    wanted = [name for name in _FROM_FINESS if name in known.columns]
    known = (
        known.filter(pl.col("finess_et_id").is_not_null())
        .select("finess_et_id", *wanted)
        .unique("finess_et_id", keep="first", maintain_order=True)
        .rename({name: f"_{name}" for name in wanted})
        .with_columns(pl.lit(True).alias("_is_known"))
    )
    joined = rows.join(known, on="finess_et_id", how="left", validate="m:1", maintain_order="left")
    given = joined.get_column("finess_et_id").is_not_null()
    found = joined.get_column("_is_known").fill_null(False)
    # The address is taken as a whole or not at all: half of one and half of another is nowhere.
    lacks_address = pl.col("address").is_null() & pl.col("_is_known").fill_null(False)
    place = [name for name in ("address", "postcode", "commune_code", "commune_label") if name in wanted]
    completed = joined.with_columns(
        [
            pl.when(lacks_address).then(pl.coalesce(f"_{n}", n)).otherwise(pl.coalesce(n, f"_{n}")).alias(n)
            for n in place
        ]
        + [pl.coalesce(n, f"_{n}").alias(n) for n in wanted if n not in place]
    ).drop([f"_{name}" for name in wanted] + ["_is_known"])
    notes = {
        "site numbers found in FINESS": int(found.sum()),
        "site numbers not found in FINESS": int((given & ~found).sum()),
    }
    return completed, {note: number for note, number in notes.items() if number}


def add_site_id(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with ``site_id``: FINESS number, else address, else SIRET, else commune; NA where nowhere.

    Two structures at one address are one site: a practitioner who changed legal form did not move.
    """
    import polars as pl

    town = pl.coalesce(pl.col("commune_code"), pl.col("postcode"))
    street = plain_key(pl.col("address"))
    placed = town.is_not_null()
    keys = [
        pl.when(pl.col("finess_et_id").is_not_null() & placed).then("finess:" + pl.col("finess_et_id")),
        pl.when(placed & street.is_not_null() & (street != "")).then("address:" + town + ":" + street),
        pl.when(placed & pl.col("siret").is_not_null()).then("siret:" + pl.col("siret")),
        pl.when(placed).then("commune:" + town),
    ]
    return rows.with_columns(pl.coalesce(keys).alias("site_id"))
