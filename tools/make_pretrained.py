"""Make the trained models that come with the package: train, judge, export to ganzoo/pretrained/NAME.

    GANZOO_DATA=... python tools/make_pretrained.py                       # all
    GANZOO_DATA=... python tools/make_pretrained.py dcgan-digits          # one
    python tools/make_pretrained.py dcgan-digits --run runs/dcgan-digits  # of a run that is finished

A verdict is on 10,000 samples, of a translator on each test image once.
What a model is made of is its recipe, and a line of MODELS. The row that is printed belongs into benchmarks/RESULTS.md.
One thread: the order of additions is part of the weights.
"""

import argparse
import json
import os
import platform
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ganzoo.bundled import FOLDER, Bundled, described, megabytes, short
from ganzoo.config import build
from ganzoo.data import to_float
from ganzoo.hub import load
from ganzoo.hub.form import place_of
from ganzoo.hub.writing import export_checkpoint
from ganzoo.inversion import invert
from ganzoo.roles import Images

LARGEST, LICENCE = 2.0, "Apache-2.0"  # 10^6 bytes of a folder; of the weights
INVERTED = 64  # test images that are brought into a model
NOTED = "facts.json"  # in a run's folder: what is known of its training when it ends


class Row(NamedTuple):
    """How a model is made: a recipe, maybe over the generator of another one, on data with terms of their own.

    What is too large for a package and is not needed to use it can be left out.
    """

    recipe: str
    generator: str | None
    data_licence: str
    without: tuple[str, ...] = ()


MNIST, DIGITS = "CC BY-SA 3.0 (LeCun & Cortes)", "CC BY 4.0 (Alpaydin & Kaynak 1998, UCI data set 80)"
PEEPS = "CC0 1.0 (Open Peeps by Pablo Stanley)"
STREETS = "none needed: drawn by ganzoo.data.Streets"
HANZI = "SIL Open Font License 1.1 (Noto Sans and Noto Serif CJK, Adobe and Google)"
EMOJI = "Apache 2.0 (Noto Emoji, Google) and CC BY 4.0 (Twemoji, Twitter and contributors)"
CYCLE = ("discriminator", "discriminator_back")  # what is left out of CycleGAN
MODELS = {  # a game over a generator stands below the model that it takes
    "dcgan-digits": Row("dcgan-digits", None, DIGITS),
    "dcgan-mnist": Row("dcgan-mnist-pretrained", None, MNIST),
    "r1gan-mnist": Row("r1gan-mnist-pretrained", None, MNIST),
    "r3gan-mnist": Row("r3gan-mnist-pretrained", None, MNIST),
    "wgangp-mnist": Row("wgangp-mnist-pretrained", None, MNIST),
    "sngan-mnist": Row("sngan-mnist-pretrained", None, MNIST),
    "infogan-mnist": Row("infogan-mnist-pretrained", None, MNIST),
    "bigan-mnist": Row("bigan-mnist-pretrained", None, MNIST),
    "latentregressor-mnist": Row("latentregressor-mnist-pretrained", None, MNIST),
    "vae-mnist": Row("vae-mnist-pretrained", None, MNIST),
    "cvae-mnist": Row("cvae-mnist-pretrained", None, MNIST),
    "dcgan-mnist-encoder": Row("imageencoder-mnist-pretrained", "dcgan-mnist", MNIST),
    "cgan-mnist": Row("cgan-mnist-pretrained", None, MNIST),
    "icgan-mnist": Row("icgan-mnist-pretrained", "cgan-mnist", MNIST),
    "dcgan-peeps": Row("dcgan-peeps", None, PEEPS, ("discriminator",)),
    "dcgan-peeps-encoder": Row("imageencoder-peeps-pretrained", "dcgan-peeps", PEEPS),
    "streets-cyclegan": Row("cyclegan-streets-pretrained", None, STREETS, CYCLE),
    "streets-pix2pix": Row("pix2pix-streets-pretrained", None, STREETS, ("discriminator",)),
    "peeps-glasses-cyclegan": Row("cyclegan-glasses-pretrained", None, PEEPS, CYCLE),
    "hanzi-sans-serif-pix2pix": Row("pix2pix-hanzi-pretrained", None, HANZI, ("discriminator",)),
    "emoji-noto-twemoji-pix2pix": Row("pix2pix-emoji-pretrained", None, EMOJI, ("discriminator",)),
}


