"""The equations of the variational autoencoders, exactly: a linear one is probabilistic PCA."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo.config import build
from ganzoo.engine.optim import Adam
from ganzoo.inference import decode
from ganzoo.losses.likelihoods import GaussianLikelihood, Likelihood
from ganzoo.models.vae import CVAE, VAE, BetaVAE
from ganzoo.networks import MLPGenerator
from ganzoo.networks.encoders import MLPEncoder
from ganzoo.priors import Gaussian, Normal, Uniform
from ganzoo.roles import Encoder, Generator
from tests.models.hand import derivative, total
from tests.zoo import SHAPE, ToImage, digits, trainer, weights

DIM = 2  # of the latents of the linear model, whose points have SIZE numbers
SIZE = 5


class Decoder(Generator):
    """G(z, y) = t z + y, of one number."""

    def __init__(self, t: float = 1.0, num_classes: int = 0) -> None:
        super().__init__((1,), Normal(dim=1), num_classes)
        self.t = nn.Parameter(torch.tensor(t))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.t * z + (0 if y is None else y[:, None])


class Fixed(Encoder):
    """q = N(mean + 3 y, exp(log_variance)), whatever x."""

    def __init__(self, mean: float = 1.0, log_variance: float = 0.0, num_classes: int = 0) -> None:
        super().__init__((1,), 1, "gaussian", num_classes)
        self.mean, self.log_variance = nn.Parameter(torch.tensor(mean)), nn.Parameter(torch.tensor(log_variance))

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        mean = self.mean + torch.zeros_like(x) + (0 if y is None else 3 * y[:, None])
        return torch.cat([mean, self.log_variance.expand_as(mean)], dim=1)


class SquareOfZ(Likelihood):
    """-log p(x|z) = |z|²."""

    def log_prob(self, generator: Generator, z: Tensor, x: Tensor, y: Tensor | None = None) -> Tensor:
        return -z.square().sum(dim=1)


@pytest.fixture
def expectation(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return the mean over ε = ±sqrt(dim) e_i, which is E_ε of all that is quadratic in ε, exactly."""

    def mean_over_noise(what: Callable[[], Any], dim: int = 1) -> Any:
        found = []
        for unit in torch.eye(dim, dtype=torch.float64):
            for eps in (unit * math.sqrt(dim), -unit * math.sqrt(dim)):
                monkeypatch.setattr(torch, "randn_like", lambda like, eps=eps: eps.to(like).expand_as(like))
                found.append(what())
        monkeypatch.undo()
        return sum(found) / len(found)

    return mean_over_noise


def points(n: int = 40) -> Tensor:
    torch.manual_seed(0)
    scales = torch.tensor([2.0, 1.5, 0.5, 0.4, 0.3], dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(SIZE, SIZE, dtype=torch.float64)).Q
    return torch.randn(n, SIZE, dtype=torch.float64) * scales @ rotation + 0.5


def spectrum(x: Tensor) -> tuple[Tensor, Tensor, float]:
    """Return the eigenvalues and eigenvectors of the covariance, from large to small, and the pPCA variance."""
    covariance = (x - x.mean(dim=0)).T @ (x - x.mean(dim=0)) / len(x)
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0), vectors.flip(1)
    return values, vectors, values[DIM:].mean().item()


def ppca(x: Tensor, cls: type = VAE, **kwargs: Any) -> Any:
    """Return the linear VAE at the optimum of Tipping & Bishop: W = U (Λ - s²)^½, q(z|x) = p(z|x)."""
    values, vectors, variance = spectrum(x)
    W = vectors[:, :DIM] * (values[:DIM] - variance).sqrt()
    back = W.T / values[:DIM, None]  # (WᵀW + s²)⁻¹ Wᵀ, since WᵀW + s² = diag(λ)
    G = MLPGenerator((SIZE,), Normal(dim=DIM), depth=0, output="linear").double()
    E = MLPEncoder((SIZE,), dim=DIM, posterior="gaussian", depth=0).double()
    with torch.no_grad():
        G.body[1].weight.copy_(W)
        G.body[1].bias.copy_(x.mean(dim=0))
        E.head.weight[:DIM].copy_(back)
        E.head.bias[:DIM].copy_(-back @ x.mean(dim=0))
        E.head.bias[DIM:].copy_((variance / values[:DIM]).log())
    return cls(G, E, likelihood=GaussianLikelihood(math.sqrt(variance)), **kwargs)


