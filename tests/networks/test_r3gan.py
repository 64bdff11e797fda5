"""The networks of R3GAN: initial weights, sizes, resampling, classes."""

import math

import pytest
import torch
from torch import Tensor, nn

from ganzoo.config import build
from ganzoo.losses.penalties import with_input_gradient
from ganzoo.networks import R3GANDiscriminator, R3GANGenerator
from ganzoo.networks.r3gan import _Basis, _Block, _Enlarge, _Halve
from ganzoo.priors import Normal
from tests.networks.nets import SHAPES, dead_parameters

BOTH = [R3GANGenerator, R3GANDiscriminator]


def inputs(net: R3GANGenerator | R3GANDiscriminator, n: int) -> Tensor:
    return torch.randn(n, net.prior.dim) if isinstance(net, R3GANGenerator) else torch.randn(n, *net.image_shape)


def wake(net: nn.Module) -> None:
    """Give the last convolution of every block weights."""
    for block in net.modules():
        if isinstance(block, _Block):
            nn.init.normal_(block.residual[-1].weight, std=0.3)


def n_parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


# -- sizes


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_images_of_all_sizes_are_made_and_judged(shape: tuple[int, ...]) -> None:
    G, D = R3GANGenerator(shape, width=16), R3GANDiscriminator(shape, width=16)
    x = G(inputs(G, 2))
    assert x.shape == (2, *shape)
    assert x.abs().max() <= 1
    assert D(x).shape == (2,)
    assert D.features(x).shape == (2, 16)


