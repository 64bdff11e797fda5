"""The trainer of the command line: its options checked before it is made, and Lightning's errors in one line."""

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ProgressBar

from ganzoo.callbacks import Progress
from ganzoo.engine.options import check_options

FOUND: dict[str, Callable[[], bool]] = {
    "gpu": lambda: torch.cuda.is_available() or torch.backends.mps.is_available(),
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
}
WORDS = (  # what Lightning says, and what we say; {} is what the brackets have found
    (
        r"Early stopping conditioned on metric `(.*?)` which is not available.*following: (.*)",
        "EarlyStopping: there is no metric {0}: monitor one of {1}",
    ),
    (
        r"ModelCheckpoint\(monitor='(.*?)'\)` could not find the monitored key in the returned metrics: \[(.*?)\]",
        "ModelCheckpoint: there is no metric {0}: monitor one of {1}",
    ),
    (
        r"requested to check ([\d.]+) of the `(\w+)_dataloader` but [\d.]+ \* (\d+)",
        "--trainer.limit_{1}_batches {0} is less than one batch, there are {2}: give a number of batches, such as 1",
    ),
    (
        r"Found more than one stateful callback of type `(\w+)`",
        "there are two callbacks {0}: leave one out of --trainer.callbacks (every run has some of its own)",
    ),
    (r"multiple progress bar", "there are two progress bars in --trainer.callbacks: leave one out"),
    (
        r"Cannot use `(\w+)` callback with `Trainer` that has no logger",
        "{0} needs a logger: leave out {0}, or --trainer.logger false",
    ),
    (r"^Trainer\(barebones=True, (\w+)=", "--trainer.barebones true goes with no {0}: add --trainer.{0} false"),
    (
        r"invalid strategy name: `strategy='(.*?)'`",
        "no strategy {0!r}: leave --trainer.strategy out (one process), or choose game (one for each device)",
    ),
    (r"strategy `(\w+)` requires a GPU", "--trainer.strategy {0} cannot train a game: leave it out, or choose game"),
    (r"To use the `(\w+)Strategy`", "strategy {0} cannot train a game: leave --trainer.strategy out, or choose game"),
    (
        r"invalid accelerator name: `accelerator='(.*?)'`.*names are: (.*?)\.",
        "no accelerator {0!r}: choose one of {1}",
    ),
    (r"Unrecognized mode=(.*?), should be one of: (.*)", "no mode {0!r} of --compile: choose one of {1}"),
)


def check_config(config: Any) -> None:
    """Refuse options of the trainer that cannot be followed, before anything is made.

    Raises:
        ValueError: names the option, its value and the remedy.
    """
    check_options(config.as_dict())
    if isinstance(config.val_check_interval, float) and config.check_val_every_n_epoch is None:
        raise ValueError(
            f"--trainer.val_check_interval {config.val_check_interval} is a share of an epoch, and validation does not"
            " go by epochs: add --trainer.check_val_every_n_epoch 1, or give a number of batches"
        )
    if config.enable_checkpointing is False:
        raise ValueError(
            "--trainer.enable_checkpointing false: a run keeps its checkpoints; --checkpoint.every N for fewer,"
            " --trainer.fast_dev_run N for a trial that keeps nothing"
        )
    check_devices(config)


def check_devices(config: Any) -> None:
    """Refuse devices that are not there.

    Raises:
        ValueError: names the option, its value and the remedy.
    """
    kind, devices = config.accelerator, config.devices
    if isinstance(kind, str) and not FOUND.get(kind, lambda: True)():
        raise ValueError(f"--trainer.accelerator {kind}: there is none here: use cpu, or auto")
    on_cpu = kind == "cpu" or (kind == "auto" and not FOUND["gpu"]())
    number = int(devices) if re.fullmatch(r"-?\d+", str(devices)) else None
    wrong = devices is None or devices == [] or number == 0 or (number is not None and number < -1)
    if wrong or (on_cpu and devices != "auto" and (number is None or number < 1)):
        many = (
            "a number of processes from 1 up" if on_cpu else "a number of GPUs, a list of their places, or -1 for all"
        )
        raise ValueError(f"--trainer.devices {'null' if devices is None else devices}: give {many}, or auto")


def bars(config: Any) -> list[Progress]:
    """Return our progress bar, if no other is asked for and none is to be left out."""
    given = config.get("callbacks") or []
    theirs = any(isinstance(callback, ProgressBar) for callback in (given if isinstance(given, list) else [given]))
    return [] if theirs or config.get("enable_progress_bar") is False or config.get("barebones") else [Progress()]


def in_our_words(error: Exception) -> str:
    """Return what an error of Lightning or torch says, in one line with the remedy."""
    said = " ".join(str(error).split())
    for pattern, words in WORDS:
        if found := re.search(pattern, said.replace("`Trainer(", "Trainer(", 1)):
            return words.format(*found.groups())
    return f"the trainer cannot do this: {said.rstrip('.')}; docs/trainer.md says what its options do"


def of_configuration(error: Exception) -> bool:
    """Whether an error is about what Lightning was told to do."""
    known = any(re.search(pattern, " ".join(str(error).split())) for pattern, _ in WORDS)
    return isinstance(error, MisconfigurationException) or known


def restoring(error: Exception) -> bool:
    """Whether an error was raised while Lightning took up a checkpoint."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(Path(file).stem == "checkpoint_connector" for file in files)
