"""Priors: moments over seeds, densities, and that a seed is a latent."""

import math

import pytest
import torch
from torch import distributions

from ganzoo.priors import Normal, Prior, Uniform, check_seed

PRIORS = {"Normal": (Normal, 1.0), "Uniform": (Uniform, 1 / 3)}  # with the variance of each coordinate
EACH = pytest.mark.parametrize("name", PRIORS)


@EACH
def test_the_moments_over_seeds_are_those_of_the_prior(name):
    """10,000 consecutive seeds: mean and covariance within 5 standard errors, also between neighbouring seeds."""
    cls, variance = PRIORS[name]
    z = cls(dim=4).seeded(range(10_000)).double()
    error = 5 / math.sqrt(10_000)
    assert z.shape == (10_000, 4)
    assert z.mean(dim=0).abs().max() < error * math.sqrt(variance)
    fourth = {"Normal": 3.0, "Uniform": 1 / 5}[name] - variance**2  # variance of the square
    covariance = torch.cov(z.T)
    assert (covariance.diag() - variance).abs().max() < error * math.sqrt(fourth)
    assert (covariance - covariance.diag().diag()).abs().max() < error * variance
    assert (z[:-1] * z[1:]).mean(dim=0).abs().max() < error * variance
    assert len(z.unique(dim=0)) == 10_000


@EACH
def test_the_moments_of_draws_are_those_of_the_prior(name):
    cls, variance = PRIORS[name]
    z = cls(dim=3).sample(20_000, generator=torch.Generator().manual_seed(0))
    assert z.mean(dim=0).abs().max() < 0.05
    assert (z.var(dim=0) - variance).abs().max() < 0.05
    if name == "Uniform":
        assert z.abs().max() <= 1
        assert z.max() > 0.99
        assert z.min() < -0.99


@EACH
def test_a_seed_is_the_same_alone_and_in_any_range(name):
    prior = PRIORS[name][0](dim=5)
    many = prior.seeded(range(100, 140))
    assert torch.equal(prior.seeded([117])[0], many[17])
    assert torch.equal(prior.seeded(range(130, 150))[:10], many[30:])
    assert torch.equal(prior.seeded([139, 100]), many[[39, 0]])
    assert prior.seeded(range(3, 3)).shape == (0, 5)


@EACH
def test_a_seed_is_the_same_whatever_the_default_precision(name):
    prior = PRIORS[name][0](dim=5)
    expected = prior.seeded(range(4))
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(prior.seeded(range(4)), expected)
    finally:
        torch.set_default_dtype(torch.float32)


@EACH
def test_seeds_do_not_touch_the_global_generator(name):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    PRIORS[name][0](dim=2).seeded(range(5))
    assert torch.equal(torch.get_rng_state(), before)


@EACH
def test_a_draw_comes_from_the_generator_that_is_given(name):
    prior = PRIORS[name][0](dim=3)
    one, other, third = (prior.sample(4, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)
    torch.manual_seed(5)
    first = prior.sample(4)
    torch.manual_seed(5)
    assert torch.equal(first, prior.sample(4))
    assert not torch.equal(first, prior.sample(4))


@EACH
@pytest.mark.parametrize("dim", [1, 7])
def test_densities_are_torchs(name, dim):
    prior = PRIORS[name][0](dim=dim)
    z = prior.sample(50, generator=torch.Generator().manual_seed(0)).double()
    zero, one = torch.zeros(dim, dtype=torch.float64), torch.ones(dim, dtype=torch.float64)
    reference = distributions.Normal(zero, one) if name == "Normal" else distributions.Uniform(-one, one)
    torch.testing.assert_close(prior.log_prob(z), reference.log_prob(z).sum(dim=1))


def test_the_density_outside_the_cube_is_zero():
    z = torch.tensor([[0.5, 0.5], [0.5, 1.5], [-1.01, 0.0], [1.0, -1.0]])
    expected = [-2 * math.log(2), -math.inf, -math.inf, -2 * math.log(2)]
    assert Uniform(dim=2).log_prob(z).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("seed", [-1, 2**32, 2**40 + 3])
def test_seeds_that_torch_cannot_tell_apart_are_refused(seed):
    message = f"a seed is a whole number from 0 to 4294967295, got {seed}"
    with pytest.raises(ValueError, match=message):
        check_seed(seed)
    with pytest.raises(ValueError, match=message):
        Normal(dim=2).seeded([3, seed])


def test_the_largest_seeds_are_different():
    z = Normal(dim=2).seeded([0, 1, 2**31, 2**32 - 2, 2**32 - 1])
    assert len(z.unique(dim=0)) == 5


@pytest.mark.parametrize("cls", [Normal, Uniform])
def test_a_prior_without_dimensions_is_refused(cls):
    with pytest.raises(ValueError, match="dim must not be negative, got -1"):
        cls(dim=-1)


def test_the_base_leaves_the_rest_to_its_subclasses():
    with pytest.raises(NotImplementedError):
        Prior(dim=2).sample(1)
    with pytest.raises(NotImplementedError):
        Prior(dim=2).log_prob(torch.zeros(1, 2))