@pytest.mark.parametrize(
    ("size", "maps"),
    [
        (8, [4, 8]),
        (20, [3, 5, 10, 20]),
        (28, [4, 7, 14, 28]),
        (32, [4, 8, 16, 32]),
        (100, [4, 7, 13, 25, 50, 100]),
        (128, [4, 8, 16, 32, 64, 128]),
    ],
)
def test_maps_double_and_are_of_full_width_up_to_32_pixels(size: int, maps: list[int]) -> None:
    G, D = R3GANGenerator((1, size, size), width=64, n_blocks=2), R3GANDiscriminator((1, size, size), width=64)
    seen: dict[str, list[tuple[int, ...]]] = {"G": [], "D": []}
    for name, net in (("G", G), ("D", D)):
        for block in net.modules():
            if isinstance(block, _Block):
                block.register_forward_hook(lambda m, i, out, name=name: seen[name].append(tuple(out.shape[1:])))
        net(inputs(net, 1))
    expected = [(64 // 2 ** sum(32 < other <= side for other in maps), side, side) for side in maps]
    assert seen["G"] == [shape for shape in expected for _ in range(2)]
    assert seen["D"] == expected[::-1]


@pytest.mark.parametrize("num_classes", [0, 10])
def test_the_published_size_has_96_groups_and_21_million_parameters(num_classes: int) -> None:
    with torch.device("meta"):
        G = R3GANGenerator((3, 32, 32), width=768, n_blocks=2, output="linear", num_classes=num_classes)
        D = R3GANDiscriminator((3, 32, 32), width=768, n_blocks=2, num_classes=num_classes)
    block = 768 * 1536 + 1536 + 1536 * 16 * 9 + 1536 + 1536 * 768
    z = 64 + (64 if num_classes else 0)
    assert n_parameters(G) == 8 * block + 768 * 16 + z * 768 + 768 * 3 + num_classes * 64
    assert n_parameters(D) == 8 * block + 3 * 768 + 768 * 16 + 768 * (768 if num_classes else 1) + num_classes * 768
    if not num_classes:
        assert (n_parameters(G), n_parameters(D)) == (20_732_160, 20_683_776)
    for net in (G, D):
        assert {m.groups for m in net.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)} == {96}


# -- initial weights


@pytest.mark.parametrize("n_blocks", [1, 2])
@pytest.mark.parametrize("cls", BOTH)
def test_every_block_starts_as_the_identity(cls: type, n_blocks: int) -> None:
    net = cls((1, 64, 64), width=32, n_blocks=n_blocks)
    blocks = [m for m in net.modules() if isinstance(m, _Block)]
    assert len(blocks) == 5 * n_blocks
    for block in blocks:
        x = torch.randn(2, block.residual[0].in_channels, 5, 5)
        assert torch.equal(block(x), x)
        wake(block)
        torch.testing.assert_close(block(x), x + block.residual(x))
        assert not torch.equal(block(x), x)


@pytest.mark.parametrize(("size", "n_blocks", "n_all"), [(8, 1, 2), (32, 2, 8)])
@pytest.mark.parametrize("cls", BOTH)
def test_weights_are_drawn_as_by_he_and_scaled_by_the_number_of_blocks(
    cls: type, size: int, n_blocks: int, n_all: int
) -> None:
    net = cls((3, size, size), width=64, n_blocks=n_blocks)
    for name, layer in net.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and not name.endswith("residual.4"):
            gain = math.sqrt(2 / 1.04) * n_all**-0.25 if ".residual." in name else 1
            weight = layer.weight.detach()
            expected = gain / math.sqrt(weight[0].numel())
            assert weight.std().item() == pytest.approx(expected, rel=4 / math.sqrt(2 * weight.numel())), name
            assert layer.bias is None or not layer.bias.any()


def test_patterns_times_a_linear_map_have_variance_one() -> None:
    basis, z = _Basis(64, 512, (4, 4)), torch.randn(256, 64)
    maps = basis(z)
    assert maps.shape == (256, 512, 4, 4)
    assert maps.square().mean().item() == pytest.approx(1, rel=0.05)
    torch.testing.assert_close(maps[3, 5], basis.patterns[5] * (basis.scale.weight[5] @ z[3]))


@pytest.mark.parametrize("size", [8, 28, 32, 64])
def test_images_start_neither_flat_nor_saturated(size: int) -> None:
    G = R3GANGenerator((3, size, size), width=64, n_blocks=2, output="linear")
    assert 0.15 < G(inputs(G, 64)).std().item() < 1.5


@pytest.mark.parametrize("size", [8, 28, 32])
def test_the_discriminator_starts_as_a_linear_map_of_finite_slope(size: int) -> None:
    D = R3GANDiscriminator((3, size, size), width=64, n_blocks=2).double()
    a, b = torch.randn(2, 4, 3, size, size, dtype=torch.float64)
    torch.testing.assert_close(D(2 * a - 3 * b), 2 * D(a) - 3 * D(b))
    logits, slope = with_input_gradient(D, a)
    norm = slope.norm(dim=1)
    assert norm.isfinite().all()
    assert (norm > 1e-3).all()
    torch.testing.assert_close((slope * a.flatten(1)).sum(dim=1), logits)


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("cls", BOTH)
def test_only_the_inside_of_blocks_waits_for_the_second_step(cls: type, num_classes: int) -> None:
    net = cls((3, 16, 16), width=16, num_classes=num_classes)
    y = torch.arange(6) % 3 if num_classes else None
    for awake in (False, True):
        out = net(inputs(net, 6), y)
        net.zero_grad()
        (out * torch.randn_like(out)).sum().backward()
        dead = {".".join(name.split(".")[-3:-1]) for name in dead_parameters(net)}
        assert dead == (set() if awake else {"residual.0", "residual.2"})
        wake(net)


# -- resampling


@pytest.mark.parametrize("layer", [_Enlarge(8), _Enlarge(7), _Halve()])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_constant_stays_a_constant(layer: nn.Module, dtype: torch.dtype) -> None:
    x = torch.tensor([0.75, -2.0], dtype=dtype)[None, :, None, None].expand(3, 2, 4, 4)
    out = layer.to(dtype)(x)
    torch.testing.assert_close(out, x[..., :1, :1].expand_as(out))


def test_maps_change_size() -> None:
    x = torch.randn(2, 3, 7, 7)
    assert _Halve()(x).shape == (2, 3, 4, 4)
    assert _Halve()(_Enlarge(14)(x)).shape == (2, 3, 7, 7)
    assert _Enlarge(7)(_Halve()(x)).shape == (2, 3, 7, 7)


def test_resampling_is_by_1_3_3_1_and_never_mixes_channels() -> None:
    x = torch.zeros(1, 2, 8, 8)
    x[0, 1, 3, 4] = 64
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    up, down = _Enlarge(16)(x), _Halve()(x)
    torch.testing.assert_close(up[0, 1, 5:9, 7:11], 4 * torch.outer(taps, taps))
    torch.testing.assert_close(down[0, 1, 1:3, 1:3], torch.outer(torch.tensor([3.0, 1.0]), torch.tensor([1.0, 3.0])))
    for out, total in ((up, 64 * 4), (down, 64 / 4)):
        assert out[0, 0].count_nonzero() == 0
        assert out.sum().item() == pytest.approx(total)
    assert down[0, 1].count_nonzero() == 4


# -- classes


def test_a_label_changes_the_image_through_its_vector_alone() -> None:
    G = R3GANGenerator((1, 8, 8), width=16, num_classes=3)
    z, y = inputs(G, 3), torch.arange(3)
    assert not torch.allclose(G(z, y), G(z, y.flip(0)))
    with torch.no_grad():
        G.label.table.weight.copy_(G.label.table.weight[:1].expand(3, -1))
    assert torch.equal(G(z, y), G(z, y.flip(0)))
    same = G(z[:1].expand(3, -1), y)
    torch.testing.assert_close(same, same[:1].expand_as(same))


def test_a_label_enters_the_logit_by_an_inner_product() -> None:
    D, x = R3GANDiscriminator((1, 8, 8), width=16, num_classes=3), torch.randn(3, 1, 8, 8)
    wake(D)
    table, y = next(D.classes.parameters()), torch.tensor([2, 0, 1])
    expected = [(table[k] @ D.head.weight @ D.features(x)[n]).item() for n, k in enumerate(y.tolist())]
    assert D(x, y).tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert not torch.allclose(D(x, y), D(x, y.flip(0)))
    with torch.no_grad():
        table.copy_(table[:1].expand(3, -1))
    torch.testing.assert_close(D(x, y), D(x, y.flip(0)))


def test_logits_with_classes_start_as_large_as_without() -> None:
    x, y = torch.randn(16, 3, 8, 8), torch.arange(16) % 10
    squares = {0: 0.0, 10: 0.0}
    for num_classes in squares:
        for _ in range(30):
            D = R3GANDiscriminator((3, 8, 8), width=64, num_classes=num_classes)
            with torch.no_grad():
                squares[num_classes] += D(x, y if num_classes else None).square().mean().item() / 30
    assert squares[10] == pytest.approx(squares[0], rel=0.6)


def test_labels_are_asked_for_and_refused() -> None:
    x, y = torch.randn(2, 1, 8, 8), torch.zeros(2, dtype=torch.long)
    with pytest.raises(ValueError, match="discriminator is conditional on 3 classes: give labels y"):
        R3GANDiscriminator((1, 8, 8), width=16, num_classes=3)(x)
    with pytest.raises(ValueError, match="discriminator is unconditional: call it without labels"):
        R3GANDiscriminator((1, 8, 8), width=16)(x, y)
    with pytest.raises(ValueError, match="generator is conditional on 3 classes: give labels"):
        R3GANGenerator((1, 8, 8), width=16, num_classes=3)(torch.randn(2, 64))
    with pytest.raises(ValueError, match="generator is unconditional: call it without labels"):
        R3GANGenerator((1, 8, 8), width=16)(torch.randn(2, 64), y)


# -- behaviour


def test_output_is_tanh_of_linear() -> None:
    torch.manual_seed(1)
    linear = R3GANGenerator((1, 8, 8), width=16, output="linear")
    squashed = R3GANGenerator((1, 8, 8), width=16)
    squashed.load_state_dict(linear.state_dict())
    z = inputs(linear, 3)
    torch.testing.assert_close(squashed(z), linear(z).tanh())


@pytest.mark.parametrize("cls", BOTH)
def test_an_image_does_not_depend_on_its_batch(cls: type) -> None:
    net = cls((1, 16, 16), width=16)
    wake(net)
    x = inputs(net, 5)
    torch.testing.assert_close(net(x[:1]), net(x)[:1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("cls", BOTH)
def test_config_round_trip_and_dtype(cls: type) -> None:
    extra = {"prior": Normal(dim=6), "output": "linear"} if cls is R3GANGenerator else {}
    net = cls((1, 16, 16), width=16, n_blocks=2, group_size=8, num_classes=3, **extra)
    wake(net)
    twin = build(net.config())
    twin.load_state_dict(net.state_dict(), strict=True)
    x, y = inputs(net, 3), torch.arange(3)
    assert torch.equal(twin(x, y), net(x, y))
    for dtype in (torch.float64, torch.bfloat16):
        assert net.to(dtype)(x.to(dtype), y).dtype == dtype


@pytest.mark.parametrize("size", [16, 28])
def test_double_backward_agrees_with_finite_differences(size: int) -> None:
    D = R3GANDiscriminator((1, size, size), width=16).double()
    wake(D)
    x = torch.randn(2, 1, size, size, dtype=torch.float64)

    def penalty() -> Tensor:
        return with_input_gradient(D, x)[1].square().sum()

    parameters = list(D.parameters())
    directions = [torch.randn_like(p) for p in parameters]
    gradients = torch.autograd.grad(penalty(), parameters, allow_unused=True)
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True) if g is not None)
    values = []
    for step in (1e-8, -2e-8):  # steps across the kink of a leaky ReLU would make |∇D|² jump
        with torch.no_grad():
            torch._foreach_add_(parameters, directions, alpha=step)
        values.append(penalty().item())
    assert (values[0] - values[1]) / 2e-8 == pytest.approx(float(slope), rel=1e-3)


@pytest.mark.slow
@pytest.mark.compiles
@pytest.mark.parametrize("cls", BOTH)
def test_compiled_network_computes_the_same(cls: type) -> None:
    torch.compiler.reset()
    net = cls((1, 28, 28), width=16)
    wake(net)
    x = inputs(net, 3)
    torch.testing.assert_close(torch.compile(net, backend="aot_eager", fullgraph=True)(x), net(x))


@pytest.mark.parametrize("cls", BOTH)
def test_numbers_that_do_not_fit_are_refused(cls: type) -> None:
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        cls(width=0)
    with pytest.raises(ValueError, match="width must be a multiple of 8 for 256 x 256 pixels, got 12"):
        cls((3, 256, 256), width=12)
    with pytest.raises(ValueError, match=r"the 24 channels within a block must be a multiple of group_size=16"):
        cls(width=12)
    with pytest.raises(ValueError, match="n_blocks must be at least 1, got 0"):
        cls(n_blocks=0)
    with pytest.raises(ValueError, match=r"sides of at least 8, got \(3, 7, 30\)"):
        cls((3, 7, 30))
    if cls is R3GANGenerator:
        with pytest.raises(ValueError, match="output must be one of tanh, linear, got 'sigmoid'"):
            cls(output="sigmoid")
