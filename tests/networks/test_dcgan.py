"""The networks of DCGAN: initial weights, channels, layers."""

import math

import pytest
import torch
from torch import nn

from ganzoo.networks import DCGANDiscriminator, DCGANGenerator
from tests.networks.nets import small, weights_of


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 32, 32), (3, 64, 64)], ids=str)
@pytest.mark.parametrize("cls", [DCGANGenerator, DCGANDiscriminator])
def test_dcgan_starts_from_the_distributions_of_the_paper(cls: type, shape: tuple[int, ...]) -> None:
    net = cls(image_shape=shape, width=64)
    layers = weights_of(net, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))
    gains = weights_of(net, nn.BatchNorm2d)
    assert len(layers) == {28: 4, 32: 4, 64: 5}[shape[-1]]
    assert len(gains) == len(layers) - (1 if cls is DCGANGenerator else 2)
    for weight in layers.values():
        error = 4 * 0.02 / math.sqrt(2 * weight.numel())  # four standard errors of a standard deviation
        assert weight.std().item() == pytest.approx(0.02, abs=error)
        assert weight.mean().item() == pytest.approx(0, abs=4 * 0.02 / math.sqrt(weight.numel()))
        assert error < 0.02 * 0.03 or weight.numel() < 10_000
    for gain in gains.values():
        assert gain.mean().item() == pytest.approx(1, abs=4 * 0.02 / math.sqrt(len(gain)))
        assert gain.std().item() == pytest.approx(0.02, abs=4 * 0.02 / math.sqrt(2 * len(gain)))
    assert all((p == 0).all() for name, p in net.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize(
    ("size", "channels"), [(8, [8]), (28, [8, 16, 32]), (64, [8, 16, 32, 64]), (256, [8, 16, 32, 64, 64, 64])]
)
def test_dcgan_channels_double_up_to_eight_times_the_width(size: int, channels: list[int]) -> None:
    generator, discriminator = (
        DCGANGenerator((3, size, size), width=8),
        DCGANDiscriminator((3, size, size), width=8),
    )
    ups = list(weights_of(generator, nn.ConvTranspose2d).values())
    downs = list(weights_of(discriminator, nn.Conv2d).values())
    assert [w.shape[0] for w in ups] == channels[::-1]
    assert [w.shape[0] for w in downs] == [*channels, 1]
    inner = 3 if size == 28 else 4  # 4 -> 7 and back
    kernels = [w.shape[2] for w in ups], [w.shape[2] for w in downs[:-1]][::-1]
    expected = [4] * len(channels)
    if len(channels) > 1:
        expected[0] = inner
    assert kernels[0] == expected
    assert kernels[1][0] == expected[0]
    assert set(kernels[1][1:]) <= {4}
    assert downs[-1].shape[2] == 4


def test_dcgan_normalises_all_but_the_output_of_g_and_the_input_of_d() -> None:
    def kinds(body: nn.Module) -> list[str]:
        return [type(m).__name__ for m in body.children() if not isinstance(m, nn.Unflatten)]

    up, down = ["ConvTranspose2d", "BatchNorm2d", "ReLU"], ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    expected = ["Linear", "BatchNorm2d", "ReLU", *up, *up, "ConvTranspose2d", "Tanh"]
    assert kinds(DCGANGenerator().body) == expected
    assert kinds(DCGANDiscriminator().features) == ["Conv2d", "LeakyReLU", *down, *down]
    assert DCGANDiscriminator().head.bias is None


@pytest.mark.parametrize("cls", [DCGANDiscriminator])
def test_images_of_another_size_are_not_scored(cls: type) -> None:
    with pytest.raises(RuntimeError, match="invalid for input of size"):
        small(cls, image_shape=(1, 16, 16))(torch.randn(2, 1, 32, 32))
