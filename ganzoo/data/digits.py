"""The embedded default: real handwritten digits that need no download."""

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.base import SPLITS, ImageData, check_size
from ganzoo.pixels import resize_uint8

SPLIT_SEED = 2014  # never to change: it decides who is in which split


class Digits(ImageData):
    """1,797 handwritten digits of 8 x 8 pixels, shipped with scikit-learn (the test set of UCI's digits).

    Values 0..16 become 0..255. Each class is split 80/10/10.

    Alpaydin & Kaynak, 1998. https://archive.ics.uci.edu/dataset/80

    Args:
        batch_size: Images per batch and process.
        seed: Seed of the order of the training images.
        size: Side that images are resized to; 28: laid out as MNIST is, 16 x 16 in a dark frame of 6.
    """

    name = "Digits"
    class_names = tuple("0123456789")
    classifier = "mnist-lenet64.v1"

    def __init__(self, batch_size: int = 64, seed: int = 0, size: int = 8) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        self.image_shape = (1, *check_size(size))

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        """Return the digits of a split, uint8 [N, 1, size, size], and their labels."""
        from sklearn.datasets import load_digits

        values, labels = load_digits(return_X_y=True)
        chosen = stratified(labels)[split]
        images = torch.from_numpy(np.rint(values[chosen] * (255 / 16)).astype(np.uint8)).view(-1, 1, 8, 8)
        if self.image_shape[-1] == 28:
            small = torch.nn.functional.interpolate(images.float(), size=(16, 16), mode="bicubic", antialias=True)
            images = torch.nn.functional.pad(small.round().clamp(0, 255), (6, 6, 6, 6)).to(torch.uint8)
        return resize_uint8(images, self.image_shape[-1]), torch.from_numpy(labels[chosen].astype(np.int64))


def stratified(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Split shuffled indices 80/10/10 within each class, for all time: numpy froze RandomState's streams."""
    shuffled = np.random.RandomState(SPLIT_SEED).permutation(len(labels))
    tenth = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        of_class = labels[shuffled] == label
        tenth[of_class] = np.arange(of_class.sum()) * 10 // of_class.sum()
    split = np.maximum(tenth - 7, 0)
    return {name: shuffled[split == i] for i, name in enumerate(SPLITS)}
