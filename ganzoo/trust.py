"""What a file may say: nothing in a checkpoint, a run or a published folder decides what is imported, opened or called.

A parser of command lines takes a text for a class, a function or a file wherever an argument may be one. So before any
parser sees the configuration of a file, every class in it must be known already, and be of the kind that its argument
asks for; and an argument that asks for a class may not be a text.
"""

import inspect
import json
import os
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal

from ganzoo.config import Config, Configurable, known_class, public

DEPTH, VALUES, LETTERS, NUMBER = 40, 20_000, 20_000, 2**53  # the most that a configuration has
JSON = 2**20  # bytes of a configuration or verdict
SCALARS = (str, bool, int, float, NoneType)
PLAIN = (*SCALARS, timedelta, Path, Enum)  # what a text is at most turned into
KEYS = {"class_path", "init_args", "dict_kwargs"}
Known = Mapping[str, type]


def checked(config: Any, kind: type, where: str, known: Known | None = None) -> Config:
    """Return the configuration of an object as a file holds it, with the present names of its classes.

    Args:
        config: ``class_path`` and ``init_args``.
        kind: What the object must be.
        where: The file, for errors.
        known: Classes by their paths; by default all that are ``Configurable`` and imported.

    Raises:
        ValueError: in one line, what would import, open or call something, or is no configuration.
    """
    check_plain(config, where)
    if not isinstance(config, dict):
        raise ValueError(f"{where} must name a {kind.__name__} by class_path and init_args, got {_short(config)}")
    return _checked_class(config, [kind], kind.__name__, where, Configurable.known if known is None else known)


def checked_arguments(cls: type, arguments: Any, where: str, known: Known | None = None) -> Config:
    """Return the arguments of a class as a file holds them; see ``checked``.

    Raises:
        ValueError: names the argument.
    """
    check_plain(arguments, where)
    return _checked_arguments(cls, arguments, where, Configurable.known if known is None else known)


def read_json(path: Path) -> Any:
    """Return the plain values of a file of JSON.

    Raises:
        ValueError: it is damaged, too long or too deep.
    """
    if path.stat().st_size > JSON:
        raise ValueError(f"{path} is damaged: it has {path.stat().st_size} bytes, more than {JSON}")
    try:
        value = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    check_plain(value, str(path))
    return value


def check_plain(value: Any, where: str) -> None:
    """Refuse what is no plain value, or larger than what describes a game.

    Raises:
        ValueError: names what is wrong.
    """
    left, seen = [(value, 1)], 1
    while left:
        item, depth = left.pop()
        inside = [*item, *item.values()] if isinstance(item, dict) else item if isinstance(item, (list, tuple)) else ()
        seen += len(inside)
        if depth > DEPTH or seen > VALUES:
            raise ValueError(f"{where} describes no game: more than {DEPTH} levels or {VALUES} values")
        if not isinstance(item, (dict, list, tuple, *SCALARS)):
            raise ValueError(f"{where} describes no game: a {type(item).__name__} is no plain value")
        if isinstance(item, str) and len(item) > LETTERS:
            raise ValueError(f"{where} describes no game: a text of {len(item)} letters")
        if isinstance(item, int) and abs(item) > NUMBER:
            raise ValueError(f"{where} describes no game: a number beyond {NUMBER}")
        left += [(part, depth + 1) for part in inside]


