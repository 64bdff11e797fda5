"""The variants on MNIST, equal budget: trains each by the command line, judges its last checkpoint, prints a table.

GANZOO_DATA=... python benchmarks/mnist.py --batches 4000 --out runs/mnist [--only dcgan:0 wgan:0] [--table]

A run that is there already is not repeated; one that was stopped is resumed. Each line of the table says the best and
the last Fréchet distance seen in training (2,000 samples), the verdict of `ganzoo test` on the last checkpoint, and the
CPU seconds of `ganzoo fit` for 1,000 images, start and judging included (not known of a run that was resumed).

All play on the DCGAN networks of width 32 and 28 x 28, as their configs or NETWORKS say, but for cgan-mlp; r3gan's own
residual networks took some 2 s of CPU for a batch of 64. The learning rates fall to 0 over the second half. The two
games whose G has no gradient once D is sure, gan and fgan (Jensen-Shannon), have instance noise on D's inputs, std 1
falling to 0 over the run: without it they learn nothing (fd 115.8 and 38.8 after 2,000 batches).
"""

import argparse
import csv
import json
import math
import os
import resource
import subprocess
import sys
from pathlib import Path

LR = 5e-4
EVERY = ["gan", "nsgan", "lsgan", "hingegan", "dcgan", "wgan", "wgangp", "r1gan", "fgan", "improvedgan", "unrolledgan"]
EVERY += ["pacgan", "sngan", "sagan", "r3gan", "cgan", "cgan-mlp", "acgan", "projectiongan"]
G, D = "ganzoo.networks.DCGANGenerator", "ganzoo.networks.DCGANDiscriminator"
NETWORKS = {
    "nsgan": ("", ", norm: none"),
    "r3gan": ("", ", norm: none"),
    "sngan": ("", ", norm: spectral"),
    "projectiongan": (", num_classes: 10", ", norm: spectral, num_classes: 10, label: projection"),
}
NOISY = ("gan", "fgan")
FLAGS = {name: ["--model.gamma", "1.0"] for name in ("r1gan", "r3gan")}


def command(name: str, seed: int, batches: int, run: Path) -> list[str]:
    """Return the command that trains a variant; the learning rates fall to 0 over the second half."""
    words = ["fit", "--config", f"models/{name}", "--config", "data/mnist", "--run", str(run)]
    words += ["--seed_everything", str(seed), "--trainer.max_steps", str(batches), "--trainer.accelerator", "cpu"]
    words += ["--trainer.precision", "bf16-mixed", "--trainer.val_check_interval", str(max(batches // 5, 1))]
    words += ["--checkpoint.every", "500", *FLAGS.get(name, [])]
    if name in NOISY:
        noisy = f"{{class_path: {D}, init_args: {{width: 32, norm: batch}}}}"
        noisy = f"init_args: {{std: 1.0, stop: {batches}, discriminator: {noisy}}}"
        words += ["--model.generator", f"{{class_path: {G}, init_args: {{width: 32}}}}"]
        words += ["--model.discriminator", f"{{class_path: ganzoo.networks.InstanceNoise, {noisy}}}"]
    if name in NETWORKS:
        for role, network, how in zip(("generator", "discriminator"), (G, D), NETWORKS[name], strict=True):
            words += [f"--model.{role}", f"{{class_path: {network}, init_args: {{width: 32{how}}}}}"]
    schedule = f"{{class_path: ganzoo.engine.Linear, init_args: {{stop: {batches}, start: {batches // 2}}}}}"
    for player in "dg":
        words += [f"--model.{player}_optimizer.lr", str(LR), f"--model.{player}_optimizer.schedule", schedule]
    return words


def ganzoo(words: list[str], log: Path) -> None:
    with log.open("a") as file:
        file.write(f"\n$ ganzoo {' '.join(words)}\n")
        file.flush()
        subprocess.run([sys.executable, "-m", "ganzoo", *words], stdout=file, stderr=file, check=True)


def fit(words: list[str], run: Path) -> None:
    """Train in the folder ``run`` as ``words`` say; what was stopped is resumed."""
    run.parent.mkdir(parents=True, exist_ok=True)
    resumed, before = (run / "checkpoints" / "last.ckpt").is_file(), cpu_seconds()
    ganzoo(["fit", "--run", str(run), "--ckpt_path", "last"] if resumed else words, run.with_suffix(".log"))
    (run / "seconds").write_text(str(math.nan if resumed else cpu_seconds() - before))
    (run / "command").write_text(" ".join(["ganzoo", *words]))


def train(words: list[str], run: Path) -> None:
    """Train as ``words`` say and judge the last checkpoint; what is there is not done again."""
    if not (run / "metrics.json").is_file():
        fit(words, run)
        ganzoo(["test", "--ckpt_path", str(run / "checkpoints" / "last.ckpt")], run.with_suffix(".log"))


def cpu_seconds() -> float:
    """Return what the processes started here have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def history(run: Path) -> list[tuple[int, float]]:
    """Return (batch, Fréchet distance) of each validation."""
    found: dict[int, float] = {}
    for path in sorted(run.glob("csv/*/metrics.csv")):
        with path.open() as file:
            for row in csv.DictReader(file):
                for key, value in row.items():
                    if key.startswith("val/fd@") and value:
                        found[int(row["step"])] = float(value)
    return sorted(found.items())


METRICS = {"precision": 3, "recall": 3, "coverage": 3, "classifier_score": 2, "label_accuracy": 3}


def row(run: Path) -> str:
    record = json.loads((run / "metrics.json").read_text())
    value = {key.split("@")[0]: (v, record["floors"].get(key)) for key, v in record["metrics"].items()}
    seen = history(run)
    best = min(seen, key=lambda item: item[1])
    pace = float((run / "seconds").read_text()) / record["batches"] / 64 * 1000
    name, seed = run.name.rsplit("-", 1)
    cells = [name, seed, record["batches"], "-" if math.isnan(pace) else f"{pace:.2f}"]
    cells += [f"{best[1]:.3f} @ {best[0]}", f"{seen[-1][1]:.3f}", f"{value['fd'][0]:.3f} ({value['fd'][1]:.3f})"]
    for key, digits in METRICS.items():
        found, floor = value.get(key, (None, None))
        cells.append("-" if found is None else f"{found:.{digits}f}" + ("" if floor is None else f" ({floor:.2f})"))
    return "| " + " | ".join(map(str, cells)) + " |"


def table(out: Path) -> None:
    columns = ["variant", "seed", "batches", "CPU s / 1,000 images", "best fd in training", "last fd in training"]
    columns += ["fd, 10,000 samples (floor)", *(key.replace("_", " ") for key in METRICS)]
    print(f"| {' | '.join(columns)} |\n" + "|---" * len(columns) + "|")
    for path in sorted(out.glob("*/metrics.json")):
        print(row(path.parent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=4_000)
    parser.add_argument("--out", type=Path, default=Path("runs/mnist"))
    parser.add_argument("--only", nargs="*", help="variant:seed (default: all, seed 0)")
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for item in [] if given.table else given.only or [f"{name}:0" for name in EVERY]:
        name, seed = item.split(":")
        run = given.out / f"{name}-{seed}"
        train(command(name, int(seed), given.batches, run), run)
    table(given.out)


if __name__ == "__main__":
    main()
