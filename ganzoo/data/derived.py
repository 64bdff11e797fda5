"""Pairs made of any set of images: the source is a poorer picture of the target."""

import hashlib
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ganzoo.data.base import ImageData
from ganzoo.data.pairs import PairData
from ganzoo.pixels import resize_uint8

Make = Literal["edges", "grey", "blurred", "small", "holes"]
CHUNK = 256  # images that are made at a time
LUMA = (77, 150, 29)  # of 256: how bright red, green and blue are
SMOOTH, BINOMIAL, SLOPE = (1, 2, 1), (1, 4, 6, 4, 1), (-1, 0, 1)
STEEP = 60  # of 1,020: the least slope of a line
TIMES = 4  # an image is reduced by
GROUND = 128  # grey of a hole


class Derived(PairData):
    """Pairs made of another set: its images are side B, and poorer pictures of them are side A.

    "edges": black lines on white where the brightness is steepest; "grey": without colour; "blurred": twice by a
    binomial filter of 5 x 5; "small": reduced by 4 and enlarged again; "holes": a grey square, half as wide as the
    image, at a place that a hash of the image says. So a translator learns to paint, to colour, to sharpen, to enlarge
    or to fill. Side A has as many channels as side B, and its opacity, which is blurred or reduced as the colours are.
    It is a function of the image, in whole numbers: the same on every machine. The set is held in memory, and its own
    batch size, order and mirroring do not count.

    Args:
        data: The images.
        make: What side A is.

    Raises:
        ValueError: there is nothing that can be made so of these data.
    """

    name = "Derived"

    def __init__(self, data: ImageData, make: Make = "edges", **kwargs: Any) -> None:
        if make not in get_args(Make):
            raise ValueError(f"make must be one of {', '.join(get_args(Make))}, got {make!r}")
        if len(data.image_shape) != 3:
            raise ValueError(f"{data.name} has points of shape {data.image_shape}: {make} are made of images only")
        channels, *size = data.image_shape
        if make == "grey" and channels < 3:
            raise ValueError(f"images of {data.name} are grey already: choose another make (--data.make edges)")
        super().__init__(**kwargs)
        self.set_shapes((size[0], size[1]), channels, channels)
        self.data, self.make = data, make

    def read_sides(self, split: str, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the poorer pictures and the images of a split, uint8 [N, C, *size] each."""
        images = resize_uint8(self.data.arrays(split)[0], size)
        return derived(images, self.make), images


def derived(images: Tensor, make: Make) -> Tensor:
    """Return poorer pictures of uint8 images [N, C, H, W], of the same shape; see ``Derived``."""
    how = {"edges": edges, "grey": grey, "blurred": blurred, "small": small, "holes": holes}[make]
    parts = [how(part) for part in torch.split(images, CHUNK)]
    return torch.cat(parts) if parts else images


def colours(images: Tensor) -> int:
    """Return how many channels of images [N, C, H, W] are colours: all, but of 2 and 4 the last, which is opacity."""
    return images.shape[1] - (images.shape[1] in (2, 4))


def painted(images: Tensor, x: Tensor) -> Tensor:
    """Return images whose colours are all x [N, 1, H, W]; their opacity stays."""
    out = images.clone()
    out[:, : colours(images)] = x
    return out


def brightness(images: Tensor) -> Tensor:
    """Return (77 R + 150 G + 29 B) / 256 rounded, int32 [N, 1, H, W]; of other colours than three the first."""
    if colours(images) != 3:
        return images[:, :1].int()
    weights = torch.tensor(LUMA, dtype=torch.int32).view(1, 3, 1, 1)
    weighted: Tensor = (images[:, :3].int() * weights).sum(dim=1, keepdim=True, dtype=torch.int32)
    bright: Tensor = (weighted + 128) >> 8
    return bright


def grey(images: Tensor) -> Tensor:
    """Return images without colour."""
    return painted(images, brightness(images))


def blurred(images: Tensor) -> Tensor:
    """Return images blurred twice by (1, 4, 6, 4, 1) / 16 in rows and columns."""
    x = images.int()
    for _ in range(2):
        x = (filtered(filtered(x, BINOMIAL, 2), BINOMIAL, 3) + 128) >> 8
    return x.to(torch.uint8)


def small(images: Tensor) -> Tensor:
    """Return images of which each square of 4 x 4 pixels has its mean; the last row and column go on at the edges."""
    height, width = images.shape[2:]
    rows, columns = (torch.arange(-(-n // TIMES) * TIMES).clamp(max=n - 1) for n in (height, width))
    squares = images.int()[:, :, rows][:, :, :, columns].unflatten(3, (-1, TIMES)).unflatten(2, (-1, TIMES))
    means: Tensor = (squares.sum(dim=(3, 5), dtype=torch.int32) + TIMES * TIMES // 2) // (TIMES * TIMES)
    large = means.repeat_interleave(TIMES, 2).repeat_interleave(TIMES, 3)
    return large[:, :, :height, :width].to(torch.uint8)


def edges(images: Tensor) -> Tensor:
    """Return lines of black pixels on white: where the slope of the brightness is steep, and steepest in its direction.

    The brightness is smoothed by (1, 2, 1) / 4 in rows and columns. The slope is |down| + |right|, each by Sobel's
    filter, over 2. Of two neighbours across a line, one pixel is left.
    """
    x = (filtered(filtered(brightness(images), SMOOTH, 2), SMOOTH, 3) + 8) >> 4
    down, right = (filtered(filtered(x, SLOPE, axis), SMOOTH, 5 - axis).abs() for axis in (2, 3))
    slope = (down + right) >> 1
    crests = [(slope > shifted(slope, -1, axis)) & (slope >= shifted(slope, 1, axis)) for axis in (2, 3)]
    line = (slope >= STEEP) & torch.where(down > right, crests[0], crests[1])
    return painted(images, torch.where(line, 0, 255))


def holes(images: Tensor) -> Tensor:
    """Return images with a grey square, as opaque as they are; the sha256 of the pixels says where."""
    out = images.clone()
    height, width = images.shape[2:]
    side = max(1, min(height, width) // 2)
    for image in out:
        number = hashlib.sha256(image.contiguous().numpy().tobytes()).digest()
        top = int.from_bytes(number[:8], "big") % (height - side + 1)
        left = int.from_bytes(number[8:16], "big") % (width - side + 1)
        image[: colours(images), top : top + side, left : left + side] = GROUND
    return out


def shifted(x: Tensor, by: int, axis: int) -> Tensor:
    """Return x with pixel i + ``by`` of an axis in place of pixel i; the outermost go on at the edges."""
    at = (torch.arange(x.shape[axis]) + by).clamp(0, x.shape[axis] - 1)
    return x.index_select(axis, at)


def filtered(x: Tensor, weights: tuple[int, ...], axis: int) -> Tensor:
    """Return the sum of weights times neighbours along an axis, in whole numbers."""
    parts = [weight * shifted(x, k - len(weights) // 2, axis) for k, weight in enumerate(weights) if weight]
    return torch.stack(parts).sum(dim=0, dtype=torch.int32)
