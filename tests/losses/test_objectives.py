"""Scalar objectives against hand formulas, and the theory of each on 1-D Gaussians, by integration in float64."""

import math

import pytest
import torch

from ganzoo.losses.objectives import (
    Hinge,
    LeastSquares,
    MaximumLikelihood,
    Minimax,
    NonSaturating,
    Objective,
    Wasserstein,
    tame,
)

OBJECTIVES: dict[str, Objective] = {
    "Minimax": Minimax(),
    "NonSaturating": NonSaturating(),
    "MaximumLikelihood": MaximumLikelihood(),
    "Minimax 0.9": Minimax(real_label=0.9),
    "NonSaturating 0.75": NonSaturating(real_label=0.75),
    "LeastSquares 0-1": LeastSquares(),
    "LeastSquares Pearson": LeastSquares(a=-1.0, b=1.0, c=0.0),
    "Wasserstein": Wasserstein(),
    "Hinge": Hinge(),
}
ALL = pytest.mark.parametrize("name", OBJECTIVES)


def sigmoid(t):
    return 1 / (1 + math.exp(-t))


FORMULAS = {
    "Minimax": (
        lambda t: -math.log(sigmoid(t)),
        lambda t: -math.log(1 - sigmoid(t)),
        lambda t: math.log(1 - sigmoid(t)),
    ),
    "NonSaturating": (
        lambda t: -math.log(sigmoid(t)),
        lambda t: -math.log(1 - sigmoid(t)),
        lambda t: -math.log(sigmoid(t)),
    ),
    "MaximumLikelihood": (
        lambda t: -math.log(sigmoid(t)),
        lambda t: -math.log(1 - sigmoid(t)),
        lambda t: -sigmoid(t) / (1 - sigmoid(t)),
    ),
    "Minimax 0.9": (
        lambda t: -0.9 * math.log(sigmoid(t)) - 0.1 * math.log(1 - sigmoid(t)),
        lambda t: -math.log(1 - sigmoid(t)),
        lambda t: math.log(1 - sigmoid(t)),
    ),
    "NonSaturating 0.75": (
        lambda t: -0.75 * math.log(sigmoid(t)) - 0.25 * math.log(1 - sigmoid(t)),
        lambda t: -math.log(1 - sigmoid(t)),
        lambda t: -math.log(sigmoid(t)),
    ),
    "LeastSquares 0-1": (lambda t: 0.5 * (t - 1) ** 2, lambda t: 0.5 * t**2, lambda t: 0.5 * (t - 1) ** 2),
    "LeastSquares Pearson": (lambda t: 0.5 * (t - 1) ** 2, lambda t: 0.5 * (t + 1) ** 2, lambda t: 0.5 * t**2),
    "Wasserstein": (lambda t: -t, lambda t: t, lambda t: -t),
    "Hinge": (lambda t: max(0.0, 1 - t), lambda t: max(0.0, 1 + t), lambda t: -t),
}


def slope(function, t):
    t = torch.as_tensor(t, dtype=torch.float64).requires_grad_()
    return torch.autograd.grad(function(t).sum(), t)[0]


@ALL
def test_values_are_the_formulas(name):
    logits = [-3.0, -1.5, -0.25, 0.0, 0.5, 0.75, 2.5]
    t = torch.tensor(logits, dtype=torch.float64)
    objective = OBJECTIVES[name]
    for mine, formula in zip((objective.real, objective.fake, objective.gen), FORMULAS[name], strict=True):
        torch.testing.assert_close(mine(t), torch.tensor([formula(u) for u in logits], dtype=torch.float64))


@ALL
def test_losses_are_means_of_each_half(name):
    objective, (real, fake, gen) = OBJECTIVES[name], FORMULAS[name]
    r, f = [0.3, -0.6, 2.0], [0.1, -0.4]  # different numbers: each half is averaged by itself
    d = objective.d(torch.tensor(r, dtype=torch.float64), torch.tensor(f, dtype=torch.float64))
    g = objective.g(torch.tensor(f, dtype=torch.float64))
    assert d.shape == g.shape == ()
    assert d.item() == pytest.approx(sum(map(real, r)) / 3 + sum(map(fake, f)) / 2, rel=1e-12)
    assert g.item() == pytest.approx(sum(map(gen, f)) / 2, rel=1e-12)


@ALL
def test_d_pushes_real_up_and_fake_down_and_g_wants_fake_up(name):
    objective = OBJECTIVES[name]
    t = torch.linspace(-0.9, 0.9, 7)
    between = {"LeastSquares 0-1": t[t > 0.1], "LeastSquares Pearson": t[t < -0.1]}.get(name, t)  # the targets
    assert (slope(objective.real, between) < 0).all()
    assert (slope(objective.gen, between) < 0).all()
    assert (slope(objective.fake, between) > 0).all()