def main() -> int:
    """Make the models that are named; return 1 if one is too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODELS)} (default: all)")
    parser.add_argument("--run", type=Path, help="the folder of a finished run, in place of training; with one NAME")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which one (default: best)")
    parser.add_argument("--cpu_minutes", type=float, help=f"of --run, where it has no {NOTED}")
    parser.add_argument("--hardware", help=f"of --run, where it has no {NOTED}")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in MODELS]:
        parser.error(f"no model {unknown[0]!r}: choose of {', '.join(MODELS)}, or add a line to MODELS")
    if given.run and len(given.names) != 1:
        parser.error(f"--run is the run of one model: name it, as in {next(iter(MODELS))} --run {given.run}")
    told = {"cpu_minutes": given.cpu_minutes, "hardware": given.hardware}
    told = {key: value for key, value in told.items() if value is not None}
    os.environ["OMP_NUM_THREADS"] = "1"
    return max(make(name, given.run, given.checkpoint, told) for name in given.names or MODELS)


def make(name: str, finished: Path | None, checkpoint: str, told: dict[str, Any]) -> int:
    """Train a model if there is no finished run, judge it and export it; return the exit status."""
    run = finished or Path("runs") / "pretrained" / name
    if finished is None:
        train(name, run)
    noted = json.loads((run / NOTED).read_text()) if (run / NOTED).is_file() else {}
    taken = place_of(run, (checkpoint, "best", "last"))
    ganzoo("test", "--ckpt_path", str(taken), "--evaluate.n", "null")  # as many as usual, whatever the recipe says
    return export(name, taken, {**noted, **told})


def train(name: str, run: Path) -> None:
    """Train by a recipe; what is known of it then is noted in the run's folder."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ganzoo(*fit(name), "--run", str(run))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    noted = {"cpu_minutes": round(seconds / 60, 1), "hardware": processor(), "torch": torch.__version__}
    (run / NOTED).write_text(json.dumps(noted, indent=2) + "\n")


def fit(name: str) -> list[str]:
    """Return the words that train a model."""
    row = MODELS[name]
    return ["fit", "--config", f"recipes/{row.recipe}", *(["--generator", row.generator] if row.generator else [])]


def ganzoo(*words: str) -> None:
    """Run a verb; its error ends this script too."""
    print(f"$ {shlex.join(['ganzoo', *words])}", flush=True)
    subprocess.run([sys.executable, "-m", "ganzoo", *words], check=True)


def processor() -> str:
    """Return the name of the processor, as Linux has it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def export(name: str, checkpoint: Path, noted: dict[str, Any]) -> int:
    """Export a checkpoint with its facts, unless it is too large; print its row. Returns the exit status."""
    row = MODELS[name]
    facts = {
        "name": name,
        "recipe": row.recipe,
        "command": shlex.join(["ganzoo", *fit(name)]),
        **({"generator": row.generator} if row.generator else {}),
        **noted,
        **inversion(checkpoint),
        "licence": LICENCE,
        "data_licence": row.data_licence,
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        export_checkpoint(checkpoint, folder, facts=facts, without=row.without)
        if (size := megabytes(folder)) > LARGEST:
            print(f"{name} has {size:.2f} MB, more than {LARGEST:g}: refused. Make its networks narrower")
            return 1
        shutil.rmtree(FOLDER / name, ignore_errors=True)
        shutil.copytree(folder, FOLDER / name)
    print(results_row(described(FOLDER / name), row))
    return 0


def inversion(checkpoint: Path) -> dict[str, str]:
    """Return how near test images come that are brought into a generator; nothing of one that translates."""
    model = load(checkpoint)
    if isinstance(model.generator.condition, Images):
        return {}
    data = build(model.config["training"]["data"])
    x, y = (rows[:INVERTED] for rows in data.arrays("test"))
    found = invert(model, to_float(x), y if model.generator.num_classes else None)
    mse = (found.images - to_float(x)).square().mean()
    return {"inversion": f"mse {mse:.4f} of {len(x)} images (the nearest of 1,024 draws, 60 steps of L-BFGS)"}


def results_row(model: Bundled, row: Row) -> str:
    """Return a model's row of the table in benchmarks/RESULTS.md."""
    link = f"[{row.recipe}](../configs/recipes/{row.recipe}.yaml)"
    value = f"{short(model.value)} ({short(model.floor)})"
    return f"| {model.name} | {link} | {model.metric} | {value} | {model.megabytes:.2f} | {short(model.cpu_minutes)} |"


if __name__ == "__main__":
    sys.exit(main())
