import math

import pytest
import torch
from torch import Tensor

from ganzoo.metrics.reconstruction import _moved, reconstruction_report


def draw(n: int, c: int = 1, size: int = 12, seed: int = 0) -> Tensor:
    return 2 * torch.rand(n, c, size, size, generator=torch.Generator().manual_seed(seed)) - 1


def grey(*values: float, size: int = 12) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 1, size, size)


def test_a_known_shift():
    x = draw(4, 3) * 0.5
    report = reconstruction_report(x, x + 0.25)
    assert report.mse == pytest.approx(1 / 16, rel=1e-6)
    assert report.psnr == pytest.approx(10 * math.log10(64), rel=1e-6)


def test_psnr_is_the_mean_over_images():
    report = reconstruction_report(grey(0.0, 0.0), grey(0.2, 0.02))
    assert report.psnr == pytest.approx((20 + 40) / 2, rel=1e-6)
    assert report.mse == pytest.approx((0.04 + 0.0004) / 2, rel=1e-6)


def test_perfect_images():
    x = draw(5)
    assert reconstruction_report(x, x) == (0, math.inf, pytest.approx(1, abs=1e-6), 0)


def test_ssim_of_grey_images_is_the_luminance_term():
    """(2 a b + c) / (a² + b² + c), c = (0.01 L)², of brightness from 0 to L = 1."""
    c = 0.01**2
    expected = [(2 * a * b + c) / (a * a + b * b + c) for a, b in ((0.75, 0.625), (0.25, 0.75))]
    report = reconstruction_report(grey(0.5, -0.5), grey(0.25, 0.5))
    assert report.ssim == pytest.approx(sum(expected) / 2, abs=1e-5)


@pytest.mark.parametrize(("size", "there"), [(8, False), (10, False), (11, True)])
def test_no_window_fits_in_small_images(size, there):
    report = reconstruction_report(draw(3, size=size), draw(3, size=size, seed=1))
    assert math.isnan(report.ssim) != there
    assert all(math.isfinite(value) for value in (report.mse, report.psnr, report.ratio))


def test_the_ratio_of_two_images_by_hand():
    """Each against the other's: |0 - 0.1| + |1 - 0.8| over |0 - 0.8| + |1 - 0.1|."""
    assert reconstruction_report(grey(0.0, 1.0), grey(0.1, 0.8)).ratio == pytest.approx(0.3 / 1.7, rel=1e-5)


def test_the_ratio_is_one_of_distances_not_of_squares():
    assert reconstruction_report(grey(0.0, 0.0), grey(0.1, 0.8)).ratio == pytest.approx(1, rel=1e-6)
    x = grey(0.0, 0.6, size=2).clone()
    x[0, 0, 0] = torch.tensor([0.3, 0.4])
    x_hat = grey(0.0, 0.6, size=2)
    first, second = math.sqrt(0.09 + 0.16), math.sqrt(0.09 + 0.04 + 2 * 0.36)
    assert reconstruction_report(x, x_hat).ratio == pytest.approx(first / (second + 1.2), rel=1e-5)


def test_the_ratio_of_images_that_know_nothing_is_about_1():
    assert reconstruction_report(draw(50), draw(50, seed=1)).ratio == pytest.approx(1, abs=0.02)
    assert reconstruction_report(draw(50), grey(*[0.0] * 50)).ratio == pytest.approx(1, abs=1e-6)


def test_equal_images_have_no_ratio():
    assert math.isnan(reconstruction_report(grey(0.5, 0.5), grey(0.5, 0.5)).ratio)


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_no_image_stays_in_its_place(n):
    for seed in range(50):
        order = _moved(n, seed)
        assert sorted(order.tolist()) == list(range(n))
        assert not (order == torch.arange(n)).any()


def test_the_seed_of_the_permutation_decides():
    x, x_hat = draw(20), (draw(20) + draw(20, seed=1)) / 2
    before = torch.get_rng_state()
    first, again, other = (reconstruction_report(x, x_hat, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.ratio != other.ratio
    assert first[:3] == other[:3]
    assert torch.equal(torch.get_rng_state(), before)


def test_a_reconstruction_may_leave_the_range():
    assert reconstruction_report(grey(1.0, -1.0), grey(1.5, -1.5)).mse == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("x", "x_hat", "message"),
    [
        (draw(2), draw(3), r"two sets of images \[N, C, H, W\], N > 1, got \[2, 1, 12, 12\], \[3, 1, 12, 12\]"),
        (draw(1), draw(1), "N > 1"),
        (draw(4)[0], draw(4)[0], r"got \[1, 12, 12\]"),
        (draw(2).to(torch.uint8), draw(2), r"floating point in \[-1, 1\], got torch.uint8 and torch.float32"),
        (draw(2), draw(2) / 0, "x_hat finite"),
        (draw(2) * math.nan, draw(2), "within"),
        (draw(2) * 255, draw(2), r"x must be within \[-1, 1\]"),
    ],
)
def test_what_is_no_pair_of_images_is_refused(x, x_hat, message):
    with pytest.raises(ValueError, match=message):
        reconstruction_report(x, x_hat)