@ALL
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_huge_logits_stay_finite(name, size):
    objective = OBJECTIVES[name]
    t = torch.tensor([-size, size], requires_grad=True)
    for function in (objective.real, objective.fake, objective.gen):
        value = function(t)
        (gradient,) = torch.autograd.grad(value.sum(), t)
        assert value.isfinite().all()
        assert gradient.isfinite().all()


def test_sure_and_wrong_costs_the_logit_itself():
    t = torch.tensor([1e4])
    assert Minimax().fake(t).item() == Minimax().real(-t).item() == 1e4
    assert Minimax().gen(t).item() == -1e4
    assert NonSaturating().gen(-t).item() == 1e4
    assert Minimax().real(t).item() == Minimax().gen(-t).item() == 0.0


# -- p = N(0, 1), q = N(m, 1), whose optimal logit is log p/q = m²/2 - m x

M = [0, 0.5, 1, 2, 3, 5]
GRID = torch.linspace(-15, 20, 70_001, dtype=torch.float64)
STEP = GRID[1] - GRID[0]


def normal(x, mean=0.0):
    return torch.exp(-(x - mean).square() / 2) / math.sqrt(2 * math.pi)


def integral(f):
    return (f.sum() * STEP).item()


def best_logit(x, m):
    return m**2 / 2 - m * x


def value_of(objective, logit, m):
    """-L_D by integration."""
    return -integral(normal(GRID) * objective.real(logit) + normal(GRID, m) * objective.fake(logit))


@pytest.mark.parametrize(
    ("m", "value"), list(zip(M, [-1.386294, -1.325672, -1.163451, -0.712633, -0.332740, -0.034409], strict=True))
)
def test_the_optimal_d_attains_2_jsd_minus_2_log_2(m, value):
    p, q, logit = normal(GRID), normal(GRID, m), best_logit(GRID, m)
    twice_jsd = integral(p * torch.log(2 * p / (p + q)) + q * torch.log(2 * q / (p + q)))
    attained = value_of(Minimax(), logit, m)
    assert attained == pytest.approx(value, abs=6e-7)
    assert attained == pytest.approx(twice_jsd - 2 * math.log(2), abs=1e-9)
    for other in (logit + 0.1, logit - 0.1, 1.1 * logit + 1e-2, 0.9 * logit - 1e-2):
        assert value_of(Minimax(), other, m) < attained


@pytest.mark.parametrize(
    ("m", "value"), list(zip(M, [0.693147, 0.787836, 1.081726, 2.356316, 4.666370, 12.517205], strict=True))
)
def test_the_non_saturating_loss_at_the_optimal_d(m, value):
    loss = integral(normal(GRID, m) * NonSaturating().gen(best_logit(GRID, m)))
    assert loss == pytest.approx(value, abs=6e-7)


def gradient_in_m(objective, m):
    """Derivative of E_ε[gen(l(θ + ε))] at θ = m with the logit frozen at the optimum for m."""
    theta = torch.tensor(float(m), dtype=torch.float64, requires_grad=True)
    loss = (normal(GRID) * objective.gen(best_logit(theta + GRID, m))).sum() * STEP
    return torch.autograd.grad(loss, theta)[0].item()


@pytest.mark.parametrize(
    ("m", "minimax", "non_saturating", "maximum_likelihood"),
    [
        (0, 0, 0, 0),
        (0.5, 0.235264, 0.264736, 0.5),
        (1, 0.397973, 0.602027, 1),
        (2, 0.449600, 1.550400, 2),
        (3, 0.295864, 2.704136, 3),
        (5, 0.047380, 4.952620, 5),
    ],
)
def test_the_generators_gradients_at_the_optimal_d(m, minimax, non_saturating, maximum_likelihood):
    """Minimax saturates where the two are far apart; the others grow as KL(q, p) - 2 JSD and KL(p, q) do."""
    assert gradient_in_m(Minimax(), m) == pytest.approx(minimax, abs=6e-7)
    assert gradient_in_m(NonSaturating(), m) == pytest.approx(non_saturating, abs=6e-7)
    assert gradient_in_m(MaximumLikelihood(), m) == pytest.approx(maximum_likelihood, abs=6e-7)


@pytest.mark.parametrize("m", M)
def test_the_maximum_likelihood_loss_says_nothing(m):
    """E_q[p / q] = 1, however bad G is."""
    loss = integral(normal(GRID, m) * MaximumLikelihood().gen(best_logit(GRID, m)))
    assert loss == pytest.approx(-1, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.5, 0.9, 1.0])
@pytest.mark.parametrize("kind", [Minimax, NonSaturating, MaximumLikelihood])
def test_the_optimal_d_with_a_smooth_target_on_real_images(kind, alpha):
    """D* = α p / (p + q), so that D never says more than α, and 0 where there are only generated images."""
    objective = kind(real_label=alpha)
    p, q = torch.tensor([1.0, 0.7, 0.2, 1e-9]).double(), torch.tensor([0.5, 0.7, 0.9, 0.4]).double()
    best = torch.logit(alpha * p / (p + q))

    def loss(t):
        return p * objective.real(t) + q * objective.fake(t)

    torch.testing.assert_close(slope(loss, best), torch.zeros_like(p), atol=1e-12, rtol=0)
    assert (loss(best) < loss(best + 0.1)).all()
    assert (loss(best) < loss(best - 0.1)).all()


