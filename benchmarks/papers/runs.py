"""One runner for tables of runs.

A run is a row of a table and a seed. ``sweep`` makes each run that has no record yet, keeps one record of each,
``OUT/ROW-SEED.json``, and prints the tables. With ``--table`` it only prints: that of RESULTS.md comes again, without
training, from ``--out benchmarks/results/NAME``. What is trained is a recipe of ``configs/recipes``, by the command
that everybody has, ``ganzoo fit --config recipes/NAME``; what was stopped is resumed.
"""

import argparse
import csv
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch
import yaml
from PIL import Image
from torch import Tensor
from tqdm import tqdm

import ganzoo.cli.train as lightning_cli
from benchmarks.machine import made
from ganzoo.catalogue import find_config
from ganzoo.checkpoints import read_checkpoint
from ganzoo.config import build
from ganzoo.data import to_float
from ganzoo.files import write_atomically
from ganzoo.pictures import save_png

Record = dict[str, Any]
COUNTED = ("max_steps", "val_check_interval", "start", "stop")  # arguments of a recipe that are numbers of batches


# -- runs


def options(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that all tables have, whose help is all of ``doc``."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the records (default: runs/SCRIPT)")
    parser.add_argument("--only", nargs="*", metavar="ROW:SEED", help="default: every row with its seeds")
    parser.add_argument("--batches", type=int, help="of each run (default: as the recipe says); schedules are scaled")
    parser.add_argument("--n", type=int, default=10_000, help="samples and test images that are judged")
    parser.add_argument("--table", action="store_true", help="only print the tables of what is there")
    return parser


def sweep(
    parser: argparse.ArgumentParser,
    name: str,
    seeds: dict[str, int],
    run: Callable[[str, int, argparse.Namespace], Record],
    tables: Sequence[Callable[[Path], None]],
    pictures: Sequence[Callable[[Path], None]] = (),
) -> None:
    """Play each row with its first seeds, keep a record of each run and print the tables.

    A row with 0 seeds is played if ``--only`` names it.
    """
    given = parser.parse_args()
    given.out = given.out or Path("runs", name)
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
            keep(path, {**run(row, int(seed), given), "made": made()})
    for print_table in tables:
        print_table(given.out)
    for draw in () if given.table else pictures:
        draw(given.out)


def keep(path: Path, record: Record) -> None:
    """Write a record, whole or not at all."""
    write_atomically(path, lambda part: part.write_text(json.dumps(record)))


def quiet() -> None:
    """One thread, and no messages of Lightning."""
    torch.set_num_threads(1)
    lightning_cli.quiet()
    warnings.filterwarnings("ignore")


# -- training


class Run(NamedTuple):
    """What was trained, in which folder, for how many batches, and in how many CPU seconds, None if resumed."""

    folder: Path
    model: Any
    data: Any
    batches: int
    seconds: float | None


def train(recipe: str, seed: int, given: argparse.Namespace, *words: str) -> Run:
    """Train a recipe in the folder ``OUT/RECIPE-SEED``, unless it is there; ``words`` are more options of ``fit``."""
    folder = given.out / f"{recipe}-{seed}"
    last, seconds = folder / "checkpoints" / "last.ckpt", folder / "seconds"
    if not seconds.is_file():
        resumed, before = last.is_file(), cpu_seconds()
        if resumed:
            ganzoo(folder, "fit", "--run", str(folder), "--ckpt_path", "last")
        else:
            shutil.rmtree(folder, ignore_errors=True)  # stopped before its first checkpoint
            config = ["--config", on_budget(recipe, given), "--seed_everything", str(seed)]
            ganzoo(folder, "fit", *config, "--run", str(folder), *words)
        seconds.write_text(json.dumps(None if resumed else cpu_seconds() - before))
    saved = read_checkpoint(last)
    model, data = build(saved["ganzoo"]["model"]), build(saved["ganzoo"]["data"])
    model.load_state_dict(saved["state_dict"])
    return Run(folder, model, data, saved["global_step"], json.loads(seconds.read_text()))


def fit(
    model: Any, data: Any, batches: int, out: Path, precision: Any = "bf16-mixed", callbacks: Any = None
) -> tuple[float, L.Trainer]:
    """Train a game that no recipe can name, for its classes are a script's own; return CPU seconds and trainer."""
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        precision=precision,
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
    start = cpu_seconds()
    trainer.fit(model, datamodule=data)
    return cpu_seconds() - start, trainer


def untrained(recipe: str, seed: int) -> Any:
    """Return the game of a recipe as it is before training."""
    config, shape = read(recipe), data_of(recipe).image_shape
    for network in config["model"]["init_args"].keys() & {"generator", "discriminator", "encoder"}:
        config["model"]["init_args"][network]["init_args"]["image_shape"] = shape
    L.seed_everything(seed, verbose=False)
    return build(config["model"])


def data_of(recipe: str, seed: int = 0) -> Any:
    """Return the data of a recipe."""
    data = read(recipe)["data"]
    return build({**data, "init_args": {**data["init_args"], "seed": seed}})


def read(recipe: str) -> Record:
    """Return what a recipe says."""
    found: Record = yaml.safe_load(Path(find_config(f"recipes/{recipe}")).read_text())
    return found


