"""Everything together: build the city once, write every file."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from data.generator import ameli, blocks, census, finess, network, osm, people, plan, rpps, tables, zones
from data.generator.people import Address
from data.generator.practitioners import Practitioner, build_practitioners, quartier_people
from data.generator.sites import Doors, Sites, build_sites


@dataclass
class Sample:
    """The whole city."""

    network: network.City
    addresses: list[Address]
    zones: zones.Zones
    sites: Sites
    practitioners: list[Practitioner]
    profiles: dict[str, census.Profile]


def build(seed: int) -> Sample:
    """Build the city; the same seed gives the same city."""
    roads = network.build_city(blocks.draw_streets(seed), seed)
    addresses = people.number_doors(roads, seed)
    levels = zones.draw_zones(roads, addresses)
    doors = Doors(addresses, random.Random(seed + 10))
    sites = build_sites(doors)
    cast = build_practitioners(doors, sites, quartier_people(addresses), seed)
    return Sample(roads, addresses, levels, sites, cast, census.profiles(addresses, levels, seed))


def write_city(sample: Sample, folder: Path, seed: int) -> list[str]:
    """Write every file and return their names."""
    texts = _registries(sample, seed) | _zones(sample) | _populations(sample, seed)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode("utf-8"))
    osm.write_osm(sample.network, folder / "montbrise.osm.pbf")
    return sorted([*texts, "montbrise.osm.pbf"])


def _registries(sample: Sample, seed: int) -> dict[str, str]:
    cast, sites = sample.practitioners, sample.sites.all()
    ban = tables.ban(sample.addresses, seed)  # first: it numbers the streets
    rows = {vintage: rpps.rows(cast, vintage, seed) for vintage in (2025, 2026)}
    activities, savoir_faire = rpps.as_split(rows[2026])
    before = [site for site in sites if site.opened < "2025-01-15"]
    return {
        "ban_58.csv": ban,
        "rpps_2025-01.txt": rpps.as_2021(rows[2025]),
        "rpps_2026-01.txt": rpps.as_2026(rows[2026]),
        "rpps_2026-01_sans_savoir_faire.txt": activities,
        "rpps_2026-01_savoir_faire.txt": savoir_faire,
        "finess_cs1100507_2025-01.csv": finess.as_csv(before, seed, date="2025-01-13"),
        "finess_cs1100507.csv": finess.as_csv(sites, seed, date="2026-01-12"),
        "finess_plus.json": finess.as_json(sites, seed),
        "ameli_58.csv": ameli.lines(cast, seed),
        "bpe_2024.csv": tables.bpe(cast, before, seed),
        "exclusions.csv": tables.exclusions(sample.sites.centres["teleconsultation"].finess_et, 2026),
        "corrections.csv": tables.corrections(cast, rows[2026]),
        "control_totals.csv": tables.control_totals(cast, 2026),
        "control_totals_2025.csv": tables.control_totals(cast, 2025),
        "truth_rpps_2026-01.csv": tables.truth(cast, 2026),
        "candidats_msp.csv": tables.candidates(sample.addresses),
    }


def _zones(sample: Sample) -> dict[str, str]:
    z = sample.zones
    counts = _communes(sample)
    return {
        "iris.geojson": tables.geojson("iris", z.iris, tables.iris_properties),
        "quartiers.geojson": tables.geojson("quartiers", z.quartiers, tables.quartier_properties),
        "qpv_2015.geojson": tables.geojson("qpv_2015", z.qpv_2015, tables.qpv_properties),
        "qpv_2024.geojson": tables.geojson("qpv_2024", z.qpv_2024, tables.qpv_properties),
        "communes.geojson": tables.geojson(
            "communes", z.communes, lambda zone: tables.commune_properties(zone, counts[zone.code])
        ),
        "epci_2025.csv": tables.epci_composition(),
        "reference_iris_2024.csv": tables.iris_reference(z.iris),
        "table_passage_annuelle_2025.csv": tables.commune_passage(),
    }


def _communes(sample: Sample) -> dict[str, int]:
    counts = dict.fromkeys((c.code for c in sample.zones.communes), 0.0)
    for a in sample.addresses:
        counts[a.commune] += a.people
    # The sample holds a part of the neighbours' doors only.
    return {code: round(value * (1 if code == plan.COMMUNE_CODE else 6)) for code, value in counts.items()}


def _populations(sample: Sample, seed: int) -> dict[str, str]:
    header, rows = census.census_rows(sample.profiles, sample.zones, seed)
    cells = census.grid_cells(sample.addresses, sample.profiles, seed)
    return {
        "population_iris_2021.csv": tables.csv_text(header, rows),
        "carreaux_200m.csv": tables.csv_text(list(cells[0]), [list(c.values()) for c in cells], separator=","),
        "qpv_2024_population.csv": tables.qpv_population(sample.zones.qpv_2024, sample.addresses, seed),
        "qpv_2024_revenus.csv": tables.qpv_income(sample.zones.qpv_2024),
        "fdep_communes_2020.csv": tables.fdep_communes(seed),
        "fedi_iris_2021.csv": tables.fedi_iris(sample.zones.iris, seed),
        "revenu_quartiers.csv": tables.income_quartiers(sample.zones.quartiers, sample.addresses, seed),
    }
