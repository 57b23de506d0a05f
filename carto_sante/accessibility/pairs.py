"""From the long travel-time table to arrays: ids checked and encoded once, for every method that follows.

A travel time belongs to a *directed* pair: the origin is where the patient lives, the destination where the
practitioner works. Nothing here guesses: a repeated pair, a negative time, an id read as a number or a zone
that the table does not know each stop the run with the rows at fault.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carto_sante.accessibility import _kernels
from carto_sante.accessibility.decay import Decay
from carto_sante.errors import InputError, NoResultError, SchemaError, join_problems

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

# A bit per possible pair is the fastest search of repeats; beyond this many bytes the rows are grouped instead.
_MOST_BIT_BYTES = 160_000_000
_CHUNK_ROWS = 1_000_000


@dataclass(frozen=True)
class Pairs:
    """Travel times as arrays, aligned with the demand and supply tables.

    Attributes
    ----------
    origin, destination : int32 arrays
        Row number in the demand and supply tables, -1 for ids that are in neither.
    travel_time_min : float64 array
        Minutes.
    origin_count, destination_count : int
        Length of the demand and supply tables.
    origins_present, destinations_present : bool arrays
        Whether each row of the two tables has a travel time of its own.
    """

    origin: Codes
    destination: Codes
    travel_time_min: Floats
    origin_count: int
    destination_count: int
    origins_present: npt.NDArray[np.bool_]
    destinations_present: npt.NDArray[np.bool_]

    def weigh(self, decay: Decay) -> Floats:
        """Return the weight of every pair."""
        out = np.empty(len(self.travel_time_min))
        if decay.is_step:
            rings, weights = np.array(decay.upper_min), np.append(np.array(decay.weights), 0.0)
            _kernels.weigh_steps(self.travel_time_min, decay.shift_min, rings, weights, decay.includes_upper, out)
            return out
        for start in range(0, len(out), _CHUNK_ROWS):  # temporaries of a function stay small
            part = slice(start, start + _CHUNK_ROWS)
            out[part] = decay.weigh(self.travel_time_min[part])
        return out

    def sum_by_destination(self, weight: Floats, amount: Floats) -> Floats:
        """Return, for each destination, the sum over origins of amount times weight."""
        out = np.zeros(self.destination_count)
        _kernels.sum_by_destination(self.origin, self.destination, weight, amount, out)
        return out

    def sum_by_origin(self, weight: Floats, amount: Floats) -> Floats:
        """Return, for each origin, the sum over destinations of amount times weight."""
        out = np.zeros(self.origin_count)
        _kernels.sum_by_origin(self.origin, self.destination, weight, amount, out)
        return out


def read_pairs(
    travel_times: pd.DataFrame,
    *,
    origin_id: pd.Series[Any],
    destination_id: pd.Series[Any],
    tables: tuple[str, str] = ("demand", "supply"),
) -> Pairs:
    """Check and encode a travel-time table against the ids of two tables.

    Parameters
    ----------
    travel_times : DataFrame
        ``origin_id``, ``destination_id`` (text or categories of text), ``travel_time_min`` (minutes, at
        least 0), optionally ``mode`` (one mode only).
    origin_id, destination_id : Series
        Unique ids of the rows of the demand and supply tables.
    tables : pair of str
        How errors name these two tables.

    Returns
    -------
    Pairs
        Codes are row numbers of the two tables.

    Raises
    ------
    SchemaError
        If columns are missing, ids are numbers or empty, or times are not numbers.
    InputError
        If times are missing, negative or infinite, pairs repeat, several modes are mixed, or no id of the
        table is known.
    """
    _check_columns(travel_times)
    minutes = _as_minutes(travel_times["travel_time_min"])
    with ThreadPoolExecutor(max_workers=2) as pool:  # text encoding releases the GIL
        by_origin = pool.submit(encode_ids, travel_times["origin_id"], origin_id, table="travel_times")
        by_destination = pool.submit(encode_ids, travel_times["destination_id"], destination_id, table="travel_times")
        _check_minutes(minutes, travel_times)
        _check_mode(travel_times)
        origin, destination = by_origin.result(), by_destination.result()
    _check_known(travel_times, origin, destination, origin_id, destination_id, tables)
    _check_repeats(travel_times, origin, destination, len(origin_id), len(destination_id))
    present = [np.zeros(len(origin_id), dtype=np.bool_), np.zeros(len(destination_id), dtype=np.bool_)]
    _kernels.mark_present(origin, present[0])
    _kernels.mark_present(destination, present[1])
    return Pairs(origin, destination, minutes, len(origin_id), len(destination_id), present[0], present[1])


def encode_ids(values: pd.Series[Any], known: pd.Series[Any], *, table: str) -> Codes:
    """Return the position of each id among known ones, -1 where it is not known.

    Raises
    ------
    SchemaError
        If ids are numbers, or some are empty.
    """
    import pandas as pd

    check_text(values, table=table)
    index = pd.Index(known.astype("str"))
    if isinstance(values.dtype, pd.CategoricalDtype):
        lookup = index.get_indexer(values.cat.categories.astype("str"))
        codes = values.cat.codes.to_numpy()
    elif isinstance(values.dtype, pd.StringDtype) and values.dtype.storage == "pyarrow":
        codes, uniques = _encode_arrow(values)
        lookup = index.get_indexer(uniques)
    else:
        codes, found = pd.factorize(values)
        lookup = index.get_indexer(pd.Index(found).astype("str"))
    # One more place, reached by the code -1 of an empty cell.
    places = np.append(lookup, -2).astype(np.int32)
    encoded: Codes = places[codes]
    if len(codes) and codes.min() < 0:
        raise SchemaError(f"{table}: column {values.name} is empty on {int((codes < 0).sum())} rows.")
    return encoded


def check_text(values: pd.Series[Any], *, table: str) -> None:
    """Raise unless a column of ids is text.

    Raises
    ------
    SchemaError
        Naming the column and its type.
    """
    import pandas as pd

    categories = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    kind = pd.api.types.infer_dtype(categories.iloc[:1000] if categories is values else categories, skipna=True)
    if kind not in {"string", "empty"}:
        raise SchemaError(
            f"{table}: column {values.name} holds {kind} ids (first: {categories[0] if len(categories) else None!r})."
            if categories is not values
            else f"{table}: column {values.name} holds {kind} ids (first: {values.iloc[0]!r}).",
            expected="text in every table, since official codes read as numbers lose their zeros",
            next_step=f"Convert it: {values.name}.astype(str).str.zfill(n), with the length n of the code.",
        )


def _encode_arrow(values: pd.Series[Any]) -> tuple[Any, Any]:
    import pandas as pd
    import pyarrow as pa

    chunked = pa.chunked_array(values.array.__arrow_array__())
    encoded = chunked.combine_chunks().dictionary_encode() if chunked.num_chunks != 1 else chunked.chunk(0)
    if not isinstance(encoded, pa.DictionaryArray):
        encoded = encoded.dictionary_encode()
    indices = encoded.indices
    if indices.null_count:
        indices = indices.fill_null(-1)
    return indices.to_numpy(zero_copy_only=False), pd.Index(encoded.dictionary.to_pandas()).astype("str")


def _check_columns(travel_times: pd.DataFrame) -> None:
    from pandas.api import types

    problems = [
        f"column {name} is missing (found: {', '.join(map(str, travel_times.columns))})"
        for name in ("origin_id", "destination_id", "travel_time_min")
        if name not in travel_times.columns
    ]
    if "travel_time_min" in travel_times.columns and not types.is_numeric_dtype(travel_times["travel_time_min"]):
        problems.append("column travel_time_min is not a number of minutes")
    if problems:
        raise SchemaError("travel_times cannot be used:\n" + join_problems(problems))
    if not len(travel_times):
        raise NoResultError(
            "travel_times has no row.",
            expected="at least one pair within reach",
            next_step="Check that origins and sites are close enough, or raise the limit of the search.",
        )


def _as_minutes(values: pd.Series[Any]) -> Floats:
    minutes: Floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.ascontiguousarray(minutes)


def _check_minutes(minutes: Floats, travel_times: pd.DataFrame) -> None:
    missing, negative, infinite, first = _kernels.check_minutes(minutes)
    if first < 0:
        return
    counts = {"missing": missing, "negative": negative, "infinite": infinite}
    found = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    row = travel_times.iloc[first]
    raise InputError(
        f"travel_times holds {found} travel times (first: {row['origin_id']} to {row['destination_id']}, "
        f"{row['travel_time_min']} min).",
        expected="minutes of at least 0; a pair out of reach has no row",
        next_step="Drop the rows out of reach and mend the others.",
    )


def _check_mode(travel_times: pd.DataFrame) -> None:
    import pandas as pd

    if "mode" not in travel_times.columns:
        return
    values = travel_times["mode"]
    if isinstance(values.dtype, pd.CategoricalDtype):
        used = np.unique(values.cat.codes.to_numpy())
        modes = [str(values.cat.categories[code]) for code in used if code >= 0]
    elif isinstance(values.dtype, pd.StringDtype) and values.dtype.storage == "pyarrow":
        import pyarrow as pa
        import pyarrow.compute as pc

        modes = [str(item) for item in pc.unique(pa.chunked_array(values.array.__arrow_array__())).to_pylist()]
    else:
        modes = [str(item) for item in values.unique()]
    if len(modes) > 1:
        raise InputError(
            f"travel_times mixes {len(modes)} modes ({', '.join(sorted(modes))}).",
            expected="one mode per computation",
            next_step=f'Filter it: travel_times[travel_times["mode"] == "{sorted(modes)[0]}"].',
        )


def _check_known(
    travel_times: pd.DataFrame,
    origin: Codes,
    destination: Codes,
    origin_id: pd.Series[Any],
    destination_id: pd.Series[Any],
    tables: tuple[str, str],
) -> None:
    sides = (("origin_id", origin, origin_id, tables[0]), ("destination_id", destination, destination_id, tables[1]))
    for name, codes, known, table in sides:
        if codes.max() < 0 and len(known):
            raise InputError(
                f"No {name} of travel_times is in {table} (travel_times: {travel_times[name].iloc[0]!r}, ...; "
                f"{table}: {known.iloc[0]!r}, ...).",
                expected="the same codes in both tables",
                next_step="Look for lost zeros, another vintage of the codes, or origins and destinations swapped.",
            )


def _check_repeats(
    travel_times: pd.DataFrame, origin: Codes, destination: Codes, origin_count: int, destination_count: int
) -> None:
    size = origin_count * destination_count // 8 + 1
    if size <= _MOST_BIT_BYTES:
        bits = np.zeros(size, dtype=np.uint8)
        repeated, first = _kernels.count_repeated_in_bits(origin, destination, destination_count, bits)
    else:
        offsets, rows = _kernels.group_rows(origin, origin_count)
        repeated, first = _kernels.count_repeated_in_groups(offsets, rows, destination, destination_count)
    if repeated:
        row = travel_times.iloc[first]
        raise InputError(
            f"travel_times repeats a pair on {repeated} rows (first: {row['origin_id']} to {row['destination_id']}).",
            expected="one row per origin, destination and mode",
            next_step="Keep one travel time per pair (the shortest, if they are routes).",
        )
