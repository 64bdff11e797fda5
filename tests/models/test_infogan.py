"""InfoGAN: its bound in closed form, who is moved by it, and that Q learns what an image shows."""

import math
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from ganzoo.config import build
from ganzoo.models.infogan import InfoGAN, bounds
from ganzoo.networks import InstanceNoise, MLPDiscriminator, Packed
from ganzoo.networks.heads import WithCodes
from ganzoo.priors import Code, Coded, Normal, Prior, Uniform
from ganzoo.roles import Discriminator, Generator
from tests.models.hand import derivative, mean, squared
from tests.zoo import SHAPE, FromImage, ToImage, digits, fast, trainer

X = [[1.0, 0.5, 0.0, 0.25], [-2.0, 1.0, 0.5, 0.0], [0.25, 0.0, 1.5, -1.0]]
Z = [[0.5, 1.0, 0.0, 0.5], [-0.25, 0.0, 1.0, -1.0], [1.0, 1.0, 0.0, 0.25]]  # noise, a pair, a number


class Rows(Prior):
    """Draws the rows of Z."""

    def __init__(self):
        super().__init__(dim=4)
        self.codes = Coded(Uniform(dim=1), (2,), 1).codes

    def sample(self, n, device=None, generator=None):
        return torch.tensor(Z)[:n]


class Times(Generator):
    """G(z) = t z."""

    def __init__(self, t=1.0, prior=None):
        super().__init__((4,), prior or Rows())
        self.t = nn.Parameter(torch.tensor(t))

    def forward(self, z, y=None):
        return self.t * z


class Bowl(Discriminator):
    """D(x) = s |x|²/2; Q's numbers are q x, without the first."""

    categorical, uniform = (2,), 1

    def __init__(self, s=1.0, q=1.0):
        super().__init__((4,))
        self.s, self.q = nn.Parameter(torch.tensor(s)), nn.Parameter(torch.tensor(q))

    def forward(self, x, y=None):
        return self.s * x.square().sum(dim=1) / 2

    def both(self, x):
        return self(x), self.q * x[:, 1:]


def batch(x=X):
    return torch.tensor(x, dtype=torch.float64), None


def softplus(t):
    return math.log1p(math.exp(t))


def information(t, q):
    """L_I by hand: of the pair, and of the number."""
    pair = mean([q * t - math.log(math.exp(q * t) + 1) for _ in Z]) + math.log(2)  # the right logit is q t, the other 0
    number = 1 / 6 - mean([(row[3] - q * t * row[3]) ** 2 for row in Z]) / 2
    return pair + number


# -- the equations


@pytest.mark.parametrize(("s", "t", "q"), [(0.75, 1.5, 0.5), (-0.5, 0.5, 2.0)])
@pytest.mark.parametrize(("weight", "q_weight"), [(1.0, 1.0), (0.25, 0.5), (0.0, 1.0)])
def test_both_losses_are_those_of_the_paper(s, t, q, weight, q_weight):
    model = InfoGAN(Times(t), Bowl(s, q), info_weight=weight, q_weight=q_weight).double()
    real, fake = [s * n / 2 for n in squared(X)], [s * t * t * n / 2 for n in squared(Z)]

    terms = model.d_loss(batch())
    assert list(terms) == ["adv", "info"]
    assert terms["adv"].item() == pytest.approx(mean([softplus(-r) for r in real]) + mean([softplus(f) for f in fake]))
    assert terms["info"].item() == pytest.approx(-q_weight * information(t, q), rel=1e-12)
    h = 1e-6
    slope = (information(t, q + h) - information(t, q - h)) / (2 * h)
    assert derivative(terms["info"], model.D.q) == pytest.approx(-q_weight * slope, rel=1e-6, abs=1e-12)

    terms = model.g_loss(batch())
    assert list(terms) == ["adv", "info"]
    assert terms["adv"].item() == pytest.approx(mean([softplus(-f) for f in fake]), rel=1e-12)
    assert terms["info"].item() == pytest.approx(-weight * information(t, q), rel=1e-12)
    slope = (information(t + h, q) - information(t - h, q)) / (2 * h)
    assert derivative(terms["info"], model.G.t) == pytest.approx(-weight * slope, rel=1e-6, abs=1e-12)


def test_real_images_do_not_enter_the_information():
    model = InfoGAN(Times(1.5), Bowl(0.75, 0.5)).double()
    infos = [model.d_loss(batch(x))["info"] for x in (X, [[9.0, -9.0, 9.0, -9.0]] * 3)]
    assert torch.equal(*infos)
    slopes = [torch.autograd.grad(info, model.D.q)[0] for info in infos]
    assert torch.equal(*slopes)


