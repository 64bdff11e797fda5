"""What a run does when it is asked to end: it writes a checkpoint after the batch, and says how to resume."""

import signal
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import lightning as L
import torch
import torch.distributed as dist

LOOK_EVERY = 10  # batches between two looks at the other ranks; each look waits for the card


class Terminated(SystemExit):
    """The run was asked to end by SIGTERM, and has: the exit status is 143."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


@runtime_checkable
class Keeper(Protocol):
    """A callback that keeps ``last.ckpt`` and ``best.ckpt``."""

    def checkpoint_folder(self, trainer: L.Trainer) -> Path:
        """Return the folder of the checkpoints."""

    def keep(self, trainer: L.Trainer) -> bool:
        """Write ``last.ckpt`` after a batch, unless a validation comes first; return whether it was written."""

    def resume(self, trainer: L.Trainer) -> str:
        """Return how a run goes on from a checkpoint that there is."""


def keepers(trainer: L.Trainer) -> list[Keeper]:
    """Return the callbacks that keep checkpoints."""
    return [callback for callback in trainer.callbacks if isinstance(callback, Keeper)]  # type: ignore[attr-defined]


class Signals:
    """Lets SIGTERM, and the signal by which SLURM announces the end of a job, wait for the end of the batch.

    All ranks end after the same batch, whichever of them was told. Outside of training there is nothing to keep, and
    the process ends at once. SLURM's job is put back into its queue by Lightning's own handler, with a checkpoint that
    was not written in the middle of a batch.
    """

    def __init__(self, trainer: L.Trainer) -> None:
        self.trainer, self.told = trainer, 0  # 1: end; 2: write a checkpoint and queue again
        connector: Any = trainer._signal_connector
        self.requeue, self.announced = connector._slurm_sigusr_handler_fn, 0

    @classmethod
    def of(cls, trainer: L.Trainer) -> "Signals":
        """Return the handlers of a trainer; the first time they are put into it."""
        connector: Any = trainer._signal_connector
        if not isinstance(getattr(connector._sigterm_notifier_fn, "__self__", None), cls):
            signals = cls(trainer)
            connector._sigterm_notifier_fn, connector._slurm_sigusr_handler_fn = signals.end, signals.announce
        found: Signals = connector._sigterm_notifier_fn.__self__
        return found

    def end(self, number: int, frame: object) -> None:
        """Answer SIGTERM.

        Raises:
            Terminated: at once, where no batch is trained; so the second time.
        """
        launcher: Any = self.trainer.strategy.launcher
        if not self.told and launcher is not None:
            launcher.kill(number)  # tells the ranks that this process has started
        if not self.trainer.training or self.told == 1:
            raise Terminated
        self.told = 1

    def announce(self, number: int, frame: object) -> None:
        """Answer SLURM's signal."""
        self.told, self.announced = self.told or 2, number

    def look(self) -> None:
        """End the run after this batch if any rank was told to; called after every batch.

        Raises:
            Terminated: the run was asked to end, and the checkpoint is written.
        """
        told = self.agreed()
        if not told or not all([keeper.keep(self.trainer) for keeper in keepers(self.trainer)]):
            return
        if told == 1:
            raise Terminated
        self.told = 0
        self.requeue(self.announced, None)

    def agreed(self) -> int:
        """Return what this rank or, every few batches, any rank was told."""
        if self.trainer.world_size == 1:
            return self.told
        if self.trainer.global_step % LOOK_EVERY:
            return 0
        mine = [int(self.told == 1), int(self.told == 2)]
        any_rank = torch.tensor(mine, device=self.trainer.strategy.root_device)
        dist.all_reduce(any_rank, dist.ReduceOp.MAX)
        end, again = any_rank.tolist()
        return 1 if end else 2 * again
