"""BiGAN, latent regressors and autoencoders on permutation-invariant MNIST: nearest neighbours and reconstructions.

    GANZOO_DATA=... python -m benchmarks.papers.bigan [--only BiGAN:0 LR:1 AE-l2:0] [--table]

Rows without a recipe: the D of LR and JLR and the autoencoder are classes of this script.

G, E and D have two hidden layers of 1024 units, z ~ U[-1, 1]^50; batch norm in both layers of G, the second of E and
of D; E ends in a tanh. Adam with lr 2e-4 and β1 0.5, batches of 128, the lr constant for one half and then falling to
1 %. 25 epochs, where the paper has 400: a quarter of an hour of one core for a GAN's run, and its code's log has
figures at 25. Differs from the paper: a linear fall (theirs is exponential; their figures at 25 epochs are of the full
lr), no weight decay (2.5e-5), He's initial weights, gains and shifts of batch norm, squared error in LR and JLR; D
moves before the others; bfloat16 in training; averages of G's and E's weights; and 59,999 training images: the split
leaves 1 for validation.

Nearest neighbours: of each test image among all training images, by E's last hidden layer ("D": that of the
discriminator of LR's GAN; "untrained": of a new E; "raw": pixels). Raw pixels have 96.9 % and an untrained E 96.4: the
column says little. Reconstructions G(E(x)) of the test images: "ratio" is the mean distance |x - G(E(x))| over that to
the reconstruction of another image, "ratio, fakes" the same of G's own images; the mean image has ratio 1. The Fréchet
distance of G's samples says what an inversion costs in images ("untrained" and autoencoders are not meant to sample).
Batch norm gets its statistics anew: in E and D of all training images, in G of as many z.

Donahue et al., "Adversarial Feature Learning", 2017. https://arxiv.org/abs/1605.09782; figures at 25 epochs and of
reconstructions are those that its code logs, on its validation images. https://github.com/jeffdonahue/bigan
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from benchmarks.papers.runs import Record, cell, fit, options, records, sheet, show, sweep
from ganzoo.callbacks import Evaluate
from ganzoo.data import MNIST, to_float
from ganzoo.engine.optim import Adam, Linear
from ganzoo.engine.turns import Player, Terms
from ganzoo.metrics.probes import nearest_neighbour_accuracy
from ganzoo.metrics.reconstruction import reconstruction_report
from ganzoo.models import BiGAN, JointLatentRegressor, LatentRegressor
from ganzoo.models.generative import Generative
from ganzoo.networks import MLPEncoder, MLPGenerator, MLPJointDiscriminator
from ganzoo.networks.batch_norm import refresh_batch_norm
from ganzoo.pictures import grid, save_png
from ganzoo.priors import Uniform
from ganzoo.roles import Discriminator

SHAPE, DIM, BATCH, EPOCHS = (1, 28, 28), 50, 128, 25
SEEDS = {"BiGAN": 3, "LR": 3, "JLR": 3, "AE-l2": 1, "AE-l1": 1, "untrained": 3, "raw": 1}
PAPER = {"BiGAN": "97.39", "D": "97.30", "LR": "97.44", "JLR": "97.13", "AE-l2": "97.58", "AE-l1": "97.63"}
EARLY = {"BiGAN": ("96.28", "0.77")}  # at 25 epochs: nearest neighbours, ratio
FIGURES = {"mse": ".4f", "psnr": ".2f", "ratio": ".3f"}


class MLPBatchDiscriminator(Discriminator):
    """D of the latent regressors, with the paper's batch norm: the body of an E with one number as output."""

    def __init__(self, width: int) -> None:
        super().__init__(SHAPE)
        body = MLPEncoder(SHAPE, dim=1, width=width, depth=2, norm="batch")
        self.features, self.head = body.features, body.head

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, C, H, W]."""
        logits: Tensor = self.head(self.features(x)).squeeze(1)
        return logits


class Autoencoder(Generative):
    """E and G are one player, who minimises the mean of |x - G(E(x))|² or |x - G(E(x))| over pixels."""

    def __init__(self, generator: MLPGenerator, encoder: MLPEncoder, optimizer: Adam, pixel: str) -> None:
        super().__init__(generator, encoder)
        self.optimizer, self.pixel = optimizer, pixel

    def players(self) -> dict[str, Player]:
        """E and G are one player."""
        return {"ge": Player(self.ge_loss, [self.G, self.E], self.optimizer)}

    def ge_loss(self, batch: Any) -> Terms:
        """The distance of images from their reconstructions."""
        x, _ = batch
        distance = mse_loss if self.pixel == "l2" else l1_loss
        return {self.pixel: distance(self.G(self.E(x)), x)}

    def averages(self) -> list[tuple[str, nn.Module, nn.Module]]:
        """Both averages follow after the moves of the one player."""
        return [("ge", self.G_ema, self.G), ("ge", self.E_ema, self.E)]


def game(name: str, width: int, batches: int) -> Any:
    """Return a game on the networks that all have in common."""
    how: dict[str, Any] = {"width": width, "depth": 2, "norm": "batch"}
    G, E = MLPGenerator(SHAPE, Uniform(dim=DIM), **how), MLPEncoder(SHAPE, dim=DIM, output="tanh", **how)
    step = Adam(lr=2e-4, beta1=0.5, schedule=Linear(start=batches // 2, stop=batches, end=0.01))
    two = {"d_optimizer": step, "g_optimizer": step}
    if name == "BiGAN":
        return BiGAN(G, E, MLPJointDiscriminator(SHAPE, dim=DIM, std=0.02, **how), **two)
    if name in ("LR", "JLR"):
        regressor = LatentRegressor if name == "LR" else JointLatentRegressor
        return regressor(G, E, MLPBatchDiscriminator(width), e_optimizer=step, **two)
    return Autoencoder(G, E, step, name.removeprefix("AE-"))  # or "untrained", which does not play


def blocks(x: Tensor) -> Iterator[Tensor]:
    """Yield uint8 images as whole batches in [-1, 1], in the order that the files have."""
    yield from (to_float(block) for block in torch.split(x, BATCH) if len(block) == BATCH)


@torch.no_grad()
def hidden(network: Any, x: Tensor) -> Tensor:
    """Return the last hidden layer of E or D, in evaluation mode, of uint8 images, [N, width]."""
    network.eval()
    return torch.cat([network.features(to_float(block)) for block in torch.split(x, 1024)])


def neighbours(data: MNIST, n: int, network: Any = None) -> float:
    """Return the accuracy of the nearest training image on the first ``n`` test images."""
    (train, train_y), (test, test_y) = data.arrays("train"), data.arrays("test")
    test, test_y = test[:n], test_y[:n]
    if network is None:
        return nearest_neighbour_accuracy(train.flatten(1).float(), train_y, test.flatten(1).float(), test_y)
    refresh_batch_norm(network, blocks(train))
    return nearest_neighbour_accuracy(hidden(network, train), train_y, hidden(network, test), test_y)


def judged(model: Any, data: MNIST, given: argparse.Namespace) -> Record:
    """Return what E and G are worth; batch norm gets new statistics."""
    found: Record = {"nn": neighbours(data, given.n, model.E_ema)}
    torch.manual_seed(0)
    refresh_batch_norm(model.G_ema, (model.prior(BATCH) for _ in range(len(data.order(len(data.arrays("train")[0]))))))
    x, fakes = to_float(data.arrays("test")[0][: given.n]), model.sample(given.n, seed=2**20)
    found |= reconstruction_report(x, model.reconstruct(x))._asdict()
    found["fake_ratio"] = reconstruction_report(fakes, model.reconstruct(fakes)).ratio
    return found | ({"d_nn": neighbours(data, given.n, model.D)} if isinstance(model, LatentRegressor) else {})


def digits(data: MNIST) -> Tensor:
    """Return two test images of each class in [-1, 1]."""
    images, labels = data.arrays("test")
    return to_float(torch.cat([images[labels == k][:2] for k in range(10)]))


def run(name: str, seed: int, given: argparse.Namespace) -> Record:
    """Train, judge and draw one run."""
    data, found = MNIST(batch_size=BATCH, seed=seed, val_size=1), {"cpu_seconds": 0.0}
    start = time.process_time()
    if name == "raw":
        found["nn"] = neighbours(data, given.n)
        images, test = (data.arrays(split)[0] for split in ("train", "test"))
        x = to_float(test[: given.n])
        mean = to_float(images).mean(dim=0).expand_as(x)
        found |= reconstruction_report(x, mean)._asdict()
    else:
        batches = given.batches or EPOCHS * len(data.order(len(data.arrays("train")[0])))
        model = game(name, given.width, batches)
        if name != "untrained":
            found["cpu_seconds"], trainer = fit(model, data, batches, given.out)
            found |= {"batches": batches, "width": given.width}
            start = time.process_time()
        found |= judged(model, data, given)
        if name != "untrained":
            found["fd"] = Evaluate(n=given.n).judge(trainer, model, given.n).values["fd"]
            save_png(grid(model.reconstruct(digits(data)), columns=20), given.out / f"{name}-{seed}.png")
    found["judge_seconds"] = time.process_time() - start
    save_png(grid(digits(data), columns=20), given.out / "test.png")
    return found


# -- what is there


def mark(good: bool) -> str:
    return "yes" if good else "MISS"


def mean(found: list[dict[str, Any]], key: str) -> float:
    return sum(record[key] for record in found) / len(found)


def table_neighbours(out: Path) -> None:
    """Print the paper's table beside ours; a trained row is expected within 96.8 to 97.9."""
    rows = []
    expected = {"untrained": "96.3 to 96.5 (ours)", "raw": "96.91 (known)"}
    for name in (*PAPER, *expected):
        found, key = (records(out, "LR"), "d_nn") if name == "D" else (records(out, name), "nn")
        if found:
            cells = [name, PAPER.get(name) or expected[name], EARLY.get(name, ("-",))[0], str(len(found))]
            cells.append(cell([100 * record[key] for record in found], ".2f"))
            cells.append(mark(0.968 <= mean(found, key) <= 0.979) if name in PAPER else "-")
            rows.append([*cells, cell([record["cpu_seconds"] for record in found], ".0f")])
    show(["features", "paper, 400 epochs", "at 25", "seeds", "nearest neighbour, %", "96.8 to 97.9", "CPU s"], rows)


