"""Generator of the embedded sample city, Montbrise: synthetic, deterministic, in the layouts of the official files.

Run ``python -m data.generator --out data/sample`` from the root of the repository to write the city, with
``--check`` to compare instead with the files that are there. Nothing here imports ``carto_sante``: the city
must not depend on what it tests.

==================  ==========================================================
`geometry`          smooth curves, the warp that bends everything, cutting lines
`plan`              the hand-drawn skeleton: river, railway, arteries, districts
`names`             street names
`blocks`            from macro-blocks to streets: lanes, loops, dead ends
`network`           one graph: junctions, roundabouts, bridges, one-way streets
`osm`               the graph as an OSM PBF
`zones`             IRIS, quartiers, QPV, communes
`people`            addresses (BAN), population by IRIS and 200 m cell
`sites`             pharmacies, hospital, health centres, practices
`practitioners`     who practises where, in 2025 and in 2026
`rpps` `finess` `ameli` `tables`   the registries and small tables, in their official layouts
==================  ==========================================================
"""
