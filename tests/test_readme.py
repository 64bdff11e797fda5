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
RESULTS = (ROOT / "benchmarks" / "RESULTS.md").read_text()
COMMANDS = re.findall(r"^ganzoo .*$", README, flags=re.MULTILINE)


ROW = re.compile(
    r"^\| (?P<name>\w+) \| .*\]\(https://\S+\) \| \[\w+\.py\]\(ganzoo/models/\w+\.py\),"
    r" \[(?P<config>\w+)\]\(configs/models/(?P=config)\.yaml\)"
    r"(?:, \[(?:fd|mse) (?P<value>[\d.]+)\]\(benchmarks/RESULTS\.md#(?P<anchor>[\w-]+)\)"
    r" by \[(?P<recipe>[\w-]+)\]\(configs/recipes/(?P=recipe)\.yaml\))? \|$",
    flags=re.MULTILINE,
)
ROWS = {row["name"]: row for row in ROW.finditer(README)}
FORM = """README's table needs a row

| {0} | who plays | what they minimise | [Author year](https://...) | [FILE.py](ganzoo/models/FILE.py), [{1}](configs/models/{1}.yaml) |

Of a run that was measured, add before the last bar:
, [fd 1.234](benchmarks/RESULTS.md#HEADING) by [{1}-mnist](configs/recipes/{1}-mnist.yaml)"""  # noqa: E501


@pytest.mark.parametrize("name", models.__all__)
def test_the_table_has_a_row_for_every_variant(name):
    assert name in ROWS, FORM.format(name, name.lower())
    assert ROWS[name]["config"] == name.lower()
    played = yaml.safe_load((ROOT / "configs" / "models" / f"{name.lower()}.yaml").read_text())
    assert played["model"]["class_path"] == f"ganzoo.models.{name}"


def test_the_table_has_no_other_rows():
    assert set(ROWS) == set(models.__all__)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row["value"]])
def test_a_number_is_that_of_its_recipe(name):
    """It stands in the row of the recipe, under the heading that the link names, and the recipe plays the variant."""
    value, anchor, recipe = ROWS[name]["value"], ROWS[name]["anchor"], ROWS[name]["recipe"]
    sections = {heading(text): text for text in RESULTS.split("\n## ")}
    assert anchor in sections, f"RESULTS.md has no heading {anchor}: there are {', '.join(sections)}"
    rows = [line for line in sections[anchor].split("\n") if line.startswith(f"| [{recipe}](")]
    assert len(rows) == 1, f"RESULTS.md has {len(rows)} rows of {recipe} under {anchor}"
    assert value in re.split(r"[ |]+", rows[0]), f"README says {value} for {name}, RESULTS.md {rows[0]}"
    played = yaml.safe_load((ROOT / "configs" / "recipes" / f"{recipe}.yaml").read_text())["model"]["class_path"]
    assert played == f"ganzoo.models.{name}"


def heading(section):
    """The anchor of a section."""
    return re.sub(r"[^\w-]", "", section.split("\n")[0].lower().replace(" ", "-"))


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_verbs_and_configurations_that_exist(command):
    words = shlex.split(command, comments=True)
    assert words[1] in VERBS
    for name, value in itertools.pairwise(words):
        if name == "--config":
            find_config(value)


def test_the_ten_lines_of_python_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)[0]
    space: dict = {}
    exec(code.replace("max_steps=1500", "max_steps=3"), space)
    assert space["images"].shape == (64, 1, 8, 8)
