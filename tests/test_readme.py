"""The README says what is there."""

import itertools
import re
import shlex
from pathlib import Path

import pytest
import yaml

from ganzoo import models
from ganzoo.catalogue import find_config
from ganzoo.cli.front import VERBS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^ganzoo .*$", README, flags=re.MULTILINE)


ROWS = re.findall(r"^\| (\w+) \| .* \| (\[\w+\.py\].*) \|$", README, flags=re.MULTILINE)  # variant, last column
SAID = re.compile(
    r"\[(\w+\.py)\]\(ganzoo/models/\1\), \[(\w+)\]\(configs/models/\2\.yaml\), (?:not measured|"
    r"\[IoU ([\d.]+)\]\(benchmarks/RESULTS\.md#translation\)|"
    r"\[(fd|mse) ([\d.]+)\]\(benchmarks/RESULTS\.md#([\w-]+)\) by \[([\w-]+)\]\(configs/recipes/\7\.yaml\))"
)
EXPECTED = (
    "[FILE.py](ganzoo/models/FILE.py), [NAME](configs/models/NAME.yaml), and then `not measured`, or"
    " [fd NUMBER](benchmarks/RESULTS.md#SECTION) by [RECIPE](configs/recipes/RECIPE.yaml), or"
    " [IoU NUMBER](benchmarks/RESULTS.md#translation)"
)
COLUMNS = {"fd": ("fd", "fd, 10,000 samples (floor)"), "mse": ("recon mse",)}  # of RESULTS.md


def test_the_table_lists_every_variant():
    named = [name for name, _ in ROWS]
    missing = [name for name in models.__all__ if name not in named]
    assert not missing, f"README's table has no row for {missing[0]}: | NAME | who plays | loss | paper | {EXPECTED} |"
    assert sorted(named) == sorted(models.__all__)


@pytest.mark.parametrize(("name", "said"), ROWS)
def test_a_row_names_the_equation_the_configuration_and_what_was_measured(name, said):
    found = SAID.fullmatch(said)
    assert found, f"{name}: expected {EXPECTED}; got {said}"
    file, config, iou, metric, number, anchor, recipe = found.groups()
    assert f"class {name}(" in (ROOT / "ganzoo" / "models" / file).read_text()
    assert config == name.lower()
    assert class_of(f"models/{config}") == f"ganzoo.models.{name}"
    if metric:
        assert class_of(f"recipes/{recipe}") == f"ganzoo.models.{name}"
        assert shown(anchor, recipe, COLUMNS[metric]) == number
    if iou:
        assert iou_of(name) == iou


def class_of(config):
    """The game that a configuration plays."""
    return yaml.safe_load(Path(find_config(config)).read_text())["model"]["class_path"]


def rows_of(anchor):
    """The rows of all tables in the section of RESULTS.md that a link names."""
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    (section,) = [part for part in text.split("\n## ") if slug(part.split("\n")[0]) == anchor]
    return [line.strip("| ").split(" | ") for line in section.split("\n") if line.startswith("| ")]


def iou_of(name):
    """What is read in the photographs of a game of this name, in the first table of translators."""
    rows = rows_of("translation")
    row = next(row for row in rows if row[0].lower().split("-")[0] == name.lower())
    return row[rows[0].index("labels → photo: pixel / class / IoU")].split(" / ")[2].split(" ± ")[0]


def shown(anchor, recipe, columns):
    """The number of a recipe in the section of RESULTS.md that a link names, without its floor."""
    rows = rows_of(anchor)
    (row,) = [row for row in rows if row[0] == f"[{recipe}](../configs/recipes/{recipe}.yaml)"]
    (at,) = [rows[0].index(name) for name in columns if name in rows[0]]
    return row[at].split(" (")[0]


def slug(heading):
    """What GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(
    "document",
    ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "benchmarks/RESULTS.md"],
)
def test_every_link_leads_somewhere(document):
    path = ROOT / document
    text = re.sub(r"```.*?```|`[^`]*`", "", path.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text)
    assert links
    for file, anchor in links:
        target = path.parent / file if file else path
        assert target.exists(), f"{document}: no {file}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), flags=re.MULTILINE)
            assert anchor in map(slug, headings), f"{document}: no section #{anchor} in {file}"


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_verbs_and_configurations_that_exist(command):
    words = shlex.split(command, comments=True)
    assert words[1] in VERBS
    for name, value in itertools.pairwise(words):
        if name == "--config":
            find_config(value)


def test_samples_an_inversion_and_an_edit_need_no_data(monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", "/nowhere")
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL) if "latent.invert" in block
    ]
    space = {}
    exec(code, space)
    assert [len(space[name]) for name in ("images", "z", "between")] == [16, 2, 1]
    assert space["between"].shape == (1, 3, 64, 64)


def test_a_translation_there_and_back_needs_no_data(monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", "/nowhere")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL) if "translate" in block]
    space = {}
    exec(code, space)
    assert space["made"].shape == space["photos"].shape == (8, 3, 64, 64)
    assert (space["again"] - space["maps"]).abs().mean() < 0.15 < (space["made"] - space["maps"]).abs().mean()


def test_the_ten_lines_of_python_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)[0]
    space: dict = {}
    exec(code.replace("max_steps=1500", "max_steps=3"), space)
    assert space["images"].shape == (64, 1, 8, 8)
