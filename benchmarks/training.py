"""What benchmarks that train in their own process have in common."""

import logging
import math
import time
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import torch

from ganzoo import lightning_cli
from ganzoo.generative import Generative


def quiet() -> None:
    """One thread, and no messages of Lightning."""
    torch.set_num_threads(1)
    lightning_cli.quiet()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore")


def fit(
    model: Generative, data: Any, batches: int, out: Path, precision: str = "bf16-mixed", callbacks: Any = None
) -> tuple[float, L.Trainer]:
    """Train on one core; return the CPU seconds and the trainer."""
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        precision=precision,  # type: ignore[arg-type]
        max_steps=batches,
        max_epochs=-1,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        log_every_n_steps=50,
        default_root_dir=out,
        callbacks=callbacks,
    )
    start = time.process_time()
    trainer.fit(model, datamodule=data)
    return time.process_time() - start, trainer


def cell(values: list[float], form: str) -> str:
    """Return mean ± standard deviation."""
    mean = sum(values) / len(values)
    std = math.sqrt(sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1))
    return f"{mean:{form}} ± {std:{form}}"
