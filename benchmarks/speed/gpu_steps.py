"""The parts of gpu.py that train, and how time is measured."""

import argparse
import copy
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.callbacks import Compile
from ganzoo.callbacks.compile import notice_frozen
from ganzoo.data import ImageData
from ganzoo.data.memory import MemoryLoader
from ganzoo.data.order import Order
from ganzoo.models import DCGAN
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator
from ganzoo.pixels import to_float
from ganzoo.priors import Normal

ROUNDS = 5
Row = dict[str, Any]
Rows = Iterator[tuple[str, Callable[[], dict[str, Row]]]]  # a name, and what measures its rows by their names
Given = argparse.Namespace


def sync(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def laps(work: Callable[[], Any], n: int, device: str) -> list[float]:
    """Return the seconds of a call in each of five rounds of ``n``, after one that does not count."""
    found = []
    for _ in range(ROUNDS + 1):
        sync(device)
        start = time.perf_counter()
        for _ in range(n):
            work()
        sync(device)
        found.append((time.perf_counter() - start) / n)
    return found[1:]


def each(times: list[float], unit: str, scale: float) -> Row:
    return {"value": scale * median(times), "low": scale * min(times), "high": scale * max(times), "unit": unit}


def rate(times: list[float], n: int) -> Row:
    return {"value": n / median(times), "low": n / max(times), "high": n / min(times), "unit": "images/s"}


def networks(width: int, shape: tuple[int, ...] = (3, 32, 32)) -> tuple[DCGANGenerator, DCGANDiscriminator]:
    torch.manual_seed(0)
    return DCGANGenerator(shape, Normal(128), width=width), DCGANDiscriminator(shape, width=width)


def fit(given: Given, model: DCGAN, data: ImageData, **how: Any) -> None:
    silent = dict.fromkeys(("logger", "enable_checkpointing", "enable_model_summary", "enable_progress_bar"), False)
    how = {"max_epochs": -1, "devices": 1, "limit_val_batches": 0, "log_every_n_steps": 50, **silent, **how}
    L.Trainer(accelerator=given.device, **how).fit(model, datamodule=data)


class Noise(ImageData):
    """Images that are as good as any for measuring time."""

    name, image_shape, class_names = "noise", (3, 32, 32), ("noise",)

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        seeded = torch.Generator().manual_seed(0)
        images = torch.randint(256, (2048, *self.image_shape), dtype=torch.uint8, generator=seeded)
        return images, torch.zeros(2048, dtype=torch.long)


# -- a training step


class How(NamedTuple):
    """How networks compute; ``mode`` is torch.compile's."""

    precision: Any = "bf16-mixed"
    last: bool = False
    mode: str | None = None

    def laid(self, network: Any) -> Any:
        return network.to(memory_format=torch.channels_last) if self.last else network


EAGER = {"fp32": How("32-true"), "bf16": How(), "bf16 channels_last": How(last=True)}
COMPILED = {"bf16 compile": How(mode="default"), "bf16 reduce-overhead": How(mode="reduce-overhead")}


class Hand:
    """DCGAN's game as one writes it by hand: two Adams, frozen opponents, the average of G's weights, no framework."""

    def __init__(self, width: int, how: How, given: Given) -> None:
        self.device, self.batch = given.device, batch_of(given)
        self.G, self.D = (how.laid(network.to(self.device)) for network in networks(width))
        self.G_ema = copy.deepcopy(self.G).requires_grad_(False).eval()
        self.params = {name: list(net.parameters()) for name, net in (("G", self.G), ("D", self.D), ("E", self.G_ema))}
        self.opt = {name: torch.optim.Adam(self.params[name], 2e-4, (0.5, 0.999), fused=True) for name in "GD"}
        self.low = torch.autocast(self.device, torch.bfloat16, enabled=how.precision != "32-true")
        for network in (self.G, self.D) if how.mode else ():
            network.compile(mode=how.mode)

    def fakes(self) -> Tensor:
        return self.G(torch.randn(self.batch, 128, device=self.device))

    def move(self, mover: str, other: str, loss: Callable[[], Tensor]) -> None:
        for p in self.params[other]:
            p.requires_grad_(False)
        self.opt[mover].zero_grad()
        with self.low:
            value = loss()
        value.backward()
        self.opt[mover].step()
        for p in self.params[other]:
            p.requires_grad_(True)

    @torch.no_grad()
    def average(self) -> None:
        torch._foreach_lerp_(self.params["E"], self.params["G"], 0.001)
        for mine, live in zip(self.G_ema.buffers(), self.G.buffers(), strict=True):
            mine.copy_(live)

    def step(self, x: Tensor) -> None:
        self.move("D", "G", lambda: softplus(-self.D(x)).mean() + softplus(self.D(self.fakes())).mean())
        self.move("G", "D", lambda: softplus(-self.D(self.fakes())).mean())
        self.average()


class Duel(L.Callback):
    """Runs ``n`` steps by hand after each ``n`` of ours, so that both see the same machine."""

    def __init__(self, hand: Hand, batches: Iterator[Tensor], n: int) -> None:
        self.hand, self.batches, self.n = hand, batches, n
        self.times: dict[str, list[float]] = defaultdict(list)

    def on_train_start(self, *args: object) -> None:
        self.at = time.perf_counter()

    def lap(self, who: str) -> None:
        sync(self.hand.device)
        now = time.perf_counter()
        self.times[who].append((now - self.at) / self.n)
        self.at = now

    def on_train_batch_end(self, trainer: L.Trainer, *args: object) -> None:
        if trainer.global_step % self.n == 0:
            self.lap("ganzoo")
            for _ in range(self.n):
                self.hand.step(next(self.batches))
            self.lap("by hand")


def batch_of(given: Given) -> int:
    return 8 if given.quick else 64


def endless(data: ImageData, device: str) -> Iterator[Tensor]:
    images, labels = (part.to(device) for part in data.arrays("train"))
    loader = MemoryLoader(images, labels, Order(len(images), data.batch_size))
    while True:
        for x, _ in loader:
            yield to_float(x)


def duel(given: Given, width: int, how: How) -> dict[str, Row]:
    n, data, model = 1 if given.quick else 50, Noise(batch_of(given)), how.laid(DCGAN(*networks(width)))
    both = Duel(Hand(width, how, given), endless(data, given.device), n)
    callbacks = [Compile(how.mode), both] if how.mode else [both]
    fit(given, model, data, max_steps=n * (ROUNDS + 1), precision=how.precision, callbacks=callbacks)
    rows = {who: each(times[1:], "ms", 1e3) for who, times in both.times.items()}
    rows["ganzoo"]["ratio"] = rows["ganzoo"]["value"] / rows["by hand"]["value"]
    return rows


def steps(given: Given, hows: dict[str, How]) -> Rows:
    if given.quick:  # it would take a minute, and is tried by the tests
        nn.Module.compile = lambda *args, **kwargs: None  # type: ignore[method-assign]
    for name, how in hows.items():
        for width in (4,) if given.quick else (32, 128):
            yield f"step, width {width}, {name}", partial(duel, given, width, how)


def compiled(given: Given) -> Rows:
    notice_frozen()  # or say that this torch is too old
    torch._dynamo.config.recompile_limit = 64  # ours and the loop by hand share the code of the networks
    return steps(given, COMPILED)


def repeat(given: Given) -> Rows:
    yield "one run twice", partial(repeated, given)


def repeated(given: Given) -> dict[str, Row]:
    rows = {}
    for name, deterministic in (("any kernel", False), ("deterministic kernels", True)):
        ends, start = [], 0.0
        for _ in range(2):
            model, start = DCGAN(*networks(4 if given.quick else 32)), time.perf_counter()
            fit(given, model, Noise(batch_of(given)), max_steps=2 if given.quick else 200, deterministic=deterministic)
            ends.append(list(model.state_dict().values()))
        seconds = time.perf_counter() - start  # of the second
        differ = sum(not torch.equal(a, b) for a, b in zip(*ends, strict=True))
        rows[name] = {"value": differ, "unit": f"of {len(ends[0])} tensors differ", "seconds": seconds}
    rows["deterministic kernels"]["ratio"] = rows["deterministic kernels"]["seconds"] / rows["any kernel"]["seconds"]
    return rows