def test_the_steps_are_those_of_the_released_code():
    players = InfoGAN(Times(), Bowl()).players()
    assert {name: (p.optimizer.lr, p.optimizer.beta1) for name, p in players.items()} == {
        "d": (2e-4, 0.5),
        "g": (1e-3, 0.5),
    }


# -- the bound


def test_no_q_knows_more_than_there_is_to_know():
    prior = Coded(Uniform(dim=2), (10, 3), 2)
    generator = torch.Generator().manual_seed(0)
    for scale in (0.0, 1.0, 30.0):
        z = prior.sample(64, generator=generator)
        guesses = scale * torch.randn(64, 15, generator=generator)
        for numbers in (guesses, scale * (z[:, 2:] - 0.5), z[:, 2:]):
            found = {name: value.item() for name, value in bounds(prior.codes, z, numbers).items()}
            assert found["c1"] <= math.log(10) + 1e-6
            assert found["c2"] <= math.log(3) + 1e-6
            assert max(found["c3"], found["c4"]) <= 1 / 6 + 1e-6


def test_a_perfect_q_knows_all_and_one_that_knows_nothing_has_none():
    prior = Coded(Uniform(dim=2), (10,), 1)
    z = prior.sample(50_000, generator=torch.Generator().manual_seed(0)).double()
    c = z[:, 2:]
    perfect = bounds(prior.codes, z, torch.cat([100 * c[:, :10], c[:, 10:]], dim=1))
    assert perfect["c1"].item() == pytest.approx(2.302585, abs=1e-6)
    assert perfect["c2"].item() == pytest.approx(1 / 6, abs=1e-12)
    nothing = bounds(prior.codes, z, torch.zeros_like(c))
    assert nothing["c1"].item() == pytest.approx(0, abs=1e-12)
    assert nothing["c2"].item() == pytest.approx(0, abs=5 * math.sqrt((1 / 5 - 1 / 9) / 4 / 50_000))


def test_a_continuous_code_is_scored_as_a_gaussian_against_the_standard_one():
    """log N(c; μ, 1) plus the cross-entropy of c to N(0, 1): 1.0856 for a uniform code, log(2πe)/2 for a normal one."""
    c, mu = torch.tensor([[0.5], [-0.25]]).double(), torch.tensor([[0.3], [0.8]]).double()
    log_q = torch.distributions.Normal(mu, 1).log_prob(c).mean().item()
    for kind, entropy in (("uniform", 1.085605), ("normal", 1.418939)):
        code = Code("c1", kind, 0, 1, -1.0, 1.0)
        assert bounds([code], c, mu)["c1"].item() == pytest.approx(log_q + entropy, abs=1e-6)


# -- what Q learns


class Shows(Generator):
    """Shows its codes, among other things, or hides them."""

    def __init__(self, hides=False):
        super().__init__(SHAPE, Coded(Uniform(dim=4), (10,), 2))
        self.hides = hides

    def forward(self, z, y=None):
        seen = z[:, :4] if self.hides else z
        return nn.functional.pad(seen, (0, 64 - seen.shape[1])).unflatten(1, SHAPE)


def guesser(**kwargs):
    return WithCodes(MLPDiscriminator(SHAPE, width=32, depth=1), **{"width": 32, **kwargs})


@pytest.mark.parametrize("hides", [False, True])
def test_q_reaches_the_entropy_where_g_shows_the_codes(hides):
    torch.manual_seed(0)
    model = InfoGAN(Shows(hides), guesser())
    optimizer = torch.optim.Adam(model.D.parameters(), lr=2e-2)
    for _ in range(100):
        optimizer.zero_grad()
        model.d_loss((torch.zeros(128, *SHAPE), None))["info"].backward()
        optimizer.step()
    found = model.information(1000)
    if hides:
        assert max(found.values()) < 0.02
    else:
        assert found["c1"] == pytest.approx(2.3026, abs=0.01)
        assert found["c1"] <= math.log(10)
        assert found["c2"] == pytest.approx(1 / 6, abs=0.01)
        assert found["c3"] == pytest.approx(1 / 6, abs=0.01)
        z = model.G.prior.seeded(range(1000, 1200))
        codes = model.codes(model.G(z))
        assert torch.equal(codes["c1"], z[:, 4:14].argmax(dim=1))
        assert (codes["c2"] - z[:, 14]).square().mean() < 0.02
        assert (codes["c3"] - z[:, 15]).square().mean() < 0.02


