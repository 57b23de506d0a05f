"""Base maps with the attribution each asks for. The map is legible without any of them."""

from __future__ import annotations

from typing import Any

from carto_sante.errors import UnknownNameError, suggest

#: Sources: IGN Géoplateforme (WMTS, free access, Licence Ouverte); OSM tile usage policy.
BASE_MAPS: dict[str, dict[str, Any]] = {
    "plan_ign": {
        "label": "Plan IGN",
        "url": (
            "https://data.geopf.fr/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
            "&LAYER=GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2&STYLE=normal&FORMAT=image/png"
            "&TILEMATRIXSET=PM&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}"
        ),
        "attribution": '© <a href="https://www.ign.fr/">IGN</a> – Géoplateforme',
        "max_zoom": 19,
    },
    "osm": {
        "label": "OpenStreetMap",
        "url": "https://tile.openstreetmap.org/{z}/{x}/{y}.png",
        "attribution": '© <a href="https://www.openstreetmap.org/copyright">les contributeurs d’OpenStreetMap</a>',
        "max_zoom": 19,
    },
    # Drawn from the study's OSM file, without any tile; only where the map has it.
    "light": {"label": "Fond léger (rues principales, eau)", "url": "", "attribution": "", "max_zoom": 19},
    "none": {"label": "Aucun fond", "url": "", "attribution": "", "max_zoom": 19},
}


def require_base_map(key: str) -> str:
    """Return the key of a base map.

    Raises
    ------
    UnknownNameError
        If it is not one of "plan_ign", "osm", "light", "none".
    """
    if key not in BASE_MAPS:
        raise UnknownNameError(f"{key!r} is not a base map.", next_step=suggest(key, BASE_MAPS))
    return key


def base_map_choice(chosen: str, *, has_context: bool) -> dict[str, Any]:
    """Return the base maps of a page and the one shown first; the light one only where it can be drawn."""
    records = [{"key": key, **record} for key, record in BASE_MAPS.items() if has_context or key != "light"]
    is_tiled = chosen not in ("light", "none")
    return {"base_map": chosen if is_tiled else "light" if has_context else "none", "base_maps": records}
