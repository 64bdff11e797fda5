"""What a linear classifier reads from DCGAN's discriminator, with few labels.

    GANZOO_DATA=... python -m benchmarks.papers.probe [--only dcgan:0] [--table]

A DCGAN of width 32 is trained without labels on MNIST (recipes/dcgan-mnist-probe): batches of 128, Adam with lr 2e-4
and β1 0.5, z ~ U[-1, 1]^100, 4,000 batches (9 epochs: 8 minutes of one core; the paper trains on ImageNet). The
features are all maps of D behind their leaky ReLU, each pooled to the largest values on a 4 x 4 grid: 3,584 numbers.
D's batch norm gets statistics of real images. An L2-SVM is trained on labelled subsets of 100, 1,000 and 10,000
training images, with as many of each class, and judged on the 10,000 test images. C is chosen on the labelled images
alone, by 5-fold cross-validation: of 7 values from 1e-4 to 1e-2, but of 1e-4, 1e-3 and 1e-2 for 10,000 images. A mean
is over seeds of D and subsets (10, 3 and 1 for each seed); subsets are the same for all rows.

The baselines: "raw", the pixels; "pca", their first 100 principal components, of all training images; "random", a D
that was not trained, which knows the architecture only: what DCGAN learnt is what it has more than that.

The paper has no figures for MNIST. For CIFAR-10 it has 82.8 % with all labels and 73.8 ± 0.4 % with 400 of each class,
by a larger D that was trained on ImageNet: another experiment, named for the order of size only.
Radford et al., "Unsupervised Representation Learning with DCGANs", 2016. https://arxiv.org/abs/1511.06434
Differs from the paper: the data, kernels of 4 x 4, bfloat16 in training.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.papers.runs import Record, cell, data_of, link, options, records, show, sweep, train, untrained
from ganzoo.data import ImageData, to_float
from ganzoo.metrics.probes import CS, linear_probe, max_pooled, pca_features
from ganzoo.networks import DCGANDiscriminator
from ganzoo.networks.batch_norm import refresh_batch_norm
from ganzoo.pictures import grid, save_png

RECIPE = "dcgan-mnist-probe"
BATCH, COMPONENTS = 128, 100
REFRESHED = 200 * BATCH  # training images whose statistics batch norm gets
SUBSETS = {100: 10, 1_000: 3, 10_000: 1}  # labelled images: subsets for each seed
FEW_CS = (1e-4, 1e-3, 1e-2)
SEEDS = {"dcgan": 3, "random": 3, "pca": 1, "raw": 1}
NAMES = {
    "dcgan": link(RECIPE, "D of DCGAN"),
    "random": "D, not trained",
    "pca": f"{COMPONENTS} principal components",
    "raw": "raw pixels",
}


@torch.no_grad()
def maps(D: DCGANDiscriminator, x: Tensor) -> list[Tensor]:
    """Return the maps of all convolutions of ``features`` behind their leaky ReLU, each [N, C, H, W]."""
    found = []
    for layer in D.features:
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            found.append(x.clone())
    return found


def discriminator_features(D: DCGANDiscriminator, data: ImageData) -> Callable[[Tensor], Tensor]:
    """Return the map of uint8 images to D's features; batch norm gets statistics of real images."""
    images, _ = data.arrays("train")
    refresh_batch_norm(D, (to_float(block) for block in torch.split(images[:REFRESHED], BATCH)))
    D.eval()
    return lambda x: torch.cat([max_pooled(maps(D, to_float(block))) for block in torch.split(x, 256)])


def features(
    name: str, data: ImageData, seed: int, given: argparse.Namespace
) -> tuple[Callable[[Tensor], Tensor], float | None]:
    """Return the map of uint8 images to the features of a row, and the CPU seconds of what is trained."""
    if name == "raw":
        return lambda x: to_float(x).flatten(1), 0.0
    if name == "pca":
        return pca_features(data.arrays("train")[0], COMPONENTS), 0.0
    if name == "random":
        return discriminator_features(untrained(RECIPE, seed).D, data), 0.0
    done = train(RECIPE, seed, given)
    save_png(grid(done.model.sample(64, seed=2**20), columns=16), given.out / f"D-{seed}.png")
    return discriminator_features(done.model.D, data), done.seconds


