"""The verbs with a trainer: LightningCLI on layers of configuration.

Layers, each winning over the one before: ``configs/defaults.yaml``, the checkpoint named by ``--ckpt_path`` (for
``fit`` the whole ``config.yaml`` of its run), the ``--config`` files in order, the command line.
"""

import errno
import logging
import os
import signal
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from ganzoo.callbacks import Checkpoints, Compile
from ganzoo.callbacks.checkpoints import lost_rank
from ganzoo.callbacks.condition import condition_of
from ganzoo.cli import own
from ganzoo.cli.explain import explain, missing
from ganzoo.cli.given import given_generator, take_published, take_weights
from ganzoo.cli.known import ARGUMENTS
from ganzoo.cli.layers import layered
from ganzoo.cli.run_config import RunConfig, network_arguments
from ganzoo.cli.runs import lock, n_ranks, place_loggers, run_folder
from ganzoo.cli.trainer import bars, check_config, in_our_words, of_configuration, restoring
from ganzoo.cli.values import check_seed, check_values
from ganzoo.cli.warned import shorten_warnings
from ganzoo.config import config_or_reason
from ganzoo.data import ImageData
from ganzoo.engine.game import Game
from ganzoo.hub.tensors import no_larger_than
from ganzoo.roles import Classes, Images


class WrongCall(Exception):
    """A command line that was not understood; the message is the parser's, in many lines."""


class Arguments(LightningArgumentParser):
    """A parser that takes no abbreviations, and whose errors can be explained."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, "prog": "ganzoo", **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Hand the message to ``explain``."""
        raise WrongCall(message)


