import math

import pytest
import torch

from ganzoo.metrics.modes import class_report, mode_report, stacked_report

RING = torch.stack([torch.tensor([math.cos(a), math.sin(a)]) for a in [k * math.pi / 4 for k in range(8)]])
GRID = torch.cartesian_prod(torch.arange(-4.0, 5, 2), torch.arange(-4.0, 5, 2))
CASES = {"ring": (RING, 0.01), "grid": (GRID, 0.05)}


def draw(means, std, n, seed=0, weights=None):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.ones(len(means)) if weights is None else weights
    modes = torch.multinomial(weights, n, replacement=True, generator=generator)
    return means[modes] + std * torch.randn(n, means.shape[1], generator=generator)


@pytest.mark.parametrize("name", CASES)
def test_the_true_sampler_gets_what_the_formulas_say(name):
    means, std = CASES[name]
    K, n = len(means), 40_000
    report = mode_report(draw(means, std, n), means, std, [1 / K] * K)
    expected = 1 - math.exp(-4.5)
    assert report.modes == K
    assert abs(report.high_quality - expected) < 5 * math.sqrt(expected * (1 - expected) / n)


@pytest.mark.parametrize(("name", "expected"), [("ring", 0.0014), ("grid", 0.0048)])
def test_the_floor_of_the_reverse_divergence(name, expected):
    """2 N KL is χ² with K - 1 degrees of freedom: its mean over 200 trials is known to 5 standard errors."""
    means, std = CASES[name]
    K, n = len(means), 2500
    found = [mode_report(draw(means, std, n, seed), means, std, [1] * K).reverse_kl for seed in range(200)]
    mean = sum(found) / len(found)
    degrees = 2 * n * (1 - math.exp(-4.5)) * mean
    assert abs(degrees - (K - 1)) < 5 * math.sqrt(2 * (K - 1) / len(found))
    assert mean == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("name", CASES)
def test_one_mode_is_log_k_away(name):
    means, std = CASES[name]
    report = mode_report(means[3].expand(100, 2), means, std, [1] * len(means))
    assert report == (1, 1.0, pytest.approx(math.log(len(means)), abs=1e-12))


def test_the_divergence_is_that_of_the_samples_to_the_weights():
    means = torch.tensor([[0.0], [10.0]])
    points = torch.tensor([[0.0], [0.1], [-0.1], [10.0]])
    expected = 0.75 * math.log(0.75 / 0.2) + 0.25 * math.log(0.25 / 0.8)
    assert mode_report(points, means, 1.0, [0.2, 0.8]).reverse_kl == pytest.approx(expected, abs=1e-12)
    assert mode_report(points, means, 1.0, [1.0, 4.0]).reverse_kl == pytest.approx(expected, abs=1e-12)
    assert mode_report(points, means, 1.0, [0.75, 0.25]).reverse_kl == pytest.approx(0, abs=1e-12)


def test_three_standard_deviations_are_near():
    means = torch.tensor([[0.0, 0.0], [100.0, 0.0]], dtype=torch.float64)
    inside, outside = 2.999 * 0.1, 3.001 * 0.1
    points = torch.tensor([[0.6, 0.8], [0.0, 1.0]], dtype=torch.float64)
    assert mode_report(points * inside, means, 0.1, [1, 1]).high_quality == 1
    assert mode_report(points * outside, means, 0.1, [1, 1]).high_quality == 0


def test_a_point_between_two_modes_reaches_neither():
    points = torch.tensor([[0.0, 0.0], [3.0, 3.0], [1.0, 1.0]])
    report = mode_report(points, GRID, 0.05, [1] * 25)
    assert (report.modes, report.high_quality) == (1, pytest.approx(1 / 3))
    assert report.reverse_kl == pytest.approx(math.log(25), abs=1e-12)


def test_nothing_of_high_quality_is_infinitely_far():
    assert mode_report(torch.full((5, 2), 50.0), RING, 0.01, [1] * 8) == (0, 0.0, math.inf)


def test_a_mode_that_should_not_be_is_infinitely_far():
    assert mode_report(RING, RING, 0.01, [0, *[1] * 7]).reverse_kl == math.inf
    assert mode_report(RING[1:], RING, 0.01, [0, *[1] * 7]).reverse_kl == pytest.approx(0, abs=1e-12)


