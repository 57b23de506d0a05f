"""The key of an address: what the corrections and the cache recognise it by, however it was typed."""

from __future__ import annotations

from carto_sante.geocoding.gazetteer import label_key
from carto_sante.geocoding.grammar import parse_address, street_key


def address_key(address: str, *, postcode: str = "", commune_code: str = "", commune_label: str = "") -> str:
    """Return the key of an address.

    Parameters
    ----------
    address, postcode, commune_code, commune_label : str
        As given; "" where absent. The commune code prevails over the postcode, and both over the name.

    Examples
    --------
    >>> address_key("12 bis, av. du Gal Leclerc", commune_code="93010")
    '12BIS|AVENUE GENERAL LECLERC|93010'
    >>> address_key("CABINET MEDICAL 12BIS AVENUE DU GENERAL LECLERC", commune_code="93010", postcode="93140")
    '12BIS|AVENUE GENERAL LECLERC|93010'
    """
    parsed = parse_address(address)
    kind, core = street_key(parsed.street)
    number = f"{parsed.number}{parsed.suffix}" if parsed.number >= 0 else ""
    place = commune_code or postcode or parsed.postcode
    name = "" if place else label_key(commune_label or " ".join(parsed.tail))
    return f"{number}|{' '.join((kind, *core)).strip()}|{place or name}"
