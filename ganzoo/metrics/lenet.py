"""The small digit network that ships with the package: the default extractor for grey images."""

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.metrics.features import Extractor, Features
from ganzoo.metrics.shipped import load_shipped, shipped

ID = "mnist-lenet64.v1"
WEIGHTS = shipped(ID)
SHA256 = "e82e7b2a0cdae3145fe36118f259a8facb99137da3d3e843e16a9e48152153e9"
SMALL = 16


class DigitNetwork(nn.Module):
    """Four 3x3 convolutions of 16, 32, 64, 64 channels with batch norm; features are means over positions.

    Grey images in [0, 1], [N, 1, 28, 28], to features [N, 64] and logits [N, 10]. 61 050 parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(1, 16)
        self.conv2, self.bn2 = _conv(16, 32)
        self.conv3, self.bn3 = _conv(32, 64)
        self.conv4, self.bn4 = _conv(64, 64)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [N, 64] and logits [N, 10]."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.bn3(self.conv3(x)))
        x = F.relu(self.bn4(self.conv4(x))).mean(dim=(2, 3))
        return x, self.fc(x)


def _conv(inputs: int, outputs: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)


class LeNet64(Extractor):
    """Digit classifier trained on MNIST's training images: 64 features and 10 logits.

    The scale of its distances is arbitrary: print the floor (real against real at the same N) beside them.
    Trained by ``tools/train_lenet.py``; weights are never trained again on the user's machine.

    Args:
        weights: File to read instead of the shipped one; it must have the same content.

    Raises:
        ValueError: the file is missing or is not, byte for byte, the one that the id stands for.
    """

    id = ID
    dim = 64
    family = "grey28"
    sha256 = SHA256

    def __init__(self, weights: str | None = None) -> None:
        self.network = load_shipped(DigitNetwork, ID, SHA256, weights)

    def extract(self, images: Tensor) -> Features:
        """Return features [N, 64] and logits [N, 10]."""
        return Features(*self.network.eval()(as_mnist(images)))

    def to(self, device: torch.device | str) -> Self:
        """Move to ``device`` and return itself."""
        self.network.to(device)
        return super().to(device)


def as_mnist(images: Tensor) -> Tensor:
    """Turn uint8 [N, C, H, W] into grey [N, 1, 28, 28] in [0, 1], as MNIST has it.

    28 x 28 stays as it is; every other size is resized to 28 x 28 (bicubic, antialias, clamped). Images under
    16 x 16 become 16 x 16 with a dark frame of 6 pixels, because digits that small fill their frame while
    MNIST's lie in a box inside it. Accuracy on scikit-learn's 1 797 digits of 8 x 8, by the size they get:

        bicubic     16: 94.5 %    18: 94.2 %    20: 91.0 %    24: 55.0 %    28: 27.2 %
        bilinear    16: 83.4 %    18: 86.0 %    20: 75.5 %    24: 40.0 %    28: 22.7 %

    MNIST's test images reduced to 16, 20, 32 and 64 pixels and brought back to 28: bicubic 93.8, 97.4,
    98.7 and 98.7 %, bilinear 86.8, 95.5, 98.3 and 98.3 % (99.4 % untouched).
    """
    grey = images.float().mean(dim=1, keepdim=True) / 255
    if grey.shape[2:] == (28, 28):
        return grey
    frame = 6 if max(grey.shape[2:]) < SMALL else 0
    side = 28 - 2 * frame
    resized = F.interpolate(grey, size=(side, side), mode="bicubic", antialias=True)
    return F.pad(resized.clamp(0, 1), (frame,) * 4)
