"""Images per second of ganzoo's data in memory against torchvision's MNIST behind a torch DataLoader.

Both give shuffled batches of 64 floats in [-1, 1], one epoch of 60,000 images of 28 x 28, on one thread. The real
MNIST is read from GANZOO_DATA if it is there; else files of its format are filled with noise (the work is the same).

    OMP_NUM_THREADS=1 python -m benchmarks.speed.data
"""

import argparse
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
import torchvision
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Normalize, ToTensor

from benchmarks.machine import made
from ganzoo.data import MemoryLoader, Order, data_root, to_float

N, BATCH = 60_000, 64


def write_noise(root: Path) -> Path:
    """Write files in MNIST's format, filled with noise."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part, n in (("train", N), ("t10k", 10)):
        pixels, labels = torch.randint(0, 256, (n, 28, 28)), torch.randint(0, 10, (n,))
        for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            header = struct.pack(f">BBBB{array.dim()}I", 0, 0, 8, array.dim(), *array.shape)
            (folder / f"{part}-{name}-ubyte").write_bytes(header + array.to(torch.uint8).numpy().tobytes())
    return root


def in_memory(root: Path) -> Callable[[], Iterable[tuple[Tensor, Tensor]]]:
    """Return ganzoo's epoch."""
    source = torchvision.datasets.MNIST(str(root))
    loader = MemoryLoader(source.data[:, None].contiguous(), source.targets, Order(N, BATCH))
    return lambda: ((to_float(x), y) for x, y in loader)


def per_image(root: Path, num_workers: int) -> Callable[[], Iterable[tuple[Tensor, Tensor]]]:
    """Return the epoch of a DataLoader that transforms image by image."""
    transform = Compose([ToTensor(), Normalize((0.5,), (0.5,))])
    source = torchvision.datasets.MNIST(str(root), transform=transform)
    loader = DataLoader(source, batch_size=BATCH, shuffle=True, num_workers=num_workers)
    return lambda: loader


def rate(epoch: Callable[[], Iterable[tuple[Tensor, Tensor]]]) -> float:
    """Return images per second of one epoch."""
    start, n = time.perf_counter(), 0
    for x, _ in epoch():
        n += len(x)
    assert N - BATCH < n <= N
    assert x.dtype == torch.float32
    assert -1 <= x.min() < x.max() <= 1
    return n / (time.perf_counter() - start)


def main() -> None:
    """Measure, interleaved, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="epochs of each; the median is printed")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        real = (data_root() / "MNIST" / "raw").is_dir()
        root = data_root() if real else write_noise(Path(folder))
        ways = {
            "ganzoo, in memory": in_memory(root),
            "DataLoader, 0 workers": per_image(root, 0),
            "DataLoader, 2 workers": per_image(root, 2),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, epoch in ways.items():
                rates[name].append(rate(epoch))
    report(rates, "MNIST" if real else "noise in MNIST's format")


def report(rates: dict[str, list[float]], source: str) -> None:
    """Print the table with all that is needed to repeat it."""
    middle = {name: statistics.median(values) for name, values in rates.items()}
    ours = next(iter(middle.values()))
    print("| data | images/s (median) | min..max | ganzoo is faster by |\n|---|---|---|---|")
    for name, value in middle.items():
        low, high = min(rates[name]), max(rates[name])
        print(f"| {name} | {value:,.0f} | {low:,.0f}..{high:,.0f} | {ours / value:.1f} |")
    print(f"\n{source}, batch {BATCH}, one epoch of {N:,}, {len(rates['ganzoo, in memory'])} interleaved repeats")
    print(f"{'; '.join(made('torchvision').values())}; 1 thread")


if __name__ == "__main__":
    main()
