"""Pictures of the same latents over training."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image
from torch import Tensor

from ganzoo.callbacks.condition import classes_of, conditions_of, model_of, targets_of
from ganzoo.callbacks.encoders import held_out, reconstructed, traversals
from ganzoo.callbacks.evaluate import some_real
from ganzoo.inference import translated
from ganzoo.pictures import blocks, grid, pairs, save_png, scatter
from ganzoo.roles import Generator, Images

ROWS, COLUMNS = 10, 8  # of the grid of a conditional generator
INVERTED = 32  # images of the picture of reconstructions


class SampleGrid(L.Callback):
    """Draws the images of fixed seeds every few batches: a PNG in ``grids`` in the run's folder, and to the loggers.

    For a conditional generator it draws a row for each class, up to 10, with the same 8 seeds in every row. For a
    translator it draws rows of test images, "input", and below each what is made of them, "output", what the generator
    of the way back makes of that, "cycle", if there is one, and of data in pairs what they should become, "target". A
    game with an encoder also gets ``reconstructions``, test images above G(E(x)); one with codes or an encoder gets
    ``traversals``, a row for each code or latent. Both are drawn with the batch norm statistics of training.

    Args:
        every: Batches between two grids; one more is drawn at the end.
        n: Number of images of an unconditional generator (of points: 40 times as many).
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
        """Write the grid of this batch, unless it is of a trial."""
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        self._drawn = trainer.global_step
        pictures = {"grids": self.picture(trainer, pl_module), **self.inferred(trainer, pl_module)}
        for folder, image in pictures.items():
            path = Path(trainer.default_root_dir) / folder / f"{trainer.global_step:07d}.png"
            save_png(image, path)
            for logger in trainer.loggers:
                log_picture(logger, "samples" if folder == "grids" else folder, path, trainer.global_step)

    def inferred(self, trainer: L.Trainer, pl_module: Any) -> dict[str, Image.Image]:
        """Return the pictures of reconstructions and traversals, of a game of images that has them."""
        model = model_of(pl_module)
        if model is None or len(model.generator.image_shape) != 3:
            return {}
        found = {}
        images = None if model.encoder is None else held_out(trainer, INVERTED)
        if images is not None:
            found["reconstructions"] = pairs(images[0], reconstructed(model, *images))
        walkable = model.generator.prior.dim and not isinstance(model.generator.condition, Images)
        if walkable and (model.encoder is not None or model.codes):
            found["traversals"] = traversals(model, self.seed)
        return found

    def picture(self, trainer: L.Trainer, pl_module: Any) -> Image.Image:
        """Return the grid of images, or the points over as many of the data."""
        n_classes = classes_of(pl_module)
        if n_classes and len(pl_module.published["generator"].image_shape) > 1:
            rows = min(n_classes, ROWS)
            chosen = [row * n_classes // rows for row in range(rows)]
            return grid(torch.cat([pl_module.sample(COLUMNS, self.seed, k) for k in chosen]), columns=COLUMNS)
        told = conditions_of(trainer, pl_module, range(self.seed, self.seed + self.n))
        samples = pl_module.sample(self.n, self.seed, told)
        if samples.ndim == 2:
            return self.points(trainer, pl_module)
        return grid(samples) if told is None else self.translations(trainer, pl_module, told, samples)

    def translations(self, trainer: L.Trainer, pl_module: Any, x: Tensor, y: Tensor) -> Image.Image:
        """Return images x in rows, below them their translations y, and what else there is to see of them."""
        kinds = {"input": x, "output": y}
        F = pl_module.published.get("generator_back")
        if isinstance(F, Generator):
            kinds["cycle"] = translated(F, y)
        targets = targets_of(trainer, range(self.seed, self.seed + self.n))
        if targets is not None:
            kinds["target"] = targets
        return blocks(list(kinds.values()), COLUMNS, list(kinds))

    def points(self, trainer: L.Trainer, pl_module: Any) -> Image.Image:
        """Return many points over as many of the data."""
        n = 40 * self.n
        told = conditions_of(trainer, pl_module, range(self.seed, self.seed + n))
        return scatter(pl_module.sample(n, self.seed, told), some_real(trainer, n))


def log_picture(logger: Logger, key: str, path: Path, step: int) -> None:
    """Send a PNG to a logger that takes pictures."""
    if isinstance(logger, WandbLogger):
        logger.log_image(key, [str(path)], step=step)
    elif isinstance(logger, TensorBoardLogger):
        import numpy as np

        array = np.asarray(Image.open(path).convert("RGB"))
        logger.experiment.add_image(key, array, step, dataformats="HWC")
