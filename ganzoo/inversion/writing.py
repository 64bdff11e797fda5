"""What ``ganzoo invert`` does with a model and pictures: it finds latents, keeps what was found, and draws it."""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.files import read_arrays, write_arrays, write_atomically
from ganzoo.inference import Inference, decode
from ganzoo.inversion.inverter import Auto, Interrupted, Inversion, inversions, invert
from ganzoo.inversion.losses import Loss
from ganzoo.inversion.solvers import Solver
from ganzoo.inversion.spaces import named
from ganzoo.inversion.starts import At, Start
from ganzoo.inversion.tune import Tune
from ganzoo.metrics.reconstruction import reconstruction_report
from ganzoo.pictures import curves, grid, headed, save_gif, save_png, sided
from ganzoo.roles import Generator, Given, Space

SHOWN = 32  # pictures on a sheet
ARRAYS = ("z", "u", "images", "loss", "history", "evaluations", "way", "y")  # of one image each, in latents.npz


@dataclass(frozen=True)
class How:
    """How pictures are inverted.

    Args:
        space: Where latents are looked for; of another than z first in z, then from there.
        start: Where to start in z.
        solver: What moves latents.
        loss: What is made small.
        restarts: How often to start.
        seed: Of the first start.
        said: All of this, and the method, in words: what was found by other words is not taken up.
    """

    space: str
    start: Start
    solver: Solver
    loss: Loss
    restarts: int
    seed: int
    said: str


class Found:
    """What was found so far, image by image, in ``latents.npz`` of a folder.

    Args:
        folder: Where it is kept.
        keys: What tells each image, the model and the way of searching from all others.
    """

    def __init__(self, folder: Path, keys: Sequence[str]) -> None:
        self.file, self.unfinished, self.keys = folder / "latents.npz", folder / "unfinished.npz", list(keys)
        kept = read_arrays(self.file) if self.file.is_file() else {}
        known = {str(key): row for row, key in enumerate(kept.get("key", ()))}
        arrays = {name: kept[name] for name in ARRAYS if name in kept}
        if known and not all(array.shape[:1] == kept["key"].shape for array in arrays.values()):
            raise ValueError(f"{self.file} holds other rows than keys: remove it, or choose another --out")
        self.rows: dict[int, dict[str, Any]] = {
            i: {name: array[known[key]] for name, array in arrays.items()}
            for i, key in enumerate(self.keys)
            if key in known
        }

    def missing(self) -> list[int]:
        """Return the numbers of the images that are not found yet."""
        return [i for i in range(len(self.keys)) if i not in self.rows]

    def add(self, rows: Sequence[int], part: dict[str, Tensor]) -> None:
        """Take up what was found of some images."""
        for at, i in enumerate(rows):
            self.rows[i] = {name: values[at].numpy() for name, values in part.items()}

    def save(self) -> None:
        """Write what there is."""
        done = sorted(self.rows)
        if done:
            arrays = {name: np.stack([self.rows[i][name] for i in done]) for name in self.rows[done[0]]}
            write_arrays(self.file, {**arrays, "key": np.array([self.keys[i] for i in done])})

    def save_unfinished(self, part: Inversion, names: Sequence[str]) -> None:
        """Write how far the next images have come, beside what is found: the same command starts them anew."""
        arrays = {name: values.numpy() for name, values in arrays_of(part).items()}
        files = [names[i] for i in self.missing()[: len(part.loss)]]
        write_arrays(self.unfinished, {**arrays, "names": np.array(files)})
        print(f"ganzoo: how far the next {len(files)} have come is in {self.unfinished}", file=sys.stderr)

    def of_all(self, name: str) -> Tensor:
        """Return what was found of all images."""
        return torch.from_numpy(np.stack([self.rows[i][name] for i in range(len(self.keys))]))

    def condition(self) -> Tensor | None:
        """Return what G was told of each image, if it was told anything."""
        return self.of_all("y") if "y" in self.rows[0] else None

    def in_z(self) -> Inversion:
        """Return what was found of all images in z."""
        names = ("z", "images", "loss", "history", "evaluations", "way")
        z, images, loss, history, evaluations, way = (self.of_all(name) for name in names)
        return Inversion(z, images, loss, history, evaluations, way, self.condition(), "z")


