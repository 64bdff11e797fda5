"""Labels for the seeds of a conditional generator: pure functions of the seed, the same on any number of ranks."""

from typing import Any

import lightning as L
import torch
from torch import Tensor


def classes_of(pl_module: Any) -> int:
    """Return the number of classes that a game's samples are conditioned on; 0: none."""
    return int(getattr(getattr(pl_module, "G_ema", None), "num_classes", 0))


def labels_of(trainer: L.Trainer, pl_module: Any, seeds: range) -> Tensor | None:
    """Return labels that are as frequent as in the training set, int64 [len(seeds)], or None: unconditional.

    Seed s gets the label of image s mod N in a fixed order of the N training images. Without data it gets
    s mod num_classes.
    """
    data: Any = getattr(trainer, "datamodule", None)
    if not classes_of(pl_module) or not hasattr(data, "labels"):
        return cycled(pl_module, seeds)
    labels: Tensor = data.labels("train")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return labels[order[torch.tensor(seeds, dtype=torch.long) % len(labels)]]


def cycled(pl_module: Any, seeds: range) -> Tensor | None:
    """Return s mod num_classes for each seed s, int64 [len(seeds)], or None: unconditional."""
    num_classes = classes_of(pl_module)
    return torch.tensor(seeds, dtype=torch.long) % num_classes if num_classes else None
