"""The one decorator of every compiled kernel: cached on disk, free of the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Compile a kernel; threads may run it side by side."""
    return cast(Kernel, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
