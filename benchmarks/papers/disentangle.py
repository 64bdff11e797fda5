"""Higgins' table on sprites: which representation tells the factors apart, from raw pixels to β-VAE and IB-GAN.

    python -m benchmarks.papers.disentangle [--only BetaVAE:0] [--table]

The table is that of Higgins et al., "β-VAE", 2017 (https://openreview.net/forum?id=Sy2fzU9gl); IB-GAN is not in it.
What is trained stands in recipes/*-sprites; each leaves a picture of its codes' walks.

What is judged: 92,160 sprites, every second orientation and place of the grid of 737,280, each encoded once; codes as
they come, not standardised (doing so lifts an untrained network), 10,000 training and 5,000 test points of
64 pairs (raw pixels: 1,500 and 750; 10,000 would take 10 minutes). K = 4 leaves out the shape, as the paper does. The
orientation of squares and ellipses cannot be read off their pictures, so only the factors themselves have a MIG near 1.

The paper does not say after how many steps its classifier stops, and the baselines depend on it: so there are three,
stopped after 1,000 and 5,000 steps of Adagrad(1e-2), and converged (C = 1). Look at K = 5, FactorVAE's metric and MIG
too.

VAE and β-VAE (β = 4): the paper's sizes, an encoder of 1200-1200 units, 10 latents, a decoder of 1200-1200-1200 and a
Bernoulli likelihood of 64 x 64 pixels. Unlike the paper's: leaky ReLU (0.2) instead of ReLU in the encoder, ReLU
instead of tanh in the decoder; Adam with lr 5e-4 instead of Adagrad with 1e-2; 100,000 sprites; averaged weights.
InfoGAN and IB-GAN: DCGANs of width 16 and 32 x 32 pixels, a quarter of the time of 64 x 64. InfoGAN's representation
is what Q reads: the probabilities of one categorical code of 3 and the means of 5 uniform ones (10 numbers of noise).
IB-GAN's is IBGAN.represent, with its RMSprop and β = 0.141; D's lr is 1e-5 instead of 1e-6 and the instance noise ends
after two thirds of the batches, as the released code's does after 100,000 of 150,000.

The default budgets, batches of 64 with learning rates that fall to 0 over the second half, are what 3 seeds do in an
hour on one core: 10,000 of a VAE (0.1 s), 20,000 of a GAN (0.05 s, bfloat16). Others train for 150,000 or 300,000.
"""

import argparse
import math
import time
from pathlib import Path
from typing import Any

import torch
from sklearn.decomposition import PCA, FastICA
from sklearn.pipeline import make_pipeline
from torch import Tensor
from tqdm import tqdm

from benchmarks.papers.runs import (
    Record,
    as_trained,
    cell,
    link,
    options,
    records,
    show,
    sweep,
    train,
    untrained,
)
from ganzoo.data.sprites import draw
from ganzoo.latent.traverse import code_values, traverse_code, traverse_dimension
from ganzoo.metrics.disentanglement import dci, mig, sap
from ganzoo.metrics.higgins import Draw, Represent, factor_vae, higgins
from ganzoo.models.infogan import columns
from ganzoo.pictures import grid, save_png
from ganzoo.pixels import to_float

PAPER = {  # row: accuracy in %, K = 4
    "factors": "100",
    "pixels": "45.75 ± 0.8",
    "PCA": "84.9 ± 0.4",
    "ICA": "42.03 ± 10.6",
    "untrained": "44.14 ± 2.5",
    "VAE": "61.58 ± 0.5",
    "BetaVAE": "99.23 ± 0.1",
    "InfoGAN": "73.5 ± 0.9",
    "IBGAN": "-",
}
TRAINED = {"VAE": "vae-sprites", "BetaVAE": "betavae-sprites", "InfoGAN": "infogan-sprites", "IBGAN": "ibgan-sprites"}
SIDE = {"InfoGAN": 32, "IBGAN": 32}  # of the images; others: 64
POOL = (3, 6, 20, 16, 16)  # values of each factor that are judged
STEP = torch.tensor([1, 1, 2, 2, 2])  # between them, in the grid of the data
NO_SHAPE = (1, 2, 3, 4)
N_ROWS = 10_000  # for MIG, SAP and DCI
N_FIT = 10_000  # sprites that PCA and ICA are fitted to
DIM = 10  # of all codes but InfoGAN's
SCORES = ("higgins4", "higgins5", "factor_vae", "mig", "sap", "dci_d", "dci_c", "dci_i", "std")
STEPS = (1_000, 5_000)  # of Adagrad, after which a second and a third classifier are stopped


