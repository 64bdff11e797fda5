"""Stacked MNIST: how many of its 1,000 modes a game covers, and what real triples of digits score.

    GANZOO_DATA=/path/to/data python benchmarks/stacked.py --floor [--n 26000]
    GANZOO_DATA=/path/to/data python benchmarks/stacked.py --train --batches 10000 --out runs/stacked [--only pacgan:0]

``--train`` plays NSGAN, PacGAN with 2 images and R3GAN's loss on one pair of small networks, about those of Metz 2017,
"D = 1/4 G": DCGANs, G of width 8 with batch norm, D of width 2 with batch norm (none for R3GAN, γ 0.1), z of 256
numbers, Adam with lr 1e-3 (falling to 0 over the second half), batches of 64; few batches, where papers take 500,000.
The last average of G's weights draws 26,000 samples.

``--floor`` prints modes and KL(p̂ || uniform) of real training triples, by their labels and by the classifier that
judges samples, what is expected ((K - 1) / (2 N) and three times the KL of MNIST's digits), and the classifier's
accuracy on held-out triples. The KL of 26,000 triples has a standard deviation of 0.001.
"""

import argparse
import json
import os
from pathlib import Path

import torch
from mnist import fit

from ganzoo import load
from ganzoo.data import StackedMNIST
from ganzoo.metrics.modes import ClassModes, class_report
from ganzoo.metrics.stacked import StackedLeNet64
from ganzoo.pixels import to_uint8


def classified(data: StackedMNIST, split: str, n: int) -> torch.Tensor:
    """Return the classes that the classifier gives to the first ``n`` images, [n]."""
    extractor = StackedLeNet64()
    return torch.cat([extractor(block).logits.argmax(dim=1) for block in data.images(split, n)])


def draw(data: StackedMNIST, n: int, seed: int) -> torch.Tensor:
    """Return the classes of other ``n`` triples, [n]."""
    labels = data.digits.labels("train")
    chosen = torch.randint(len(labels), (n, 3), generator=torch.Generator().manual_seed(seed))
    return labels[chosen] @ torch.tensor([100, 10, 1])


def line(name: str, report: ClassModes) -> str:
    return f"| {name} | {report.modes} | {report.kl_uniform:.4f} |"


def floor(n: int) -> None:
    data = StackedMNIST(n_images=n)
    print(f"| {n} real triples | modes | KL, nats |\n|---|---|---|")
    print(line("by their labels", class_report(data.labels("train"), 1000)), flush=True)
    print(line("by the classifier", class_report(classified(data, "train", n), 1000)))
    share = data.digits.labels("train").bincount(minlength=10).double()
    share /= share.sum()
    print(f"| expected | 1000 | {999 / (2 * n) + 3 * float((share * (10 * share).log()).sum()):.4f} |")
    spread = torch.tensor([class_report(draw(data, n, seed), 1000).kl_uniform for seed in range(200)])
    print(f"| 200 other draws, by labels | | {spread.mean():.4f} ± {spread.std():.4f} |")
    n_test = len(data.labels("test"))
    right = (classified(data, "test", n_test) == data.labels("test")).double().mean()
    print(f"\naccuracy of the classifier on {n_test} held-out triples: {right:.2%}")


Z = "{class_path: ganzoo.priors.Normal, init_args: {dim: 256}}"
G = f"{{class_path: ganzoo.networks.DCGANGenerator, init_args: {{prior: {Z}, width: 8}}}}"
D = "{{class_path: ganzoo.networks.DCGANDiscriminator, init_args: {{width: 2, norm: {}}}}}"
GAMES = {
    "nsgan": D.format("batch"),
    "pacgan": f"{{class_path: ganzoo.networks.Packed, init_args: {{pack: 2, discriminator: {D.format('batch')}}}}}",
    "r3gan": D.format("none"),
}
SEEDS = 3


def command(game: str, seed: int, batches: int, run: Path) -> list[str]:
    words = ["fit", "--config", f"models/{game}", "--config", "data/stackedmnist", "--run", str(run)]
    words += ["--seed_everything", str(seed), "--trainer.max_steps", str(batches), "--trainer.accelerator", "cpu"]
    words += ["--trainer.val_check_interval", str(batches // 4), "--evaluate.n", "1000", "--checkpoint.every", "1000"]
    words += ["--model.generator", G, "--model.discriminator", GAMES[game]]
    words += ["--model.gamma", "0.1"] if game == "r3gan" else []
    schedule = f"{{class_path: ganzoo.engine.Linear, init_args: {{stop: {batches}, start: {batches // 2}}}}}"
    for player in "dg":
        words += [f"--model.{player}_optimizer", "ganzoo.engine.Adam", f"--model.{player}_optimizer.lr", "1e-3"]
        words += [f"--model.{player}_optimizer.beta1", "0.5", f"--model.{player}_optimizer.schedule", schedule]
    return words


def report(run: Path, n: int) -> ClassModes:
    """Return modes and KL of ``n`` samples of the last checkpoint."""
    path = run / "modes.json"
    if not path.is_file():
        G, extractor = load(run / "checkpoints" / "last.ckpt"), StackedLeNet64()
        found = [extractor(to_uint8(G.sample(500, seed=seed))).logits.argmax(dim=1) for seed in range(0, n, 500)]
        path.write_text(json.dumps(class_report(torch.cat(found), 1000)._asdict()))
    return ClassModes(**json.loads(path.read_text()))


def training(batches: int, out: Path, only: list[str] | None, n: int) -> None:
    every = [f"{game}:{seed}" for seed in range(SEEDS) for game in GAMES]
    for item in only or every:
        game, seed = item.split(":")
        run = out / f"{game}-{seed}"
        if not (run / "modes.json").is_file():
            fit(command(game, int(seed), batches, run), run)
            report(run, n)
    print("| game | seed | modes | KL, nats | CPU s |\n|---|---|---|---|---|")
    for item in sorted(every):
        game, seed = item.split(":")
        run = out / f"{game}-{seed}"
        if (run / "modes.json").is_file():
            modes, kl = report(run, n)
            print(f"| {game} | {seed} | {modes} | {kl:.3f} | {float((run / 'seconds').read_text()):.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floor", action="store_true", help="print the floor")
    parser.add_argument("--n", type=int, default=26_000, help="number of triples (default: 26000)")
    parser.add_argument("--train", action="store_true", help="train and print the table")
    parser.add_argument("--batches", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("runs/stacked"))
    parser.add_argument("--only", nargs="*", help="game:seed (default: all)")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if given.floor:
        floor(given.n)
    elif given.train:
        training(given.batches, given.out, given.only, given.n)
    else:
        parser.print_help()


if __name__ == "__main__":
    main()
