"""Between polars, which reads and joins, and pandas, which travels between stages.

Text columns go both ways without a copy on the way back: Arrow arrays never change, so the polars column that one was
made from is remembered as long as the array lives. A column that is changed or filtered in pandas is another array.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

#: By identity of an Arrow array: the array, weakly, and the polars column it was made from.
_MADE_FROM: dict[int, tuple[weakref.ref[Any], pl.Series]] = {}


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """Return a polars table as pandas, text in an Arrow-backed string type, missing text as NA."""
    import pandas as pd
    import pyarrow as pa

    text = text_dtype()
    columns: dict[str, Any] = {}
    for name in frame.columns:
        series = frame.get_column(name)
        if series.dtype == _polars().String:
            array = series.to_arrow()
            columns[name] = pd.array(pa.chunked_array([array.cast(pa.large_string())]), dtype=text)
        elif series.null_count():
            columns[name] = pd.array(series.to_list(), dtype="Int64" if series.dtype.is_integer() else "Float64")
        else:
            columns[name] = series.to_numpy()
    table = pd.DataFrame(columns, columns=frame.columns)
    for name in frame.columns:
        _remember(table[name], frame.get_column(name))
    return table


def _remember(values: pd.Series, column: pl.Series) -> None:
    array = _arrow_of(values)
    if array is not None and column.dtype == _polars().String:
        place = id(array)
        _MADE_FROM[place] = (weakref.ref(array, lambda _: _MADE_FROM.pop(place, None)), column)


def _remembered(values: pd.Series) -> pl.Series | None:
    array = _arrow_of(values)
    reference, column = _MADE_FROM.get(id(array), (None, None))
    return column if reference is not None and reference() is array else None


def _arrow_of(values: pd.Series) -> Any:
    """Return the Arrow array that holds a column, the very object, or nothing where it is not held so."""
    give = getattr(values.array, "__arrow_array__", None)
    return give() if give is not None and getattr(values.dtype, "storage", "") == "pyarrow" else None


def to_polars(frame: pd.DataFrame) -> pl.DataFrame:
    """Return a pandas table (its geometry left out) as polars, text as text, NA as null."""
    import polars as pl

    kept = [name for name in frame.columns if str(frame[name].dtype) != "geometry"]
    columns = {}
    for name in kept:
        values = frame[name]
        column = _remembered(values)
        if column is not None:
            columns[name] = column.alias(name)
        elif values.dtype == object:
            columns[name] = pl.Series(name, [None if _is_missing(value) else str(value) for value in values], pl.String)
        else:
            series: Any = pl.from_pandas(values, nan_to_null=True)
            columns[name] = series.alias(name)
    return pl.DataFrame(columns)


def text_dtype() -> Any:
    """Return the dtype of text columns: the default ``str`` of pandas 3, the Arrow-backed one before."""
    import pandas as pd

    return pd.StringDtype("pyarrow", na_value=float("nan")) if _has_str_dtype() else pd.StringDtype("pyarrow")


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _has_str_dtype() -> bool:
    import pandas as pd

    return int(pd.__version__.split(".")[0]) >= 3


def _polars() -> Any:
    import polars

    return polars
