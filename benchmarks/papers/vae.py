"""The VAE's bound against numbers that are known, and its blur against a GAN's sharpness.

    GANZOO_DATA=... python -m benchmarks.papers.vae [--only linear-8:0 vae:1 dcgan:1] [--table]

(1) A linear VAE with a Gaussian likelihood on scikit-learn's 8 x 8 digits (64 numbers; needs no GANZOO_DATA). Its
best ELBO is the likelihood of probabilistic PCA, known from the eigenvalues λ_1 >= ... >= λ_d of the covariance:

    max log p(x) = -(d log 2π + Σ_{i <= k} log λ_i + (d - k) log σ² + d) / 2,    σ² = mean of λ_i, i > k

σ is that of the closed form, and stands in recipes/vae-digits-*. Beside it the exact log-likelihood of the trained G,
log N(x; G(0), W W' + σ² I), and the ELBO, both on the training images, in nats per image; 10,000 batches of 256.

(2) A VAE on MNIST: ELBO and importance-weighted bounds of k = 1, 10, 100 and 1000 draws on the same test images.
They must not fall: ELBO = bound of 1 draw <= bound of 10 <= ... <= log p(x). The likelihood is Bernoulli's, of grey
pixels: nats to be compared with each other only.

(3) The same VAE and a DCGAN, on the same generator (DCGAN of width 32, z of 64 numbers), the same number of images:
Fréchet distance, precision, recall and coverage of 10,000 samples on the digit network, their floors, and sharpness
against the data's. A sample of the VAE is the mean of p(x|z). Sharpness is that of g, the gradient of the brightness
in 1 / pixel: the mean of |g| (which is a perimeter: blur leaves it alone unless strokes get lost in it), and the
slope of edges, Σ |g|² / Σ |g|, which any blur lowers.

The papers give no budget for these; 8,000 batches of 64 take either some ten minutes on a core (recipes/vae-mnist-dcgan
and dcgan-mnist-vae). The VAE's E is the body of a DCGAN's D. The GAN is trained with bfloat16, the VAE without.

Tipping & Bishop, "Probabilistic Principal Component Analysis", 1999. https://doi.org/10.1111/1467-9868.00196
Kingma & Welling, "Auto-Encoding Variational Bayes", 2014. https://arxiv.org/abs/1312.6114
Burda et al., "Importance Weighted Autoencoders", 2016. https://arxiv.org/abs/1509.00519
"""

import argparse
import math
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.papers.runs import Record, cell, link, options, records, sheet, show, sweep, train, verdict
from ganzoo.data import to_float, to_uint8
from ganzoo.models import VAE
from ganzoo.pictures import grid, save_png

LATENTS = (2, 8, 16)  # of the linear VAE
DRAWS = (1, 10, 100, 1000)
BOUNDED = 250  # test images whose likelihood is bounded
KINDS = ("fd", "precision", "recall", "coverage")
NAMES = {"dcgan": link("dcgan-mnist-vae", "DCGAN"), "vae": link("vae-mnist-dcgan", "VAE")}
RECIPES = {"dcgan": "dcgan-mnist-vae", "vae": "vae-mnist-dcgan"} | {f"linear-{k}": f"vae-digits-{k}" for k in LATENTS}


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


def run_linear(row: str, seed: int, given: argparse.Namespace) -> Record:
    """Train a linear VAE and compare it with the closed form."""
    done = train(RECIPES[row], seed, given)
    images = to_float(torch.cat(list(done.data.images("train"))))
    x = images.flatten(1).double()
    best, std = ppca(x, done.model.G.prior.dim)
    torch.manual_seed(0)
    elbo = sum(float(done.model.elbo(images).double().mean()) for _ in range(100)) / 100
    return {"std": std, "ppca": best, "exact": exact(done.model, x, std), "elbo": elbo, "cpu_seconds": done.seconds}


# -- (2) and (3)


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


