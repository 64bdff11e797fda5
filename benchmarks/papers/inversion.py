"""Inversion of held-out images: where to start, how to solve, in which space; encoders, hybrids and tuning beside it.

    GANZOO_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.papers.inversion --model dcgan-mnist [--n 1000] [--table]
    ... --model cgan-mnist      ... --model dcgan-peeps --reader runs/peeps-reader

The first ``n`` test images are brought into a trained model (a bundled name, a folder or a checkpoint), by each row of
ROWS. mse and psnr are of pixels from -1 to 1; stuck: the share of images with an mse above 0.05; kept: the share whose
class the digit network names as that of the image itself, of faces the mean share of their attributes (glasses or
none, hair, colour of skin and clothes) that the reader of ``benchmarks.peeps`` reads as those of the picture itself.
Images a second are of CPU seconds on one thread. "One by one" is what single-image scripts do: 300 steps of Adam from a
draw of full length, each image alone; as it is slow, only the first ``ALONE`` images, of which every row has its mse
besides. Encoders are those of other models over the same G (--encoder), if they are given.

Each row is kept as it ends (OUT/MODEL.json), so that the script goes on where it was.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import ganzoo
from benchmarks.machine import made
from benchmarks.papers.runs import keep, show
from ganzoo.data import MNIST, Peeps, to_float, to_uint8
from ganzoo.inference import Inference
from ganzoo.inversion import (
    LBFGS,
    Adam,
    At,
    Draw,
    Encoded,
    Features,
    Inversion,
    Pixels,
    Shell,
    Stay,
    Tune,
    invert,
)
from ganzoo.inversion.words import Digits, of_discriminator
from ganzoo.metrics.lenet import LeNet64
from ganzoo.metrics.reconstruction import reconstruction_report
from ganzoo.pictures import grid, headed, save_png
from ganzoo.roles import Classes

ALONE = 64  # images that are inverted one by one
STUCK = 0.05
FACE = ("eyewear", "head", "skinColor", "clothingColor")  # attributes that a face is told by
LAYERS = {"early": 3, "middle": 6, "late": 9}  # of DCGANGenerator's body: behind its first, second and third map

Found = tuple[Tensor, Inversion | None]
Row = Callable[["Task"], Found]


class Task:
    """A model, images, and what is known of them.

    Args:
        model: Loaded.
        x: Held-out images in [-1, 1].
        y: Their classes, where G is told them.
        told: What ``invert`` is told.
        z: What the row "L-BFGS 60" has found, once it has run.
    """

    def __init__(self, model: Inference, x: Tensor, y: Tensor | None) -> None:
        self.model, self.x, self.told = model, x, y
        self.z: Inversion | None = None

    def find(self, **how: Any) -> Found:
        """Return images found by ``invert``."""
        model, condition = how.pop("model", self.model), how.pop("condition", self.told)
        found = invert(model, self.x, condition, **how)
        return found.images, found

    def behind(self, **how: Any) -> Found:
        """Return images found in another space, from what was found in z."""
        if self.z is None:
            self.z = self.find()[1]
        assert self.z is not None
        return self.find(start=At(self.z.latents), **how)

    def tuned(self, tune: Tune) -> Found:
        """Return images of tuned generators."""
        if self.z is None:
            self.z = self.find()[1]
        assert self.z is not None
        return torch.stack([one.image for one in tune.each(self.model, self.x, self.z)]), None

    def alone(self) -> Found:
        """Return the first images, each found by itself, from a draw of full length."""
        parts = [
            invert(
                *(self.model, self.x[i : i + 1], None if self.told is None else self.told[i : i + 1]),
                start=Draw(1.0),
                solver=Adam(300),
                seed=i,
                progress=False,
            ).images
            for i in range(min(ALONE, len(self.x)))
        ]
        return torch.cat(parts), None


def spaces(steps: int) -> dict[str, Row]:
    """Return the rows of spaces behind z."""
    solver = LBFGS(steps)
    maps = {
        f"maps behind the {place} map, L-BFGS {steps} from z's": lambda task, layer=layer: task.behind(
            space=f"maps:body.{layer}", solver=solver
        )
        for place, layer in LAYERS.items()
    }
    codes = {
        f"8 codes behind the {place} map, L-BFGS {steps} from z's": lambda task, layer=LAYERS[place]: task.behind(
            space=f"codes:body.{layer}:8", solver=solver
        )
        for place in ("early", "middle")
    }
    return maps | codes


ROWS: dict[str, Row] = {  # without a start: the nearest of 1,024 draws, of 0.8 of their length
    "L-BFGS 60": lambda task: task.find(),
    "L-BFGS 30": lambda task: task.find(solver=LBFGS(30)),
    "L-BFGS 150": lambda task: task.find(solver=LBFGS(150)),
    "L-BFGS 60, best of 3": lambda task: task.find(restarts=3),
    "start alone": lambda task: task.find(solver=Stay()),
    "from 0.3 draw, L-BFGS 60": lambda task: task.find(start=Draw(0.3)),
    "from a draw, L-BFGS 60": lambda task: task.find(start=Draw(1.0)),
    "Adam 300": lambda task: task.find(solver=Adam(300)),
    "from a draw, Adam 300": lambda task: task.find(start=Draw(1.0), solver=Adam(300)),
    "from a draw, Adam 300, one by one": lambda task: task.alone(),
    "L-BFGS 60, + 0.1 shell": lambda task: task.find(loss=Pixels() + 0.1 * Shell()),
    "L-BFGS 60, + D's features": lambda task: task.find(loss=Pixels() + 0.1 * Features(*of_discriminator(task.model))),
    **spaces(60),
    "tuned, 50 steps from z's": lambda task: task.tuned(Tune(50)),
    "late layers tuned, 50 steps from z's": lambda task: task.tuned(Tune(50, layers=["body.7", "body.8", "body.10"])),
}
DIGIT_ROWS: dict[str, Row] = {
    "L-BFGS 60, + digit network": lambda task: task.find(loss=Pixels() + 0.1 * Features(Digits(), Digits.layers)),
}
CLASS_ROWS: dict[str, Row] = {
    "class looked for, L-BFGS 60": lambda task: task.find(condition="auto"),
}


def encoder_rows(name: str, model: Inference) -> dict[str, Row]:
    """Return the rows of an encoder over the same G."""
    rows: dict[str, Row] = {f"{name} alone": lambda task: task.find(model=model, start=Encoded(), solver=Stay())}
    for steps in (15, 30, 60):
        rows[f"{name}, L-BFGS {steps}"] = lambda task, steps=steps: task.find(
            model=model, start=Encoded(), solver=LBFGS(steps)
        )
    return rows


def digits(images: Tensor) -> Tensor:
    """Return the digits that the digit network names, [N, 1]."""
    logits = LeNet64()(to_uint8(images)).logits
    assert logits is not None
    return logits.argmax(dim=1)[:, None]


def face_reader(path: Path) -> Callable[[Tensor], Tensor]:
    """Return what reads the attributes of faces, [N, attributes]."""
    from benchmarks.peeps import load

    reader = load(path)

    @torch.no_grad()
    def read(images: Tensor) -> Tensor:
        logits = reader(images.clamp(-1, 1))
        return torch.stack([logits[name].argmax(dim=1) for name in FACE], dim=1)

    return read


def judged(x: Tensor, images: Tensor, read: Callable[[Tensor], Tensor], seconds: float) -> dict[str, Any]:
    """Return what a row is worth."""
    x = x[: len(images)]
    mse = (images - x).square().flatten(1).mean(dim=1)
    report = reconstruction_report(x, images.clamp(-1, 1))
    kept = (read(images) == read(x)).float().mean()
    return {
        "n": len(x),
        "mse": float(mse.mean()),
        "mse_first": float(mse[:ALONE].mean()),
        "psnr": report.psnr,
        "ssim": report.ssim,
        "kept": float(kept),
        "stuck": float((mse > STUCK).float().mean()),
        "cpu_seconds": seconds,
        "rate": len(x) / seconds,
    }


def images_of(model: Inference, n: int) -> tuple[Tensor, Tensor | None, bool]:
    """Return the held-out images of a model's data, their classes if G is told them, and whether they are digits."""
    channels = model.generator.image_shape[0]
    data: Any = MNIST() if channels == 1 else Peeps()
    x, y = data.arrays("test")
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:n]
    told = y[order] if isinstance(model.generator.condition, Classes) else None
    return to_float(x[order]), told, channels == 1


