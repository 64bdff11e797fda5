"""Arguments that a user gives in place of those of a configuration."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from ganzoo.catalogue import nearest
from ganzoo.config import Config, Configurable, known_class, takes


def overridden(config: Config, overrides: Mapping[str, Any], prefix: str = "") -> Config:
    """Return a configuration with other arguments; the one that is given stays as it is.

    Args:
        config: ``class_path`` and ``init_args``.
        overrides: Values by names. "generator.width" is an argument of an argument, and so is width in
            ``{"generator": {"width": 32}}``. An object, or a dict with a class_path, takes the place of the whole.
        prefix: What stands before the names in errors.

    Raises:
        ValueError: there is no such argument, or it has no arguments of its own.
    """
    for name, value in overrides.items():
        first, _, rest = name.partition(".")
        if first not in takes(class_of(config)):
            raise ValueError(unknown(f"{prefix}{first}", config, prefix))
        made = merged(held(config, first), {rest: value} if rest else value, f"{prefix}{first}")
        config = {**config, "init_args": {**config.get("init_args", {}), first: made}}
    return config


def merged(there: Any, value: Any, name: str) -> Any:
    """Return what holds when a value is given for an argument.

    Raises:
        ValueError: the value cannot take the place of what is there.
    """
    if value is None or is_made(value) or isinstance(value, (Configurable, nn.Module)):
        return value
    if is_made(there) and isinstance(value, Mapping):
        return overridden(there, value, f"{name}.")
    if is_made(there) or isinstance(value, Mapping):
        raise ValueError(f"{name} must be an object, or a dict of its class_path and init_args, got {value!r}")
    return value


def with_classes(config: Config, num_classes: int) -> Config:
    """Return a configuration whose networks are told one of ``num_classes`` classes, where they are told any."""

    def spread(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: num_classes if key == "num_classes" else spread(one) for key, one in value.items()}

    made: Config = spread(config)
    return made


def unknown(name: str, config: Config, prefix: str) -> str:
    """Say that there is no argument of this name, and which one is nearest."""
    known = list(names(config, prefix))
    within = [one for one in known if one.endswith(f".{name}")]
    hint = f": did you mean {within[0]!r}?" if within else nearest(name, known)
    return f"no argument {name!r}{hint}; {class_of(config).__name__} takes {', '.join(takes(class_of(config)))}"


def names(config: Config, prefix: str) -> Iterator[str]:
    """Yield the names of all arguments, also of those within others."""
    for name in takes(class_of(config)):
        yield f"{prefix}{name}"
        if is_made(inner := held(config, name)):
            yield from names(inner, f"{prefix}{name}.")


def held(config: Config, name: str) -> Any:
    """Return an argument as a configuration has it: what is written, else the default of the class, else None."""
    if name in config.get("init_args", {}):
        return config["init_args"][name]
    inits = [base.__dict__["__init__"] for base in class_of(config).__mro__ if "__init__" in base.__dict__]
    found = [inspect.signature(init).parameters[name] for init in inits if name in inspect.signature(init).parameters]
    default = found[0].default
    return default.config() if isinstance(default, Configurable) else default


def is_made(value: Any) -> bool:
    """Whether a value is the configuration of an object."""
    return isinstance(value, Mapping) and "class_path" in value


def class_of(config: Config) -> Any:
    """Return the class of a configuration."""
    return known_class(config["class_path"], Configurable.known)
