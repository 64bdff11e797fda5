"""The VAE's bound against numbers that are known, and its blur against a GAN's sharpness.

    GANZOO_DATA=/path/to/data python benchmarks/vae.py --out runs/vae [--only linear-8:0 vae:1 dcgan:1] [--table]

(1) A linear VAE with a Gaussian likelihood on scikit-learn's 8 x 8 digits (64 numbers; needs no GANZOO_DATA). Its
best ELBO is the likelihood of probabilistic PCA, known from the eigenvalues λ_1 >= ... >= λ_d of the covariance:

    max log p(x) = -(d log 2π + Σ_{i <= k} log λ_i + (d - k) log σ² + d) / 2,    σ² = mean of λ_i, i > k

σ is that of the closed form. Beside it the exact log-likelihood of the trained G, log N(x; G(0), W W' + σ² I), and
the ELBO, both on the training images, in nats per image; 10,000 batches of 256, lr 1e-2 falling to 0 over the second
half.

(2) A VAE on MNIST: ELBO and importance-weighted bounds of k = 1, 10, 100 and 1000 draws on the same test images.
They must not fall: ELBO = bound of 1 draw <= bound of 10 <= ... <= log p(x). The likelihood is Bernoulli's, of grey
pixels: nats to be compared with each other only.

(3) The same VAE and a DCGAN, on the same generator (DCGAN of width 32, z of 64 numbers), the same number of images:
Fréchet distance, precision, recall and coverage of 10,000 samples on the digit network, their floors, and sharpness
against the data's. A sample of the VAE is the mean of p(x|z). Sharpness is that of g, the gradient of the brightness
in 1 / pixel: the mean of |g| (which is a perimeter: blur leaves it alone unless strokes get lost in it), and the
slope of edges, Σ |g|² / Σ |g|, which any blur lowers.

The papers give no budget for these; 8,000 batches of 64 take either some ten minutes on a core. The VAE's E is the body
of a DCGAN's D; Adam with lr 1e-3, β1 0.9; the GAN's lr 5e-4, β1 0.5; both fall to 0 over the second half. The GAN is
trained with bfloat16, the VAE without. A run that is there already is not repeated.

Tipping & Bishop, "Probabilistic Principal Component Analysis", 1999. https://doi.org/10.1111/1467-9868.00196
Kingma & Welling, "Auto-Encoding Variational Bayes", 2014. https://arxiv.org/abs/1312.6114
Burda et al., "Importance Weighted Autoencoders", 2016. https://arxiv.org/abs/1509.00519
"""

import argparse
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm
from training import cell, fit, options, records, sweep

from ganzoo.callbacks import Evaluate
from ganzoo.data import MNIST, Digits, to_float, to_uint8
from ganzoo.engine.optim import Adam, Linear
from ganzoo.losses.likelihoods import GaussianLikelihood
from ganzoo.models import DCGAN, VAE
from ganzoo.models.generative import Generative
from ganzoo.networks import DCGANDiscriminator, DCGANEncoder, DCGANGenerator, MLPEncoder, MLPGenerator
from ganzoo.pictures import grid, save_png
from ganzoo.priors import Normal

SHAPE, SMALL = (1, 28, 28), (1, 8, 8)
LATENTS = (2, 8, 16)  # of the linear VAE
LINEAR = 10_000  # batches of the linear VAE
DRAWS = (1, 10, 100, 1000)
KINDS = ("fd", "precision", "recall", "coverage")
NAMES = {"dcgan": "DCGAN", "vae": "VAE"}


