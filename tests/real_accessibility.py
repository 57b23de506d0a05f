"""Accessibility of the Alpes-Maritimes from real travel times, written out to be compared with other tools.

Run from the root: ``python -m tests.real_accessibility DATA OUT.csv``, where DATA is the folder of the real data. OUT
receives the 500 IRIS of the département: code, GPs per 100,000 standardised inhabitants with weight exp(-0.12 x
minutes), and the APL with the DREES parameters of 2022.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from carto_sante import accessibility


def read_tables(data: Path):
    """Travel times, supply and demand of the 500 IRIS; IRIS1 is where the patient lives, IRIS2 the practice."""
    folder = Path(data) / "alpes_maritimes"
    times = pd.read_csv(folder / "od_06_sql.csv", dtype={"IRIS1": str, "IRIS2": str})
    times = pd.DataFrame(
        {
            "origin_id": times["IRIS1"].str.zfill(9),
            "destination_id": times["IRIS2"].str.zfill(9),
            "mode": "drive",
            "travel_time_min": times["TIME"].astype(float),
        }
    )
    zones = pd.read_csv(folder / "gp_supply_and_demand_by_iris.csv", dtype={"iris": str})
    # The table of times also knows 66 IRIS of the neighbouring départements, without supply or demand: left out.
    times = times[times.origin_id.isin(zones.iris) & times.destination_id.isin(zones.iris)]
    supply = zones.rename(columns={"iris": "destination_id", "gp_count": "capacity_etp"})
    demand = zones.rename(columns={"iris": "origin_id", "population": "population_count"})
    return (
        times.reset_index(drop=True),
        supply[["destination_id", "capacity_etp"]].assign(profession="gp"),
        demand[["origin_id", "population_count", "population_standardised"]],
    )


def by_iris(data: Path) -> pd.DataFrame:
    """The 500 values, by two methods."""
    tables = read_tables(data)
    exponential = accessibility.compute_fca(
        *tables, method="e2sfca", decay=accessibility.exponential_decay(rate_per_min=0.12)
    )
    apl = accessibility.compute_apl(*tables, parameters="apl_2022")
    return exponential[["origin_id", "population_standardised", "accessibility_per_100k"]].assign(
        apl_2022=apl["apl"], iris=exponential["origin_id"]
    )[["iris", "population_standardised", "accessibility_per_100k", "apl_2022"]]


def by_commune(data: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Communes beside their published APL, means weighted by the standardised population."""
    published = accessibility.read_published_apl(
        Path(data) / "france" / "drees_apl_generalistes_2022_2023.xlsx", year=2022
    )
    own = accessibility.aggregate(table.assign(commune=table["iris"].str[:5]), by="commune", value="apl_2022")
    return own.merge(published, left_on="commune", right_on="commune_code", validate="1:1", suffixes=("", "_published"))


def main():
    """Write the table."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    table = by_iris(Path(sys.argv[1]))
    table.to_csv(sys.argv[2], index=False, float_format="%.12g", lineterminator="\n")
    communes = by_commune(Path(sys.argv[1]), table)
    rank = communes[["apl_2022", "apl"]].corr("spearman").iloc[0, 1]
    print(f"{len(table)} IRIS written; {len(communes)} communes, Spearman with the published APL 2022: {rank:.3f}")


if __name__ == "__main__":
    main()
