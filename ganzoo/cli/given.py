"""Trained networks that a command gives to a game: its generator, or all that are judged."""

import json

from lightning.pytorch import LightningModule

from ganzoo.cli.layers import option
from ganzoo.engine.game import Game
from ganzoo.hub import load
from ganzoo.models.generative import Generative


def given_generator(words: list[str]) -> list[str]:
    """Return how the generator of ``--generator PATH`` was made, as an argument."""
    source = option(words, "--generator")
    return [f"--model.generator={json.dumps(load(source).generator.config())}"] if source else []


def take_weights(game: LightningModule, source: str) -> None:
    """Give the generator of a game the weights of a trained one.

    Raises:
        ValueError: the game has no such generator, or one for other images.
    """
    G, mine = load(source).generator, getattr(game, "G", None)
    if not isinstance(mine, type(G)):
        raise ValueError(f"--generator {source}: {type(game).__name__} has no generator of this kind")
    if mine.image_shape != G.image_shape:
        raise ValueError(f"{source} makes images {G.image_shape}, the data has {mine.image_shape}")
    mine.load_state_dict(G.state_dict())


def take_published(game: Game, folder: str) -> None:
    """Give a game the networks of a published folder, to be judged; of most games no D is looked at, and each may lack.

    Raises:
        ValueError: the folder lacks one.
    """
    model = load(folder)
    reads = any(getattr(type(game), name, None) is not getattr(Generative, name) for name in ("values", "codes"))
    needed = {name for name in game.published if reads or not name.startswith("discriminator")}
    if lacking := sorted(needed - model.networks.keys()):
        raise ValueError(f"{folder} lacks {', '.join(lacking)}: give the checkpoint that it was exported from")
    for name in game.published.keys() & model.networks.keys():
        game.published[name].load_state_dict(model.networks[name].state_dict())
    training = model.config["training"]
    game.batches_done, game.images_seen = training.get("batches", 0), training.get("images_seen", 0)
