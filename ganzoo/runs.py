"""Where a run lives, and the layers of its configuration."""

import itertools
import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

import torch

from ganzoo.catalogue import config_folder, find_config
from ganzoo.checkpoints import read_checkpoint
from ganzoo.files import write_atomically

RUNS = Path("runs")


def layered(argv: list[str]) -> list[str]:
    """Return the arguments of a verb with all layers of configuration as ``--config``, lowest first.

    Raises:
        ValueError: a configuration or checkpoint does not exist or cannot be read.
    """
    verb, rest = argv[0], with_config_paths(argv[1:])
    if {"-h", "--help"} & set(rest) or any(word.endswith(".help") for word in rest):
        return [verb, *rest]
    rest, checkpoint = with_checkpoint_path(rest)
    layers = ["--config", str(config_folder() / "defaults.yaml")]
    if checkpoint is not None:
        layers += ["--config", checkpoint_layer(checkpoint, verb)]
    given, words = split_configs(rest)
    return [verb, *layers, *given, *words]


def split_configs(argv: list[str]) -> tuple[list[str], list[str]]:
    """Return the ``--config`` options and all others: an option wins over a file wherever it stands."""
    given: list[str] = []
    words: list[str] = []
    following = iter(argv)
    for word in following:
        if word in ("--config", "-c"):
            given += [word, *itertools.islice(following, 1)]
        else:
            (given if word.startswith("--config=") else words).append(word)
    return given, words


def with_config_paths(argv: list[str]) -> list[str]:
    """Replace short names of configurations by their paths."""
    argv = list(argv)
    for i, word in enumerate(argv):
        if word in ("--config", "-c") and i + 1 < len(argv):
            argv[i + 1] = find_config(argv[i + 1])
        elif word.startswith("--config="):
            argv[i] = f"--config={find_config(word.split('=', 1)[1])}"
    return argv


def with_checkpoint_path(argv: list[str]) -> tuple[list[str], Path | None]:
    """Replace ``last`` and ``best`` by the file in the run's folder; return the file too.

    Raises:
        ValueError: no such file; the message lists what there is.
    """
    given = option(argv, "--ckpt_path")
    if given is None or given == "null":
        return argv, None
    if given in ("last", "best"):
        run = option(argv, "--run")
        if run is None:
            found = sorted(str(p.parent.parent) for p in RUNS.glob(f"*/checkpoints/{given}.ckpt"))
            raise ValueError(f"--ckpt_path {given} needs --run DIR; runs here: {', '.join(found) or 'none'}")
        path = Path(run) / "checkpoints" / f"{given}.ckpt"
    else:
        path = Path(given)
    if not path.is_file():
        there = sorted(str(p) for p in path.parent.glob("*.ckpt")) if path.parent.is_dir() else []
        raise ValueError(f"no checkpoint at {path}; in that folder: {', '.join(there) or 'none'}")
    found = list(argv)
    for i, word in enumerate(argv):
        if word.startswith("--ckpt_path="):
            found[i] = f"--ckpt_path={path}"
        elif i and argv[i - 1] == "--ckpt_path":
            found[i] = str(path)
    return found, path


def option(argv: list[str], name: str) -> str | None:
    """Return the last value given to an option."""
    value = None
    for i, word in enumerate(argv):
        if word == name and i + 1 < len(argv):
            value = argv[i + 1]
        elif word.startswith(f"{name}="):
            value = word.split("=", 1)[1]
    return value


def checkpoint_layer(path: Path, verb: str) -> str:
    """Return what a checkpoint knows, as a value of ``--config``.

    ``fit`` goes on with the whole configuration of the run, the other verbs take model and data.

    Raises:
        ValueError: the file is damaged, or was made from networks that have no configuration.
    """
    ours = read_checkpoint(path)["ganzoo"]
    config = path.parent.parent / "config.yaml"
    if verb == "fit" and config.is_file():
        return str(config)
    layer = {key: ours[key] for key in ("model", "data") if ours.get(key)}
    for key, value in layer.items():
        if "reason" in value:
            raise ValueError(f"{path} does not know its {key}: {value['reason']}")
    return json.dumps(layer)


def run_folder(config: Any, verb: str) -> Path:
    """Return the run's folder: ``--run``, else that of the checkpoint, else the next free ``runs/MODEL-DATA``.

    Raises:
        ValueError: a new run was sent to a folder that holds another one.
    """
    if "GANZOO_RUN" in os.environ and int(os.environ.get("LOCAL_RANK", "0")) > 0:
        return Path(os.environ["GANZOO_RUN"])  # started by rank 0, which has decided
    checkpoint = config.get("ckpt_path")
    if config.run is not None and (verb != "fit" or checkpoint or not holds_run(Path(config.run))):
        run = Path(config.run)
    elif config.run is not None:
        there = (Path(config.run) / "checkpoints" / "last.ckpt").is_file()
        resume = "add --ckpt_path last to resume it, or " if there else ""
        raise ValueError(f"{config.run} holds a run: {resume}choose another --run")
    elif checkpoint:
        parent = Path(checkpoint).resolve().parent
        run = parent.parent if parent.name == "checkpoints" else parent
    else:
        run = free_folder(RUNS / f"{short_name(config.model)}-{short_name(config.data)}")
    os.environ["GANZOO_RUN"] = str(run)
    return run


def free_folder(base: Path) -> Path:
    """Return ``base``, or ``base-2``, ``base-3``, ... where ``base`` holds a run."""
    run, k = base, 1
    while holds_run(run):
        k += 1
        run = base.with_name(f"{base.name}-{k}")
    return run


def holds_run(folder: Path) -> bool:
    """Whether a run was started in a folder."""
    return (folder / "checkpoints").is_dir() or (folder / "config.yaml").is_file()


def short_name(config: Any) -> str:
    """Return the lower-case class name of a configuration."""
    return re.sub(r"[^a-z0-9]", "", config.class_path.rsplit(".", 1)[-1].lower())


def place_loggers(trainer: Any, run: Path) -> None:
    """Let all loggers write into the run's folder."""
    loggers = trainer.logger if isinstance(trainer.logger, list) else [trainer.logger]
    for logger in loggers:
        if logger and not isinstance(logger, bool) and "save_dir" in logger.init_args:
            logger.init_args.save_dir = str(run)
            if logger.class_path.endswith("WandbLogger"):
                logger.init_args.name = logger.init_args.name or run.name
                logger.init_args.id = logger.init_args.id or wandb_id(run)


def wandb_id(run: Path) -> str:
    """Return the run's id on Weights & Biases, so that a resumed run goes on in the same one."""
    path = run / "wandb-id"
    if not path.is_file():
        write_atomically(path, lambda temporary: temporary.write_text(secrets.token_hex(4)))
    return path.read_text()


def n_ranks(trainer: Any) -> int:
    """Return how many processes the trainer's configuration asks for."""
    devices, nodes = trainer.devices, int(trainer.num_nodes or 1)
    if isinstance(devices, str) and devices.lstrip("-").isdigit():
        devices = int(devices)
    if isinstance(devices, list):
        local = len(devices)
    elif isinstance(devices, int) and devices > 0:
        local = devices
    else:
        local = torch.cuda.device_count() if trainer.accelerator in ("auto", "gpu", "cuda") else 1
    return max(local, 1) * nodes