class ZooCLI(LightningCLI):
    """LightningCLI for games: run folders, layers of configuration, the strategy of games."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.verb = kwargs["args"][0]
        super().__init__(*args, **kwargs)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Return the verb that was typed: parsers for the others would take time."""
        return {self.verb: LightningCLI.subcommands()[self.verb]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the callbacks that every run has, the run's folder, and the links between data and networks."""
        for name in [name for name in ARGUMENTS if name != "trainer"]:
            parser.add_lightning_class_args(ARGUMENTS[name], name)
        parser.add_argument("--run", type=str | None, default=None, help="The run's folder (default: runs/MODEL-DATA).")
        parser.add_argument(
            "--generator",
            type=str | None,
            default=None,
            help="The trained G of a game that is played over one: a checkpoint, an exported folder, or a name.",
        )
        parser.add_argument("--compile", type=str | None, default=None, help="A mode of torch.compile: default, ...")
        for network in network_arguments():
            target = f"model.init_args.{network}.init_args.image_shape"
            parser.link_arguments("data.image_shape", target, apply_on="instantiate")
            target = f"model.init_args.{network}.init_args.source_shape"
            parser.link_arguments("data.source_shape", target, apply_on="instantiate")
            classes = partial(self.classes_for, network)
            target = f"model.init_args.{network}.init_args.num_classes"
            parser.link_arguments("data", target, compute_fn=classes, apply_on="instantiate")
        parser.link_arguments("seed_everything", "data.init_args.seed", compute_fn=int)

    def classes_for(self, network: str, data: ImageData) -> int:
        """Return the number of classes of a network: that of the data if it is conditional and new."""
        config = self.config[self.subcommand]
        configured = int(config.get(f"model.init_args.{network}.init_args.num_classes") or 0)
        return data.num_classes if configured and data.num_classes > 1 and not config.ckpt_path else configured

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Put the layers in order and parse."""
        imported = set(sys.modules)
        try:
            words, gone = layered(list(args))
            self.config = parser.parse_args([*words, *given_generator(words)])
        except WrongCall as error:
            options = {o for p in self._subcommand_parsers.values() for a in p._actions for o in a.option_strings}
            raise ValueError(explain(str(error), list(args), options)) from None
        check_seed(self.config[self.config.subcommand].seed_everything)
        check_imports(self.config[self.config.subcommand], imported)
        for line in gone if os.environ.get("LOCAL_RANK", "0") == "0" else ():
            print(f"ganzoo: {line}", file=sys.stderr)

    def instantiate_classes(self) -> None:
        """Make the objects; a wrong value is one line, not what the parser makes of it."""
        assert self.subcommand is not None
        config = self.config[self.subcommand]
        try:
            with no_larger_than(config.ckpt_path):
                super().instantiate_classes()
        except ValueError as error:
            raise ValueError(explain(str(error))) from error
        if config.generator and not config.ckpt_path:  # a checkpoint holds the weights of all networks
            take_weights(self.model, config.generator)
        if config.ckpt_path and Path(config.ckpt_path).is_dir():
            take_published(self.model, config.ckpt_path)
            self.config_init[self.subcommand].ckpt_path = None  # which is for Lightning to restore

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
        check_config(config.trainer)
        check_values(config.as_dict())
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
        self.trainer_defaults["callbacks"] = bars(self.config_init[self.subcommand].trainer)
        try:
            trainer = super().instantiate_trainer(**kwargs)
        except Exception as error:  # Lightning's are of many kinds, and all of them are about the options
            raise ValueError(in_our_words(error)) from error
        mode = self.config[self.subcommand].compile
        if mode:
            trainer.callbacks.insert(0, Compile(mode))  # type: ignore[attr-defined]
        return trainer

    def before_fit(self) -> None:
        """Lock the run's folder."""
        if not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            lock(Path(self.trainer.default_root_dir))

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
        words = own.words(*(config_or_reason(made) for made in (self.model, self.datamodule)))
        condition, use = condition_of(self.model), f"generate{words} {checkpoint} --seeds 0-63 --out samples"
        if isinstance(condition, Classes):
            use += " --labels 0"
        if isinstance(condition, Images):
            use = f"translate{words} {checkpoint} FILE --out translated"
        n = trainer.global_step
        done = f"trained {n} batches" if self.model.has_played else f"nothing to train, the run has had its {n} batches"
        done += at if self.model.has_played else " (--trainer.max_steps N for more)"
        print(f"""
{done}. In {run}: checkpoints, grids (pictures), csv (metrics), config.yaml. Next:
  ganzoo test{words} --ckpt_path {checkpoint}
  ganzoo {use}
  ganzoo export{words} {checkpoint} --out published/{run.name}""")


def check_imports(config: Any, imported: set[str]) -> None:
    """Check that the parser did not have to import what a game or its data are made of: it knew no such game before.

    Raises:
        ValueError: names the module.
    """
    for given in (config.get("model"), config.get("data")):
        for module in own.outside(given.as_dict()) if isinstance(given, Namespace) else ():
            if module not in imported:
                raise ValueError(f"{module} is not of ganzoo: add --import {module}")


def quiet() -> None:
    """Keep Lightning's advertisements, and advice that games decide otherwise on purpose, off the screen."""
    shorten_warnings()
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
            trainer_defaults={"callbacks": [], "use_distributed_sampler": False},
            parser_class=Arguments,
            args=argv,
        )
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):  # which Lightning ends with 1
            raise SystemExit(128 + signal.SIGINT) from None
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:
            error.filename = os.environ.get("GANZOO_RUN")
        raise
    except (MisconfigurationException, RuntimeError, LookupError, AttributeError, TypeError) as error:
        if lost_rank(error):
            raise SystemExit(1) from None
        if of_configuration(error):
            raise ValueError(in_our_words(error)) from error
        if not restoring(error):
            raise
        if str(error).startswith("Error(s) in loading state_dict"):
            first = str(error).splitlines()[1].strip()
            raise ValueError(f"the checkpoint is not of the model that was asked for: {first}") from error
        raise ValueError(f"the checkpoint cannot be taken up ({type(error).__name__}: {error})") from error
    except Exception as error:
        if type(error).__module__.split(".")[0] != "wandb":
            raise
        said = str(error).splitlines()[0]
        raise ValueError(f"Weights & Biases: {said} Or set WANDB_MODE=offline, and `wandb sync` later") from error
