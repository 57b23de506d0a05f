"""RPPS libre accès: one row per practitioner × activity, from the national file to a clean table.

Layouts: ``PS_LibreAcces_Personne_activite`` of 2018-2021 and of 2025-2026, and the announced one, where the
savoir-faire (specialties) stand in ``PS_LibreAcces_SavoirFaire``. The file has no quoting, ends every line with a
separator and carries neither coordinates nor birth dates. Licence Ouverte 2.0, Agence du numérique en santé.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import FileFormatError, NoResultError
from carto_sante.ledger import Ledger, Reading
from carto_sante.registries import _rpps_layouts as layouts
from carto_sante.registries._accounts import Accounts, name_sources
from carto_sante.registries._frames import to_pandas
from carto_sante.registries._lines import Sifted, read_header, sift
from carto_sante.registries._study_area import (
    OUTSIDE,
    departements_of,
    postcode_prefixes,
    require_communes,
    require_departements,
    select_by_departement,
)
from carto_sante.registries.professions import load_catalogue, require_professions

if TYPE_CHECKING:
    import polars as pl

NOT_A_PRACTITIONER = "practitioner identifier not well formed"
NOT_A_PROFESSION = "profession code not well formed"
OTHER_PROFESSION = "profession not asked"
COMMUNE_FOUND = "commune_code found from postcode and commune name"

#: A commune is taken from a postcode and a name when at least this share of the practitioners there have it.
SURE_COMMUNE_SHARE = 0.95


@dataclass(frozen=True)
class _Layout:
    """Where the columns are, and what every line must have."""

    path: Path
    places: dict[str, int]
    separators_count: int
    header_bytes: int
    notes: dict[str, int]


def read_rpps(
    path: Path | str,
    *,
    further_paths: Sequence[Path | str] = (),
    savoir_faire_path: Path | str | None = None,
    departements: Iterable[str] | None = None,
    communes: Iterable[str] | None = None,
    professions: Iterable[str] | None = None,
) -> Reading:
    r"""Read an RPPS libre accès file, of any vintage.

    Parameters
    ----------
    path : path
        ``PS_LibreAcces_Personne_activite_*.txt``.
    further_paths : sequence of path
        Further parts of the same file, or its savoir-faire file: each is recognised by its header.
    savoir_faire_path : path, optional
        ``PS_LibreAcces_SavoirFaire_*.txt``, needed where the activities do not carry the savoir-faire.
    departements : iterable of str, optional
        Keep only the activities there ("35", "2A", "974"), by commune, or by postcode where the commune is missing.
    communes : iterable of str, optional
        Keep only the activities in these communes (INSEE codes); Paris, Lyon and Marseille take their arrondissements.
    professions : iterable of str, optional
        Keep only these keys of the catalogue (by RPPS profession code: all doctors for "gp").

    Returns
    -------
    Reading
        ``table``: one row per file row kept, columns `_rpps_layouts.OUTPUT`, text except ``source_row``.
        ``practitioner_id`` is the national identifier (type and number), ``savoir_faire_codes`` are separated by
        spaces, ``address`` is one line close to the registry's writing. ``ledger``: the rows outside the study
        count as rejected.

    Raises
    ------
    MissingFileError, InputError
        If a file does not exist or is empty.
    FileFormatError
        If a required column is missing (missing and found are listed), if the savoir-faire are nowhere, or if more
        than a fifth of the lines cannot be split.
    NoResultError
        If no row is left.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from carto_sante.registries._rpps_layouts import COLUMNS
    >>> row = {"practitioner_id": "810000000001", "profession_code": "60", "commune_code": "35238", "postcode": "35000"}
    >>> file = pathlib.Path(tempfile.mkdtemp(), "PS_LibreAcces_Personne_activite.txt")
    >>> header = "|".join(names[0] for names in COLUMNS.values()) + "|"
    >>> _ = file.write_text(header + "\n" + "|".join(row.get(name, "") for name in COLUMNS) + "|\n")
    >>> table, ledger = read_rpps(file, departements=["35"])
    >>> table["commune_code"].tolist(), ledger.total("kept")
    (['35238'], 1)
    """
    area = _Area.of(departements, communes)
    codes = _profession_codes(professions)
    activities, skills = _sort_paths([path, *further_paths], savoir_faire_path)
    frames, accounts = [], []
    for file, source in zip(activities, name_sources("rpps", activities), strict=True):
        frame, account = _read_activities(file, source, area, codes, has_skills=bool(skills))
        frames.append(frame)
        accounts.append(account)
    table = _place(_concat(frames), area, accounts)  # over all parts: a part alone may not know a commune
    ledger = sum((account.ledger() for account in accounts), Ledger())
    if skills:
        found = [_read_skills(file, source) for file, source in zip(skills, name_sources("rpps", skills), strict=True)]
        ledger = sum((account for _, account in found), ledger)
        table = _join_skills(table, _polars().concat([rows for rows, _ in found]))
    if table.height == 0:
        wanted = ", ".join(area.departements or ()) or "the whole file"
        raise NoResultError(
            f"No activity of {', '.join(str(file) for file in activities)} is left for {wanted}.",
            expected="at least one row of the study",
            next_step="Check the départements, communes and professions asked: "
            + "; ".join(f"{number} rows {reason}" for (_, _, reason), number in ledger.counts.items()),
        )
    ledger.check()
    return Reading(to_pandas(table.select(layouts.OUTPUT)), ledger)


@dataclass(frozen=True)
class _Area:
    """The part of the country asked."""

    departements: tuple[str, ...] | None
    communes: frozenset[str] | None

    @classmethod
    def of(cls, departements: Iterable[str] | None, communes: Iterable[str] | None) -> _Area:
        wanted = require_communes(communes)
        asked = require_departements(departements)
        if wanted is not None and asked is None:
            asked = departements_of(wanted)
        return cls(asked, wanted)


def _profession_codes(professions: Iterable[str] | None) -> list[str] | None:
    if professions is None:
        return None
    catalogue = load_catalogue()
    return sorted({str(catalogue.loc[name, "rpps_profession_code"]) for name in require_professions(professions)})


def _sort_paths(paths: Sequence[Path | str], savoir_faire_path: Path | str | None) -> tuple[list[Path], list[Path]]:
    """Tell the files of activities from those of savoir-faire, by their headers."""
    skills = [] if savoir_faire_path is None else [Path(savoir_faire_path)]
    activities: list[Path] = []
    for number, path in enumerate(map(Path, paths)):
        header, _, _ = read_header(path, separator="|")
        names = {name.casefold().strip() for name in header}
        is_skills = number > 0 and any("savoir-faire" in name for name in names) and len(header) < 25
        (skills if is_skills else activities).append(path)
    return activities, skills


def _layout(path: Path, wanted: dict[str, tuple[str, ...]], optional: set[str], what: str) -> _Layout:
    header, size, notes = read_header(path, separator="|")
    places = layouts.match_columns(header, wanted=wanted, optional=optional, path=path, what=what)
    return _Layout(path, places, len(header) - 1, size, notes)


def _parse(sifted: Sifted, layout: _Layout) -> pl.DataFrame:
    import polars as pl

    # The whole schema is given: inferred from the first line, a damaged one would decide for all.
    schema = {f"column_{place + 1}": pl.String for place in range(layout.separators_count + 1)}
    names = {f"column_{place + 1}": ours for ours, place in layout.places.items()}
    frame = pl.read_csv(
        io.BytesIO(sifted.data),
        has_header=False,
        separator="|",
        quote_char=None,
        schema=schema,
        columns=[name for name in schema if name in names],
        raise_if_empty=False,
    )
    if sifted.has_blanks:
        frame = frame.with_columns(pl.all().str.strip_chars().replace("", None))
    return frame.rename(names).with_columns(pl.Series("source_row", sifted.rows, dtype=pl.Int64))


def _read_activities(
    path: Path, source: str, area: _Area, codes: list[str] | None, *, has_skills: bool
) -> tuple[pl.DataFrame, Accounts]:
    import polars as pl

    optional = layouts.OPTIONAL | ({"savoir_faire_codes"} if has_skills else set())
    try:
        layout = _layout(path, layouts.COLUMNS, optional, "PS_LibreAcces_Personne_activite")
    except FileFormatError as error:
        if "savoir_faire_codes" in str(error) and str(error).count("(our ") == 1:
            raise FileFormatError(
                f"{path} does not carry the savoir-faire (specialties) of the practitioners.",
                expected="the column 'Code savoir-faire', or the file PS_LibreAcces_SavoirFaire beside it",
                next_step="Give it as savoir_faire_path (further_paths in the study).",
            ) from error
        raise
    select = None
    if area.departements is not None:
        places = layout.places
        select = select_by_departement(
            area.departements, commune_field=places["commune_code"], postcode_field=places["postcode"]
        )
    counts = Accounts(source, notes=Counter(layout.notes))
    frames = []
    for sifted in sift(
        path,
        separator="|",
        separators_count=layout.separators_count,
        skip_bytes=layout.header_bytes,
        select=select,
        outside_reason=OUTSIDE,
    ):
        counts.add(sifted)
        frame = _parse(sifted, layout)
        absent = [name for name in layouts.COLUMNS if name not in frame.columns]
        frame = frame.with_columns([pl.lit(None, dtype=pl.String).alias(name) for name in absent])
        frame = _keep_sound(frame, codes, counts)
        frame, notes = layouts.clean(frame)
        counts.notes.update(notes)
        frame = _keep_area(frame, area, counts)
        frames.append(frame.with_columns(pl.lit(counts.source).alias("source")).select(layouts.OUTPUT))
    counts.refuse_broken(path)
    return _concat(frames), counts


def _place(table: pl.DataFrame, area: _Area, accounts: list[Accounts]) -> pl.DataFrame:
    """Find the communes that are not given, keep those asked, and count what each file keeps."""
    import polars as pl

    table, found = _find_communes(table)
    lost = table.head(0)
    if area.communes is not None:
        inside = table.get_column("commune_code").is_in(sorted(area.communes)).fill_null(False)
        lost, table = table.filter(~inside), table.filter(inside)
    for account in accounts:
        mine = pl.col("source") == account.source
        account.note(COMMUNE_FOUND, found.filter(mine).height)
        account.rejected[OUTSIDE] += lost.filter(mine).height
        account.kept = table.filter(mine).height
    return table


def _polars() -> Any:
    import polars

    return polars


def _concat(frames: list[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    if not frames:
        schema = {name: pl.Int64 if name == "source_row" else pl.String for name in layouts.OUTPUT}
        return pl.DataFrame(schema=schema)
    return pl.concat(frames)


def _keep_sound(frame: pl.DataFrame, codes: list[str] | None, counts: Accounts) -> pl.DataFrame:
    """Reject the rows without a sound key, then those of professions not asked."""
    for name, form, reason in (
        ("practitioner_id", layouts.PRACTITIONER_FORM, NOT_A_PRACTITIONER),
        ("profession_code", layouts.PROFESSION_FORM, NOT_A_PROFESSION),
    ):
        sound = frame.get_column(name).str.contains(form).fill_null(False)
        frame = counts.reject(frame, sound, reason, is_listed=True)
    if codes is not None:
        frame = counts.reject(frame, frame.get_column("profession_code").is_in(codes), OTHER_PROFESSION)
    return frame


def _keep_area(frame: pl.DataFrame, area: _Area, counts: Accounts) -> pl.DataFrame:
    """Reject, on clean codes, the rows whose département is not asked."""
    if area.departements is None:
        return frame
    import polars as pl

    by_commune = pl.any_horizontal([pl.col("commune_code").str.starts_with(code) for code in area.departements])
    prefixes = sorted({prefix for code in area.departements for prefix in postcode_prefixes(code)})
    by_postcode = pl.col("postcode").str.head(3).is_in(prefixes)
    inside = pl.when(pl.col("commune_code").is_not_null()).then(by_commune).otherwise(by_postcode).fill_null(False)
    return counts.reject(frame, frame.select(inside.alias("inside")).get_column("inside"), OUTSIDE)


def _find_communes(table: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give rows without a commune code the one that nearly everyone with their postcode and commune name has.

    Where nobody with a commune has the postcode, as with a CEDEX, the name within the département decides.

    Practitioners are counted, not rows, so that a row that comes twice changes nothing. Returns the table, and the
    ``source`` of each row given a commune.
    """
    import polars as pl

    places = ["postcode", "commune_label"]
    placed = pl.all_horizontal(pl.col(places).is_not_null())
    sought = table.filter(pl.col("commune_code").is_null() & placed).select("postcode").unique()
    if sought.height == 0:
        return table, table.select("source").head(0)
    # Rows worth reading are those with a postcode that lacks a commune somewhere, and, for the name of a CEDEX, those
    # with one of the names that lack one: a small part of a national file.
    labels = table.get_column("commune_label").unique().drop_nulls().to_frame()
    lacking = table.filter(pl.col("commune_code").is_null() & placed).select(_plain_label(pl.col("commune_label")))
    plain_names = labels.with_columns(_plain_label(pl.col("commune_label")).alias("_plain"))
    wanted = plain_names.filter(pl.col("_plain").is_in(lacking.get_column("commune_label").unique().to_list()))
    is_wanted = pl.col("postcode").is_in(sought.get_column("postcode").to_list()) | pl.col("commune_label").is_in(
        wanted.get_column("commune_label").to_list()
    )
    given = table.filter(placed & is_wanted)
    named = given.group_by(*places, "commune_code").agg(pl.col("practitioner_id").n_unique().alias("_people"))
    named = named.with_columns(
        _plain_label(pl.col("commune_label")).alias("_label"), _postal_departement().alias("_departement")
    )

    def sure(*town: str) -> pl.DataFrame:
        return (
            named.filter(pl.col("commune_code").is_not_null())
            .group_by(*town, "commune_code")
            .agg(pl.col("_people").sum())
            .with_columns((pl.col("_people") / pl.col("_people").sum().over(town)).alias("_share"))
            .filter(pl.col("_share") >= SURE_COMMUNE_SHARE)
            .select(*town, pl.col("commune_code").alias("_found"))
        )

    unknown = named.filter(pl.col("commune_code").is_null())
    known = unknown.join(sure("postcode", "_label"), on=["postcode", "_label"], how="inner").select(*places, "_found")
    # The postcode of a CEDEX is nobody's commune: the name within the département says it.
    cedex = unknown.join(known, on=places, how="anti").filter(
        ~pl.col("postcode").is_in(named.filter(pl.col("commune_code").is_not_null()).get_column("postcode").to_list())
    )
    by_name = cedex.join(sure("_departement", "_label"), on=["_departement", "_label"], how="inner")
    known = pl.concat([known, by_name.select(*places, "_found")])
    joined = table.join(known, on=places, how="left", validate="m:1", maintain_order="left")
    is_found = pl.col("commune_code").is_null() & pl.col("_found").is_not_null()
    found = joined.filter(is_found).select("source")
    return joined.with_columns(pl.coalesce("commune_code", "_found").alias("commune_code")).drop("_found"), found


