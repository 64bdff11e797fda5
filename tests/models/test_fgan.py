"""The equations of f-GAN, player by player, and its smallest training run."""

import math

import pytest
import torch

from ganzoo.config import build
from ganzoo.engine.optim import SGD
from ganzoo.losses.divergences import KL, GANDivergence, JensenShannon, Pearson, ReverseKL, SquaredHellinger
from ganzoo.models.fgan import FGAN
from ganzoo.models.gan import GAN
from tests.models.hand import X, Z, batch, derivative, game, mean, squared
from tests.zoo import FromImage, ToImage, digits, trainer, weights


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


LOG2 = math.log(2)
EQUATIONS = {  # g_f and f* of it, each with its derivative
    "KL": (KL, (lambda v: v, lambda v: 1.0), (lambda v: math.exp(v - 1), lambda v: math.exp(v - 1))),
    "ReverseKL": (
        ReverseKL,
        (lambda v: -math.exp(-v), lambda v: math.exp(-v)),
        (lambda v: v - 1, lambda v: 1.0),
    ),
    "Pearson": (Pearson, (lambda v: v, lambda v: 1.0), (lambda v: v**2 / 4 + v, lambda v: v / 2 + 1)),
    "SquaredHellinger": (
        SquaredHellinger,
        (lambda v: 1 - math.exp(-v), lambda v: math.exp(-v)),
        (lambda v: math.exp(v) - 1, lambda v: math.exp(v)),
    ),
    "JensenShannon": (
        JensenShannon,
        (lambda v: LOG2 - math.log1p(math.exp(-v)), lambda v: 1 - sigmoid(v)),
        (lambda v: math.log1p(math.exp(v)) - LOG2, sigmoid),
    ),
}


@pytest.mark.parametrize("name", EQUATIONS)
@pytest.mark.parametrize("image_shape", [(2,), (1, 1, 2)])
@pytest.mark.parametrize(("s", "t"), [(0.75, 1.5), (-0.5, 0.5)])
@pytest.mark.parametrize("generator", ["minimax", "activation"])
def test_the_losses_and_their_gradients_are_the_papers(name, image_shape, s, t, generator):
    """D(x) = s |x|²/2 and G(z) = t z."""
    divergence, (g, d_g), (conjugate, d_conjugate) = EQUATIONS[name]
    model = game(FGAN, s, t, image_shape, objective=divergence(generator=generator))
    xx, zz = squared(X), squared(Z)
    r, f = [s * n / 2 for n in xx], [s * t**2 * n / 2 for n in zz]

    terms = model.d_loss(batch(image_shape))
    assert list(terms) == ["adv"]
    by_hand = -mean([g(v) for v in r]) + mean([conjugate(v) for v in f])
    assert terms["adv"].item() == pytest.approx(by_hand, rel=1e-12)
    by_hand = -mean([d_g(v) * n / 2 for v, n in zip(r, xx, strict=True)])
    by_hand += mean([d_conjugate(v) * t**2 * n / 2 for v, n in zip(f, zz, strict=True)])
    assert derivative(terms["adv"], model.D.s) == pytest.approx(by_hand, rel=1e-12)

    terms = model.g_loss(batch(image_shape))
    assert list(terms) == ["adv"]
    wish, d_wish = (conjugate, d_conjugate) if generator == "minimax" else (g, d_g)
    assert terms["adv"].item() == pytest.approx(-mean([wish(v) for v in f]), rel=1e-12)
    by_hand = -mean([d_wish(v) * s * t * n for v, n in zip(f, zz, strict=True)])
    assert derivative(terms["adv"], model.G.t) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(("generator", "zero_sum"), [("minimax", True), ("activation", False)])
def test_the_game_is_zero_sum_only_in_the_minimax_form(generator, zero_sum):
    model = game(FGAN, 0.75, 1.5, objective=KL(generator=generator))
    d = derivative(model.d_loss(batch())["adv"], model.G.t)
    g = derivative(model.g_loss(batch())["adv"], model.G.t)
    assert (d == pytest.approx(-g)) is zero_sum


def test_the_default_is_jensen_shannon_and_ds_loss_the_negative_estimate():
    model = game(FGAN, 0.75, 1.5)
    assert type(model.objective) is JensenShannon
    assert model.objective.generator == "minimax"
    x, _ = batch()
    estimate = model.objective.estimate(model.D(x), model.D(model.G(model.prior(4))))
    assert estimate.item() == pytest.approx(-model.d_loss(batch())["adv"].item(), rel=1e-12)


def make(objective):
    torch.manual_seed(0)
    return FGAN(ToImage(), FromImage(), objective=objective, d_optimizer=SGD(lr=0.05), g_optimizer=SGD(lr=0.05))


@pytest.mark.parametrize("objective", [KL(), Pearson(generator="activation")])
def test_it_trains_and_is_rebuilt_from_its_configuration(objective, tmp_path):
    model = make(objective)
    before = weights(model)
    trainer(3, tmp_path).fit(model, datamodule=digits())
    after = weights(model)
    assert all(value.isfinite().all() for value in after.values())
    assert all(not torch.equal(after[key], before[key]) for key in ("G.net.0.weight", "D.net.1.weight"))
    again = build(model.config())
    assert type(again) is FGAN
    assert again.objective.config() == objective.config()


def test_with_the_gans_divergence_it_is_the_gan(tmp_path):
    """The same weights after three batches as those of the minimax game."""
    torch.manual_seed(0)
    step = {"d_optimizer": SGD(lr=0.05), "g_optimizer": SGD(lr=0.05)}
    gan, fgan = GAN(ToImage(), FromImage(), **step), make(GANDivergence())
    for model in (gan, fgan):
        trainer(3, tmp_path).fit(model, datamodule=digits())
    for key, value in weights(gan).items():
        torch.testing.assert_close(weights(fgan)[key], value)
