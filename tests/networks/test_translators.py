"""What holds for every translator: shapes, gradients, copies, company, and what it refuses."""

import copy
import pickle
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganzoo.config import build
from ganzoo.inference import sample_seeds
from ganzoo.networks import ResNetTranslator, UNetTranslator
from ganzoo.priors import Normal
from ganzoo.roles import Images, Translator
from tests.networks.nets import TRANSLATORS, dead_parameters

KINDS: list[tuple[type[Translator], dict[str, Any]]] = [
    (ResNetTranslator, {"n_blocks": 2}),
    (ResNetTranslator, {"n_blocks": 1, "n_halvings": 1, "upsampling": "resize"}),
    (UNetTranslator, {}),
    (UNetTranslator, {"dropout": "none", "upsampling": "resize"}),
]
SHAPES = [  # of the image and of its source
    ((3, 64, 64), None),
    ((1, 64, 128), (3, 64, 128)),
    ((5, 64, 64), (1, 64, 64)),
]
kinds = pytest.mark.parametrize(("cls", "kwargs"), KINDS)


def made(cls: type, kwargs: dict[str, Any], image_shape: tuple[int, ...] = (3, 64, 64), **more: Any) -> Any:
    return cls(image_shape, width=4, **kwargs, **more)


def given(net: Any, n: int, height: int = 64, width: int = 64) -> tuple[Tensor, Tensor]:
    return torch.randn(n, net.dim_of(height, width)), torch.rand(n, net.source_shape[0], height, width) * 2 - 1


