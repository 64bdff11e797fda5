"""How labels enter networks, and the discriminator that names them."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo.config import build
from ganzoo.losses.penalties import with_input_gradient
from ganzoo.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    ResNetDiscriminator,
    ResNetGenerator,
    WithClassifier,
)
from ganzoo.networks.labels import ConditionalBatchNorm2d, LabelPlane, Projection
from ganzoo.roles import Discriminator
from tests.networks.nets import (
    CONDITIONAL_D,
    DISCRIMINATORS,
    GENERATORS,
    SHAPES,
    dead_parameters,
    disturb,
    latents,
    small,
)

PROJECTED = [(cls, kwargs) for cls, kwargs in CONDITIONAL_D if kwargs.get("label") != "concat"]


def labels(*values: int) -> Tensor:
    return torch.tensor(values)


# -- conditional discriminators


@pytest.mark.parametrize("shape", SHAPES[::3], ids=str)
@pytest.mark.parametrize(("cls", "kwargs"), CONDITIONAL_D)
def test_conditional_discriminator_trains_every_parameter(cls: type, kwargs: Any, shape: tuple[int, ...]) -> None:
    net = small(cls, image_shape=shape, num_classes=3, **kwargs)
    logits = net(torch.randn(3, *shape), labels(0, 1, 2))
    assert logits.shape == (3,)
    (logits * torch.randn(3)).sum().backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize(("cls", "kwargs"), CONDITIONAL_D)
def test_a_logit_is_of_an_image_and_its_label(cls: type, kwargs: Any) -> None:
    net = small(cls, image_shape=(1, 16, 16), num_classes=3, **kwargs).eval()
    disturb(net)
    x, y, order = torch.randn(6, 1, 16, 16), labels(0, 1, 2, 0, 1, 2), torch.randperm(6)
    logits = net(x, y)
    assert (net(x, y.roll(1)) - logits).abs().min() > 1e-3 * logits.std()
    torch.testing.assert_close(net(x[order], y[order]), logits[order])


@pytest.mark.parametrize(("cls", "kwargs"), CONDITIONAL_D)
def test_labels_are_given_to_conditional_discriminators_only(cls: type, kwargs: Any) -> None:
    x, y = torch.randn(2, 1, 8, 8), labels(0, 1)
    with pytest.raises(ValueError, match=r"this discriminator is conditional on 3 classes: give labels y, \[N\]"):
        small(cls, image_shape=(1, 8, 8), num_classes=3, **kwargs)(x)
    with pytest.raises(ValueError, match="this discriminator is unconditional: call it without labels"):
        small(cls, image_shape=(1, 8, 8), **kwargs)(x, y)


@pytest.mark.parametrize(("cls", "kwargs"), CONDITIONAL_D)
def test_conditional_discriminator_is_built_again(cls: type, kwargs: Any) -> None:
    net = small(cls, image_shape=(1, 8, 8), num_classes=3, **kwargs).eval()
    twin = build(net.config()).eval()
    twin.load_state_dict(net.state_dict(), strict=True)
    x, y = torch.randn(2, 1, 8, 8), labels(0, 2)
    assert twin.num_classes == 3
    assert torch.equal(twin(x, y), net(x, y))


@pytest.mark.parametrize(("cls", "kwargs"), PROJECTED)
@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_projection_adds_an_inner_product_of_label_and_features(cls: type, kwargs: Any, norm: str) -> None:
    net = small(cls, image_shape=(1, 16, 16), num_classes=3, norm=norm, **kwargs).eval()
    x, y = torch.randn(4, 1, 16, 16), labels(2, 0, 2, 1)
    features = net.features(x)
    expected = torch.stack([net.projection.weight[k] @ f.flatten() for k, f in zip(y, features, strict=True)])
    torch.testing.assert_close(net(x, y) - net.head(features).flatten(), expected, rtol=1e-4, atol=1e-6)


def test_vectors_of_a_projection_start_with_the_variance_of_a_layer() -> None:
    weight = Projection(10, 4096).weight
    assert weight.std().item() == pytest.approx(1 / 64, rel=4 / math.sqrt(2 * weight.numel()))


def test_a_penalty_on_the_gradient_reaches_the_vectors_of_the_labels() -> None:
    net = small(ResNetDiscriminator, image_shape=(1, 8, 8), num_classes=3)
    x = torch.randn(3, 1, 8, 8)
    logits, slope = with_input_gradient(net, x, labels(0, 1, 1))
    torch.testing.assert_close(logits, net(x, labels(0, 1, 1)))
    slope.square().sum().backward()
    moved = net.projection.weight.grad.norm(dim=1) > 0
    assert moved.tolist() == [True, True, False]


def test_a_plane_is_appended_to_the_image() -> None:
    layer, x, y = LabelPlane(3, 2, 4), torch.randn(5, 2, 2, 4), labels(0, 2, 2, 1, 0)
    out = layer(x, y)
    assert torch.equal(out[:, :2], x)
    assert torch.equal(out[:, 2], layer.table.weight[y].reshape(5, 2, 4))


def test_concatenated_labels_are_part_of_what_features_take() -> None:
    x, y = torch.randn(2, 3, 16, 16), labels(0, 1)
    net = small(DCGANDiscriminator, image_shape=(3, 16, 16), num_classes=2)
    assert net.embed(x, y).shape == (2, 4, 16, 16)
    mlp = small(MLPDiscriminator, image_shape=(3, 16, 16), num_classes=2)
    assert mlp.embed(x, y).shape == (2, 3 * 256 + 32)
    assert torch.equal(mlp.embed(x, y)[:, : 3 * 256], x.flatten(1))
    for D in (net.eval(), mlp.eval()):
        assert torch.equal(D.head(D.features(D.embed(x, y))).flatten(), D(x, y))


@pytest.mark.parametrize("cls", [MLPDiscriminator, DCGANDiscriminator])
def test_unknown_ways_of_a_label_are_refused(cls: type) -> None:
    with pytest.raises(ValueError, match="label must be one of concat, projection, got 'add'"):
        cls(label="add", num_classes=3)


@pytest.mark.parametrize("cls", DISCRIMINATORS)
def test_negative_numbers_of_classes_are_refused(cls: type) -> None:
    with pytest.raises(ValueError, match="num_classes must be at least 0, got -1"):
        cls(num_classes=-1)


# -- a game whose optimal logit is known: y is 0 or 1, p(x|y) = N(m_y, 1), q(x|y) = N(n_y, 1), p(y) = q(y) = 1/2


def log_ratio(x: Tensor, y: Tensor) -> Tensor:
    """log p(x, y) / q(x, y) with m = (-1, 2), n = (0.5, 1): (m - n) x - (m² - n²) / 2."""
    m, n = torch.tensor([-1.0, 2.0]).double()[y], torch.tensor([0.5, 1.0]).double()[y]
    return (m - n) * x - (m.square() - n.square()) / 2


def linear_game() -> tuple[Tensor, Tensor, Tensor]:
    """x as points (x, 1), labels, and the optimal logits, which agree with torch's densities."""
    x, y = torch.linspace(-3, 3, 21).double().repeat(2), torch.arange(2).repeat_interleave(21)
    p = torch.distributions.Normal(torch.tensor([-1.0, 2.0]).double()[y], 1.0)
    q = torch.distributions.Normal(torch.tensor([0.5, 1.0]).double()[y], 1.0)
    torch.testing.assert_close(log_ratio(x, y), p.log_prob(x) - q.log_prob(x))
    return torch.stack([x, torch.ones_like(x)], dim=1), y, log_ratio(x, y)