def log_p(model: VAE, x: Tensor) -> Tensor:
    """log N(x; b, W Wᵀ + s² I), [N]."""
    linear: Any = model.G.body[1]
    covariance = linear.weight @ linear.weight.T + model.likelihood.std**2 * torch.eye(SIZE).double()
    return torch.distributions.MultivariateNormal(linear.bias, covariance).log_prob(x).detach()


# -- the bound


def test_at_the_optimum_of_ppca_the_loss_is_minus_its_log_likelihood(expectation):
    x = points()
    values, _, s2 = spectrum(x)
    kept = values[:DIM].log().sum().item()
    best = -0.5 * (SIZE * math.log(2 * math.pi) + kept + (SIZE - DIM) * math.log(s2) + SIZE)
    model = ppca(x)
    assert log_p(model, x).mean().item() == pytest.approx(best, rel=1e-12)
    loss = expectation(lambda: total(model.eg_loss((x, None))), DIM)
    assert loss.item() == pytest.approx(-best, rel=1e-12)


def test_at_the_optimum_of_ppca_the_gradient_is_zero(expectation):
    x = points()
    model = ppca(x)
    expectation(lambda: total(model.eg_loss((x, None))), DIM).backward()
    gradients = [p.grad.abs().max().item() for p in (*model.E.parameters(), *model.G.parameters())]
    assert len(gradients) == 4
    assert max(gradients) < 1e-12
    best = expectation(lambda: total(model.eg_loss((x, None))), DIM).item()
    for p in (*model.E.parameters(), *model.G.parameters()):  # and the optimum is a minimum
        step = 0.05 * torch.randn_like(p)
        with torch.no_grad():
            p.add_(step)
            assert expectation(lambda: total(model.eg_loss((x, None))), DIM).item() > best + 1e-4
            p.sub_(step)


def test_elbo_is_log_p_of_each_image_if_the_posterior_is_exact(expectation):
    x = points()
    model = ppca(x)
    elbo = expectation(lambda: model.elbo(x), DIM)
    assert elbo.shape == (40,)
    assert not elbo.requires_grad
    torch.testing.assert_close(elbo, log_p(model, x), rtol=1e-12, atol=1e-12)
    for k in (1, 7):  # then every weight is p(x), whatever z is drawn
        torch.testing.assert_close(model.log_likelihood(x, k), log_p(model, x), rtol=1e-12, atol=1e-12)


def test_elbo_is_a_bound_that_more_draws_tighten_up_to_log_p(expectation):
    x = points(8)
    model = ppca(x)
    with torch.no_grad():
        model.E_ema.head.bias[:DIM] += 0.3
        model.E_ema.head.bias[DIM:] += 1.0  # a wider q than p(z|x): the weights are bounded
    exact = log_p(model, x)
    elbo = expectation(lambda: model.elbo(x), DIM)
    assert (elbo < exact - 0.1).all()
    torch.manual_seed(1)
    ones = torch.stack([model.log_likelihood(x, 1) for _ in range(150)])
    error = ones.std(dim=0) / math.sqrt(150)
    assert ((ones.mean(dim=0) - elbo).abs() < 5 * error).all()
    few = torch.stack([model.log_likelihood(x, 5) for _ in range(40)]).mean(dim=0)
    many = model.log_likelihood(x, 1500)
    assert elbo.mean() < few.mean() < exact.mean()
    torch.testing.assert_close(many, exact, rtol=0, atol=0.1)


