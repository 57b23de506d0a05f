"""Primary-care supply in France, from the official files to the map of a city.

One module per question, in the order in which the data moves; each imports strictly lower layers.

===== =================== ================================================================
layer module              what it answers
===== =================== ================================================================
0     `errors`            what went wrong, in a sentence that says what to do next
0     `schemas`           every table that travels: columns, units, key
0     `crs`               the legal metric CRS of each French territory
0     `ledger`            what became of every row read
0     `files`             outputs written whole or not at all, the same bytes each time
0     `progress`          progress bars on a terminal, log lines elsewhere
0     `study`             the frozen parameters of one study, read from TOML
1     `sources`           catalogue of the open data and its download
1     `registries`        FINESS, RPPS, Ameli, BPE to practitioners and facilities
1     `territories`       zones of every level; a point to its zone
2     `geocoding`         address to point, with score, precision and pass
2     `population`        people by zone, age and sex; moved between zones
2     `network`           a road network ready to be searched, from OSM
3     `travel`            snapping and travel times
4     `isochrones`        reach polygons, with their own error
4     `density`           practitioners per inhabitant, and how sure that is
4     `accessibility`     2SFCA family and APL
5     `siting`            where to put an MSP, of what size
6     `maps`, `exports`   Folium maps; GeoPackage, GeoParquet, PostGIS, Excel
7     `stages`            the stages of one study, shared by the commands
7     `report`            documents for decision makers
8     `refresh`           yearly vintages and what changed between them
9     `commands`          thin commands, one per public stage function
10    `cli`               the command line
===== =================== ================================================================

Importing the package costs milliseconds: nothing heavy is imported here.
"""

__version__ = "0.1.0"
