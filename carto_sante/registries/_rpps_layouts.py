"""The columns of the RPPS libre accès, by vintage, and how they are cleaned.

Sources: headers of the 2018-2021 and 2025-2026 extractions; ANS, "Nouveaux fichiers d'extraction des données en
libre accès" (V1.2) and "DSFT des extractions" (V300), where the savoir-faire have their own file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import FileFormatError, join_problems
from carto_sante.registries.encoding import DESTROYED, plain

if TYPE_CHECKING:
    import polars as pl

#: Our name of each column, and the names it had, as `encoding.plain` writes them.
COLUMNS: dict[str, tuple[str, ...]] = {
    "practitioner_id": ("identification nationale pp",),
    "rpps_id": ("identifiant pp",),
    "last_name": ("nom d'exercice",),
    "first_name": ("prenom d'exercice",),
    "profession_code": ("code profession",),
    "professional_category_code": ("code categorie professionnelle",),
    "savoir_faire_codes": ("code savoir-faire",),
    "practice_mode_code": ("code mode exercice",),
    "siret": ("numero siret site",),
    "finess_et_id": ("numero finess site",),
    "structure_id": ("identifiant technique de la structure",),
    "structure_label": ("raison sociale site",),
    "structure_sign": ("enseigne commerciale site",),
    "address_recipient": ("complement destinataire (coord. structure)",),
    "address_place": ("complement point geographique (coord. structure)",),
    "street_number": ("numero voie (coord. structure)",),
    "street_repetition": ("indice repetition voie (coord. structure)",),
    "street_type_code": ("code type de voie (coord. structure)",),
    "street_type_label": ("libelle type de voie (coord. structure)",),
    "street_name": ("libelle voie (coord. structure)",),
    "distribution": ("mention distribution (coord. structure)",),
    "routing_label": ("bureau cedex (coord. structure)",),
    "postcode": ("code postal (coord. structure)",),
    "commune_code": ("code commune (coord. structure)",),
    "commune_label": ("libelle commune (coord. structure)",),
    "sector_code": ("code secteur d'activite",),
    "sector_label": ("libelle secteur d'activite",),
    "function_code": ("code fonction",),
    "activity_kind_code": ("code genre d'activite",),
}

#: Columns that came with the 2025 vintage, or that a reduced copy may lack.
OPTIONAL = {
    "structure_sign", "address_recipient", "address_place", "street_repetition", "street_type_code", "distribution",
    "function_code", "activity_kind_code",
}  # fmt: skip

#: Columns of the table that `read_rpps` returns, in order.
OUTPUT = (
    "practitioner_id", "rpps_id", "last_name", "first_name", "profession_code", "professional_category_code",
    "savoir_faire_codes", "practice_mode_code", "sector_code", "sector_label", "function_code", "activity_kind_code",
    "siret", "finess_et_id", "structure_id", "site_label", "address", "address_complement", "postcode",
    "commune_code", "commune_label", "source", "source_row",
)  # fmt: skip

#: Codes with their form; a value of another form is left out (NA) and counted.
CODE_FORMS = {
    "commune_code": r"^(?:\d{2}|2A|2B)\d{3}$",
    "postcode": r"^\d{5}$",
    "siret": r"^\d{14}$",
    "finess_et_id": r"^\d[\dAB]\d{7}$",
    "professional_category_code": r"^[A-Z]$",
    "practice_mode_code": r"^[A-Z]$",
    "sector_code": r"^SA\d{2}$",
    "savoir_faire_codes": r"^[A-Z]{1,5}\d{1,4}$",
    "function_code": r"^FON-\w{2,3}$",
    "activity_kind_code": r"^GENR\d{2}$",
}
PRACTITIONER_FORM = r"^[0-9A-Z]{9,13}$"
PROFESSION_FORM = r"^\d{2,3}$"

#: Codes whose lost leading zero is sure to be a zero, with their length.
ZERO_FILLED = {"commune_code": 5, "postcode": 5, "finess_et_id": 9}


def match_columns(
    header: Sequence[str], *, wanted: dict[str, tuple[str, ...]], optional: set[str], path: Path, what: str
) -> dict[str, int]:
    """Return the place of each of our columns in a header, whatever its case and accents.

    Raises
    ------
    FileFormatError
        Listing every required column that is missing, and what was found.
    """
    names = [plain(name) for name in header]
    places: dict[str, int] = {}
    for ours, known in wanted.items():
        place = next((number for number, name in enumerate(names) if _same_name(name, known)), None)
        if place is not None:
            places[ours] = place
    missing = [f"{wanted[name][0]} (our {name})" for name in wanted if name not in places and name not in optional]
    if missing:
        found = ", ".join(name for name in header if name)[:400] or "nothing"
        raise FileFormatError(
            f"{path} lacks {len(missing)} columns of {what}:\n{join_problems(missing)}\nFound: {found}.",
            expected=f"the header of {what}, separated by |",
            next_step="Check that it is the file announced, not cut and not re-saved with another separator.",
        )
    return places


def _same_name(name: str, known: tuple[str, ...]) -> bool:
    if DESTROYED in name:
        pattern = re.escape(name).replace(re.escape(DESTROYED), ".")
        return any(re.fullmatch(pattern, other) for other in known)
    return name in known


def clean(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return parsed rows with codes checked and the address on one line; and the notes (repair to rows)."""
    import polars as pl

    notes: dict[str, int] = {}
    repairs: list[Any] = []
    for name, length in ZERO_FILLED.items():
        if name in frame.columns:
            short = pl.col(name).str.len_bytes() == length - 1
            repairs.append((f"{name} got back its leading zero", short & pl.col(name).str.contains(r"^\d+$"), name))
    counts = frame.select([condition.sum().alias(note) for note, condition, _ in repairs]).row(0, named=True)
    frame = frame.with_columns(
        [
            pl.when(condition).then("0" + pl.col(name)).otherwise(pl.col(name)).alias(name)
            for note, condition, name in repairs
            if counts[note]
        ]
    )
    wrong = {
        f"{name} not well formed, left out": ~pl.col(name).str.contains(form)
        for name, form in CODE_FORMS.items()
        if name in frame.columns
    }
    bad = frame.select([condition.sum().alias(note) for note, condition in wrong.items()]).row(0, named=True)
    frame = frame.with_columns(
        [
            pl.when(condition).then(None).otherwise(pl.col(note.split()[0])).alias(note.split()[0])
            for note, condition in wrong.items()
            if bad[note]
        ]
    )
    notes = {note: int(number) for note, number in {**counts, **bad}.items() if number}
    return frame.with_columns(_address(), _site_label(), _complement(), _commune_label()), notes


