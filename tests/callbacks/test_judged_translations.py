"""What translations are worth, on translators whose answers are known."""

import json
import math

import pytest
import torch

from ganzoo.callbacks import Evaluate, SampleGrid
from ganzoo.callbacks.evaluate import too_few
from ganzoo.callbacks.streets import ceilings_of_streets, floors_of_streets, mean_colours
from ganzoo.callbacks.translations import translation_values
from ganzoo.data import Streets, Unpaired
from ganzoo.metrics.pairs import l1, psnr, roughness
from ganzoo.pixels import to_float
from ganzoo.priors import Normal
from ganzoo.roles import Generator, Images
from tests.translator import SHAPE, Negatives, OfImages
from tests.zoo import digits, make, trainer, written

FCN = {f"fcn_{kind}" for kind in ("pixel", "class", "iou")}
BACK = {f"fcn_back_{kind}" for kind in ("pixel", "class", "iou")}


class Pairs(Negatives):
    def held_pairs(self, split):
        return split != "train"


class Times(Generator):
    """G(x) = a x."""

    def __init__(self, a=1.0, shape=SHAPE):
        super().__init__(shape, Normal(0), condition=Images(shape))
        self.a = torch.nn.Parameter(torch.tensor(a))

    def forward(self, z, y=None):
        return self.a * y


class Game:
    """What callbacks see of a game."""

    def __init__(self, **networks):
        self.published = {name: network.eval() for name, network in networks.items()}


def values(data, split="test", **networks):
    runner = trainer(1, "unused")
    runner.datamodule = data
    return translation_values(runner, Game(**networks), split=split)


def test_a_translator_of_pairs_is_held_against_its_targets():
    data = Pairs()  # targets are -x
    x, y = to_float(data.conditions("test")), to_float(data.read("test")[0])
    found = values(data, generator=Times(-0.5))
    assert set(found) == {"pair_l1", "pair_psnr", "pair_ssim", "sharpness"}
    assert found["pair_l1"] == pytest.approx(float(x.abs().mean()) / 2, rel=1e-5)
    assert found["pair_psnr"] == pytest.approx(float(psnr(y, -0.5 * x).mean()), rel=1e-6)
    assert math.isnan(found["pair_ssim"])  # 8 x 8 is less than a window
    assert found["sharpness"] == pytest.approx(0.5, rel=1e-5)
    assert values(data, generator=Times(-1.0))["pair_l1"] == pytest.approx(0, abs=1e-6)


def test_there_and_back_by_hand():
    """|ba - 1| |x|₁ and |ab - 1| |y|₁ of G = a x and F = b y."""
    data = Negatives()
    x, y = to_float(data.conditions("test")), to_float(data.read("test")[0])
    found = values(data, generator=Times(0.5), generator_back=Times(1.5))
    assert set(found) == {"cycle_l1", "cycle_back_l1", "sharpness"}
    assert found["cycle_l1"] == pytest.approx(0.25 * float(x.abs().mean()), rel=1e-5)
    assert found["cycle_back_l1"] == pytest.approx(0.25 * float(y.abs().mean()), rel=1e-5)


def test_the_way_back_starts_from_targets():
    """G(x) = 0 forgets all, so what is left of |F(G(x)) - x| is |x|, and of |G(F(y)) - y| is |y|."""
    data = Streets(n=16, size=16)
    y, x = map(to_float, data.sides("test"))
    zero, one = Times(0.0, (3, 16, 16)), Times(1.0, (3, 16, 16))
    found = values(data, generator=zero, generator_back=one)
    assert found["cycle_l1"] == pytest.approx(float(x.abs().mean()), rel=1e-5)
    assert found["cycle_back_l1"] == pytest.approx(float(y.abs().mean()), rel=1e-5)
    assert found["cycle_l1"] != pytest.approx(found["cycle_back_l1"], rel=1e-3)


def test_sets_of_two_sizes():
    class Apart(Negatives):
        def conditions(self, split):
            return super().conditions(split)[:70]

    data = Apart()
    x, y = to_float(data.conditions("test")), to_float(data.read("test")[0])
    found = values(data, generator=Times(0.5), generator_back=Times(1.5))
    assert found["cycle_l1"] == pytest.approx(0.25 * float(x.abs().mean()), rel=1e-5)
    assert found["sharpness"] == pytest.approx(0.5 * float(roughness(x).mean() / roughness(y).mean()), rel=1e-5)


def test_flat_targets_have_no_sharpness():
    class Flat(Negatives):
        def read(self, split):
            return tuple(torch.zeros_like(part) for part in super().read(split))

    assert math.isnan(values(Flat(), generator=Times())["sharpness"])


