"""InfoGAN on MNIST: what the codes come to mean, against the same game without the term that asks for it.

    GANZOO_DATA=... python -m benchmarks.papers.infogan [--only infogan:0 plain:1] [--table]

The paper's code (https://github.com/openai/InfoGAN) at its own budget: 5,000 batches of 128, z of 62 uniform numbers, a
categorical code c1 of ten values and two uniform codes c2, c3, λ = 1, Adam with β1 0.5, lr 2e-4 for D and Q and 1e-3
for G, constant: recipes/infogan-mnist-codes and -plain. Differs from it: DCGANs of width 32 in place of two
convolutions of 64 and 128 channels and a layer of 1,024 units, images in [-1, 1], bfloat16 in training, averages of
G's weights.
``plain`` is the same with ``info_weight`` 0: a GAN beside which Q is trained all the same.

L_I is measured on 1,000 images of G's average, batch norm with statistics of generated images; that of c1 is at most
log 10 = 2.303, of c2 and c3 together at most 1/3. The validations of training measure the sum of the three. The class
error is that of argmax Q(c1|x) on the test images, after the best one-to-one matching of codes and digits (5 % in the
paper), D's batch norm with statistics of real training images ("as trained": with those of training). The aim: L_I of
c1 above 2.2, an error of at most 10 % in the best of three seeds, and at most 1 nat for the plain game.

Slant and thickness are means over 1,000 latents, whose other codes are random, at each value of c2 and c3; in training
the codes lie within -1 and 1. "turns" and "widens" name the code that moves the attribute most from -1 to 1. Pictures:
the curves of L_I; the categorical code (rows: seeds, columns: its values); c2 and c3 from -2 to 2 (rows: values of c1).

Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial Nets",
2016. https://arxiv.org/abs/1606.03657
The CPU seconds are those of training with its validations.
"""

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.papers.runs import (
    Record,
    cell,
    link,
    logged,
    options,
    records,
    sheet,
    show,
    sweep,
    test_images,
    train,
)
from ganzoo.data import attributes, to_float
from ganzoo.latent.traverse import traverse_code
from ganzoo.metrics.codes import matched_accuracy
from ganzoo.models import InfoGAN
from ganzoo.networks.batch_norm import refresh_batch_norm
from ganzoo.pictures import grid, save_png

RECIPES = {"infogan": "infogan-mnist-codes", "plain": "infogan-mnist-plain"}
PAPER = {"infogan": ("2.30", "5"), "plain": ("near 0", "-")}
MEASURED, BLOCKS = 1_000, 10  # images of one measurement; batches that statistics are taken of
VALUES = (-2.0, -1.0, 0.0, 1.0, 2.0)
ATTRIBUTES = {"slant": "turns", "thickness": "widens"}


def information(model: InfoGAN) -> dict[str, float]:
    """Return L_I of each code, with D's statistics of generated images."""
    refresh_batch_norm(model.D, [model.sample(128, seed) for seed in range(2**20, 2**20 + 128 * BLOCKS, 128)])
    return model.information(MEASURED, seed=2**21)


def class_error(model: InfoGAN, x: Tensor, y: Tensor) -> tuple[float, dict[int, int]]:
    """Return the share of test images whose c1 stands for another digit, and the digits that it stands for."""
    matching = matched_accuracy(model.codes(x)["c1"], y, K=10)
    return 1 - matching.accuracy, matching.labels


def means(model: InfoGAN) -> dict[str, dict[str, list[float]]]:
    """Return the mean slant and thickness at each value of each uniform code."""
    z = model.trained.latents(MEASURED, seed=2**22)
    found: dict[str, dict[str, list[float]]] = {}
    for code in model.G.prior.codes[1:]:
        walks = traverse_code(z, code, VALUES).unbind(dim=1)
        measured = [attributes(model.trained.decode(walk)) for walk in walks]
        found[code.name] = {name: [float(m[name].nanmean()) for m in measured] for name in ATTRIBUTES}
    return found


def draw(model: InfoGAN, out: Path, run: str) -> None:
    """Write a picture of walks through each code."""
    ready, (first, *others) = model.trained, model.G.prior.codes
    walk = traverse_code(ready.latents(10), first, range(10))
    save_png(grid(ready.decode(walk.flatten(0, 1)), columns=10), out / f"{run}-c1.png")
    rows = traverse_code(ready.latents(1), first, range(10))[0]
    for code in others:
        walk = traverse_code(rows, code, torch.linspace(VALUES[0], VALUES[-1], 9))
        save_png(grid(ready.decode(walk.flatten(0, 1)), columns=9), out / f"{run}-{code.name}.png")


