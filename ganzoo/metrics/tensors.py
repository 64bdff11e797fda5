"""Weights in files that other projects wrote: read as plain tensors, or refused."""

import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor


def read_tensors(path: Path, largest: int, remedy: str) -> dict[str, Tensor]:
    """Read a state dict from a .safetensors or a .pth file without running anything that is in it.

    Args:
        path: The file.
        largest: Bytes that it has at most.
        remedy: What to do where it is another file.

    Raises:
        ValueError: not such a file, a much larger one, or it holds more than named tensors.
    """
    if (size := unpacked(path)) > largest:
        raise ValueError(f"{path} holds {size} bytes, at most {largest} are expected: {remedy}")
    try:
        if path.suffix == ".safetensors":
            return load(path.read_bytes())
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, SafetensorError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        reason = "other objects" if "weights_only" in str(error) else first  # torch would say how to run what it holds
        raise ValueError(f"{path} holds no plain tensors ({reason}): {remedy}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} should hold a dict of tensors, holds {type(state).__name__}: {remedy}")
    return state


def unpacked(path: Path) -> int:
    """Return the bytes of a file, those of an archive when it is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(part.file_size for part in archive.infolist())
    except zipfile.BadZipFile:
        return path.stat().st_size
