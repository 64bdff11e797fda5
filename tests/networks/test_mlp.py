"""The fully connected networks."""

import pytest
import torch
from torch import nn

from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.priors import Normal
from tests.networks.nets import latents, weights_of


@pytest.mark.parametrize("shape", [(1,), (2,)], ids=str)
def test_points(shape: tuple[int, ...]) -> None:
    generator = MLPGenerator(shape, Normal(dim=4), width=64, output="linear")
    discriminator = MLPDiscriminator(shape, width=8)
    points = generator(torch.randn(4096, 4))
    assert points.shape == (4096, *shape)
    assert points.abs().max() > 1
    assert discriminator(points).shape == (4096,)


@pytest.mark.parametrize("cls", [MLPGenerator, MLPDiscriminator])
def test_mlp_without_hidden_layers_is_linear(cls: type) -> None:
    kwargs = {"prior": Normal(dim=2), "output": "linear"} if cls is MLPGenerator else {}
    net = cls(image_shape=(2,), depth=0, **kwargs)
    a, b = torch.randn(2, 5, 2)
    torch.testing.assert_close(net(a + b), net(a) + net(b))


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_mlp_depth_counts_hidden_layers(depth: int) -> None:
    assert len(weights_of(MLPGenerator(depth=depth, width=4), nn.Linear)) == depth + 1
    assert len(weights_of(MLPDiscriminator(depth=depth, width=4), nn.Linear)) == depth + 1


def test_mlp_keeps_the_mean_square_of_activations() -> None:
    net = MLPGenerator((4096,), Normal(dim=512), width=1024, depth=4, output="linear")
    assert net(latents(net, 64)).square().mean().item() == pytest.approx(1, rel=0.15)
    critic = MLPDiscriminator((512,), width=1024, depth=4)
    assert critic.features(torch.randn(64, 512)).square().mean().item() == pytest.approx(1, rel=0.15)


def test_mlp_refuses_other_words_and_numbers() -> None:
    assert isinstance(MLPGenerator((1, 4, 4)).body[-1], nn.Tanh)
    assert isinstance(MLPGenerator((2,)).body[-1], nn.Identity), "points have no bounds"
    with pytest.raises(ValueError, match="output must be one of tanh, linear, got 'sigmoid'"):
        MLPGenerator(output="sigmoid")
    with pytest.raises(ValueError, match="depth must be at least 0, got -1"):
        MLPDiscriminator(depth=-1)
    with pytest.raises(ValueError, match="image_shape must be positive numbers"):
        MLPDiscriminator(image_shape=())


def test_mlp_activations_are_relu_in_g_and_leaky_in_d() -> None:
    slopes = [m.negative_slope for m in MLPDiscriminator().modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.2, 0.2, 0.2]
    assert sum(isinstance(m, nn.ReLU) for m in MLPGenerator().modules()) == 3
