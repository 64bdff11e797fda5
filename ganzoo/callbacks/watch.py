"""Watching a run for collapse and for broken weights."""

import math
import warnings
from typing import Any

import lightning as L
import torch
from torch import Tensor

from ganzoo.callbacks.condition import classes_of, conditions_of, labels_of
from ganzoo.callbacks.evaluate import some_real


class Collapse(UserWarning):
    """The samples have become alike."""


class Watch(L.Callback):
    """Keeps broken weights out of checkpoints, and warns when the generator collapses.

    Diversity is the mean distance between two images; for a conditional generator between two of one class, as one
    image for each class is a collapse too. Every few batches the diversity of the samples of fixed seeds is divided by
    that of the data: 1 means as diverse. (A term that is not finite stops the game itself, before the next checkpoint
    at the latest: see ``NonFinite``.)

    Args:
        every: Batches between two looks.
        low: Below this share of the data's diversity the samples are called collapsed.
        warmup: Batches before the first warning: an untrained generator's samples are alike.
        n: Number of samples and of real images.
        seed: The first seed of the samples.
    """

    def __init__(self, every: int = 250, low: float = 0.2, warmup: int = 1000, n: int = 64, seed: int = 0) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        if n < 2:
            raise ValueError(f"n must be at least 2, for diversity is between two samples, got {n}")
        self.every, self.low, self.warmup, self.n, self.seed = every, low, warmup, n, seed
        self.share = float("nan")
        self._real = 0.0
        self._collapsed = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Measure the data's diversity."""
        images = some_real(trainer, self.n)
        if images is not None and len(images) > 1:
            labels = trainer.datamodule.labels("train")[: len(images)] if classes_of(pl_module) else None  # type: ignore[attr-defined]
            self._real = diversity(images / 127.5 - 1 if images.dtype == torch.uint8 else images, labels)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        """Compare the samples' diversity with the data's."""
        if trainer.global_step % self.every or not self._real > 0:
            return
        told = conditions_of(trainer, pl_module, range(self.seed, self.seed + self.n))
        self.share = diversity(pl_module.sample(self.n, self.seed, told), labels_of(told)) / self._real
        if math.isnan(self.share):
            return
        for logger in trainer.loggers:
            logger.log_metrics({"watch/diversity": self.share}, step=trainer.global_step)
        low = self.share < self.low and trainer.global_step >= self.warmup
        if low and not self._collapsed and trainer.is_global_zero:
            warnings.warn(
                f"collapse: at batch {trainer.global_step} the samples of {self.n} seeds differ from each other by"
                f" {self.share:.0%} of what real images do (alarm below {self.low:.0%}). Look at the sample grid;"
                " lower the learning rate of G, add a penalty (R1GAN, WGANGP) or go back to an earlier checkpoint",
                Collapse,
                stacklevel=2,
            )
        self._collapsed = low

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Refuse to replace a good checkpoint by one whose weights are not finite.

        Raises:
            NonFinite: a term was to blame; this names the batch.
            FloatingPointError: names the first such tensor.
        """
        pl_module.flush_terms(trainer.global_step)
        for name, tensor in checkpoint["state_dict"].items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise FloatingPointError(
                    f"{name} is not finite after batch {trainer.global_step}: training stopped and no checkpoint was"
                    " replaced. Lower the learning rate or add clip_norm, and resume from the last good one"
                )


def diversity(images: Tensor, labels: Tensor | None = None) -> float:
    """Return the mean Euclidean distance between two different members of [N, ...], if labelled of the same class.

    It is nan, and so never called low, where no class has two members.
    """
    flat = images.detach().float().flatten(1)
    distances = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    pairs = torch.ones_like(distances) if labels is None else labels[:, None].eq(labels).to(distances)
    pairs.fill_diagonal_(0)
    return float((distances * pairs).sum() / pairs.sum())
