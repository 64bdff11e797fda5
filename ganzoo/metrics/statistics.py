"""Statistics of real images in a file that the user names: ours, or those of pytorch-fid, clean-fid and EDM."""

from pathlib import Path
from typing import Any

import torch

from ganzoo.metrics.arrays import read_statistics_file, tensor_of
from ganzoo.metrics.features import Extractor, file_sha256
from ganzoo.metrics.inception import InceptionV3
from ganzoo.metrics.references import Meta, Reference, check_statistics, compare, count_of, made_by, meta_of

LETTERS, HEADER = 2**16, 2**12  # bytes of meta; of an array beside its numbers
MEAN = 2**21  # bytes of a mean
TEXT = 200  # letters of the name of a set


def read_statistics(path: str | Path, extractor: Extractor) -> Reference:
    """Return mean and covariance of a file, if they are of the features of ``extractor``.

    A file by ``ganzoo reference`` says which extractor made it. Those of pytorch-fid, clean-fid and EDM hold ``mu`` and
    ``sigma`` only: they are taken for Inception's features, and how their images were resized is not known.

    Args:
        path: An npz. Arrays other than ``mu``, ``sigma``, ``n`` and ``meta`` are not read.
        extractor: What the samples are judged with.

    Returns:
        A reference without features; ``meta`` names the ``file`` and its ``file_sha256``.

    Raises:
        ValueError: in one line, what is wrong with the file, and the remedy.
    """
    try:
        return _read(Path(path), extractor)
    except ValueError as error:
        raise ValueError(f"{error}; `ganzoo reference --help` says how a file of statistics is made") from error


def known_origin(reference: Reference) -> bool:
    """Whether a file says of which images it is, and by which extractor."""
    return "extractor" in reference.meta


def _read(path: Path, extractor: Extractor) -> Reference:
    d = extractor.dim
    arrays = read_statistics_file(path, {"mu": MEAN, "n": HEADER, "meta": LETTERS})
    meta = _described(arrays, path) if "meta" in arrays else {}
    mu = tensor_of(arrays, "mu", torch.float64, path)
    if mu.shape != (d,):
        raise ValueError(
            f"{path} is of another extractor: mu is {list(mu.shape)}, {extractor.id} has {d} features; choose the one"
            " that made it by --evaluate.extractor"
        )
    if not meta and not isinstance(extractor, InceptionV3):
        raise ValueError(
            f"{path} does not name its extractor, so it is taken for Inception's, not for {extractor.id}: add"
            " --evaluate.extractor ganzoo.metrics.InceptionV3"
        )
    sigma = tensor_of(read_statistics_file(path, {"sigma": 8 * d * d + HEADER}), "sigma", torch.float64, path)
    file = {"file": path.name, "file_sha256": file_sha256(path)}
    reference = Reference(mu, sigma, count_of(arrays, path), meta={**meta, **file})
    check_statistics(reference, str(path))
    compare(reference, made_by(extractor) if meta else {}, str(path))
    return reference


def _described(arrays: dict[str, Any], path: Path) -> Meta:
    """Return what a file says of itself, if all of it can be shown.

    Raises:
        ValueError: it cannot.
    """
    meta = meta_of(arrays, path)
    for key in ("data", "split", "extractor"):
        if not isinstance(meta.get(key), str) or not meta[key].isprintable() or len(meta[key]) > TEXT:
            raise ValueError(f"{path}: meta must name its {key} in at most {TEXT} letters, got {meta.get(key)!r:.100}")
    shape = meta.get("shape")
    if not isinstance(shape, list) or not all(isinstance(side, int) for side in shape) or "n" not in arrays:
        raise ValueError(f"{path}: meta must hold the shape of an image, and n their number, got {shape!r:.100}")
    return meta
