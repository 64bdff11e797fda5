"""The best of each row so far, which outlives a search that is interrupted."""

import math

import torch
from torch import Tensor


class Best:
    """What was best of each of n rows, of all starts, classes and steps; ``rows`` is None until there is anything.

    ``rows`` are free numbers, [n, D], their losses, [n], and what G was told, [n, ...] or None. They change at once, as
    an interruption may come anywhere. ``evaluations`` counts losses, [n].

    Args:
        n: How many rows.
    """

    def __init__(self, n: int) -> None:
        self.rows: tuple[Tensor, Tensor, Tensor | None] | None = None
        self.evaluations = torch.zeros(n, dtype=torch.long)

    def see(self, v: Tensor, loss: Tensor, rows: Tensor, y: Tensor | None) -> None:
        """Keep what is better than before, of some rows; y is of all."""
        self.evaluations[rows] += 1
        n = len(self.evaluations)
        best, least, told = self.rows or (v.new_zeros(n, v.shape[1]), loss.new_full((n,), math.inf), y)
        better = loss < least[rows]
        at = (rows[better],)
        if better.any():
            told = None if y is None or told is None else told.index_put(at, y[at])
            self.rows = best.index_put(at, v[better]), least.index_put(at, loss[better]), told
