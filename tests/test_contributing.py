"""CONTRIBUTING is enough: what it shows runs, and with it a variant and a game of two generators are complete."""

import gc
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import ganzoo.models
from ganzoo.cli import main
from ganzoo.config import Configurable, build
from tests import zoo
from tests.processes import in_child
from tests.test_readme import SAID
from tests.zoo import digits, make, trainer

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
FILES = {
    path: code for path, code in re.findall(r"`([\w/.-]+)`:\n\n```(?:python|yaml)\n(.*?)```", TEXT, flags=re.DOTALL)
}
ENTRY = re.search(r'^ {4}"WGANLP": .*$', TEXT, flags=re.MULTILINE)[0]
IMPORT = re.search(r"^from ganzoo\.models\.wganlp import WGANLP$", TEXT, flags=re.MULTILINE)[0]
ROW = re.search(r"^\| WGANLP \|.*$", TEXT, flags=re.MULTILINE)[0]


@pytest.fixture
def registry(monkeypatch):
    """What an example defines is forgotten after it."""
    monkeypatch.setattr(Configurable, "known", dict(Configurable.known))


@pytest.fixture
def variant(registry, monkeypatch):
    """The variant of the example, as if it stood in the package."""
    space = {"__name__": "ganzoo.models.wganlp"}
    exec(FILES["ganzoo/models/wganlp.py"], space)
    monkeypatch.setattr(ganzoo.models, "WGANLP", space["WGANLP"], raising=False)
    monkeypatch.setitem(zoo.SPECIAL, *eval(f"{{{ENTRY}}}").popitem())
    return space["WGANLP"]


def train(game, folder):
    before = zoo.weights(game)
    trainer(2, folder).fit(game, datamodule=digits())
    assert any(not torch.equal(value, before[key]) for key, value in game.state_dict().items())


def test_the_objective_trains(registry, tmp_path):
    space = {"__name__": "margin"}
    exec(next(code for code in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL) if "Margin" in code), space)
    assert space["model"].objective.margin == 2
    train(space["model"], tmp_path)


def test_the_variant_trains(variant, tmp_path):
    game = make("WGANLP")
    assert type(game) is variant
    train(game, tmp_path)
    assert set(game.shown) == {"d/adv", "d/lp", "g/adv"}


def test_the_test_of_its_equation_is_green_and_red_for_a_wrong_equation(variant, monkeypatch):
    space = {"__name__": "test_wganlp"}
    exec(FILES["tests/models/test_wganlp.py"], space)
    (test,) = [value for name, value in space.items() if name.startswith("test_")]
    for s, weight in test.pytestmark[0].args[1]:
        with monkeypatch.context() as patch:
            test(s, weight, patch)
    wrong = FILES["ganzoo/models/wganlp.py"].replace(".clamp(min=0)", "")
    exec(wrong, other := {"__name__": "ganzoo.models.wganlp"})
    space["WGANLP"] = other["WGANLP"]
    with monkeypatch.context() as patch, pytest.raises(AssertionError):
        test(0.75, 10.0, patch)


def test_its_configuration_is_that_of_the_variant(variant):
    config = yaml.safe_load(FILES["configs/models/wganlp.yaml"])["model"]
    assert type(build(config)) is variant


def test_its_row_is_well_formed():
    said = re.fullmatch(r"\| WGANLP \| .* \| (\[\w+\.py\].*) \|", ROW)[1]
    assert SAID.fullmatch(said)


COMMANDS = re.findall(r"^ganzoo .*$", TEXT, flags=re.MULTILINE)
SMALL = {
    "fit": "--trainer.max_steps 2 --trainer.val_check_interval 2 --evaluate.n 64 --trainer.accelerator cpu",
    "test": "--evaluate.n 64 --trainer.accelerator cpu",
}


def test_own_networks_and_a_game_of_two_generators_go_from_fit_to_export_in_files_of_their_own(tmp_path):
    gc.collect()  # what examples before have defined would be offered for a short name, and cannot be imported
    for name in ("my_gan.py", "my_gan.yaml", "my_net.py"):
        (tmp_path / name).write_text(FILES[name])

    def work():
        os.chdir(tmp_path)
        verbs = []
        for command in COMMANDS:
            _, verb, *words = shlex.split(command)
            verbs.append(verb)
            assert main([verb, *words, *SMALL.get(verb, "").split()]) == 0, command
        assert verbs == ["fit", "generate", "fit", "test", "generate", "export"]
        assert ganzoo.load("wide/checkpoints/last.ckpt").generator.body[0].out_features == 128
        two = ganzoo.load("published/two").networks["generator_two"]
        game = ganzoo.load_game("two/checkpoints/last.ckpt")
        assert torch.equal(*(ganzoo.inference.sample_seeds(G, range(3)) for G in (two, game.H_ema)))
        assert [average.player for average in averages(game)] == ["gh", "gh"]

    log = tmp_path / "log"
    assert in_child(work, log) == 0, log.read_text()


def averages(game):
    trainer(1, ".").fit(game, datamodule=digits())
    return game._averages


# -- the whole, in a copy of the repository


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The repository with the example's lines in it, and with nothing else."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("ganzoo", "configs", "tests", "benchmarks", "docs", "notebooks", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for path in ("ganzoo/models/wganlp.py", "tests/models/test_wganlp.py", "configs/models/wganlp.yaml"):
        (folder / path).write_text(FILES[path])
    insert(folder / "ganzoo/models/__init__.py", "\n\n__all__ = [\n", f'\n{IMPORT}\n\n__all__ = [\n    "WGANLP",\n')
    insert(folder / "tests/zoo.py", '    "R1GAN": ', f'{ENTRY}\n    "R1GAN": ')
    insert(folder / "README.md", "\n| R1GAN |", f"\n{ROW}\n| R1GAN |")
    return folder


def insert(file, there, instead):
    text = file.read_text()
    assert text.count(there) == 1
    file.write_text(text.replace(there, instead))


def run_tests(folder, *words):
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


CHECKS = re.findall(
    r"^\.venv/bin/python -m pytest (.*tests/(?:test_readme|test_devices|engine).*)$", TEXT, re.MULTILINE
)


@pytest.mark.slow
@pytest.mark.parametrize("words", CHECKS)
def test_with_the_five_steps_a_variant_is_complete(words, copy):
    done = run_tests(copy, *shlex.split(words))
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line", "test"),
    [
        ("ganzoo/models/__init__.py", IMPORT, "tests/test_imports.py"),
        ("tests/zoo.py", ENTRY, "tests/test_contract.py"),
        ("README.md", ROW, "tests/test_readme.py"),
        ("configs/models/wganlp.yaml", FILES["configs/models/wganlp.yaml"], "tests/test_readme.py"),
        ("ganzoo/models/wganlp.py", "https://", "tests/test_contract.py"),
    ],
)
def test_without_a_step_the_test_that_the_table_names_fails(copy, file, line, test):
    path = copy / file
    text = path.read_text()
    assert line in text
    try:
        path.write_text(text.replace(line, ""))
        done = run_tests(copy, test, "-x", "-k", "docstring or every or exported or all_that or row")
        assert done.returncode == 1, done.stdout
    finally:
        path.write_text(text)
