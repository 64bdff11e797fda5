"""The discriminators of pairs: where z enters, what is normalised, and what holds for every network."""

import copy
import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganzoo.config import build
from ganzoo.networks.dcgan import DCGANDiscriminator
from ganzoo.networks.joint import DCGANJointDiscriminator, MLPJointDiscriminator
from tests.networks.nets import dead_parameters, weights_of

NORMS = {
    MLPJointDiscriminator: ("batch", "layer", "spectral", "none"),
    DCGANJointDiscriminator: ("batch", "layer", "instance", "spectral", "none"),
}
NORMED = [(cls, norm) for cls, norms in NORMS.items() for norm in norms]
SINGLE = [(cls, norm) for cls, norm in NORMED if norm != "batch"]
DIM = 3


def small(cls: type, image_shape: tuple[int, ...] = (1, 16, 16), **kwargs: Any) -> Any:
    units = {"units": 8} if cls is DCGANJointDiscriminator else {}
    return cls(image_shape, **{"dim": DIM, "width": 8, **units, **kwargs})


def pairs(n: int, image_shape: tuple[int, ...] = (1, 16, 16)) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(n, *image_shape), torch.randn(n, DIM)


@pytest.mark.parametrize(("cls", "norm"), NORMED)
def test_a_pair_has_a_logit_that_moves_every_parameter(cls: type, norm: str) -> None:
    net = small(cls, norm=norm).double()
    x, z = (part.double() for part in pairs(5))
    logits = net(x, z)
    assert logits.shape == (5,)
    assert logits.dtype == torch.float64
    (logits * torch.randn_like(logits)).sum().backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)], ids=str)
@pytest.mark.parametrize("cls", NORMS)
def test_images_of_other_sizes(cls: type, shape: tuple[int, ...]) -> None:
    assert small(cls, shape)(*pairs(2, shape)).shape == (2,)


def test_points_are_judged_too() -> None:
    assert small(MLPJointDiscriminator, (2,))(*pairs(4, (2,))).shape == (4,)


@pytest.mark.parametrize(("cls", "norm"), SINGLE)
def test_a_logit_depends_on_its_own_image_and_latent_only(cls: type, norm: str) -> None:
    net = small(cls, norm=norm)
    net.train(norm != "spectral")
    x, z = pairs(4)
    logits = net(x, z)
    torch.testing.assert_close(net(x[:1], z[:1]), logits[:1], rtol=0, atol=1e-5)
    assert (net(x.roll(1, 0), z) - logits).abs().min() > 1e-5
    assert (net(x, z.roll(1, 0)) - logits).abs().min() > 1e-5


@pytest.mark.parametrize(("cls", "norm"), NORMED)
def test_features_are_the_last_hidden_layer(cls: type, norm: str) -> None:
    net = small(cls, norm=norm).eval()
    x, z = pairs(4)
    features = net.features(x, z)
    assert features.shape == (4, 8)
    torch.testing.assert_close(features @ net.head.weight[0], net(x, z))


def test_z_enters_each_hidden_layer_but_the_first() -> None:
    net = small(MLPJointDiscriminator, depth=3)
    for p in net.parameters():
        nn.init.normal_(p, std=0.5)  # biases too
    x, z = pairs(4)
    h = F.leaky_relu(F.linear(x.flatten(1), net.first[1].weight, net.first[1].bias), 0.2)
    for layer in net.others:
        h = F.leaky_relu(h @ layer.W.weight.T + layer.W.bias + z @ layer.U.weight.T, 0.2)
    torch.testing.assert_close(net(x, z), h @ net.head.weight[0])
    assert [layer.U.weight.shape for layer in net.others] == [(8, DIM), (8, DIM)]
    assert all(layer.U.bias is None for layer in net.others)


@pytest.mark.parametrize("depth", [2, 4])
def test_the_first_hidden_layer_has_no_norm(depth: int) -> None:
    net = small(MLPJointDiscriminator, depth=depth, norm="batch")
    assert [type(m) for m in net.first] == [nn.Flatten, nn.Linear, nn.Identity, nn.LeakyReLU]
    assert sum(isinstance(m, nn.BatchNorm1d) for m in net.others.modules()) == depth - 1
    assert [layer.W.bias for layer in net.others] == [None] * (depth - 1)  # the norm has a shift


