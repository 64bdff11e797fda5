"""Pictures of the same latents over training."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from ganzoo.callbacks.evaluate import some_real
from ganzoo.pictures import picture, save_png


class SampleGrid(L.Callback):
    """Draws the images of fixed seeds every few batches: a PNG in ``grids`` in the run's folder, and to the loggers.

    Args:
        every: Batches between two grids; one more is drawn at the end.
        n: Number of images (of points: 40 times as many).
        seed: The first seed.
    """

    def __init__(self, every: int = 500, n: int = 64, seed: int = 0) -> None:
        self.every, self.n, self.seed = every, n, seed
        self._drawn = -1

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any, **kwargs: Any) -> None:
        """Draw if it is due."""
        if self.every and trainer.global_step % self.every == 0:
            self.draw(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw the final grid."""
        if self._drawn != trainer.global_step:
            self.draw(trainer, pl_module)

    @rank_zero_only
    def draw(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Write the grid of this batch."""
        self._drawn = trainer.global_step
        points = len(pl_module.sample(1, self.seed).shape) == 2
        samples = pl_module.sample(40 * self.n if points else self.n, self.seed)
        image = picture(samples, some_real(trainer, len(samples)) if points else None)
        path = Path(trainer.default_root_dir) / "grids" / f"{trainer.global_step:07d}.png"
        save_png(image, path)
        for logger in trainer.loggers:
            log_picture(logger, "samples", path, trainer.global_step)


def log_picture(logger: Logger, key: str, path: Path, step: int) -> None:
    """Send a PNG to a logger that takes pictures."""
    if isinstance(logger, WandbLogger):
        logger.log_image(key, [str(path)], step=step)
    elif isinstance(logger, TensorBoardLogger):
        import numpy as np
        from PIL import Image

        array = np.asarray(Image.open(path).convert("RGB"))
        logger.experiment.add_image(key, array, step, dataformats="HWC")
