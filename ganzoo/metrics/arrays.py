"""Files of statistics: npz without pickle, no larger than expected."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.files import read_arrays

PICKLE = (
    "is a pickle, which could run code when it is read: if you trust it, take mu and sigma out of it yourself and write"
    " them with numpy.savez(FILE, mu=mu, sigma=sigma)"
)


def read_statistics_file(path: Path, limits: Mapping[str, float]) -> dict[str, Any]:
    """Return the arrays of a npz that have a limit, the most bytes that they may have; all others are left unread.

    Raises:
        ValueError: no npz, damaged, needs pickle, or an array is larger than its limit.
    """
    _check_kind(path)
    return read_arrays(path, limits)


def tensor_of(arrays: dict[str, Any], name: str, dtype: torch.dtype, path: str | Path) -> Tensor:
    """Return an array of numbers as a tensor.

    Raises:
        ValueError: it is missing, or of another kind.
    """
    if name not in arrays:
        raise ValueError(f"{path} must hold mu and sigma, lacks {name}")
    given, wanted = arrays[name], torch.empty(0, dtype=dtype).numpy().dtype
    if given.dtype.kind != wanted.kind or given.dtype.itemsize not in (4, 8) or not given.dtype.isnative:
        raise ValueError(f"{path}: {name} must be {wanted}, got {given.dtype}")
    return torch.from_numpy(given).to(dtype)


def _check_kind(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except FileNotFoundError as error:
        raise ValueError(f"no reference statistics at {path}") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if start[:1] == b"\x80":
        raise ValueError(f"{path} {PICKLE}")
    if start != b"PK":
        raise ValueError(f"{path} is no npz without pickle")
