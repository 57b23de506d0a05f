"""The map of a printed page: zones by class, streets and water for bearings, outlines, names, practitioners, scale."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.maps.choropleth import ZERO, ZERO_COLOR
from carto_sante.maps.context import STYLES
from carto_sante.maps.labels import format_number
from carto_sante.maps.print_font import text_width
from carto_sante.maps.symbols import symbols_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from carto_sante.maps.static import PrintedTerritory

INK = "#1D2A33"
_QPV, _GROUND = "#B0005A", "#EEF1F3"
_NAME_PT, _NAME_LETTERS = 9.0, 26
_MARKERS: dict[str, Any] = {
    "gp": "o", "nurse": "s", "physiotherapist": "^", "dentist": "D", "gynaecologist": "p", "midwife": "v",
    "paediatrician": "*", "speech_therapist": "h", "orthoptist": "X", "pharmacy": "P", "doctor_unspecified": "P",
}  # fmt: skip
# Markers of equal area look unequal: thin ones are drawn larger.
_SIZES = {"paediatrician": 1.7, "ophthalmologist": 1.6, "dentist": 0.85, "nurse": 0.9}


def draw_map(axes: Any, page: PrintedTerritory, *, ratio: float) -> None:
    """Draw the map of a page on its axes, whose width is ``ratio`` times their height."""
    from matplotlib.patches import Rectangle

    axes.set_axis_off()
    axes.set_aspect("equal")
    left, right, bottom, top = _frame(page.zone, ratio=ratio)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    # What lies outside the zones is not white, which means zero.
    axes.add_patch(Rectangle((left, bottom), right - left, top - bottom, facecolor=_GROUND, zorder=0))
    _draw_zones(axes, page)
    _draw_context(axes, page.context, (left, bottom, right, top))
    _draw_streets(axes, page.streets, (left, bottom, right, top))
    _outlines(axes, page.zones.geometry, color="#40566B", linewidth=0.8, zorder=3)
    if page.qpv is not None and len(page.qpv):
        _outlines(axes, page.qpv.geometry, color=_QPV, linewidth=1.4, linestyle=(0, (5, 3)), zorder=4)
    _outlines(axes, page.zone.geometry, color="white", linewidth=5, zorder=5)
    _outlines(axes, page.zone.geometry, color=INK, linewidth=2.4, zorder=6)
    _draw_names(axes, page, (left, right, bottom, top))
    _draw_people(axes, page)
    _draw_scale(axes, left, right, bottom, top)


def marker_of(key: str) -> Any:
    """Return the matplotlib marker of a profession: the shape it has on the screen."""
    if key == "ophthalmologist":  # an eye, as on the screen
        from matplotlib.path import Path as Outline

        angle = np.linspace(0, np.pi, 13)
        upper = np.column_stack([np.cos(angle), 0.62 * np.sin(angle)])
        return Outline(np.vstack([upper, -upper, upper[:1]]))
    if key in ("msp", "health_centre"):  # a house
        from matplotlib.path import Path as Outline

        return Outline(
            [(0, 1), (1.05, 0.1), (0.7, 0.1), (0.7, -0.95), (-0.7, -0.95), (-0.7, 0.1), (-1.05, 0.1), (0, 1)]
        )
    return _MARKERS.get(key, "<")


def _frame(zone: GeoDataFrame, *, ratio: float) -> tuple[float, float, float, float]:
    left, bottom, right, top = (float(bound) for bound in zone.total_bounds)
    margin = 0.14 * max(right - left, top - bottom)
    width, height = right - left + 2 * margin, top - bottom + 2 * margin
    width, height = max(width, height * ratio), max(height, width / ratio)
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - width / 2, x + width / 2, y - height / 2, y + height / 2


# ---- shapes: geopandas draws the whole figure again at each of its plots


def _outlines(axes: Any, shapes: Iterable[Any], **style: Any) -> None:
    from matplotlib.collections import LineCollection

    axes.add_collection(LineCollection(_coordinates(shapes), **style), autolim=False)


def _fills(axes: Any, shapes: Iterable[Any], **style: Any) -> None:
    import shapely
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    paths = []
    for shape in shapes:
        rings = _coordinates([shapely.normalize(shape)]) if shape is not None and not shape.is_empty else []
        if rings:
            paths.append(Path.make_compound_path(*(Path(ring, closed=True) for ring in rings)))
    axes.add_collection(PathCollection(paths, **style), autolim=False)


def _coordinates(shapes: Iterable[Any]) -> list[Any]:
    """Return the coordinates of each ring or line of shapes."""
    import shapely

    values: Any = np.asarray([shape for shape in shapes if shape is not None], dtype=object)
    parts = shapely.get_parts(values)
    is_polygon = shapely.get_type_id(parts) == 3
    lines = np.concatenate([shapely.get_rings(parts[is_polygon]), parts[~is_polygon]])
    points, owner = shapely.get_coordinates(lines, return_index=True)
    return np.split(points, np.searchsorted(owner, np.arange(1, len(lines)))) if len(lines) else []


# ---- layers


def _draw_zones(axes: Any, page: PrintedTerritory) -> None:
    if page.classes is None:
        _fills(axes, page.zones.geometry, facecolor="#F2EFE9", edgecolor="none", zorder=1)
        return
    for group in np.unique(page.classes.class_of):
        shapes = page.zones.geometry[page.classes.class_of == group]
        if group in page.patterns:
            color, hatch = page.patterns[int(group)]
            _fills(axes, shapes, facecolor=color, edgecolor="#8A8A8A", linewidth=0, hatch=hatch, zorder=1)
        else:
            color = ZERO_COLOR if group == ZERO else page.classes.colors[group]
            _fills(axes, shapes, facecolor=color, edgecolor="none", alpha=0.75, zorder=1)


def _draw_context(axes: Any, context: Any, window: tuple[float, float, float, float]) -> None:
    """Draw main streets, railways and water over the colours of the zones, under their outlines."""
    if context is None or not len(context):
        return
    seen = context.cx[window[0] : window[2], window[1] : window[3]]
    # In a small zone streets are wider on paper, as on the ground.
    scale = float(np.clip(4_000 / (window[2] - window[0]), 0.7, 1.6))
    for order, (kind, style) in enumerate(STYLES.items()):
        shapes = seen.geometry[seen["context_kind"] == kind]
        if shapes.empty:
            continue
        if style["is_area"]:
            _fills(axes, shapes, facecolor=style["color"], edgecolor="none", alpha=0.9, zorder=1.1)
            continue
        width, at = style["print_pt"] * scale, 1.2 + order / 100
        dash = (0, tuple(style["dash"])) if style.get("dash") else "solid"
        if kind not in ("river", "railway"):
            _outlines(axes, shapes, color="white", linewidth=width + 1.2, alpha=0.85, zorder=at, capstyle="round")
        _outlines(axes, shapes, color=style["color"], linewidth=width, linestyle=dash, zorder=at + 0.3)


def _draw_streets(axes: Any, streets: Any, window: tuple[float, float, float, float]) -> None:
    """Draw the streets given as lines; boxes, which serve the search, are left out."""
    if streets is None or not len(streets):
        return
    lines = streets.geometry[streets.geom_type.isin(["LineString", "MultiLineString"])]
    lines = lines.cx[window[0] : window[2], window[1] : window[3]] if len(lines) else lines
    _outlines(axes, lines, color="#FFFFFF", linewidth=1.6, alpha=0.8, zorder=2)
    _outlines(axes, lines, color="#9AA7B1", linewidth=0.5, zorder=2.1)


def _draw_names(axes: Any, page: PrintedTerritory, frame: tuple[float, float, float, float]) -> None:
    import shapely
    from matplotlib.patheffects import withStroke

    left, right, bottom, top = frame
    width_pt = axes.get_position().width * axes.figure.get_figwidth() * 72
    window = shapely.box(left, bottom, right, top)
    halo = [withStroke(linewidth=3, foreground="white")]
    for label, shape in zip(page.zones["territory_label"], page.zones.geometry, strict=True):
        seen = shape.intersection(window)
        if seen.area < window.area * 0.02:
            continue
        point = seen.representative_point()
        words = _wrapped_name(str(label))
        half = text_width(words, size_pt=_NAME_PT, weight="bold") / 2 * (right - left) / width_pt
        x = min(max(point.x, left + half), right - half)  # a long name stays whole at the edge
        axes.text(x, point.y, words, linespacing=1.05, size=_NAME_PT, weight="bold", color=INK, ha="center",
                  va="center", path_effects=halo, zorder=9, clip_on=True)  # fmt: skip


def _wrapped_name(label: str) -> str:
    """Cut a long name after its dashes, or between words."""
    if len(label) <= _NAME_LETTERS:
        return label
    parts = re.split(r"(?<=[-–])\s+|\s*/\s*", label)
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) < _NAME_LETTERS:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return "\n".join(chunk for line in lines for chunk in textwrap.wrap(line, _NAME_LETTERS) or [line])


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
        axes.scatter(rows["_x"], rows["_y"], s=size, marker=marker_of(key), alpha=np.where(rows["inside"], 1.0, 0.45),
                     facecolor=symbols[key].color, edgecolor="white", linewidth=0.8, zorder=7)  # fmt: skip
        for px, py, n in rows.loc[rows["n"] > 1, ["_x", "_y", "n"]].itertuples(index=False):
            # The middle of a triangle is a third of the way up.
            lift = {"physiotherapist": -0.22, "midwife": 0.22}.get(key, 0.0) * span
            axes.text(px, py + lift, str(n), color="white", size=6, weight="bold", ha="center", va="center_baseline",
                      zorder=8, clip_on=True)  # fmt: skip


def _draw_scale(axes: Any, left: float, right: float, bottom: float, top: float) -> None:
    length = 10 ** np.floor(np.log10((right - left) / 4))
    length = max(step * length for step in (1, 2, 5) if step * length <= (right - left) / 4)
    x, y = left + (right - left) * 0.03, bottom + (top - bottom) * 0.04
    axes.plot([x, x + length], [y, y], color=INK, linewidth=2.5, solid_capstyle="butt", zorder=10)
    text = (
        f"{format_number(length / 1000, decimals=0 if length % 1000 == 0 else 1)} km"
        if length >= 1000
        else f"{length:.0f} m"
    )
    axes.text(x + length / 2, y + (top - bottom) * 0.012, text, size=8, ha="center", va="bottom", zorder=10)
    axes.annotate("N", (0.965, 0.96), (0.965, 0.9), xycoords="axes fraction", ha="center", va="center", size=10,
                  weight="bold", arrowprops={"arrowstyle": "-|>", "color": INK}, zorder=10)  # fmt: skip


def _rank(page: PrintedTerritory) -> Any:
    order = {row[0]: number for number, row in enumerate(page.rows)}
    return lambda key: (order.get(key, len(order)), key)