def small(**kwargs):
    torch.manual_seed(0)
    return InfoGAN(ToImage(prior=Coded(Uniform(dim=4), (10,), 2)), guesser(), **{**fast(), **kwargs})


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_g_shows_the_codes_if_it_is_asked_to(weight, tmp_path):
    model = small(info_weight=weight, ema_decay=0.0)
    trainer(80, tmp_path).fit(model, datamodule=digits(batch_size=64))
    found = model.information(500)
    assert set(model.shown) == {"d/adv", "d/info", "g/adv", "g/info"}
    if weight:
        assert found["c1"] > 1.8
        assert model.shown["g/info"] < -1.8
    else:
        assert found["c1"] < 1.5
        assert model.shown["g/info"] == 0
        assert model.shown["d/info"] == pytest.approx(-sum(found.values()), abs=0.5)


def test_all_networks_move_also_behind_a_wrapper(tmp_path):
    torch.manual_seed(0)
    D = InstanceNoise(guesser(), std=0.1)
    model = InfoGAN(ToImage(prior=Coded(Uniform(dim=4), (10,), 2)), D, **fast())
    before = {name: p.clone() for name, p in model.named_parameters()}
    trainer(4, tmp_path).fit(model, datamodule=digits())
    assert not [name for name, p in model.named_parameters() if torch.equal(p, before[name])]


def test_reading_codes_changes_nothing():
    model = small()
    model.D.train()
    before = torch.get_rng_state()
    found = model.information(100, seed=3)
    assert model.information(100, seed=3) == found
    assert model.information(100, seed=4) != found
    assert torch.equal(torch.get_rng_state(), before)
    assert model.D.training
    assert model.D.discriminator.training
    codes = model.codes(model.sample(7))
    assert {name: (tuple(c.shape), c.dtype) for name, c in codes.items()} == {
        "c1": ((7,), torch.int64),
        "c2": ((7,), torch.float32),
        "c3": ((7,), torch.float32),
    }
    assert not codes["c2"].requires_grad


def test_the_information_is_that_of_the_average():
    model = small()
    before = model.information(100)
    with torch.no_grad():
        for p in model.G.parameters():
            p.add_(1)
    assert model.information(100) == before


def test_codes_are_read_without_noise():
    model = InfoGAN(ToImage(prior=Coded(Uniform(dim=4), (10,), 2)), InstanceNoise(guesser(), std=1.0))
    x = model.sample(5)
    assert torch.equal(model.codes(x)["c2"], model.codes(x)["c2"])


# -- configuration and bad input


def test_the_configuration_file_makes_the_game():
    file = Path(__file__).parents[2] / "configs" / "models" / "infogan.yaml"
    model = build(yaml.safe_load(file.read_text())["model"])
    assert type(model) is InfoGAN
    assert model.G.prior.dim == 74
    assert build(small().config()).config() == small().config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InfoGAN(Times(prior=Normal(dim=4)), Bowl()), "needs a prior with codes, such as Coded.*got Normal"),
        (
            lambda: InfoGAN(ToImage(prior=Coded()), FromImage()),
            r"wrap it as WithCodes\(discriminator, categorical=\[10\], uniform=2\), got FromImage",
        ),
        (
            lambda: InfoGAN(ToImage(prior=Coded()), guesser(categorical=(2, 8))),
            r"guesses the codes categorical=\[2, 8\], uniform=2, its generator's prior has categorical=\[10\]",
        ),
        (
            lambda: InfoGAN(ToImage(prior=Coded()), InstanceNoise(guesser(uniform=1))),
            r"uniform=1, its generator's prior has categorical=\[10\], uniform=2: give both the same",
        ),
        (
            lambda: InfoGAN(ToImage(prior=Coded()), Packed(WithCodes(MLPDiscriminator((2, 8, 8))), pack=2)),
            "guesses the codes of single images: got pack=2",
        ),
        (lambda: InfoGAN(Times(), Bowl(), info_weight=-1.0), "must not be negative, got info_weight=-1.0"),
        (lambda: InfoGAN(Times(), Bowl(), q_weight=-0.5), "must not be negative, got .* q_weight=-0.5"),
        (
            lambda: small().codes(torch.zeros(2, 1, 4, 4)),
            r"expected images \[N, 1, 8, 8\] of floats in \[-1, 1\], got torch.float32 \[2, 1, 4, 4\]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
