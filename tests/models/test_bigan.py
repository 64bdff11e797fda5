"""BiGAN and ALI: values and slopes by hand, D's optimum for Gaussians, who moves what."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.losses.divergences import KL
from ganzoo.losses.objectives import Hinge, LeastSquares, MaximumLikelihood, Minimax, NonSaturating, Wasserstein
from ganzoo.models.bigan import BiGAN
from ganzoo.networks.encoders import MLPEncoder
from ganzoo.networks.joint import MLPJointDiscriminator
from ganzoo.priors import Coded, Normal, Prior, Uniform
from ganzoo.roles import Encoder, Generator, JointDiscriminator
from tests.models.hand import Rows, Times, X, Z, batch, derivative, mean, squared
from tests.zoo import SHAPE, FromImage, ToImage, ToLatent, digits, fast, trainer, weights


class Pull(Encoder):
    """E(x) = e x, or N(e x, exp(v))."""

    def __init__(self, e=1.0, v=0.0, posterior="point"):
        super().__init__((2,), 2, posterior)
        self.e, self.v = nn.Parameter(torch.tensor(e)), nn.Parameter(torch.tensor(v))

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        m = self.e * x
        return m if self.posterior == "point" else torch.cat([m, self.v.expand_as(m)], dim=1)


class Product(JointDiscriminator):
    """D(x, z) = s <x, z>."""

    def __init__(self, s=1.0):
        super().__init__((2,), 2)
        self.s = nn.Parameter(torch.tensor(s))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.s * (x * z).sum(dim=1)


def hand(s, e, t, **kwargs):
    return BiGAN(Times(t=t), Pull(e), Product(s), **kwargs).double()


def sp(t):
    return math.log1p(math.exp(t))


def sigmoid(t):
    return 1 / (1 + math.exp(-t))


GEN = {  # (objective, real, fake, gen), each of a number
    "ns": (NonSaturating(), lambda t: sp(-t), sp, lambda t: sp(-t)),
    "minimax": (Minimax(), lambda t: sp(-t), sp, lambda t: -sp(t)),
    "hinge": (Hinge(), lambda t: max(0, 1 - t), lambda t: max(0, 1 + t), lambda t: -t),
    "ls": (LeastSquares(-1, 1, 0), lambda t: (t - 1) ** 2 / 2, lambda t: (t + 1) ** 2 / 2, lambda t: t**2 / 2),
}


@pytest.mark.parametrize("name", GEN)
@pytest.mark.parametrize(("s", "e", "t"), [(0.75, 1.5, 0.5), (-0.5, 0.25, 1.5)])
def test_the_pair_of_e_is_real_and_g_and_e_want_the_opposite(name, s, e, t):
    objective, real, fake, gen = GEN[name]
    encoded, generated = [s * e * n for n in squared(X)], [s * t * n for n in squared(Z)]
    model = hand(s, e, t, objective=objective)
    expected = mean([real(a) for a in encoded]) + mean([fake(b) for b in generated])
    assert model.d_loss(batch())["adv"].item() == pytest.approx(expected, rel=1e-12)
    expected = mean([gen(-a) for a in encoded]) + mean([gen(b) for b in generated])
    terms = model.ge_loss(batch())
    assert list(terms) == ["adv"]
    assert terms["adv"].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("s", "e", "t"), [(0.75, 1.5, 0.5), (-0.5, 0.25, 1.5)])
def test_the_loss_of_g_and_e_has_slopes_at_both(s, e, t):
    model = hand(s, e, t)
    loss = model.ge_loss(batch())["adv"]
    of_e = mean([s * n * sigmoid(s * e * n) for n in squared(X)])
    of_g = mean([-s * n * sigmoid(-s * t * n) for n in squared(Z)])
    assert derivative(loss, model.E.e) == pytest.approx(of_e, rel=1e-12)
    assert derivative(loss, model.G.t) == pytest.approx(of_g, rel=1e-12)
    of_d = mean([-e * n * sigmoid(-s * e * n) for n in squared(X)])
    of_d += mean([t * n * sigmoid(s * t * n) for n in squared(Z)])
    assert derivative(model.d_loss(batch())["adv"], model.D.s) == pytest.approx(of_d, rel=1e-12)


def test_a_stochastic_encoder_is_drawn_from_differentiably():
    s, e, v = 0.75, 0.5, -1.0
    model = BiGAN(Times(), Pull(e, v, "gaussian"), Product(s)).double()
    x, _ = batch()
    torch.manual_seed(3)
    loss = model.ge_loss(batch())["adv"]
    torch.manual_seed(3)
    noise = torch.randn(4, 2, dtype=torch.float64) * math.exp(v / 2)
    encoded = [s * t for t in (x * (e * x + noise)).sum(dim=1).tolist()]
    expected = mean([sp(a) for a in encoded]) + mean([sp(-s * n) for n in squared(Z)])
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    slope = mean([sigmoid(a) * s * n / 2 for a, n in zip(encoded, (x * noise).sum(dim=1).tolist(), strict=True)])
    assert derivative(loss, model.E.v) == pytest.approx(slope, rel=1e-10)


# -- linear games


A = torch.tensor([[2.0, 1.0], [0.5, -1.0]], dtype=torch.float64)
TALL = torch.tensor([[2.0, 1.0], [0.5, -1.0], [1.0, 1.0]], dtype=torch.float64)


class Matrix(Generator):
    """G(z) = A z + τ ε."""

    def __init__(self, matrix=A, tau=0.0, prior: Prior = Rows()):
        super().__init__((len(matrix),), prior)
        self.A, self.tau = nn.Parameter(matrix.clone()), tau

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        x = z @ self.A.T
        return x + self.tau * torch.randn_like(x)


class Map(Encoder):
    """E(x) = N(B x, σ²), or B x."""

    def __init__(self, matrix, sigma=0.0):
        super().__init__((matrix.shape[1],), matrix.shape[0], "gaussian" if sigma else "point")
        self.B, self.sigma = nn.Parameter(matrix.clone()), sigma

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        m = x @ self.B.T
        return torch.cat([m, torch.full_like(m, 2 * math.log(self.sigma))], dim=1) if self.sigma else m


class Quadratic(JointDiscriminator):
    """D(x, z) = <(x, z), Q (x, z)> + c."""

    def __init__(self, Q, c=0.0, n_x=2):
        super().__init__((n_x,), len(Q) - n_x)
        self.Q, self.c = nn.Parameter(Q.clone()), nn.Parameter(torch.tensor(c, dtype=Q.dtype))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        pair = torch.cat([x, z], dim=1)
        return ((pair @ self.Q) * pair).sum(dim=1) + self.c


@pytest.mark.parametrize("A", [A, TALL])
def test_where_e_inverts_g_no_discriminator_is_better_than_chance(A):
    """With x = A z and E = A⁺ both kinds of pairs are the same: V = -log 4, and its slopes at D are zero."""
    data = torch.tensor(Z, dtype=torch.float64) @ A.T, None
    inverse, other = torch.linalg.pinv(A), torch.linalg.pinv(A) + 0.2
    n_x, n = len(A), len(A) + 2
    nothing = torch.zeros(n, n, dtype=torch.float64)
    model = BiGAN(Matrix(A), Map(inverse), Quadratic(nothing, n_x=n_x)).double()
    loss = model.d_loss(data)["adv"]
    assert loss.item() == pytest.approx(math.log(4), rel=1e-12)
    assert torch.autograd.grad(loss, model.D.Q)[0].abs().max() < 1e-12
    torch.manual_seed(0)
    for _ in range(20):
        model.D = Quadratic(torch.randn(n, n, dtype=torch.float64) / 10, 0.1, n_x)
        assert model.d_loss(data)["adv"] > math.log(4)
    model = BiGAN(Matrix(A), Map(other), Quadratic(nothing, n_x=n_x)).double()
    slope = torch.autograd.grad(model.d_loss(data)["adv"], model.D.Q)[0]
    assert slope.abs().max() > 0.01
    model.D = Quadratic(-0.01 * slope, n_x=n_x)
    assert model.d_loss(data)["adv"] < math.log(4) - 1e-3


def joint_precisions(a, tau, b, sigma):
    """Precision of (x, z) and log of its density at 0, for pairs of E (x ~ N(0, a² + τ²)) and of G."""
    variance = a**2 + tau**2
    of_e = torch.tensor([[variance, b * variance], [b * variance, b**2 * variance + sigma**2]], dtype=torch.float64)
    of_g = torch.tensor([[variance, a], [a, 1.0]], dtype=torch.float64)
    return [(torch.linalg.inv(S), -math.log(2 * math.pi) - torch.logdet(S).item() / 2) for S in (of_e, of_g)]


def value_by_quadrature(logs, side=8.0, n=801):
    """∫ p log(p / (p + q)) + q log(q / (p + q)) of two densities on the plane."""
    axis = torch.linspace(-side, side, n, dtype=torch.float64)
    pair = torch.cartesian_prod(axis, axis)
    log_p, log_q = (c - ((pair @ P) * pair).sum(dim=1) / 2 for P, c in logs)
    values = -log_p.exp() * softplus(log_q - log_p) - log_q.exp() * softplus(log_p - log_q)
    return values.sum().item() * (axis[1] - axis[0]).item() ** 2


@pytest.mark.parametrize(("b", "sigma"), [(0.5, 1.0), (0.9, 0.3), (-0.3, 0.7)])
def test_at_the_ratio_of_two_gaussians_the_loss_is_that_of_the_best_discriminator(b, sigma):
    a, tau = 1.2, 0.5
    (P, log_p), (Q, log_q) = logs = joint_precisions(a, tau, b, sigma)
    column = torch.tensor([[1.0]], dtype=torch.float64)
    generator = Matrix(a * column, tau, Normal(dim=1))
    model = BiGAN(generator, Map(b * column, sigma), Quadratic((Q - P) / 2, log_p - log_q, n_x=1)).double()
    torch.manual_seed(0)
    data = math.sqrt(a**2 + tau**2) * torch.randn(200_000, 1, dtype=torch.float64), None
    value = value_by_quadrature(logs)
    assert -math.log(4) < value < 0
    torch.manual_seed(1)
    loss = model.d_loss(data)["adv"]
    assert -loss.item() == pytest.approx(value, abs=0.01)
    assert all(slope.abs().max() < 0.02 for slope in torch.autograd.grad(loss, [model.D.Q, model.D.c]))


def test_a_stochastic_e_that_is_the_posterior_makes_the_pairs_alike():
    a, tau = 1.2, 0.5
    b, sigma = a / (a**2 + tau**2), tau / math.sqrt(a**2 + tau**2)
    (P, log_p), (Q, log_q) = logs = joint_precisions(a, tau, b, sigma)
    torch.testing.assert_close(P, Q)
    assert log_p == pytest.approx(log_q)
    assert value_by_quadrature(logs) == pytest.approx(-math.log(4), abs=1e-4)


# -- through a trainer


def small(posterior="point", **kwargs):
    torch.manual_seed(0)
    encoder = MLPEncoder(SHAPE, 4, posterior, width=16, depth=2, norm="batch")
    return BiGAN(
        ToImage(norm=True), encoder, MLPJointDiscriminator(SHAPE, 4, width=16, depth=2), **{**fast(), **kwargs}
    )


@pytest.mark.parametrize("posterior", ["point", "gaussian"])
def test_d_and_then_g_with_e_move(posterior, tmp_path, monkeypatch):
    model, turns = small(posterior), []
    original = BiGAN.move

    def move(self, turn, *args):
        before = {name: p.detach().clone() for name, p in self.named_parameters()}
        grads = {name: None if p.grad is None else p.grad.clone() for name, p in self.named_parameters()}
        terms = original(self, turn, *args)
        mine = ("D.",) if turn.name == "d" else ("G.", "E.")
        for name, p in self.named_parameters():
            if name.startswith(("D.", "G.", "E.")):
                assert torch.equal(p, before[name]) == (not name.startswith(mine)), (turn.name, name)
            if not name.startswith(mine):
                same = p.grad is grads[name] if p.grad is None else torch.equal(p.grad, grads[name])
                assert same, (turn.name, name)
        turns.append(turn.name)
        return terms

    monkeypatch.setattr(BiGAN, "move", move)
    trainer(2, tmp_path).fit(model, datamodule=digits())
    assert turns == ["d", "ge", "d", "ge"]
    assert set(model.shown) == {"d/adv", "ge/adv"}


def test_both_averages_follow_the_player_of_g_and_e(tmp_path):
    model = small(ema_decay=0.9)
    before = weights(model)
    trainer(1, tmp_path).fit(model, datamodule=digits())
    after, decay = weights(model), 0.1
    for letter in ("G", "E"):
        for name, live in getattr(model, letter).named_parameters():
            expected = decay * before[f"{letter}.{name}"] + (1 - decay) * live
            torch.testing.assert_close(after[f"{letter}_ema.{name}"], expected)
    x = torch.rand(3, *SHAPE) * 2 - 1
    z = model.encode(x)
    torch.testing.assert_close(z, model.E_ema(x))
    torch.testing.assert_close(model.reconstruct(x), model.G_ema(z))
    assert model.sample(2).shape == (2, *SHAPE)


# -- bad input


def test_what_does_not_judge_pairs_of_g_is_refused():
    generator, encoder = ToImage(), MLPEncoder(SHAPE, 4, width=8, depth=1)
    with pytest.raises(ValueError, match=r"must judge pairs \(x, z\): use MLPJointDiscriminator .*, got FromImage"):
        BiGAN(generator, encoder, FromImage())
    with pytest.raises(ValueError, match="discriminator must take latents of 4 numbers, as G does: got dim=5"):
        BiGAN(generator, encoder, MLPJointDiscriminator(SHAPE, 5))
    with pytest.raises(ValueError, match=r"discriminator takes images \(1, 4, 4\), the generator makes \(1, 8, 8\)"):
        BiGAN(generator, encoder, MLPJointDiscriminator((1, 4, 4), 4))
    with pytest.raises(
        ValueError, match="encoder must return latents of 4 numbers, as G takes: got 5; make it with dim=4"
    ):
        BiGAN(generator, MLPEncoder(SHAPE, 5), MLPJointDiscriminator(SHAPE, 4))


def test_an_encoder_that_cannot_return_what_the_prior_does_is_refused():
    D = MLPJointDiscriminator(SHAPE, 4)
    with pytest.raises(ValueError, match="with a uniform prior E's output must be bounded: make it with output='tanh'"):
        BiGAN(ToImage(prior=Uniform(4)), MLPEncoder(SHAPE, 4), D)
    with pytest.raises(ValueError, match="with a uniform prior E must be deterministic"):
        BiGAN(ToImage(prior=Uniform(4)), MLPEncoder(SHAPE, 4, "gaussian", output="tanh"), D)
    with pytest.raises(ValueError, match=r"with a normal prior E's output must not be bounded: .* output='linear'"):
        BiGAN(ToImage(), MLPEncoder(SHAPE, 4, output="tanh"), D)
    with pytest.raises(ValueError, match="BiGAN's prior has no codes"):
        BiGAN(ToImage(prior=Coded(Normal(1), categorical=(3,), uniform=0)), MLPEncoder(SHAPE, 4), D)
    assert BiGAN(ToImage(prior=Uniform(4)), MLPEncoder(SHAPE, 4, output="tanh"), D).E.bounded


def test_an_encoder_of_ones_own_says_that_it_is_bounded():
    class Squashed(ToLatent):
        bounded = True

        def numbers(self, x, y=None):
            return super().numbers(x, y).tanh()

    D = MLPJointDiscriminator(SHAPE, 4)
    with pytest.raises(ValueError, match="an encoder of your own says bounded = True"):
        BiGAN(ToImage(prior=Uniform(4)), ToLatent(), D)
    assert BiGAN(ToImage(prior=Uniform(4)), Squashed(), D).G.prior.dim == 4
    with pytest.raises(ValueError, match="with a normal prior E's output must not be bounded"):
        BiGAN(ToImage(), Squashed(), D)


@pytest.mark.parametrize("objective", [LeastSquares(), NonSaturating(real_label=0.9), KL()])
def test_an_objective_that_favours_one_kind_of_pair_is_refused(objective):
    name = type(objective).__name__
    with pytest.raises(ValueError, match=rf"real\(t\) = fake\(-t\), which {name} with these arguments is not"):
        small(objective=objective)


@pytest.mark.parametrize("objective", [Minimax(), MaximumLikelihood(), Hinge(), Wasserstein(), LeastSquares(-1, 1, 1)])
def test_other_objectives_are_not(objective):
    assert small(objective=objective).objective is objective


def test_wrong_logits_are_refused_before_training(tmp_path):
    class Wrong(MLPJointDiscriminator):
        def forward(self, x: Tensor, z: Tensor) -> Tensor:
            return super().forward(x, z)[:, None]

    torch.manual_seed(0)
    model = BiGAN(ToImage(), MLPEncoder(SHAPE, 4, width=8), Wrong(SHAPE, 4, width=8, norm="batch"))
    before = weights(model.D)
    with pytest.raises(ValueError, match=r"must return logits of shape \[N\], got \[2, 1\] for N = 2"):
        trainer(1, tmp_path).fit(model, datamodule=digits())
    assert all(torch.equal(value, before[name]) for name, value in weights(model.D).items())