def write_inversion(
    model: Inference, x: Tensor, names: Sequence[str], out: str | Path, how: How, condition: Given | Auto = None
) -> tuple[str, Found]:
    """Write the latents of pictures, a sheet, the loss and the way as pictures, and numbers.

    Returns a line to print, and what was found.

    What an earlier call has found of the same pictures by the same words is taken from the folder: a command that was
    interrupted goes on where it was, and its answer is that of one that was not.

    Args:
        model: Loaded.
        x: Pictures, [N, C, H, W] in [-1, 1].
        names: What each is called.
        out: Folder.
        how: How they are inverted.
        condition: What G is told; "auto": the class is looked for.

    Raises:
        ValueError: see ``invert``.
    """
    folder, started = Path(out), time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    space = named(model.generator, how.space)  # what cannot be written or does not exist is told before the search
    how.loss.check(space)
    y = None if isinstance(condition, str) else model.generator.condition.check(condition, len(x))
    found = Found(folder, keys_of(model, x, y, how.said))
    todo = found.missing()
    try:
        for rows, part in searched(model, x, condition if y is None else y, how, todo, space):
            found.add(rows, part)
            found.save()
    except KeyboardInterrupt as stop:
        print(f"ganzoo: {len(found.rows)} of {len(x)} pictures are in {found.file}", file=sys.stderr)
        if isinstance(stop, Interrupted):
            found.save_unfinished(stop.found, names)
        raise
    found.save()  # without the rows of other pictures, and in this order
    found.unfinished.unlink(missing_ok=True)
    seconds = time.perf_counter() - started
    draw(model, x, names, folder, found, how)
    table = numbers(x, names, found, how, seconds, len(todo))
    write_atomically(folder / "metrics.json", lambda part: part.write_text(json.dumps(table, indent=2) + "\n"))
    known = "" if len(todo) == len(x) else f" ({len(x) - len(todo)} were there)"
    mean = table["mean"]
    line = (
        f"{len(x)} latents{known} in {found.file}, mse {mean['mse']:.4f}, psnr {mean['psnr']:.1f} dB,"
        f" beside it sheet.png, loss.png, way.gif, metrics.json"
    )
    return line, found


def searched(
    model: Inference, x: Tensor, condition: Any, how: How, todo: Sequence[int], space: Space
) -> Iterator[tuple[Sequence[int], dict[str, Tensor]]]:
    """Yield what is found of some of the images, part by part: latents z, and of another space u."""
    if not todo:
        return
    own = condition[torch.tensor(todo)] if isinstance(condition, Tensor) else condition
    done = 0
    for part in inversions(
        model, x[todo], own, "z", how.start, how.solver, how.loss, how.restarts, how.seed, progress=True
    ):
        rows = todo[done : done + len(part.loss)]
        done += len(part.loss)
        arrays = arrays_of(part)
        if how.space != "z":
            try:
                start = At(part.latents)
                second = invert(
                    *(model, x[rows], part.condition),
                    space=space,
                    start=start,
                    solver=how.solver,
                    loss=how.loss,
                    progress=False,
                )
            except KeyboardInterrupt:
                raise Interrupted(part) from None  # which is done in z
            arrays = {**arrays_of(second), "z": part.latents, "u": second.latents}
        yield rows, arrays


def arrays_of(part: Inversion) -> dict[str, Tensor]:
    """Return what is kept of an inversion."""
    arrays = {
        "z": part.latents,
        **{name: getattr(part, name) for name in ("images", "loss", "history", "evaluations", "way")},
    }
    return arrays if part.condition is None else {**arrays, "y": part.condition}