def run(given: argparse.Namespace) -> None:
    """Run what is missing of the rows of a model."""
    model = ganzoo.load(given.model)
    x, y, are_digits = images_of(model, given.n)
    read = digits if are_digits else face_reader(given.reader)
    rows = dict(ROWS)
    rows |= DIGIT_ROWS if are_digits else {}
    rows |= CLASS_ROWS if y is not None else {}
    if y is not None or "discriminator" not in model.networks:
        del rows["L-BFGS 60, + D's features"]  # D sees classes too, or was left out
    for name in given.encoder:
        rows |= encoder_rows(Path(name).name, ganzoo.load(name))
    file = given.out / f"{Path(given.model).name}.json"
    done = json.loads(file.read_text()) if file.is_file() else {"rows": {}}
    task = Task(model, x, y)
    shown: dict[str, Tensor] = {}
    for name, row in rows.items():
        if name in done["rows"] or (given.only and not any(word in name for word in given.only)):
            continue
        started = time.process_time()
        images, found = row(task)
        if name == "L-BFGS 60":
            task.z = found
        shown[name] = images[:10]
        done = {
            "machine": made(),
            "rows": {**done["rows"], name: judged(x, images, read, time.process_time() - started)},
        }
        keep(file, done)
        print(name, done["rows"][name], flush=True)
    if shown:
        columns = [x[:10], *shown.values()]
        sheet = headed(
            grid(torch.stack(columns, 1).flatten(0, 1), columns=len(columns)),
            ["image", *map(str, range(1, len(columns)))],
        )
        save_png(sheet, given.out / f"{Path(given.model).name}.png")


