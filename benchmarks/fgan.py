"""One Gaussian fitted to a mixture of two by f-GAN, against the paper's figures and the best fits.

    python benchmarks/fgan.py                                              # five divergences, three seeds: minutes
    python benchmarks/fgan.py --divergences KL Pearson --seeds 0           # part of it
    python benchmarks/fgan.py --divergences Neyman SquaredHellinger GANDivergence   # without figures in the paper

The setting is that of Nowozin et al., "f-GAN", 2016, section 2.5 (https://arxiv.org/abs/1606.00709): x = μ + σ z
against a mixture, D of two hidden layers of 64 tanh units, batches of 1024, step size 0.01. The paper does not print
its mixture: the one here follows from the paper's fifteen best-fit figures, and repeats them to 4e-4. Here D and G move
in turn, in the paper at once; figures are means over the last quarter of a run.
"""

import argparse
import math
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from ganzoo.cli.train import quiet
from ganzoo.data import Gaussians
from ganzoo.engine.optim import SGD
from ganzoo.losses import divergences
from ganzoo.losses.divergences import FDivergence
from ganzoo.models.fgan import FGAN
from ganzoo.priors import Normal
from ganzoo.roles import Discriminator, Generator

WEIGHTS, MEANS, STDS = [0.33, 0.67], [-1.0, 2.0], [0.255, 1.415]
PAPER = {  # F, μ, σ after training
    "KL": (0.2801, 1.0335, 1.8236),
    "ReverseKL": (0.2415, 1.5624, 1.6403),
    "JensenShannon": (0.1226, 1.2854, 1.7659),
    "Jeffrey": (0.5151, 1.2295, 1.8087),
    "Pearson": (0.6379, 0.6157, 1.9031),
}
GRID = torch.linspace(-12, 14, 26_001, dtype=torch.float64)
WINDOW = 50  # batches over which F is averaged
CLOSE = 0.03


class Affine(Generator):
    """G(z) = μ + σ z."""

    def __init__(self) -> None:
        super().__init__((1,), Normal(dim=1))
        self.mu, self.sigma = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.mu + self.sigma * z


class Tanh(Discriminator):
    """Two hidden layers of 64 tanh units."""

    def __init__(self) -> None:
        super().__init__((1,))
        self.net = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(x).flatten()


class LastQuarter(L.Callback):
    """Notes F, μ and |σ| over the last quarter of a run."""

    def __init__(self, steps: int) -> None:
        self.start, self.batch = steps - steps // 4, 0
        self.estimates: list[float] = []
        self.fits: list[tuple[float, float]] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *args: Any) -> None:
        self.batch += 1
        if self.batch <= self.start:
            return
        self.fits.append((pl_module.G.mu.item(), abs(pl_module.G.sigma.item())))
        if self.batch % WINDOW == 0:
            self.estimates.append(-pl_module.shown["d/adv"])

    def means(self) -> tuple[float, float, float]:
        mu, sigma = np.mean(self.fits, axis=0)
        return float(np.mean(self.estimates)), float(mu), float(sigma)


def train(divergence: FDivergence, data: Gaussians, seed: int, steps: int, folder: str) -> tuple[float, float, float]:
    """Return F, μ and σ of one run."""
    L.seed_everything(seed, verbose=False)
    step = SGD(lr=0.01)
    model = FGAN(Affine(), Tanh(), objective=divergence, d_optimizer=step, g_optimizer=step, ema_decay=0.0)
    record = LastQuarter(steps)
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=steps,
        max_epochs=-1,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        use_distributed_sampler=False,
        log_every_n_steps=WINDOW,
        callbacks=[record],
    )
    trainer.fit(model, datamodule=data)
    return record.means()


def log_normal(mean: float, std: float) -> Tensor:
    return -((GRID - mean) / std).square() / 2 - math.log(std * math.sqrt(2 * math.pi))


