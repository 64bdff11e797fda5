"""Latents in files: npz without pickle, whole or not at all."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganzoo.files import read_arrays, write_arrays


class Latents(NamedTuple):
    """What a file holds.

    Args:
        z: [N, dim] float32.
        extra: Other arrays by their names, such as labels y or eigenvalues.
    """

    z: Tensor
    extra: dict[str, np.ndarray[Any, Any]]


def save_latents(path: str | Path, z: Tensor, **extra: Any) -> Path:
    """Write latents z, [N, dim], and other arrays by name.

    Raises:
        ValueError: z is not [N, dim] of finite numbers, or an array has no plain type.
        OSError: the file cannot be written; an old one is untouched.
    """
    path = Path(path)
    _check(z, None, "z")
    arrays: dict[str, Any] = {name: np.asarray(_on_cpu(value)) for name, value in extra.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"{name} must be numbers or text, which need no pickle, got {array.dtype}")
    arrays["z"] = z.detach().cpu().float().numpy()
    write_arrays(path, arrays)
    return path


def load_latents(path: str | Path, dim: int | None = None) -> Latents:
    """Read a file by ``save_latents``, or any npz without pickle that holds z.

    Args:
        path: The file.
        dim: Size of z that is expected; None: any.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: it is damaged, cut off, needs pickle, holds no z, or z is not [N, dim] of finite numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no latents at {path}")
    arrays = read_arrays(path)
    if "z" not in arrays:
        raise ValueError(
            f"{path} must hold latents z, [N, dim], holds {sorted(arrays) if all(arrays) else 'one array'}"
        )
    if arrays["z"].dtype.kind != "f":
        raise ValueError(f"{path}: z must be floating point, got {arrays['z'].dtype}")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and is refused
        z = torch.from_numpy(arrays.pop("z").astype(np.float32))
    _check(z, dim, f"{path}: z")
    return Latents(z, arrays)


def _check(z: Tensor, dim: int | None, name: str) -> None:
    if z.ndim != 2 or not z.is_floating_point() or (dim is not None and z.shape[1] != dim):
        expected = "dim" if dim is None else dim
        raise ValueError(f"{name} must be floating point of shape [N, {expected}], got {z.dtype} {list(z.shape)}")
    if not torch.isfinite(z).all():
        raise ValueError(f"{name} must be finite, got inf or nan in rows {_rows(z)}")


def _rows(z: Tensor) -> list[int]:
    bad: list[int] = (~torch.isfinite(z).all(dim=1)).nonzero()[:, 0].tolist()
    return bad[:8]


def _on_cpu(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value
