"""What a newcomer finds by asking Python: names, help, types."""

import pydoc
import subprocess
import sys
from importlib.resources import files

import ganzoo


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