def test_a_linear_projection_represents_the_log_ratio_of_each_class() -> None:
    points, y, optimum = linear_game()
    net = MLPDiscriminator((2,), depth=0, num_classes=2, label="projection").double()
    with torch.no_grad():
        net.head.weight.copy_(torch.tensor([[0.3, -0.2]]))
        net.projection.weight.copy_(torch.tensor([[-1.5, -0.375], [1.0, -1.5]]) - net.head.weight)
    torch.testing.assert_close(net(points, y), optimum)


@pytest.mark.parametrize(
    ("kwargs", "exact"), [({"label": "projection"}, True), ({"label": "concat"}, False), ({}, False)]
)
def test_only_a_projection_learns_a_slope_for_each_class(kwargs: dict[str, Any], exact: bool) -> None:
    points, y, optimum = linear_game()
    num_classes = 2 if kwargs else 0
    net = MLPDiscriminator((2,), depth=0, num_classes=num_classes, **kwargs).double()
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=100, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def error() -> Tensor:
        optimizer.zero_grad()
        logits = net(points, y) if num_classes else net(points)
        loss = (logits - optimum).square().mean()
        loss.backward()
        return loss

    optimizer.step(error)
    assert (error().item() < 1e-6) == exact
    assert exact or error().item() > 1


# -- conditional generators


