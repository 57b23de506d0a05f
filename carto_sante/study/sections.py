"""The sections of a study file: names, types, defaults.

Each section is frozen and refuses what it does not know; paths are relative to the study file until it is read.
"""

from __future__ import annotations

import csv
import datetime as dt
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from carto_sante.errors import suggest

Mode = Literal["walk", "bike", "drive"]
Level = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
CommuneCode = Annotated[str, Field(pattern=r"^(\d{2}|2A|2B)\d{3}$")]

#: Professions of the Rennes tool: first recourse, then second recourse.
DEFAULT_PROFESSIONS = (
    "gp", "nurse", "physiotherapist", "dentist",
    "gynaecologist", "midwife", "paediatrician", "speech_therapist", "ophthalmologist", "orthoptist",
)  # fmt: skip


class Section(BaseModel):
    """Base of every section: frozen, refusing unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Header(Section):
    """[study]: title, data date and communes."""

    title: str
    vintage: dt.date
    communes: Annotated[tuple[CommuneCode, ...], Field(min_length=1)]
    neighbours: tuple[CommuneCode, ...] = ()
    """Communes around, whose practitioners count for travel and accessibility but not for densities."""
    credits: tuple[str, ...] = ()


class Fetched(Section):
    """A section whose file can be fetched: where from, and its checksum."""

    source_key: str | None = None
    """Key of the catalogue of sources (`carto-sante fetch --list`)."""
    source_parameters: dict[str, str] = Field(default_factory=dict)
    """What the address of that source asks for: year, region; the département is known."""
    url: str | None = None
    """Another address than the catalogue's."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Checksum, to refuse any other file."""

    def fetched_path(self) -> Path:
        """Return where the file goes."""
        path: Path = getattr(self, "path", None) or getattr(self, "reference", None) or Path("fetched")
        return path


class RegistrySource(Fetched):
    """[[registries]]: one file (or several parts of one) of a registry."""

    kind: Literal["rpps", "finess", "ameli", "bpe"]
    path: Path
    further_paths: tuple[Path, ...] = ()
    """Further parts of the file; for FINESS, the file of its coordinates (cs1100507)."""
    savoir_faire_path: Path | None = None
    """For RPPS, the file of the savoir-faire where it stands apart."""
    data_date: dt.date | None = None
    optional: bool = False


class Practitioners(Section):
    """[practitioners]: who counts."""

    professions: tuple[str, ...] = DEFAULT_PROFESSIONS
    definitions: dict[str, str] = Field(default_factory=dict)
    """Named definition by profession, e.g. gp = "liberal"; see `registries.professions`."""
    exclusions: Path | None = None
    control_totals: Path | None = None
    control_tolerance_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    allowed_gaps: tuple[str, ...] = ()
    pseudonymise: bool = False
    facilities: tuple[str, ...] = ("pharmacy", "health_centre", "msp")
    """Kinds of places of care that are counted and drawn beside practitioners."""

    @field_validator("professions", "facilities")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = known_professions() if info.field_name == "professions" else known_facility_kinds()
        noun = "profession" if info.field_name == "professions" else "kind of facility"
        unknown = [name for name in value if name not in known]
        if unknown:
            hints = " ".join(suggest(name, known) for name in unknown)
            raise ValueError(f"unknown {noun} {', '.join(map(repr, unknown))}. {hints}")
        return value


class Geocoding(Fetched):
    """[geocoding]: the address reference."""

    reference: Path | None = None
    corrections: Path | None = None
    cache: Path | None = None
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.5


class TerritorySource(Fetched):
    """[[territories]]: one level of zones."""

    level: Level
    path: Path
    id_column: str | None = None
    label_column: str | None = None
    geography_year: int | None = None
    crs: str | None = None
    """Declared only where the file has none."""
    encoding: str | None = None
    keep: dict[str, str] = Field(default_factory=dict)
    """Keep the rows whose column equals the value."""


class PopulationSource(Fetched):
    """[[population]]: people by zone, by point or by grid cell."""

    name: str
    kind: Literal["iris", "grid", "points", "qpv", "table"]
    path: Path
    data_year: int
    level: Level | None = None
    id_column: str | None = None
    count_column: str | None = None
    crs: str | None = None


