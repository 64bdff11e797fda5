"""The models that come with the package: they are whole, small, what their cards say, and found by name everywhere."""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo import bundled
from ganzoo.bundled import FACTS, FOLDER
from ganzoo.catalogue import configs
from ganzoo.cli import main
from ganzoo.cli.layers import layered
from ganzoo.hub.card import card, number
from ganzoo.hub.form import place_of, weights_of
from ganzoo.hub.writing import export_checkpoint, seeds_shown
from ganzoo.roles import Images, Translator
from tests.processes import in_child
from tests.zoo import written

NAMES = bundled.names()
ROOT = Path(ganzoo.__file__).parent.parent
REAL = os.environ.get("GANZOO_DATA", "/nowhere")  # tests get another one
LARGEST, ALL = 2.0, 32.0  # 10^6 bytes
TESTED = {  # test images, which a translator is judged by once each
    "ganzoo.data.Streets": 512,
    "ganzoo.data.Glasses": 500,
    "ganzoo.data.Hanzi": 472,
    "ganzoo.data.Emoji": 193,
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def tool():
    """tools/make_pretrained.py."""
    spec = importlib.util.spec_from_file_location("make_pretrained", ROOT / "tools" / "make_pretrained.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(name):
    return json.loads((FOLDER / name / "config.json").read_text())


# -- each of them


def test_there_are_some_and_all_together_they_are_small():
    assert NAMES
    assert {path.name for path in FOLDER.iterdir()} == set(NAMES), "a folder that is no model"
    assert sum(bundled.megabytes(FOLDER / name) for name in NAMES) <= ALL


@pytest.mark.parametrize("name", NAMES)
def test_it_is_whole_and_small(name):
    config, folder = said(name), FOLDER / name
    tensors = {weights_of(network) for network in config["networks"]}
    assert {path.name for path in folder.iterdir()} == {"config.json", "README.md", "grid.png", *tensors}
    for file in tensors:
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == config["sha256"][file]
    assert bundled.megabytes(folder) <= LARGEST
    assert re.fullmatch("[a-z0-9-]+", name)


@pytest.mark.parametrize("name", NAMES)
def test_its_seeds_are_those_of_its_picture(name):
    """Within one grey level: processors differ in the last bits, and the picture is of whole levels."""
    model = ganzoo.load(name)
    assert model.source == FOLDER / name
    shown = seeds_shown(model)
    with Image.open(FOLDER / name / "grid.png") as stored:
        assert shown is None or np.abs(np.int16(shown) - np.int16(stored)).max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_its_card_says_what_config_json_says(name):
    config, text = said(name), (FOLDER / name / "README.md").read_text()
    training, measured = config["training"], config["metrics"]
    assert text == card(config, ganzoo.load(name))
    assert set(FACTS) - set(training) <= {"generator", "inversion"}
    assert f"recipes/{training['recipe']}" in configs()
    assert f"```\n{training['command']}\n```" in text
    assert f"{training['cpu_minutes']} CPU minutes on {training['hardware']}" in text
    assert f"Weights: {training['licence']}.\nTraining data: {training['data_licence']}.\n" in text
    translates = isinstance(ganzoo.load(name).generator, Translator)
    assert translates or f"Test images brought into it: {training['inversion']}.\n" in text
    assert re.search(r"^L_\w+ =", text, flags=re.MULTILINE)
    assert measured["n_samples"] == TESTED.get(training["data"]["class_path"], 10_000)
    for metric, value in measured["metrics"].items():
        assert f"| {metric} | {number(value)} | {number(measured['floors'].get(metric))} |" in text
    headline = bundled.described(FOLDER / name)
    assert None not in (headline.metric, headline.value)
    assert (headline.floor is None) == headline.metric.startswith("recon_"), "real images need no reconstruction"


@pytest.mark.parametrize("name", NAMES)
def test_the_python_of_its_card_runs(name):
    (code,) = re.findall(r"```python\n(.*?)```", (FOLDER / name / "README.md").read_text(), flags=re.DOTALL)
    model = ganzoo.load(name)
    condition = model.generator.condition
    taken = condition.shape if isinstance(condition, Images) else model.generator.image_shape
    space = {"x": torch.zeros(16, *taken), "y": [0] * 16}
    exec(code, space)
    assert space["images"].shape == (16, *model.generator.image_shape)


def test_the_tool_makes_these_and_results_have_their_rows(tool):
    assert sorted(tool.MODELS) == NAMES
    lines = (ROOT / "benchmarks" / "RESULTS.md").read_text().splitlines()
    for name in NAMES:
        assert tool.results_row(bundled.described(FOLDER / name), tool.MODELS[name]) in lines


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_judged_again_as_its_card_says(name, home):
    """The same 10,000 seeds. Other processors round otherwise, so: within 2 % of the value, or 0.01 if that is more."""
    data = said(name)["training"]["data"]["class_path"].rpartition(".")[2]
    os.environ["GANZOO_DATA"] = REAL
    log = home / "log"
    n = said(name)["metrics"]["n_samples"]
    status = in_child(lambda: main(["test", name, "--trainer.accelerator", "cpu", "--evaluate.n", str(n)]), log)
    if f"{data} not found" in log.read_text():
        pytest.skip(f"needs the real {data} under GANZOO_DATA")
    assert status == 0, log.read_text()
    again = written(home / "runs" / name, n)["metrics"]
    assert again == pytest.approx(said(name)["metrics"]["metrics"], rel=0.02, abs=0.01)


# -- the list


def test_the_list_says_what_config_json_says(capsys):
    rows = ganzoo.list_pretrained()
    assert [row.name for row in rows] == NAMES
    (row,) = [row for row in rows if row.name == "dcgan-digits"]
    config = said("dcgan-digits")
    (fd,) = [metric for metric in config["metrics"]["metrics"] if metric.startswith("fd@")]
    assert (row.variant, row.data, row.licence, row.metric) == ("DCGAN", "Digits", "Apache-2.0", fd)
    assert (row.value, row.floor) == (config["metrics"]["metrics"][fd], config["metrics"]["floors"][fd])
    assert row.cpu_minutes == config["training"]["cpu_minutes"] > 0
    assert row.megabytes * 1e6 == pytest.approx(sum(f.stat().st_size for f in (FOLDER / row.name).iterdir()))
    assert main(["list", "pretrained"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *NAMES]
    at = lines[0].index("licence")
    assert {line[at:] for line in lines} == {"licence", "Apache-2.0"}, "columns are aligned"
    assert main(["list"]) == 0
    assert "\n".join(lines) in capsys.readouterr().out


def test_a_game_over_a_generator_is_listed_by_its_reconstructions():
    metrics = {"fd@x": 1.0, "recon_mse": 2.0}
    assert bundled.headline({}, metrics) == "fd@x"
    assert bundled.headline({"generator": "g"}, metrics) == "recon_mse"
    assert bundled.headline({"generator": "g"}, {"fd@x": 1.0}) == "fd@x"
    assert bundled.headline({}, {}) is None


def test_a_model_of_which_little_is_known_is_listed(tmp_path):
    config = {"variant": {"class_path": "ganzoo.models.GAN"}, "training": {}, "metrics": {}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    row = bundled.described(tmp_path)
    assert bundled.table([row])[1].split()[1:] == ["GAN", "-", "-", "-", "-", "0.00", "-", "-"]


def test_the_list_does_without_torch():
    code = "import sys, ganzoo; assert ganzoo.list_pretrained(); assert not {'torch', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "list_pretrained" in dir(ganzoo)


# -- its name


def test_a_name_is_a_model_at_every_door(home, capsys):
    assert place_of("dcgan-digits") == FOLDER / "dcgan-digits"
    assert main(["generate", "dcgan-digits", "--seeds", "0-3", "--out", "g"]) == 0
    assert main(["export", "dcgan-digits", "--out", "e"]) == 0
    assert capsys.readouterr().err == ""
    for file in (FOLDER / "dcgan-digits").iterdir():
        assert (home / "e" / file.name).read_bytes() == file.read_bytes() or file.name == "grid.png", file.name
    for verb, option in (("test", "--ckpt_path"), ("predict", "--ckpt_path"), ("fit", "--generator")):
        words, lines = layered([verb, option, "dcgan-digits"])
        assert str(FOLDER / "dcgan-digits") in words
        assert lines == [f"{option} dcgan-digits means {FOLDER / 'dcgan-digits'}"]


@pytest.mark.parametrize(
    "words",
    [
        *(["generate"], ["interpolate"], ["traverse"], ["neighbours"], ["edit", "--digit", "3"]),
        *(["arithmetic", "--plus", "1"], ["export", "--out", "o"], ["encode"]),
        *(["test", "--ckpt_path"], ["validate"], ["predict", "--ckpt_path"], ["fit", "--generator"]),
    ],
)
def test_nearly_a_name_gets_the_name(words, home, capsys):
    more = ["x.png"] if words == ["encode"] else []
    given = [words[0], "dcgan-digts", *words[1:]] if "--" not in words[-1] else [*words, "dcgan-digts"]
    assert main([*given, *more]) == 2
    expected = "no model 'dcgan-digts': did you mean 'dcgan-digits'? (`ganzoo list pretrained` shows all)"
    assert capsys.readouterr().err == f"ganzoo: {expected}\n"


def test_python_gets_the_name_too(home):
    for use in (ganzoo.load, ganzoo.load_game, lambda name: export_checkpoint(name, "o")):
        with pytest.raises(FileNotFoundError, match=r"^no model 'dcgan-digts': did you mean 'dcgan-digits'\?"):
            use("dcgan-digts")
    for far in ("nowhere", "digits/dcgan-digits"):
        assert bundled.suggested(far) is None
    with pytest.raises(ValueError, match=r"^dcgan-digits holds published networks and no game: use ganzoo\.load\('dcg"):
        ganzoo.load_game("dcgan-digits")
    with pytest.raises(ValueError, match=r"^dcgan-digits is trained: use ganzoo\.load\('dcgan-digits'\)"):
        ganzoo.create("dcgan-digits")
    with pytest.raises(ValueError, match=r"^dcgan-digits is published, without optimizers: go on from a checkpoint"):
        layered(["fit", "--ckpt_path", "dcgan-digits"])


def test_a_path_wins_over_a_name(home):
    ours = shutil.copytree(FOLDER / "dcgan-digits", home / "dcgan-digits")
    assert ganzoo.load("dcgan-digits").source == Path("dcgan-digits")
    assert layered(["test", "--ckpt_path", "dcgan-digits"])[1] == []
    (ours / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=f"no model in dcgan-digits: .* that comes with ganzoo is {FOLDER}"):
        ganzoo.load("dcgan-digits")


def test_it_is_judged_into_a_run_and_not_into_the_package(home):
    before = sorted(FOLDER.rglob("*"))
    for words, run in ((["--ckpt_path", "dcgan-digits"], "dcgan-digits"), (["dcgan-digits"], "dcgan-digits-2")):
        log = home / "log"
        status = in_child(lambda words=words: main(["test", *words, "--evaluate.n", "64"]), log)
        assert status == 0, log.read_text()
        assert "64 samples against 1442 train images of Digits" in log.read_text()
        verdict = written(home / "runs" / run, 64)
        assert verdict["batches"] == said("dcgan-digits")["training"]["batches"]
        (home / "runs" / run / "checkpoints").mkdir()  # as if a run was there: a verdict of other weights stays apart
    assert sorted(FOLDER.rglob("*")) == before


# -- the wheel


def test_no_file_of_it_is_hidden_from_the_wheel():
    """Hatch leaves out what git ignores."""
    target = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert (target.keys(), target["packages"]) == ({"packages", "force-include"}, ["ganzoo"])
    files = [str(path.relative_to(ROOT)) for path in FOLDER.glob("*/*")]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


@pytest.mark.slow
def test_the_wheel_has_every_file_of_it(tmp_path):
    """Needs hatchling, by which pip builds; without a network."""
    wheel = pytest.importorskip("hatchling.builders.wheel")
    (path,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        for file in FOLDER.glob("*/*"):
            assert archive.read(f"ganzoo/pretrained/{file.parent.name}/{file.name}") == file.read_bytes()
