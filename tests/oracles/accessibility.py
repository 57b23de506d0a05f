"""Slow readable twins of `carto_sante.accessibility`: dictionaries and loops, one line per formula."""

from __future__ import annotations

import math


def by_pair(travel_times):
    """{(origin, destination): minutes} of a travel-time table."""
    rows = zip(travel_times["origin_id"], travel_times["destination_id"], travel_times["travel_time_min"], strict=True)
    return {(str(i), str(j)): float(t) for i, j, t in rows}


def two_step(minutes, capacity, people, weigh, *, second_power=1):
    """2SFCA, E2SFCA, kernel and Gaussian (power 1) and M2SFCA (power 2)."""
    access = dict.fromkeys(people, 0.0)
    for j, etp in capacity.items():
        asked = sum(people[i] * weigh(minutes[i, j]) for i in people if (i, j) in minutes)
        if asked == 0:
            continue
        for i in people:
            if (i, j) in minutes:
                access[i] += etp / asked * weigh(minutes[i, j]) ** second_power
    return access


def three_step(minutes, capacity, people, weigh):
    """3SFCA: a zone shares its demand among the sites with practitioners that it can reach."""
    sites = [j for j, etp in capacity.items() if etp > 0]
    share = {}
    for i in people:
        total = sum(weigh(minutes[i, j]) for j in sites if (i, j) in minutes)
        for j in sites:
            if (i, j) in minutes and total > 0:
                share[i, j] = weigh(minutes[i, j]) / total
    access = dict.fromkeys(people, 0.0)
    for j in sites:
        asked = sum(people[i] * share[i, j] * weigh(minutes[i, j]) for i in people if (i, j) in share)
        for i in people:
            if (i, j) in share and asked > 0:
                access[i] += share[i, j] * weigh(minutes[i, j]) * capacity[j] / asked
    return access


def balanced(minutes, capacity, people, weigh):
    """BFCA: weights add up to 1 over the sites of a zone, then over the zones of a site."""
    sites = [j for j, etp in capacity.items() if etp > 0]
    access = dict.fromkeys(people, 0.0)
    for j in sites:
        zones = [i for i in people if (i, j) in minutes]
        asked = 0.0
        for i in zones:
            over_sites = sum(weigh(minutes[i, k]) for k in sites if (i, k) in minutes)
            asked += people[i] * weigh(minutes[i, j]) / over_sites if over_sites else 0.0
        over_zones = sum(weigh(minutes[i, j]) for i in zones)
        for i in zones:
            if asked > 0 and over_zones > 0:
                access[i] += capacity[j] / asked * weigh(minutes[i, j]) / over_zones
    return access


def availability(minutes, capacity, people, weigh):
    """Spatial availability: opportunities of each zone, written with its two proportions as Soukhov does."""
    total = sum(people.values())
    found = dict.fromkeys(people, 0.0)
    for j, etp in capacity.items():
        zones = [i for i in people if (i, j) in minutes]
        impedance = sum(weigh(minutes[i, j]) for i in zones)
        if impedance == 0:
            continue
        both = {i: people[i] / total * weigh(minutes[i, j]) / impedance for i in zones}
        if sum(both.values()) > 0:
            for i in zones:
                found[i] += etp * both[i] / sum(both.values())
    return found


def step_weight(minutes, upper, weights, *, includes_upper):
    """Weight of one travel time in a step table."""
    for bound, weight in zip(upper, weights, strict=True):
        if minutes < bound or (includes_upper and minutes == bound):
            return weight
    return 0.0


def bounded_acts(acts, *, ignored=250, floor=3600, cap=6000):
    """Acts of one practitioner as the DREES counts them."""
    if acts <= ignored:
        return 0.0
    return float(min(max(acts, floor), cap))


def weight_of_years(first, last, weights):
    """Mean weight of the years of an age band; the open band of the weights counts for five years."""
    by_year = {}
    for band, weight in weights:
        start = int(band.rstrip("+").split("-")[0])
        stop = start + 4 if band.endswith("+") else int(band.split("-")[1])
        for year in range(start, stop + 1):
            by_year[year] = weight
    last = min(last, max(by_year)) if not math.isinf(last) else max(by_year)
    years = [by_year[year] for year in range(int(first), int(last) + 1)]
    return sum(years) / len(years)


def weighted_quantile(values, weights, share):
    """Smallest value at or below which at least this share of the weight lies."""
    rows = sorted(zip(values, weights, strict=True))
    total, running = sum(weights), 0.0
    for value, weight in rows:
        running += weight
        if running >= share * total - 1e-12 * total:
            return value
    return rows[-1][0]
