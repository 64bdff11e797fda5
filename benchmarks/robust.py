"""WGAN's robustness: three generators, three games, one critic's architecture, MNIST, equal budget.

GANZOO_DATA=... python benchmarks/robust.py --batches 5000 --out runs/robust [--only wgan:mlp] [--table]

G is a DCGAN of width 32, the same without batch norm, or an MLP of four layers of 512 ReLU units (Arjovsky 2017,
figures 5 to 7); D is a DCGAN of width 32, with batch norm (layer norm for wgangp). Every run has the same learning rate
and sees the same number of batches of 64; a critic's G moves on every fifth. The last column is Spearman's rank
correlation, over the validations of a run, of the Fréchet distance with the critic's estimate, that is with minus the
loss of D (mean of the 20 logged values up to the validation): 1 where the estimate tracks quality. ``grids.png`` has
samples of every run, if all are there: a row for each game, a column for each generator.
"""

import argparse
import csv
import json
import os
from pathlib import Path

from mnist import history, train
from PIL import Image
from scipy.stats import spearmanr

DCGAN, MLP = "ganzoo.networks.DCGANGenerator", "ganzoo.networks.MLPGenerator"
GENERATORS = {
    "dcgan": f"{{class_path: {DCGAN}, init_args: {{width: 32}}}}",
    "no-norm": f"{{class_path: {DCGAN}, init_args: {{width: 32, norm: none}}}}",
    "mlp": f"{{class_path: {MLP}, init_args: {{width: 512, depth: 4}}}}",
}
NORM = {"nsgan": "batch", "wgan": "batch", "wgangp": "layer"}  # of D


def command(game: str, generator: str, batches: int, lr: str, run: Path) -> list[str]:
    words = ["fit", "--config", f"models/{game}", "--config", "data/mnist", "--run", str(run), "--seed_everything", "0"]
    words += ["--trainer.max_steps", str(batches), "--trainer.accelerator", "cpu", "--trainer.precision", "bf16-mixed"]
    words += ["--trainer.val_check_interval", str(batches // 20), "--evaluate.n", "1000", "--checkpoint.every", "500"]
    words += ["--model.generator", GENERATORS[generator], "--model.discriminator"]
    words += [f"{{class_path: ganzoo.networks.DCGANDiscriminator, init_args: {{width: 32, norm: {NORM[game]}}}}}"]
    return [*words, "--model.d_optimizer.lr", lr, "--model.g_optimizer.lr", lr]


def tracking(run: Path) -> float:
    """Return the rank correlation of the critic's estimate with the Fréchet distance."""
    losses: dict[int, float] = {}
    for path in sorted(run.glob("csv/*/metrics.csv")):
        with path.open() as file:
            losses |= {int(row["step"]): float(row["d/adv"]) for row in csv.DictReader(file) if row.get("d/adv")}
    seen = history(run)
    recent = [[-loss for step, loss in sorted(losses.items()) if step <= at][-20:] for at, _ in seen]
    return float(spearmanr([sum(r) / len(r) for r in recent], [fd for _, fd in seen]).statistic)


def row(run: Path, game: str, generator: str) -> str:
    record = json.loads((run / "metrics.json").read_text())["metrics"]
    value = {key.split("@")[0]: v for key, v in record.items()}
    cells = [f"{value['fd']:.3f}", f"{value['modes']:.0f}", f"{value['kl_uniform']:.3f}"]
    cells += [f"{value[key]:.3f}" for key in ("precision", "recall", "coverage")]
    return f"| {generator} | {game} | {' | '.join(cells)} | {tracking(run):+.2f} |"


def picture(out: Path) -> None:
    """Write the last grids, a row for each game and a column for each generator."""
    grids = [
        [sorted((out / f"{game}-{generator}" / "grids").glob("*.png")) for generator in GENERATORS] for game in NORM
    ]
    if all(found for line in grids for found in line):
        tiles = [[Image.open(found[-1]).convert("L") for found in line] for line in grids]
        width, height = (side + 8 for side in tiles[0][0].size)
        sheet = Image.new("L", (width * len(GENERATORS) - 8, height * len(NORM) - 8), 255)
        for i, line in enumerate(tiles):
            for j, tile in enumerate(line):
                sheet.paste(tile, (j * width, i * height))
        sheet.save(out / "grids.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=5_000)
    parser.add_argument("--lr", default="5e-4", help="learning rate of both (default: 5e-4)")
    parser.add_argument("--out", type=Path, default=Path("runs/robust"))
    parser.add_argument("--only", nargs="*", help="game:generator (default: all)")
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    every = [f"{game}:{generator}" for generator in GENERATORS for game in NORM]
    for item in [] if given.table else given.only or every:
        game, generator = item.split(":")
        run = given.out / f"{game}-{generator}"
        train(command(game, generator, given.batches, given.lr, run), run)
    print("| generator | game | fd | modes | KL to uniform | precision | recall | coverage | fd ~ estimate |")
    print("|---" * 9 + "|")
    for item in every:
        game, generator = item.split(":")
        run = given.out / f"{game}-{generator}"
        if (run / "metrics.json").is_file():
            print(row(run, game, generator))
    picture(given.out)


if __name__ == "__main__":
    main()
