"""A thin wrapper of HiGHS: build once, add rows, solve as a linear or an integer program.

HiGHS is called by its own package rather than through scipy because cuts are added to a solved model, which then
starts again from where it stood.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from carto_sante.errors import CartoSanteError

Floats = npt.NDArray[np.float64]

#: Relative gap at which HiGHS may stop: solutions are exact to this share of the objective.
RELATIVE_GAP = 1e-9


class Program:
    """Minimise ``cost @ x`` with bounds, rows and whole-number columns."""

    def __init__(self, cost: Floats, *, lower: Floats, upper: Floats, time_limit_s: float | None = None) -> None:
        import highspy

        class Quiet(highspy.Highs):  # type: ignore[misc]
            def enableCallbacks(self) -> None:
                self.silent()
                super().enableCallbacks()

        self._highs = Quiet()
        self._module = highspy
        for name, value in (("output_flag", False), ("mip_rel_gap", RELATIVE_GAP), ("random_seed", 0)):
            self._highs.setOptionValue(name, value)
        if time_limit_s is not None:
            self._highs.setOptionValue("time_limit", float(time_limit_s))
        self.size = len(cost)
        empty = np.array([], dtype=np.int32)
        self._highs.addCols(self.size, cost, lower, upper, 0, empty, empty, np.array([], dtype=np.float64))

    def add_rows(self, matrix: Any, *, lower: Floats, upper: Floats) -> None:
        """Add rows ``lower <= matrix @ x <= upper``; the matrix is sparse."""
        rows = sparse.csr_matrix(matrix)
        self._highs.addRows(
            rows.shape[0],
            np.asarray(lower, dtype=np.float64),
            np.asarray(upper, dtype=np.float64),
            rows.nnz,
            rows.indptr[:-1].astype(np.int32),
            rows.indices.astype(np.int32),
            rows.data.astype(np.float64),
        )

    def set_bounds(self, columns: npt.NDArray[Any], lower: Floats, upper: Floats) -> None:
        """Change the bounds of some columns."""
        self._highs.changeColsBounds(len(columns), columns.astype(np.int32), lower, upper)

    def set_whole(self, columns: npt.NDArray[Any], *, is_whole: bool = True) -> None:
        """Ask for whole numbers in some columns, or stop asking."""
        kind = self._module.HighsVarType.kInteger if is_whole else self._module.HighsVarType.kContinuous
        self._highs.changeColsIntegrality(len(columns), columns.astype(np.int32), np.array([kind] * len(columns)))

    def keep_tight_rows(self, first: int, *, slack: float = 1e-6) -> None:
        """Drop the rows from ``first`` on that the last solution does not press against."""
        activity = np.array(self._highs.getSolution().row_value)
        lower = np.array(self._highs.getLp().row_lower_)
        loose = np.flatnonzero(activity[first:] > lower[first:] + slack) + first
        if len(loose):
            self._highs.deleteRows(len(loose), loose.astype(np.int32))

    def solve(self) -> str:
        """Solve; return "optimal", "infeasible" or "stopped" (time limit)."""
        self._highs.run()
        status = self._highs.getModelStatus()
        kinds = self._module.HighsModelStatus
        if status == kinds.kOptimal:
            return "optimal"
        if status in (kinds.kInfeasible, kinds.kUnboundedOrInfeasible):
            return "infeasible"
        if status == kinds.kTimeLimit:
            return "stopped"
        raise CartoSanteError(
            f"The solver stopped with status {self._highs.modelStatusToString(status)!r}.",
            next_step="Report it with the tables that led to it.",
        )

    @property
    def values(self) -> Floats:
        """Return the value of each column."""
        return np.array(self._highs.getSolution().col_value)

    @property
    def reduced_costs(self) -> Floats:
        """Return the reduced cost of each column of a solved linear program."""
        return np.array(self._highs.getSolution().col_dual)

    @property
    def objective(self) -> float:
        """Return the value of the objective."""
        return float(self._highs.getInfo().objective_function_value)

    @property
    def bound(self) -> float:
        """Return the proven bound of the objective of an integer program."""
        return float(self._highs.getInfo().mip_dual_bound)
