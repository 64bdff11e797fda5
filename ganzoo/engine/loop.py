"""Repairs of Lightning: time counts in batches; checkpoints are found by name, and written whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning as L
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.cloud_io import get_filesystem
from lightning.fabric.utilities.types import _PATH
from lightning.pytorch.loops.optimization.manual import _ManualOptimization
from lightning.pytorch.utilities import rank_zero_warn

from ganzoo.checkpoints import read_checkpoint, write_checkpoint
from ganzoo.engine.signals import keepers
from ganzoo.files import write_atomically


class CountBatches(_ManualOptimization):
    """Makes ``trainer.global_step`` the number of batches; Lightning counts the steps of every optimizer.

    With n_critic 5 and one generator step Lightning would count 6 for five batches, and ``max_steps``, checkpoint
    intervals and loggers would each mean something else.
    """

    @classmethod
    def install(cls, trainer: L.Trainer) -> None:
        """Put the loop into ``trainer``; before a checkpoint is restored, so that the count is restored into it."""
        trainer.fit_loop.epoch_loop.manual_optimization = cls(trainer)

    def _on_before_step(self) -> None:
        self.trainer.profiler.start("optimizer_step")  # type: ignore[attr-defined]

    def _on_after_step(self) -> None:
        self.trainer.profiler.stop("optimizer_step")  # type: ignore[attr-defined]

    def advance(self, kwargs: Any) -> None:
        """Run one batch and count it."""
        self.optim_step_progress.increment_ready()
        super().advance(kwargs)
        self.optim_step_progress.increment_completed()


class CheckpointWords:
    """Lets ``ckpt_path="last"`` and ``"best"`` mean the files that our own callback keeps.

    Lightning looks for those of its ``ModelCheckpoint`` only; without one, "last" would train from scratch and "best"
    fail. As in Lightning a first ``fit`` with "last" starts anew, and ``test()`` without a model takes the best one.
    """

    def __init__(self, trainer: L.Trainer, parse: Callable[..., Any]) -> None:
        self.trainer, self.parse = trainer, parse

    @classmethod
    def install(cls, trainer: L.Trainer) -> None:
        """Put the words into ``trainer``, once."""
        connector: Any = trainer._checkpoint_connector
        if not isinstance(connector._parse_ckpt_path, cls):
            connector._parse_ckpt_path = cls(trainer, connector._parse_ckpt_path)

    def __call__(self, state_fn: Any, ckpt_path: Any, model_provided: bool, model_connected: bool) -> Any:
        """Return the path of a word.

        Raises:
            ValueError: there is no such file, and weights are needed.
        """
        there = keepers(self.trainer)
        again = ckpt_path is None and model_connected and not model_provided
        if not there or not (again or ckpt_path in ("last", "best")):
            return self.parse(state_fn, ckpt_path, model_provided=model_provided, model_connected=model_connected)
        folder = there[0].checkpoint_folder(self.trainer)
        words = ("best", "last") if again else (ckpt_path,)
        found = [str(path) for word in words if (path := folder / f"{word}.ckpt").is_file()]
        if found or again:  # the weights that were trained are at hand
            return found[0] if found else None
        if (state_fn, ckpt_path) != ("fit", "last"):
            names = ", ".join(sorted(path.name for path in folder.glob("*.ckpt"))) or "none"
            raise ValueError(f"ckpt_path={ckpt_path!r}: no {folder / ckpt_path}.ckpt; checkpoints there: {names}")
        rank_zero_warn(f"there is no {folder / 'last.ckpt'} yet: training starts from the beginning")
        return None


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place, flushes it to disk, then moves it there in one step.

    A checkpoint holds tensors and plain values: nothing in it may run when it is read.
    """

    @classmethod
    def install(cls, trainer: L.Trainer) -> None:
        """Replace Lightning's default; what the user has chosen stays."""
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = cls()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises:
            OSError: the disk is full or not writable; what was at ``path`` before is untouched.
        """
        if "://" in str(path):
            with TemporaryDirectory() as folder:
                write_checkpoint(checkpoint, Path(folder) / "copy.ckpt")
                get_filesystem(path).put_file(str(Path(folder) / "copy.ckpt"), str(path))
        else:
            write_atomically(Path(path), lambda temporary: write_checkpoint(checkpoint, temporary))

    def load_checkpoint(
        self, path: _PATH, map_location: Any = lambda storage, place: storage, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return the checkpoint at ``path``, if it is as it was written; the tensors stay on the CPU.

        A file that lies elsewhere is copied here first. Only who asks for ``weights_only=False`` in Python gets
        Lightning's own reader, which runs what is in the file.

        Raises:
            ValueError: it is damaged, or was not written by a game.
        """
        if weights_only is False:
            return super().load_checkpoint(path, map_location, weights_only=False)
        if "://" not in str(path):
            return read_checkpoint(path)
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            get_filesystem(path).get_file(str(path), str(Path(folder) / "copy.ckpt"))
            return read_checkpoint(Path(folder) / "copy.ckpt")
