"""What the files of a run may name: ganzoo's classes, some of Lightning's, and those that ``--import`` brought."""

from pathlib import Path
from types import NoneType
from typing import Any

import yaml
from lightning.pytorch import Trainer, callbacks, loggers, profilers, strategies
from torch import nn

import ganzoo.callbacks as ours
import ganzoo.losses
import ganzoo.models
import ganzoo.networks  # noqa: F401
from ganzoo.cli import own
from ganzoo.config import Configurable, public
from ganzoo.data import ImageData
from ganzoo.engine import Game, GameStrategy
from ganzoo.trust import check_plain, checked, checked_arguments

OBJECTS: dict[str, type] = {"model": Game, "data": ImageData}
ARGUMENTS: dict[str, type] = {
    "trainer": Trainer,
    "evaluate": ours.Evaluate,
    "grid": ours.SampleGrid,
    "watch": ours.Watch,
    "checkpoint": ours.Checkpoints,
    "samples": ours.SampleWriter,
}
GONE = {"evaluate": ("n_test",)}  # arguments that older runs have
VALUES = ("seed_everything", "compile")
LETTERS = 100_000  # of config.yaml
LIGHTNING: dict[Any, tuple[str, ...]] = {  # classes that call nothing that they are given by name
    loggers: ("CSVLogger", "TensorBoardLogger", "WandbLogger", "MLFlowLogger", "CometLogger"),
    callbacks: (
        *("DeviceStatsMonitor", "EarlyStopping", "LearningRateMonitor", "ModelSummary", "RichModelSummary"),
        *("RichProgressBar", "TQDMProgressBar"),
    ),
    profilers: ("AdvancedProfiler", "SimpleProfiler"),
    strategies: ("DDPStrategy", "SingleDeviceStrategy"),
}


def known() -> dict[str, type]:
    """Return the classes that a file may name, by their paths."""
    theirs = {f"{place.__name__}.{name}": getattr(place, name) for place, names in LIGHTNING.items() for name in names}
    theirs |= {f"ganzoo.callbacks.{name}": cls for name, cls in vars(ours).items() if isinstance(cls, type)}
    theirs["ganzoo.engine.GameStrategy"] = GameStrategy
    return {**theirs, **own.classes(), **Configurable.known}


def run_layer(path: Path, model: Any = None) -> dict[str, Any]:
    """Return what the ``config.yaml`` of a run says, if nothing in it would import, open or call anything.

    Args:
        path: The file.
        model: What the run's checkpoint knows of the game: the networks are taken from there.

    Raises:
        ValueError: names what is wrong.
    """
    config, classes, layer = read_yaml(path), known(), {}
    for key, value in config.items():
        if value is None or key == "generator":  # where the run was is not repeated; a checkpoint holds G's weights
            continue
        if key == "model":
            layer[key] = with_networks(checked(with_given(value, model), Game, str(path), classes), model)
        elif key == "data":
            layer[key] = checked(value, ImageData, str(path), classes)
        elif key in ARGUMENTS:
            layer[key] = checked_arguments(ARGUMENTS[key], without(value, GONE.get(key, ())), str(path), classes)
        elif key in VALUES:
            check_plain(value, str(path))
            layer[key] = value
        else:
            raise ValueError(
                f"{path}: {key!r} is no part of a run: it has {', '.join([*OBJECTS, *ARGUMENTS, *VALUES])}"
            )
    return layer


def without(arguments: Any, gone: tuple[str, ...]) -> Any:
    """Return arguments without those of some names."""
    return {k: v for k, v in arguments.items() if k not in gone} if isinstance(arguments, dict) else arguments


def with_given(config: Any, model: Any) -> Any:
    """Return the configuration of a game with its generator in place of the file that the generator came from."""
    match config, model:
        case (
            {"init_args": {"generator": {"class_path": "ganzoo.hub.Trained"}, **others}},
            {"init_args": {"generator": dict() as generator}},
        ):
            return {**config, "init_args": {"generator": generator, **others}}
    return config


def with_networks(config: Any, model: Any) -> Any:
    """Return the configuration of a game with the networks of its checkpoint, which are those that its weights fit."""
    match config, model:
        case {"init_args": dict() as arguments}, {"init_args": dict() as written}:
            networks = {name: made for name, made in written.items() if issubclass(class_of(made), nn.Module)}
            return {**config, "init_args": {**arguments, **networks}}
    return config


def class_of(config: Any) -> type:
    """Return the class that a configuration names, or that of ``None``."""
    path = config.get("class_path") if isinstance(config, dict) else None
    return Configurable.known.get(public(path), NoneType) if isinstance(path, str) else NoneType


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a file of plain YAML.

    Raises:
        ValueError: it is too long, too deep, refers to itself, or is no YAML.
    """
    with open(path, "rb") as file:
        data = file.read(LETTERS + 1)
    if len(data) > LETTERS:
        raise ValueError(f"{path} is no configuration of a run: it has more than {LETTERS} letters")
    try:
        config = yaml.load(data, Loader=Plain)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(f"{path} is damaged: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} is damaged: it must hold names with values")
    return config


class Plain(yaml.SafeLoader):
    """Reads YAML that does not refer to itself: a few aliases can stand for more than fits into memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias: write out what it stands for")
        return super().compose_node(parent, index)
