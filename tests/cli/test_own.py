"""``--import``: the user's own classes, with every verb, and nobody else's."""

import os
import shlex
import subprocess
import sys

import pytest
import torch

from ganzoo.catalogue import PACKAGE
from ganzoo.cli import main, own
from ganzoo.cli.front import VERBS
from ganzoo.config import Configurable
from tests.cli.test_cli import TINY, call, refused  # noqa: F401

MINE = '''
"""Mine."""

import lightning
from ganzoo.models import NSGAN
from ganzoo.networks import MLPGenerator

with open("imports", "a") as file:
    file.write("once ")


class MyGAN(NSGAN):
    """As NSGAN, but mine."""


class MyG(MLPGenerator):
    """As MLPGenerator, but mine."""


class Shaped(MLPGenerator):
    """Its shape has no default."""

    def __init__(self, image_shape: tuple[int, ...], hidden: int = 8) -> None:
        super().__init__(image_shape, width=hidden)


class Mark(lightning.Callback):
    """Leaves a mark."""

    def on_train_start(self, trainer, *args):
        print("MARK", trainer.global_step)
'''


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own, "MODULES", [])
    monkeypatch.setattr(Configurable, "known", dict(Configurable.known))
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_gan_of_test.py").write_text(MINE)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("my_gan_of_test")]:
        del sys.modules[name]


def test_a_network_whose_shape_has_no_default_gets_that_of_the_data(home):
    words = ["--config", "models/nsgan", "--config", "data/digits", "--trainer.max_steps", "1", "--run", "s"]
    mine = ["--import", "my_gan_of_test", "--model.generator", "my_gan_of_test.Shaped"]
    status, text = call(home, "fit", *words, *mine)
    assert status == 0, text
    assert (home / "s" / "checkpoints" / "last.ckpt").is_file()


