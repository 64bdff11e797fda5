"""f-divergences: the convex dual by brute force, closed forms on Gaussians, and what training needs of them."""

import math

import pytest
import torch
from scipy.special import lambertw

from ganzoo.losses.divergences import (
    KL,
    FDivergence,
    GANDivergence,
    Jeffrey,
    JensenShannon,
    Neyman,
    Pearson,
    ReverseKL,
    SquaredHellinger,
    log_lambert,
)
from ganzoo.losses.objectives import Minimax

INF, LOG2 = math.inf, math.log(2)
TABLE = {  # the divergence, f by hand, the domain of f*, f'(1)
    "KL": (KL(), lambda u: u * math.log(u), (-INF, INF), 1),
    "ReverseKL": (ReverseKL(), lambda u: -math.log(u), (-INF, 0), -1),
    "Pearson": (Pearson(), lambda u: (u - 1) ** 2, (-INF, INF), 0),
    "Neyman": (Neyman(), lambda u: (1 - u) ** 2 / u, (-INF, 1), 0),
    "SquaredHellinger": (SquaredHellinger(), lambda u: (math.sqrt(u) - 1) ** 2, (-INF, 1), 0),
    "Jeffrey": (Jeffrey(), lambda u: (u - 1) * math.log(u), (-INF, INF), 0),
    "JensenShannon": (
        JensenShannon(),
        lambda u: u * math.log(u) - (u + 1) * math.log((u + 1) / 2),
        (-INF, LOG2),
        0,
    ),
    "GANDivergence": (
        GANDivergence(),
        lambda u: u * math.log(u) - (u + 1) * math.log(u + 1),
        (-INF, 0),
        -LOG2,
    ),
}
ALL = pytest.mark.parametrize("name", TABLE)


def doubles(*values):
    return torch.tensor(values, dtype=torch.float64)


def spread(low, high, n):
    """n numbers whose logs are evenly spaced."""
    return torch.logspace(math.log10(low), math.log10(high), n, dtype=torch.float64)


def invert(divergence, t):
    """Return v with g_f(v) = t by bisection."""
    low, high = torch.full_like(t, -1e25), torch.full_like(t, 1e25)
    for _ in range(150):
        middle = (low + high) / 2
        below = divergence.activation(middle) < t
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


# -- the dual


@ALL
def test_f_is_the_formula_and_convex(name):
    divergence, formula, _, _ = TABLE[name]
    u = spread(1e-3, 1e3, 61)
    torch.testing.assert_close(divergence.f(u), doubles(*map(formula, u.tolist())), rtol=1e-12, atol=1e-12)
    assert (divergence.derivative(u).diff() > -1e-12).all()
    expected = -2 * LOG2 if name == "GANDivergence" else 0.0
    assert divergence.f(doubles(1.0)).item() == pytest.approx(expected, abs=1e-12)


@ALL
def test_the_derivative_is_the_slope(name):
    divergence, formula, _, threshold = TABLE[name]
    for u in (0.02, 0.4, 1.9, 30.0):
        h = 1e-5 * u
        slope = (formula(u + h) - formula(u - h)) / (2 * h)
        assert divergence.derivative(doubles(u)).item() == pytest.approx(slope, rel=1e-7, abs=1e-7)
    assert divergence.threshold == pytest.approx(threshold, abs=1e-12)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_threshold_needs_no_graph(mode):
    with mode():
        assert KL().threshold == 1.0
        assert KL().derivative(torch.ones(2)).tolist() == [1.0, 1.0]


@ALL
def test_the_conjugate_is_the_supremum(name):
    """f*(t) = sup_u (u t - f(u)), searched on a fine grid around u = 1."""
    divergence, _, _, _ = TABLE[name]
    u = spread(1e-5, 1e5, 200_001)
    f = divergence.f(u)
    t = divergence.derivative(spread(0.02, 50, 13))
    supremum = (t[:, None] * u - f).amax(dim=1)
    torch.testing.assert_close(divergence.conjugate(t), supremum, rtol=1e-6, atol=1e-6)


