"""What ``ganzoo invert`` does with a model and pictures: it finds latents, keeps what was found, and draws it."""

import hashlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.files import write_json
from ganzoo.inference import Inference, decode
from ganzoo.inversion.inverter import Auto, Interrupted, Inversion, inversions, invert
from ganzoo.inversion.keeping import ARRAYS, SHOWN, Found, arrays_of
from ganzoo.inversion.losses import Loss
from ganzoo.inversion.solvers import Solver, moments_of
from ganzoo.inversion.spaces import named
from ganzoo.inversion.starts import At, Start
from ganzoo.metrics.reconstruction import reconstruction_report
from ganzoo.pictures import GROUND, curves, grid, headed, save_gif, save_png, sided
from ganzoo.pixels import to_float, to_uint8
from ganzoo.roles import Given, Nothing, Space


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
    more = {"u": how.space != "z", "y": not isinstance(model.generator.condition, Nothing)}
    arrays = [*ARRAYS, *(name for name, is_kept in more.items() if is_kept)]
    found = Found(folder, keys_of(model, x, y, how.said), arrays)
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
    drawn = draw(x, names, folder, found, how)
    table = numbers(x, names, found, how, seconds, len(todo))
    write_json(folder / "metrics.json", table)
    known = "" if len(todo) == len(x) else f" ({len(x) - len(todo)} were there)"
    mean = table["mean"]
    line = (
        f"{len(x)} latents{known} in {found.file}, mse {mean['mse']:.4f}, psnr {mean['psnr']:.1f} dB,"
        f" beside it {', '.join(drawn)}, metrics.json"
    )
    return line, found


def searched(
    model: Inference, x: Tensor, condition: Any, how: How, todo: Sequence[int], space: Space
) -> Iterator[tuple[Sequence[int], dict[str, Tensor]]]:
    """Yield what is found of some of the images, part by part: latents z, and of another space u, from z on."""
    if not todo:
        return
    own = condition[torch.tensor(todo)] if isinstance(condition, Tensor) else condition
    done = 0
    for part in inversions(
        model, x[todo], own, "z", how.start, how.solver, how.loss, how.restarts, how.seed, progress=True
    ):
        rows = todo[done : done + len(part.loss)]
        done += len(part.loss)
        stages = [part] if how.space == "z" else [part, behind(model, x[rows], part, how, space)]
        arrays = arrays_of(*stages)
        if shown := sum(i < SHOWN for i in rows):
            places = (model.generator.spaces["z"], space)
            frames = [frames_of(place, stage, shown) for place, stage in zip(places, stages, strict=False)]
            arrays["frames"] = torch.cat(frames, dim=1)
        yield rows, arrays


def behind(model: Inference, x: Tensor, part: Inversion, how: How, space: Space) -> Inversion:
    """Return what is found in another space, from what was found in z on.

    Raises:
        Interrupted: Ctrl-C; as ``found`` it has what was found in z.
    """
    told, start = (model, x, part.condition), At(part.latents)
    try:
        return invert(*told, space=space, start=start, solver=how.solver, loss=how.loss, progress=False)
    except KeyboardInterrupt:
        raise Interrupted(part) from None


def frames_of(place: Space, part: Inversion, n: int) -> Tensor:
    """Return what G made of the first n images at the moments of their search, [n, moments, C, H, W], in 8 bits."""
    y = None if part.condition is None else part.condition[:n]
    made = [to_uint8(decode(place, part.way[:n, k], y).float().cpu()) for k in range(part.way.shape[1])]
    return torch.stack(made, dim=1)


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


def draw(x: Tensor, names: Sequence[str], folder: Path, found: Found, how: How) -> list[str]:
    """Write the sheet, and of a search with steps its way and its loss; return the names of the files."""
    n = min(SHOWN, len(x))
    images, frames, loss = found.of_all("images")[:n], to_float(found.of_all("frames", n)), found.of_all("loss")
    seen = torch.stack([x[:n], frames[:, 0], images, (images - x[:n]) / 2], dim=1).flatten(0, 1)
    words = [f"{name}\nloss {value:.3g}" for name, value in zip(names[:n], loss.tolist(), strict=False)]
    columns = ["image", "start", "found", "difference"]
    save_png(sided(grid(seen, columns=4, ground=GROUND), words, columns), folder / "sheet.png")
    for name in ("loss.png", "way.gif"):
        (folder / name).unlink(missing_ok=True)  # an earlier search may have had steps
    if not how.solver.steps:
        return ["sheet.png"]
    save_png(curves(found.of_all("history"), f"loss of {len(x)} images, {how.said}"), folder / "loss.png")
    steps = [f"step {step}" for step in moments_of(how.solver.steps).tolist()]
    steps += [f"{how.space}, {step}" for step in steps] if how.space != "z" else []
    moments = dict(zip(steps, frames.unbind(dim=1), strict=True))  # few steps have fewer moments
    gif = (
        headed(
            grid(torch.stack([x[:n], at], 1).flatten(0, 1), 2 * (1 + n // 8), ground=GROUND), [f"image, found\n{step}"]
        )
        for step, at in moments.items()
    )
    save_gif(gif, folder / "way.gif", [400] * (len(moments) - 1) + [1600])
    return ["sheet.png", "loss.png", "way.gif"]


def numbers(x: Tensor, names: Sequence[str], found: Found, how: How, seconds: float, searched: int) -> dict[str, Any]:
    """Return what ``metrics.json`` says."""
    images, y = found.of_all("images"), found.condition()
    columns = {name: found.of_all(name) for name in ("loss", "evaluations")}
    each, mean = rows_of(names, x, images, {**columns, "start": found.of_all("history")[:, 0]})
    if y is not None and y.ndim == 1:
        each = [{**row, "class": label} for row, label in zip(each, y.tolist(), strict=True)]
    if len(x) > 1:
        report = reconstruction_report(x, images.clamp(-1, 1))
        mean |= {"ssim": report.ssim, "ratio": report.ratio}
    rate = {"seconds": seconds, "images_per_second": searched / seconds} if searched else {}
    return {"how": how.said, "n": len(x), "mean": mean, **rate, "images": each}


def rows_of(
    names: Sequence[str], x: Tensor, images: Tensor, columns: dict[str, Tensor]
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Return a row of numbers for each image, with its distance from the picture, and their means."""
    mse = (images - x).square().flatten(1).mean(dim=1)
    columns = {"mse": mse, "psnr": 10 * (4 / mse.clamp(min=1e-12)).log10(), **columns}
    each = [
        {"file": name, **{key: values[i].item() for key, values in columns.items()}} for i, name in enumerate(names)
    ]
    return each, {key: float(values.double().mean()) for key, values in columns.items()}
