"""The games that infer on MNIST, equal budget: how well each inverts its generator, and what its samples are like.

    GANZOO_DATA=... python benchmarks/inferring.py --batches 2000 --out runs/inferring [--only bigan vae] [--table]

All play as their configs say, but with learning rates of 5e-4 that fall to 0 over the second half; ibgan with Adam, and
with instance noise that falls to 0 over the run. latentencoder and imageencoder invert the G of a DCGAN, icgan that of
a CGAN, which are trained first on the same budget.

The last averages are judged: 10,000 samples, and 1,000 test images x reconstructed as G(E(x)): squared error (pixels
from -1 to 1), SSIM, and the ratio of |x - G(E(x))| to |x - G(E(x'))| of shuffled pairs. L_I in nats and the share of
images whose code names their class, after the best matching, are known of infogan alone.
"""

import argparse
import json
import os
from pathlib import Path

from mnist import command as of_game
from mnist import train

EVERY = ["bigan", "ali", "latentregressor", "jointlatentregressor", "infogan", "ibgan", "vae", "betavae", "cvae"]
EVERY += ["latentencoder", "imageencoder", "icgan"]
GIVEN = {"latentencoder": "dcgan", "imageencoder": "dcgan", "icgan": "cgan"}  # whose G it is
OPTIMIZERS = {"latentregressor": "edg", "jointlatentregressor": "edg", **dict.fromkeys(GIVEN, "e")}
COLUMNS = {"fd": 3, "modes": 0, "recon_mse": 4, "recon_ssim": 3, "recon_ratio": 3}
COLUMNS |= {"information": 2, "code_accuracy": 3, "label_accuracy": 3}


def command(name: str, batches: int, out: Path) -> list[str]:
    """Return the command that trains a variant."""
    words = ["fit", "--config", f"models/{name}", "--config", "data/mnist", "--run", str(out / f"{name}-0")]
    words += ["--seed_everything", "0", "--trainer.max_steps", str(batches), "--trainer.accelerator", "cpu"]
    words += ["--trainer.precision", "bf16-mixed", "--trainer.val_check_interval", str(max(batches // 2, 1))]
    words += ["--checkpoint.every", "500"]
    schedule = f"{{class_path: ganzoo.engine.Linear, init_args: {{stop: {batches}, start: {batches // 2}}}}}"
    optimizers = [f"{player}_optimizer" for player in OPTIMIZERS.get(name, "dg")]
    for optimizer in ["optimizer"] if name.endswith("vae") else optimizers:
        words += [f"--model.{optimizer}", "ganzoo.engine.Adam"] if name == "ibgan" else []
        words += [f"--model.{optimizer}.lr", "5e-4", f"--model.{optimizer}.schedule", schedule]
    if name == "ibgan":
        words += ["--model.discriminator.init_args.stop", str(batches)]
    if name in GIVEN:
        words += ["--generator", str(out / f"{GIVEN[name]}-0" / "checkpoints" / "last.ckpt")]
    return words


def row(run: Path) -> str:
    record = json.loads((run / "metrics.json").read_text())
    value = {key.split("@")[0]: v for key, v in record["metrics"].items()}
    pace = float((run / "seconds").read_text()) / record["batches"] / 64 * 1000
    cells = [run.name.removesuffix("-0"), f"{pace:.2f}"]
    cells += [f"{value[key]:.{digits}f}" if key in value else "-" for key, digits in COLUMNS.items()]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=2_000)
    parser.add_argument("--out", type=Path, default=Path("runs/inferring"))
    parser.add_argument("--only", nargs="*", choices=EVERY, help="variants (default: all)")
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in [] if given.table else given.only or EVERY:
        if name in GIVEN:
            run = given.out / f"{GIVEN[name]}-0"
            train(of_game(GIVEN[name], 0, given.batches, run), run)
        train(command(name, given.batches, given.out), given.out / f"{name}-0")
    columns = ["variant", "CPU s / 1,000 images", *(key.replace("_", " ") for key in COLUMNS)]
    print(f"| {' | '.join(columns)} |\n" + "|---" * len(columns) + "|")
    for name in EVERY:
        if (given.out / f"{name}-0" / "metrics.json").is_file():
            print(row(given.out / f"{name}-0"))


if __name__ == "__main__":
    main()
