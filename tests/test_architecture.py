"""docs/architecture.md says what is there: its files, its names, its rooms in their order."""

import importlib
import re
from pathlib import Path

import pytest

from ganzoo.models.generative import Generative
from tests.test_imports import ARROWS, FILES, PACKAGE

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "architecture.md").read_text()
EXAMPLES = ("published/dcgan", "player/term", "ganzoo/1", "ganzoo/2")  # no paths
WORDS = sorted(set(re.findall(r"`([^`\n]+)`", TEXT)))
NAMES = [word for word in WORDS if re.fullmatch(r"[\w/]+\.py:[\w.]+", word)]
PATHS = [word for word in WORDS if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", word) and word not in EXAMPLES]
ROOMS = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*)\|$", TEXT, flags=re.MULTILINE)


def test_there_is_something_to_check():
    assert len(NAMES) > 60
    assert len(PATHS) > 10


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_in_its_file(name):
    file, _, attributes = name.partition(".py:")
    found = importlib.import_module(f"ganzoo.{file.replace('/', '.')}")
    module = found
    for attribute in attributes.split("."):
        assert hasattr(found, attribute), f"{name}: no {attribute}"
        found = getattr(found, attribute)
    written = (PACKAGE / f"{file}.py").read_text()
    assert re.search(rf"\b{attributes.rpartition('.')[2]}\b", written), f"{name} stands in another file"
    assert getattr(getattr(module, attributes.split(".")[0]), "__module__", module.__name__) == module.__name__, name


@pytest.mark.parametrize("path", PATHS)
def test_a_path_exists(path):
    assert (ROOT / path).exists() or (PACKAGE / path).exists(), path


def test_the_rooms_stand_in_the_order_of_the_arrows():
    assert [room for room, _ in ROOMS] == list(ARROWS)


@pytest.mark.parametrize(("room", "files"), ROOMS)
def test_every_file_of_a_room_is_named_in_its_row(room, files):
    named = set(re.findall(r"`([a-z]\w*\.py)`", files))
    of_room = {p.name for p in FILES.values() if p.relative_to(PACKAGE).parts[0] in (room, f"{room}.py")}
    assert named <= of_room
    if room != "models":  # a variant asks for no line here
        assert of_room - named <= {"__init__.py", "__main__.py"}


def test_the_default_names_of_networks_are_those_of_the_code():
    assert set(Generative.names) <= set(WORDS)
