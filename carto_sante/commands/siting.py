"""``carto-sante siting``: where and how big the next MSP should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd
    from geopandas import GeoDataFrame

    from carto_sante.stages.siting import StudySiting
    from carto_sante.study import Study


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the results, replaced whole.")
@click.option("--no-map", is_flag=True, help="Leave the interactive map of the gain out.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of sentences.")
def command(study: Path, out: Path, no_map: bool, as_json: bool) -> None:
    """Rank the places where a new MSP would change most, and size it.

    STUDY is a TOML file with [network] and [siting]. OUT receives:

    \b
        candidats.csv, candidats.geojson    every candidate, the best first
        avant_apres.csv                     accessibility before and after, by quartier and QPV
        nouveaux_acces.csv                  people newly within 10 and 15 minutes, on foot and by car
        equipe.csv, courbe_equipe.csv       smallest team by profession, and the curve behind it
        carte_gain.html                     map of the gain of the best candidate
        fiche_<candidate>.html              two printable pages per candidate
        resume.json                         model, floor, hypotheses, candidates left out

    \b
    Example:
        carto-sante siting data/sample/study.toml --out out-siting
    """
    from carto_sante.files import whole_folder
    from carto_sante.stages.siting import compute_study_siting
    from carto_sante.study import read_study

    chosen = read_study(study)
    result = compute_study_siting(chosen)
    text = json.dumps(_summary(chosen, result), ensure_ascii=False, indent=1, sort_keys=True)
    with whole_folder(out) as folder:
        _write_tables(result, folder)
        _write_sheets(chosen, result, folder)
        if not no_map and result.sheets:
            _write_map(chosen, result, folder)
        (folder / "resume.json").write_text(text + "\n", encoding="utf-8")
    if as_json:
        click.echo(text)
        return
    for line in _sentences(chosen, result):
        click.echo(line)
    click.echo(f"Résultats dans {out}")


def _write_tables(result: StudySiting, folder: Path) -> None:
    import pandas as pd

    ranking = pd.DataFrame(result.ranking.drop(columns="geometry"))
    ranking["x_m"], ranking["y_m"] = result.ranking.geometry.x.round(1), result.ranking.geometry.y.round(1)
    _csv(ranking, folder / "candidats.csv")
    geojson = result.ranking.to_crs("EPSG:4326").to_json(drop_id=True, ensure_ascii=False, sort_keys=True)
    (folder / "candidats.geojson").write_text(geojson + "\n", encoding="utf-8")
    tables = {"avant_apres": "zones", "nouveaux_acces": "newly_near", "equipe": "team", "courbe_equipe": "curve"}
    for name, attribute in tables.items():
        parts = []
        for sheet in result.sheets:
            table = getattr(sheet, attribute)
            if len(table):
                parts.append(table if "candidate_id" in table else _first(table, candidate_id=sheet.candidate_id))
        if parts:
            _csv(pd.concat(parts, ignore_index=True), folder / f"{name}.csv")


def _first(table: pd.DataFrame, *, candidate_id: str) -> pd.DataFrame:
    result = table.copy()
    result.insert(0, "candidate_id", candidate_id)
    return result


def _csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, float_format="%.9g", lineterminator="\n")


def _write_sheets(study: Study, result: StudySiting, folder: Path) -> None:
    import re

    from carto_sante.registries.professions import load_catalogue
    from carto_sante.stages.accessibility import MODE_LABELS
    from carto_sante.stages.sheet_page import render_sheet

    labels = load_catalogue()["profession_label_plural"]
    singular = load_catalogue()["profession_label"].to_dict()
    for sheet in result.sheets:
        page = render_sheet(
            result, sheet, labels=singular,
            title=study.study.title, vintage=f"{study.study.vintage:%d/%m/%Y}",
            profession_label=str(labels[study.siting.profession]), target_share=study.siting.target_share,
            reach=f"{study.siting.limit_min:g} minutes {MODE_LABELS[study.siting.mode]}".replace(".", ","),
        )  # fmt: skip
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", sheet.candidate_id)
        (folder / f"fiche_{name}.html").write_text(page, encoding="utf-8")


def _write_map(study: Study, result: StudySiting, folder: Path) -> None:
    import pandas as pd

    from carto_sante.maps import build_before_after_map, save_map

    best = result.sheets[0]
    states = []
    for column in ("before_per_100k", "after_per_100k"):
        values = best.zones[column]
        states.append(
            pd.DataFrame(
                {
                    "territory_id": best.zones["territory_id"],
                    "territory_level": best.zones["territory_level"],
                    "territory_label": best.zones["territory_label"],
                    "profession": study.siting.profession,
                    "indicator": "accessibility_per_100k",
                    "indicator_value": values,
                    "unit": "ETP pour 100 000 habitants",
                    "lower": float("nan"),
                    "upper": float("nan"),
                    "status": values.isna().map({True: "missing", False: "ok"}),
                    "data_year": study.study.vintage.year,
                    "hypothesis": result.hypothesis,
                }
            )
        )
    gain_map = build_before_after_map(
        title=f"{study.study.title} — gain de « {best.label} »", before_label="aujourd'hui",
        after_label=f"avec « {best.label} »", before=states[0], after=states[1], vintage=study.study.vintage,
        practitioners=_drawn(study, result), territories=result.territories, level=study.accessibility.level,
        indicator="accessibility_per_100k", profession=study.siting.profession,
        indicator_labels={"accessibility_per_100k": "Accessibilité (ETP pour 100 000 habitants)"},
        base_map=study.map.base_map, credits=study.study.credits,
    )  # fmt: skip
    save_map(gain_map, folder / "carte_gain.html", offline=study.map.offline)


def _drawn(study: Study, result: StudySiting) -> GeoDataFrame:
    """Return the practitioners that the map draws: those of the study whose profession is sited."""
    table = result.placed.table
    return table.loc[table["is_in_study"] & (table["profession"] == study.siting.profession)]


def _summary(study: Study, result: StudySiting) -> dict[str, Any]:
    solution = result.solution
    return {
        "model": study.siting.model,
        "mode": study.siting.mode,
        "profession": study.siting.profession,
        "threshold_per_100k": result.threshold_per_100k,
        "hypothesis": result.hypothesis,
        "candidates_count": len(result.ranking),
        "candidates_not_routable": result.not_routable,
        "sites_left_beyond_reach": result.left_beyond,
        "candidates_out_of_reach": result.ranking.loc[
            result.ranking["status"] == "out_of_reach", "destination_id"
        ].tolist(),
        "chosen": result.ranking.dropna(subset="opening_order").sort_values("opening_order")["destination_id"].tolist(),
        "solution": None
        if solution is None
        else {
            "objective": solution.objective,
            "bound": solution.bound,
            "is_optimal": solution.is_optimal,
            "points_not_served": solution.out_of_reach,
        },
        "teams": {sheet.candidate_id: sheet.team_problem for sheet in result.sheets if sheet.team_problem},
    }


def _number(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}".replace(",", " ").replace(".", ",")


def _chosen_sites(study: Study, result: StudySiting) -> list[str]:
    """Say which sites are chosen, and what the location model found."""
    from carto_sante.stages.accessibility import MODE_LABELS

    chosen = result.ranking.dropna(subset="opening_order").sort_values("opening_order")
    names = ", ".join(chosen["candidate_label"])
    if result.solution is None:
        return [f"À ouvrir dans l'ordre : {names}."] if len(chosen) > 1 else []
    model, limit = study.siting.model, f"{study.siting.limit_min:g} min {MODE_LABELS[study.siting.mode]}"
    rows = result.solution.assignments
    people, is_near = rows["population_count"], rows["is_covered"]
    near = f"{_number(people[is_near].sum())} habitants sur {_number(people.sum())} à moins de {limit} d'un site"
    minutes = rows.loc[is_near & (people > 0), "travel_time_min"]
    trip = {
        "p-center": f" ; trajet le plus long : {_number(minutes.max(), 1)} min",
        "p-median": f" ; trajet moyen : {_number((minutes * people[minutes.index]).sum() / people.sum(), 1)} min",
    }
    proof = "" if result.solution.is_optimal else " (meilleure réponse trouvée, optimum non prouvé)"
    opened = f"à ouvrir : {names}" if len(chosen) else "aucun site à ouvrir, ceux d'aujourd'hui suffisent"
    return [f"Modèle {model} : {opened}{proof} ; {near}, sites actuels compris{trip.get(model, '')}."]


def _sentences(study: Study, result: StudySiting) -> list[str]:
    shown = [sheet.measures for sheet in result.sheets] or result.ranking.head(3).to_dict("records")
    lines = _chosen_sites(study, result) + [
        f"{int(row['rank'])}. {row['candidate_label']} : "
        f"{_number(row['population_gaining_count'])} habitants y gagnent, "
        f"{_number(row['population_lifted_count'])} passent le plancher, "
        f"{_number(row['population_losing_count'])} y perdent, "
        f"{_number(row['qpv_gain_share'] * 100)} % du gain va aux QPV."
        for row in shown
    ]
    if result.not_routable:
        lines.append(f"{len(result.not_routable)} candidats sans rue proche, laissés de côté (resume.json les nomme).")
    if "place_doubt" in result.ranking:
        doubts = result.ranking.loc[result.ranking["place_doubt"] != ""]
        lines += [
            f"Attention : « {row.candidate_label} » est placé à une adresse à vérifier : {row.place_doubt}."
            for row in doubts.itertuples()
        ]
    if result.left_beyond:
        lines.append(
            "Attention : des praticiens quitteraient des sites trop éloignés pour que la perte y soit mesurée ("
            f"{', '.join(result.left_beyond)}) ; seule leur arrivée est comptée."
        )
    lines.append(f"Hypothèse : {result.hypothesis}.")
    return lines
