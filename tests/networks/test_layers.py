"""The ladder of sizes and spectral norm."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from ganzoo.networks import DCGANDiscriminator, MLPDiscriminator
from ganzoo.networks.labels import Projection
from ganzoo.networks.layers import add_spectral_norm, doubling, init_radford, ladder
from tests.networks.nets import DISCRIMINATORS, small, weights_of

LAYERS = {
    "linear": lambda: (nn.Linear(6, 5, bias=False), torch.randn(2, 6), (5, 6)),
    "conv": lambda: (nn.Conv2d(3, 5, 4, 2, 1, bias=False), torch.randn(2, 3, 8, 8), (5, 3 * 16)),
    "transposed": lambda: (nn.ConvTranspose2d(3, 5, 4, 2, 1, bias=False), torch.randn(2, 3, 4, 4), (5, 3 * 16)),
}


def as_matrix(layer: nn.Module, weight: torch.Tensor) -> torch.Tensor:
    """[out, in * k * k]; a transposed convolution keeps its outputs second."""
    return (weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight).flatten(1)


@pytest.mark.parametrize(
    ("side", "most", "sides"),
    [
        (8, 4, [8, 4]),
        (28, 4, [28, 14, 7, 4]),
        (28, 7, [28, 14, 7]),
        (32, 4, [32, 16, 8, 4]),
        (32, 7, [32, 16, 8, 4]),
        (32, 8, [32, 16, 8]),
        (8, 8, [8, 4]),
        (20, 4, [20, 10, 5, 3]),
        (48, 4, [48, 24, 12, 6, 3]),
        (96, 7, [96, 48, 24, 12, 6]),
        (100, 4, [100, 50, 25, 13, 7, 4]),
    ],
)
def test_ladder(side: int, most: int, sides: list[int]) -> None:
    assert ladder((1, side, side), most) == [(s, s) for s in sides]


def test_the_smaller_side_decides() -> None:
    assert ladder((1, 64, 96), 4) == [(64, 96), (32, 48), (16, 24), (8, 12), (4, 6)]
    assert ladder((1, 100, 30), 4) == [(100, 30), (50, 15), (25, 8), (13, 4)]


@pytest.mark.parametrize("cls", DISCRIMINATORS)
def test_spectral_norm_makes_the_largest_singular_value_one(cls: type) -> None:
    net = small(cls, image_shape=(1, 16, 16), norm="spectral")
    x = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(3).add_(torch.randn_like(p) * 0.1)
        for _ in range(100):
            net(x)
    net.eval()
    weights = weights_of(net, (nn.Conv2d, nn.Linear))
    for weight in weights.values():
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)
    constrained = [m for m in net.modules() if parametrize.is_parametrized(m, "weight")]
    assert len(constrained) == len(weights)


@pytest.mark.parametrize("kind", LAYERS)
def test_sigma_is_that_of_the_singular_values(kind: str) -> None:
    layer, x, shape = LAYERS[kind]()
    net, x = nn.Sequential(layer).double(), x.double()
    free = layer(x).detach()
    add_spectral_norm(net)
    with torch.no_grad():
        for _ in range(100):
            net(x)
    original = as_matrix(layer, layer.parametrizations.weight.original.detach())
    assert original.shape == shape
    sigma = torch.linalg.svdvals(original)[0].item()
    net.eval()
    assert (free / net(x)).mean().item() == pytest.approx(sigma, rel=1e-5)
    assert torch.linalg.svdvals(as_matrix(layer, layer.weight.detach()))[0].item() == pytest.approx(1, abs=1e-5)


def test_the_vectors_of_a_projection_have_spectral_norm_too() -> None:
    net = nn.Sequential(Projection(4, 6)).double()
    add_spectral_norm(net)
    x, y = torch.randn(4, 6).double(), torch.arange(4)
    with torch.no_grad():
        for _ in range(100):
            net[0](x, y)
    net.eval()
    vectors = net[0].parametrizations.weight.original.detach()
    expected = (vectors / torch.linalg.svdvals(vectors)[0] * x).sum(dim=1)
    torch.testing.assert_close(net[0](x, y).detach(), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_gradient_of_a_normalised_layer_lacks_what_would_only_scale_it(kind: str) -> None:
    """d<A, W / σ> = (A - <A, W / σ> u vᵀ) / σ (Miyato et al., Eq. 12), also by finite differences."""
    layer, x, _ = LAYERS[kind]()
    net, x = nn.Sequential(layer).double(), x.double()
    add_spectral_norm(net)
    with torch.no_grad():
        for _ in range(300):
            net(x)
    net.eval()
    weight = layer.parametrizations.weight.original
    a = torch.randn_like(weight)
    (gradient,) = torch.autograd.grad((a * layer.weight).sum(), weight)
    A, W = as_matrix(layer, a), as_matrix(layer, weight.detach())
    u, s, vh = torch.linalg.svd(W, full_matrices=False)
    expected = (A - (A * W).sum() / s[0] * u[:, :1] @ vh[:1]) / s[0]
    torch.testing.assert_close(as_matrix(layer, gradient), expected, rtol=0, atol=1e-6)
    direction, step = torch.randn_like(weight), 1e-6

    def value(sign: int) -> float:
        moved = as_matrix(layer, weight.detach() + sign * step * direction)
        return (A * moved).sum().item() / torch.linalg.svdvals(moved)[0].item()

    slope = (gradient * direction).sum().item()
    assert (value(1) - value(-1)) / (2 * step) == pytest.approx(slope, rel=1e-5)


def test_spectral_norm_rests_in_evaluation_mode() -> None:
    net = small(DCGANDiscriminator, norm="spectral")
    x = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn_like(p))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.eval()(x)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    net.train()(x)
    assert any(not torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_spectral_mlp_is_lipschitz() -> None:
    net = MLPDiscriminator((8,), width=32, norm="spectral").double()
    with torch.no_grad():
        for _ in range(200):
            net(torch.randn(1, 8).double())
        for layer in (m for m in net.modules() if isinstance(m, nn.Linear) and m.bias is not None):
            layer.bias.normal_()
    net.eval()
    a, b = torch.randn(2, 500, 8).double()
    slopes = (net(a) - net(b)).abs() / (a - b).norm(dim=1)
    assert 1e-3 < slopes.max().item() <= 1 + 1e-6


def test_layers_with_spectral_norm_are_pickled_again_and_again() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(3 * 36, 2))
    add_spectral_norm(net)
    state = torch.get_rng_state()
    again = pickle.loads(pickle.dumps(copy.deepcopy(pickle.loads(pickle.dumps(net)))))
    assert torch.equal(torch.get_rng_state(), state)
    x = torch.randn(4, 1, 8, 8)
    for _ in range(2):  # each pass takes a step of the power iteration
        assert torch.equal(again(x), net(x))
    assert again.state_dict().keys() == net.state_dict().keys()
    again(x).sum().backward()
    assert again[2].parametrizations.weight.original.grad is not None


# -- layers that double a map


@pytest.mark.parametrize("kernel", [3, 4])
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_a_map_is_doubled(kernel: int, upsampling: str) -> None:
    assert nn.Sequential(*doubling(5, 3, kernel, upsampling))(torch.randn(2, 5, 4, 6)).shape == (2, 3, 8, 12)


@pytest.mark.parametrize("kernel", [3, 4])
def test_a_flat_map_stays_flat_when_it_is_resized_and_not_when_it_is_spread(kernel: int) -> None:
    """Checkerboards of the weights alone: 3 pixels are covered by 1, 2 or 4 weights, 4 by different ones."""
    flat = torch.full((1, 2, 4, 4), 0.7).double()
    resized, spread = (
        nn.Sequential(*doubling(2, 3, kernel, how)).double()(flat)[..., 2:-2, 2:-2] for how in ("resize", "transposed")
    )
    assert (resized.amax(dim=(2, 3)) - resized.amin(dim=(2, 3))).max() < 1e-12
    assert (spread.amax(dim=(2, 3)) - spread.amin(dim=(2, 3))).min() > 1e-3


def test_a_resized_map_is_flat_up_to_its_border() -> None:
    resized = nn.Sequential(*doubling(2, 3, 4, "resize")).double()(torch.full((1, 2, 1, 3), 0.7).double())
    assert (resized.amax(dim=(2, 3)) - resized.amin(dim=(2, 3))).max() < 1e-12


def test_a_norm_without_gain_has_nothing_to_draw() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2), nn.InstanceNorm2d(2, affine=True)).apply(init_radford)
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert net[2].weight.mean().item() == pytest.approx(1, abs=0.1)
