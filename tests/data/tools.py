"""What several tests of the data need."""

import logging
from pathlib import Path

import lightning
import numpy as np
import torch
from PIL import Image
from torch import Tensor

BATCHES = 13


class Recorder(lightning.LightningModule):
    """Notes the labels and the sum of the pixels of every batch that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[tuple[list[int], float]] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        assert x.dtype == torch.float32
        self.seen.append((y.tolist(), float(x.double().sum())))
        return self.weight.sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        torch.randn(3)


class Save(lightning.Callback):
    """Saves in the middle of Lightning's loop, as its ModelCheckpoint does."""

    def __init__(self, folder: Path, batch: int) -> None:
        self.folder, self.batch = folder, batch

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if trainer.global_step == self.batch:
            trainer.save_checkpoint(self.folder / f"batch-{self.batch}.ckpt")


def fit(data: lightning.LightningDataModule, folder: Path, until: int, resume: str | None = None, **options):
    """Train until batch ``until``; return the batches and the path of the last checkpoint."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=until,
        max_epochs=-1,
        callbacks=[Save(folder, until)],
        enable_checkpointing=False,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )
    model = Recorder()
    trainer.fit(model, data, ckpt_path=resume)
    manual = folder / f"manual-{until}.ckpt"
    trainer.save_checkpoint(manual)
    return model.seen, folder / f"batch-{until}.ckpt", manual


def check_resume(make, folder: Path, stops: tuple[int, ...], **options) -> None:
    """Stop at each of ``stops``, resume, and compare with a run that was never stopped."""
    whole, _, _ = fit(make(), folder / "whole", BATCHES, **options)
    assert len(whole) == BATCHES
    for stop in stops:
        first, saved, manual = fit(make(), folder / f"stop-{stop}", stop, **options)
        for checkpoint in (saved, manual):
            assert checkpoint.exists()
            second, _, _ = fit(make(), folder / f"on-{stop}-{checkpoint.stem}", BATCHES, str(checkpoint), **options)
            assert first + second == whole, checkpoint.stem


def write_images(folder: Path, n: int, classes: tuple[str, ...] = ("cat", "dog"), side: int = 8) -> list[Path]:
    """Write ``n`` distinct flat RGB images, image i in class i modulo the number of classes."""
    paths = []
    for i in range(n):
        path = folder / classes[i % len(classes)] / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((side, side, 3), (i, 2 * i % 256, 255 - i), dtype=np.uint8)).save(path)
        paths.append(path)
    return paths
