"""Sums of means."""

import pytest
import torch

from ganzoo.latent.arithmetic import arithmetic, around
from ganzoo.priors import Normal


def test_means_are_added_and_subtracted():
    a, b = torch.tensor([[1.0, 1.0], [3.0, 5.0]]), torch.tensor([[10.0, 20.0]])
    c = torch.tensor([[0.0, 3.0], [0.0, 3.0], [3.0, 3.0]])
    assert arithmetic([a, b], [c]).tolist() == [11, 20]
    assert arithmetic([a], [b, c]).tolist() == [-9, -20]
    assert arithmetic([a]).tolist() == [2, 3]


def test_three_exemplars_in_three_terms_are_distributed_as_one_latent():
    z = Normal(9).seeded(range(9 * 2000)).unflatten(0, (2000, 3, 3))
    sums = torch.stack([arithmetic([each[0], each[1]], [each[2]]) for each in z])
    assert sums.square().sum(dim=1).mean() == pytest.approx(9, rel=0.05)


def test_neighbours_lie_in_a_cube_and_are_the_same_twice():
    z = torch.tensor([5.0, -5.0, 0.0])
    near = around(z, n=500)
    assert near.shape == (500, 3)
    assert 0.24 < (near - z).abs().max() <= 0.2501
    assert (near - z).mean(dim=0).abs().max() < 0.03
    assert torch.equal(near, around(z, n=500))
    assert not torch.equal(near, around(z, n=500, seed=1))


def test_wrong_terms_are_refused():
    z = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="at least one positive term, got none"):
        arithmetic([], [z])
    for wrong in (torch.zeros(2, 4), torch.zeros(0, 3), torch.zeros(3)):
        with pytest.raises(ValueError, match=r"each term must be latents \[n, 3\] with n at least 1, got"):
            arithmetic([z], [wrong])
    with pytest.raises(ValueError, match=r"expected one latent \[dim\], got \[2, 3\]"):
        around(z)
