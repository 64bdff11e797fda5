"""Closed forms of 1-D Gaussians: Goodfellow's theorems and what each generator's gradient is."""

import math

import pytest
import torch
from scipy import stats

from ganzoo.losses.objectives import LeastSquares, MaximumLikelihood, Minimax, NonSaturating, Objective, Wasserstein
from notebooks.theory import expectation, gaussian_nodes, generator_gradient, jensen_shannon, kl, line, lsgan_cost, mixture, normal, optimal_discriminator, optimal_least_squares, optimal_logit, value

X = line(-20, 25)
P = normal(X)

# m: V(D*), 2 JSD, KL(q‖p), E_q[-log D*], gradient of minimax, of non-saturating, of -exp(l), least-squares C(G)
TABLE = {
    0.0: (-1.386294, 0.0, 0.0, 0.693147, 0.0, 0.0, 0.0, 0.0),
    0.5: (-1.325672, 0.060623, 0.125, 0.787836, 0.235264, 0.264736, 0.5, 0.058946),
    1.0: (-1.163451, 0.222843, 0.5, 1.081726, 0.397973, 0.602027, 1.0, 0.204054),
    2.0: (-0.712633, 0.673662, 2.0, 2.356316, 0.449600, 1.550400, 2.0, 0.550400),
    3.0: (-0.332740, 1.053555, 4.5, 4.666370, 0.295864, 2.704136, 3.0, 0.802757),
    5.0: (-0.034409, 1.351885, 12.5, 12.517205, 0.047380, 4.952620, 5.0, 0.981048),
}
ROWS = pytest.mark.parametrize("m", TABLE)


class Exponential(Minimax):
    """The maximum-likelihood game without a guard against large logits."""

    def gen(self, t):
        return -t.exp()


@ROWS
def test_the_table_of_two_gaussians(m):
    q = normal(X, m)
    logit = optimal_logit(P, q)
    row = (
        value(logit, P, q, X),
        2 * jensen_shannon(P, q, X),
        kl(q, P, X),
        expectation(q, torch.nn.functional.softplus(-logit), X),
        *(generator_gradient(objective, m) for objective in (Minimax(), NonSaturating(), Exponential())),
        lsgan_cost(P, q, X),
    )
    assert [float(number) for number in row] == pytest.approx(TABLE[m], abs=1e-6)


@ROWS
def test_the_gradient_is_that_of_the_divergence(m):
    """Each identity against the slope of the divergence itself, by central differences."""

    def slope(divergence, h=1e-4):
        return float(divergence(normal(X, m + h)) - divergence(normal(X, m - h))) / (2 * h)

    jsd = slope(lambda q: 2 * jensen_shannon(P, q, X))
    reverse = slope(lambda q: kl(q, P, X))
    forward = slope(lambda q: kl(P, q, X))
    assert float(generator_gradient(Minimax(), m)) == pytest.approx(jsd, abs=1e-7)
    assert float(generator_gradient(NonSaturating(), m)) == pytest.approx(reverse - jsd, abs=1e-7)
    assert float(generator_gradient(Exponential(), m)) == pytest.approx(forward, abs=1e-7)


@pytest.mark.parametrize("m", [0.0, 0.5, 1.0, 2.0])
def test_maximum_likelihood_has_the_gradient_of_the_forward_divergence(m):
    assert float(generator_gradient(MaximumLikelihood(), m)) == pytest.approx(m, abs=1e-6)


def test_the_gradient_takes_many_means_and_is_odd_in_them():
    means = torch.tensor([[-2.0, -0.5], [0.5, 2.0]])
    gradients = generator_gradient(NonSaturating(), means)
    assert gradients.shape == (2, 2)
    assert gradients.dtype == torch.float64
    expected = torch.tensor([[-1.550400, -0.264736], [0.264736, 1.550400]], dtype=torch.float64)
    torch.testing.assert_close(gradients, expected, rtol=0, atol=1e-6)
    assert not means.requires_grad


def test_the_gradient_takes_another_discriminator():
    """A critic of slope -1 pulls with 1 from any distance; (x - 0)²/2 of least squares has mean slope m."""
    means = torch.tensor([0.0, 1.0, 5.0, 15.0], dtype=torch.float64)
    pull = generator_gradient(Wasserstein(), means, logit=torch.neg)
    torch.testing.assert_close(pull, torch.ones(4, dtype=torch.float64))
    squares = generator_gradient(LeastSquares(a=-1.0, b=1.0, c=0.0), means, logit=lambda x: x)
    torch.testing.assert_close(squares, means)


@pytest.mark.parametrize("m", [0.5, 3.0])
def test_the_discriminator_stays_where_it_is(m):
    """If D moved with G, minimax would have the gradient of V(D*) by the chain rule through D as well."""
    h = 1e-4
    fixed = optimal_logit(P, normal(X, m))

    def loss(mean):
        return float(expectation(normal(X, mean), Minimax().gen(fixed), X))

    slope = (loss(m + h) - loss(m - h)) / (2 * h)
    assert float(generator_gradient(Minimax(), m)) == pytest.approx(slope, abs=1e-6)


SECOND = (0.5, 1.5)  # the mean and the standard deviation of q in a second pair, where nothing is symmetric


def test_divergences_of_two_widths():
    q = normal(X, *SECOND)
    assert float(kl(P, q, X)) == pytest.approx(0.183243, abs=1e-6)
    assert float(kl(q, P, X)) == pytest.approx(0.344535, abs=1e-6)
    assert float(2 * jensen_shannon(P, q, X)) == pytest.approx(0.105810, abs=1e-6)
    assert float(value(optimal_logit(P, q), P, q, X)) == pytest.approx(-1.280485, abs=1e-6)


