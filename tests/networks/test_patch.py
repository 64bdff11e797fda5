"""The discriminator of patches: what a logit sees, its size, its formula, pairs, and what it refuses."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganzoo.config import build
from ganzoo.networks import PatchDiscriminator
from ganzoo.roles import Classes, Discriminator, Images, Nothing
from tests.networks.nets import dead_parameters, disturb, weights_of

NORMS = ("instance", "spectral", "none")
norms = pytest.mark.parametrize("norm", NORMS)


@pytest.mark.parametrize(
    ("kwargs", "count"),
    [
        ({}, 2_764_737),
        ({"sees": "pair"}, 2_767_809),
        ({"sees": "pair", "source_shape": (1, 64, 64)}, 2_765_761),
        ({"n_layers": 0}, 3 * 64 + 64 + 64 * 128 + 128 + 128 + 1),
    ],
)
def test_number_of_parameters(kwargs: dict[str, int], count: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in PatchDiscriminator(**kwargs).parameters()) == count


@pytest.mark.parametrize(("n_layers", "field"), [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_receptive_field(n_layers: int, field: int) -> None:
    height, width = (field // 2**n_layers + 4) * 2**n_layers, 3 * 2**n_layers
    net = PatchDiscriminator((1, height, width), width=1, n_layers=n_layers, norm="none").double()
    x = torch.randn(1, 1, height, width).double().requires_grad_()
    logits = net.head(net.features(x))
    assert logits.shape[2:] == ((height, width) if n_layers == 0 else (height // 2**n_layers - 2, 1))
    logits[0, 0, logits.shape[2] // 2, 0].backward()
    rows = (x.grad[0, 0] != 0).any(dim=1).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == len(rows) == field


@pytest.mark.parametrize(
    ("shape", "n_layers", "patches"),
    [((3, 64, 64), 3, 36), ((3, 64, 64), 2, 196), ((3, 64, 96), 3, 60), ((1, 24, 24), 3, 1), ((5, 8, 9), 0, 72)],
)
@norms
def test_a_logit_for_every_patch_and_a_gradient_for_every_weight(
    shape: tuple[int, ...], n_layers: int, patches: int, norm: str
) -> None:
    net = PatchDiscriminator(shape, width=4, n_layers=n_layers, norm=norm).double()
    logits = net(torch.randn(3, *shape).double())
    assert logits.shape == (3, patches)
    (logits * torch.randn_like(logits)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    dead = dead_parameters(net)
    assert dead == [] or (norm == "instance" and all(name.endswith("bias") for name in dead))


def written_out(net: PatchDiscriminator, x: Tensor) -> Tensor:
    p = list(net.parameters())
    pairs = list(zip(p[::2], p[1::2], strict=True))
    normed = net.config()["init_args"]["norm"] == "instance"
    for k, ((weight, bias), stride) in enumerate(zip(pairs, (2, 2, 2, 1, 1), strict=True)):
        x = F.conv2d(x, weight, bias, stride=stride, padding=1)
        if normed and 0 < k < 4:
            mean = x.mean(dim=(2, 3), keepdim=True)
            x = (x - mean) / ((x - mean).square().mean(dim=(2, 3), keepdim=True) + 1e-5).sqrt()
        x = F.leaky_relu(x, 0.2) if k < 4 else x
    return x.flatten(1)


@pytest.mark.parametrize("norm", ["instance", "none"])
@torch.no_grad()
def test_the_network_is_its_formula(norm: str) -> None:
    net = PatchDiscriminator((2, 32, 40), (1, 32, 40), sees="pair", width=2, norm=norm).double()
    for p in net.parameters():
        p.copy_(torch.randn_like(p) * 0.2)
    x, y = torch.randn(2, 2, 32, 40).double(), torch.randn(2, 1, 32, 40).double()
    before = x.clone()
    torch.testing.assert_close(net(x, y), written_out(net, torch.cat([x, y], dim=1)), rtol=0, atol=1e-10)
    assert torch.equal(x, before)


@norms
def test_logits_are_the_head_of_the_features(norm: str) -> None:
    net = PatchDiscriminator((2, 32, 32), sees="pair", width=4, norm=norm).eval()
    x, y = torch.randn(2, 2, 2, 32, 32)
    features = net.features(net.embed(x, y))
    assert features.shape == (2, 32, 3, 3)
    assert torch.equal(net.head(features).flatten(1), net(x, y))


def test_channels_double_up_to_eight_times_the_width() -> None:
    net = PatchDiscriminator((1, 192, 192), width=2, n_layers=5)
    assert [len(w) for w in weights_of(net, nn.Conv2d).values()] == [2, 4, 8, 16, 16, 16, 1]
    assert sum(isinstance(m, nn.InstanceNorm2d) for m in net.modules()) == 5


def test_weights_and_biases_start_as_in_the_paper() -> None:
    net = PatchDiscriminator(width=8)
    weights = torch.cat([p.flatten() for name, p in net.named_parameters() if name.endswith("weight")])
    assert weights.std().item() == pytest.approx(0.02, rel=0.05)
    assert all((p == 0).all() for name, p in net.named_parameters() if name.endswith("bias"))


@norms
def test_an_image_is_scored_by_itself(norm: str) -> None:
    net = PatchDiscriminator((1, 32, 32), width=4, norm=norm)
    disturb(net, by=0.1)
    net.train(norm != "spectral")  # one power iteration per forward moves the weights a little in training mode
    x = torch.randn(5, 1, 32, 32)
    before = net(x)
    torch.testing.assert_close(net(x[1:2]), before[1:2], rtol=0, atol=1e-6)
    x[0] = float("nan")
    torch.testing.assert_close(net(x)[1:], before[1:], rtol=0, atol=1e-6)
    assert before.std() > 1e-2


@norms
def test_config_round_trip_copies_and_pickles(norm: str) -> None:
    net = PatchDiscriminator((1, 32, 48), (3, 32, 48), sees="pair", width=4, n_layers=2, norm=norm).eval()
    x, y = torch.randn(2, 1, 32, 48), torch.randn(2, 3, 32, 48)
    before = net(x, y)
    built = build(net.config()).eval()
    built.load_state_dict(net.state_dict(), strict=True)
    assert built.config() == net.config()
    for twin in (built, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(twin(x, y), before)
        assert twin.condition.shape == (3, 32, 48)
        with torch.no_grad():
            for p in twin.parameters():
                p.add_(torch.randn_like(p))
        assert not torch.equal(twin(x, y), before)
    assert torch.equal(net(x, y), before)


@norms
def test_a_penalty_on_the_slope_moves_the_weights(norm: str) -> None:
    net = PatchDiscriminator((1, 24, 24), width=2, norm=norm).double().eval()
    x = torch.randn(2, 1, 24, 24).double().requires_grad_()
    (slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    weight = next(p for p in net.parameters() if p.ndim > 1)
    (gradient,) = torch.autograd.grad(slope.square().sum(), weight)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


def test_spectral_norm_is_that_of_every_convolution() -> None:
    net = PatchDiscriminator((1, 32, 32), width=4, norm="spectral")
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 5
    assert all(parametrize.is_parametrized(m, "weight") for m in convolutions)
    assert not any(isinstance(m, nn.InstanceNorm2d) for m in net.modules())


@pytest.mark.slow
@pytest.mark.compiles
@norms
def test_a_compiled_discriminator_computes_the_same(norm: str) -> None:
    torch.compiler.reset()
    net, x = PatchDiscriminator((1, 32, 32), width=4, norm=norm).eval(), torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(torch.compile(net, backend="aot_eager", fullgraph=True)(x), net(x))


# -- what it is told


def test_a_discriminator_says_what_it_is_told() -> None:
    assert isinstance(Discriminator((5,)).condition, Nothing)
    classes = Discriminator((5,), num_classes=3).condition
    assert isinstance(classes, Classes)
    assert classes.K == 3
    assert isinstance(PatchDiscriminator((1, 32, 32), width=1).condition, Nothing)
    pair = PatchDiscriminator((1, 32, 32), [2, 32, 32], sees="pair", width=1).condition
    assert isinstance(pair, Images)
    assert pair.shape == (2, 32, 32)


def test_a_pair_is_told_from_another() -> None:
    net = PatchDiscriminator((1, 32, 32), sees="pair", width=4)
    x, y = torch.randn(2, 3, 1, 32, 32)
    assert not torch.allclose(net(x, y), net(y, x))
    assert not torch.allclose(net(x, y), net(x, y.roll(1, dims=0)))
    with pytest.raises(ValueError, match="this discriminator judges pairs: give y"):
        net(x)
    with pytest.raises(ValueError, match="judges an image alone: leave y out, or make it with sees='pair'"):
        PatchDiscriminator((1, 32, 32), width=4)(x, y)


@pytest.mark.parametrize(
    ("shape", "n_layers", "fewer"),
    [((3, 16, 64), 3, 2), ((3, 23, 23), 3, 2), ((1, 5, 5), 1, 0), ((2,), 1, 0), ((3, 64, 64), 10**15, 4)],
)
def test_what_has_no_patch_is_refused(shape: tuple[int, ...], n_layers: int, fewer: int) -> None:
    remedy = rf"n_layers {n_layers}: enlarge them \(--data.size\), or .* \(--model.discriminator.n_layers {fewer}\)"
    with pytest.raises(ValueError, match=remedy):
        PatchDiscriminator(shape, width=2, n_layers=n_layers)
    if len(shape) == 3:  # the remedy is one, and the largest
        PatchDiscriminator(shape, width=2, n_layers=fewer)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="sees must be one of image, pair, got 'both'"):
        PatchDiscriminator(sees="both")
    with pytest.raises(ValueError, match="norm must be one of instance, spectral, none, got 'batch'"):
        PatchDiscriminator(norm="batch")
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        PatchDiscriminator(width=0)
    with pytest.raises(ValueError, match="n_layers must be at least 0, got -1"):
        PatchDiscriminator(n_layers=-1)
    with pytest.raises(ValueError, match="channels must be at least 1, got 0"):
        PatchDiscriminator((0, 64, 64))
    with pytest.raises(ValueError, match=r"one height and width: got source_shape=\(3, 32, 32\) for \(3, 64, 64\)"):
        PatchDiscriminator(source_shape=(3, 32, 32), sees="pair")
