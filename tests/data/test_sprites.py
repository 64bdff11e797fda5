import math
from pathlib import Path

import pytest
import torch
import yaml

from ganzoo.config import build
from ganzoo.data.sprites import FACTORS, SIZES, Sprites, draw, stamps
from ganzoo.pixels import resize_uint8

CONFIG = Path(__file__).parents[2] / "configs" / "data" / "sprites.yaml"
WHOLE = 589_824  # training images that there are
PERIODS = torch.tensor([10, 20, 40])  # orientations that a square, an ellipse and a heart show
FINGERPRINTS = {
    "train": "a65b1bc12dae36a4f534676cfe34a163dbe32b4affcf82299ad934de153c2d92",
    "val": "d8f289e9984d2864d5d9e5c37a51c1153c35c886513d86ba222281a0dc9f4ef1",
    "test": "cdd3a816ca7447f29f02a80fdcdddc22d9646b99f1ac4634ad88492ea7c213e6",
}


def every(*chosen):
    """All combinations of the chosen values of each factor, int64 [N, 5]."""
    return torch.cartesian_prod(*(torch.tensor(values) for values in chosen))


def picture(factors):
    """The number of the picture that shows the factors: the same for the same picture."""
    shape, scale, orientation, x, y = factors.unbind(dim=1)
    return (((shape * 6 + scale) * 40 + orientation % PERIODS[shape]) * 32 + x) * 32 + y


def cropped(image):
    rows, columns = image.amax(dim=1).nonzero(), image.amax(dim=0).nonzero()
    part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return tuple(part.shape), part.numpy().tobytes()


def moments(images):
    """Area, centre and covariance of white pixels, x to the right and y downwards."""
    white = images[:, 0].double() / 255
    area = white.sum(dim=(1, 2))
    grid = torch.arange(64.0, dtype=torch.float64)
    x, y = white.sum(dim=1) @ grid / area, white.sum(dim=2) @ grid / area
    dx, dy = grid - x[:, None], grid - y[:, None]
    xx, yy = (white.sum(dim=1) * dx**2).sum(dim=1) / area, (white.sum(dim=2) * dy**2).sum(dim=1) / area
    xy = torch.einsum("nyx,nx,ny->n", white, dx, dy) / area
    return area, (x, y), (xx, yy, xy)


# -- the pictures


def test_the_largest_square_and_ellipse_by_hand():
    """Half a side is 9.59, the semi-axes are 0.885 · 19.18 √(13 / 7π) = 13.05 and 0.885 · 19.18 √(7 / 13π) = 7.03."""
    square, ellipse = draw(torch.tensor([[0, 5, 0, 3, 30], [1, 5, 0, 3, 30]]))[:, 0]
    box = torch.zeros(64, 64, dtype=torch.uint8)
    box[46 - 9 : 46 + 10, 19 - 9 : 19 + 10] = 255
    assert torch.equal(square, box)
    assert ellipse[46].nonzero().flatten().tolist() == list(range(19 - 13, 19 + 14))
    assert ellipse[:, 19].nonzero().flatten().tolist() == list(range(46 - 7, 46 + 8))


def test_the_heart_stands_upright_on_its_point():
    heart = stamps()[2, 5, 0] > 0
    assert torch.equal(heart, heart.flip(1))
    rows, top = heart.sum(dim=1), heart.int().argmax(dim=0)
    lowest = int(rows.nonzero()[-1])
    assert rows[lowest] == 1
    assert heart[lowest, 16]
    assert top[16] > top[12] + 1, "there is a notch between the lobes"
    # a = 0.78 · 19.18 / √(1 + π/4) = 11.2: width (1/√2 + 1) a = 19.1, the point lies (1/√2 + 0.2215) a = 10.4 below
    assert heart.any(dim=0).sum() == 19
    assert lowest - 16 == 10


def test_orientations_turn_counterclockwise():
    quarter = stamps()[:, :, :10].rot90(1, dims=(-2, -1))
    assert torch.equal(stamps()[:, :, 10:20], quarter)
    factors = every([1], [3, 4, 5], range(20), [15], [15])
    _, _, (xx, yy, xy) = moments(draw(factors))
    angle = torch.atan2(-2 * xy, xx - yy) / 2
    wrong = (angle - factors[:, 2] * (2 * math.pi / 40) + math.pi / 2) % math.pi - math.pi / 2
    assert wrong.abs().max() < math.radians(2.5)


