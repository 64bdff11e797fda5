"""The residual networks: initial weights, sizes, pooling."""

import math

import pytest
import torch
from torch import nn

from ganzoo.networks import ResNetDiscriminator, ResNetGenerator
from ganzoo.networks.resnet import _Residual
from tests.networks.nets import weights_of


@pytest.mark.parametrize("cls", [ResNetGenerator, ResNetDiscriminator])
def test_resnet_starts_from_the_distributions_of_the_paper(cls: type) -> None:
    net = cls(image_shape=(3, 32, 32), width=64)
    for name, weight in weights_of(net, (nn.Conv2d, nn.Linear)).items():
        gain2 = 2 if ".residual." in name else 1
        fan = (weight.shape[0] + weight.shape[1]) * weight[0, 0].numel()
        expected = math.sqrt(gain2 * 2 / fan)
        # four standard errors of the standard deviation of a uniform distribution
        assert weight.std().item() == pytest.approx(expected, rel=4 * math.sqrt(0.2 / weight.numel()))


@pytest.mark.parametrize(
    ("size", "smallest", "n_convs"),
    [(8, 4, 3 + 4), (28, 7, 3 + 3 + 4), (32, 8, 3 + 3 + 4), (64, 8, 3 + 6 + 4)],
)
def test_resnet_discriminator_halves_the_image_to_eight_pixels(size: int, smallest: int, n_convs: int) -> None:
    net = ResNetDiscriminator((3, size, size), width=4)
    assert net.features[:-1](torch.randn(2, 3, size, size)).shape == (2, 4, smallest, smallest)
    assert len(weights_of(net, nn.Conv2d)) == n_convs


@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_resnet_discriminator_averages_features_and_sums_them_under_spectral_norm(norm: str) -> None:
    net = ResNetDiscriminator(width=4, norm=norm).eval()
    maps = net.features[:-1](torch.randn(2, 3, 32, 32))
    pooled = maps.mean(dim=(2, 3)) if norm == "none" else maps.sum(dim=(2, 3))
    torch.testing.assert_close(net.features[-1](maps), pooled)


@pytest.mark.parametrize("norm", ["layer", "none"])
@pytest.mark.parametrize("cls", [ResNetGenerator, ResNetDiscriminator])
def test_resnet_blocks_add_to_a_stream_that_they_leave_as_it_is(cls: type, norm: str) -> None:
    net = cls(width=4, norm=norm)
    blocks = [m for m in net.modules() if hasattr(m, "shortcut")]
    assert len(blocks) == (3 if cls is ResNetGenerator else 4)
    for block in blocks[1:]:
        x = torch.randn(2, 4, 8, 8)
        before = x.clone()
        total = block(x)
        assert torch.equal(x, before)
        torch.testing.assert_close(total, block.residual(before.clone()) + block.shortcut(before))


def test_maps_are_halves_rounded_up() -> None:
    G, D = ResNetGenerator((1, 100, 30), width=4), ResNetDiscriminator((1, 100, 30), width=4)
    seen: dict[str, list[tuple[int, ...]]] = {"G": [], "D": []}
    for name, net in (("G", G), ("D", D)):
        for block in net.modules():
            if isinstance(block, _Residual):
                block.register_forward_hook(lambda m, i, out, name=name: seen[name].append(tuple(out.shape[2:])))
    D(G(torch.randn(2, G.prior.dim)))
    assert seen["G"] == [(25, 8), (50, 15), (100, 30)]
    assert seen["D"] == [(50, 15), (25, 8), (25, 8), (25, 8)]