def run(name: str, seed: int, given: argparse.Namespace) -> Record:
    """Train, judge and draw one run."""
    done = train(RECIPES[name], seed, given)
    model, data = done.model, done.data
    x, y = test_images(data, given.n)
    before, _ = class_error(model, x, y)
    last = information(model)
    refresh_batch_norm(model.D, [to_float(block) for block in data.images("train", 64 * 200)])
    error, labels = class_error(model, x, y)
    chance = torch.randint(10, (len(y),), generator=torch.Generator().manual_seed(0))
    draw(model, given.out, f"{name}-{seed}")
    return {
        "history": [{"batch": batch, "sum": value} for batch, value in logged(done, "val/information")],
        "information": last,
        "error": error,
        "error_as_trained": before,
        "labels": labels,
        "chance": 1 - matched_accuracy(chance, y, K=10).accuracy,
        "means": means(model),
        "real": {key: [float(v.nanmean()), float(v[~v.isnan()].std())] for key, v in attributes(x).items()},
        "cpu_seconds": done.seconds,
        "batches": done.batches,
    }


# -- what is there


def table(out: Path) -> None:
    """Print information and class errors."""
    columns = ["game", "seeds", "L_I of c1, paper", "ours, nats (at most 2.303)", "L_I of c2 and c3 (at most 0.333)"]
    columns += ["class error, paper, %", "ours, %", "best seed", "as trained, %", "CPU s"]
    rows: list[list[str]] = []
    for name, (bound, error) in PAPER.items():
        if found := records(out, name):
            of_1 = cell([r["information"]["c1"] for r in found], ".3f")
            of_2 = cell([r["information"]["c2"] + r["information"]["c3"] for r in found], ".3f")
            errors, chance = [100 * r["error"] for r in found], f"{100 * found[0]['chance']:.2f}"
            cells = [
                link(RECIPES[name], name),
                str(len(found)),
                bound,
                of_1,
                of_2,
                error,
                cell(errors, ".2f"),
                f"{min(errors):.2f}",
            ]
            cells += [cell([100 * r["error_as_trained"] for r in found], ".2f")]
            rows.append([*cells, cell([r["cpu_seconds"] for r in found], ".0f")])
    show(columns, [*rows, ["codes drawn at random", "-", "-", "0", "0", "-", chance, "-", "-", "-"]] if rows else [])


def table_of_codes(out: Path) -> None:
    """Print what moves along each uniform code."""
    found = records(out, "infogan")
    for attribute in ATTRIBUTES if found else ():
        rows = []
        for record in found:
            values = {code: v[attribute] for code, v in record["means"].items()}
            most = max(values, key=lambda code: abs(values[code][3] - values[code][1]))
            for code, row in values.items():
                said = ATTRIBUTES[attribute] if code == most else ""
                rows.append([record["seed"], code, *(f"{v:.3f}" for v in row), said])
        show([f"{attribute}: seed", "code", *(f"{v:+.0f}" for v in VALUES), ""], rows)
        mean, std = found[0]["real"][attribute]
        print(f"\ntest digits: {mean:.3f} ± {std:.3f}")


def curves(out: Path) -> None:
    """Draw L_I of all codes over training."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.5), dpi=120, layout="tight")
    axes = figure.add_subplot()
    for name, colour in zip(RECIPES, ("tab:blue", "tab:grey"), strict=True):
        for i, record in enumerate(records(out, name)):
            history = record["history"]  # of each code in older records
            values = [at.get("sum") or at["c1"] + at["c2"] + at["c3"] for at in history]
            axes.plot([at["batch"] for at in history], values, color=colour, label=None if i else name)
    if axes.lines:
        axes.axhline(math.log(10) + 1 / 3, color="black", linestyle=":", label="log 10 + 1/3")
        axes.set_xlabel("batches")
        axes.set_ylabel("L_I, nats")
        axes.legend()
        FigureCanvasAgg(figure).print_png(out / "information.png")


def picture(out: Path) -> None:
    """Put the walks of seed 0 beside each other: c1, c2, c3."""
    sheet([[out / f"infogan-0-{code}.png" for code in ("c1", "c2", "c3")]], out / "codes.png", gap=16)


def main() -> None:
    pictures = [curves, picture]
    sweep(options(__doc__), "infogan", dict.fromkeys(RECIPES, 3), run, [table, table_of_codes], pictures)


if __name__ == "__main__":
    main()
