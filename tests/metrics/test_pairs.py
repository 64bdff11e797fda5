"""Pairs of images: distances by hand, SSIM as torchmetrics has it, and the sharpness that they do not see."""

import math

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from ganzoo.metrics.pairs import BLOCK, l1, psnr, roughness, ssim


def draw(n, c=3, size=(16, 16), seed=0):
    return 2 * torch.rand(n, c, *size, generator=torch.Generator().manual_seed(seed)) - 1


def grey(*values, size=12):
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 1, size, size)


def test_a_known_shift():
    x = draw(4) * 0.5
    x_hat = x + torch.tensor([0.25, -0.25, 0.5, -0.5]).view(4, 1, 1, 1)
    torch.testing.assert_close(l1(x, x_hat), torch.tensor([0.25, 0.25, 0.5, 0.5]).double())
    assert psnr(x, x_hat).tolist() == pytest.approx([10 * math.log10(k) for k in (64, 64, 16, 16)], rel=1e-6)


def test_equal_images():
    x = draw(3)
    assert (l1(x, x).tolist(), psnr(x, x).tolist()) == ([0] * 3, [math.inf] * 3)
    assert ssim(x, x).tolist() == pytest.approx([1] * 3, abs=1e-9)
    assert ssim(grey(0.5), grey(0.5)).tolist() == pytest.approx([1], abs=1e-9)


def test_ssim_of_grey_images_is_the_luminance_term():
    """(2 a b + c) / (a² + b² + c), c = 0.01², of brightness."""
    c = 0.01**2
    expected = [(2 * a * b + c) / (a * a + b * b + c) for a, b in ((0.75, 0.625), (0.25, 0.75))]
    assert ssim(grey(0.5, -0.5), grey(0.25, 0.5)).tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("channels", "size"), [(1, (11, 11)), (3, (16, 29)), (4, (24, 12))])
def test_ssim_is_that_of_torchmetrics(channels, size):
    x, other = draw(5, channels, size), draw(5, channels, size, seed=1)
    x_hat = torch.lerp(x, other, torch.linspace(0, 1, 5).view(5, 1, 1, 1))
    a, b = (x.double() + 1) / 2, (x_hat.double() + 1) / 2
    expected = structural_similarity_index_measure(b, a, data_range=1.0, reduction="none")
    assert float(expected.max() - expected.min()) > 0.1
    torch.testing.assert_close(ssim(x, x_hat), expected, rtol=0, atol=1e-9)


def test_blocks_do_not_change_ssim():
    n = BLOCK + 3
    x, x_hat = draw(n, 1, (11, 11)), draw(n, 1, (11, 11), seed=1)
    each = torch.cat([ssim(x[i : i + 1], x_hat[i : i + 1]) for i in (0, BLOCK - 1, BLOCK, n - 1)])
    torch.testing.assert_close(ssim(x, x_hat)[[0, BLOCK - 1, BLOCK, n - 1]], each, rtol=0, atol=1e-12)


def test_no_window_fits_in_small_images():
    assert ssim(draw(2, size=(10, 16)), draw(2, size=(10, 16), seed=1)).isnan().all()


def test_roughness_by_hand():
    steps = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 2, 3, 4) * 0.3
    checks = (torch.arange(16).view(1, 1, 4, 4) + torch.arange(4).view(4, 1)) % 2 * 2.0 - 1
    assert roughness(steps).tolist() == pytest.approx([0.15])  # 0.3 along a row, 0 down a column
    assert roughness(steps.mT).tolist() == pytest.approx([0.15])
    assert roughness(checks).tolist() == [2]
    assert roughness(grey(0.5)).tolist() == [0]


def test_a_blur_is_nearer_but_not_sharp():
    """Of two answers that are as likely their mean is nearer than the wrong one, and half as rough or less."""
    x, other = draw(50, 1, size=(32, 32)), draw(50, 1, size=(32, 32), seed=1)
    mean = (x + other) / 2
    assert l1(x, mean).mean() < 0.6 * l1(x, other).mean()
    assert float(roughness(mean).mean() / roughness(x).mean()) < 0.8
    assert psnr(x, mean).mean() > psnr(x, other).mean() + 5
