"""``carto-sante export``: a vintage in the formats of others."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("vintage", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the Excel workbook and the GeoParquet files.")
@click.option("--postgis", "url", metavar="URL", help="postgresql://user:password@host:port/database")
@click.option("--schema", default="carto_sante", show_default=True, help="Schema of the PostGIS tables.")
def command(vintage: Path, out: Path | None, url: str | None, schema: str) -> None:
    """Write a vintage as Excel and GeoParquet files, or into PostGIS.

    VINTAGE is a folder of a refresh (out/current). The workbook begins with a sheet that says sources, dates and
    definitions. In PostGIS each vintage is replaced in one transaction: running twice makes no duplicates. The
    GeoPackage of the vintage needs no export: QGIS opens it with its styles.

    \b
    Examples:
        carto-sante export out/current --out publication
        carto-sante export out/current --postgis postgresql://sig@localhost/ville
    """
    from carto_sante.refresh.publish import publish_folder, publish_postgis

    if out is None and url is None:
        raise click.UsageError("Say where: --out FOLDER, --postgis URL, or both.")
    if out is not None:
        for name in publish_folder(vintage, out):
            click.echo(f"{out / name}")
    if url is not None:
        for name, count in publish_postgis(vintage, url, schema=schema).items():
            click.echo(f"{schema}.{name}: {count:,} rows")
