"""Small OSM files drawn by hand: nodes by letter on a grid of 100 m around Rennes, ways, turn restrictions."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

# One step of the grid, in degrees, is about 100 m at this latitude.
LON0, LAT0 = -1.68, 48.11
STEP_LAT = 100 / 111_200
STEP_LON = 100 / 74_450


def osm_xml(
    nodes: dict[int, tuple[float, float]],
    ways: list[tuple[int, list[int], dict[str, str]]],
    *,
    node_tags: dict[int, dict[str, str]] | None = None,
    restrictions: list[tuple[str, int, int, int]] = (),
    relation_tags: dict[str, str] | None = None,
) -> str:
    """Return OSM XML; nodes are (column, row) of the grid, restrictions (kind, from way, via node, to way)."""
    lines = ['<osm version="0.6">']
    for number, (column, row) in sorted(nodes.items()):
        lon, lat = LON0 + column * STEP_LON, LAT0 + row * STEP_LAT
        lines.append(f'<node id="{number}" version="1" lon="{lon:.7f}" lat="{lat:.7f}">')
        lines += _tags((node_tags or {}).get(number, {}))
        lines.append("</node>")
    for number, refs, tags in sorted(ways, key=lambda way: way[0]):
        lines.append(f'<way id="{number}" version="1">')
        lines += [f'<nd ref="{ref}"/>' for ref in refs]
        lines += [*_tags(tags), "</way>"]
    for number, (kind, start, via, end) in enumerate(restrictions, start=1):
        lines.append(f'<relation id="{number}" version="1">')
        lines.append(f'<member type="way" ref="{start}" role="from"/>')
        lines.append(f'<member type="node" ref="{via}" role="via"/>')
        lines.append(f'<member type="way" ref="{end}" role="to"/>')
        lines += [*_tags({"type": "restriction", "restriction": kind} | (relation_tags or {})), "</relation>"]
    return "\n".join([*lines, "</osm>"])


def write_osm(folder: Path, text: str, *, name: str = "toy.osm") -> Path:
    """Write the XML to a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _tags(tags: dict[str, str]) -> list[str]:
    return [f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items()]