def test_the_parts_that_are_evaluated_at_once_make_no_difference(expectation):
    x = points(600)
    model = ppca(x)
    torch.testing.assert_close(expectation(lambda: model.elbo(x), DIM), log_p(model, x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model.log_likelihood(x, 2), log_p(model, x), rtol=1e-12, atol=1e-12)
    assert model.elbo(x[:0]).shape == model.log_likelihood(x[:0], 2).shape == (0,)


# -- the terms


def test_the_kl_of_a_known_posterior():
    model = VAE(Decoder(), Fixed(mean=1.0, log_variance=math.log(4)), likelihood=SquareOfZ())
    terms = model.eg_loss((torch.zeros(3, 1), None))
    assert list(terms) == ["nll", "kl"]
    assert terms["kl"].item() == pytest.approx(1.306853, abs=1e-6)


@pytest.mark.parametrize(("mean", "log_variance"), [(1.5, 0.8), (-0.25, -1.0)])
def test_the_gradient_passes_through_the_draw(mean, log_variance, expectation):
    model = VAE(Decoder(), Fixed(mean, log_variance), likelihood=SquareOfZ()).double()
    x = torch.zeros(3, 1).double()
    mu, lv = model.E.mean, model.E.log_variance
    nll = expectation(lambda: model.eg_loss((x, None))["nll"])
    assert nll.item() == pytest.approx(mu.item() ** 2 + math.exp(lv.item()), rel=1e-12)
    assert derivative(nll, mu) == pytest.approx(2 * mu.item(), rel=1e-12)
    assert derivative(nll, lv) == pytest.approx(math.exp(lv.item()), rel=1e-12)


def test_one_fresh_draw_per_image():
    model = VAE(Decoder(), Fixed(0.0, 0.0), likelihood=SquareOfZ())
    torch.manual_seed(0)
    values = [model.eg_loss((torch.zeros(2000, 1), None))["nll"].item() for _ in range(2)]
    assert values == pytest.approx([1, 1], abs=0.2)  # E[ε²] = 1; one ε for all would be far from it
    assert values[0] != values[1]


@pytest.mark.parametrize("n", [1, 7])
def test_pixels_are_summed_and_images_averaged(n):
    G, E = MLPGenerator(SHAPE, Normal(dim=3), width=4), MLPEncoder(SHAPE, dim=3, posterior="gaussian", width=4)
    for p in (*G.parameters(), *E.head.parameters()):
        nn.init.zeros_(p)
    nn.init.ones_(E.head.bias[:3].data)
    terms = VAE(G, E).eg_loss((torch.rand(n, *SHAPE) * 2 - 1, None))
    assert terms["nll"].item() == pytest.approx(64 * math.log(2))
    assert terms["kl"].item() == pytest.approx(3 / 2)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_beta_weighs_the_kl_only(beta):
    x = points()
    plain, weighed = ppca(x), ppca(x, cls=BetaVAE, beta=beta)
    terms = []
    for model in (plain, weighed):
        torch.manual_seed(3)
        terms.append(model.eg_loss((x, None)))
    assert list(terms[1]) == ["nll", "kl"]
    assert torch.equal(terms[0]["nll"], terms[1]["nll"])
    assert terms[1]["kl"].item() == pytest.approx(beta * terms[0]["kl"].item(), rel=1e-12)
    assert terms[0]["kl"] > 0.1
    torch.testing.assert_close(weighed.log_likelihood(x, 3), log_p(weighed, x))


def test_beta_is_four_unless_said():
    assert BetaVAE(Decoder(), Fixed()).beta == 4


# -- classes


@pytest.mark.parametrize("told", [0, 3])
def test_both_forms_of_the_conditional_vae(told, expectation):
    """G(z, y) = t z + y; q = N(m, v), or N(m + 3 y, v) if E is told."""
    t, m, v, s = 0.5, 1.25, 0.5, 0.75
    E = Fixed(m, num_classes=told).double()
    E.log_variance.data.fill_(math.log(v))
    model = CVAE(Decoder(t, num_classes=3).double(), E, GaussianLikelihood(s))
    x, y = torch.tensor([[0.5], [-1.0], [2.0], [0.25]], dtype=torch.float64), torch.tensor([0, 1, 2, 1])
    means = m + 3 * y.double() * bool(told)
    off = (x[:, 0] - t * means - y).square() + t**2 * v
    nll = off / (2 * s**2) + math.log(s * math.sqrt(2 * math.pi))
    kl = (means**2 + v - 1 - math.log(v)) / 2
    for key, expected in (("nll", nll), ("kl", kl)):
        value = expectation(lambda key=key: model.eg_loss((x, y))[key])
        assert value.item() == pytest.approx(expected.mean().item(), rel=1e-12)
    torch.testing.assert_close(expectation(lambda: model.elbo(x, y)), -nll - kl, rtol=1e-12, atol=0)
    torch.manual_seed(0)
    exact = torch.distributions.Normal(y.double(), math.sqrt(t**2 + s**2)).log_prob(x[:, 0])
    many = CVAE(Decoder(t, num_classes=3), Fixed(0.0, 0.2), GaussianLikelihood(s)).double().log_likelihood(x, 1000, y)
    torch.testing.assert_close(many, exact, rtol=0, atol=0.12)


def test_a_class_is_for_those_who_take_it():
    x = torch.rand(2, *SHAPE) * 2 - 1
    kwargs: dict[str, Any] = {"posterior": "gaussian", "width": 4}
    for told in (0, 10):
        G = MLPGenerator(SHAPE, Normal(dim=4), width=4, num_classes=10)
        model = CVAE(G, MLPEncoder(SHAPE, 4, num_classes=told, **kwargs))
        z = model.encode(x, [1, 2] if told else None)
        torch.testing.assert_close(model.reconstruct(x, [1, 2]), decode(model.G_ema, z, [1, 2]))
        assert model.sample(3, condition=5).shape == (3, *SHAPE)
        with pytest.raises(ValueError, match="this generator is conditional: give labels from 0 to 9"):
            model.elbo(x)
    with pytest.raises(ValueError, match="this generator is unconditional: leave labels out"):
        VAE(MLPGenerator(SHAPE, Normal(dim=4), width=4), MLPEncoder(SHAPE, 4, **kwargs)).elbo(x, 1)


# -- training


def small(cls: type = VAE, num_classes: int = 0, told: int = 0, **kwargs: Any) -> Any:
    torch.manual_seed(0)
    G = MLPGenerator(SHAPE, Normal(dim=4), width=32, depth=1, num_classes=num_classes)
    E = MLPEncoder(SHAPE, 4, "gaussian", width=32, depth=1, num_classes=told)
    return cls(G, E, optimizer=Adam(lr=5e-3, beta1=0.9), **kwargs)


def real() -> Tensor:
    data = digits(batch_size=256)
    data.setup("fit")
    return next(iter(data.images("train"))).float() / 127.5 - 1


@pytest.mark.parametrize(
    ("cls", "kwargs"), [(VAE, {}), (BetaVAE, {"beta": 2.0}), (CVAE, {"num_classes": 10, "told": 10})]
)
def test_training_raises_the_bound_and_moves_everything(cls, kwargs, tmp_path):
    model = small(cls, ema_decay=0.9, **kwargs)
    x, labels = real(), 3 if model.G.num_classes else None
    before, was, torn = model.elbo(x, labels).mean(), weights(model), (x - model.reconstruct(x, labels)).square().mean()
    trainer(80, tmp_path).fit(model, datamodule=digits(batch_size=64))
    assert model.elbo(x, labels).mean() > before + 5
    assert (x - model.reconstruct(x, labels)).square().mean() < 0.6 * torn
    assert set(model.shown) == {"eg/nll", "eg/kl"}
    assert [key for key, value in weights(model).items() if torch.equal(value, was[key])] == []
    assert model.encode(x, labels if model.E.num_classes else None).shape == (len(x), 4)
    assert model.sample(5, condition=labels).shape == (5, *SHAPE)


def test_both_averages_follow_the_one_player(tmp_path):
    model = small(ema_decay=0.9)
    before = weights(model)
    trainer(1, tmp_path).fit(model, datamodule=digits())
    decay = min(0.9, 1 / 10)
    for name in ("G", "E"):
        for key, live in getattr(model, name).state_dict().items():
            expected = decay * before[f"{name}.{key}"] + (1 - decay) * live
            torch.testing.assert_close(model.state_dict()[f"{name}_ema.{key}"], expected)
    assert [average.player for average in model._averages] == ["eg", "eg"]


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_other_precisions_train(precision, tmp_path):
    model = small()
    trainer(4, tmp_path, precision=precision).fit(model, datamodule=digits())
    assert 20 < model.shown["eg/nll"] < 60
    assert 0 <= model.shown["eg/kl"] < 20


def test_kl_near_the_prior_is_not_lost_in_half_precision():
    mean = torch.full((1, 100), 2e-3, dtype=torch.bfloat16)
    log_variance = torch.full((1, 100), 2e-3, dtype=torch.bfloat16, requires_grad=True)
    kl = Gaussian(mean, log_variance).kl()
    m, v = float(mean[0, 0]), float(log_variance[0, 0].detach())
    torch.testing.assert_close(kl, torch.tensor([50 * (m * m + math.expm1(v) - v)]), rtol=1e-2, atol=0)
    kl.sum().backward()
    assert float(log_variance.grad[0, 0]) == pytest.approx(math.expm1(v) / 2, rel=1e-2)
    assert Gaussian(mean.double(), log_variance.double()).kl().dtype == torch.float64


def test_evaluation_uses_the_averages_and_only_them():
    model, x = small(), real()[:4]

    def found() -> Tensor:
        torch.manual_seed(1)
        return torch.stack([model.elbo(x), model.log_likelihood(x, 2)])

    before = found()
    for p in (*model.G.parameters(), *model.E.parameters()):
        nn.init.zeros_(p)
    assert torch.equal(found(), before)
    for p in (*model.G_ema.parameters(), *model.E_ema.parameters()):
        nn.init.zeros_(p)
    torch.testing.assert_close(found(), torch.full((2, 4), -64 * math.log(2)))


@pytest.mark.parametrize(("cls", "kwargs"), [(VAE, {}), (BetaVAE, {"beta": 2.0}), (CVAE, {"num_classes": 3})])
def test_the_configuration_rebuilds_the_game(cls, kwargs):
    model = small(cls, likelihood=GaussianLikelihood(0.2), **kwargs)
    again = build(model.config())
    assert type(again) is cls
    assert again.config() == model.config()
    assert weights(again).keys() == weights(model).keys()
    assert again.likelihood.std == 0.2


# -- what does not fit


def networks(**kwargs: Any) -> dict[str, Any]:
    made = {"generator": ToImage(), "encoder": MLPEncoder(SHAPE, 4, "gaussian", width=4)}
    return {**made, **kwargs}


@pytest.mark.parametrize(
    ("cls", "kwargs", "message"),
    [
        (VAE, {"generator": ToImage(prior=Uniform(dim=4))}, r"prior N\(0, I\), got Uniform: make it with prior=Normal"),
        (BetaVAE, {"encoder": MLPEncoder(SHAPE, 4, width=4)}, "BetaVAE needs an encoder .*posterior='point'"),
        (VAE, {"encoder": MLPEncoder(SHAPE, 5, "gaussian", width=4)}, "latents of 4 numbers, as G takes: got 5"),
        (VAE, {"encoder": MLPEncoder((1, 4, 4), 4, "gaussian", width=4)}, r"encoder takes images \(1, 4, 4\)"),
        (
            VAE,
            {"encoder": MLPEncoder(SHAPE, 4, "gaussian", width=4, num_classes=3)},
            "encoder is conditioned on 3 classes, the generator on 0: make the encoder with num_classes=0",
        ),
        (
            CVAE,
            {
                "generator": ToImage(num_classes=10),
                "encoder": MLPEncoder(SHAPE, 4, "gaussian", width=4, num_classes=3),
            },
            "encoder is conditioned on 3 classes, the generator on 10",
        ),
        (BetaVAE, {"beta": -1.0}, "beta must not be negative, got -1.0"),
    ],
)
def test_networks_and_numbers_that_do_not_fit_are_refused(cls, kwargs, message):
    with pytest.raises(ValueError, match=message):
        cls(**networks(**kwargs))


@pytest.mark.parametrize(
    ("cls", "kwargs", "message"),
    [
        (VAE, {}, "ToImage has no logits: use MLPGenerator or DCGANGenerator, or another likelihood"),
        (VAE, {"generator": ToImage(num_classes=10)}, "VAE is unconditional: its generator must have num_classes=0"),
        (CVAE, {}, "CVAE is conditional: its generator needs num_classes"),
        (CVAE, {"generator": ToImage(num_classes=3)}, "classes of the data: 10, the generator is conditioned on 3"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_batch(cls, kwargs, message, tmp_path, monkeypatch):
    monkeypatch.setattr(cls, "eg_loss", lambda self, batch: pytest.fail("a batch was played"))
    with pytest.raises(ValueError, match=message):
        trainer(1, tmp_path).fit(cls(**networks(**kwargs)), datamodule=digits())


def test_images_and_counts_of_the_wrong_kind_are_refused():
    model = small()
    with pytest.raises(ValueError, match=r"expected images \[N, 1, 8, 8\] of floats in \[-1, 1\], got torch.uint8"):
        model.elbo(torch.zeros(2, *SHAPE, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"got torch.float32 \[1, 8, 8\]"):
        model.log_likelihood(torch.zeros(SHAPE), 1)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        model.log_likelihood(torch.zeros(2, *SHAPE), 0)
