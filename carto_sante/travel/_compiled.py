"""The one decorator of every compiled kernel: cached on disk, free of the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel; threads may run it side by side."""
    return cast(Callable[..., Any], numba.njit(cache=True, nogil=True, error_model="numpy")(function))
