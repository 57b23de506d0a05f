"""What `tests.benchmarks.geocoding` measures in a process of its own: ``build CSV INDEX`` or ``open INDEX``."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def main(what: str, *paths: str) -> None:
    import pandas as pd

    from carto_sante.geocoding import build_index, geocode, open_reference

    start = time.perf_counter()
    if what == "build":
        index = build_index(*paths)
        result = {"seconds": time.perf_counter() - start, "addresses": index.address_count,
                  "streets": index.street_count, "file_mb": Path(paths[1]).stat().st_size / 1e6}  # fmt: skip
    else:
        reference = open_reference(paths[0])
        result = {"seconds": time.perf_counter() - start}
        geocode(pd.DataFrame({"address": ["12 rue Pasteur"], "commune_code": ["93010"]}), reference)
        result["first_s"] = time.perf_counter() - start
        many = pd.DataFrame({"address": [f"{n} avenue Pasteur" for n in range(20_000)], "commune_code": "93010"})
        geocode(many, reference)
    result["memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
