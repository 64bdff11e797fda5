"""The verbs with a trainer: LightningCLI on layers of configuration.

Layers, each winning over the one before: ``configs/defaults.yaml``, the checkpoint named by ``--ckpt_path`` (for
``fit`` the whole ``config.yaml`` of its run), the ``--config`` files in order, the command line.
"""

import errno
import inspect
import logging
import os
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import WandbLogger

import ganzoo.callbacks
import ganzoo.data
import ganzoo.latents
import ganzoo.likelihoods
import ganzoo.models
import ganzoo.networks
import ganzoo.objectives
import ganzoo.optim
from ganzoo.callbacks import Checkpoints, Compile, Evaluate, Progress, SampleGrid, SampleWriter, Watch
from ganzoo.catalogue import configs, nearest
from ganzoo.data import ImageData
from ganzoo.files import write_atomically
from ganzoo.game import Game
from ganzoo.runs import layered, n_ranks, place_loggers, run_folder

NOISE = ("Parser key", "Does not validate", "Subtypes:", "Errors:", "Given value", "Expected a path but",
         "Expected a <class 'NoneType'>")  # fmt: skip
EXPECTED = r"Expected an? (?:<class '([^']+)'>|typing\.(.+\]))"
PLACES = {
    "model": ganzoo.models,
    "generator": ganzoo.networks,
    "discriminator": ganzoo.networks,
    "encoder": ganzoo.networks,
    "labeller": ganzoo.networks,
    "data": ganzoo.data,
    "d_optimizer": ganzoo.optim,
    "g_optimizer": ganzoo.optim,
    "e_optimizer": ganzoo.optim,
    "optimizer": ganzoo.optim,
    "likelihood": ganzoo.likelihoods,
    "schedule": ganzoo.optim,
    "prior": ganzoo.latents,
    "objective": ganzoo.objectives,
}


class WrongCall(Exception):
    """A command line that was not understood; the message is the parser's, in many lines."""


class Arguments(LightningArgumentParser):
    """A parser that takes no abbreviations, and whose errors can be explained."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Hand the message to ``explain``."""
        raise WrongCall(message)


def explain(message: str, argv: Sequence[str] = (), options: Iterable[str] = ()) -> str:
    """Cut a message of jsonargparse down to one line: the argument, what is wrong, and the nearest known word.

    Args:
        message: In one line or in many.
        argv: What was typed.
        options: The arguments that the parser knows.
    """
    lines = [line.strip(" -\t") for line in message.splitlines()]
    lines = [line for line in lines if line and not line.startswith(NOISE)]
    cause = " ".join(lines[:2]) if lines and lines[0].endswith(":") else (lines or message.splitlines())[0]
    if found := re.match(r"the following arguments are required: (.*)", cause):
        return missing(found[1])
    if found := re.search(r"(?:Option|accept option|unrecognized arguments:) ['\"]?-*([\w./]+)", cause):
        return unknown(found[1], argv, set(options))
    keys = re.findall(r"Parser key ['\"]([\w.]+)", message)
    where = f"{flag(keys[-1], argv)}: " if keys else ""
    if found := re.search(r"(?:import path string: |has no attribute ')([\w.]+)", cause):
        return f"{where}no class {found[1]!r}{nearest(found[1], class_names())}"
    if keys and cause.startswith("Expected a"):
        kinds = dict.fromkeys(first or second for first, second in re.findall(EXPECTED, "\n".join(lines)))
        given = re.findall(r"(?:Got|Given) value: (.*)", message)
        return f"{where}expected {' or '.join(kinds)}, got {' '.join(given[:1])!r}"
    return where + cause


def missing(names: str) -> str:
    """Say which arguments are missing, and where to get them."""
    if names.rsplit(".", 1)[-1] == "model":
        return "no model: add --config models/NAME or --model NAME, or --ckpt_path FILE; `ganzoo list` shows all"
    if names.rsplit(".", 1)[-1] == "path":
        return "missing --model.generator.path: a checkpoint, or a folder written by `ganzoo export`, of a trained game"
    return f"missing {names}: start from --config models/NAME, or name a class (--model.generator MLPGenerator)"


