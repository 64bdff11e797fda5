"""What every source of images offers: splits, a loader for training, and fixed blocks for the judges."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from ganzoo.config import Configurable
from ganzoo.data.memory import MemoryLoader
from ganzoo.data.order import Order
from ganzoo.data.workers import WorkerLoader
from ganzoo.pixels import to_float

SPLITS = ("train", "val", "test")
LARGEST = 8192  # side of an image
BLOCK = 64  # images handed to a judge at a time
RESIDENT = 4 * 2**30  # bytes up to which a set is held on the accelerator


class ImageData(Configurable, LightningDataModule):
    """A set of images that is held in memory.

    A batch is (x, y); x is uint8 until it is on the device, then float in [-1, 1]. A subclass says its
    ``name``, ``class_names`` and ``image_shape``, and how to ``read`` a split. The splits "train", "val" and
    "test" never share an image and never depend on ``seed``.

    Args:
        batch_size: Images per batch and process.
        seed: Seed of the order of the training images.

    Raises:
        ValueError: ``batch_size`` below 1.
    """

    name: str = ""
    image_shape: tuple[int, ...] = ()
    source_shape: tuple[int, ...] = ()  # of the images that a translator is told; (): there are none
    class_names: tuple[str, ...] = ()
    hflip: bool = False
    root: str | None = None
    classifier: str = ""  # id of the extractor whose logits are the classes of these images
    mixture: bool = False  # the data are points of the Gaussians with ``means``, ``std`` and ``weights``

    def __init__(self, batch_size: int = 64, seed: int = 0) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.batch_size, self.seed = batch_size, seed
        self._arrays: dict[str, tuple[Tensor, Tensor]] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.class_names

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def folder(self) -> Path:
        """Folder with the data."""
        return data_root(self.root)

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        """Return images, uint8 [N, C, H, W] or float [N, d], and labels, int64 [N], in a fixed order."""
        raise NotImplementedError

    def arrays(self, split: str) -> tuple[Tensor, Tensor]:
        """Return images and labels of a split; they are read once.

        Raises:
            ValueError: there is no such split.
        """
        check_split(split)
        if split not in self._arrays:
            self._arrays[split] = self.read(split)
        return self._arrays[split]

    def setup(self, stage: str) -> None:
        """Read the training images before training, so that a missing file is known at once."""
        if stage == "fit":
            self.arrays("train")

    def images(self, split: str, n: int | None = None) -> Iterator[Tensor]:
        """Yield the first ``n`` (default: all) images in blocks, uint8 [64, C, H, W] or float [64, d].

        Raises:
            ValueError: the split has fewer than ``n`` images.
        """
        images, _ = self.arrays(split)
        yield from torch.split(images[: check_n(n, len(images), split)], BLOCK)

    def labels(self, split: str) -> Tensor:
        """Return the labels of a split, int64 [N], in the order of ``images``."""
        return self.arrays(split)[1]

    def conditions(self, split: str) -> Tensor:
        """Return what a conditional generator is told with each image of a split: here its class, int64 [N].

        A set of pairs returns the images to translate instead, [N, C, H, W], uint8 or in [-1, 1].
        """
        return self.labels(split)

    def n_conditions(self, split: str) -> int:
        """Return how many ``conditions`` a split has."""
        return len(self.conditions(split))

    def fingerprint(self, split: str) -> str:
        """Return the sha256 of the images of a split, their type and shape included."""
        images, _ = self.arrays(split)
        digest = hashlib.sha256(f"{images.dtype} {list(images.shape)}".encode())
        digest.update(images.contiguous().numpy().data)
        return digest.hexdigest()

    def train_dataloader(self) -> MemoryLoader | WorkerLoader:
        """Return the loader of this process, with the images on its accelerator if they are few."""
        images, labels = self.arrays("train")
        device = self.device if images.nbytes <= RESIDENT else torch.device("cpu")
        return MemoryLoader(images.to(device), labels.to(device), self.order(len(images)), self.hflip)

    def val_dataloader(self) -> list[Tensor]:
        """Return one dummy batch, so that Lightning runs the loop: judging is done by callbacks, on ``images``."""
        return [torch.zeros(1)]

    def test_dataloader(self) -> list[Tensor]:
        """Return one dummy batch, so that Lightning runs the loop."""
        return [torch.zeros(1)]

    def predict_dataloader(self) -> list[Tensor]:
        """Return one dummy batch, so that Lightning runs the loop."""
        return [torch.zeros(1)]

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Turn uint8 images into floats in [-1, 1] on the device, and floats into those of the model."""
        if not isinstance(batch, (tuple, list)):
            return batch
        dtype = torch.float32 if self.trainer is None else self.trainer.lightning_module.dtype
        return tuple(x.to(dtype) if x.is_floating_point() else x for x in map(to_float, batch))

    @property
    def device(self) -> torch.device:
        """Device that this process trains on."""
        return torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device

    def order(self, n: int, seed: int | None = None) -> Order:
        """Return the order of ``n`` training images for this process, at the start of the trainer's epoch.

        Each epoch has as many batches as the trainer asks for; with ``overfit_batches`` they are always the same.
        ``seed`` is that of the data unless another is given.
        """
        seed = self.seed if seed is None else seed
        if self.trainer is None:
            return Order(n, self.batch_size, seed)
        order = Order(n, self.batch_size, seed, self.trainer.global_rank, self.trainer.world_size)
        order.set_epoch(self.trainer.current_epoch)
        limit: int | float = self.trainer.limit_train_batches
        order.limit = min(len(order), limit) if isinstance(limit, int) else int(len(order) * limit)
        order.repeats = self.trainer.overfit_batches > 0  # type: ignore[attr-defined]
        return order


def data_root(root: str | None = None) -> Path:
    """Return ``root``, or the environment's GANZOO_DATA, or ~/.cache/ganzoo."""
    return Path(root or os.environ.get("GANZOO_DATA") or "~/.cache/ganzoo").expanduser()


def check_size(size: int | Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of images of ``size``: the side of a square, or height and width.

    Raises:
        ValueError: below 1, or larger than any picture.
    """
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(1 <= side <= LARGEST for side in sides):
        raise ValueError(f"size must be a side from 1 to {LARGEST}, or two: [height, width]; got {size}")
    return sides[0], sides[1]


def check_split(split: str) -> str:
    """Return ``split`` if there is such a split.

    Raises:
        ValueError: there is none.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    return split


def check_n(n: int | None, available: int, split: str) -> int:
    """Return ``n``, or ``available`` if it is None.

    Raises:
        ValueError: ``n`` is negative, or more than is available.
    """
    if n is not None and not 0 <= n <= available:
        raise ValueError(f"the {split} split has {available} images, asked for {n}")
    return available if n is None else n