def test_new_conditional_batch_norm_is_batch_norm() -> None:
    layer, plain = ConditionalBatchNorm2d(3, 5).double(), nn.BatchNorm2d(5).double()
    x, y = 2 + 3 * torch.randn(8, 5, 4, 4).double(), torch.arange(8) % 3
    torch.testing.assert_close(layer(x, y), plain(x))
    torch.testing.assert_close(layer.norm.running_var, plain.running_var)
    layer.eval(), plain.eval()
    torch.testing.assert_close(layer(x, y), plain(x))


def test_conditional_batch_norm_scales_and_shifts_each_sample_by_its_class() -> None:
    layer, x, y = ConditionalBatchNorm2d(3, 5), torch.randn(4, 5, 2, 2), labels(2, 0, 0, 1)
    disturb(layer)
    normal = nn.BatchNorm2d(5, affine=False)(x)
    for k in range(4):
        gain, bias = layer.gain.weight[y[k]], layer.bias.weight[y[k]]
        torch.testing.assert_close(layer(x, y)[k], gain[:, None, None] * normal[k] + bias[:, None, None])


@pytest.mark.parametrize("norm", ["batch", "batch+spectral"])
def test_classes_choose_the_batch_norms_of_a_resnet(norm: str) -> None:
    net = small(ResNetGenerator, image_shape=(1, 16, 16), norm=norm, num_classes=3).eval()
    assert sum(isinstance(m, ConditionalBatchNorm2d) for m in net.modules()) == 2 * 2 + 1
    assert not any(isinstance(m, nn.BatchNorm2d) and m.affine for m in net.modules())
    z = latents(net, 8)
    zeros, ones = torch.zeros(8, dtype=torch.long), torch.ones(8, dtype=torch.long)
    assert torch.equal(net(z, zeros), net(z, ones))
    for layer in (m for m in net.modules() if isinstance(m, ConditionalBatchNorm2d)):
        kept = layer.gain.weight.detach().clone()
        with torch.no_grad():
            layer.gain.weight[1] *= 1.5
        assert not torch.allclose(net(z, zeros), net(z, ones), atol=1e-4), "a norm that does not hear the label"
        layer.gain.weight.data = kept


def test_without_classes_a_new_resnet_makes_the_same_images() -> None:
    """The label is not appended to z, and new conditional norms are plain ones."""
    plain = small(ResNetGenerator, image_shape=(1, 16, 16))
    net = small(ResNetGenerator, image_shape=(1, 16, 16), num_classes=3)
    names = {name.replace(".norm.", "."): name for name in net.state_dict()}
    shared = {names[name]: value for name, value in plain.state_dict().items() if name in names}
    missing, unexpected = net.load_state_dict(shared, strict=False)
    assert all(".gain." in name or ".bias." in name for name in missing)
    assert unexpected == []
    z = latents(net, 4)
    torch.testing.assert_close(net(z, labels(0, 1, 2, 0)), plain(z))