def test_games_that_translate_nothing_have_no_values():
    runner = trainer(1, "unused")
    assert translation_values(runner, make("Pix2Pix")) == {}  # without data
    runner.datamodule = digits()
    assert translation_values(runner, make("NSGAN")) == {}
    runner.datamodule = Pairs()
    assert translation_values(runner, make("CoGAN")) == {}


# -- streets


@pytest.mark.parametrize("reverse", [False, True])
def test_which_way_is_read_how(reverse):
    """Networks that copy: what is read is the floor "input", of G by the words of the data, of F the other way."""
    there, back = Streets(n=16, reverse=reverse), Streets(n=16, reverse=not reverse)
    copy = Times(1.0, (3, 64, 64))
    found = values(there, generator=copy, generator_back=copy)
    forward, backward = floors_of_streets(there)["input"], floors_of_streets(back)["input"]
    assert {kind: found[kind] for kind in FCN} == pytest.approx({kind: forward[kind] for kind in FCN}, abs=0.002)
    assert {kind: found[kind] for kind in BACK} == pytest.approx(
        {kind: backward[kind.replace("_back", "")] for kind in BACK}, abs=0.002
    )
    assert abs(forward["fcn_pixel"] - backward["fcn_pixel"]) > 0.2
    assert found["pair_l1"] == pytest.approx(forward["pair_l1"], rel=1e-5)
    assert found["sharpness"] == pytest.approx(forward["sharpness"], rel=1e-5)


def test_one_way_has_no_scores_of_the_other():
    assert set(values(Streets(n=16), generator=Times(1.0, (3, 64, 64)))) & BACK == set()


def test_real_images_are_the_ceiling():
    data = Streets(n=16)
    found, floors = ceilings_of_streets(data), floors_of_streets(data)
    assert set(found) == FCN | BACK
    assert {kind: found[kind] for kind in BACK} == dict.fromkeys(BACK, 1.0)
    assert {kind: floors["real"][kind] for kind in FCN} == {kind: found[kind] for kind in FCN}
    assert (floors["real"]["pair_l1"], floors["real"]["sharpness"]) == (0, 1)
    order = [floors[kind]["fcn_pixel"] for kind in ("real", "colours", "input", "shuffled")]
    assert order == sorted(order, reverse=True)
    assert floors["shuffled"]["sharpness"] == pytest.approx(1)
    assert "colours" not in floors_of_streets(Streets(n=16, reverse=True))


def test_each_class_has_its_mean_colour():
    labels = torch.tensor([[[0, 0], [1, 7]], [[0, 1], [1, 7]]], dtype=torch.uint8)
    photos = torch.zeros(2, 3, 2, 2, dtype=torch.uint8)
    photos[:, 0] = torch.tensor([[[10, 20], [40, 1]], [[60, 50], [60, 3]]])
    expected = torch.tensor([[[30, 30], [50, 2]], [[30, 50], [50, 2]]], dtype=torch.uint8)
    found = mean_colours(photos, labels)
    assert torch.equal(found[:, 0], expected)
    assert not found[:, 1:].any()


# -- verdicts


SPLITS = {"validate": "val", "test": "test"}  # of what is judged


@pytest.mark.parametrize("verb", SPLITS)
def test_a_verdict_says_what_translations_are_worth(verb, tmp_path):
    data, game, judged = Pairs(), make("CycleGAN").eval(), Evaluate(n=100)
    runner = trainer(1, tmp_path, callbacks=[judged], limit_val_batches=None)
    getattr(runner, verb)(game, data, verbose=False)
    record, split = written(tmp_path), SPLITS[verb]
    assert {"pair_l1", "cycle_l1", "cycle_back_l1", "sharpness"} <= set(record["metrics"])
    x, y = to_float(data.conditions(split)[:100]), to_float(data.read(split)[0][:100])
    assert len(data.conditions(split)) > 100, "no more are measured than are asked for"
    made = game.trained.translate(x)
    assert record["metrics"]["pair_l1"] == pytest.approx(float(l1(y, made).mean()), rel=1e-6)
    again = game.trained.translate_back(made)
    assert record["metrics"]["cycle_l1"] == pytest.approx(float(l1(x, again).mean()), rel=1e-6)
    assert not {"pair_l1", "cycle_l1", "sharpness"} & set(record["floors"])
    assert json.dumps(record)