class Density(Section):
    """[density]: denominators and level of reading."""

    population: str | None = None
    """Name of the population source used as denominator; the first one by default."""
    alternative: str | None = None
    """A second denominator whose results stand beside the first."""
    level: Level = "quartier"
    per_inhabitants: Annotated[int, Field(gt=0)] = 100_000
    method: Literal["auto", "area", "dasymetric", "points"] = "auto"
    grid: str | None = None
    """Name of the population source that guides the dasymetric transfer."""
    smoothing: bool = False
    suppress_below: Annotated[int, Field(ge=0)] = 0
    deprivation: Path | None = None
    """CSV by territory, with columns territory_id and value: income or deprivation index."""
    deprivation_label: str | None = None


class Network(Fetched):
    """[network]: roads."""

    path: Path
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = ("walk", "bike", "drive")
    """Modes that the file is fit for: a mode asked elsewhere in the study must be among them."""
    data_date: dt.date | None = None


class Isochrones(Section):
    """[isochrones]: from which sites, by which mode, how far."""

    profession: str = "gp"
    mode: Mode = "walk"
    limits_min: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (5.0, 10.0, 15.0)
    max_error_share: Annotated[float, Field(ge=0, le=1)] = 0.25


class Accessibility(Section):
    """[accessibility]: floating catchment."""

    professions: Annotated[tuple[str, ...], Field(min_length=1)] = ("gp",)
    mode: Mode = "drive"
    limit_min: Annotated[float, Field(gt=0)] = 20.0
    """Minutes beyond which nobody goes."""
    method: Literal[
        "2sfca", "e2sfca", "kd2sfca", "g2sfca", "m2sfca", "3sfca", "bfca", "spatial_availability"
    ] = "e2sfca"  # fmt: skip
    parameters: str = "apl_2023"
    """Vintage of the age weights, and of the decay and activity of GPs."""
    workbook: Path | None = None
    """The DREES workbook that `parameters` is read from, instead of the copy that is shipped."""
    level: Level = "quartier"
    """Level of the results; that of [density] by default."""
    cuts_per_100k: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (46.3, 74.1)
    """Cuts between classes, in ETP per 100,000: 2.5 and 4 consultations a year for GPs."""
    buffer_m: Annotated[float, Field(gt=0)] | None = None
    """Metres around the study that count; by mode where absent."""
    shift_min: Annotated[float, Field(gt=0)] = 5.0
    """Minutes by which trips are lengthened and shortened in the table of sensitivity."""


class Siting(Section):
    """[siting]: candidates for a new MSP."""

    candidates: Path | None = None
    """Points or parcels (GeoJSON, GeoPackage...), or a CSV with coordinates, addresses or FINESS numbers."""
    grid_m: Annotated[float, Field(gt=0)] | None = 400.0
    """Step of the grid of candidates, where no file gives them."""
    mode: Mode = "walk"
    etp_added: Annotated[float, Field(gt=0)] = 3.0
    profession: str = "gp"
    threshold: Annotated[float, Field(gt=0)] | None = None
    """Floor, in ETP per 100,000; the mean of the study where absent."""
    model: Literal["gain", "lscp", "mclp", "p-median", "p-center", "capacitated"] = "gain"
    sites_count: Annotated[int, Field(gt=0)] = 1
    limit_min: Annotated[float, Field(gt=0)] = 15.0
    qpv_weight: Annotated[float, Field(ge=1)] = 1.0
    """Weight of the need of a resident of a QPV, 1 for the others."""
    qpv_floor_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the gain that must go to residents of QPV; candidates below it rank last."""
    deprivation_weight: Annotated[float, Field(ge=1)] = 1.0
    """Weight of the need in the most deprived zones of density.deprivation, 1 in the least deprived."""
    deprived_end: Literal["low", "high"] = "low"
    """Which end of density.deprivation is deprived: "low" for an income, "high" for an index such as FDep."""
    moves: Path | None = None
    """CSV of practitioners who would move: site_id, capacity_etp, and candidate_id where it matters."""
    capacity_count: Annotated[float, Field(gt=0)] | None = None
    """Inhabitants that a site can serve, for the capacitated model."""
    target_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of people near the site that the smallest team must lift above the floor."""
    sheets_count: Annotated[int, Field(ge=0)] = 3
    """Candidates that get a sheet."""


class Map(Section):
    """[map]: what the map shows first."""

    indicator: str = "practitioners_per_100k"
    profession: str = "gp"
    base_map: Literal["plan_ign", "osm", "none"] = "plan_ign"
    offline: bool = False


class Checks(Section):
    """[checks]: what stops a refresh."""

    max_shrink_share: Annotated[float, Field(ge=0, le=1)] = 0.10
    max_not_located_share: Annotated[float, Field(ge=0, le=1)] = 0.20
    max_age_days: Annotated[int, Field(gt=0)] | None = None


