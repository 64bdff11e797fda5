"""The critics' equations, clipping, and the gradient penalty sample by sample."""

import math

import pytest
import torch

from ganzoo.engine.optim import SGD
from ganzoo.models import WGAN, WGANGP
from tests.models.hand import Line, Point, X, Z, batch, derivative, dirac, game, mean, squared
from tests.zoo import digits, make, trainer, weights

EPS = [0.25, 0.875, 0.5, 0.125]
SHAPES = pytest.mark.parametrize("image_shape", [(2,), (1, 1, 2)])


@pytest.fixture
def known_eps(monkeypatch):
    """Let torch.rand return known numbers, different for each image, and others if it is asked for more."""
    table = torch.tensor(EPS + [0.0625 * k for k in range(1, 13)])

    def rand(*shape, dtype=torch.float32, **kwargs):
        return table[: math.prod(shape)].view(shape).to(dtype)

    monkeypatch.setattr(torch, "rand", rand)


@pytest.mark.parametrize("cls", [WGAN, WGANGP])
@SHAPES
def test_the_critics_mean_difference_and_its_gradients(cls, image_shape):
    s, t = 0.75, 1.5
    model = game(cls, s, t, image_shape)
    xx, zz = squared(X), squared(Z)
    adv = model.d_loss(batch(image_shape))["adv"]
    assert adv.item() == pytest.approx(s * t**2 * mean(zz) / 2 - s * mean(xx) / 2, rel=1e-12)
    assert derivative(adv, model.D.s) == pytest.approx(t**2 * mean(zz) / 2 - mean(xx) / 2, rel=1e-12)
    terms = model.g_loss(batch(image_shape))
    assert list(terms) == ["adv"]
    assert terms["adv"].item() == pytest.approx(-s * t**2 * mean(zz) / 2, rel=1e-12)
    assert derivative(terms["adv"], model.G.t) == pytest.approx(-s * t * mean(zz), rel=1e-12)


def test_the_terms_of_the_critics():
    assert list(game(WGAN, 1.0, 1.0).d_loss(batch())) == ["adv"]
    assert list(game(WGANGP, 1.0, 1.0).d_loss(batch())) == ["adv", "gp"]


@SHAPES
@pytest.mark.parametrize(("s", "weight"), [(0.75, 10.0), (2.0, 0.5)])
def test_the_gradient_penalty_image_by_image(image_shape, s, weight, known_eps):
    """|∇D(x̂)| = s |x̂| with x̂ = ε x + (1-ε) t z, each image with its own ε."""
    t = 1.5
    model = game(WGANGP, s, t, image_shape, gp_weight=weight)
    gp = model.d_loss(batch(image_shape))["gp"]
    mixes = [
        [e * x + (1 - e) * t * z for x, z in zip(row, noise, strict=True)]
        for e, row, noise in zip(EPS, X, Z, strict=True)
    ]
    lengths = [math.sqrt(n) for n in squared(mixes)]
    assert gp.item() == pytest.approx(weight * mean([(s * n - 1) ** 2 for n in lengths]), rel=1e-12)
    by_hand = weight * mean([2 * (s * n - 1) * n for n in lengths])
    assert derivative(gp, model.D.s) == pytest.approx(by_hand, rel=1e-12)


def test_eps_is_uniform_and_new_on_each_call(monkeypatch):
    drawn, rand = [], torch.rand

    def noted(*shape, **kwargs):
        drawn.append(rand(*shape, **kwargs))
        return drawn[-1]

    monkeypatch.setattr(torch, "rand", noted)
    model = game(WGANGP, 1.0, 1.0)
    model.d_loss(batch())
    model.d_loss(batch())
    assert [e.shape for e in drawn] == [(4, 1), (4, 1)]
    assert len(torch.cat(drawn).unique()) == 8


@pytest.mark.parametrize("slope", [-2.0, -1.0, 0.0, 0.5, 1.0])
def test_the_penalty_of_a_linear_critic_is_that_of_its_slope_whatever_eps(slope):
    model = WGANGP(Point(3.0), Line(slope), gp_weight=10.0).double()
    terms = model.d_loss((torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None], None))
    assert terms["gp"].item() == pytest.approx(10 * (abs(slope) - 1) ** 2)


