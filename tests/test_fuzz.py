"""Files that were altered, by chance or on purpose: none is taken for whole, none runs code, all are refused soon."""

import itertools
import random
import shutil

import numpy as np
import pytest
import torch
import yaml

import ganzoo.cli.train  # noqa: F401
from ganzoo.checkpoints import write_checkpoint
from ganzoo.cli import main
from tests.cli.test_cli import TINY, call
from tests.hostile import (
    GAME,
    NETWORKS,
    RUN,
    altered_checkpoints,
    altered_folders,
    beside,
    classes,
    described,
    replaced,
    watched,
    with_value,
)

CKPT = "run/checkpoints/last.ckpt"
SMALL = ["--evaluate.n", "10", "--trainer.logger", "false", "--trainer.max_steps", "5"]
OF_MODEL = {
    "generate": ["--seeds", "0-3", "--format", "npz"],
    "encode": ["run/grids/0000002.png"],
    "interpolate": [],
    "traverse": [],
    "arithmetic": ["--plus", "1"],
    "edit": ["--digit", "3"],
    "neighbours": ["--data", "data/digits"],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with one run, ``run``, published as ``model``, and four of its samples."""
    folder = tmp_path_factory.mktemp("whole")
    for words in (
        ["fit", *TINY, "--run", "run"],
        ["export", CKPT, "--out", "model"],
        ["generate", "model", *OF_MODEL["generate"]],
    ):
        status, text = call(folder, *words)
        assert status == 0, text
    return folder


@pytest.fixture
def place(whole, tmp_path):
    """A copy of it, beside code that must not run."""
    shutil.copytree(whole, tmp_path / "home")
    with beside(tmp_path / "home") as folder:
        yield folder


def put_back(whole, place, name):
    """Undo an alteration."""
    if (whole / name).is_dir():
        shutil.rmtree(place / name)
        shutil.copytree(whole / name, place / name)
    else:
        shutil.copy(whole / name, place / name)


def outcome(words, place, forged=True):
    """Run a command on an altered file; return whether it was refused, and what is wrong with how it ended."""
    ended = watched(lambda: main(list(words)), place)
    wrong = []
    if not ended.cheap:
        wrong.append(f"{ended.seconds:.1f} s, {ended.bytes / 2**30:.2f} GiB")
    if not ended.refused and (ended.status or not forged):
        wrong.append("accepted" if ended.status == 0 else f"no one line: {ended.text[-600:]}")
    if (place / "RAN").exists():
        wrong.append("code has run")
    return ended.refused, wrong


def samples(folder):
    return np.load(folder / "samples" / "seeds-0-3.npz")["images"].tobytes()


def altered_files(kind, n, seed, whole, place):
    """Alter a folder or a checkpoint ``n`` times; return how often it was refused, and all that went wrong."""
    refused, failures = 0, []
    name, alter = {"folder": ("model", altered_folders), "checkpoint": (CKPT, altered_checkpoints)}[kind]
    for k, altered in enumerate(alter(whole / name, n, seed)):
        altered.apply(place / name)
        if kind == "checkpoint" and k % 5 == 4:
            words = ["test", "--ckpt_path", name, *SMALL]
        elif kind == "checkpoint" and k % 5 == 3:
            words = ["fit", "--ckpt_path", name, "--run", f"again{k}", *SMALL]
        else:
            words = ["generate", name, *OF_MODEL["generate"], "--out", "samples"]
        known, wrong = outcome(words, place, altered.forged)
        if not altered.forged and wrong == ["accepted"] and samples(place) == samples(whole):
            wrong = []  # without effect: such as a capital letter in "\u00E9"
        refused += known
        failures += [(k, altered.name, words[0], what) for what in wrong]
        put_back(whole, place, name)
    return refused, failures


@pytest.mark.parametrize("kind", ["folder", "checkpoint"])
def test_some_altered_files(kind, whole, place):
    refused, failures = altered_files(kind, 20, 0, whole, place)
    assert not failures
    assert refused > 12


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", ["folder", "checkpoint"])
def test_many_altered_files(kind, seed, whole, place):
    refused, failures = altered_files(kind, 120, seed, whole, place)
    print(kind, seed, "refused:", refused, "of 120")
    assert not failures
    assert refused > 70  # the others change what a game may well be: another learning rate, a longer count


def named(n, seed):
    """``n`` of all classes that a file may not name, each with its place and a verb that looks there."""
    everywhere = [
        *itertools.product(
            ["folder"], ["networks.generator", "networks.generator.init_args.prior"], classes(), OF_MODEL
        ),
        *itertools.product(["checkpoint"], NETWORKS, classes(), [*OF_MODEL, "export"]),
        *itertools.product(["checkpoint"], GAME, classes(), ["test", "validate", "predict"]),
        *itertools.product(["run"], [*GAME, *RUN], classes(), ["fit"]),
    ]
    chosen = random.Random(seed)
    kinds = {kind: [case for case in everywhere if case[0] == kind] for kind in ("folder", "checkpoint", "run")}
    return [chosen.choice(kinds[kind]) for kind in itertools.islice(itertools.cycle(kinds), n)]


def name_it(kind, where, value, place):
    """Write a class into a file."""
    if kind == "folder":
        described(place / "model", lambda config: replaced(config, tuple(where.split(".")), value))
    elif kind == "checkpoint":
        content = torch.load(place / CKPT, weights_only=True)
        content["ganzoo"] = with_value(content["ganzoo"], where, value)
        write_checkpoint(content, place / CKPT)
    else:
        path = place / "run" / "config.yaml"
        path.write_text(yaml.safe_dump(with_value(yaml.safe_load(path.read_text()), where, value)))


def hostile_classes(n, seed, whole, place):
    """Let files name ``n`` classes that they may not; return all that went wrong."""
    failures = []
    for k, (kind, where, value, verb) in enumerate(named(n, seed)):
        name_it(kind, where, value, place)
        model = "model" if kind == "folder" else CKPT
        if verb in OF_MODEL or verb == "export":
            words = [verb, model, *OF_MODEL.get(verb, []), "--out", f"out{k}"]
        else:
            words = [verb, "--ckpt_path", model, *SMALL]
        _, wrong = outcome(words, place, forged=False)
        failures += [(k, kind, where, value, verb, what) for what in wrong]
        put_back(whole, place, "run")
        put_back(whole, place, "model")
    return failures


def test_some_hostile_classes(whole, place):
    assert not hostile_classes(18, 0, whole, place)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_many_hostile_classes(seed, whole, place):
    assert not hostile_classes(90, seed, whole, place)