def test_a_square_has_four_symmetries_an_ellipse_two_and_a_heart_none():
    for shape, period in enumerate(PERIODS.tolist()):
        assert torch.equal(stamps()[shape, :, : 40 - period], stamps()[shape, :, period:])
        assert not torch.equal(stamps()[shape, :, : 40 - period // 2], stamps()[shape, :, period // 2 :])


def test_the_ellipse_is_no_circle():
    """The variances along the axes are a² / 4 and b² / 4."""
    _, _, (xx, yy, _) = moments(draw(every([1], [5], [0], [15], [15])))
    assert float(xx / yy) == pytest.approx((13 / 7) ** 2, rel=0.03)
    assert float(xx) == pytest.approx((0.885 * 19.18) ** 2 * 13 / 7 / math.pi / 4, rel=0.02)


def test_areas_are_those_of_dsprites_and_grow_with_the_scale():
    """White pixels at scale 1, counted in the authors' picture of the data; over all pictures 0.0422 are white."""
    area = (stamps() > 0).flatten(3).sum(dim=3).double()
    truth = torch.tensor([368.0, 288.0, 224.0])[:, None] * torch.linspace(0.5, 1, 6, dtype=torch.float64).square()
    assert (area[:, 5].mean(dim=1) / truth[:, 5] - 1).abs().max() < 0.005
    assert (area.mean(dim=2) / truth - 1).abs().max() < 0.03
    assert area.mean().item() / 64**2 == pytest.approx(0.0425, abs=0.0005)
    assert (area / truth[..., None] - 1).abs().max() < 0.12


def test_the_place_is_the_centroid():
    factors = every([0, 1, 2], range(6), range(40), [0, 20], [31])
    _, (x, y), _ = moments(draw(factors))
    assert (x - 16 - factors[:, 3]).abs().max() < 0.25
    assert (y - 16 - factors[:, 4]).abs().max() < 0.25


def test_no_sprite_leaves_the_canvas():
    assert stamps().shape == (3, 6, 40, 33, 33)
    assert not stamps()[..., [0, -1], :].any(), "not even the place that it is drawn in"
    assert not stamps()[..., [0, -1]].any()
    whole = (stamps() > 0).flatten(3).sum(dim=3)
    corners = draw(every([0, 1, 2], range(6), range(40), [0, 31], [0, 31]))
    assert torch.equal((corners > 0).sum(dim=(1, 2, 3)).view(3, 6, 40, 4), whole[..., None].expand(-1, -1, -1, 4))


def test_x_goes_right_and_y_goes_down_by_one_pixel_a_step():
    at = draw(torch.tensor([[2, 4, 7, 5, 9], [2, 4, 7, 6, 9], [2, 4, 7, 5, 10]]))
    assert torch.equal(at[1], at[0].roll(1, dims=-1))
    assert torch.equal(at[2], at[0].roll(1, dims=-2))


@pytest.mark.parametrize(("size", "steps"), [(64, 1), (32, 2)])
def test_no_two_pictures_are_alike(size, steps):
    """Up to where they are: 6 · (10 + 20 + 40) sprites, at 32 pixels half a pixel to the right or below too."""
    places = list(range(14, 14 + steps))
    factors = torch.cat([every([s], range(6), range(n), places, places) for s, n in enumerate(PERIODS.tolist())])
    assert len({cropped(image) for image in draw(factors, size)[:, 0]}) == 420 * steps**2


def test_64_is_black_and_white_and_other_sizes_are_resized():
    factors = Sprites(n_images=40).factors("train")
    images = draw(factors)
    assert (images.shape, images.dtype) == ((40, 1, 64, 64), torch.uint8)
    assert images.unique().tolist() == [0, 255]
    assert torch.equal(draw(factors, 32), resize_uint8(images, 32))


def test_pictures_do_not_depend_on_each_other():
    factors = torch.stack([torch.randint(n, (50,), generator=torch.Generator().manual_seed(n)) for n in SIZES], dim=1)
    assert torch.equal(draw(factors), torch.cat([draw(row[None]) for row in factors]))


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        (torch.zeros(2, 5), r"factors must be int64 \[N, 5\], got torch.float32 \[2, 5\]"),
        (torch.zeros(5, dtype=torch.int64), r"factors must be int64 \[N, 5\], got torch.int64 \[5\]"),
        (torch.zeros(2, 4, dtype=torch.int64), r"got torch.int64 \[2, 4\]"),
        (torch.tensor([[0, 0, 0, 0, 0], [0, 0, 40, 0, 0]]), r"got \[0, 0, 40, 0, 0\]"),
        (torch.tensor([[0, 0, 0, 0, -1]]), r"shape, scale, orientation, x, y must be from 0 .* got \[0, 0, 0, 0, -1\]"),
    ],
)
def test_factors_outside_the_grid_are_refused(factors, message):
    with pytest.raises(ValueError, match=message):
        draw(factors)


