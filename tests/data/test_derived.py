import hashlib
from pathlib import Path
from typing import get_args

import pytest
import torch
import yaml

from ganzoo.config import build
from ganzoo.data import Derived, Digits, Gaussians, Streets
from ganzoo.data.derived import BINOMIAL, GROUND, LUMA, Make, brightness, derived, filtered
from tests.data.test_base import attach

CONFIG = Path(__file__).parents[2] / "configs" / "data" / "derived.yaml"
MAKES = get_args(Make)
BYTES = {
    "edges": "0530ce2458dcae512392a7a6001a072e316118ced54ec93a28aaa98179c9c06d",
    "grey": "856d2ba3265094facb69926820c0eee9707dc89b4f99eceed0e6593235befa2e",
    "blurred": "6fe245a1f72089fd8d74d47321c3f17be72984b407e0b8962bfbed01ecc01548",
    "small": "4616aa4889a74ca13b34a0b79303d9a6763b397de4c911a98c6507be11a8d1e8",
    "holes": "f048cb92595a070c46cc9474ed913471650512199a3c5348d8c89104e2a17f0f",
}


def noise(n=3, channels=3, height=10, width=14):
    numbers = torch.arange(n * channels * height * width, dtype=torch.int64) * 2654435761 % 2**32
    return (numbers >> 24).to(torch.uint8).view(n, channels, height, width)


def step(height=12, width=12, at=5, low=40, high=200):
    """An image that is dark left of a column and bright from it on."""
    image = torch.full((1, 1, height, width), low, dtype=torch.uint8)
    image[..., at:] = high
    return image


@pytest.mark.parametrize("make", MAKES)
def test_the_bytes_are_the_same_on_every_machine(make):
    made = derived(noise(), make)
    assert (made.dtype, made.shape) == (torch.uint8, (3, 3, 10, 14))
    assert hashlib.sha256(made.contiguous().numpy().tobytes()).hexdigest() == BYTES[make]


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("shape", [(1, 5, 7), (3, 1, 1), (2, 8, 3), (4, 9, 9)])
def test_a_picture_is_the_same_alone_and_in_company(make, shape):
    images = noise(5, *shape)
    before = images.clone()
    made = derived(images, make)
    assert made.shape == images.shape
    assert torch.equal(made, torch.cat([derived(image[None], make) for image in images]))
    assert torch.equal(images, before), "the targets stay as they are"


def test_grey_is_the_brightness_in_whole_numbers():
    colours = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 20, 30]], dtype=torch.uint8)
    made = derived(colours[:, :, None, None], "grey")[:, :, 0, 0]
    wanted = [77 * 255 / 256, 150 * 255 / 256, 29 * 255 / 256, 255, (770 + 3000 + 870) / 256]
    assert made.tolist() == [[round(value)] * 3 for value in wanted]
    assert sum(LUMA) == 256


@pytest.mark.parametrize(("make", "channels"), [("edges", 2), ("edges", 4), ("grey", 4), ("holes", 2), ("holes", 4)])
def test_opacity_is_no_colour(make, channels):
    images = noise(3, channels)
    made = derived(images, make)
    assert torch.equal(made[:, -1], images[:, -1])
    assert not torch.equal(made[:, :-1], images[:, :-1])
    if make != "holes":  # their place depends on all channels
        assert torch.equal(made[:, :-1], derived(images[:, :-1], make))


@pytest.mark.parametrize(("channels", "colours"), [(1, 1), (2, 1), (5, 1), (3, 3), (4, 3)])
def test_the_brightness_is_that_of_three_colours_or_the_first(channels, colours):
    images = noise(3, channels)
    assert torch.equal(brightness(images), brightness(images[:, :colours]))


def test_an_edge_is_one_line_of_one_pixel():
    """After (1, 2, 1) / 4 the steps across are 1/4, 1/2, 1/4 of 160: the slope is 480 / 2 at the two middle pixels."""
    made = derived(step(), "edges")
    assert (made == made[:, :, :1]).all()
    assert (made[0, 0, 0] == 0).nonzero().flatten().tolist() == [4]
    turned = derived(step().transpose(2, 3), "edges")
    assert torch.equal(turned, made.transpose(2, 3))
    assert (derived(step(low=100, high=100), "edges") == 255).all()
    assert (derived(step(low=100, high=110), "edges") == 255).all(), "a faint step is no line"


