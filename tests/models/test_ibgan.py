"""IB-GAN: its two bounds in closed form, the channel, and what β does."""

import math
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from ganzoo.callbacks.encoders import traversals
from ganzoo.config import build
from ganzoo.inference import decode, encode, here
from ganzoo.models.ibgan import IBGAN
from ganzoo.models.infogan import InfoGAN
from ganzoo.networks.bottleneck import Bottleneck
from ganzoo.networks.mlp import MLPDiscriminator, MLPGenerator
from ganzoo.pictures import grid
from ganzoo.priors import Code, Coded, Normal, Prior
from ganzoo.roles import Discriminator, Encoder
from tests.models.hand import mean, total
from tests.networks.nets import dead_parameters, disturb
from tests.zoo import SHAPE, FromImage, ToImage, digits, fast, trainer


class Reads(Encoder):
    """ẑ = W x + b."""

    def __init__(self, image_shape=SHAPE, dim=3, posterior="point", num_classes=0):
        super().__init__(image_shape, dim, posterior, num_classes)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(image_shape), dim))

    def numbers(self, x, y=None):
        return self.net(x)


def channel(dim=3, n_r=2, **kwargs):
    return Bottleneck(ToImage(prior=Normal(dim=n_r)), dim=dim, width=8, **kwargs)


def model(seed=0, **kwargs):
    torch.manual_seed(seed)
    made = IBGAN(channel(), FromImage(), Reads(), **{**fast(), **kwargs})
    disturb(made.G.e)
    made.G_ema.load_state_dict(made.G.state_dict())
    return made


# -- the channel


def test_a_latent_is_z_and_the_noise_of_the_channel():
    torch.manual_seed(0)
    G = channel()
    disturb(G.e)
    assert G.prior.dim == 3 + 2
    assert isinstance(G.prior, Normal)
    latents = torch.randn(6, 5)
    mean, log_variance = G.e(latents[:, :3])[:, :2], G.e(latents[:, :3])[:, 2:]
    r = mean + log_variance.exp().sqrt() * latents[:, 3:]
    torch.testing.assert_close(G(latents), G.generator(r))
    torch.testing.assert_close(G.decode(r), G.generator(r))
    torch.testing.assert_close(G.posterior(latents[:, :3]).mean, mean)
    G(latents).square().sum().backward()
    assert dead_parameters(G) == []


def test_a_new_channel_knows_nothing_of_z():
    torch.manual_seed(0)
    G = Bottleneck(ToImage(prior=Normal(dim=10)))
    assert G.posterior(torch.randn(100, 16)).kl().max() < 1e-3
    shapes = [tuple(p.shape) for p in G.e.parameters()]
    assert shapes == [(32, 16), (32,), (32, 32), (32,), (20, 32), (20,)]


def test_the_configuration_makes_the_generator_again():
    G = channel(image_shape=(1, 4, 4))
    assert G.image_shape == G.generator.image_shape == (1, 4, 4)
    twin = build(G.config())
    twin.load_state_dict(G.state_dict(), strict=True)
    z = torch.randn(2, 5)
    assert torch.equal(twin(z), G(z))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bottleneck(ToImage(prior=Coded())), "must have the prior Normal, got Coded"),
        (lambda: Bottleneck(ToImage(num_classes=3)), "must be unconditional, got one of 3 classes"),
        (lambda: channel(dim=0), "dim must be at least 1, got 0"),
        (lambda: channel()(torch.zeros(2, 5), torch.zeros(2)), "this generator is unconditional"),
    ],
)
def test_a_channel_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- the equations


class Fixed(Prior):
    """Draws the same rows of [z, ε]."""

    ROWS = [[0.5, -1.0, 2.0, 0.25, 1.0], [1.5, 0.0, -0.5, -1.0, 0.5], [-0.25, 0.75, 1.0, 0.0, -2.0]]

    def __init__(self):
        super().__init__(dim=5)

    def sample(self, n, device=None, generator=None):
        return torch.tensor(self.ROWS)[:n]


