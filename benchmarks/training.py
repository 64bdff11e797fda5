"""What benchmarks that train in their own process have in common."""

import argparse
import json
import logging
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from tqdm import tqdm

from ganzoo.cli import train as lightning_cli
from ganzoo.models.generative import Generative


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


def options(doc: str) -> argparse.ArgumentParser:
    """Return a parser whose help is all of ``doc``."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def sweep(
    parser: argparse.ArgumentParser,
    name: str,
    seeds: dict[str, int],
    run: Callable[[str, int, argparse.Namespace], dict[str, Any]],
    *tables: Callable[[Path], None],
) -> None:
    """Play each row with its seeds and print the tables; a record ``OUT/ROW-SEED.json`` that is there is not remade."""
    parser.add_argument("--out", type=Path, default=Path("runs", name))
    parser.add_argument("--only", nargs="*", metavar="ROW:SEED", help=f"a row of {', '.join(seeds)}; default: all")
    parser.add_argument("--table", action="store_true", help="only print the tables of what is there")
    given = parser.parse_args()
    every = [f"{row}:{seed}" for seed in range(max(seeds.values())) for row in seeds if seed < seeds[row]]
    items = [item.partition(":")[::2] for item in given.only or every]
    if unknown := [row for row, _ in items if row not in seeds]:
        parser.error(f"--only: there is no row {', '.join(unknown)}; the rows are {', '.join(seeds)}")
    if wrong := [f"{row}:{seed}" for row, seed in items if not seed.isdecimal()]:
        parser.error(f"--only: expected ROW:SEED such as {every[0]}, got {', '.join(wrong)}")
    given.out.mkdir(parents=True, exist_ok=True)
    quiet()
    for row, seed in tqdm([] if given.table else items, unit="run"):
        path = given.out / f"{row}-{seed}.json"
        if not path.is_file():
            L.seed_everything(int(seed), verbose=False)
            path.write_text(json.dumps(run(row, int(seed), given)))
    for table in tables:
        table(given.out)


def records(out: Path, row: str) -> list[dict[str, Any]]:
    """Return what is known of each seed of a row, and the seed, which the file's name ends in."""
    seeds = (path.stem.removeprefix(f"{row}-") for path in out.glob(f"{row}-*.json"))
    every = sorted(int(seed) for seed in seeds if seed.isdecimal())
    return [{**json.loads((out / f"{row}-{seed}.json").read_text()), "seed": seed} for seed in every]


def cell(values: list[float], form: str) -> str:
    """Return mean ± standard deviation, or the one value that there is."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:{form}}"
    std = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    return f"{mean:{form}} ± {std:{form.replace('+', '')}}"
