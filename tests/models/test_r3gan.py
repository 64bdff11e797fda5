"""The relativistic pairing loss and its two penalties."""

import math

import pytest
import torch

from ganzoo.losses.objectives import LeastSquares
from ganzoo.models import NSGAN, R1GAN, R3GAN
from tests.models.hand import Line, Point, X, Z, batch, derivative, dirac, game, mean, squared, total


def softplus(t):
    return math.log1p(math.exp(t))


def sigmoid(t):
    return 1 / (1 + math.exp(-t))


@pytest.mark.parametrize(("s", "t", "gamma"), [(0.75, 1.5, 0.3), (-0.5, 0.5, 2.0)])
def test_images_are_compared_pair_by_pair(s, t, gamma):
    """D(x) = s |x|²/2, so |∇D(x)|² = s² |x|²."""
    model = game(R3GAN, s, t, gamma=gamma)
    real, fake = [s * n / 2 for n in squared(X)], [s * t**2 * n / 2 for n in squared(Z)]
    gaps = [r - f for r, f in zip(real, fake, strict=True)]

    terms = model.d_loss(batch())
    assert list(terms) == ["adv", "r1", "r2"]
    assert terms["adv"].item() == pytest.approx(mean([softplus(-gap) for gap in gaps]), rel=1e-12)
    assert terms["r1"].item() == pytest.approx(gamma / 2 * s**2 * mean(squared(X)), rel=1e-12)
    assert terms["r2"].item() == pytest.approx(gamma / 2 * s**2 * t**2 * mean(squared(Z)), rel=1e-12)
    by_hand = mean([-sigmoid(-gap) * gap / s for gap in gaps])
    by_hand += gamma * s * (mean(squared(X)) + t**2 * mean(squared(Z)))
    assert derivative(total(terms), model.D.s) == pytest.approx(by_hand, rel=1e-12)

    terms = model.g_loss(batch())
    assert list(terms) == ["adv"]
    assert terms["adv"].item() == pytest.approx(mean([softplus(gap) for gap in gaps]), rel=1e-12)
    by_hand = mean([sigmoid(gap) * -2 * f / t for gap, f in zip(gaps, fake, strict=True)])
    assert derivative(terms["adv"], model.G.t) == pytest.approx(by_hand, rel=1e-12)


def test_any_function_of_the_gap_can_be_played():
    model = game(R3GAN, 0.75, 1.5, objective=LeastSquares())
    gaps = [0.375 * x - 0.375 * 2.25 * z for x, z in zip(squared(X), squared(Z), strict=True)]
    assert model.d_loss(batch())["adv"].item() == pytest.approx(mean([(gap - 1) ** 2 / 2 for gap in gaps]), rel=1e-12)
    assert model.g_loss(batch())["adv"].item() == pytest.approx(mean([(-gap - 1) ** 2 / 2 for gap in gaps]), rel=1e-12)


def test_a_constant_added_to_d_changes_nothing():
    model = game(R3GAN, 0.75, 1.5)
    before = [value.item() for loss in (model.d_loss, model.g_loss) for value in loss(batch()).values()]
    plain = model.D.forward
    model.D.forward = lambda x, y=None: plain(x) + 3
    after = [value.item() for loss in (model.d_loss, model.g_loss) for value in loss(batch()).values()]
    assert after == pytest.approx(before, rel=1e-12)


def test_a_constant_d_costs_both_log_2():
    model = game(R3GAN, 0.0, 1.5)
    assert total(model.d_loss(batch())).item() == pytest.approx(math.log(2), rel=1e-12)
    assert total(model.g_loss(batch())).item() == pytest.approx(math.log(2), rel=1e-12)


@pytest.mark.parametrize("simultaneous", [True, False])
def test_on_the_dirac_gan_both_penalties_together_are_r1_of_twice_the_weight(simultaneous):
    """D(x) - D(G(z)) = -ψθ, and both penalties are γ/2 ψ²: the eigenvalues are those of the Dirac-GAN."""
    ours = dirac(R3GAN(Point(), Line(), gamma=0.15), simultaneous)
    theirs = dirac(R1GAN(Point(), Line(), gamma=0.3), simultaneous)
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert dirac(R3GAN(Point(), Line(), gamma=0.0), simultaneous) == pytest.approx(
        dirac(NSGAN(Point(), Line()), simultaneous), rel=1e-9
    )


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="gamma must not be negative, got -1"):
        game(R3GAN, 1.0, 1.0, gamma=-1.0)


def test_pairs_are_those_of_the_batch_in_any_dtype():
    model = R3GAN(Point(2.0), Line(0.5), gamma=0.0)
    x = torch.tensor([[1.0], [4.0]])
    expected = mean([softplus(-(0.5 * 1 - 0.5 * 2)), softplus(-(0.5 * 4 - 0.5 * 2))])
    assert model.d_loss((x, None))["adv"].item() == pytest.approx(expected, rel=1e-6)
