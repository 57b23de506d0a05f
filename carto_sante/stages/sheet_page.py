"""The two printable pages of a candidate: what opens, what changes for whom, with what team, and what is assumed.

Plain HTML with its drawings inside (SVG): one file to print or send, without a server. Everything that comes from
a file is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from carto_sante.stages.accessibility import MODE_LABELS
from carto_sante.stages.candidate_sheets import CandidateSheet
from carto_sante.stages.siting import StudySiting

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

#: Zones shown on a sheet, all levels together: what the second page holds. `avant_apres.csv` has them all.
_ROWS_MOST = 19
#: A change smaller than this is written 0,0 and drawn white.
_LEAST_GAIN = 0.05
#: Zones named on the map: those that change most.
_NAMES_MOST = 5
_LEVELS = {"quartier": "Quartiers", "qpv": "Quartiers prioritaires (QPV)", "commune": "Ensemble", "iris": "IRIS"}
#: Sequential greens and a purple for losses (ColorBrewer PRGn, readable in grey and by colour-blind people).
_GAIN_COLORS = ("#f0f5ee", "#c7e3c2", "#8fca8c", "#4ba35b", "#1b6f33")
_LOSS_COLOR = "#9970ab"


def render_sheet(
    siting: StudySiting,
    sheet: CandidateSheet,
    *,
    title: str,
    vintage: str,
    profession_label: str,
    labels: Mapping[str, str],
    target_share: float,
    reach: str,
) -> str:
    """Return the HTML of the sheet of one candidate.

    Parameters
    ----------
    siting : StudySiting
        For the map and the hypotheses.
    sheet : CandidateSheet
    title, vintage : str
        Of the study.
    profession_label : str
        In French, plural.
    labels : mapping of str to str
        French label of each profession of the team.
    target_share : float
        Share of the people near the site that the smallest team lifts above the floor, 0 to 1.
    reach : str
        How far the site is reached from, in French ("15 minutes à pied").

    Returns
    -------
    str
        A whole page, the same for the same inputs.
    """
    heading = f"{sheet.label} — fiche de site candidat"
    return "\n".join(
        [
            '<!doctype html><html lang="fr"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(heading)}</title><style>{_style()}</style></head><body>",
            '<section class="page">',
            f"<h1>{escape(sheet.label)}</h1>",
            f"<p>{escape(title)} — données au {escape(vintage)}. ",
            f"{escape(_opening(siting, sheet, profession_label))}</p>",
            _numbers(sheet, siting.threshold_per_100k),
            f"<h2>Gain d’accessibilité par zone</h2>{_map(siting, sheet)}",
            f"<h2>Habitants nouvellement proches</h2>{_near(sheet.newly_near)}",
            '</section><section class="page">',
            f"<h2>Avant et après, par quartier et par QPV</h2>{_zones(sheet.zones)}",
            f"<h2>Taille de l’équipe</h2>{_team(sheet, siting, labels, target_share, reach)}",
            f'<h2>Hypothèses</h2><p class="note">{escape(siting.hypothesis)}.</p>',
            f'<p class="note">{escape(_caution(sheet))}</p>',
            "</section></body></html>",
            "",
        ]
    )


def _style() -> str:
    return resources.files("carto_sante").joinpath("stages/assets/sheet.css").read_text(encoding="utf-8")


def _opening(siting: StudySiting, sheet: CandidateSheet, profession_label: str) -> str:
    measures = sheet.measures
    moved = measures["etp_moved"]
    team = f"{_number(measures['etp_added'], 1)} ETP nouveaux"
    if moved > 0:
        team += f" et {_number(moved, 1)} ETP venus d’un autre cabinet"
    return (
        f"Rang {int(measures['rank'])} sur {len(siting.ranking)} sites étudiés. "
        f"Profession : {profession_label.lower()}. Équipe simulée : {team}. "
        f"Plancher : {_number(siting.threshold_per_100k, 1)} ETP pour 100 000 habitants."
    )


def _numbers(sheet: CandidateSheet, threshold_per_100k: float) -> str:
    measures = sheet.measures
    cells = [
        (_number(measures["population_gaining_count"]), "habitants y gagnent"),
        (_number(measures["population_lifted_count"]), "passent au-dessus du plancher"),
        (_number(measures["population_losing_count"]), "y perdent"),
        (f"{_number(measures['qpv_gain_share'] * 100)} %", "du gain va aux habitants des QPV"),
    ]
    inside = "".join(f"<div><b>{value}</b>{escape(text)}</div>" for value, text in cells)
    note = ""
    if measures["population_lifted_count"] < 0.5 and measures["gain_etp"] > 0:
        note = (
            '<p class="note">Cette équipe réduit le manque sans porter personne au plancher de '
            f"{_number(threshold_per_100k, 1)} ETP pour 100 000 habitants : voir « Taille de l’équipe ».</p>"
        )
    return f'<div class="numbers">{inside}</div>{note}'


def _zones(zones: pd.DataFrame) -> str:
    parts = []
    room = _share_rows(zones["territory_level"].value_counts(sort=False).to_dict())
    for level, every in zones.groupby("territory_level", sort=False):
        # Those that change most, in the order of the table.
        kept = every["gain_per_100k"].abs().sort_values(ascending=False, kind="stable").index[: room[level]]
        part = every.loc[every.index.isin(kept)]
        caption = escape(_LEVELS.get(str(level), str(level)))
        if len(part) < len(every):
            caption += f", les {len(part)} qui changent le plus sur {len(every)}"
        parts.append(f'<tr class="level"><td colspan="6">{caption}</td></tr>')
        parts += [
            f"<tr><td>{escape(str(row.territory_label))}</td><td>{_number(row.population_count)}</td>"
            f"<td>{_number(row.before_per_100k, 1)}</td><td>{_number(row.after_per_100k, 1)}</td>"
            f"<td>{_signed(row.gain_per_100k)}</td>"
            f"<td>{_number(row.population_lifted_count)}</td></tr>"
            for row in part.itertuples()
        ]
    return (
        "<table><tr><th>ETP pour 100\u00a0000 habitants</th><th>Habitants</th><th>Avant</th><th>Après</th><th>Gain</th>"
        f"<th>Hab. passant le plancher</th></tr>{''.join(parts)}</table>"
    )


def _share_rows(sizes: dict[Any, int]) -> dict[Any, int]:
    """Return how many zones of each level are shown: the longest list gives way first."""
    room = dict(sizes)
    while sum(room.values()) > _ROWS_MOST:
        room[max(room, key=lambda level: room[level])] -= 1
    return room


def _near(near: pd.DataFrame) -> str:
    rows = "".join(
        f"<tr><td>{_number(row.limit_min)} minutes {MODE_LABELS.get(str(row.mode), str(row.mode))}</td>"
        f"<td>{_number(row.population_near_count)}</td><td>{_number(row.population_newly_count)}</td></tr>"
        for row in near.itertuples()
    )
    return (
        "<table><tr><th>À moins de</th><th>Habitants</th>"
        f"<th>dont sans praticien si près aujourd’hui</th></tr>{rows}</table>"
    )


def _team(
    sheet: CandidateSheet, siting: StudySiting, labels: Mapping[str, str], target_share: float, reach: str
) -> str:
    parts = []
    if len(sheet.team):
        rows = "".join(
            f"<tr><td>{escape(labels.get(str(row.profession), str(row.profession)))}</td>"
            f"<td>{_number(row.threshold_per_100k, 1)}</td><td>{_number(row.etp_min, 2)}</td>"
            f"<td>{_number(row.etp_rounded, 1)}</td><td>{_number(row.share_before * 100)} %</td>"
            f"<td>{_number(row.share_after * 100)} %</td></tr>"
            for row in sheet.team.itertuples()
        )
        parts.append(
            f'<p class="note">Plus petite équipe qui porte au plancher {_number(target_share * 100)} % des habitants à '
            f"{escape(reach)} du site au plus :</p>"
            "<table><tr><th>Profession</th><th>Plancher</th><th>ETP nouveaux</th><th>au demi-poste</th>"
            f"<th>Au plancher, avant</th><th>après</th></tr>{rows}</table>"
        )
    if sheet.team_problem:
        parts.append(
            f'<p class="note">Aucune équipe, même grande, ne porte {_number(target_share * 100)} % de ces habitants au '
            "plancher dans toutes les professions : certains sont trop loin du site.</p>"
        )
    floor = _number(siting.threshold_per_100k, 1)
    parts.append(
        f'<p class="note">Part des habitants à {escape(reach)} du site au plus qui ont au moins {floor} ETP pour '
        "100 000 habitants, selon l’équipe :</p>"
    )
    parts.append(_curve(sheet.curve))
    return "".join(parts)


def _curve(curve: pd.DataFrame) -> str:
    """Draw the break-even curve as steps."""
    width, height, left, bottom = 640, 150, 46, 34
    share, etp = curve["population_above_share"].to_numpy(), curve["etp_added"].to_numpy()
    # The last people cost the most: the axis stops where 95 % of what can be lifted is.
    reached = share >= share[0] + 0.95 * (share[-1] - share[0])
    most = max(float(etp[reached][0]) * 1.1, 1.0)

    def x(value: float) -> float:
        return left + (width - left - 10) * min(value, most) / most

    def y(value: float) -> float:
        return height - bottom - (height - bottom - 10) * value

    step = next(size for size in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1e3, 1e9) if most / size <= 8)
    digits = 0 if step >= 1 else 1
    path = [f"M{x(0):.1f} {y(float(share[0])):.1f}"]
    for size, value in zip(etp[1:], share[1:], strict=True):
        if size > most:
            break
        path.append(f"H{x(float(size)):.1f}V{y(float(value)):.1f}")
    path.append(f"H{x(most):.1f}")
    ticks = "".join(
        f'<text x="{left - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{v * 100:.0f} %</text>'
        f'<line x1="{left}" x2="{width - 10}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="#ddd"/>'
        for v in (0.0, 0.5, 1.0)
    )
    ticks += "".join(
        f'<text x="{x(v):.1f}" y="{height - bottom + 16}" text-anchor="middle">{_number(v, digits)}</text>'
        for v in np.arange(0, most + 1e-9, step)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" font-size="11" '
        f'aria-label="Part des habitants selon la taille de l’équipe">{ticks}'
        f'<path d="{"".join(path)}" fill="none" stroke="#1b6f33" stroke-width="2"/>'
        f'<text x="{width - 10}" y="{height - 4}" text-anchor="end">ETP de l’équipe</text></svg>'
    )


def _map(siting: StudySiting, sheet: CandidateSheet) -> str:
    """Draw zones by gain, sites of today and the candidate."""
    level = str(sheet.zones["territory_level"].iloc[0])
    zones = siting.territories.loc[siting.territories["territory_level"] == level]
    gains = sheet.zones.loc[sheet.zones["territory_level"] == level].set_index("territory_id")["gain_per_100k"]
    left, bottom, right, top = zones.total_bounds
    margin = 0.03 * max(right - left, top - bottom)
    left, bottom, right, top = left - margin, bottom - margin, right + margin, top + margin
    scale = 640 / (right - left)
    height = min((top - bottom) * scale, 420)
    scale = min(scale, height / (top - bottom))
    left -= (640 / scale - (right - left)) / 2  # a tall study stands in the middle

    def place(xy: Any) -> str:
        return " ".join(f"{(px - left) * scale:.1f},{(top - py) * scale:.1f}" for px, py in xy)

    most = float(gains.max()) if len(gains) and gains.max() > 0 else 1.0
    shapes = []
    for zone, shape in zip(zones["territory_id"], zones.geometry, strict=True):
        gain = float(gains.get(zone, np.nan))
        for part in getattr(shape, "geoms", [shape]):
            rings = "".join(f"M{place(ring.coords)}Z" for ring in (part.exterior, *part.interiors))
            shapes.append(
                f'<path d="{rings}" fill="{_color(gain, most)}" fill-rule="evenodd" stroke="#666" stroke-width=".8"/>'
            )
    here = siting.ranking.loc[siting.ranking["destination_id"] == sheet.candidate_id].geometry.iloc[0]
    dots = "".join(_dot(point, left, top, scale, 2.2, "#444") for point in _inside(siting.sites, zones))
    star = _dot(here, left, top, scale, 7, "#d4351c")
    has_loss = bool((gains < -_LEAST_GAIN).any())
    names = _zone_names(zones, gains, lambda point: ((point.x - left) * scale, (top - point.y) * scale), here)
    return (
        f'<svg viewBox="0 0 640 {height + 44:.0f}" role="img" aria-label="Carte du gain par zone" font-size="11">'
        f"{''.join(shapes)}{dots}{star}{names}{_legend(most, height, has_loss=has_loss)}"
        f'<text x="8" y="{height + 38:.0f}">Gain en ETP pour 100 000 habitants. Point rouge : le site ; '
        "points gris : les cabinets actuels.</text></svg>"
    )


def _legend(most: float, height: float, *, has_loss: bool) -> str:
    entries = [("#fff", "aucun")]
    entries += [(color, f"≤ {_number(most * (k + 1) / len(_GAIN_COLORS), 1)}") for k, color in enumerate(_GAIN_COLORS)]
    if has_loss:
        entries.insert(0, (_LOSS_COLOR, "perte"))
    return "".join(
        f'<rect x="{8 + 90 * k}" y="{height + 8:.1f}" width="14" height="12" fill="{color}" stroke="#666"/>'
        f'<text x="{26 + 90 * k}" y="{height + 18:.1f}">{text}</text>'
        for k, (color, text) in enumerate(entries)
    )


def _zone_names(
    zones: GeoDataFrame, gains: pd.Series[Any], place: Callable[[Any], tuple[float, float]], here: Any
) -> str:
    """Name the zones that change most, away from the dot of the site."""
    changed = gains[gains.abs() > _LEAST_GAIN].abs().sort_values(ascending=False, kind="stable").index[:_NAMES_MOST]
    texts = []
    for row in zones.loc[zones["territory_id"].isin(changed)].itertuples():
        x, y = place(row.geometry.representative_point())
        site_x, site_y = place(here)
        if abs(y - site_y) < 16 and abs(x - site_x) < 90:
            y = site_y + 22
        texts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="10" paint-order="stroke" stroke="#fff" '
            f'stroke-width="3">{escape(str(row.territory_label))}</text>'
        )
    return "".join(texts)


def _inside(sites: GeoDataFrame, zones: GeoDataFrame) -> list[Any]:
    area = zones.union_all()
    return list(sites.loc[(sites["capacity_etp"] > 0) & sites.geometry.within(area)].geometry)


def _dot(point: Any, left: float, top: float, scale: float, radius: float, color: str) -> str:
    return (
        f'<circle cx="{(point.x - left) * scale:.1f}" cy="{(top - point.y) * scale:.1f}" r="{radius}" fill="{color}" '
        'stroke="#fff" stroke-width="1"/>'
    )


def _color(gain: float, most: float) -> str:
    if np.isnan(gain):
        return "#ddd"
    if abs(gain) <= _LEAST_GAIN:
        return "#fff"
    if gain < 0:
        return _LOSS_COLOR
    return _GAIN_COLORS[min(int(gain / most * len(_GAIN_COLORS) * (1 - 1e-9)), len(_GAIN_COLORS) - 1)]


def _caution(sheet: CandidateSheet) -> str:
    text = (
        "Ces chiffres comparent des sites entre eux ; ils ne prédisent pas où les patients iront. L’arrivée d’un "
        "praticien profite à tous ceux qui peuvent l’atteindre, y compris à ceux qui en ont déjà un près d’eux : la "
        "concurrence est recalculée."
    )
    if sheet.measures["population_losing_count"] > 0:
        text += " Les praticiens qui déménagent manquent là où ils étaient : ces pertes sont comptées."
    return text


def _number(value: float, digits: int = 0) -> str:
    if value is None or np.isnan(value):
        return "n. d."
    # French typography: a thousand is not broken at the end of a line, and minus is not a hyphen.
    return f"{float(value) + 0.0:,.{digits}f}".replace(",", "\u00a0").replace(".", ",").replace("-", "−")


def _signed(value: float) -> str:
    if np.isnan(value):
        return "n. d."
    return ("+" if value >= _LEAST_GAIN else "") + _number(value if abs(value) >= _LEAST_GAIN else 0.0, 1)
