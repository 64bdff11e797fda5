"""What version 0.1 wrote is read: checkpoints of format 1 and folders of format ganzoo/1, bit for bit its samples.

``tests/files/v0.1`` was written by that version: a CGAN on Digits after three batches, an encoder for its G, the CGAN
published, and what they returned.
"""

from pathlib import Path

import pytest
import torch

import ganzoo
from ganzoo.callbacks import Checkpoints
from ganzoo.checkpoints import read_checkpoint
from ganzoo.cli import main
from ganzoo.models import CGAN, LatentEncoder
from tests.zoo import digits, trainer

OLD = Path(__file__).parents[1] / "files" / "v0.1"
CLASSES = [i % 10 for i in range(6)]


@pytest.fixture(scope="module")
def expected():
    return torch.load(OLD / "expected.pt", weights_only=True)


@pytest.mark.parametrize("source", ["cgan.ckpt", "published"])
def test_an_old_model_makes_its_old_samples(source, expected):
    # written on another machine, maybe: its convolutions are none, its sums short
    torch.testing.assert_close(ganzoo.load(OLD / source).sample(6, 0, CLASSES), expected["sample"])


def test_an_old_encoder_over_a_given_generator_encodes(expected):
    model = ganzoo.load(OLD / "latentencoder.ckpt")
    torch.testing.assert_close(model.encode(expected["sample"]), expected["latents"])
    assert isinstance(ganzoo.load_game(OLD / "latentencoder.ckpt"), LatentEncoder)


@pytest.mark.filterwarnings("ignore:The loaded checkpoint was produced with Lightning")
@pytest.mark.parametrize("name", ["cgan.ckpt", "latentencoder.ckpt"])
def test_an_old_run_is_resumed_and_written_in_the_present_format(name, tmp_path):
    game = ganzoo.load_game(OLD / name)
    runner = trainer(5, tmp_path, callbacks=[Checkpoints()])
    runner.fit(game, datamodule=digits(), ckpt_path=OLD / name)
    assert runner.global_step == 5
    ours = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["ganzoo"]
    assert ours["format"] == 2
    assert ours["batches"] == 5
    assert "generator" in ours["networks"]


def test_an_old_checkpoint_goes_through_the_verbs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(OLD / "cgan.ckpt"), "--out", "new"]) == 0
    assert type(ganzoo.load_game(OLD / "cgan.ckpt")) is CGAN
    assert main(["generate", "new", "--labels", "3", "--seeds", "0-7"]) == 0
    assert torch.equal(ganzoo.load("new").sample(6, 0, CLASSES), ganzoo.load(OLD / "cgan.ckpt").sample(6, 0, CLASSES))
