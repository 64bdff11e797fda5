"""The grid of a translator: what it is told, what it makes of that, the way back, and what it should make."""

import numpy as np
import pytest
import torch

from ganzoo.callbacks import SampleGrid
from ganzoo.callbacks.condition import conditions_of, targets_of
from ganzoo.inference import translated
from ganzoo.pictures import blocks
from tests.translator import Negatives
from tests.zoo import make

SEEDS = range(3, 3 + 20)


class Pairs(Negatives):
    """Negatives that say that test images belong together, as sets of pairs do."""

    def held_pairs(self, split):
        return split == "test"


class WithData:
    """A trainer that has data."""

    def __init__(self, data):
        self.datamodule = data


def test_targets_belong_to_what_the_translator_is_told():
    trainer, game = WithData(Pairs()), make("Pix2Pix")
    told, targets = conditions_of(trainer, game, SEEDS), targets_of(trainer, SEEDS)
    torch.testing.assert_close(targets, -told)  # of negatives
    assert len({x.numpy().tobytes() for x in told}) > 10
    n = len(Pairs().conditions("test"))
    assert torch.equal(targets_of(trainer, range(n + 3, n + 23)), targets)
    assert (targets.dtype, targets.shape) == (torch.float32, (20, 1, 8, 8))


def test_without_pairs_there_are_no_targets():
    class Apart(Pairs):
        def held_pairs(self, split):
            return split != "test"

    for data in (Negatives(), Apart(), None):
        assert targets_of(WithData(data), SEEDS) is None


@pytest.mark.parametrize(
    ("variant", "data", "words"),
    [
        ("CycleGAN", Pairs, ["input", "output", "cycle", "target"]),
        ("CycleGAN", Negatives, ["input", "output", "cycle"]),
        ("Pix2Pix", Pairs, ["input", "output", "target"]),
        ("ContentGAN", Negatives, ["input", "output"]),
    ],
)
def test_the_grid_shows_all_that_there_is(variant, data, words):
    game, trainer = make(variant).eval(), WithData(data())
    found = SampleGrid(n=20, seed=3).picture(trainer, game)
    x = conditions_of(trainer, game, SEEDS)
    y = game.sample(20, 3, x)
    kinds = {"input": x, "output": y, "target": -x}
    if "cycle" in words:
        kinds["cycle"] = translated(game.published["generator_back"], y)
    assert np.array_equal(np.asarray(found), np.asarray(blocks([kinds[word] for word in words], 8, words)))
    assert found.height == 3 * len(words) * 50 + 2  # 20 images are three rows of 8


def test_a_game_that_fell_apart_is_drawn_all_the_same():
    game = make("CycleGAN").eval()
    for network in game.published.values():
        for weight in network.parameters():
            weight.data.fill_(torch.nan)
    assert SampleGrid(n=8).picture(WithData(Pairs()), game).height == 4 * 50 + 2