def table(out: Path) -> None:
    """Print the table of each model that there is."""
    columns = [
        "images",
        "mse",
        f"mse of the first {ALONE}",
        "psnr, dB",
        "ssim",
        "kept, %",
        "stuck, %",
        "images a CPU second",
    ]
    for file in sorted(out.glob("*.json")):
        form = [
            [
                *(name, row["n"], f"{row['mse']:.4f}", f"{row['mse_first']:.4f}"),
                *(f"{row['psnr']:.1f}", f"{row['ssim']:.3f}"),
                *(f"{100 * row['kept']:.1f}", f"{100 * row['stuck']:.1f}", f"{row['rate']:.3g}"),
            ]
            for name, row in json.loads(file.read_text())["rows"].items()
        ]
        show([file.stem, *columns], form)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a bundled name, a folder or a checkpoint")
    parser.add_argument("--encoder", nargs="*", default=[], help="models with an encoder over the same G")
    parser.add_argument("--reader", type=Path, help="what `benchmarks.peeps --out` has written; for faces")
    parser.add_argument("--n", type=int, default=1000, help="images (default: 1000)")
    parser.add_argument("--only", nargs="*", help="rows whose names hold one of these")
    parser.add_argument("--out", type=Path, default=Path("runs/inversion"), help="folder (default: runs/inversion)")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    given = parser.parse_args()
    if not given.table and not given.model:
        parser.error("--model: name what is inverted, such as dcgan-mnist")
    torch.set_num_threads(1)
    if not given.table:
        run(given)
    table(given.out)


if __name__ == "__main__":
    main()
