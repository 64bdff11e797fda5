"""Pictures say what they show: seeds, rows of files and names of pictures, as the command line names them."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.cli import main
from ganzoo.data import Digits
from ganzoo.hub.writing import publish
from ganzoo.latent import verbs
from ganzoo.latent.neighbours import Pairs, drawn, write_table
from ganzoo.latent.npz import load_latents, save_latents
from ganzoo.pictures import grid, headed, save_png, sided, tiled
from tests.zoo import SHAPE, make


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "it"
    publish(make("VAE").eval(), folder, {"data": None})
    return str(folder)


@pytest.fixture
def told(monkeypatch):
    """What the verbs are told that the latents, or the terms, are called."""
    heard = []
    for verb in ("interpolate", "traverse", "edit", "neighbours", "add"):

        def hear(*args, **kwargs):
            heard.append(kwargs.get("names", args[-1]))
            return ""

        monkeypatch.setattr(verbs, verb, hear)
    return heard


@pytest.mark.parametrize(
    "words",
    [
        ["interpolate"],
        ["traverse"],
        ["edit", "--positive", "1,2", "--negative", "3"],
        ["neighbours", "--data", "data/digits"],
    ],
    ids=lambda words: words[0],
)
def test_latents_are_called_as_they_were_named(words, vae, told, tmp_path):
    file = save_latents(tmp_path / "z.npz", torch.randn(4, 4), y=[1, 0, 1, 1])
    pictures = [str(save_png(grid(torch.zeros(1, *SHAPE)), tmp_path / f"{name}.png")) for name in ("me", "you")]
    for source in (["--seeds", "3,7-8"], ["--latents", f"{file}:1"], ["--images", *pictures]):
        assert main([words[0], vae, *words[1:], *source, "--out", str(tmp_path / "o")]) == 0
    assert told == [["seed 3", "seed 7", "seed 8"], ["row 0", "row 2", "row 3"], ["me.png", "you.png"]]


def test_terms_are_called_as_they_were_named(vae, told, tmp_path):
    file = save_latents(tmp_path / "z.npz", torch.randn(3, 4), y=[1, 0, 1])
    words = ["--plus", f"{file}:1", "--minus", "4-6", "--plus", str(file)]
    assert main(["arithmetic", vae, *words, "--out", str(tmp_path / "o")]) == 0
    assert told == [["z.npz:1\nrows 0,2", "z.npz\nrows 0,1,2", "seeds 4-6"]]


def test_a_row_says_from_where_to_where(vae, tmp_path):
    assert main(["interpolate", vae, "--seeds", "5,9,0", "--steps", "2", "--loop", "--out", str(tmp_path)]) == 0
    model, z = make("VAE").eval(), load_latents(tmp_path / "latents.npz").z
    ways = ["seed 5\nto seed 9", "seed 9\nto seed 0", "seed 0\nto seed 5"]
    strip = sided(grid(model.trained.decode(z[[0, 1, 2, 2, 3, 4, 4, 5, 0]]), columns=3), ways)
    with Image.open(tmp_path / "interpolation.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(strip))


def test_the_table_has_a_row_for_each_sample(vae, tmp_path):
    assert main(["neighbours", vae, "--seeds", "3,7-8", "--data", "data/digits", "--out", str(tmp_path)]) == 0
    with (tmp_path / "neighbours.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["sample", "neighbour", "label", "distance"]
    assert [row[0] for row in rows] == ["seed 3", "seed 7", "seed 8"]
    _, extra = load_latents(tmp_path / "latents.npz")
    x, y = Digits().arrays("train")
    samples = make("VAE").eval().sample(seeds=[3, 7, 8])
    for row, sample, at, distance in zip(rows, samples, extra["neighbour"], extra["distance"], strict=True):
        assert row[1:] == [str(at), str(int(y[at])), str(float(distance))]
        assert float((sample - (x[at] / 127.5 - 1)).norm()) == pytest.approx(distance, abs=0.1)  # before rounding


def test_without_classes_there_is_no_label(tmp_path):
    found = Pairs(torch.zeros(1, 1, 8, 16), torch.tensor([0.5]), torch.tensor([4]))
    write_table(tmp_path / "a.csv", found, ["a, b.png"], None)
    assert (tmp_path / "a.csv").read_bytes() == b'sample,neighbour,distance\n"a, b.png",4,0.5\n'


def test_above_each_pair_stand_sample_neighbour_and_distance():
    found = Pairs(torch.rand(3, 1, 8, 16), torch.tensor([0.5, 1.25, 0.0]), torch.tensor([4, 59999, 7]))
    heads = [("sample\nseed 1", "train 4\ndistance 0.5"), ("sample\nseed 2", "train 59999\ndistance 1.25")]
    heads.append(("sample\nseed 3", "train 7\ndistance 0"))
    tiles = [headed(grid(x[None], gap=0, cell=128), head) for x, head in zip(found.images, heads, strict=True)]
    sheet = drawn(found, ["seed 1", "seed 2", "seed 3"], columns=2)
    assert np.array_equal(np.asarray(sheet), np.asarray(tiled(tiles, columns=2)))
