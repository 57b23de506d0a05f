"""Between polars, which reads and joins, and pandas, which travels between stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


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
    return pd.DataFrame(columns, columns=frame.columns)


def to_polars(frame: pd.DataFrame) -> pl.DataFrame:
    """Return a pandas table (its geometry left out) as polars, text as text, NA as null."""
    import polars as pl

    kept = [name for name in frame.columns if str(frame[name].dtype) != "geometry"]
    columns = {}
    for name in kept:
        values = frame[name]
        if values.dtype == object:
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