def unknown(word: str, argv: Sequence[str], options: set[str]) -> str:
    """Say that there is no such argument, and which one is nearest."""
    if word in configs() or "/" in word:
        return f"no argument {word!r}: did you mean '--config {word}'?"
    full = flag(word, argv)
    place, _, name = full.lstrip("-").rpartition(".")
    package = PLACES.get(place.rsplit(".", 1)[-1])
    if package is None:
        known = options | {f"--{place}.{name}" for place in ("model", "data") for name in parameters(PLACES[place])}
        known = known if full.startswith("-") else {option.lstrip("-") for option in known}
        return f"no argument {full!r}{nearest(full, known) or nearest(name, parameters(*PLACES.values()))}"
    known = {f"--{place}.{parameter}" for parameter in parameters(package)}
    return f"no argument {full!r}" + (" in the class that was chosen" if full in known else nearest(full, known))


def flag(word: str, argv: Sequence[str]) -> str:
    """Return the argument as it was typed, if it was typed."""
    typed = (given.split("=", 1)[0] for given in argv if given.startswith("--"))
    return next((name for name in typed if name.lstrip("-") == word or name.endswith(f".{word}")), word)


def class_names() -> set[str]:
    """Return the names of all classes that a configuration can name."""
    return {name for package in PLACES.values() for name, value in vars(package).items() if isinstance(value, type)}


def parameters(*packages: Any) -> set[str]:
    """Return the names of the arguments of all classes of some packages."""
    found = [value for package in packages for value in vars(package).values() if isinstance(value, type)]
    return {name for cls in found if cls.__module__.startswith("ganzoo") for name in inspect.signature(cls).parameters}


