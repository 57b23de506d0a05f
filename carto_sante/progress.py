"""Progress bars on a terminal, quiet log lines elsewhere; always on stderr, never on stdout."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("carto_sante")


class Stages:
    """Announces the stages of a long run.

    Parameters
    ----------
    total : int
        How many stages there will be.

    Examples
    --------
    >>> stages = Stages(total=1)
    >>> with stages.stage("Reading registries"):
    ...     pass
    """

    def __init__(self, *, total: int) -> None:
        self.total = total
        self._done = 0

    @contextmanager
    def stage(self, label: str) -> Iterator[None]:
        """Show one stage while it runs; log its duration when there is no terminal."""
        self._done += 1
        started = time.perf_counter()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
                bar.add_task(f"[{self._done}/{self.total}] {label}", total=None)
                yield
        else:
            yield
        logger.info("[%d/%d] %s: %.1f s", self._done, self.total, label, time.perf_counter() - started)
