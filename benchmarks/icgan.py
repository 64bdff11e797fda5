"""IcGAN on MNIST: three designs of the encoders that invert one conditional GAN, and the editing of digits by class.

    GANZOO_DATA=/path/to/data python benchmarks/icgan.py --out runs/icgan [--only IND:0 SNG:1] [--table]

For each seed a CGAN is trained once (4,000 batches of 64, the networks of ``models/cgan``: DCGAN of width 32) and
published in ``cgan-SEED``; the encoders of every design are trained for it. As in the paper's code: encoders of width
32, Adam with lr 1e-4 and β1 0.1, batches of 64, 14,000 of them (15 epochs of 60,000 images). Differs from it: images
of 28 x 28 and one layer less, no wrong labels for D, 4,000 batches of the CGAN with lr 5e-4 falling to 0 over the
second half in place of 25 epochs with 2e-4 (a few minutes, the budget of the table of MNIST), bfloat16 in training,
averages of the weights; and what ``IcGAN`` says.

Judged on the 10,000 test images: class accuracy of E_y; reconstructions G(E_z(x), E_y(x)); and swaps G(E_z(x), y')
of the first 2,000 to the nine other classes, of which the share is counted that the digit network takes for y'. A
constant E_z swaps as well as any: read it beside the reconstructions. Batch norm has statistics of real training
images ("mse, as trained": those of training, which are of generated ones in E_z). The baselines: "any z" reconstructs
with a random z and the true class, "mean image" with the mean of the training images, and the classes are those of
the digit network. The pictures show a test digit of each class, its reconstruction, and it as 0 to 9.

The paper has no table of numbers; it finds IND to reconstruct best.
Perarnau et al., "Invertible Conditional GANs for image editing", 2016. https://arxiv.org/abs/1611.06355
A run that is there already is not repeated.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor
from training import cell, fit, options, records, sweep

import ganzoo
from ganzoo.data import MNIST, to_float, to_uint8
from ganzoo.engine.optim import Adam, Linear
from ganzoo.hub import publish
from ganzoo.inference import Inference
from ganzoo.metrics.lenet import LeNet64
from ganzoo.metrics.reconstruction import reconstruction_report
from ganzoo.models import IcGAN
from ganzoo.networks import DCGANEncoder
from ganzoo.networks.batch_norm import refresh_batch_norm
from ganzoo.pictures import grid, save_png
from ganzoo.roles import Encoder, Generator

SHAPE, K = (1, 28, 28), 10
SWAPPED = 2_000  # test images that are made other digits
REFRESHED = 200 * 64  # training images whose statistics batch norm gets
PAPER = {"SNG": "-", "IND": "reconstructs best", "IND-COND": "-"}


def test_images(data: Any, n: int) -> tuple[Tensor, Tensor]:
    """Return the first ``n`` test images in [-1, 1], [n, C, H, W], and their labels, [n]."""
    return to_float(torch.cat(list(data.images("test", n)))), data.labels("test")[:n]


def trained(seed: int, given: argparse.Namespace) -> Inference:
    """Return the conditional GAN of a seed; trained and judged if it is not there."""
    folder, batches = given.out / f"cgan-{seed}", given.batches
    if not (folder / "config.json").is_file():
        L.seed_everything(seed, verbose=False)
        model: Any = ganzoo.create("cgan", image_shape=SHAPE)
        step = Adam(lr=5e-4, beta1=0.5, schedule=Linear(start=batches // 2, stop=batches))
        model.d_optimizer, model.g_optimizer = step, step
        data = MNIST(batch_size=64, seed=seed)
        seconds, _ = fit(model, data, batches, given.out)
        floors = baselines(model.trained, data, given.n)
        (given.out / f"baseline-{seed}.json").write_text(json.dumps(floors))
        training = {"data": data.config(), "seed": seed, "batches": batches, "images_seen": model.images_seen}
        publish(model, folder, training | {"cpu_seconds": seconds})
    return ganzoo.load(folder)


def encoders(design: str, dim: int) -> tuple[Encoder, Encoder | None]:
    """Return E_z and E_y of a design."""
    if design == "SNG":
        return DCGANEncoder(SHAPE, dim=dim + K, width=32), None
    told = K if design == "IND-COND" else 0
    return DCGANEncoder(SHAPE, dim=dim, width=32, num_classes=told), DCGANEncoder(SHAPE, dim=K, width=32)


def named(images: Tensor) -> Tensor:
    """Return the digits that the digit network sees in images, [N]."""
    logits = LeNet64()(to_uint8(images)).logits
    assert logits is not None
    return logits.argmax(dim=1)


def swap_accuracy(model: Inference, z: Tensor, y: Tensor) -> float:
    """Return the share of G(z, y'), over all y' other than y, that are taken for y'."""
    right = total = 0
    for other in range(K):
        rows = z[y != other]
        right += int((named(model.decode(rows, other)) == other).sum())
        total += len(rows)
    return right / total


def judged(model: Inference, x: Tensor, y: Tensor) -> dict[str, float]:
    """Return what the encoders are worth on test images x of the classes y."""
    found = model.classify(x)
    z = model.encode(x, found if model.encoder is not None and model.encoder.num_classes else None)
    report = reconstruction_report(x, model.decode(z, found))
    swaps = swap_accuracy(model, z[:SWAPPED], y[:SWAPPED])
    return {"class": float((found == y).double().mean()), "swap": swaps, **report._asdict()}


def baselines(model: Inference, data: Any, n: int) -> dict[str, dict[str, float]]:
    """Return the same of no encoder at all: a random z, and the mean image."""
    x, y = test_images(data, n)
    real = to_float(torch.cat(list(data.images("train"))))
    z = model.latents(len(x), seed=2**20)
    found = {"class": float((named(x) == y).double().mean()), "swap": swap_accuracy(model, z[:SWAPPED], y[:SWAPPED])}
    mean = real.mean(dim=0).expand_as(x)
    return {
        "any z": found | reconstruction_report(x, model.decode(z, y))._asdict(),
        "mean image": reconstruction_report(x, mean)._asdict(),
    }


def refresh(model: IcGAN, data: Any) -> None:
    """Give both encoders statistics of real images."""
    blocks = [to_float(block) for block in data.images("train", REFRESHED)]
    refresh_batch_norm(model.E_y_ema, blocks)
    told = model.E_ema.num_classes
    refresh_batch_norm(model.E_ema, [(x, model.trained.classify(x)) for x in blocks] if told else blocks)


def show(model: Inference, x: Tensor, y: Tensor) -> Tensor:
    """Return for the first image of each class a row: itself, its reconstruction, and it as each class."""
    x = torch.stack([x[y == k][0] for k in range(K)])
    z = model.encode(x)
    swaps = model.decode(z.repeat_interleave(K, dim=0), torch.arange(K).repeat(K)).unflatten(0, (K, K))
    return torch.cat([x[:, None], model.reconstruct(x)[:, None], swaps], dim=1).flatten(0, 1)


def run(design: str, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """Train the encoders of a design, judge them and draw what they invert."""
    G: Generator = trained(seed, given).generator
    L.seed_everything(seed, verbose=False)
    data = MNIST(batch_size=64, seed=seed)
    model = IcGAN(G, *encoders(design, G.prior.dim), e_optimizer=Adam(lr=1e-4, beta1=0.1))
    seconds, _ = fit(model, data, given.encoder_batches, given.out)
    x, y = test_images(data, given.n)
    before = judged(model.trained, x, y)
    refresh(model, data)
    after = judged(model.trained, x, y)
    save_png(grid(show(model.trained, x, y), columns=K + 2), given.out / f"{design}-{seed}.png")
    return {**after, "as_trained": before, "cpu_seconds": seconds, "batches": given.encoder_batches}


def line(name: str, paper: str, found: list[dict[str, Any]]) -> str:
    cells = [name, paper, str(len(found))]
    for key, form, factor in (("class", ".2f", 100), ("swap", ".2f", 100), ("mse", ".4f", 1), ("ratio", ".3f", 1)):
        values = [factor * record[key] for record in found if key in record]
        cells.append(cell(values, form) if values else "-")
    trained_norms = [record["as_trained"]["mse"] for record in found if "as_trained" in record]
    cells.append(cell(trained_norms, ".4f") if trained_norms else "-")
    seconds = [record["cpu_seconds"] for record in found if "cpu_seconds" in record]
    cells.append(cell(seconds, ".0f") if seconds else "-")
    return f"| {' | '.join(cells)} |"


def table(out: Path) -> None:
    """Print what is there."""
    columns = ["design", "paper", "seeds", "class accuracy, %", "swap accuracy, %", "mse", "ratio"]
    columns += ["mse, as trained", "CPU s"]
    print(f"\n| {' | '.join(columns)} |\n" + "|---" * len(columns) + "|")
    for design, paper in PAPER.items():
        if found := records(out, design):
            print(line(design, paper, found))
    if floors := records(out, "baseline"):
        for name in ("any z", "mean image"):
            print(line(f"baseline: {name}", "-", [record[name] for record in floors]))
    configs = [json.loads(path.read_text())["training"] for path in sorted(out.glob("cgan-*/config.json"))]
    if configs:
        print(f"\nCGAN: {cell([config['cpu_seconds'] for config in configs], '.0f')} CPU s per seed")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--batches", type=int, default=4_000, help="of the CGAN")
    parser.add_argument("--encoder-batches", type=int, default=14_000)
    parser.add_argument("--n", type=int, default=10_000, help="test images that are judged")
    sweep(parser, "icgan", dict.fromkeys(PAPER, 3), run, table)


if __name__ == "__main__":
    main()
