"""IcGAN on MNIST: three designs of the encoders that invert one conditional GAN, and the editing of digits by class.

    GANZOO_DATA=... python -m benchmarks.papers.icgan [--only IND:0 SNG:1] [--table]

For each seed a CGAN is trained once (recipes/cgan-mnist-icgan: 4,000 batches of 64); the encoders of every design
(recipes/icgan-mnist-*) are trained for it. As in the paper's code: encoders of width 32, Adam with lr 1e-4 and β1 0.1,
batches of 64. Differs from it: 6,000 batches where it has 15 epochs (14,000), images of 28 x 28 and one layer less, no
wrong labels for D, 4,000 batches of the CGAN with lr 5e-4 falling to 0 over the second half in place of 25 epochs with
2e-4, bfloat16 in training, averages of the weights; and what ``IcGAN`` says.

Judged on the 10,000 test images: class accuracy of E_y; reconstructions G(E_z(x), E_y(x)); and swaps G(E_z(x), y')
of the first 2,000 to the nine other classes, of which the share is counted that the digit network takes for y'. A
constant E_z swaps as well as any: read it beside the reconstructions. Batch norm has statistics of real training
images ("mse, as trained": those of training, which are of generated ones in E_z). The baselines: "any z" reconstructs
with a random z and the true class, "mean image" with the mean of the training images, and the classes are those of
the digit network. The pictures show a test digit of each class, its reconstruction, and it as 0 to 9.

The paper has no table of numbers; it finds IND to reconstruct best.
Perarnau et al., "Invertible Conditional GANs for image editing", 2016. https://arxiv.org/abs/1611.06355
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.papers.runs import (
    Record,
    as_trained,
    cell,
    link,
    options,
    records,
    show,
    sweep,
    test_images,
    train,
)
from ganzoo.data import to_float, to_uint8
from ganzoo.inference import Inference
from ganzoo.metrics.lenet import LeNet64
from ganzoo.metrics.reconstruction import reconstruction_report
from ganzoo.models import IcGAN
from ganzoo.networks.batch_norm import refresh_batch_norm
from ganzoo.pictures import grid, save_png

K = 10
SWAPPED = 2_000  # test images that are made other digits
REFRESHED = 200 * 64  # training images whose statistics batch norm gets
PAPER = {"SNG": "-", "IND": "reconstructs best", "IND-COND": "-"}
GIVEN = "cgan-mnist-icgan"  # the recipe of the GAN that is inverted


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


def edited(model: Inference, x: Tensor, y: Tensor) -> Tensor:
    """Return for the first image of each class a row: itself, its reconstruction, and it as each class."""
    x = torch.stack([x[y == k][0] for k in range(K)])
    z = model.encode(x)
    swaps = model.decode(z.repeat_interleave(K, dim=0), torch.arange(K).repeat(K)).unflatten(0, (K, K))
    return torch.cat([x[:, None], model.reconstruct(x)[:, None], swaps], dim=1).flatten(0, 1)


def run(design: str, seed: int, given: argparse.Namespace) -> Record:
    """Train the encoders of a design, judge them and draw what they invert."""
    cgan = train(GIVEN, seed, given)
    if design == "baseline":
        return baselines(cgan.model.trained, cgan.data, given.n)
    path = str(cgan.folder / "checkpoints" / "last.ckpt")
    done = train(f"icgan-mnist-{design.lower()}", seed, given, "--generator", path)
    model = done.model
    x, y = test_images(done.data, given.n)
    as_trained(model)
    before = judged(model.trained, x, y)
    refresh(model, done.data)
    after = judged(model.trained, x, y)
    save_png(grid(edited(model.trained, x, y), columns=K + 2), given.out / f"{design}-{seed}.png")
    return {**after, "as_trained": before, "cpu_seconds": done.seconds, "batches": done.batches}


def line(name: str, paper: str, found: list[Record]) -> list[str]:
    """Return a row of the table."""
    cells = [name, paper, str(len(found))]
    for key, form, factor in (("class", ".2f", 100), ("swap", ".2f", 100), ("mse", ".4f", 1), ("ratio", ".3f", 1)):
        cells.append(cell([factor * record[key] for record in found if key in record], form))
    cells.append(cell([record["as_trained"]["mse"] for record in found if "as_trained" in record], ".4f"))
    return [*cells, cell([record.get("cpu_seconds") for record in found], ".0f")]


def table(out: Path) -> None:
    """Print what is there."""
    columns = ["design", "paper", "seeds", "class accuracy, %", "swap accuracy, %", "mse", "ratio"]
    columns += ["mse, as trained", "CPU s"]
    designs = {design: records(out, design) for design in PAPER}
    rows = [
        line(link(f"icgan-mnist-{design.lower()}", design), PAPER[design], found)
        for design, found in designs.items()
        if found
    ]
    if floors := records(out, "baseline"):
        names = ("any z", "mean image")
        rows += [line(f"baseline: {name}", "-", [record[name] for record in floors]) for name in names]
    show(columns, rows)


def main() -> None:
    sweep(options(__doc__), "icgan", dict.fromkeys((*PAPER, "baseline"), 2), run, [table])


if __name__ == "__main__":
    main()
