"""``carto-sante geocode``: any CSV of addresses to points."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("geocode")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--reference", required=True,
    help="CSV of the BAN or BANO, an index made from one, an addok's /search/csv address, or 'geoplateforme'.",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV to write.")
@click.option("--address", multiple=True, help="Column of the address; several times for number, street...")
@click.option("--postcode", help="Column of the postcode.")
@click.option("--commune-code", help="Column of the INSEE code.")
@click.option("--commune-label", help="Column of the commune's name.")
@click.option("--lon", help="Column of a longitude near the address (degrees).")
@click.option("--lat", help="Column of a latitude near the address (degrees).")
@click.option("--corrections", type=click.Path(path_type=Path), help="CSV of curated points, which win.")
@click.option("--cache", type=click.Path(path_type=Path), help="CSV of earlier results, read and completed.")
@click.option("--min-score", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Refuse points below.")
@click.option("--map", "map_path", type=click.Path(path_type=Path), help="Check map; beside the result by default.")
@click.option("--no-map", is_flag=True, help="Draw no check map.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(
    file: Path, reference: str, out: Path, address: tuple[str, ...], postcode: str | None, commune_code: str | None,
    commune_label: str | None, lon: str | None, lat: str | None, corrections: Path | None, cache: Path | None,
    min_score: float, map_path: Path | None, no_map: bool, as_json: bool,
) -> None:  # fmt: skip
    """Place the addresses of FILE (a CSV) and draw a map of the points to check.

    Every row and column is kept, in order; longitude, latitude, score, precision and reason come at the end.
    Separator, encoding and usual column names are recognised.

    Example: carto-sante geocode cabinets.csv --reference adresses-35.csv.gz --out cabinets_places.csv
    """
    from carto_sante.geocoding.check_map import doubtful, write_check_map
    from carto_sante.geocoding.csv_files import geocode_csv
    from carto_sante.progress import Stages

    stages = Stages(total=1 if no_map else 2)
    with stages.stage("Placing addresses"):
        result = geocode_csv(
            file, reference, out, address=address, postcode=postcode, commune_code=commune_code,
            commune_label=commune_label, lon=lon, lat=lat, corrections=corrections, cache=cache, min_score=min_score,
        )  # fmt: skip
    placed = result.geocoded
    summary: dict[str, object] = {
        "rows": len(placed),
        "columns": {name: " + ".join(columns) for name, columns in result.columns.items()},
        "by_precision": {str(k): int(v) for k, v in placed["geocode_precision"].value_counts().sort_index().items()},
        "not_located": int(placed.geometry.isna().sum()),
        "doubtful": int(doubtful(placed).sum()),
        "out": str(out),
    }
    if not no_map:
        target = map_path or out.with_name(f"{out.stem}_controle.html")
        with stages.stage("Drawing the check map"):
            write_check_map(placed, target, addresses=result.addresses)
        summary["map"] = str(target)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False, indent=2))
        return
    used = [f"{name} = {' + '.join(columns)}" for name, columns in result.columns.items() if columns]
    click.echo(f"Columns read: {', '.join(used)}")
    click.echo(f"{summary['rows']} rows, {summary['not_located']} not located, {summary['doubtful']} to check")
    for name, count in placed["geocode_precision"].value_counts().sort_index().items():
        click.echo(f"  {name}: {count}")
    click.echo(f"{out}" + (f"\n{summary['map']}" if "map" in summary else ""))
