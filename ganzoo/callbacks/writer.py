"""Writing samples to files, on any number of processes."""

from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor
from tqdm import tqdm

from ganzoo.callbacks.condition import in_turn, labels_of
from ganzoo.pictures import save_images, save_npz
from ganzoo.pixels import to_uint8

CHUNK = 1024  # images per file of the npz and shards formats: rank r writes chunks r, r + W, ...


class SampleWriter(L.Callback):
    """Writes the images of seeds ``seed`` to ``seed + n - 1`` in ``predict``; the same set on any number of ranks.

    With a conditional generator seed s gets the class s mod num_classes, with a translator a test image.

    Args:
        n: Number of images.
        out: Folder; by default ``samples`` in the run's folder.
        format: "png": one file per image; "npz": uint8 arrays of up to 1,024 images; "shards": WebDataset tars.
        seed: The first seed.
    """

    def __init__(
        self, n: int = 64, out: str | None = None, format: Literal["png", "npz", "shards"] = "png", seed: int = 0
    ) -> None:
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        self.n, self.out, self.format, self.seed = n, out, format, seed

    def on_predict_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Write this rank's chunks."""
        folder = Path(self.out) if self.out else Path(trainer.default_root_dir) / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        starts = range(0, self.n, CHUNK)[trainer.global_rank :: trainer.world_size]
        for start in tqdm(starts, desc=f"writing {self.format}", unit="chunk", disable=not trainer.is_global_zero):
            count = min(CHUNK, self.n - start)
            first = self.seed + start
            told = in_turn(trainer, pl_module, range(first, first + count))
            self.write(pl_module.sample(count, first, told).float().cpu(), first, folder, labels_of(told))
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            print(f"{self.n} images (seeds {self.seed} to {self.seed + self.n - 1}) written to {folder}")

    def write(self, images: Tensor, first: int, folder: Path, labels: Tensor | None = None) -> None:
        """Write consecutive seeds from ``first`` on, and their labels where the format has a place for them."""
        if self.format == "png" and images.ndim == 4:
            save_images(images, folder, [f"{first + i:06d}" for i in range(len(images))])
        elif self.format == "shards":
            from ganzoo.data.shards import write_shards

            classes = torch.zeros(len(images), dtype=torch.long) if labels is None else labels
            write_shards(to_uint8(images), classes, str(folder / f"samples-{first:08d}-%04d.tar"), len(images))
        else:
            save_npz(images, range(first, first + len(images)), folder / f"samples-{first:06d}.npz", labels)
