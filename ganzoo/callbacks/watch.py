"""Watching a run for collapse and for broken weights."""

import math
import warnings
from typing import Any

import lightning as L
import torch
from torch import Tensor

from ganzoo.callbacks.checkpoints import Checkpoints
from ganzoo.callbacks.condition import classes_of, conditions_of, labels_of
from ganzoo.callbacks.evaluate import some_real


class Collapse(UserWarning):
    """The samples have become alike."""


class Explosion(UserWarning):
    """A weight or a term has become huge."""


WEIGHT, TERM = 1e4, 1e9  # a likelihood of small deviation, summed over pixels, can be millions


class Watch(L.Callback):
    """Keeps broken weights out of checkpoints, and warns when the generator collapses or something explodes.

    Diversity is the mean distance between two images; for a conditional generator between two of one class, as one
    image for each class is a collapse too. Every few batches the diversity of the samples of fixed seeds is divided by
    that of the data: 1 means as diverse. (A term that is not finite stops the game itself, before the next checkpoint
    at the latest: see ``NonFinite``.) A weight above 1e4 or a term above 1e9 is warned of, though it still is a number.

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
        self._collapsed = self._exploded = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Measure the data's diversity."""
        images = some_real(trainer, self.n)
        if images is not None and len(images) > 1:
            labels = trainer.datamodule.labels("train")[: len(images)] if classes_of(pl_module) else None  # type: ignore[attr-defined]
            self._real = diversity(images / 127.5 - 1 if images.dtype == torch.uint8 else images, labels)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        """Look at the size of weights and terms, and compare the samples' diversity with the data's."""
        if trainer.global_step % self.every:
            return
        self.look_for_explosion(trainer, pl_module)
        if self._real > 0:
            self.compare(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Look at the size of weights and terms once more."""
        self.look_for_explosion(trainer, pl_module)

    def look_for_explosion(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Warn once when a weight or a term has become huge."""
        if self._exploded or not (largest := huge(pl_module)):
            return
        self._exploded = True
        if trainer.is_global_zero:
            warnings.warn(
                f"explosion: at batch {trainer.global_step} {largest}. Lower the learning rate, add clip_norm or a"
                f" penalty{self.earlier(trainer)}",
                Explosion,
                stacklevel=2,
            )

    def compare(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Warn once when the samples have become alike."""
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
                f" lower the learning rate of G or add a penalty (R1GAN, WGANGP){self.earlier(trainer)}",
                Collapse,
                stacklevel=2,
            )
        self._collapsed = low

    @staticmethod
    def earlier(trainer: L.Trainer) -> str:
        """Return the advice to go back, if there is something to go back to."""
        folders = [c.checkpoint_folder(trainer) for c in trainer.callbacks if isinstance(c, Checkpoints)]  # type: ignore[attr-defined]
        kept = sorted(path for folder in folders for path in folder.glob("*.ckpt"))
        return f"; or go back to {' or '.join(map(str, kept))}" if kept else ""

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
                    " replaced. Lower the learning rate or add clip_norm"
                )


def huge(game: Any) -> str:
    """Return which weight or term of a game is huge, or nothing."""
    sizes = {name: weight.detach().abs().max() for name, weight in game.named_parameters() if weight.numel()}
    largest, name = max(zip(torch.stack([*sizes.values()]).tolist(), sizes, strict=True), default=(0.0, ""))
    if largest > WEIGHT:
        return f"a weight of {name} is {largest:.3g}"
    terms = [f"the term {name} is {value:.3g}" for name, value in game.shown.items() if abs(value) > TERM]
    return terms[0] if terms else ""


def diversity(images: Tensor, labels: Tensor | None = None) -> float:
    """Return the mean Euclidean distance between two different members of [N, ...], if labelled of the same class.

    It is nan, and so never called low, where no class has two members.
    """
    flat = images.detach().float().flatten(1)
    distances = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    pairs = torch.ones_like(distances) if labels is None else labels[:, None].eq(labels).to(distances)
    pairs.fill_diagonal_(0)
    return float((distances * pairs).sum() / pairs.sum())
