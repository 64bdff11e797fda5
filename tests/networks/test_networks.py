"""What holds for every network: shapes, gradients, copies, labels, and what it refuses."""

import copy
import inspect
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganzoo import networks
from ganzoo.config import build
from ganzoo.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPGenerator,
    PatchDiscriminator,
    ResNetDiscriminator,
    ResNetGenerator,
)
from ganzoo.priors import Normal, Uniform
from tests.networks.nets import (
    DISCRIMINATORS,
    GENERATORS,
    NORMED_D,
    NORMED_G,
    NORMS,
    SHAPES,
    SINGLE_D,
    TRANSLATORS,
    dead_parameters,
    disturb,
    latents,
    small,
)


def test_all_is_sorted_and_complete() -> None:
    assert list(networks.__all__) == sorted(set(networks.__all__))
    assert {cls.__name__ for cls in [*GENERATORS, *DISCRIMINATORS, *TRANSLATORS]} <= set(networks.__all__)


@pytest.mark.parametrize("cls", [*GENERATORS, *DISCRIMINATORS, *TRANSLATORS, PatchDiscriminator])
def test_defaults_allow_a_network_without_arguments(cls: type) -> None:
    parameters = list(inspect.signature(cls).parameters.values())
    assert all(p.default is not p.empty for p in parameters)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cls", GENERATORS)
def test_generator_makes_images_and_trains_every_parameter(cls: type, shape: tuple[int, ...]) -> None:
    net = small(cls, image_shape=shape)
    images = net(latents(net, 3))
    assert images.shape == (3, *shape)
    assert images.min() >= -1
    assert images.max() <= 1
    assert images.std() > 1e-3
    (images * torch.randn_like(images)).sum().backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cls", DISCRIMINATORS)
def test_discriminator_scores_images_and_trains_every_parameter(cls: type, shape: tuple[int, ...]) -> None:
    net = small(cls, image_shape=shape)
    logits = net(torch.randn(3, *shape))
    assert logits.shape == (3,)
    (logits * torch.randn(3)).sum().backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize(("cls", "norm"), NORMED_G)
def test_no_parameter_of_a_generator_is_dead_with_any_norm(cls: type, norm: str) -> None:
    net = small(cls, image_shape=(1, 16, 16), norm=norm).double()
    images = net(latents(net, 4).double())
    (images * torch.randn_like(images)).sum().backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize(("cls", "norm"), NORMED_D)
def test_a_game_of_differences_moves_every_parameter_of_a_discriminator(cls: type, norm: str) -> None:
    net = small(cls, image_shape=(1, 32, 32), norm=norm).double()
    (net(torch.rand(4, 1, 32, 32).double()).mean() - net(-torch.rand(4, 1, 32, 32).double()).mean()).backward()
    assert dead_parameters(net) == []


@pytest.mark.parametrize(("cls", "norm"), [*NORMED_G, *NORMED_D])
def test_config_round_trip(cls: type, norm: str) -> None:
    kwargs = {"prior": Uniform(dim=6), "num_classes": 3} if cls in GENERATORS else {}
    net = small(cls, image_shape=(3, 16, 16), norm=norm, **kwargs)
    twin = build(net.config())
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    assert {name: value.shape for name, value in twin.state_dict().items()} == shapes
    assert type(twin) is cls
    assert twin.image_shape == (3, 16, 16)
    assert twin.config() == net.config()
    if kwargs:
        assert (type(twin.prior), twin.prior.dim, twin.num_classes) == (Uniform, 6, 3)


@pytest.mark.parametrize("clone", ["state_dict", "deepcopy"])
@pytest.mark.parametrize(("cls", "norm"), [*NORMED_G, *NORMED_D])
def test_clones_compute_the_same_and_share_nothing(cls: type, norm: str, clone: str) -> None:
    net = small(cls, image_shape=(1, 16, 16), norm=norm)
    data = latents(net, 4) if cls in GENERATORS else torch.randn(4, 1, 16, 16)
    net(data).sum().backward()
    twin = copy.deepcopy(net) if clone == "deepcopy" else build(net.config())
    if clone == "state_dict":
        twin.load_state_dict(net.state_dict(), strict=True)
    net.eval()
    twin.eval()
    before = net(data)
    assert torch.equal(twin(data), before)
    with torch.no_grad():
        for p in twin.parameters():
            p.add_(torch.randn_like(p))
    assert torch.equal(net(data), before)
    assert not torch.equal(twin(data), before)


@pytest.mark.parametrize(("cls", "norm"), SINGLE_D)
def test_discriminator_scores_an_image_by_itself(cls: type, norm: str) -> None:
    net = small(cls, image_shape=(1, 16, 16), norm=norm)
    net.train(norm != "spectral")  # one power iteration per forward moves the weights a little in training mode
    x = torch.randn(5, 1, 16, 16)
    assert net(x[:1]).shape == (1,)
    torch.testing.assert_close(net(x[:1]), net(x)[:1], rtol=0, atol=1e-5)
    assert net(x).std() > 1e-4


