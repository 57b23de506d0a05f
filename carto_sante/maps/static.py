"""The printed page of one territory: title, map, table and sources on A4, as PNG and PDF.

Drawn with matplotlib and its own DejaVu fonts, so that two machines write the same bytes; no tile is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carto_sante.errors import InputError
from carto_sante.files import whole_file
from carto_sante.maps.choropleth import MISSING, SUPPRESSED, ZERO, ZERO_COLOR, Classes
from carto_sante.maps.labels import profession_of
from carto_sante.maps.print_font import print_families, text_width
from carto_sante.maps.printed_map import INK, draw_map, marker_of
from carto_sante.maps.symbols import symbols_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

A4_LANDSCAPE_IN = (297 / 25.4, 210 / 25.4)
PRINT_DPI = 200
_FINE, _BAND = "#52616D", "#12394F"
_MAP_WIDTH = 0.565
_PAGE_PT, _PAGE_HEIGHT_PT = (72 * inches for inches in A4_LANDSCAPE_IN)
_MARKER_PT, _LEAST_GAP_PT = 15.0, 7.0
_SAVING: Mapping[str, Mapping[str, Any]] = {
    ".png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 4}},
    ".pdf": {"metadata": {"CreationDate": None, "Producer": None}},
}
_SIZES_PT = (8.5, 8.0, 7.5, 7.0, 6.5, 6.0, 5.5)


@dataclass(frozen=True)
class PrintedTerritory:
    """Everything the printed page of one territory shows.

    Attributes
    ----------
    title, subtitle : str
        "Maurepas", "Quartier de Ville-Exemple".
    zone : GeoDataFrame
        The territory, one row, in metres.
    zones : GeoDataFrame
        Zones around and under it, with ``territory_label``, in the order of ``classes``.
    classes : Classes or None
        Class of each of ``zones`` for the indicator drawn.
    indicator_label, unit : str
        Of the indicator drawn.
    people : GeoDataFrame
        Practitioners with a point, with ``profession``.
    is_inside : Series of bool
        Whether each is in the studied territory: the others are drawn paler.
    qpv, context, streets : GeoDataFrame or None
        Outlines, main streets and water, and other lines drawn for bearings, in the CRS of the zones.
    header, rows : sequence
        The table: column titles, then one row per profession, its key first.
    facts : sequence of (label, value)
        Lines above the table.
    credits : sequence of str
        Sources.
    date_label : str
        "Données au 1er janvier 2026".
    """

    title: str
    subtitle: str
    zone: GeoDataFrame
    zones: GeoDataFrame
    classes: Classes | None
    indicator_label: str
    unit: str
    people: GeoDataFrame
    is_inside: Any
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    date_label: str
    qpv: GeoDataFrame | None = None
    context: GeoDataFrame | None = None
    streets: GeoDataFrame | None = None
    facts: Sequence[tuple[str, str]] = ()
    credits: Sequence[str] = ()
    patterns: Mapping[int, tuple[str, str]] = field(
        default_factory=lambda: {MISSING: ("#EDEDED", "////"), SUPPRESSED: ("#F7F1E3", "..")}
    )


def require_matplotlib() -> None:
    """Refuse to print pages where matplotlib is not installed.

    Raises
    ------
    InputError
        If it is not.
    """
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise InputError(
            "Printed pages need matplotlib, which is not installed.",
            next_step="Install it from the folder of this tool: .venv/bin/pip install '.[atlas]'; or ask for the "
            "pages to put online alone: --format html.",
        )


def write_printed_page(page: PrintedTerritory, paths: Sequence[Path | str]) -> list[Path]:
    """Write the printed page of a territory in each format asked, whole or not at all.

    Parameters
    ----------
    page : PrintedTerritory
        What it shows.
    paths : sequence of path
        Files to write; the extension is the format (.png at 200 dots per inch, .pdf, .svg).

    Raises
    ------
    InputError
        If matplotlib is not installed.
    OutputError
        If a file cannot be written.
    """
    require_matplotlib()
    import matplotlib as mpl

    settings = {"font.family": list(print_families()), "hatch.linewidth": 0.5, "hatch.color": "#8A8A8A",
                "pdf.fonttype": 42, "svg.hashsalt": "carto-sante"}  # fmt: skip
    written = []
    with mpl.rc_context({**mpl.rcParamsDefault, **settings, "backend": mpl.rcParams["backend"]}):
        figure = _draw(page)
        for path in map(Path, paths):
            with whole_file(path) as part:
                figure.savefig(part, dpi=PRINT_DPI, **_SAVING.get(path.suffix, {}))
            written.append(path)
    return written


def _draw(page: PrintedTerritory) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=A4_LANDSCAPE_IN, facecolor="white")
    figure.add_artist(Rectangle((0, 0.895), 1, 0.105, facecolor=_BAND, transform=figure.transFigure))
    figure.text(0.03, 0.958, page.title, size=22, weight="bold", color="white", va="center")
    figure.text(0.03, 0.918, page.subtitle, size=11, color="#D5E4EC", va="center")
    figure.text(0.97, 0.918, page.date_label, size=11, color="#D5E4EC", va="center", ha="right")
    axes = figure.add_axes((0.02, 0.075, _MAP_WIDTH, 0.805))
    draw_map(axes, page, ratio=_MAP_WIDTH * A4_LANDSCAPE_IN[0] / (0.805 * A4_LANDSCAPE_IN[1]))
    _draw_side(figure, page)
    sources = "Sources : " + " ; ".join(page.credits) if page.credits else ""
    _wrapped(figure, 0.02, 0.045, sources, width=175, size=7.5)
    return figure


# ---- side: facts, table, legend


def _draw_side(figure: Any, page: PrintedTerritory) -> None:
    x, right, y = 0.605, 0.975, 0.862
    for label, value in page.facts:
        figure.text(x, y, label, size=9.5, color=_FINE, va="top")
        figure.text(right, y, value, size=10, weight="bold", color=INK, va="top", ha="right")
        y -= 0.03
    y = _draw_table(figure, page, x, right, y - 0.01)
    _draw_legend(figure, page, x, y - 0.02)


def _draw_table(figure: Any, page: PrintedTerritory, x: float, right: float, y: float) -> float:
    from matplotlib.lines import Line2D

    names = [profession_of(row[0]).plural for row in page.rows]
    size, stops = fit_columns(page.header, names, [row[1:] for row in page.rows], width_pt=(right - x) * _PAGE_PT)
    lines = max((title.count("\n") + 1 for title in page.header), default=1)
    y -= lines * (size - 1) * 1.2 / _PAGE_HEIGHT_PT
    for column, title in enumerate(page.header):
        place, align = (x, "left") if column == 0 else (x + stops[column - 1] / _PAGE_PT, "right")
        figure.text(place, y, title, size=size - 1, weight="bold", color=_FINE, va="bottom", ha=align, linespacing=1.15)
    y -= 0.008
    axes = figure.add_axes((0, 0, 1, 1), facecolor="none")
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    symbols = symbols_of([row[0] for row in page.rows])
    for row, name in zip(page.rows, names, strict=True):
        figure.add_artist(Line2D([x, right], [y, y], color="#DDE3E8", linewidth=0.7))
        axes.plot([x + 0.007], [y - 0.016], marker=marker_of(row[0]), markersize=6.5, color=symbols[row[0]].color)
        figure.text(x + _MARKER_PT / _PAGE_PT, y - 0.016, name, size=size, va="center", color=INK)
        for stop, text in zip(stops, row[1:], strict=True):
            figure.text(x + stop / _PAGE_PT, y - 0.016, text, size=size, va="center", ha="right", color=INK)
        y -= 0.031
    return y


def fit_columns(
    header: Sequence[str], names: Sequence[str], rows: Sequence[Sequence[str]], *, width_pt: float
) -> tuple[float, list[float]]:
    """Return the size of the letters of a table and the right edge of each column of figures, in points.

    The first column holds a marker and a name, the others figures set to the right. Letters shrink until the columns
    stand apart; what is left of the width is shared between them.

    Parameters
    ----------
    header : sequence of str
        Titles, the first one's included; they may have several lines.
    names : sequence of str
        First column.
    rows : sequence of sequence of str
        Other columns.
    width_pt : float
        Width of the table, in points.
    """
    for size in _SIZES_PT:
        titles = [text_width(title, size_pt=size - 1, weight="bold") for title in header]
        first = max([titles[0], *(_MARKER_PT + text_width(name, size_pt=size) for name in names)])
        others = [
            max([title, *(text_width(row[column], size_pt=size) for row in rows)])
            for column, title in enumerate(titles[1:])
        ]
        gap = (width_pt - first - sum(others)) / max(1, len(others))
        if gap >= _LEAST_GAP_PT:
            break
    stops, edge = [], first
    for width in others:
        edge += gap + width
        stops.append(edge)
    return size, stops


def _draw_legend(figure: Any, page: PrintedTerritory, x: float, y: float) -> None:
    from matplotlib.patches import Rectangle

    if page.classes is None:
        return
    figure.text(x, y, page.indicator_label, size=9, weight="bold", color=INK, va="top")
    figure.text(x, y - 0.022, page.unit, size=8, color=_FINE, va="top")
    present = set(page.classes.class_of.tolist())
    lines = [("0 (aucun)", ZERO_COLOR, "")] if ZERO in present else []
    lines += [(label, color, "") for label, color in zip(page.classes.labels, page.classes.colors, strict=True)]
    words = {MISSING: "non disponible", SUPPRESSED: "secret statistique"}
    lines += [(words[code], *page.patterns[code]) for code in (MISSING, SUPPRESSED) if code in present]
    y -= 0.058
    for label, color, hatch in lines:
        box = Rectangle((x, y), 0.022, 0.017, facecolor=color, edgecolor="#40566B", linewidth=0.6, hatch=hatch,
                        alpha=None if hatch else 0.9, transform=figure.transFigure)  # fmt: skip
        figure.add_artist(box)
        figure.text(x + 0.029, y + 0.0085, label, size=8, color=INK, va="center")
        y -= 0.024


def _wrapped(figure: Any, x: float, y: float, text: str, *, width: int, size: float) -> None:
    import textwrap

    figure.text(x, y, "\n".join(textwrap.wrap(text, width)[:3]), size=size, color=_FINE, va="center", linespacing=1.3)
