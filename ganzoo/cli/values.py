"""What a configuration must be made of, checked before anything is made of it."""

import inspect
import sys
import typing
from collections.abc import Mapping
from types import NoneType
from typing import Any

from ganzoo.cli.known import ARGUMENTS, OBJECTS
from ganzoo.config import takes
from ganzoo.trust import KEYS, hints_of

LINKED = ("image_shape", "source_shape", "num_classes")  # of networks; the data fills them in after this


def check_layer(layer: Mapping[str, Any], source: str) -> None:
    """Refuse a layer whose parts are not of the form that they need.

    Raises:
        ValueError: names the file, the part, and what it must be.
    """
    where = "" if source.lstrip().startswith("{") else f"{source[:200]}: "
    for key in ARGUMENTS.keys() & layer.keys():
        if not isinstance(layer[key], dict):
            raise ValueError(
                f"{where}{key} must hold names with values, got {show(layer[key])}: leave it out for the defaults"
            )
    for key in OBJECTS:
        if key in layer:
            check_object(layer[key], key, where)
    if "seed_everything" in layer:
        check_seed(layer["seed_everything"])


def check_object(value: Any, key: str, where: str) -> None:
    """Refuse a game or data that is no class with arguments.

    Raises:
        ValueError: names what is wrong.
    """
    if not isinstance(value, str | dict):
        raise ValueError(
            f"{where}{key} must be a class, or class_path and init_args, got {show(value)}: `ganzoo list` shows all"
        )
    if value == "":
        raise ValueError(f"{where}{key} must be a class, got '': `ganzoo list` shows all")
    if isinstance(value, dict):
        check_class(value, key, where)


def check_class(value: dict[str, Any], key: str, where: str) -> None:
    """Refuse a class with arguments, or one within it, that is not of this form.

    Raises:
        ValueError: names what is wrong.
    """
    if other := value.keys() - KEYS:
        raise ValueError(
            f"{where}{key} has {show(min(map(str, other)))} beside class_path and init_args: put it under init_args, or"
            " correct its spelling"
        )
    for part, kind in (("class_path", str), ("init_args", dict)):
        if part in value and not (isinstance(value[part], kind) and (value[part] or kind is dict)):
            needed = "the name of a class" if kind is str else "names with values"
            raise ValueError(f"{where}{part} of {key} must be {needed}, got {show(value[part])}")
    for name, held in value.get("init_args", {}).items():
        for item in held if isinstance(held, list) else [held]:
            if isinstance(item, dict) and KEYS & item.keys():
                check_class(item, f"{key}.{name}", where)


def check_seed(seed: Any) -> None:
    """Refuse what is no seed.

    Raises:
        ValueError: says what is one.
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed_everything must be a whole number from 0 to {2**32 - 1}, got {show(seed)}")


def check_values(config: Mapping[str, Any]) -> None:
    """Refuse null where an argument takes no null: parsers let it through.

    Raises:
        ValueError: names the argument.
    """
    for key, cls in ARGUMENTS.items():
        check_nulls(cls, config.get(key) or {}, key)
    for key in OBJECTS:
        check_within(config.get(key), key)


def check_within(value: Any, where: str) -> None:
    """Look into what is a class with arguments, or a list of such."""
    if isinstance(value, list):
        for item in value:
            check_within(item, where)
    elif isinstance(value, dict) and isinstance(value.get("class_path"), str):
        module, _, name = value["class_path"].rpartition(".")
        cls = getattr(sys.modules.get(module), name, None)  # which the parser has imported
        if isinstance(cls, type):
            check_nulls(cls, value.get("init_args") or {}, where)


def check_nulls(cls: type, arguments: Mapping[str, Any], where: str) -> None:
    """Refuse arguments of a class that are null and must not be.

    Raises:
        ValueError: names the argument.
    """
    hints, defaults = hints_of(cls), {**takes(cls), **inspect.signature(cls).parameters}
    for name, value in arguments.items():
        if value is not None:
            check_within(value, f"{where}.{name}")
        elif name not in LINKED and name in hints and name in defaults and defaults[name].default is not None:
            kinds = typing.get_args(hints[name]) or (hints[name],)
            if not {NoneType, Any} & set(kinds) and typing.get_origin(hints[name]) is not typing.Literal:
                raise ValueError(f"{where}.{name} cannot be null: leave it out for its default, or give a value")


def show(value: Any) -> str:
    """Return a value as it is shown in an error."""
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
