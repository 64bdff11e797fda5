"""What samples are told when a game is shown or judged: pure functions of the seed, the same on any number of ranks."""

from typing import Any

import lightning as L
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from ganzoo.inference import Inference
from ganzoo.pixels import to_float
from ganzoo.roles import Classes, Condition, Images, Nothing

FEWEST_HELD_OUT = 2  # images of a side


def model_of(game: Any) -> Inference | None:
    """Return what a game publishes, ready to be used; None if it publishes no generator."""
    published = getattr(game, "published", {})
    return Inference(published) if "generator" in published else None


def condition_of(game: Any) -> Condition:
    """Return what a game's samples are told."""
    model = model_of(game)
    return Nothing() if model is None else model.generator.condition


def classes_of(game: Any) -> int:
    """Return the number of classes that a game's samples are told one of; 0: none."""
    condition = condition_of(game)
    return condition.K if isinstance(condition, Classes) else 0


def held_out_split(trainer: L.Trainer) -> str:
    """Return the split whose sources a translator is judged by: "val" while it trains and in `validate`, else "test".

    So the checkpoint that is kept as the best was not chosen by what `test` measures. Where there is too little to
    validate with, it is "test" all the same.
    """
    data, validates = data_with_conditions(trainer), trainer.state.fn in (TrainerFn.FITTING, TrainerFn.VALIDATING)
    if validates and data is not None and min(len(data.labels("val")), data.n_conditions("val")) >= FEWEST_HELD_OUT:
        return "val"
    return Images.split


def conditions_of(trainer: L.Trainer, game: Any, seeds: range, split: str = Images.split) -> Tensor | None:
    """Return what the samples of seeds are told, a value for each; None: nothing.

    The N images of the data are put in a fixed random order, and seed s gets the condition of image number s mod N. So
    classes are as frequent as in the training set. A translator gets images of ``split``, and training
    images of data that have none there. Without data seed s gets class s mod K.

    Raises:
        ValueError: a translator without data that has images to translate.
    """
    condition, data = condition_of(game), data_with_conditions(trainer)
    if isinstance(condition, Nothing):
        return None
    if data is None:
        return in_turn(trainer, game, seeds)
    values = data.conditions(split if isinstance(condition, Images) else condition.split)
    return of_seeds(values if len(values) else data.conditions("train"), seeds)


def targets_of(trainer: L.Trainer, seeds: range) -> Tensor | None:
    """Return what a translator should make of the images that it is told for seeds; None: the data do not know."""
    data = data_with_conditions(trainer)
    held_pairs = getattr(data, "held_pairs", None)  # of sets of pairs: whether those of a split belong together
    if held_pairs is None or not held_pairs(Images.split) or not len(data.labels(Images.split)):
        return None
    return of_seeds(torch.cat(list(data.images(Images.split))), seeds)


def of_seeds(values: Tensor, seeds: range) -> Tensor:
    """Return a value for each seed: seed s gets number s mod N of a fixed random order; images in [-1, 1]."""
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(0))
    chosen = values[order[torch.tensor(seeds, dtype=torch.long) % len(values)]]
    return to_float(chosen) if chosen.ndim > 1 else chosen


def data_with_conditions(trainer: L.Trainer) -> Any:
    """Return the trainer's data if they say what samples are told, else None."""
    data = getattr(trainer, "datamodule", None)
    return data if hasattr(data, "conditions") else None


def in_turn(trainer: L.Trainer, game: Any, seeds: range) -> Tensor | None:
    """Return class s mod K for each seed s, int64 [len(seeds)]; for a translator what ``conditions_of`` returns."""
    condition = condition_of(game)
    if isinstance(condition, Classes):
        return torch.tensor(seeds, dtype=torch.long) % condition.K
    if isinstance(condition, Images) and data_with_conditions(trainer) is None:
        raise ValueError("this game translates images: give data whose conditions(split) returns some")
    return conditions_of(trainer, game, seeds)


def labels_of(condition: Tensor | None) -> Tensor | None:
    """Return a condition if it is classes, [N]; None if it is images or nothing."""
    return condition if condition is not None and condition.ndim == 1 else None
