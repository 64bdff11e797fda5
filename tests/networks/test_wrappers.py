"""What wrappers of D show to the discriminator in them."""

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.config import build
from ganzoo.losses.penalties import with_input_gradient
from ganzoo.models.gan import check_discriminator
from ganzoo.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    DiffAugment,
    InstanceNoise,
    MLPDiscriminator,
    MLPJointDiscriminator,
    Packed,
)
from ganzoo.networks import wrappers as w
from ganzoo.networks.heads import WithClassifier, WithCodes
from ganzoo.roles import Discriminator

POLICIES = ["color", "translation", "cutout", "color,translation,cutout", "cutout, color"]


class Affine(Discriminator):
    """l(x) = a x + b."""

    def __init__(self) -> None:
        super().__init__((1,))
        self.line = nn.Linear(1, 1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.line(x)[:, 0] if y is None else self.line(x)[:, 0] + y


def dcgan(channels: int = 1, size: int = 16) -> DCGANDiscriminator:
    return DCGANDiscriminator((channels, size, size), width=4, norm="none")


def wrapped(kind: str) -> w.Wrapper:
    made: dict[str, Callable[[], w.Wrapper]] = {
        "noise": lambda: InstanceNoise(dcgan(), std=0.3, stop=10),
        "packed": lambda: Packed(dcgan(2), pack=2),
        "augment": lambda: DiffAugment(dcgan(), policy="color,cutout"),
        "all": lambda: InstanceNoise(DiffAugment(Packed(dcgan(4), pack=4)), std=0.3),
    }
    return made[kind]()


# -- all wrappers


@pytest.mark.parametrize("kind", ["noise", "packed", "augment", "all"])
def test_a_wrapper_is_a_discriminator_with_the_weights_of_the_inner_one(kind: str) -> None:
    net = wrapped(kind)
    assert net.image_shape == (1, 16, 16)
    twin = build(net.config())
    assert {name.replace("inner.", "") for name in net.state_dict()} == set(dcgan().state_dict())
    twin.load_state_dict(net.state_dict(), strict=True)
    x = torch.randn(8, 1, 16, 16)
    for other in (twin.eval(), copy.deepcopy(net).eval()):
        assert torch.equal(other(x), net.eval()(x))
    assert net(x).shape == (8 // net.pack,)
    check_discriminator(net, DCGANGenerator((1, 16, 16), width=4))


@pytest.mark.parametrize("kind", ["noise", "packed", "augment", "all"])
def test_features_and_class_logits_are_of_the_transformed_images(kind: str) -> None:
    net, x = wrapped(kind), torch.randn(8, 1, 16, 16)
    core = net.inner
    while isinstance(core, w.Wrapper):
        core = core.inner
    torch.manual_seed(3)
    logits = net(x)
    torch.manual_seed(3)
    assert torch.equal(core.head(net.features(x)).flatten(), logits)
    with pytest.raises(ValueError, match="DCGANDiscriminator reads nothing but a logit: wrap it as WithClassifier or"):
        net.both(x)
    assert not hasattr(InstanceNoise(Affine()), "features")


def test_a_wrapped_classifier_judges_and_names_the_same_images() -> None:
    net, x = InstanceNoise(WithClassifier(dcgan(), num_classes=3), std=0.5), torch.randn(8, 1, 16, 16)
    torch.manual_seed(3)
    seen = x + 0.5 * torch.randn_like(x)
    torch.manual_seed(3)
    for ours, theirs in zip(net.both(x), net.inner.both(seen), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert net.n_classes == 3
    coded = DiffAugment(InstanceNoise(WithCodes(dcgan(), categorical=(2, 3), uniform=1)))
    assert (coded.categorical, coded.uniform, coded.n_classes) == ((2, 3), 1, 0)


def test_labels_are_handed_on() -> None:
    net, x = InstanceNoise(Affine()).eval(), torch.randn(4, 1)
    torch.testing.assert_close(net(x, torch.arange(4)), net(x) + torch.arange(4))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["noise", "packed", "augment", "all"])
def test_dtype_and_seed_decide_what_is_seen(kind: str, dtype: torch.dtype) -> None:
    net, x = wrapped(kind), torch.randn(8, 1, 16, 16, dtype=dtype)
    before = x.clone()
    torch.manual_seed(5)
    seen = net.transform(x)
    assert seen.dtype == dtype
    torch.manual_seed(5)
    assert torch.equal(net.transform(x), seen)
    if kind != "packed":
        assert not torch.equal(net.transform(x), seen)
    assert torch.equal(x, before)


@pytest.mark.parametrize("kind", ["noise", "augment", "all"])
def test_random_numbers_come_from_the_device_of_the_images(kind: str) -> None:
    net = wrapped(kind).to("meta")
    state = torch.get_rng_state()
    assert net(torch.empty(8, 1, 16, 16, device="meta")).device.type == "meta"
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["noise", "augment"])
def test_in_evaluation_mode_images_are_seen_as_they_are(kind: str) -> None:
    net, x = wrapped(kind), torch.randn(8, 1, 16, 16)
    assert not torch.equal(net.transform(x), x)
    net.eval()
    assert torch.equal(net.transform(x), x)
    assert torch.equal(net(x), net.inner(x))


def test_penalties_differentiate_through_all_wrappers() -> None:
    net = wrapped("all").double()
    x = torch.randn(8, 1, 16, 16, dtype=torch.float64)

    def penalty() -> Tensor:
        torch.manual_seed(7)
        return with_input_gradient(net, x)[1].square().sum()

    weight = next(net.parameters())
    direction = torch.randn_like(weight)
    (gradient,) = torch.autograd.grad(penalty(), weight)
    values = []
    for step in (1e-8, -1e-8):  # steps across the kink of a leaky ReLU would make |∇D|² jump
        with torch.no_grad():
            weight.add_(direction, alpha=step)
        values.append(penalty().item())
        with torch.no_grad():
            weight.sub_(direction, alpha=step)
    assert (values[0] - values[1]) / 2e-8 == pytest.approx((gradient * direction).sum().item(), rel=1e-4)


# -- instance noise


def test_noise_is_standard_normal_times_sigma_and_new_for_every_pixel() -> None:
    net, x = InstanceNoise(dcgan(), std=0.3), torch.randn(512, 1, 16, 16)
    noise = net.transform(x) - x
    n = noise.numel()
    assert noise.mean().item() == pytest.approx(0, abs=4 * 0.3 / math.sqrt(n))
    assert noise.var().item() == pytest.approx(0.09, rel=4 * math.sqrt(2 / n))
    assert (noise.pow(4).mean() / noise.var() ** 2).item() == pytest.approx(3, rel=4 * math.sqrt(96 / n) / 3)
    for dims in ((1, 2, 3), (0, 1)):  # means over pixels and over images vary as those of independent draws
        means = noise.mean(dim=dims)
        expected = 0.09 * means.numel() / n
        assert means.var().item() == pytest.approx(expected, rel=4 * math.sqrt(2 / means.numel()))


@pytest.mark.parametrize(("batch", "left"), [(0, 1.0), (25, 0.75), (50, 0.5), (99, 0.01), (100, 0.0), (1000, 0.0)])
def test_noise_falls_linearly_to_nothing(batch: int, left: float) -> None:
    net, x = InstanceNoise(dcgan(), std=0.4, stop=100), torch.randn(4, 1, 16, 16)
    for module in net.modules():
        if isinstance(module, Discriminator):
            module.batch = batch
    assert net.batch == net.inner.batch == batch
    torch.manual_seed(1)
    seen = net.transform(x)
    torch.manual_seed(1)
    torch.testing.assert_close(seen, x + 0.4 * left * torch.randn_like(x))


def test_noise_without_stop_is_constant() -> None:
    net, x = InstanceNoise(dcgan(), std=0.4), torch.zeros(64, 1, 16, 16)
    net.batch = 10**9
    assert net.transform(x).std().item() == pytest.approx(0.4, rel=0.03)


def test_a_falling_noise_does_not_recompile() -> None:
    torch.compiler.reset()
    net, x = InstanceNoise(Affine(), std=0.4, stop=10), torch.zeros(512, 1)
    net.inner.line.weight.data.fill_(1.0)
    net.compile(backend="eager", fullgraph=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for batch in range(11):
            net.batch = batch
            assert net(x).std().item() == pytest.approx(0.04 * (10 - batch), rel=0.15, abs=1e-6)


def test_the_best_logit_between_two_points_under_noise_is_that_of_two_normals() -> None:
    """p = δ_0, q = δ_m: l(x) = (m² - 2 m x) / (2 σ²), and the loss is 2 log 2 - 2 JSD(N(0, σ²), N(m, σ²))."""
    m, std, n = 0.6, 0.5, 100_000
    net = InstanceNoise(Affine(), std=std).double()
    zero, one = torch.zeros(n, 1, dtype=torch.float64), torch.full((n, 1), m, dtype=torch.float64)
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        torch.manual_seed(0)
        optimizer.zero_grad()
        value = softplus(-net(zero)).mean() + softplus(net(one)).mean()
        value.backward()
        return value

    optimizer.step(loss)
    assert net.inner.line.weight.item() == pytest.approx(-m / std**2, rel=0.02)
    assert net.inner.line.bias.item() == pytest.approx(m**2 / (2 * std**2), rel=0.03)
    t = torch.linspace(-6, 7, 20001, dtype=torch.float64)
    p, q = (torch.exp(-((t - mean) ** 2) / (2 * std**2)) / (std * math.sqrt(2 * math.pi)) for mean in (0, m))
    best = torch.trapezoid(p * torch.log1p(q / p) + q * torch.log1p(p / q), t).item()
    assert loss().item() == pytest.approx(best, abs=0.005)


def test_noise_refuses_negative_numbers() -> None:
    with pytest.raises(ValueError, match=r"std must not be negative, got -0\.1"):
        InstanceNoise(dcgan(), std=-0.1)
    with pytest.raises(ValueError, match="stop must be at least 0, got -1"):
        InstanceNoise(dcgan(), stop=-1)


# -- packs


@pytest.mark.parametrize("pack", [1, 2, 3])
def test_packs_are_stacked_by_hand(pack: int) -> None:
    net, x = Packed(dcgan(2 * pack), pack=pack), torch.randn(12, 2, 16, 16)
    assert (net.pack, net.image_shape) == (pack, (2, 16, 16))
    n = 12 // pack
    by_hand = torch.stack([torch.cat([x[pack * i + k] for k in range(pack)]) for i in range(n)])
    torch.testing.assert_close(net(x), net.inner(by_hand))
    torch.testing.assert_close(net.features(x), net.inner.features(by_hand))


def test_points_are_packed_along_features() -> None:
    net, x = Packed(MLPDiscriminator((6,), width=8), pack=3), torch.randn(9, 2)
    assert net.image_shape == (2,)
    by_hand = torch.stack([torch.cat([x[3 * i], x[3 * i + 1], x[3 * i + 2]]) for i in range(3)])
    torch.testing.assert_close(net(x), net.inner(by_hand))


@pytest.mark.parametrize("k", [2, 3, 6])
@pytest.mark.parametrize("nested", ["flat", "nested"])
def test_parts_of_a_batch_keep_its_packs(k: int, nested: str) -> None:
    net = Packed(dcgan(4), pack=4) if nested == "flat" else Packed(Packed(dcgan(4), pack=2), pack=2)
    assert (net.pack, net.image_shape) == (4, (1, 16, 16))
    x = torch.randn(24, 1, 16, 16)
    logits = net(x)
    assert logits.shape == (6,)
    torch.testing.assert_close(torch.cat([net(part) for part in x.chunk(k)]), logits)


def test_only_the_first_layer_grows() -> None:
    alone, packed = dcgan(1).state_dict(), Packed(dcgan(3), pack=3).inner.state_dict()
    grown = {name: packed[name].shape for name in alone if packed[name].shape != alone[name].shape}
    assert grown == {"features.0.weight": (4, 3, 4, 4)}
    assert packed.keys() == alone.keys()


def test_packs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"image_shape must be \(2 \* channels, 16, 16\), got \(3, 16, 16\)"):
        Packed(dcgan(3), pack=2)
    with pytest.raises(ValueError, match="pack must be at least 1, got 0"):
        Packed(dcgan(2), pack=0)
    with pytest.raises(ValueError, match="a batch of 5 images does not divide into packs of 2: choose a batch size"):
        Packed(dcgan(2), pack=2)(torch.randn(5, 1, 16, 16))
    conditional = dcgan(2)
    conditional.num_classes = 10
    with pytest.raises(ValueError, match="must have num_classes=0, got 10"):
        Packed(conditional, pack=2)


# -- augmentations


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("policy", POLICIES)
def test_augmentation_keeps_shape_and_type_and_draws_anew_for_every_image(policy: str, dtype: torch.dtype) -> None:
    net = DiffAugment(DCGANDiscriminator((3, 64, 64), width=2, norm="none"), policy=policy)
    x = torch.rand(1, 3, 64, 64).mul(2).sub(1).to(dtype).expand(16, -1, -1, -1)
    out = net.transform(x)
    assert (out.shape, out.dtype) == (x.shape, dtype)
    assert len({tuple(image.flatten().tolist()) for image in out}) > 12


@pytest.mark.parametrize("policy", POLICIES)
def test_augmentation_is_differentiable_twice(policy: str) -> None:
    net = DiffAugment(DCGANDiscriminator((2, 8, 8), width=2, norm="none"), policy=policy)
    x = torch.randn(3, 2, 8, 8, dtype=torch.float64, requires_grad=True)

    def seen(x: Tensor) -> Tensor:
        torch.manual_seed(11)
        return net.transform(x)

    assert torch.autograd.gradcheck(seen, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: seen(x).pow(3), x, fast_mode=True)
    (gradient,) = torch.autograd.grad(seen(x).sum(), x)
    assert (gradient.flatten(1).abs().sum(dim=1) > 0).all()


def test_policy_is_applied_in_order() -> None:
    net = DiffAugment(dcgan(), policy="cutout,translation,color")
    assert net.steps == [w.cutout, w.translation, w.brightness, w.saturation, w.contrast]


def check_uniform(draws: Tensor, low: float, high: float) -> None:
    """Two-sided, four standard errors; the ends are reached and not passed."""
    n, width = draws.numel(), high - low
    assert draws.mean().item() == pytest.approx((low + high) / 2, abs=4 * width / math.sqrt(12 * n))
    assert draws.var().item() == pytest.approx(width**2 / 12, rel=4 * math.sqrt(0.8 / n))
    assert low - 1e-5 <= draws.min().item() < low + 0.05 * width
    assert high - 0.05 * width < draws.max().item() <= high + 1e-5


def test_brightness_adds_one_number_to_an_image() -> None:
    x = torch.randn(2000, 3, 2, 2)
    added = (w.brightness(x) - x).flatten(1)
    torch.testing.assert_close(added, added[:, :1].expand_as(added))
    check_uniform(added[:, 0], -0.5, 0.5)


def test_saturation_scales_colours_and_leaves_grey() -> None:
    grey = torch.randn(50, 1, 2, 2)
    assert torch.equal(w.saturation(grey), grey)
    x = torch.randn(2000, 3, 2, 2)
    out = w.saturation(x)
    torch.testing.assert_close(out.mean(dim=1), x.mean(dim=1))
    ratio = (out - out.mean(1, keepdim=True)).flatten(1).norm(dim=1) / (x - x.mean(1, keepdim=True)).flatten(1).norm(
        dim=1
    )
    check_uniform(ratio, 0.0, 2.0)


def test_contrast_scales_an_image_about_its_mean() -> None:
    x = torch.randn(2000, 3, 2, 2) + 0.5
    out = w.contrast(x)
    before, after = x.flatten(1), out.flatten(1)
    torch.testing.assert_close(after.mean(dim=1), before.mean(dim=1))
    ratio = after.std(dim=1) / before.std(dim=1)
    expected = before.mean(1, keepdim=True) + ratio[:, None] * (before - before.mean(1, keepdim=True))
    torch.testing.assert_close(after, expected, rtol=1e-4, atol=1e-4)
    check_uniform(ratio, 0.5, 1.5)


def by_hand(image: Tensor, down: int, right: int) -> Tensor:
    out = torch.zeros_like(image)
    _, height, width = image.shape
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                out[:, row, column] = image[:, row - down, column - right]
    return out


def test_shift_moves_whole_pixels_and_fills_with_zeros() -> None:
    x = torch.randn(5, 2, 16, 24)
    down, right = torch.tensor([0, 2, -2, 1, 0]), torch.tensor([0, 3, 1, -3, -1])
    expected = torch.stack([by_hand(x[n], int(down[n]), int(right[n])) for n in range(5)])
    assert torch.equal(w.shift(x, down, right), expected)


@pytest.mark.parametrize(("side", "most"), [(16, 2), (28, 4), (32, 4), (20, 3), (19, 2)])
def test_translation_reaches_every_shift_of_an_eighth_of_the_side(side: int, most: int) -> None:
    """Halves are rounded up, as by the paper's code: int(28 * 0.125 + 0.5) = 4."""
    n, k = 60 * (2 * most + 1) ** 2, 2 * most + 1
    x = torch.zeros(n, 1, side, side)
    x[:, 0, 8, 8] = 1
    _, _, rows, columns = w.translation(x).nonzero(as_tuple=True)
    counts = torch.zeros(k, k).index_put((rows - 8 + most, columns - 8 + most), torch.ones(()), accumulate=True)
    assert counts.sum() == n
    assert ((counts - 60).abs() < 4.5 * math.sqrt(60)).all()


@pytest.mark.parametrize(("size", "mean_side"), [(8, 30 / 9), (14, 86 / 14), (7, 26 / 8)])
def test_cutout_blanks_a_rectangle_of_half_the_side_that_may_stick_out(size: int, mean_side: float) -> None:
    hole = w.cutout(torch.ones(3000, 2, size, size)) == 0
    assert torch.equal(hole[:, 0], hole[:, 1])
    rows, columns = hole[:, 0].any(dim=2), hole[:, 0].any(dim=1)
    assert torch.equal(rows[:, :, None] & columns[:, None, :], hole[:, 0])
    for spans in (rows, columns):
        assert (spans.int().diff(dim=1).abs().sum(dim=1) <= 2).all()
        lengths = spans.sum(dim=1)
        assert lengths.max() == int(size / 2 + 0.5)
        assert lengths.min() == (int(size / 2 + 0.5) + 1) // 2
        assert lengths.float().mean().item() == pytest.approx(mean_side, rel=0.03)
    assert hole[:, 0].float().mean().item() == pytest.approx((mean_side / size) ** 2, rel=0.05)


def test_augmentation_refuses_unknown_words_and_points() -> None:
    with pytest.raises(ValueError, match="policy must be one of color, translation, cutout, got 'colour'"):
        DiffAugment(dcgan(), policy="translation,colour")
    with pytest.raises(ValueError, match="policy must be one of color, translation, cutout, got ''"):
        DiffAugment(dcgan(), policy="")
    with pytest.raises(ValueError, match=r"needs a discriminator of images \(C, H, W\), got \(2,\)"):
        DiffAugment(MLPDiscriminator((2,), width=8))


# -- made for the images of the data


@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 16, 16)])
def test_a_wrapper_told_the_shape_of_images_makes_its_discriminator_for_it(image_shape):
    channels, *rest = image_shape
    wrapped = Packed(InstanceNoise(DCGANDiscriminator(width=4), std=0.5), pack=3, image_shape=image_shape)
    assert wrapped.image_shape == image_shape
    assert wrapped.inner.image_shape == wrapped.inner.inner.image_shape == (3 * channels, *rest)
    assert wrapped.inner.std == 0.5
    assert wrapped(torch.zeros(6, *image_shape)).shape == (2,)
    assert build(wrapped.config()).state_dict().keys() == wrapped.state_dict().keys()
    assert build(wrapped.config()).inner.image_shape == wrapped.inner.image_shape
    assert DiffAugment(DCGANDiscriminator(width=4), image_shape=image_shape).inner.image_shape == image_shape


def test_what_judges_pairs_is_not_wrapped() -> None:
    with pytest.raises(ValueError, match="InstanceNoise wraps a D of images, not MLPJointDiscriminator"):
        InstanceNoise(MLPJointDiscriminator(width=8))
