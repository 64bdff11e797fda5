"""Making games: untrained from a configuration, trained from a checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import ganzoo.models
import ganzoo.networks  # noqa: F401
from ganzoo.bundled import folder_of
from ganzoo.catalogue import classes, configs, find_config, nearest
from ganzoo.checkpoints import read_checkpoint
from ganzoo.config import Config, build
from ganzoo.engine.game import Game
from ganzoo.hub.form import place_of
from ganzoo.hub.overrides import overridden, with_classes
from ganzoo.hub.tensors import compare, unbuilt, undisturbed
from ganzoo.models.generative import Generative
from ganzoo.roles import Generator
from ganzoo.trust import checked


def create(
    name: str,
    image_shape: Sequence[int] = (1, 32, 32),
    generator: Generator | Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Generative:
    """Return an untrained game from the configuration ``models/<name>``.

    ``create("wgangp", gp_weight=5)`` changes an argument of the game, ``create("dcgan", generator={"width": 64})`` or
    ``create("dcgan", **{"generator.prior.dim": 64})`` one of a network: the names of the command line. Objects are
    taken as they are: ``create("nsgan", d_optimizer=Adam(lr=1e-4))``.

    Args:
        name: Such as "dcgan".
        image_shape: Of the images, (C, H, W).
        generator: In place of the configuration's, for images of its own shape; a game over a trained one needs it. Or
            arguments of the configuration's.
        **overrides: Other arguments; ``num_classes`` is that of all networks that are told classes.

    Raises:
        ValueError: there is no such configuration or argument, or it needs a generator.
    """
    config = config_of(name)
    if "generator" not in config["init_args"] and not isinstance(generator, Generator):
        raise ValueError(f"{name} is played over a trained generator: give generator=ganzoo.load(PATH).generator")
    if "num_classes" in overrides:
        if (told := with_classes(config, overrides.pop("num_classes"))) == config == with_classes(config, 0):
            raise ValueError(f"{name} is told no classes: leave num_classes out, or take cgan, acgan or projectiongan")
        config = told
    config = overridden(config, overrides if generator is None else {"generator": generator, **overrides})
    arguments = config["init_args"]
    shape = generator.image_shape if isinstance(generator, Generator) else image_shape
    for key, value in arguments.items():
        if isinstance(value, dict) and str(value.get("class_path")).startswith("ganzoo.networks."):
            arguments[key] = {**value, "init_args": {"image_shape": list(shape), **value.get("init_args", {})}}
    made: Generative = build(config)
    return made


def config_of(name: str) -> Config:
    """Return the configuration ``models/<name>`` of a game.

    Raises:
        ValueError: there is none; the nearest name is given.
    """
    known = [c.removeprefix("models/") for c in configs() if c.startswith("models/")]
    if name.lower() not in known and folder_of(name):
        raise ValueError(f"{name} is trained: use ganzoo.load({name!r}); create makes untrained games")
    if name.lower() not in known:
        raise ValueError(f"no model {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    with open(find_config(f"models/{name.lower()}")) as file:
        config: Config = yaml.safe_load(file)["model"]
    return config


def list_models() -> list[str]:
    """Return the names of the variants."""
    return list(classes("models"))


def load_game(checkpoint: str | Path) -> Game:
    """Return the game of a checkpoint, as it was trained, to look into it or to go on by hand.

    For sampling, ``ganzoo.load`` is enough. To resume: ``trainer.fit(game, datamodule=data, ckpt_path=checkpoint)``.

    Args:
        checkpoint: A .ckpt written by ``ganzoo fit`` or by a Trainer, or the folder of a run, of which the best one is
            taken or else the last.

    Raises:
        ValueError: the file is damaged, does not fit its own configuration, or its game cannot be made from one.
        FileNotFoundError: there is no such file.
    """
    path = place_of(checkpoint)
    if path.is_dir():
        raise ValueError(f"{checkpoint} holds published networks and no game: use ganzoo.load({str(checkpoint)!r})")
    return game_of(path)[0]


def game_of(path: Path) -> tuple[Game, dict[str, Any]]:
    """Return the game of a checkpoint, in evaluation mode, and what the checkpoint says of it."""
    checkpoint = read_checkpoint(path, lambda content: fitting(content, str(path)))
    config = checked(checkpoint["ganzoo"]["model"], Game, str(path))
    with undisturbed("cpu"):
        game: Game = build(config)
        game.on_load_checkpoint(checkpoint)
        game.load_state_dict(checkpoint["state_dict"], strict=True)
    return game.eval(), checkpoint["ganzoo"]


def fitting(checkpoint: dict[str, Any], where: str) -> None:
    """Check that the weights in a checkpoint are those of its game.

    Raises:
        ValueError: they are not, or its configuration is none or names what no file may name.
    """
    if "reason" in checkpoint["ganzoo"]["model"]:
        raise ValueError(f"{where} cannot be rebuilt: {checkpoint['ganzoo']['model']['reason']}")
    config = checked(checkpoint["ganzoo"]["model"], Game, where)
    game: Any = unbuilt(config, where)
    taken = {**checkpoint, "state_dict": dict(checkpoint["state_dict"])}
    try:
        game.on_load_checkpoint(taken)  # which may know an older form
    except Exception as error:  # a user's own code
        raise ValueError(f"{where} cannot be taken up by {type(game).__name__}: {error!r}") from error
    compare(game.state_dict(), taken["state_dict"], f"{where} does not fit its own configuration")
