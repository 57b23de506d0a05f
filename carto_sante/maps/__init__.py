"""Maps that people print and put online, in the style of the Rennes tool.

Tables go in (practitioners, territories, indicators, isochrones), a `folium.Map` comes out, and `save_map` writes it
whole, with the same bytes each time. What residents and decision makers read is in French.

=============== ===========================================================================
module          what it answers
=============== ===========================================================================
`city`          the map of a city
`compare`       before and after; what changed between two vintages (`changes`: in which words and symbols)
`atlas`         one page, PNG and PDF per quartier and per QPV (`static` and `printed_map` draw, in
                `print_font`; `index_page` lists)
`page`          writing a map; `offline` puts every script and style inside
`choropleth`    classes of an indicator, by mapclassify; `bivariate` crosses two
`sites`         practitioners gathered by place; `symbols` how each profession is drawn
`zones`         territories, rings and isochrones as light GeoJSON; `anchors` where their names go
`labels`        French words and numbers
`context`       main streets and water as a light base, without tiles
`base_maps`     IGN Plan, OpenStreetMap, or none; `credits` the sources
`element`       the page's own scripts as a Folium element; `deterministic` its stable identifiers
=============== ===========================================================================

The browser side is in ``assets/``: everything that comes from a registry travels as JSON and is shown with
``textContent``, never as markup.
"""

from __future__ import annotations

from carto_sante.maps.atlas import write_atlas
from carto_sante.maps.changes import balance_notes
from carto_sante.maps.city import build_city_map
from carto_sante.maps.compare import build_before_after_map, build_diff_map
from carto_sante.maps.page import save_map

__all__ = ["balance_notes", "build_before_after_map", "build_city_map", "build_diff_map", "save_map", "write_atlas"]
