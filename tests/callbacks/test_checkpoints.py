"""``ckpt_path="last"`` and ``"best"`` in Python mean what they mean in Lightning, with our callback too."""

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from ganzoo.callbacks import Checkpoints, Evaluate
from tests.zoo import digits, make, trainer, weights, written


def fit(folder, steps, seed=0, **kwargs):
    game, runner = make("NSGAN", seed=seed), trainer(steps, folder, callbacks=[Checkpoints(every=2)])
    runner.fit(game, datamodule=digits(), **kwargs)
    return game, runner


def judging(folder):
    return trainer(1, folder, callbacks=[Evaluate(n=20), Checkpoints()], limit_val_batches=None)


def test_last_goes_on_and_overwrites_nothing_that_is_newer(tmp_path):
    whole, _ = fit(tmp_path / "whole", 6)
    fit(tmp_path / "a", 4)
    game, runner = fit(tmp_path / "a", 6, seed=9, ckpt_path="last")
    assert (runner.global_step, game.batches_done) == (6, 6)
    ours, expected = weights(game), weights(whole)
    assert all(torch.equal(value, ours[name]) for name, value in expected.items())


def test_a_first_fit_with_last_starts_from_the_beginning_and_says_so(tmp_path):
    with pytest.warns(UserWarning, match=r"there is no .*/last\.ckpt yet: training starts from the beginning"):
        _, runner = fit(tmp_path, 2, ckpt_path="last")
    assert runner.global_step == 2


@pytest.mark.parametrize("word", ["last", "best"])
def test_the_weights_of_the_file_are_judged_not_those_in_memory(word, tmp_path):
    trained, _ = fit(tmp_path, 3)
    (tmp_path / "checkpoints" / "last.ckpt").rename(tmp_path / "checkpoints" / f"{word}.ckpt")
    other = make("NSGAN", seed=9)
    judging(tmp_path).test(other, datamodule=digits(), ckpt_path=word, verbose=False)
    assert torch.equal(other.sample(4), trained.sample(4))
    assert written(tmp_path)["batches"] == 3


@pytest.mark.parametrize(("kept", "batches"), [(["last", "best"], 2), (["last"], 4), ([], 4)])
def test_without_a_model_the_best_one_is_judged(kept, batches, tmp_path):
    game = make("NSGAN")
    runner = trainer(4, tmp_path, callbacks=[Evaluate(n=20), Checkpoints(every=2)])
    runner.fit(game, datamodule=digits())
    folder = tmp_path / "checkpoints"
    fit(tmp_path / "two", 2)
    (tmp_path / "two" / "checkpoints" / "last.ckpt").rename(folder / "best.ckpt")
    for path in folder.iterdir():
        if path.stem not in kept:
            path.unlink()
    runner.test(datamodule=digits(), verbose=False)
    assert written(tmp_path)["batches"] == batches


@pytest.mark.parametrize(("verb", "word"), [("fit", "best"), ("test", "last"), ("test", "best")])
def test_a_word_without_its_file_is_refused(verb, word, tmp_path):
    fit(tmp_path, 1)
    (tmp_path / "checkpoints" / "last.ckpt").rename(tmp_path / "checkpoints" / "kept.ckpt")
    message = rf"ckpt_path='{word}': no .*/checkpoints/{word}\.ckpt; checkpoints there: kept\.ckpt"
    with pytest.raises(ValueError, match=message):
        getattr(judging(tmp_path), verb)(make("NSGAN"), datamodule=digits(), ckpt_path=word)


def test_lightnings_own_callback_keeps_its_words(tmp_path):
    theirs = ModelCheckpoint(tmp_path, save_last=True, every_n_train_steps=1)
    trainer(2, tmp_path, callbacks=[theirs]).fit(make("NSGAN"), datamodule=digits())
    again = ModelCheckpoint(tmp_path, save_last=True, every_n_train_steps=1)
    runner = trainer(3, tmp_path, callbacks=[again])
    runner.fit(make("NSGAN"), datamodule=digits(), ckpt_path="last")
    assert runner.global_step == 3
