"""Thin commands, one per public stage function; `carto_sante.cli` loads each when it is called."""
