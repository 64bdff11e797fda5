"""Pixels: uint8 for data and metrics, float in [-1, 1] for networks."""

import torch
from torch import Tensor

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # of pictures by their number of channels, as PIL calls them
CHUNK = 1024  # images resized at a time: the float copy of a whole set would not fit


def to_float(x: Tensor) -> Tensor:
    """Return uint8 images as float32 x / 127.5 - 1 in [-1, 1]; what is float already stays as it is."""
    return x.float().div_(127.5).sub_(1.0) if x.dtype == torch.uint8 else x


def to_uint8(x: Tensor) -> Tensor:
    """Return float images in [-1, 1] as uint8; the inverse of ``to_float``, values outside are clipped."""
    return x if x.dtype == torch.uint8 else (x * 127.5 + 128).clamp(0, 255).to(torch.uint8)


def resize_uint8(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Resize uint8 images [N, C, H, W] to ``size``, a side or (height, width): bilinear, antialiased, rounded once.

    Raises:
        ValueError: images that are not uint8 [N, C, H, W].
    """
    if images.dtype != torch.uint8 or images.dim() != 4:
        raise ValueError(f"expected uint8 images [N, C, H, W], got {images.dtype} {list(images.shape)}")
    size = (size, size) if isinstance(size, int) else size
    if images.shape[-2:] == size:
        return images
    return torch.cat([_resized(part, size) for part in torch.split(images, CHUNK)])


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    out = torch.nn.functional.interpolate(
        images.float(), size=size, mode="bilinear", antialias=True, align_corners=False
    )
    return out.round_().clamp_(0, 255).to(torch.uint8)


def mirror(x: Tensor, coins: Tensor) -> Tensor:
    """Flip the images of x, [N, C, H, W], whose coin, bool [N], is true from left to right."""
    return torch.where(coins[:, None, None, None], x.flip(-1), x)
