"""Every variant on MNIST, equal budget: 2,000 batches of 64, two epochs, which test wiring, not what a game can reach.

    GANZOO_DATA=... python -m benchmarks.papers.variants [--only dcgan-mnist:0 vae-mnist:0] [--table]
    GANZOO_DATA=... python -m benchmarks.papers.variants --batches 24000 --out runs/variants-24000 --only dcgan-mnist:0

Each plays as its recipe says. What all have in common: learning rates of 5e-4 that fall to 0 over the second half, and
where the table does not say otherwise DCGAN networks of width 32. The critics' G moves on every fifth batch only.

First table: the best and the last Fréchet distance seen in training (2,000 samples), the verdict of ``ganzoo test`` on
the last checkpoint, floors in brackets, and the CPU seconds of ``ganzoo fit`` for 1,000 images, start and judging
included. Second table, of the games that infer: 1,000 test images x reconstructed as G(E(x)): squared error (pixels
from -1 to 1), SSIM, and the ratio of |x - G(E(x))| to |x - G(E(x'))| of shuffled pairs; L_I in nats and the share of
images whose code names their class, after the best matching. The encoders of a given G need that of another row.
"""

import argparse
from pathlib import Path

from benchmarks.papers.runs import Record, cell, link, logged, options, records, show, sweep, train, verdict

SAMPLING = ["gan", "nsgan", "lsgan", "hingegan", "dcgan", "wgan", "wgangp", "r1gan", "fgan", "improvedgan"]
SAMPLING += ["unrolledgan", "pacgan", "sngan", "sagan", "r3gan", "cgan", "cgan-mlp", "acgan", "projectiongan"]
INFERRING = ["bigan", "ali", "latentregressor", "jointlatentregressor", "infogan", "ibgan", "vae", "betavae", "cvae"]
INFERRING += ["latentencoder", "imageencoder", "icgan"]
GIVEN = {"latentencoder-mnist": "dcgan-mnist", "imageencoder-mnist": "dcgan-mnist", "icgan-mnist": "cgan-mnist"}
SEEDS = {f"{name}-mnist": 1 for name in (*SAMPLING, *INFERRING)} | {"dcgan-mnist-long": 0}  # rows are recipes
METRICS = {"precision": 3, "recall": 3, "coverage": 3, "classifier_score": 2, "label_accuracy": 3}
INFERRED = {"fd": 3, "modes": 0, "recon_mse": 4, "recon_ssim": 3, "recon_ratio": 3}
INFERRED |= {"information": 2, "code_accuracy": 3, "label_accuracy": 3}


def run(recipe: str, seed: int, given: argparse.Namespace) -> Record:
    """Train and judge one run, and before it the G that it is given."""
    words = []
    if recipe in GIVEN:
        G = train(GIVEN[recipe], seed, given).folder / "checkpoints" / "last.ckpt"
        words = ["--generator", str(G)]
    done = train(recipe, seed, given, *words)
    found = verdict(done, given.n)
    return {**found, "history": logged(done, "val/fd"), "batches": done.batches, "cpu_seconds": done.seconds}


def pace(record: Record) -> str:
    """Return the CPU seconds for 1,000 images."""
    seconds = record["cpu_seconds"]
    return "-" if seconds is None else f"{seconds / record['batches'] / 64 * 1000:.2f}"


def table_sampling(out: Path) -> None:
    """Print how near samples are to the data."""
    columns = ["recipe", "seed", "batches", "CPU s / 1,000 images", "best fd in training", "last fd in training"]
    columns += ["fd, 10,000 samples (floor)", *(key.replace("_", " ") for key in METRICS)]
    rows = []
    for recipe in SEEDS:
        for record in records(out, recipe) if recipe.split("-mnist")[0] in SAMPLING else []:
            best, last = min(record["history"], key=lambda at: at[1]), record["history"][-1]
            cells = [link(recipe), record["seed"], record["batches"], pace(record), f"{best[1]:.3f} @ {best[0]}"]
            cells += [f"{last[1]:.3f}", judged(record, "fd", 3, 3)]
            rows.append([*cells, *(judged(record, key, digits, 2) for key, digits in METRICS.items())])
    show(columns, rows)


def judged(record: Record, key: str, digits: int, floor_digits: int) -> str:
    """Return a metric with its floor in brackets."""
    floor = record["floors"].get(key)
    beside = "" if floor is None else f" ({floor:.{floor_digits}f})"
    return cell([record["metrics"].get(key)], f".{digits}f") + beside


def table_inferring(out: Path) -> None:
    """Print how near reconstructions are, and what codes tell."""
    columns = ["recipe", "CPU s / 1,000 images", *(key.replace("_", " ") for key in INFERRED)]
    found = [(f"{name}-mnist", record) for name in INFERRING for record in records(out, f"{name}-mnist")]
    forms = {key: f".{digits}f" for key, digits in INFERRED.items()}
    show(
        columns,
        [
            [link(recipe), pace(record), *(cell([record["metrics"].get(key)], form) for key, form in forms.items())]
            for recipe, record in found
        ],
    )


def main() -> None:
    sweep(options(__doc__), "variants", SEEDS, run, [table_sampling, table_inferring])


if __name__ == "__main__":
    main()
