"""What samples are judged against: real images of the data, or the statistics of a file, which are written here."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from ganzoo.callbacks.condition import labels_of
from ganzoo.callbacks.modes import CLASSIFIERS
from ganzoo.config import Configurable
from ganzoo.files import cache_dir
from ganzoo.metrics.features import Extractor, Raw, Shrunk
from ganzoo.metrics.lenet import LeNet64
from ganzoo.metrics.references import Meta, Reference, reference_of

MOST = 4096  # pixels times channels of an image whose covariance is taken as it is


def default_extractor(data: Any) -> Extractor:
    """Return the classifier of the data's classes if there is one, else the digit network for grey images, else pixels.

    Of large images in colour these are shrunk.
    """
    if data.classifier in CLASSIFIERS:
        return CLASSIFIERS[data.classifier]()
    shape = data.image_shape
    if len(shape) == 3 and shape[0] == 1:
        return LeNet64()
    large = len(shape) == 3 and math.prod(shape) > MOST
    return (Shrunk if large else Raw).for_images(shape)


def references(data: Any, extractor: Extractor, given: Reference | None) -> tuple[Reference, Reference]:
    """Return the statistics of the training images, or those that are given in their place, and of the test images."""
    return given or of_split(data, "train", extractor), of_split(data, "test", extractor)


def of_split(data: Any, split: str, extractor: Extractor) -> Reference:
    """Return the statistics of a split with features and labels, from the cache if they were computed before."""
    with tqdm(desc=f"features of {data.name} {split}", unit="image", leave=False, disable=None) as bar:
        folder = cache_dir() / "references"
        found = reference_of(data.images(split), extractor, origin(data, split), folder, _mover(bar))
    assert found.features is not None
    return replace(found, labels=labels_of(data.labels(split)[: len(found.features)]))


def origin(data: Any, split: str) -> Meta:
    """Return which images a split has, as plain values."""
    return {
        "data": data.name,
        "split": split,
        "pixels": data.fingerprint(split),
        "shape": list(data.image_shape),
    }


def write_statistics(
    data: Any, out: str | Path, extractor: Extractor, split: str = "train", n: int | None = None
) -> str:
    """Write mean and covariance of the first ``n`` (default: all) images of a split; return a line to print.

    Args:
        data: The images.
        out: The npz to write, whole or not at all.
        extractor: What turns images into features; they are computed on a GPU if there is one.
        split: "train", "val" or "test".
        n: Number of images.

    Raises:
        ValueError: fewer than two images, more than there are, or ``out`` is a folder.
    """
    if Path(out).is_dir():
        raise ValueError(f"{out} is a folder: name a file such as {Path(out) / 'stats.npz'}")
    images = data.images(split, n)
    extractor = extractor.to("cuda" if torch.cuda.is_available() else "cpu")
    total = len(data.labels(split)) if n is None else n
    with tqdm(desc=f"features of {data.name} {split}", total=total, unit="image", leave=False, disable=None) as bar:
        made = reference_of(images, extractor, origin(data, split), progress=_mover(bar), keep=0)
    made.save(out)
    return (
        f"{out}: mean and covariance of the {extractor.dim} features ({extractor.id}) of {made.n} {split} images of"
        f" {data.name}; judge against them by --evaluate.reference {out} of `ganzoo test`, `validate` and `fit`"
    )


def extractor_named(name: str | None, data: Any) -> Extractor:
    """Return an extractor by the name or path of its class; without a name the one by which ``data`` is judged.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    if name is None:
        return default_extractor(data)
    known = {path: cls for path, cls in Configurable.known.items() if issubclass(cls, Extractor) and cls != Extractor}
    path = next((path for path in known if name in (path, path.rpartition(".")[2])), None)
    if path is None:
        raise ValueError(f"no extractor {name!r}: there are {', '.join(sorted(known))}")
    try:
        return known[path].for_images(data.image_shape)
    except TypeError as error:
        raise ValueError(f"{path} needs arguments, which its for_images must give: {error}") from error


def _mover(bar: Any) -> Callable[[int], None]:
    def move(n: int) -> None:
        bar.update(n - bar.n)

    return move