def test_only_the_target_of_real_images_is_smooth():
    t = torch.linspace(-60, 60, 41)
    for kind in (Minimax, NonSaturating, MaximumLikelihood):
        assert torch.equal(kind(real_label=0.8).fake(t), kind().fake(t))
        assert torch.equal(kind(real_label=0.8).gen(t), kind().gen(t))
        assert torch.equal(kind().real(t), kind(real_label=1.0).real(t))
        assert not torch.equal(kind(real_label=0.8).real(t), kind().real(t))


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.1, float("nan")])
def test_a_target_that_is_no_probability_is_refused(wrong):
    for kind in (Minimax, NonSaturating, MaximumLikelihood):
        with pytest.raises(ValueError, match=rf"real_label must be in \(0, 1\], got {wrong}"):
            kind(real_label=wrong)


def test_tamed_numbers_have_an_exponential_that_goes_on_along_its_tangent():
    x = torch.tensor([-50.0, 0.0, 19.5, 20.0, 21.0, 120.0], dtype=torch.float64)
    expected = [math.exp(min(u, 20)) * (1 + max(u - 20, 0)) for u in x.tolist()]
    assert tame(x).exp().tolist() == pytest.approx(expected, rel=1e-12)
    assert tame(x, limit=-1.0)[1].item() == pytest.approx(-1 + math.log(2))
    slopes = slope(lambda u: tame(u).exp(), x)
    assert slopes.tolist() == pytest.approx([math.exp(min(u, 20)) for u in x.tolist()], rel=1e-12)


@pytest.mark.parametrize(
    ("m", "value"), list(zip(M, [0, 0.058946, 0.204054, 0.550400, 0.802757, 0.981048], strict=True))
)
def test_least_squares_minimises_pearsons_chi_squared(m, value):
    """C(G) = (E_p[D*²] + E_q[D*²]) / 2, twice which is χ²(p + q, 2q)."""
    objective, p, q = LeastSquares(a=-1, b=1, c=0), normal(GRID), normal(GRID, m)
    cost = integral((p + q) * objective.gen((p - q) / (p + q)))
    assert cost == pytest.approx(value, abs=6e-7)
    assert 2 * cost == pytest.approx(integral((2 * q - (p + q)).square() / (p + q)), abs=1e-9)


@pytest.mark.parametrize(("a", "b", "c"), [(0.0, 1.0, 1.0), (-1.0, 1.0, 0.0), (0.2, 0.7, 0.9)])
def test_the_optimal_d_of_least_squares(a, b, c):
    objective = LeastSquares(a=a, b=b, c=c)
    x = torch.linspace(-3, 4, 29, dtype=torch.float64)
    p, q = normal(x), normal(x, 1.0)
    best = (b * p + a * q) / (p + q)
    stationary = p * slope(objective.real, best) + q * slope(objective.fake, best)
    torch.testing.assert_close(stationary, torch.zeros_like(x), atol=1e-12, rtol=0)

    def loss(t):
        return p * objective.real(t) + q * objective.fake(t)

    assert (loss(best) < loss(best + 0.01)).all()
    assert (loss(best) < loss(best - 0.01)).all()


@pytest.mark.parametrize("distance", [0.25, 3.0])
def test_the_best_linear_critic_attains_the_distance_of_two_points(distance):
    real, fake = torch.full((4,), 1.0), torch.full((3,), 1.0 - distance)
    slopes = torch.linspace(-1, 1, 21)  # |f'| <= 1
    values = torch.stack([-Wasserstein().d(w * real, w * fake) for w in slopes])
    assert values.max().item() == pytest.approx(distance, rel=1e-6)
    assert slopes[values.argmax()] == 1


@pytest.mark.parametrize(("m", "clip"), [(1.0, 0.01), (3.0, 0.1)])
def test_a_clipped_linear_critic_attains_clip_times_the_distance_of_gaussians(m, clip):
    values = [value_of(Wasserstein(), w * GRID, m) for w in (-clip, 0.0, clip)]
    assert values == pytest.approx([clip * m, 0.0, -clip * m], abs=1e-9)


def test_hinge_stops_at_its_margins_and_g_does_not():
    t = [-2.0, -1.01, -0.99, 0.0, 0.99, 1.01, 2.0]
    assert slope(Hinge().real, t).tolist() == [-1, -1, -1, -1, -1, 0, 0]
    assert slope(Hinge().fake, t).tolist() == [0, 0, 1, 1, 1, 1, 1]
    assert slope(Hinge().gen, t).tolist() == [-1] * 7
    assert Hinge().d(torch.tensor([1.0, 5.0]), torch.tensor([-1.0, -5.0])).item() == 0
    assert Hinge().d(torch.tensor([0.0]), torch.tensor([0.0])).item() == 2
