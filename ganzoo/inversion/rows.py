"""Rows, and arithmetic in which a row never feels the rows beside it."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Array = Tensor | np.ndarray[Any, Any]


def as_tensor(values: Array) -> Tensor:
    """Return an array of numpy as a tensor of its own, as some arrays cannot be shared; a tensor as it is."""
    return values if isinstance(values, Tensor) else torch.from_numpy(np.array(values))


def row_sum(values: Tensor) -> Tensor:
    """Return the sum of all numbers of each row of [N, ...], [N].

    Halves are added to halves, so that a row is summed by the same additions whatever the shape and the threads.
    """
    flat = values.flatten(1)
    size = 1 << max(flat.shape[1] - 1, 0).bit_length()
    flat = F.pad(flat, (0, size - flat.shape[1]))
    while flat.shape[1] > 1:
        left, right = flat.chunk(2, dim=1)
        flat = left + right
    return flat[:, 0]


def least(losses: Tensor) -> Tensor:
    """Return where the losses of each row are least, [...] of [K, ...]; one that is no number is behind all others."""
    return torch.where(losses.isnan(), math.inf, losses).argmin(dim=0)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each row of a and b, [N, D], as [N]."""
    return row_sum(a * b)
