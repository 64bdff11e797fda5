"""Nothing in a checkpoint, a run or a published folder decides what is imported, opened or called, in any verb."""

import itertools
import json
import random
import shutil

import pytest
import torch
import yaml

import ganzoo
import ganzoo.cli.layers
import ganzoo.cli.train
from ganzoo.cli import main
from ganzoo.cli.known import LETTERS, read_yaml, run_layer
from ganzoo.hub.form import hash_of
from tests.cli.test_cli import TINY, call
from tests.hostile import GAME, NETWORKS, RUN, beside, classes, watched, with_value

CKPT = "run/checkpoints/last.ckpt"
TRAINED = ("test", "validate", "predict", "fit")
MODEL = {  # verbs on a checkpoint or folder
    "generate": [],
    "encode": ["run/grids/0000002.png"],
    "interpolate": [],
    "traverse": [],
    "arithmetic": ["--plus", "1"],
    "edit": ["--digit", "3"],
    "neighbours": ["--data", "data/digits"],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with one run, ``run``, published as ``model``."""
    folder = tmp_path_factory.mktemp("home")
    status, text = call(folder, "fit", *TINY, "--run", "run")
    assert status == 0, text
    status, text = call(folder, "export", CKPT, "--out", "model")
    assert status == 0, text
    return folder


@pytest.fixture
def place(home, tmp_path):
    """A copy of it, beside code that must not run."""
    shutil.copytree(home, tmp_path / "home")
    with beside(tmp_path / "home") as folder:
        yield folder


def words(verb, *more):
    """The command that uses the run's checkpoint."""
    if verb in TRAINED:
        return [verb, "--ckpt_path", CKPT, *more]
    if verb == "export":
        return ["export", CKPT, "--out", "out", *more]
    return [verb, CKPT, *MODEL[verb], *more]


def altered(folder, name, value):
    """Write another configuration into the run's checkpoint."""
    checkpoint = torch.load(folder / CKPT, weights_only=True)
    checkpoint["ganzoo"] = with_value(checkpoint["ganzoo"], name, value)
    torch.save(checkpoint, folder / CKPT)


def refuse(folder, *argv):
    """Check that a command is refused in one line, soon and without much memory; return the line."""
    ended = watched(lambda: main(list(argv)), folder)
    assert ended.refused, (argv, ended)
    assert ended.cheap, (argv, ended)
    assert not (folder / "RAN").exists(), argv
    return ended.text


def hostile(places, verbs, n, seed=0):
    """``n`` of all pairs of a place and what stands there, each with a verb."""
    pairs = list(itertools.product(places, classes()))
    random.Random(seed).shuffle(pairs)
    return [(verb, *pair) for verb, pair in zip(itertools.cycle(verbs), pairs[:n], strict=False)]


@pytest.mark.parametrize("verb", ["test", "generate", "export", "fit"])
def test_the_code_beside_a_checkpoint_stays_where_it_is(verb, place):
    where = "model" if verb in TRAINED else "networks.generator"
    altered(place, where, {"class_path": "helper.Net", "init_args": {}})
    (place / "run" / "config.yaml").unlink()
    text = refuse(place, *words(verb))
    remedy = "if it is yours, add --import helper (in Python: import helper)"
    assert text == f"ganzoo: unknown class 'helper.Net' in {CKPT}: {remedy}\n"


def test_without_the_check_it_would_run(place, monkeypatch):
    altered(place, "model", {"class_path": "helper.Net", "init_args": {}})
    monkeypatch.setattr(ganzoo.cli.layers, "checked", lambda config, *args: config)
    monkeypatch.setattr(ganzoo.cli.layers, "fitting", lambda *args: None)
    assert watched(lambda: main(words("test")), place).status != 0
    assert (place / "RAN").read_text() == "ran"
    (place / "RAN").unlink()


def test_with_import_it_runs_because_the_user_says_so(place):
    altered(place, "networks.generator.class_path", "helper.Net")
    refuse(place, *words("generate"))
    ended = watched(lambda: main(words("generate", "--import", "helper")), place)
    assert ended.status == 0, ended.text
    (place / "RAN").unlink()


@pytest.mark.parametrize(
    ("verb", "where", "value"),
    [
        *hostile(NETWORKS, [*MODEL, "export"], 10),
        *hostile(GAME, ["test", "predict", "validate"], 10),
    ],
)
def test_a_checkpoint_that_names_what_it_should_not_is_refused(verb, where, value, place):
    altered(place, where, value)
    refuse(place, *words(verb))


@pytest.mark.parametrize(("verb", "where", "value"), hostile([*GAME, *RUN], ["fit"], 8))
def test_a_run_that_names_what_it_should_not_is_refused(verb, where, value, place):
    path = place / "run" / "config.yaml"
    path.write_text(yaml.safe_dump(with_value(yaml.safe_load(path.read_text()), where, value)))
    refuse(place, *words(verb))


@pytest.mark.parametrize(("verb", "where", "value"), hostile(["", ".init_args.prior"], MODEL, 8))
def test_a_folder_that_names_what_it_should_not_is_refused(verb, where, value, place):
    path = place / "model" / "config.json"
    config = with_value(json.loads(path.read_text()), f"networks.generator{where}", value)
    config["sha256"]["config.json"] = hash_of(config)
    path.write_text(json.dumps(config))
    refuse(place, verb, "model", *MODEL[verb])


# -- config.yaml of a run


CALLBACK = {"class_path": "lightning.pytorch.callbacks.LambdaCallback", "init_args": {"on_fit_start": "os.abort"}}


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("trainer.callbacks", [CALLBACK], "unknown class 'lightning.pytorch.callbacks.LambdaCallback'"),
        ("trainer.callbacks", "helper.Net", "callbacks must be given as class_path and init_args"),
        ("trainer.strategy", "helper", "strategy must be a plain word, and no file here, got the text 'helper'"),
        ("trainer.strategy", {"class_path": "ganzoo.engine.GameStrategy", "init_args": {"ddp_comm_hook": "os.abort"}},
         "ddp_comm_hook must be given as class_path and init_args, got the text 'os.abort'"),
        ("trainer.logger", {"class_path": "lightning.pytorch.loggers.WandbLogger", "dict_kwargs": {"x": {"y": 1}}},
         "dict_kwargs of lightning.pytorch.loggers.WandbLogger must be names with texts and numbers"),
        ("evaluate.extractor", "file.pt", "extractor must be given as class_path and init_args"),
        ("weights_only", False, "'weights_only' is no part of a run: it has model, data, trainer, evaluate"),
        ("ckpt_path", "other.ckpt", "'ckpt_path' is no part of a run"),
        ("config", "other.yaml", "'config' is no part of a run"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_run_is_named(where, value, message, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper").touch()
    config = yaml.safe_load((home / "run" / "config.yaml").read_text())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(with_value(config, where, value)))
    with pytest.raises(ValueError, match=message) as error:
        run_layer(tmp_path / "config.yaml")
    assert "\n" not in str(error.value)


def test_what_a_run_may_name_is_kept_as_it_is(home, tmp_path):
    config = yaml.safe_load((home / "run" / "config.yaml").read_text())
    loggers = "lightning.pytorch.loggers."
    config["trainer"] |= {
        "callbacks": [
            {"class_path": "ganzoo.callbacks.Animation", "init_args": {"fps": 5, "hold": 1.5}},
            {"class_path": "lightning.pytorch.callbacks.LearningRateMonitor"},
        ],
        "logger": [
            {"class_path": f"{loggers}CSVLogger", "init_args": {"save_dir": "a/b", "name": "csv"}},
            {"class_path": f"{loggers}TensorBoardLogger", "init_args": {"save_dir": "a", "comment": ""}},
            {
                "class_path": f"{loggers}WandbLogger",
                "init_args": {"project": "x"},
                "dict_kwargs": {"tags": ["a b", "c"]},
            },
        ],
        "strategy": {"class_path": "ganzoo.engine.GameStrategy", "init_args": {"bucket_mb": 3}},
        "precision": "bf16-mixed",
        "max_time": "00:01:00:00",
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    assert run_layer(tmp_path / "config.yaml") == {key: value for key, value in config.items() if value is not None}


def test_the_generator_that_a_game_was_given_is_that_of_the_checkpoint(tmp_path):
    given = {"class_path": "ganzoo.hub.Trained", "init_args": {"path": "gone"}}
    network = {"class_path": "ganzoo.networks.MLPGenerator", "init_args": {"width": 4}}
    model = {"class_path": "ganzoo.models.LatentEncoder", "init_args": {"ema_decay": 0.5}}
    config = {"model": with_value(model, "init_args.generator", given)}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    known = with_value(model, "init_args.generator", network)
    assert run_layer(tmp_path / "config.yaml", known) == {"model": known}
    with pytest.raises(ValueError, match=r"unknown class 'ganzoo\.hub\.Trained' in"):
        run_layer(tmp_path / "config.yaml", {"class_path": "ganzoo.models.LatentEncoder"})


LAUGHS = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in itertools.pairwise("abcdefghijklmnopqrst"))
MERGES = "a: &a {x: 1}\n" + "".join(f"{b}: &{b} {{<<: [*{a}, *{a}]}}\n" for a, b in itertools.pairwise("abcdefghijk"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "is damaged: an alias: write out what it stands for"),
        (MERGES, "is damaged: an alias"),
        ("a: &a [*a]", "is damaged: an alias"),
        ("a: " + "[" * 50_000, "is damaged: maximum recursion depth exceeded"),
        ("a: " + "{a: " * 10_000, "is damaged: maximum recursion depth exceeded"),
        ("a: " + "9" * 20_000, "is damaged: Exceeds the limit"),
        ("model: " + "x" * LETTERS, f"is no configuration of a run: it has more than {LETTERS} letters"),
        ("a: !!python/name:helper.Net", "is damaged: could not determine a constructor for the tag"),
        ("a: !!python/object/apply:os.system [x]", "is damaged: could not determine a constructor"),
        ("[a]", "is damaged: it must hold names with values"),
        ("", "is damaged: it must hold names with values"),
        ("a: [", "is damaged: while parsing a flow node"),
        ("\x00", "is damaged: unacceptable character"),
        ("a: !!binary x", "is damaged: failed to decode base64 data"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_refused(text, message, tmp_path):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_yaml(tmp_path / "config.yaml")
    assert "\n" not in str(error.value)
