"""The classic sets, read by torchvision."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.base import ImageData, check_size, data_root
from ganzoo.data.cyclegan_sets import SETS, fetch_zip
from ganzoo.pixels import resize_uint8

SPLIT_SEED = 1998  # never to change: it decides who is in which split
CIFAR100_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel
can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion
lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree
pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea
seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank
telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


class TorchvisionData(ImageData):
    """A set that torchvision knows: ``test`` is the official one, ``val`` a fixed part of the training set.

    Args:
        batch_size: Images per batch and process.
        seed: Seed of the order of the training images.
        size: Side that images are resized to; none: as they are.
        root: Folder with the data; none: the environment's GANZOO_DATA, or ~/.cache/ganzoo.
        val_size: Number of training images set apart for validation.
        hflip: Mirror each training image with probability 1/2.
    """

    native_shape: ClassVar[tuple[int, int, int]]

    def __init__(
        self,
        batch_size: int = 64,
        seed: int = 0,
        size: int | None = None,
        root: str | None = None,
        val_size: int = 5000,
        hflip: bool = False,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        self.root, self.val_size, self.hflip = root, val_size, hflip
        channels, native, _ = self.native_shape
        self.image_shape = (channels, *check_size(native if size is None else size))

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        """Return the images of a split, uint8 [N, C, H, W], in a fixed shuffled order, and their labels.

        Raises:
            ValueError: validation leaves nothing to train on.
        """
        source = open_set(self.name, self.folder, train=split != "test")
        images, labels = as_tensors(source)
        chosen = torch.from_numpy(np.random.RandomState(SPLIT_SEED).permutation(len(images)))
        if split != "test":
            if not 0 < self.val_size < len(images):
                raise ValueError(f"val_size must be from 1 to {len(images) - 1}, got {self.val_size}")
            cut = len(images) - self.val_size
            chosen = chosen[:cut] if split == "train" else chosen[cut:]
        return resize_uint8(images[chosen], self.image_shape[-1]), labels[chosen]


def open_set(name: str, folder: Path, train: bool, download: bool = False) -> Any:
    """Return torchvision's data set.

    Raises:
        FileNotFoundError: it is not there.
    """
    import torchvision

    try:
        return getattr(torchvision.datasets, name)(str(folder), train=train, download=download)
    except RuntimeError as error:
        if download:
            raise
        raise FileNotFoundError(
            f"{name} not found under {folder}: run `ganzoo fetch {name}` (or set GANZOO_DATA)"
        ) from error


def as_tensors(source: Any) -> tuple[Tensor, Tensor]:
    """Return all images of torchvision's set, uint8 [N, C, H, W], and labels, int64 [N]."""
    data = torch.as_tensor(source.data)
    images = data[:, None] if data.dim() == 3 else data.permute(0, 3, 1, 2)
    return images.contiguous(), torch.as_tensor(source.targets, dtype=torch.long)


class MNIST(TorchvisionData):
    """70,000 handwritten digits, 28 x 28, grey.

    LeCun et al., 1998. http://yann.lecun.com/exdb/mnist
    """

    name = "MNIST"
    native_shape = (1, 28, 28)
    class_names = tuple("0123456789")
    classifier = "mnist-lenet64.v1"


class FashionMNIST(TorchvisionData):
    """70,000 articles of clothing, 28 x 28, grey.

    Xiao et al., 2017. https://arxiv.org/abs/1708.07747
    """

    name = "FashionMNIST"
    native_shape = (1, 28, 28)
    class_names = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )


class KMNIST(TorchvisionData):
    """70,000 cursive Japanese letters, 28 x 28, grey.

    Clanuwat et al., 2018. https://arxiv.org/abs/1812.01718
    """

    name = "KMNIST"
    native_shape = (1, 28, 28)
    class_names = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


class CIFAR10(TorchvisionData):
    """60,000 photographs, 32 x 32, 10 classes.

    Krizhevsky, 2009. https://www.cs.toronto.edu/~kriz/cifar.html
    """

    name = "CIFAR10"
    native_shape = (3, 32, 32)
    class_names = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )


class CIFAR100(TorchvisionData):
    """60,000 photographs, 32 x 32, 100 classes.

    Krizhevsky, 2009. https://www.cs.toronto.edu/~kriz/cifar.html
    """

    name = "CIFAR100"
    native_shape = (3, 32, 32)
    class_names = tuple(CIFAR100_NAMES.split())


FETCHABLE = (CIFAR10, CIFAR100, FashionMNIST, KMNIST, MNIST)


def fetch(name: str, root: str | None = None) -> Path:
    """Download a set and check that it is whole; return where it lies.

    The classic sets come through torchvision, into a folder; those of CycleGAN's authors are zip files.

    Args:
        name: Name of the set, such as "MNIST" or "horse2zebra".
        root: Folder to download to; none: the environment's GANZOO_DATA, or ~/.cache/ganzoo.

    Raises:
        ValueError: there is no such set to download.
    """
    known = [*(cls.name for cls in FETCHABLE), *SETS]
    if name not in known:
        raise ValueError(f"{name!r} cannot be fetched: choose from {', '.join(known)}")
    folder = data_root(root)
    if name in SETS:
        return fetch_zip(name, folder / "cyclegan")
    folder.mkdir(parents=True, exist_ok=True)
    for train in (True, False):
        open_set(name, folder, train, download=True)
    return folder
