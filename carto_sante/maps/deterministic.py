"""Stable identifiers of Folium's elements: the same map gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_MARK = "_carto_sante_id"


def set_stable_ids(root: Any) -> None:
    """Give numbers to the elements under a Folium map, in the order they were added.

    Folium draws random identifiers. Elements numbered by an earlier call keep their number, so a layer may be added
    later and the map saved again.

    Parameters
    ----------
    root : branca.element.Element
        The map, or the figure that holds it.
    """
    top = root
    while top._parent is not None:
        top = top._parent
    number = max((getattr(element, _MARK, 0) for element in _walk(top)), default=0)
    for element in _walk(top):
        if not getattr(element, _MARK, 0):
            number += 1
            setattr(element, _MARK, number)
            element._id = f"{number:032x}"


def _walk(element: Any) -> Iterator[Any]:
    yield element
    for child in element._children.values():
        yield from _walk(child)
