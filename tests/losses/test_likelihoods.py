"""The likelihoods are those of torch, summed over pixels."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Normal as TorchNormal

from ganzoo.config import build
from ganzoo.losses.likelihoods import Bernoulli, GaussianLikelihood, Likelihood
from ganzoo.networks import MLPGenerator, ResNetGenerator
from ganzoo.priors import Normal
from ganzoo.roles import Generator

SHAPE = (2, 3, 4)


class Logits(Generator):
    """The logits are z, plus y; the images tanh of half of them."""

    def __init__(self, num_classes: int = 0) -> None:
        super().__init__(SHAPE, Normal(dim=24), num_classes)

    def logits(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        shift = 0 if y is None else y[:, None, None, None]
        return z.unflatten(1, SHAPE) + shift

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return (self.logits(z, y) / 2).tanh()


def some(n: int = 5) -> tuple[Tensor, Tensor]:
    """Return latents and black and white images."""
    torch.manual_seed(0)
    x = torch.randint(2, (n, *SHAPE)).double() * 2 - 1
    return torch.randn(n, 24, dtype=torch.float64) * 2, x


def test_bernoulli_is_that_of_torch_summed_over_pixels():
    z, x = some()
    theirs = TorchBernoulli(logits=z.unflatten(1, SHAPE)).log_prob((x + 1) / 2)
    ours = Bernoulli().log_prob(Logits(), z, x)
    assert ours.shape == (5,)
    torch.testing.assert_close(ours, theirs.sum(dim=(1, 2, 3)), rtol=1e-12, atol=0)


def test_the_image_of_the_generator_is_the_mean_of_bernoulli():
    z, x = some()
    b = (Logits()(z) + 1) / 2
    torch.testing.assert_close(b, z.unflatten(1, SHAPE).sigmoid())
    white = (x + 1) / 2
    expected = (white * b.log() + (1 - white) * (1 - b).log()).sum(dim=(1, 2, 3))
    torch.testing.assert_close(Bernoulli().log_prob(Logits(), z, x), expected)


def test_grey_pixels_count_by_their_brightness_and_are_best_met_by_their_own():
    z = torch.tensor([[0.3] * 24], dtype=torch.float64)
    white, black = torch.ones(1, *SHAPE).double(), -torch.ones(1, *SHAPE).double()
    of = lambda x, z=z: Bernoulli().log_prob(Logits(), z, x).item()  # noqa: E731
    assert of(0.5 * white) == pytest.approx(0.75 * of(white) + 0.25 * of(black), rel=1e-12)
    best = torch.full((1, 24), math.log(3), dtype=torch.float64)  # σ(log 3) = 3/4
    assert of(0.5 * white, best) == pytest.approx(24 * (0.75 * math.log(0.75) + 0.25 * math.log(0.25)), rel=1e-12)
    for other in (best + 0.01, best - 0.01):
        assert of(0.5 * white, other) < of(0.5 * white, best)


def test_sure_logits_stay_finite():
    z, x = torch.full((1, 24), 300.0), torch.full((1, *SHAPE), -1.0)
    assert Bernoulli().log_prob(Logits(), z, x).item() == pytest.approx(-300 * 24)
    assert Bernoulli().log_prob(Logits(), z, -x).item() == 0


@pytest.mark.parametrize("std", [0.1, 1.0, 2.5])
def test_gaussian_is_that_of_torch_summed_over_pixels(std):
    z, x = some()
    theirs = TorchNormal(Logits()(z), std).log_prob(x).sum(dim=(1, 2, 3))
    torch.testing.assert_close(GaussianLikelihood(std).log_prob(Logits(), z, x), theirs, rtol=1e-12, atol=0)
    at_the_mean = GaussianLikelihood(std).log_prob(Logits(), z, Logits()(z))
    assert at_the_mean.tolist() == pytest.approx([-24 * math.log(std * math.sqrt(2 * math.pi))] * 5)


@pytest.mark.parametrize("likelihood", [Bernoulli(), GaussianLikelihood(0.5)])
def test_labels_reach_the_generator(likelihood):
    z, x = some()
    y = torch.tensor([0, 1, 2, 1, 0])
    told = likelihood.log_prob(Logits(num_classes=3), z, x, y)
    torch.testing.assert_close(told, likelihood.log_prob(Logits(), z + y[:, None], x))


@pytest.mark.parametrize("likelihood", [Bernoulli(), GaussianLikelihood(0.5)])
def test_the_gradient_reaches_latents_and_generator(likelihood):
    G, x = MLPGenerator((1, 4, 4), Normal(dim=3), depth=0), torch.rand(5, 1, 4, 4) * 2 - 1
    z = torch.randn(5, 3, requires_grad=True)
    likelihood.log_prob(G, z, x).sum().backward()
    assert z.grad.abs().min() > 0
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in G.parameters())


def test_what_has_no_likelihood_is_refused():
    x, z = torch.zeros(1, 1, 16, 16), torch.randn(1, 4)
    with pytest.raises(ValueError, match="ResNetGenerator has no logits: use MLPGenerator or DCGANGenerator"):
        Bernoulli().log_prob(ResNetGenerator((1, 16, 16), Normal(dim=4), width=4), z, x)
    for std in (0.0, -1.0):
        with pytest.raises(ValueError, match=f"std must be positive, got {std}"):
            GaussianLikelihood(std)


@pytest.mark.parametrize("likelihood", [Bernoulli(), GaussianLikelihood(0.5)])
def test_config_round_trip(likelihood: Likelihood):
    again = build(likelihood.config())
    assert type(again) is type(likelihood)
    assert again.config() == likelihood.config()
    assert vars(again).get("std") == vars(likelihood).get("std")
