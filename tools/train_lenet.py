"""Train the digit network that ``ganzoo.metrics.lenet`` ships, and print how it measures.

    GANZOO_DATA=... python tools/train_lenet.py            # train and write
    GANZOO_DATA=... python tools/train_lenet.py --report   # report on the shipped weights

Only MNIST's training split is seen in training. One thread: the order of additions is part of the result,
so another machine gives other bytes, and other bytes need another id.
"""

import argparse
import itertools
import os

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.datasets import MNIST
from torchvision.transforms.functional import gaussian_blur

from ganzoo.metrics.frechet import frechet
from ganzoo.metrics.lenet import WEIGHTS, DigitNetwork, LeNet64
from ganzoo.metrics.moments import Moments
from ganzoo.metrics.shipped import write_shipped


def mnist(train: bool) -> tuple[Tensor, Tensor]:
    """Return the images uint8 [N, 1, 28, 28] and the labels [N] of one split."""
    split = MNIST(os.environ["GANZOO_DATA"], train=train)
    return split.data.unsqueeze(1), split.targets


def shifted(x: Tensor, most: int = 2) -> Tensor:
    """Move every image by up to ``most`` pixels each way, the edge filled with 0."""
    n, _, h, w = x.shape
    padded = F.pad(x, (most,) * 4)
    dy, dx = torch.randint(0, 2 * most + 1, (2, n, 1, 1))
    rows, columns = torch.arange(h).view(1, h, 1) + dy, torch.arange(w).view(1, 1, w) + dx
    return padded[torch.arange(n).view(n, 1, 1), 0, rows, columns].unsqueeze(1)


def train(images: Tensor, labels: Tensor, epochs: int = 4, batch: int = 128) -> DigitNetwork:
    """Train with Adam on a one-cycle schedule, label smoothing 0.05."""
    network = DigitNetwork()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    steps = epochs * (len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    for epoch in range(epochs):
        for index in torch.randperm(len(images)).split(batch)[: len(images) // batch]:
            step(network, optimizer, shifted(images[index].float() / 255), labels[index])
            schedule.step()
        print(f"epoch {epoch + 1} of {epochs}", flush=True)
    return network.eval()


def step(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    """Make one step."""
    optimizer.zero_grad()
    F.cross_entropy(network(x)[1], y, label_smoothing=0.05).backward()
    optimizer.step()


def statistics(network: LeNet64, images: Tensor) -> tuple[Tensor, Tensor, int]:
    """Return mean, covariance and number of the features of ``images``."""
    moments = Moments(network.dim)
    moments.update(network(images).features)
    return moments.mean, moments.cov(), moments.n


def distance(a: tuple[Tensor, Tensor, int], b: tuple[Tensor, Tensor, int]) -> float:
    """Return the Fréchet distance of two sets of statistics."""
    return frechet(a[0], a[1], b[0], b[1], n1=a[2], n2=b[2])


def degradations(images: Tensor, labels: Tensor) -> dict[str, list[tuple[str, Tensor]]]:
    """Return families of ever worse versions of ``images``."""
    x = images.float()
    blurs = [(f"sigma {s}", gaussian_blur(x, [9, 9], [s, s])) for s in (0.4, 0.6, 0.8, 1.2)]
    noises = [(f"sigma {s}", x + s * torch.randn_like(x)) for s in (5, 10, 20, 40)]
    blend = (x + x[torch.randperm(len(x))]) / 2
    hits = torch.rand(len(x)).view(-1, 1, 1, 1)
    return {
        "classes dropped": [(str(k), images[labels >= k]) for k in (1, 2, 3, 5)],
        "shift, pixels": [(str(k), images.roll(k, dims=3)) for k in (1, 2, 3, 4)],
        "blur": [(name, quantised(value)) for name, value in blurs],
        "noise, grey levels": [(name, quantised(value)) for name, value in noises],
        "two digits blended": [(f"{p:.0%}", quantised(x.where(hits > p, blend))) for p in (0.02, 0.1, 0.3, 1.0)],
    }


def quantised(x: Tensor) -> Tensor:
    """Return ``x`` as uint8."""
    return x.round().clamp(0, 255).to(torch.uint8)


def report() -> None:
    """Print accuracy, rank, floors and what degradations do to the distance."""
    network = LeNet64()
    (images, _), (test, labels) = mnist(train=True), mnist(train=False)
    accuracy = (network(test).logits.argmax(dim=1) == labels).double().mean().item()
    real, held_out = statistics(network, images), statistics(network, test)
    values = torch.linalg.eigvalsh(real[1])
    rank = int((values > 1e-12 * values[-1]).sum())
    print(f"test accuracy {accuracy:.2%}, covariance rank {rank} of {network.dim},", end=" ")
    print(f"eigenvalues {values[0]:.1e} to {values[-1]:.1e}")
    order = torch.randperm(len(images))
    for n in (100, 1_000, 10_000):
        halves = statistics(network, images[order[:n]]), statistics(network, images[order[n : 2 * n]])
        print(f"floor FD(train, train) at N={n}: {distance(*halves):.4f}")
    floor = distance(real, held_out)
    print(f"FD(train 60k, test 10k): {floor:.4f}; degraded test images against train, and how many times that")
    for name, versions in degradations(test, labels).items():
        curve = [(step, distance(real, statistics(network, version))) for step, version in versions]
        monotone = all(a < b for (_, a), (_, b) in itertools.pairwise([("0", floor), *curve]))
        cells = "  ".join(f"{step}: {value:.3f} ({value / floor:.0f}x)" for step, value in curve)
        print(f"{name:20}{cells}  {'monotone' if monotone else 'NOT MONOTONE'}", flush=True)


def main() -> None:
    """Train unless only the report is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", action="store_true", help="only report on the shipped weights")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if not arguments.report:
        print(write_shipped(train(*mnist(train=True)), WEIGHTS))
        print("put the hash into ganzoo/metrics/lenet.py, with a new id if it changed; then run with --report")
        return
    report()


if __name__ == "__main__":
    main()
