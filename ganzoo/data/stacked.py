"""Stacked MNIST: a thousand modes that a classifier can count."""

import torch
from torch import Tensor

from ganzoo.data.base import ImageData
from ganzoo.data.order import mix
from ganzoo.data.torchvision_sets import MNIST

HELD_OUT = 10_000  # triples for validation and for testing


class StackedMNIST(ImageData):
    """Three random MNIST digits a, b, c as the channels of an image: 1,000 classes, 100 a + 10 b + c.

    The triples of a split are drawn, with replacement, from MNIST's images of that split, and depend on nothing
    but the split. 128,000 images of 28 x 28 take 301 MB.

    Metz et al., "Unrolled Generative Adversarial Networks", 2017. https://arxiv.org/abs/1611.02163
    Lin et al., "PacGAN", 2018. https://arxiv.org/abs/1712.04086

    Args:
        batch_size: Images per batch and process.
        seed: Seed of the order of the training images.
        size: Side that the digits are resized to; none: 28.
        root: Folder with MNIST; none: the environment's GANZOO_DATA, or ~/.cache/ganzoo.
        val_size: Number of MNIST's training images set apart for validation.
        n_images: Number of training images; for validation and testing there are up to 10,000.

    Raises:
        ValueError: ``n_images`` below 1.
    """

    name = "StackedMNIST"
    class_names = tuple(f"{k:03d}" for k in range(1000))
    classifier = "mnist-lenet64x3.v1"

    def __init__(
        self,
        batch_size: int = 64,
        seed: int = 0,
        size: int | None = None,
        root: str | None = None,
        val_size: int = 5000,
        n_images: int = 128_000,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        if n_images < 1:
            raise ValueError(f"n_images must be at least 1, got {n_images}")
        self.root, self.n_images = root, n_images
        self.digits = MNIST(size=size, root=root, val_size=val_size)
        self.image_shape = (3, *self.digits.image_shape[1:])

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        """Return the images of a split, uint8 [N, 3, H, W], and their classes."""
        images, labels = self.digits.read(split)
        n = self.n_images if split == "train" else min(self.n_images, HELD_OUT)
        generator = torch.Generator().manual_seed(mix("stacked mnist", split))
        chosen = torch.randint(len(images), (n, 3), generator=generator)
        return images[chosen, 0], labels[chosen] @ torch.tensor([100, 10, 1])
