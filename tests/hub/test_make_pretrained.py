"""The script that makes the models of the package: what it runs, what it writes down, what it refuses."""

import json
import sys

import pytest

import ganzoo
from ganzoo.callbacks import Checkpoints
from ganzoo.data import to_float
from ganzoo.inversion import invert
from tests.hub.test_pretrained import tool  # noqa: F401
from tests.zoo import digits, make, trainer

NOTED = {"cpu_minutes": 1.5, "hardware": "A processor", "torch": "9.9"}


@pytest.fixture
def made(tool, tmp_path, monkeypatch):  # noqa: F811
    """The script with two models of its own, in a folder of its own; the verbs are noted and not run."""
    monkeypatch.chdir(tmp_path)
    words = []
    monkeypatch.setattr(tool, "MODELS", {"a": tool.Row("a-mnist", None, "free"), "b": tool.Row("b", "a", "free")})
    monkeypatch.setattr(tool, "FOLDER", tmp_path / "pretrained")
    monkeypatch.setattr(tool, "ganzoo", lambda *given: words.append(given))
    tool.words = words
    return tool


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    trainer(3, folder, callbacks=[Checkpoints()]).fit(make("NSGAN"), datamodule=digits())
    (folder / "facts.json").write_text(json.dumps(NOTED))
    return folder


def called(made, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["make_pretrained", *map(str, words)])
    return made.main()


def test_a_finished_run_is_judged_and_exported_with_what_is_known_of_it(made, run, tmp_path, monkeypatch, capsys):
    assert called(made, monkeypatch, "b", "--run", run, "--hardware", "Mine") == 0
    last = str(run / "checkpoints" / "last.ckpt")
    assert made.words == [("test", "--ckpt_path", last, "--evaluate.n", "null")]
    training = ganzoo.load(tmp_path / "pretrained" / "b").config["training"]
    command = "ganzoo fit --config recipes/b --generator a"
    facts = {"name": "b", "recipe": "b", "command": command, "generator": "a", "data_licence": "free"}
    assert training.items() >= {**facts, **NOTED, "hardware": "Mine", "licence": "Apache-2.0", "batches": 3}.items()
    assert capsys.readouterr().out.startswith("| b | [b](../configs/recipes/b.yaml) | None | - (-) | 0.")
    text = (tmp_path / "pretrained" / "b" / "README.md").read_text()
    model, x = ganzoo.load(tmp_path / "pretrained" / "b"), to_float(digits().arrays("test")[0][:64])
    mse = (invert(model, x).images - x).square().mean()
    assert f"Test images brought into it: mse {mse:.4f} of 64 images (the nearest of 1,024 draws, 60 steps" in text
    assert f"Taken from a run of 1.5 CPU minutes on Mine, with torch 9.9.\n\n```\n{command}\n```" in text


def test_a_model_that_is_too_large_is_refused_and_the_old_one_stays(made, run, tmp_path, monkeypatch, capsys):
    assert called(made, monkeypatch, "a", "--run", run) == 0
    (tmp_path / "pretrained" / "a" / "mark").write_text("old")
    monkeypatch.setattr(made, "LARGEST", 0.001)
    capsys.readouterr()
    assert called(made, monkeypatch, "a", "--run", run) == 1
    assert capsys.readouterr().out.endswith("MB, more than 0.001: refused. Make its networks narrower\n")
    assert (tmp_path / "pretrained" / "a" / "mark").is_file()
    monkeypatch.setattr(made, "LARGEST", 2.0)
    assert called(made, monkeypatch, "a", "--run", run) == 0
    assert not (tmp_path / "pretrained" / "a" / "mark").exists()


def test_without_a_run_all_are_trained_and_their_time_is_taken(made, monkeypatch):
    trained = []
    monkeypatch.setattr(made, "export", lambda name, taken, noted: trained.append((name, noted)) or 0)
    monkeypatch.setattr(made, "place_of", lambda run, prefer: run)
    (made.Path("runs/pretrained/a")).mkdir(parents=True)
    (made.Path("runs/pretrained/b")).mkdir()
    seconds = iter([(10, 1), (100, 31), (100, 31), (160, 31)])

    class Usage:
        def __init__(self, who):
            self.ru_utime, self.ru_stime = next(seconds)

    monkeypatch.setattr(made.resource, "getrusage", Usage)
    assert called(made, monkeypatch) == 0
    fits = [words for words in made.words if words[0] == "fit"]
    assert fits == [
        ("fit", "--config", "recipes/a-mnist", "--run", "runs/pretrained/a"),
        ("fit", "--config", "recipes/b", "--generator", "a", "--run", "runs/pretrained/b"),
    ]
    assert [(name, noted["cpu_minutes"]) for name, noted in trained] == [("a", 2.0), ("b", 1.0)]
    assert trained[0][1].keys() == {"cpu_minutes", "hardware", "torch"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["c"], "no model 'c': choose of a, b, or add a line to MODELS"),
        (["--run", "x"], "--run is the run of one model: name it, as in a --run x"),
    ],
)
def test_a_wrong_call_is_told(words, message, made, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        called(made, monkeypatch, *words)
    assert message in capsys.readouterr().err
