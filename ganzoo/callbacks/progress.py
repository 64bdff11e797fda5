"""The progress bar of a game."""

import sys
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm


class Progress(ProgressBar):
    """One bar over all batches of the run that shows the terms, averaged over the last logging window.

    Args:
        refresh_every: Batches between two redraws.
    """

    def __init__(self, refresh_every: int = 50) -> None:
        super().__init__()
        self.refresh_every = refresh_every
        self._bar: Any = None
        self._enabled = True

    def disable(self) -> None:
        """Show nothing (Lightning calls this on all ranks but the first)."""
        self._enabled = False

    def enable(self) -> None:
        """Show the bar."""
        self._enabled = True

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw the empty bar."""
        steps = trainer.max_steps if trainer.max_steps > 0 else trainer.estimated_stepping_batches
        total = None if steps == float("inf") else int(steps)
        self._bar = tqdm(
            total=total, initial=trainer.global_step, unit="batch", disable=not self._enabled, dynamic_ncols=True,
            file=sys.stdout, mininterval=0.2, smoothing=0.05,
        )  # fmt: skip

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any, **kwargs: Any) -> None:
        """Move the bar now and then."""
        step = trainer.global_step
        if self._bar is not None and (step % self.refresh_every == 0 or step == self._bar.total):
            shown = getattr(pl_module, "shown", {})
            self._bar.set_postfix_str(" ".join(f"{name} {value:.3g}" for name, value in shown.items()), refresh=False)
            self._bar.update(step - self._bar.n)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the full bar standing."""
        self.close()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Leave the bar where it stopped."""
        self.close()

    def close(self) -> None:
        """Finish the bar's line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print a line above the bar."""
        if self._enabled:
            tqdm.write(" ".join(str(arg) for arg in args), file=sys.stdout)
