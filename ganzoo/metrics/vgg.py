"""VGG-16, whose layers see images much as people do: for inversion, from a local file of weights."""

from pathlib import Path

import torch
from torch import Tensor, nn

from ganzoo.metrics.features import file_sha256
from ganzoo.metrics.tensors import read_tensors

OFFICIAL_PREFIX = "397923af"  # of the SHA-256 of torchvision's vgg16-397923af.pth, ImageNet, 528 MB
URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
LARGEST = 2**30  # bytes of the file
REMEDY = f"download {URL} and name the file"
LAYERS = ["features.1", "features.3", "features.13", "features.20"]  # relu1_1, relu1_2, relu3_2, relu4_2
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels in [0, 1]


class VGG16(nn.Module):
    """The convolutions of VGG-16 up to relu4_2.

    Images in [-1, 1], grey or RGB, of any size from 16 pixels up -> [N, 512, H / 8, W / 8].
    Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015.
    https://arxiv.org/abs/1409.1556

    Args:
        weights: torchvision's file of VGG-16. ``official`` says whether its content is that of ``URL``.

    Raises:
        ValueError: there is no such file, or it does not hold this network.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: str | Path) -> None:
        from torchvision.models import vgg16

        super().__init__()
        path = Path(weights)
        if not path.is_file():
            raise ValueError(f"no weights of VGG-16 at {path}: {REMEDY}")
        self.official = file_sha256(path).startswith(OFFICIAL_PREFIX)
        with torch.device("meta"):
            whole = vgg16(weights=None)
        self.features = whole.features[:21]
        state = {
            name: value for name, value in read_tensors(path, LARGEST, REMEDY).items() if name in self.state_dict()
        }
        try:
            self.load_state_dict(state, assign=True)
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip()
            raise ValueError(f"{path} does not hold VGG-16 as torchvision names it: {first}") from error
        self.requires_grad_(False).eval()
        for name, values in (("mean", MEAN), ("std", STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return relu4_2 of images [N, C, H, W] in [-1, 1]."""
        seen: Tensor = self.features(((images.expand(-1, 3, -1, -1) + 1) / 2 - self.mean) / self.std)
        return seen
