"""Directions of attributes, and what they change."""

import pytest
import torch

from ganzoo.inference import decode
from ganzoo.latent.edit import attribute_direction, conditional_direction, rescore
from ganzoo.networks import MLPGenerator
from ganzoo.priors import Normal


def linear(dim=4, num_classes=0):
    torch.manual_seed(0)
    G = MLPGenerator((1, 3, 3), Normal(dim), depth=0, output="linear", num_classes=num_classes).eval()
    return G, G.body[1].weight.detach()[:, :dim]


def test_a_direction_is_the_difference_of_two_means():
    z = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 8.0], [0.0, 6.0], [9.0, 9.0]])
    labels = torch.tensor([1, 1, 0, 0, 5])
    assert attribute_direction(z, labels, 1, 0).tolist() == [2, -7]
    assert attribute_direction(z, labels, 0, 1).tolist() == [-2, 7]
    assert attribute_direction(z, labels).tolist() == pytest.approx([-1, -23 / 3])
    assert torch.equal(attribute_direction(z, labels == 1), attribute_direction(z, labels))


def test_through_a_linear_decoder_the_shift_is_the_difference_of_the_mean_images():
    G, _ = linear()
    z = Normal(4).seeded(range(100))
    labels = (z[:, 1] > 0.3).long()
    x = decode(G, z)
    q = attribute_direction(z, labels)
    expected = x[labels == 1].mean(dim=0) - x[labels == 0].mean(dim=0)
    for alpha in (1.0, -2.5):
        shift = decode(G, z + alpha * q) - x
        torch.testing.assert_close(shift, (alpha * expected).expand_as(x), rtol=1e-4, atol=1e-5)


def test_rescoring_a_linear_world_by_hand():
    G, A = linear()
    W = torch.randn(9, 3, generator=torch.Generator().manual_seed(1))
    z, q = Normal(4).seeded(range(50)), torch.tensor([1.0, 2.0, 0.0, -1.0])
    got = rescore(lambda x: x.flatten(1) @ W, G, z, q, [-1.0, 0.0, 2.0], target=1)
    expected = torch.outer(torch.tensor([-1.0, 0.0, 2.0]), (A @ q) @ W)
    torch.testing.assert_close(got.target.float(), expected[:, 1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got.others.float(), expected[:, [0, 2]], rtol=1e-4, atol=1e-5)
    share = expected[2, 1].abs() / (expected[2, 0].abs() + expected[2, 2].abs())
    assert got.selectivity[2] == pytest.approx(float(share), rel=1e-4)


def test_the_baseline_has_the_length_of_the_direction_and_is_the_same_twice():
    G, A = linear()
    back = torch.linalg.pinv(A)  # recovers z + α q up to the bias of G
    z, q = Normal(4).seeded(range(3)), torch.tensor([3.0, 0.0, 0.0, 4.0])

    def scores(x):
        return x.flatten(1) @ back.T

    got = rescore(scores, G, z, q, [1.0], target=0)
    steps = torch.cat([got.random_target[:, None], got.random_others], dim=1)
    assert steps.norm() == pytest.approx(5, rel=1e-4)
    assert not torch.allclose(steps[0].float(), q, atol=0.1)
    assert torch.equal(rescore(scores, G, z, q, [1.0], target=0).random_others, got.random_others)
    assert not torch.equal(rescore(scores, G, z, q, [1.0], target=0, seed=1).random_others, got.random_others)


def test_labels_reach_a_conditional_generator():
    torch.manual_seed(0)
    G, z = MLPGenerator((1, 3, 3), Normal(4), width=8, num_classes=3).eval(), Normal(4).seeded(range(5))
    one, other = (rescore(lambda x: x.flatten(1), G, z, torch.ones(4), [1.0], 0, labels) for labels in (0, [1] * 5))
    assert not torch.equal(one.target, other.target)
    nothing = rescore(lambda x: x.flatten(1), G, z, torch.ones(4), [0.0], 0, [2, 1, 0, 1, 2])
    assert nothing.target.tolist() == nothing.random_target.tolist() == [0]


def test_wrong_input_is_refused():
    G, _ = linear()
    z = Normal(4).seeded(range(3))
    with pytest.raises(ValueError, match=r"labels \[N\], got \[3, 4\] and \[2\]"):
        attribute_direction(z, torch.ones(2))
    with pytest.raises(ValueError, match="got 3 of class 1 and 0 of the other side"):
        attribute_direction(z, torch.ones(3))
    with pytest.raises(ValueError, match="got 0 of class 2 and 3 of the other side"):
        attribute_direction(z, torch.ones(3), 2, 1)
    with pytest.raises(ValueError, match="rescore needs at least one latent"):
        rescore(lambda x: x.flatten(1), G, z[:0], torch.ones(4), [1.0], 0)
    with pytest.raises(ValueError, match=r"expected scores \[3, K\] with K over target=9, got \[3, 9\]"):
        rescore(lambda x: x.flatten(1), G, z, torch.ones(4), [1.0], 9)
    with pytest.raises(ValueError, match=r"expected scores \[3, K\] with K over target=0, got \[3\]"):
        rescore(lambda x: x.flatten(1)[:, 0], G, z, torch.ones(4), [1.0], 0)


def test_a_conditional_direction_leaves_the_others_alone():
    torch.manual_seed(0)
    q, others = torch.randn(6, dtype=torch.float64), torch.randn(3, 6, dtype=torch.float64)
    left = conditional_direction(q, others)
    assert (others @ left).abs().max() < 1e-12
    torch.testing.assert_close(
        torch.linalg.lstsq(others.T, q - left).solution @ others, q - left
    )  # what went is theirs
    torch.testing.assert_close(conditional_direction(q, 5 * others[[2, 0, 1]]), left)
    assert torch.equal(conditional_direction(torch.eye(6)[0], torch.eye(6)[1:3]), torch.eye(6)[0])


def test_directions_that_depend_on_each_other_are_refused():
    q = torch.ones(3)
    with pytest.raises(ValueError, match="the 2 directions that shall stay depend on each other"):
        conditional_direction(q, torch.tensor([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]]))
    with pytest.raises(ValueError, match=r"expected \[dim\] and \[K, dim\], got \[3\] and \[3\]"):
        conditional_direction(q, q)
