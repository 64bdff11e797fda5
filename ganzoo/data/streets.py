"""Streets: photographs of drawn street scenes and their label maps."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.pairs import PairData
from ganzoo.data.street_canvas import CLASSES
from ganzoo.data.street_scenes import scenes
from ganzoo.pixels import to_uint8

PALETTE = torch.tensor(  # the colours of the classes in Cityscapes
    [
        *([128, 64, 128], [244, 35, 232], [70, 70, 70], [107, 142, 35]),
        *([70, 130, 180], [0, 0, 142], [220, 20, 60], [153, 153, 153]),
    ],
    dtype=torch.uint8,
)
SEEDS = {"train": 0, "val": 1, "test": 2}  # never to change: they decide what the scenes of a split are
HELD_OUT = 512  # scenes for validation and for testing
MOST = 100_000  # scenes
SIZES = (16, 1024)  # sides of a picture


class Streets(PairData):
    """Street scenes, drawn when they are needed: label maps (side A) and photographs (side B) of 64 x 64, in colour.

    A label map says which of the 8 ``CLASSES`` each pixel is, in the colours of Cityscapes. It does not say the light,
    the season, the colours and windows of houses, the clouds, the markings of the road, shadows, haze and grain: many
    photographs fit one map, and one map fits a photograph. Scene i is a function of the split and i, with the same
    bytes on every machine, and shows the same street at every size. Pictures are square.

    4,096 scenes of 64 x 64 take 101 MB and some seconds.

    The palette: Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", 2016.
    https://arxiv.org/abs/1604.01685

    Args:
        size: Side of the pictures, from 16 to 1024.
        n: Number of scenes for training; for validation and testing there are up to 512.

    Raises:
        ValueError: an argument is out of range.
    """

    name = "Streets"

    def __init__(self, size: int = 64, n: int = 4096, **kwargs: Any) -> None:
        if not isinstance(size, int) or not SIZES[0] <= size <= SIZES[1]:
            raise ValueError(f"streets are square: size must be one side from {SIZES[0]} to {SIZES[1]}, got {size}")
        if not 1 <= n <= MOST:
            raise ValueError(f"n must be from 1 to {MOST} scenes, got {n}")
        super().__init__(**kwargs)
        self.set_shapes(size, 3, 3)
        self.n = n

    def read_sides(self, split: str, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Draw the label maps in colour and the photographs of a split, uint8 [N, 3, *size] each."""
        n = self.n if split == "train" else min(self.n, HELD_OUT)
        photos, labels = scenes(n, SEEDS[split], size[0])
        maps = np.ascontiguousarray(PALETTE.numpy()[labels].transpose(0, 3, 1, 2))
        return torch.from_numpy(maps), torch.from_numpy(np.ascontiguousarray(photos))

    def label_maps(self, split: str) -> Tensor:
        """Return the class of each pixel of the label maps of a split, uint8 [N, H, W], in their order.

        Raises:
            ValueError: there is no such split.
        """
        targets, sources = self.sides(split)
        return nearest_labels(targets if self.reverse else sources)


def nearest_labels(images: Tensor) -> Tensor:
    """Return the class whose colour is nearest to each pixel: uint8 [N, H, W] of 0 to 7, the order of ``CLASSES``.

    Args:
        images: Label maps in colour, [N, 3, H, W], uint8 or float in [-1, 1].

    Raises:
        ValueError: images that are not in colour.
    """
    if images.dim() != 4 or images.shape[1] != 3:
        raise ValueError(f"label maps must be in colour, [N, 3, H, W], got {list(images.shape)}")
    pixels = to_uint8(images).to(torch.int32)
    n, _, height, width = images.shape
    nearest = torch.full((n, height, width), 2**30, dtype=torch.int32, device=images.device)
    labels = torch.zeros((n, height, width), dtype=torch.uint8, device=images.device)
    for k in range(len(CLASSES)):
        colour = PALETTE[k].to(images.device, torch.int32).view(1, 3, 1, 1)
        distance = (pixels - colour).square().sum(dim=1).to(torch.int32)
        labels[distance < nearest] = k
        nearest = torch.minimum(nearest, distance)
    return labels
