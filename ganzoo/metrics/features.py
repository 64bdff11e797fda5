"""Feature extractors: what an image becomes before any distance is measured."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from ganzoo.config import Configurable

FAMILIES = {
    "A": "TensorFlow 1 bilinear to 299, no half-pixel centres, no antialias (torch-fidelity, StyleGAN)",
    "B": "torch bilinear to 299, no antialias (pytorch-fid)",
    "C": "PIL bicubic to 299, antialias (clean-fid)",
    "D": "torch bilinear to 299, antialias (default of torchmetrics)",
    "means16": "means of 16 x 16 parts, / 127.5 - 1 (Shrunk)",
    "grey28": "mean of the channels, torch bicubic to 28, antialias; under 16 px framed (LeNet64)",
    "rgb28": "each channel by itself as in grey28 (StackedLeNet64)",
    "raw": "pixels as they are",
}


class Features(NamedTuple):
    """What an extractor returns: features float32 [N, d], logits float32 [N, K] or None."""

    features: Tensor
    logits: Tensor | None


class Extractor(Configurable):
    """Maps images to features, always in float32 and in evaluation mode.

    A plain object and never an ``nn.Module``: as an attribute of a model it stays out of the parameters,
    of the checkpoints and of ``.train()``. Autocast, TF32 and bfloat16 matrix products of the surroundings
    do not reach it.

    Attributes:
        id: Name that stands behind ``@`` in the name of a metric; another file of weights has another id.
        dim: Number of features d.
        family: How pixels are prepared, a key of ``FAMILIES``; statistics of two families are never compared.
        sha256: Hash of the file of weights; empty where there are none.
        official: Whether the weights are those by which the literature reports FID.
        block: Images per forward pass.
    """

    id: str
    dim: int
    family: str
    sha256: str = ""
    official: bool = False
    block: int = 500
    device: torch.device = torch.device("cpu")

    def __call__(self, images: Tensor) -> Features:
        """Return the features of ``images``, on the extractor's device.

        Args:
            images: uint8 [N, C, H, W].

        Raises:
            ValueError: not uint8, or of a wrong shape.
        """
        self.check(images)
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False), full_precision():
            parts = [self.extract(block.to(self.device)) for block in torch.split(images, self.block)]
        logits = [part.logits for part in parts if part.logits is not None]
        return Features(torch.cat([part.features for part in parts]), torch.cat(logits) if logits else None)

    def check(self, images: Tensor) -> None:
        """Raise ValueError where ``images`` are not uint8 [N, C, H, W] with 1 or 3 channels."""
        if images.dtype != torch.uint8:
            raise ValueError(
                f"{self.id} takes uint8 images from 0 to 255, got {images.dtype}; a generator's [-1, 1]"
                " becomes (x * 127.5 + 128).clamp(0, 255).to(torch.uint8)"
            )
        if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
            raise ValueError(f"{self.id} takes images [N, 1 or 3, H, W] with N > 0, got {list(images.shape)}")

    @classmethod
    def for_images(cls, image_shape: Sequence[int]) -> Self:
        """Return the extractor with the arguments that images of a shape, or points, need; here none."""
        return cls()

    def extract(self, images: Tensor) -> Features:
        """Return the features of one block that has been checked and lies on the right device."""
        raise NotImplementedError

    def to(self, device: torch.device | str) -> Self:
        """Move to ``device`` and return itself."""
        self.device = torch.device(device)
        return self


class Raw(Extractor):
    """No network: pixels / 127.5 - 1 of images, flattened, or points as they are.

    Args:
        dim: Number of pixels times channels of an image, or of coordinates of a point.
    """

    id = "raw"
    family = "raw"

    def __init__(self, dim: int = 2) -> None:
        if dim < 1:
            raise ValueError(f"dim must be at least 1, got {dim}")
        self.dim = dim

    @classmethod
    def for_images(cls, image_shape: Sequence[int]) -> Self:
        """Return the extractor of all pixels of an image, or of all coordinates of a point."""
        return cls(math.prod(image_shape))

    def check(self, images: Tensor) -> None:
        """Raise ValueError where ``images`` is neither uint8 [N, ...] nor floating [N, dim]."""
        kind = images.dtype == torch.uint8 or (images.is_floating_point() and images.ndim == 2)
        if not kind or len(images) == 0 or images[0].numel() != self.dim:
            raise ValueError(
                f"Raw(dim={self.dim}) takes uint8 images of {self.dim} values or floating points"
                f" [N, {self.dim}], got {images.dtype} {list(images.shape)}"
            )

    def extract(self, images: Tensor) -> Features:
        """Return the flat values, [N, dim]."""
        flat = images.flatten(1).float()
        return Features(flat / 127.5 - 1 if images.dtype == torch.uint8 else flat, None)


class Shrunk(Extractor):
    """No network: images shrunk to 16 x 16 by the means of their parts, / 127.5 - 1, flattened.

    For images so large that the covariance of all their pixels takes gigabytes and minutes.

    Args:
        channels: Of the images.
    """

    id = "raw16"
    family = "means16"
    side = 16

    def __init__(self, channels: int = 3) -> None:
        self.channels, self.dim = channels, channels * self.side**2

    @classmethod
    def for_images(cls, image_shape: Sequence[int]) -> Self:
        """Return the extractor of images with this number of channels."""
        return cls(image_shape[0])

    def check(self, images: Tensor) -> None:
        """Raise ValueError where ``images`` are not uint8 [N, channels, H, W]."""
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != self.channels or len(images) == 0:
            expected = f"uint8 images [N, {self.channels}, H, W]"
            raise ValueError(f"{self.id} takes {expected}, got {images.dtype} {list(images.shape)}")

    def extract(self, images: Tensor) -> Features:
        """Return the flat values, [N, dim]."""
        small = torch.nn.functional.adaptive_avg_pool2d(images.float(), self.side)
        return Features(small.flatten(1) / 127.5 - 1, None)


@contextmanager
def full_precision() -> Iterator[None]:
    """Run float32 products in float32: no TF32 on CUDA, no bfloat16 on CPU; then restore the settings.

    ``torch.set_float32_matmul_precision("medium")`` turns the products of a CPU into bfloat16 too (error 0.19
    instead of 4e-5 for a 256 x 256 product of standard normals).
    """
    cudnn: Any = torch.backends.cudnn
    operations = operations_with_precision()
    matmul, conv = _older(torch.get_float32_matmul_precision), _older(lambda: cudnn.allow_tf32)
    each = [operation.fp32_precision for operation in operations]
    _set(operations, ["ieee"] * len(each), matmul and "highest", conv and False)  # None stays None
    try:
        yield
    finally:
        _set(operations, each, matmul, conv)


def _set(operations: list[Any], each: list[str], matmul: str | None, conv: bool | None) -> None:
    cudnn: Any = torch.backends.cudnn
    if matmul is not None:
        torch.set_float32_matmul_precision(matmul)
    if conv is not None:
        cudnn.allow_tf32 = conv
    for operation, precision in zip(operations, each, strict=True):
        operation.fp32_precision = precision


def _older(switch: Callable[[], Any]) -> Any:
    """Return how an older switch is set, or None where torch refuses to read it because the newer one was used."""
    try:
        return switch()
    except RuntimeError:
        return None


def operations_with_precision() -> list[Any]:
    """Return what has a switch of its own, as torch has it since 2.9; before, there are only the two common ones."""
    cuda, cudnn, mkldnn = torch.backends.cuda, torch.backends.cudnn, torch.backends.mkldnn
    places = (cuda, "matmul"), (cudnn, "conv"), (cudnn, "rnn"), (mkldnn, "matmul"), (mkldnn, "conv")
    operations = [getattr(place, name, None) for place, name in places]
    return [operation for operation in operations if hasattr(operation, "fp32_precision")]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
