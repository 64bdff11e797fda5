"""Objects that remember how they were made, so that a file of plain values can make them again."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

__version__ = "0.1.0"
MOVED = {  # modules and classes as files of version 0.1 name them, and where they are now
    "ganzoo.divergences": "ganzoo.losses",
    "ganzoo.latents": "ganzoo.priors",
    "ganzoo.likelihoods": "ganzoo.losses",
    "ganzoo.metrics.features": "ganzoo.metrics",
    "ganzoo.metrics.inception": "ganzoo.metrics",
    "ganzoo.metrics.lenet": "ganzoo.metrics",
    "ganzoo.metrics.stacked": "ganzoo.metrics",
    "ganzoo.objectives": "ganzoo.losses",
    "ganzoo.optim": "ganzoo.engine",
    "ganzoo.roles.Padded": "ganzoo.models.Padded",
    "ganzoo.roles.Part": "ganzoo.models.Part",
}
Config = dict[str, Any]  # {"class_path": "ganzoo.models.DCGAN", "init_args": {...}}: plain values only


class Configurable:
    """Base of everything that a checkpoint or a published model must be able to rebuild.

    The arguments of the constructor are recorded as plain values, nested objects included. A subclass that differs
    from its parent in the default of an argument says so in its first line, and its signature shows it:

        class LSGAN(GAN, objective=LeastSquares()):
    """

    known: ClassVar[dict[str, type["Configurable"]]] = {}
    _recorded: dict[str, Any]

    def __init_subclass__(cls, **defaults: Any) -> None:
        """Let the constructor record its arguments, and give some of them other defaults.

        Raises:
            TypeError: the class takes no such argument.
        """
        super().__init_subclass__()
        if "__init__" in cls.__dict__:
            setattr(cls, "__init__", _recording(cls.__dict__["__init__"]))  # noqa: B010
        if defaults:
            setattr(cls, "__init__", _with_defaults(cls, defaults))  # noqa: B010
        Configurable.known[path_of(cls)] = cls

    def config(self) -> Config:
        """Return the class path and the arguments that make this object again.

        Raises:
            ValueError: an argument has no plain form (a network that is not ``Configurable``).
        """
        recorded = self.__dict__.get("_recorded", {})
        for name, value in recorded.items():
            if isinstance(value, Opaque):
                raise ValueError(
                    f"{type(self).__name__}({name}={value.type_name}) cannot be written to a file: {value.type_name}"
                    " does not remember its arguments; let it inherit from ganzoo.config.Configurable"
                )
        return {"class_path": path_of(type(self)), "init_args": dict(recorded)}


class Opaque:
    """Stands for an argument that has no plain form."""

    def __init__(self, value: object) -> None:
        self.type_name = type(value).__name__


def path_of(cls: type) -> str:
    """Return the public path of a class: ``ganzoo.PACKAGE.Name``, in whichever file of the package it stands."""
    parts = cls.__module__.split(".")
    return ".".join([*(parts[:2] if parts[0] == "ganzoo" else parts), cls.__qualname__])


def config_or_reason(made: object) -> Config:
    """Return the configuration of an object, or its class and the reason why it has none."""
    try:
        return made.config() if isinstance(made, Configurable) else {"reason": not_configurable(made)}
    except ValueError as error:
        return {"class_path": path_of(type(made)), "reason": str(error)}


def not_configurable(made: object) -> str:
    """Return why an object cannot be written to a file."""
    return f"{type(made).__name__} does not remember its arguments; let it inherit from ganzoo.config.Configurable"


def public(path: Any) -> Any:
    """Return the present path of a class that an older ganzoo wrote down; any other value as it is."""
    if not isinstance(path, str):
        return path
    module, _, name = path.rpartition(".")
    return MOVED.get(path) or (f"{MOVED[module]}.{name}" if module in MOVED else path)


def plain(value: Any) -> Any:
    """Turn an argument into plain values; what cannot be turned becomes ``Opaque``."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Configurable):
        try:
            return value.config()
        except ValueError:
            return Opaque(value)
    if isinstance(value, (list, tuple)):
        items = [plain(item) for item in value]
        return next((item for item in items if isinstance(item, Opaque)), items)
    if isinstance(value, dict):
        named = {key: plain(item) for key, item in value.items()}
        return next((item for item in named.values() if isinstance(item, Opaque)), named)
    return Opaque(value)


def build(config: Config) -> Any:
    """Make the object that ``config`` describes.

    Only classes that are already imported and inherit from ``Configurable`` can be made: a file never
    decides what code is imported or run.

    Raises:
        ValueError: the class is unknown, or does not take one of the arguments.
    """
    path = public(config.get("class_path"))
    cls = known_class(path, Configurable.known)
    arguments = {name: _built(value) for name, value in config.get("init_args", {}).items()}
    try:
        return cls(**arguments)
    except TypeError as error:
        if unknown := [name for name in arguments if name not in takes(cls)]:
            raise ValueError(f"{path} takes no argument {unknown[0]!r}: there are {', '.join(takes(cls))}") from error
        raise ValueError(f"{path} cannot be made from {sorted(arguments)}: {error}") from error


