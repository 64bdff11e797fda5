"""Sprites: pictures whose factors are known, drawn on demand."""

import functools
import math

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.base import ImageData, check_size, check_split
from ganzoo.pixels import resize_uint8

FACTORS = ("shape", "scale", "orientation", "x", "y")
SIZES = (3, 6, 40, 32, 32)  # values of each factor
CELL_SIZES = (3, 6, 10, 32, 32)  # of the cells that are shared out to the splits: 4 orientations in each
SPLIT_SEED = 2017  # never to change: it decides who is in which split
HELD_OUT = 5000  # images for validation and for testing
CANVAS = 64
REACH = 16  # pixels that a sprite may reach from its centre
WIDTH = 19.18  # side of the largest square, whose white pixels are those of dSprites: 368
ELLIPSE, HEART = 0.885, 0.780  # sizes beside it: 288 and 224 white pixels
ELONGATION = 13 / 7  # of the ellipse


class Sprites(ImageData):
    """White squares, ellipses and hearts on black, with their scale, orientation and place: the grid of dSprites.

    Every combination of 3 shapes, 6 scales from 0.5 to 1, 40 orientations 2π k / 40 and 32 x 32 places stands in
    the grid of 737,280 pictures once. The class is the shape. The pictures are drawn anew by ``draw``: they are
    not those of the published file bit for bit, whose 40 orientations go from 0 to 2π inclusive.

    As in the original a square looks the same after a quarter turn, and an ellipse after half a turn. So a square
    shows 10 orientations, an ellipse 20 and a heart 40: the factor cannot be read off the first two.

    The splits share no picture: a fixed permutation gives cells of four orientations, a quarter turn apart, to
    train, val and test (80/10/10). The first images of a split, one from each cell, are all different. 50,000
    images of 64 x 64 take 205 MB.

    Matthey et al., "dSprites: Disentanglement testing Sprites dataset", 2017.
    https://github.com/google-deepmind/dsprites-dataset

    Args:
        batch_size: Images per batch and process.
        seed: Seed of the order of the training images.
        size: Side of the images; 64: black and white, others are resized from it and grey at the edges.
        n_images: Number of training images, up to 589,824; for validation and testing there are up to 5,000.

    Raises:
        ValueError: ``n_images`` or ``size`` that cannot be.
    """

    name = "Sprites"
    class_names = ("square", "ellipse", "heart")

    def __init__(self, batch_size: int = 64, seed: int = 0, size: int = CANVAS, n_images: int = 50_000) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        available = 4 * len(_cells("train")[0])
        if not 1 <= n_images <= available:
            raise ValueError(f"n_images must be from 1 to {available}, got {n_images}")
        self.n_images = n_images
        self.image_shape = (1, *check_size(size))

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        """Return the images of a split, uint8 [N, 1, size, size], and their shapes."""
        factors = self.factors(split)
        return draw(factors, self.image_shape[-1]), factors[:, 0].clone()

    def factors(self, split: str) -> Tensor:
        """Return the factors of a split, int64 [N, 5], in the order of ``images`` and of ``FACTORS``.

        Raises:
            ValueError: there is no such split.
        """
        cells, turns = _cells(check_split(split))
        n = self.n_images if split == "train" else min(self.n_images, HELD_OUT)
        rank = torch.arange(n)
        cell, lap = rank % len(cells), rank // len(cells)
        factors = torch.stack(torch.unravel_index(cells[cell], CELL_SIZES), dim=1)
        factors[:, 2] += CELL_SIZES[2] * ((turns[cell] + lap) % 4)
        return factors


def draw(factors: Tensor, size: int = CANVAS) -> Tensor:
    """Draw one sprite per row of factors.

    At scale s a square has s² 19.18² = s² 368 pixels, an ellipse s² 288 and a heart s² 224: so many white pixels were
    counted in the authors' picture of the data at s = 1. The centroid of a shape is the centre of the pixel in column
    16 + x and row 16 + y, counted from 0 at the top left. Orientation k turns by 2π k / 40, counterclockwise. At
    k = 0 a square stands on a side, an ellipse lies and a heart stands upright. No sprite leaves the canvas.

    Args:
        factors: int64 [N, 5], the index of each value: shape, scale, orientation, x, y.
        size: Side of the images; 64: values 0 and 255, others are resized from it and grey at the edges.

    Returns:
        uint8 [N, 1, size, size].

    Raises:
        ValueError: factors that are not in the grid.
    """
    _check_factors(factors)
    shape, scale, orientation, x, y = factors.unbind(dim=1)
    canvas = torch.zeros(len(factors), CANVAS, CANVAS, dtype=torch.uint8, device=factors.device)
    side = 2 * REACH + 1
    places = canvas.unfold(1, side, 1).unfold(2, side, 1)  # a view, [N, 32, 32, side, side]
    row = torch.arange(len(factors), device=factors.device)
    places[row, y, x] = stamps().to(factors.device)[shape, scale, orientation]
    return resize_uint8(canvas[:, None], check_size(size))


