"""Zones of one level read from the layouts that are published, repaired, in the metric CRS of their territory."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from carto_sante.crs import metric_crs_of
from carto_sante.errors import CRSError, InputError, NoResultError, SchemaError, UnknownNameError, join_problems
from carto_sante.files import require_file
from carto_sante.territories.cells import read_cell_table
from carto_sante.territories.files import read_vector, with_crs
from carto_sante.territories.layouts import GENERIC, LEVELS, LevelLayout, code_text, find_column, named_column
from carto_sante.territories.repair import repair_polygons
from carto_sante.territories.topology import check_topology

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

logger = logging.getLogger("carto_sante")

#: Zones are checked against each other at reading up to this number; above, `check_topology` is for the asking.
TOPOLOGY_UP_TO_ZONES = 1_000
#: Where each overseas département lies, in degrees (west, south, east, north); elsewhere is metropolitan France.
_PLACES = {
    "971": (-62.0, 15.7, -60.9, 16.6),
    "972": (-61.4, 14.2, -60.7, 15.0),
    "973": (-55.0, 2.0, -51.0, 6.2),
    "974": (55.0, -21.6, 56.0, -20.7),
    "975": (-56.6, 46.6, -56.0, 47.3),
    "976": (44.9, -13.2, 45.4, -12.5),
    "977": (-63.0, 17.8, -62.7, 18.0),
    "978": (-63.3, 18.0, -62.9, 18.2),
    "35": (-6.0, 41.0, 10.2, 51.6),
}
#: The QPV list of 2015 numbers its zones QP + 6 digits; the list of 2024 (décret 2023-1314) QN + 6 characters. Overseas
#: departments kept the QP97... codes until 2025, so these say nothing about the year.
_QPV_2015, _QPV_2024 = re.compile(r"QP(?!97)\w{6}"), re.compile(r"QN\w{6}")


def read_territories(
    path: Path | str,
    *,
    level: str,
    id_column: str | None = None,
    label_column: str | None = None,
    geography_year: int | None = None,
    crs: str | None = None,
    encoding: str | None = None,
    keep: Mapping[str, Any] | None = None,
    departement: str | None = None,
) -> GeoDataFrame:
    """Read the zones of one level from a file of polygons.

    Parameters
    ----------
    path : path
        GeoPackage, shapefile (also zipped), GeoJSON, GeoParquet, or an opendatasoft export whose records hold a
        ``geo_shape`` (JSON list or CSV). For "grid", also a CSV of cell identifiers (Filosofi's ``idcar_200m``): the
        squares are rebuilt from them.
    level : str
        "iris", "quartier", "sous_quartier", "qpv", "commune", "arrondissement", "epci", "grid" or any other name.
    id_column, label_column : str, optional
        Where the code and the label stand; recognised by the level's published layouts when left out. Without an id
        column the label is the code, which must then be unique.
    geography_year : int, optional
        Year of the geography (never the year of data). For QPV it is told by the codes, and checked against them.
    crs : str, optional
        Declared only where the file has none.
    encoding : str, optional
        Of a shapefile without ``.cpg``; by default UTF-8 where it decodes, else Windows-1252.
    keep : mapping, optional
        Rows to keep: column → value or list of values, compared as text (35238.0 equals "35238").
    departement : str, optional
        Whose metric CRS to use; by default the one of the place.

    Returns
    -------
    GeoDataFrame
        schemas.TERRITORIES in the metric CRS, sorted by ``territory_id``, one row per zone. ``attrs`` counts
        ``rows_read`` and ``rows_kept``, ``codes_restored`` (leading zeros), ``pieces_merged`` (islands of one zone) and
        the repair: ``repaired_count``, ``repaired_names``, ``area_change_m2``, ``area_change_share``; up to 1,000
        zones, also ``overlap_count``, ``overlap_area_m2``, ``gap_count`` and ``sliver_count`` (see `check_topology`).

    Raises
    ------
    MissingFileError, FileFormatError
        If the file is absent or is no file of polygons.
    CRSError
        If no CRS is declared (the likely one is named), or the coordinates contradict it.
    UnknownNameError
        If the columns are not recognised.
    SchemaError
        Listing empty, malformed and repeated codes.
    InputError
        If rows have no polygon, or the QPV codes contradict the year.

    Examples
    --------
    >>> import tempfile, pathlib, geopandas, shapely
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "quartiers.geojson"
    >>> geopandas.GeoDataFrame({"nuquart": [11.0], "nom": ["Le Blosne"]},
    ...     geometry=[shapely.box(-1.68, 48.08, -1.65, 48.10)], crs="EPSG:4326").to_file(path)
    >>> table = read_territories(path, level="quartier")
    >>> table["territory_id"].tolist(), table["territory_label"].tolist(), table.crs.to_epsg()
    (['11'], ['Le Blosne'], 2154)
    """
    source = require_file(path, what="file of zones")
    cells = read_cell_table(source, id_column=id_column) if level == "grid" else None
    raw = (
        read_vector(source, crs=crs, encoding=encoding) if cells is None else with_crs(cells, crs=crs, name=source.name)
    )
    rows_read = len(raw)
    raw = _kept(raw, keep or {}, name=source.name)
    layout = LEVELS.get(level, GENERIC)
    ids, labels, restored = _codes(raw, layout, level, id_column, label_column, name=source.name)
    _refuse_bad_codes(ids, layout, level=level, name=source.name)
    metric = raw.geometry.to_crs(metric_crs_at(raw, departement=departement, name=source.name))
    invalid = ~raw.geometry.is_valid & raw.geometry.notna()
    repair = repair_polygons(metric, names=ids.to_numpy(), known_invalid=invalid)
    table, merged = _one_row_per_zone(ids, labels, repair.geometry, name=source.name)
    table.insert(1, "territory_level", level)
    year = _geography_year(table["territory_id"], level, geography_year, name=source.name)
    table.insert(3, "geography_year", np.int64(year) if year is not None else None)
    table["geography_year"] = table["geography_year"].astype("Int64")
    table.attrs = {
        "source": source.name,
        "rows_read": rows_read,
        "rows_kept": len(raw),
        "codes_restored": restored,
        "pieces_merged": merged,
        **repair.report,
        **_topology(table),
    }
    return table


def _topology(table: GeoDataFrame) -> dict[str, Any]:
    """Count what is wrong between the zones, where there are few enough for it to cost nothing."""
    if len(table) > TOPOLOGY_UP_TO_ZONES:
        return {}
    defects = check_topology(table)
    overlaps = defects[(defects["problem"] == "overlap") & ~defects["is_sliver"]]
    if len(overlaps):
        logger.warning(
            "%d zones of level %s overlap (%s...): points there go to the first code, transfers will refuse them",
            len(overlaps), table["territory_level"].iloc[0], overlaps["territory_ids"].iloc[0],
        )  # fmt: skip
    return {
        "overlap_count": len(overlaps),
        "overlap_area_m2": float(overlaps["area_m2"].sum()),
        "gap_count": int(((defects["problem"] == "gap") & ~defects["is_sliver"]).sum()),
        "sliver_count": int(defects["is_sliver"].sum()),
    }


def _kept(raw: GeoDataFrame, keep: Mapping[str, Any], *, name: str) -> GeoDataFrame:
    for column, wanted in keep.items():
        values, _ = code_text(raw[named_column(raw, column, what=name)])
        choices = {str(item) for item in (wanted if isinstance(wanted, (list, tuple, set)) else [wanted])}
        raw = raw[values.isin(choices).to_numpy(dtype=bool)]
    if raw.empty:
        wanted_text = ", ".join(f"{column} = {value}" for column, value in keep.items()) or "nothing"
        raise NoResultError(
            f"{name} has no row left (kept: {wanted_text}).", next_step="Check the column and the value of keep."
        )
    return raw


def _codes(
    raw: GeoDataFrame, layout: LevelLayout, level: str, id_column: str | None, label_column: str | None, *, name: str
) -> tuple[pd.Series, pd.Series, int]:
    id_name = named_column(raw, id_column, what=name) if id_column else find_column(raw, layout.id_columns)
    label_name = (
        named_column(raw, label_column, what=name)
        if label_column
        else find_column(raw, layout.label_columns + GENERIC.label_columns)
    )
    id_name = id_name or find_column(raw, GENERIC.id_columns) or label_name
    if id_name is None:
        raise UnknownNameError(
            f"{name}: no column of level {level!r} is recognised.",
            expected=f"one of {', '.join(layout.id_columns)}",
            next_step=f"Name it: id_column = ... (found: {', '.join(map(str, raw.columns.drop(raw.geometry.name)))}).",
        )
    ids, restored = code_text(raw[id_name], length=layout.code_length)
    labels = raw[label_name].astype("string").str.strip() if label_name else ids
    return ids, labels, restored


def _refuse_bad_codes(ids: pd.Series, layout: LevelLayout, *, level: str, name: str) -> None:
    problems = []
    if ids.isna().any():
        problems.append(
            f"{int(ids.isna().sum())} rows have no code (first: row {int(np.flatnonzero(ids.isna())[0]) + 1})"
        )
    if layout.pattern:
        bad = ids[~ids.str.fullmatch(layout.pattern).fillna(True).astype(bool)]
        problems += [f"{code!r} is not a code of level {level}" for code in bad.unique()]
    if problems:
        raise SchemaError(f"The codes of {name} have problems:\n" + join_problems(problems))


def metric_crs_at(raw: GeoDataFrame, *, departement: str | None, name: str) -> str:
    """Return the metric CRS of the French territory where a table lies; refuse coordinates its CRS cannot hold.

    Parameters
    ----------
    raw : GeoDataFrame
        With a CRS.
    departement : str, optional
        Chooses the CRS instead of the place.
    name : str
        How the error names the table.

    Raises
    ------
    CRSError
        If rows have coordinates of another kind than the declared CRS, or lie in several territories or in none.
    """
    bounds = shapely.bounds(np.asarray(raw.geometry.values, dtype=object))
    if raw.crs.is_geographic:
        outside = (np.abs(bounds[:, [0, 2]]) > 180).any(axis=1) | (np.abs(bounds[:, [1, 3]]) > 90).any(axis=1)
    else:
        outside = (np.abs(bounds) <= 180).all(axis=1)
    if outside.any():
        raise CRSError(
            f"{name} is declared in {raw.crs.name!r}, but {int(outside.sum())} of its {len(raw)} zones have "
            f"coordinates of another kind (first: {bounds[outside][0].round(2).tolist()}).",
            expected="one CRS for the whole file, the one that is declared",
            next_step="Convert the zones to one CRS, or correct the declared one.",
        )
    if departement is not None:
        return metric_crs_of(departement)
    centres = raw.geometry.to_crs("EPSG:4326").bounds
    x, y = (centres.minx + centres.maxx) / 2, (centres.miny + centres.maxy) / 2
    found: dict[str, int] = {}
    for place, (west, south, east, north) in _PLACES.items():
        inside = x.between(west, east) & y.between(south, north)
        if inside.any():
            found[metric_crs_of(place)] = found.get(metric_crs_of(place), 0) + int(inside.sum())
    if len(found) == 1 and sum(found.values()) == int(centres.minx.notna().sum()):
        return next(iter(found))
    shown = ", ".join(f"{number} in {code}" for code, number in sorted(found.items())) or "none in France"
    raise CRSError(
        f"{name}: the zones lie in {shown} (of {len(raw)}).",
        expected="zones of one territory, in or around France, in the CRS that the file declares",
        next_step="Keep one territory (keep = ...), name its departement, or correct the declared CRS.",
    )


def _one_row_per_zone(ids: pd.Series, labels: pd.Series, geometry: Any, *, name: str) -> tuple[GeoDataFrame, int]:
    import geopandas as gpd

    frame = gpd.GeoDataFrame(
        {"territory_id": ids.astype(str).to_numpy(dtype=object), "territory_label": labels.to_numpy(dtype=object)},
        geometry=geometry.to_numpy(),
        crs=geometry.crs,
    )
    frame["territory_label"] = frame["territory_label"].astype("string")
    merged = int(frame.duplicated("territory_id").sum())
    if merged:
        names = frame.groupby("territory_id")["territory_label"].nunique()
        if (names > 1).any():
            clash = names[names > 1].index.tolist()
            raise SchemaError(
                f"{name}: one code for zones of different names:\n" + join_problems(clash),
                expected="one code per zone",
                next_step="Choose another id_column.",
            )
        # Islands and enclaves come as several rows of one code: they are one zone.
        frame = frame.dissolve("territory_id", as_index=False)[["territory_id", "territory_label", "geometry"]]
    return frame.sort_values("territory_id", ignore_index=True), merged


def _geography_year(ids: pd.Series, level: str, declared: int | None, *, name: str) -> int | None:
    if level != "qpv":
        return declared
    old, new = (bool(ids.str.fullmatch(pattern).any()) for pattern in (_QPV_2015, _QPV_2024))
    if old and new:
        raise InputError(
            f"{name} mixes QPV of the 2015 list (QP...) and of the 2024 list (QN...).",
            expected="one geography: the two lists share no code and their zones overlap",
            next_step="Read the two lists as two levels.",
        )
    told = 2015 if old else 2024 if new else None
    if told and declared and (declared >= 2024) != (told == 2024):
        raise InputError(
            f"{name} holds the QPV of the {told} list and is declared of geography {declared}.",
            expected=f"geography_year = {told}",
        )
    return declared or told