def on_budget(recipe: str, given: argparse.Namespace) -> str:
    """Return what ``--config`` takes: the recipe, or a copy with as many batches as were asked for."""
    if given.batches is None:
        return f"recipes/{recipe}"
    config = read(recipe)
    path: Path = given.out / f"{recipe}-{given.batches}.yaml"
    path.write_text(yaml.safe_dump(scaled(config, given.batches / config["trainer"]["max_steps"]), sort_keys=False))
    return str(path)


def scaled(value: Any, factor: float, name: str = "") -> Any:
    """Return a configuration in which every number of batches is ``factor`` times what it was."""
    if isinstance(value, dict):
        return {key: scaled(inner, factor, key) for key, inner in value.items()}
    return max(round(value * factor), 1) if name in COUNTED else value


def ganzoo(folder: Path, *words: str) -> None:
    """Run the command on one thread; what it prints goes into ``FOLDER.log``."""
    log = folder.with_name(f"{folder.name}.log")
    with log.open("a") as file:
        file.write(f"\n$ ganzoo {' '.join(words)}\n")
        file.flush()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "ganzoo", *words]
        if subprocess.run(command, stdout=file, stderr=file, env=environment, check=False).returncode:
            sys.exit(f"`ganzoo {words[0]}` failed; the end of {log}:\n{log.read_text()[-500:]}")


def cpu_seconds() -> float:
    """Return what this process and those it has started have taken."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


# -- measuring


def verdict(run: Run, n: int) -> Record:
    """Return metrics and floors of ``n`` samples, by their names without the extractor, as ``ganzoo test`` has them."""
    folder, name = run.folder / "verdicts", f"*_n{n}_batch{run.batches}.json"
    if not any(folder.glob(name)):
        last = str(run.folder / "checkpoints" / "last.ckpt")
        ganzoo(run.folder, "test", "--ckpt_path", last, "--evaluate.n", str(n), "--trainer.accelerator", "cpu")
    found = json.loads(next(folder.glob(name)).read_text())
    return {part: {key.split("@")[0]: v for key, v in found[part].items()} for part in ("metrics", "floors")}


def logged(run: Run, name: str) -> list[tuple[int, float]]:
    """Return (batch, value) of what was logged in training under a name, that of an extractor left out."""
    found: dict[int, float] = {}
    for path in sorted(run.folder.glob("csv/*/metrics.csv")):
        with path.open() as file:
            for row in csv.DictReader(file):
                found |= {int(row["step"]): float(v) for key, v in row.items() if key.split("@")[0] == name and v}
    return sorted(found.items())


def as_trained(model: Any) -> None:
    """Give the averages of encoders the statistics of batch norm that training left, as in the encoders themselves."""
    for network, average in (("E", "E_ema"), ("E_y", "E_y_ema")):
        if hasattr(model, average):
            pairs = zip(getattr(model, average).buffers(), getattr(model, network).buffers(), strict=True)
            for kept, trained in pairs:
                kept.copy_(trained)


def test_images(data: Any, n: int) -> tuple[Tensor, Tensor]:
    """Return the first ``n`` test images in [-1, 1], [n, C, H, W], and their labels, [n]."""
    return to_float(torch.cat(list(data.images("test", n)))), data.labels("test")[:n]


# -- tables and pictures


def records(out: Path, row: str) -> list[Record]:
    """Return what is known of each seed of a row, and the seed, which the file's name ends in."""
    seeds = (path.stem.removeprefix(f"{row}-") for path in out.glob(f"{row}-*.json"))
    every = sorted(int(seed) for seed in seeds if seed.isdecimal())
    return [{**json.loads((out / f"{row}-{seed}.json").read_text()), "seed": seed} for seed in every]


def cell(values: Iterable[float | None], form: str) -> str:
    """Return mean ± standard deviation of what is known, the one value that there is, or a dash."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean = sum(known) / len(known)
    if len(known) == 1:
        return f"{mean:{form}}"
    std = math.sqrt(sum((v - mean) ** 2 for v in known) / (len(known) - 1))
    return f"{mean:{form}} ± {std:{form.replace('+', '')}}"


def link(recipe: str, label: str = "") -> str:
    """Return a link to a recipe as RESULTS.md has it."""
    return f"[{label or recipe}](../configs/recipes/{recipe}.yaml)"


def show(columns: Sequence[object], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, if it has rows."""
    if lines := [f"| {' | '.join(map(str, row))} |" for row in rows]:
        print("\n".join(["", f"| {' | '.join(map(str, columns))} |", "|---" * len(columns) + "|", *lines]))


def sheet(rows: Sequence[Sequence[Path]], path: Path, gap: int = 8) -> None:
    """Put pictures below and beside each other, if all are there."""
    if not all(file.is_file() for row in rows for file in row):
        return
    tiles = [[Image.open(file) for file in row] for row in rows]
    widths = [max(tile.width for tile in column) + gap for column in zip(*tiles, strict=True)]
    heights = [max(tile.height for tile in row) + gap for row in tiles]
    whole = Image.new(tiles[0][0].mode, (sum(widths) - gap, sum(heights) - gap), "white")
    for i, row in enumerate(tiles):
        for j, tile in enumerate(row):
            whole.paste(tile, (sum(widths[:j]), sum(heights[:i])))
    save_png(whole, path)
