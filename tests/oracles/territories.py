"""Territories, population and density written slowly, to be read: every fast number of the package equals these."""

from __future__ import annotations

import math

import shapely


def zone_of(point, zones):
    """Code of the first zone, in text order, that touches a point; None outside. `zones`: (code, polygon)."""
    for code, polygon in sorted(zones, key=lambda pair: pair[0]):
        if polygon.intersects(point):
            return code
    return None


def move_by_area(sources, targets):
    """People of each target and people left outside. `sources`: (polygon, people); `targets`: (code, polygon)."""
    moved = {code: 0.0 for code, _ in targets}
    outside = 0.0
    for polygon, people in sources:
        rest = people
        for code, target in targets:
            share = people * polygon.intersection(target).area / polygon.area
            moved[code] += share
            rest -= share
        outside += rest
    return moved, outside


def move_by_guide(sources, targets, guide):
    """As `move_by_area`, each source spread in proportion to the guide inside it (by area where there is none)."""
    moved = {code: 0.0 for code, _ in targets}
    outside = 0.0
    for polygon, people in sources:
        pieces = [(cell.intersection(polygon), weight / cell.area) for cell, weight in guide]
        total = sum(piece.area * dense for piece, dense in pieces)
        if total == 0:
            alone, lost = move_by_area([(polygon, people)], targets)
            outside += lost
            for code, number in alone.items():
                moved[code] += number
            continue
        rest = people
        for code, target in targets:
            share = people * sum(piece.intersection(target).area * dense for piece, dense in pieces) / total
            moved[code] += share
            rest -= share
        outside += rest
    return moved, outside


def poisson_cdf(count, mean):
    return sum(math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(count + 1)) if mean > 0 else 1.0


def poisson_bounds(count, confidence=0.95):
    """Means under which so many, or so few, are just as rare as the confidence allows; by bisection."""
    tail = (1 - confidence) / 2

    def solve(condition):
        low, high = 0.0, 10.0 * (count + 5)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if condition(middle) else (low, middle)
        return (low + high) / 2

    lower = 0.0 if count == 0 else solve(lambda mean: 1 - poisson_cdf(count - 1, mean) < tail)
    return lower, solve(lambda mean: poisson_cdf(count, mean) > tail)


def binomial_p_value(count, total, share):
    """Twice the smaller tail."""
    terms = [math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(total + 1)]
    return min(1.0, 2 * min(sum(terms[: count + 1]), sum(terms[count:])))


def benjamini_hochberg(p_values):
    """Smallest false discovery rate at which each would be called, by the definition."""
    number = len(p_values)
    ranked = sorted(p_values)
    return [min(1.0, min(ranked[k] * number / (k + 1) for k in range(number) if ranked[k] >= p)) for p in p_values]


def gini(values, weights):
    """Half the mean absolute difference between two people, over the mean."""
    people = sum(weights)
    mean = sum(v * w for v, w in zip(values, weights, strict=True)) / people
    pairs = sum(
        a * b * abs(x - y) for x, a in zip(values, weights, strict=True) for y, b in zip(values, weights, strict=True)
    )
    return pairs / (2 * people**2 * mean)


def theil(values, weights):
    people = sum(weights)
    mean = sum(v * w for v, w in zip(values, weights, strict=True)) / people
    return sum(w * (v / mean) * math.log(v / mean) for v, w in zip(values, weights, strict=True) if v > 0) / people


def concentration(values, weights, rank_by):
    """Twice the covariance between the rate and the rank of people, over the mean."""
    people = sum(weights)
    mean = sum(v * w for v, w in zip(values, weights, strict=True)) / people

    def rank(index):
        below = sum(w for w, r in zip(weights, rank_by, strict=True) if r < index)
        same = sum(w for w, r in zip(weights, rank_by, strict=True) if r == index)
        return (below + same / 2) / people

    return 2 / (people * mean) * sum(
        v * w * rank(r) for v, w, r in zip(values, weights, rank_by, strict=True)
    ) - 1  # fmt: skip


def density(practices, zone_of_site, people, profession, per):
    """Heads, capacity and rate of each zone. `practices`: (practitioner, site, profession, capacity)."""
    table = {}
    for zone, inhabitants in people.items():
        here = [row for row in practices if row[2] == profession and zone_of_site[row[1]] == zone]
        heads, capacity = len({row[0] for row in here}), sum(row[3] for row in here)
        table[zone] = (heads, capacity, per * heads / inhabitants if inhabitants else None)
    return table


def box(west, south, east, north):
    return shapely.box(west, south, east, north)