LOG_P = torch.stack([math.log(w) + log_normal(m, s) for w, m, s in zip(WEIGHTS, MEANS, STDS, strict=True)]).logsumexp(0)


def exact(divergence: FDivergence, mu: float, sigma: float) -> float:
    """Return D_f of the mixture and N(μ, σ²) by integration."""
    log_q = log_normal(mu, sigma)
    return torch.trapezoid(log_q.exp() * divergence.f((LOG_P - log_q).exp()), GRID).item()


def best_fit(divergence: FDivergence) -> tuple[float, float, float]:
    """Return the least D_f of any N(μ, σ²), and its μ and σ."""

    def cost(at: np.ndarray) -> float:
        return exact(divergence, float(at[0]), math.exp(at[1]))

    found = minimize(cost, [1.3, math.log(1.75)], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    return float(found.fun), float(found.x[0]), math.exp(found.x[1])


@dataclass
class Row:
    """What is known of one divergence: F (D_f of the best fit), μ and σ; of our runs one of each per seed."""

    divergence: FDivergence
    best: tuple[float, float, float]
    ours: np.ndarray
    seconds: float

    @property
    def name(self) -> str:
        return type(self.divergence).__name__

    def learnt(self) -> tuple[float, float]:
        _, mu, sigma = self.ours.mean(axis=0)
        return float(mu), float(sigma)


def verdict(off: float) -> str:
    return "within 3 %" if abs(off) <= CLOSE else "miss"


def print_fits(rows: list[Row]) -> None:
    """Compare each figure with the paper's and with the best fit, which the verdict is about."""
    print("| divergence | figure | paper | best fit | ours | off paper | off best fit | verdict | CPU s per run |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        mean, std = row.ours.mean(axis=0), row.ours.std(axis=0)
        for k, figure in enumerate(("F", "μ", "σ")):
            off_best = mean[k] / row.best[k] - 1
            printed, off_paper = "-", "-"
            if row.name in PAPER:
                printed, off_paper = f"{PAPER[row.name][k]:.4f}", f"{mean[k] / PAPER[row.name][k] - 1:+.1%}"
            print(
                f"| {row.name} | {figure} | {printed} | {row.best[k]:.4f} | {mean[k]:.4f} ± {std[k]:.4f} "
                f"| {off_paper} | {off_best:+.1%} | {verdict(off_best)} | {row.seconds:.0f} |"
            )


def print_cross(rows: list[Row]) -> None:
    """Print the divergence of each column at the μ and σ that each row has learnt."""
    table = np.array([[exact(test.divergence, *train.learnt()) for test in rows] for train in rows])
    least = table.min(axis=0)
    print("\nExact divergences at the learnt μ and σ (trained with the row's, judged by the column's):\n")
    print(
        "| trained with |"
        + "".join(f" {row.name} |" for row in rows)
        + " diagonal over its column's minimum | verdict |"
    )
    print("|---|" + "---|" * (len(rows) + 2))
    for k, row in enumerate(rows):
        over = (table[k, k] - least[k]) / abs(least[k])
        print(
            f"| {row.name} |" + "".join(f" {value:.4f} |" for value in table[k]) + f" {over:+.1%} | {verdict(over)} |"
        )


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--divergences", nargs="+", default=list(PAPER))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=8000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    data = Gaussians("line", means=MEANS, std=STDS, weights=WEIGHTS, n_points=1_000_000, batch_size=1024)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.divergences:
            divergence: FDivergence = getattr(divergences, name)()
            start = time.process_time()
            ours = [train(divergence, data, seed, arguments.steps, folder) for seed in arguments.seeds]
            seconds = (time.process_time() - start) / len(ours)
            rows.append(Row(divergence, best_fit(divergence), np.array(ours), seconds))
    print(f"\n{arguments.steps} batches of 1024, seeds {arguments.seeds}, mean ± std over seeds.\n")
    print_fits(rows)
    print_cross(rows)


if __name__ == "__main__":
    main()
