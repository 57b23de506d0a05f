"""``carto-sante atlas``: one map per quartier and per QPV."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the atlas; replaced whole.")
@click.option("--level", "levels", multiple=True, help="Level with one page per zone; by default the study's and QPV.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["html", "png", "pdf"]),
    help="What to write; all by default.",
)
@click.option("--offline", is_flag=True, help="Put every script and style inside each page: it opens without internet.")
def command(study: Path, out: Path, levels: tuple[str, ...], formats: tuple[str, ...], offline: bool) -> None:
    """Write one map per quartier and per QPV, and their index.

    STUDY is a TOML file (see data/sample/study.toml). OUT receives index.html and, for each zone, a page to put online
    (.html) and an A4 page to print (.pdf, .png) with title, map, table and sources. Pages to print need matplotlib:
    pip install '.[atlas]' in the folder of this tool.

    \b
    Examples:
        carto-sante atlas data/sample/study.toml --out atlas
        carto-sante atlas data/sample/study.toml --out atlas --level qpv --format pdf
    """
    from carto_sante.maps import write_atlas
    from carto_sante.maps.atlas import FORMATS
    from carto_sante.maps.credits import study_credits
    from carto_sante.maps.static import require_matplotlib
    from carto_sante.progress import Stages
    from carto_sante.refresh.outputs import map_inputs
    from carto_sante.refresh.run import compute_vintage
    from carto_sante.study import read_study

    if set(formats or FORMATS) - {"html"}:
        require_matplotlib()
    parsed = read_study(study)
    computed = compute_vintage(parsed)
    chosen = levels or (parsed.density.level, "qpv")
    # QPV have a published population of their own: the pages name the denominator of each level, the main one first.
    shown: dict[str, str] = {}
    for item in computed.indicators.attrs.get("denominators", []):
        if item["level"] in chosen:
            shown.setdefault(item["level"], item.get("words", item["hypothesis"]))
    credits = study_credits(parsed, population=list(dict.fromkeys(shown.values())))
    with Stages(total=1).stage("Pages of the atlas"):
        written = write_atlas(
            out,
            **{**map_inputs(computed), "credits": credits},
            levels=chosen,
            formats=formats or FORMATS,
            offline=offline or parsed.map.offline,
        )
    click.echo(f"{written[0]} lists {len(written) - 1} files.")
