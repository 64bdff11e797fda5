"""Making games: untrained from a configuration, trained from a checkpoint."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

import ganzoo.models
import ganzoo.networks  # noqa: F401
from ganzoo.catalogue import classes, configs, find_config, nearest
from ganzoo.checkpoints import read_checkpoint
from ganzoo.config import build
from ganzoo.engine.game import Game
from ganzoo.hub.form import place_of
from ganzoo.hub.tensors import compare, unbuilt, undisturbed
from ganzoo.models.generative import Generative
from ganzoo.roles import Generator
from ganzoo.trust import checked


def create(name: str, image_shape: Sequence[int] = (1, 32, 32), generator: Generator | None = None) -> Generative:
    """Return an untrained game from the configuration ``models/<name>``.

    Args:
        name: Such as "dcgan".
        image_shape: Of the images, (C, H, W).
        generator: In place of the configuration's, for images of its own shape; a game over a trained one needs it.

    Raises:
        ValueError: there is no such configuration, or it needs a generator.
    """
    known = [c.removeprefix("models/") for c in configs() if c.startswith("models/")]
    if name.lower() not in known:
        raise ValueError(f"no model {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    with open(find_config(f"models/{name.lower()}")) as file:
        config = yaml.safe_load(file)["model"]
    arguments = config["init_args"]
    if generator is None and "generator" not in arguments:
        raise ValueError(f"{name} is played over a trained generator: give generator=ganzoo.load(PATH).generator")
    shape = image_shape if generator is None else generator.image_shape
    for value in arguments.values():
        if isinstance(value, dict) and str(value.get("class_path")).startswith("ganzoo.networks."):
            value.setdefault("init_args", {})["image_shape"] = list(shape)
    made: Generative = build({**config, "init_args": {**arguments, **({"generator": generator} if generator else {})}})
    return made


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
        raise ValueError(f"{path} holds published networks and no game: use ganzoo.load({str(path)!r})")
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