def test_each_mode_may_have_its_own_width():
    means, points = torch.tensor([[0.0], [10.0]]), torch.tensor([[6.0], [0.5]])
    assert mode_report(points, means, [0.1, 2.0], [1, 1]) == (1, 0.5, pytest.approx(math.log(2)))
    wide = mode_report(torch.tensor([[4.5]]), means, torch.tensor([0.1, 2.0]), [0, 1])
    assert wide == (1, 1.0, pytest.approx(0, abs=1e-12))  # 45 std from the near mode, 2.75 from the far one


def test_distances_are_taken_in_float64():
    means = torch.tensor([[1e6, 1e6], [1e6 + 1, 1e6]], dtype=torch.float64)
    points = means + torch.tensor([[2.5e-3, 0.0], [0.0, 3.5e-3]], dtype=torch.float64)
    assert mode_report(points, means, 1e-3, [1, 1])[:2] == (1, 0.5)


def test_blocks_of_points_are_joined():
    points = torch.cat([RING[:1].expand(9000, 2), RING[5:6].expand(3000, 2)])
    report = mode_report(points, RING, 0.01, [1] * 8)
    assert report[:2] == (2, 1.0)
    assert report.reverse_kl == pytest.approx(0.75 * math.log(6) + 0.25 * math.log(2), abs=1e-12)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"points": torch.zeros(3)}, r"features must have shape \[N, d\], got \[3\]"),
        ({"points": torch.full((3, 2), math.nan)}, "must be finite"),
        ({"means": torch.zeros(8, 3)}, r"means must have shape \[K, 2\] for points of 2 coordinates, got \[8, 3\]"),
        ({"std": [0.1] * 3}, "expected one std or 8, and 8 weights, got 3, 8"),
        ({"std": 0.0}, r"std must be positive and weights not negative, got \[0.0\]"),
        ({"weights": [1.0] * 7}, "expected one std or 8, and 8 weights, got 1, 7"),
        ({"weights": [-1.0, *[1.0] * 7]}, "weights not negative"),
        ({"weights": [0.0] * 8}, "weights not negative"),
    ],
)
def test_what_is_no_mixture_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        mode_report(**{"points": RING, "means": RING, "std": 0.01, "weights": [1.0] * 8, **changed})


# -- classes


def test_the_divergence_of_classes_from_uniform():
    assert class_report(torch.arange(7), 7) == (7, pytest.approx(0, abs=1e-12))
    assert class_report(torch.zeros(26, dtype=torch.long), 1000) == (1, pytest.approx(math.log(1000), abs=1e-12))
    skewed = class_report(torch.tensor([0, 0, 0, 2]), 3)
    assert skewed == (2, pytest.approx(0.75 * math.log(2.25) + 0.25 * math.log(0.75), abs=1e-12))


def test_triples_are_a_thousand_modes():
    triples = torch.cartesian_prod(*[torch.arange(10)] * 3)
    assert stacked_report(triples) == (1000, pytest.approx(0, abs=1e-12))
    assert stacked_report(triples[:1].expand(50, 3)) == (1, pytest.approx(math.log(1000), abs=1e-12))
    assert stacked_report(torch.tensor([[0, 0, 1], [1, 0, 0]])) == (2, pytest.approx(math.log(500), abs=1e-12))
    assert stacked_report(triples % 5).modes == 125


def test_the_floor_of_26_000_triples():
    """(K - 1) / (2 N) = 0.0192; the standard deviation is √(2 (K - 1)) / (2 N) = 0.00086."""
    triples = torch.randint(10, (26_000, 3), generator=torch.Generator().manual_seed(0))
    report = stacked_report(triples)
    assert report.modes == 1000
    assert report.kl_uniform == pytest.approx(999 / 52_000, abs=5 * 0.00086)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stacked_report(torch.zeros(3, 2, dtype=torch.long)), r"three channels, \[N, 3\], got \[3, 2\]"),
        (lambda: stacked_report(torch.tensor([[0, 10, 0]])), "digits are from 0 to 9, got 0 to 10"),
        (lambda: stacked_report(torch.tensor([[0, -1, 0]])), "digits are from 0 to 9, got -1 to 0"),
        (lambda: stacked_report(torch.zeros(0, 3, dtype=torch.long)), r"class numbers \[N\], N > 0, got torch.int64"),
        (lambda: class_report(torch.zeros(4), 10), r"class numbers \[N\], N > 0, got torch.float32 \[4\]"),
        (lambda: class_report(torch.tensor([0, 10]), 10), "classes must be from 0 to 9, got 0 to 10"),
        (lambda: class_report(torch.tensor([-1, 3]), 10), "classes must be from 0 to 9, got -1 to 3"),
    ],
)
def test_what_is_no_class_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
