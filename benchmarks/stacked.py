"""Stacked MNIST: what real triples of digits score, the floor of every table of modes.

    GANZOO_DATA=/path/to/data python benchmarks/stacked.py --floor [--n 26000]

Prints modes and KL(p̂ || uniform) of real training triples, by their labels and by the classifier that judges
samples, what is expected ((K - 1) / (2 N) and three times the KL of MNIST's digits), and the classifier's accuracy
on held-out triples. The KL of 26,000 triples has a standard deviation of 0.001: anything near the floor is noise.
"""

import argparse

import torch

from ganzoo.data import StackedMNIST
from ganzoo.metrics.modes import ClassModes, class_report
from ganzoo.metrics.stacked import StackedLeNet64


def classified(data: StackedMNIST, split: str, n: int) -> torch.Tensor:
    """Return the classes that the classifier gives to the first ``n`` images, [n]."""
    extractor = StackedLeNet64()
    return torch.cat([extractor(block).logits.argmax(dim=1) for block in data.images(split, n)])


def draw(data: StackedMNIST, n: int, seed: int) -> torch.Tensor:
    """Return the classes of other ``n`` triples, [n]."""
    labels = data.digits.labels("train")
    chosen = torch.randint(len(labels), (n, 3), generator=torch.Generator().manual_seed(seed))
    return labels[chosen] @ torch.tensor([100, 10, 1])


def line(name: str, report: ClassModes) -> str:
    return f"| {name} | {report.modes} | {report.kl_uniform:.4f} |"


def floor(n: int) -> None:
    data = StackedMNIST(n_images=n)
    print(f"| {n} real triples | modes | KL, nats |\n|---|---|---|")
    print(line("by their labels", class_report(data.labels("train"), 1000)), flush=True)
    print(line("by the classifier", class_report(classified(data, "train", n), 1000)))
    share = data.digits.labels("train").bincount(minlength=10).double()
    share /= share.sum()
    print(f"| expected | 1000 | {999 / (2 * n) + 3 * float((share * (10 * share).log()).sum()):.4f} |")
    spread = torch.tensor([class_report(draw(data, n, seed), 1000).kl_uniform for seed in range(200)])
    print(f"| 200 other draws, by labels | | {spread.mean():.4f} ± {spread.std():.4f} |")
    n_test = len(data.labels("test"))
    right = (classified(data, "test", n_test) == data.labels("test")).double().mean()
    print(f"\naccuracy of the classifier on {n_test} held-out triples: {right:.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floor", action="store_true", help="print the floor")
    parser.add_argument("--n", type=int, default=26_000, help="number of triples (default: 26000)")
    given = parser.parse_args()
    if given.floor:
        floor(given.n)
    else:
        parser.print_help()


if __name__ == "__main__":
    main()
