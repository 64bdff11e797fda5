"""Self-attention, and where it stands in networks."""

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganzoo.networks import DCGANDiscriminator, DCGANGenerator, ResNetDiscriminator, ResNetGenerator
from ganzoo.networks.attention import SelfAttention2d
from tests.networks.nets import dead_parameters, disturb, latents, small

# the sizes of the maps of an image of 28 and of 32
PLACES = [
    (DCGANGenerator, 28, (4, 7, 14)),
    (DCGANGenerator, 32, (4, 8, 16)),
    (DCGANDiscriminator, 28, (14, 7, 4)),
    (DCGANDiscriminator, 32, (16, 8, 4)),
    (ResNetGenerator, 28, (7, 14, 28)),
    (ResNetGenerator, 32, (4, 8, 16, 32)),
    (ResNetDiscriminator, 28, (14, 7)),
    (ResNetDiscriminator, 32, (16, 8)),
]
EACH_PLACE = [(cls, image, size) for cls, image, sizes in PLACES for size in sizes]


def written_out(layer: SelfAttention2d, x: Tensor) -> Tensor:
    """Position by position, with the formula of the paper over the max-pooled f and h."""

    def conv(weights: nn.Conv2d, vector: Tensor) -> Tensor:
        return weights.weight[:, :, 0, 0] @ vector

    out = x.clone()
    for image, result in zip(x, out, strict=True):
        height, width = image.shape[1:]
        corners = [(i, j) for i in range(0, height - 1, 2) for j in range(0, width - 1, 2)]

        def pooled(weights: nn.Conv2d, i: int, j: int, image: Tensor = image) -> Tensor:
            return torch.stack([conv(weights, image[:, i + a, j + b]) for a in (0, 1) for b in (0, 1)]).amax(dim=0)

        for i in range(height):
            for j in range(width):
                scores = torch.stack([pooled(layer.f, *c) @ conv(layer.g, image[:, i, j]) for c in corners])
                share = scores.exp() / scores.exp().sum()
                found = sum(s * pooled(layer.h, *c) for s, c in zip(share, corners, strict=True))
                result[:, i, j] += layer.gamma * conv(layer.v, found)
    return out


@pytest.mark.parametrize(("channels", "height", "width"), [(16, 4, 4), (5, 4, 6), (8, 5, 3)])
@torch.no_grad()
def test_attention_is_a_written_out_softmax(channels: int, height: int, width: int) -> None:
    layer = SelfAttention2d(channels).double()
    disturb(layer, by=1.0)
    x = torch.randn(2, channels, height, width).double()
    assert (layer(x) - x).abs().mean() > 0.1
    torch.testing.assert_close(layer(x), written_out(layer, x))


def test_new_attention_is_the_identity_and_only_its_weight_moves() -> None:
    layer, x = SelfAttention2d(16), torch.randn(2, 16, 8, 8)
    assert torch.equal(layer(x), x)
    (layer(x) * torch.randn_like(x)).sum().backward()
    assert set(dead_parameters(layer)) == {name for name, _ in layer.named_parameters()} - {"gamma"}


def test_channels_of_attention() -> None:
    layer = SelfAttention2d(64)
    shapes = [tuple(conv.weight.shape[:2]) for conv in (layer.f, layer.g, layer.h, layer.v)]
    assert shapes == [(8, 64), (8, 64), (32, 64), (64, 32)]
    assert SelfAttention2d(1)(torch.randn(1, 1, 2, 2)).shape == (1, 1, 2, 2)


def test_attention_can_be_differentiated_twice() -> None:
    layer = SelfAttention2d(4).double()
    disturb(layer, by=1.0)
    x = torch.randn(1, 4, 4, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


@pytest.mark.parametrize(("cls", "image", "size"), EACH_PLACE)
def test_attention_stands_behind_the_map_of_its_size(cls: type, image: int, size: int) -> None:
    net = small(cls, image_shape=(1, image, image), attention=8 if (image, size) == (28, 4) else image // size)
    layers = [m for m in net.modules() if isinstance(m, SelfAttention2d)]
    assert len(layers) == 1
    seen: list[Any] = []
    layers[0].register_forward_hook(lambda module, inputs, output: seen.append(output.shape[2:]))
    disturb(layers[0])
    out = net(latents(net, 2) if hasattr(net, "prior") else torch.randn(2, 1, image, image))
    assert seen == [(size, size)]
    (out * torch.randn_like(out)).sum().backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize(("cls", "image", "sizes"), PLACES)
def test_attention_is_refused_where_there_is_no_map(cls: type, image: int, sizes: tuple[int, ...]) -> None:
    there = ", ".join(
        f"{-(-image // size)} (maps of {size} x {size})" for size in sorted(sizes)[::-1] if size != 4 or image == 32
    )
    there += ", 8 (maps of 4 x 4)" if image == 28 and 4 in sizes else ""
    with pytest.raises(ValueError, match=re.escape(f"for images of {image} x {image} pixels, {there}; got 5")):
        cls(image_shape=(1, image, image), attention=5)


@pytest.mark.parametrize("cls", [DCGANGenerator, DCGANDiscriminator, ResNetGenerator, ResNetDiscriminator])
def test_new_attention_changes_nothing_that_a_network_computes(cls: type) -> None:
    plain, net = small(cls, image_shape=(1, 32, 32)), small(cls, image_shape=(1, 32, 32), attention=4)
    own = {id(p) for m in net.modules() if isinstance(m, SelfAttention2d) for p in m.parameters()}
    with torch.no_grad():
        for p, q in zip((p for p in net.parameters() if id(p) not in own), plain.parameters(), strict=True):
            p.copy_(q)
    x = latents(net, 2) if hasattr(net, "prior") else torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(net(x), plain(x))


@pytest.mark.parametrize(
    ("cls", "norm"),
    [
        (DCGANGenerator, "batch+spectral"),
        (ResNetGenerator, "batch+spectral"),
        (DCGANDiscriminator, "spectral"),
        (ResNetDiscriminator, "spectral"),
    ],
)
def test_spectral_norm_covers_every_layer_and_no_norm(cls: type, norm: str) -> None:
    net = small(cls, image_shape=(1, 32, 32), norm=norm, attention=4)
    layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))]
    assert all(parametrize.is_parametrized(m, "weight") for m in layers)
    assert sum(parametrize.is_parametrized(m) for m in net.modules()) == len(layers)
    assert any(isinstance(m, nn.BatchNorm2d) for m in net.modules()) == (norm == "batch+spectral")
    if cls is DCGANGenerator:
        assert sum(isinstance(m, nn.ConvTranspose2d) for m in layers) == 3
