"""Networks: plain modules that know nothing of training."""

from ganzoo.networks.bottleneck import Bottleneck
from ganzoo.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganzoo.networks.encoders import DCGANEncoder, MLPEncoder
from ganzoo.networks.heads import WithClassifier, WithCodes
from ganzoo.networks.joint import DCGANJointDiscriminator, MLPJointDiscriminator
from ganzoo.networks.minibatch import VirtualBatchGenerator
from ganzoo.networks.mlp import MLPDiscriminator, MLPGenerator
from ganzoo.networks.patch import PatchDiscriminator
from ganzoo.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from ganzoo.networks.refiner import Refiner
from ganzoo.networks.resnet import ResNetDiscriminator, ResNetGenerator
from ganzoo.networks.resnet_translator import ResNetTranslator
from ganzoo.networks.unet import UNetTranslator
from ganzoo.networks.wrappers import DiffAugment, InstanceNoise, Packed

__all__ = [
    "Bottleneck",
    "DCGANDiscriminator",
    "DCGANEncoder",
    "DCGANGenerator",
    "DCGANJointDiscriminator",
    "DiffAugment",
    "InstanceNoise",
    "MLPDiscriminator",
    "MLPEncoder",
    "MLPGenerator",
    "MLPJointDiscriminator",
    "Packed",
    "PatchDiscriminator",
    "R3GANDiscriminator",
    "R3GANGenerator",
    "Refiner",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "ResNetTranslator",
    "UNetTranslator",
    "VirtualBatchGenerator",
    "WithClassifier",
    "WithCodes",
]
