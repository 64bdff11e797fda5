"""Data: one LightningDataModule per source, in memory where possible."""

from ganzoo.data.arrays import Arrays
from ganzoo.data.attributes import attributes
from ganzoo.data.base import ImageData, data_root
from ganzoo.data.derived import Derived
from ganzoo.data.digits import Digits
from ganzoo.data.domains import Emoji, Glasses, Hanzi
from ganzoo.data.folder import ImageFolder
from ganzoo.data.gaussians import Gaussians
from ganzoo.data.hugging_face import HuggingFace
from ganzoo.data.memory import MemoryLoader
from ganzoo.data.order import Order
from ganzoo.data.own_pairs import Pairs, Unpaired
from ganzoo.data.pairs import UnpairedLoader
from ganzoo.data.peeps import Peeps
from ganzoo.data.shards import Shards, write_shards
from ganzoo.data.sprites import Sprites
from ganzoo.data.stacked import StackedMNIST
from ganzoo.data.streets import Streets, nearest_labels
from ganzoo.data.torchvision_sets import CIFAR10, CIFAR100, KMNIST, MNIST, FashionMNIST, fetch
from ganzoo.data.workers import WorkerLoader
from ganzoo.pixels import resize_uint8, to_float, to_uint8

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KMNIST",
    "MNIST",
    "Arrays",
    "Derived",
    "Digits",
    "Emoji",
    "FashionMNIST",
    "Gaussians",
    "Glasses",
    "Hanzi",
    "HuggingFace",
    "ImageData",
    "ImageFolder",
    "MemoryLoader",
    "Order",
    "Pairs",
    "Peeps",
    "Shards",
    "Sprites",
    "StackedMNIST",
    "Streets",
    "Unpaired",
    "UnpairedLoader",
    "WorkerLoader",
    "attributes",
    "data_root",
    "fetch",
    "nearest_labels",
    "resize_uint8",
    "to_float",
    "to_uint8",
    "write_shards",
]
