"""The small segmentation network that ships with the package: it reads the label map in a photograph of a street."""

from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganzoo.metrics.features import full_precision
from ganzoo.metrics.shipped import load_shipped
from ganzoo.pixels import to_float

ID = "streets-fcn.v1"
SHA256 = "f6bc6e75f1d0c3a55c7e5fdb171c4274640b0fd53a519c75597e90e7240f0214"
CLASSES = 8  # road, pavement, building, tree, sky, car, person, pole
SIDE = 64  # pixels of the photographs that it learnt from
WIDTHS = (16, 32, 64, 112)  # channels of the maps, each half as large as the one before
BLOCK = 64  # photographs per forward pass


class StreetsNetwork(nn.Module):
    """A U-Net of 3x3 convolutions with batch norm: four maps, of which the smallest is an eighth of the image.

        f_0 = conv(x),  f_k = conv(conv(f_{k-1}) with stride 2),  h_3 = f_3,  h_k = conv(f_k + enlarged(1x1(h_{k+1})))

    Photographs in [-1, 1], [N, 3, H, W], to a logit for each class and pixel, [N, 8, H, W]. 306 408 parameters.
    Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015.
    https://arxiv.org/abs/1505.04597
    """

    def __init__(self) -> None:
        super().__init__()
        halvings = [nn.Sequential(_conv(a, b, 2), _conv(b, b)) for a, b in pairwise(WIDTHS)]
        self.down = nn.ModuleList([_conv(3, WIDTHS[0]), *halvings])
        self.lift = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(WIDTHS))
        self.up = nn.ModuleList(_conv(a, a) for a in WIDTHS[:-1])
        self.head = nn.Conv2d(WIDTHS[0], CLASSES, 1)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return f_0, ..., f_3: [N, 16, H, W], ..., [N, 112, H / 8, W / 8], sides rounded up."""
        found = []
        for down in self.down:
            x = down(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [N, 8, H, W]."""
        *skips, h = self.maps(x)
        for f, lift, up in zip(skips[::-1], reversed(self.lift), reversed(self.up), strict=True):
            h = up(f + interpolate(lift(h), f.shape[2:], mode="bilinear"))
        logits: Tensor = self.head(h)
        return logits


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class StreetsFCN:
    """Reads the label map in photographs of ``ganzoo.data.Streets``, as FCN-8s does in those of Cityscapes.

    A translation of a label map to a photograph is judged by how much of the label map can be read in it: the FCN-score
    of Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017, section 4.
    https://arxiv.org/abs/1611.07004. Trained by ``tools/train_streets_fcn.py`` on scenes of its own, which no split
    has; weights are never trained again on the user's machine.

    Args:
        weights: File to read instead of the shipped one; it must have the same content.

    Raises:
        ValueError: the file is missing or is not, byte for byte, the one that the id stands for.
    """

    id = ID
    sha256 = SHA256

    def __init__(self, weights: str | None = None) -> None:
        network = load_shipped(StreetsNetwork, ID, SHA256, weights)
        self.network = network.to(memory_format=torch.channels_last)  # twice as fast
        self.device = torch.device("cpu")

    def __call__(self, images: Tensor) -> Tensor:
        """Return the class of each pixel, uint8 [N, H, W], on the device of the network.

        Photographs of other sizes are resized so that their shorter side is 64, and logits back to their size.

        Args:
            images: Photographs [N, 3, H, W], uint8 or float in [-1, 1].

        Raises:
            ValueError: images that are not in colour, or not finite.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"{self.id} takes photographs in colour, [N, 3, H, W], got {list(images.shape)}")
        if not bool(images.isfinite().all()):
            raise ValueError(f"{self.id} takes finite images: look for a diverged model")
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False), full_precision():
            parts = [self.read(to_float(part.to(self.device)).float()) for part in images.split(BLOCK)]
        return torch.cat(parts)

    def read(self, x: Tensor) -> Tensor:
        """Return the class of each pixel of some photographs in [-1, 1]."""
        size = x.shape[2:]
        if min(size) != SIDE:
            height, width = (max(SIDE, round(side * SIDE / min(size))) for side in size)
            x = interpolate(x, (height, width), mode="bilinear", antialias=True)
        logits: Tensor = self.network(x)
        if logits.shape[2:] != size:
            logits = interpolate(logits, size, mode="bilinear")
        return logits.argmax(dim=1).to(torch.uint8)

    def to(self, device: torch.device | str) -> Self:
        """Move to ``device`` and return itself."""
        self.device = torch.device(device)
        self.network.to(device)
        return self