def hints_of(cls: type) -> dict[str, Any]:
    """Return the annotations of the arguments of a class and its bases; ``Any`` where they cannot be understood."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        init = base.__dict__.get("__init__")
        if inspect.isfunction(init):
            try:
                found |= typing.get_type_hints(init)
            except Exception:  # an annotation can be any text
                found |= dict.fromkeys(init.__annotations__, Any)
    return found


def _checked_arguments(cls: type, arguments: Any, where: str, known: Known) -> Config:
    if not isinstance(arguments, dict) or not all(isinstance(name, str) and name.isidentifier() for name in arguments):
        raise ValueError(f"{where}: {cls.__name__} must have arguments with names, got {_short(arguments)}")
    hints = hints_of(cls)
    return {
        name: _checked(value, _kinds(hints.get(name, Any)), name, where, known) for name, value in arguments.items()
    }


def _checked(value: Any, kinds: list[Any], name: str, where: str, known: Known) -> Any:
    if isinstance(value, dict):
        return _checked_dict(value, kinds, name, where, known)
    if isinstance(value, (list, tuple)):
        items = _items(kinds)
        return [_checked(item, items, f"{name}[{k}]", where, known) for k, item in enumerate(value)]
    if isinstance(value, str) and _classes(kinds):
        _check_text(value, kinds, f"{where}: {name}")
    return value


def _check_text(text: str, kinds: list[Any], where: str) -> None:
    """Refuse a text, where a class can be given too, that a parser would take for a class, a file or for more YAML."""
    if Any not in kinds and str not in kinds and not any(typing.get_origin(kind) is Literal for kind in kinds):
        raise ValueError(f"{where} must be given as class_path and init_args, got the text {_short(text)}")
    inert = re.compile(r"[^:{\n]*" if Any in kinds else r"[\w-]*")
    if not inert.fullmatch(text) or re.fullmatch(r"\w+(\.\w+)+", text.strip()) or (text and os.path.exists(text)):
        raise ValueError(f"{where} must be a plain word, and no file here, got the text {_short(text)}")


def _checked_dict(value: Config, kinds: list[Any], name: str, where: str, known: Known) -> Any:
    if value.keys() & KEYS:
        return _checked_class(value, kinds, name, where, known)
    if not any(kind is Any or (typing.get_origin(kind) or kind) in (dict, Mapping) for kind in kinds):
        raise ValueError(f"{where}: {name} must be given as class_path and init_args, got {_short(value)}")
    if not all(isinstance(key, str) and not key.startswith("_") and "." not in key for key in value):
        raise ValueError(f"{where}: {name} must have words as keys, got {_short(value)}")
    items = _items(kinds)
    return {key: _checked(item, items, f"{name}.{key}", where, known) for key, item in value.items()}


def _checked_class(value: Config, kinds: list[Any], name: str, where: str, known: Known) -> Config:
    if not value.keys() <= KEYS or "class_path" not in value:
        raise ValueError(f"{where}: {name} must be given as class_path and init_args, got {_short([*value])}")
    path = public(value["class_path"])
    cls = known_class(path, known, where)
    if not any(
        kind is Any or getattr(kind, "_is_protocol", False) or issubclass(cls, kind) for kind in _classes(kinds)
    ):
        raise ValueError(f"{where}: {name} cannot be {path}: it is of another kind")
    made: Config = {"class_path": path}
    if value.get("init_args") is not None:
        made["init_args"] = _checked_arguments(cls, value["init_args"], where, known)
    if value.get("dict_kwargs") is not None:
        made["dict_kwargs"] = _scalars(value["dict_kwargs"], f"{where}: dict_kwargs of {path}")
    return made


def _scalars(value: Any, where: str) -> Config:
    """Return arguments that are no objects and hold none."""
    if not isinstance(value, dict) or any(isinstance(part, dict) for part in value.values()):
        raise ValueError(f"{where} must be names with texts and numbers, got {_short(value)}")
    if not all(
        isinstance(item, SCALARS) for part in value.values() if isinstance(part, (list, tuple)) for item in part
    ):
        raise ValueError(f"{where} must be names with texts and numbers, got {_short(value)}")
    return dict(value)


# -- annotations


def _kinds(hint: Any) -> list[Any]:
    """Return the alternatives of an annotation."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _kinds(typing.get_args(hint)[0])
    if origin in (typing.Union, UnionType):
        return [kind for part in typing.get_args(hint) for kind in _kinds(part)]
    return [hint]


def _items(kinds: list[Any]) -> list[Any]:
    """Return the alternatives of what lists and dicts of some kinds hold."""
    held = [part for kind in kinds if _holds(kind) for part in _parts(kind) if part is not ...]
    return [kind for part in held for kind in _kinds(part)] or [Any]


def _parts(kind: Any) -> tuple[Any, ...]:
    parts = typing.get_args(kind)
    return parts[1:] if issubclass(typing.get_origin(kind), Mapping) else parts


def _holds(kind: Any) -> bool:
    """Whether an annotation is that of a list, dict or the like, and says of what."""
    origin = typing.get_origin(kind)
    return inspect.isclass(origin) and issubclass(origin, Iterable)


def _classes(kinds: list[Any]) -> list[Any]:
    """Return what an object of some kinds, or within a list or dict of them, may be made from; ``Any``: of all."""
    found: list[Any] = []
    for kind in kinds:
        origin = typing.get_origin(kind)
        if _holds(kind):
            found += _classes(_items([kind]))
        elif origin is None and inspect.isclass(kind):
            found += [] if issubclass(kind, PLAIN) else [Any if kind is object else kind]
        elif origin is not Literal:
            found.append(origin if inspect.isclass(origin) and origin not in (type, Callable) else Any)
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