def _postal_departement() -> Any:
    import polars as pl

    code = pl.col("postcode")
    return pl.when(code.str.starts_with("97")).then(code.str.head(3)).otherwise(code.str.head(2))


def _plain_label(label: Any) -> Any:
    return (
        label.str.normalize("NFKD")
        .str.replace_all(r"[^\x00-\x7F]", "")
        .str.to_uppercase()
        .str.replace_all(r"[^A-Z0-9]+", " ")
        .str.strip_chars()
        .str.replace_all(r"\bST\b", "SAINT")
        .str.replace_all(r"\bSTE\b", "SAINTE")
    )


def _read_skills(path: Path, source: str) -> tuple[pl.DataFrame, Ledger]:
    """Read the file of savoir-faire: practitioner, profession and code."""
    import polars as pl

    wanted = {name: layouts.COLUMNS[name] for name in ("practitioner_id", "profession_code", "savoir_faire_codes")}
    layout = _layout(path, wanted, set(), "PS_LibreAcces_SavoirFaire")
    counts = Accounts(source, notes=Counter(layout.notes))
    frames = []
    for sifted in sift(path, separator="|", separators_count=layout.separators_count, skip_bytes=layout.header_bytes):
        counts.add(sifted)
        frame = _keep_sound(_parse(sifted, layout), None, counts)
        sound = frame.get_column("savoir_faire_codes").str.contains(layouts.CODE_FORMS["savoir_faire_codes"])
        frames.append(counts.reject(frame, sound.fill_null(False), "savoir-faire code not well formed", is_listed=True))
    counts.refuse_broken(path)
    names = list(wanted)
    rows = pl.concat(frames).select(names) if frames else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    counts.merged["savoir-faire joined to the activities"] = rows.height
    return rows, counts.ledger()


def _join_skills(table: pl.DataFrame, skills: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    keys = ["practitioner_id", "profession_code"]
    listed = (
        skills.unique()
        .sort("savoir_faire_codes")
        .group_by(keys, maintain_order=True)
        .agg(pl.col("savoir_faire_codes").str.join(" ").alias("_skills"))
    )
    joined = table.join(listed, on=keys, how="left", validate="m:1", maintain_order="left")
    return joined.with_columns(pl.coalesce("_skills", "savoir_faire_codes").alias("savoir_faire_codes")).drop("_skills")
