"""Pictures that are numbers already: npy and npz files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.archives import Entry
from ganzoo.data.base import ImageData, check_size
from ganzoo.data.files import divided, split_named
from ganzoo.files import read_arrays
from ganzoo.pixels import resize_uint8

IMAGES = ("images", "image", "imgs", "x", "data", "arr0", "")  # what arrays of an npz are called
LABELS = ("labels", "label", "y", "target", "targets", "arr1")
LEVELS = {"uint8": (0, 255), "uint16": (0, 65535), "bool": (0, 1)}


class Arrays(ImageData):
    """Images in a npy or npz file, of any number of channels, held in memory with 8 bits.

    An npz holds ``images`` (``x``, ...) and perhaps ``labels`` (``y``, ...), or those of official splits:
    ``x_train``, ``y_train``, ``x_test``, or ``train_images``, ``val_images``. What has no official split gives a share
    to ``val`` and ``test``, by a hash of the number of the image.

    Shapes are [N, H, W], [N, H, W, C] or [N, C, H, W], the channels being the shorter axis.

    Args:
        root: The file.
        value_range: The values of black and white; needed unless pixels are uint8 or uint16, which have all theirs.
        size: Side that images are resized to, or [height, width]; none: as they are.
        batch_size: Images per batch and process.
        seed: Seed of the order of the training images.
        hflip: Mirror each training image with probability 1/2.
        val_fraction: Share of the images for validation, if the file does not set any apart.
        test_fraction: Share of the images for testing, if the file does not set any apart.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: the file is damaged, or holds no images, or numbers of unknown range.
    """

    name = "Arrays"

    def __init__(
        self,
        root: str,
        value_range: tuple[float, float] | None = None,
        size: int | tuple[int, int] | None = None,
        batch_size: int = 64,
        seed: int = 0,
        hflip: bool = False,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        self.root, self.hflip = root, hflip
        images, labels = by_split(read_arrays(self.folder), self.folder)
        self.pixels: dict[str, Tensor] = {}
        for split, array in images.items():
            pixels = as_uint8(array, value_range, f"{self.folder}: {split or 'its'} images")
            self.pixels[split] = resize_uint8(pixels, check_size(size)) if size else pixels
        shapes = {tuple(pixels.shape[1:]) for pixels in self.pixels.values()}
        if len(shapes) > 1:
            raise ValueError(f"{self.folder} has images of shapes {sorted(shapes)}: give a size (--data.size 32)")
        self.image_shape = shapes.pop()
        numbers = {split: as_labels(labels.get(split), len(x), self.folder) for split, x in self.pixels.items()}
        self.class_names = tuple(map(str, range(1 + max(max(y) for y in numbers.values())))) if labels else ("image",)
        rows = {split: [Entry(f"{i}", k, split, i, 0) for i, k in enumerate(y)] for split, y in numbers.items()}
        self.rows = divided(rows, val_fraction, test_fraction)

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        """Return the images of a split, uint8 [N, C, H, W], and their labels, in an order by hash."""
        rows = self.rows[split]
        x = [self.pixels[row.path][row.offset] for row in rows]
        images = torch.stack(x) if x else torch.empty(0, *self.image_shape, dtype=torch.uint8)
        return images, torch.tensor([row.label for row in rows], dtype=torch.long)


def by_split(arrays: dict[str, Any], path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the images and the labels of each split ("": of none) among arrays by name; others are left out.

    Raises:
        ValueError: there are no images, or none to train on, or two arrays of one meaning.
    """
    found: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    for name, array in arrays.items():
        words = name.lower().replace("arr_", "arr").split("_")
        split = next((split_named(word) for word in words if split_named(word)), "")
        rest = "_".join(word for word in words if not split_named(word))
        for meant, into in zip((IMAGES, LABELS), found, strict=True):
            if rest in meant and split in into:
                raise ValueError(f"{path} has several arrays of {split or 'its'} {meant[0]}: keep one")
            into.update({split: array} if rest in meant else {})
    if not {"", "train"} & found[0].keys():
        there = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
        raise ValueError(f"{path} holds {there or 'nothing'}: call the images {' or '.join(IMAGES[:4])}, or x_train")
    return found


def as_uint8(array: Any, value_range: Sequence[float] | None, what: str) -> Tensor:
    """Return images [N, H, W], [N, H, W, C] or [N, C, H, W] of numbers as uint8 [N, C, H, W].

    Raises:
        ValueError: they have another shape, or values of unknown range or beyond it.
    """
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or not array.size:
        raise ValueError(f"{what} must be [N, H, W], [N, H, W, C] or [N, C, H, W], got {list(array.shape)}")
    if array.shape[3] < array.shape[1]:
        array = array.transpose(0, 3, 1, 2)
    if array.dtype.name == "uint8" and value_range is None:
        return torch.from_numpy(array.copy())
    low, high = value_range or LEVELS.get(array.dtype.name) or (0, 0)
    if array.dtype.kind not in "uifb" or low >= high:
        raise ValueError(
            f"{what} are {array.dtype}, from {array.min()} to {array.max()}: say which values are black and"
            " white (--data.value_range [0,1])"
        )
    pixels = torch.from_numpy(array.astype("float32"))
    least, most = float(pixels.min()), float(pixels.max())
    if not (low <= least and most <= high):
        raise ValueError(f"{what} go from {least:g} to {most:g}, not from {low:g} to {high:g}: set value_range")
    return pixels.sub_(low).mul_(255 / (high - low)).round_().to(torch.uint8)


def as_labels(array: Any, n: int, path: Path) -> list[int]:
    """Return the classes of ``n`` images; 0 where there are none.

    Raises:
        ValueError: they are no whole numbers from 0, or not one for each image.
    """
    if array is None:
        return [0] * n
    if array.size != n or array.dtype.kind not in "ui" or (n and array.min() < 0):
        raise ValueError(f"{path}: labels must be {n} whole numbers from 0, got {array.dtype} {list(array.shape)}")
    labels: list[int] = array.reshape(-1).tolist()
    return labels
