"""Checkpoints: the last one at an interval, and the best by a metric."""

import math
import signal
import sys
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args

import lightning as L
import torch.distributed as dist
from lightning.pytorch.callbacks import Checkpoint

from ganzoo.callbacks.condition import model_of
from ganzoo.callbacks.encoders import refresh_encoders
from ganzoo.callbacks.evaluate import Evaluate
from ganzoo.callbacks.same_data import OnChange, compare, content, known
from ganzoo.callbacks.verdicts import trainer_print
from ganzoo.metrics.judge import KINDS, LOWER


class Checkpoints(Checkpoint):
    """Keeps ``checkpoints/last.ckpt`` and ``checkpoints/best.ckpt`` in the run's folder.

    A run that was killed at any batch and resumed from ``last.ckpt`` ends bitwise equal to the uninterrupted run.
    Where a validation falls on the same batch, ``last.ckpt`` is written after it, so that no verdict is lost.
    Encoders get new batch norm statistics before they are written, those that ``test`` judges them with.

    Args:
        every: Batches between two writings of ``last.ckpt``; it is also written at the end.
        metric: What decides which is best, as ``Evaluate`` names it without the extractor: fd, kd, precision, ...
            By default fd, or recon_mse of a game whose generator is given, as its samples stay what they are. Of a
            translator fd says that its translations look like targets, not that they belong to their sources: pair_l1,
            fcn_iou, ... see that, and are blind to blur.
        mode: Whether a smaller ("min") or larger ("max") value is better; by default "min" for distances and
            errors (fd, kd, class_fd, reverse_kl, kl_uniform, recon_mse, recon_ratio, pair_l1, cycle_l1,
            cycle_back_l1) and "max" for all others.
        dirpath: The folder; by default ``checkpoints`` in the trainer's ``default_root_dir``.
        on_changed_data: A run is resumed on other training data than it was stopped on: "raise", or "warn" and go on.
    """

    def __init__(
        self,
        every: int = 500,
        metric: str | None = None,
        mode: Literal["min", "max"] | None = None,
        dirpath: str | None = None,
        on_changed_data: OnChange = "raise",
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        if metric is not None and metric not in KINDS:
            raise ValueError(f"no metric {metric!r}: choose one of {', '.join(KINDS)}")
        if on_changed_data not in get_args(OnChange):
            raise ValueError(f"on_changed_data must be 'raise' or 'warn', got {on_changed_data!r}")
        self.every, self.metric, self.dirpath, self.on_changed_data = every, metric, dirpath, on_changed_data
        self.mode = mode or (metric and better_is(metric))
        self.best: float | None = None
        self.best_batch = 0
        self.data: dict[str, Any] = {}
        self._pending = False

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Choose the metric by which this game gets better."""
        self.metric = self.metric or ("recon_mse" if only_encodes(pl_module) else "fd")
        self.mode = self.mode or better_is(self.metric)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Compare the data with that of the checkpoint, if training is resumed.

        Raises:
            ValueError: it is other data.
        """
        if _trial(trainer):
            return
        now = content(trainer)
        compare(self.data, now, self.on_changed_data)
        self.data = now

    def checkpoint_folder(self, trainer: L.Trainer) -> Path:
        """Return the folder of the checkpoints."""
        return Path(self.dirpath) if self.dirpath else Path(trainer.default_root_dir) / "checkpoints"

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any, **kwargs: Any) -> None:
        """Write ``last.ckpt`` if it is due; after the validation, if one follows."""
        if trainer.global_step % self.every == 0:
            self.keep(trainer)

    def keep(self, trainer: L.Trainer) -> bool:
        """Write ``last.ckpt`` after a batch, unless a validation comes first; return whether it was written."""
        if _trial(trainer):
            return True
        loop = trainer.fit_loop.epoch_loop
        assert trainer.fit_loop._data_fetcher is not None
        self._pending = loop._should_check_val_fx(trainer.fit_loop._data_fetcher) and trainer.enable_validation
        if not self._pending:
            refresh_encoders(trainer, trainer.lightning_module)
            self.save(trainer, "last")
        return not self._pending

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write ``best.ckpt`` if the metric improved, and ``last.ckpt`` if it was put off."""
        if trainer.state.fn != "fit" or trainer.sanity_checking or _trial(trainer):
            return
        assert self.metric is not None
        value = next((c.value(self.metric) for c in trainer.callbacks if isinstance(c, Evaluate)), None)  # type: ignore[attr-defined]
        if value is None:
            refresh_encoders(trainer, pl_module)  # which the judge has done where there is one
        elif self.better(value):
            self.best, self.best_batch = value, trainer.global_step
            self.save(trainer, "best")
        if self._pending:
            self._pending = False
            self.save(trainer, "last")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write ``last.ckpt``."""
        if not _trial(trainer):
            refresh_encoders(trainer, pl_module)
            self.save(trainer, "last")

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Say how a run that was interrupted, whose numbers broke, or that has lost a rank, goes on."""
        if lost_rank(exception):
            mine = f"rank {trainer.global_rank} ends at batch {trainer.global_step}, for another rank is gone"
            print(f"\nganzoo: {mine}: {self.resume(trainer)}", file=sys.stderr, flush=True)
        if trainer.is_global_zero and trainer.state.fn == "fit":
            if isinstance(exception, KeyboardInterrupt):
                trainer_print(trainer, f"interrupted at batch {trainer.global_step}: {self.resume(trainer)}")
            elif isinstance(exception, ArithmeticError):
                trainer_print(trainer, f"stopped at batch {trainer.global_step}: {self.resume(trainer)}")
            elif isinstance(exception, SystemExit) and exception.code == 128 + signal.SIGTERM:
                trainer_print(trainer, f"ended by SIGTERM at batch {trainer.global_step}: {self.resume(trainer)}")

    def resume(self, trainer: L.Trainer) -> str:
        """Return how a run goes on from a checkpoint that there is."""
        folder = self.checkpoint_folder(trainer)
        there = [path for name in ("last", "best") if (path := folder / f"{name}.ckpt").is_file()]
        if not there:
            return f"there is no {folder / 'last.ckpt'} yet, which is written every {self.every} batches"
        best = f" (or from {there[1]}, of batch {self.best_batch})" if len(there) > 1 else ""
        return f"resume with `ganzoo fit --ckpt_path {there[0]}`{best}"

    def better(self, value: float) -> bool:
        """Whether ``value`` beats the best so far; a value that is not a finite number never does."""
        if not math.isfinite(value):
            return False
        return self.best is None or (value < self.best if self.mode == "min" else value > self.best)

    def save(self, trainer: L.Trainer, name: str) -> None:
        """Write a checkpoint."""
        trainer.save_checkpoint(self.checkpoint_folder(trainer) / f"{name}.ckpt", weights_only=False)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, of which metric, its batch, and what the data was."""
        return {"metric": self.metric, "best": self.best, "best_batch": self.best_batch, "data": self.data}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the best value of a resumed run, if it is of this metric, and what its data was.

        Raises:
            ValueError: it is no number.
        """
        if not isinstance(state_dict["best"], (float, int, NoneType)) or not isinstance(state_dict["best_batch"], int):
            raise ValueError(f"the best value of a run is a number, of a batch, got {str(state_dict)[:80]}")
        if state_dict.get("metric", "fd") == self.metric:  # a checkpoint of version 0.1 does not say it
            self.best, self.best_batch = state_dict["best"], state_dict["best_batch"]
        data = state_dict.get("data", {})  # a checkpoint of version 0.1 does not know
        self.data = data if known(data) else {}


def better_is(metric: str) -> Literal["min", "max"]:
    """Return whether a smaller or a larger value of a metric is better."""
    return "min" if metric in LOWER else "max"


def only_encodes(game: Any) -> bool:
    """Whether a game has an encoder, and no player moves its generator."""
    model = model_of(game)
    if model is None or model.encoder is None:
        return False
    return not any(game.G is network for player in game.players().values() for network in player.networks)


def lost_rank(exception: BaseException) -> bool:
    """Whether an error says that the process of another rank is gone."""
    words = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process exited")
    ranks = dist.is_available() and dist.is_initialized()
    return ranks and isinstance(exception, RuntimeError) and any(word in str(exception) for word in words)


def _trial(trainer: L.Trainer) -> bool:
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]
