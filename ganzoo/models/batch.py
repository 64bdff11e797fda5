"""What a loader hands over, as the games take it: images in [-1, 1], and what belongs to each."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganzoo.pixels import to_float

IMAGES = ("image", "images", "img", "x", "pixel_values")  # keys of a batch that is a dictionary
LABELS = ("label", "labels", "y", "target")


def as_pair(batch: Any) -> tuple[Tensor, Tensor | None]:
    """Return (x, y) of a batch that is x alone, (x, y) or a dictionary; uint8 images become floats in [-1, 1].

    Raises:
        ValueError: it holds no images, or integers of unknown range.
    """
    x, y = _parts(batch)
    if not isinstance(x, Tensor):
        raise ValueError(
            f"a batch must be images x, (x, y) or a dictionary with 'image' and 'label', got {_kind(batch)}"
        )
    if x.dtype != torch.uint8 and not x.is_floating_point():
        raise ValueError(f"images must be uint8, or floats in [-1, 1], got {x.dtype}")
    return to_float(x), y


def check_images(x: Tensor, image_shape: Sequence[int]) -> None:
    """Look at a first batch of images, [N, C, H, W]; points may be anything.

    Raises:
        ValueError: their channels stand last, or they lie in [0, 1] or [0, 255], of which a generator makes grey ones.
    """
    if x.ndim != 4:
        return
    if x.shape[1:] != (c_h_w := tuple(image_shape)) and x.permute(0, 3, 1, 2).shape[1:] == c_h_w:
        raise ValueError(f"the images are {list(x.shape)}, with channels last: hand over x.permute(0, 3, 1, 2)")
    low, high = float(x.min()), float(x.max())
    if 0 <= low < high:
        words = "2 * x - 1" if high <= 1 else "x / 127.5 - 1"
        raise ValueError(
            f"the images lie from {low:.3g} to {high:.3g}, games take [-1, 1]: hand over {words}, or uint8"
            " (torchvision: add Normalize(0.5, 0.5) behind ToTensor)"
        )
    if low < -1.001 or high > 1.001:
        warnings.warn(
            f"the images lie from {low:.3g} to {high:.3g}: generators with tanh reach [-1, 1] only", stacklevel=2
        )


def _parts(batch: Any) -> tuple[Any, Any]:
    if isinstance(batch, Mapping):
        return tuple(next((batch[key] for key in keys if key in batch), None) for keys in (IMAGES, LABELS))  # type: ignore[return-value]
    if isinstance(batch, (tuple, list)) and 1 <= len(batch) <= 2:
        return batch[0], batch[1] if len(batch) == 2 else None
    return batch, None


def _kind(batch: Any) -> str:
    if isinstance(batch, Mapping):
        return f"one with {', '.join(map(repr, batch))}"
    return f"{type(batch).__name__} of {len(batch)}" if isinstance(batch, (tuple, list)) else type(batch).__name__
