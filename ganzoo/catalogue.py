"""What there is to choose from, read from the source without importing torch."""

import ast
import difflib
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parent


def config_folder() -> Path:
    """Return the folder of the configurations: inside an installed package, beside it in a clone."""
    inside = PACKAGE / "configs"
    return inside if inside.is_dir() else PACKAGE.parent / "configs"


def classes(package: str) -> dict[str, str]:
    """Return what can be chosen from ``ganzoo.<package>``: its exported classes, with the first sentence of each.

    A class that extends nothing of its package's kind is a tool, not a choice: a data set extends another ``Data``.
    """
    folder = PACKAGE / package
    found = {}
    for node in ast.parse((folder / "__init__.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"ganzoo.{package}."):
            docs = _docs(folder / f"{node.module.rsplit('.', 1)[1]}.py")
            found.update({alias.name: docs[alias.name] for alias in node.names if alias.name in docs})
    return dict(sorted(found.items()))


def docstring(package: str, name: str) -> str:
    """Return the docstring of a class in ``ganzoo.<package>`` as its source has it; "" if there is no such class."""
    for path in (PACKAGE / package).glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return ast.get_docstring(node) or ""
    return ""


def configs() -> list[str]:
    """Return the names of the configurations, as ``--config`` takes them."""
    folder = config_folder()
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.yaml"))


def find_config(name: str) -> str:
    """Return the path of a configuration: a file, or a name such as ``models/dcgan``.

    Raises:
        ValueError: there is none; the nearest name is given.
    """
    if name.lstrip().startswith("{") or Path(name).is_file():
        return name
    short = name.removeprefix("configs/").removesuffix(".yaml")
    path = config_folder() / f"{short}.yaml"
    if path.is_file():
        return str(path)
    raise ValueError(f"no configuration {name!r}{nearest(short, configs())} (`ganzoo list configs` shows all)")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``: did you mean 'x'?`` for the known word nearest to ``word``, or nothing."""
    known = list(known)
    lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.5)
    return f": did you mean {lower[close[0]]!r}?" if close else ""


def _docs(path: Path) -> dict[str, str]:
    tree = ast.parse(path.read_text())
    return {
        node.name: (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")
        for node in tree.body
        if isinstance(node, ast.ClassDef) and (path.parent.name != "data" or _extends(node, "Data"))
    }


def _extends(node: ast.ClassDef, kind: str) -> bool:
    return any(isinstance(base, ast.Name) and base.id.endswith(kind) for base in node.bases)