def falling(batches: int) -> Linear:
    return Linear(start=batches // 2, stop=batches)


# -- (1) linear


def ppca(x: Tensor, k: int) -> tuple[float, float]:
    """Return the largest mean log-likelihood of x [N, d] under k latents and isotropic noise, and its σ."""
    values = torch.linalg.eigvalsh(x.T.cov(correction=0)).flip(0)
    noise = values[k:].mean()
    d = x.shape[1]
    total = d * math.log(2 * math.pi) + values[:k].log().sum() + (d - k) * noise.log() + d
    return -float(total) / 2, float(noise.sqrt())


def exact(model: VAE, x: Tensor, std: float) -> float:
    """Return the mean log-likelihood of x [N, d] under the linear G."""
    k = model.G.prior.dim
    images = model.trained.decode(torch.cat([torch.zeros(1, k), torch.eye(k)])).flatten(1).double()
    W = images[1:] - images[0]
    cov = W.T @ W + std**2 * torch.eye(x.shape[1], dtype=torch.float64)
    return float(torch.distributions.MultivariateNormal(images[0], cov).log_prob(x).mean())


def run_linear(k: int, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """Train a linear VAE and compare it with the closed form."""
    data = Digits(batch_size=256, seed=seed)
    images = to_float(torch.cat(list(data.images("train"))))
    x = images.flatten(1).double()
    best, std = ppca(x, k)
    step = Adam(lr=1e-2, beta1=0.9, schedule=falling(given.linear_batches))
    G = MLPGenerator(SMALL, Normal(dim=k), depth=0, output="linear")
    E = MLPEncoder(SMALL, dim=k, posterior="gaussian", depth=0)
    model = VAE(G, E, GaussianLikelihood(std), step, ema_decay=0.99)
    seconds, _ = fit(model, data, given.linear_batches, given.out, precision="32-true")
    torch.manual_seed(0)
    elbo = sum(float(model.elbo(images).double().mean()) for _ in range(100)) / 100
    return {"std": std, "ppca": best, "exact": exact(model, x, std), "elbo": elbo, "cpu_seconds": seconds}


# -- (2) and (3)


def game(name: str, batches: int) -> Generative:
    """Return the VAE or the GAN on the generator that both have."""
    G = DCGANGenerator(SHAPE, Normal(dim=64), width=32)
    if name == "vae":
        E = DCGANEncoder(SHAPE, dim=64, posterior="gaussian", width=32)
        return VAE(G, E, optimizer=Adam(lr=1e-3, beta1=0.9, schedule=falling(batches)))
    step = Adam(lr=5e-4, beta1=0.5, schedule=falling(batches))
    return DCGAN(G, DCGANDiscriminator(SHAPE, width=32), d_optimizer=step, g_optimizer=step)


def bounds(model: VAE, x: Tensor) -> dict[str, float]:
    """Return the ELBO and the bounds of k draws, each a mean over images and at least 100 draws."""
    torch.manual_seed(0)
    found = {"elbo": sum(float(model.elbo(x).double().mean()) for _ in range(100)) / 100}
    for k in tqdm(DRAWS, desc="bounds", leave=False, disable=None):
        n = max(1, 100 // k)
        found[str(k)] = sum(float(model.log_likelihood(x, k).double().mean()) for _ in range(n)) / n
    return found


def sharpness(images: Tensor) -> dict[str, float]:
    """Return the mean length of the gradient of the brightness, and the slope of edges, of images in [-1, 1]."""
    light = to_uint8(images)[:, 0].double() / 255
    across, down = light[:, :-1, 1:] - light[:, :-1, :-1], light[:, 1:, :-1] - light[:, :-1, :-1]
    length = torch.hypot(across, down)
    return {"gradient": float(length.mean()), "edge": float(length.square().sum() / length.sum())}


def run_images(name: str, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """Train the VAE or the GAN, judge it and draw its samples."""
    data, model = MNIST(batch_size=64, seed=seed), game(name, given.batches)
    seconds, trainer = fit(model, data, given.batches, given.out, "32-true" if name == "vae" else "bf16-mixed")
    verdict = Evaluate(n=given.n).judge(trainer, model, given.n)
    samples = model.sample(given.n, seed=2**20)
    test = to_float(torch.cat(list(data.images("test"))))
    save_png(grid(samples[:64], columns=16), given.out / f"{name}-{seed}.png")
    save_png(grid(test[:64], columns=16), given.out / "data.png")
    return {
        "values": {kind: verdict.values[kind] for kind in KINDS} | sharpness(samples),
        "floors": {kind: verdict.floors[kind] for kind in KINDS} | sharpness(test),
        "bounds": bounds(model, test[: given.bound]) if isinstance(model, VAE) else {},
        "parameters": sum(p.numel() for p in model.G.parameters()),
        "batches": given.batches,
        "cpu_seconds": seconds,
    }


def run(name: str, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """Do one run."""
    kind, _, k = name.partition("-")
    return run_linear(int(k), seed, given) if kind == "linear" else run_images(name, seed, given)


# -- what is there


def header(columns: list[str]) -> None:
    print(f"\n| {' | '.join(columns)} |\n" + "|---" * len(columns) + "|")


def table_linear(out: Path) -> None:
    if not any(records(out, f"linear-{k}") for k in LATENTS):
        return
    header(["latents", "seeds", "σ", "pPCA, nats", "log p(x) of G", "ELBO", "gap, nats", "CPU s"])
    for k in LATENTS:
        if found := records(out, f"linear-{k}"):
            exacts, elbos = (cell([r[key] for r in found], ".3f") for key in ("exact", "elbo"))
            gap = cell([r["ppca"] - r["elbo"] for r in found], ".4f")
            seconds = cell([r["cpu_seconds"] for r in found], ".0f")
            first = found[0]
            cells = [
                str(k),
                str(len(found)),
                f"{first['std']:.4f}",
                f"{first['ppca']:.3f}",
                exacts,
                elbos,
                gap,
                seconds,
            ]
            print(f"| {' | '.join(cells)} |")


def table_bounds(out: Path) -> None:
    found = [r["bounds"] for r in records(out, "vae")]
    if not found:
        return
    header(["bound of log p(x)", "expected", "nats"])
    names = ["elbo", *map(str, DRAWS)]
    said = {"elbo": "lowest", "1": "the ELBO"}
    for name in names:
        label = "ELBO" if name == "elbo" else f"{name} draws"
        print(f"| {label} | {said.get(name, 'not below the last')} | {cell([r[name] for r in found], '.2f')} |")
    rising = sum(all(r[a] <= r[b] for a, b in pairwise(names[1:])) for r in found)
    off = max(abs(r["elbo"] - r["1"]) for r in found)
    print(f"\nrising in {rising} of {len(found)} seeds; ELBO and bound of 1 draw differ by {off:.2f} nats at most")


def table_blur(out: Path) -> None:
    if not any(records(out, name) for name in NAMES):
        return
    columns = ["game", "seeds", "parameters of G", "fd", "precision", "recall", "coverage", "mean gradient"]
    header([*columns, "slope of edges", "CPU s"])
    keys = [*KINDS, "gradient", "edge"]
    for name, label in NAMES.items():
        if found := records(out, name):
            floors = found[0]["floors"]
            cells = [label, str(len(found)), f"{found[0]['parameters']:,}"]
            cells += [cell([r["values"][key] for r in found], ".4f" if key == "gradient" else ".3f") for key in keys]
            print(f"| {' | '.join([*cells, cell([r['cpu_seconds'] for r in found], '.0f')])} |")
    cells = [f"{floors[key]:.4f}" if key == "gradient" else f"{floors[key]:.3f}" for key in keys]
    print(f"| floor: real images | - | - | {' | '.join(cells)} | - |")


def picture(out: Path) -> None:
    """Put the data, the GAN's and the VAE's samples of seed 0 below each other."""
    paths = [out / name for name in ("data.png", "dcgan-0.png", "vae-0.png")]
    if not all(path.is_file() for path in paths):
        return
    parts = [Image.open(path) for path in paths]
    sheet = Image.new("L", (parts[0].width, sum(part.height + 10 for part in parts)), 255)
    for i, part in enumerate(parts):
        sheet.paste(part, (0, i * (part.height + 10)))
    save_png(sheet, out / "data-dcgan-vae.png")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--batches", type=int, default=8_000)
    parser.add_argument("--linear-batches", type=int, default=LINEAR)
    parser.add_argument("--n", type=int, default=10_000, help="samples that are judged")
    parser.add_argument("--bound", type=int, default=250, help="test images whose likelihood is bounded")
    rows = [*(f"linear-{k}" for k in LATENTS), *NAMES]
    sweep(parser, "vae", dict.fromkeys(rows, 3), run, table_linear, table_bounds, table_blur, picture)


if __name__ == "__main__":
    main()