def test_blurring_keeps_a_flat_image_and_spreads_a_point():
    flat = torch.full((1, 1, 9, 9), 77, dtype=torch.uint8)
    assert torch.equal(derived(flat, "blurred"), flat)
    point = torch.zeros(1, 1, 15, 15, dtype=torch.uint8)
    point[..., 7, 7] = 255
    made = derived(point, "blurred")[0, 0].int()
    assert made[7, 7] == made.max()
    assert torch.equal(made, made.flip(0))
    assert torch.equal(made, made.T)
    # (1, 4, 6, 4, 1) / 16 twice has 70 / 256 in the middle; rounding is done twice
    assert abs(int(made[7, 7]) - 255 * (70 / 256) ** 2) <= 1
    assert filtered(torch.ones(1, 1, 5, 5, dtype=torch.int32), BINOMIAL, 2).unique().tolist() == [16]


def test_small_is_the_mean_of_squares_of_four():
    images = noise(2, 3, 8, 12)
    made = derived(images, "small")
    squares = images.double().unflatten(3, (3, 4)).unflatten(2, (2, 4))
    means = (squares.mean(dim=(3, 5)) + 0.5).floor()
    assert torch.equal(made[:, :, ::4, ::4].double(), means)
    assert torch.equal(made, made[:, :, ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3))


def test_a_hole_is_a_grey_square_at_a_place_of_the_image():
    images = noise(60, 3, 10, 14)
    made = derived(images, "holes")
    places = set()
    for image, holed in zip(images, made, strict=True):
        rows, columns = (holed != image).any(dim=0).nonzero().unbind(dim=1)
        top, left = int(rows.min()), int(columns.min())
        places.add((top, left))
        inside = torch.zeros(10, 14, dtype=torch.bool)
        inside[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
        assert torch.equal(holed[:, ~inside], image[:, ~inside])
        assert (holed[:, inside] == GROUND).all()
        assert 4 <= rows.max() + 1 - top <= 5
        assert 4 <= columns.max() + 1 - left <= 5
    assert len(places) > 25


# -- the data


@pytest.mark.parametrize("make", ["edges", "holes"])
def test_targets_are_the_images_and_sources_are_made_of_them(make):
    data = Derived(Digits(), make)
    for split in ("train", "val", "test"):
        targets, sources = data.sides(split)
        assert torch.equal(targets, Digits().arrays(split)[0])
        assert torch.equal(sources, derived(targets, make))
    assert (data.image_shape, data.source_shape, data.num_classes) == ((1, 8, 8), (1, 8, 8), 0)
    assert torch.equal(Derived(Digits(), make, reverse=True).sides("val")[0], data.sides("val")[1])


def test_larger_training_images_have_sources_of_their_own():
    data = attach(Derived(Digits(), "small", batch_size=7, jitter=4))
    targets, sources = data.training_sides()
    assert targets.shape[2:] == (12, 12)
    assert torch.equal(sources, derived(targets, "small"))
    x, y = next(iter(data.train_dataloader()))
    assert x.shape == y.shape == (7, 1, 8, 8)


def test_pairs_can_be_made_of_pairs():
    data = Derived(Streets(size=16, n=3), "grey")
    assert torch.equal(data.sides("train")[0], Streets(size=16, n=3).sides("train")[0])


def test_the_configuration_makes_it():
    data = build(yaml.safe_load(CONFIG.read_text())["data"])
    assert isinstance(data, Derived)
    assert (data.image_shape, data.make, data.batch_size) == ((1, 28, 28), "edges", 1)
    assert build(data.config()).config() == data.config()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Derived(Digits(), "fog"), "make must be one of edges, grey, blurred, small, holes, got 'fog'"),
        (lambda: Derived(Digits(), "grey"), r"images of Digits are grey already: choose another make"),
        (lambda: Derived(Gaussians()), r"Gaussians has points of shape \(2,\): edges are made of images only"),
    ],
)
def test_what_cannot_be_made_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        made()
