"""A training step of translators against a hand-written loop with identical networks and arithmetic, batch by batch.

python -m benchmarks.speed.translation [--rounds 5] [--steps 40] [--only CycleGAN] [--public FOLDER]

Batch 1, as in the papers. Both loops alternate in one process, so that both see the same machine.

With ``--public`` the other side is not a loop by hand but the training step of the papers' authors, on copies of our
networks: FOLDER is a checkout of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix (in the form that it has had
since 2019: ``CycleGANModel(opt)``). That step computes no average of G's weights, which ours does.
"""

import argparse
import copy
import importlib
import itertools
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

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
Hand = Callable[..., Any]  # of G and D


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


class Told(nn.Module):
    """One of our networks in the form that the authors' code calls: G(x), D(y), and D of x and y as channels."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.network, PatchDiscriminator):
            images = (x,) if x.shape[1] == 3 else (x[:, 3:], x[:, :3])
            return self.network(*images)  # type: ignore[no-any-return]
        return self.network(torch.randn(len(x), self.network.prior.dim), x)  # type: ignore[no-any-return]


class PublicCycleGAN:
    """The authors' training step."""

    name = "cycle_gan_model.CycleGANModel"
    terms: ClassVar[dict[str, Any]] = {"gan_mode": "lsgan", "lambda_identity": 0.0, "lambda_A": 10.0, "lambda_B": 10.0}

    def __init__(self, G: Any, D: Any) -> None:
        from models import networks  # type: ignore[import-not-found]

        networks.define_G = lambda *_, **__: Told(copy.deepcopy(G))
        networks.define_D = lambda *_, **__: Told(copy.deepcopy(D))
        module, model = self.name.split(".")
        unused = ("ngf", "netG", "norm", "no_dropout", "init_type", "init_gain", "ndf", "netD", "n_layers_D")
        opt = {
            **dict.fromkeys(unused),
            **{"gpu_ids": [], "isTrain": True, "checkpoints_dir": "", "name": "", "preprocess": "none"},
            **{"input_nc": 3, "output_nc": 3, "lr": 2e-4, "beta1": 0.5, "pool_size": 50, "direction": "AtoB"},
            **self.terms,
        }
        self.model = getattr(importlib.import_module(f"models.{module}"), model)(SimpleNamespace(**opt))

    def step(self, batch: tuple[Tensor, Tensor]) -> None:
        y, x = batch
        self.model.set_input({"A": x, "B": y, "A_paths": "", "B_paths": ""})
        self.model.optimize_parameters()


class PublicPix2Pix(PublicCycleGAN):
    name = "pix2pix_model.Pix2PixModel"
    terms: ClassVar[dict[str, Any]] = {"gan_mode": "vanilla", "lambda_L1": 100.0}


def batches(data: Streets) -> Iterator[tuple[Tensor, Tensor]]:
    for y, x in itertools.chain.from_iterable(iter(data.train_dataloader()) for _ in itertools.count()):
        yield y.float() / 127.5 - 1, x.float() / 127.5 - 1


def duel(make: Nets, size: int, cls: type, hand: Hand, steps: int) -> Duel:
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


CASES: dict[str, tuple[Nets, int, type, Hand]] = {
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
    parser.add_argument("--public", type=Path, help="checkout of the authors' code, in place of the loop by hand")
    given = parser.parse_args()
    if given.public and not (given.public / "models" / "cycle_gan_model.py").is_file():
        parser.error(f"--public: there is no models/cycle_gan_model.py in {given.public}")
    torch.set_num_threads(1)
    if given.public:
        sys.path.insert(0, str(given.public))
    warnings.filterwarnings("ignore")
    quiet()
    rows = []
    for name, (make, size, cls, hand) in CASES.items():
        if given.only in name:
            if given.public:
                hand = PublicCycleGAN if cls is CycleGAN else PublicPix2Pix
            rows.append(row(name, [duel(make, size, cls, hand, given.steps) for _ in range(given.rounds)]))
    show(rows, 1, given.rounds, "public" if given.public else "hand")


if __name__ == "__main__":
    main()