def by_hand(beta):
    """e(r|z) = N(m, exp(v)) and ẑ = b, whatever z and x."""
    game = model(beta=beta).double()
    game.G.prior = Fixed()
    m, v, b = [1.0, -0.5], [math.log(4), -1.0], [0.5, 0.0, -1.0]
    with torch.no_grad():
        game.G.e[-1].weight.zero_()
        game.G.e[-1].bias.copy_(torch.tensor([*m, *v]))
        game.E.encoder.net[-1].weight.zero_()
        game.E.encoder.net[-1].bias.copy_(torch.tensor(b))
    upper = sum((a * a + math.exp(c) - 1 - c) / 2 for a, c in zip(m, v, strict=True))
    lower = 3 / 2 - mean([sum((z - g) ** 2 for z, g in zip(row[:3], b, strict=True)) for row in Fixed.ROWS]) / 2
    return game, lower, upper


@pytest.mark.parametrize("beta", [0.141, 2.0, 0.0])
def test_the_terms_are_those_of_the_paper(beta):
    game, lower, upper = by_hand(beta)
    batch = torch.rand(3, *SHAPE).double(), None
    terms = game.g_loss(batch)
    assert list(terms) == ["adv", "info", "kl"]
    assert terms["info"].item() == pytest.approx(-lower, rel=1e-6)
    assert terms["kl"].item() == pytest.approx(beta * upper, rel=1e-6)
    logits = game.D(game.G(game.prior(3)))
    assert terms["adv"].item() == pytest.approx(nn.functional.softplus(-logits).mean().item(), rel=1e-9)
    real = nn.functional.softplus(-game.D(batch[0])).mean()
    expected = (real + nn.functional.softplus(logits).mean()).item()
    assert {k: v.item() for k, v in game.d_loss(batch).items()} == {"adv": pytest.approx(expected, rel=1e-9)}


def test_the_kl_of_a_unit_mean_and_a_variance_of_four():
    game, _, _ = by_hand(1.0)
    with torch.no_grad():
        game.G.e[-1].bias.copy_(torch.tensor([1.0, 0.0, math.log(4), 0.0]))
    assert game.g_loss((torch.zeros(3), None))["kl"].item() == pytest.approx(1.306853, abs=1e-6)


def test_the_information_is_the_log_density_and_the_entropy():
    """I^L = E[log N(z; ẑ, I)] + log(2πe) dim z / 2."""
    game = model(beta=0.5).double()
    game.G.prior = Fixed()
    latents = game.prior(3)
    zhat = game.E.encoder(game.G(latents))
    log_q = torch.distributions.Normal(zhat, 1).log_prob(latents[:, :3]).sum(dim=1).mean()
    expected = log_q + 3 / 2 * math.log(2 * math.pi * math.e)
    torch.testing.assert_close(-game.g_loss((torch.zeros(3), None))["info"], expected)


def test_the_information_moves_g_e_and_q():
    game = model()
    game.g_loss((torch.zeros(16), None))["info"].backward()
    assert dead_parameters(game.G) == []
    assert dead_parameters(game.E.encoder) == []
    assert all(p.grad is None for p in game.D.parameters())
    game = model()
    game.g_loss((torch.zeros(16), None))["kl"].backward()
    assert dead_parameters(game.G.e) == []
    assert all(p.grad is None for p in (*game.G.generator.parameters(), *game.E.encoder.parameters()))


class Columns(Prior):
    """[z, ε] of which z are normal codes."""

    def __init__(self):
        super().__init__(dim=5)
        self.codes = tuple(Code(f"c{k + 1}", "normal", k, 1, -3.0, 3.0) for k in range(3))

    def sample(self, n, device=None, generator=None):
        return torch.randn(n, 5, device=device, generator=generator)


class BothOf(Discriminator):
    """D, and Q as its second head."""

    categorical, uniform = (), 3

    def __init__(self, D, Q):
        super().__init__(SHAPE)
        self.D, self.Q = D, Q

    def forward(self, x, y=None):
        return self.D(x)

    def both(self, x):
        return self.D(x), self.Q(x)


def test_without_beta_it_is_infogan_on_z():
    game, batch = model(beta=0.0), (torch.zeros(32), None)
    game.G.prior = Columns()
    other = InfoGAN(game.G, BothOf(game.D, game.E.encoder), **fast())
    losses = []
    for each in (game, other):
        torch.manual_seed(3)
        losses.append(total(each.g_loss(batch)))
    torch.testing.assert_close(*losses)
    wanted = [p for p in game.G.parameters()]
    ours, theirs = (torch.autograd.grad(loss, wanted) for loss in losses)
    torch.testing.assert_close(ours, theirs)