def _check_factors(factors: Tensor) -> None:
    if factors.dtype != torch.int64 or factors.dim() != 2 or factors.shape[1] != len(SIZES):
        raise ValueError(f"factors must be int64 [N, {len(SIZES)}], got {factors.dtype} {list(factors.shape)}")
    outside = ((factors < 0) | (factors >= torch.tensor(SIZES, device=factors.device))).any(dim=1)
    if outside.any():
        first = factors[outside][0].tolist()
        raise ValueError(f"factors {', '.join(FACTORS)} must be from 0 to below {SIZES}, got {first}")


@functools.cache
def stamps() -> Tensor:
    """Return all sprites around their centre, uint8 [3, 6, 40, 33, 33]: a pixel is white if its centre is inside."""
    shapes = [_square, _ellipse, _heart]
    distinct = [SIZES[2] // 4, SIZES[2] // 2, SIZES[2]]  # orientations, of which the others are exact copies
    turned = [_turned(n).div(WIDTH) for n in distinct]
    scales = torch.linspace(0.5, 1, SIZES[1], dtype=torch.float64)[:, None, None, None]
    inside = [f(u / scales, v / scales) for f, (u, v) in zip(shapes, turned, strict=True)]
    whole = [mask.repeat(1, SIZES[2] // n, 1, 1) for mask, n in zip(inside, distinct, strict=True)]
    return torch.stack(whole).to(torch.uint8) * 255


def _turned(n: int) -> Tensor:
    """Return the pixels in the frame of a sprite turned by 2π k / 40, float64 [2, n, 33, 33]: u right, v up."""
    angle = (torch.arange(n, dtype=torch.float64) * (2 * math.pi / SIZES[2]))[:, None, None]
    right = torch.arange(-REACH, REACH + 1, dtype=torch.float64)
    x, y = right[None, :], -right[:, None]
    return torch.stack([x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()])


def _square(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) < 0.5


def _ellipse(u: Tensor, v: Tensor) -> Tensor:
    """Tell who is inside semi-axes a, b with a b = 0.885²/π, so that the area is 0.885²."""
    return u.square() / ELONGATION + v.square() * ELONGATION < ELLIPSE**2 / math.pi


def _heart(u: Tensor, v: Tensor) -> Tensor:
    """Tell who is inside a square of side a on its corner, with half a disc on each of its two upper sides.

    Its area a² (1 + π/4) is 0.780². Its centroid lies √2 a (π/8 + 1/6) / (2 + π/2) above the centre of the square.
    """
    a = HEART / math.sqrt(1 + math.pi / 4)
    v = v + math.sqrt(2) * a * (math.pi / 8 + 1 / 6) / (2 + math.pi / 2)
    p, q = (v + u).abs() / math.sqrt(2), (v - u).abs() / math.sqrt(2)
    offset = a / math.sqrt(8)
    lobe = (u.abs() - offset).square() + (v - offset).square() < a * a / 4
    return (torch.maximum(p, q) < a / 2) | lobe


@functools.cache
def _cells(split: str) -> tuple[Tensor, Tensor]:
    """Return the cells of a split in their fixed order and the first quarter turn of each, int64 [n]."""
    random = np.random.RandomState(SPLIT_SEED)  # numpy froze its streams
    n = math.prod(CELL_SIZES)
    cells, turns = torch.from_numpy(random.permutation(n)), torch.from_numpy(random.randint(4, size=n))
    start, end = {"train": (0, 8), "val": (8, 9), "test": (9, 10)}[split]
    part = slice(n * start // 10, n * end // 10)
    return cells[part], turns[part]
