"""Layers of configuration, one put on another: a class never takes over the arguments of the class that it replaces."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import get_loader
from torch import nn

from ganzoo.cli.values import check_layer
from ganzoo.config import Configurable, public


class Layers:
    """What the layers say so far, lowest first.

    Attributes:
        config: The whole.
        gone: A line for each class that was replaced and whose arguments were left out.
    """

    def __init__(self) -> None:
        self.config: dict[str, Any] = {}
        self.gone: list[str] = []

    def add(self, source: str) -> None:
        """Put a file, or a text that begins with ``{``, on top.

        Raises:
            ValueError: it is no configuration.
        """
        layer = parsed(source if source.lstrip().startswith("{") else Path(source).read_text(), source)
        if not isinstance(layer, dict | None):
            raise ValueError(f"{source[:200]} is no configuration: it must hold names with values, such as data:")
        check_layer(layer or {}, source)
        self.config = self.over(self.config, layer or {}, "")

    def add_words(self, argv: Sequence[str]) -> None:
        """Let the classes that the command line names take their places; the parser does the rest.

        A game that is named alone (``--model LSGAN``) plays with the networks that are there.
        """
        for word, following in zip(argv, [*argv[1:], ""], strict=False):
            name, given, value = word.partition("=")
            if name.startswith("--"):
                self.put(name[2:].removesuffix(".class_path"), value if given else following)

    def put(self, place: str, value: str) -> None:
        """Put a class where another class is."""
        *parts, last = [part for part in place.split(".") if part != "init_args"]
        node: Any = self.config
        for part in parts:
            node = arguments_of(node).get(part)
        held = arguments_of(node)
        there = held.get(last)
        if not isinstance(there, dict) or not class_of(there):
            return
        made = parsed(value, f"--{place}") if value.startswith("{") else value
        if class_of(made):
            stay = {} if isinstance(made, dict) else networks(there, class_of(made))
            upper = {"class_path": class_of(made), "init_args": stay}
            held[last] = self.over(there, upper, ".".join([*parts, last]))

    def over(self, lower: Any, upper: Any, where: str) -> Any:
        """Return what holds when ``upper`` is put on ``lower``."""
        if isinstance(upper, dict) and {"class_path", "init_args"} & upper.keys() and isinstance(lower, str):
            lower = {"class_path": lower}  # a class by its name alone
        if isinstance(lower, dict) and class_of(lower) and class_of(upper):
            upper = upper if isinstance(upper, dict) else {"class_path": upper}
            if not same(class_of(lower), class_of(upper)):
                self.leave(lower, upper, where)
                return upper
        if not isinstance(lower, dict) or not isinstance(upper, dict):
            return upper
        places = {key: f"{where}.{key}".removeprefix(".").removesuffix(".init_args") for key in upper}
        return lower | {key: self.over(lower.get(key), value, places[key]) for key, value in upper.items()}

    def leave(self, lower: dict[str, Any], upper: dict[str, Any], where: str) -> None:
        """Remember which arguments go with their class."""
        new, old = (class_of(made).rpartition(".")[2] for made in (upper, lower))
        gone = [name for name in arguments_of(lower) if name not in arguments_of(upper)]
        if gone:
            self.gone.append(f"{where}: {new} starts from its own defaults; of {old} go {', '.join(gone)}")


def parsed(text: str, source: str) -> Any:
    """Return the values of a text of YAML or JSON, read as the parser would.

    Raises:
        ValueError: it is neither.
    """
    try:
        return get_loader("yaml")(text)
    except Exception as error:  # of the loader's library
        raise ValueError(f"{source[:200]} is no YAML: {' '.join(str(error).split())[:200]}") from error


def class_of(value: Any) -> str:
    """Return the class that a part of a configuration names, or nothing."""
    path = value.get("class_path") if isinstance(value, dict) else value
    named = isinstance(path, str) and path != "null" and path.replace(".", "").isidentifier()
    return str(public(path)) if named else ""


def arguments_of(value: Any) -> dict[str, Any]:
    """Return the arguments in a part of a configuration; where there are none, an empty dict."""
    held = value.get("init_args") if isinstance(value, dict) and "class_path" in value else value
    return held if isinstance(held, dict) else {}


def networks(made: Any, game: str) -> dict[str, Any]:
    """Return the networks among the arguments of a game that another game takes too, or all if that is not known."""
    there = {name: value for name, value in arguments_of(made).items() if any(map(is_network, known(class_of(value))))}
    taken = {name for cls in known(game) for name in inspect.signature(cls).parameters}
    return {name: value for name, value in there.items() if name in taken or not known(game)}


def is_network(cls: type) -> bool:
    """Whether a class is one of networks."""
    return issubclass(cls, nn.Module)


def known(name: str) -> list[type]:
    """Return the classes that a name, short or with its module, may mean."""
    return [cls for path, cls in Configurable.known.items() if same(name, path)]


def same(one: str, other: str) -> bool:
    """Whether two names, short or with their modules, are those of one class."""
    short = "." not in one or "." not in other
    return one == other or (short and one.rpartition(".")[2] == other.rpartition(".")[2])
