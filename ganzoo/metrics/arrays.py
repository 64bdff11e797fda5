"""Arrays in npz files: without pickle, no larger than expected, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.files import DAMAGE, write_atomically

PICKLE = (
    "is a pickle, which could run code when it is read: if you trust it, take mu and sigma out of it yourself and write"
    " them with numpy.savez(FILE, mu=mu, sigma=sigma)"
)


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays; another process sees the old file or the whole new one."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)

    write_atomically(path, write)


def read_arrays(path: Path, limits: Mapping[str, float]) -> dict[str, Any]:
    """Return the arrays of a file that have a limit; all others are left unread.

    Args:
        path: The file.
        limits: The most bytes of each array.

    Raises:
        ValueError: no npz, damaged, needs pickle, without mu or sigma, or an array is larger than its limit.
    """
    _check_kind(path)
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            sizes = {part.filename.removesuffix(".npy"): part.file_size for part in file.zip.infolist()}
            fitting = [name for name in limits.keys() & sizes.keys() if sizes[name] <= limits[name]]
            arrays = {name: np.asarray(file[name]) for name in fitting}
    except DAMAGE as error:
        why = "" if "allow_pickle" in str(error) else f" ({error})"  # numpy would say how to run what it holds
        raise ValueError(f"{path} cannot be read as an npz without pickle{why}") from error
    if missing := {"mu", "sigma"} - sizes.keys():
        raise ValueError(f"{path} must hold mu and sigma, lacks {sorted(missing)}, holds {sorted(sizes)[:8]}")
    for name in sorted(limits.keys() & sizes.keys() - arrays.keys()):
        raise ValueError(f"{path}: {name} has {sizes[name]} bytes, more than {limits[name]}")
    return arrays


def tensor_of(arrays: dict[str, Any], name: str, dtype: torch.dtype, path: str | Path) -> Tensor:
    """Return an array of numbers as a tensor.

    Raises:
        ValueError: it is of another kind.
    """
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
