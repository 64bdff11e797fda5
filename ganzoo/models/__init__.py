"""The variants. These imports are the registry."""

from ganzoo.models.conditional import ACGAN, CGAN, ProjectionGAN
from ganzoo.models.fgan import FGAN
from ganzoo.models.gan import DCGAN, GAN, LSGAN, NSGAN, HingeGAN
from ganzoo.models.improved import ImprovedGAN
from ganzoo.models.pacgan import PacGAN
from ganzoo.models.r1gan import R1GAN
from ganzoo.models.r3gan import R3GAN
from ganzoo.models.sngan import SAGAN, SNGAN
from ganzoo.models.unrolled import UnrolledGAN
from ganzoo.models.wgan import WGAN, WGANGP

__all__ = [
    "ACGAN",
    "CGAN",
    "DCGAN",
    "FGAN",
    "GAN",
    "LSGAN",
    "NSGAN",
    "R1GAN",
    "R3GAN",
    "SAGAN",
    "SNGAN",
    "WGAN",
    "WGANGP",
    "HingeGAN",
    "ImprovedGAN",
    "PacGAN",
    "ProjectionGAN",
    "UnrolledGAN",
]
