"""Where latents come from: seeds, files and pictures, as the words of a command name them."""

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ganzoo.inference import Inference
from ganzoo.latent.npz import load_latents
from ganzoo.latent.words import read_numbers
from ganzoo.photos import read_images
from ganzoo.roles import Classes, Images

Labels = Sequence[int] | None
SEEDS = "seeds such as 7, 0,5,9 or 0-7, or a file FILE.npz"
AT_ONCE = 256  # latents or pictures between two steps of the progress bar


def of_seeds(model: Inference, seeds: Sequence[int]) -> Tensor:
    """Return the latents of seeds, [len(seeds), dim]: those of ``ganzoo generate``."""
    return model.generator.prior.seeded(list(seeds))


def of_term(model: Inference, text: str, labels: Labels = None) -> Tensor:
    """Return the latents of one term: seeds such as ``1,2,7-9``, FILE.npz, FILE.npz:3, those whose y is 3, or pictures.

    Args:
        model: Loaded.
        text: Pictures are files with commas between them, such as ``a.png,b.png``.
        labels: The first is the class of all pictures; None: it is looked for.

    Raises:
        ValueError: none of these, or a file or a label that does not fit the model.
        FileNotFoundError: there is no such file.
    """
    if files := pictures(text):
        return of_images(model, read_images(files, model.generator.image_shape), labels and labels[:1])[0]
    return labelled(model, text)[0]


def pictures(text: str) -> list[str]:
    """Return the files of a term that is pictures, else none: ``a.png,b.png``, but not 1,2 or FILE.npz."""
    words = text.split(",")
    return words if any(Path(word).suffix for word in words) and not in_file(text) else []


def labelled(model: Inference, text: str) -> tuple[Tensor, list[int] | None]:
    """Return the latents of a term, [N, dim], and their classes, if the file has them and G is told classes.

    Raises:
        ValueError: none of the three, a file that does not fit the model, or no latent of that class.
        FileNotFoundError: there is no such file.
    """
    if not in_file(text):
        return of_seeds(model, read_numbers(text, SEEDS)), None
    z, y, _ = rows(text, model.generator.prior.dim)
    told = isinstance(model.generator.condition, Classes)
    return z, y.tolist() if told and y is not None and y.dtype.kind in "iu" else None


def in_file(text: str) -> bool:
    """Whether a term is FILE.npz or FILE.npz:3."""
    return text.endswith(".npz") or ".npz:" in text


def names(text: str) -> list[str]:
    """Return what the latents of a term are called in pictures: ``seed 7``, or ``row 2`` of a file, counted from 0.

    Raises:
        ValueError: as ``labelled``.
        FileNotFoundError: there is no such file.
    """
    if not in_file(text):
        return [f"seed {seed}" for seed in read_numbers(text, SEEDS)]
    return [f"row {row}" for row in rows(text)[2]]


def title(text: str) -> str:
    """Return what a term as a whole is called: ``seeds 1-3``, its pictures, or a file and below it its rows."""
    if files := pictures(text):
        return Path(files[0]).name + (f"\nand {len(files) - 1} more" if len(files) > 1 else "")
    if not in_file(text):
        return f"seeds {text}"
    return f"{Path(text).name}\nrows {','.join(map(str, rows(text)[2]))}"


def rows(text: str, dim: int | None = None) -> tuple[Tensor, np.ndarray[Any, Any] | None, list[int]]:
    """Return z, [N, dim], their y, if the file has them, and their rows: of FILE.npz, or, of FILE.npz:3, where y is 3.

    Raises:
        ValueError: the file does not fit, or has no such y.
        FileNotFoundError: there is no such file.
    """
    file, _, label = text.partition(".npz:")
    z, extra = load_latents(f"{file}.npz" if label else text, dim)
    y = extra.get("y")
    if not label:
        return z, y, list(range(len(z)))
    if y is None or y.shape != z.shape[:1]:
        raise ValueError(f"{file}.npz holds no labels y, one for each of its {len(z)} latents")
    chosen = y.astype(str) == label
    if not chosen.any():
        raise ValueError(
            f"{file}.npz holds nothing of y = {label!r}: its y are {', '.join(map(str, np.unique(y)[:20]))}"
        )
    return z[torch.from_numpy(chosen)], y[chosen], np.flatnonzero(chosen).tolist()


