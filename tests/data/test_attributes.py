import math

import pytest
import torch

from ganzoo.data import Digits
from ganzoo.data.attributes import attributes, euler, slant, thickness
from ganzoo.pixels import to_float

FINE = 16  # points per side of a pixel


def rendered(inside, side=28):
    """An antialiased picture, uint8 [1, 1, side, side], of a shape; x to the right, y upwards, 0 in the middle."""
    at = (torch.arange(side * FINE) + 0.5) / FINE - side / 2
    mask = inside(at[None, :], -at[:, None]).double().expand(side * FINE, side * FINE)
    return (255 * mask.view(side, FINE, side, FINE).mean(dim=(1, 3))).round().to(torch.uint8)[None, None]


def bar(width, length=20.0, lean=0.0, x0=0.0, y0=0.0):
    """A bar with square ends, turned clockwise by ``lean``, an angle."""
    c, s = math.cos(lean), math.sin(lean)
    return lambda x, y: (
        (((x - x0) * c - (y - y0) * s).abs() < width / 2) & (((x - x0) * s + (y - y0) * c).abs() < length / 2)
    )


def capsule(width, length=16.0, lean=0.0):
    """A bar with round ends."""
    c, s = math.cos(lean), math.sin(lean)
    return lambda x, y: torch.hypot(x * c - y * s, (x * s + y * c).abs().sub(length / 2).clamp(min=0)) < width / 2


def ring(width, radius):
    return lambda x, y: (torch.hypot(x, y) - radius).abs() < width / 2


def sheared(inside, s):
    return lambda x, y: inside(x - s * y, y + 0 * x)


def glyphs(*rows):
    """A picture of characters, # being ink."""
    return torch.tensor([[255 * (c == "#") for c in row] for row in rows], dtype=torch.uint8)[None, None]


# -- slant


@pytest.mark.parametrize("s", [-1.0, -0.4, 0.0, 0.25, 0.7])
def test_a_sheared_bar_has_its_shear(s):
    """The sheared bar is x in s y ± 1.5, |y| < 8, so that mu11 / mu02 = s."""
    assert slant(rendered(sheared(bar(3, 16), s))).item() == pytest.approx(s, abs=0.01)


def test_shearing_adds_to_the_slant():
    bow = ring(3, 7)
    first, second = (slant(rendered(sheared(bow, s))).item() for s in (0.1, 0.45))
    assert second - first == pytest.approx(0.35, abs=0.01)


@pytest.mark.parametrize("degrees", [-30, 10, 40])
def test_a_turned_bar(degrees):
    """Principal variances of a w x l bar are w²/12 and l²/12: (l² - w²) sin cos / (l² cos² + w² sin²)."""
    angle = math.radians(degrees)
    c, s = math.cos(angle), math.sin(angle)
    truth = (20**2 - 3**2) * s * c / (20**2 * c * c + 3**2 * s * s)
    assert slant(rendered(bar(3, 20, angle))).item() == pytest.approx(truth, abs=0.01)


def test_three_pixels_by_hand():
    """(0, 1), (1, 1), (0, 0) with y upwards: x̄ = 1/3, ȳ = 2/3, mu11 = 1/9, mu02 = 2/9."""
    assert slant(glyphs("##", "# ")).item() == pytest.approx(0.5)
    assert slant(glyphs("##", " #")).item() == pytest.approx(-0.5)


def test_brightness_is_the_weight():
    """Weights 2/5, 1/5, 2/5 of (0, 1), (1, 1), (0, 0): x̄ = 1/5, ȳ = 3/5, mu11 = 1/5 - 3/25, mu02 = 3/5 - 9/25."""
    image = torch.tensor([[100, 50], [100, 0]], dtype=torch.uint8)[None, None]
    assert slant(image).item() == pytest.approx(1 / 3)


