"""What the trainer cannot do is one line in our words; the progress bar is the user's choice."""

import pytest
from lightning.pytorch.callbacks import TQDMProgressBar

from ganzoo.callbacks import Progress
from ganzoo.cli import main
from ganzoo.cli.trainer import FOUND, bars, in_our_words, of_configuration
from ganzoo.cli.values import check_nulls
from ganzoo.data import Emoji, Pairs
from ganzoo.models import WGANGP


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch, tmp_path):
    monkeypatch.setitem(FOUND, "gpu", lambda: False)
    monkeypatch.chdir(tmp_path)


def refused(words, capsys):
    """Run ``fit``, which must end with one line; return the line."""
    assert main(["fit", "--config", "models/nsgan", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--trainer.accelerator gpu", "--trainer.accelerator gpu: there is none here: use cpu, or auto"),
        ("--trainer.gradient_clip_val 1", "trainer.gradient_clip_val=1: each player clips its own gradient"),
        *((f"--trainer.devices {n}", "give a number of processes from 1 up, or auto") for n in ("0", "null", "[1,2]")),
        ("--grid null", "--grid: expected a file of YAML, or {name: value}, got 'null': leave it out"),
        ("--trainer.val_check_interval 0.5", "add --trainer.check_val_every_n_epoch 1"),
        ("--trainer.enable_checkpointing false", "--checkpoint.every N for fewer"),
        ("--trainer.callbacks+=ganzoo.callbacks.Checkpoints", "there are two callbacks Checkpoints: leave one out"),
        ("--trainer.strategy deepspeed", "leave --trainer.strategy out"),
        ("--trainer.barebones true", "add --trainer.logger false"),
        ("--trainer.callbacks+=EarlyStopping", "missing monitor: "),
    ],
)
def test_a_trainer_that_cannot_be_is_one_line(words, line, capsys):
    given = words if "devices" not in words else f"{words} --trainer.accelerator cpu"
    assert line in refused(given.split(), capsys)


@pytest.mark.parametrize(
    ("cls", "name"), [(Pairs, "size"), (Pairs, "paired"), (Emoji, "num_workers"), (WGANGP, "ema_decay")]
)
def test_an_argument_that_is_passed_on_is_not_null_either(cls, name):
    with pytest.raises(ValueError, match=f"^it.{name} cannot be null: leave it out"):
        check_nulls(cls, {name: None}, "it")


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("trainer: 3", "trainer must hold names with values, got 3: leave it out"),
        ("samples: []", "samples must hold names with values, got []: leave it out"),
        ("evaluate: x", "evaluate must hold names with values, got 'x': leave it out"),
        ("model: 5", "model must be a class, or class_path and init_args, got 5"),
        ("data: []", "data must be a class, or class_path and init_args, got []"),
        ("model: {init_args: {generator: {clas_path: X}, gp: 1}}", "expected a Generator as class_path and init_args"),
        ("model: {init_args: {generator: {class_path: X, width: 1}}}", "model.generator has 'width' beside class_path"),
        ("checkpoint: {every: null}", "checkpoint.every cannot be null: leave it out"),
        ("seed_everything: -1", "seed_everything must be a whole number from 0 to 4294967295, got -1"),
    ],
)
def test_a_layer_of_the_wrong_form_is_one_line(layer, line, capsys, tmp_path):
    (tmp_path / "x.yaml").write_text(layer)
    assert line in refused(["--config", "x.yaml"], capsys)


def test_the_bar_is_the_users_choice():
    assert [type(bar) for bar in bars({"callbacks": None})] == [Progress]
    assert bars({"callbacks": [TQDMProgressBar()]}) == bars({"enable_progress_bar": False}) == []


def test_a_metric_that_there_is_not_names_those_that_there_are():
    error = RuntimeError(
        "Early stopping conditioned on metric `nope` which is not available. Pass in or modify your `EarlyStopping`"
        " callback to use any of the following: `d/adv`, `g/adv`"
    )
    assert of_configuration(error)
    assert in_our_words(error) == "EarlyStopping: there is no metric nope: monitor one of `d/adv`, `g/adv`"
    assert not of_configuration(RuntimeError("a fault of ours"))
