"""The variants on MNIST, equal budget: trains each by the command line, judges its last checkpoint, prints a table.

GANZOO_DATA=... python benchmarks/mnist.py --batches 20000 --out runs/mnist [--only DCGAN:0 WGAN:0] [--table]

A run that is there already is not repeated; one that was stopped is resumed. Each line of the table says the best and
the last Fréchet distance seen in training (2,000 samples) and the verdict of `ganzoo test` on the last checkpoint.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

LR = 5e-4
RUNS = ["DCGAN:0", "DCGAN:1", "NSGAN:0", "LSGAN:0", "WGAN:0", "WGANGP:0", "HingeGAN:0", "R1GAN:0"]
FLAGS = {
    "WGAN": {"optimizer": "ganzoo.optim.RMSprop", "lr": 2e-4},
    "WGANGP": {"optimizer": "ganzoo.optim.Adam", "lr": LR},
}
CONV = {
    "NSGAN": [
        "--model.generator",
        "{class_path: ganzoo.networks.DCGANGenerator, init_args: {width: 32}}",
        "--model.discriminator",
        "{class_path: ganzoo.networks.DCGANDiscriminator, init_args: {width: 32, norm: none}}",
    ],
    "R1GAN": ["--model.gamma", "1.0"],
}


def command(name: str, seed: int, batches: int, run: Path) -> list[str]:
    """Return the command that trains a variant; the learning rates fall to 0 over the second half."""
    how = FLAGS.get(name, {"lr": LR})
    words = ["fit", "--config", f"models/{name.lower()}", "--config", "data/mnist", "--run", str(run)]
    words += [
        "--seed_everything",
        str(seed),
        "--trainer.max_steps",
        str(batches),
        "--trainer.accelerator",
        "cpu",
        "--trainer.precision",
        "bf16-mixed",
    ]
    words += [
        "--trainer.val_check_interval",
        str(max(batches // 5, 1)),
        "--checkpoint.every",
        "500",
        *CONV.get(name, []),
    ]
    schedule = f"{{class_path: ganzoo.optim.Linear, init_args: {{stop: {batches}, start: {batches // 2}}}}}"
    for player in "dg":
        words += [f"--model.{player}_optimizer.lr", str(how["lr"]), f"--model.{player}_optimizer.schedule", schedule]
    return words


def ganzoo(words: list[str], log: Path) -> None:
    with log.open("a") as file:
        file.write(f"\n$ ganzoo {' '.join(words)}\n")
        file.flush()
        subprocess.run([sys.executable, "-m", "ganzoo", *words], stdout=file, stderr=file, check=True)


def train(name: str, seed: int, batches: int, out: Path) -> None:
    run = out / f"{name.lower()}-{seed}"
    log = out / f"{run.name}.log"
    last = run / "checkpoints" / "last.ckpt"
    if not (run / "metrics.json").is_file():
        start = time.perf_counter()
        words = command(name, seed, batches, run)
        resumed = last.is_file()
        ganzoo(["fit", "--run", str(run), "--ckpt_path", "last"] if resumed else words, log)
        (run / "seconds").write_text(str(math.nan if resumed else time.perf_counter() - start))
        (run / "command").write_text(" ".join(["ganzoo", *words]))
        ganzoo(["test", "--ckpt_path", str(last)], log)


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


def row(run: Path) -> str:
    record = json.loads((run / "metrics.json").read_text())
    value = {key.split("@")[0]: (v, record["floors"][key]) for key, v in record["metrics"].items()}
    seen = history(run)
    best = min(seen, key=lambda item: item[1], default=(0, math.nan))
    minutes = float((run / "seconds").read_text()) / 60
    name, seed = run.name.rsplit("-", 1)
    cells = [name, seed, record["batches"], f"{minutes:.0f}", f"{best[1]:.3f} @ {best[0]}", f"{seen[-1][1]:.3f}"]
    cells += [f"{value['fd'][0]:.3f} ({value['fd'][1]:.3f})"]
    cells += [f"{value[k][0]:.3f} ({value[k][1]:.2f})" for k in ("precision", "recall", "coverage", "classifier_score")]
    return "| " + " | ".join(map(str, cells)) + " |"


def table(out: Path) -> None:
    columns = "variant|seed|batches|minutes|best fd in training|last fd in training|fd, 10,000 samples (floor)"
    columns += "|precision (floor)|recall (floor)|coverage (floor)|classifier score (floor)"
    print("| " + columns.replace("|", " | ") + " |\n" + "|---" * (columns.count("|") + 1) + "|")
    for path in sorted(out.glob("*/metrics.json")):
        print(row(path.parent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=Path("runs/mnist"))
    parser.add_argument("--only", nargs="*", default=RUNS, help="VARIANT:SEED")
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.table:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        for item in given.only:
            name, seed = item.split(":")
            train(name, int(seed), given.batches, given.out)
    table(given.out)


if __name__ == "__main__":
    main()