def of_images(model: Inference, x: Tensor, labels: Labels) -> tuple[Tensor, list[int] | None]:
    """Return the latents of pictures, [N, dim], and labels for G: those given, else those that the model finds.

    A model without an encoder is inverted: ``ganzoo.inversion.invert`` with its defaults.

    Raises:
        ValueError: labels are missing, superfluous or wrong.
    """
    if model.encoder is None:
        return by_inversion(model, x, labels)
    found: Labels = labels
    if model.labeller is not None:
        found = in_blocks(lambda block, _: model.classify(block), x, None, "classifying").tolist()
    check = model.generator.condition.check
    seen = check(found, len(x))
    y = seen if labels is None else check(labels, len(x))
    return in_blocks(model.encode, x, seen, "encoding"), None if y is None else y.tolist()


def by_inversion(model: Inference, x: Tensor, labels: Labels) -> tuple[Tensor, list[int] | None]:
    """Return the latents of pictures by optimisation, and labels for G; classes that are not given are looked for."""
    from ganzoo.inversion import LBFGS, invert

    solver = LBFGS()
    print(f"ganzoo: no encoder: the pictures are inverted, {solver.steps} steps", file=sys.stderr)
    auto = labels is None and isinstance(model.generator.condition, Classes)
    found = invert(model, x, "auto" if auto else labels, solver=solver)
    return found.latents, None if found.condition is None else found.condition.tolist()


def of_direction(text: str) -> Tensor:
    """Return the one direction, [dim], of FILE.npz, or of FILE.npz:2, number 2 of what ``traverse`` found.

    Raises:
        ValueError: it is not FILE.npz, or holds several directions.
        FileNotFoundError: there is no such file.
    """
    if not in_file(text):
        raise ValueError(f"expected a direction FILE.npz, or FILE.npz:2 for number 2, got {text!r}")
    q, _, _ = rows(text)
    if len(q) != 1:
        raise ValueError(f"{text} holds {len(q)} directions: choose one by its number, as in FILE.npz:2")
    return q[0]


def read_strengths(text: str) -> list[float]:
    """Read ``-2,0,2``, or first:last:n such as ``-3:3:7``.

    Raises:
        ValueError: neither.
    """
    try:
        if ":" in text:
            first, last, n = text.split(":")
            values: list[float] = torch.linspace(float(first), float(last), int(n), dtype=torch.float64).tolist()
        else:
            values = [float(word) for word in text.split(",")]
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"expected strengths such as -2,0,2 or first:last:n such as -3:3:7, got {text!r}") from error
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"strengths must be finite numbers, got {text!r}")
    return values


def sources(model: Inference, files: Sequence[str | Path]) -> Tensor:
    """Read the pictures that a model shall translate, [N, C, H, W] in [-1, 1].

    Raises:
        ValueError: the model does not translate, or a file is no picture.
    """
    condition = model.generator.condition
    if not isinstance(condition, Images):
        raise ValueError("this model translates no images: it makes those of --seeds")
    return read_images(files, condition.shape)


def in_blocks(act: Callable[[Tensor, Tensor | None], Tensor], rows: Tensor, y: Tensor | None, name: str) -> Tensor:
    """Return what ``act`` makes of rows and their labels, on the CPU, with a progress bar."""
    parts = []
    for start in tqdm(range(0, len(rows), AT_ONCE), desc=name, unit="batch", leave=False, disable=None):
        own = None if y is None else y[start : start + AT_ONCE]
        parts.append(act(rows[start : start + AT_ONCE], own).cpu())
    return torch.cat(parts)
