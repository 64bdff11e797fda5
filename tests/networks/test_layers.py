"""The ladder of sizes and spectral norm."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from ganzoo.networks import DCGANDiscriminator, MLPDiscriminator
from ganzoo.networks.layers import SIZES, ladder
from tests.networks.nets import DISCRIMINATORS, small, weights_of


def test_ladder() -> None:
    steps = [ladder((1, size, size)) for size in SIZES]
    assert steps == [(4, 1), (4, 2), (7, 2), (4, 3), (4, 4), (4, 5), (4, 6)]


@pytest.mark.parametrize("cls", DISCRIMINATORS)
def test_spectral_norm_makes_the_largest_singular_value_one(cls: type) -> None:
    net = small(cls, image_shape=(1, 16, 16), norm="spectral")
    x = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(3).add_(torch.randn_like(p) * 0.1)
        for _ in range(100):
            net(x)
    net.eval()
    weights = weights_of(net, (nn.Conv2d, nn.Linear))
    for weight in weights.values():
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)
    constrained = [m for m in net.modules() if parametrize.is_parametrized(m, "weight")]
    assert len(constrained) == len(weights)


def test_spectral_norm_rests_in_evaluation_mode() -> None:
    net = small(DCGANDiscriminator, norm="spectral")
    x = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn_like(p))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.eval()(x)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    net.train()(x)
    assert any(not torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_spectral_mlp_is_lipschitz() -> None:
    net = MLPDiscriminator((8,), width=32, norm="spectral").double()
    with torch.no_grad():
        for _ in range(200):
            net(torch.randn(1, 8).double())
        for layer in (m for m in net.modules() if isinstance(m, nn.Linear) and m.bias is not None):
            layer.bias.normal_()
    net.eval()
    a, b = torch.randn(2, 500, 8).double()
    slopes = (net(a) - net(b)).abs() / (a - b).norm(dim=1)
    assert 1e-3 < slopes.max().item() <= 1 + 1e-6