def keys_of(model: Inference, x: Tensor, y: Tensor | None, said: str) -> list[str]:
    """Return for each image what tells it, the model, the condition and the words from all others."""
    weights = hashlib.sha256(said.encode())
    for name, network in sorted(model.networks.items()):
        for key, value in network.state_dict().items():
            weights.update(f"{name}.{key}".encode())
            weights.update(value.detach().cpu().contiguous().numpy().tobytes())
    keys = []
    for i, image in enumerate(x):
        own = weights.copy()
        own.update(image.numpy().tobytes())
        own.update(b"" if y is None else y[i].numpy().tobytes())
        keys.append(own.hexdigest())
    return keys


def draw(model: Inference, x: Tensor, names: Sequence[str], folder: Path, found: Found, how: How) -> None:
    """Write the sheet, the way and the loss."""
    n = min(SHOWN, len(x))
    images, way, loss, history = (found.of_all(name) for name in ("images", "way", "loss", "history"))
    y = found.condition()
    place = named(model.generator, how.space)
    moments = torch.stack(
        [decode(place, way[:n, k], None if y is None else y[:n]).float() for k in range(way.shape[1])]
    )
    seen = torch.stack([x[:n], moments[0], images[:n], (images[:n] - x[:n]) / 2], dim=1).flatten(0, 1)
    words = [f"{name}\nloss {value:.3g}" for name, value in zip(names[:n], loss.tolist(), strict=False)]
    save_png(sided(grid(seen, columns=4), words, ["image", "start", "found", "difference"]), folder / "sheet.png")
    frames = (
        headed(grid(torch.stack([x[:n], at], 1).flatten(0, 1), columns=2 * (1 + n // 8)), ["image, found"])
        for at in moments
    )
    save_gif(frames, folder / "way.gif", [400] * (len(moments) - 1) + [1600])
    save_png(curves(history, f"loss of {len(x)} images, {how.said}"), folder / "loss.png")


def numbers(x: Tensor, names: Sequence[str], found: Found, how: How, seconds: float, searched: int) -> dict[str, Any]:
    """Return what ``metrics.json`` says."""
    images, loss, evaluations = (found.of_all(name) for name in ("images", "loss", "evaluations"))
    y = found.condition()
    mse = (images - x).square().flatten(1).mean(dim=1)
    psnr = 10 * (4 / mse.clamp(min=1e-12)).log10()
    columns = {"mse": mse, "psnr": psnr, "loss": loss, "evaluations": evaluations}
    classes = {} if y is None or y.ndim > 1 else {"class": y}
    each = [
        {"file": name, **{key: values[i].item() for key, values in {**columns, **classes}.items()}}
        for i, name in enumerate(names)
    ]
    mean = {key: float(values.double().mean()) for key, values in columns.items()}
    if len(x) > 1:
        report = reconstruction_report(x, images.clamp(-1, 1))
        mean |= {"ssim": report.ssim, "ratio": report.ratio}
    rate = {"seconds": seconds, "images_per_second": searched / seconds} if searched else {}
    return {"how": how.said, "n": len(x), "mean": mean, **rate, "images": each}


def write_tuned(
    model: Inference,
    x: Tensor,
    names: Sequence[str],
    folder: Path,
    tune: Tune,
    pivots: Inversion,
    keep: Callable[[Generator, str], None],
) -> float:
    """Tune G for each picture, hand each to ``keep``, and draw them; return the mean squared error."""
    images = []
    for name, tuned in zip(names, tune.each(model, x, pivots), strict=True):
        keep(tuned.generator, name)
        images.append(tuned.image)
    found, n = torch.stack(images), min(SHOWN, len(x))
    seen = torch.stack([x[:n], pivots.images[:n], found[:n]], dim=1).flatten(0, 1)
    save_png(sided(grid(seen, columns=3), names[:n], ["image", "pivot", "tuned"]), folder / "tuned.png")
    return float((found - x).square().mean())
