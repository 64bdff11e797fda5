"""Networks: plain modules that know nothing of training."""

from ganzoo.networks.conditional import WithClassifier
from ganzoo.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganzoo.networks.minibatch import VirtualBatchGenerator
from ganzoo.networks.mlp import MLPDiscriminator, MLPGenerator
from ganzoo.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from ganzoo.networks.resnet import ResNetDiscriminator, ResNetGenerator
from ganzoo.networks.wrappers import DiffAugment, InstanceNoise, Packed

__all__ = [
    "DCGANDiscriminator",
    "DCGANGenerator",
    "DiffAugment",
    "InstanceNoise",
    "MLPDiscriminator",
    "MLPGenerator",
    "Packed",
    "R3GANDiscriminator",
    "R3GANGenerator",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "VirtualBatchGenerator",
    "WithClassifier",
]
