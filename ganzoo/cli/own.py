"""The user's own modules: imported because the command line says so, and for no other reason."""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

MODULES: list[str] = []  # what ``--import`` has named


def bring(argv: Sequence[str]) -> list[str]:
    """Import what ``--import`` names, and return the other words.

    Raises:
        ValueError: there is no such module, or it fails.
    """
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--import" or word.startswith("--import="):
            take(word.partition("=")[2] if "=" in word else next(words, ""))
        else:
            rest.append(word)
    return rest


def take(name: str) -> None:
    """Import a module, or a file of the working directory.

    Raises:
        ValueError: there is none, or it fails.
    """
    module = str(Path(name).with_suffix("")).replace("/", ".") if name.endswith(".py") else name
    if not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(f"--import takes a module, or a file of this folder such as my_gan.py, got {name!r}")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m ganzoo` does
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise ValueError(f"--import {name}: {error}") from error
        file = f"{module.replace('.', '/')}.py"
        raise ValueError(f"no module {module!r}: there is no {file} in {os.getcwd()}, nor is it installed") from error
    except Exception as error:  # the user's code can fail in any way
        raise ValueError(f"--import {name} failed: {type(error).__name__}: {error}") from error
    if module not in MODULES:
        MODULES.append(module)


def classes() -> dict[str, type]:
    """Return the classes that the modules define, by their paths."""
    modules = {name: module for name, module in sys.modules.items() if within(name)}
    found = {f"{name}.{key}": value for name, module in modules.items() for key, value in vars(module).items()}
    return {path: cls for path, cls in found.items() if isinstance(cls, type) and within(cls.__module__)}


def within(module: str) -> bool:
    """Whether a module is one of those that were named, or in one of those packages."""
    return any(f"{module}.".startswith(f"{name}.") for name in MODULES)


def words(*configs: Any) -> str:
    """Return the ``--import`` words that commands on what was made need, with a space before each."""
    modules = dict.fromkeys([*MODULES, *(module for config in configs for module in outside(config))])
    return "".join(f" --import {module}" for module in modules)


def outside(config: Any) -> Iterator[str]:
    """Yield the modules outside ganzoo whose classes a configuration names."""
    if isinstance(config, dict) and "class_path" in config and not config["class_path"].startswith("ganzoo."):
        yield config["class_path"].rpartition(".")[0]
    for item in config.values() if isinstance(config, dict) else config if isinstance(config, list) else ():
        yield from outside(item)
