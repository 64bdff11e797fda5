"""What was found of pictures, kept in files: what is there is not looked for again."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.files import read_arrays, write_arrays
from ganzoo.inversion.inverter import Inversion

SHOWN = 32  # pictures on a sheet
ARRAYS = ("z", "images", "loss", "history", "evaluations")  # of one image each, in latents.npz


class Found:
    """What was found so far, image by image, in ``latents.npz`` of a folder.

    Only the first images, which are drawn, have ``frames``: what G made of moments of their search.

    Args:
        folder: Where it is kept.
        keys: What tells each image, the model and the way of searching from all others.
        names: What is kept of each image.

    Raises:
        ValueError: the file there has no keys, or lacks some of what it should keep.
    """

    def __init__(self, folder: Path, keys: Sequence[str], names: Sequence[str]) -> None:
        self.file, self.unfinished, self.keys = folder / "latents.npz", folder / "unfinished.npz", list(keys)
        kept = read_arrays(self.file) if self.file.is_file() else {"key": ()}
        known = {str(key): row for row, key in reversed([*enumerate(self.checked(kept, "key"))])}
        frames, self.rows = kept.get("frames", ()), dict[int, dict[str, Any]]()
        for i, key in enumerate(self.keys):
            if key in known and (i >= SHOWN or known[key] < len(frames)):
                self.rows[i] = {name: self.checked(kept, name)[known[key]] for name in names}
                self.rows[i] |= {"frames": frames[known[key]]} if i < SHOWN else {}

    def checked(self, kept: dict[str, Any], name: str) -> Any:
        """Return an array of the file.

        Raises:
            ValueError: it is not there, or has not a row for each key.
        """
        n, rows = len(kept.get("key", ())), np.shape(kept[name])[:1] if name in kept else None
        if rows != (n,):
            found = f"no array {name}" if rows is None else f"an array {name} that has not {n} rows, one for each key"
            raise ValueError(f"{self.file} has {found}: remove it, or choose another --out")
        return kept[name]

    def missing(self) -> list[int]:
        """Return the numbers of the images that are not found yet."""
        return [i for i in range(len(self.keys)) if i not in self.rows]

    def add(self, rows: Sequence[int], part: dict[str, Tensor]) -> None:
        """Take up what was found of some images."""
        for at, i in enumerate(rows):
            self.rows[i] = {name: values[at].numpy() for name, values in part.items() if at < len(values)}

    def save(self) -> None:
        """Write what there is."""
        done = sorted(self.rows)
        if done:
            rows = [self.rows[i] for i in done]
            arrays = {name: np.stack([row[name] for row in rows if name in row]) for name in rows[0]}
            write_arrays(self.file, {**arrays, "key": np.array([self.keys[i] for i in done])})

    def save_unfinished(self, part: Inversion, names: Sequence[str]) -> None:
        """Write how far the next images have come, beside what is found: the same command starts them anew."""
        arrays = {name: values.numpy() for name, values in arrays_of(part).items()}
        files = [names[i] for i in self.missing()[: len(part.loss)]]
        write_arrays(self.unfinished, {**arrays, "names": np.array(files)})
        print(f"ganzoo: how far the next {len(files)} have come is in {self.unfinished}", file=sys.stderr)

    def of_all(self, name: str, n: int | None = None) -> Tensor:
        """Return what was found of all images, or of the first n."""
        return torch.from_numpy(np.stack([self.rows[i][name] for i in range(len(self.keys) if n is None else n)]))

    def condition(self) -> Tensor | None:
        """Return what G was told of each image, if it was told anything."""
        return self.of_all("y") if "y" in self.rows[0] else None

    def in_z(self) -> Inversion:
        """Return what was found of all images in z; of the way its end."""
        z, images, loss, history, evaluations = (self.of_all(name) for name in ARRAYS)
        return Inversion(z, images, loss, history, evaluations, z[:, None], self.condition(), "z")


def arrays_of(part: Inversion, second: Inversion | None = None) -> dict[str, Tensor]:
    """Return what is kept of an inversion: latents z, and of one in another space, which went on from it, u."""
    last = second or part
    arrays = {"z": part.latents, **{name: getattr(last, name) for name in ARRAYS[1:]}}
    if second:
        arrays["u"] = second.latents
        arrays["history"] = torch.cat([part.history, second.history], dim=1)
        arrays["evaluations"] = part.evaluations + second.evaluations
    return arrays if part.condition is None else {**arrays, "y": part.condition}
