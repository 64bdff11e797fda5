"""Mode collapse on the ring and the grid: one network, one budget, several games and seeds.

    python -m benchmarks.papers.modes [--only grid-R3GAN:0] [--table]

G and D have three hidden layers of 128 units, z is N(0, I) in the plane, 20,000 batches of 256 points, Adam with lr
1e-3 and betas (0, 0.99), constant for half of the batches and then falling to 0. UnrolledGAN steps as its authors'
demonstration does, D with lr 1e-4, both with betas (0.5, 0.999): with the common steps its G ran away on the ring
(seed 0). WGANGP's weight is 0.1, as in its authors' code for points. The ring has 8 modes (radius 1, std 0.01); the
grid 25, and is divided by 2.828. 10,000 samples of the weights' average are judged (decay 0.999). The floor is what the
mixture's own points get. ``sheet.png`` shows seed 0 of each game, a column for each, a row for each mixture.
"""

import argparse
from pathlib import Path

from benchmarks.papers.runs import Record, cell, data_of, link, options, records, sheet, show, sweep, train
from ganzoo.metrics.modes import mode_report
from ganzoo.pictures import save_png, scatter

SEEDS = {"ring": 5, "grid": 3}
PAPERS = {  # modes / high quality / KL of other networks and budgets
    "NSGAN": {"ring": "6.3 / 98.2 / .45", "grid": "17.3 / 94.8 / .70"},
    "LSGAN": {},
    "WGANGP": {},
    "UnrolledGAN": {"ring": "7.6 / 35.6 / -", "grid": "23.6 / 16 / -"},
    "PacGAN2": {"ring": "7.9 / 95.6 / .07", "grid": "23.8 / 91.3 / .13"},
    "PacGAN4": {"ring": "7.8 / 95.9 / .07", "grid": "24.8 / 93.6 / .04"},
    "R3GAN": {},
}


def recipe_of(row: str) -> str:
    """Return the recipe of a row such as grid-R3GAN."""
    kind, game = row.split("-")
    return f"{game.lower()}-{kind}"


def run(row: str, seed: int, given: argparse.Namespace) -> Record:
    """Train, judge and draw one run."""
    done = train(recipe_of(row), seed, given)
    samples, points = done.model.sample(given.n, seed=2**20), done.data
    found = mode_report(samples, points.means, points.std, points.weights)
    save_png(scatter(samples[:2500], points.arrays("train")[0][:2500]), given.out / f"{row}-{seed}.png")
    return {**found._asdict(), "cpu_seconds": done.seconds, "batches": done.batches}


def floor(kind: str) -> list[str]:
    """Return what the mixture's own points get."""
    points = data_of(f"nsgan-{kind}")
    modes, quality, kl = mode_report(points.arrays("test")[0][:10_000], points.means, points.std, points.weights)
    return ["floor: the mixture itself", "-", f"{modes}", f"{100 * quality:.1f}", f"{kl:.4f}", "-", "-"]


def table(out: Path) -> None:
    """Print what is there, a table for each mixture."""
    for kind in SEEDS:
        rows = []
        for game, papers in PAPERS.items():
            if found := records(out, f"{kind}-{game}"):
                cells = [link(recipe_of(f"{kind}-{game}"), game), str(len(found))]
                cells.append(cell([r["modes"] for r in found], ".1f"))
                cells.append(cell([100 * r["high_quality"] for r in found], ".1f"))
                cells.append(cell([r["reverse_kl"] for r in found], ".3f"))
                rows.append([*cells, cell([r["cpu_seconds"] for r in found], ".0f"), papers.get(kind, "-")])
        columns = [
            kind,
            "seeds",
            "modes",
            "high quality, %",
            "reverse KL",
            "CPU s",
            "papers: modes / high quality / KL",
        ]
        show(columns, [*rows, floor(kind)] if rows else [])


def picture(out: Path) -> None:
    """Put the samples of seed 0 of each game beside each other."""
    sheet([[out / f"{kind}-{game}-0.png" for game in PAPERS] for kind in SEEDS], out / "sheet.png")


def main() -> None:
    seeds = {f"{kind}-{game}": n for kind, n in SEEDS.items() for game in PAPERS}
    sweep(options(__doc__), "modes", seeds, run, [table], [picture])


if __name__ == "__main__":
    main()
