"""Layers that look at several images: brute force, groups, independence."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from ganzoo.config import build
from ganzoo.inference import sample_seeds
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, VirtualBatchGenerator
from ganzoo.networks.minibatch import MinibatchDiscrimination, MinibatchStd, VirtualBatchNorm2d
from ganzoo.priors import Normal
from tests.networks.nets import dead_parameters, disturb, small

# -- minibatch discrimination


def test_closeness_is_a_double_loop() -> None:
    layer, x = MinibatchDiscrimination(6, n_kernels=4, kernel_dim=3).double(), torch.randn(5, 6).double()
    m = [(layer.T.weight @ row).reshape(4, 3) for row in x]
    expected = torch.zeros(5, 4).double()
    for i in range(5):
        for j in range(5):
            if i != j:
                expected[i] += torch.exp(-(m[i] - m[j]).abs().sum(dim=1))
    out = layer(x)
    assert torch.equal(out[:, :6], x)
    torch.testing.assert_close(out[:, 6:], expected)
    assert 0.1 < out[:, 6:].mean() < 3.9


def test_closeness_does_not_depend_on_the_order_of_the_others() -> None:
    layer, x, order = MinibatchDiscrimination(6).double(), torch.randn(7, 6).double(), torch.randperm(7)
    torch.testing.assert_close(layer(x[order]), layer(x)[order])


def test_identical_samples_are_closest_and_do_not_pull_on_each_other() -> None:
    """In whole numbers, whose products are exact: rounded ones may differ from row to row, and |.| then has a slope."""
    layer = MinibatchDiscrimination(6, n_kernels=4)
    layer.T.weight.data = torch.randint_like(layer.T.weight, -3, 4)
    x = torch.randint(-3, 4, (1, 6)).float().repeat(5, 1).requires_grad_()
    closeness = layer(x)[:, 6:]
    torch.testing.assert_close(closeness, torch.full_like(closeness, 4.0))
    (gradient,) = torch.autograd.grad(closeness.sum(), x)
    assert (gradient == 0).all()


def test_a_sample_alone_is_close_to_nothing() -> None:
    assert (MinibatchDiscrimination(6)(torch.randn(1, 6))[:, 6:] == 0).all()


def test_the_projections_of_new_minibatch_discrimination_have_variance_one() -> None:
    layer = MinibatchDiscrimination(256, n_kernels=100, kernel_dim=5)
    assert layer.T.weight.shape == (500, 256)
    assert layer.T(torch.randn(64, 256)).std().item() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_empty_minibatch_discrimination_is_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=f"must be at least 1, got {', '.join(map(str, sizes))}"):
        MinibatchDiscrimination(*sizes)


# -- minibatch standard deviation


@pytest.mark.parametrize("shape", [(6,), (3, 2, 2)], ids=str)
def test_spread_is_the_mean_standard_deviation_of_a_group(shape: tuple[int, ...]) -> None:
    x = torch.randn(12, *shape).double()
    out = MinibatchStd(group=4)(x)
    assert torch.equal(out[:, : shape[0]], x)
    for row in range(12):
        group = x[row // 4 * 4 :][:4]
        assert len(group) == 4
        spread = group.flatten(1).std(dim=0, correction=0).mean()
        expected = spread.expand(1, *shape[1:])
        torch.testing.assert_close(out[row, shape[0] :], expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
def test_the_parts_of_a_batch_keep_its_groups(parts: int) -> None:
    layer, x = MinibatchStd(group=4), torch.randn(24, 5)
    torch.testing.assert_close(torch.cat([layer(part) for part in x.chunk(parts)]), layer(x))


def test_spread_of_known_values() -> None:
    x = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    assert MinibatchStd(group=2)(x)[:, 2].tolist() == pytest.approx([(1 + 1e-4) / 2] * 2, rel=1e-5)
    assert MinibatchStd(group=4)(torch.ones(8, 3))[:, 3].tolist() == pytest.approx([1e-4] * 8)


def test_a_small_batch_is_one_group_and_another_must_be_whole_groups() -> None:
    layer, x = MinibatchStd(group=4), torch.randn(3, 2)
    torch.testing.assert_close(layer(x), MinibatchStd(group=3)(x))
    assert layer(x[:1]).shape == (1, 3)
    with pytest.raises(ValueError, match="the batch size must be a multiple of the group of 4 samples, got 6"):
        layer(torch.randn(6, 2))
    with pytest.raises(ValueError, match="group must be at least 2, got 1"):
        MinibatchStd(group=1)


# -- in discriminators


@pytest.mark.parametrize("label", ["concat", "projection"])
@pytest.mark.parametrize(("word", "n_extra"), [("none", 0), ("std", 1), ("discrimination", 100)])
@pytest.mark.parametrize("cls", [MLPDiscriminator, DCGANDiscriminator])
def test_what_a_minibatch_tells_is_the_last_of_the_features(cls: type, word: str, n_extra: int, label: str) -> None:
    kwargs = {"image_shape": (1, 16, 16), "norm": "none", "num_classes": 2, "label": label}
    net = small(cls, minibatch=word, **kwargs).double()
    x, y = torch.randn(8, 1, 16, 16).double(), torch.arange(8) % 2
    features = net.features(net.embed(x, y))
    plain = 8 if cls is MLPDiscriminator else 16
    assert features.shape[1] == plain + n_extra
    among, alone = net(x, y)[2:6], net(x[2:6], y[2:6])
    assert torch.allclose(among, alone, atol=1e-12) == (word == "none")
    (net(x, y) * torch.randn(8)).sum().backward()
    assert dead_parameters(net) == []
    assert build(net.config()).head.weight.shape == net.head.weight.shape


@pytest.mark.parametrize("cls", [MLPDiscriminator, DCGANDiscriminator])
def test_spectral_norm_covers_minibatch_discrimination(cls: type) -> None:
    net = small(cls, image_shape=(1, 8, 8), norm="spectral", minibatch="discrimination")
    assert torch.linalg.svdvals(net.eval().features[-1].T.weight.detach())[0].item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("cls", [MLPDiscriminator, DCGANDiscriminator])
def test_unknown_words_are_refused(cls: type) -> None:
    with pytest.raises(ValueError, match="minibatch must be one of none, std, discrimination, got 'stddev'"):
        cls(minibatch="stddev")


# -- virtual batch norm


def test_a_row_is_normalised_with_the_reference_and_itself() -> None:
    layer, x = VirtualBatchNorm2d(3, n_reference=4).double(), 5 + 2 * torch.randn(7, 3, 2, 2).double()
    disturb(layer)
    reference = x[:4]
    gain, bias = layer.weight, layer.bias
    out = layer(x)
    torch.testing.assert_close(out[:4], batch_norm(reference, None, None, gain, bias, training=True))
    for k in range(4, 7):
        both = batch_norm(torch.cat([reference, x[k : k + 1]]), None, None, gain, bias, training=True)
        torch.testing.assert_close(out[k], both[-1])


def test_virtual_batch_norm_is_steady_far_from_zero() -> None:
    layer, x = VirtualBatchNorm2d(3, n_reference=8), torch.randn(12, 3, 4, 4)
    torch.testing.assert_close(layer(x + 1000), layer(x), rtol=0, atol=2e-3)


@pytest.mark.parametrize("n_reference", [0, 9])
def test_virtual_batch_norm_asks_for_its_reference(n_reference: int) -> None:
    with pytest.raises(ValueError, match=f"got 8 rows and a reference of {n_reference}: wrap the generator"):
        VirtualBatchNorm2d(2, n_reference)(torch.randn(8, 2, 2, 2))


def virtual(num_classes: int = 0, n_reference: int = 16) -> VirtualBatchGenerator:
    inner = small(DCGANGenerator, image_shape=(1, 16, 16), prior=Normal(6), norm="virtual", num_classes=num_classes)
    disturb(inner, by=0.1)
    return VirtualBatchGenerator(inner, n_reference)


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_an_image_depends_on_its_latent_and_the_reference_only(mode: bool, num_classes: int) -> None:
    net = virtual(num_classes).train(mode)
    z, y = torch.randn(5, 6), torch.arange(5) % 3
    images = net(z, y if num_classes else None)
    assert images.shape == (5, 1, 16, 16)
    assert images.std(dim=0).mean() > 0.05
    for k in range(5):
        alone = net(z[k : k + 1], y[k : k + 1] if num_classes else None)[0]
        torch.testing.assert_close(alone, images[k], rtol=0, atol=1e-5)
    torch.testing.assert_close(net(z.flip(0), y.flip(0) if num_classes else None).flip(0), images, rtol=0, atol=1e-5)
    with torch.no_grad():
        net.z.mul_(2)
    assert not torch.allclose(net(z, y if num_classes else None), images, atol=1e-3)


def test_the_reference_is_fixed_and_travels_with_the_network() -> None:
    net, other = virtual(num_classes=3), virtual(num_classes=3)
    assert torch.equal(net.z, other.z)
    assert net.z.shape == (16, 6)
    assert net.z.std().item() == pytest.approx(1, abs=4 / math.sqrt(2 * 96))
    assert net.y.tolist() == [k % 3 for k in range(16)]
    assert {"z", "y"} <= set(net.state_dict())
    twin = build(net.config())
    twin.load_state_dict(net.state_dict(), strict=True)
    z, y = torch.randn(2, 6), torch.tensor([0, 1])
    for clone in (twin, copy.deepcopy(net)):
        assert torch.equal(clone(z, y), net(z, y))


def test_a_seeds_image_is_the_same_alone_and_in_a_range() -> None:
    net = virtual().eval()
    many = sample_seeds(net, range(40))
    assert torch.equal(sample_seeds(net, range(17, 18))[0], many[17])


def test_virtual_generator_trains_every_parameter() -> None:
    net = virtual(num_classes=3).double()
    images = net(torch.randn(3, 6).double(), torch.arange(3))
    assert images.dtype == torch.float64
    (images * torch.randn_like(images)).sum().backward()
    assert dead_parameters(net) == []
    gains = [m for m in net.modules() if isinstance(m, VirtualBatchNorm2d)]
    assert len(gains) == 2
    assert all(not isinstance(m, nn.BatchNorm2d) for m in net.modules())


def test_virtual_generator_refuses() -> None:
    with pytest.raises(ValueError, match='must have virtual batch norm, got none: give it norm="virtual"'):
        VirtualBatchGenerator(small(DCGANGenerator))
    with pytest.raises(ValueError, match="n_reference must be at least 1, got 0"):
        VirtualBatchGenerator(small(DCGANGenerator, norm="virtual"), 0)
    z: Tensor = torch.randn(2, 6)
    with pytest.raises(ValueError, match="conditional on 3 classes: give labels"):
        virtual(num_classes=3)(z)
    with pytest.raises(ValueError, match="unconditional: call it without labels"):
        virtual()(z, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="wrap the generator in VirtualBatchGenerator"):
        small(DCGANGenerator, prior=Normal(6), norm="virtual")(z)


def test_virtual_norms_start_as_those_of_dcgan() -> None:
    layer = DCGANGenerator(norm="virtual", width=64).body[2]
    assert isinstance(layer, VirtualBatchNorm2d)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=4 / math.sqrt(2 * 256))
    assert (layer.bias == 0).all()