@ALL
def test_the_conjugate_of_the_conjugate_is_f(name):
    """f(u) = sup_t (u t - f*(t)): the best t is f'(u), and every other is worse."""
    divergence, formula, _, _ = TABLE[name]
    t = divergence.derivative(spread(1e-4, 1e4, 200_001))
    conjugate = divergence.conjugate(t)
    for u in (0.05, 0.5, 1.0, 3.0, 20.0):
        assert (u * t - conjugate).max().item() == pytest.approx(formula(u), rel=1e-6, abs=1e-6)


@ALL
def test_fenchels_equality(name):
    divergence, _, _, _ = TABLE[name]
    u = spread(1e-3, 1e3, 101)
    t = divergence.derivative(u)
    torch.testing.assert_close(divergence.conjugate(t), u * t - divergence.f(u), rtol=1e-9, atol=1e-9)


# -- the activation


ACTIVATIONS = {
    "KL": lambda v: v,
    "ReverseKL": lambda v: -math.exp(-v),
    "Pearson": lambda v: v,
    "Neyman": lambda v: 1 - math.exp(-v),
    "SquaredHellinger": lambda v: 1 - math.exp(-v),
    "Jeffrey": lambda v: v,
    "JensenShannon": lambda v: LOG2 - math.log1p(math.exp(-v)),
    "GANDivergence": lambda v: -math.log1p(math.exp(-v)),
}


@ALL
def test_the_activation_is_the_tables_and_stays_in_the_domain(name):
    divergence, _, (low, high), _ = TABLE[name]
    v = torch.linspace(-7, 7, 57, dtype=torch.float64)
    t = divergence.activation(v)
    torch.testing.assert_close(t, doubles(*map(ACTIVATIONS[name], v.tolist())), rtol=1e-12, atol=1e-13)
    assert ((low < t) & (t < high)).all()
    assert (t.diff() > 0).all()
    far = divergence.activation(doubles(-1e4, -50, 50, 1e4))
    assert ((low <= far) & (far <= high)).all()
    assert (far.diff() >= 0).all()
    torch.testing.assert_close(divergence.real(v), -t)
    torch.testing.assert_close(divergence.fake(v), divergence.conjugate(t), rtol=1e-9, atol=1e-9)


@ALL
def test_d_says_real_above_the_threshold(name):
    """At D's best output, g_f(v) > f'(1) where p > q and nowhere else."""
    divergence, _, _, threshold = TABLE[name]
    u = doubles(0.2, 0.9, 0.999, 1.001, 1.1, 5.0)
    v = invert(divergence, divergence.derivative(u))
    assert ((divergence.activation(v) > threshold) == (u > 1)).all()
    torch.testing.assert_close(divergence.activation(v), divergence.derivative(u), rtol=1e-9, atol=1e-9)


@ALL
def test_the_best_output_is_where_ds_loss_is_flat(name):
    divergence, _, _, _ = TABLE[name]
    p, q = doubles(0.1, 0.5, 1.0, 1.5), doubles(0.7, 0.3, 1.0, 0.2)
    best = invert(divergence, divergence.derivative(p / q))

    def loss(v):
        return p * divergence.real(v) + q * divergence.fake(v)

    v = best.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(v).sum(), v)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-8)
    assert (loss(best) < loss(best + 0.05)).all()
    assert (loss(best) < loss(best - 0.05)).all()
    torch.testing.assert_close(-loss(best), q * divergence.f(p / q), rtol=1e-9, atol=1e-9)


# -- p = N(0, 1) and q = N(m, s²) by integration


GRID = torch.linspace(-13, 13, 52_001, dtype=torch.float64)
STEP = GRID[1] - GRID[0]


def gauss(mean=0.0, std=1.0):
    return torch.exp(-((GRID - mean) / std).square() / 2) / (std * math.sqrt(2 * math.pi))