def subset(labels: Tensor, n: int, K: int, seed: int) -> Tensor:
    """Return the indices of ``n`` images, as many of each of the K classes, [n]."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for k in range(K):
        own = (labels == k).nonzero()[:, 0]
        if len(own) < n // K:
            raise ValueError(f"class {k} has {len(own)} training images, {n // K} are needed: give smaller --sizes")
        parts.append(own[torch.randperm(len(own), generator=generator)[: n // K]])
    return torch.cat(parts)[torch.randperm(n // K * K, generator=generator)]


def run(name: str, seed: int, given: argparse.Namespace) -> Record:
    """Train if there is something to be trained, and probe."""
    data = data_of(RECIPE, seed)
    of, seconds = features(name, data, seed, given)
    start = time.process_time()
    (images, labels), (test, test_y) = data.arrays("train"), data.arrays("test")
    test, test_y = test[: given.n], test_y[: given.n]
    test_x = of(test)
    accuracy: dict[str, list[float]] = {}
    chosen: dict[str, list[float]] = {}
    for n, k in tqdm(list(subsets(given)), desc=name, leave=False, disable=None):
        rows = subset(labels, n, data.num_classes, k)
        found = linear_probe(of(images[rows]), labels[rows], test_x, test_y, CS if n <= 1_000 else FEW_CS)
        accuracy.setdefault(str(n), []).append(found.accuracy)
        chosen.setdefault(str(n), []).append(found.C)
    spent = {"cpu_seconds": seconds, "probe_seconds": time.process_time() - start}
    return {"data": "mnist", "accuracy": accuracy, "C": chosen, "features": test_x.shape[1], **spent}


def subsets(given: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """Yield (labelled images, seed of the subset)."""
    for n in given.sizes:
        yield from ((n, k) for k in range(given.subsets or SUBSETS.get(n, 1)))


def table(out: Path) -> None:
    """Print what is there."""
    found = {name: records(out, name) for name in NAMES}
    sizes = sorted({int(n) for runs in found.values() for record in runs for n in record["accuracy"]})
    columns = ["features, mnist", "numbers", "seeds", "paper", *(f"{n:,} labels, %" for n in sizes)]
    rows = []
    for name, runs in found.items():
        if runs:
            cells = [NAMES[name], f"{runs[0]['features']:,}", str(len(runs)), "-"]
            for n in map(str, sizes):
                cells.append(cell([100 * v for record in runs for v in record["accuracy"].get(n, [])], ".2f"))
            cells += [cell([record[key] for record in runs], ".0f") for key in ("cpu_seconds", "probe_seconds")]
            rows.append(cells)
    show([*columns, "CPU s of training", "CPU s of probes"], rows)


def verdict(out: Path) -> None:
    """Print whether training did something: D against the same D before training, subset by subset."""
    pairs: dict[str, list[float]] = {}
    untrained = {record["seed"]: record["accuracy"] for record in records(out, "random")}
    for record in records(out, "dcgan"):
        ours, theirs = record["accuracy"], untrained.get(record["seed"], {})
        for n in ours.keys() & theirs.keys():
            pairs.setdefault(n, []).extend(100 * (a - b) for a, b in zip(ours[n], theirs[n], strict=False))
    print()
    for n, gains in sorted(pairs.items(), key=lambda item: int(item[0])):
        better = sum(gain > 0 for gain in gains)
        line = f"{cell(gains, '+.2f')} points, better in {better} of {len(gains)}"
        print(f"- trained against not trained, {int(n):,} labels: {line}")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SUBSETS), help="numbers of labelled images")
    parser.add_argument("--subsets", type=int, help="for each seed and size (default: 10, 3 and 1)")
    sweep(parser, "probe", SEEDS, run, [table, verdict])


if __name__ == "__main__":
    main()