def read(row: str, model: Any, x: Tensor) -> Tensor:
    """Return the codes, [N, d], that a model gives to images x in [-1, 1]."""
    if row == "IBGAN":
        return model.represent(x)
    if row != "InfoGAN":
        return model.encode(x)
    codes, numbers, parts = model.G.prior.codes, model.guess(x), []
    for code in codes:  # probabilities, since logits have another scale than means
        mine = numbers[:, columns(code, codes)]
        parts.append(mine.softmax(dim=1) if code.kind == "categorical" else mine)
    return torch.cat(parts, dim=1)


def walks(row: str, model: Any) -> Tensor:
    """Return images of walks through each code, one code in a row of 9; a categorical code has 3 values, 3 times."""
    if row == "InfoGAN":
        z = model.G.prior.seeded([0])
        values = [code_values(code, 9) for code in model.G.prior.codes]
        rows = [
            traverse_code(z, code, v * (9 // len(v)))[0] for code, v in zip(model.G.prior.codes, values, strict=True)
        ]
        return model.trained.decode(torch.cat(rows))
    x = to_float(draw(torch.tensor([[2, 4, 5, 16, 16]]), model.G.image_shape[1]))
    z = read(row, model, x)
    z = torch.cat([traverse_dimension(z, k, torch.linspace(-3, 3, 9))[0] for k in range(DIM)])
    with torch.no_grad():
        return model.G_ema.decode(z) if row == "IBGAN" else model.trained.decode(z)


def brightness(x: Tensor) -> Tensor:
    """Return images in [-1, 1] as vectors in [0, 1]."""
    return (x.flatten(1) + 1) / 2


def components(row: str, seed: int) -> Represent:
    """Return PCA, or ICA of the principal components, fitted to random sprites."""
    generator = torch.Generator().manual_seed(seed)
    v = torch.stack([torch.randint(size, (N_FIT,), generator=generator) for size in POOL], dim=1)
    pca = PCA(DIM, random_state=seed)
    ica = FastICA(DIM, whiten="unit-variance", random_state=seed, max_iter=1000)
    fitted = make_pipeline(pca, ica) if row == "ICA" else pca
    fitted.fit(brightness(to_float(draw(v * STEP))).numpy())
    return lambda x: torch.from_numpy(fitted.transform(brightness(x).numpy()))


def encoded(represent: Represent, side: int) -> Tensor:
    """Return the codes of all images of the pool, [92160, d], in the order of ``index``."""
    pool = torch.cartesian_prod(*map(torch.arange, POOL))
    parts = tqdm(pool.split(1024), desc="encode", unit="block", leave=False, disable=None)
    return torch.cat([represent(to_float(draw(part * STEP, side))).cpu() for part in parts])


def index(v: Tensor) -> Tensor:
    """Return where images of factors v, [N, 5], stand in the pool, [N]."""
    return v @ torch.tensor([math.prod(POOL[k + 1 :]) for k in range(len(POOL))])


def judge(represent: Represent, drawn: Draw, n_train: int, n_test: int, seed: int) -> dict[str, float]:
    """Return Higgins' and FactorVAE's metric, MIG and the mean standard deviation of a code."""
    how: dict[str, Any] = {"n_train": n_train, "n_test": n_test, "seed": seed}
    codes, v = sample(represent, drawn, seed)
    stopped = {f"higgins4_{steps}": higgins(represent, drawn, POOL, NO_SHAPE, steps=steps, **how) for steps in STEPS}
    return {
        **stopped,
        "higgins4": higgins(represent, drawn, POOL, NO_SHAPE, **how),
        "higgins5": higgins(represent, drawn, POOL, **how),
        "factor_vae": factor_vae(represent, drawn, POOL, **how),
        "mig": mig(codes, v),
        "std": float(codes.std(dim=0).mean()),
    }


def sample(represent: Represent, drawn: Draw, seed: int) -> tuple[Tensor, Tensor]:
    """Return codes and factors of random images."""
    generator = torch.Generator().manual_seed(2**20 + seed)
    v = torch.stack([torch.randint(size, (N_ROWS,), generator=generator) for size in POOL], dim=1)
    return torch.cat([represent(drawn(part)) for part in v.split(1024)]), v


def judge_codes(codes: Tensor, seed: int) -> dict[str, float]:
    """Return all scores of the codes of the pool."""
    found = judge(lambda i: codes[i], index, 10_000, 5_000, seed)
    rows, v = sample(lambda i: codes[i], index, seed)
    d, c, i = dci(rows, v, seed=seed)
    return {**found, "sap": sap(rows, v, categorical=[0], seed=seed), "dci_d": d, "dci_c": c, "dci_i": i}


def run(row: str, seed: int, given: argparse.Namespace) -> Record:
    """Make and judge what encodes the sprites."""
    start = time.process_time()
    represent, trained = representation(row, seed, given)
    made, start = time.process_time() - start, time.process_time()
    if row == "pixels":
        scores = judge(represent, lambda v: to_float(draw(v * STEP)), 1_500, 750, seed)
    elif row == "factors":
        largest = torch.tensor(POOL) - 1
        scores = judge_codes(torch.cartesian_prod(*map(torch.arange, POOL)) / largest, seed)
    else:
        scores = judge_codes(encoded(represent, SIDE.get(row, 64)), seed)
    return {**scores, "cpu_seconds": made, **trained, "judge_seconds": time.process_time() - start}


def representation(row: str, seed: int, given: argparse.Namespace) -> tuple[Represent, Record]:
    """Return what encodes images in [-1, 1], and how it was trained if it was."""
    if row in ("factors", "pixels"):
        return brightness, {}
    if row in ("PCA", "ICA"):
        return components(row, seed), {}
    if row == "untrained":
        model = untrained("vae-sprites", seed)
        return lambda x: read(row, model, x), {}
    done = train(TRAINED[row], seed, given)
    as_trained(done.model)
    save_png(grid(walks(row, done.model), columns=9), given.out / f"{row}-{seed}.png")
    return lambda x: read(row, done.model, x), {"cpu_seconds": done.seconds, "batches": done.batches}


def percent(runs: list[Record], key: str) -> list[float]:
    """Return a score of all runs that have it, in %."""
    return [100 * r[key] for r in runs if key in r]


def average(values: list[float]) -> float:
    return sum(values) / len(values)


def table(out: Path) -> None:
    """Print the paper's table beside ours, all scores, and what is promised of them."""
    found = {row: runs for row in PAPER if (runs := records(out, row))}
    rows, scores = [], []
    for row, runs in found.items():
        name = link(TRAINED[row], row) if row in TRAINED else row
        stopped, values = [percent(runs, f"higgins4_{steps}") for steps in STEPS], percent(runs, "higgins4")
        better = sorted(values, reverse=True)[: -(-len(values) // 2)]
        cells = [name, PAPER[row], *(cell(v, ".1f") for v in stopped), cell(values, ".1f")]
        cells += [", ".join(f"{v:.1f}" for v in values), f"{average(better):.1f}", str(runs[0].get("batches", "-"))]
        rows.append([*cells, *(cell([r[key] for r in runs], ".0f") for key in ("cpu_seconds", "judge_seconds"))])
        scores.append([name, str(len(runs)), *(cell([r.get(key) for r in runs], ".3f") for key in SCORES)])
    columns = ["row", "paper", *(f"{steps:,} steps" for steps in STEPS), "converged", "each seed"]
    columns += ["better half of the seeds", "batches", "CPU s", "CPU s of judging"]
    show(columns, rows)
    names = ["Higgins, K = 4", "K = 5", "FactorVAE", "MIG", "SAP", "DCI: D", "C", "I", "std of codes"]
    show(["row", "seeds", *names], scores)
    promises(found)


def promises(found: dict[str, list[Record]]) -> None:
    """Print what is promised of the table, of the rows that are there, by each classifier."""
    keys = {f"{steps:,} steps": f"higgins4_{steps}" for steps in STEPS} | {"converged": "higgins4"}
    kept = [promised(found, key) for key in keys.values()]
    words = {True: "yes", False: "miss", None: "-"}
    rows = [[promise, *(words[one.get(promise)] for one in kept)] for promise in kept[-1]]
    show(["the paper's, K = 4", *keys], rows)


def promised(found: dict[str, list[Record]], key: str) -> dict[str, bool]:
    """Return what is promised of one classifier's scores, and whether it holds."""
    scores = {row: values for row, runs in found.items() if (values := percent(runs, key))}
    mean, best = {row: average(values) for row, values in scores.items()}, {row: max(v) for row, v in scores.items()}
    kept = {
        "factors 100": ("factors", lambda: mean["factors"] > 99.9),
        "PCA 84.9 ± 2": ("PCA", lambda: abs(mean["PCA"] - 84.9) <= 2),
        "untrained from 40 to 55": ("untrained", lambda: 40 <= mean["untrained"] <= 55),
        "best seed of β-VAE at least 90": ("BetaVAE", lambda: best["BetaVAE"] >= 90),
        "β-VAE above PCA": ("BetaVAE PCA", lambda: mean["BetaVAE"] > mean["PCA"]),
        "β-VAE above VAE": ("BetaVAE VAE", lambda: mean["BetaVAE"] > mean["VAE"]),
        "PCA above untrained": ("PCA untrained", lambda: mean["PCA"] > mean["untrained"]),
    }
    return {promise: holds() for promise, (needed, holds) in kept.items() if set(needed.split()) <= mean.keys()}


def main() -> None:
    sweep(options(__doc__), "disentangle", dict.fromkeys(PAPER, 3), run, [table])


if __name__ == "__main__":
    main()