@pytest.mark.parametrize("m", [0.0, 1.0, 5.0])
def test_value_at_the_optimum_is_twice_the_divergence(m):
    q = normal(X, m)
    best = value(optimal_logit(P, q), P, q, X)
    torch.testing.assert_close(best, 2 * jensen_shannon(P, q, X) - 2 * math.log(2))


def test_no_discriminator_is_better_than_the_optimal_one():
    q = mixture(X, [0.3, 0.7], [-2.0, 1.5], [0.5, 1.0])
    best = optimal_logit(P, q)
    at_best = value(best, P, q, X)
    for change in (0.1, -0.1, 0.1 * X, torch.sin(X), -torch.sin(3 * X)):
        assert value(best + change, P, q, X) < at_best - 1e-4
    half = torch.zeros_like(X)
    assert float(value(half, P, q, X)) == pytest.approx(-2 * math.log(2), abs=1e-9)


def test_value_tells_real_from_generated():
    q = normal(X, *SECOND)
    logit = 0.3 * X - 0.2
    d = torch.sigmoid(logit)
    by_hand = torch.trapezoid(P * d.log() + q * (1 - d).log(), X)
    torch.testing.assert_close(value(logit, P, q, X), by_hand)


@pytest.mark.parametrize("m", [0.5, 2.0])
def test_the_identity_of_the_non_saturating_value(m):
    """E_q[-log D*] = KL(q‖p) - 2 JSD + E_p[log D*] + 2 log 2."""
    q = normal(X, m)
    cost = torch.nn.functional.softplus(-optimal_logit(P, q))
    right = kl(q, P, X) - 2 * jensen_shannon(P, q, X) - expectation(P, cost, X) + 2 * math.log(2)
    torch.testing.assert_close(expectation(q, cost, X), right)


def test_the_logit_of_the_optimal_discriminator_is_the_log_of_the_density_ratio():
    x = line(-6, 6, 101)
    p, q = normal(x), normal(x, 1.0)
    torch.testing.assert_close(optimal_logit(p, q), 0.5 - x)
    torch.testing.assert_close(optimal_discriminator(p, q), torch.sigmoid(0.5 - x))


def test_densities_that_do_not_meet():
    """D* is sure everywhere, V is 0, JSD is log 2 and KL infinite: no slope tells which way to go."""
    x = line(0, 4, 4001)
    p, q = ((x > 0.5) & (x <= 1.5)).double(), ((x > 2.5) & (x <= 3.5)).double()
    assert optimal_discriminator(p, q).unique().tolist() == [0.0, 0.5, 1.0]
    assert float(value(optimal_logit(p, q), p, q, x)) == 0
    assert float(jensen_shannon(p, q, x)) == pytest.approx(math.log(2), abs=1e-9)
    assert float(kl(p, q, x)) == math.inf


@pytest.mark.parametrize(("a", "b", "c"), [(-1.0, 1.0, 0.0), (0.0, 1.0, 1.0), (0.0, 1.0, 0.5)])
def test_least_squares_cost_is_that_of_the_best_discriminator(a, b, c):
    """D* minimises L_D, and C(G) is half the mean square of D* - c over both densities."""
    q = normal(X, *SECOND)
    objective = LeastSquares(a=a, b=b, c=c)

    def d_loss(d):
        return expectation(P, objective.real(d), X) + expectation(q, objective.fake(d), X)

    best = optimal_least_squares(P, q, a, b)
    torch.testing.assert_close(best, (b * P + a * q) / (P + q))
    for change in (0.01, -0.01, 0.01 * torch.sin(X)):
        assert d_loss(best + change) > d_loss(best)
    by_hand = expectation(P, objective.gen(best), X) + expectation(q, objective.gen(best), X)
    torch.testing.assert_close(lsgan_cost(P, q, X, a, b, c), by_hand)


def test_least_squares_cost_is_half_of_pearsons_divergence():
    q = normal(X, *SECOND)
    pearson = torch.trapezoid((q - P).square() / (P + q), X)
    torch.testing.assert_close(lsgan_cost(P, q, X), pearson / 2)


def test_densities_against_scipy():
    x = line(-3, 4, 50)
    torch.testing.assert_close(normal(x, 0.7, 0.3), torch.from_numpy(stats.norm.pdf(x.numpy(), 0.7, 0.3)))
    both = 0.25 * stats.norm.pdf(x.numpy(), -1, 0.5) + 0.75 * stats.norm.pdf(x.numpy(), 2, 1.0)
    torch.testing.assert_close(mixture(x, [0.25, 0.75], [-1.0, 2.0], [0.5, 1.0]), torch.from_numpy(both))


def test_nodes_have_the_moments_of_a_gaussian():
    z, weights = gaussian_nodes()
    moments = [float((weights * z**k).sum()) for k in (0, 1, 2, 4, 6)]
    assert moments == pytest.approx([1, 0, 1, 3, 15], abs=1e-9)


def test_weights_that_do_not_add_up():
    with pytest.raises(ValueError, match=r"add up to 1, got \[0.5, 0.6\]: divide by 1.1"):
        mixture(X, [0.5, 0.6], [0.0, 1.0], [1.0, 1.0])


def test_only_gen_of_an_objective_is_asked():
    class Linear(Objective):
        def gen(self, t):
            return -3 * t

    assert float(generator_gradient(Linear(), 2.0)) == pytest.approx(6.0)  # the logit has slope -m