@pytest.mark.parametrize("cls", [DCGANDiscriminator, ResNetDiscriminator])
def test_batch_norm_mixes_the_images_of_a_batch_in_training_only(cls: type) -> None:
    net = small(cls, image_shape=(1, 16, 16), norm="batch")
    x = torch.randn(5, 1, 16, 16)
    alone, among = net(x[:1]), net(x)[:1]
    assert (alone - among).abs().item() > 1e-3 * alone.abs().item()
    net.eval()
    torch.testing.assert_close(net(x[:1]), net(x)[:1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("norm", ["layer", "instance", "none"])
def test_generator_makes_an_image_by_itself(norm: str) -> None:
    net = small(ResNetGenerator, image_shape=(1, 16, 16), norm=norm)
    z = latents(net, 5)
    torch.testing.assert_close(net(z[:1]), net(z)[:1], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("cls", "norm"), NORMED_D)
def test_double_backward_agrees_with_finite_differences(cls: type, norm: str) -> None:
    net = small(cls, image_shape=(1, 16, 16), width=4, norm=norm).double()
    net.train(norm != "spectral")
    x = torch.randn(3, 1, 16, 16).double()
    copy_of_x = x.clone()

    def penalty() -> Tensor:
        leaf = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(net(leaf).sum(), leaf, create_graph=True)
        return slope.square().sum() + net(x).square().sum()  # the second term reaches what the slope does not

    weight = next(p for p in net.parameters() if p.dim() > 1)
    (gradient,) = torch.autograd.grad(penalty(), weight)
    direction, step = torch.randn_like(weight), 1e-6
    with torch.no_grad():
        weight.add_(direction, alpha=step)
        up = penalty_value(penalty)
        weight.sub_(direction, alpha=2 * step)
        down = penalty_value(penalty)
    assert torch.equal(x, copy_of_x)
    slope = (gradient * direction).sum().item()
    assert slope != 0
    assert (up - down) / (2 * step) == pytest.approx(slope, rel=1e-3)


def penalty_value(penalty: Callable[[], Tensor]) -> float:
    with torch.enable_grad():
        return penalty().item()


@pytest.mark.parametrize(("cls", "norm"), [*NORMED_G, *NORMED_D])
def test_float64_stays_float64(cls: type, norm: str) -> None:
    net = small(cls, image_shape=(1, 8, 8), norm=norm).double()
    data = latents(net, 2) if cls in GENERATORS else torch.randn(2, 1, 8, 8)
    assert net(data.double()).dtype == torch.float64


@pytest.mark.slow
@pytest.mark.compiles
@pytest.mark.parametrize(("cls", "norm"), [*NORMED_G, *NORMED_D])
def test_compiled_network_computes_the_same(cls: type, norm: str) -> None:
    torch.compiler.reset()
    net = small(cls, image_shape=(1, 16, 16), norm=norm).eval()
    data = latents(net, 4) if cls in GENERATORS else torch.randn(4, 1, 16, 16)
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(data), net(data))


@pytest.mark.parametrize("cls", GENERATORS)
def test_labels_change_images(cls: type) -> None:
    net = small(cls, image_shape=(1, 8, 8), num_classes=3).eval()
    disturb(net)
    z = latents(net, 2)
    zeros, ones = (torch.full((2,), label) for label in (0, 1))
    assert torch.equal(net(z, zeros), net(z, zeros))
    assert not torch.allclose(net(z, zeros), net(z, ones))
    with pytest.raises(ValueError, match="conditional on 3 classes: give labels"):
        net(z)


@pytest.mark.parametrize("cls", GENERATORS)
def test_unconditional_generator_refuses_labels(cls: type) -> None:
    net = small(cls, image_shape=(1, 8, 8))
    with pytest.raises(ValueError, match="unconditional: call it without labels"):
        net(latents(net, 2), torch.zeros(2, dtype=torch.long))


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 7, 30), (3, 64, 1), (32, 32), (2,)], ids=str)
@pytest.mark.parametrize("cls", [DCGANGenerator, DCGANDiscriminator, ResNetGenerator, ResNetDiscriminator])
def test_what_is_too_small_is_refused_with_both_remedies(cls: type, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"at least 8, got \(.*--data.size 8\), or take .*MLPGenerator"):
        cls(image_shape=shape)


@pytest.mark.parametrize("cls", [*GENERATORS, *DISCRIMINATORS])
def test_unknown_norms_are_refused_with_the_list_of_known_ones(cls: type) -> None:
    with pytest.raises(ValueError, match=re.escape(f"norm must be one of {', '.join(NORMS[cls])}, got 'Batch'")):
        cls(norm="Batch")


@pytest.mark.parametrize("cls", GENERATORS)
def test_generators_refuse_spectral_norm(cls: type) -> None:
    with pytest.raises(ValueError, match=r"norm must be one of .*, got 'spectral'"):
        cls(norm="spectral")


@pytest.mark.parametrize("cls", [*GENERATORS, *DISCRIMINATORS])
def test_empty_networks_are_refused(cls: type) -> None:
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        cls(width=0)
    with pytest.raises(ValueError, match=r"channels must be at least 1, got 0|image_shape must be positive numbers"):
        cls(image_shape=(0, 8, 8))


@pytest.mark.parametrize("cls", [MLPGenerator, DCGANGenerator])
def test_images_are_the_squashed_logits(cls: type) -> None:
    G = cls((1, 8, 8), Normal(dim=4), width=4, num_classes=3).eval()
    z, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    assert torch.equal((G.logits(z, y) / 2).tanh(), G(z, y))


def test_a_generator_without_squashed_output_has_no_logits() -> None:
    with pytest.raises(ValueError, match="a linear output has no logits"):
        MLPGenerator((2,), Normal(dim=4), output="linear").logits(torch.randn(1, 4))
    with pytest.raises(ValueError, match="ResNetGenerator has no logits: use MLPGenerator"):
        ResNetGenerator((1, 16, 16), Normal(dim=4), width=4).logits(torch.randn(1, 4))
