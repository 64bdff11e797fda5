"""The variants. These imports are the registry."""

from ganzoo.models.bigan import BiGAN
from ganzoo.models.cogan import CoGAN
from ganzoo.models.conditional import ACGAN, CGAN, ProjectionGAN
from ganzoo.models.contentgan import ContentGAN
from ganzoo.models.cyclegan import CycleGAN
from ganzoo.models.fgan import FGAN
from ganzoo.models.gan import DCGAN, GAN, LSGAN, NSGAN, HingeGAN
from ganzoo.models.given import IcGAN, ImageEncoder, LatentEncoder
from ganzoo.models.ibgan import IBGAN
from ganzoo.models.improved import ImprovedGAN
from ganzoo.models.infogan import InfoGAN
from ganzoo.models.iterativeencoder import IterativeEncoder
from ganzoo.models.pacgan import PacGAN
from ganzoo.models.pairgan import PairGAN
from ganzoo.models.pix2pix import Pix2Pix
from ganzoo.models.r1gan import R1GAN
from ganzoo.models.r3gan import R3GAN
from ganzoo.models.regressor import JointLatentRegressor, LatentRegressor
from ganzoo.models.sngan import SAGAN, SNGAN
from ganzoo.models.unrolled import UnrolledGAN
from ganzoo.models.vae import CVAE, VAE, BetaVAE
from ganzoo.models.wgan import WGAN, WGANGP

__all__ = [
    "ACGAN",
    "CGAN",
    "CVAE",
    "DCGAN",
    "FGAN",
    "GAN",
    "IBGAN",
    "LSGAN",
    "NSGAN",
    "R1GAN",
    "R3GAN",
    "SAGAN",
    "SNGAN",
    "VAE",
    "WGAN",
    "WGANGP",
    "BetaVAE",
    "BiGAN",
    "CoGAN",
    "ContentGAN",
    "CycleGAN",
    "HingeGAN",
    "IcGAN",
    "ImageEncoder",
    "ImprovedGAN",
    "InfoGAN",
    "IterativeEncoder",
    "JointLatentRegressor",
    "LatentEncoder",
    "LatentRegressor",
    "PacGAN",
    "PairGAN",
    "Pix2Pix",
    "ProjectionGAN",
    "UnrolledGAN",
]
