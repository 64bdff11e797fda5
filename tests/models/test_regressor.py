"""Latent regressors: values and slopes by hand, the best encoders, and a game that E does not disturb."""

import math

import pytest
import torch
from torch import Tensor, nn

from ganzoo.models import NSGAN
from ganzoo.models.regressor import JointLatentRegressor, LatentRegressor
from ganzoo.networks.encoders import MLPEncoder
from ganzoo.priors import Normal, Prior
from ganzoo.roles import Encoder, Generator
from tests.models.hand import Bowl, Record, Rows, Times, X, Z, batch, derivative, mean, squared
from tests.zoo import SHAPE, FromImage, ToImage, digits, fast, trainer, weights

BOTH = [LatentRegressor, JointLatentRegressor]


class Pull(Encoder):
    """E(x) = e x."""

    def __init__(self, e=1.0, dim=2):
        super().__init__((dim,), dim)
        self.e = nn.Parameter(torch.tensor(e))

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.e * x


def hand(cls, s, e, t, **kwargs):
    return cls(Times(t=t), Pull(e), Bowl(s=s), **kwargs).double()


def sp(t):
    return math.log1p(math.exp(t))


def sigmoid(t):
    return 1 / (1 + math.exp(-t))


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize(("s", "e", "t"), [(0.75, 1.5, 0.5), (-0.5, 0.25, 1.5)])
def test_e_minimises_the_squared_error_of_the_latent(cls, s, e, t):
    model = hand(cls, s, e, t)
    terms = model.e_loss(batch())
    size = mean(squared(Z)) / 2  # dim z = 2
    assert list(terms) == ["latent"]
    assert terms["latent"].item() == pytest.approx((1 - e * t) ** 2 * size, rel=1e-12)
    assert derivative(terms["latent"], model.E.e) == pytest.approx(-2 * t * (1 - e * t) * size, rel=1e-12)


@pytest.mark.parametrize("dim", [1, 7])
def test_a_guess_of_the_mean_costs_one_whatever_the_size_of_z(dim):
    class Draws(Normal):
        def sample(self, n, device=None, generator=None):
            signs = torch.tensor([1.0, -1.0]).repeat(n // 2)
            return signs[:, None].expand(n, self.dim)

    model = LatentRegressor(Times((dim,), Draws(dim)), Pull(0.0, dim), Bowl((dim,))).double()
    assert model.e_loss(batch())["latent"].item() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(("s", "e", "t"), [(0.75, 1.5, 0.5), (-0.5, 0.25, 1.5)])
@pytest.mark.parametrize("weight", [None, 0.25, 1.0])
def test_g_is_moved_by_its_share_of_the_error(weight, s, e, t):
    """None: the latent regressor, whose G is that of a GAN."""
    if weight is None:
        model = hand(LatentRegressor, s, e, t)
    else:
        model = hand(JointLatentRegressor, s, e, t, latent_weight=weight)
    logits = [s * t**2 * n / 2 for n in squared(Z)]
    size, share = mean(squared(Z)) / 2, weight or 0.0
    terms = model.g_loss(batch())
    assert list(terms) == (["adv"] if weight is None else ["adv", "latent"])
    loss = torch.stack(list(terms.values())).sum()
    expected = mean([sp(-logit) for logit in logits]) + share * (1 - e * t) ** 2 * size
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    adversarial = mean([-s * t * n * sigmoid(-logit) for n, logit in zip(squared(Z), logits, strict=True)])
    assert derivative(loss, model.G.t) == pytest.approx(adversarial - share * 2 * e * (1 - e * t) * size, rel=1e-12)
    real = [s * n / 2 for n in squared(X)]
    expected = mean([sp(-logit) for logit in real]) + mean([sp(logit) for logit in logits])
    assert model.d_loss(batch())["adv"].item() == pytest.approx(expected, rel=1e-12)


def test_the_share_of_the_paper_is_a_quarter():
    assert hand(JointLatentRegressor, 1.0, 1.0, 1.0).latent_weight == 0.25


# -- the best encoder


class Corners(Prior):
    """Draws the corners of a square: mean 0, covariance I."""

    def __init__(self):
        super().__init__(dim=2)

    def sample(self, n, device=None, generator=None):
        return torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])[:n]


class Matrix(Generator):
    """G(z) = A z."""

    def __init__(self, matrix, prior: Prior):
        super().__init__((len(matrix),), prior)
        self.A = nn.Parameter(torch.tensor(matrix))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return z @ self.A.T


def regressed(generator):
    """Let a linear E minimise its loss, G being fixed; return both."""
    torch.manual_seed(0)
    encoder = MLPEncoder(generator.image_shape, 2, depth=0)
    model = LatentRegressor(generator, encoder, Bowl(generator.image_shape)).double()
    optimizer = torch.optim.LBFGS(encoder.parameters(), max_iter=200, tolerance_grad=1e-12, tolerance_change=0)

    def closure():
        optimizer.zero_grad()
        loss = model.e_loss(batch())["latent"]
        loss.backward(inputs=list(encoder.parameters()))
        return loss

    optimizer.step(closure)
    return encoder, model.e_loss(batch())["latent"].item()


def test_e_becomes_the_inverse_of_g():
    A = [[2.0, 1.0], [0.5, -1.0]]
    E, loss = regressed(Matrix(A, Rows()))
    torch.testing.assert_close(E.head.weight, torch.linalg.inv(torch.tensor(A).double()), atol=1e-6, rtol=0)
    assert E.head.bias.abs().max() < 1e-6
    assert loss < 1e-12


