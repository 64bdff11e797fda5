import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from ganzoo.metrics.frechet import factor, frechet, frechet_from_features, trace_sqrt

D = 192


def exact_case(n: int | None, d: int = D) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
    """Return centred rows x, T, the covariance S1, S2 = T S1 T and the distance tr (I-T) S1 (I-T)."""
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.arange(1, d + 1, dtype=torch.float64) ** -1.2
    spectrum *= 150 / spectrum.sum()
    Q = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))[0]
    A = torch.randn(d, d, generator=generator, dtype=torch.float64) / d**0.5
    eye = torch.eye(d, dtype=torch.float64)
    T = eye + 0.15 * (A + A.T) / 2
    x = torch.zeros(0, d, dtype=torch.float64)
    S = (Q * spectrum) @ Q.T
    if n is not None:
        x = torch.randn(n, d, generator=generator, dtype=torch.float64) * spectrum.sqrt() @ Q.T
        x = x - x.mean(0)
        S = x.T @ x / (n - 1)
    return x, T, S, T @ S @ T, float(((eye - T) @ S @ (eye - T)).trace())


def gaussian(n: int, d: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator, dtype=torch.float64)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64) @ mix + seed
    return x, x.mean(0), x.T.cov()


@pytest.mark.parametrize("n", [None, 4 * D, D + 40, D + 1, D, D - 1, D - 5, D // 2, D // 4, 3, 2])
def test_the_closed_form_for_many_and_few_samples(n: int | None) -> None:
    _, _, S1, S2, exact = exact_case(n)
    zero = torch.zeros(D, dtype=torch.float64)
    assert frechet(zero, S1, zero, S2, n, n) == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize(
    ("n", "limit"), [(2, 1e-10), (3, 1e-10), (D // 4, 1e-10), (D // 2, 1e-10), (D - 1, 1e-7), (D, 1e-7)]
)
def test_the_closed_form_from_features(n: int, limit: float) -> None:
    x, T, S1, _, exact = exact_case(n)
    zero = torch.zeros(D, dtype=torch.float64)
    assert frechet_from_features(x @ T, zero, S1, n_ref=n) == pytest.approx(exact, rel=limit)


@pytest.mark.parametrize(("n_ref", "n"), [(800, 20), (800, 64), (30, 20)])
def test_few_samples_against_a_reference_agree_on_both_paths(n_ref: int, n: int) -> None:
    _, mu, S = gaussian(n_ref, 64, 1)
    x, mu_x, S_x = gaussian(n, 64, 2)
    path = frechet_from_features(x, mu, S, n_ref)
    low_second = frechet(mu, S, mu_x, S_x, n_ref, n)
    low_first = frechet(mu_x, S_x, mu, S, n, n_ref)
    limit = 1e-7 if n == 64 else 1e-11
    assert path == pytest.approx(low_second, rel=limit)
    assert path == pytest.approx(low_first, rel=limit)


@pytest.mark.parametrize(("n_ref", "n"), [(30, 20), (20, 20), (12, 60)])
def test_few_samples_against_the_singular_values(n_ref: int, n: int) -> None:
    x, mu_x, _ = gaussian(n, 64, 2)
    y, mu_y, S_y = gaussian(n_ref, 64, 1)
    F, G = (x - mu_x) / (n - 1) ** 0.5, (y - mu_y) / (n_ref - 1) ** 0.5
    root = torch.linalg.svdvals(F @ G.T).sum()
    exact = (mu_x - mu_y).square().sum() + F.square().sum() + G.square().sum() - 2 * root
    assert frechet_from_features(x, mu_y, S_y, n_ref) == pytest.approx(float(exact), rel=1e-11)


def test_one_dimension_by_hand() -> None:
    mu1, S1 = torch.tensor([1.0]), torch.tensor([[4.0]])
    mu2, S2 = torch.tensor([4.0]), torch.tensor([[25.0]])
    assert frechet(mu1, S1, mu2, S2) == pytest.approx((1 - 4) ** 2 + (2 - 5) ** 2, rel=1e-14)


def test_commuting_covariances_with_a_wide_spectrum() -> None:
    generator = torch.Generator().manual_seed(3)
    Q = torch.linalg.qr(torch.randn(40, 40, generator=generator, dtype=torch.float64))[0]
    a = torch.logspace(0, -12, 40, dtype=torch.float64)
    b = a[torch.randperm(40, generator=generator)]
    S1, S2 = (Q * a) @ Q.T, (Q * b) @ Q.T
    zero = torch.zeros(40, dtype=torch.float64)
    assert frechet(zero, S1, zero, S2) == pytest.approx(float((a.sqrt() - b.sqrt()).square().sum()), rel=1e-9)


@pytest.mark.parametrize("n", [400, 65, 20])
def test_the_distance_of_a_set_to_itself_is_zero(n: int) -> None:
    x, mu, S = gaussian(n, 64, 4)
    assert abs(frechet(mu, S, mu, S, n, n)) < 1e-9
    if n <= 64:
        assert abs(frechet_from_features(x, mu, S, n)) < 1e-9


@pytest.mark.parametrize("d", [2, 8, 24])
def test_matrix_root_of_scipy(d: int) -> None:
    (_, mu1, S1), (_, mu2, S2) = gaussian(200, d, 1), gaussian(150, d, 2)
    root = scipy.linalg.sqrtm(S1.numpy() @ S2.numpy())
    expected = float((mu1 - mu2).square().sum() + S1.trace() + S2.trace()) - 2 * np.trace(root).real
    assert frechet(mu1, S1, mu2, S2, 200, 150) == pytest.approx(expected, rel=1e-10)


def test_torch_fidelity() -> None:
    fid = pytest.importorskip("torch_fidelity.metric_fid")
    x, mu1, S1 = gaussian(300, 32, 1)
    y, mu2, S2 = gaussian(250, 32, 2)
    a, b = (fid.fid_features_to_statistics(rows) for rows in (x, y))
    expected = fid.fid_statistics_to_metric(a, b, verbose=False)[fid.KEY_METRIC_FID]
    assert frechet(mu1, S1, mu2, S2, 300, 250) == pytest.approx(expected, rel=1e-10)


def test_torchmetrics() -> None:
    fid = pytest.importorskip("torchmetrics.image.fid")
    (_, mu1, S1), (_, mu2, S2) = gaussian(300, 32, 1), gaussian(250, 32, 2)
    expected = float(fid._compute_fid(mu1, S1, mu2, S2))
    assert frechet(mu1, S1, mu2, S2, 300, 250) == pytest.approx(expected, rel=1e-10)


def test_a_cached_factor_changes_nothing() -> None:
    (_, mu1, S1), (_, mu2, S2), (x, mu3, S3) = gaussian(300, 32, 1), gaussian(250, 32, 2), gaussian(20, 32, 3)
    L = factor(S1, 31)
    assert frechet(mu1, S1, mu2, S2, 300, 250, factor(S1)) == frechet(mu1, S1, mu2, S2, 300, 250)
    assert frechet(mu1, S1, mu3, S3, 300, 20, L) == frechet(mu1, S1, mu3, S3, 300, 20)
    assert frechet(mu3, S3, mu3, S3, 20, 20, factor(S3, 19)) == frechet(mu3, S3, mu3, S3, 20, 20)
    assert len(x) == 20


def test_the_order_of_the_sets_does_not_matter() -> None:
    (_, mu1, S1), (_, mu2, S2) = gaussian(300, 32, 1), gaussian(20, 32, 2)
    there, back = frechet(mu1, S1, mu2, S2, 300, 20), frechet(mu2, S2, mu1, S1, 20, 300)
    assert there == pytest.approx(back, rel=1e-12)


@pytest.mark.parametrize(("n", "rank"), [(100, None), (100, 16), (10, 9), (10, None), (100, 99)])
def test_factor_multiplies_back(n: int, rank: int | None) -> None:
    _, _, S = gaussian(n, 16, 5)
    L = factor(S, rank)
    assert L.shape[1] <= 16
    torch.testing.assert_close(L @ L.T, S, rtol=1e-12, atol=1e-12)
    if rank is not None and rank < 16:
        assert L.shape == (16, rank)


def test_dead_features_are_harmless() -> None:
    x, _, _ = gaussian(300, 24, 1)
    y, _, _ = gaussian(300, 24, 2)
    alive = frechet(x.mean(0), x.T.cov(), y.mean(0), y.T.cov(), 300, 300)
    x, y = (torch.cat([rows, torch.zeros(300, 8, dtype=rows.dtype)], 1) for rows in (x, y))
    assert frechet(x.mean(0), x.T.cov(), y.mean(0), y.T.cov(), 300, 300) == pytest.approx(alive, rel=1e-11)


@pytest.mark.parametrize("n", [300, 20])
def test_repeated_features_are_harmless(n: int) -> None:
    x, _, _ = gaussian(n, 24, 1)
    y, _, _ = gaussian(n, 24, 2)
    x, y = (torch.cat([rows, rows[:, :8]], 1) for rows in (x, y))
    F, G = ((rows - rows.mean(0)) / (n - 1) ** 0.5 for rows in (x, y))
    root = torch.linalg.svdvals(F @ G.T).sum()
    exact = (x.mean(0) - y.mean(0)).square().sum() + F.square().sum() + G.square().sum() - 2 * root
    got = frechet(x.mean(0), x.T.cov(), y.mean(0), y.T.cov(), n, n)
    assert got == pytest.approx(float(exact), rel=1e-11)


def test_trace_sqrt_by_hand() -> None:
    M = torch.diag(torch.tensor([9.0, 1e-12, 4.0], dtype=torch.float64))
    assert trace_sqrt(M, drop=1) == pytest.approx(5, rel=1e-14)
    assert trace_sqrt(M) == pytest.approx(5 + 1e-6, rel=1e-12)


def test_wrong_input_is_refused() -> None:
    x, mu, S = gaussian(20, 8, 1)
    with pytest.raises(ValueError, match=r"expected a mean \[d\] and a covariance"):
        frechet(mu, S[:4], mu, S)
    with pytest.raises(ValueError, match="same dimension, got 8 and 4"):
        frechet(mu, S, mu[:4], S[:4, :4])
    with pytest.raises(ValueError, match="mean and covariance must be finite"):
        frechet(mu, S, mu * float("nan"), S)
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        frechet(mu, S, mu, S, 1)
    with pytest.raises(ValueError, match=r"L1 must have shape \[8, r\], got \[4, 4\]"):
        frechet(mu, S, mu, S, L1=S[:4, :4])
    with pytest.raises(ValueError, match="from 2 to 8 rows, got 20"):
        frechet_from_features(x, mu, S)
    with pytest.raises(ValueError, match="from 2 to 8 rows, got 1"):
        frechet_from_features(x[:1], mu, S)
    with pytest.raises(ValueError, match="features must be finite"):
        frechet_from_features(x[:4] / 0, mu, S)
