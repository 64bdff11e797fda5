"""Stacked MNIST: how many of its 1,000 modes a game covers, and what real triples of digits score.

    GANZOO_DATA=... python -m benchmarks.papers.stacked [--only floor:0 pacgan-stackedmnist:0] [--table]

NSGAN, PacGAN with 2 images and R3GAN's loss on one pair of small networks, about those of Metz 2017, "D = 1/4 G": G of
width 8 with batch norm, D of width 2 with batch norm (none for R3GAN, γ 0.1), 3,000 batches of 64, where papers take
500,000. The last average of G's weights draws 26,000 samples.

The floor: modes and KL(p̂ || uniform) of real training triples, by their labels and by the classifier that judges
samples, what is expected ((K - 1) / (2 N) and three times the KL of MNIST's digits), and the classifier's accuracy on
held-out triples. The KL of 26,000 triples has a standard deviation of 0.001.
"""

import argparse
from pathlib import Path

import torch

from benchmarks.papers.runs import Record, cell, link, options, records, show, sweep, train
from ganzoo.data import StackedMNIST
from ganzoo.metrics.modes import class_report
from ganzoo.metrics.stacked import StackedLeNet64
from ganzoo.pixels import to_uint8

SEEDS = {"floor": 1, "nsgan-stackedmnist": 3, "pacgan-stackedmnist": 3, "r3gan-stackedmnist": 3}  # rows are recipes
BLOCK = 500


def classified(data: StackedMNIST, split: str, n: int) -> torch.Tensor:
    """Return the classes that the classifier gives to the first ``n`` images, [n]."""
    extractor = StackedLeNet64()
    return torch.cat([extractor(block).logits.argmax(dim=1) for block in data.images(split, n)])


def draw(data: StackedMNIST, n: int, seed: int) -> torch.Tensor:
    """Return the classes of other ``n`` triples, [n]."""
    labels = data.digits.labels("train")
    chosen = torch.randint(len(labels), (n, 3), generator=torch.Generator().manual_seed(seed))
    return labels[chosen] @ torch.tensor([100, 10, 1])


def floor(n: int) -> Record:
    """Return what ``n`` real triples get."""
    data = StackedMNIST(n_images=n)
    share = data.digits.labels("train").bincount(minlength=10).double()
    share /= share.sum()
    n_test = len(data.labels("test"))
    return {
        "labels": class_report(data.labels("train"), 1000)._asdict(),
        "classifier": class_report(classified(data, "train", n), 1000)._asdict(),
        "expected": 999 / (2 * n) + 3 * float((share * (10 * share).log()).sum()),
        "draws": [class_report(draw(data, n, seed), 1000).kl_uniform for seed in range(200)],
        "accuracy": float((classified(data, "test", n_test) == data.labels("test")).double().mean()),
        "n": n,
    }


def run(recipe: str, seed: int, given: argparse.Namespace) -> Record:
    """Train one run and count the modes of its samples."""
    if recipe == "floor":
        return floor(given.n)
    done, extractor = train(recipe, seed, given), StackedLeNet64()
    samples = (done.model.sample(BLOCK, seed=first) for first in range(0, given.n, BLOCK))
    found = torch.cat([extractor(to_uint8(x)).logits.argmax(dim=1) for x in samples])
    report = class_report(found, 1000)._asdict()
    return {**report, "batches": done.batches, "cpu_seconds": done.seconds}


def table_floor(out: Path) -> None:
    """Print what real triples get."""
    for found in records(out, "floor"):
        rows = [
            [name, found[key]["modes"], f"{found[key]['kl_uniform']:.4f}"]
            for name, key in (("by their labels", "labels"), ("by the classifier", "classifier"))
        ]
        rows += [["expected", 1000, f"{found['expected']:.4f}"]]
        show(
            [f"{found['n']} real triples", "modes", "KL, nats"],
            [*rows, ["200 other draws, by labels", "", cell(found["draws"], ".4f")]],
        )
        print(f"\naccuracy of the classifier on held-out triples: {found['accuracy']:.2%}")


def table(out: Path) -> None:
    """Print how many modes each game covers."""
    found = [(recipe, record) for recipe in SEEDS for record in records(out, recipe) if recipe != "floor"]
    show(
        ["game", "seed", "modes", "KL, nats", "CPU s"],
        [
            [link(recipe, recipe.split("-")[0]), r["seed"], r["modes"], f"{r['kl_uniform']:.3f}", seconds(r)]
            for recipe, r in found
        ],
    )


def seconds(record: Record) -> str:
    return cell([record["cpu_seconds"]], ".0f")


def main() -> None:
    parser = options(__doc__)
    parser.set_defaults(n=26_000)
    sweep(parser, "stacked", SEEDS, run, [table_floor, table])


if __name__ == "__main__":
    main()