P, Q = gauss(), {"shifted": gauss(1.0), "wider": gauss(0.5, 1.5)}


def bound(divergence, v, q):
    """F of an output v(x)."""
    return -((P * divergence.real(v) + q * divergence.fake(v)).sum() * STEP).item()


CLOSED = {
    "KL": (0.5, 0.183243),
    "ReverseKL": (0.5, 0.344535),
    "JensenShannon": (0.222843, 0.105810),
    "Jeffrey": (1.0, 0.527778),
    "Pearson": (math.e - 1, 0.291723),
    "Neyman": (math.e - 1, INF),
    "SquaredHellinger": (2 - 2 * math.exp(-1 / 8), 0.115062),
    "GANDivergence": (-1.163451, -1.280485),
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("which", ["shifted", "wider"])
def test_the_best_bound_is_the_divergence(name, which):
    divergence, q = TABLE[name][0], Q[which]
    value = CLOSED[name][which == "wider"]
    direct = (q * divergence.f(P / q)).sum().item() * STEP.item()
    if value == INF:
        assert direct > 1e2  # the integrand rises to the edge of the grid
        return
    attained = bound(divergence, invert(divergence, divergence.derivative(P / q)), q)
    assert direct == pytest.approx(value, abs=1e-6)
    assert attained == pytest.approx(value, abs=1e-6)


@ALL
def test_no_output_beats_the_divergence(name):
    divergence, q = TABLE[name][0], Q["shifted"]
    exact = (q * divergence.f(P / q)).sum().item() * STEP.item()
    torch.manual_seed(0)
    for size in (0.1, 1.0, 3.0, 30.0):  # at 30 also where exponentials go on along their tangents
        for _ in range(5):
            a, b, c = (size * torch.randn(3, dtype=torch.float64)).tolist()
            assert bound(divergence, a + b * GRID + c * torch.sin(3 * GRID), q) <= exact + 1e-9


@ALL
def test_the_estimate_is_the_mean_on_each_side(name):
    divergence = TABLE[name][0]
    real, fake = doubles(0.3, -0.6, 1.2), doubles(0.4, -0.9)
    expected = divergence.activation(real).sum() / 3 - divergence.conjugate(divergence.activation(fake)).sum() / 2
    torch.testing.assert_close(divergence.estimate(real, fake), expected)
    torch.testing.assert_close(divergence.d(real, fake), -expected)


# -- training


@ALL
@pytest.mark.parametrize("generator", ["minimax", "activation"])
def test_d_pushes_real_up_and_fake_down_and_g_wants_fake_up(name, generator):
    divergence = TABLE[name][0]
    divergence = type(divergence)(**{**divergence.config()["init_args"], "generator": generator})
    v = torch.linspace(-0.4, 2, 13, dtype=torch.float64)
    t = divergence.activation(v)
    assert (divergence.real(v).diff() < 0).all()
    assert (divergence.fake(v).diff() > 0).all()
    assert (divergence.gen(v).diff() < 0).all()
    expected = -divergence.conjugate(t) if generator == "minimax" else -t
    torch.testing.assert_close(divergence.gen(v), expected)


@ALL
@pytest.mark.parametrize("generator", ["minimax", "activation"])
@pytest.mark.parametrize("size", [50.0, 1e4])
def test_large_outputs_stay_finite_in_single_precision(name, generator, size):
    divergence = TABLE[name][0]
    divergence = type(divergence)(**{**divergence.config()["init_args"], "generator": generator})
    v = torch.tensor([-size, -20.0, 0.0, 20.0, size], requires_grad=True)
    for function in (divergence.real, divergence.fake, divergence.gen):
        value = function(v)
        (gradient,) = torch.autograd.grad(value.sum(), v)
        assert value.isfinite().all(), function
        assert gradient.isfinite().all(), function


@pytest.mark.parametrize(
    ("divergence", "side", "sign"),
    [
        (KL(), "fake", 1),
        (ReverseKL(), "real", -1),
        (Neyman(), "real", -1),
        (SquaredHellinger(), "fake", 1),
        (SquaredHellinger(), "real", -1),
        (Jeffrey(), "fake", 1),
    ],
)
def test_d_is_still_pushed_back_where_an_exponential_is_tamed(divergence, side, sign):
    """A clamp would leave no gradient: an output that is wrong by far would never return."""
    v = torch.tensor([sign * 50.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(getattr(divergence, side)(v).sum(), v)
    assert sign * gradient.item() > 1e8


@pytest.mark.parametrize("v", [-30.0, 30.0])
def test_both_tamed_ends_of_hellinger_are_one_game(v):
    """Also there, f*(g(v)) rises u times as fast as g(v), where u = 1 / (1 - g(v))² is the ratio that v stands for."""
    divergence, at = SquaredHellinger(), doubles(v).requires_grad_()
    t = divergence.activation(at)
    (rise,) = torch.autograd.grad(divergence.fake(at).sum(), at)
    (slope,) = torch.autograd.grad(t.sum(), at)
    torch.testing.assert_close(rise, slope / (1 - t.detach()).square(), rtol=1e-5, atol=0)


@ALL
def test_gradients_are_right_twice(name):
    divergence = TABLE[name][0]
    v = doubles(-3.0, -1.3, -0.2, 0.4, 1.1, 2.7).requires_grad_()
    for function in (divergence.real, divergence.fake):
        assert torch.autograd.gradcheck(function, v)
        assert torch.autograd.gradgradcheck(function, v)


def test_the_original_gan_is_one_of_them():
    v = torch.linspace(-40, 40, 81, dtype=torch.float64)
    for mine, theirs in zip((GANDivergence(), JensenShannon()), (Minimax(), Minimax()), strict=True):
        shift = 2 * LOG2 if isinstance(mine, JensenShannon) else 0.0
        torch.testing.assert_close(mine.d(v, v + 1), theirs.d(v, v + 1) - shift, rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(mine.g(v), theirs.g(v) + shift / 2, rtol=1e-13, atol=1e-13)


# -- Lambert's function


def test_lambert_against_scipy():
    z = torch.linspace(-30, 600, 2_000, dtype=torch.float64)
    expected = torch.tensor(lambertw(z.exp().numpy()).real).log()
    torch.testing.assert_close(log_lambert(z), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lambert_solves_its_equation_at_any_size(dtype):
    z = torch.tensor([-1e6, -700.0, -30.0, -1.0, 0.0, 0.999, 1.0, 1.001, 5.0, 1e3, 1e8], dtype=dtype)
    y = log_lambert(z)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(y.exp() + y, z, rtol=20 * eps, atol=2 * eps)
    assert log_lambert(torch.ones((), dtype=dtype)).item() == pytest.approx(0, abs=1e-6)


def test_lambert_is_differentiable_twice_and_more():
    z = doubles(-20.0, -3.0, 0.0, 1.0, 2.5, 100.0).requires_grad_()
    assert torch.autograd.gradcheck(log_lambert, z)
    assert torch.autograd.gradgradcheck(log_lambert, z)
    w = log_lambert(z).exp()
    derivative = z
    for expected in (w / (1 + w), w / (1 + w) ** 3, w * (1 - 2 * w) / (1 + w) ** 5):  # of W(exp(z))
        source = log_lambert(z).exp() if derivative is z else derivative
        (derivative,) = torch.autograd.grad(source.sum(), z, create_graph=True)
        torch.testing.assert_close(derivative, expected, rtol=1e-10, atol=1e-12)


# -- what is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KL(generator="maximal"), "generator must be one of minimax, activation, got 'maximal'"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_every_divergence_is_tested():
    def below(cls):
        return {cls, *(c for sub in cls.__subclasses__() for c in below(sub))}

    assert {type(row[0]) for row in TABLE.values()} == below(FDivergence) - {FDivergence}
