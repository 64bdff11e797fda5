"""WGAN's robustness: three generators, three games, one critic's architecture, MNIST, equal budget.

    GANZOO_DATA=... python -m benchmarks.papers.robust [--only wgan-mnist-robust-mlp:0] [--table]

G is a DCGAN of width 32, the same without batch norm, or an MLP of four layers of 512 ReLU units (Arjovsky 2017,
figures 5 to 7); D is a DCGAN of width 32, with batch norm (layer norm for wgangp). Every run sees 5,000 batches of 64,
with the same learning rate, but for the two "slow" ones; a critic's G moves on every fifth batch. The last column is
Spearman's rank correlation, over the validations of a run, of the Fréchet distance with the critic's estimate, that is
with minus the loss of D (mean of the 20 logged values up to the validation): 1 where the estimate tracks quality.
``grids.png`` has samples of every run, if all are there: a row for each game, a column for each generator.
"""

import argparse
from pathlib import Path

from scipy.stats import spearmanr

from benchmarks.papers.runs import Record, Run, link, logged, options, records, sheet, show, sweep, train, verdict

GAMES = ["nsgan", "wgan", "wgangp"]
GENERATORS = ["dcgan", "no-norm", "mlp"]
SEEDS = {f"{game}-mnist-robust-{generator}": 1 for generator in GENERATORS for game in GAMES}  # rows are recipes
SEEDS |= {f"{game}-mnist-robust-mlp-slow": 1 for game in ("nsgan", "wgan")}


def tracking(run: Run) -> float:
    """Return the rank correlation of the critic's estimate with the Fréchet distance."""
    losses, seen = logged(run, "d/adv"), logged(run, "val/fd")
    recent = [[-loss for step, loss in losses if step <= at][-20:] for at, _ in seen]
    return float(spearmanr([sum(r) / len(r) for r in recent], [fd for _, fd in seen]).statistic)


def run(recipe: str, seed: int, given: argparse.Namespace) -> Record:
    """Train and judge one run."""
    done = train(recipe, seed, given)
    found = verdict(done, given.n)["metrics"]
    return {**found, "tracking": tracking(done), "batches": done.batches, "cpu_seconds": done.seconds}


def table(out: Path) -> None:
    """Print what is there."""
    columns = ["generator", "game", "fd", "modes", "KL to uniform", "precision", "recall", "coverage", "fd ~ estimate"]
    rows = []
    for recipe in SEEDS:
        game, generator = recipe.split("-mnist-robust-")
        for found in records(out, recipe):
            cells = [generator, link(recipe, game), f"{found['fd']:.3f}", f"{found['modes']:.0f}"]
            cells += [f"{found[key]:.3f}" for key in ("kl_uniform", "precision", "recall", "coverage")]
            rows.append([*cells, f"{found['tracking']:+.2f}"])
    show(columns, rows)


def picture(out: Path) -> None:
    """Write the last grids of seed 0, a row for each game and a column for each generator."""
    folders = [[out / f"{game}-mnist-robust-{generator}-0" for generator in GENERATORS] for game in GAMES]
    sheet([[max((f / "grids").glob("*.png"), default=f / "none") for f in row] for row in folders], out / "grids.png")


def main() -> None:
    sweep(options(__doc__), "robust", SEEDS, run, [table], [picture])


if __name__ == "__main__":
    main()
