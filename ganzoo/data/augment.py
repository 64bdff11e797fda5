"""What happens to training images by chance: a pure function of (seed, epoch, image)."""

from typing import Any

import torch
from torch import Tensor

from ganzoo.data.order import Order
from ganzoo.pixels import mirror


class Augment:
    """Crops and mirrors the images of an epoch; both sides of a pair alike.

    Args:
        order: Says the seed and the epoch.
        hflip: Mirror each image with probability 1/2.
        jitter: Pixels that a crop is less high and less wide than an image; the place is uniform.
        device: Where the images are.
    """

    def __init__(self, order: Order, hflip: bool, jitter: int = 0, device: torch.device | str | None = None) -> None:
        self.jitter = jitter
        self.coins = order.coins(order.epoch).to(device) if hflip else None
        self.shifts = order.shifts(order.epoch, jitter).to(device) if jitter else None

    def __call__(self, part: Any, index: Tensor) -> Any:
        """Return images [B, C, H, W], of which ``index`` [B] are the numbers, changed; all else as it is."""
        if not isinstance(part, Tensor) or part.dim() != 4:
            return part
        if self.shifts is not None:
            part = cropped(part, self.shifts[index], self.jitter)
        return part if self.coins is None else mirror(part, self.coins[index])


def cropped(images: Tensor, shifts: Tensor, less: int) -> Tensor:
    """Return the part [B, C, H - less, W - less] of each image whose corner lies ``shifts`` [B, 2] down and right."""
    height, width = images.shape[2] - less, images.shape[3] - less
    rows = shifts[:, 0, None] + torch.arange(height, device=images.device)
    columns = shifts[:, 1, None] + torch.arange(width, device=images.device)
    each = torch.arange(len(images), device=images.device)[:, None, None]
    parts = images.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
    return parts.permute(0, 3, 1, 2).contiguous()
