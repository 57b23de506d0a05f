"""Supply crossed with another indicator (deprivation): three by three classes, one colour each."""

from __future__ import annotations

from typing import Any

import numpy as np

from carto_sante.errors import UnknownNameError, suggest
from carto_sante.maps.choropleth import MISSING, classify

#: Rows: supply from low to high; columns: second indicator from low to high (Stevens's "blue-red" scheme).
COLORS = (
    ("#E8E8E8", "#E4ACAC", "#C85A5A"),
    ("#B0D5DF", "#AD9EA5", "#985356"),
    ("#64ACBE", "#627F8C", "#574249"),
)
SIZE = 3


def bivariate_records(
    choropleths: list[dict[str, Any]], *, level: str, indicator: str, second: str
) -> list[dict[str, Any]]:
    """Cross the choropleths of one indicator, each profession in turn, with those of another.

    Zones are cut at the terciles of each indicator (mapclassify, quantiles); zero is low, and a zone where either is
    missing or suppressed has no class.

    Parameters
    ----------
    choropleths : list of dict
        Records of `carto_sante.maps.payload.choropleth_records`.
    level, indicator, second : str
        Level of the zones, supply indicator, and the indicator it is crossed with.

    Raises
    ------
    UnknownNameError
        If the second indicator has no choropleth at this level.
    """
    at_level = [record for record in choropleths if record["level"] == level]
    seconds = [record for record in at_level if record["indicator"] == second]
    if not seconds:
        names = sorted({record["indicator"] for record in at_level})
        raise UnknownNameError(f"No indicator {second!r} at level {level!r}.", next_step=suggest(second, names))
    other = max(seconds, key=lambda record: record["year"] or 0)
    columns = _terciles(other["values"])
    # Of several denominators, the main one is crossed: nine classes for each would fill the list.
    has_main = any(record["is_main"] for record in at_level if record["indicator"] == indicator)
    records = []
    for record in at_level:
        if record["indicator"] != indicator or (has_main and not record["is_main"]):
            continue
        rows = _terciles(record["values"])
        known = (rows >= 0) & (columns >= 0)
        class_of = np.where(known, rows * SIZE + columns, MISSING)
        records.append(
            {
                "level": level,
                "indicator": f"{indicator}×{second}",
                "profession": record["profession"],
                "year": record["year"],
                "label": f"{record['label']} × {other['label']}",
                "first_label": record["label"],
                "second_label": other["label"],
                "class_of": class_of.tolist(),
                "colors": [color for line in COLORS for color in line],
                "counts": [int((class_of == index).sum()) for index in range(SIZE * SIZE)],
                "missing_count": int((class_of < 0).sum()),
                "n": int(known.sum()),
            }
        )
    return records


def _terciles(values: list[float | None]) -> Any:
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    known = np.isfinite(numbers)
    if not known.any():
        return np.full(len(numbers), MISSING)
    # Zero must be an ordinary value here: shifting keeps the order, hence the terciles.
    shifted = numbers - numbers[known].min() + 1.0
    return classify(shifted, class_count=SIZE, scheme="quantiles").class_of
