"""One Gaussian fitted to a mixture of two by f-GAN, against the paper's figures and the best fits.

    python -m benchmarks.papers.fgan                                       # five divergences, three seeds: minutes
    python -m benchmarks.papers.fgan --only Neyman:0 GANDivergence:0       # without figures in the paper

The setting is that of Nowozin et al., "f-GAN", 2016, section 2.5 (https://arxiv.org/abs/1606.00709): x = μ + σ z
against a mixture, D of two hidden layers of 64 tanh units, batches of 1024, step size 0.01. The paper does not print
its mixture: the one here follows from the paper's fifteen best-fit figures, and repeats them to 4e-4. Here D and G move
in turn, in the paper at once; figures are means over the last quarter of 8,000 batches. Rows without a recipe: the
networks are classes of this script.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from benchmarks.papers.runs import Record, cell, fit, options, records, show, sweep
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
OTHERS = ("Neyman", "SquaredHellinger", "GANDivergence")
BATCHES = 8_000
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


def run(name: str, seed: int, given: argparse.Namespace) -> Record:
    """Fit the Gaussian once."""
    batches, step = given.batches or BATCHES, SGD(lr=0.01)
    data = Gaussians("line", means=MEANS, std=STDS, weights=WEIGHTS, n_points=1_000_000, batch_size=1024)
    objective: FDivergence = getattr(divergences, name)()
    model = FGAN(Affine(), Tanh(), objective=objective, d_optimizer=step, g_optimizer=step, ema_decay=0.0)
    seen = LastQuarter(batches)
    seconds, _ = fit(model, data, batches, given.out, "32-true", [seen])
    F, mu, sigma = seen.means()
    return {"F": F, "mu": mu, "sigma": sigma, "batches": batches, "cpu_seconds": seconds}


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


def verdict(off: float) -> str:
    """Return whether a relative error is small."""
    return "within 3 %" if abs(off) <= CLOSE else "miss"


def fits(out: Path) -> dict[str, list[Record]]:
    """Return the records of the divergences that were fitted."""
    return {name: found for name in (*PAPER, *OTHERS) if (found := records(out, name))}


def table_fits(out: Path) -> None:
    """Compare each figure with the paper's and with the best fit, which the verdict is about."""
    rows = []
    for name, found in fits(out).items():
        best = best_fit(getattr(divergences, name)())
        for k, (figure, key) in enumerate({"F": "F", "μ": "mu", "σ": "sigma"}.items()):
            values = [record[key] for record in found]
            mean, paper = float(np.mean(values)), PAPER.get(name)
            cells = [name, figure, f"{paper[k]:.4f}" if paper else "-", f"{best[k]:.4f}", cell(values, ".4f")]
            cells += [f"{mean / paper[k] - 1:+.1%}" if paper else "-", f"{mean / best[k] - 1:+.1%}"]
            rows.append(
                [*cells, verdict(mean / best[k] - 1), cell([np.mean([r["cpu_seconds"] for r in found])], ".0f")]
            )
    columns = ["divergence", "figure", "paper", "best fit", "ours", "off paper", "off best fit", "verdict"]
    show([*columns, "CPU s per run"], rows)


def table_cross(out: Path) -> None:
    """Print the divergence of each column at the μ and σ that each row has learnt."""
    found = fits(out)
    learnt = {name: [float(np.mean([r[key] for r in runs])) for key in ("mu", "sigma")] for name, runs in found.items()}
    every = {name: getattr(divergences, name)() for name in found}
    values = np.array([[exact(divergence, *at) for divergence in every.values()] for at in learnt.values()])
    rows = []
    for k, name in enumerate(found):
        over = (values[k, k] - values[:, k].min()) / abs(values[:, k].min())
        rows.append([name, *(f"{value:.4f}" for value in values[k]), f"{over:+.1%}", verdict(over)])
    if rows:
        print("\nExact divergences at the learnt μ and σ (trained with the row's, judged by the column's):")
    show(["trained with", *found, "diagonal over its column's minimum", "verdict"], rows)


def main() -> None:
    seeds = dict.fromkeys(PAPER, 3) | dict.fromkeys(OTHERS, 0)
    sweep(options(__doc__), "fgan", seeds, run, [table_fits, table_cross])


if __name__ == "__main__":
    main()
