"""What stops a refresh: a source that shrank, is late, or too many practitioners without a point."""

from __future__ import annotations

import datetime as dt
from typing import Any

from carto_sante.errors import SourceError, ToleranceError, join_problems
from carto_sante.study import Study


def check_ages(study: Study) -> None:
    """Raise when a source is older than ``checks.max_age_days`` at the study's data date.

    Raises
    ------
    SourceError
        Naming each late source. Dates compare with the study's vintage, never with today.
    """
    limit = study.checks.max_age_days
    if limit is None:
        return
    late = [
        f"{item.path.name} is of {item.data_date}, {(study.study.vintage - item.data_date).days} days "
        f"before {study.study.vintage}"
        for item in study.registries
        if item.data_date and study.study.vintage - item.data_date > dt.timedelta(days=limit)
    ]
    if late:
        raise SourceError(
            f"Sources are late: {'; '.join(late)}.",
            expected=f"at most {limit} days (checks.max_age_days)",
            next_step="Fetch a newer file, or raise the limit in the study.",
        )


def check_drift(journal: dict[str, Any], previous: dict[str, Any] | None, *, study: Study) -> None:
    """Raise when a source shrank since the previous vintage by more than the tolerance.

    Parameters
    ----------
    journal, previous : dict
        Journals of the new vintage and of the one before, if any.

    Raises
    ------
    SourceError
        Naming each source, its rows then and now.
    """
    if previous is None:
        return
    tolerance = study.checks.max_shrink_share
    problems = []
    before, after = (_rows_by_kind(item) for item in (previous, journal))
    for kind, rows in sorted(before.items()):
        now = after.get(kind, 0)
        if kind not in after:
            problems.append(f"{kind} had {rows} rows and is missing now")
        elif now < rows * (1 - tolerance):
            problems.append(f"{kind} had {rows} rows and has {now} now ({now / rows - 1:+.1%})")
    old, new = previous.get("practitioners", {}), journal.get("practitioners", {})
    for profession, count in sorted(old.items()):
        now = new.get(profession, 0)
        # Below twenty people a tenth is two people: normal life, not a broken file.
        if count >= 20 and now < count * (1 - 2 * tolerance):
            problems.append(f"{profession}: {count} practitioners then, {now} now ({now / count - 1:+.1%})")
    if problems:
        raise SourceError(
            f"Since vintage {previous['vintage']}, sources shrank:\n{join_problems(problems)}\n",
            expected=f"at most {tolerance:.0%} fewer rows (checks.max_shrink_share)",
            next_step="Check that the download is whole and that the layout did not change; "
            "if the fall is real, raise the tolerance in the study. The previous vintage is intact.",
        )


def check_located(site_counts: dict[str, int], *, site_total: int, study: Study) -> None:
    """Raise when too large a share of practitioner-sites has no point.

    Raises
    ------
    ToleranceError
        With the share and the tolerance.
    """
    if site_total == 0:
        return
    share = site_counts["not_located"] / site_total
    if share > study.checks.max_not_located_share:
        raise ToleranceError(
            f"{site_counts['not_located']} of {site_total} practitioner-sites ({share:.1%}) could not be located.",
            expected=f"at most {study.checks.max_not_located_share:.0%} (checks.max_not_located_share)",
            next_step="Check that geocoding.reference covers the communes of the study, or add corrections.",
        )


def _rows_by_kind(journal: dict[str, Any]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for record in journal["ledger"]["sources"]:
        kind = record["source"].split(":")[0]
        rows[kind] = rows.get(kind, 0) + record["rows_read"]
    return rows
