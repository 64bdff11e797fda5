"""A training step of translators against a hand-written loop with identical networks and arithmetic, batch by batch.

python -m benchmarks.speed.translation [--rounds 5] [--steps 40] [--only CycleGAN]

Batch 1, as in the papers. Both loops alternate in one process, so that both see the same machine.
"""

import argparse
import copy
import itertools
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.nn.functional import l1_loss, softplus

from benchmarks.speed.step import Duel, row, show
from ganzoo.callbacks import Progress
from ganzoo.cli.train import quiet
from ganzoo.data import Streets
from ganzoo.models import CycleGAN, Pix2Pix
from ganzoo.networks import PatchDiscriminator, ResNetTranslator, UNetTranslator

SCENES = 64  # enough to draw a batch from
Nets = Callable[[int], tuple[nn.Module, nn.Module]]


class HandPix2Pix:
    """G by cGAN + 100 L1, then D on the same image, as one writes it by hand."""

    def __init__(self, G: Any, D: Any) -> None:
        self.nets = {"g": [G], "d": [D]}
        self.ready()

    def ready(self) -> None:
        """Make averages and optimizers."""
        self.params = {k: [p for net in nets for p in net.parameters()] for k, nets in self.nets.items()}
        self.ema = [p.detach().clone() for p in self.params["g"]]
        self.opt = {k: torch.optim.Adam(p, 2e-4, (0.5, 0.999), fused=True) for k, p in self.params.items()}

    def call(self, G: Any, x: Tensor) -> Tensor:
        made: Tensor = G(torch.randn(len(x), G.prior.dim), x)
        return made

    def move(self, name: str, loss: Callable[[], Tensor]) -> None:
        others = self.params["d" if name == "g" else "g"]
        for p in others:
            p.requires_grad_(False)
        self.opt[name].zero_grad()
        loss().backward()
        self.opt[name].step()
        for p in others:
            p.requires_grad_(True)

    def step(self, batch: tuple[Tensor, Tensor]) -> None:
        y, x = batch
        self.move("g", lambda: self.g_loss(y, x))
        with torch.no_grad():
            torch._foreach_lerp_(self.ema, self.params["g"], 0.001)
        self.move("d", lambda: self.d_loss(y, x))

    def g_loss(self, y: Tensor, x: Tensor) -> Tensor:
        (G,), (D,) = self.nets["g"], self.nets["d"]
        fake = self.call(G, x)
        self.fake = fake.detach()
        return softplus(-D(fake, x)).mean() + 100 * l1_loss(fake, y)

    def d_loss(self, y: Tensor, x: Tensor) -> Tensor:
        (D,) = self.nets["d"]
        return (softplus(-D(y, x)).mean() + softplus(D(self.fake, x)).mean()) / 2


class HandCycleGAN(HandPix2Pix):
    """Both G by least squares and cycles, then both D on images of pools."""

    def __init__(self, G: Any, D: Any) -> None:
        self.nets = {"g": [G, copy.deepcopy(G)], "d": [D, copy.deepcopy(D)]}
        self.pools: list[list[Tensor]] = [[], []]
        self.ready()

    def g_loss(self, y: Tensor, x: Tensor) -> Tensor:
        (G, F), (D_y, D_x) = self.nets["g"], self.nets["d"]
        Gx, Fy = self.call(G, x), self.call(F, y)
        self.fakes = Gx.detach(), Fy.detach()
        adv = (D_y(Gx) - 1).square().mean() + (D_x(Fy) - 1).square().mean()
        return adv + 10 * l1_loss(self.call(F, Gx), x) + 10 * l1_loss(self.call(G, Fy), y)

    def d_loss(self, y: Tensor, x: Tensor) -> Tensor:
        D_y, D_x = self.nets["d"]
        Gx, Fy = (shown(pool, fake) for pool, fake in zip(self.pools, self.fakes, strict=True))
        both = (D_y(y), D_y(Gx)), (D_x(x), D_x(Fy))
        return sum(((real - 1).square().mean() + fake.square().mean()) / 2 for real, fake in both)  # type: ignore[return-value]


def shown(pool: list[Tensor], fakes: Tensor) -> Tensor:
    """Return for each image itself, or an older one, of 50."""
    out = []
    for fake in fakes.unbind():
        if len(pool) < 50:
            pool.append(fake)
        elif random.random() < 0.5:
            k = random.randrange(50)
            fake, pool[k] = pool[k], fake
        out.append(fake)
    return torch.stack(out)


def batches(data: Streets) -> Iterator[tuple[Tensor, Tensor]]:
    for y, x in itertools.chain.from_iterable(iter(data.train_dataloader()) for _ in itertools.count()):
        yield y.float() / 127.5 - 1, x.float() / 127.5 - 1


def duel(make: Nets, size: int, cls: type, hand: type[HandPix2Pix], steps: int) -> Duel:
    data = Streets(size=size, n=SCENES, paired=cls is Pix2Pix)
    both = Duel(hand(*make(size)), batches(Streets(size=size, n=SCENES, paired=cls is Pix2Pix)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            accelerator="cpu", max_steps=steps, max_epochs=-1, logger=CSVLogger(folder), callbacks=[Progress(), both],
            enable_checkpointing=False, enable_model_summary=False, limit_val_batches=0, log_every_n_steps=50,
        )  # fmt: skip
        trainer.fit(cls(*make(size)), datamodule=data)
    return both


def resnet(size: int) -> tuple[nn.Module, nn.Module]:
    shape = (3, size, size)
    return ResNetTranslator(shape, width=16, n_blocks=4), PatchDiscriminator(shape, width=32, n_layers=2)


def unet(size: int) -> tuple[nn.Module, nn.Module]:
    shape = (3, size, size)
    return UNetTranslator(shape, width=16), PatchDiscriminator(shape, sees="pair", width=32, n_layers=2)


CASES: dict[str, tuple[Nets, int, type, type[HandPix2Pix]]] = {
    "CycleGAN 64x64": (resnet, 64, CycleGAN, HandCycleGAN),
    "Pix2Pix 64x64": (unet, 64, Pix2Pix, HandPix2Pix),
    "CycleGAN 128x128": (resnet, 128, CycleGAN, HandCycleGAN),
    "Pix2Pix 128x128": (unet, 128, Pix2Pix, HandPix2Pix),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40, help="per round")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    quiet()
    rows = []
    for name, (make, size, cls, hand) in CASES.items():
        if given.only in name:
            rows.append(row(name, [duel(make, size, cls, hand, given.steps) for _ in range(given.rounds)]))
    show(rows, 1, given.rounds)


if __name__ == "__main__":
    main()
