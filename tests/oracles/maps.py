"""What the maps count and class, written slowly."""

from __future__ import annotations

import math


def inside_counts(practitioners, zone_ids, level, professions):
    """Practitioners by profession with a site in a zone, each counted once."""
    seen = {profession: set() for profession in professions}
    for _, row in practitioners.iterrows():
        has_point = row.geometry is not None and not row.geometry.is_empty
        if has_point and row[f"{level}_id"] in zone_ids and row["profession"] in seen:
            seen[row["profession"]].add(row["practitioner_id"])
    return {profession: len(people) for profession, people in seen.items()}


def class_of(value, status, upper_bounds):
    """Class of a value from the upper bounds; -1 zero, -2 missing, -3 suppressed."""
    if status == "suppressed":
        return -3
    if status == "missing" or value is None or math.isnan(value):
        return -2
    if value == 0:
        return -1
    for number, bound in enumerate(upper_bounds):
        if value <= bound:
            return number
    raise AssertionError(f"{value} is above every bound")
