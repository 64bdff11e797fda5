"""Where a run lives: its folder, its loggers, its processes."""

import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import Any

import torch

try:
    import fcntl
except ImportError:  # on Windows there is no lock
    fcntl = None  # type: ignore[assignment]

from ganzoo.bundled import FOLDER
from ganzoo.cli.layers import RUNS
from ganzoo.files import write_atomically


def run_folder(config: Any, verb: str) -> Path:
    """Return the run's folder: ``--run``, else that of the checkpoint, else the next free ``runs/MODEL-DATA``.

    What is found out about a model that comes with the package goes to ``runs/NAME``, not into the package.

    Raises:
        ValueError: a new run was sent to a folder that holds another one.
    """
    if "GANZOO_RUN" in os.environ and int(os.environ.get("LOCAL_RANK", "0")) > 0:
        return Path(os.environ["GANZOO_RUN"])  # started by rank 0, which has decided
    checkpoint = config.get("ckpt_path")
    if config.run is not None and (verb != "fit" or checkpoint or requeued() or not holds_run(Path(config.run))):
        run = Path(config.run)
    elif config.run is not None:
        there = (Path(config.run) / "checkpoints" / "last.ckpt").is_file()
        resume = "add --ckpt_path last to resume it, or " if there else ""
        raise ValueError(f"{config.run} holds a run: {resume}choose another --run")
    elif checkpoint and Path(checkpoint).resolve().parent == FOLDER.resolve():
        run = free_folder(RUNS / Path(checkpoint).name)
    elif checkpoint and Path(checkpoint).is_dir():
        run = Path(checkpoint)  # published
    elif checkpoint:
        parent = Path(checkpoint).resolve().parent
        run = parent.parent if parent.name == "checkpoints" else parent
    elif verb == "fit" and requeued():
        raise ValueError("SLURM has started this job again: add --run DIR to its command, so that it finds its folder")
    else:
        run = free_folder(RUNS / f"{short_name(config.model)}-{short_name(config.data)}")
    os.environ["GANZOO_RUN"] = str(run)
    return run


LOCKS: dict[Path, int] = {}  # open files of the runs that this process trains; they are gone with it, however it ends


def lock(run: Path) -> None:
    """Keep other processes from training in a run's folder, and remove what killed ones have left half written.

    Raises:
        ValueError: another process trains there.
    """
    if fcntl is None or run.resolve() in LOCKS or not first():
        return
    run.mkdir(parents=True, exist_ok=True)
    file = os.open(run / ".lock", os.O_WRONLY | os.O_CREAT)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # workers do not inherit it
    except OSError as error:
        os.close(file)
        raise ValueError(f"another process trains in {run}: wait for its end, or choose another --run") from error
    LOCKS[run.resolve()] = file
    for path in run.rglob("*.part"):
        path.unlink(missing_ok=True)


def first() -> bool:
    """Whether this process is the first rank of its run, on whichever machine."""
    ranks = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return all(int(os.environ.get(name, "0")) == 0 for name in ranks)


def requeued() -> bool:
    """Whether SLURM has started this job again: Lightning then goes on from what it left in the run's folder."""
    return int(os.environ.get("SLURM_RESTART_COUNT", "0")) > 0


def free_folder(base: Path) -> Path:
    """Return ``base``, or ``base-2``, ``base-3``, ... where ``base`` holds a run."""
    run, k = base, 1
    while holds_run(run):
        k += 1
        run = base.with_name(f"{base.name}-{k}")
    return run


def holds_run(folder: Path) -> bool:
    """Whether a folder has a run's checkpoints, or a process trains in it."""
    return (folder / "checkpoints").is_dir() or locked(folder)


def locked(folder: Path) -> bool:
    """Whether a process that is no rank of this run trains in a folder."""
    if folder.resolve() in LOCKS:  # closing the file again would end our own lock
        return True
    if fcntl is None or not first():
        return False
    with contextlib.suppress(FileNotFoundError), open(folder / ".lock", "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


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