class Study(Section):
    """One study: everything a refresh needs to know, frozen."""

    study: Header
    registries: Annotated[tuple[RegistrySource, ...], Field(min_length=1)]
    practitioners: Practitioners = Practitioners()
    geocoding: Geocoding = Geocoding()
    territories: Annotated[tuple[TerritorySource, ...], Field(min_length=1)]
    population: Annotated[tuple[PopulationSource, ...], Field(min_length=1)]
    density: Density = Density()
    network: Network | None = None
    isochrones: Isochrones = Isochrones()
    accessibility: Accessibility = Accessibility()
    siting: Siting = Siting()
    map: Map = Map()
    checks: Checks = Checks()

    def with_changes(self, **sections: Any) -> Study:
        """Return the same study under other hypotheses, checked like a file.

        Parameters
        ----------
        **sections
            By section, the keys that change: ``accessibility={"mode": "walk", "limit_min": 15}``. Paths are relative
            to the current folder.

        Returns
        -------
        Study

        Raises
        ------
        StudyError
            Listing every problem, as `read_study`.

        Examples
        --------
        >>> from carto_sante.study import read_study
        >>> study = read_study("data/sample/study.toml")
        >>> study.with_changes(siting={"etp_added": 2}).siting.etp_added
        2.0
        >>> study.with_changes(accessibility={"mode": "car"})
        Traceback (most recent call last):
        ...
        carto_sante.errors.StudyError: The changed study has 1 problem:
        - accessibility.mode: found 'car'. Input should be 'walk', 'bike' or 'drive'.
        """
        raw = self.model_dump()
        for name, keys in sections.items():
            own = raw.get(name) or {}
            raw[name] = {**own, **keys} if isinstance(own, dict) and isinstance(keys, dict) else keys
        # Reading stands above the sections; a section that is asked to change goes through it again.
        from carto_sante.study.reading import checked_study

        return checked_study(raw, name="The changed study", folder=Path.cwd(), check_files=True)

    def input_paths(self) -> list[tuple[str, Path]]:
        """Return every file the study reads, as (place in the TOML, path), optional ones left out."""
        found: list[tuple[str, Path]] = []
        for number, registry in enumerate(self.registries):
            if not registry.optional or registry.path.exists():
                found.append((f"registries[{number}].path", registry.path))
                found += [(f"registries[{number}].further_paths", path) for path in registry.further_paths]
                if registry.savoir_faire_path:
                    found.append((f"registries[{number}].savoir_faire_path", registry.savoir_faire_path))
        found += [(f"territories[{i}].path", item.path) for i, item in enumerate(self.territories)]
        found += [(f"population[{i}].path", item.path) for i, item in enumerate(self.population)]
        singles = {
            "practitioners.exclusions": self.practitioners.exclusions,
            "practitioners.control_totals": self.practitioners.control_totals,
            "geocoding.reference": self.geocoding.reference,
            "geocoding.corrections": self.geocoding.corrections,
            "density.deprivation": self.density.deprivation,
            "network.path": self.network.path if self.network else None,
            "accessibility.workbook": self.accessibility.workbook,
            "siting.candidates": self.siting.candidates,
            "siting.moves": self.siting.moves,
        }
        found += [(place, path) for place, path in singles.items() if path is not None]
        return found

    def fetched_sections(self) -> list[tuple[str, Fetched]]:
        """Return every section whose file can be fetched, with its place in the TOML."""
        found: list[tuple[str, Fetched]] = [(f"registries[{i}]", item) for i, item in enumerate(self.registries)]
        found += [(f"territories[{i}]", item) for i, item in enumerate(self.territories)]
        found += [(f"population[{i}]", item) for i, item in enumerate(self.population)]
        found.append(("geocoding", self.geocoding))
        if self.network:
            found.append(("network", self.network))
        return found


@cache
def known_professions() -> tuple[str, ...]:
    """Return the keys of the catalogue of professions."""
    return _keys("professions.csv", "profession")


@cache
def known_facility_kinds() -> tuple[str, ...]:
    """Return the kinds of places of care that can be counted."""
    return _keys("facilities.csv", "facility_kind")


def _keys(name: str, column: str) -> tuple[str, ...]:
    # The catalogues are data of the registries, a layer above; only their keys are read here.
    text = resources.files("carto_sante").joinpath("registries/data").joinpath(name).read_text(encoding="utf-8")
    return tuple(row[column] for row in csv.DictReader(text.splitlines()))