def _address() -> Any:
    """Return one line: number, repetition, type and name of the street; else the place."""
    import polars as pl

    kind = pl.coalesce(pl.col("street_type_label").str.to_uppercase(), pl.col("street_type_code"))
    street = pl.concat_str(
        [pl.col("street_number"), pl.col("street_repetition"), kind, pl.col("street_name")],
        separator=" ",
        ignore_nulls=True,
    )
    return (
        pl.when(pl.col("street_name").is_not_null())
        .then(street)
        .otherwise(pl.coalesce(pl.col("address_place"), pl.col("distribution")))
        .alias("address")
    )


def _complement() -> Any:
    import polars as pl

    parts = [pl.col("address_recipient"), pl.col("address_place"), pl.col("distribution")]
    text = pl.concat_str(parts, separator=" ", ignore_nulls=True)
    return pl.when(text != "").then(text).otherwise(None).alias("address_complement")


def _site_label() -> Any:
    import polars as pl

    return pl.coalesce(pl.col("structure_sign"), pl.col("structure_label")).alias("site_label")


def _commune_label() -> Any:
    import polars as pl

    routed = pl.col("routing_label").str.replace(r"^\d{5} *", "").str.replace(r" CEDEX.*$", "")
    return pl.coalesce(pl.col("commune_label"), routed).alias("commune_label")
