"""Strokes of a brush: what a part of an image shall be like. They are losses, and add up as losses do."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.inference import Inference
from ganzoo.inversion.losses import Loss, Masked, Measure, Pixels

ORIENTATIONS = 8  # of edges
CONTRAST = 1e-3  # squared strength of edges that are too weak to matter
EDGES = 0.2  # weight of edges beside colours, as in iGAN's code


@dataclass(frozen=True, eq=False)
class Colour(Loss):
    """The colour brush: pixels inside the mask shall have a colour.

        mean over pixels and channels of (m (G(z) - colour))², divided by mean(m)

    Args:
        mask: m, [H, W]: 1 where it is painted, 0 elsewhere, between where a pixel is painted in part.
        colour: From -1 to 1: one number, one for each channel, or an image, [C, H, W].

    Raises:
        ValueError: nothing is painted, or the mask or the colour are not such numbers.
    """

    mask: Tensor
    colour: float | Sequence[float] | Tensor

    def __post_init__(self) -> None:
        check_mask(self.mask)
        check_pixels(torch.as_tensor(self.colour), "the colour of a stroke")

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the squared distance from the colour inside the mask; of x only the shape matters.

        Raises:
            ValueError: the images have another size, or other channels.
        """
        fitting(self.mask, x)
        return Masked(Pixels(), self.mask).against(filled_with(self.colour, x), model)


@dataclass(frozen=True, eq=False)
class Shape(Loss):
    """The sketching brush: edges inside the mask shall be those of a drawing, whatever the colours.

        Σ m |h(G(z)) - h(drawing)|² / Σ m (|h(drawing)|² + ε)

    h are the strengths of edges in 8 directions, smoothed (``edges``). The mask reaches as far beyond what is painted
    as a smoothed edge does. 1 is an image without edges there.

    Args:
        mask: m, [H, W], as of ``Colour``.
        drawing: An image from -1 to 1, [C, H, W].
        cell: Pixels, odd: edges may be off by about as much.

    Raises:
        ValueError: nothing is painted, the drawing is no image, or the cell is even.
    """

    mask: Tensor
    drawing: Tensor
    cell: int = 3

    def __post_init__(self) -> None:
        check_mask(self.mask)
        check_pixels(self.drawing, "a drawing")
        check_cell(self.cell)

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the distance between edges; of x only the shape matters.

        Raises:
            ValueError: the images have another size, or other channels.
        """
        fitting(self.mask, x)
        return edges_against(filled_with(self.drawing, x), self.mask, self.cell)


@dataclass(frozen=True, eq=False)
class Warp(Loss):
    """The warping brush: a patch of G(z_0) shall be found elsewhere, with its colours and its edges.

        Colour(moved m, moved G(z_0)) + 0.2 · Shape(moved m, moved G(z_0))

    Args:
        mask: m, [H, W], where the patch is now, as of ``Colour``.
        shift: Pixels to the right and down.
        cell: Of ``Shape``.

    Raises:
        ValueError: there is no patch, the shift is not two whole numbers, or it leads out of the image.
    """

    mask: Tensor
    shift: tuple[int, int]
    cell: int = 3

    def __post_init__(self) -> None:
        check_mask(self.mask)
        check_cell(self.cell)
        if len(self.shift) != 2 or not all(isinstance(one, int) for one in self.shift):
            raise ValueError(f"a shift is two whole numbers, pixels to the right and down, got {self.shift!r}")
        if not bool((moved(self.mask, self.shift) > 0).any()):
            raise ValueError(f"the shift {self.shift} moves the whole patch out of the image: choose a smaller one")

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the distance of colours and edges from those of the patch of x.

        Raises:
            ValueError: the images have another size.
        """
        fitting(self.mask, x)
        mask, patch = moved(self.mask, self.shift), moved(x, self.shift)
        colours = Masked(Pixels(), mask).against(patch, model)
        shapes = edges_against(patch, mask, self.cell)
        return lambda images, u, rows: colours(images, u, rows) + EDGES * shapes(images, u, rows)


