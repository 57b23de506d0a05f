"""The index of an atlas: every zone, its figures and its files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from carto_sante.files import whole_file
from carto_sante.maps.labels import format_date

_STYLE = """
body { margin: 0; color: #1D2A33; background: #F4F6F7; font: 16px/1.45 "Source Sans 3", Inter, system-ui, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
header { background: #12394F; color: #fff; padding: 28px max(24px, calc(50% - 480px)); }
h1 { margin: 0; font-size: 28px; } header p { margin: 4px 0 0; color: #D5E4EC; }
main { max-width: 960px; margin: 0 auto; padding: 8px 24px 40px; }
h2 { font-size: 20px; margin: 28px 0 8px; }
table { border-collapse: collapse; width: 100%; background: #fff; border-radius: 8px; overflow: hidden;
  font-variant-numeric: tabular-nums; }
th, td { padding: 9px 14px; text-align: left; border-bottom: 1px solid #E7EBEE; }
thead th { font-size: 13.5px; color: #52616D; } tbody th { font-weight: 600; } .n { text-align: right; }
.links { white-space: nowrap; }
a { color: #0B5C8A; } a:focus-visible { outline: 3px solid #B0005A; outline-offset: 2px; }
footer { font-size: 14px; color: #52616D; margin-top: 24px; }
@media (max-width: 640px) { th, td { padding: 8px 6px; font-size: 14.5px; } .code { display: none; } }
"""


def write_index(
    path: Path | str,
    *,
    title: str,
    vintage: dt.date | str,
    entries: Sequence[Mapping[str, str]],
    formats: Sequence[str],
    column: str,
    credits: Sequence[str] = (),
) -> Path:
    """Write the index of an atlas.

    Parameters
    ----------
    path : path
        The HTML file, beside the pages.
    title, vintage, credits
        As the maps.
    entries : sequence of mapping
        ``stem``, ``level`` (plural), ``noun`` (singular), ``label``, ``code``, ``count`` and ``value`` of each zone.
    formats : sequence of str
        Files that each zone has.
    column : str
        What ``value`` is.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    levels = list(dict.fromkeys(entry["level"] for entry in entries))
    sections = "".join(
        _section(level, [e for e in entries if e["level"] == level], formats, column) for level in levels
    )
    sources = f"<p>Sources : {escape(' ; '.join(credits))}</p>" if credits else ""
    page = (
        '<!DOCTYPE html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} – atlas</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1><p>Atlas – données au {escape(format_date(vintage))}</p></header>\n"
        f"<main>{sections}<footer>{sources}</footer></main>\n</body>\n</html>\n"
    )
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return Path(path)


def _section(level: str, entries: Sequence[Mapping[str, str]], formats: Sequence[str], column: str) -> str:
    name = escape(level[0].upper() + level[1:])
    noun = escape(entries[0]["noun"][0].upper() + entries[0]["noun"][1:])
    head = (
        f'<tr><th scope="col">{noun}</th><th scope="col" class="code">Code</th>'
        '<th scope="col" class="n">Praticiens</th>'
        f'<th scope="col" class="n">{escape(column)}</th><th scope="col">Cartes</th></tr>'
    )
    rows = "".join(_row(entry, formats) for entry in entries)
    return f"<h2>{name}</h2>\n<table><thead>{head}</thead><tbody>{rows}</tbody></table>\n"


def _row(entry: Mapping[str, str], formats: Sequence[str]) -> str:
    text = {name: escape(value) for name, value in entry.items()}
    words = {"html": "carte", "pdf": "PDF", "png": "PNG"}
    links = " · ".join(
        f'<a href="{text["stem"]}.{kind}" aria-label="{text["label"]}, {words[kind]}">{words[kind]}</a>'
        for kind in ("html", "pdf", "png")
        if kind in formats
    )
    return (
        f'<tr><th scope="row">{text["label"]}</th><td class="code">{text["code"]}</td>'
        f'<td class="n">{text["count"]}</td><td class="n">{text["value"]}</td><td class="links">{links}</td></tr>\n'
    )
