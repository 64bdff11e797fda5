"""What a newcomer finds by asking Python: names, help, types."""

import importlib
import pydoc
import re
import subprocess
import sys
from importlib.resources import files

import pytest

import ganzoo
from ganzoo.catalogue import PACKAGE


def test_dir_shows_the_lazy_names_and_loads_no_torch():
    code = "import sys, ganzoo; print(*dir(ganzoo)); assert 'torch' not in sys.modules"
    names = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {"create", "list_models", "load", "__version__"} <= set(names)
    assert len(names) == len(set(names))


def test_help_shows_signatures_and_docstrings():
    text = pydoc.render_doc(ganzoo, renderer=pydoc.plaintext)
    for name in ganzoo.__all__:
        assert f"\n    {name}(" in text
        assert getattr(ganzoo, name).__doc__.splitlines()[0] in text


def test_types_are_shipped():
    """Without this file, type checkers treat all of ganzoo as Any."""
    assert (files("ganzoo") / "py.typed").is_file()


MOVED = re.findall(r"^\| (`.*`) \| (`.*`) \|$", (PACKAGE.parent / "CHANGELOG.md").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize(("old", "new"), MOVED)
def test_what_the_changelog_says_has_moved_is_there_and_no_longer_here(old, new):
    for name in re.findall(r"`([\w.]+)`", new):
        assert resolved(name), name
    for name in re.findall(r"`([\w.]+)`", old):
        assert name in ("ganzoo.hub", "ganzoo.cli") or not resolved(name), name


def resolved(name):
    """Whether there is such a module, or such a name that was made in its module."""
    if in_tree(name):
        return True
    module, _, attribute = name.rpartition(".")
    if not in_tree(module) or not hasattr(importlib.import_module(module), attribute):
        return False
    found = getattr(importlib.import_module(module), attribute)
    made = getattr(found, "__module__", module)
    return made == module or made.startswith(f"{module}.")  # a package shows what its files make


def in_tree(module):
    path = PACKAGE.parent / module.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