def test_slant_does_not_depend_on_the_place_or_the_brightness():
    image = torch.zeros(1, 1, 40, 40, dtype=torch.uint8)
    image[..., 2:30, 1:29] = rendered(sheared(bar(3, 16), 0.3))
    assert slant(image).item() == pytest.approx(slant(image[..., 2:30, 1:29]).item())
    assert slant(image // 5).item() == pytest.approx(slant(image).item(), abs=0.01)


# -- thickness


@pytest.mark.parametrize("width", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("degrees", [0, 13, 45, 70, 90])
def test_bars_have_their_width(width, degrees):
    """Square ends cost a little: the wider the bar, the more."""
    got = thickness(rendered(bar(width, 20, math.radians(degrees), 0.3, 0.2))).item()
    assert got == pytest.approx(width, abs=0.25 if width == 2 else 0.12)


@pytest.mark.parametrize("s", [-0.5, 0.3, 0.6])
def test_a_slanted_bar_is_as_thick_as_it_is_across(s):
    """A shear keeps the width along x, so that the stroke is thinner across by cos(atan s)."""
    got = thickness(rendered(sheared(bar(4, 20), s))).item()
    assert got == pytest.approx(4 / math.hypot(1, s), abs=0.15)


@pytest.mark.parametrize("width", [2.0, 3.0, 4.5, 6.0])
@pytest.mark.parametrize("degrees", [0, 22, 45])
def test_round_ends_cost_nothing(width, degrees):
    got = thickness(rendered(capsule(width, 16, math.radians(degrees)))).item()
    assert got == pytest.approx(width, abs=0.25 if width == 2 else 0.1)


@pytest.mark.parametrize(("width", "radius"), [(2.0, 8.0), (3.0, 6.3), (4.0, 5.0)])
def test_rings_have_no_ends(width, radius):
    assert thickness(rendered(ring(width, radius))).item() == pytest.approx(width, abs=0.06)


def test_a_disc_is_about_as_thick_as_its_diameter():
    """P² = 4 π A: an error of 1 % in P is one of 14 % in the root."""
    assert thickness(rendered(lambda x, y: torch.hypot(x, y) < 6)).item() == pytest.approx(12, rel=0.12)


def test_two_rings_touching_are_an_eight():
    """χ = 1 part - 2 holes = -1."""
    eight = rendered(lambda x, y: ring(2.5, 5)(x, y - 5) | ring(2.5, 5)(x, y + 5))
    assert thickness(eight).item() == pytest.approx(2.5, abs=0.2)


@pytest.mark.parametrize("lean", [0.0, 0.4, 0.785])
@pytest.mark.parametrize("width", [1.0, 1.5])
def test_strokes_below_two_pixels_seem_thicker(width, lean):
    """The upright one lies between two columns, and is a stroke of 2 pixels at half the brightness."""
    assert width < thickness(rendered(capsule(width, 16, lean))).item() < 2.1


def test_thickness_does_not_depend_on_the_place_the_border_or_the_brightness():
    image = rendered(bar(3, 20, 0.3))
    ink = image[..., image[0, 0].amax(dim=1) > 0, :][..., image[0, 0].amax(dim=0) > 0]
    assert ink.shape != image.shape
    assert thickness(ink).item() == pytest.approx(thickness(image).item())
    assert thickness(image // 4).item() == pytest.approx(thickness(image).item(), abs=0.02)


@pytest.mark.parametrize(
    ("rows", "number"),
    [
        (["    ", "    "], 0),
        ([" ## ", " ## "], 1),
        (["#  #", "    "], 2),
        (["#   ", " #  "], 1),
        (["### ", "# # ", "### "], 0),
        ([" # ", "# #", " # "], 0),
        (["#####", "# # #", "#####"], -1),
        (["####  #", "#  #   ", "####   "], 1),
    ],
)
def test_the_euler_number_counts_parts_less_holes(rows, number):
    mask = torch.nn.functional.pad(glyphs(*rows)[0] > 0, (1, 1, 1, 1))
    assert euler(mask).tolist() == [number]


# -- both


def test_all_attributes_of_a_batch():
    images = torch.cat([rendered(sheared(bar(w, 16), s)) for w, s in [(2, 0.0), (3, 0.5), (4, -0.5)]])
    found = attributes(images)
    assert list(found) == ["slant", "thickness"]
    for name, function in (("slant", slant), ("thickness", thickness)):
        assert (found[name].shape, found[name].dtype) == ((3,), torch.float32)
        torch.testing.assert_close(found[name], torch.cat([function(image[None]) for image in images]))
    assert (found["slant"] - torch.tensor([0.0, 0.5, -0.5])).abs().max() < 0.01


def test_floats_are_as_good_as_bytes():
    images = Digits(size=28).arrays("test")[0][:20]
    floats = to_float(images)
    for name, values in attributes(floats).items():
        assert torch.equal(values, attributes(images)[name])


def test_digits_have_a_slant_and_a_thickness():
    images, labels = Digits(size=28).arrays("train")
    found = attributes(images)
    assert all(values.isfinite().all() for values in found.values())
    assert found["slant"][labels == 1].std() > 0.05
    assert 1.5 < found["thickness"].mean() < 4


def test_where_there_is_no_answer_it_is_nan_and_harms_no_other():
    images = torch.cat([rendered(bar(3, 16))] * 3)
    images[0] = 0
    images[1, :, :5] = images[1, :, 6:] = 0
    images[1, :, 5] = 200
    assert slant(images).isnan().tolist() == [True, True, False]
    assert thickness(images).isnan().tolist() == [True, False, False]
    assert slant(torch.full((1, 1, 8, 8), -1.0)).isnan().all()


@pytest.mark.parametrize("function", [slant, thickness, attributes])
@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (8, 8), (2, 8, 8)])
def test_only_grey_images_have_attributes(function, shape):
    with pytest.raises(ValueError, match=r"expected grey images \[N, 1, H, W\], got .*: choose one channel"):
        function(torch.zeros(shape, dtype=torch.uint8))
