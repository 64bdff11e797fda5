"""What ``ganzoo invert --method tune`` writes: a generator for each picture, a sheet, and numbers."""

import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ganzoo.files import write_json
from ganzoo.inference import Inference
from ganzoo.inversion.inverter import Inversion
from ganzoo.inversion.keeping import SHOWN
from ganzoo.inversion.tune import Tune, Tuned
from ganzoo.inversion.writing import rows_of
from ganzoo.pictures import GROUND, grid, save_png, sided
from ganzoo.roles import Generator

LETTERS = 80  # at most, of the name of a folder


def write_tuned(
    model: Inference,
    x: Tensor,
    names: Sequence[str],
    folder: Path,
    tune: Tune,
    pivots: Inversion,
    keep: Callable[[Generator, str], None],
) -> float:
    """Tune G for each picture, hand each to ``keep``, draw them, and add their numbers to ``metrics.json``.

    Returns the mean squared error.
    """
    found: list[Tuned] = []
    started = time.perf_counter()
    for name, tuned in zip(names, tune.each(model, x, pivots), strict=True):
        keep(tuned.generator, name)
        found.append(tuned._replace(generator=model.generator))  # one in memory, not one for each picture
    images, n, seconds = torch.stack([one.image for one in found]), min(SHOWN, len(x)), time.perf_counter() - started
    seen = torch.stack([x[:n], pivots.images[:n], images[:n]], dim=1).flatten(0, 1)
    columns = ["image", "pivot", "tuned"]
    save_png(sided(grid(seen, columns=3, ground=GROUND), names[:n], columns), folder / "tuned.png")
    numbers = {
        "loss": torch.tensor([one.loss for one in found]),
        "evaluations": torch.tensor([len(one.history) for one in found]),
        "start": torch.tensor([one.history[0] for one in found]),
    }
    each, mean = rows_of(names, x, images, numbers)
    each = [{**row, "history": one.history} for row, one in zip(each, found, strict=True)]
    table = {"steps": tune.steps, "layers": list(tune.layers), "mean": mean, "seconds": seconds, "images": each}
    known = json.loads((folder / "metrics.json").read_text())
    write_json(folder / "metrics.json", {**known, "tuned": table})
    return mean["mse"]


def folders_of(names: Sequence[str]) -> list[str]:
    """Return the name of a folder for each picture: its own in letters that any disk takes, numbered where two meet."""
    own = [re.sub(r"[^\w.-]+", "_", Path(name).stem).strip("._-")[:LETTERS] or "picture" for name in names]
    while len({name.casefold() for name in own}) < len(own):
        alike = [name.casefold() for name in own]
        own = [f"{i}-{name}" if alike.count(name.casefold()) > 1 else name for i, name in enumerate(own)]
    return own
