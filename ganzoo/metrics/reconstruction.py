"""Reconstruction: how near G(E(x)) is to x, pixel by pixel."""

from typing import NamedTuple

import torch
from torch import Tensor

from ganzoo.metrics.pairs import check_pairs, psnr, ssim


class Reconstruction(NamedTuple):
    """What ``reconstruction_report`` returns; ``psnr`` is in dB."""

    mse: float
    psnr: float
    ssim: float
    ratio: float


def reconstruction_report(x: Tensor, x_hat: Tensor, seed: int = 0) -> Reconstruction:
    """Return how near images are to their reconstructions.

        mse: mean over images and pixels of (x - x̂)², on the scale of [-1, 1]: 4 times that of [0, 1]
        psnr: mean over images of 10 log10(2² / mse of the image); inf where one image is perfect. It is not that of
            the mean mse, which is smaller
        ssim: mean structural similarity, see ``pairs.ssim``; nan for images with a side of fewer than 11 pixels
        ratio: Σ_i |x_i - x̂_i|₂ / Σ_i |x_i - x̂_π(i)|₂, π a permutation that leaves no image in its place. 0 is
            perfect, 1 is what reconstructions have that know nothing of their image; nan where both sums are 0

    The mse of blurred images is small too, and the ratio has another scale for each data set: read them beside
    those of the mean image and of an autoencoder.

    Donahue et al., "Adversarial Feature Learning", 2017. https://arxiv.org/abs/1605.09782

    Args:
        x: Images in [-1, 1], [N, C, H, W], N > 1.
        x_hat: Their reconstructions in the same order, [N, C, H, W].
        seed: Of the permutation.

    Raises:
        ValueError: shapes that differ, whole numbers, fewer than two images, values that are not finite, or images
            outside [-1, 1].
    """
    check_pairs(x, x_hat, least=2)
    x, x_hat = x.detach(), x_hat.detach().to(x)
    distance, other = _distance(x, x_hat), _distance(x, x_hat[_moved(len(x), seed).to(x.device)])
    mse = distance.square() / x[0].numel()
    ratio = distance.sum() / other.sum()
    return Reconstruction(float(mse.mean()), float(psnr(x, x_hat).mean()), float(ssim(x, x_hat).mean()), float(ratio))


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Return |a_i - b_i|₂, float64 [N]."""
    distance: Tensor = torch.linalg.vector_norm((a - b).flatten(1), dim=1, dtype=torch.float64)
    return distance


def _moved(n: int, seed: int) -> Tensor:
    """Return a permutation of n numbers without a fixed point: each gets the next one in a random circle."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return torch.empty_like(order).scatter_(0, order, order.roll(-1))
