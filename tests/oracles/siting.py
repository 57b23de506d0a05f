"""Slow readable twins of `carto_sante.siting`: every combination tried, every candidate computed again."""

from __future__ import annotations

from itertools import combinations

from tests.oracles import accessibility as access


def nearest(minutes, point, opened):
    """Minutes to the nearest open site, None where there is none."""
    times = [minutes[point, site] for site in opened if (point, site) in minutes]
    return min(times) if times else None


def choices(sites, existing, count):
    """Every way to open `count` sites besides the existing ones."""
    free = [site for site in sites if site not in existing]
    return [frozenset(existing) | set(chosen) for chosen in combinations(free, count)]


def lscp(minutes, need, sites, existing):
    """Fewest new sites putting everybody in need in reach, None if none does."""
    for count in range(len(sites) - len(existing) + 1):
        for opened in choices(sites, existing, count):
            if all(nearest(minutes, i, opened) is not None for i, amount in need.items() if amount > 0):
                return count
    return None


def mclp(minutes, need, sites, existing, count):
    """Largest need in reach."""
    return max(
        sum(amount for i, amount in need.items() if nearest(minutes, i, opened) is not None)
        for opened in choices(sites, existing, count)
    )


def median(minutes, need, sites, existing, count):
    """Least need-weighted minutes, None if somebody is always out of reach."""
    best = None
    for opened in choices(sites, existing, count):
        times = {i: nearest(minutes, i, opened) for i, amount in need.items() if amount > 0}
        if None in times.values():
            continue
        total = sum(need[i] * time for i, time in times.items())
        best = total if best is None else min(best, total)
    return best


def center(minutes, need, sites, existing, count):
    """Shortest longest trip, None if somebody is always out of reach."""
    best = None
    for opened in choices(sites, existing, count):
        times = [nearest(minutes, i, opened) for i, amount in need.items() if amount > 0]
        if None not in times:
            best = max(times) if best is None else min(best, max(times))
    return best


def gain(minutes, capacity, people, weigh, *, candidate, etp, floor, weight, moves=(), method=access.two_step):
    """What a candidate changes: the whole city computed again with it."""
    before = method(minutes, capacity, people, weigh)
    changed = dict(capacity)
    changed[candidate] = changed.get(candidate, 0.0) + etp + sum(amount for _, amount in moves)
    for site, amount in moves:
        changed[site] -= amount
    after = method(minutes, changed, people, weigh)
    filled = {i: min(after[i], floor[i]) - min(before[i], floor[i]) for i in people}
    return {
        "gain_etp": sum(people[i] * weight[i] * filled[i] for i in people),
        "before": before,
        "after": after,
        "lifted": sum(people[i] for i in people if before[i] < floor[i] - 1e-12 and after[i] >= floor[i] - 1e-12),
        "losing": sum(people[i] for i in people if after[i] < before[i] - 1e-12),
        "gaining": sum(people[i] for i in people if after[i] > before[i] + 1e-12),
    }


def least_team(minutes, capacity, people, weigh, *, candidate, floor, target, step=0.001, most=200.0):
    """Smallest ETP lifting a share of people to the floor, by trying sizes one after the other."""
    etp, total = 0.0, sum(people.values())
    while etp <= most:
        changed = dict(capacity)
        changed[candidate] = changed.get(candidate, 0.0) + etp
        after = access.two_step(minutes, changed, people, weigh)
        if sum(people[i] for i in people if after[i] >= floor - 1e-12) >= target * total - 1e-9:
            return etp
        etp += step
    return None
