"""The encoders: what they return, what they share with the discriminators, and what they refuse."""

import copy
import inspect
import math
from typing import Any

import pytest
import torch
from torch import nn

from ganzoo.config import build
from ganzoo.inference import encode
from ganzoo.networks import DCGANDiscriminator, MLPDiscriminator
from ganzoo.networks.encoders import DCGANEncoder, MLPEncoder
from tests.networks.nets import SHAPES, dead_parameters, disturb, small, weights_of

ENCODERS = [MLPEncoder, DCGANEncoder]
NORMS = {MLPEncoder: ("batch", "layer", "none"), DCGANEncoder: ("batch", "layer", "instance", "none")}
NORMED = [(cls, norm) for cls in ENCODERS for norm in NORMS[cls]]


def tiny(cls: type, **kwargs: Any) -> Any:
    return small(cls, **{"image_shape": (1, 8, 8), "dim": 3, **kwargs})


@pytest.mark.parametrize("cls", ENCODERS)
def test_defaults_allow_a_network_without_arguments(cls: type) -> None:
    assert all(p.default is not p.empty for p in inspect.signature(cls).parameters.values())


@pytest.mark.parametrize("posterior", ["point", "gaussian"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cls", ENCODERS)
def test_encoder_returns_latents_and_trains_every_parameter(cls: type, shape: tuple[int, ...], posterior: str) -> None:
    net = tiny(cls, image_shape=shape, posterior=posterior)
    x = torch.rand(3, *shape) * 2 - 1
    numbers = net.numbers(x)
    assert numbers.shape == (3, 3 if posterior == "point" else 6)
    assert torch.equal(net(x), numbers[:, :3])
    disturb(net, by=0.02)  # a head of zeros lets no gradient through
    (net.numbers(x) * torch.randn_like(numbers)).sum().backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize(("cls", "norm"), NORMED)
def test_no_parameter_is_dead_with_any_norm(cls: type, norm: str) -> None:
    net = tiny(cls, image_shape=(1, 16, 16), norm=norm, posterior="gaussian", num_classes=2).double()
    numbers = net.numbers(torch.rand(4, 1, 16, 16).double(), torch.tensor([0, 1, 1, 0]))
    assert numbers.dtype == torch.float64
    (numbers * torch.randn_like(numbers)).sum().backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize("shape", [(1,), (2,), (3, 5)], ids=str)
def test_points_are_encoded(shape: tuple[int, ...]) -> None:
    assert MLPEncoder(shape, dim=4, width=8)(torch.randn(6, *shape)).shape == (6, 4)


@pytest.mark.parametrize(("cls", "shape"), [(MLPEncoder, (7, 8)), (DCGANEncoder, (7, 16, 4, 4))])
def test_numbers_are_linear_in_the_features(cls: type, shape: tuple[int, ...]) -> None:
    net = tiny(cls, image_shape=(1, 16, 16), posterior="gaussian", norm="none", num_classes=2)
    disturb(net)
    x, y = torch.randn(7, 1, 16, 16), torch.tensor([0, 1, 0, 1, 1, 0, 0])
    features = net.features(net.embed(x, y))
    assert features.shape == shape
    weight, bias = net.head.weight.flatten(1), net.head.bias
    torch.testing.assert_close(net.numbers(x, y), features.flatten(1) @ weight.T + bias)


@pytest.mark.parametrize("cls", ENCODERS)
def test_a_new_posterior_has_variance_one_and_learns_another(cls: type) -> None:
    net = tiny(cls, posterior="gaussian")
    q = net.distribution(torch.rand(5, 1, 8, 8))
    assert torch.equal(q.log_variance, torch.zeros(5, 3))
    assert q.mean.std() > 1e-3
    q.log_variance.sum().backward()
    assert net.head.weight.grad[3:].abs().min() > 0
    assert net.head.bias.grad[3:].tolist() == [5.0] * 3


@pytest.mark.parametrize("cls", ENCODERS)
def test_tanh_bounds_points_and_means_but_not_variances(cls: type) -> None:
    x = torch.rand(64, 1, 8, 8) * 2 - 1
    for posterior in ("point", "gaussian"):
        bounded, free = tiny(cls, posterior=posterior, output="tanh"), tiny(cls, posterior=posterior)
        disturb(bounded, by=1.0)
        free.load_state_dict(bounded.state_dict())
        numbers, raw = bounded.eval().numbers(x), free.eval().numbers(x)
        assert raw[:, :3].abs().max() > 1
        torch.testing.assert_close(numbers[:, :3], raw[:, :3].tanh())
        assert torch.equal(numbers[:, 3:], raw[:, 3:])
        assert posterior == "point" or numbers[:, 3:].abs().max() > 1


@pytest.mark.parametrize("norm", NORMS[DCGANEncoder])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_dcgan_encoder_has_the_body_of_the_discriminator(norm: str, num_classes: int) -> None:
    kwargs = {"image_shape": (3, 28, 28), "width": 4, "norm": norm, "num_classes": num_classes}
    E, D = DCGANEncoder(**kwargs), DCGANDiscriminator(**kwargs)
    D.features.load_state_dict(E.features.state_dict(), strict=True)
    x, y = torch.randn(2, 3, 28, 28), torch.tensor([0, 2]) if num_classes else None
    assert torch.equal(E.features(E.embed(x, y)), D.features(E.embed(x, y)))
    assert E.embed(x, y).shape == D.embed(x, y).shape
    assert E.embed(x, y).shape[1] == (4 if num_classes else 3)


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_mlp_encoder_has_the_units_of_the_discriminator(norm: str) -> None:
    kwargs = {"image_shape": (3, 4), "width": 8, "depth": 3, "norm": norm, "num_classes": 3}
    E, D = MLPEncoder(**kwargs), MLPDiscriminator(**kwargs)
    units = [w.shape for w in weights_of(E.features, nn.Linear).values()]
    assert units == [w.shape for w in weights_of(D.features, nn.Linear).values()]
    assert [m.negative_slope for m in E.modules() if isinstance(m, nn.LeakyReLU)] == [0.2] * 3


def test_the_first_layer_has_no_norm() -> None:
    def kinds(net: Any) -> list[str]:
        return [type(m).__name__ for m in net.features if not isinstance(m, (nn.Identity, nn.Flatten))]

    plain, normed = ["Linear", "LeakyReLU"], ["Linear", "BatchNorm1d", "LeakyReLU"]
    assert kinds(MLPEncoder(norm="batch", depth=3)) == [*plain, *normed, *normed]
    assert kinds(MLPEncoder(norm="batch", depth=1)) == plain
    assert kinds(MLPEncoder(norm="layer", depth=2)) == [*plain, "Linear", "LayerNorm", "LeakyReLU"]
    down = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    assert kinds(DCGANEncoder(norm="batch")) == ["Conv2d", "LeakyReLU", *down, *down]
    assert [m.bias is None for m in MLPEncoder(norm="batch").features if isinstance(m, nn.Linear)] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_depth_counts_hidden_layers(depth: int) -> None:
    assert len(weights_of(MLPEncoder(depth=depth, width=4), nn.Linear)) == depth + 1


def test_an_encoder_without_hidden_layers_is_affine() -> None:
    net = MLPEncoder((2,), dim=3, depth=0, posterior="gaussian")
    a, b, c = torch.randn(3, 5, 2)
    torch.testing.assert_close(net.numbers(a + b - c), net.numbers(a) + net.numbers(b) - net.numbers(c))


def test_new_encoders_start_as_the_discriminators_do() -> None:
    net = MLPEncoder((512,), dim=512, width=1024, depth=4)
    x = torch.randn(64, 512)
    assert net.features(x).square().mean().item() == pytest.approx(1, rel=0.15)
    assert net(x).square().mean().item() == pytest.approx(1, rel=0.15)
    head = DCGANEncoder().head
    assert head.weight.std().item() == pytest.approx(0.02, abs=4 * 0.02 / math.sqrt(2 * head.weight.numel()))
    assert (head.bias == 0).all()


@pytest.mark.parametrize("cls", ENCODERS)
def test_labels_change_latents(cls: type) -> None:
    net = tiny(cls, num_classes=3).eval()
    disturb(net)
    x, zeros, ones = torch.randn(2, 1, 8, 8).tanh(), torch.tensor([0, 0]), torch.tensor([1, 1])
    assert not torch.allclose(net(x, zeros), net(x, ones))
    torch.testing.assert_close(encode(net, x, [0, 1]), torch.stack([net(x, zeros)[0], net(x, ones)[1]]))
    with pytest.raises(ValueError, match="this encoder is conditional on 3 classes: give labels"):
        net(x)
    with pytest.raises(ValueError, match="this encoder is unconditional: call it without labels"):
        tiny(cls)(x, zeros)


@pytest.mark.parametrize(("cls", "norm"), NORMED)
def test_an_evaluated_image_is_encoded_by_itself(cls: type, norm: str) -> None:
    net = tiny(cls, norm=norm)
    disturb(net)
    x = torch.randn(5, 1, 8, 8)
    net(x)
    net.eval()
    torch.testing.assert_close(net(x[:1]), net(x)[:1], rtol=0, atol=1e-5)
    assert net(x[:0]).shape == (0, 3)


@pytest.mark.parametrize(("cls", "norm"), NORMED)
def test_config_round_trip_and_copies(cls: type, norm: str) -> None:
    net = tiny(cls, posterior="gaussian", norm=norm, output="tanh", num_classes=3)
    twin = build(net.config())
    assert type(twin) is cls
    assert twin.config() == net.config()
    assert (twin.dim, twin.posterior, twin.num_classes, twin.image_shape) == (3, "gaussian", 3, (1, 8, 8))
    twin.load_state_dict(net.state_dict(), strict=True)
    x, y = torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
    net.eval()
    for other in (twin.eval(), copy.deepcopy(net)):
        assert torch.equal(other.numbers(x, y), net.numbers(x, y))


@pytest.mark.parametrize(
    ("cls", "kwargs", "message"),
    [
        (MLPEncoder, {"norm": "spectral"}, "norm must be one of batch, layer, none, got 'spectral'"),
        (DCGANEncoder, {"norm": "spectral"}, "norm must be one of batch, layer, instance, none, got 'spectral'"),
        (MLPEncoder, {"output": "sigmoid"}, "output must be one of linear, tanh, got 'sigmoid'"),
        (DCGANEncoder, {"output": "sigmoid"}, "output must be one of linear, tanh, got 'sigmoid'"),
        (MLPEncoder, {"posterior": "normal"}, "posterior must be one of point, gaussian, got 'normal'"),
        (MLPEncoder, {"dim": 0}, "dim must be at least 1, got 0"),
        (DCGANEncoder, {"dim": 0}, "dim must be at least 1, got 0"),
        (MLPEncoder, {"depth": -1}, "depth must be at least 0, got -1"),
        (MLPEncoder, {"width": 0}, "width must be at least 1, got 0"),
        (DCGANEncoder, {"width": 0}, "width must be at least 1, got 0"),
        (MLPEncoder, {"num_classes": -1}, "num_classes must be at least 0, got -1"),
        (DCGANEncoder, {"num_classes": -1}, "num_classes must be at least 0, got -1"),
        (MLPEncoder, {"image_shape": ()}, "image_shape must be positive numbers"),
        (DCGANEncoder, {"image_shape": (1, 7, 30)}, r"sides of at least 8, got \("),
    ],
)
def test_other_words_and_numbers_are_refused(cls: type, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cls(**kwargs)


def test_images_of_another_size_are_not_encoded() -> None:
    with pytest.raises(RuntimeError, match="invalid for input of size"):
        tiny(DCGANEncoder, image_shape=(1, 16, 16))(torch.randn(2, 1, 32, 32))
