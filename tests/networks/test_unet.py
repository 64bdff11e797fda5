"""pix2pix' generator: its maps, its size, its formula, and z as the dropout."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks import UNetTranslator


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("side", "depth", "authors", "ours"), [(256, 8, 54_413_955, 54_409_603), (128, 7, 41_828_995, 41_825_667)]
)
def test_number_of_parameters(side: int, depth: int, authors: int, ours: int) -> None:
    """The authors have a gain and a shift for each channel with batch norm, and a bias of the last layer only."""
    with torch.device("meta"):
        net = UNetTranslator((3, side, side))
    assert net.depth == depth
    assert count(net) == ours
    weights = sum(p.numel() for p in net.parameters() if p.ndim > 1)
    normed = sum(m.num_features for m in net.modules() if isinstance(m, nn.InstanceNorm2d))
    assert weights + 2 * normed + 3 == authors


def test_maps_of_an_image_of_64() -> None:
    net = UNetTranslator(width=2)
    shapes: list[tuple[int, ...]] = []
    for layer in [*net.downs, *net.ups]:
        layer.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    net(torch.zeros(1, net.prior.dim), torch.zeros(1, 3, 64, 64))
    down = [(2, 32, 32), (4, 16, 16), (8, 8, 8), (16, 4, 4), (16, 2, 2), (16, 1, 1)]
    up = [(16, 2, 2), (16, 4, 4), (8, 8, 8), (4, 16, 16), (2, 32, 32), (3, 64, 64)]
    assert shapes == down + up
    assert [isinstance(down[-1], nn.InstanceNorm2d) for down in net.downs[1:]] == [True] * 4 + [False]
    assert [isinstance(up[-1], nn.InstanceNorm2d) for up in net.ups] == [True] * 5 + [False]


@pytest.mark.parametrize(
    ("shape", "depth"),
    [((64, 64), 6), ((64, 96), 5), ((96, 64), 5), ((256, 256), 8), ((1024, 512), 8), ((28, 28), 2), ((6, 10), 1)],
)
def test_sides_are_halved_as_often_as_both_can_be(shape: tuple[int, int], depth: int) -> None:
    with torch.device("meta"):
        net = UNetTranslator((1, *shape), width=1)
    assert (net.depth, net.multiple, len(net.downs), len(net.ups)) == (depth, 2**depth, depth, depth)


def written_out(net: UNetTranslator, z: Tensor, y: Tensor) -> Tensor:
    """The network of 64 x 64 pixels, with the parameters in their order, and z as the factors of one map."""
    p = list(net.parameters())
    pairs = list(zip(p[::2], p[1::2], strict=True))
    downs, ups = pairs[:6], pairs[6:]

    def norm(x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)
        return (x - mean) / ((x - mean).square().mean(dim=(2, 3), keepdim=True) + 1e-5).sqrt()

    def up(x: Tensor, k: int) -> Tensor:
        if k and net.config()["init_args"]["upsampling"] == "resize":
            large = x.relu().repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
            return F.conv2d(F.pad(large, (1,) * 4, mode="reflect"), *ups[k])
        return F.conv_transpose2d(x.relu(), *ups[k], stride=2, padding=1)

    e = [F.conv2d(y, *downs[0], stride=2, padding=1)]
    for k in range(1, 5):
        e.append(norm(F.conv2d(F.leaky_relu(e[-1], 0.2), *downs[k], stride=2, padding=1)))
    e.append(F.conv2d(F.leaky_relu(e[-1], 0.2), *downs[5], stride=2, padding=1))
    d1 = norm(up(e[5], 0))
    d2 = norm(up(torch.cat([e[4], d1], dim=1), 1))
    factors = torch.where(z > 0, 2.0, torch.where(z < 0, 0.0, 1.0)).double()
    d2 = d2 * factors.reshape(d2.shape)
    d3 = norm(up(torch.cat([e[3], d2], dim=1), 2))
    d4 = norm(up(torch.cat([e[2], d3], dim=1), 3))
    d5 = norm(up(torch.cat([e[1], d4], dim=1), 4))
    return up(torch.cat([e[0], d5], dim=1), 5).tanh()


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@torch.no_grad()
def test_the_network_is_its_formula(upsampling: str) -> None:
    net = UNetTranslator((2, 64, 64), (3, 64, 64), width=2, upsampling=upsampling).double()
    for p in net.parameters():
        p.copy_(torch.randn_like(p) * 0.2)
    z, y = torch.randn(3, net.prior.dim), torch.randn(3, 3, 64, 64).double()
    z[0] = 0
    before = y.clone()
    torch.testing.assert_close(net(z, y), written_out(net, z, y), rtol=0, atol=1e-10)
    assert torch.equal(y, before)


# -- z is the dropout


@pytest.mark.parametrize(
    ("sides", "depth", "units"),
    [
        ((256, 256), 8, 8 * 64 * (4**2 + 8**2 + 16**2)),
        ((128, 128), 7, 8 * 64 * (4**2 + 8**2)),
        ((64, 64), 6, 8 * 64 * 4**2),
        ((128, 192), 6, 8 * 64 * 8 * 12),
        ((32, 32), 5, 0),
    ],
)
def test_z_has_a_number_for_each_unit_that_can_be_dropped(sides: tuple[int, int], depth: int, units: int) -> None:
    with torch.device("meta"):
        net, twin = UNetTranslator((3, *sides), depth=depth), UNetTranslator((3, *sides), dropout="none")
    assert (net.prior.dim, net.dim_of(*sides), twin.prior.dim, twin.dim_of(*sides)) == (units, units, 0, 0)
    assert net.dim_of(2 * sides[0], 3 * sides[1]) == 6 * units


def seen_by(net: UNetTranslator, k: int, z: Tensor, y: Tensor) -> Tensor:
    """What the k-th layer of the way up sees of the one before it."""
    seen: list[Tensor] = []
    hook = net.ups[k].register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].detach()))
    net(z, y)
    hook.remove()
    return seen[0].chunk(2, dim=1)[1]


def test_half_of_the_units_of_every_wide_map_but_the_first_are_doubled_and_half_are_zero() -> None:
    net = UNetTranslator((1, 128, 128), width=4)
    z, y = net.prior.sample(2), torch.randn(2, 1, 128, 128)
    start = 0
    for k in (2, 3):
        before, after = seen_by(net, k, torch.zeros_like(z), y), None
        if k == 3:  # the map before it was dropped already
            before = seen_by(net, k, torch.cat([z[:, :start], torch.zeros_like(z[:, start:])], dim=1), y)
        after = seen_by(net, k, z, y)
        part = z[:, start : start + after[0].numel()].reshape(after.shape)
        start += after[0].numel()
        assert (after[part < 0] == 0).all()
        torch.testing.assert_close(after[part > 0], 2 * before[part > 0])
        assert (part > 0).float().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / part.numel() ** 0.5)
    assert start == net.prior.dim
    for k in (1, 4, 5, 6):
        assert not (seen_by(net, k, z, y) == 0).any()


@torch.no_grad()
def test_at_zero_nothing_is_dropped_and_only_the_signs_count() -> None:
    net, twin = UNetTranslator(width=4), UNetTranslator(width=4, dropout="none")
    twin.load_state_dict(net.state_dict(), strict=True)
    z, y = net.prior.sample(3), torch.randn(3, 3, 64, 64)
    still = twin(torch.zeros(3, 0), y)
    assert torch.equal(net(torch.zeros_like(z), y), still)
    assert torch.equal(net(net.prior.truncated(z, 0.0), y), still)
    assert torch.equal(net(net.prior.truncated(z, 0.1), y), net(z, y))
    assert not torch.allclose(net(z, y), still)
    assert not torch.allclose(net(-z, y), net(z, y))


@torch.no_grad()
def test_each_number_of_z_counts() -> None:
    net = UNetTranslator((1, 64, 64), width=1).double()
    for p in net.parameters():
        p.copy_(torch.randn_like(p) * 0.2)
    y, n = torch.randn(1, 1, 64, 64).double().expand(129, -1, -1, -1), net.prior.dim
    z = torch.ones(n + 1, n)
    z[torch.arange(n), torch.arange(n)] = -1
    images = net(z, y)
    changed = (images[:-1] - images[-1]).abs().amax(dim=(1, 2, 3)) > 0
    assert torch.equal(changed, seen_by(net, 2, z[-1:], y[:1]).flatten() > 0)  # those that ReLU lets pass
    assert n == 128
    assert changed.sum() > n / 4


@pytest.mark.parametrize(
    ("shape", "depth", "times"),
    [((3, 25, 32), None, "once"), ((3, 48, 64), 6, "6 times"), ((3, 64, 64), 10**15, f"{10**15} times")],
)
def test_sides_that_cannot_be_halved_are_refused(shape: tuple[int, ...], depth: int | None, times: str) -> None:
    sides = rf"\({shape[1]}, {shape[2]}\)"
    remedy = "" if depth is None else r", or take a smaller depth \(--model.generator.depth\)"
    with pytest.raises(ValueError, match=rf"halved {times}, to 1 or more, got sides {sides}: .*size\){remedy}$"):
        UNetTranslator(shape, width=2, depth=depth)


def test_wrong_words_and_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="dropout must be one of z, none, got 'always'"):
        UNetTranslator(dropout="always")
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        UNetTranslator(depth=0)