@pytest.mark.parametrize(
    ("argv", "rest", "modules"),
    [
        (["fit", "--run", "x"], ["fit", "--run", "x"], []),
        (["fit", "--import", "my_gan_of_test", "--run", "x"], ["fit", "--run", "x"], ["my_gan_of_test"]),
        (["--import=my_gan_of_test.py", "list"], ["list"], ["my_gan_of_test"]),
        (["a", "--import", "json.tool", "--import=my_gan_of_test", "b"], ["a", "b"], ["json.tool", "my_gan_of_test"]),
        (["a", "--import", "sub/nets.py"], ["a"], ["sub.nets"]),
        (["a", "--import", "my_gan_of_test", "--import", "my_gan_of_test.py"], ["a"], ["my_gan_of_test"]),
    ],
)
def test_what_is_named_is_imported_once_and_taken_out(argv, rest, modules, home):
    (home / "sub").mkdir()
    (home / "sub" / "nets.py").touch()
    assert own.bring(argv) == rest
    assert modules == own.MODULES
    assert all(name in sys.modules for name in modules)
    if "my_gan_of_test" in modules:
        assert (home / "imports").read_text() == "once "
    sys.modules.pop("sub.nets", None)
    sys.modules.pop("sub", None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--import"], "--import takes a module, or a file of this folder such as my_gan.py, got ''"),
        (["--import="], "--import takes a module, or a file of this folder such as my_gan.py, got ''"),
        (
            ["--import", "/etc/my_gan.py"],
            "--import takes a module, or a file of this folder such as my_gan.py, got '/etc",
        ),
        (["--import", "../my_gan.py"], "--import takes a module, or a file of this folder such as my_gan.py, got '../"),
        (["--import", "nowhere.py"], "no module 'nowhere': there is no nowhere.py in {home}, nor is it installed"),
        (["--import", "json.nowhere"], "no module 'json.nowhere': there is no json/nowhere.py in {home}, nor is it"),
        (["--import", "my_gan_of_test_needs"], "--import my_gan_of_test_needs: No module named 'not_installed'"),
        (["--import", "my_gan_of_test_wrong"], "--import my_gan_of_test_wrong failed: ZeroDivisionError: division by"),
        (["--import", "my_gan_of_test_typo"], "--import my_gan_of_test_typo failed: SyntaxError: invalid syntax"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(words, message, home, refused):  # noqa: F811
    (home / "my_gan_of_test_needs.py").write_text("import not_installed")
    (home / "my_gan_of_test_wrong.py").write_text("1 / 0")
    (home / "my_gan_of_test_typo.py").write_text("def")
    for verb in ("fit", "generate", "list"):
        assert refused(verb, *words).startswith(message.format(home=home))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_it(verb, home, capsys):
    try:
        status = main([verb, "--import", "my_gan_of_test", "--help"])
    except SystemExit as end:
        status = end.code
    assert status == 0
    assert "usage: " in capsys.readouterr().out
    assert own.MODULES == ["my_gan_of_test"]


def test_a_name_from_it_is_as_good_as_one_of_ours(home, capsys, refused):  # noqa: F811
    assert "no model 'MyGAN'" in refused("fit", "--model", "MyGAN")
    assert refused("fit", "--import", "my_gan_of_test", "--model", "MyGN").startswith(
        "no model 'MyGN': did you mean 'MyGAN'?"
    )
    assert main(["list", "--import", "my_gan_of_test"]) == 0
    text = capsys.readouterr().out
    assert "imported:\n  my_gan_of_test.Mark    Leaves a mark.\n  my_gan_of_test.MyG     As MLPGenerator, but" in text
    assert "NSGAN" not in text.partition("imported:")[2].partition("configs")[0].replace("As NSGAN", "")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with ``my_gan_of_test.py`` and a run of it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_gan_of_test.py").write_text(MINE)
    words = ["--import", "my_gan_of_test.py", "--model", "MyGAN", "--model.generator", "MyG"]
    status, text = call(folder, "fit", *TINY, *words, "--trainer.callbacks+=my_gan_of_test.Mark", "--run", "a")
    assert status == 0, text
    assert "MARK 0" in text
    for line in (
        "test --import my_gan_of_test --ckpt_path",
        "generate --import my_gan_of_test a/",
        "export --import my",
    ):
        assert f"\n  ganzoo {line}" in text
    return folder


def test_a_game_of_ones_own_is_tested_exported_sampled_and_resumed(run):
    checkpoint = "a/checkpoints/last.ckpt"
    words = ["--import", "my_gan_of_test"]
    assert call(run, "test", *words, "--ckpt_path", checkpoint, "--evaluate.n", "80")[0] == 0
    status, text = call(run, "export", *words, checkpoint, "--out", "published")
    assert status == 0
    assert "`ganzoo generate --import my_gan_of_test published`" in text
    assert call(run, "generate", checkpoint, *words, "--out", "one")[0] == 0
    assert call(run, "generate", "published", *words, "--out", "two")[0] == 0
    assert (run / "one" / "seeds-0-63.png").read_bytes() == (run / "two" / "seeds-0-63.png").read_bytes()
    status, text = call(run, "fit", *words, "--run", "a", "--ckpt_path", "last", "--trainer.max_steps", "5")
    assert status == 0, text
    assert "MARK 4" in text
    assert torch.load(run / "a" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 5


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("test --ckpt_path a/checkpoints/best.ckpt", "a/checkpoints/best.ckpt"),
        ("predict --ckpt_path a/checkpoints/best.ckpt", "a/checkpoints/best.ckpt"),
        ("fit --run a --ckpt_path last", "a/checkpoints/last.ckpt"),
        ("generate a/checkpoints/best.ckpt", "a/checkpoints/best.ckpt"),
        ("export a/checkpoints/best.ckpt --out o", "a/checkpoints/best.ckpt"),
    ],
)
def test_without_it_the_remedy_is_one_line_and_nothing_is_imported(words, file, run):
    before = (run / "imports").read_text()
    status, text = call(run, *words.split())
    assert status == 2
    assert text.endswith(
        f" in {file}: if it is yours, add --import my_gan_of_test (in Python: import my_gan_of_test)\n"
    )
    assert text.startswith("ganzoo: unknown class 'my_gan_of_test.M")
    assert text.count("\n") == 1
    assert (run / "imports").read_text() == before


@pytest.mark.parametrize("installed", [True, False])
def test_a_game_that_was_not_imported_names_the_remedy(installed, home, refused, monkeypatch):  # noqa: F811
    if installed:
        monkeypatch.syspath_prepend(home)  # the parser finds it, but has not heard of its networks
    message = refused("fit", *TINY, "--model", "my_gan_of_test.MyGAN", "--model.generator", "my_gan_of_test.MyG")
    assert message.startswith("my_gan_of_test is not of ganzoo" if installed else "--model: no module")
    assert message.endswith("add --import my_gan_of_test")


@pytest.mark.slow
def test_two_ranks_import_it_too(tmp_path):
    """Lightning starts the second rank by repeating the command line."""
    (tmp_path / "my_gan_of_test.py").write_text(MINE)
    words = ["fit", "--import", "my_gan_of_test", *TINY, "--model", "MyGAN", "--model.generator", "MyG", "--run", "a"]
    words += ["--trainer.devices", "2", "--trainer.logger", "false", "--evaluate.n", "10"]
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "ganzoo", *words]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "imports").read_text() == "once once "
    assert "trained 4 batches" in done.stdout


def test_a_reader_that_has_seen_enough_ends_a_list_quietly(tmp_path):
    command = f"{shlex.quote(sys.executable)} -m ganzoo list models | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=PACKAGE.parent, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