def test_e_becomes_an_inverse_of_a_g_with_more_pixels_than_latents():
    A = [[2.0, 1.0], [0.5, -1.0], [1.0, 1.0]]
    E, loss = regressed(Matrix(A, Rows()))
    torch.testing.assert_close(E.head.weight @ torch.tensor(A).double(), torch.eye(2).double(), atol=1e-6, rtol=0)
    assert loss < 1e-12


def test_e_becomes_the_posterior_mean_where_g_has_no_inverse():
    """x = a z: E[z | x] = aᵀ x / |a|², and what is left is the variance of the other direction, 1 of 2."""
    E, loss = regressed(Matrix([[3.0, 4.0]], Corners()))
    torch.testing.assert_close(E.head.weight, torch.tensor([[3.0], [4.0]]).double() / 25, atol=1e-8, rtol=0)
    assert loss == pytest.approx(0.5, abs=1e-8)


# -- through a trainer


def small(cls, norm="batch", **kwargs):
    torch.manual_seed(0)
    G, D = ToImage(norm=True), FromImage()
    torch.manual_seed(1)
    extra = {} if cls is NSGAN else {"encoder": MLPEncoder(SHAPE, 4, width=16, depth=2, norm=norm)}
    return cls(generator=G, discriminator=D, **extra, **fast(), **kwargs)


def ended(model, folder, **kwargs):
    trainer(4, folder, **kwargs).fit(model, datamodule=digits())
    return torch.cat([p.detach().flatten() for network in (model.G, model.D) for p in network.parameters()])


def test_the_game_of_g_and_d_is_that_without_e(tmp_path):
    alone = ended(small(NSGAN), tmp_path)
    assert torch.equal(ended(small(LatentRegressor), tmp_path), alone)
    assert not torch.allclose(ended(small(JointLatentRegressor), tmp_path), alone)


@pytest.mark.parametrize("cls", BOTH)
def test_the_players_and_whom_the_averages_follow(cls, tmp_path):
    record, model = Record(), small(cls, n_critic=2, ema_decay=0.9)
    assert list(model.players()) == ["d", "g", "e"]
    ended(model, tmp_path, callbacks=[record])
    moved = {name: record.moved(name) for name in ("D.", "G.net.0", "E.head", "G_ema.net.0", "E_ema.head")}
    every, second = [1, 2, 3, 4], [2, 4]
    assert moved == {"D.": every, "G.net.0": second, "E.head": every, "G_ema.net.0": second, "E_ema.head": every}
    latent = {"g/latent"} if cls is JointLatentRegressor else set()
    assert set(model.shown) == {"d/adv", "g/adv", "e/latent"} | latent
    key, before, after = "head.weight", record.weights[0], record.weights[1]
    expected = 0.1 * before[f"E.{key}"] + 0.9 * after[f"E.{key}"]
    torch.testing.assert_close(after[f"E_ema.{key}"], expected)
    x = torch.rand(3, *SHAPE) * 2 - 1
    torch.testing.assert_close(model.encode(x), model.E_ema(x))
    torch.testing.assert_close(model.reconstruct(x), model.G_ema(model.E_ema(x)))


@pytest.mark.parametrize("cls", BOTH)
def test_only_the_mover_gets_a_gradient(cls, tmp_path, monkeypatch):
    original, turns = cls.move, []

    def move(self, turn, *args):
        own = {id(p) for p in turn.own}
        others = [(name, p) for name, p in self.named_parameters() if id(p) not in own]
        before = [(p.detach().clone(), None if p.grad is None else p.grad.clone()) for _, p in others]
        terms = original(self, turn, *args)
        for (name, p), (value, grad) in zip(others, before, strict=True):
            assert "_ema" in name or torch.equal(p, value), (turn.name, name)
            assert (p.grad is None) if grad is None else torch.equal(p.grad, grad), (turn.name, name)
        turns.append(turn.name)
        return terms

    monkeypatch.setattr(cls, "move", move)
    ended(small(cls), tmp_path)
    assert turns == ["d", "g", "e"] * 4


@pytest.mark.parametrize("cls", BOTH)
def test_all_networks_are_in_training_mode_when_e_moves(cls, tmp_path, monkeypatch):
    model, modes = small(cls), []
    original = cls.e_loss

    def e_loss(self, *args):
        modes.append([self.G.training, self.E.training, self.G_ema.training, self.E_ema.training])
        return original(self, *args)

    monkeypatch.setattr(cls, "e_loss", e_loss)
    before = weights(model.E)
    ended(model, tmp_path)
    assert modes == [[True, True, False, False]] * 4
    assert not torch.equal(weights(model.E)["features.5.running_mean"], before["features.5.running_mean"])


# -- bad input


@pytest.mark.parametrize("cls", BOTH)
def test_an_encoder_that_cannot_regress_is_refused(cls):
    G, D = ToImage(), FromImage()
    with pytest.raises(ValueError, match="must have posterior='point', got 'gaussian': its loss does not move"):
        cls(G, MLPEncoder(SHAPE, 4, "gaussian"), D)
    with pytest.raises(ValueError, match="encoder must return latents of 4 numbers, as G takes: got 5"):
        cls(G, MLPEncoder(SHAPE, 5), D)


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_a_share_that_is_none_is_refused(weight):
    message = f"latent_weight must be positive, got {weight}: without it play LatentRegressor"
    with pytest.raises(ValueError, match=message):
        hand(JointLatentRegressor, 1.0, 1.0, 1.0, latent_weight=weight)
