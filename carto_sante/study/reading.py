"""A study file read and checked: every problem at once, each with its place, what was found and what was expected."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from carto_sante.errors import MissingFileError, StudyError, join_problems, suggest
from carto_sante.files import require_file
from carto_sante.study.sections import Section, Study, known_facility_kinds, known_professions


def read_study(path: Path | str, *, check_files: bool = True) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    path : path
        The TOML file.
    check_files : bool, default True
        Whether every file it names must exist (`fetch` runs before they do).

    Returns
    -------
    Study
        Frozen; paths are absolute.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    StudyError
        Listing every problem: place, found, expected.

    Examples
    --------
    >>> study = read_study("data/sample/study.toml")  # doctest: +SKIP
    """
    source = require_file(path, what="study file")
    try:
        raw = tomllib.loads(source.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(
            f"{source} is not valid TOML: {error}.",
            expected="TOML in UTF-8 (text between quotes, true/false in lower case)",
            next_step="Mend that line, then run again.",
        ) from error
    return checked_study(raw, name=str(source), folder=source.parent.resolve(), check_files=check_files)


def checked_study(raw: dict[str, Any], *, name: str, folder: Path, check_files: bool) -> Study:
    """Return a study from its raw values; see `read_study`. ``name`` is how errors name where they come from."""
    problems: list[str] = []
    study: Study | None = None
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
        # A list whose items failed is also reported as too short: the items say it better.
        problems = [_sentence(item) for item in details if not (item["type"] == "too_short" and item["input"])]
    if study is not None:
        if "level" not in study.accessibility.model_fields_set:
            read_at = study.accessibility.model_copy(update={"level": study.density.level})
            study = study.model_copy(update={"accessibility": read_at})
        study = _absolute(study, folder)
        problems = _cross_problems(study, check_files=check_files)
    if problems or study is None:
        noun = "problem" if len(problems) == 1 else "problems"
        raise StudyError(f"{name} has {len(problems)} {noun}:\n" + join_problems(problems))
    return study


def _absolute(study: Study, folder: Path) -> Study:
    def visit(value: Any) -> Any:
        if isinstance(value, Path):
            return value if value.is_absolute() else folder / value
        if isinstance(value, Section):
            return value.model_copy(update={name: visit(getattr(value, name)) for name in type(value).model_fields})
        if isinstance(value, tuple):
            return tuple(visit(item) for item in value)
        return value

    result: Study = visit(study)
    return result


def _cross_problems(study: Study, *, check_files: bool) -> list[str]:
    problems = []
    if check_files:
        for place, path in study.input_paths():
            try:
                require_file(path, what="file")
            except (MissingFileError, ValueError) as error:
                problems.append(f"{place}: {error}")
    levels = [item.level for item in study.territories]
    problems += [
        f"territories: level {level!r} is declared twice"
        for level in sorted({x for x in levels if levels.count(x) > 1})
    ]
    if study.density.level not in levels:
        problems.append(
            f"density.level: {study.density.level!r} is not a level of [[territories]]. "
            f"{suggest(study.density.level, levels)}"
        )
    problems += [
        f"population[{number}].level: {item.level!r} is not a level of [[territories]]. {suggest(item.level, levels)}"
        for number, item in enumerate(study.population)
        if item.level is not None and item.level not in (*levels, "commune")
    ]
    names = [item.name for item in study.population]
    for field_name in ("population", "alternative", "grid"):
        name = getattr(study.density, field_name)
        if name is not None and name not in names:
            problems.append(f"density.{field_name}: {name!r} is not a name of [[population]]. {suggest(name, names)}")
    chosen = {"isochrones": study.isochrones.profession, "map": study.map.profession, "siting": study.siting.profession}
    for section, name in chosen.items():
        known = known_professions() if section == "siting" else (*known_professions(), *known_facility_kinds())
        if name not in known:
            problems.append(f"{section}.profession: unknown profession {name!r}. {suggest(name, known)}")
    if study.network and study.isochrones.mode not in study.network.modes:
        modes = ", ".join(study.network.modes)
        problems.append(f"isochrones.mode: {study.isochrones.mode!r} is not among network.modes ({modes}).")
    return problems


def _sentence(detail: Any) -> str:
    place = ""
    for part in detail["loc"]:
        place += f"[{part}]" if isinstance(part, int) else (f".{part}" if place else str(part))
    found = detail.get("input")
    kind, message = detail["type"], detail["msg"]
    if kind == "missing":
        name = place.split(".")[-1]
        if len(detail["loc"]) == 1:
            is_list = name in {"registries", "territories", "population"}
            return f"{place}: missing. Expected: a section {f'[[{name}]]' if is_list else f'[{name}]'}"
        return f"{place}: missing. Expected: {name} = ..."
    if kind == "extra_forbidden":
        return f"{place}: unknown key. {suggest(str(detail['loc'][-1]), _known_keys(detail['loc'][:-1]))}"
    shown = repr(found) if len(repr(found)) < 80 else repr(found)[:77] + "..."
    text = message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch" and detail["loc"][-2:-1] in {("communes",), ("neighbours",)}:
        text = 'Expected: the five characters of an Insee code, with its leading zero, as in "01004" or "2A004"'
    elif kind == "string_type" and isinstance(found, int | float):
        text = f'Expected: text between quotes, as in "{found}"'
    elif kind.startswith("date"):
        text = "Expected: year-month-day without quotes, as in 2026-01-15"
    return f"{place}: found {shown}. {text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _known_keys(loc: tuple[Any, ...]) -> list[str]:
    model: Any = Study
    for part in loc:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = next((item for item in _models_in(annotation)), None)
        if model is None:
            return []
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    arguments = getattr(annotation, "__args__", ())
    return [model for argument in arguments for model in _models_in(argument)]
