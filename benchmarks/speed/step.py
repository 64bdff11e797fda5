"""Training step against a hand-written PyTorch loop with identical networks and arithmetic, alternating batch by batch.

python -m benchmarks.speed.step [--rounds 5] [--steps 100] [--only WGANGP]
"""

import argparse
import copy
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from benchmarks.machine import made
from ganzoo.callbacks import Progress
from ganzoo.cli.train import quiet
from ganzoo.data import Digits
from ganzoo.models import DCGAN, NSGAN, R3GAN, WGANGP, PacGAN, UnrolledGAN
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator, Packed
from ganzoo.priors import Normal

BATCH = 64
Nets = Callable[[], tuple[nn.Module, nn.Module]]


class Hand:
    """The loop that one writes by hand: two Adams, frozen opponents, the average of G's weights, no framework."""

    lr, betas, every = 2e-4, (0.5, 0.999), 1

    def __init__(self, G: nn.Module, D: nn.Module) -> None:
        self.G, self.D = G, D
        self.G_ema = copy.deepcopy(G).requires_grad_(False).eval()
        self.params = {n: list(net.parameters()) for n, net in (("G", G), ("D", D), ("ema", self.G_ema))}
        self.opt = {n: torch.optim.Adam(self.params[n], self.lr, self.betas, fused=True) for n in "GD"}
        self.batch = 0

    def fakes(self) -> Tensor:
        return self.G(torch.randn(BATCH, self.G.prior.dim))

    def freeze(self, name: str, on: bool) -> None:
        for p in self.params[name]:
            p.requires_grad_(not on)

    def d_loss(self, x: Tensor) -> Tensor:
        return softplus(-self.D(x)).mean() + softplus(self.D(self.fakes())).mean()

    def g_loss(self, x: Tensor) -> Tensor:
        return softplus(-self.D(self.fakes())).mean()

    def step(self, x: Tensor) -> None:
        self.batch += 1
        self.freeze("G", True)
        self.opt["D"].zero_grad()
        self.d_loss(x).backward()
        self.opt["D"].step()
        self.freeze("G", False)
        if self.batch % self.every:
            return
        self.freeze("D", True)
        self.opt["G"].zero_grad()
        self.g_loss(x).backward()
        self.opt["G"].step()
        self.freeze("D", False)
        with torch.no_grad():
            torch._foreach_lerp_(self.params["ema"], self.params["G"], 0.001)
            for a, b in zip(self.G_ema.buffers(), self.G.buffers(), strict=True):
                a.copy_(b)


