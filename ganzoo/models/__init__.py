"""The variants. These imports are the registry."""

from ganzoo.models.gan import DCGAN, GAN, LSGAN, NSGAN, HingeGAN
from ganzoo.models.r1gan import R1GAN
from ganzoo.models.wgan import WGAN, WGANGP

__all__ = ["DCGAN", "GAN", "LSGAN", "NSGAN", "R1GAN", "WGAN", "WGANGP", "HingeGAN"]
