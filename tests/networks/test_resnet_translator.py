"""CycleGAN's generator: its layers, its size, its formula."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks import ResNetTranslator


@pytest.mark.parametrize(
    ("kwargs", "count"),
    [
        ({}, 7_837_699),
        ({"n_blocks": 9}, 11_378_179),  # these two are the authors'
        ({"upsampling": "resize"}, 7_837_699),
        ({"width": 16, "n_blocks": 4}, 346_371),
    ],
)
def test_number_of_parameters(kwargs: dict[str, int], count: int) -> None:
    with torch.device("meta"):
        net = ResNetTranslator((3, 128, 128), **kwargs)
    assert sum(p.numel() for p in net.parameters()) == count


def written_out(net: ResNetTranslator, y: Tensor) -> Tensor:
    """Johnson's network of two halvings, layer by layer, with the parameters in their order."""
    p = iter(net.parameters())

    def conv(x: Tensor, pad: int) -> Tensor:
        return F.conv2d(F.pad(x, (pad,) * 4, mode="reflect"), next(p), next(p))

    def norm(x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)
        return (x - mean) / ((x - mean).square().mean(dim=(2, 3), keepdim=True) + 1e-5).sqrt()

    x = norm(conv(y, 3)).relu()
    for _ in range(2):
        x = norm(F.conv2d(x, next(p), next(p), stride=2, padding=1)).relu()
    for _ in range(3):
        x = x + norm(conv(norm(conv(x, 1)).relu(), 1))
    for _ in range(2):
        if net.config()["init_args"]["upsampling"] == "resize":
            x = conv(x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3), 1)
        else:
            x = F.conv_transpose2d(x, next(p), next(p), stride=2, padding=1, output_padding=1)
        x = norm(x).relu()
    x = conv(x, 3).tanh()
    assert next(p, None) is None
    return x


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@torch.no_grad()
def test_the_network_is_its_formula(upsampling: str) -> None:
    net = ResNetTranslator((2, 16, 24), (3, 16, 24), width=4, n_blocks=3, upsampling=upsampling).double()
    for p in net.parameters():
        p.copy_(torch.randn_like(p) * 0.2)
    y = torch.randn(2, 3, 16, 24).double()
    before = y.clone()
    torch.testing.assert_close(net(torch.zeros(2, 0), y), written_out(net, y), rtol=0, atol=1e-10)
    assert torch.equal(y, before)


def test_maps_double_their_channels_with_every_halving() -> None:
    net = ResNetTranslator((3, 32, 32), width=4, n_blocks=1, n_halvings=3)
    shapes: list[tuple[int, ...]] = []
    for layer in net.body:
        if isinstance(layer, nn.InstanceNorm2d):
            layer.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    net(torch.zeros(1, 0), torch.zeros(1, 3, 32, 32))
    down = [(4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 4, 4)]
    assert shapes == [*down, *down[-2::-1]]
    assert net.multiple == 8


def test_without_blocks_and_halvings_there_are_the_first_and_the_last_layer() -> None:
    net = ResNetTranslator((1, 5, 4), width=2, n_blocks=0, n_halvings=0)
    assert len(list(net.parameters())) == 4
    assert net(torch.zeros(2, 0), torch.zeros(2, 1, 7, 9)).shape == (2, 1, 7, 9)


@pytest.mark.parametrize(
    ("shape", "n_halvings"), [((3, 30, 64), 2), ((3, 64, 4), 2), ((3, 2, 2), 1), ((3, 3, 8), 0), ((3, 64, 64), 10**15)]
)
def test_sides_without_a_mirror_image_are_refused(shape: tuple[int, ...], n_halvings: int) -> None:
    least = 2 if n_halvings else 4
    with pytest.raises(ValueError, match=rf"can be halved .*to {least} or more, got sides \({shape[1]}, {shape[2]}\)"):
        ResNetTranslator(shape, width=2, n_halvings=n_halvings)


@pytest.mark.parametrize(("side", "n_halvings"), [(8, 2), (4, 1), (4, 0)])
def test_the_smallest_sides_do(side: int, n_halvings: int) -> None:
    net = ResNetTranslator((1, side, side), width=2, n_blocks=1, n_halvings=n_halvings)
    assert net(torch.zeros(1, 0), torch.rand(1, 1, side, side)).isfinite().all()


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="n_blocks must be at least 0, got -1"):
        ResNetTranslator(n_blocks=-1)
    with pytest.raises(ValueError, match="n_halvings must be at least 0, got -1"):
        ResNetTranslator(n_halvings=-1)