@pytest.mark.parametrize(("distance", "weight"), [(1.0, 2.0), (3.0, 0.5)])
def test_the_best_linear_critic_of_two_points(distance, weight):
    """-w d + λ (|w| - 1)² is least at w = 1 + d / (2 λ), with its rise towards the data."""
    best = 1 + distance / (2 * weight)
    model = WGANGP(Point(-distance), Line(best), gp_weight=weight).double()
    terms = model.d_loss((torch.zeros(4, 1, dtype=torch.float64), None))
    assert derivative(terms["adv"] + terms["gp"], model.D.psi) == pytest.approx(0, abs=1e-12)
    assert terms["adv"].item() == pytest.approx(-best * distance)


def test_the_penalty_moves_only_the_critic():
    model = game(WGANGP, 0.75, 1.5)
    gp = model.d_loss(batch())["gp"]
    assert torch.autograd.grad(gp, model.G.t, allow_unused=True) == (None,)


def test_all_weights_of_the_critic_are_clipped_after_its_move_and_no_others(tmp_path, monkeypatch):
    clip, lr, seen = 0.05, 0.5, []
    model = make("WGAN", n_critic=2, clip=clip, d_optimizer=SGD(lr=lr), g_optimizer=SGD(lr=lr))
    move = WGAN.move

    def watched(self, turn, data, step):
        before = [p.detach().clone() for p in turn.own]
        rest = {key: value for key, value in weights(self).items() if key[0] != turn.name.upper()}
        terms = move(self, turn, data, step)
        for p, was in zip(turn.own, before, strict=True):
            free = was - lr * p.grad
            torch.testing.assert_close(p.detach(), free.clamp(-clip, clip) if turn.name == "d" else free)
        assert turn.name == "g" or all(torch.equal(value, self.state_dict()[key]) for key, value in rest.items())
        seen.append((turn.name, *(max(p.abs().max().item() for p in net.parameters()) for net in (self.D, self.G))))
        return terms

    monkeypatch.setattr(WGAN, "move", watched)
    trainer(4, tmp_path).fit(model, datamodule=digits())
    assert [name for name, *_ in seen] == ["d", "d", "g", "d", "d", "g"]
    assert all(d == pytest.approx(clip) for _, d, _ in seen)
    assert all(g > clip for *_, g in seen)
    assert all(p.abs().max() <= clip for p in model.D.parameters())
    assert any((p.abs() < clip).any() for p in model.D.parameters())


@pytest.mark.parametrize("cls", [WGAN, WGANGP])
def test_neither_converges_on_the_dirac_gan(cls):
    """https://arxiv.org/abs/1801.04406: neither clipping nor a slope of 1 stops the circling."""
    kwargs = {"clip": 1.0} if cls is WGAN else {"gp_weight": 0.7}
    for simultaneous in (True, False):
        assert dirac(cls(Point(), Line(), **kwargs), simultaneous) > 0.5


def test_the_critic_moves_five_times_as_in_the_papers():
    for name in ("WGAN", "WGANGP"):
        players = make(name, n_critic=5).players()
        assert [player.every for player in players.values()] == [1, 5]
    d, g = (player.optimizer for player in make("WGANGP").players().values())
    assert (d.lr, d.beta1, d.beta2) == (g.lr, g.beta1, g.beta2) == (1e-4, 0.0, 0.9)
    d, g = (player.optimizer for player in make("WGAN").players().values())
    assert (type(d).__name__, d.lr) == (type(g).__name__, g.lr) == ("RMSprop", 5e-5)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("WGAN", {"clip": 0.0}, "clip must be positive, got 0.0"),
        ("WGAN", {"clip": -1.0}, "clip must be positive, got -1.0"),
        ("WGAN", {"n_critic": 0}, "n_critic must be at least 1, got 0"),
        ("WGANGP", {"gp_weight": -0.5}, "gp_weight must not be negative, got -0.5"),
    ],
)
def test_arguments_out_of_range_are_refused(name, wrong, message):
    with pytest.raises(ValueError, match=message):
        make(name, **wrong)
