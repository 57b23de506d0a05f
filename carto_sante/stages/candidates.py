"""Where a new site could open: a file of points, parcels, addresses or FINESS numbers, or a grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.errors import FileFormatError, InputError, NoResultError, join_problems
from carto_sante.files import require_file
from carto_sante.geocoding import doubtful, geocode
from carto_sante.stages.inputs import metric_crs
from carto_sante.study import Study

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

_ID_COLUMNS = ("candidate_id", "destination_id", "site_id", "id", "finess_et_id")
_LABEL_COLUMNS = ("candidate_label", "label", "libelle", "nom", "name", "adresse", "address")
_FRENCH = {
    "adresse": "address", "code_postal": "postcode", "commune": "commune_label", "code_commune": "commune_code",
    "code_insee": "commune_code", "finess": "finess_et_id", "longitude": "lon", "latitude": "lat",
    "x": "x_m", "y": "y_m",
}  # fmt: skip


def load_candidates(study: Study, territories: GeoDataFrame, *, finess_sites: GeoDataFrame | None) -> GeoDataFrame:
    """Return the candidate sites of a study.

    Parameters
    ----------
    study : Study
        ``siting.candidates`` (a vector file, or a CSV with ``lon`` and ``lat``, ``x_m`` and ``y_m``, ``address`` or
        ``finess_et_id``), else ``siting.grid_m``.
    territories : GeoDataFrame
        Zones of ``density.level`` bound the grid.
    finess_sites : GeoDataFrame or None
        FINESS sites with a point, for a CSV of FINESS numbers.

    Returns
    -------
    GeoDataFrame
        ``destination_id``, ``candidate_label``, ``etp_added`` (where the file has it), ``place_doubt`` (for
        addresses, what was found where that is not sure, else empty), points in the metric CRS of the study.

    Raises
    ------
    InputError, FileFormatError
        Listing the candidates that have no place.
    """
    crs = metric_crs(study)
    if study.siting.candidates is None:
        return _grid(study, territories)
    path = require_file(study.siting.candidates, what="file of candidates")
    table = _read_csv(path, study, finess_sites, crs) if path.suffix.lower() == ".csv" else _read_vector(path, crs)
    repeated = table["destination_id"].duplicated()
    if repeated.any():
        raise InputError(f"{path.name}: the candidate {table.loc[repeated, 'destination_id'].iloc[0]!r} repeats.")
    return table


def _grid(study: Study, territories: GeoDataFrame) -> GeoDataFrame:
    import geopandas as gpd

    step = study.siting.grid_m
    if step is None:
        raise InputError(
            "The study has no candidates.", expected="siting.candidates = a file, or siting.grid_m = metres"
        )
    area = territories.loc[territories["territory_level"] == study.density.level].union_all()
    left, bottom, right, top = area.bounds
    # Knots at whole multiples of the step: the grid does not move when a border is redrawn.
    x = np.arange(np.ceil(left / step), np.floor(right / step) + 1) * step
    y = np.arange(np.ceil(bottom / step), np.floor(top / step) + 1)[::-1] * step
    knots = gpd.GeoSeries(gpd.points_from_xy(np.tile(x, len(y)), np.repeat(y, len(x))), crs=territories.crs)
    inside = knots[knots.within(area)].reset_index(drop=True)
    if inside.empty:
        raise NoResultError(f"A grid of {step:g} metres has no knot in the study.", next_step="Lower siting.grid_m.")
    digits = len(str(len(inside)))
    ids = [f"grille-{number:0{digits}d}" for number in range(1, len(inside) + 1)]
    zones = _zone_labels(inside, territories.loc[territories["territory_level"] == study.density.level])
    labels = [f"Point de grille {name[7:]} ({zone})" for name, zone in zip(ids, zones, strict=True)]
    return gpd.GeoDataFrame(
        {"destination_id": ids, "candidate_label": labels}, geometry=inside.to_numpy(), crs=territories.crs
    )


def _zone_labels(points: Any, zones: GeoDataFrame) -> list[str]:
    """Return the label of the zone that holds each point: a number of the grid says nothing to a reader."""
    point, zone = zones.sindex.query(points.to_numpy(), predicate="intersects")
    # A point on a border has two zones: the first of the table.
    first = dict(zip(point[::-1], zone[::-1], strict=True))
    labels = zones["territory_label"].to_list()
    return [str(labels[first[number]]) for number in range(len(points))]


def _read_vector(path: Path, crs: str) -> GeoDataFrame:
    import geopandas as gpd
    import pyogrio

    try:
        table = gpd.read_file(path)
    except pyogrio.errors.DataSourceError as error:
        raise FileFormatError(
            f"{path.name} cannot be read: {error}.", expected="GeoJSON, GeoPackage, Shapefile"
        ) from error
    if table.crs is None:
        raise InputError(f"{path.name} has no CRS.", expected="a declared CRS")
    kept = table.loc[table.geometry.notna() & ~table.geometry.is_empty].to_crs(crs)
    if len(kept) < len(table):
        raise InputError(f"{path.name}: {len(table) - len(kept)} candidates have no geometry.")
    # A parcel stands for a point inside it.
    return _named(kept, kept.geometry.representative_point(), crs)


def _read_csv(path: Path, study: Study, finess_sites: GeoDataFrame | None, crs: str) -> GeoDataFrame:
    import geopandas as gpd

    table = read_text_table(path)
    table = table.rename(columns={name: _FRENCH.get(name.strip().lower(), name.strip().lower()) for name in table})
    if {"lon", "lat"} <= set(table):
        points = gpd.GeoSeries(
            gpd.points_from_xy(_number(table, "lon"), _number(table, "lat")), crs="EPSG:4326"
        ).to_crs(crs)
    elif {"x_m", "y_m"} <= set(table):
        points = gpd.GeoSeries(gpd.points_from_xy(_number(table, "x_m"), _number(table, "y_m")), crs=crs)
    elif "finess_et_id" in table:
        points, names = _at_finess(table, finess_sites, crs)
        if not set(_LABEL_COLUMNS) & set(table):
            table = table.assign(label=names)
    elif "address" in table:
        points, doubts = _geocoded(table, study, crs)
        table = table.assign(place_doubt=doubts)
    else:
        raise FileFormatError(
            f"{path.name} places no candidate (columns: {', '.join(table)}).",
            expected="lon and lat, x_m and y_m, address, or finess_et_id",
        )
    return _named(table, points, crs)


def read_text_table(path: Path) -> pd.DataFrame:
    """Read a small CSV as text, whichever of ``;``, tab and comma separates its columns.

    Raises
    ------
    FileFormatError
        If it is not a table in UTF-8.
    """
    import pandas as pd

    try:
        header = path.read_text(encoding="utf-8-sig").split("\n", 1)[0]
        separator = max(";\t,", key=header.count)
        return pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise FileFormatError(f"{path.name} cannot be read: {error}.", expected="a CSV in UTF-8") from error


def _at_finess(table: pd.DataFrame, finess_sites: GeoDataFrame | None, crs: str) -> tuple[Any, list[str]]:
    """Return the point and the name of each site."""
    import geopandas as gpd

    if finess_sites is None:
        raise InputError(
            "Candidates by FINESS number need a FINESS registry.", expected='[[registries]] kind = "finess"'
        )
    known = finess_sites.to_crs(crs).drop_duplicates("finess_et_id").set_index("finess_et_id")
    unknown = table.loc[~table["finess_et_id"].isin(known.index), "finess_et_id"]
    if len(unknown):
        raise InputError(
            f"{len(unknown)} candidates are not in the FINESS registry of the study (first: {unknown.iloc[0]}).",
            expected="nine characters, as text, with their leading zero",
        )
    chosen = known.reindex(table["finess_et_id"])
    is_nowhere = chosen.geometry.isna() | chosen.geometry.is_empty
    if is_nowhere.any():
        raise InputError(
            f"{int(is_nowhere.sum())} candidates have no point in the FINESS registry: "
            f"{', '.join(chosen.index[is_nowhere])}.",
            expected="sites with coordinates",
            next_step="Give lon and lat for them.",
        )
    labels = chosen["facility_label"] if "facility_label" in chosen else chosen.index.to_series()
    return gpd.GeoSeries(chosen.geometry.to_numpy(), crs=crs), labels.astype("str").to_list()


def _geocoded(table: pd.DataFrame, study: Study, crs: str) -> tuple[Any, list[str]]:
    """Return the point of each address, and what was found where it is doubtful."""
    if study.geocoding.reference is None:
        raise InputError("Candidates by address need a reference.", expected="[geocoding] reference = a CSV of the BAN")
    located = geocode(
        table, study.geocoding.reference, corrections=study.geocoding.corrections, min_score=study.geocoding.min_score,
        crs=crs,
    )  # fmt: skip
    # The middle of a commune is nobody's address: a site there would be a guess.
    lost = located["geocode_precision"].isin(["none", "municipality"])
    if lost.any():
        reasons = located.loc[lost, "geocode_reason"].fillna("").replace("", "only the commune was found")
        names = zip(table.loc[lost.to_numpy(), "address"].fillna("(empty address)"), reasons, strict=True)
        raise InputError(
            f"{int(lost.sum())} candidates were not found:\n" + join_problems(f"{name}: {why}" for name, why in names),
            next_step="Correct them, or give lon and lat.",
        )
    doubts = np.where(doubtful(located), located["geocode_label"].fillna("").astype("str"), "")
    return located.geometry, doubts.tolist()


def _named(table: Any, points: Any, crs: str) -> GeoDataFrame:
    import geopandas as gpd
    import pandas as pd

    if not len(table):
        raise NoResultError("The file of candidates has no row.")
    key = next((name for name in _ID_COLUMNS if name in table.columns), None)
    ids = (
        table[key].astype("str").to_list() if key else [f"candidat-{number:03d}" for number in range(1, len(table) + 1)]
    )
    if key and table[key].isna().any():
        raise InputError(f"Candidates: {key} is empty on {int(table[key].isna().sum())} rows.")
    label = next((name for name in _LABEL_COLUMNS if name in table.columns), None)
    labels = table[label].astype("str").to_list() if label else ids
    result = gpd.GeoDataFrame({"destination_id": ids, "candidate_label": labels}, geometry=list(points), crs=crs)
    if "place_doubt" in table.columns:
        result["place_doubt"] = table["place_doubt"].to_numpy()
    if "etp_added" in table.columns:
        result["etp_added"] = pd.to_numeric(table["etp_added"], errors="coerce").to_numpy(dtype=np.float64)
    return result


def _number(table: pd.DataFrame, name: str) -> Any:
    import pandas as pd

    numbers = pd.to_numeric(table[name].str.replace(",", "."), errors="coerce")
    if numbers.isna().any():
        raise InputError(f"Candidates: {name} is not a number on {int(numbers.isna().sum())} rows.")
    return numbers