def table_reconstructions(out: Path) -> None:
    """Print how near reconstructions are; BiGAN's ratio is expected to be at most 0.77."""
    rows = []
    names = {name: name for name in SEEDS} | {"raw": "mean image"}
    for name, label in names.items():
        if found := records(out, name):
            cells = [label, EARLY.get(name, ("-", "-"))[1], str(len(found))]
            cells += [cell([r[key] for r in found], form) for key, form in FIGURES.items()]
            cells.append(mark(mean(found, "ratio") <= 0.77) if name == "BiGAN" else "-")
            rows.append([*cells, *(cell([r.get(key) for r in found], ".3f") for key in ("fake_ratio", "fd"))])
    show(["encoder", "paper, ratio at 25", "seeds", *FIGURES, "at most 0.77", "ratio, fakes", "fd of samples"], rows)


def verdict(out: Path) -> None:
    """Print whether BiGAN's reconstructions are nearer than those of the regressors, in all seeds against all."""
    ours = records(out, "BiGAN")
    if not ours:
        return
    print("\nDoes BiGAN invert better? Its seeds against all of the other; 3 of each are apart by chance in 1 of 10.")
    for other in ("LR", "JLR"):
        theirs = records(out, other)
        for key in ("ratio", "mse") if theirs else ():
            a, b = [r[key] for r in ours], [r[key] for r in theirs]
            apart = "yes" if max(a) < min(b) else "no, worse" if min(a) > max(b) else "undecided"
            said = apart if min(len(a), len(b)) > 2 else "too few seeds"
            less = f"{mean(ours, key) - mean(theirs, key):+.4f}"
            print(f"- than {other}, by {key}: {said}; {cell(a, '.4f')} against {cell(b, '.4f')}, {less}")


def picture(out: Path) -> None:
    """Put test images and the reconstructions of seed 0 below each other: BiGAN, LR, JLR, AE-l2, AE-l1."""
    paths = [out / "test.png", *(out / f"{name}-0.png" for name in SEEDS)]
    sheet([[path] for path in paths if path.is_file()], out / "reconstructions.png", gap=0)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--width", type=int, default=1024, help="units of a hidden layer")
    sweep(parser, "bigan", SEEDS, run, [table_neighbours, table_reconstructions, verdict], [picture])


if __name__ == "__main__":
    main()
