"""Priors with codes: where the codes stand, that every row has its own, densities, seeds."""

import math

import pytest
import torch

from ganzoo.config import build
from ganzoo.priors import Code, Coded, Normal, Uniform


def prior(**kwargs):
    return Coded(**{"noise": Uniform(dim=3), "categorical": (4, 2), "uniform": 2, **kwargs})


def test_codes_stand_behind_the_noise_categorical_ones_first():
    assert prior().codes == (
        Code("c1", "categorical", 3, 4, 0.0, 1.0),
        Code("c2", "categorical", 7, 2, 0.0, 1.0),
        Code("c3", "uniform", 9, 1, -1.0, 1.0),
        Code("c4", "uniform", 10, 1, -1.0, 1.0),
    )
    assert prior().dim == 11
    assert prior(categorical=()).codes[0] == Code("c1", "uniform", 3, 1, -1.0, 1.0)


def test_the_default_is_the_papers_prior_for_mnist():
    assert Coded().dim == 62 + 10 + 2
    assert [(code.name, code.kind, code.size) for code in Coded().codes] == [
        ("c1", "categorical", 10),
        ("c2", "uniform", 1),
        ("c3", "uniform", 1),
    ]


def test_priors_without_meaning_have_no_codes():
    assert Normal().codes == Uniform().codes == ()


@pytest.mark.parametrize("draw", ["sample", "seeded"])
def test_every_row_has_codes_of_its_own(draw):
    n = 4000
    z = prior().sample(n, generator=torch.Generator().manual_seed(0)) if draw == "sample" else prior().seeded(range(n))
    assert z.shape == (n, 11)
    assert z.dtype == torch.float32
    one, two, rest = z[:, 3:7], z[:, 7:9], torch.cat([z[:, :3], z[:, 9:]], dim=1)
    for c in (one, two):
        assert torch.equal(c.sort(dim=1, descending=True).values[:, 0], torch.ones(n))
        assert torch.equal(c.sum(dim=1), torch.ones(n))
    joint = one.T @ two / n  # of independent codes each pair has 1/8
    assert (joint - 1 / 8).abs().max() < 5 * math.sqrt(1 / 8 * 7 / 8 / n)
    assert rest.abs().max() <= 1
    assert (rest.var(dim=0) - 1 / 3).abs().max() < 5 * math.sqrt((1 / 5 - 1 / 9) / n)
    assert (torch.corrcoef(z.T[[0, 3, 7, 9, 10]]) - torch.eye(5)).abs().max() < 5 / math.sqrt(n)
    assert len(rest.unique(dim=0)) == n


def test_a_seed_is_the_same_alone_in_any_range_and_in_any_precision():
    many = prior().seeded(range(100, 140))
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(prior().seeded([117])[0], many[17])
    finally:
        torch.set_default_dtype(torch.float32)


def test_noise_may_be_normal():
    z = prior(noise=Normal(dim=3)).sample(2000, generator=torch.Generator().manual_seed(0))
    assert z[:, :3].abs().max() > 2
    assert z[:, 9:].abs().max() <= 1


def test_the_density_is_the_product_of_its_parts():
    z = prior(noise=Normal(dim=3)).sample(20, generator=torch.Generator().manual_seed(0)).double()
    expected = Normal(dim=3).log_prob(z[:, :3]) - math.log(4) - math.log(2) - 2 * math.log(2)
    torch.testing.assert_close(prior(noise=Normal(dim=3)).log_prob(z), expected)


def test_impossible_codes_have_no_density():
    z = prior().sample(6, generator=torch.Generator().manual_seed(0))
    assert prior().log_prob(z).isfinite().all()
    z[0, 3:7] = torch.tensor([1.0, 1, 0, 0])
    z[1, 3:7] = 0.25
    z[2, 7:9] = 0
    z[3, 9] = 1.5
    z[4, 0] = -1.5
    assert prior().log_prob(z).isinf().tolist() == [True] * 5 + [False]


def test_the_configuration_makes_the_prior_again():
    twin = build(prior(noise=Normal(dim=3)).config())
    assert twin.codes == prior().codes
    assert torch.equal(twin.seeded([3]), prior(noise=Normal(dim=3)).seeded([3]))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"categorical": (), "uniform": 0}, r"Coded needs a code: .* got categorical=\(\), uniform=0"),
        ({"uniform": -1}, "got categorical=.*, uniform=-1"),
        ({"categorical": (10, 1)}, r"at least 2 values, got categorical=\(10, 1\)"),
        ({"noise": Coded()}, "noise must have no codes of its own, got Coded: give Uniform or Normal"),
    ],
)
def test_what_makes_no_codes_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        prior(**kwargs)
