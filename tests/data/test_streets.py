import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from ganzoo.config import build
from ganzoo.data import Streets, nearest_labels
from ganzoo.data.street_canvas import CLASSES, ROAD, SKY, Canvas, Dice, textures
from ganzoo.data.street_scenes import BLOCK, block, scenes
from ganzoo.data.streets import PALETTE
from ganzoo.pixels import to_float

CONFIG = Path(__file__).parents[2] / "configs" / "data" / "streets.yaml"
BYTES = "1c8640529578144f975cabc143eb156666e20bd14714ac776c0e6c75d7d53273"


@pytest.fixture(scope="module")
def drawn():
    """Two blocks of photographs and labels."""
    return scenes(2 * BLOCK, seed=0, size=64)


@pytest.fixture(scope="module")
def data():
    return Streets(size=32, n=70, batch_size=4)


# -- the scenes


def test_the_bytes_are_the_same_on_every_machine(drawn):
    photos, labels = drawn
    assert hashlib.sha256(photos[:BLOCK].tobytes() + labels[:BLOCK].tobytes()).hexdigest() == BYTES


def test_dice_are_the_raw_bits_of_philox():
    bits = np.random.Philox(key=np.array([5, 7], dtype=np.uint64)).random_raw(6) >> np.uint64(40)
    assert Dice(5, 7).uniform(0, 1, 2, 3).tolist() == (bits / 2**24).reshape(2, 3).tolist()
    assert Dice(5, 7).index(10, 6).tolist() == (bits.astype(int) * 10 // 2**24).tolist()
    assert Dice(5, 8).index(2**24, 6).tolist() != bits.tolist()
    values = Dice(0, 0).uniform(-1, 3, 10_000)
    assert values.dtype == np.float32
    assert -1 <= values.min() < -0.99 < 2.99 < values.max() < 3


def test_textures_repeat_without_a_seam():
    """Between cells a texture is smooth, also over the edge: neighbours differ by 1.5 / cell of the range at most."""
    for kind, cell in ((1, 4), (2, 8), (3, 32)):
        texture = textures()[kind]
        for axis in (0, 1):
            assert np.abs(texture - np.roll(texture, 1, axis)).max() <= 1.5 / cell + 1e-6
    assert textures().dtype == np.float32
    assert 0 <= textures().min() < textures().max() <= 1


def test_no_number_is_wider_than_32_bits(monkeypatch):
    """In 64 bits all would go well too, but twice as slowly."""
    seen = []
    tint = Canvas.tint

    def watched(canvas, mask, colour):
        seen.extend(values.dtype for values in colour if isinstance(values, np.ndarray))
        tint(canvas, mask, colour)

    monkeypatch.setattr(Canvas, "tint", watched)
    block(Dice(0, 0), 16)
    assert len(seen) > 60
    assert set(seen) == {np.dtype(np.float32)}


@pytest.mark.parametrize("start", [0, 5, BLOCK - 1, BLOCK])
def test_a_scene_is_the_same_alone_and_in_company(start, drawn):
    photos, labels = scenes(2, seed=0, size=64, start=start)
    assert np.array_equal(photos, drawn[0][start : start + 2])
    assert np.array_equal(labels, drawn[1][start : start + 2])


def test_no_two_scenes_are_alike(drawn):
    photos, labels = drawn
    others = scenes(BLOCK, seed=1, size=64)
    for ours, theirs in ((photos, others[0]), (labels, others[1])):
        assert len({image.tobytes() for image in [*ours, *theirs]}) == 3 * BLOCK


def test_every_class_has_its_share(drawn):
    shares = np.bincount(drawn[1].ravel(), minlength=len(CLASSES)) / drawn[1].size
    wanted = [0.24, 0.08, 0.24, 0.105, 0.23, 0.075, 0.018, 0.012]
    assert np.abs(shares / wanted - 1).max() < 0.25, shares


def test_labels_agree_with_the_picture(drawn):
    """The sky is above the road; and at the borders of the map, and only there, the picture changes."""
    photos, labels = drawn
    rows = np.arange(64)[:, None]
    height = {k: [rows[np.nonzero(m == k)[0]].mean() for m in labels] for k in (SKY, ROAD)}
    assert (np.array(height[SKY]) + 20 < height[ROAD]).all()
    assert (labels[:, -1] != SKY).all()
    assert (labels[:, 0] != ROAD).all()
    grey = photos.astype(int).sum(axis=1)
    step, border = np.abs(np.diff(grey, axis=2)), np.diff(labels.astype(int), axis=2) != 0
    assert step[border].mean() > 2 * step[~border].mean()


def test_cars_are_painted_in_many_colours_and_each_scene_in_one_light(drawn):
    """What a label map does not say: the mean colour of a class differs from scene to scene."""
    photos, labels = drawn
    for k, spread in (("car", 25), ("building", 20), ("sky", 20)):
        means = [
            p[:, m == CLASSES.index(k)].mean(axis=1)
            for p, m in zip(photos, labels, strict=True)
            if (m == CLASSES.index(k)).any()
        ]
        assert np.std(means, axis=0).max() > spread, k


@pytest.mark.parametrize("size", [16, 48, 128])
def test_a_scene_shows_the_same_street_at_every_size(size, drawn):
    """The grain of leaves is finer in larger pictures, so borders differ."""
    _, labels = scenes(8, seed=0, size=size)
    at = (np.arange(size) * 64 + 32) // size
    agree = (labels == drawn[1][:8][:, at][:, :, at]).mean()
    assert agree > 0.8


# -- labels in colour


def test_nearest_labels_are_those_of_the_nearest_colour():
    labels = torch.arange(8, dtype=torch.uint8).view(1, 2, 4)
    colour = PALETTE[labels.long()].permute(0, 3, 1, 2)
    assert torch.equal(nearest_labels(colour), labels)
    assert torch.equal(nearest_labels(to_float(colour)), labels)
    noise = torch.randint(-9, 10, colour.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(nearest_labels((colour + noise).clamp(0, 255).to(torch.uint8)), labels)
    far = torch.tensor([255, 255, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    distances = (255 - PALETTE.long()).square().sum(dim=1)
    assert nearest_labels(far).item() == distances.argmin()
    with pytest.raises(ValueError, match=r"label maps must be in colour, \[N, 3, H, W\], got \[1, 2, 4\]"):
        nearest_labels(labels)


# -- the data


@pytest.mark.parametrize("reverse", [False, True])
def test_label_maps_are_translated_to_photographs_or_back(reverse, data):
    turned = Streets(size=32, n=70, reverse=reverse)
    targets, sources = turned.sides("val")
    photos, maps = (sources, targets) if reverse else (targets, sources)
    assert (photos.dtype, photos.shape, maps.shape) == (torch.uint8, (70, 3, 32, 32), (70, 3, 32, 32))
    assert torch.equal(PALETTE[turned.label_maps("val").long()].permute(0, 3, 1, 2), maps)
    assert torch.equal(photos, data.sides("val")[0])
    assert len(photos.unique()) > 200


def test_splits_are_drawings_of_their_own_and_do_not_depend_on_the_seed(data):
    scenes_of = {
        split: {image.numpy().tobytes() for image in data.sides(split)[0]} for split in ("train", "val", "test")
    }
    assert [len(found) for found in scenes_of.values()] == [70, 70, 70]
    assert len(set.union(*scenes_of.values())) == 210
    assert Streets(size=32, n=70, seed=9).fingerprint("test") == data.fingerprint("test")
    assert len(Streets(size=16, n=600).sides("val")[0]) == 512


def test_larger_training_scenes_are_drawn_not_enlarged():
    data = Streets(size=16, n=3, jitter=8)
    assert data.sides("train")[0].shape == (3, 3, 16, 16)
    targets, sources = data.training_sides()
    assert targets.shape == (3, 3, 24, 24)
    assert torch.equal(targets, Streets(size=24, n=3).sides("train")[0])
    assert len(sources.permute(0, 2, 3, 1).reshape(-1, 3).unique(dim=0)) <= len(CLASSES)


def test_the_configuration_makes_it():
    data = build(yaml.safe_load(CONFIG.read_text())["data"])
    assert isinstance(data, Streets)
    assert (data.batch_size, data.image_shape, data.source_shape, data.n) == (1, (3, 64, 64), (3, 64, 64), 4096)
    assert build(data.config()).config() == data.config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 15}, "streets are square: size must be one side from 16 to 1024, got 15"),
        ({"size": [32, 64]}, r"size must be one side from 16 to 1024, got \[32, 64\]"),
        ({"n": 0}, "n must be from 1 to 100000 scenes, got 0"),
        ({"n": 100_001}, "n must be from 1 to 100000 scenes, got 100001"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Streets(**arguments)