@pytest.mark.parametrize(("shape", "source"), SHAPES, ids=str)
@kinds
def test_an_image_is_made_of_an_image_and_every_weight_has_a_gradient(
    cls: type, kwargs: dict[str, Any], shape: tuple[int, ...], source: tuple[int, ...] | None
) -> None:
    net = made(cls, kwargs, shape, source_shape=source).double()
    z, y = given(net, 3, *shape[1:])
    assert (net.image_shape, net.source_shape) == (shape, source or shape)
    assert isinstance(net.prior, Normal)
    assert net.prior.dim == net.dim_of(*shape[1:])
    assert isinstance(net.condition, Images)
    assert net.condition.shape == (source or shape)
    images = net(z.double(), y.double())
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1
    assert images.std() > 1e-3
    (images * torch.randn_like(images)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert all(name.endswith("bias") for name in dead_parameters(net))  # the norm takes them out again


@kinds
def test_weights_and_biases_start_as_in_the_paper(cls: type, kwargs: dict[str, Any]) -> None:
    net = made(cls, kwargs)
    weights = torch.cat([p.flatten() for name, p in net.named_parameters() if name.endswith("weight")])
    assert weights.std().item() == pytest.approx(0.02, rel=0.05)
    assert weights.mean().item() == pytest.approx(0, abs=0.001)
    assert all((p == 0).all() for name, p in net.named_parameters() if name.endswith("bias"))
    assert all(m.weight is None for m in net.modules() if isinstance(m, nn.InstanceNorm2d))


@kinds
def test_any_sides_will_do_that_can_be_halved(cls: type, kwargs: dict[str, Any]) -> None:
    net = made(cls, kwargs)
    z, y = given(net, 2, 2 * net.multiple, 3 * net.multiple)
    assert net(z, y).shape == (2, 3, 2 * net.multiple, 3 * net.multiple)
    odd = torch.zeros(2, 3, 2 * net.multiple, 3 * net.multiple + net.multiple // 2)
    with pytest.raises(ValueError, match=rf"can be halved .*got sides .*: give .*, multiples of {net.multiple}$"):
        net(z, odd)
    with pytest.raises(ValueError, match="can be halved"):
        net.dim_of(*odd.shape[2:])


@pytest.mark.parametrize(("cls", "argument"), [(ResNetTranslator, "n_halvings"), (UNetTranslator, "depth")])
def test_sides_of_the_data_that_cannot_be_halved_are_told_with_the_options_of_training(
    cls: type, argument: str
) -> None:
    remedy = rf"resize them \(--data\.size\), or take a smaller {argument} \(--model\.generator\.{argument}\)$"
    with pytest.raises(ValueError, match=r"can be halved 3 times, .*got sides \(64, 12\): " + remedy):
        cls((3, 64, 12), **{argument: 3})


@kinds
def test_the_translation_of_an_image_does_not_depend_on_its_company(cls: type, kwargs: dict[str, Any]) -> None:
    net = made(cls, kwargs)
    z, y = given(net, 5)
    for mode in (True, False):
        net.train(mode)
        among = net(z, y)
        torch.testing.assert_close(net(z[1:2], y[1:2]), among[1:2], rtol=0, atol=1e-6)
    y[0] = float("nan")
    torch.testing.assert_close(net(z, y)[1:], among[1:], rtol=0, atol=1e-6)
    assert net(z, y)[0].isnan().all()


@kinds
def test_training_and_evaluation_are_one_function(cls: type, kwargs: dict[str, Any]) -> None:
    net = made(cls, kwargs)
    z, y = given(net, 2)
    torch.manual_seed(1)
    trained = net.train()(z, y)
    torch.manual_seed(2)
    assert torch.equal(net.eval()(z, y), trained)


@kinds
def test_the_translation_of_a_seed_is_bitwise_the_same_alone_and_in_a_range(cls: type, kwargs: dict[str, Any]) -> None:
    net = made(cls, kwargs).eval()
    _, y = given(net, 20)
    many = sample_seeds(net, range(3, 23), y)
    assert torch.equal(sample_seeds(net, [20], y[17]), many[17:18])
    same = sample_seeds(net, range(2), y[0])  # one image, two seeds
    assert torch.equal(same[0], same[1]) == (net.prior.dim == 0)


@kinds
def test_config_round_trip(cls: type, kwargs: dict[str, Any]) -> None:
    net = made(cls, kwargs, (1, 64, 128), source_shape=(2, 64, 128))
    twin = build(net.config())
    twin.load_state_dict(net.state_dict(), strict=True)
    z, y = given(net, 2, 64, 128)
    assert type(twin) is cls
    assert twin.config() == net.config()
    assert (twin.image_shape, twin.source_shape, twin.prior.dim) == (net.image_shape, net.source_shape, net.prior.dim)
    assert torch.equal(twin(z, y), net(z, y))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@kinds
def test_clones_compute_the_same_and_share_nothing(cls: type, kwargs: dict[str, Any], clone: Any) -> None:
    net = made(cls, kwargs)
    z, y = given(net, 2)
    net(z, y).sum().backward()
    twin, before = clone(net), net(z, y)
    assert torch.equal(twin(z, y), before)
    with torch.no_grad():
        for p in twin.parameters():
            p.add_(torch.randn_like(p))
    assert torch.equal(net(z, y), before)
    assert not torch.equal(twin(z, y), before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@kinds
def test_the_precision_is_that_of_the_network(cls: type, kwargs: dict[str, Any], dtype: torch.dtype) -> None:
    net = made(cls, kwargs).to(dtype)
    z, y = given(net, 2)
    assert net(z, y.to(dtype)).dtype == dtype
    assert torch.equal(net(z, y.to(dtype)), net(z.to(dtype), y.to(dtype)))


@pytest.mark.slow
@pytest.mark.compiles
@kinds
def test_a_compiled_translator_computes_the_same(cls: type, kwargs: dict[str, Any]) -> None:
    torch.compiler.reset()
    net = made(cls, kwargs).eval()
    z, y = given(net, 2)
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(z, y), net(z, y))


@kinds
def test_latents_and_images_of_another_form_are_refused(cls: type, kwargs: dict[str, Any]) -> None:
    net = made(cls, kwargs, source_shape=(2, 64, 64))
    z, y = given(net, 4)
    dim = net.prior.dim
    with pytest.raises(ValueError, match=rf"latents \[4, {dim}\] for images of 64 x 64 .*got \[4, {dim + 1}\]"):
        net(torch.zeros(4, dim + 1), y)
    with pytest.raises(ValueError, match=rf"latents \[4, {dim}\] for images of 64 x 64 .*got \[3, {dim}\]"):
        net(z[:3], y)
    message = rf"{cls.__name__} translates images: give y, \[N, 2, H, W\], got "
    with pytest.raises(ValueError, match=message + "None"):
        net(z)
    with pytest.raises(ValueError, match=message + re.escape("[4, 3, 64, 64]")):
        net(z, torch.zeros(4, 3, 64, 64))
    with pytest.raises(ValueError, match=message + re.escape("[2, 64, 64]")):
        net(z, y[0])


@pytest.mark.parametrize("cls", TRANSLATORS)
def test_wrong_arguments_are_refused(cls: type) -> None:
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        cls(width=0)
    with pytest.raises(ValueError, match="upsampling must be one of transposed, resize, got 'nearest'"):
        cls(upsampling="nearest")
    with pytest.raises(ValueError, match="channels must be at least 1, got 0"):
        cls(image_shape=(0, 64, 64))
    for points in [(2,), (64, 64), (3, 0, 0)]:
        with pytest.raises(ValueError, match=r"height and width can be halved .* got sides \("):
            cls(image_shape=points, width=4)
    with pytest.raises(
        ValueError, match=r"keeps height and width: got source_shape=\(3, 32, 32\) for image_shape=\(3, 64, 64\)"
    ):
        cls(image_shape=(3, 64, 64), source_shape=[3, 32, 32], width=4)


def test_a_translator_carries_what_it_is_told_and_draws_nothing_by_default() -> None:
    role = Translator([1, 8, 12])
    assert (role.image_shape, role.source_shape, role.num_classes) == ((1, 8, 12), (1, 8, 12), 0)
    assert (role.prior.dim, role.dim_of(80, 20), role.multiple) == (0, 0, 1)
    assert Translator((1, 8, 8), (4, 8, 8), dim=7).dim_of(16, 16) == 7
    with pytest.raises(NotImplementedError):
        role(torch.zeros(1, 0), torch.zeros(1, 1, 8, 12))
