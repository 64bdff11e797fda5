"""The zero-centred penalty on real images, when it is due, and that it makes the Dirac-GAN converge."""

import math

import pytest
import torch

from ganzoo.losses.objectives import Minimax
from ganzoo.models import NSGAN, R1GAN
from tests.models.hand import Line, Point, X, Z, batch, derivative, dirac, game, mean, squared
from tests.zoo import digits, make, trainer


def softplus(t):
    return math.log(1 + math.exp(t))


@pytest.mark.parametrize("image_shape", [(2,), (1, 1, 2)])
@pytest.mark.parametrize(("s", "gamma"), [(0.75, 10.0), (-0.5, 3.0)])
def test_the_penalty_and_its_gradient_are_the_papers(image_shape, s, gamma):
    """|∇D(x)|² = s² |x|², on real images, of the logit, summed over pixels."""
    model = game(R1GAN, s, 1.5, image_shape, gamma=gamma)
    terms = model.d_loss(batch(image_shape))
    assert list(terms) == ["adv", "r1"]
    xx, zz = squared(X), squared(Z)
    assert terms["r1"].item() == pytest.approx(gamma / 2 * s**2 * mean(xx), rel=1e-12)
    assert derivative(terms["r1"], model.D.s) == pytest.approx(gamma * s * mean(xx), rel=1e-12)
    assert torch.autograd.grad(terms["r1"], model.G.t, allow_unused=True) == (None,)
    adv = mean([softplus(-s * n / 2) for n in xx]) + mean([softplus(s * 1.5**2 * n / 2) for n in zz])
    assert terms["adv"].item() == pytest.approx(adv, rel=1e-12)
    by_hand = mean([-n / 2 / (1 + math.exp(s * n / 2)) for n in xx])
    by_hand += mean([1.5**2 * n / 2 / (1 + math.exp(-s * 1.5**2 * n / 2)) for n in zz])
    assert derivative(terms["adv"], model.D.s) == pytest.approx(by_hand, rel=1e-12)


def test_the_generators_loss_is_the_non_saturating_one():
    model, other = game(R1GAN, 0.75, 1.5), game(NSGAN, 0.75, 1.5)
    ours, theirs = model.g_loss(batch()), other.g_loss(batch())
    assert list(ours) == ["adv"]
    assert ours["adv"].item() == theirs["adv"].item()
    assert derivative(ours["adv"], model.G.t) == derivative(theirs["adv"], other.G.t)


@pytest.mark.parametrize("every", [1, 2, 3])
def test_the_penalty_is_due_on_every_so_many_batches_and_that_many_times_as_strong(every, tmp_path):
    gamma, seen = 5.0, []
    model = make("R1GAN", gamma=gamma, r1_every=every)
    d_loss = model.d_loss

    def noted(data):
        terms = d_loss(data)
        x = data[0].clone().requires_grad_()
        (slope,) = torch.autograd.grad(model.D(x).sum(), x)
        seen.append((terms, gamma / 2 * slope.square().flatten(1).sum(dim=1).mean()))
        return terms

    model.d_loss = noted
    trainer(7, tmp_path).fit(model, datamodule=digits())
    due = [k for k, (terms, _) in enumerate(seen, start=1) if "r1" in terms]
    assert due == [k for k in range(1, 8) if k % every == 0]
    for k in due:
        terms, penalty = seen[k - 1]
        torch.testing.assert_close(terms["r1"].detach(), every * penalty)


# -- https://arxiv.org/abs/1801.04406, section 2: data at 0, G(z) = θ, D(x) = ψ x, step 0.2, 500 steps from (1, -1)

MINIMAX, NON_SATURATING = {"objective": Minimax()}, {}


def recursion(gamma, minimax, simultaneous, h=0.2, steps=500):
    """The same game on plain numbers."""
    theta, psi = 1.0, -1.0
    for _ in range(steps):
        was = psi
        psi -= h * (theta / (1 + math.exp(-psi * theta)) + gamma * psi)
        seen = was if simultaneous else psi
        theta += h * seen / (1 + math.exp((-1 if minimax else 1) * seen * theta))
    return math.hypot(theta, psi)


@pytest.mark.parametrize("simultaneous", [True, False])
@pytest.mark.parametrize("objective", [MINIMAX, NON_SATURATING])
@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_the_dirac_gan_is_the_hand_recursion(gamma, objective, simultaneous):
    radius = dirac(R1GAN(Point(), Line(-1.0), gamma=gamma, **objective), simultaneous)
    assert radius == pytest.approx(recursion(gamma, bool(objective), simultaneous), rel=1e-6)


@pytest.mark.parametrize(
    ("gamma", "objective", "simultaneous", "radius"),
    [
        (0.0, MINIMAX, True, 3.097),
        (0.0, MINIMAX, False, 1.413),
        (0.0, NON_SATURATING, True, 0.640),
        (0.0, NON_SATURATING, False, 0.271),
        (0.3, MINIMAX, True, 2.64e-6),
        (0.3, NON_SATURATING, True, 2.21e-6),
    ],
)
def test_only_the_penalty_makes_the_dirac_gan_converge(gamma, objective, simultaneous, radius):
    ended = dirac(R1GAN(Point(), Line(-1.0), gamma=gamma, **objective), simultaneous)
    assert ended == pytest.approx(radius, rel=3e-3)


@pytest.mark.parametrize("simultaneous", [True, False])
def test_the_critical_penalty_converges_fastest(simultaneous):
    assert dirac(R1GAN(Point(), Line(-1.0), gamma=1.0), simultaneous) < 1e-15


def test_the_non_saturating_game_without_penalty_does_not_converge_either():
    assert dirac(NSGAN(Point(), Line(-1.0)), simultaneous=True) == pytest.approx(0.640, abs=1e-3)


def test_the_rate_of_convergence_is_that_of_the_linearised_game():
    """|1 + h λ| with λ = -γ/2 + sqrt(γ²/4 - 1/4): 0.974679 for γ = 0.3, h = 0.2."""
    ends = [dirac(R1GAN(Point(), Line(), gamma=0.3), simultaneous=True, steps=n) for n in (300, 600)]
    assert (ends[1] / ends[0]) ** (1 / 300) == pytest.approx(0.974679, abs=3e-4)


@pytest.mark.parametrize("wrong", [{"gamma": -1.0}, {"r1_every": 0}])
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="gamma must not be negative and r1_every at least 1, got"):
        make("R1GAN", **wrong)
