"""A raster of the street point nearest to each place, painted by tiles as they are needed.

It does not depend on the sites: it is painted once for a network, a cell and an offset, and kept with the
network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carto_sante.errors import InputError
from carto_sante.network.model import Floats
from carto_sante.travel.index import BIN_M, SearchIndex

TILE_CELLS = 64

#: More cells than this in one polygon are refused: 100 million cells of 10 m are 100 km by 100 km.
MOST_CELLS = 100_000_000


_MOST_KEPT_CELLS = 25_000_000


@dataclass(frozen=True)
class Window:
    """A rectangle of cells: the first cell, in cells from the canvas' corner, and the size."""

    first_i: int
    first_j: int
    columns: int
    rows: int


class Canvas:
    """The street point nearest to the centre of each cell, no farther than an offset.

    Parameters
    ----------
    index : SearchIndex
        Of the network.
    cell_m : float
        Side of the cells, in metres. Cells lie on multiples of it, so that results do not depend on the call.
    offset_m : float
        Farthest street that counts for a cell.
    """

    def __init__(self, index: SearchIndex, *, cell_m: float, offset_m: float) -> None:
        from carto_sante.isochrones._kernels import boxes_of_segments

        self.index, self.cell_m, self.offset_m = index, cell_m, offset_m
        streets = index.streets
        tile_m = TILE_CELLS * cell_m
        self.left_m = float(np.floor((streets.left_m - offset_m - cell_m) / tile_m) * tile_m)
        self.bottom_m = float(np.floor((streets.bottom_m - offset_m - cell_m) / tile_m) * tile_m)
        right = streets.left_m + streets.columns * BIN_M + offset_m + cell_m
        top = streets.bottom_m + streets.rows * BIN_M + offset_m + cell_m
        self.tile_columns = int((right - self.left_m) / tile_m) + 1
        self.tile_rows = int((top - self.bottom_m) / tile_m) + 1
        self.slot = np.full(self.tile_columns * self.tile_rows, -1, np.int32)
        self.segment = np.empty((0, TILE_CELLS, TILE_CELLS), np.int32)
        self.along = np.empty((0, TILE_CELLS, TILE_CELLS), np.float32)
        self._painted = 0
        network = index.network
        length = np.maximum(_drawn_length_m(index), 1e-9)
        running = np.zeros(network.segment_count)
        running[network.edge_segment] = network.edge_running_s
        #: left, bottom, right, top of every segment.
        self.boxes_m: Floats = boxes_of_segments(network.segment_offset, network.vertex_x_m, network.vertex_y_m)
        #: Seconds to cross one cell along each segment.
        self.cell_s = np.maximum(running / length * cell_m, 1e-6).astype(np.float32)

    def window(self, left_m: float, bottom_m: float, right_m: float, top_m: float) -> Window:
        """Return the cells of a rectangle and of the offset around it, painted.

        Raises
        ------
        InputError
            If there are more than 100 million.
        """
        margin = self.offset_m + self.cell_m
        first_i = max(0, int((left_m - margin - self.left_m) / self.cell_m))
        first_j = max(0, int((bottom_m - margin - self.bottom_m) / self.cell_m))
        last_i = min(self.tile_columns * TILE_CELLS - 1, int((right_m + margin - self.left_m) / self.cell_m))
        last_j = min(self.tile_rows * TILE_CELLS - 1, int((top_m + margin - self.bottom_m) / self.cell_m))
        window = Window(first_i, first_j, last_i - first_i + 1, last_j - first_j + 1)
        if window.columns * window.rows > MOST_CELLS:
            raise InputError(
                f"The reach spans {window.columns:,} by {window.rows:,} cells of {self.cell_m:g} m.",
                expected=f"no more than {MOST_CELLS:,} cells",
                next_step="Raise cell_m, lower limits_min, or use fewer sites at a time.",
            )
        self._paint(window)
        return window

    @property
    def painted_cells(self) -> int:
        """Return how many cells are painted."""
        return self._painted * TILE_CELLS * TILE_CELLS

    def _paint(self, window: Window) -> None:
        from carto_sante.isochrones._kernels import paint_tile

        rows = range(window.first_j // TILE_CELLS, (window.first_j + window.rows - 1) // TILE_CELLS + 1)
        columns = range(window.first_i // TILE_CELLS, (window.first_i + window.columns - 1) // TILE_CELLS + 1)
        slots = self.slot.reshape(self.tile_rows, self.tile_columns)
        missing = np.argwhere(slots[rows.start : rows.stop, columns.start : columns.stop] < 0)
        if len(missing) == 0:
            return
        self._grow(self._painted + len(missing))
        streets = self.index.streets
        squared = np.empty((TILE_CELLS, TILE_CELLS))
        tile_m = TILE_CELLS * self.cell_m
        for row, column in missing:
            row, column = int(row) + rows.start, int(column) + columns.start
            place = self._painted
            paint_tile(
                self.left_m + column * tile_m, self.bottom_m + row * tile_m, self.cell_m, self.offset_m,
                streets.left_m, streets.bottom_m, BIN_M, streets.columns, streets.rows, streets.bin_offset,
                streets.ends_m, streets.share, streets.segment, squared, self.segment[place], self.along[place],
            )  # fmt: skip
            self.slot[row * self.tile_columns + column] = place
            self._painted += 1

    def _grow(self, needed: int) -> None:
        if needed <= len(self.segment):
            return
        size = max(needed, 2 * len(self.segment))
        for name in ("segment", "along"):
            old = getattr(self, name)
            new = np.empty((size, TILE_CELLS, TILE_CELLS), old.dtype)
            new[: self._painted] = old[: self._painted]
            setattr(self, name, new)


def _drawn_length_m(index: SearchIndex) -> Floats:
    streets = index.streets
    ends = streets.ends_m
    length = np.zeros(index.network.segment_count)
    np.add.at(length, streets.segment, np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]))
    return length


def canvas_of(index: SearchIndex, *, cell_m: float, offset_m: float) -> Canvas:
    """Return the canvas of a network, painted so far by earlier calls and kept with the network.

    A canvas that has grown past 25 million cells (200 MB) is dropped and begun again.
    """
    canvases: dict[tuple[float, float], Canvas] = index.__dict__.setdefault("_canvases", {})
    canvas = canvases.get((cell_m, offset_m))
    if canvas is None or canvas.painted_cells > _MOST_KEPT_CELLS:
        canvas = canvases[cell_m, offset_m] = Canvas(index, cell_m=cell_m, offset_m=offset_m)
    return canvas
