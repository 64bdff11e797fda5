"""The README says what is there."""

import itertools
import re
import shlex
from pathlib import Path

import pytest

from ganzoo import models
from ganzoo.catalogue import find_config
from ganzoo.cli.front import VERBS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^ganzoo .*$", README, flags=re.MULTILINE)


def test_the_table_lists_every_variant():
    rows = re.findall(
        r"^\| (\w+) \| .*https://.*\(ganzoo/models/\w+\.py\), \[yaml\]\(configs/models/\w+\.yaml\), \[.* \|$",
        README,
        flags=re.MULTILINE,
    )
    assert sorted(rows) == sorted(models.__all__)
    assert all((ROOT / "configs" / "models" / f"{name.lower()}.yaml").is_file() for name in rows)


def test_numbers_are_those_of_the_table():
    """Each stands in the row of its variant, under the heading that the link names."""
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    named = re.findall(
        r"^\| (\w+) \| .*, \[(?:fd|mse) ([\d.]+)\]\(benchmarks/RESULTS\.md#([\w-]+)\) \|$", README, flags=re.MULTILINE
    )
    assert sorted(name for name, *_ in named) == sorted(models.__all__)
    for name, value, anchor in named:
        (section,) = [
            text
            for text in results.split("\n## ")
            if text.split("\n")[0].lower().replace(",", "").replace(" ", "-") == anchor
        ]
        (row,) = [line for line in section.split("\n") if line.startswith(f"| {name.lower()} |")]
        assert value in re.split(r"[ |]+", row)


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