def edges(images: Tensor, cell: int) -> Tensor:
    """Return the strengths of the edges of images, [n, C, H, W], in 8 directions, [n, 8, H, W].

        h_k = max(0, |gᵀd_k| - a |g|) / (1 - a),    a = cos(π / 8),    d_k at the angle k π / 8

    g is the slope of the mean of the channels. h is smoothed by a triangle of 2 ``cell`` - 1 pixels, as the cells of
    HOG are: Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection", 2005.
    """
    gx, gy = slopes(images.mean(dim=1, keepdim=True))
    angles = torch.arange(ORIENTATIONS).to(images)[:, None, None] * (torch.pi / ORIENTATIONS)
    a = torch.cos(torch.tensor(torch.pi / ORIENTATIONS)).to(images)
    along, length = (gx * angles.cos() + gy * angles.sin()).abs(), (gx.square() + gy.square() + 1e-12).sqrt()
    h = (along - a * length).clamp(min=0) / (1 - a)
    for _ in range(2):
        h = F.avg_pool2d(h, cell, stride=1, padding=cell // 2)
    return h


def slopes(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return half the differences of a pixel's neighbours, to the right and down, each as images are."""
    wide = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2, (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2


def edges_against(target: Tensor, mask: Tensor, cell: int) -> Measure:
    """Return what measures the edges of images against those of targets, [N, C, H, W], around a mask, [H, W]."""
    m = F.max_pool2d(mask.float()[None, None], 2 * cell + 1, stride=1, padding=cell)
    wanted = edges(target, cell)
    scale = (m * (wanted.square().sum(dim=1, keepdim=True) + CONTRAST)).flatten(1).sum(dim=1)

    def measure(images: Tensor, u: Tensor, rows: Tensor) -> Tensor:
        return (m * (edges(images, cell) - wanted[rows]).square()).flatten(1).sum(dim=1) / scale[rows]

    return measure


def moved(x: Tensor, shift: tuple[int, int]) -> Tensor:
    """Return [..., H, W] moved to the right and down; zeros come in."""
    right, down = shift
    h, w = x.shape[-2:]
    if abs(right) >= w or abs(down) >= h:
        return torch.zeros_like(x)
    out = torch.zeros_like(x)
    out[..., max(down, 0) : h + min(down, 0), max(right, 0) : w + min(right, 0)] = x[
        ..., max(-down, 0) : h + min(-down, 0), max(-right, 0) : w + min(-right, 0)
    ]
    return out


def filled_with(colour: float | Sequence[float] | Tensor, x: Tensor) -> Tensor:
    """Return a colour, or an image, as images of the shape of x, [N, C, H, W].

    Raises:
        ValueError: it has other channels, or another size.
    """
    c = torch.as_tensor(colour).float()
    c = c[:, None, None] if c.ndim == 1 else c
    size = tuple(x.shape[1:])
    if c.ndim not in (0, 3) or (c.ndim and c.shape[0] != size[0]) or tuple(c.shape[1:]) not in ((), (1, 1), size[1:]):
        raise ValueError(f"a colour is one number, {size[0]}, or an image {list(size)}, got {list(c.shape)}")
    return c.expand_as(x)


def fitting(mask: Tensor, x: Tensor) -> None:
    """Check that a mask has the size of images.

    Raises:
        ValueError: it has not.
    """
    if mask.shape != x.shape[2:]:
        raise ValueError(
            f"the mask of a stroke is {list(mask.shape)}, the images are {list(x.shape[2:])}: give one of their size"
        )


def check_mask(mask: Tensor) -> None:
    """Check that a mask is one, and that something is painted.

    Raises:
        ValueError: it is none.
    """
    if mask.ndim != 2 or not bool(((mask >= 0) & (mask <= 1)).all()):
        raise ValueError(f"the mask of a stroke is [H, W], of numbers from 0 to 1, got {list(mask.shape)}")
    if not bool((mask > 0).any()):
        raise ValueError("nothing is painted: the mask of a stroke must be above 0 somewhere")


def check_pixels(values: Tensor, what: str) -> None:
    """Check that numbers are those of pixels.

    Raises:
        ValueError: some are not.
    """
    if not bool((values.abs() <= 1 + 1e-6).all()):
        wrong = values[~(values.abs() <= 1 + 1e-6)].flatten().tolist()[:4]
        raise ValueError(f"{what} must be of finite numbers from -1 to 1, got {wrong}: of 8 bits take x / 127.5 - 1")


def check_cell(cell: int) -> None:
    """Check that a cell has a middle.

    Raises:
        ValueError: it has none.
    """
    if cell < 1 or cell % 2 == 0:
        raise ValueError(f"cell must be odd and positive, got {cell}")
