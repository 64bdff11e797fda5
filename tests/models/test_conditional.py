"""The equations of the games in which images have a class."""

import math

import pytest
import torch
from torch import nn

from ganzoo import models
from ganzoo.networks import InstanceNoise, WithClassifier
from ganzoo.roles import Discriminator, Generator
from tests.models.hand import Rows, X, Z, derivative, mean, squared
from tests.zoo import FromImage, ToImage, digits, trainer

Y = [0, 1, 1, 0]


class TimesOf(Generator):
    """G(z, y) = t (1 + y) z."""

    def __init__(self, t=1.0, num_classes=2):
        super().__init__((2,), Rows(), num_classes)
        self.t = nn.Parameter(torch.tensor(t))

    def forward(self, z, y=None):
        return self.t * (1 + y)[:, None] * z


class BowlOf(Discriminator):
    """D(x, y) = s |x|²/2 + y; its class logits are c x."""

    n_classes = 2

    def __init__(self, s=1.0, c=1.0, num_classes=2):
        super().__init__((2,), num_classes)
        self.s, self.c = nn.Parameter(torch.tensor(s)), nn.Parameter(torch.tensor(c))

    def forward(self, x, y=None):
        return self.s * x.square().sum(dim=1) / 2 + (0 if y is None else y)

    def both(self, x):
        return self.forward(x), self.c * x


def batch():
    return torch.tensor(X, dtype=torch.float64), torch.tensor(Y)


def softplus(t):
    return math.log1p(math.exp(t))


def of_fakes(t):
    return [[t * (1 + y) * v for v in z] for z, y in zip(Z, Y, strict=True)]


@pytest.mark.parametrize(("s", "t"), [(0.75, 1.5), (-0.5, 0.5)])
def test_both_players_of_cgan_know_the_class(s, t):
    model = models.CGAN(TimesOf(t), BowlOf(s)).double()
    real = [s * n / 2 + y for n, y in zip(squared(X), Y, strict=True)]
    fake = [s * n / 2 + y for n, y in zip(squared(of_fakes(t)), Y, strict=True)]
    expected = mean([softplus(-r) for r in real]) + mean([softplus(f) for f in fake])
    assert model.d_loss(batch())["adv"].item() == pytest.approx(expected, rel=1e-12)
    terms = model.g_loss(batch())
    assert terms["adv"].item() == pytest.approx(mean([softplus(-f) for f in fake]), rel=1e-12)
    slopes = [
        -1 / (1 + math.exp(f)) * s * n / t for f, n in zip(fake, squared(of_fakes(t)), strict=True)
    ]  # dD/dt = s |G|²/t
    assert derivative(terms["adv"], model.G.t) == pytest.approx(mean(slopes), rel=1e-12)


def test_projection_gan_is_the_hinge_game_with_labels():
    s, t = 0.75, 0.5
    model = models.ProjectionGAN(TimesOf(t), BowlOf(s)).double()
    real = [s * n / 2 + y for n, y in zip(squared(X), Y, strict=True)]
    fake = [s * n / 2 + y for n, y in zip(squared(of_fakes(t)), Y, strict=True)]
    expected = mean([max(0, 1 - r) for r in real]) + mean([max(0, 1 + f) for f in fake])
    assert model.d_loss(batch())["adv"].item() == pytest.approx(expected, rel=1e-12)
    assert model.g_loss(batch())["adv"].item() == pytest.approx(-mean(fake), rel=1e-12)
    assert model.n_critic == 5
    for player in model.players().values():
        assert (player.optimizer.lr, player.optimizer.beta1, player.optimizer.beta2) == (2e-4, 0.0, 0.9)


def entropy(rows, c):
    """The cross-entropy of logits c x with Y."""
    found = []
    for row, y in zip(rows, Y, strict=True):
        logits = [c * v for v in row]
        found.append(math.log(sum(map(math.exp, logits))) - logits[y])
    return mean(found)


@pytest.mark.parametrize("weight", [1.0, 0.25, 0.0])
def test_acgan_names_the_class_of_real_and_of_generated_images(weight):
    s, t, c = 0.75, 0.5, 1.25
    model = models.ACGAN(TimesOf(t), BowlOf(s, c, num_classes=0), class_weight=weight).double()
    fakes = of_fakes(t)
    real, fake = [s * n / 2 for n in squared(X)], [s * n / 2 for n in squared(fakes)]

    terms = model.d_loss(batch())
    assert list(terms) == ["adv", "class"]
    assert terms["adv"].item() == pytest.approx(mean([softplus(-r) for r in real]) + mean([softplus(f) for f in fake]))
    assert terms["class"].item() == pytest.approx(weight * (entropy(X, c) + entropy(fakes, c)), rel=1e-12)

    terms = model.g_loss(batch())
    assert list(terms) == ["adv", "class"]
    assert terms["adv"].item() == pytest.approx(mean([softplus(-f) for f in fake]), rel=1e-12)
    assert terms["class"].item() == pytest.approx(weight * entropy(fakes, c), rel=1e-12)
    h = 1e-6
    slope = weight * (entropy(of_fakes(t + h), c) - entropy(of_fakes(t - h), c)) / (2 * h)
    assert derivative(terms["class"], model.G.t) == pytest.approx(slope, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.CGAN(ToImage(num_classes=10), FromImage()), "of the same num_classes, got 10 and 0"),
        (lambda: models.CGAN(ToImage(num_classes=3), FromImage(num_classes=4)), "num_classes, got 3 and 4"),
        (lambda: models.ACGAN(ToImage(num_classes=10), FromImage()), "wrap it as WithClassifier"),
        (
            lambda: models.ACGAN(ToImage(num_classes=10), WithClassifier(FromImage(), 5)),
            "names 5 classes, its generator has num_classes=10",
        ),
        (
            lambda: models.ACGAN(ToImage(num_classes=10), InstanceNoise(WithClassifier(FromImage(), 5))),
            "names 5 classes, its generator has num_classes=10",
        ),
        (lambda: models.ACGAN(TimesOf(), BowlOf(num_classes=0), class_weight=-1.0), "must not be negative, got -1"),
    ],
)
def test_networks_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: models.CGAN(ToImage(), FromImage()), "CGAN is conditional: its generator needs num_classes"),
        (
            lambda: models.CGAN(ToImage(num_classes=3), FromImage(num_classes=3)),
            "classes of the data: 10, the generator is conditioned on 3",
        ),
        (lambda: models.NSGAN(ToImage(num_classes=10), FromImage()), "NSGAN is unconditional"),
    ],
)
def test_classes_that_do_not_fit_are_refused_before_training(model, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        trainer(1, tmp_path).fit(model(), datamodule=digits())
