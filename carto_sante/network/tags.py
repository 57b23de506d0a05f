"""What the OSM tags of a way or a vertex mean for one mode: may one pass, which way, how fast.

Written for reading: each rule is evaluated once per distinct set of tags, so it need not be fast.
Sources: https://wiki.openstreetmap.org/wiki/OSM_tags_for_routing/Access_restrictions (France),
Key:oneway, Key:cycleway, Key:barrier, Key:maxspeed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from carto_sante.network.speeds import SpeedTable, parse_incline, parse_maxspeed, slope_factor

#: Keys that give access, the most general first: the most specific one present decides.
ACCESS_KEYS = {
    "walk": ("access", "foot"),
    "bike": ("access", "vehicle", "bicycle"),
    "drive": ("access", "vehicle", "motor_vehicle", "motorcar"),
}
ALLOWED = {
    "yes", "designated", "permissive", "official", "public", "destination", "customers", "allowed", "dismount",
    "limited", "unsuitable", "discouraged", "visitors",
}  # fmt: skip
PRIVATE = {"private", "residents", "permit", "members", "employees"}
DENIED = PRIVATE | {
    "no", "agricultural", "forestry", "agricultural;forestry", "emergency", "military", "delivery", "psv", "bus",
    "hov", "use_sidepath", "closed", "restricted", "license", "taxi",
}  # fmt: skip
#: Classes that a mode may use without an explicit tag.
OPEN_CLASSES = {
    "drive": {
        "motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link",
        "tertiary", "tertiary_link", "unclassified", "residential", "living_street", "service", "road",
    },
    "bike": {
        "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link", "tertiary", "tertiary_link",
        "unclassified", "residential", "living_street", "service", "road", "cycleway", "track", "path", "pedestrian",
    },
    "walk": {
        "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link", "tertiary", "tertiary_link",
        "unclassified", "residential", "living_street", "service", "road", "cycleway", "track", "path", "pedestrian",
        "footway", "steps", "bridleway", "corridor", "platform", "elevator",
    },
}  # fmt: skip
#: Barriers that stop a mode unless a tag lets it through; the others (gate, cattle_grid, entrance...) do not.
CLOSED_BARRIERS = {
    "drive": {
        "bollard", "block", "jersey_barrier", "cycle_barrier", "motorcycle_barrier", "stile", "turnstile",
        "kissing_gate", "full-height_turnstile", "horse_stile", "log", "debris", "wall", "fence", "bus_trap",
        "sump_buster", "planter", "chain", "hedge", "ditch", "wicket_gate", "swing_gate_closed", "rope",
    },
    "bike": {"wall", "fence", "stile", "turnstile", "kissing_gate", "full-height_turnstile", "hedge", "ditch"},
    "walk": {"wall", "fence", "hedge", "ditch"},
}  # fmt: skip
#: Classes whose cycling speed already counts a usual surface; one that is told replaces it.
USUALLY_UNPAVED = {"track", "path"}
#: A cyclist who walks.
DISMOUNTED_KMH = 5.1
#: Barriers that one opens, on the way.
GATES = {"gate", "lift_gate", "swing_gate", "sliding_gate", "hampshire_gate"}
_FORWARD, _BACKWARD = {"yes", "true", "1"}, {"-1", "reverse"}
_CYCLEWAY_KEYS = ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both")
_CONTRAFLOW = {"opposite", "opposite_lane", "opposite_track", "opposite_share_busway"}


class WayRule(NamedTuple):
    """What a way is for one mode."""

    forward_kmh: float
    """Speed in a built-up area; 0 where one may not travel in the order of the way."""
    backward_kmh: float
    outside_forward_kmh: float
    """The same outside built-up areas."""
    outside_backward_kmh: float
    rank: int
    """Importance at junctions, 1 the highest."""
    is_ferry: bool
    duration_s: float
    """Crossing time of a ferry, 0 if not given."""
    set_aside: str
    """Why the way is not in the network ("" when it is)."""


def way_rule(tags: Mapping[str, str], table: SpeedTable) -> WayRule:
    """Return what a way is for the mode of a speed table.

    Examples
    --------
    >>> from carto_sante.network.speeds import speed_table
    >>> way_rule({"highway": "footway"}, speed_table("drive")).set_aside
    'not for this mode'
    >>> rule = way_rule({"highway": "residential", "oneway": "yes"}, speed_table("drive"))
    >>> rule.forward_kmh > 0, rule.backward_kmh
    (True, 0.0)
    """
    is_ferry = tags.get("route") == "ferry" and "highway" not in tags
    kind = "ferry" if is_ferry else tags.get("highway", "")
    reason = _refusal(tags, kind, table, is_ferry=is_ferry)
    if reason:
        return WayRule(0.0, 0.0, 0.0, 0.0, 99, False, 0.0, reason)
    road = table.classes[kind]
    forward, backward = _speeds(tags, kind, table, is_built_up=True)
    outside_forward, outside_backward = _speeds(tags, kind, table, is_built_up=False)
    way_on, way_back = directions(tags, table.mode)
    if not (way_on or way_back):
        return WayRule(0.0, 0.0, 0.0, 0.0, 99, False, 0.0, "closed in both directions")
    return WayRule(
        forward if way_on else 0.0,
        backward if way_back else 0.0,
        outside_forward if way_on else 0.0,
        outside_backward if way_back else 0.0,
        road.rank,
        is_ferry,
        parse_duration_s(tags.get("duration", "")) if is_ferry else 0.0,
        "",
    )


def access(tags: Mapping[str, str], mode: str) -> str:
    """Return the access that the tags give to a mode: "yes", "private", "no" or "" when they say nothing."""
    for key in reversed(ACCESS_KEYS[mode]):
        value = tags.get(key, "")
        if value in ALLOWED:
            return "yes"
        if value in PRIVATE:
            return "private"
        if value in DENIED:
            return "no"
    return ""


def _refusal(tags: Mapping[str, str], kind: str, table: SpeedTable, *, is_ferry: bool) -> str:
    mode = table.mode
    if kind not in table.classes:
        return "not for this mode"
    granted = access(tags, mode)
    if granted == "private":
        return "private"
    if granted == "no":
        return "no access"
    if mode != "drive" and tags.get("motorroad") == "yes" and not _is_express(tags, mode):
        return "not for this mode"
    if mode == "drive" and kind == "service" and tags.get("service") == "emergency_access":
        return "no access"
    if not is_ferry and kind not in OPEN_CLASSES[mode] and not _is_express(tags, mode):
        return "not for this mode"
    return ""


def _is_express(tags: Mapping[str, str], mode: str) -> bool:
    """Whether a tag of the mode itself (not ``access``) lets it in: a car on a track, a bike on a footway."""
    values = [tags.get(key, "") for key in ACCESS_KEYS[mode][1:]]
    return any(value in {"yes", "designated", "permissive", "official"} for value in values)


def directions(tags: Mapping[str, str], mode: str) -> tuple[bool, bool]:
    """Return whether a mode may travel in the order of the way, and against it."""
    if mode == "walk":
        return _one_way(tags.get("oneway:foot", ""))
    own = tags.get("oneway:bicycle", "") if mode == "bike" else ""
    if own in _FORWARD | _BACKWARD | {"no"}:
        return _one_way(own)
    oneway = tags.get("oneway", "")
    if oneway == "reversible":
        return False, False
    is_implied = tags.get("junction") in {"roundabout", "circular"} or tags.get("highway") == "motorway"
    if is_implied and oneway not in _BACKWARD | {"no"}:
        oneway = "yes"
    on, back = _one_way(oneway)
    if mode == "bike" and any(tags.get(key, "") in _CONTRAFLOW for key in _CYCLEWAY_KEYS):
        return True, True
    return on, back


def _one_way(value: str) -> tuple[bool, bool]:
    return value not in _BACKWARD, value not in _FORWARD


def _speeds(tags: Mapping[str, str], kind: str, table: SpeedTable, *, is_built_up: bool) -> tuple[float, float]:
    road = table.classes[kind]
    free = road.free_kmh if is_built_up else road.free_outside_kmh
    factor = limit_factor = 1.0
    for key in ("surface", "tracktype", "smoothness", "service", "junction"):
        own, with_limit = table.factors.get((key, tags.get(key, "")), (1.0, 1.0))
        factor, limit_factor = factor * own, limit_factor * with_limit
    if table.mode == "walk" or kind == "ferry":
        grade = parse_incline(tags.get("incline", "")) or 0.0
        up, down = slope_factor(grade, slope=table.slope), slope_factor(-grade, slope=table.slope)
        return free * factor * up, free * factor * down
    if table.mode == "bike":
        if kind in USUALLY_UNPAVED and "surface" in tags:
            free = max(road.free_kmh for road in table.classes.values())
        kmh = DISMOUNTED_KMH if tags.get("bicycle") == "dismount" else free * factor
        return kmh, kmh
    both = speed_limit(tags)
    result = []
    for key in ("maxspeed:forward", "maxspeed:backward"):
        limit = parse_maxspeed(tags[key]) if key in tags else None
        limit = limit if limit is not None else both
        result.append(free * factor if limit is None else limit * road.limit_factor * limit_factor)
    return result[0], result[1]


def speed_limit(tags: Mapping[str, str]) -> float | None:
    """Return the limit in km/h that the tags of a way give for both directions, None where they give none.

    Examples
    --------
    >>> speed_limit({"maxspeed": "50"}), speed_limit({"zone:maxspeed": "FR:30"}), speed_limit({})
    (50.0, 30.0, None)
    """
    for key in ("maxspeed", "zone:maxspeed", "maxspeed:type", "source:maxspeed"):
        if key in tags and (limit := parse_maxspeed(tags[key])) is not None:
            return limit
    return None


def parse_duration_s(text: str) -> float:
    """Return the seconds of an OSM ``duration`` ("00:15", "01:30:00", "15" minutes), 0 if it cannot be read.

    Examples
    --------
    >>> parse_duration_s("00:15"), parse_duration_s("15"), parse_duration_s("PT1H5M"), parse_duration_s("soon")
    (900.0, 900.0, 3900.0, 0.0)
    """
    import re

    if iso := re.match(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$", text):
        return sum(float(part or 0) * unit for part, unit in zip(iso.groups(), (3600, 60, 1), strict=True))
    parts = text.split(":")
    if not all(part.strip().isdigit() for part in parts) or len(parts) > 3:
        return 0.0
    numbers = [float(part) for part in parts]
    if len(numbers) == 1:
        return numbers[0] * 60
    return sum(number * unit for number, unit in zip(numbers, (3600, 60, 1), strict=False))


class NodeRule(NamedTuple):
    """What a vertex is for one mode."""

    is_closed: bool
    forward_s: float
    """Seconds lost there by those who travel in the order of the way: signal, gate, toll."""
    backward_s: float


def node_rule(tags: Mapping[str, str], table: SpeedTable) -> NodeRule:
    """Return what a vertex is for the mode of a speed table.

    Examples
    --------
    >>> from carto_sante.network.speeds import speed_table
    >>> [node_rule({"barrier": "bollard"}, speed_table(mode)).is_closed for mode in ("drive", "walk")]
    [True, False]
    """
    barrier = tags.get("barrier", "")
    is_closed, seconds = False, 0.0
    if barrier:
        granted = access(tags, table.mode)
        is_closed = granted in {"no", "private"} or (not granted and barrier in CLOSED_BARRIERS[table.mode])
        if barrier in GATES and not granted:
            seconds = table.delays_s["gate"]
        elif barrier == "toll_booth":
            seconds = table.delays_s["toll"]
    if tags.get("highway") == "traffic_signals":
        signal = table.delays_s["signal"]
        direction = tags.get("traffic_signals:direction") or tags.get("direction") or "both"
        return NodeRule(
            is_closed,
            seconds + (0.0 if direction == "backward" else signal),
            seconds + (0.0 if direction == "forward" else signal),
        )
    return NodeRule(is_closed, seconds, seconds)
