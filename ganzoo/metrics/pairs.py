"""Pairs of images x and x̂, [N, C, H, W] in [-1, 1]: how near they are, pixel by pixel, and how sharp one is.

``l1``, ``psnr`` and ``ssim`` reward a blur: where several answers are right, their mean is nearest to each. Read
``roughness`` beside. Distances as people see them need weights that do not come with the package: with those of
torchvision ``ganzoo.inversion.LPIPS().against(x, model)(x_hat, None, torch.arange(len(x)))`` has one for each pair.
"""

import math

import torch
from torch import Tensor

WINDOW = 11  # pixels: the width of SSIM's Gaussian window
SIGMA = 1.5  # pixels: its standard deviation
BLOCK = 256  # images whose SSIM is computed at once


def l1(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return the mean over pixels and channels of |x - x̂|, float64 [N]."""
    return (x - x_hat).abs().flatten(1).mean(dim=1, dtype=torch.float64)


def distance(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return |x - x̂|₂, float64 [N]."""
    norm: Tensor = torch.linalg.vector_norm((x - x_hat).flatten(1), dim=1, dtype=torch.float64)
    return norm


def mse(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return the mean over pixels and channels of (x - x̂)², float64 [N]."""
    return distance(x, x_hat).square() / x[0].numel()


def psnr(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return 10 log10(2² / mse) in dB, float64 [N]: the pixels of [-1, 1] have a range of 2; inf of equal images."""
    return 10 * (4 / mse(x, x_hat)).log10()


def roughness(x: Tensor) -> Tensor:
    """Return the mean absolute difference of pixels that are neighbours in a row or in a column, float64 [N].

    Args:
        x: Images [N, C, H, W], sides of 2 or more.
    """
    down, along = ((x.diff(dim=dim)).abs().flatten(1).mean(dim=1, dtype=torch.float64) for dim in (2, 3))
    return (down + along) / 2


def ssim(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return the structural similarity of images, float64 [N]; nan where a side has fewer than ``WINDOW`` pixels.

        SSIM = mean of (2 μ μ' + c₁)(2 σ_xx' + c₂) / ((μ² + μ'² + c₁)(σ² + σ'² + c₂)),    c = 0.01², 0.03²

    over channels and pixels. μ, σ² and σ_xx' are means, variances and covariance under a Gaussian window of 11 pixels
    and standard deviation 1.5 around the pixel, borders reflected, of the brightness (x + 1) / 2 in [0, 1].

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004.
    https://doi.org/10.1109/TIP.2003.819861
    """
    if min(x.shape[2:]) < WINDOW:
        return torch.full((len(x),), math.nan, dtype=torch.float64)
    parts = [_ssim(a, b) for a, b in zip(x.split(BLOCK), x_hat.split(BLOCK), strict=True)]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def _ssim(x: Tensor, x_hat: Tensor) -> Tensor:
    a, b = ((image.double() + 1) / 2 for image in (x, x_hat))
    rows, columns = (_window(side).to(a) for side in a.shape[2:])

    def blurred(image: Tensor) -> Tensor:  # the window is a product, so it is one matrix on each side
        return rows @ image @ columns.T

    mean_a, mean_b = blurred(a), blurred(b)
    variances = blurred(a * a + b * b) - mean_a.square() - mean_b.square()
    covariance = blurred(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (luminance * structure).flatten(1).mean(dim=1)


def _window(side: int) -> Tensor:
    """Return the matrix [side, side] of which row i weighs the pixels i - 5 to i + 5, mirrored at the borders."""
    away = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = (-(away / SIGMA).square() / 2).exp()
    places = torch.arange(side)[:, None] + away.long()
    places = side - 1 - (side - 1 - places.abs()).abs()
    matrix = torch.zeros(side, side, dtype=torch.float64)
    return matrix.scatter_add_(1, places, (weights / weights.sum()).expand(side, -1))
