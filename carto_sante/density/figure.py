"""The densities of a city's zones with their intervals, as one drawing (SVG, no library, the same bytes each time)."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from carto_sante.errors import NoResultError

if TYPE_CHECKING:
    import pandas as pd

_ROW_PX, _LEFT_PX, _WIDTH_PX, _TOP_PX = 24, 300, 860, 86
#: Colour-blind safe: below (vermilion), above (blue), not different (grey); each also has its own mark.
_COLOURS = {"below": "#d55e00", "above": "#0072b2", "not different": "#555555", "unknown": "#555555"}


def density_figure(
    indicators: pd.DataFrame, comparison: pd.DataFrame, *, profession: str, indicator: str, title: str, note: str
) -> str:
    """Draw a density by zone with its interval, sorted, the city's rate as a line.

    Parameters
    ----------
    indicators : DataFrame
        schemas.INDICATORS of one level and one hypothesis.
    comparison : DataFrame
        From `carto_sante.density.compare_zones`, for the verdict of each zone.
    profession, indicator : str
        What to draw.
    title, note : str
        In French; the note says the denominator and the date.

    Returns
    -------
    str
        An SVG document. Missing and suppressed zones are written as such, without a mark.

    Raises
    ------
    NoResultError
        If there is nothing of that profession and indicator.

    Examples
    --------
    >>> import pandas
    >>> rows = pandas.DataFrame({"territory_id": ["a"], "territory_label": ["Centre"], "profession": "gp",
    ...     "indicator": "practitioners_per_100k", "indicator_value": [90.0], "lower": [50.0], "upper": [140.0],
    ...     "status": "ok", "unit": "u"})
    >>> verdict = pandas.DataFrame({"territory_id": ["a"], "profession": "gp", "verdict": "above",
    ...     "practitioner_count": [9.0], "population_count": [10_000.0]})
    >>> chosen = {"profession": "gp", "indicator": "practitioners_per_100k"}
    >>> drawing = density_figure(rows, verdict, **chosen, title="T", note="N")
    >>> drawing.startswith("<svg"), "Centre" in drawing
    (True, True)
    """
    rows = indicators[(indicators["profession"] == profession) & (indicators["indicator"] == indicator)]
    if rows.empty:
        raise NoResultError(f"There is no {indicator} of {profession!r} to draw.")
    mine = comparison[comparison["profession"] == profession].set_index("territory_id")
    rows = rows.assign(verdict=rows["territory_id"].map(mine["verdict"]).fillna("unknown"))
    rows = rows.sort_values(["indicator_value", "territory_id"], ascending=[False, True], na_position="last")
    largest = float(rows[["indicator_value", "upper"]].max().max())
    step = _step(largest)
    top = step * max(1, math.ceil(largest / step)) if largest > 0 else 1.0
    height = _TOP_PX + _ROW_PX * len(rows) + 70
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH_PX} {height}" font-family="sans-serif" '
        f'font-size="13" role="img" lang="fr"><title>{escape(title)}</title>',
        f'<rect width="{_WIDTH_PX}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="28" font-size="17" font-weight="bold">{escape(title)}</text>',
        f'<text x="16" y="50" fill="#444444">{escape(note)}</text>',
        *_axis(top, step, len(rows)),
        *_city(mine, rows, top),
        *[_row(row, place, top) for place, row in enumerate(rows.itertuples())],
        *_legend(height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(value: float, top: float) -> float:
    return round(_LEFT_PX + (_WIDTH_PX - _LEFT_PX - 40) * value / top, 1)


def _step(largest: float) -> float:
    rough = max(largest, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def _axis(top: float, step: float, count: int) -> list[str]:
    bottom = _TOP_PX + _ROW_PX * count
    lines = []
    for number in range(round(top / step) + 1):
        x = _x(number * step, top)
        lines.append(f'<line x1="{x}" y1="{_TOP_PX - 8}" x2="{x}" y2="{bottom}" stroke="#dddddd"/>')
        lines.append(f'<text x="{x}" y="{_TOP_PX - 14}" text-anchor="middle" fill="#444444">{number * step:g}</text>')
    return lines


def _city(mine: pd.DataFrame, rows: pd.DataFrame, top: float) -> list[str]:
    known = mine[mine["population_count"] > 0]
    rates = rows.dropna(subset=["indicator_value"])
    # The scale (per 10,000, per 100,000) is in the rows: one zone with practitioners tells it.
    for row in rates.itertuples():
        if row.indicator_value > 0 and row.territory_id in known.index:
            zone = known.loc[row.territory_id]
            scale = row.indicator_value * zone["population_count"] / zone["practitioner_count"]
            rate = scale * known["practitioner_count"].sum() / known["population_count"].sum()
            x, bottom = _x(float(rate), top), _TOP_PX + _ROW_PX * len(rows)
            return [
                f'<line x1="{x}" y1="{_TOP_PX - 8}" x2="{x}" y2="{bottom}" stroke="#000000" stroke-dasharray="4 3"/>'
            ]
    return []


def _row(row: object, place: int, top: float) -> str:
    y = _TOP_PX + _ROW_PX * place + _ROW_PX / 2
    label = getattr(row, "territory_label", None)
    name = escape(str(label if isinstance(label, str) else row.territory_id))  # type: ignore[attr-defined]
    text = f'<text x="{_LEFT_PX - 12}" y="{y + 4}" text-anchor="end">{name[:44]}</text>'
    status = row.status  # type: ignore[attr-defined]
    if status != "ok":
        word = {"missing": "population inconnue ou nulle", "suppressed": "secret statistique"}.get(status, status)
        return text + f'<text x="{_LEFT_PX + 6}" y="{y + 4}" fill="#777777" font-style="italic">{word}</text>'
    verdict = row.verdict  # type: ignore[attr-defined]
    colour = _COLOURS[verdict]
    value, low, high = (float(getattr(row, name)) for name in ("indicator_value", "lower", "upper"))
    bar = ""
    if not (math.isnan(low) or math.isnan(high)):
        bar = f'<line x1="{_x(low, top)}" y1="{y}" x2="{_x(high, top)}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
    return text + bar + _mark(_x(value, top), y, verdict)


def _mark(x: float, y: float, verdict: str) -> str:
    colour = _COLOURS[verdict]
    if verdict == "below":
        return f'<path d="M{x - 6} {y - 5}H{x + 6}L{x} {y + 6}Z" fill="{colour}"/>'
    if verdict == "above":
        return f'<path d="M{x - 6} {y + 5}H{x + 6}L{x} {y - 6}Z" fill="{colour}"/>'
    return f'<circle cx="{x}" cy="{y}" r="4.5" fill="{colour}"/>'


def _legend(height: int) -> list[str]:
    y, x = height - 26, 24
    lines = []
    words = {
        "below": "inférieure au reste",
        "above": "supérieure au reste",
        "not different": "pas de différence établie",
    }
    for verdict, word in words.items():
        lines.append(_mark(x, y - 4, verdict) + f'<text x="{x + 12}" y="{y}">{word}</text>')
        x += 190
    lines.append(f'<text x="{x}" y="{y}" fill="#444444">traits : intervalle à 95 % ; tirets : ensemble</text>')
    return lines
