"""The configuration that a run keeps."""

import inspect
from pathlib import Path
from typing import Any, get_args

import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.loggers import WandbLogger

from ganzoo.config import Configurable
from ganzoo.engine.game import Game
from ganzoo.files import write_atomically
from ganzoo.roles import Discriminator, Encoder, Generator, JointDiscriminator

ROLES = (Generator, Discriminator, JointDiscriminator, Encoder)


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
        text = with_classes(self.parser.dump(config, skip_none=False), config)
        write_atomically(Path(trainer.default_root_dir) / "config.yaml", lambda part: part.write_text(text))
        plain = {"model": pl_module.config() if isinstance(pl_module, Game) else {}, "config": text}
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_hyperparams(plain)
                logger.experiment.define_metric("*", step_metric="images")


def with_classes(text: str, config: Any) -> str:
    """Return a dumped configuration with the ``num_classes`` of networks, which the parser leaves out as linked."""
    dumped = yaml.safe_load(text)
    networks = dumped["model"].get("init_args", {}) if isinstance(dumped["model"], dict) else {}
    for network in network_arguments():
        if n := config.get(f"model.init_args.{network}.init_args.num_classes"):
            networks[network].setdefault("init_args", {})["num_classes"] = n
    return yaml.safe_dump(dumped, sort_keys=False, allow_unicode=True)


def network_arguments() -> list[str]:
    """Return the arguments of all games that are networks, such as generator: those of imported games too."""
    games = [cls for cls in Configurable.known.values() if issubclass(cls, Game)]
    arguments = [p for game in games for p in inspect.signature(game).parameters.values()]
    return sorted({p.name for p in arguments if any(kind in ROLES for kind in (p.annotation, *get_args(p.annotation)))})