def known_class(path: Any, known: Mapping[str, type], where: str = "") -> Any:
    """Return the class that a public path means.

    Raises:
        ValueError: it is not known; the remedy is named.
    """
    if isinstance(path, str) and path in known:
        return known[path]
    module = path.rpartition(".")[0] if isinstance(path, str) else ""
    ours = module.split(".")[0] in ("ganzoo", "")
    remedy = "update ganzoo" if ours else f"if it is yours, add --import {module} (in Python: import {module})"
    raise ValueError(f"unknown class {path!r}{where and f' in {where}'}: {remedy}")


def _built(value: Any) -> Any:
    if isinstance(value, dict):
        return build(value) if "class_path" in value else {key: _built(item) for key, item in value.items()}
    return [_built(item) for item in value] if isinstance(value, list) else value


def _recording(init: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``__init__`` to note its arguments; the outermost call decides, inner ones fill in their defaults.

    What lies behind a constructor without ``**kwargs`` cannot be given from outside, and is not noted.
    """
    signature = inspect.signature(init)
    passes_on = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    named = [p.name for p in list(signature.parameters.values())[1:] if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]

    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        recorded = self.__dict__.setdefault("_recorded", {})
        if self.__dict__.setdefault("_recording", True):
            self.__dict__["_recording"] = passes_on
            for name in named:
                if name not in recorded:
                    recorded[name] = plain(bound.arguments[name])
        init(self, *args, **kwargs)

    wrapped.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[p.replace(default=_shown(p.default)) for p in signature.parameters.values()]
    )
    return wrapped


class Shown(dict[str, Any]):
    """The configuration of an object that is a default: a command line can take it apart, and it reads as a call."""

    def __repr__(self) -> str:
        """Return how the object is made, such as ``Normal(dim=64)``."""
        return _call(self)


def _call(value: Any) -> str:
    if isinstance(value, dict) and "class_path" in value:
        arguments = ", ".join(f"{name}={_call(given)}" for name, given in value.get("init_args", {}).items())
        return f"{value['class_path'].rpartition('.')[2]}({arguments})"
    return repr(value)


def _shown(default: Any) -> Any:
    """Return a default as a signature shows it: an object by its configuration, if it has one."""
    try:
        return Shown(default.config()) if isinstance(default, Configurable) else default
    except ValueError:
        return default


def _with_defaults(cls: Any, defaults: dict[str, Any]) -> Callable[..., None]:
    """Return the constructor with other defaults, also of arguments that it passes on.

    Raises:
        TypeError: the class takes no such argument.
    """
    own, taken = cls.__dict__.get("__init__"), takes(cls)
    if unknown := [name for name in defaults if name not in taken]:
        raise TypeError(f"{cls.__name__} takes no argument {unknown[0]!r}: there are {', '.join(taken)}")
    positions = [name for name, p in taken.items() if p.kind is not p.KEYWORD_ONLY]

    @functools.wraps(cls.__init__)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        given = {*positions[: len(args)], *kwargs}
        missing = {name: value for name, value in defaults.items() if name not in given}
        construct = super(cls, self).__init__ if own is None else functools.partial(own, self)
        construct(*args, **missing, **kwargs)

    init.__signature__ = _declared(inspect.signature(cls.__init__), taken, defaults)  # type: ignore[attr-defined]
    return init


def _declared(
    signature: inspect.Signature, taken: dict[str, inspect.Parameter], defaults: dict[str, Any]
) -> inspect.Signature:
    """Return a signature with other defaults."""
    shown = {name: _shown(value) for name, value in defaults.items()}
    parameters = [p.replace(default=shown.pop(p.name, p.default)) for p in signature.parameters.values()]
    passed_on = [
        taken[name].replace(default=value, kind=inspect.Parameter.KEYWORD_ONLY) for name, value in shown.items()
    ]
    return signature.replace(parameters=[*parameters[:-1], *passed_on, parameters[-1]])  # **kwargs takes them


def takes(cls: type) -> dict[str, inspect.Parameter]:
    """Return the arguments of a class: its constructor's, and its parents' as far as they are passed on."""
    taken: dict[str, inspect.Parameter] = {}
    for init in [base.__dict__["__init__"] for base in cls.__mro__ if "__init__" in base.__dict__]:
        _, *parameters = inspect.signature(inspect.unwrap(init)).parameters.values()  # as written, in their order
        for p in parameters:
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                taken.setdefault(p.name, p)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return taken