# -- a chain of Gaussians: z -> r = A z + σ ε -> x = B r, so I(z; x) = I(z; r) = log det(I + A Aᵀ / σ²) / 2


class Straight(nn.Module):
    """Mean A z and variance σ² of each coordinate of r."""

    def __init__(self, A, variance):
        super().__init__()
        self.A, self.variance = nn.Parameter(A), variance

    def forward(self, z):
        return torch.cat([z @ self.A.T, self.variance.log().expand(len(z), -1)], dim=1)


def chain(A, variance):
    """The game in which q is the best one: ẑ = E[z|x]."""
    torch.manual_seed(0)
    G = Bottleneck(MLPGenerator((2,), Normal(dim=2), depth=0, output="linear"), dim=2)
    G.e = Straight(A, variance)
    B = torch.tensor([[1.0, 0.5], [-0.25, 2.0]])
    Q = Reads((2,), dim=2)
    with torch.no_grad():
        G.generator.body[1].weight.copy_(B)
        G.generator.body[1].bias.zero_()
        Q.net[-1].weight.copy_(A.T @ torch.linalg.inv(A @ A.T + variance.diag()) @ torch.linalg.inv(B))
        Q.net[-1].bias.zero_()
    return IBGAN(G, MLPDiscriminator((2,), width=4), Q)


NORMALISED = torch.tensor([[0.6, 0.0], [0.0, 0.8]])  # r is N(0, I) with the variances 0.64 and 0.36
SKEW = torch.tensor([[1.0, 0.5], [0.25, -0.75]])


@pytest.mark.parametrize(
    ("A", "variance", "tight"),
    [
        (NORMALISED, [0.64, 0.36], True),
        (SKEW, [0.5, 0.5], False),
        (SKEW, [0.1, 2.0], False),
        (0 * SKEW, [1.0, 1.0], True),
    ],
)
def test_the_bounds_enclose_the_information_of_a_gaussian_chain(A, variance, tight):
    variance = torch.tensor(variance)
    game = chain(A, variance)
    exact = torch.logdet(torch.eye(2) + A @ A.T / variance[:, None]).item() / 2
    left = torch.eye(2) - A.T @ torch.linalg.inv(A @ A.T + variance.diag()) @ A  # Cov(z|x)
    lower = (2 - left.trace().item()) / 2
    upper = (A.square().sum() + variance.sum() - 2 - variance.log().sum()).item() / 2
    found = game.information_bounds(20_000)
    assert found == {"lower": pytest.approx(lower, abs=0.03), "upper": pytest.approx(upper, abs=0.03)}
    assert lower <= exact + 1e-6
    assert exact <= upper + 1e-6
    assert found["lower"] <= exact + 0.03
    assert exact <= found["upper"] + 0.03
    assert (upper == pytest.approx(exact, abs=1e-6)) == tight


# -- what β does


@pytest.mark.parametrize("beta", [0.0, 100.0])
def test_a_large_beta_closes_the_channel(beta):
    game = model(beta=beta, ema_decay=0.0)
    start = game.information_bounds(256)
    optimizer = torch.optim.Adam([*game.G.parameters(), *game.E.encoder.parameters()], lr=2e-2)
    for _ in range(80):
        optimizer.zero_grad()
        terms = game.g_loss((torch.zeros(64), None))
        (terms["info"] + terms["kl"]).backward()
        optimizer.step()
    game.G_ema.load_state_dict(game.G.state_dict())
    game.E_ema.load_state_dict(game.E.state_dict())
    end = game.information_bounds(4096)
    if beta:
        assert start["upper"] > 0.02
        assert end["upper"] < 2e-3
        assert end["lower"] < 0.1  # I^L of 4096 seeds has a standard error of 0.02
    else:
        assert end["upper"] > end["lower"] > 0.8
        assert end["lower"] > start["lower"] + 0.5


# -- training and the representation


