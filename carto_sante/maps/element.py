"""The page's own style, data and scripts as a Folium element, on a map that loads only what it uses."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

import folium
from branca.element import MacroElement
from folium.plugins import MarkerCluster
from jinja2 import Template

#: Scripts of the page, in the order they are loaded.
SCRIPTS = ("dom.js", "zones.js", "places.js", "popups.js", "names.js", "search.js", "panel.js", "start.js")

_NEEDS_FULL_FOLIUM = (folium.Popup, folium.Icon, folium.features.RegularPolygonMarker)


class CityPage(MacroElement):  # type: ignore[misc]
    """Data, style and scripts of one map.

    Parameters
    ----------
    payload : dict
        Everything the page shows, as plain JSON values.
    """

    _template = Template(
        """
        {% macro header(this, kwargs) %}<style>{{ this.style() }}</style>{% endmacro %}
        {% macro html(this, kwargs) %}
        <script type="application/json" id="{{ this.get_name() }}_data">{{ this.data() }}</script>
        {% endmacro %}
        {% macro script(this, kwargs) %}
        {{ this.script() }}
        CartoSante.start({{ this._parent.get_name() }},
            JSON.parse(document.getElementById("{{ this.get_name() }}_data").textContent));
        {% endmacro %}
        """
    )

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__()
        self._name = "CartoSante"
        self.payload = payload
        self.is_offline = False

    def style(self) -> str:
        """Return the style sheet."""
        return _asset("style.css")

    def script(self) -> str:
        """Return the scripts, one after the other."""
        return "\n".join(_asset(name) for name in SCRIPTS)

    def data(self) -> str:
        """Return the payload as JSON that can stand inside a page."""
        return to_page_json({**self.payload, "is_offline": self.is_offline})


class SlimMap(folium.Map):  # type: ignore[misc]
    """A Folium map that loads Leaflet and its clusters only.

    Folium loads jQuery, Bootstrap and three icon fonts (about 400 kB) for its own popups and icons. They come
    back by themselves when a layer added to this map needs them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(tiles=None, **options)
        self._full_js, self._full_css = list(folium.Map.default_js), list(folium.Map.default_css)

    def render(self, **kwargs: Any) -> None:
        """Render with the libraries that the map's elements need."""
        if _has_any(self, _NEEDS_FULL_FOLIUM):
            js, css = self._full_js, self._full_css
        else:
            js = [item for item in self._full_js if item[0] == "leaflet"]
            css = [item for item in self._full_css if item[0] == "leaflet_css"]
        clusters = [item for item in MarkerCluster.default_css if item[0] == "markerclustercss"]
        self.default_js, self.default_css = [*js, *MarkerCluster.default_js], [*css, *clusters]
        super().render(**kwargs)


def to_page_json(value: Any) -> str:
    r"""Write JSON that can stand in a script element and go through Jinja unharmed.

    No ``<``, ``>`` or ``&`` remains (nothing can close the element), nor an opening of a Jinja expression: Folium
    renders what it is given as a template.

    Examples
    --------
    >>> to_page_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    >>> json.loads(to_page_json(["{{ 7*7 }}"]))
    ['{{ 7*7 }}']
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return re.sub(r"\{(?=[{%#])", r"\\u007b", text)


def _asset(name: str) -> str:
    return resources.files("carto_sante").joinpath(f"maps/assets/{name}").read_text(encoding="utf-8")


def _has_any(element: Any, kinds: tuple[type, ...]) -> bool:
    children = element._children.values()
    return any(isinstance(child, kinds) or _has_any(child, kinds) for child in children)