@pytest.mark.parametrize("norm", ["layer", "instance", "none"])
def test_with_another_norm_the_label_is_appended_to_z(norm: str) -> None:
    net = small(ResNetGenerator, image_shape=(1, 8, 8), norm=norm, num_classes=3)
    assert net.label.dim == 32
    assert net.body[0].in_features == net.prior.dim + 32


@pytest.mark.parametrize("shape", SHAPES[1::3], ids=str)
@pytest.mark.parametrize("cls", GENERATORS)
def test_conditional_generator_trains_every_parameter(cls: type, shape: tuple[int, ...]) -> None:
    net = small(cls, image_shape=shape, num_classes=3)
    images = net(latents(net, 3), labels(0, 1, 2))
    assert images.shape == (3, *shape)
    (images * torch.randn_like(images)).sum().backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize("cls", GENERATORS)
def test_class_means_of_images_differ(cls: type) -> None:
    net = small(cls, image_shape=(1, 8, 8), num_classes=3).eval()
    disturb(net)
    z = latents(net, 256)
    means = torch.stack([net(z, torch.full((256,), k)).mean(dim=0).flatten() for k in range(3)])
    assert torch.pdist(means).min() > 0.02


# -- the auxiliary classifier


@pytest.mark.parametrize("cls", DISCRIMINATORS)
def test_both_heads_read_the_features_of_one_pass(cls: type) -> None:
    inner = small(cls, image_shape=(1, 16, 16)).eval()
    net, x, passes = WithClassifier(inner, num_classes=4).eval(), torch.randn(5, 1, 16, 16), []
    inner.features.register_forward_hook(lambda *_: passes.append(1))
    logits, classes = net.both(x)
    assert len(passes) == 1
    assert torch.equal(logits, net(x))
    assert torch.equal(net(x), inner(x))
    assert classes.shape == (5, 4)
    torch.testing.assert_close(classes, net.classifier(inner.features(x).flatten(1)))
    (classes.logsumexp(dim=1).sum() + logits.sum()).backward()
    assert dead_parameters(net) == []


def test_a_classifier_is_no_condition() -> None:
    net = WithClassifier(small(DCGANDiscriminator, image_shape=(3, 8, 8)), num_classes=4)
    assert (net.num_classes, net.n_classes, net.image_shape) == (0, 4, (3, 8, 8))
    twin = build(net.config())
    assert (twin.n_classes, type(twin.discriminator)) == (4, DCGANDiscriminator)
    twin.load_state_dict(net.state_dict(), strict=True)
    with pytest.raises(ValueError, match="this discriminator is unconditional"):
        net(torch.randn(2, 3, 8, 8), labels(0, 1))


@pytest.mark.parametrize("mode", [True, False])
def test_measuring_the_features_leaves_the_network_as_it_was(mode: bool) -> None:
    inner = small(DCGANDiscriminator, norm="batch").train(mode)
    before = {name: value.clone() for name, value in inner.state_dict().items()}
    WithClassifier(inner)
    assert inner.training == mode
    assert all(m.training == mode for m in inner.modules())
    assert all(torch.equal(value, before[name]) for name, value in inner.state_dict().items())


class Bare(Discriminator):
    """Has no features."""

    def __init__(self) -> None:
        super().__init__((2,))


def several() -> Discriminator:
    net = small(MLPDiscriminator, image_shape=(2,))
    net.pack = 2
    return net


@pytest.mark.parametrize(
    ("inner", "num_classes", "message"),
    [
        (lambda: small(MLPDiscriminator, num_classes=3), 3, "must be unconditional, got one of 3 classes"),
        (Bare, 3, "must have features and a head, got Bare"),
        (several, 3, "must judge single images, got one that judges 2 at once"),
        (lambda: small(MLPDiscriminator), 1, "num_classes must be at least 2, got 1"),
    ],
)
def test_a_classifier_refuses(inner: Any, num_classes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WithClassifier(inner(), num_classes)


def test_labels_of_dcgan_are_appended_to_z() -> None:
    net = small(DCGANGenerator, image_shape=(1, 8, 8), num_classes=3)
    assert net.body[0].in_features == 100 + 32
