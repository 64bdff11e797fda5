import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.metrics.kernel import draw_subsets, kernel_distance, kernel_distance_subsets


def draw(n: int, d: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def by_definition(x: Tensor, y: Tensor) -> float:
    def k(a: Tensor, b: Tensor) -> float:
        return (float(a @ b) / len(a) + 1) ** 3

    m, n = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    yy = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


@pytest.mark.parametrize("block", [1, 4, 7, 1024])
@pytest.mark.parametrize(("m", "n"), [(12, 12), (9, 13), (2, 5)])
def test_the_definition(m: int, n: int, block: int) -> None:
    x, y = draw(m, 5, 0), draw(n, 5, 1, 0.3)
    assert kernel_distance(x, y, block) == pytest.approx(by_definition(x, y), rel=1e-12, abs=1e-12)


def test_two_points_by_hand() -> None:
    x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [3.0]])
    cross = (1 + 4**3 + 1 + 7**3) / 4
    assert kernel_distance(x, y) == pytest.approx(3**3 + 1 - 2 * cross, rel=1e-12)


def test_float32_products_are_good_enough() -> None:
    x, y = draw(1500, 64, 0).float(), draw(1400, 64, 1, 0.1).float()
    exact = kernel_distance(x.double(), y.double())
    assert kernel_distance(x, y) == pytest.approx(exact, abs=3e-8)
    assert exact > 1e-3


def test_two_sets_of_one_distribution_scatter_around_zero() -> None:
    values = torch.tensor([kernel_distance(draw(60, 4, 2 * i), draw(60, 4, 2 * i + 1)) for i in range(60)])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 60**0.5
    assert values.min() < 0 < values.max()


def test_neither_autocast_nor_precision_settings_change_it() -> None:
    x, y = draw(80, 16, 0).float(), draw(80, 16, 1).float()
    expected = kernel_distance(x, y)
    with torch.autocast("cpu", torch.bfloat16):
        assert kernel_distance(x, y) == expected


def test_a_graph_does_not_matter() -> None:
    x, y = draw(8, 3, 0), draw(8, 3, 1)
    assert kernel_distance(x.clone().requires_grad_(), y) == kernel_distance(x, y)


def test_torch_fidelity_with_the_same_indices() -> None:
    kid = pytest.importorskip("torch_fidelity.metric_kid")
    x, y = draw(90, 6, 0), draw(80, 6, 1, 0.2)
    options = {"kid_subsets": 5, "kid_subset_size": 30, "rng_seed": 2020, "verbose": False}
    expected = kid.kid_features_to_metric(x, y, **options)
    state = np.random.RandomState(2020)
    picks = [(state.choice(90, 30, replace=False), state.choice(80, 30, replace=False)) for _ in range(5)]
    first, second = (torch.from_numpy(np.stack(column)) for column in zip(*picks, strict=True))
    mean, std = kernel_distance_subsets(x, y, first, second)
    assert mean == pytest.approx(expected[kid.KEY_METRIC_KID_MEAN], abs=1e-10)
    assert std == pytest.approx(expected[kid.KEY_METRIC_KID_STD], abs=1e-10)


def test_subsets_of_everything_are_the_exact_distance() -> None:
    x, y = draw(20, 3, 0), draw(30, 3, 1)
    generator = torch.Generator().manual_seed(0)
    mean, std = kernel_distance_subsets(x, y, draw_subsets(20, 3, 20, generator), draw_subsets(30, 3, 30, generator))
    assert mean == pytest.approx(kernel_distance(x, y), rel=1e-12)
    assert std == pytest.approx(0, abs=1e-12)


def test_subsets_repeat_no_row_and_follow_the_generator() -> None:
    first, again = (draw_subsets(50, 4, 20, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == (4, 20)
    assert all(len(rows.unique()) == 20 for rows in first)
    assert not torch.equal(first[0], first[1])
    assert int(first.max()) < 50


def test_wrong_input_is_refused() -> None:
    x = draw(5, 3, 0)
    with pytest.raises(ValueError, match=r"y must have shape \[N, 3\], got \[5, 2\]"):
        kernel_distance(x, x[:, :2])
    with pytest.raises(ValueError, match="at least 2 rows in each set, got 5 and 1"):
        kernel_distance(x, x[:1])
    with pytest.raises(ValueError, match="x must be finite"):
        kernel_distance(x / 0, x)
    with pytest.raises(ValueError, match="block must be at least 1, got 0"):
        kernel_distance(x, x, 0)
    with pytest.raises(ValueError, match="as many subsets each"):
        kernel_distance_subsets(x, x, torch.zeros(2, 3).long(), torch.zeros(3, 3).long())
    with pytest.raises(ValueError, match="subset of 1 to 5 rows, got 2 of 6"):
        draw_subsets(5, 2, 6)