def run_images(row: str, seed: int, given: argparse.Namespace) -> Record:
    """Train the VAE or the GAN, judge it and draw its samples."""
    done = train(RECIPES[row], seed, given)
    found, samples = verdict(done, given.n), done.model.sample(given.n, seed=2**20)
    test = to_float(torch.cat(list(done.data.images("test"))))
    save_png(grid(samples[:64], columns=16), given.out / f"{row}-{seed}.png")
    save_png(grid(test[:64], columns=16), given.out / "data.png")
    return {
        "values": {kind: found["metrics"][kind] for kind in KINDS} | sharpness(samples),
        "floors": {kind: found["floors"][kind] for kind in KINDS} | sharpness(test),
        "bounds": bounds(done.model, test[: min(given.n, BOUNDED)]) if isinstance(done.model, VAE) else {},
        "parameters": sum(p.numel() for p in done.model.G.parameters()),
        "batches": done.batches,
        "cpu_seconds": done.seconds,
    }


def run(row: str, seed: int, given: argparse.Namespace) -> Record:
    """Do one run."""
    return run_images(row, seed, given) if row in NAMES else run_linear(row, seed, given)


# -- what is there


def table_linear(out: Path) -> None:
    """Print what the linear VAE reaches of what can be reached."""
    rows = []
    for k in LATENTS:
        if found := records(out, f"linear-{k}"):
            cells = [link(f"vae-digits-{k}", str(k)), str(len(found)), f"{found[0]['std']:.4f}"]
            cells += [f"{found[0]['ppca']:.3f}", *(cell([r[key] for r in found], ".3f") for key in ("exact", "elbo"))]
            cells.append(cell([r["ppca"] - r["elbo"] for r in found], ".4f"))
            rows.append([*cells, cell([r["cpu_seconds"] for r in found], ".0f")])
    show(["latents", "seeds", "σ", "pPCA, nats", "log p(x) of G", "ELBO", "gap, nats", "CPU s"], rows)


def table_bounds(out: Path) -> None:
    """Print the bounds, which must not fall."""
    found = [r["bounds"] for r in records(out, "vae")]
    if not found:
        return
    draws = [str(k) for k in DRAWS]
    labels = {"elbo": "ELBO", **{k: f"{k} draw{'s' * (k != '1')}" for k in draws}}
    show(
        ["bound of log p(x)", "nats"],
        [[label, cell([r[name] for r in found], ".2f")] for name, label in labels.items()],
    )
    rising = sum(all(r[a] <= r[b] for a, b in pairwise(draws)) for r in found)
    off = max(abs(r["elbo"] - r["1"]) for r in found)
    print(f"\nrising in {rising} of {len(found)} seeds; ELBO and bound of 1 draw differ by {off:.2f} nats at most")


def table_blur(out: Path) -> None:
    """Print how near samples are to the data, and how sharp."""
    columns = ["game", "seeds", "parameters of G", *KINDS, "mean gradient", "slope of edges", "CPU s"]
    forms = {**dict.fromkeys(KINDS, ".3f"), "gradient": ".4f", "edge": ".3f"}
    rows = []
    for name, label in NAMES.items():
        if found := records(out, name):
            floors = [
                "floor: real images",
                "-",
                "-",
                *(f"{found[0]['floors'][key]:{form}}" for key, form in forms.items()),
            ]
            cells = [label, str(len(found)), f"{found[0]['parameters']:,}"]
            cells += [cell([r["values"][key] for r in found], form) for key, form in forms.items()]
            rows.append([*cells, cell([r["cpu_seconds"] for r in found], ".0f")])
    show(columns, [*rows, [*floors, "-"]] if rows else [])


def picture(out: Path) -> None:
    """Put the data, the GAN's and the VAE's samples of seed 0 below each other."""
    sheet([[out / name] for name in ("data.png", "dcgan-0.png", "vae-0.png")], out / "data-dcgan-vae.png", gap=10)


def main() -> None:
    tables = [table_linear, table_bounds, table_blur]
    sweep(
        options(__doc__), "vae", dict.fromkeys([*(f"linear-{k}" for k in LATENTS), *NAMES], 3), run, tables, [picture]
    )


if __name__ == "__main__":
    main()
