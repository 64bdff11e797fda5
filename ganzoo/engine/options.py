"""Options of Lightning's ``Trainer`` that make no sense, or none in a game: refused before training, with the remedy.

``docs/trainer.md`` says of every option what it does to a game.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import lightning as L

BATCHES = "a number of batches"
SHARE = "a whole number of batches, 0 or more, or a share of them from 0.0 to 1.0"
INSTEAD = {  # callbacks that are for one optimizer, and what a game has in their place
    "GradientAccumulationScheduler": "each player accumulates by itself: its optimizer's accumulate",
    "StochasticWeightAveraging": "a game keeps averages of its weights: its ema_decay",
    "WeightAveraging": "a game keeps averages of its weights: its ema_decay",
    "LearningRateFinder": "each player has a learning rate of its own: its optimizer's lr",
    "BatchSizeFinder": "try batch sizes by hand: batch_size of the data",
}


def whole(value: Any, least: int) -> bool:
    """Whether a value is a whole number that is not too small."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def share(value: Any) -> bool:
    """Whether a value is a number of batches, or a share of them."""
    return value is None or whole(value, 0) or (isinstance(value, float) and 0 <= value <= 1)


def interval(value: Any) -> bool:
    """Whether a value can be the interval of validations."""
    time = isinstance(value, str) and re.fullmatch(r"\d+(:\d+){3}", value)
    if isinstance(value, float):
        return 0 < value <= 1
    return not isinstance(value, str | int) or whole(value, 1) or bool(time)


def duration(value: Any) -> bool:
    """Whether a value can be a time."""
    return not isinstance(value, str | int | float) or bool(re.fullmatch(r"\d+(:\d+){3}", str(value)))


CLIP = "each player clips its own gradient: its optimizer's clip_norm, such as --model.d_optimizer.clip_norm 1"
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {  # what fits, and what to do where it does not
    "accumulate_grad_batches": (
        lambda k: whole(k, 1) and k == 1,
        "each player accumulates by itself: its optimizer's accumulate, such as --model.d_optimizer.accumulate 2",
    ),
    "gradient_clip_val": (lambda norm: norm is None or norm == 0, CLIP),
    "gradient_clip_algorithm": (lambda how: how is None, CLIP),
    "max_steps": (lambda n: whole(n, -1), f"give {BATCHES}, or -1 for no end"),
    "max_epochs": (lambda n: n is None or whole(n, -1), "give a number of epochs, or -1 for no end"),
    "min_steps": (lambda n: n is None or whole(n, 0), f"give {BATCHES}"),
    "min_epochs": (lambda n: n is None or whole(n, 0), "give a number of epochs"),
    "max_time": (duration, "give a time as DD:HH:MM:SS, such as 00:01:30:00"),
    "fast_dev_run": (lambda n: isinstance(n, bool) or whole(n, 0), f"give true, or {BATCHES}"),
    "limit_train_batches": (share, f"give {SHARE}"),
    "limit_val_batches": (share, f"give {SHARE}"),
    "limit_test_batches": (share, f"give {SHARE}"),
    "limit_predict_batches": (share, f"give {SHARE}"),
    "overfit_batches": (lambda k: whole(k, 0) or k == 0, f"give {BATCHES}, such as 2"),
    "val_check_interval": (interval, f"give {BATCHES}, or a share of an epoch up to 1.0"),
    "check_val_every_n_epoch": (lambda n: n is None or whole(n, 1), "give a number of epochs, or null"),
    "num_sanity_val_steps": (
        lambda n: n is None or whole(n, -1) or n == float("inf"),
        f"give {BATCHES}, or -1 for all",
    ),
    "log_every_n_steps": (lambda n: n is None or whole(n, 0), f"give {BATCHES}, or 0 for no logs"),
    "reload_dataloaders_every_n_epochs": (lambda n: whole(n, 0), "give a number of epochs, or 0 for never"),
    "profiler": (
        lambda how: not isinstance(how, str) or how in ("simple", "advanced", "pytorch"),
        "choose one of simple, advanced, pytorch",
    ),
    "sync_batchnorm": (
        lambda on: not on,
        "games were never tried with it: take networks with norm layer or none, or larger batches",
    ),
    "model_registry": (lambda name: name is None, "checkpoints are not sent: publish one by `ganzoo export`"),
}


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse values of a trainer's options that a game cannot follow.

    Raises:
        ValueError: names the option, its value and the remedy.
    """
    for name, (fits, remedy) in RULES.items():
        if name in options and not fits(options[name]):
            raise ValueError(f"trainer.{name}={short(options[name])}: {remedy}")


def check_trainer(trainer: L.Trainer) -> None:
    """Refuse a trainer whose options or callbacks a game cannot follow.

    Raises:
        ValueError: names what is wrong and the remedy.
    """
    connector: Any = trainer._accelerator_connector
    hidden = {"sync_batchnorm": connector._layer_sync is not None, "model_registry": trainer._model_registry}
    check_options({name: getattr(trainer, name) for name in RULES if hasattr(trainer, name)} | hidden)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        for name in [cls.__name__ for cls in type(callback).__mro__]:
            if name in INSTEAD:
                raise ValueError(f"{name} is for one optimizer, and a game has several: {INSTEAD[name]}")


def short(value: Any) -> str:
    """Return a value as it is shown in an error."""
    text = str(getattr(value, "value", value))
    return text if len(text) <= 40 else f"{text[:37]}..."