@pytest.mark.parametrize(("few", "split"), [(None, "val"), (1, "test")])
def test_what_is_tested_does_not_choose_the_best(few, split, tmp_path):
    """fit judges by "val", and by "test" only where that has too few."""

    class Held(Pairs):
        def conditions(self, split):
            return super().conditions(split)[: few if split == "val" else None]

    judged, game = Evaluate(n=100), make("Pix2Pix")
    runner = trainer(1, tmp_path, callbacks=[judged], limit_val_batches=1, val_check_interval=1)
    runner.fit(game, datamodule=Held(batch_size=8))
    expected, other = (translation_values(runner, game, 100, one) for one in (split, "train"))
    assert judged.verdict.values["pair_l1"] == expected["pair_l1"]
    assert judged.verdict.values["sharpness"] == expected["sharpness"] != other["sharpness"]


@pytest.mark.parametrize("n", [32, 10])
@pytest.mark.parametrize("verb", SPLITS)
def test_a_verdict_of_streets_has_its_ceiling(verb, n, tmp_path):
    shape, data = (3, 16, 16), Streets(size=16, n=24)
    game = make("ContentGAN", generator=Times(0.9, shape), discriminator=OfImages(shape, shape)).eval()
    judged, split = Evaluate(n=n), SPLITS[verb]
    runner = trainer(1, tmp_path, callbacks=[judged], limit_val_batches=None)
    getattr(runner, verb)(game, data, verbose=False)
    first = Streets(size=16, n=min(n, 24))
    verdict, ceilings = judged.verdict, ceilings_of_streets(first, split=split)
    found = values(first, split, generator=Times(0.9, shape))
    assert {kind: verdict.values[kind] for kind in FCN} == {kind: found[kind] for kind in FCN}
    assert not set(verdict.values) & BACK
    assert {kind: verdict.floors[kind] for kind in FCN} == {kind: ceilings[kind] for kind in FCN}
    assert not set(verdict.floors) & BACK


@pytest.mark.parametrize(("asked", "sources", "n"), [(None, 70, 70), (None, 3, 10), (100, 70, 100)])
def test_each_test_image_is_translated_once_unless_more_are_asked_for(asked, sources, n, tmp_path):
    class Few(Negatives):
        def conditions(self, split):
            return super().conditions(split)[:sources]

    judged = Evaluate(n=asked)
    runner = trainer(1, tmp_path, callbacks=[judged], limit_val_batches=None)
    runner.validate(make("ContentGAN").eval(), Few(), verbose=False)
    assert judged.verdict.n == written(tmp_path)["n_samples"] == n


def test_few_sources_are_trained_on_and_shown_but_not_judged(tmp_path):
    """A side with few pictures may have none to test with: a warning says so, and grids show training images."""

    class NoSources(Negatives):
        def conditions(self, split):
            return super().conditions(split)[: 30 if split == "train" else 0]

    judged, data = Evaluate(), NoSources(batch_size=8)
    runner = trainer(2, tmp_path, callbacks=[judged, SampleGrid(every=1, n=4)], limit_val_batches=1)
    with pytest.warns(UserWarning, match="not be judged: Negatives has 1442 train and 0 test images"):
        runner.fit(make("CycleGAN"), datamodule=data)
    assert judged.verdict is None
    assert len(list((tmp_path / "grids").iterdir())) == 2
    with pytest.raises(ValueError, match="0 test images"):
        runner.validate(make("CycleGAN"), data, verbose=False)


def test_pictures_are_counted_without_being_read(tmp_path):
    """Files that are no pictures: whoever decodes them finds out."""
    for folder, n in {"trainA": 30, "trainB": 30, "testA": 15, "testB": 2}.items():
        (tmp_path / folder).mkdir()
        for i in range(n):
            (tmp_path / folder / f"{i}.png").write_text(f"{folder} {i}")
    runner = trainer(1, tmp_path)
    runner.datamodule = Unpaired(str(tmp_path), size=8, channels=1, num_workers=0)
    assert Evaluate().number(runner, make("ContentGAN"), 100) == 15
    assert too_few(runner.datamodule) == ""
    runner.datamodule = Unpaired(str(tmp_path), size=8, channels=1, num_workers=0, reverse=True)
    assert Evaluate().number(runner, make("ContentGAN"), 100) == 10
    with pytest.raises(ValueError, match="is not a readable image"):
        runner.datamodule.conditions("test")


def test_many_test_images_are_judged_at_the_usual_number(tmp_path):
    runner, game = trainer(1, tmp_path), make("ContentGAN")
    runner.datamodule = Negatives()
    assert Evaluate().number(runner, game, 100) == 100
    assert Evaluate().number(runner, make("NSGAN"), 10_000) == 10_000