def test_d_moves_alone_and_g_e_and_q_together(tmp_path):
    game = model(ema_decay=0.9)
    before = {name: p.clone() for name, p in game.named_parameters()}
    trainer(1, tmp_path).fit(game, datamodule=digits())
    assert set(game.shown) == {"d/adv", "g/adv", "g/info", "g/kl"}
    now = dict(game.named_parameters())
    assert not [name for name in now if torch.equal(now[name], before[name])]
    for name in [name for name in now if name.startswith("E_ema.") or name.startswith("G_ema.")]:
        live = name.replace("_ema", "", 1)
        torch.testing.assert_close(now[name], before[live] / 10 + now[live] * 9 / 10)
    owners = {
        name: {id(p) for net in player.networks for p in net.parameters()} for name, player in game.players().items()
    }
    assert owners["d"] == {id(p) for p in game.D.parameters()}
    assert owners["g"] == {id(p) for net in (game.G, game.E.encoder) for p in net.parameters()}


def test_the_representation_is_the_mean_of_r_at_the_z_that_is_read():
    game = model()
    x = game.sample(5)
    z = encode(game.E_ema.encoder, x)
    torch.testing.assert_close(game.represent(x), game.G_ema.posterior(z).mean)
    assert game.represent(x).shape == (5, 2)
    assert not game.represent(x).requires_grad
    expected = game.represent(x)
    with torch.no_grad():
        for p in (*game.G.parameters(), *game.E.encoder.parameters()):
            p.add_(1)  # the averages are asked, not the networks that move
    assert torch.equal(game.represent(x), expected)
    assert torch.equal(game.sample(5), decode(game.G_ema, game.G_ema.prior.seeded(range(16)))[:5])


def test_an_image_is_decoded_through_the_mean_of_r():
    game = model()
    x = game.sample(5)
    z = game.encode(x)
    assert z.shape == (5, 3 + 2)
    torch.testing.assert_close(z[:, :3], encode(game.E_ema.encoder, x))
    assert torch.equal(z[:, 3:], torch.zeros(5, 2))
    torch.testing.assert_close(game.reconstruct(x), game.G_ema.decode(game.represent(x)))


def test_pictures_walk_through_r():
    """A row for each number of r, and nothing else of r changes along it."""
    game = model()
    start = game.trained.latents(1, 5)
    space = game.trained.generator.spaces["r"]
    r = here(space, start)
    assert space.prior.dim == 2
    torch.testing.assert_close(decode(space, r), game.trained.decode(start))
    rows = r.repeat(20, 1)
    for k in range(2):
        rows[10 * k : 10 * k + 10, k] = torch.linspace(-3, 3, 10)
    assert traversals(game.trained, seed=5).tobytes() == grid(decode(space, rows), columns=10).tobytes()


def test_the_configuration_file_makes_the_game():
    from ganzoo.networks.encoders import DCGANEncoder

    file = Path(__file__).parents[2] / "configs" / "models" / "ibgan.yaml"
    game = build(yaml.safe_load(file.read_text())["model"])
    assert type(game) is IBGAN
    assert type(game.E.encoder) is DCGANEncoder
    assert (game.G.dim, game.G.prior.dim, game.beta) == (16, 26, 0.141)
    assert build(model().config()).config() == model().config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IBGAN(ToImage(), FromImage(), Reads()), r"wrap it as Bottleneck\(generator\), got ToImage"),
        (lambda: IBGAN(channel(), FromImage(), Reads(dim=5)), "the 3 numbers of the Bottleneck's z, got 5"),
        (lambda: IBGAN(channel(), FromImage(), Reads((1, 4, 4))), r"encoder takes images \(1, 4, 4\)"),
        (lambda: IBGAN(channel(), FromImage(), Reads(posterior="gaussian")), "posterior='point', got 'gaussian'"),
        (lambda: IBGAN(channel(), FromImage(), Reads(num_classes=2)), "must be unconditional, got one of 2 classes"),
        (lambda: model(beta=-0.1), "beta must not be negative, got -0.1"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_encoder_with_a_wrong_output_is_refused_before_training(tmp_path):
    game = model()
    game.E_ema.encoder.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    with pytest.raises(ValueError, match=r"encoder must return latents of shape \[2, 5\], got \[2, 4\]"):
        trainer(1, tmp_path).fit(game, datamodule=digits())