# -- the data


def test_the_sizes_are_those_of_dsprites():
    assert len(FACTORS) == len(SIZES)
    assert math.prod(SIZES) == 737_280


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_splits_are_fixed_for_ever(split):
    assert Sprites(seed=9, n_images=300).fingerprint(split) == FINGERPRINTS[split]


def test_the_splits_share_no_picture():
    data = Sprites(n_images=WHOLE)
    train, val, test = (picture(data.factors(split)) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (WHOLE, 5000, 5000)
    assert len(data.factors("train").unique(dim=0)) == WHOLE
    assert len(torch.cat([part.unique() for part in (train, val, test)]).unique()) == len(train.unique()) + 10_000


def test_the_first_pictures_are_all_different():
    assert len(picture(Sprites().factors("train")).unique()) == 50_000
    data = Sprites(n_images=700)
    images = torch.cat([data.arrays(split)[0] for split in ("train", "val", "test")])
    assert len({image.numpy().tobytes() for image in images}) == 2100


@pytest.mark.parametrize("n", [50_000, 200_000])
def test_factors_are_uniform_and_independent(n):
    """Five standard deviations of the count of a value, and of a pair of values."""
    factors = Sprites(n_images=n).factors("train")

    def near(counts):
        p = 1 / len(counts)
        return (counts - n * p).abs().max() < 5 * math.sqrt(n * p * (1 - p))

    for k, size in enumerate(SIZES):
        assert near(factors[:, k].bincount(minlength=size))
        for j in range(k):
            assert near((factors[:, j] * size + factors[:, k]).bincount(minlength=SIZES[j] * size))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_images_go_with_their_factors_and_labels(split):
    data = Sprites(n_images=200)
    images, labels = data.arrays(split)
    assert torch.equal(torch.cat(list(data.images(split))), draw(data.factors(split)))
    assert torch.equal(labels, data.factors(split)[:, 0])
    assert (images.shape, labels.dtype) == ((200, 1, 64, 64), torch.int64)


def test_fewer_images_are_the_first_of_more():
    more = Sprites(n_images=200_000)
    for split, n in (("train", 90), ("val", 90), ("test", 90)):
        assert torch.equal(Sprites(n_images=90, seed=4).factors(split), more.factors(split)[:n])


def test_it_is_data_as_all_other():
    data = Sprites(batch_size=10, size=32, n_images=30)
    assert (data.num_classes, data.classes, data.image_shape) == (3, ("square", "ellipse", "heart"), (1, 32, 32))
    x, y = next(iter(data.train_dataloader()))
    assert (x.shape, y.shape) == ((10, 1, 32, 32), (10,))
    assert build(data.config()).config() == data.config()


def test_the_configuration_makes_it():
    data = build(yaml.safe_load(CONFIG.read_text())["data"])
    assert isinstance(data, Sprites)
    assert len(data.factors("train")) == 50_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_images": 0}, "n_images must be from 1 to 589824, got 0"),
        ({"n_images": WHOLE + 1}, "n_images must be from 1 to 589824, got 589825"),
        ({"size": 0}, r"size must be a side from 1 to 8192, or two: \[height, width\]; got 0"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sprites(**arguments)
    with pytest.raises(ValueError, match="split must be one of train, val, test, got 'all'"):
        Sprites().factors("all")
