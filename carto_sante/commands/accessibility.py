"""``carto-sante accessibility``: who reaches how much care, and how sure that is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from carto_sante.stages.accessibility import StudyAccessibility


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the results, replaced whole.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of sentences.")
def command(study: Path, out: Path, as_json: bool) -> None:
    """Compute floating catchments and the APL of a study.

    STUDY is a TOML file with [network] and [accessibility]. For each profession OUT receives:

    \b
        accessibilite_<profession>.csv         by zone: ETP per 100,000, consultations (APL) for GPs
        points_<profession>.csv                by demand point
        sensibilite_<profession>.csv           trips 5 min longer or shorter, other decays, other definitions
        bord_<profession>.csv                  what twice the buffer around the study would change
        resume.json                            means, deciles, people below each cut, hypotheses

    \b
    Example:
        carto-sante accessibility data/sample/study.toml --out out-accessibilite
    """
    from carto_sante.files import whole_folder
    from carto_sante.stages.accessibility import compute_study_accessibility
    from carto_sante.study import read_study

    results = compute_study_accessibility(read_study(study))
    summary = {item.profession: item.summary for item in results}
    with whole_folder(out) as folder:
        for item in results:
            _write(item, folder)
        text = json.dumps(summary, ensure_ascii=False, indent=1, sort_keys=True)
        (folder / "resume.json").write_text(text + "\n", encoding="utf-8")
    if as_json:
        click.echo(text)
        return
    for item in results:
        for line in _sentences(item):
            click.echo(line)
    click.echo(f"Résultats dans {out}")


def _write(item: StudyAccessibility, folder: Path) -> None:
    import pandas as pd

    points = pd.DataFrame(item.points.drop(columns="geometry"))
    points["x_m"], points["y_m"] = item.points.geometry.x.round(1), item.points.geometry.y.round(1)
    tables = {
        "accessibilite": item.zones,
        "points": points,
        "sensibilite": item.sensitivity.rename(columns={"origin_id": "territory_id"}),
        "sensibilite_resume": item.sensitivity_summary,
        "bord": item.edge,
    }
    for name, table in tables.items():
        if len(table.columns):
            table.to_csv(
                folder / f"{name}_{item.profession}.csv", index=False, float_format="%.9g", lineterminator="\n"
            )


def _sentences(item: StudyAccessibility) -> list[str]:
    from carto_sante.registries.professions import load_catalogue

    summary: dict[str, Any] = item.summary

    def number(value: float, digits: int = 0) -> str:
        return f"{value:,.{digits}f}".replace(",", " ").replace(".", ",")

    def share(value: float, digits: int = 0) -> str:
        return f"{number(value * 100, digits)} %"

    label = load_catalogue()["profession_label_plural"].get(item.profession, item.profession)
    lines = [
        f"{label} : {number(summary['mean_per_100k'], 1)} ETP pour 100 000 habitants en moyenne "
        f"({number(summary['supply_reached_etp'], 1)} ETP atteints sur {number(summary['supply_etp'], 1)})."
    ]
    lines += [
        f"  {number(part['population_below_count'])} habitants ({share(part['population_below_share'])}) sous "
        f"{number(part['threshold_per_100k'], 1)} ETP pour 100 000."
        for part in summary["below"]
    ]
    if summary["points_missing"]:
        lines.append(f"  {len(summary['points_missing'])} points sans route proche : valeur inconnue, non nulle.")
    tried = len(item.sensitivity_summary) - 1
    if tried > 0 and not item.sensitivity_summary["zones_flipped_count"].any():
        lines.append(f"  Sensibilité : aucune zone ne change de classe dans les {tried} variantes essayées.")
    for row in item.sensitivity_summary.itertuples():
        if row.zones_flipped_count:
            lines.append(
                f"  {row.scenario} : {row.zones_flipped_count} zones sur {row.zones_count} changent de classe "
                f"({row.zones_flipped})."
            )
    if summary["edge"]:
        edge = summary["edge"]
        lines.append(
            f"  Effet de bord : au plus {number(edge['largest_change_per_100k'], 2)} ETP pour 100 000 d'écart "
            f"({share(edge['largest_change_share'], 1)}) avec un tampon doublé (de {number(edge['buffer_m'])} m)."
        )
    else:
        lines.append("  Effet de bord non mesuré : rien n'est connu au-delà du tampon (study.neighbours).")
    lines.append(f"  Hypothèse : {summary['hypothesis']}.")
    return lines
