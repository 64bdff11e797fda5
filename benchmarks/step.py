"""Training step against a hand-written PyTorch loop with identical networks and arithmetic, alternating batch by batch.

python benchmarks/step.py [--rounds 5] [--steps 300]
"""

import argparse
import copy
import datetime
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.callbacks import Progress
from ganzoo.data import Digits
from ganzoo.latents import Normal
from ganzoo.lightning_cli import quiet
from ganzoo.models import DCGAN, NSGAN, WGANGP
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator

BATCH = 64


class Hand:
    """The loop that one writes by hand: two Adams, frozen opponents, the average of G's weights, no framework."""

    def __init__(self, G: nn.Module, D: nn.Module, gp: bool) -> None:
        self.G, self.D, self.gp = G, D, gp
        self.G_ema = copy.deepcopy(G).requires_grad_(False).eval()
        self.params = {n: list(net.parameters()) for n, net in (("G", G), ("D", D), ("ema", self.G_ema))}
        lr, betas = (1e-4, (0.0, 0.9)) if gp else (2e-4, (0.5, 0.999))
        self.opt = {n: torch.optim.Adam(self.params[n], lr, betas) for n in "GD"}
        self.batch = 0

    def noise(self) -> Tensor:
        return torch.randn(BATCH, self.G.prior.dim)

    def freeze(self, name: str, on: bool) -> None:
        for p in self.params[name]:
            p.requires_grad_(not on)

    def d_loss(self, x: Tensor) -> Tensor:
        fake = self.G(self.noise())
        if not self.gp:
            return softplus(-self.D(x)).mean() + softplus(self.D(fake)).mean()
        eps = torch.rand(BATCH, 1, 1, 1)
        mix = (eps * x + (1 - eps) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(self.D(mix).sum(), mix, create_graph=True)
        penalty = 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        return self.D(fake).mean() - self.D(x).mean() + penalty

    def step(self, x: Tensor) -> None:
        self.batch += 1
        self.freeze("G", True)
        self.opt["D"].zero_grad()
        self.d_loss(x).backward()
        self.opt["D"].step()
        self.freeze("G", False)
        if self.gp and self.batch % 5:
            return
        self.freeze("D", True)
        self.opt["G"].zero_grad()
        t = self.D(self.G(self.noise()))
        (-t.mean() if self.gp else softplus(-t).mean()).backward()
        self.opt["G"].step()
        self.freeze("D", False)
        with torch.no_grad():
            torch._foreach_lerp_(self.params["ema"], self.params["G"], 0.001)
            for a, b in zip(self.G_ema.buffers(), self.G.buffers(), strict=True):
                a.copy_(b)


class Duel(L.Callback):
    """Runs one step of the hand-written loop after each of ours, so that both see the same machine.

    Ours is the time from the end of the hand's step to the end of the next batch: all of Lightning is in it.
    """

    def __init__(self, hand: Hand, batches: Iterator[Tensor]) -> None:
        self.hand, self.batches = hand, batches
        self.times: dict[str, list[float]] = {"hand": [], "ganzoo": []}
        self.resumed = time.perf_counter()

    def on_train_batch_end(self, *args: object) -> None:
        start = time.perf_counter()
        self.times["ganzoo"].append(start - self.resumed)
        self.hand.step(next(self.batches))
        self.resumed = time.perf_counter()
        self.times["hand"].append(self.resumed - start)


def epochs(data: Digits) -> Iterator[Tensor]:
    loader = data.train_dataloader()
    while True:
        for x, _ in loader:
            yield x.float() / 127.5 - 1


def duel(make: Callable[[], tuple[nn.Module, nn.Module]], size: int, cls: type, gp: bool, steps: int) -> Duel:
    both = Duel(Hand(*make(), gp), epochs(Digits(batch_size=BATCH, size=size)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            accelerator="cpu", max_steps=steps, max_epochs=-1, logger=CSVLogger(folder), callbacks=[Progress(), both],
            enable_checkpointing=False, enable_model_summary=False, limit_val_batches=0, log_every_n_steps=50,
        )  # fmt: skip
        trainer.fit(cls(*make()), datamodule=Digits(batch_size=BATCH, size=size))
    return both


def mlp() -> tuple[nn.Module, nn.Module]:
    return MLPGenerator((1, 8, 8), Normal(32), width=128), MLPDiscriminator((1, 8, 8), width=128)


def dcgan(norm: str = "batch") -> Callable[[], tuple[nn.Module, nn.Module]]:
    return lambda: (DCGANGenerator((1, 32, 32), width=32), DCGANDiscriminator((1, 32, 32), width=32, norm=norm))


CASES = {
    "MLP 8x8 (NSGAN)": (mlp, 8, NSGAN, False, 10),
    "DCGAN 32x32 (DCGAN)": (dcgan(), 32, DCGAN, False, 1),
    "DCGAN 32x32 (WGANGP, n_critic 5)": (dcgan("layer"), 32, WGANGP, True, 1),
}


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    return names[0].split(":")[1].strip() if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--steps", type=int, default=100, help="per round (the MLP takes 10 times as many); a multiple of 5"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    warnings.filterwarnings("ignore")
    rows = []
    for name, (make, size, cls, gp, factor) in CASES.items():
        times: dict[str, list[np.ndarray]] = {"hand": [], "ganzoo": []}
        for _ in range(given.rounds):
            both = duel(make, size, cls, gp, given.steps * factor).times
            for who, seen in both.items():
                # the mean of 5 consecutive steps: a generator step comes only every n_critic-th
                times[who].append(np.array(seen[20:]).reshape(-1, 5).mean(1))
        low, high = (np.concatenate(times[who]) for who in ("hand", "ganzoo"))
        row = [f"{np.percentile(t, q) * 1e3:.2f}" for q in (25, 50) for t in (low, high)]
        ratio = [np.percentile(high, q) / np.percentile(low, q) - 1 for q in (25, 50)]
        rows.append(f"| {name} | {row[0]} | {row[1]} | {ratio[0]:+.1%} | {row[2]} | {row[3]} | {ratio[1]:+.1%} |")
    versions = f"torch {torch.__version__}, lightning {L.__version__}"
    print(f"\ncommand: python {' '.join(sys.argv)}; {datetime.date.today()}; {processor()}, 1 thread; {versions}")
    print(f"batch {BATCH}; terms, CSV and progress bar on; alternating batch by batch; {given.rounds} rounds\n")
    print("| networks | hand p25 ms | ganzoo p25 ms | overhead | hand p50 ms | ganzoo p50 ms | overhead |")
    print("|---|---|---|---|---|---|---|\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
