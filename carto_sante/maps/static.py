"""The printed page of one territory: title, map, table and sources on A4, as PNG and PDF.

Drawn with matplotlib and its own DejaVu fonts, so that two machines write the same bytes; no tile is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.errors import InputError
from carto_sante.files import whole_file
from carto_sante.maps.choropleth import MISSING, SUPPRESSED, ZERO, ZERO_COLOR, Classes
from carto_sante.maps.labels import format_number, profession_of
from carto_sante.maps.symbols import symbols_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

A4_LANDSCAPE_IN = (297 / 25.4, 210 / 25.4)
PRINT_DPI = 200
_INK, _FINE, _BAND, _QPV = "#1D2A33", "#52616D", "#12394F", "#B0005A"
_MAP_WIDTH = 0.565
_MARKERS: dict[str, Any] = {
    "gp": "o", "nurse": "s", "physiotherapist": "^", "dentist": "D", "gynaecologist": "p", "midwife": "v",
    "paediatrician": "*", "speech_therapist": "h", "orthoptist": "X", "doctor_unspecified": "P",
}  # fmt: skip
# Markers of equal area look unequal: thin ones are drawn larger.
_SIZES = {"paediatrician": 1.7, "ophthalmologist": 1.6, "dentist": 0.85, "nurse": 0.9}


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
    qpv, streets : GeoDataFrame or None
        Outlines and lines drawn for bearings, in the CRS of the zones.
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

    settings = {"font.family": "DejaVu Sans", "hatch.linewidth": 0.5, "hatch.color": "#8A8A8A", "pdf.fonttype": 42,
                "svg.hashsalt": "carto-sante"}  # fmt: skip
    written = []
    with mpl.rc_context({**mpl.rcParamsDefault, **settings, "backend": mpl.rcParams["backend"]}):
        figure = _draw(page)
        for path in map(Path, paths):
            stamp = {"Software": None} if path.suffix == ".png" else {"CreationDate": None, "Producer": None}
            with whole_file(path) as part:
                figure.savefig(part, dpi=PRINT_DPI, metadata={} if path.suffix == ".svg" else stamp)
            written.append(path)
    return written


def _draw(page: PrintedTerritory) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=A4_LANDSCAPE_IN, facecolor="white")
    FigureCanvasAgg(figure)
    figure.add_artist(Rectangle((0, 0.895), 1, 0.105, facecolor=_BAND, transform=figure.transFigure))
    figure.text(0.03, 0.958, page.title, size=22, weight="bold", color="white", va="center")
    figure.text(0.03, 0.918, page.subtitle, size=11, color="#D5E4EC", va="center")
    figure.text(0.97, 0.918, page.date_label, size=11, color="#D5E4EC", va="center", ha="right")
    axes = figure.add_axes((0.02, 0.075, _MAP_WIDTH, 0.805))
    _draw_map(axes, page)
    _draw_side(figure, page)
    sources = "Sources : " + " ; ".join(page.credits) if page.credits else ""
    _wrapped(figure, 0.02, 0.045, sources, width=175, size=7.5)
    return figure


# ---- map


def _draw_map(axes: Any, page: PrintedTerritory) -> None:
    axes.set_axis_off()
    axes.set_aspect("equal")
    left, right, bottom, top = _frame(page.zone, ratio=(_MAP_WIDTH * A4_LANDSCAPE_IN[0]) / (0.805 * A4_LANDSCAPE_IN[1]))
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    _draw_zones(axes, page)
    lines = _lines(page.streets, (left, bottom, right, top))
    if lines is not None:
        lines.plot(ax=axes, color="#FFFFFF", linewidth=1.6, alpha=0.8, aspect=None, zorder=2)
        lines.plot(ax=axes, color="#9AA7B1", linewidth=0.5, aspect=None, zorder=2.1)
    page.zones.boundary.plot(ax=axes, color="#40566B", linewidth=0.8, aspect=None, zorder=3)
    if page.qpv is not None and len(page.qpv):
        page.qpv.boundary.plot(ax=axes, color=_QPV, linewidth=1.4, linestyle=(0, (5, 3)), aspect=None, zorder=4)
    page.zone.boundary.plot(ax=axes, color="white", linewidth=5, aspect=None, zorder=5)
    page.zone.boundary.plot(ax=axes, color=_INK, linewidth=2.4, aspect=None, zorder=6)
    _draw_names(axes, page, (left, right, bottom, top))
    _draw_people(axes, page)
    _draw_scale(axes, left, right, bottom, top)


def _lines(streets: GeoDataFrame | None, window: tuple[float, float, float, float]) -> Any:
    """Return the streets drawn as lines that the window shows; None where there are none (boxes serve the search)."""
    if streets is None or not len(streets):
        return None
    lines = streets[streets.geom_type.isin(["LineString", "MultiLineString"])]
    lines = lines.cx[window[0] : window[2], window[1] : window[3]] if len(lines) else lines
    return lines if len(lines) else None


def _frame(zone: GeoDataFrame, *, ratio: float) -> tuple[float, float, float, float]:
    left, bottom, right, top = (float(bound) for bound in zone.total_bounds)
    margin = 0.14 * max(right - left, top - bottom)
    width, height = right - left + 2 * margin, top - bottom + 2 * margin
    width, height = max(width, height * ratio), max(height, width / ratio)
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - width / 2, x + width / 2, y - height / 2, y + height / 2


def _draw_zones(axes: Any, page: PrintedTerritory) -> None:
    if page.classes is None:
        page.zones.plot(ax=axes, color="#F2EFE9", aspect=None, zorder=1)
        return
    for group in np.unique(page.classes.class_of):
        rows = page.zones[page.classes.class_of == group]
        if group in page.patterns:
            color, hatch = page.patterns[int(group)]
            rows.plot(ax=axes, facecolor=color, edgecolor="#8A8A8A", linewidth=0, hatch=hatch, aspect=None, zorder=1)
        else:
            color = ZERO_COLOR if group == ZERO else page.classes.colors[group]
            rows.plot(ax=axes, color=color, alpha=0.75, aspect=None, zorder=1)


def _draw_names(axes: Any, page: PrintedTerritory, frame: tuple[float, float, float, float]) -> None:
    import shapely
    from matplotlib.patheffects import withStroke

    left, right, bottom, top = frame
    window = shapely.box(left, bottom, right, top)
    halo = [withStroke(linewidth=3, foreground="white")]
    for label, shape in zip(page.zones["territory_label"], page.zones.geometry, strict=True):
        seen = shape.intersection(window)
        if seen.area < window.area * 0.02:
            continue
        point = seen.representative_point()
        axes.text(point.x, point.y, str(label), size=9, weight="bold", color=_INK, ha="center", va="center",
                  path_effects=halo, zorder=9, clip_on=True)  # fmt: skip


def _draw_people(axes: Any, page: PrintedTerritory) -> None:
    if page.people.empty:
        return
    keys = sorted(set(page.people["profession"]), key=_rank(page))
    symbols = symbols_of(keys)
    x, y = page.people.geometry.x.round(1), page.people.geometry.y.round(1)
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    seen = x.between(left, right) & y.between(bottom, top)
    table = page.people[["profession"]].assign(_x=x, _y=y, inside=page.is_inside.to_numpy())[seen]
    counts = table.groupby(["_x", "_y", "inside", "profession"]).size().reset_index(name="n")
    span = (right - left) / 70
    # Professions at one place stand side by side instead of hiding each other.
    counts["rank"] = counts.groupby(["_x", "_y"]).cumcount()
    counts["width"] = counts.groupby(["_x", "_y"])["rank"].transform("max")
    counts["_x"] = counts["_x"] + (counts["rank"] - counts["width"] / 2) * span
    for key in keys:
        rows = counts[counts["profession"] == key]
        if rows.empty:
            continue
        size = _SIZES.get(key, 1.0) * (62 + 18 * np.minimum(rows["n"] - 1, 5))
        axes.scatter(rows["_x"], rows["_y"], s=size, marker=_marker(key), alpha=np.where(rows["inside"], 1.0, 0.45),
                     facecolor=symbols[key].color, edgecolor="white", linewidth=0.8, zorder=7)  # fmt: skip
        for px, py, n in rows.loc[rows["n"] > 1, ["_x", "_y", "n"]].itertuples(index=False):
            axes.annotate(str(n), (px, py), color="white", size=6, weight="bold", ha="center", va="center", zorder=8,
                          annotation_clip=True)  # fmt: skip


def _draw_scale(axes: Any, left: float, right: float, bottom: float, top: float) -> None:
    length = 10 ** np.floor(np.log10((right - left) / 4))
    length = max(step * length for step in (1, 2, 5) if step * length <= (right - left) / 4)
    x, y = left + (right - left) * 0.03, bottom + (top - bottom) * 0.04
    axes.plot([x, x + length], [y, y], color=_INK, linewidth=2.5, solid_capstyle="butt", zorder=10)
    text = (
        f"{format_number(length / 1000, decimals=0 if length % 1000 == 0 else 1)} km"
        if length >= 1000
        else f"{length:.0f} m"
    )
    axes.text(x + length / 2, y + (top - bottom) * 0.012, text, size=8, ha="center", va="bottom", zorder=10)
    axes.annotate("N", (0.965, 0.96), (0.965, 0.9), xycoords="axes fraction", ha="center", va="center", size=10,
                  weight="bold", arrowprops={"arrowstyle": "-|>", "color": _INK}, zorder=10)  # fmt: skip


# ---- side: facts, table, legend


def _draw_side(figure: Any, page: PrintedTerritory) -> None:
    x, right, y = 0.605, 0.975, 0.862
    for label, value in page.facts:
        figure.text(x, y, label, size=9.5, color=_FINE, va="top")
        figure.text(right, y, value, size=10, weight="bold", color=_INK, va="top", ha="right")
        y -= 0.03
    y = _draw_table(figure, page, x, right, y - (0.04 if page.facts else 0.02))
    _draw_legend(figure, page, x, y - 0.02)


def _draw_table(figure: Any, page: PrintedTerritory, x: float, right: float, y: float) -> float:
    from matplotlib.lines import Line2D

    # Right edges of the columns of figures: practitioners, rate, interval, and the whole territory where there is one.
    stops = [x + edge for edge in ((0.198, 0.242, 0.312, 0.37) if len(page.header) == 5 else (0.21, 0.275, 0.37))]
    for column, title in enumerate(page.header):
        place, align = (x, "left") if column == 0 else (stops[column - 1], "right")
        figure.text(place, y, title, size=7.5, weight="bold", color=_FINE, va="bottom", ha=align, linespacing=1.15)
    y -= 0.008
    axes = figure.add_axes((0, 0, 1, 1), facecolor="none")
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    symbols = symbols_of([row[0] for row in page.rows])
    for row in page.rows:
        figure.add_artist(Line2D([x, right], [y, y], color="#DDE3E8", linewidth=0.7))
        axes.plot([x + 0.007], [y - 0.016], marker=_marker(row[0]), markersize=6.5, color=symbols[row[0]].color)
        figure.text(x + 0.018, y - 0.016, profession_of(row[0]).plural, size=8.5, va="center", color=_INK)
        for place, text in zip(stops, row[1:], strict=True):
            figure.text(place, y - 0.016, text, size=8, va="center", ha="right", color=_INK)
        y -= 0.031
    return y


def _draw_legend(figure: Any, page: PrintedTerritory, x: float, y: float) -> None:
    from matplotlib.patches import Rectangle

    if page.classes is None:
        return
    figure.text(x, y, page.indicator_label, size=9, weight="bold", color=_INK, va="top")
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
        figure.text(x + 0.029, y + 0.0085, label, size=8, color=_INK, va="center")
        y -= 0.024


def _wrapped(figure: Any, x: float, y: float, text: str, *, width: int, size: float) -> None:
    import textwrap

    figure.text(x, y, "\n".join(textwrap.wrap(text, width)[:3]), size=size, color=_FINE, va="center", linespacing=1.3)


def _rank(page: PrintedTerritory) -> Any:
    order = {row[0]: number for number, row in enumerate(page.rows)}
    return lambda key: (order.get(key, len(order)), key)


def _marker(key: str) -> Any:
    if key == "ophthalmologist":  # an eye, as on the screen
        from matplotlib.path import Path as Outline

        angle = np.linspace(0, np.pi, 13)
        upper = np.column_stack([np.cos(angle), 0.62 * np.sin(angle)])
        return Outline(np.vstack([upper, -upper, upper[:1]]))
    return _MARKERS.get(key, "<")
