"""Walks, and directions of generators whose Jacobian is known."""

import pytest
import torch

from ganzoo.inference import Inference, decode
from ganzoo.latent import traverse
from ganzoo.latent.traverse import (
    code_values,
    dimension_values,
    jacobian_directions,
    principal_directions,
    traverse_code,
    traverse_dimension,
    traverse_direction,
)
from ganzoo.networks import DCGANGenerator, MLPGenerator, R3GANGenerator, ResNetGenerator
from ganzoo.priors import Code, Coded, Normal, Uniform

PRIOR = Coded(Uniform(4), categorical=(3,), uniform=2)
CLASS, FIRST, SECOND = PRIOR.codes


def linear(dim=4, shape=(1, 3, 3), num_classes=0):
    """x = A z + b, and A, [pixels, dim]."""
    torch.manual_seed(0)
    G = MLPGenerator(shape, Normal(dim), depth=0, output="linear", num_classes=num_classes).eval()
    torch.nn.init.normal_(G.body[1].bias)
    return G, G.body[1].weight.detach()[:, :dim]


def right_singular(A):
    """Right singular vectors, [dim, dim] in rows, with a positive largest entry, and squares of singular values."""
    _, s, V = torch.linalg.svd(A.double())
    return V * V.gather(1, V.abs().argmax(1, keepdim=True)).sign(), s.square()


# -- walks


def test_a_categorical_code_becomes_each_class_and_the_rest_stays():
    z = PRIOR.seeded(range(5))
    walk = traverse_code(z, CLASS, code_values(CLASS))
    assert walk.shape == (5, 3, 9)
    for k in range(3):
        assert torch.equal(walk[:, k, 4:7], torch.eye(3)[k].expand(5, 3))
    assert torch.equal(walk[:, :, :4], z[:, None, :4].expand(5, 3, 4))
    assert torch.equal(walk[:, :, 7:], z[:, None, 7:].expand(5, 3, 2))
    assert torch.equal(z, PRIOR.seeded(range(5)))


def test_a_continuous_code_takes_each_value_and_the_rest_stays():
    z = PRIOR.seeded(range(5))
    walk = traverse_code(z, SECOND, [-1.0, 0.5])
    assert walk[:, 0, 8].tolist() == [-1] * 5
    assert walk[:, 1, 8].tolist() == [0.5] * 5
    assert torch.equal(walk[:, :, :8], z[:, None, :8].expand(5, 2, 8))


def test_a_dimension_and_a_direction():
    z = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert traverse_dimension(z, 0, [7.0, 8.0]).tolist() == [[[7, 2], [8, 2]], [[7, 4], [8, 4]]]
    assert traverse_direction(z, torch.tensor([1.0, -1.0]), [0, 2]).tolist() == [[[1, 2], [3, 0]], [[3, 4], [5, 2]]]


def test_where_walks_go():
    assert code_values(CLASS, 8) == [0, 1, 2]
    assert code_values(FIRST, 5) == [-2, -1, 0, 1, 2]
    assert code_values(Code("c", "normal", 0, 1, -3.0, 3.0), 3) == [-3, 0, 3]
    assert dimension_values(Uniform(2), n=3) == [-1, 0, 1]
    assert dimension_values(Normal(2), n=3) == [-3, 0, 3]
    for noise, reach in ((Uniform(4), 1), (Normal(4), 3)):
        prior = Coded(noise, categorical=(3,), uniform=2)
        assert dimension_values(prior, 3, n=3) == [-reach, 0, reach]
        assert dimension_values(prior, 6, n=3) == [0, 0.5, 1]
        assert dimension_values(prior, 8, n=3) == [-1, 0, 1]
    with pytest.raises(ValueError, match="a walk needs at least 2 values, got 1"):
        code_values(FIRST, 1)


def test_walks_that_do_not_fit_are_refused():
    z = PRIOR.seeded(range(2))
    for wrong in ([3], [-1], [0.5]):
        with pytest.raises(ValueError, match="has the classes 0 to 2, got"):
            traverse_code(z, CLASS, wrong)
    with pytest.raises(ValueError, match="z has the dimensions 0 to 7, got 8"):
        traverse_code(z[:, :8], SECOND, [0.0])
    with pytest.raises(ValueError, match="z has the dimensions 0 to 8, got 9"):
        traverse_dimension(z, 9, [0.0])
    with pytest.raises(ValueError, match="z has the dimensions 0 to 8, got -1"):
        traverse_dimension(z, -1, [0.0])
    with pytest.raises(ValueError, match="at least one value"):
        traverse_dimension(z, 1, [])
    with pytest.raises(ValueError, match="the direction has 8 entries, z has 9"):
        traverse_direction(z, torch.ones(8), [1.0])
    with pytest.raises(ValueError, match=r"a direction must have shape \[dim\], got \[1, 9\]"):
        traverse_direction(z, torch.ones(1, 9), [1.0])


# -- Jacobian


def test_directions_of_a_linear_generator_are_its_right_singular_vectors():
    G, A = linear()
    vectors, values = right_singular(A)
    found = jacobian_directions(G, Normal(4).seeded(range(3)), k=4)
    torch.testing.assert_close(found.vectors.double(), vectors, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.values.double(), values, rtol=1e-4, atol=1e-5)
    two = jacobian_directions(G, Normal(4).seeded(range(3)), k=2)
    assert torch.equal(two.vectors, found.vectors[:2])
    assert torch.equal(two.values, found.values[:2])


