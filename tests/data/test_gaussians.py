import math

import pytest
import torch

from ganzoo.data import Gaussians


@pytest.mark.parametrize(
    ("kind", "n_modes", "std", "shape"),
    [("ring", 8, 0.01, (2,)), ("grid", 25, 0.05, (2,)), ("line", 2, 0.1, (1,))],
)
def test_the_defaults_are_the_protocol(kind, n_modes, std, shape):
    data = Gaussians(kind)
    assert (data.num_classes, data.std, data.image_shape) == (n_modes, std, shape)
    assert data.means.shape == (n_modes, *shape)
    torch.testing.assert_close(data.weights, torch.full((n_modes,), 1 / n_modes))


def test_the_centres_lie_where_the_formula_says():
    ring = Gaussians("ring", n_modes=6, radius=3.0).means
    torch.testing.assert_close(ring.norm(dim=1), torch.full((6,), 3.0))
    torch.testing.assert_close(ring[1], torch.tensor([1.5, 3 * math.sqrt(3) / 2]))
    grid = {tuple(mean) for mean in Gaussians("grid").means.tolist()}
    assert grid == {(float(i), float(j)) for i in range(-4, 5, 2) for j in range(-4, 5, 2)}
    assert Gaussians("line", n_modes=3, spacing=4.0).means.flatten().tolist() == [-4.0, 0.0, 4.0]
    assert Gaussians("line", means=[1.0, 5.0, 6.0]).means.flatten().tolist() == [1.0, 5.0, 6.0]


@pytest.mark.parametrize(
    "data",
    [
        Gaussians("ring", weights=[1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0], std=0.2),
        Gaussians("grid", n_modes=9, std=0.3),
        Gaussians("line", means=[-1.0, 2.0], weights=[3.0, 1.0], std=0.5),
        Gaussians("line", means=[-1.0, 2.0], weights=[1.0, 2.0], std=[0.25, 1.5]),
        Gaussians("ring", n_modes=3, std=[0.1, 0.5, 2.0]),
    ],
)
def test_the_moments_are_those_of_the_mixture(data):
    """E x = Σ w μ,  Cov x = Σ w (μ μᵀ + std² I) - (E x)(E x)ᵀ; five standard errors at 100,000 points."""
    points, modes = data.arrays("train")
    n, w, means = len(points), data.weights.double(), data.means.double()
    mean = w @ means
    noise = w @ torch.as_tensor(data.std).double().expand(len(w)).square()
    covariance = (means * w[:, None]).T @ means - mean.outer(mean) + noise * torch.eye(len(mean))
    spread = float(covariance.diagonal().max())
    assert (points.double().mean(dim=0) - mean).abs().max() < 5 * math.sqrt(spread / n)
    assert (torch.cov(points.double().T).view_as(covariance) - covariance).abs().max() < 5 * spread * math.sqrt(3 / n)
    share = modes.bincount(minlength=len(w)) / n
    assert ((share - w).abs() < 5 * (w * (1 - w) / n).sqrt()).all()


def test_labels_name_the_mode_of_a_point():
    data = Gaussians("grid", n_points=5000)
    points, modes = data.arrays("val")
    assert torch.equal(torch.cdist(points, data.means).argmin(dim=1), modes)
    residual = (points - data.means[modes]).double()
    assert abs(residual.std().item() / 0.05 - 1) < 0.05


def test_each_mode_has_its_own_width():
    data = Gaussians("line", means=[-1.0, 2.0, 9.0], std=[0.1, 2.0, 0.5])
    points, modes = data.arrays("train")
    for k, std in enumerate(data.std):
        own = points[modes == k].double()
        assert own.std().item() == pytest.approx(std, rel=0.02)
        assert own.mean().item() == pytest.approx(data.means[k].item(), abs=0.06)


@pytest.mark.parametrize("kind", ["ring", "grid", "line"])
def test_one_width_or_the_same_for_each_mode_are_the_same_points(kind):
    one = Gaussians(kind, std=0.3, n_points=500)
    each = Gaussians(kind, std=[0.3] * one.num_classes, n_points=500)
    assert torch.equal(one.arrays("val")[0], each.arrays("val")[0])
    assert each.config()["init_args"]["std"] == [0.3] * one.num_classes


def test_splits_are_fixed_and_differ():
    splits = [Gaussians(n_points=50, seed=seed).arrays(s)[0] for s in ("train", "val", "test") for seed in (0, 1)]
    for same, again in zip(splits[::2], splits[1::2], strict=True):
        assert torch.equal(same, again)
    assert len(torch.cat(splits[::2]).unique(dim=0)) == 150


def test_judges_get_floats():
    assert next(iter(Gaussians(n_points=70).images("test"))).dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "spiral"}, "kind must be one of ring, grid, line, got 'spiral'"),
        ({"kind": "grid", "n_modes": 8}, "a grid has a square number of modes, got 8"),
        ({"means": [1.0]}, "means are the centres of a line"),
        (
            {"kind": "line", "means": [1.0, 2.0], "n_modes": 3},
            "means are the centres of a line, one per mode",
        ),
        ({"kind": "line", "weights": [1.0]}, r"expected 2 weights, none negative and not all 0, got \[1.0\]"),
        ({"kind": "line", "weights": [1.0, -1.0]}, "none negative"),
        ({"std": 0.0}, "std positive"),
        ({"kind": "line", "std": [0.1, -0.1]}, "std positive"),
        ({"kind": "line", "std": [0.1]}, "std must be one number or one per mode, got 1 for 2 modes"),
        ({"n_modes": 0}, "n_modes must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Gaussians(**arguments)
