"""The discriminator that guesses codes."""

from typing import Any

import pytest
import torch

from ganzoo.config import build
from ganzoo.networks import DCGANDiscriminator, InstanceNoise, MLPDiscriminator
from ganzoo.networks.heads import WithCodes
from ganzoo.roles import Discriminator
from tests.networks.nets import DISCRIMINATORS, dead_parameters, small


@pytest.mark.parametrize("cls", DISCRIMINATORS)
def test_d_and_q_read_the_features_of_one_pass(cls: type) -> None:
    inner = small(cls, image_shape=(1, 16, 16)).eval()
    net, x, passes = WithCodes(inner, (4, 2), uniform=3).eval(), torch.randn(5, 1, 16, 16), []
    inner.features.register_forward_hook(lambda *_: passes.append(1))
    logits, numbers = net.both(x)
    assert len(passes) == 1
    assert torch.equal(logits, inner(x))
    assert torch.equal(net(x), inner(x))
    assert numbers.shape == (5, 4 + 2 + 3)
    torch.testing.assert_close(numbers, net.q(inner.features(x)))
    (numbers.square().sum() + logits.sum()).backward()
    assert dead_parameters(net) == []


def test_q_has_a_layer_of_its_own() -> None:
    net = WithCodes(small(MLPDiscriminator, image_shape=(2,)), (10,), uniform=2)
    assert [p.shape for p in net.q.parameters()] == [(128, 8), (128,), (12, 128), (12,)]
    layer = net.q[2](torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(layer, torch.tensor([-0.1, 1.0]))


def test_codes_are_no_condition() -> None:
    net = WithCodes(small(DCGANDiscriminator, image_shape=(3, 8, 8)), [4], uniform=1, image_shape=(1, 16, 16))
    assert (net.num_classes, net.image_shape, net.categorical, net.uniform) == (0, (1, 16, 16), (4,), 1)
    twin = build(net.config())
    twin.load_state_dict(net.state_dict(), strict=True)
    x = torch.randn(2, 1, 16, 16)
    assert torch.equal(twin.eval().both(x)[1], net.eval().both(x)[1])
    with pytest.raises(ValueError, match="this discriminator is unconditional"):
        net(x, torch.tensor([0, 1]))


def test_a_wrapper_hands_its_images_to_both() -> None:
    net = InstanceNoise(WithCodes(small(MLPDiscriminator, image_shape=(2,))), std=0.5)
    x = torch.randn(3, 2)
    assert not torch.equal(net.both(x)[1], net.both(x)[1])
    assert torch.equal(net.eval().both(x)[1], net.inner.both(x)[1])


class Bare(Discriminator):
    """Has no features."""

    def __init__(self) -> None:
        super().__init__((2,))


def several() -> Discriminator:
    net = small(MLPDiscriminator, image_shape=(2,))
    net.pack = 2
    return net


@pytest.mark.parametrize(
    ("inner", "kwargs", "message"),
    [
        (lambda: small(MLPDiscriminator, num_classes=3), {}, "must be unconditional, got one of 3 classes"),
        (Bare, {}, "must have features and a head, got Bare"),
        (several, {}, "must judge single images, got one that judges 2 at once"),
        (lambda: small(MLPDiscriminator), {"categorical": (), "uniform": 0}, r"needs a code: .*=\(\), uniform=0"),
        (lambda: small(MLPDiscriminator), {"uniform": -1}, "uniform=-1"),
        (lambda: small(MLPDiscriminator), {"width": 0}, "width must be at least 1, got 0"),
    ],
)
def test_a_guesser_refuses(inner: Any, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WithCodes(inner(), **kwargs)
