"""From the registries of a study to practitioners and places of care, each with a point and its zones."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from carto_sante.crs import departement_of
from carto_sante.errors import InputError, StudyError
from carto_sante.geocoding import geocode
from carto_sante.ledger import Ledger, Reading
from carto_sante.registries.ameli import read_ameli
from carto_sante.registries.bpe import read_bpe
from carto_sante.registries.control import reconcile
from carto_sante.registries.facility_kinds import find_facilities
from carto_sante.registries.finess import read_finess
from carto_sante.registries.practitioners import build_practitioners
from carto_sante.registries.professions import DEFAULT_DEFINITION
from carto_sante.registries.rpps import read_rpps
from carto_sante.schemas import GEOCODED, PRACTITIONERS
from carto_sante.stages.inputs import metric_crs
from carto_sante.study import RegistrySource, Study
from carto_sante.territories import assign_territory

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

logger = logging.getLogger("carto_sante")

_PSEUDONYM_KEY = "CARTO_SANTE_PSEUDONYM_KEY"
#: Precision given to points that come with their registry: the BPE places at the address or the street.
_BPE_PRECISION = "street"


@dataclass(frozen=True)
class LoadedPractitioners:
    """Practitioners and places of care of a study, before geocoding.

    Attributes
    ----------
    table : DataFrame
        As `carto_sante.schemas.PRACTITIONERS`; a GeoDataFrame where the registry gives points.
    facilities : GeoDataFrame or None
        The kinds that the study counts, with ``facility_kind``, in the metric CRS.
    sites : GeoDataFrame or None
        Every facility that has a point, for the first geocoding pass.
    ledger : Ledger
        From the rows of the files to the table.
    definitions : dict
        Definition used, by profession.
    control : list of dict
        Reconciliation with the control totals of the study, if it names some.
    """

    table: pd.DataFrame
    facilities: GeoDataFrame | None
    sites: GeoDataFrame | None
    ledger: Ledger
    definitions: dict[str, str] = field(default_factory=dict)
    control: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class PlacedPractitioners:
    """Practitioners and places of care with their points and zones.

    Attributes
    ----------
    table : GeoDataFrame
        Practitioners × sites in the metric CRS, with the geocoding columns, ``is_in_study`` and one ``<level>_id`` by
        level; the point is None where not located.
    facilities : GeoDataFrame or None
        With ``facility_kind``, ``is_in_study`` and the same ``<level>_id``.
    ledger : Ledger
    site_counts : dict
        ``placed``, ``outside`` and ``not_located`` practitioner-sites, at the study's level.
    definitions : dict
        Definition used, by profession.
    control : list of dict
        Reconciliation with the control totals.
    """

    table: GeoDataFrame
    facilities: GeoDataFrame | None
    ledger: Ledger
    site_counts: dict[str, int]
    definitions: dict[str, str]
    control: list[dict[str, Any]] = field(default_factory=list)

    def counted(self) -> GeoDataFrame:
        """Return practitioners and places of care of the study area in one table, ready to be counted."""
        import geopandas as gpd
        import pandas as pd

        parts = [self.table.loc[self.table["is_in_study"]]]
        if self.facilities is not None and len(self.facilities):
            inside = self.facilities.loc[self.facilities["is_in_study"]]
            parts.append(
                inside.assign(
                    practitioner_id=inside["facility_id"],
                    site_id=inside["facility_id"],
                    profession=inside["facility_kind"],
                    capacity=1.0,
                    source_row=pd.NA,
                )
            )
        levels = [name for name in self.table.columns if name.endswith("_id") and name not in _OTHER_IDS]
        columns = [*[c for c, spec in PRACTITIONERS.columns.items() if spec.is_required], *levels, "geometry"]
        frames = [part.reindex(columns=columns) for part in parts if len(part)] or [parts[0].reindex(columns=columns)]
        table = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=self.table.crs)
        # Facilities have no row of a registry: the column stays one of numbers, as the schema asks.
        table["source_row"] = table["source_row"].astype("Int64")
        return table


_OTHER_IDS = {"practitioner_id", "site_id", "rpps_id", "finess_et_id", "finess_ej_id", "geocode_id", "facility_id"}


def load_practitioners(study: Study) -> LoadedPractitioners:
    """Read the registries of a study and select who counts.

    Parameters
    ----------
    study : Study

    Returns
    -------
    LoadedPractitioners

    Raises
    ------
    InputError
        If a file cannot be read, or nobody is left.
    CheckError
        If the ledger does not balance or a control total is off.
    """
    readings = _read_registries(study)
    equipment = [_facilities_of(reading, kind) for kind in ("finess", "bpe") for reading in readings[kind]]
    crs = metric_crs(study)
    facilities = _concat([table for table in equipment if table is not None], crs)
    chosen = study.practitioners
    ledger = Ledger()
    if chosen.professions:
        table, ledger = build_practitioners(
            readings["rpps"] or None,
            facilities=facilities,
            ameli=readings["ameli"] or None,
            bpe=readings["bpe"] or None,
            professions=chosen.professions,
            definitions=chosen.definitions,
            exclusions=chosen.exclusions,
            pseudonym_key=_pseudonym_key(study),
        )
    else:
        table = _nobody(crs)
    used = set(ledger.rows_read)
    for reading in readings["finess"]:
        if not used & set(reading.ledger.rows_read):
            ledger = ledger + reading.ledger
    if not chosen.professions:
        for reading in readings["bpe"]:
            ledger = ledger + reading.ledger
    ledger.check()
    counted = find_facilities(facilities, kinds=chosen.facilities) if facilities is not None else None
    sites = None
    if facilities is not None and "finess_et_id" in facilities.columns:
        known = facilities["finess_et_id"].notna() & facilities.geometry.notna() & ~facilities.geometry.is_empty
        sites = facilities.loc[known].drop_duplicates("finess_et_id")
    definitions = {name: chosen.definitions.get(name, DEFAULT_DEFINITION) for name in chosen.professions}
    return LoadedPractitioners(table, counted, sites, ledger, definitions, _control(study, facilities))


def _control(study: Study, facilities: GeoDataFrame | None) -> list[dict[str, Any]]:
    chosen = study.practitioners
    if chosen.control_totals is None:
        return []
    # Control totals are published by département: the whole one is read again, the study's communes do not suffice.
    departements = sorted({departement_of(code) for code in study.study.communes})
    whole = [
        read_rpps(
            source.path,
            further_paths=source.further_paths,
            savoir_faire_path=source.savoir_faire_path,
            departements=departements,
        )
        for source in study.registries
        if source.kind == "rpps"
    ]
    if not whole:
        raise InputError(
            "practitioners.control_totals needs an RPPS file.", expected='[[registries]] with kind = "rpps"'
        )
    table = build_practitioners(
        whole, facilities=facilities, professions=chosen.professions, definitions=chosen.definitions,
        exclusions=chosen.exclusions,
    ).table  # fmt: skip
    compared = reconcile(
        table,
        chosen.control_totals,
        tolerance_share=chosen.control_tolerance_share,
        allowed_gaps=chosen.allowed_gaps,
    )
    records: list[dict[str, Any]] = compared.astype(object).where(compared.notna(), None).to_dict("records")
    return records


def _read_registries(study: Study) -> dict[str, list[Reading]]:
    communes = (*study.study.communes, *study.study.neighbours)
    departements = sorted({departement_of(code) for code in communes})
    readings: dict[str, list[Reading]] = {"rpps": [], "finess": [], "ameli": [], "bpe": []}
    for source in study.registries:
        if source.optional and not source.path.exists():
            logger.warning("%s (%s) is optional and absent: done without it.", source.path.name, source.kind)
            continue
        readings[source.kind].append(_read_one(source, communes, departements))
    return readings


def _read_one(source: RegistrySource, communes: Sequence[str], departements: Sequence[str]) -> Reading:
    if source.kind == "rpps":
        return read_rpps(
            source.path,
            further_paths=source.further_paths,
            savoir_faire_path=source.savoir_faire_path,
            communes=communes,
        )
    if source.kind == "finess":
        return read_finess(source.path, further_paths=source.further_paths, communes=communes)
    if source.kind == "ameli":
        return read_ameli(source.path, further_paths=source.further_paths, departements=departements)
    return read_bpe(source.path)


def _facilities_of(reading: Reading, kind: str) -> GeoDataFrame | None:
    table = reading.table
    if kind == "bpe":
        table = table.loc[table["profession"].isna()] if "profession" in table.columns else table
    return table if len(table) else None


def _concat(tables: list[Any], crs: str) -> GeoDataFrame | None:
    import geopandas as gpd
    import pandas as pd

    if not tables:
        return None
    return gpd.GeoDataFrame(pd.concat([table.to_crs(crs) for table in tables], ignore_index=True), crs=crs)


def _nobody(crs: str) -> GeoDataFrame:
    import geopandas as gpd
    import pandas as pd

    empty = {
        name: pd.Series(dtype="float" if spec.kind == "number" else object)
        for name, spec in PRACTITIONERS.columns.items()
    }
    return gpd.GeoDataFrame(empty, geometry=gpd.GeoSeries([], crs=crs), crs=crs)


def _pseudonym_key(study: Study) -> str | None:
    if not study.practitioners.pseudonymise:
        return None
    key = os.environ.get(_PSEUDONYM_KEY)
    if not key:
        raise StudyError(
            "practitioners.pseudonymise is true, but there is no key.",
            expected=f"the environment variable {_PSEUDONYM_KEY}, the same every year so that pseudonyms are stable",
            next_step="Make one with: python3 -c 'import secrets; print(secrets.token_hex(16))', and keep it secret.",
        )
    return key


def locate_practitioners(study: Study, loaded: LoadedPractitioners) -> GeoDataFrame:
    """Give every practitioner-site a point, with its precision.

    Parameters
    ----------
    study : Study
        ``[geocoding]`` names the reference, the corrections and the cache.
    loaded : LoadedPractitioners

    Returns
    -------
    GeoDataFrame
        Same rows, with the columns of `carto_sante.schemas.GEOCODED`, in the metric CRS.

    Raises
    ------
    InputError
        If practitioners need geocoding and the study names no reference.
    """
    import geopandas as gpd
    import pandas as pd

    crs = metric_crs(study)
    table = loaded.table.reset_index(drop=True)
    if "geometry" in table.columns:
        points = gpd.GeoSeries(table["geometry"], crs=getattr(table, "crs", None) or crs).to_crs(crs)
        located = _with_own_points(points)
    else:
        if study.geocoding.reference is None:
            raise InputError(
                f"{len(table)} practitioner-sites have an address and no point, and the study names no reference.",
                expected="[geocoding] with reference = a CSV of the BAN, or an index built from it",
                next_step="Fetch one with source_key = 'ban_departement'.",
            )
        located = geocode(
            table,
            study.geocoding.reference,
            facilities=loaded.sites,
            corrections=study.geocoding.corrections,
            cache=study.geocoding.cache,
            min_score=study.geocoding.min_score,
            crs=crs,
        )
    plain = pd.DataFrame(table).drop(columns=["geometry"], errors="ignore")
    return gpd.GeoDataFrame(pd.concat([plain, located], axis=1), geometry="geometry", crs=crs)


def _with_own_points(points: Any) -> GeoDataFrame:
    import geopandas as gpd

    has_point = points.notna() & ~points.is_empty
    columns: dict[str, list[Any]] = {name: [None] * len(points) for name in GEOCODED.columns}
    columns["geocode_pass"] = ["registry" if known else "none" for known in has_point]
    columns["geocode_precision"] = [_BPE_PRECISION if known else "none" for known in has_point]
    columns["geocode_score"] = [1.0 if known else float("nan") for known in has_point]
    return gpd.GeoDataFrame(columns, geometry=points.to_numpy(), crs=points.crs)


def place_practitioners(
    study: Study, loaded: LoadedPractitioners, located: GeoDataFrame, territories: GeoDataFrame
) -> PlacedPractitioners:
    """Put every practitioner-site in one zone of each level, and account for all of them.

    Parameters
    ----------
    study : Study
        ``density.level`` is the level at which sites are accounted for.
    loaded, located
        From the stages before.
    territories : GeoDataFrame
        Every level.

    Returns
    -------
    PlacedPractitioners
    """
    zones = territories[["territory_id", "territory_level", "territory_label", "geography_year", "geometry"]]
    level = f"{study.density.level}_id"
    table = _assigned(located, zones)
    counts = {
        "placed": int(table[level].notna().sum()),
        "outside": int((table[level].isna() & (table["geocode_precision"] != "none")).sum()),
        "not_located": int((table["geocode_precision"] == "none").sum()),
    }
    if "commune_id" in table.columns and "commune_code" in table.columns:
        # The registry says the commune: who could not be placed in a quartier still counts for the city.
        is_known = table["commune_code"].isin(set(zones.loc[zones["territory_level"] == "commune", "territory_id"]))
        table["commune_id"] = table["commune_code"].where(is_known, table["commune_id"])
    # Densities count who practises in the communes of the study; neighbours serve travel times and accessibility.
    table["is_in_study"] = _is_in_study(table, study)
    facilities = None
    if loaded.facilities is not None:
        facilities = _assigned(loaded.facilities.reset_index(drop=True), zones)
        facilities["is_in_study"] = _is_in_study(facilities, study)
    return PlacedPractitioners(table, facilities, loaded.ledger, counts, loaded.definitions, loaded.control)


def _assigned(points: GeoDataFrame, zones: GeoDataFrame) -> GeoDataFrame:
    import pandas as pd

    ids = assign_territory(points[["geometry"]], zones)
    ids.attrs = {}
    return pd.concat([points, ids], axis=1)


def _is_in_study(table: GeoDataFrame, study: Study) -> Any:
    placed = (
        table["commune_id"].notna() if "commune_id" in table.columns else table[f"{study.density.level}_id"].notna()
    )
    if "commune_code" not in table.columns:
        return placed
    # A registry's commune decides where it is known: a point pushed over a border by its precision stays home.
    known = table["commune_code"].notna()
    return table["commune_code"].isin(study.study.communes).where(known, placed).astype(bool)


def prepare_practitioners(study: Study, territories: GeoDataFrame) -> PlacedPractitioners:
    """Read, locate and place the practitioners of a study in one call.

    Parameters
    ----------
    study : Study
    territories : GeoDataFrame
        From `load_territories`.

    Returns
    -------
    PlacedPractitioners
    """
    loaded = load_practitioners(study)
    return place_practitioners(study, loaded, locate_practitioners(study, loaded), territories)
