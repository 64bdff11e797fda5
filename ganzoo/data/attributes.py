"""Attributes of digits, measured in the picture: what an edit of a latent should change."""

import math

import torch
from torch import Tensor

from ganzoo.pixels import to_uint8


def attributes(images: Tensor) -> dict[str, Tensor]:
    """Return all attributes of images, float [N] each: "slant" and "thickness".

    Args:
        images: uint8 or float in [-1, 1], [N, 1, H, W]: light strokes on black.
    """
    return {"slant": slant(images), "thickness": thickness(images)}


def slant(images: Tensor) -> Tensor:
    """Return the shear of the ink, float [N]: 0 is upright, positive leans right, 1 leans by 45 degrees.

        slant = mu11 / mu02,    mu_pq = Σ I(x, y) (x - x̄)^p (y - ȳ)^q

    with x to the right, y upwards and I the brightness. Shearing x to x + s y adds s.

    It is nan where there is no answer: no ink, or ink in one row only. A background that is not black counts as
    ink and pulls the slant towards 0.

    Args:
        images: uint8 or float in [-1, 1], [N, 1, H, W]: light strokes on black.

    Raises:
        ValueError: images that are not [N, 1, H, W].
    """
    ink = _ink(images)
    rows = (ink.amax(dim=2) > 0).sum(dim=1)
    ink = ink / ink.sum(dim=(1, 2), keepdim=True)
    y = -torch.arange(ink.shape[1], dtype=ink.dtype, device=ink.device)[:, None]
    x = torch.arange(ink.shape[2], dtype=ink.dtype, device=ink.device)[None, :]
    x = x - (ink * x).sum(dim=(1, 2), keepdim=True)
    y = y - (ink * y).sum(dim=(1, 2), keepdim=True)
    shear = (ink * x * y).sum(dim=(1, 2)) / (ink * y.square()).sum(dim=(1, 2))
    return shear.where(rows > 1, torch.nan).float()


def thickness(images: Tensor) -> Tensor:
    """Return the width of the strokes in pixels, float [N], from area, perimeter and topology.

    By Steiner's formula all points within r of a curve of length l and Euler number χ (parts less loops) have

        area A = 2 r l + π χ r²,    perimeter P = 2 l + 2 π χ r

    so that 2 r = 4 A / (P + √(P² - 4 π χ A)): exact for strokes with round ends, for rings and for discs, however
    they bend. A is the sum of the brightness and P the sum of the length of its gradient, as parts of the largest
    value; χ counts what is at least half as bright as that, pixels with a common corner being joined.

    Strokes below 2 pixels seem thicker, up to 2. Edges that are not antialiased lengthen P, and what fills up to a
    blob seems thinner than it is. It is nan where there is no ink.

    Args:
        images: uint8 or float in [-1, 1], [N, 1, H, W]: light strokes on black.

    Raises:
        ValueError: images that are not [N, 1, H, W].
    """
    ink = _ink(images)
    ink = torch.nn.functional.pad(ink / ink.amax(dim=(1, 2), keepdim=True), (1, 1, 1, 1))
    area = ink.sum(dim=(1, 2))
    round_part = 4 * math.pi * euler(ink >= 0.5) * area
    perimeter = _perimeter(ink)
    return (4 * area / (perimeter + (perimeter.square() - round_part).clamp(min=0).sqrt())).float()


def euler(mask: Tensor) -> Tensor:
    """Return the number of parts less that of holes, int64 [N], of masks, bool [N, H, W], False at the border.

    Pixels are closed squares: χ = corners - edges + faces.
    """
    across, down = mask[:, :, 1:] | mask[:, :, :-1], mask[:, 1:] | mask[:, :-1]
    corners, horizontal, vertical, faces = (
        part.sum(dim=(1, 2)) for part in (down[:, :, 1:] | down[:, :, :-1], down, across, mask)
    )
    return corners - horizontal - vertical + faces


def _perimeter(ink: Tensor) -> Tensor:
    """Return the total variation: the perimeter at each brightness, averaged over all."""
    across, down = ink[:, :, 1:] - ink[:, :, :-1], ink[:, 1:] - ink[:, :-1]
    gradient = torch.hypot(across[:, 1:] + across[:, :-1], down[:, :, 1:] + down[:, :, :-1]) / 2
    return gradient.sum(dim=(1, 2))


def _ink(images: Tensor) -> Tensor:
    """Return the brightness, float64 [N, H, W].

    Raises:
        ValueError: images that are not [N, 1, H, W].
    """
    if images.dim() != 4 or images.shape[1] != 1:
        raise ValueError(f"expected grey images [N, 1, H, W], got {list(images.shape)}: choose one channel")
    return to_uint8(images)[:, 0].double()