def test_the_jacobian_of_a_deep_generator_is_autograds_averaged_over_latents():
    torch.manual_seed(0)
    G = MLPGenerator((1, 3, 3), Normal(4), width=8, depth=2, norm="batch").eval()
    z = Normal(4).seeded(range(5))
    each = [torch.autograd.functional.jacobian(lambda x: G(x[None]).flatten(), row).double() for row in z]
    values, vectors = torch.linalg.eigh(sum(J.T @ J for J in each) / 5)
    found = jacobian_directions(G, z, 4)
    torch.testing.assert_close(found.values.double(), values.flip(0), rtol=1e-4, atol=1e-6)
    assert ((found.vectors.double() @ vectors.flip(1)).abs().diag() > 0.9999).all()
    torch.testing.assert_close(found.vectors.norm(dim=1), torch.ones(4))
    assert not found.vectors.requires_grad


@pytest.mark.parametrize("labels", [None, [0, 0, 1, 2, 1]])
def test_chunks_change_nothing(labels, monkeypatch):
    torch.manual_seed(0)
    G, z = (
        MLPGenerator((1, 3, 3), Normal(4), width=8, num_classes=3 if labels else 0).eval(),
        Normal(4).seeded(range(5)),
    )
    whole = jacobian_directions(G, z, 4, labels)
    monkeypatch.setattr(traverse, "HELD", 2 * 4 * 9)
    parts = jacobian_directions(G, z, 4, labels)
    torch.testing.assert_close(parts.vectors, whole.vectors, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(parts.values, whole.values, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("cls", [DCGANGenerator, ResNetGenerator, R3GANGenerator])
def test_the_shipped_networks_have_directions(cls, num_classes):
    torch.manual_seed(0)
    G = cls((1, 16, 16), Normal(3), num_classes=num_classes).eval()
    labels = [0, 2] if num_classes else None
    z = Normal(3).seeded(range(2))
    found = jacobian_directions(G, z, 3, labels)
    values = found.values.double()
    assert (values[:-1] >= values[1:]).all()
    assert values[0] > 0
    small = 1e-3
    change = decode(G, z + small * found.vectors[0], labels) - decode(G, z, labels)
    slope = change.double().flatten(1).square().sum(dim=1).mean() / small**2
    assert slope == pytest.approx(float(values[0]), rel=0.05)


def test_the_class_matters_to_the_directions_of_a_conditional_generator():
    torch.manual_seed(0)
    G, z = MLPGenerator((1, 3, 3), Normal(4), width=8, num_classes=3).eval(), Normal(4).seeded(range(5))
    one, other = jacobian_directions(G, z, 1, 0), jacobian_directions(G, z, 1, [1])
    assert not torch.allclose(one.vectors, other.vectors)
    with pytest.raises(ValueError, match="this generator is conditional"):
        jacobian_directions(G, z, 1)


def test_a_loaded_model_will_do():
    G, z = linear()[0], Normal(4).seeded(range(3))
    model = Inference({"generator": G})
    assert torch.equal(jacobian_directions(model, z, 2).vectors, jacobian_directions(G, z, 2).vectors)


def test_wrong_input_to_jacobian_directions_is_refused():
    G, _ = linear()
    z = Normal(4).seeded(range(3))
    for k in (0, 5):
        with pytest.raises(ValueError, match=f"k must be from 1 to 4, the size of z, got {k}"):
            jacobian_directions(G, z, k)
    for wrong in (z[:0], z[0], z[:, :3]):
        with pytest.raises(ValueError, match=r"expected latents \[N, 4\]"):
            jacobian_directions(G, wrong, 1)
    with pytest.raises(ValueError, match=r"the generator is in training mode, .*: call eval\(\) first"):
        jacobian_directions(G.train(), z, 1)


# -- principal components


def white(dim=4):
    """Latents of mean 0 and covariance I, exactly."""
    return torch.cat([torch.eye(dim), -torch.eye(dim)]) * dim**0.5


def test_principal_directions_of_a_linear_generator_are_its_right_singular_vectors():
    for shape in ((1, 2, 3), (1, 5, 5)):  # fewer pixels than latents, and more
        G, A = linear(shape=shape)
        vectors, values = right_singular(A)
        found = principal_directions(white(), decode(G, white()), 4)
        torch.testing.assert_close(found.vectors.double(), vectors, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.values.double(), values, rtol=1e-4, atol=1e-5)


def test_principal_directions_of_draws_come_near():
    G, A = linear()
    z = Normal(4).seeded(range(4000))
    vectors, values = right_singular(A)
    found = principal_directions(z, decode(G, z), 2)
    assert ((found.vectors.double() * vectors[:2]).sum(dim=1) > 0.99).all()
    torch.testing.assert_close(found.values.double(), values[:2], rtol=0.1, atol=0)


def test_wrong_input_to_principal_directions_is_refused():
    z = white()
    x = (z @ torch.eye(4, 9)).view(8, 1, 3, 3)  # exact, so that rounding is no direction
    for k in (0, 5):
        with pytest.raises(ValueError, match=f"k must be from 1 to 4, as many as the features vary in, got {k}"):
            principal_directions(z, x, k)
    with pytest.raises(ValueError, match="k must be from 1 to 0, as many"):
        principal_directions(z, torch.ones(8, 5), 1)
    with pytest.raises(ValueError, match=r"with N at least 2, got \[7, 4\] and \[8, 1, 3, 3\]"):
        principal_directions(z[1:], x, 1)
    with pytest.raises(ValueError, match="must be finite"):
        principal_directions(z, x / 0, 1)