class HandWGANGP(Hand):
    lr, betas, every = 1e-4, (0.0, 0.9), 5

    def d_loss(self, x: Tensor) -> Tensor:
        fake, eps = self.fakes(), torch.rand(BATCH, 1, 1, 1)
        mix = (eps * x + (1 - eps) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(self.D(mix).sum(), mix, create_graph=True)
        penalty = 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        return self.D(fake).mean() - self.D(x).mean() + penalty

    def g_loss(self, x: Tensor) -> Tensor:
        return -self.D(self.fakes()).mean()


class HandR3GAN(Hand):
    betas = (0.0, 0.99)

    def sloped(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_()
        logits = self.D(x)
        (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
        return logits, slope.square().sum() / BATCH

    def d_loss(self, x: Tensor) -> Tensor:
        real, r1 = self.sloped(x)
        fake, r2 = self.sloped(self.fakes())
        return softplus(fake - real).mean() + 0.025 * (r1 + r2)

    def g_loss(self, x: Tensor) -> Tensor:
        return softplus(self.D(x) - self.D(self.fakes())).mean()


class HandUnrolledGAN(Hand):
    """Five steps of D's Adam, written out so that G's gradient can go through them."""

    def g_loss(self, x: Tensor) -> Tensor:
        fake, state = self.fakes(), self.opt["D"].state
        names = [name for name, _ in self.D.named_parameters()]
        w = [p.detach().requires_grad_() for p in self.params["D"]]
        m = [state[p]["exp_avg"].clone() for p in self.params["D"]]
        v = [state[p]["exp_avg_sq"].clone() for p in self.params["D"]]
        t = int(state[self.params["D"][0]]["step"])
        for k in range(t + 1, t + 6):
            g = torch.autograd.grad(self.loss_of(names, w, x, fake), w, create_graph=True)
            m = [0.5 * a + 0.5 * b for a, b in zip(m, g, strict=True)]
            v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
            c1, c2 = 1 - 0.5**k, 1 - 0.999**k
            w = [p - 2e-4 * (a / c1) / (b / c2 + 1e-16).sqrt() for p, a, b in zip(w, m, v, strict=True)]
        return -self.loss_of(names, w, x, fake)

    def loss_of(self, names: list[str], w: list[Tensor], x: Tensor, fake: Tensor) -> Tensor:
        weights = dict(zip(names, w, strict=True))
        real, generated = functional_call(self.D, weights, (x,)), functional_call(self.D, weights, (fake,))
        return softplus(-real).mean() + softplus(generated).mean()


class Duel(L.Callback):
    """Runs one step of the hand-written loop after each of ours, so that both see the same machine.

    Ours is the time from the end of the hand's step to the end of the next batch: all of Lightning is in it.
    """

    def __init__(self, hand: Any, batches: Iterator[Any]) -> None:
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


def duel(make: Nets, size: int, cls: type, hand: type[Hand], steps: int) -> Duel:
    both = Duel(hand(*make()), epochs(Digits(batch_size=BATCH, size=size)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            accelerator="cpu", max_steps=steps, max_epochs=-1, logger=CSVLogger(folder), callbacks=[Progress(), both],
            enable_checkpointing=False, enable_model_summary=False, limit_val_batches=0, log_every_n_steps=50,
        )  # fmt: skip
        trainer.fit(cls(*make()), datamodule=Digits(batch_size=BATCH, size=size))
    return both


def mlp() -> tuple[nn.Module, nn.Module]:
    return MLPGenerator((1, 8, 8), Normal(32), width=128), MLPDiscriminator((1, 8, 8), width=128)


def dcgan(norm: str = "batch") -> Nets:
    return lambda: (DCGANGenerator((1, 32, 32), width=32), DCGANDiscriminator((1, 32, 32), width=32, norm=norm))


def packed() -> tuple[nn.Module, nn.Module]:
    G, D = dcgan()()
    return G, Packed(D, 2, (1, 32, 32))


CASES = {  # networks, size, game, its loop by hand, times the number of steps
    "MLP 8x8 (NSGAN)": (mlp, 8, NSGAN, Hand, 10),
    "DCGAN 32x32 (DCGAN)": (dcgan(), 32, DCGAN, Hand, 1),
    "DCGAN 32x32 (WGANGP, n_critic 5)": (dcgan("layer"), 32, WGANGP, HandWGANGP, 1),
    "DCGAN 32x32 (PacGAN, 2 images)": (packed, 32, PacGAN, Hand, 1),
    "DCGAN 32x32 (R3GAN)": (dcgan("none"), 32, R3GAN, HandR3GAN, 0.5),
    "DCGAN 32x32 (UnrolledGAN, 5 steps)": (dcgan("none"), 32, UnrolledGAN, HandUnrolledGAN, 0.25),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100, help="per round (the MLP takes 10 times as many)")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    given = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    warnings.filterwarnings("ignore")
    rows = []
    for name, (make, size, cls, hand, factor) in CASES.items():
        if given.only not in name:
            continue
        rows.append(row(name, [duel(make, size, cls, hand, int(given.steps * factor)) for _ in range(given.rounds)]))
    show(rows, BATCH, given.rounds)


def row(name: str, duels: list[Duel]) -> str:
    """Return a row of the table: quartile and median of both, and how much longer ours takes."""
    times: dict[str, list[np.ndarray]] = {"hand": [], "ganzoo": []}
    for who, seen in ((who, seen) for both in duels for who, seen in both.times.items()):
        # the mean of 5 consecutive steps: a generator step comes only every n_critic-th
        kept = (len(seen) - min(20, len(seen) // 5)) // 5 * 5
        times[who].append(np.array(seen[-kept:]).reshape(-1, 5).mean(1))
    low, high = (np.concatenate(times[who]) for who in ("hand", "ganzoo"))
    cells = [f"{np.percentile(t, q) * 1e3:.2f}" for q in (25, 50) for t in (low, high)]
    ratio = [np.percentile(high, q) / np.percentile(low, q) - 1 for q in (25, 50)]
    return f"| {name} | {cells[0]} | {cells[1]} | {ratio[0]:+.1%} | {cells[2]} | {cells[3]} | {ratio[1]:+.1%} |"


def show(rows: list[str], batch: int, rounds: int, other: str = "hand") -> None:
    """Print the table."""
    print(f"\n{'; '.join(made().values())}; 1 thread")
    print(f"batch {batch}; terms, CSV and progress bar on; alternating batch by batch; {rounds} rounds\n")
    print(f"| networks | {other} p25 ms | ganzoo p25 ms | overhead | {other} p50 ms | ganzoo p50 ms | overhead |")
    print("|---|---|---|---|---|---|---|\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
