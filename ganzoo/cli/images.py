"""The real images that a verb without a trainer compares with: ``--data`` and ``--data.NAME``."""

from pathlib import Path
from typing import Any

from ganzoo.catalogue import find_config

DATA = (
    "a configuration such as data/mnist, a YAML file of yours, or the folder of a run; --data.NAME VALUE changes"
    " arguments of it, as in --data data/folder --data.root pictures --data.size 64"
)


def data_arguments(words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Take ``--data.NAME VALUE`` out of a command, as ``ganzoo fit`` has it.

    Raises:
        ValueError: one has no value, or it is no YAML.
    """
    import yaml

    rest, found = [], {}
    taken = iter(words)
    for word in taken:
        if word.startswith("--data."):
            name, equals, value = word.removeprefix("--data.").partition("=")
            value = value if equals else next(taken, "")
            try:
                found[name] = yaml.safe_load(value)
            except yaml.YAMLError as error:
                raise ValueError(f"--data.{name} {value}: no value of YAML") from error
            if found[name] is None:
                raise ValueError(f"--data.{name} needs a value")
        else:
            rest.append(word)
    return rest, found


def data_named(name: str, arguments: dict[str, Any]) -> Any:
    """Return the images that a configuration, or that of a run, names; with other arguments where some are given.

    Raises:
        ValueError: there is no such configuration, or it names none.
    """
    import yaml

    run = Path(name) / "config.yaml"
    config = yaml.safe_load((run if run.is_file() else Path(find_config(name))).read_text())
    if not isinstance(config, dict) or "data" not in config:
        raise ValueError(f"{name} names no data: use one such as data/mnist (`ganzoo list configs` shows all)")
    return data_made(config["data"], arguments, name)


def data_of(model: Any, arguments: dict[str, Any]) -> Any:
    """Return the images that a model was trained on.

    Raises:
        ValueError: it does not know them, or where they lay.
    """
    trained = model.config["training"].get("data")
    if not trained:
        raise ValueError(f"{model.source} does not say what it was trained on: add --data, such as --data data/mnist")
    return data_made(trained, arguments, str(model.source))


def data_made(config: Any, arguments: dict[str, Any], name: str) -> Any:
    """Make the images of a configuration, with other arguments where some are given.

    Raises:
        ValueError: it makes no images, or lacks an argument.
    """
    from ganzoo.config import build
    from ganzoo.data import ImageData

    try:
        data = build({**config, "init_args": {**config.get("init_args", {}), **arguments}})
    except ValueError as error:
        if "missing" in str(error) and "'root'" in str(error):
            raise ValueError(f"{name}: say where the images lie: add --data.root FOLDER") from error
        raise
    if not isinstance(data, ImageData):
        raise ValueError(f"{name}: data must be a set of images, got {type(data).__name__}")
    return data