class RunConfig(SaveConfigCallback):
    """Keeps the whole configuration in the run's folder, and shows it to the loggers."""

    def __init__(self, parser: Any, config: Any, **kwargs: Any) -> None:
        super().__init__(parser, config, overwrite=True, save_to_log_dir=False, **kwargs)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write ``config.yaml`` once training starts; it says how to train, not where, so that it starts a new run."""
        if stage != "fit":
            return
        config = self.config.clone()
        config.run = config.ckpt_path = config.trainer.default_root_dir = None
        config.pop("weights_only", None)
        text = self.parser.dump(config, skip_none=False)
        write_atomically(Path(trainer.default_root_dir) / "config.yaml", lambda part: part.write_text(text))
        plain = {"model": pl_module.config() if isinstance(pl_module, Game) else {}, "config": text}
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_hyperparams(plain)
                logger.experiment.define_metric("*", step_metric="images")


class ZooCLI(LightningCLI):
    """LightningCLI for games: run folders, layers of configuration, the strategy of games."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the callbacks that every run has, the run's folder, and the links between data and networks."""
        parser.add_lightning_class_args(Evaluate, "evaluate")
        parser.add_lightning_class_args(SampleGrid, "grid")
        parser.add_lightning_class_args(Watch, "watch")
        parser.add_lightning_class_args(Checkpoints, "checkpoint")
        parser.add_lightning_class_args(SampleWriter, "samples")
        parser.add_argument("--run", type=str | None, default=None, help="The run's folder (default: runs/MODEL-DATA).")
        parser.add_argument("--compile", type=str | None, default=None, help="A mode of torch.compile: default, ...")
        for network in ("generator", "discriminator", "encoder", "labeller"):
            target = f"model.init_args.{network}.init_args.image_shape"
            parser.link_arguments("data.image_shape", target, apply_on="instantiate")
        parser.link_arguments("seed_everything", "data.init_args.seed", compute_fn=int)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Put the layers in order and parse."""
        try:
            self.config = parser.parse_args(layered(list(args)))
        except WrongCall as error:
            options = {o for p in self._subcommand_parsers.values() for a in p._actions for o in a.option_strings}
            raise ValueError(explain(str(error), list(args), options)) from None

    def instantiate_classes(self) -> None:
        """Make the objects; a wrong value is one line, not what the parser makes of it."""
        try:
            super().instantiate_classes()
        except ValueError as error:
            raise ValueError(explain(str(error))) from error

    def _add_instantiators(self) -> None:
        """Nothing: they serve Lightning's ``load_from_checkpoint``; ours is ``ganzoo.load``."""

    def _parse_ckpt_path(self) -> None:
        """Nothing: the checkpoint is a layer below the command line, not above it."""

    def before_instantiate_classes(self) -> None:
        """Decide on the run's folder, the strategy and the threads."""
        assert self.subcommand is not None
        config = self.config[self.subcommand]
        if config.model is None:
            raise ValueError(missing("model"))
        run = run_folder(config, self.subcommand)
        config.trainer.default_root_dir = str(run)
        place_loggers(config.trainer, run)
        if not config.trainer.callbacks:
            config.trainer.callbacks = []
        ranks = n_ranks(config.trainer)
        if ranks > 1 and config.trainer.strategy == "auto":
            config.trainer.strategy = "game"
        if ranks > 1 and config.trainer.accelerator in ("cpu", "auto") and not torch.cuda.is_available():
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // ranks))

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add the progress bar and, where asked for, compilation."""
        assert self.subcommand is not None
        trainer = super().instantiate_trainer(**kwargs)
        mode = self.config[self.subcommand].compile
        if mode:
            trainer.callbacks.insert(0, Compile(mode))  # type: ignore[attr-defined]
        return trainer

    def after_fit(self) -> None:
        """Say what was made and what can be done with it."""
        trainer = self.trainer
        if not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        run = Path(trainer.default_root_dir)
        kept = next(c for c in trainer.callbacks if isinstance(c, Checkpoints))  # type: ignore[attr-defined]
        best = "last" if kept.best is None else "best"
        at = "" if kept.best is None else f"; best {kept.metric} {kept.best:.4g} at batch {kept.best_batch}"
        checkpoint = run / "checkpoints" / f"{best}.ckpt"
        labels = " --labels 0" if getattr(self.model, "conditional", False) else ""
        print(f"""
trained {trainer.global_step} batches{at}. In {run}: checkpoints, grids (pictures), csv (metrics), config.yaml. Next:
  ganzoo test --ckpt_path {checkpoint}
  ganzoo generate {checkpoint} --seeds 0-63{labels} --out samples
  ganzoo export {checkpoint} --out published/{run.name}""")


def quiet() -> None:
    """Keep Lightning's advertisements, and advice that games decide otherwise on purpose, off the screen."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric.utilities.seed").setLevel(logging.WARNING)
    for message in (
        ".*LeafSpec.*",
        ".*smaller than the logging interval.*",
        ".*does not have many workers.*",
        ".*[Ee]xperiment logs directory.*",
        ".*Checkpoint directory .* exists.*",
        ".*predict returned None.*",
    ):
        warnings.filterwarnings("ignore", message=message)


def run(argv: list[str]) -> None:
    """Run a verb with its arguments.

    Raises:
        ValueError: the arguments are wrong, or do not fit the checkpoint.
    """
    quiet()
    try:
        ZooCLI(
            Game,
            ImageData,
            subclass_mode_model=True,
            subclass_mode_data=True,
            save_config_callback=RunConfig,
            seed_everything_default=0,
            auto_configure_optimizers=False,
            trainer_defaults={"callbacks": [Progress()], "use_distributed_sampler": False},
            parser_class=Arguments,
            args=argv,
        )
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:
            error.filename = os.environ.get("GANZOO_RUN")
        raise
    except RuntimeError as error:
        if not str(error).startswith("Error(s) in loading state_dict"):
            raise
        first = str(error).splitlines()[1].strip()
        raise ValueError(f"the checkpoint is not of the model that was asked for: {first}") from error