def test_image_and_latent_have_the_same_share_in_a_new_mlp() -> None:
    net = MLPJointDiscriminator((512,), dim=64, width=1024, depth=4)
    x, z = torch.randn(64, 512), torch.randn(64, 64)
    h = net.first(x)
    layer = net.others[0]
    for part in (layer.W(h), layer.U(z)):
        assert part.square().mean().item() == pytest.approx(1 / 1.04, rel=0.15)
    assert net.features(x, z).square().mean().item() == pytest.approx(1, rel=0.15)


def test_the_trunk_is_that_of_dcgan() -> None:
    body = DCGANDiscriminator((1, 28, 28), width=8, norm="batch").features
    trunk = DCGANJointDiscriminator((1, 28, 28), dim=DIM, width=8, norm="batch").of_x[0]
    assert [str(layer) for layer in trunk] == [str(layer) for layer in body]


@pytest.mark.parametrize("cls", NORMS)
def test_spectral_norm_reaches_every_weight_once(cls: type) -> None:
    net = small(cls, norm="spectral")
    for _ in range(30):  # power iterations
        net(*pairs(2))
    net.eval()
    weights = weights_of(net, (nn.Linear, nn.Conv2d))
    assert len(weights) == {MLPJointDiscriminator: 6, DCGANJointDiscriminator: 7}[cls]
    for name, weight in weights.items():
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02), name
    assert not [name for name in net.state_dict() if ".weight.1." in name]


@pytest.mark.parametrize(("cls", "norm"), NORMED)
def test_config_and_copies(cls: type, norm: str) -> None:
    net = small(cls, norm=norm)
    twin = build(net.config())
    assert twin.config() == net.config()
    assert (twin.image_shape, twin.dim) == ((1, 16, 16), DIM)
    twin.load_state_dict(net.state_dict(), strict=True)
    x, z = pairs(3)
    expected = net.eval()(x, z)
    assert torch.equal(twin.eval()(x, z), expected)
    assert torch.equal(copy.deepcopy(net)(x, z), expected)


@pytest.mark.parametrize("cls", NORMS)
def test_defaults_allow_a_network_without_arguments(cls: type) -> None:
    net = cls()
    assert net(torch.randn(2, *net.image_shape), torch.randn(2, net.dim)).shape == (2,)


@pytest.mark.parametrize("cls", NORMS)
def test_wrong_arguments_are_refused(cls: type) -> None:
    with pytest.raises(ValueError, match=re.escape(f"norm must be one of {', '.join(NORMS[cls])}, got 'Batch'")):
        small(cls, norm="Batch")
    with pytest.raises(ValueError, match="dim must be at least 1, got 0"):
        small(cls, dim=0)
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        small(cls, width=0)
    with pytest.raises(ValueError, match=r"channels must be at least 1|image_shape must be positive numbers"):
        small(cls, (0, 8, 8))


def test_initial_weights_may_be_those_of_the_paper() -> None:
    torch.manual_seed(0)
    D = MLPJointDiscriminator((1, 28, 28), dim=50, width=1024, depth=2, norm="batch", std=0.02)
    weights = [p for name, p in D.named_parameters() if name.endswith("weight") and p.ndim == 2]
    assert len(weights) == 4
    for p in weights:
        assert p.mean().abs() < 0.002
        assert p.std().item() == pytest.approx(0.02, rel=0.1)
    with pytest.raises(ValueError, match="std must be positive, got 0"):
        MLPJointDiscriminator(std=0)


def test_a_network_that_never_sees_z_is_refused() -> None:
    with pytest.raises(ValueError, match="depth must be at least 2, got 1"):
        small(MLPJointDiscriminator, depth=1)
    with pytest.raises(ValueError, match="units must be at least 1, got 0"):
        small(DCGANJointDiscriminator, units=0)
